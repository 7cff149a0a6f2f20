"""The payloads Slack sends, built from what a person did.

Source: Slack's reference on interaction payloads and slash commands.
"""

import secrets
from typing import Any

from bot.simulator.cast import BOT_USER, Cast, Json, direct_channel
from bot.simulator.inputs import FIELDS, TouchedBlocks, options_by_value
from bot.simulator.world import Message, View, World

# Long deprecated and checked by nobody, but Slack still sends it.
_VERIFICATION_TOKEN = "deprecated"  # noqa: S105 - no secret: requests are verified by their signature


def slash_command(
    world: World, person: str, channel: str, command: str, text: str, grants: dict[str, str]
) -> dict[str, str]:
    """Return the form fields of a slash command; ``grants`` are its trigger and response URL."""
    return {
        "token": _VERIFICATION_TOKEN,
        "team_id": world.cast.team_id,
        "team_domain": world.cast.team_domain,
        "channel_id": channel,
        "channel_name": _channel_name(world.cast, channel),
        "user_id": person,
        "user_name": world.cast.handle(person),
        "command": command,
        "text": text,
        "api_app_id": world.app.id,
        "is_enterprise_install": str(world.cast.is_org_wide).lower(),
        **({"enterprise_id": world.cast.enterprise_id} if world.cast.enterprise_id else {}),
        **grants,
    }


def interaction(world: World, kind: str, person: str) -> Json:
    """Return what every interaction payload holds."""
    cast, handle = world.cast, world.cast.handle(person)
    return {
        "type": kind,
        "user": {"id": person, "username": handle, "name": handle, "team_id": cast.team_of(person)},
        "api_app_id": world.app.id,
        "token": _VERIFICATION_TOKEN,
        "team": None if cast.is_org_wide else {"id": cast.team_id, "domain": cast.team_domain},
        "enterprise": {"id": cast.enterprise_id} if cast.enterprise_id else None,
        "is_enterprise_install": cast.is_org_wide,
    }


def message_place(world: World, message: Message) -> Json:
    """Return the keys that say on which message something was pressed."""
    ephemeral = message.only_for is not None
    place: Json = {
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": ephemeral,
        },
        "channel": {"id": message.channel, "name": _channel_name(world.cast, message.channel)},
        "state": message.surface.state(),
    }
    if not ephemeral:
        place["message"] = message_object(world, message)
    return place


def message_object(world: World, message: Message) -> Json:
    """Return a posted message as payloads and Web API answers hold it."""
    described: Json = {
        "type": "message",
        "user": message.author,
        "team": world.cast.team_id,
        "ts": message.ts,
        "text": message.text,
    }
    if message.author == BOT_USER.id:
        described |= {"bot_id": world.app.bot_id, "app_id": world.app.id, "blocks": message.surface.blocks}
    if message.thread_ts:
        described["thread_ts"] = message.thread_ts
    if message.files:
        described["files"] = [file.described() for file in message.files]
    return described


def view_place(world: World, view: View) -> Json:
    """Return the keys that say in which form or Home tab something was pressed."""
    return {"container": {"type": "view", "view_id": view.id}, "view": view_object(world, view)}


def view_object(world: World, view: View) -> Json:
    """Return a view as payloads and Web API answers hold it."""
    plain = {"private_metadata": "", "callback_id": "", "external_id": ""}
    unset = {"title": None, "submit": None, "close": None, "clear_on_close": False, "notify_on_close": False}
    return {
        **plain,
        **unset,
        **view.body,
        "id": view.id,
        "team_id": world.cast.team_id,
        "app_id": world.app.id,
        "app_installed_team_id": world.cast.team_id,
        "bot_id": world.app.bot_id,
        "blocks": view.surface.blocks,
        "state": view.surface.state(),
        "hash": view.hash,
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id,
    }


def action(surface: TouchedBlocks, block: Json, element: Json, raw: Any, action_ts: str) -> Json:
    """Return the one entry of ``actions``: which element was used, and how."""
    used: Json = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": action_ts,
    }
    if element["type"] in FIELDS:
        return {**used, **surface.entry(block, element)}
    if element["type"] == "overflow":
        return {**used, "selected_option": options_by_value(element)[raw]}
    return {**used, **{key: element[key] for key in ("text", "value", "style", "url") if key in element}}


def shortcut(world: World, person: str, callback_id: str) -> Json:
    """Return what a global shortcut sends; it has neither a channel nor a response URL."""
    return {
        **interaction(world, "shortcut", person),
        "callback_id": callback_id,
        "action_ts": world.next_ts(),
    }


def message_action(world: World, person: str, message: Message, callback_id: str) -> Json:
    """Return what a shortcut in a message's menu sends."""
    return {
        **interaction(world, "message_action", person),
        "callback_id": callback_id,
        "action_ts": world.next_ts(),
        "message_ts": message.ts,
        "channel": {"id": message.channel, "name": _channel_name(world.cast, message.channel)},
        "message": message_object(world, message),
    }


def home_opened(world: World, person: str, tab: str) -> Json:
    """Return the event that tells the app that somebody opened its Home."""
    event: Json = {
        "type": "app_home_opened",
        "user": person,
        "channel": direct_channel(person),
        "tab": tab,
        "event_ts": world.next_ts(),
    }
    if person in world.homes:
        event["view"] = view_object(world, world.homes[person])
    return event


def user_changed(world: World, person: str) -> Json:
    """Return the event that tells the app that an account changed."""
    now = int(world.clock())
    user = {**world.cast.people[person], "updated": now}
    return {"type": "user_change", "user": user, "cache_ts": now, "event_ts": world.next_ts()}


def event_callback(world: World, event: Json) -> Json:
    """Return the envelope in which an event arrives."""
    cast = world.cast
    team_id = None if cast.is_org_wide else cast.team_id
    bot = {"enterprise_id": cast.enterprise_id, "team_id": team_id, "user_id": BOT_USER.id, "is_bot": True}
    return {
        "token": _VERIFICATION_TOKEN,
        "team_id": cast.team_id,
        "enterprise_id": cast.enterprise_id,
        "api_app_id": world.app.id,
        "type": "event_callback",
        "event_id": "Ev" + secrets.token_hex(5).upper(),
        "event_time": int(world.clock()),
        "event": event,
        "authorizations": [{**bot, "is_enterprise_install": cast.is_org_wide}],
        "is_ext_shared_channel": False,
    }


def _channel_name(cast: Cast, channel: str) -> str:
    return cast.channels[channel].name if channel in cast.channels else "directmessage"
