"""The Home tab: what needs attention first, then mine, then the list with the same buttons as everywhere.

payload -> home -> look_over, find_requests -> _tab -> publish
"""

from collections.abc import Sequence

from bot.core.access import may
from bot.core.audit import Action
from bot.core.integrations.inventory import Overview, look_over
from bot.core.model import Actor, Integration, WorkflowToken
from bot.core.queries import IntegrationPage, Listed, Window
from bot.core.workflows.tokens import find_requests
from bot.services import Services
from handlers.add import OPEN as ADD
from handlers.blocks import (
    Block,
    Message,
    bold,
    button,
    code,
    context,
    divider,
    mention,
    message,
    section,
    when,
)
from handlers.edit import OPEN as EDIT
from handlers.list import State, decoded, health_in_words, list_blocks, narrowed
from handlers.notify import OPEN as NOTIFY
from handlers.phrases import due_in_words, made_by
from handlers.requests import request_buttons
from handlers.rotation_news import SHOW as ROTATION
from handlers.routes import COMMAND, Routes
from handlers.show import OPEN as SHOW
from handlers.surfaces import HomeSurface
from handlers.test import OPEN as TEST
from handlers.test_progress import ALL

_A_PAGE = 30
_SHOWN = 2
"""Requests; each is two blocks of the hundred that Slack accepts."""
_BAR = 20
"""How many squares the bar has."""
_STEPS = (
    ("*1.* Add the first registry: its address, and a login that can pull.", ("Add Integration", ADD)),
    (f"*2.* Or paste a docker `config.json`: type `{COMMAND} import`.", None),
    (f"*3.* Create a token for a pipeline: type `{COMMAND} token create project web-shop`.", None),
)


def register(routes: Routes) -> None:
    """Say how the tab is published."""
    routes.home = home


def home(services: Services, actor: Actor, state: str) -> None:
    """Publish a person's Home tab, its list narrowed as it was."""
    shown = decoded(state)
    window = Window(after=shown.after, before=shown.before, size=_A_PAGE)
    seen = look_over(services.ports, actor, narrowed(services, actor, shown), window)
    requests = find_requests(services.ports, actor)
    surface = HomeSurface(services.slack(actor.workspace), actor.user_id, "", state)
    surface.replace(_tab(seen, requests, shown, services, actor))


def _tab(
    seen: Overview, requests: Sequence[WorkflowToken], state: State, services: Services, actor: Actor
) -> Message:
    listed = list_blocks(seen.page, state, services, actor)
    if not seen.page.everything:
        return message("Integrations", [*listed[:1], *_first_steps()])
    above = [*_attention(seen, requests, actor), *_mine(seen.mine)]
    # The list's first block says what it is narrowed to, and is looked for at the top.
    well = section(_well(seen), button("Test all", ALL))
    below = [*_ending_tokens(seen.ending_tokens), *_news(seen, actor)]
    blocks = [listed[0], well, *above, *listed[1:], *below]
    return message("Integrations", [*blocks, context(f"`{COMMAND} help` shows everything you can do.")])


def _news(seen: Overview, actor: Actor) -> list[Block]:
    """For admins: where news goes, and the button that chooses it."""
    if not may(actor, Action.NOTIFY):
        return []
    goes = (
        f"goes to <#{seen.channel}>"
        if seen.channel
        else "doesn't go to any channel; only owners are notified"
    )
    return [section(f"News about changes and broken logins {goes}.", button("Choose a channel", NOTIFY))]


def _first_steps() -> list[Block]:
    return [section(text, button(*add) if add else None) for text, add in _STEPS]


def _well(seen: Overview) -> str:
    """A bar that shows how many logins work."""
    everything = seen.page.everything
    broken, unchecked = seen.broken.total, seen.unchecked
    well = everything - broken - unchecked
    filled = round(_BAR * well / everything)
    parts = [f"{well} of {everything} logins work"]
    parts += [f"{broken} broken"] if broken else []
    parts += [f"{unchecked} not checked"] if unchecked else []
    return f"{'█' * filled}{'░' * (_BAR - filled)}  {', '.join(parts)}"


