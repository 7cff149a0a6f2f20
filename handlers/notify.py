"""News: a channel is notified of each change and each login that stops working; ``notify`` chooses it.

payload -> notify -> choose_channel -> _chosen -> show
payload -> ask -> _form -> open; payload -> save -> choose_channel -> _chosen -> ack
payload -> mute_pressed | unmute_pressed -> mute_integration | unmute_integration -> show
the scheduler -> draw_news | draw_closed -> chat.postMessage
"""

import re
from collections.abc import Sequence

from slack_bolt import Ack
from slack_sdk.errors import SlackApiError

from bot.core.access import require
from bot.core.audit import Action, Event, News
from bot.core.errors import InvalidFields, InvalidInput
from bot.core.integrations.watch import mute_integration, unmute_integration
from bot.core.model import Actor, Dependency, Health, Integration
from bot.core.news import channel_of, choose_channel
from bot.core.ports.store import Reading
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    View,
    actions,
    bold,
    button,
    code,
    context,
    escape,
    labelled,
    marked,
    mention,
    modal,
    notice,
    plain,
    posted,
    section,
    when,
)
from handlers.edit import OPEN as EDIT
from handlers.form import VALUE
from handlers.owner_news import draw_owners, is_about_owners
from handlers.phrases import event_line, last_used
from handlers.requests import draw_requests, is_request
from handlers.rotate import OPEN as ROTATE
from handlers.rotation_news import draw_rotation
from handlers.routes import COMMAND, Form, Press, Routes, Verb, Words
from handlers.surfaces import Surface, as_modal
from handlers.test import OPEN as TEST

MUTE = "news.mute"
UNMUTE = "news.unmute"
OPEN = "notify.open"
_SAVE = "notify.save"
_WHERE = "channel"

_CHANNEL = re.compile(r"<#([CG][A-Z0-9]+)(?:\|[^>]*)?>|#?([^\s<>#@]{1,80})")
_MOST_NAMED = 15
_HEADINGS = {
    Health.REFUSED: ":x: {server} refuses the login for {names}.",
    Health.UNREACHABLE: ":warning: {server} is unreachable, so nobody can pull with {names}.",
    Health.WORKS: ":white_check_mark: {names} {works} again.",
}
_MEANINGS = {
    Health.REFUSED: "An expired robot account, a revoked token and a wrong password look the same to "
    "Quaymaster. Create a new credential at the registry, then press *Rotate* and enter it.",
    Health.UNREACHABLE: "The login itself was not refused. Check the registry and the network.",
}


def register(routes: Routes) -> None:
    """Add the verb, the form that chooses the channel, and the buttons Mute and Unmute."""
    summary = "posts changes and broken logins to a channel (admins)"
    verb = Verb("notify", notify, "#channel | off", "#registries", summary, ("news",), {"": ask})
    routes.verb(verb, waits=True)
    routes.action(OPEN, ask)
    routes.form(_SAVE, save)
    routes.action(MUTE, mute_pressed, changes=True)
    routes.action(UNMUTE, unmute_pressed, changes=True)


