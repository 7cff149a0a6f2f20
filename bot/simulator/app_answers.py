"""What the app's answers do: to a command, to a submitted form, and through a response URL."""

from typing import Any

from bot.simulator.cast import BOT_USER, Json
from bot.simulator.delivery import AppAnswer
from bot.simulator.grants import ResponseUrl
from bot.simulator.kept_blocks import BlocksRefused
from bot.simulator.world import MAX_STACK, Message, View, World

TROUBLE = "We had some trouble connecting. Try again?"
_OK = 200


def command_answered(world: World, person: str, channel: str, command: str, answer: AppAnswer | None) -> None:
    """Show the acknowledgement of a slash command, or why it failed."""
    if answer is None:
        _failed(world, person, channel, command, "operation_timeout")
    elif answer.status != _OK:
        _failed(world, person, channel, command, "dispatch_failed")
    elif answer.body.strip():
        _show_acknowledgement(world, person, channel, command, answer)


def pressed(world: World, used: Message | View, answer: AppAnswer | None) -> None:
    """Warn below a message or form when the app did not accept a press."""
    warning = "" if answer is not None and answer.status == _OK else TROUBLE
    if used.warning != warning:
        used.warning = warning
        world.show(used)


def submitted(world: World, view: View, answer: AppAnswer | None) -> None:
    """Do what the answer to a submitted form says."""
    body = answer.json() if answer is not None else None
    if answer is None or answer.status != _OK or (answer.body.strip() and not isinstance(body, dict)):
        view.warning = TROUBLE
        world.show(view)
        return
    view.errors, view.warning = {}, ""
    try:
        _respond(world, view, body or {})
    except BlocksRefused:
        view.warning = TROUBLE
        world.show(view)


def respond(world: World, url: ResponseUrl, body: Any) -> None:
    """
    Take one post to a response URL.

    Raises:
        BlocksRefused: Slack would not take the message.
    """
    if not isinstance(body, dict):
        raise BlocksRefused("invalid_payload")
    if url.ts is not None and body.get("delete_original"):
        world.remove(world.message(url.ts, url.person))
        return
    if not body.get("text") and not body.get("blocks"):
        raise BlocksRefused("no_text")
    _accept(world, url.person, url.channel, body, "response_url")
    if url.ts is not None and body.get("replace_original"):
        original = world.message(url.ts, url.person)
        world.rewrite(original, body.get("text") or "", body.get("blocks"))
        return
    _post(world, url.person, url.channel, body)


def _failed(world: World, person: str, channel: str, command: str, error: str) -> None:
    text = f"{command} failed with the error “{error}”"
    world.post(channel, BOT_USER.id, text, [], only_for=person, kind="slackbot")


def _show_acknowledgement(world: World, person: str, channel: str, command: str, answer: AppAnswer) -> None:
    body = answer.json()
    if not isinstance(body, dict):
        body = {"text": answer.body.decode(errors="replace")}
    if not body.get("text") and not body.get("blocks"):
        return
    try:
        _accept(world, person, channel, body, f"answer to {command}")
        _post(world, person, channel, body)
    except BlocksRefused as refused:
        _failed(world, person, channel, command, refused.code)


def _accept(world: World, person: str, channel: str, body: Json, source: str) -> None:
    shown: Json = {key: body[key] for key in ("text", "blocks") if key in body}
    world.accept("message", shown, person=person, channel=channel, source=source)


def _post(world: World, person: str, channel: str, body: Json) -> None:
    only_for = None if body.get("response_type") == "in_channel" else person
    world.post(channel, BOT_USER.id, body.get("text") or "", body.get("blocks"), only_for=only_for)


def _respond(world: World, view: View, body: Json) -> None:
    match body.get("response_action"):
        case None:
            _close_top(world, view)
        case "clear":
            world.stacks[view.owner] = []
            world.changed()
        case "errors":
            _show_errors(world, view, body.get("errors"))
        case "update":
            _admit(world, view, body)
            world.rewrite_view(world.present(view), body["view"])
        case "push":
            _push(world, view, body)
        case unknown:
            world.refuse("Slack does not know this response_action.", [str(unknown)], view.owner)
            raise BlocksRefused("invalid_arguments")


def _close_top(world: World, view: View) -> None:
    world.stacks[view.owner] = [shown for shown in world.stacks[view.owner] if shown.id != view.id]
    world.changed()


def _show_errors(world: World, view: View, errors: Any) -> None:
    inputs = {block["block_id"] for block in view.surface.blocks if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors:
        details = ["errors must be an object of block_id and text"]
    else:
        details = [
            f'no input block has the block_id "{key}" (error text: "{text}")'
            for key, text in errors.items()
            if key not in inputs
        ]
    if details:
        world.refuse(
            "Slack would show no error beside a field (answer to view_submission).", details, view.owner
        )
        raise BlocksRefused("invalid_arguments")
    view.errors = errors
    world.show(view)


def _admit(world: World, view: View, body: Json) -> None:
    shown = body.get("view")
    if not isinstance(shown, dict):
        raise BlocksRefused("invalid_arguments")
    world.accept("modal", shown, person=view.owner, source="answer to view_submission")


def _push(world: World, view: View, body: Json) -> None:
    stack = world.stacks[view.owner]
    _admit(world, view, body)
    if len(stack) >= MAX_STACK:
        world.refuse("Slack stacks at most three forms.", ["push_limit_reached"], view.owner)
        raise BlocksRefused("push_limit_reached")
    world.put_view(view.owner, body["view"], stack)
