"""What the page shows to one person, as JSON."""

from collections.abc import Callable

from bot.simulator.cast import BOT_USER, Cast, Channel, Json, direct_channel
from bot.simulator.world import Message, View, World


def wait(world: World, person: str, since: int, timeout_s: float, given_up: Callable[[], bool]) -> Json:
    """Return the snapshot as soon as it is newer than ``since``, or when nobody waits or the time is up."""
    with world.lock:
        world.lock.wait_for(lambda: world.version != since or not world.open or given_up(), timeout_s)
        return snapshot(world, person)


def snapshot(world: World, person: str) -> Json:
    """Return everything that a person sees now; the caller holds ``world.lock``."""
    mine = [channel for channel in world.cast.channels.values() if person in channel.members]
    places = [channel.id for channel in mine] + [direct_channel(person)]
    return {
        "version": world.version,
        "open": world.open,
        "workspace": world.cast.team_name,
        "me": person,
        "app": _app(world),
        "people": [_person(world.cast, one) for one in world.cast.people],
        "channels": [_channel(one) for one in mine],
        "direct": direct_channel(person),
        "messages": [_message(one) for one in world.messages if _sees(person, places, one)],
        "views": [_view(one) for one in world.stacks[person]],
        "home": _view(world.homes[person]) if person in world.homes else None,
        "notes": [
            {"id": note.id, "title": note.title, "details": note.details}
            for note in world.notes
            if note.person == person
        ],
    }


def _sees(person: str, places: list[str], message: Message) -> bool:
    return message.channel in places and message.only_for in (None, person)


def _app(world: World) -> Json:
    commands = [
        {"name": one.name, "description": one.description, "hint": one.usage_hint}
        for one in world.app.commands
    ]
    shortcuts = [
        {"type": one.type, "callback_id": one.callback_id, "name": one.name, "description": one.description}
        for one in world.app.shortcuts
    ]
    return {
        "name": world.app.name,
        "description": world.app.description,
        "commands": commands,
        "shortcuts": shortcuts,
    }


def _channel(channel: Channel) -> Json:
    is_app_there = BOT_USER.id in channel.members
    return {"id": channel.id, "name": channel.name, "topic": channel.topic, "app": is_app_there}


def _person(cast: Cast, person: str) -> Json:
    user = cast.people[person]
    return {
        "id": person,
        "name": user.get("real_name", user["name"]),
        "handle": user["name"],
        "role": cast.role(person),
        "bot": bool(user.get("is_bot")),
    }


def _message(message: Message) -> Json:
    return {
        "ts": message.ts,
        "revision": message.revision,
        "channel": message.channel,
        "author": message.author,
        "kind": message.kind,
        "ephemeral": message.only_for is not None,
        "text": message.text,
        "blocks": message.surface.blocks,
        "values": message.surface.state()["values"],
        "details": message.details,
        "files": [file.described() for file in message.files],
        "reply": bool(message.thread_ts),
        "warning": message.warning,
        "edited": message.edited,
    }


def _view(view: View) -> Json:
    return {
        "id": view.id,
        "hash": view.hash,
        "revision": view.revision,
        "title": view.body.get("title"),
        "submit": view.body.get("submit"),
        "close": view.body.get("close"),
        "blocks": view.surface.blocks,
        "values": view.surface.state()["values"],
        "errors": view.errors,
        "warning": view.warning,
    }
