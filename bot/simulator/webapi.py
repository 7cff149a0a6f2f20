"""The Web API methods the app calls: one function per method, ``METHODS`` lists them.

Every answer is a body for HTTP 200; failures are ``{"ok": false, "error": code}`` as on Slack.
"""

import json
from collections.abc import Callable
from typing import Any

from bot.simulator.cast import (
    BOT_USER,
    CHANNELS,
    PEOPLE,
    TEAM_ID,
    TEAM_NAME,
    Json,
    direct_channel,
    user_object,
)
from bot.simulator.kept_blocks import Refused
from bot.simulator.sent_payloads import message_object, view_object
from bot.simulator.world import MAX_STACK, View, World

# Arguments that a form-encoded call carries as JSON text.
STRUCTURED = ("blocks", "view", "metadata", "attachments")


def call(world: World, method: str, args: Json) -> Json:
    """Run one method and return Slack's answer."""
    run = METHODS.get(method)
    if run is None:
        return Refused("unknown_method").answer()
    try:
        with world.lock:
            return {"ok": True, **run(world, _decoded(args))}
    except Refused as refused:
        return refused.answer()


def api_test(_world: World, args: Json) -> Json:
    return {"args": args}


def auth_test(world: World, _args: Json) -> Json:
    return {
        "url": "https://try.slack.com/",
        "team": TEAM_NAME,
        "team_id": TEAM_ID,
        "user": BOT_USER.handle,
        "user_id": BOT_USER.id,
        "bot_id": world.app.bot_id,
        "is_enterprise_install": False,
    }


def users_info(_world: World, args: Json) -> Json:
    person = PEOPLE.get(args.get("user", ""))
    if person is None:
        raise Refused("user_not_found")
    return {"user": user_object(person)}


def usergroups_users_list(_world: World, _args: Json) -> Json:
    return {"users": []}


def conversations_open(_world: World, args: Json) -> Json:
    person = args.get("users", "")
    if person not in PEOPLE:
        raise Refused("user_not_found")
    return {"channel": {"id": direct_channel(person)}}


def views_open(world: World, args: Json) -> Json:
    owner = world.grants.exchange(args.get("trigger_id", ""))
    view = _admitted(world, owner, args, "modal", "views.open", [])
    world.stacks[owner] = [view]
    world.changed()
    return {"view": view_object(world.app, view)}


def views_push(world: World, args: Json) -> Json:
    owner = world.grants.exchange(args.get("trigger_id", ""))
    stack = world.stacks[owner]
    if not stack:
        raise Refused("not_found")
    if len(stack) >= MAX_STACK:
        raise Refused("push_limit_reached")
    view = _admitted(world, owner, args, "modal", "views.push", stack)
    stack.append(view)
    world.changed()
    return {"view": view_object(world.app, view)}


def views_update(world: World, args: Json) -> Json:
    view = world.view(args.get("view_id") or args.get("external_id") or "")
    _expect_hash(view, args)
    body = _view_argument(args)
    world.accept(view.body["type"], body, person=view.owner, source="views.update")
    world.rewrite_view(view, body)
    return {"view": view_object(world.app, view)}


def views_publish(world: World, args: Json) -> Json:
    owner = args.get("user_id", "")
    if owner not in PEOPLE:
        raise Refused("user_not_found")
    shown = world.homes.get(owner)
    if shown is None:
        shown = _admitted(world, owner, args, "home", "views.publish", [])
        world.homes[owner] = shown
        world.changed()
    else:
        _expect_hash(shown, args)
        world.accept("home", _view_argument(args), person=owner, source="views.publish")
        world.rewrite_view(shown, _view_argument(args))
    return {"view": view_object(world.app, shown)}


def chat_post_message(world: World, args: Json) -> Json:
    channel, person = _conversation(args.get("channel", ""))
    _accept_message(world, args, person, channel, "chat.postMessage")
    message = world.post(channel, BOT_USER.id, args.get("text") or "", args.get("blocks"))
    return {"channel": channel, "ts": message.ts, "message": message_object(world.app, message)}


def chat_post_ephemeral(world: World, args: Json) -> Json:
    channel, _ = _conversation(args.get("channel", ""))
    person = args.get("user", "")
    if channel in CHANNELS and person not in CHANNELS[channel].members:
        raise Refused("user_not_in_channel")
    _accept_message(world, args, person, channel, "chat.postEphemeral")
    text = args.get("text") or ""
    message = world.post(channel, BOT_USER.id, text, args.get("blocks"), only_for=person)
    return {"message_ts": message.ts}


def chat_update(world: World, args: Json) -> Json:
    message = world.message(args.get("ts", ""), "")
    if message.author != BOT_USER.id:
        raise Refused("cant_update_message")
    _accept_message(world, args, "", message.channel, "chat.update")
    world.rewrite(message, args.get("text") or "", args.get("blocks"))
    return {"channel": message.channel, "ts": message.ts, "text": message.text}


METHODS: dict[str, Callable[[World, Json], Json]] = {
    "api.test": api_test,
    "auth.test": auth_test,
    "users.info": users_info,
    "usergroups.users.list": usergroups_users_list,
    "conversations.open": conversations_open,
    "views.open": views_open,
    "views.push": views_push,
    "views.update": views_update,
    "views.publish": views_publish,
    "chat.postMessage": chat_post_message,
    "chat.postEphemeral": chat_post_ephemeral,
    "chat.update": chat_update,
}


def _decoded(args: Json) -> Json:
    return {key: _structured(value) if key in STRUCTURED else value for key, value in args.items()}


def _structured(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise Refused("invalid_arguments") from None


def _view_argument(args: Json) -> Json:
    view = args.get("view")
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        raise Refused("invalid_arguments", ["[ERROR] missing or malformed field: view"])
    return view


def _admitted(world: World, owner: str, args: Json, where: str, source: str, stack: list[View]) -> View:
    body = _view_argument(args)
    if body["type"] != where:
        raise Refused("invalid_arguments", [f"[ERROR] {source} takes a view of type {where}"])
    world.accept(where, body, person=owner, source=source)
    return world.new_view(owner, body, stack)


def _expect_hash(view: View, args: Json) -> None:
    if args.get("hash") not in (None, "", view.hash):
        raise Refused("hash_conflict")


def _conversation(channel: str) -> tuple[str, str]:
    """Return the channel to post to, and the person when it is a direct conversation."""
    if channel in CHANNELS:
        if BOT_USER.id not in CHANNELS[channel].members:
            raise Refused("not_in_channel")
        return channel, ""
    for person in PEOPLE:
        if channel in (person, direct_channel(person)):
            return direct_channel(person), person
    raise Refused("channel_not_found")


def _accept_message(world: World, args: Json, person: str, channel: str, source: str) -> None:
    if not args.get("text") and not args.get("blocks"):
        raise Refused("no_text")
    body: Json = {key: args[key] for key in ("text", "blocks") if key in args}
    world.accept("message", body, person=person, channel=channel, source=source)
