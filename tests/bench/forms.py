"""Submitted forms, as Slack sends them."""

from handlers.form import TICK, VALUE, form_view, name_input
from tests.bench.generator import Ask
from tests.features.payloads import interaction

CHECKED = {"selected_options": []}
UNCHECKED = {"selected_options": [{"value": "skip"}]}


def add_ask(name: str, url: str, expect: str, *, is_checked: bool, user: str = "_USER_", **more: str) -> Ask:
    """The form for a new private registry, and what its answer holds."""
    typed = {"name": name, "url": url, "username": "ci", "password": "a-password"}
    values = {key: {VALUE: {"type": "plain_text_input", "value": text}} for key, text in typed.items()}
    values["kind"] = {"form.kind": {"type": "static_select", "selected_option": {"value": "private"}}}
    values["skip"] = {TICK: {"type": "checkboxes", **(CHECKED if is_checked else UNCHECKED)}}
    view = {
        **form_view("add.save", "Add Integration", [name_input("")]),
        "id": "V_NUMBER_",
        "hash": "_NUMBER_.h",
        "state": {"values": values},
    }
    body = interaction("view_submission", user, "_NUMBER_.form", view=view).decode()
    return {"body": body, "expect": expect, **more}
