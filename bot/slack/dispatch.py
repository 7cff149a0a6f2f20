"""From a verified payload to its listener, and from whatever goes wrong to a sentence for the person.

1. ``command``, ``press``, ``form``, ``suggest``, ``shortcut`` and ``home_opened`` find the listener: what
   it does at most decides whether Slack is asked again who that person is, or a memory will do
   (``bot/core/access.py``).
2. They find out who is acting, in which role, and call the listener. For a press, a shortcut and an event,
   that waits until after the acknowledgement.
3. Errors rise to ``failed``, or to ``_explanation`` where the listener ran on the executor.
"""

import hashlib
import inspect
import logging
import secrets
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any

import orjson
from slack_bolt import Ack, BoltContext, BoltResponse

from bot.core.access import MEMORY_WILL_DO, require
from bot.core.audit import Action, refusal
from bot.core.errors import (
    InvalidFields,
    InvalidInput,
    NotInstalled,
    NotPermitted,
    SecretInText,
    StoreFailure,
)
from bot.core.integrations.owners import left_at, note_departure
from bot.core.integrations.target_names import is_name_of_any
from bot.core.model import Actor, Role, Workspace
from bot.core.queries import HistoryQuery
from bot.core.secret_detection import could_be_name, looks_secret
from bot.core.secrets import ids_in
from bot.services import Services
from bot.slack.members import SlackRates, find_actor
from bot.slack.response_url import CommandName
from bot.slack.slack_errors import explained_refusal
from handlers.blocks import Message
from handlers.error_answers import beside_fields, busy, explained, on_top, unexpected
from handlers.routes import Form, Listener, Press, Routes, Verb, Words
from handlers.surfaces import (
    HOME,
    HomeSurface,
    ModalSurface,
    Surface,
    inherited,
    read_facts,
    surface_of,
    with_facts,
)

log = logging.getLogger("quaymaster.app")

_Body = Mapping[str, Any]

Workspaces = Callable[[str, str | None], Workspace]
"""Returns the workspace of a verified request, by team and enterprise id, or refuses it."""

_FORM_S = 2.8
"""Slack waits 3 s for the answer to a form: for asking who sent it and for checking the login together."""

_LONGEST_QUERY = 100
"""Characters of what is typed in a menu: longer than any name."""


class _QuickAck:
    """Bolt's ``ack`` for a message, with an encoder that takes a tenth of the time of Bolt's."""

    def __init__(self, ack: Ack, name: CommandName) -> None:
        self._ack = ack
        self._name = name

    def __call__(self, **message: Any) -> None:
        try:
            body = self._name.in_text(orjson.dumps(message).decode())
            self._ack.response = BoltResponse(status=200, body=body)
        except orjson.JSONEncodeError:  # half of a surrogate pair, which a registry sent and Bolt escapes
            self._ack(**message)


class _NamingAck:
    """Bolt's ``ack`` for a form. What the form becomes knows where the form was opened from."""

    def __init__(self, ack: Ack, name: CommandName, facts: Mapping[str, Any]) -> None:
        self._ack = ack
        self._name = name
        self._facts = facts

    def __call__(self, **answer: Any) -> None:
        if "view" in answer:
            answer["view"] = with_facts(answer["view"], inherited(self._facts))
        self._ack(**self._name.in_message(answer))


