"""Ask a registry whether a stored login works, step by step.

payload -> test | test_pressed -> ask_registry -> _so_far … _tested -> show
payload -> allow -> allow_realm -> notice -> replace
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.access import may
from bot.core.audit import Action
from bot.core.integrations.checks import allow_realm, ask_about_former, ask_registry
from bot.core.integrations.inventory import find_integration, get_integration
from bot.core.integrations.testing import end_round
from bot.core.model import Actor, Integration, Outcome, Refused
from bot.core.ports.registry import CheckResult, Step
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
    message,
    notice,
    pack,
    plain,
    public,
    read_value,
    section,
    share_button,
    share_id,
    when,
)
from handlers.edit import OPEN as EDIT
from handlers.narrowing import read_filter
from handlers.picker import open_picker
from handlers.rotate import OPEN as ROTATE
from handlers.routes import Ask, Press, Routes, Verb, Words
from handlers.surfaces import Follower, Surface
from handlers.test_progress import ALL, CANCEL, Cancelled, begin

OPEN = "test.open"
_ALLOW = "test.allow"

_VERDICTS = {
    Outcome.PROVED: ":white_check_mark: *Proved*: this login opens what an anonymous request cannot.",
    Outcome.ACCEPTED: ":ballot_box_with_check: *Accepted*: not refused, but not proved to work either.",
    Outcome.REJECTED: ":x: *Refused*: the registry refused this login.",
    Outcome.UNREACHABLE: ":warning: *Unreachable*: the registry could not be reached.",
}
_REFUSALS = {
    Refused.ADDRESS: ":no_entry: *Quaymaster is blocked*: this login was not checked.",
    Refused.CERTIFICATE: ":no_entry: *A client certificate is required*: this login was not checked.",
    Refused.RIGHTS: ":no_entry: *The login lacks a permission*: the login itself was not refused.",
    Refused.RATE: ":hourglass: *Not asked* after too many requests: this login was not checked.",
}
"""The verdict on what is not a refused login."""


def register(routes: Routes) -> None:
    """Add the verb, the row's menu entry, and the button that allows a token server."""
    summary = "tests the login at its registry, step by step"
    opens, example = {"": open_picker("Test", OPEN)}, "my_registry team/app"
    usage = "NAME [repository] | all [words]"
    routes.verb(Verb("test", test, usage, example, summary, ("check",), opens), waits=True)
    routes.action(ALL, test_all_pressed)
    routes.action(CANCEL, cancel_round)
    routes.action(OPEN, test_pressed, changes=True)
    routes.action(_ALLOW, allow, changes=True)
    routes.action(share_id("test"), share_pressed)


