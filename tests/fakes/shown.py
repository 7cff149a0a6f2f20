"""What somebody sees in Slack: a message, a modal or the Home tab, and how to find one's way in it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.world import Message, View

Json = dict[str, Any]
_LISTS = ("blocks", "elements", "fields")
_SINGLE = ("text", "accessory", "element", "label", "hint", "title", "description")


@dataclass(frozen=True)
class Control:
    """A button, menu or box, and the block it stands in."""

    block: Json
    element: Json

    @property
    def names(self) -> tuple[str, ...]:
        """What it can be called: what stands on it, beside it, or is read aloud."""
        label = (self.block.get("label") or {}).get("text", "")
        shown = (self.element.get("text") or self.element.get("placeholder") or {}).get("text", "")
        return tuple(filter(None, (shown, self.element.get("accessibility_label", ""), label)))

    @property
    def key(self) -> tuple[str, str]:
        """Its block id and its action id."""
        return self.block["block_id"], self.element["action_id"]

    @property
    def options(self) -> list[Json]:
        """What can be chosen in it."""
        groups = self.element.get("option_groups", [])
        return [*self.element.get("options", []), *(one for group in groups for one in group["options"])]

    def option(self, text: str) -> Json | None:
        """The option of a menu, or of a box to tick, with this text."""
        return next((one for one in self.options if one["text"]["text"] == text), None)

    def value_of(self, text: str) -> str:
        """The value of the option with this text."""
        option = self.option(text)
        assert option is not None, (
            f"no option {text!r}; there are {[one['text']['text'] for one in self.options]}"
        )
        return str(option["value"])


@dataclass(frozen=True)
class Shown:
    """One message, modal or Home tab, as it was at one moment."""

    place: str
    """``message``, ``modal``, ``home``, or ``nothing``."""
    id: str = ""
    user: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    """In a modal: the sentences beside its fields, by block id."""
    origin: Message | View | None = field(default=None, repr=False, compare=False)
    """What the simulator held of it at that moment."""

    @property
    def blocks(self) -> list[Json]:
        """Its blocks."""
        return list(self.content.get("blocks", []))

    @property
    def title(self) -> str:
        """A modal's title, or a message's first header."""
        if "title" in self.content:
            return str(self.content["title"]["text"])
        headers = (block["text"]["text"] for block in self.blocks if block["type"] == "header")
        return next(headers, "")

    @property
    def text(self) -> str:
        """Every text a person reads in it, a line each; of a message, its notification line first."""
        return "\n".join([*filter(None, [self.line]), *texts(self.blocks)])

    @property
    def line(self) -> str:
        """The one line that notifications and screen readers use."""
        line = self.content.get("text", "")
        return line if isinstance(line, str) else ""

    @property
    def markup(self) -> str:
        """The texts in which Slack looks for markup: all but its plain texts."""
        return "\n".join([self.line, *texts(self.blocks, "mrkdwn")])

    @property
    def raw(self) -> str:
        """All of it, ids and values too."""
        return json.dumps(self.content, ensure_ascii=False)

    @property
    def controls(self) -> list[Control]:
        """Everything that can be pressed, chosen from or typed in."""
        return [Control(block, element) for block in self.blocks for element in _elements_of(block)]

    @property
    def buttons(self) -> list[str]:
        """What stands on its buttons, in order."""
        return [one.names[0] for one in self.controls if one.element["type"] == "button"]

    @property
    def labels(self) -> list[str]:
        """The labels of its inputs, in order."""
        return [block["label"]["text"] for block in self.blocks if block["type"] == "input"]

    def button(self, name: str) -> Control:
        """The one button with this text or spoken label."""
        found = [one for one in self.controls if one.element["type"] == "button" and name in one.names]
        assert len(found) == 1, f"{len(found)} buttons are called {name!r}; there are {self.buttons}"
        return found[0]

    def box(self, label: str) -> Control:
        """The input with this label."""
        found = [one for one in self.controls if one.block["type"] == "input" and label in one.names]
        assert len(found) == 1, f"{len(found)} inputs are called {label!r}; there are {self.labels}"
        return found[0]

    def control(self, name: str) -> Control:
        """The one button, menu or box with this text, placeholder, label or spoken label."""
        found = [one for one in self.controls if name in one.names]
        assert len(found) == 1, (
            f"{len(found)} are called {name!r}; there are {[c.names for c in self.controls]}"
        )
        return found[0]

    def menu(self, entry: str, near: str = "") -> Control:
        """The menu with an entry, in or behind the block whose text holds ``near``."""
        seen, found = not near, []
        for block in self.blocks:
            seen = seen or near in "\n".join(texts([block]))
            found += [
                one for one in map(Control, [block] * 9, _elements_of(block)) if seen and one.option(entry)
            ]
        assert found, f"no menu has the entry {entry!r}"
        return found[0]

    def value(self, label: str) -> str:
        """What an input starts with."""
        element = self.box(label).element
        chosen = element.get("initial_option")
        return str(chosen["text"]["text"] if chosen else element.get("initial_value", ""))

    def error(self, label: str) -> str:
        """The sentence beside an input."""
        return self.errors.get(self.box(label).block["block_id"], "")


NOTHING = Shown("nothing")


def texts(blocks: list[Json], kind: str = "") -> Iterator[str]:
    """Each text in blocks, in order; ``kind`` is ``mrkdwn`` or ``plain_text``, or empty for both."""
    for part in blocks:
        if isinstance(part.get("text"), str) and kind in ("", part.get("type")):
            yield part["text"]
        for key in _SINGLE:
            if isinstance(part.get(key), dict):
                yield from texts([part[key]], kind)
        for key in _LISTS:
            yield from texts(part.get(key, []), kind)


def _elements_of(block: Json) -> list[Json]:
    """The controls of one block."""
    if block["type"] == "actions":
        return list(block["elements"])
    return [block[key] for key in ("accessory", "element") if key in block]
