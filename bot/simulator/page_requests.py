"""What the page can request: one function per request; ``REQUESTS`` lists them."""

import json
from collections.abc import Callable
from typing import Any

from bot.simulator.cast import ROLES, Json
from bot.simulator.kept_blocks import BlocksRefused
from bot.simulator.simulator import Simulator


class Said(dict[str, Any]):
    """The body of a request; a missing key is a bug in the page."""

    @classmethod
    def read(cls, body: bytes) -> "Said":
        """
        Read a request's JSON.

        Raises:
            BlocksRefused: It is not a JSON object.
        """
        try:
            return cls(json.loads(body))
        except (ValueError, TypeError):
            raise BlocksRefused("invalid_arguments") from None

    def __missing__(self, key: str) -> Any:
        raise BlocksRefused("invalid_arguments", [f"missing: {key}"])


def _say(simulator: Simulator, person: str, body: Said) -> None:
    simulator.say(person, body["channel"], body["text"])


def _act(simulator: Simulator, person: str, body: Said) -> None:
    names = (body["block_id"], body["action_id"])
    simulator.act(person, body["place"], names, body["value"], body["values"])


def _submit(simulator: Simulator, person: str, body: Said) -> None:
    simulator.submit(person, body["view"], body["values"])


def _close(simulator: Simulator, person: str, body: Said) -> None:
    simulator.close(person, body["view"], body["whole_stack"])


def _options(simulator: Simulator, person: str, body: Said) -> Json:
    names = (body["block_id"], body["action_id"])
    return simulator.options(person, body["place"], names, body["query"])


def _home(simulator: Simulator, person: str, body: Said) -> None:
    simulator.open_home(person, body["tab"])


def _shortcut(simulator: Simulator, person: str, body: Said) -> None:
    simulator.shortcut(person, body["callback_id"])


def _message_shortcut(simulator: Simulator, person: str, body: Said) -> None:
    simulator.message_shortcut(person, body["ts"], body["callback_id"])


def _change(simulator: Simulator, _person: str, body: Said) -> None:
    person, role = body["person"], body["role"]
    if person not in simulator.world.cast.people or role not in ROLES:
        raise BlocksRefused("user_not_found")
    simulator.change_person(person, **ROLES[role])


def _dismiss(simulator: Simulator, person: str, body: Said) -> None:
    simulator.dismiss(person, body["name"])


REQUESTS: dict[str, Callable[[Simulator, str, Said], Json | None]] = {
    "say": _say,
    "act": _act,
    "submit": _submit,
    "close": _close,
    "options": _options,
    "home": _home,
    "shortcut": _shortcut,
    "message_shortcut": _message_shortcut,
    "change": _change,
    "dismiss": _dismiss,
}
