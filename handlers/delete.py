"""Delete an integration: a button asks, a message lists what depends on it, Yes deletes.

payload -> ask | ask_pressed -> plan_deletion -> _confirmation -> ack | show
payload -> turn -> plan_deletion -> _confirmation -> replace
payload -> remove | remove_everything | undo -> plan_deletion -> _confirmation -> replace
payload -> confirm | confirm_there -> delete_integration -> _deleted | _confirmation -> replace
payload -> cancel -> plan_deletion -> notice -> replace
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.deletions import (
    DeletionPlan,
    LeftBehind,
    delete_integration,
    made_there,
    plan_deletion,
    remove_all,
    remove_dependency,
)
from bot.core.integrations.dependencies import restore_target
from bot.core.model import Actor, Dependency, Integration, Target, TargetKind
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    code,
    context,
    escape,
    header,
    link,
    mention,
    message,
    notice,
    pack,
    plain,
    read_pressed_target,
    read_value,
    section,
    turning,
    when,
)
from handlers.phrases import last_used, made_name, origin, targets_depend
from handlers.picker import open_picker
from handlers.routes import Ask, Press, Routes, Verb, Words
from handlers.surfaces import Surface

ASK = "delete.ask"
_CONFIRM = "delete.confirm"
_CONFIRM_THERE = "delete.confirm_there"
_CANCEL = "delete.cancel"
_REMOVE = "delete.remove"
_PREVIOUS = "delete.previous"
_NEXT = "delete.next"
_REMOVE_ALL = "delete.remove_all"
_UNDO = "delete.undo"

_LAST_MOMENT = 2**40
_MOST_UNDONE = 8
_SWEPT = "Only ever fetched together with other logins"
_ABOUT_SWEPT = (
    "The client asked for several servers at once. It may still need this login: a build that pulls from one "
    "registry and pushes to another behaves the same way."
)

_HEADINGS = {
    TargetKind.PROJECT: "Projects",
    TargetKind.ENVIRONMENT: "Environments",
    TargetKind.IMAGE: "Subscription images",
}


def register(routes: Routes) -> None:
    """Add the verb and the confirmation's buttons."""
    summary = "shows what depends on it; deletes it if nothing does"
    opens = {"": open_picker("Delete", ASK)}
    routes.verb(Verb("delete", ask, "NAME", "my_registry", summary, ("remove", "rm"), opens))
    routes.action(ASK, ask_pressed)
    routes.action(_PREVIOUS, turn, does=Action.SEE)
    routes.action(_NEXT, turn, does=Action.SEE)
    routes.action(_REMOVE, remove, changes=True)
    routes.action(_REMOVE_ALL, remove_everything, changes=True)
    routes.action(_UNDO, undo, changes=True)
    routes.action(_CONFIRM, confirm, changes=True)
    routes.action(_CONFIRM_THERE, confirm_there, changes=True)
    routes.action(_CANCEL, cancel)


