"""From a verified payload to its listener, and from whatever goes wrong to a sentence for the person.

1. ``introduce`` says who is acting. For a press and an event that waits until after the acknowledgement.
2. ``command``, ``press``, ``form`` and ``home_opened`` find the listener and call it.
3. Errors rise to ``failed``, or to ``explanation`` where the listener ran on the executor.
"""

import hashlib
import logging
import secrets
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from slack_bolt import Ack, BoltContext, BoltResponse

from bot.core.access import require, role_of
from bot.core.audit import Action, refusal
from bot.core.errors import InvalidFields, InvalidInput, QuaymasterError, SecretInText, StoreFailure
from bot.core.model import Actor, Workspace
from bot.core.secret_detection import looks_secret
from bot.core.workflows.token_format import ids_in
from bot.services import Services
from bot.slack.rate_limits import SlackRates
from handlers.blocks import Message
from handlers.error_answers import beside_fields, busy, explained, on_top, unexpected
from handlers.routes import Form, Press, Routes, call
from handlers.surfaces import HOME, HomeSurface, ModalSurface, Surface, read_facts, surface_of

log = logging.getLogger("quaymaster.app")

Body = Mapping[str, Any]

INTRODUCED_LATER = frozenset({"block_actions", "event_callback"})
"""Payloads that are acknowledged before Slack may have to be asked who sent them."""


class Dispatch:
    """The listeners Bolt knows: one for each kind of request."""

    def __init__(self, services: Services, routes: Routes, rates: SlackRates) -> None:
        self.services = services
        self.routes = routes
        self.rates = rates

    def introduce(self, body: Body, context: BoltContext) -> None:
        """Give listeners ``services`` and ``actor`` by name."""
        context["services"] = self.services
        if body.get("type") not in INTRODUCED_LATER:
            self.rates.take(workspace_of(context), context.user_id or "")
            context["actor"] = actor_of(self.services, context, body)

    def command(self, ack: Ack, body: Body, actor: Actor) -> None:
        """Answer a slash command."""
        require(self.services.ports, actor, Action.SEE)
        text = str(body.get("text", ""))
        refuse_secret(self.services, actor, text)
        verb, words = self.routes.read(text)
        surface = surface_of(self.services, actor.workspace, actor.user_id, body)
        available = {**self.given(actor), "ack": ack, "words": words, "surface": surface}
        if verb.name not in self.routes.waiting:
            return call(verb.listener, available)
        ack()
        return self.later(surface, lambda: call(verb.listener, available))

    def press(self, ack: Ack, body: Body, context: BoltContext) -> None:
        """Acknowledge a press, then run its listener on the executor."""
        ack()
        surface = surface_of(self.services, workspace_of(context), context.user_id or "", body)
        self.later(surface, lambda: self.pressed(body, context, surface))

    def pressed(self, body: Body, context: BoltContext, surface: Surface) -> None:
        """Run a press's listener, then publish the Home tab anew if something changed there."""
        self.rates.take(workspace_of(context), context.user_id or "")
        actor = actor_of(self.services, context, body)
        require(self.services.ports, actor, Action.SEE)
        press = read_press(body)
        listener = self.routes.actions.get(press.action_id)
        if listener is None:
            raise InvalidInput("This button is too old.", "Type /integrations to see the present state.")
        call(listener, {**self.given(actor), "press": press, "surface": surface})
        if press.action_id in self.routes.changing:
            self.publish_home(actor, home_state(surface))

    def form(self, ack: Ack, body: Body, actor: Actor) -> None:
        """Answer a submitted form."""
        require(self.services.ports, actor, Action.SEE)
        view = body["view"]
        listener = self.routes.forms.get(view.get("callback_id", ""))
        if listener is None:
            raise InvalidInput("This form is too old.", "Close it and open it again.")
        form = Form(view.get("state", {}).get("values", {}), read_facts(view))
        call(listener, {**self.given(actor), "ack": ack, "form": form})
        if HOME in form.facts:
            self.services.executor.submit(
                lambda: self.publish_home(actor, str(form.facts[HOME])), on_full=do_nothing
            )

    def home_opened(self, ack: Ack, body: Body, event: Body, context: BoltContext) -> None:
        """Publish the Home tab when somebody opens it."""
        ack()
        if event.get("tab") == "home":
            user_id = context.user_id or ""
            home = HomeSurface(self.services.slack(workspace_of(context)), user_id, "", "")
            task = self.guarded(home.replace, lambda: self.opened(context, body))
            self.services.executor.submit(task, on_full=lambda: home.replace(busy()))

    def opened(self, context: BoltContext, body: Body) -> None:
        """Publish the whole list as the Home tab of the person who opened it."""
        self.publish_home(actor_of(self.services, context, body), "")

    def publish_home(self, actor: Actor, state: str | None) -> None:
        """Publish the Home tab as it was narrowed, unless nobody looks at it."""
        if state is not None and self.routes.home is not None:
            call(self.routes.home, {**self.given(actor), "state": state})

    def given(self, actor: Actor) -> dict[str, Any]:
        """What every listener may name."""
        return {"services": self.services, "routes": self.routes, "actor": actor}

    def later(self, surface: Surface, task: Callable[[], None]) -> None:
        """Run a task on the executor; what goes wrong is shown where the person asked."""
        guarded = self.guarded(surface.show, task)
        self.services.executor.submit(guarded, on_full=lambda: surface.show(busy()))

    def guarded(self, tell: Callable[[Message], None], task: Callable[[], None]) -> Callable[[], None]:
        """Wrap a task so that the person is told when it fails."""

        def run() -> None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - the last place that can still tell the person
                tell(explanation(error))

        return run

    def failed(self, error: Exception, body: Body) -> BoltResponse:
        """Answer a request whose listener or middleware failed: the person is told, Slack gets a 200."""
        if body.get("type") == "view_submission":
            return BoltResponse(status=200, body=form_answer(error, body["view"]))
        return BoltResponse(status=200, body=explanation(error) if "command" in body else "")


