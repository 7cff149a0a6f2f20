"""Delete an integration: a button asks, a message lists what depends on it, Yes deletes.

payload -> ask | ask_pressed -> plan_deletion -> confirmation -> ack | show
payload -> turn -> plan_deletion -> confirmation -> replace
payload -> remove -> remove_dependency -> confirmation -> replace
payload -> confirm -> delete_integration -> deleted | confirmation -> replace
payload -> cancel -> notice -> replace
"""

from dataclasses import dataclass

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.deletions import DeletionPlan, delete_integration, plan_deletion, remove_dependency
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
    section,
    when,
)
from handlers.command import Verb, Words
from handlers.paging import pack, read_value, too_old, turning
from handlers.phrases import last_used, origin, targets_depend
from handlers.picker import open_picker
from handlers.routes import Press, Routes
from handlers.surfaces import Surface

ASK = "delete.ask"
_CONFIRM = "delete.confirm"
_CANCEL = "delete.cancel"
_REMOVE = "delete.remove"
_PREVIOUS = "delete.previous"
_NEXT = "delete.next"

_HEADINGS = {
    TargetKind.PROJECT: "Projects",
    TargetKind.ENVIRONMENT: "Environments",
    TargetKind.IMAGE: "Subscription images",
}


def register(routes: Routes) -> None:
    """Add the verb and the confirmation's buttons."""
    summary = "shows what depends on it; deletes only when nothing does"
    opens = {(): open_picker("Delete", ASK)}
    routes.verb(Verb("delete", ask, "NAME", "my_registry", summary, ("remove", "rm"), opens))
    routes.action(ASK, ask_pressed)
    routes.action(_PREVIOUS, turn, does=Action.SEE)
    routes.action(_NEXT, turn, does=Action.SEE)
    routes.action(_REMOVE, remove, changes=True)
    routes.action(_CONFIRM, confirm, changes=True)
    routes.action(_CANCEL, cancel)


def ask(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``delete NAME`` with the confirmation."""
    ack(**confirmation(plan_deletion(services.ports, actor, name=words.name)))


def ask_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer a row's Delete button with the confirmation."""
    surface.show(confirmation(plan_deletion(services.ports, actor, press.value)))


def turn(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show another page of dependencies."""
    asked = read_value(Asked, press.value, "delete")
    surface.replace(confirmation(plan_deletion(services.ports, actor, asked.id, asked.page)))


def remove(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Take one dependency away and show what is left."""
    asked = read_value(Asked, press.value, "delete")
    plan = remove_dependency(services.ports, actor, asked.id, asked.target, asked.page)
    surface.replace(confirmation(plan))


def confirm(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Delete, or show what has come in the way."""
    asked = read_value(Asked, press.value, "delete")
    in_the_way = delete_integration(services.ports, actor, asked.id, asked.version)
    surface.replace(confirmation(in_the_way) if in_the_way else _deleted(asked, actor))


def cancel(press: Press, surface: Surface) -> None:
    """Leave everything as it is."""
    surface.replace(
        notice(f"Cancelled: {code(read_value(Asked, press.value, 'delete').name)} was not deleted.")
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a button of the confirmation carries."""

    id: str
    version: int
    name: str
    page: int = 0
    kind: str = ""
    target_name: str = ""

    @property
    def target(self) -> Target:
        """The target of a Remove button, whatever it is called. Raises ``InvalidInput``."""
        if self.kind not in list(TargetKind):
            raise too_old("delete")
        return Target(TargetKind(self.kind), self.target_name)


def _value_of(integration: Integration, page: int = 0, target: Target | None = None) -> str:
    more = (target.kind.value, target.name) if target else ()
    return pack(Asked(integration.id, integration.version, integration.name, page, *more))


def confirmation(plan: DeletionPlan) -> Message:
    """Everything that depends on the integration; ``Yes`` only when nothing does."""
    integration, page = plan.integration, plan.dependencies
    blocks = [header(f"Delete {integration.name}?")]
    if plan.note:
        blocks.append(context(escape(plan.note)))
    if page.total:
        blocks += _dependants(plan)
    else:
        blocks += [
            section("*No dependency*\nDeleting cannot be undone: the credential is gone for good."),
            actions(
                button("Yes", _CONFIRM, _value_of(integration), style="danger"),
                button("Cancel", _CANCEL, _value_of(integration)),
            ),
        ]
    total = f"{page.total} depend{'s' * (page.total == 1)} on it" if page.total else "No dependency"
    return message(f"Delete {integration.name}? {total}.", blocks)


def _dependants(plan: DeletionPlan) -> list[Block]:
    """The dependencies of one page under their headings, and what to do about them."""
    integration, page = plan.integration, plan.dependencies
    blocks = [section(f"*{targets_depend(page.total)} on it* and would stop working. Remove each one first.")]
    shown: TargetKind | None = None
    for dependency in page.rows:
        if dependency.target.kind is not shown:
            shown = dependency.target.kind
            blocks.append(section(f"*{_HEADINGS[shown]}*"))
        blocks.append(_dependency_block(integration, page.number, dependency))
    return [*blocks, *_pages(plan), actions(button("Cancel", _CANCEL, _value_of(integration)))]


def _dependency_block(integration: Integration, page: int, dependency: Dependency) -> Block:
    """One dependency: where it came from, when last used, its settings, and how to remove it."""
    target = dependency.target
    facts = [origin(dependency), last_used(dependency.last_used_at)]
    if dependency.settings_url:
        facts.append(link(dependency.settings_url, "Settings"))
    remove_button = button(
        "Remove", _REMOVE, _value_of(integration, page, target), label=f"Remove {target.in_words}"
    )
    return section(f"{code(target.name)}\n{'  ·  '.join(facts)}", remove_button)


def _pages(plan: DeletionPlan) -> list[Block]:
    """The page buttons, where there is a page to turn to."""
    return turning(plan.dependencies, (_PREVIOUS, _NEXT), lambda number: _value_of(plan.integration, number))


def _deleted(asked: Asked, actor: Actor) -> Message:
    """Say that it is gone, who did it, and when."""
    text = f":wastebasket: {bold(asked.name)} was deleted by {mention(actor.user_id)} {when(actor.at)}."
    return message(f"{asked.name} was deleted.", [section(text)])