def notify(words: Words, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer ``notify #channel|off``: post there first, so that only a channel that works is stored."""
    words.at_most(1)
    typed = words.at(0, "The channel")
    require(services.ports, actor, Action.NOTIFY)
    channel = "" if typed.lower() == "off" else _greet(services, actor, typed)
    choose_channel(services.ports, actor, channel)
    surface.show(_chosen(channel))


def ask(surface: Surface, services: Services, actor: Actor) -> None:
    """Open the form that chooses the channel."""
    require(services.ports, actor, Action.NOTIFY)
    surface.open(_form(channel_of(services.ports.store.read(actor.workspace))))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Post in the channel that was chosen, and store it; no channel turns news off."""
    require(services.ports, actor, Action.NOTIFY)
    chosen = str((form.values.get(_WHERE, {}).get(VALUE) or {}).get("selected_conversation") or "")
    try:
        channel = _greet(services, actor, f"<#{chosen}>") if chosen else ""
    except InvalidInput as error:
        reason = "Quaymaster can't post there. Invite it to the channel first: /invite @Quaymaster"
        raise InvalidFields({_WHERE: reason}) from error
    choose_channel(services.ports, actor, channel)
    ack(response_action="update", view=as_modal(_chosen(channel)))


def _form(channel: str) -> View:
    """The form that chooses the channel; it starts with the current one."""
    chooser: Block = {
        "type": "conversations_select",
        "action_id": VALUE,
        "placeholder": plain("Choose a channel"),
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    }
    if channel:
        chooser["initial_conversation"] = channel
    hint = "Leave this empty to notify only the owners. Invite Quaymaster first: /invite @Quaymaster"
    what = (
        "Quaymaster posts there when a login stops working, works again or is about to expire, and adds a "
        "line for each add, edit, delete, new owner, and first fetch by a new target. Never a secret."
    )
    blocks = [section(what), labelled("Channel for news", chooser, _WHERE, optional=True, hint=hint)]
    return modal("News", blocks, callback_id=_SAVE, submit=plain("Save"), close="Cancel")


def mute_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer Mute 24 h."""
    surface.show(_muted(mute_integration(services.ports, actor, press.value)))


def unmute_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer Unmute."""
    name = unmute_integration(services.ports, actor, press.value).name
    surface.show(
        notice(f"{bold(name)} is no longer muted: its owner and the channel are notified about it again.")
    )


def _greet(services: Services, actor: Actor, typed: str) -> str:
    """Post to a channel and return its id, which is in Slack's response."""
    found = _CHANNEL.fullmatch(typed)
    if found is None:
        raise InvalidInput("That is not a channel.", f"Example: {COMMAND} notify #registries")
    client = services.slack(actor.workspace)
    text = f"{mention(actor.user_id)} has allowed Quaymaster to post news about registry integrations here."
    try:
        answer = client.chat_postMessage(channel=found[1] or f"#{found[2]}", text=text, unfurl_links=False)
    except SlackApiError as error:
        reason = error.response.get("error")
        if reason in ("not_in_channel", "channel_not_found"):
            hint = "Invite Quaymaster to the channel (`/invite @Quaymaster`), then type this again."
            where = "that channel" if found[1] else f"#{found[2]}"
            raise InvalidInput(f"Quaymaster can't post in {where}.", hint) from error
        raise
    return str(answer.get("channel"))


def _chosen(channel: str) -> Message:
    if not channel:
        return notice("News is off. Nothing is posted to a channel.")
    return notice(f"News about integrations now goes to <#{channel}>.")


def _muted(integration: Integration) -> Message:
    until = integration.watch.muted_until
    text = f"{bold(integration.name)} is muted" + (f" until {when(until)}." if until else ".")
    return notice(f"{text} It is still checked.")


def draw_news(reading: Reading, group: Sequence[News]) -> Message:
    """Draw one message of news that belongs together: the same thing, at one server, for one recipient."""
    events = [one.event for one in group]
    if group[0].to.startswith(("U", "W")) and is_request(events[0]):
        return posted(draw_requests(events))
    if is_about_owners(events[0]):
        return posted(draw_owners(reading, group))
    if events[0].action == Action.HEALTH:
        return posted(_health(reading, events))
    if events[0].action == Action.ROTATE:
        return posted(draw_rotation(reading, events))
    if events[0].action == Action.ENDS:
        return posted(_ends(reading, events))
    lines = [_line(one) for one in events[:_MOST_NAMED]]
    more = len(events) - len(lines)
    lines += [f"… and {more} more"] if more else []
    preview = lines[0] if len(events) == 1 else f"{lines[0]} … and {len(events) - 1} more"
    return posted(marked(preview, [section("\n".join(lines))]))


def _line(event: Event) -> str:
    """One event as the channel reads it; a token is in the news only while it waits for an admin."""
    is_waiting = event.action == Action.CREATE_TOKEN
    return event_line(event) + (f" It is waiting for an admin: `{COMMAND} token list`" if is_waiting else "")


def draw_closed(channel: str) -> Message:
    """Draw what admins are told, once, about a channel that cannot be posted to."""
    text = (
        f":warning: Quaymaster can no longer post news in <#{channel}>, so it is not posted anywhere. Invite "
        f"Quaymaster there again, or choose a different channel: `{COMMAND} notify #channel`"
    )
    return posted(notice(text))


def _health(reading: Reading, events: Sequence[Event]) -> Message:
    health = Health(events[0].reason)
    names = _names([one.name for one in events])
    works = "works" if len(events) == 1 else "work"
    heading = _HEADINGS[health].format(server=code(events[0].server), names=names, works=works)
    present = [one for one in (reading.integrations.get(each.integration_id or "") for each in events) if one]
    blocks = [section(heading)]
    if len(present) == 1:
        blocks += _one(reading, present[0], health)
    elif present:
        blocks += _several(reading, present, health)
    return marked(heading, blocks)


def _one(reading: Reading, integration: Integration, health: Health) -> list[Block]:
    facts = [f"Owner: {mention(integration.owner)}"]
    if integration.watch.since:
        facts.append(f"since {when(integration.watch.since)}")
    if health is Health.WORKS:
        return [context("  ·  ".join(facts))]
    reason = [escape(integration.check.reason)] if integration.check else []
    page = reading.dependencies.page(integration.id, 0, _MOST_NAMED)
    hit = [f"• {_dependant(one)}" for one in page.rows]
    hit += [f"… and {page.total - len(page.rows)} more"] if page.has_next else []
    who = "*Affected:*\n" + "\n".join(hit) if hit else "Nothing depends on it."
    buttons = actions(
        button("Test", TEST, integration.id, label=f"Test {integration.name}"),
        button("Rotate", ROTATE, integration.id, label=f"Rotate {integration.name}"),
        button("Edit", EDIT, integration.id, label=f"Edit {integration.name}"),
        button("Mute 24 h", MUTE, integration.id, label=f"Mute {integration.name} for 24 hours"),
    )
    told = "\n".join([*reason, _MEANINGS[health]])
    return [section(told), section(who), context("  ·  ".join(facts)), buttons]


def _several(reading: Reading, integrations: Sequence[Integration], health: Health) -> list[Block]:
    lines = []
    for one in integrations[:_MOST_NAMED]:
        total = reading.dependencies.page(one.id, 0, 1).total
        lines.append(f"• {bold(one.name)}, {mention(one.owner)}: {total} depend{'s' * (total == 1)} on it")
    more = len(integrations) - len(lines)
    lines += [f"… and {more} more"] if more else []
    named = section("\n".join(lines))
    if health is Health.WORKS:
        return [named]
    return [named, section(_MEANINGS[health]), context(f"`{COMMAND} list broken` shows them all.")]


def _ends(reading: Reading, events: Sequence[Event]) -> Message:
    present = [one for one in (reading.integrations.get(each.integration_id or "") for each in events) if one]
    dated = [(bold(one.name), f"{one.hour:%Y-%m-%d}", one.reason) for one in events if one.hour]
    lines = [f":hourglass: {name} expires on {day} ({what})." for name, day, what in dated]
    blocks = [section("\n".join(lines[:_MOST_NAMED]))]
    if len(present) == 1:
        page = reading.dependencies.page(present[0].id, 0, _MOST_NAMED)
        hit = "\n".join(f"• {_dependant(one)}" for one in page.rows)
        blocks.append(section(f"*Affected:*\n{hit}" if hit else "Nothing depends on it."))
        name, value = present[0].name, present[0].id
        blocks.append(actions(button("Edit", EDIT, value, label=f"Edit {name}")))
    return marked(lines[0], blocks)


def _names(names: Sequence[str]) -> str:
    return bold(names[0]) if len(names) == 1 else f"{len(names)} integrations"


def _dependant(dependency: Dependency) -> str:
    target = dependency.target
    return f"{target.kind.value} {code(target.name)}, {last_used(dependency.last_used_at)}"
