"""Reads a command's words, and finds the listener of a verb, a button, a form or a menu in one look-up.

Commands and forms are answered in the acknowledgement, except commands that open a form or wait for another
service. Those and presses are acknowledged at once, and their listeners run on our executor, so that nothing
that can fail or block delays the reply that Slack expects within 3 seconds.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from bot.core.audit import Action
from bot.core.errors import InvalidInput, UnknownVerb
from bot.core.texts import shortened, visible

COMMAND = "/integrations"

_WORD = re.compile(r'"([^"]*)"|\'([^\']*)\'|(\S+)')
_MENTION = re.compile(r"<([@#])[^<>|\s]+\|([^<>]+)>|<![^<>|\s]+\|([^<>]+)>")
PERSON_IN_TEXT = re.compile(r"<@(\w+)(?:\|([^>]*))?>")
"""A person as Slack writes one in text: the id, and the name if Slack includes it."""
PERSON = re.compile(r"<?@([UW][A-Z0-9]{2,})(?:\|[^>]*)?>?")
"""A person as Slack's mention of them, or as a typed member ID."""
_LINK = re.compile(r"<((?:https?|mailto):[^<|>]+)(?:\|([^<>]*))?>")
_CURLY = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"})
Listener = Callable[..., None]
Ask = Callable[[Callable[[], None]], None]
"""Hands over what waits for a registry: it runs after the listener, on a lane of its own."""


def _nothing(_: Sequence[str]) -> str:
    return ""


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
    """What opens a form instead, by the words that follow the verb; ``""`` is the verb alone."""
    more: str = ""
    """What else to know about how it is typed, in mrkdwn: ``help VERB`` shows it."""
    asks_about: Callable[[Sequence[str]], str] = _nothing
    """Finds the name, among the words after the verb, to ask about if it looks like a password."""

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
        """The word at a place, counted from 0 after the verb. Raises ``InvalidInput`` when it is missing."""
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
    Split a command's text the way people mean it.

    A phone's curly quotes count as quotes, and quoted words stay together.
    """
    plain = as_typed(text).translate(_CURLY)
    return tuple(match[match.lastindex or 0] for match in _WORD.finditer(plain))


def as_typed(text: str) -> str:
    """Undo Slack's escapes once, unwrap links, and leave out invisible characters."""
    text = visible(text)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    # After the escapes: a link that was pasted as text, brackets and all, is one too.
    return _LINK.sub(_unwrapped, text)


def _unwrapped(link: re.Match[str]) -> str:
    """What was typed: a link's address, or the part of it that Slack put a scheme before."""
    address, label = link[1], link[2] or ""
    return label if label and address.rstrip("/").endswith(label.rstrip("/")) else address


@dataclass(frozen=True, slots=True)
class Press:
    """A button pressed, a menu chosen from, a box confirmed with Enter. All of it came through the client."""

    action_id: str
    block_id: str
    value: str
    """The button's value, the chosen option's, or what was typed."""
    state: Mapping[str, Any] = field(repr=False)
    """What is in every input of the surface, by block id and action id. It may contain secrets."""
    place: str = ""
    """The message that it was pressed on, as ``channel/time``, if others can see it too."""


@dataclass(frozen=True, slots=True)
class Form:
    """A submitted form. It may contain secrets: it is never logged."""

    values: Mapping[str, Any] = field(repr=False)
    facts: Mapping[str, Any]
    """Its ``private_metadata``, read. It came through the client."""


@dataclass(slots=True)
class Routes:
    """Every listener by its id."""

    verbs: dict[str, Verb] = field(default_factory=dict)
    actions: dict[str, Listener] = field(default_factory=dict)
    forms: dict[str, Listener] = field(default_factory=dict)
    suggestions: dict[str, Listener] = field(default_factory=dict)
    """
    What a menu offers as you type in it, by its block's id up to a space.

    The menu's action id says what choosing does.
    """
    shortcuts: dict[str, Listener] = field(default_factory=dict)
    home: Listener | None = None
    """Publishes the Home tab; called when it is opened and after each change made from it."""
    changing: set[str] = field(default_factory=set)
    """Action ids that change something, so that the Home tab is published again."""
    aliases: dict[str, str] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    """Verbs that ask Slack or a registry: acknowledged empty, answered through the response_url."""

    does: dict[str, Action] = field(default_factory=dict)
    """By verb or action id: what its listener does at most. What is missing may do anything."""

    def verb(self, verb: Verb, *, waits: bool = False, does: Action | None = None) -> None:
        """
        Register a verb and its other names.

        Args:
            verb: What is typed.
            waits: Its listener runs after the acknowledgement.
            does: What its listener does at most; ``None`` = anything, so the role is checked again.
        """
        self.verbs[verb.name] = verb
        if does is not None:
            self.does[verb.name] = does
        if waits:
            self.waiting.add(verb.name)
        self.aliases.update(dict.fromkeys(verb.aliases, verb.name))

    def action(
        self, action_id: str, listener: Listener, *, changes: bool = False, does: Action | None = None
    ) -> None:
        """Register what a button or a menu does, and at most what; ``None`` = anything."""
        self.actions[action_id] = listener
        if does is not None:
            self.does[action_id] = does
        if changes:
            self.changing.add(action_id)

    def form(self, callback_id: str, listener: Listener) -> None:
        """Register what a form's submit button does."""
        self.forms[callback_id] = listener

    def suggestion(self, block_id: str, listener: Listener) -> None:
        """Register what the menus of one block id offer."""
        self.suggestions[block_id] = listener

    def shortcut(self, callback_id: str, listener: Listener) -> None:
        """Register what a shortcut of Slack's own menus does; ``bot/manifest.json`` declares it."""
        self.shortcuts[callback_id] = listener

    def read(self, text: str) -> tuple[Verb, Words]:
        """
        Find the verb a command's text begins with; an empty text lists.

        Raises:
            UnknownVerb: With the closest verbs.
        """
        first, *rest = read_words(text) or ("list",)
        verb = self.find(first)
        return verb, Words(verb.name, tuple(rest), _usage_of(verb))

    def read_if_known(self, text: str) -> tuple[Verb, Words] | None:
        """Read a command as ``read`` does; ``None`` = its verb is unknown."""
        try:
            return self.read(text)
        except UnknownVerb:
            return None

    def find(self, typed: str) -> Verb:
        """Find a verb by one of its names, in any case. Raises ``UnknownVerb`` with the closest ones."""
        # A phone turns "--" into a dash.
        word = typed.lower().replace("—", "--")
        name = self.aliases.get(word, word)
        if name not in self.verbs:
            known = [*self.verbs, *self.aliases]
            nearest = (self.aliases.get(one, one) for one in get_close_matches(name, known, n=3, cutoff=0.6))
            raise UnknownVerb(typed, tuple(dict.fromkeys(nearest)))
        return self.verbs[name]


def _usage_of(verb: Verb) -> str:
    """How a verb is typed, as the hint of an error."""
    return f"Type {verb.typed}. Example: {verb.typed_example}"
