"""What is typed and chosen on a surface, and how it appears in ``state.values``.

The page sends raw values: text, an option's ``value``, the id of a person or channel, a list of these, or for
a date with a time the seconds since 1970. A field that nobody touched has its initial value.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.cast import Json
from bot.simulator.kept_blocks import elements

_Key = tuple[str, str]

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
    "multi_external_select": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
_PATTERNS = {
    "email_text_input": (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), "Please enter a valid email address."),
    "url_text_input": (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/]+\S*"), "Please enter a valid URL."),
}
_REQUIRED = "Please complete this required field."


@dataclass
class TouchedBlocks:
    """
    Blocks with what a person has put into them.

    Attributes:
        blocks: As ``blocks.normalised`` gives them.
        given: The raw value of each touched field.
        offered: The options an ``external_select`` was last shown, by value.
    """

    blocks: list[Json]
    given: dict[_Key, Any] = field(default_factory=dict)
    offered: dict[_Key, dict[str, Json]] = field(default_factory=dict)

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
        """Return one field as it appears in ``state.values``."""
        name, preset = FIELDS[element["type"]]
        key = (block["block_id"], element["action_id"])
        empty: list[Json] | None = [] if name.endswith("s") else None
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

    def _resolved(self, name: str, raw: Any, key: _Key, element: Json) -> Any:
        if name == "selected_date_time":
            return int(raw)
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
    listed += element.get("initial_options") or []
    return {option.get("value", ""): option for option in listed}


def _problem(block: Json, element: Json, entry: Json) -> str | None:
    value = entry[FIELDS[element["type"]][0]]
    if not value:
        return None if block.get("optional") else _REQUIRED
    if element["type"] in _PATTERNS:
        pattern, message = _PATTERNS[element["type"]]
        return None if pattern.fullmatch(value) else message
    if element["type"] == "number_input":
        return _problem_of_number(element, value)
    return _problem_of_length(element, value)


def _problem_of_number(element: Json, value: str) -> str | None:
    form = r"-?[0-9]+(\.[0-9]+)?" if element.get("is_decimal_allowed") else r"-?[0-9]+"
    if not re.fullmatch(form, value):
        return "Please enter a valid number."
    if float(value) < float(element.get("min_value", "-inf")):
        return f"Please enter a number that is at least {element['min_value']}."
    if float(value) > float(element.get("max_value", "inf")):
        return f"Please enter a number that is at most {element['max_value']}."
    return None


def _problem_of_length(element: Json, value: Any) -> str | None:
    if isinstance(value, list) and len(value) > element.get("max_selected_items", len(value)):
        return f"Please select at most {element['max_selected_items']} items."
    if not isinstance(value, str):
        return None
    if len(value) < element.get("min_length", 0):
        return f"Please enter at least {element['min_length']} characters."
    if len(value) > element.get("max_length", 3000):
        return f"Please enter at most {element.get('max_length', 3000)} characters."
    return None
