"""Test everything that a list shows: one integration after the other, one round a person at a time.

begin_round -> (ask_in_round for each) -> end_round

A round is a setting of the workspace, so that *Cancel* reaches whichever process runs it, and so that a round
whose process was killed is over two minutes later.
"""

from datetime import datetime, timedelta

from bot.core.access import require
from bot.core.audit import Action
from bot.core.errors import InvalidInput
from bot.core.integrations.checks import ask_registry, keep_test
from bot.core.integrations.inventory import every_integration
from bot.core.model import Actor, Integration, Server, Setting, new_id
from bot.core.ports import Ports
from bot.core.ports.registry import CheckResult
from bot.core.ports.store import Reading
from bot.core.queries import Filter

_ALIVE = timedelta(minutes=2)
"""A round that has asked nothing for so long is over: its process was killed."""


def begin_round(ports: Ports, actor: Actor, narrowed: Filter) -> tuple[str, tuple[Integration, ...]]:
    """
    Begin a round.

    Returns:
        Its id, and the integrations that a filter lets through, those of one host side by side.

    Raises:
        NotPermitted.
        InvalidInput: A round of this person is running, or there is nothing to test.
    """
    require(ports, actor, Action.TEST)
    found = tuple(every_integration(ports.store.read(actor.workspace), narrowed))
    if not found:
        raise InvalidInput("There is nothing to test.", "See what there is: /integrations list")
    round_id = new_id()
    with ports.store.change(actor.workspace) as change:
        if _running_id(change, actor, ports.now()):
            raise InvalidInput(
                "Your test of everything is still running.",
                "Wait until it finishes, or press Cancel in its message.",
            )
        change.put(_setting(actor, round_id, ports.now()))
    return round_id, tuple(sorted(found, key=lambda one: (one.server.address, one.key)))


def ask_in_round(
    ports: Ports, actor: Actor, round_id: str, integration_id: str, dead: dict[Server, CheckResult]
) -> tuple[Integration, CheckResult] | None:
    """
    Test the next integration of a round.

    Args:
        ports: The ports.
        actor: Whose round it is.
        round_id: The round.
        integration_id: Which one is next.
        dead: Servers that did not answer in this round, which are not asked again; it is added to.

    Returns:
        The integration and what was found; ``None`` when it was deleted in between.

    Raises:
        NotPermitted, KeyringFailure, StoreFailure.
    """
    found = ports.store.read(actor.workspace).integrations.get(integration_id)
    if found is None:
        return None
    if result := dead.get(found.server):
        keep_test(ports, actor, found, result)
    else:
        result = ask_registry(ports, actor, found)
    if result.is_of_the_host:
        dead[found.server] = result
    with ports.store.change(actor.workspace) as change:
        if _running_id(change, actor, ports.now()) == round_id:
            change.put(_setting(actor, round_id, ports.now()))
    return found, result


def is_running(ports: Ports, actor: Actor, round_id: str) -> bool:
    """Return whether a round goes on: nobody has cancelled it."""
    return _running_id(ports.store.read(actor.workspace), actor, ports.now()) == round_id


def end_round(ports: Ports, actor: Actor, round_id: str) -> bool:
    """End a round; False when it was over."""
    with ports.store.change(actor.workspace) as change:
        kept = change.settings.get(_name(actor))
        if kept is None or not kept.startswith(round_id):
            return False
        change.remove(Setting(_name(actor), kept))
    return True


def _running_id(reading: Reading, actor: Actor, at: datetime) -> str:
    kept = reading.settings.get(_name(actor))
    round_id, _, asked_at = (kept or "").partition(" ")
    return round_id if asked_at and at - datetime.fromisoformat(asked_at) < _ALIVE else ""


def _name(actor: Actor) -> str:
    return f"round {actor.user_id}"


def _setting(actor: Actor, round_id: str, at: datetime) -> Setting:
    return Setting(_name(actor), f"{round_id} {at.isoformat()}")