def test(words: Words, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Answer ``test NAME [repository]`` and ``test all [words]``."""
    if words.optional(0).lower() == "all":
        return _test_all(" ".join(words.rest[1:]), surface, services, actor)
    integration = find_integration(services.ports, actor, words.at(0, "The integration's name"))
    follower = surface.follow()
    return ask(lambda: answer(follower, services, actor, integration, words.optional(1) or None))


def _test_all(words: str, surface: Surface, services: Services, actor: Actor) -> None:
    begin(services, actor, read_filter(services, actor, words))
    surface.show(
        notice(":hourglass_flowing_sand: Testing. Quaymaster sent you a message that shows the progress.")
    )


def test_all_pressed(surface: Surface, services: Services, actor: Actor) -> None:
    """Answer the button *Test all*."""
    _test_all("", surface, services, actor)


def cancel_round(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """End a round; its message says so once the current registry has answered."""
    is_ended = end_round(services.ports, actor, read_value(Cancelled, press.value, "test all").id)
    surface.show(
        notice("The test will stop after this registry." if is_ended else "This test is already finished.")
    )


def test_pressed(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Answer a row's Test entry."""
    integration = get_integration(services.ports, actor, press.value)
    follower = surface.follow()
    ask(lambda: answer(follower, services, actor, integration))


def answer(
    follower: Follower,
    services: Services,
    actor: Actor,
    integration: Integration,
    repository: str | None = None,
) -> None:
    """Ask the registry; show the steps as they finish, then the verdict."""
    steps: list[Step] = []

    def on_step(step: Step) -> None:
        steps.append(step)
        follower.update(_so_far(integration, steps))

    result = ask_registry(services.ports, actor, integration, repository, on_step)
    former = ask_about_former(services.ports, actor, integration)
    is_theirs = may(actor, Action.EDIT, integration.owner)
    drawn = _tested(integration, result, repository, is_theirs=is_theirs)
    follower.finish({**drawn, "blocks": [*drawn["blocks"], *_about_former(former)]})


def share_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show the channel what the last test found."""
    surface.share(_for_others(get_integration(services.ports, actor, press.value), actor))


def _for_others(integration: Integration, actor: Actor) -> Message:
    """What the last test found, as everybody in a channel may read it."""
    check, blocks = integration.check, [header(f"Test of {integration.name}")]
    if check is None:
        blocks.append(section("It has not been checked."))
        return public(f"{integration.name}: not checked", blocks, actor)
    verdict = _REFUSALS.get(check.refused) if check.refused else None
    blocks.append(section(verdict or _VERDICTS[check.outcome]))
    blocks.append({"type": "section", "text": plain(check.reason)})
    blocks.append(context(f"{code(integration.server.address)}  ·  {when(check.at)}"))
    return public(f"{integration.name}: {check.outcome.word}. {check.reason}", blocks, actor)


def allow(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Let the login be sent to a token server on another host."""
    offer = read_value(_Offer, press.value, "test")
    edited = allow_realm(services.ports, actor, offer.id, offer.version, offer.realm)
    text = f"{bold(edited.name)} can now send its login to {code(offer.realm)}. Test it again."
    surface.replace(notice(text))


@dataclass(frozen=True, slots=True)
class _Offer:
    """What the Allow button carries: for which version of an integration, which token server."""

    id: str
    version: int
    realm: str


def _so_far(integration: Integration, steps: Sequence[Step]) -> Message:
    """The steps that are finished, while others are running."""
    lines = "\n".join(_step_line(step) for step in steps)
    waiting = ":hourglass_flowing_sand: waiting for the next step"
    return message(
        f"Testing {integration.name} …",
        [header(f"Test of {integration.name}"), section(f"{lines}\n{waiting}")],
    )


def _tested(
    integration: Integration, result: CheckResult, repository: str | None, *, is_theirs: bool
) -> Message:
    """The verdict, the steps, and what to do."""
    steps = "\n".join(_step_line(step) for step in result.steps)
    verdict = _REFUSALS.get(result.refused) if result.refused else None
    blocks = [header(f"Test of {integration.name}"), section(verdict or _VERDICTS[result.outcome])]
    if steps:
        blocks.append(section(steps))
    # Plain: it may contain a registry's own sentence, and no address in that becomes a link.
    blocks.append({"type": "section", "text": plain(result.explanation)})
    if result.outcome is Outcome.ACCEPTED and repository is None:
        example = f"`/integrations test {integration.name} team/app`"
        blocks.append(context(f"Name a private repository to prove it: {example}"))
    blocks += [*_allowing(integration, result), *_next_steps(integration, result, is_theirs)]
    return message(f"{integration.name}: {result.outcome.word}. {result.reason}", blocks)


def _about_former(result: CheckResult | None) -> list[Block]:
    """What the registry says about the former credential, which a rotation still keeps."""
    if result is None:
        return []
    verdict = _REFUSALS.get(result.refused) if result.refused else None
    said = section(f"*Former credential*  {verdict or _VERDICTS[result.outcome]}")
    if result.outcome in (Outcome.PROVED, Outcome.ACCEPTED):
        return [said]
    return [said, {"type": "section", "text": plain(result.explanation)}]


def _step_line(step: Step) -> str:
    """One step on one line."""
    mark = ":white_check_mark:" if step.is_ok else ":x:"
    return f"{mark} *{step.stage.value}*   {escape(step.text)}"


def _next_steps(integration: Integration, result: CheckResult, is_theirs: bool) -> list[Block]:
    """What this person can do next."""
    share = share_button("test", integration.id)
    if result.outcome in (Outcome.PROVED, Outcome.ACCEPTED):
        return [actions(share)]
    is_refused = result.outcome is Outcome.REJECTED and integration.secret
    rotate = [button("Rotate", ROTATE, integration.id)] if is_theirs and is_refused else []
    edit = [button("Edit", EDIT, integration.id)] if is_theirs else []
    return [actions(*rotate, *edit, button("Test again", OPEN, integration.id), share)]


def _allowing(integration: Integration, result: CheckResult) -> list[Block]:
    """The question to the owner when the registry's token server is on another host."""
    if result.realm is None:
        return []
    value = pack(_Offer(integration.id, integration.version, result.realm))
    text = f"Nothing was sent to {code(result.realm)}. Is that this registry's own login server?"
    return [section(text), actions(button("Allow it", _ALLOW, value))]
