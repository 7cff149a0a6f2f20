"""What is typed and chosen on a surface, and how it stands in ``state.values``.

The page sends raw values: text, an option's ``value``, a list of them, or a user id.
A field that was never touched counts with its initial value.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.cast import Json
from bot.simulator.kept_blocks import elements

Key = tuple[str, str]

# Element type -> its field in state.values, and the field that presets it.
FIELDS = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "datepicker": ("selected_date", "initial_date"),
}
MULTIPLE = {"checkboxes", "multi_static_select"}
PATTERNS = {
    "email_text_input": (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), "Please enter a valid email address."),
    "url_text_input": (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/]+\S*"), "Please enter a valid URL."),
}
REQUIRED = "Please complete this required field."


@dataclass
class Surface:
    """
    Blocks with what a person has put into them.

    Attributes:
        blocks: As ``blocks.normalised`` gives them.
        given: The raw value of each touched field.
        offered: The options an ``external_select`` was last shown, by value.
    """

    blocks: list[Json]
    given: dict[Key, Any] = field(default_factory=dict)
    offered: dict[Key, dict[str, Json]] = field(default_factory=dict)

    def remember(self, values: Json) -> None:
        """Take over ``{block_id: {action_id: raw}}`` from the page."""
        for block_id, actions in values.items():
            for action_id, raw in actions.items():
                self.given[block_id, action_id] = raw

    def replace(self, blocks: list[Json]) -> None:
        """Show other blocks; a field of the same block_id and action_id keeps its value."""
        self.blocks = blocks
        kept = {(block["block_id"], element["action_id"]) for block, element in self.fields()}
        self.given = {key: raw for key, raw in self.given.items() if key in kept}

    def fields(self) -> Iterator[tuple[Json, Json]]:
        """Yield each block with each of its elements that holds a value."""
        for block in self.blocks:
            for element in elements(block):
                if element["type"] in FIELDS:
                    yield block, element

    def entry(self, block: Json, element: Json) -> Json:
        """Return one field as it stands in ``state.values``."""
        name, preset = FIELDS[element["type"]]
        key = (block["block_id"], element["action_id"])
        empty: list[Json] | None = [] if element["type"] in MULTIPLE else None
        if key not in self.given:
            return {"type": element["type"], name: element.get(preset, empty)}
        raw = self.given[key]
        if not raw:
            return {"type": element["type"], name: empty}
        return {"type": element["type"], name: self._resolved(name, raw, key, element)}

    def state(self) -> Json:
        """Return ``{"values": …}`` with every field of the surface."""
        values: dict[str, Json] = {}
        for block, element in self.fields():
            values.setdefault(block["block_id"], {})[element["action_id"]] = self.entry(block, element)
        return {"values": values}

    def problems(self) -> dict[str, str]:
        """Return what Slack's own check of a form finds, by block_id."""
        found: dict[str, str] = {}
        for block, element in self.fields():
            problem = _problem(block, element, self.entry(block, element))
            if block["type"] == "input" and problem:
                found[block["block_id"]] = problem
        return found

    def _resolved(self, name: str, raw: Any, key: Key, element: Json) -> Any:
        if name not in ("selected_option", "selected_options"):
            return raw
        known = {**options_by_value(element), **self.offered.get(key, {})}
        if name == "selected_option":
            return known.get(raw)
        return [known[value] for value in raw if value in known]


def options_by_value(element: Json) -> dict[str, Json]:
    """Return every option that an element (or an options answer) lists, preset ones included."""
    listed = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        listed += group["options"]
    listed += [element["initial_option"]] if "initial_option" in element else []
    return {option.get("value", ""): option for option in listed}


def _problem(block: Json, element: Json, entry: Json) -> str | None:
    value = entry[FIELDS[element["type"]][0]]
    if not value:
        return None if block.get("optional") else REQUIRED
    if element["type"] in PATTERNS:
        pattern, message = PATTERNS[element["type"]]
        return None if pattern.fullmatch(value) else message
    if not isinstance(value, str):
        return None
    if len(value) < element.get("min_length", 0):
        return f"Please enter at least {element['min_length']} characters."
    if len(value) > element.get("max_length", 3000):
        return f"Please enter at most {element.get('max_length', 3000)} characters."
    return None