class Dispatch:
    """The listeners Bolt knows: one for each kind of request."""

    def __init__(
        self,
        services: Services,
        routes: Routes,
        rates: SlackRates,
        workspaces: Workspaces = Workspace,
        command_name: CommandName | None = None,
        doubt: Callable[[str], None] | None = None,
    ) -> None:
        """
        Put together what requests need.

        ``workspaces`` says which workspace a request belongs to; by default the one that it names.
        ``command_name`` is told the name by which each command comes in. ``doubt`` finds out whether the app
        is still installed in a workspace or an organization; ``None`` = one bot token says so itself.
        """
        self._doubt = doubt
        self._command_name = command_name or CommandName()
        self._services = services
        self._routes = routes
        self._rates = rates
        self._workspaces = workspaces

    def command(self, ack: Ack, body: _Body, context: BoltContext) -> None:
        """Answer a slash command."""
        text = str(body.get("text", ""))
        self._command_name.notice(str(body.get("command", "")))
        known = self._routes.read_if_known(text)
        actor = self._actor(context, body, self._routes.does.get(known[0].name) if known else None)
        _refuse_secret(self._services, actor, text, known)
        verb, words = known or self._routes.read(text)
        opening = verb.opens.get(" ".join(words.rest).lower())
        answers_at_once = opening is None and verb.name not in self._routes.waiting
        given = {**self._given(actor), "words": words}
        if answers_at_once:
            return _call(verb.listener, {**given, "ack": _QuickAck(ack, self._command_name)})
        ack()
        surface = surface_of(self._services, actor.workspace, actor.user_id, body)
        listener, available = opening or verb.listener, {**given, "surface": surface}
        return self._later(surface, context, lambda: self._answer(listener, available, context))

    def press(self, ack: Ack, body: _Body, context: BoltContext) -> None:
        """Acknowledge a press, then run its listener on the executor."""
        ack()
        surface = surface_of(self._services, _named_workspace(context), context.user_id or "", body)
        self._later(surface, context, lambda: self._pressed(body, context, surface))

    def _pressed(self, body: _Body, context: BoltContext, surface: Surface) -> None:
        """Run a press's listener, then publish the Home tab again if something changed there."""
        press = _read_press(body)
        actor = self._actor(context, body, self._routes.does.get(press.action_id))
        listener = self._routes.actions.get(press.action_id)
        if listener is None:
            raise InvalidInput("This button is out of date.", "Type /integrations to see the current state.")
        is_home = isinstance(surface, HomeSurface)
        show_home = partial(self._publish_home, actor) if is_home else None
        available = {**self._given(actor), "press": press, "surface": surface, "show_home": show_home}
        is_changing = press.action_id in self._routes.changing
        home = partial(self._publish_home, actor, _home_state(surface)) if is_changing else _do_nothing
        self._answer(listener, available, context, home)

    def suggest(self, ack: Ack, body: _Body, context: BoltContext) -> None:
        """Answer a menu that searches as one types."""
        actor = self._actor(context, body, Action.SEE)
        block_id = str(body.get("block_id", ""))
        listener = self._routes.suggestions.get(block_id.partition(" ")[0])
        if listener is None:
            raise InvalidInput("This menu is out of date.", "Close it and open it again.")
        query = str(body.get("value") or "")[:_LONGEST_QUERY]
        _call(
            listener,
            {
                **self._given(actor),
                "ack": _QuickAck(ack, CommandName()),
                "query": query,
                "block_id": block_id,
            },
        )

    def shortcut(self, ack: Ack, body: _Body, context: BoltContext) -> None:
        """Acknowledge a shortcut, then run its listener on the executor."""
        ack()
        surface = surface_of(self._services, _named_workspace(context), context.user_id or "", body)
        self._later(surface, context, lambda: self._chosen(body, context, surface))

    def _chosen(self, body: _Body, context: BoltContext, surface: Surface) -> None:
        """Run a shortcut's listener."""
        actor = self._actor(context, body, None)
        listener = self._routes.shortcuts.get(str(body.get("callback_id", "")))
        if listener is None:
            raise InvalidInput("This shortcut is out of date.", "Reload Slack and try again.")
        available = {**self._given(actor), "surface": surface, "about": body.get("message") or {}}
        self._answer(listener, available, context)

    def form(self, ack: Ack, body: _Body, context: BoltContext) -> None:
        """Answer a submitted form."""
        deadline = time.monotonic() + _FORM_S
        actor = self._actor(context, body, None)
        view = body["view"]
        listener = self._routes.forms.get(view.get("callback_id", ""))
        if listener is None:
            raise InvalidInput("This form is out of date.", "Close it and open it again.")
        form = Form((view.get("state") or {}).get("values") or {}, read_facts(view))
        given = self._given(actor)
        services: Services = given["services"]
        hurried = replace(services, ports=replace(services.ports, form_until=deadline))
        named_ack = _NamingAck(ack, self._command_name, form.facts)
        _call(listener, {**given, "services": hurried, "ack": named_ack, "form": form})
        if HOME in form.facts:
            self._services.executor.submit(
                lambda: self._publish_home(actor, str(form.facts[HOME])), on_full=_do_nothing
            )

    def home_opened(self, ack: Ack, event: _Body, context: BoltContext) -> None:
        """Publish the Home tab when somebody opens it."""
        ack()
        if event.get("tab") == "home":
            user_id = context.user_id or ""
            home = HomeSurface(self._services.slack(_named_workspace(context)), user_id, "", "")
            task = self._guarded(home.replace, context, lambda: self._opened(context))
            self._services.executor.submit(task, on_full=lambda: home.replace(busy()))

    def user_changed(self, ack: Ack, event: _Body, context: BoltContext) -> None:
        """Note that somebody is no longer a full member, or is again. Slack sends this for every change."""
        ack()
        workspace, user = self._workspaces(*_named_workspace(context)), event["user"]
        is_out = user.get("deleted") or user.get("is_restricted") or user.get("is_ultra_restricted")
        if is_out or left_at(self._services.ports.store.read(workspace), user["id"]):
            task = partial(self._note_departure, workspace, user["id"])
            self._services.executor.submit(task, on_full=_do_nothing)

    def removed(self, ack: Ack, body: _Body) -> None:
        """Find out whether the app was removed: Slack says the same of one person's token."""
        ack()
        if self._doubt:
            for holder in filter(None, (body.get("team_id"), body.get("enterprise_id"))):
                self._services.executor.submit(partial(self._doubt, holder), on_full=_do_nothing)

    def _note_departure(self, workspace: Workspace, user_id: str) -> None:
        person = self._services.people.person(workspace, user_id, fresh=True)
        note_departure(self._services.ports, workspace, person, self._services.admins_of(workspace))

    def failed(self, error: Exception, body: _Body) -> BoltResponse:
        """Answer a request whose listener or middleware failed: the person is told, Slack gets a 200."""
        if body.get("type") == "view_submission":
            answer = self._command_name.in_message(_form_answer(error, body["view"]))
            return BoltResponse(status=200, body=dict(answer))
        message = dict(self._command_name.in_message(_explanation(error)))
        return BoltResponse(status=200, body=message if "command" in body else "")

    def _actor(self, context: BoltContext, body: _Body, does: Action | None) -> Actor:
        """Count the request, then find out who is acting, in which role. Raises ``NotPermitted``."""
        workspace, user_id = self._workspaces(*_named_workspace(context)), context.user_id or ""
        request_id, fresh = _request_id_of(body), does not in MEMORY_WILL_DO
        self._rates.take(workspace, user_id)
        actor = find_actor(self._services, workspace, user_id, fresh=fresh, request_id=request_id)
        if actor.role is Role.NOBODY and self._services.rules is not None:
            _begin_nothing(self._services, actor)
        require(self._services.ports, actor, Action.SEE)
        return actor

    def _opened(self, context: BoltContext) -> None:
        """Publish the whole list as the Home tab of the person who opened it."""
        workspace = self._workspaces(*_named_workspace(context))
        actor = find_actor(self._services, workspace, context.user_id or "", fresh=False)
        self._publish_home(actor, "")

    def _publish_home(self, actor: Actor, state: str | None) -> None:
        """Publish the Home tab as it was narrowed, unless nobody looks at it."""
        if state is not None and self._routes.home is not None:
            _call(self._routes.home, {**self._given(actor), "state": state})

    def _given(self, actor: Actor) -> dict[str, Any]:
        """Return the arguments that every listener may name."""
        is_one = self._services.rules is None
        services = self._services if is_one else self._services.within(actor.workspace)
        return {"services": services, "routes": self._routes, "actor": actor}

    def _answer(
        self,
        listener: Listener,
        available: Mapping[str, Any],
        context: BoltContext,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        """Call a listener. What it hands over by ``ask`` waits for a registry, in nobody's way."""
        asked: list[Callable[[], None]] = []
        _call(listener, {**available, "ask": asked.append})
        tasks = [*asked, finish]

        def run() -> None:
            for task in tasks:
                task()

        if not asked:
            return run()
        return self._later(available["surface"], context, run, asks_registry=True)

    def _later(
        self,
        surface: Surface,
        context: BoltContext,
        task: Callable[[], None],
        *,
        asks_registry: bool = False,
    ) -> None:
        """Run a task on the executor; what goes wrong is shown where the person asked."""
        guarded = self._guarded(surface.show, context, task)
        self._services.executor.submit(
            guarded, on_full=lambda: surface.show(busy()), asks_registry=asks_registry
        )

    def _guarded(
        self, tell: Callable[[Message], None], context: BoltContext, task: Callable[[], None]
    ) -> Callable[[], None]:
        """Wrap a task so that the person is told when it fails."""

        def run() -> None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - the last place that can still tell the person
                self._tell(tell, context, _explanation(error))

        return run

    def _tell(self, tell: Callable[[Message], None], context: BoltContext, message: Message) -> None:
        try:
            tell(message)
        except Exception as error:
            if isinstance(error, NotInstalled):
                return  # there is nobody to tell
            if explained_refusal(error) is None:
                raise
            # What stopped the work often stops the answer as well: an expired trigger opens no message on top
            # of a form or the Home tab. The person's own conversation with the app is always there.
            log.warning("a person could not be told where they asked", exc_info=error)
            client = self._services.slack(_named_workspace(context))
            client.api_call("chat.postMessage", json={"channel": context.user_id, **message})


def _call(listener: Listener, available: Mapping[str, Any]) -> None:
    """Call a listener with the arguments it names."""
    listener(**{name: available[name] for name in _argument_names(listener)})


@cache
def _argument_names(listener: Listener) -> tuple[str, ...]:
    """The names of a listener's arguments, looked up once."""
    return tuple(inspect.signature(listener).parameters)


def _do_nothing() -> None:
    """Do nothing: the Home tab is published again when it is opened."""


def _named_workspace(context: BoltContext) -> Workspace:
    """The workspace that a verified request names."""
    return Workspace(context.team_id or "", context.enterprise_id)


def _request_id_of(body: Mapping[str, Any]) -> str:
    """An id that the same request has when it comes twice: a hash, since a trigger id is a capability."""
    view = body.get("view") or {}
    submitted = f"{view.get('id')}:{view.get('hash')}" if body.get("type") == "view_submission" else ""
    sent = submitted or str(body.get("trigger_id") or body.get("event_id") or "")
    return hashlib.sha256(sent.encode()).hexdigest()[:16] if sent else ""


def _begin_nothing(services: Services, actor: Actor) -> None:
    """
    Refuse an outsider of a workspace that nothing is kept of, without an entry, which would begin it.

    What somebody from elsewhere presses in a channel that an organization shares names their own workspace.
    """
    if not services.ports.store.read(actor.workspace).history.page(HistoryQuery(size=1)).entries:
        raise NotPermitted(
            "Guests, bots and people from other workspaces cannot use integrations.", "Ask a workspace admin."
        )


def _refuse_secret(
    services: Services, actor: Actor, text: str, known: tuple[Verb, Words] | None = None
) -> None:
    """Refuse a command that contains a secret, and keep in the history that it happened, without the text."""
    if looks_secret(text) and not (known and _is_name(services, actor, *known)):
        token_ids = ids_in(text)
        # The advice to revoke it counts more than the entry, so a store that fails does not stand before it.
        with suppress(StoreFailure), services.ports.store.change(actor.workspace) as change:
            for token_id in token_ids or ("",):
                change.record(refusal(actor, Action.TYPE_SECRET, token_id=token_id))
        raise SecretInText(token_ids)


def _is_name(services: Services, actor: Actor, verb: Verb, words: Words) -> bool:
    """True when what looks secret is the name of a known target, or one that the verb asks about."""
    asked = verb.asks_about(words.rest)

    def is_excused(word: str) -> bool:
        # What looks secret only together with its neighbors ("token: abcdef") is no name.
        is_suspect = looks_secret(word) and could_be_name(word)
        return is_suspect and (word == asked or is_name_of_any(services.ports, actor, word))

    others = [word for word in words.rest if not is_excused(word)]
    return len(others) < len(words.rest) and not looks_secret(" ".join(others))


def _read_press(body: _Body) -> Press:
    """Read a press. An overflow entry's value is ``<action id>:<value>``."""
    action = body["actions"][0]
    action_id, value = str(action.get("action_id", "")), _value_of(action)
    if action.get("type") == "overflow":
        action_id, _, value = value.partition(":")
    place = body.get("view") or body
    state = (place.get("state") or {}).get("values") or {}
    on = body.get("container") or {}
    is_posted = on.get("type") == "message" and not on.get("is_ephemeral")
    message = f"{on.get('channel_id')}/{on.get('message_ts')}" if is_posted else ""
    return Press(action_id, str(action.get("block_id", "")), value, state, message)


def _value_of(action: Mapping[str, Any]) -> str:
    """A button's value, a chosen option's, the id of a chosen person, or what was typed."""
    chosen = action.get("selected_option") or {}
    return str(action.get("value") or chosen.get("value") or action.get("selected_user") or "")


def _home_state(surface: Surface) -> str | None:
    """Return what the Home tab is narrowed to that a surface was opened from; ``None`` if from elsewhere."""
    if isinstance(surface, HomeSurface):
        return surface.state
    return surface.facts.get(HOME) if isinstance(surface, ModalSurface) else None


def _form_answer(error: Exception, view: Mapping[str, Any]) -> dict[str, Any]:
    """Put an error beside its fields, or on top of the form, which keeps what was typed."""
    if isinstance(error, InvalidFields):
        inputs = (block for block in view.get("blocks") or () if block.get("type") == "input")
        shown = frozenset(str(block.get("block_id", "")) for block in inputs)
        return {"response_action": "errors", "errors": beside_fields(error, shown)}
    return {"response_action": "push", "view": on_top(_explanation(error))}


def _explanation(error: Exception) -> Message:
    """Put an error into words; one that nobody foresaw is logged under an id, without its text."""
    known = explained_refusal(error)
    if known is not None:
        if known is not error:
            log.warning("Slack did not take a call", exc_info=error)
        return explained(known)
    incident = secrets.token_hex(4)
    # Only the frames: the text of a foreign exception may quote a payload or a whole answer of Slack's.
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("incident %s: %s\n%s", incident, type(error).__name__, frames)
    return unexpected(incident)