def _attention(seen: Overview, requests: Sequence[WorkflowToken], actor: Actor) -> list[Block]:
    """What needs attention: one line each, with a button."""
    blocks = [_broken_row(row, actor) for row in seen.broken.rows]
    blocks += _more(seen.broken, "broken")
    blocks += [_ending_row(row, actor) for row in seen.ending.rows]
    blocks += _more(seen.ending, "ending")
    blocks += [_rotating_row(row, actor) for row in seen.rotating.rows]
    blocks += _more(seen.rotating, "rotating")
    blocks += [_orphaned_row(row) for row in seen.orphaned.rows]
    blocks += _more(seen.orphaned, "orphaned")
    blocks += _requests(requests)
    return [section("*Needs attention*"), *blocks, divider()] if blocks else []


def _broken_row(row: Listed, actor: Actor) -> Block:
    one = row.integration
    is_theirs = may(actor, Action.EDIT, one.owner)
    text, action = ("Edit", EDIT) if is_theirs else ("Test", TEST)
    facts = f"{bold(one.name)}   {health_in_words(one)}   {mention(one.owner)}"
    return section(facts, button(text, action, one.id, label=f"{text} {one.name}, which needs attention"))


def _ending_row(row: Listed, actor: Actor) -> Block:
    one = row.integration
    is_theirs = may(actor, Action.EDIT, one.owner)
    text, action = ("Edit", EDIT) if is_theirs else ("Show", SHOW)
    facts = f"{bold(one.name)}   {due_in_words(one, actor.at)}   {mention(one.owner)}"
    return section(facts, button(text, action, one.id, label=f"{text} {one.name}, which expires soon"))


def _rotating_row(row: Listed, actor: Actor) -> Block:
    """A rotation that is in progress or waits for somebody, with a button that shows its progress."""
    one = row.integration
    is_theirs = may(actor, Action.ROTATE, one.owner)
    text, action = ("Rotation", ROTATION) if is_theirs else ("Show", SHOW)
    since = one.former.replaced_at if one.former else one.prepared.since if one.prepared else one.updated_at
    keeps = "has had two credentials" if one.former else "has had an unused credential"
    facts = f"{bold(one.name)}   :arrows_counterclockwise: {keeps} since {when(since)}   {mention(one.owner)}"
    return section(facts, button(text, action, one.id, label=f"{text} of {one.name}, which is in progress"))


def _orphaned_row(row: Listed) -> Block:
    one = row.integration
    give = f"To give it to somebody else: `{COMMAND} give {one.name} @person`"
    facts = f"{bold(one.name)}   its owner {mention(one.owner)} has left. {give}"
    return section(facts, button("Show", SHOW, one.id, label=f"Show {one.name}, whose owner has left"))


def _more(page: IntegrationPage, word: str) -> list[Block]:
    more = page.total - len(page.rows)
    return [context(f"… and {more} more: `{COMMAND} list {word}`")] if more else []


def _requests(tokens: Sequence[WorkflowToken]) -> list[Block]:
    """The workflow tokens that wait for an admin."""
    if not tokens:
        return []
    blocks = [section(f"*Workflow tokens waiting for an admin:* {len(tokens)}")]
    for token in tokens[:_SHOWN]:
        text = f"{code(token.id)}   {code(token.target.in_words)}   {made_by(token)}"
        blocks += [section(text), *request_buttons(token.id)]
    return [*blocks, context(f"`{COMMAND} token list` shows all of them.")]


def _mine(mine: IntegrationPage) -> list[Block]:
    """The person's own integrations, a line each."""
    if not mine.rows:
        return []
    rows = [section(_line(one.integration), _show(one.integration)) for one in mine.rows]
    return [section(f"*Mine*   {mine.total}"), *rows, *_more(mine, "mine"), divider()]


def _line(integration: Integration) -> str:
    return f"{bold(integration.name)}   {code(integration.server.address)}   {health_in_words(integration)}"


def _show(integration: Integration) -> Block:
    return button("Show", SHOW, integration.id, label=f"Show {integration.name}, which is yours")


def _ending_tokens(tokens: Sequence[WorkflowToken]) -> list[Block]:
    """The workflow tokens that expire within a week."""
    lines = [
        f"{code(one.id)}   {code(one.target.in_words)}   expires {when(one.expires_at)}" for one in tokens
    ]
    return [divider(), section("*Workflow tokens that expire soon*\n" + "\n".join(lines))] if lines else []