def ask(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``delete NAME`` with the confirmation."""
    ack(**_confirmation(plan_deletion(services.ports, actor, name=words.name)))


def ask_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer a row's Delete button with the confirmation."""
    surface.show(_confirmation(plan_deletion(services.ports, actor, press.value)))


def turn(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show another page of dependencies."""
    surface.replace(
        _confirmation(_plan(services, actor, read_value(_ConfirmationState, press.value, "delete")))
    )


def remove(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Remove one target and show what is left."""
    asked = read_value(_ConfirmationState, press.value, "delete")
    note = remove_dependency(services.ports, actor, asked.id, asked.target)
    surface.replace(_confirmation(_plan(services, actor, asked, note)))


def remove_everything(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Remove every target and show what is left."""
    asked = read_value(_ConfirmationState, press.value, "delete")
    count = remove_all(services.ports, actor, asked.id)
    note = f"Removed {count}. A removed target can't fetch this integration until somebody links it again."
    surface.replace(_confirmation(_plan(services, actor, asked, note)))


def undo(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Put back what was removed."""
    asked = read_value(_ConfirmationState, press.value, "delete")
    is_back = restore_target(services.ports, actor, asked.id, asked.target)
    late = f"{asked.target.in_words} was linked again in the meantime."
    note = f"{asked.target.in_words} is back, as it was." if is_back else late
    surface.replace(_confirmation(_plan(services, actor, asked, note)))


def confirm(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Delete here, or show what got in the way."""
    surface.replace(_done(press, services, actor, ends_there=False))


def confirm_there(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Delete here, and revoke at the registry what Quaymaster created."""
    ask(lambda: surface.replace(_done(press, services, actor, ends_there=True)))


def _done(press: Press, services: Services, actor: Actor, *, ends_there: bool) -> Message:
    asked = read_value(_ConfirmationState, press.value, "delete")
    done = delete_integration(
        services.ports, actor, asked.id, asked.version, asked.since, ends_there=ends_there
    )
    return _deleted(asked, actor, done) if isinstance(done, LeftBehind) else _confirmation(done)


def cancel(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Leave everything as it is, and say what stays removed."""
    asked = read_value(_ConfirmationState, press.value, "delete")
    surface.replace(notice(_cancelled(asked.name, _plan(services, actor, asked).removed)))


def _plan(services: Services, actor: Actor, asked: "_ConfirmationState", note: str = "") -> DeletionPlan:
    plan = plan_deletion(services.ports, actor, asked.id, asked.page, since=asked.since)
    return replace(plan, note=note)


@dataclass(frozen=True, slots=True)
class _ConfirmationState:
    """What a button of the confirmation carries."""

    id: str
    version: int
    name: str
    page: int = 0
    kind: str = ""
    target_name: str = ""
    opened_at: int = 0
    """When the confirmation was opened, in seconds since 1970."""

    @property
    def since(self) -> datetime | None:
        """When the confirmation was opened, if this version wrote it."""
        return datetime.fromtimestamp(self.opened_at, UTC) if 0 < self.opened_at < _LAST_MOMENT else None

    @property
    def target(self) -> Target:
        """The target of a Remove button, whatever it is called. Raises ``InvalidInput``."""
        return read_pressed_target(self.kind, self.target_name, "delete")


def _value_of(plan: DeletionPlan, page: int = 0, target: Target | None = None) -> str:
    integration = plan.integration
    kind, name = (target.kind.value, target.name) if target else ("", "")
    return pack(
        _ConfirmationState(
            integration.id, integration.version, integration.name, page, kind, name, plan.opened_at
        )
    )


def _confirmation(plan: DeletionPlan) -> Message:
    """Everything that depends on the integration; ``Yes`` only when nothing does."""
    integration, page = plan.integration, plan.dependencies
    blocks = [header(f"Delete {integration.name}?")]
    if plan.note:
        blocks.append(context(escape(plan.note)))
    cancel_button = button("Cancel", _CANCEL, _value_of(plan))
    if page.total:
        blocks += [*_dependants(plan), actions(_remove_all_button(plan), cancel_button)]
    else:
        blocks += [
            section("*No dependency*\nDeleting can't be undone: the credential is gone for good."),
            *_made_note(integration),
            actions(
                button("Yes", _CONFIRM, _value_of(plan), style="danger"), *_there_button(plan), cancel_button
            ),
        ]
    total = f"{page.total} depend{'s' * (page.total == 1)} on it" if page.total else "No dependency"
    return message(f"Delete {integration.name}? {total}.", [*blocks, *_removed_blocks(plan)])


def _made_note(integration: Integration) -> list[Block]:
    """Say what Quaymaster created for it, and that it keeps working at the registry."""
    made = made_there(integration)
    if not made:
        return []
    how = "*Yes, and end it there* also revokes it there. *Yes* leaves it there, and it keeps working."
    by_hand = "It stays there and keeps working until you revoke it at the registry."
    place = code(integration.server.address)
    return [
        section(
            f"Quaymaster created {', '.join(map(made_name, made))} at {place}. "
            f"{how if integration.management else by_hand}"
        )
    ]


def _there_button(plan: DeletionPlan) -> list[Block]:
    integration = plan.integration
    if integration.management is None or not made_there(integration):
        return []
    return [button("Yes, and end it there", _CONFIRM_THERE, _value_of(plan), style="danger")]


def _dependants(plan: DeletionPlan) -> list[Block]:
    """The dependencies of one page under their headings, and what to do about them."""
    page = plan.dependencies
    blocks = [section(_would_stop(plan))]
    rows = sorted(page.rows, key=lambda row: row.target in plan.swept)
    shown = ""
    for dependency in rows:
        is_swept = dependency.target in plan.swept
        heading = _SWEPT if is_swept else _HEADINGS[dependency.target.kind]
        if heading != shown:
            shown = heading
            blocks.append(section(f"*{heading}*\n{_ABOUT_SWEPT}" if is_swept else f"*{heading}*"))
        blocks.append(_dependency_block(plan, dependency))
    return [*blocks, *_pages(plan)]


def _would_stop(plan: DeletionPlan) -> str:
    """How many targets would stop working; notes that have fetched nothing are counted apart."""
    page = plan.dependencies
    notes = sum(row.is_note and not row.is_used for row in page.rows)
    if len(page.rows) < page.total:
        beside = ", except for the targets that are only noted" if notes else ""
        return f"*{targets_depend(page.total)} on it* and would stop working{beside}. Remove each one first."
    noted = f"{notes} {'is' if notes == 1 else 'are'} only noted and can't fetch it yet"
    if notes == page.total:
        return f"*No target has fetched it:* {noted}. Remove each one first."
    beside = f" {noted}." if notes else ""
    depend = targets_depend(page.total - notes)
    return f"*{depend} on it* and would stop working.{beside} Remove each one first."


def _dependency_block(plan: DeletionPlan, dependency: Dependency) -> Block:
    """One dependency: where it came from, when last used, its settings, and how to remove it."""
    target = dependency.target
    facts = [origin(dependency), last_used(dependency.last_used_at)]
    if dependency.settings_url:
        facts.append(link(dependency.settings_url, "Settings"))
    value = _value_of(plan, plan.dependencies.number, target)
    remove_button = button("Remove", _REMOVE, value, label=f"Remove {target.in_words}")
    return section(f"{code(target.name)}\n{'  ·  '.join(facts)}", remove_button)


def _remove_all_button(plan: DeletionPlan) -> Block:
    """The button that removes all of them, after Slack's own confirmation dialog."""
    total = plan.dependencies.total
    question = (
        f"{targets_depend(total)} on {plan.integration.name}. A removed target can't fetch it until somebody "
        "links that target again."
    )
    asking = {
        "title": plain("Remove all?"),
        "text": plain(question),
        "confirm": plain("Remove all"),
        "deny": plain("Keep"),
    }
    return {**button("Remove all", _REMOVE_ALL, _value_of(plan), style="danger"), "confirm": asking}


def _removed_blocks(plan: DeletionPlan) -> list[Block]:
    """What was removed here, with a button each that puts it back."""
    rows = [
        section(
            f"{escape(target.kind.value)} {code(target.name)} was removed.",
            button("Undo", _UNDO, _value_of(plan, 0, target), label=f"Put back {target.in_words}"),
        )
        for target in plan.removed[:_MOST_UNDONE]
    ]
    more = len(plan.removed) - len(rows)
    return [*rows, *([context(f"{more} more {'was' if more == 1 else 'were'} removed.")] if more > 0 else [])]


def _cancelled(name: str, removed: Sequence[Target]) -> str:
    """Say that nothing was deleted, and what stays removed."""
    text = f"Canceled: {code(name)} was not deleted."
    if not removed:
        return text
    names = ", ".join(code(target.in_words) for target in removed[:_MOST_UNDONE])
    more = f" and {len(removed) - _MOST_UNDONE} more" if len(removed) > _MOST_UNDONE else ""
    return f"{text} What you removed stays removed: {names}{more}."


def _pages(plan: DeletionPlan) -> list[Block]:
    """The page buttons, if there is more than one page."""
    return turning(plan.dependencies, (_PREVIOUS, _NEXT), lambda number: _value_of(plan, number))


def _deleted(asked: _ConfirmationState, actor: Actor, done: LeftBehind) -> Message:
    """Say that it is gone, who did it, and when; and what became of the credentials made for it."""
    text = f":wastebasket: {bold(asked.name)} was deleted by {mention(actor.user_id)} {when(actor.at)}."
    blocks = [section(text)]
    place = code(done.place)
    if done.ended:
        blocks.append(section(f"Revoked at {place}: {', '.join(map(made_name, done.ended))}."))
    if done.there:
        names = ", ".join(map(made_name, done.there))
        why = f"{escape(done.trouble)}\n" if done.trouble else ""
        them = "it" if len(done.there) == 1 else "them"
        still = f":warning: {why}Quaymaster created {names}, which may still work at {place}. "
        still += f"Revoke {them} there."
        blocks.append(section(still))
    return message(f"{asked.name} was deleted.", blocks)
