"""The payloads Slack sends, built from what a person did.

Source: Slack's reference on interaction payloads and slash commands.
"""

import secrets
from typing import Any

from bot.simulator.cast import (
    BOT_USER,
    CHANNELS,
    PEOPLE,
    TEAM_DOMAIN,
    TEAM_ID,
    Json,
    SlackApp,
    direct_channel,
)
from bot.simulator.inputs import FIELDS, Surface, options_by_value
from bot.simulator.world import Message, View, World

# Long deprecated and checked by nobody, but Slack still sends it.
VERIFICATION_TOKEN = "deprecated"  # noqa: S105 - no secret: requests are verified by their signature


def channel_name(channel: str) -> str:
    """Return a channel's name as payloads give it."""
    return CHANNELS[channel].name if channel in CHANNELS else "directmessage"


def slash_command(
    app: SlackApp, person: str, channel: str, command: str, text: str, grants: dict[str, str]
) -> dict[str, str]:
    """Return the form fields of a slash command; ``grants`` are its trigger and response URL."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM_ID,
        "team_domain": TEAM_DOMAIN,
        "channel_id": channel,
        "channel_name": channel_name(channel),
        "user_id": person,
        "user_name": PEOPLE[person].handle,
        "command": command,
        "text": text,
        "api_app_id": app.id,
        "is_enterprise_install": "false",
        **grants,
    }


def interaction(app: SlackApp, kind: str, person: str) -> Json:
    """Return what every interaction payload holds."""
    handle = PEOPLE[person].handle
    return {
        "type": kind,
        "user": {"id": person, "username": handle, "name": handle, "team_id": TEAM_ID},
        "api_app_id": app.id,
        "token": VERIFICATION_TOKEN,
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def message_place(app: SlackApp, message: Message) -> Json:
    """Return the keys that say on which message something was pressed."""
    ephemeral = message.only_for is not None
    place: Json = {
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": ephemeral,
        },
        "channel": {"id": message.channel, "name": channel_name(message.channel)},
        "state": message.surface.state(),
    }
    if not ephemeral:
        place["message"] = message_object(app, message)
    return place


def message_object(app: SlackApp, message: Message) -> Json:
    """Return a posted message as payloads and Web API answers hold it."""
    return {
        "type": "message",
        "user": message.author,
        "bot_id": app.bot_id,
        "app_id": app.id,
        "team": TEAM_ID,
        "ts": message.ts,
        "text": message.text,
        "blocks": message.surface.blocks,
    }


def view_place(app: SlackApp, view: View) -> Json:
    """Return the keys that say in which form or Home tab something was pressed."""
    return {"container": {"type": "view", "view_id": view.id}, "view": view_object(app, view)}


def view_object(app: SlackApp, view: View) -> Json:
    """Return a view as payloads and Web API answers hold it."""
    plain = {"private_metadata": "", "callback_id": "", "external_id": ""}
    unset = {"title": None, "submit": None, "close": None, "clear_on_close": False, "notify_on_close": False}
    return {
        **plain,
        **unset,
        **view.body,
        "id": view.id,
        "team_id": TEAM_ID,
        "app_id": app.id,
        "app_installed_team_id": TEAM_ID,
        "bot_id": app.bot_id,
        "blocks": view.surface.blocks,
        "state": view.surface.state(),
        "hash": view.hash,
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id,
    }


def action(surface: Surface, block: Json, element: Json, raw: Any, action_ts: str) -> Json:
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
        event["view"] = view_object(world.app, world.homes[person])
    bot = {"enterprise_id": None, "team_id": TEAM_ID, "user_id": BOT_USER.id, "is_bot": True}
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM_ID,
        "api_app_id": world.app.id,
        "type": "event_callback",
        "event_id": "Ev" + secrets.token_hex(5).upper(),
        "event_time": int(world.clock()),
        "event": event,
        "authorizations": [{**bot, "is_enterprise_install": False}],
        "is_ext_shared_channel": False,
    }
