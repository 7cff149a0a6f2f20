"""The slash command's text: words, verbs, and what people mean when they misspell them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.core.errors import InvalidInput, shortened
from bot.core.visible_text import visible

COMMAND = "/integrations"

_WORD = re.compile(r'"([^"]*)"|\'([^\']*)\'|(\S+)')
_MENTION = re.compile(r"<([@#])[^<>|\s]+\|([^<>]+)>|<![^<>|\s]+\|([^<>]+)>")
PERSON = re.compile(r"<?@([UW][A-Z0-9]{2,})(?:\|[^>]*)?>?")
"""A person whom Slack made a mention of, or whose member ID was typed."""
_LINK = re.compile(r"<((?:https?|mailto):[^<|>]+)(?:\|([^<>]*))?>")
_CURLY = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"})


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """One thing the command can do."""

    name: str
    listener: Callable[..., None]
    usage: str
    """What follows the verb, for instance ``NAME``."""
    example: str
    """What follows the verb in the example."""
    summary: str
    aliases: tuple[str, ...] = ()
    opens: Mapping[str, Callable[..., None]] = field(default_factory=dict)
    """What opens a form instead, by the words that follow the verb: ``""`` = nothing does."""

    @property
    def typed(self) -> str:
        """How it is typed: ``/integrations show NAME``."""
        return f"{COMMAND} {self.name} {self.usage}".rstrip()

    @property
    def typed_example(self) -> str:
        """Its example as it is typed: ``/integrations show my_registry``."""
        return f"{COMMAND} {self.name} {self.example}".rstrip()


@dataclass(frozen=True, slots=True)
class Words:
    """A command's text, read."""

    verb: str
    rest: tuple[str, ...] = ()
    usage: str = ""
    """The verb's usage and example, for the sentence about a missing word."""

    @property
    def name(self) -> str:
        """The integration's name: all that was typed after the verb. Raises ``InvalidInput`` for nothing."""
        if not self.rest:
            raise InvalidInput("Which integration?", self.usage)
        return " ".join(self.rest)

    def at(self, index: int, what: str) -> str:
        """The word at a place, counted from 0 behind the verb. Raises ``InvalidInput`` when it is missing."""
        if index >= len(self.rest):
            raise InvalidInput(f"{what} is missing.", self.usage)
        return self.rest[index]

    def plain_at(self, index: int, what: str) -> str:
        """The word at a place as it was typed, before Slack made a mention of it. Raises ``InvalidInput``."""
        return _MENTION.sub(lambda found: f"{found[1] or ''}{found[2] or found[3]}", self.at(index, what))

    def optional(self, index: int) -> str:
        """The word at a place, or nothing."""
        return self.rest[index] if index < len(self.rest) else ""

    def at_most(self, count: int) -> None:
        """Raise ``InvalidInput`` when more words than ``count`` follow the verb."""
        if len(self.rest) > count:
            word = shortened(self.rest[count])
            hint = f"Put a name with spaces in quotation marks. {self.usage}".strip()
            raise InvalidInput(f"“{word}” is one word too many.", hint)


def read_words(text: str) -> tuple[str, ...]:
    """
    Split a command's text as people mean it.

    A phone's curly quotes count as quotes, and quoted words stay together.
    """
    plain = as_typed(text).translate(_CURLY)
    return tuple(match[match.lastindex or 0] for match in _WORD.finditer(plain))


def as_typed(text: str) -> str:
    """Undo Slack's escapes once, unwrap links, and leave out what nobody sees."""
    text = visible(text)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    # After the escapes: a link that was pasted as text, brackets and all, is one too.
    return _LINK.sub(_unwrapped, text)


def _unwrapped(link: re.Match[str]) -> str:
    """What was typed: a link's address, or the part of it that Slack put a scheme before."""
    address, label = link[1], link[2] or ""
    return label if label and address.rstrip("/").endswith(label.rstrip("/")) else address
