"""The Web API methods the app calls: one function per method; ``METHODS`` lists them.

Every answer is a body for HTTP 200; failures are ``{"ok": false, "error": code}`` as on Slack.
"""

import json
from collections.abc import Callable
from typing import Any

from bot.simulator.cast import BOT_USER, Json, direct_channel
from bot.simulator.kept_blocks import BlocksRefused
from bot.simulator.sent_payloads import message_object, view_object
from bot.simulator.world import MAX_STACK, View, World

# Arguments that a form-encoded call carries as JSON text.
_STRUCTURED = ("blocks", "view", "metadata", "attachments", "files")


def call(world: World, method: str, args: Json) -> Json:
    """Run one method and return Slack's answer."""
    run = METHODS.get(method)
    if run is None:
        return BlocksRefused("unknown_method").answer()
    try:
        with world.lock:
            return {"ok": True, **run(world, _decoded(args))}
    except BlocksRefused as refused:
        return refused.answer()


def _auth_test(world: World, _args: Json) -> Json:
    return {
        "url": f"https://{world.cast.team_domain}.slack.com/",
        "team": world.cast.team_name,
        "team_id": world.cast.enterprise_id if world.cast.is_org_wide else world.cast.team_id,
        "enterprise_id": world.cast.enterprise_id,
        "user": BOT_USER.handle,
        "user_id": BOT_USER.id,
        "bot_id": world.app.bot_id,
        "is_enterprise_install": world.cast.is_org_wide,
    }


def _users_info(world: World, args: Json) -> Json:
    user = world.cast.people.get(args.get("user", ""))
    if user is None:
        raise BlocksRefused("user_not_found")
    return {"user": user}


def _usergroups_users_list(world: World, args: Json) -> Json:
    if world.cast.is_org_wide and not args.get("team_id"):
        raise BlocksRefused("missing_argument")
    members = world.cast.groups.get(args.get("usergroup", ""))
    if members is None:
        raise BlocksRefused("no_such_subteam")
    return {"users": members}


def _conversations_open(world: World, args: Json) -> Json:
    person = args.get("users", "")
    if person not in world.cast.people:
        raise BlocksRefused("user_not_found")
    return {"channel": {"id": direct_channel(person)}}


def _views_open(world: World, args: Json) -> Json:
    trigger = world.grants.exchange(args.get("trigger_id", ""))
    owner = trigger.person
    body = _admitted(world, owner, args, "modal", "views.open")
    world.stacks[owner] = []
    view = world.put_view(owner, body, world.stacks[owner], trigger.channel)
    return {"view": view_object(world, view)}


def _views_push(world: World, args: Json) -> Json:
    owner = world.grants.exchange(args.get("trigger_id", "")).person
    stack = world.stacks[owner]
    if not stack:
        raise BlocksRefused("not_found")
    if len(stack) >= MAX_STACK:
        raise BlocksRefused("push_limit_reached")
    body = _admitted(world, owner, args, "modal", "views.push")
    view = world.put_view(owner, body, stack)
    return {"view": view_object(world, view)}


def _views_update(world: World, args: Json) -> Json:
    view = world.view(args.get("view_id") or args.get("external_id") or "")
    _expect_hash(view, args)
    body = _view_argument(args)
    world.accept(view.body["type"], body, person=view.owner, source="views.update")
    world.rewrite_view(view, body)
    return {"view": view_object(world, view)}


def _views_publish(world: World, args: Json) -> Json:
    owner = args.get("user_id", "")
    if owner not in world.cast.people:
        raise BlocksRefused("user_not_found")
    shown = world.homes.get(owner)
    if shown is not None:
        _expect_hash(shown, args)
    body = _admitted(world, owner, args, "home", "views.publish")
    if shown is None:
        shown = world.put_home(owner, body)
    else:
        world.rewrite_view(shown, body)
    return {"view": view_object(world, shown)}


def _chat_post_message(world: World, args: Json) -> Json:
    channel, person = _conversation(world, args.get("channel", ""))
    _accept_message(world, args, person, channel, "chat.postMessage")
    text, thread = args.get("text") or "", args.get("thread_ts") or ""
    message = world.post(channel, BOT_USER.id, text, args.get("blocks"), thread_ts=thread)
    return {"channel": channel, "ts": message.ts, "message": message_object(world, message)}


def _chat_post_ephemeral(world: World, args: Json) -> Json:
    channel, _ = _conversation(world, args.get("channel", ""))
    person = args.get("user", "")
    if channel in world.cast.channels and not world.cast.is_member(person, channel):
        raise BlocksRefused("user_not_in_channel")
    _accept_message(world, args, person, channel, "chat.postEphemeral")
    text = args.get("text") or ""
    message = world.post(channel, BOT_USER.id, text, args.get("blocks"), only_for=person)
    return {"message_ts": message.ts}


