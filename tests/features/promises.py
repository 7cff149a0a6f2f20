"""What holds for everything that is ever shown: each control that acts has a listener."""

from collections.abc import Iterable, Iterator

from handlers import all_routes
from tests.fakes.shown import Control, Shown

ROUTES = all_routes()
_MENUS = ("static_select", "external_select", "datepicker", "multi_users_select", "conversations_select")
HOLDING = frozenset({"plain_text_input", "checkboxes", *_MENUS})
"""Controls that only hold a value, unless their block sends it at once."""


def unheard(everything: Iterable[Shown]) -> list[str]:
    """The ids of controls and forms that nobody listens to."""
    shown = list(everything)
    acting = {one for each in shown for one in action_ids(each)} - ROUTES.actions.keys()
    forms = {form for each in shown if (form := each.content.get("callback_id"))} - ROUTES.forms.keys()
    return sorted(acting | forms)


def action_ids(shown: Shown) -> Iterator[str]:
    """The ids that presses in a surface arrive with."""
    for control in shown.controls:
        if control.element["type"] == "overflow":
            # An entry's value is ``<action id>:<value>``.
            yield from (option["value"].partition(":")[0] for option in control.element["options"])
        elif acts(control):
            yield control.element["action_id"]


def acts(control: Control) -> bool:
    """True unless the control is an input that waits for its form to be submitted."""
    waits = control.block["type"] == "input" and not control.block.get("dispatch_action")
    return not (waits and control.element["type"] in HOLDING)