def do_nothing() -> None:
    """Drop what can be done without: the Home tab is published again when it is opened."""


def workspace_of(context: BoltContext) -> Workspace:
    """The workspace of a verified request."""
    return Workspace(context.team_id or "", context.enterprise_id)


def actor_of(services: Services, context: BoltContext, body: Body) -> Actor:
    """Say who is acting, in which role, at this moment."""
    workspace = workspace_of(context)
    user_id = context.user_id or ""
    person = services.people.person(workspace, user_id)
    is_named_admin = is_among(services, workspace, user_id, services.admins)
    is_editor = not services.editors or is_among(services, workspace, user_id, services.editors)
    role = role_of(person, workspace.team_id, is_named_admin=is_named_admin, is_editor=is_editor)
    people = tuple(admin for admin in services.admins if admin[:1] in "UW")
    return Actor(
        workspace, user_id, role, services.ports.now(), request_id=request_id_of(body), admins=people
    )


def is_among(services: Services, workspace: Workspace, user_id: str, ids: tuple[str, ...]) -> bool:
    """True when a list of people and user groups names this person."""
    groups = [one for one in ids if one.startswith("S")]
    return user_id in ids or (bool(groups) and services.people.is_in_group(workspace, user_id, groups))


def request_id_of(body: Body) -> str:
    """An id that the same request has when it comes twice: a hash, since a trigger id is a capability."""
    view = body.get("view") or {}
    submitted = f"{view.get('id')}:{view.get('hash')}" if body.get("type") == "view_submission" else ""
    sent = submitted or str(body.get("trigger_id") or body.get("event_id") or "")
    return hashlib.sha256(sent.encode()).hexdigest()[:16] if sent else ""


def refuse_secret(services: Services, actor: Actor, text: str) -> None:
    """Refuse a command that holds a secret, and keep in the history that it happened, without the text."""
    if looks_secret(text):
        token_ids = ids_in(text)
        # The advice to revoke it counts more than the entry, so a store that fails does not stand before it.
        with suppress(StoreFailure), services.ports.store.change(actor.workspace) as change:
            for token_id in token_ids or ("",):
                change.record(refusal(actor, Action.TYPE_SECRET, token_id=token_id))
        raise SecretInText(token_ids)


def read_press(body: Body) -> Press:
    """Read a press. An overflow entry's value is ``<action id>:<value>``."""
    action = body["actions"][0]
    chosen = action.get("selected_option") or {}
    action_id, value = str(action.get("action_id", "")), str(action.get("value") or chosen.get("value") or "")
    if action.get("type") == "overflow":
        action_id, _, value = value.partition(":")
    place = body.get("view") or body
    state = (place.get("state") or {}).get("values", {})
    return Press(action_id, str(action.get("block_id", "")), value, state)


def home_state(surface: Surface) -> str | None:
    """What the Home tab behind a surface is narrowed to; ``None`` when it was not opened from there."""
    if isinstance(surface, HomeSurface):
        return surface.state
    return surface.facts.get(HOME) if isinstance(surface, ModalSurface) else None


def form_answer(error: Exception, view: Mapping[str, Any]) -> dict[str, Any]:
    """Put an error beside its fields, or on top of the form, which keeps what was typed."""
    if isinstance(error, InvalidFields):
        inputs = (block for block in view.get("blocks") or () if block.get("type") == "input")
        shown = frozenset(str(block.get("block_id", "")) for block in inputs)
        return {"response_action": "errors", "errors": beside_fields(error, shown)}
    return {"response_action": "push", "view": on_top(explanation(error))}


def explanation(error: Exception) -> Message:
    """Put an error into words; one that nobody foresaw is logged under an id, without its text."""
    if isinstance(error, QuaymasterError):
        return explained(error)
    incident = secrets.token_hex(4)
    # Only the frames: the text of a foreign exception may quote a payload or a whole answer of Slack's.
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("incident %s: %s\n%s", incident, type(error).__name__, frames)
    return unexpected(incident)