def _chat_update(world: World, args: Json) -> Json:
    message = world.message(args.get("ts", ""), "")
    if message.author != BOT_USER.id:
        raise BlocksRefused("cant_update_message")
    _accept_message(world, args, "", message.channel, "chat.update")
    world.rewrite(message, args.get("text") or "", args.get("blocks"))
    return {"channel": message.channel, "ts": message.ts, "text": message.text}


def _chat_delete(world: World, args: Json) -> Json:
    message = world.message(args.get("ts", ""), "")
    if message.author != BOT_USER.id:
        raise BlocksRefused("cant_delete_message")
    world.remove(message)
    return {"channel": message.channel, "ts": message.ts}


def _conversations_info(world: World, args: Json) -> Json:
    channel = world.cast.channels.get(args.get("channel", ""))
    if channel is None:
        raise BlocksRefused("channel_not_found")
    is_member = world.cast.is_member(BOT_USER.id, channel.id)
    return {"channel": {"id": channel.id, "name": channel.name, "is_channel": True, "is_member": is_member}}


def _files_get_upload_url_external(world: World, args: Json) -> Json:
    length = str(args.get("length", ""))
    file = world.uploads.announce(args.get("filename", ""), int(length) if length.isdecimal() else 0)
    return {"upload_url": world.base_url + file.path, "file_id": file.id}


def _files_complete_upload_external(world: World, args: Json) -> Json:
    listed = args.get("files")
    if not isinstance(listed, list) or not listed:
        raise BlocksRefused("invalid_arguments")
    files = [world.uploads.uploaded(one.get("id", "")) for one in listed]
    for file, one in zip(files, listed, strict=True):
        file.title = one.get("title", "")
    if args.get("channel_id"):
        channel, _ = _conversation(world, args["channel_id"])
        text, thread = args.get("initial_comment") or "", args.get("thread_ts") or ""
        world.post(channel, BOT_USER.id, text, args.get("blocks"), thread_ts=thread, files=files)
    return {"files": [file.described() for file in files]}


METHODS: dict[str, Callable[[World, Json], Json]] = {
    "auth.test": _auth_test,
    "users.info": _users_info,
    "usergroups.users.list": _usergroups_users_list,
    "conversations.open": _conversations_open,
    "views.open": _views_open,
    "views.push": _views_push,
    "views.update": _views_update,
    "views.publish": _views_publish,
    "chat.postMessage": _chat_post_message,
    "chat.postEphemeral": _chat_post_ephemeral,
    "chat.update": _chat_update,
    "chat.delete": _chat_delete,
    "conversations.info": _conversations_info,
    "files.getUploadURLExternal": _files_get_upload_url_external,
    "files.completeUploadExternal": _files_complete_upload_external,
}


def _decoded(args: Json) -> Json:
    return {key: _structured(value) if key in _STRUCTURED else value for key, value in args.items()}


def _structured(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise BlocksRefused("invalid_arguments") from None


def _view_argument(args: Json) -> Json:
    view = args.get("view")
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        raise BlocksRefused("invalid_arguments", ["[ERROR] missing or malformed field: view"])
    return view


def _admitted(world: World, owner: str, args: Json, where: str, source: str) -> Json:
    body = _view_argument(args)
    if body["type"] != where:
        raise BlocksRefused("invalid_arguments", [f"[ERROR] {source} takes a view of type {where}"])
    world.accept(where, body, person=owner, source=source)
    return body


def _expect_hash(view: View, args: Json) -> None:
    if args.get("hash") not in (None, "", view.hash):
        raise BlocksRefused("hash_conflict")


def _conversation(world: World, channel: str) -> tuple[str, str]:
    """Return the channel to post to, and the person when it is a direct conversation."""
    if channel.startswith("#"):
        known = (one.id for one in world.cast.channels.values() if one.name == channel[1:])
        channel = next(known, channel)
    if channel in world.cast.channels:
        if not world.cast.is_member(BOT_USER.id, channel):
            raise BlocksRefused("not_in_channel")
        return channel, ""
    for person in world.cast.people:
        if channel in (person, direct_channel(person)):
            return direct_channel(person), person
    raise BlocksRefused("channel_not_found")


def _accept_message(world: World, args: Json, person: str, channel: str, source: str) -> None:
    if not args.get("text") and not args.get("blocks"):
        raise BlocksRefused("no_text")
    body: Json = {key: args[key] for key in ("text", "blocks") if key in args}
    world.accept("message", body, person=person, channel=channel, source=source)
