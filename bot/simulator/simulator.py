"""Slack's side of the conversation: what a person does goes to the app, and the app's answers are shown.

person -> Simulator.say | act | submit | close | options | shortcut | open_home -> payload -> Delivery -> app
app -> Simulator.web_api | response_url -> World -> page
"""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

from bot.simulator import app_answers as answers
from bot.simulator import sent_payloads as payloads
from bot.simulator import webapi
from bot.simulator.cast import BOT_USER, Json
from bot.simulator.delivery import PATIENCE_S, Delivery, Front
from bot.simulator.grants import UrlKind
from bot.simulator.inputs import options_by_value
from bot.simulator.kept_blocks import BlocksRefused, find
from bot.simulator.screen import snapshot
from bot.simulator.world import Message, View, World

_HTTP_OK = 200
_MENTIONED = re.compile(r"(?<!\S)([@#])([\w.-]+)")
_MEMBERSHIP = {"/invite": (True, "invited"), "/remove": (False, "removed")}


class Simulator:
    """
    One Slack workspace with one installed app.

    Args:
        front: Delivers a signed request to the app and returns its status, headers and body.
        signing_secret: The app's signing secret; every request is signed with it.
        world: The workspace.
        signing_clock: Unix time in seconds, for the signatures; by default the world's clock.
        patience_s: How long Slack waits for an answer; ``None`` = as long as it takes.

    Attributes:
        token: The bot token that Web API calls must carry.
    """

    def __init__(
        self,
        front: Front,
        signing_secret: str,
        world: World,
        *,
        signing_clock: Callable[[], float] | None = None,
        patience_s: float | None = PATIENCE_S,
    ) -> None:
        self.world = world
        self.token = "xoxb-try-" + secrets.token_urlsafe(24)
        self._delivery = Delivery(front, signing_secret, signing_clock or world.clock, patience_s)

    @property
    def base_url(self) -> str:
        """Where the page is served; response URLs start with it. Set it once the port is known."""
        return self.world.base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self.world.base_url = url

    def stop(self) -> None:
        """Release waiting pages and deliver nothing more."""
        with self.world.lock:
            self.world.open = False
            self.world.changed()
        self._delivery.stop()

    def say(self, person: str, channel: str, text: str) -> None:
        """Post what a person wrote; text that starts with a slash is a command."""
        if not self.world.cast.is_member(person, channel):
            raise BlocksRefused("not_in_channel")
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        name, _, words = escaped.partition(" ")
        if name in _MEMBERSHIP:
            self._invite(person, channel, name, words.strip())
        elif text.startswith("/"):
            escaping = {command.name for command in self.world.app.commands if command.should_escape}
            words = self._mentioned(words) if name in escaping else words
            self.command(person, channel, name, words.strip())
        else:
            with self.world.lock:
                self.world.post(channel, person, self._mentioned(escaped), [])

    def command(self, person: str, channel: str, name: str, words: str) -> None:
        """Send a slash command; ``words`` are as Slack hands them on, already escaped."""
        with self.world.lock:
            if name not in {command.name for command in self.world.app.commands}:
                text = f"`{name}` is not a valid command."
                self.world.post(channel, BOT_USER.id, text, [], only_for=person, kind="slackbot")
                return
            lent = self._lent("commands", person, channel, None)
            fields = payloads.slash_command(self.world, person, channel, name, words, lent)
        answer = self._delivery.command(fields)
        with self.world.lock:
            answers.command_answered(self.world, person, channel, name, answer)

    def act(self, person: str, place: Json, names: tuple[str, str], raw: Any, values: Json) -> None:
        """
        Press a button, choose in a menu, or press Enter in a field that reports it.

        Args:
            person: Who does it.
            place: ``{"ts": …}`` for a message, ``{"view": id}`` for a form or Home tab.
            names: The element's block_id and action_id.
            raw: The new value: text, an option's value, a list of them; None for a button.
            values: All raw values of the surface, ``{block_id: {action_id: raw}}``.
        """
        with self.world.lock:
            used = self._shown(person, place)
            find(used.surface.blocks, *names)
            used.surface.remember(values)
        self.use(person, used, names, raw)

    def use(self, person: str, used: Message | View, names: tuple[str, str], raw: Any = None) -> None:
        """Use an element of a message or view as the person last saw it, even if it has changed since."""
        with self.world.lock:
            block, element = find(used.surface.blocks, *names)
            if element["type"] not in ("button", "overflow"):
                used.surface.given[names] = raw
            payload = self._block_actions(person, used, (block, element), raw)
        answer = self._delivery.interaction(payload)
        with self.world.lock:
            answers.pressed(self.world, used, answer)

    def submit(self, person: str, view_id: str, values: Json) -> None:
        """Submit the form on top, unless Slack itself finds a field invalid."""
        with self.world.lock:
            view = self._own_view(person, view_id)
            view.surface.remember(values)
            view.errors, view.warning = view.surface.problems(), ""
            self.world.show(view)
            if view.errors:
                return
        self.send(person, view)

    def send(self, person: str, view: View) -> None:
        """Send a form as the person last saw it, even if it has changed since."""
        with self.world.lock:
            payload = self._view_payload("view_submission", person, view)
            payload |= {
                "trigger_id": self.world.grants.trigger(person),
            }
            payload["response_urls"] = self._response_urls(person, view)
        answer = self._delivery.interaction(payload)
        with self.world.lock:
            answers.submitted(self.world, view, answer)

    def close(self, person: str, view_id: str, whole_stack: bool) -> None:
        """Close the form on top, or all of them."""
        with self.world.lock:
            view = self._own_view(person, view_id)
            stack = self.world.stacks[person]
            whole_stack = whole_stack or bool(view.body.get("clear_on_close"))
            closed = list(reversed(stack)) if whole_stack else [view]
            self.world.stacks[person] = [shown for shown in stack if shown not in closed]
            told = [shown for shown in closed if shown.body.get("notify_on_close")]
            notices = [self._view_payload("view_closed", person, shown) for shown in told]
            self.world.changed()
        for notice in notices:
            self._delivery.interaction({**notice, "is_cleared": whole_stack})

    def options(self, person: str, place: Json, names: tuple[str, str], query: str) -> Json:
        """Ask the app for the options of a menu; ``{"error": true}`` if there are none in time."""
        with self.world.lock:
            used = self._shown(person, place)
            payload = payloads.interaction(self.world, "block_suggestion", person)
            payload |= self._place(used)
            payload |= {"block_id": names[0], "action_id": names[1], "value": query}
        answer = self._delivery.interaction(payload)
        listed = answer.json() if answer is not None and answer.status == _HTTP_OK else None
        if not isinstance(listed, dict):
            return {"error": True}
        problems = self.world.check("options", listed)
        with self.world.lock:
            if problems:
                self.world.refuse("Slack would refuse these options.", problems, person)
                return {"error": True}
            used.surface.offered.setdefault(names, {}).update(options_by_value(listed))
        return {key: listed[key] for key in ("options", "option_groups") if key in listed}

    def open_home(self, person: str, tab: str) -> None:
        """Tell the app that a person opened a tab of its Home."""
        self.event(lambda: payloads.home_opened(self.world, person, tab))

    def change_person(self, person: str, **marks: Any) -> None:
        """Change an account as a workspace administrator can (``deleted=True``), and tell the app."""
        with self.world.lock:
            self.world.cast.people[person].update(marks)
            self.world.changed()
        self.event(lambda: payloads.user_changed(self.world, person))

    def event(self, make: Callable[[], Json]) -> None:
        """Send an event, if the app subscribes to its type."""
        with self.world.lock:
            event = make()
            payload = payloads.event_callback(self.world, event)
        if event["type"] in self.world.app.events:
            self._delivery.event(payload)

    def shortcut(self, person: str, callback_id: str) -> None:
        """Run a global shortcut."""
        with self.world.lock:
            self._declared("global", callback_id)
            payload = payloads.shortcut(self.world, person, callback_id)
            payload["trigger_id"] = self.world.grants.trigger(person)
        self._run_shortcut(person, payload)

    def message_shortcut(self, person: str, ts: str, callback_id: str) -> None:
        """Run a shortcut from a message's menu, which ephemeral messages do not have."""
        with self.world.lock:
            self._declared("message", callback_id)
            message = self.world.message(ts, person)
            if message.only_for is not None:
                raise BlocksRefused("message_not_found")
            payload = payloads.message_action(self.world, person, message, callback_id)
            payload |= self._lent("app", person, message.channel, None)
        self._run_shortcut(person, payload)

    def upload(self, path: str, content: bytes) -> tuple[int, str]:
        """Accept a file's bytes at its upload URL."""
        with self.world.lock:
            try:
                self.world.uploads.receive(path, content)
            except BlocksRefused as refused:
                return (404 if refused.code == "not_found" else 400), refused.code
        return _HTTP_OK, f"OK - {len(content)}"

    def dismiss(self, person: str, name: str) -> None:
        """Remove an ephemeral message or a note that the person has read."""
        with self.world.lock:
            notes, messages = self.world.notes, self.world.messages
            self.world.notes = [note for note in notes if (note.id, note.person) != (name, person)]
            self.world.messages = [one for one in messages if (one.ts, one.only_for) != (name, person)]
            self.world.changed()

    def snapshot(self, person: str) -> Json:
        """Return what the page shows to a person now."""
        with self.world.lock:
            return snapshot(self.world, person)

    def web_api(self, method: str, args: Json, token: str) -> Json:
        """Answer a Web API call."""
        if not token:
            return BlocksRefused("not_authed").answer()
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return BlocksRefused("invalid_auth").answer()
        return webapi.call(self.world, method, args)

    def response_url(self, path: str, body: bytes) -> tuple[int, Json]:
        """Answer a post to a response URL with a status and a body."""
        with self.world.lock:
            try:
                url = self.world.grants.use_url(path)
            except BlocksRefused as refused:
                return 404, refused.answer()
            try:
                answers.respond(self.world, url, json.loads(body))
            except BlocksRefused as refused:
                return 400, refused.answer()
            except ValueError:
                return 400, BlocksRefused("invalid_payload").answer()
            return _HTTP_OK, {"ok": True}

    def _lent(self, kind: UrlKind, person: str, channel: str, ts: str | None) -> dict[str, str]:
        return {
            "response_url": self._response_url(kind, person, channel, ts),
            "trigger_id": self.world.grants.trigger(person, channel),
        }

    def _mentioned(self, words: str) -> str:
        """Turn the names of people and channels into mentions, as Slack does in messages."""
        people = {one["name"]: f"@{user_id}" for user_id, one in self.world.cast.people.items()}
        channels = {one.name: f"#{one.id}" for one in self.world.cast.channels.values()}

        def mention(found: re.Match[str]) -> str:
            known = (people if found[1] == "@" else channels).get(found[2])
            return f"<{known}|{found[2]}>" if known else found[0]

        return _MENTIONED.sub(mention, words)

    def _invite(self, person: str, channel: str, name: str, who: str) -> None:
        """Run Slack's own ``/invite @somebody`` or ``/remove @somebody``."""
        is_member, done = _MEMBERSHIP[name]
        with self.world.lock:
            cast = self.world.cast
            found = next((one for one in cast.people if f"@{cast.handle(one)}" == who), None)
            if found is None:
                text = f"Type `{name}` and a name, such as `{name} @{cast.handle(BOT_USER.id)}`."
                self.world.post(channel, BOT_USER.id, text, [], only_for=person, kind="slackbot")
                return
            cast.set_member(found, channel, is_member)
            self.world.post(channel, person, f"{done} <@{found}>", [])

    def _response_url(self, kind: UrlKind, person: str, channel: str, ts: str | None) -> str:
        return self.world.base_url + self.world.grants.response_url(kind, person, channel, ts)

    def _response_urls(self, person: str, view: View) -> list[Json]:
        """Return a response URL for each conversation that was chosen to get the form's outcome."""
        urls = []
        for block, element in view.surface.fields():
            entry = view.surface.entry(block, element)
            chosen = entry.get("selected_conversation") or entry.get("selected_channel")
            if element.get("response_url_enabled") and chosen:
                url = self._response_url("app", person, chosen, None)
                names = {"block_id": block["block_id"], "action_id": element["action_id"]}
                urls.append({**names, "channel_id": chosen, "response_url": url})
        return urls

    def _declared(self, kind: str, callback_id: str) -> None:
        if (kind, callback_id) not in {(one.type, one.callback_id) for one in self.world.app.shortcuts}:
            raise BlocksRefused("shortcut_not_found")

    def _run_shortcut(self, person: str, payload: Json) -> None:
        answer = self._delivery.interaction(payload)
        if answer is None or answer.status != _HTTP_OK:
            with self.world.lock:
                self.world.note(answers.TROUBLE, [], person)

    def _block_actions(self, person: str, used: Message | View, pressed: tuple[Json, Json], raw: Any) -> Json:
        payload = payloads.interaction(self.world, "block_actions", person)
        payload |= self._place(used)
        if isinstance(used, Message):
            payload |= self._lent("actions", person, used.channel, used.ts)
        else:
            payload["trigger_id"] = self.world.grants.trigger(person)
        action = payloads.action(used.surface, *pressed, raw, self.world.next_ts())
        return {**payload, "actions": [action]}

    def _place(self, used: Message | View) -> Json:
        if isinstance(used, Message):
            return payloads.message_place(self.world, used)
        return payloads.view_place(self.world, used)

    def _view_payload(self, kind: str, person: str, view: View) -> Json:
        payload = payloads.interaction(self.world, kind, person)
        return {**payload, "view": payloads.view_object(self.world, view)}

    def _shown(self, person: str, place: Json) -> Message | View:
        if "ts" in place:
            return self.world.message(place["ts"], person)
        return self._own_view(person, place["view"])

    def _own_view(self, person: str, view_id: str) -> View:
        view = self.world.view(view_id)
        if view.owner != person:
            raise BlocksRefused("not_found")
        return view
