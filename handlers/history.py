"""Who did what and when, newest first, including refused attempts; narrowed by what is typed.

payload -> history -> _read_question, read_history -> told -> ack
payload -> turn -> _read_question, read_history -> told -> replace
payload -> export -> read_whole_history -> csv_of -> files.completeUploadExternal
"""

import csv
import io
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from slack_bolt import Ack
from slack_sdk.errors import SlackApiError

from bot.core.audit import Action, AuditEntry
from bot.core.errors import InvalidInput, NotPermitted
from bot.core.integrations.inventory import (
    get_integration,
    names_in_history,
    read_history,
    read_whole_history,
)
from bot.core.integrations.target_names import read_target
from bot.core.model import Actor, Role
from bot.core.queries import HistoryPage, HistoryQuery
from bot.core.texts import quoted
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    actions,
    button,
    code,
    context,
    header,
    message,
    notice,
    pack,
    section,
    unpack,
)
from handlers.phrases import history_line
from handlers.routes import COMMAND, PERSON, PERSON_IN_TEXT, Press, Routes, Verb, Words, read_words
from handlers.surfaces import Surface

OPEN = "history.open"
_OLDER = "history.older"
_NEWEST = "history.newest"
_EXPORT = "history.export"
_WORDS_LIMIT = 200
"""Characters; what is asked for travels in each button."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TARGET_KINDS = ("project", "environment", "env", "image")
_DONE = {
    "added": (Action.ADD, Action.IMPORT),
    "edited": (Action.EDIT,),
    "deleted": (Action.DELETE,),
    "tested": (Action.TEST,),
    "rotated": (Action.ROTATE, Action.RETIRE, Action.ROLL_BACK),
    "linked": (Action.LINK, Action.NOTE, Action.ALLOW, Action.RESTORE),
    "unlinked": (Action.UNLINK,),
    "fetched": (Action.FETCH,),
    "given": (Action.GIVE, Action.GIVE_ALL, Action.ORPHAN),
    "revoked": (Action.REVOKE_TOKEN, Action.REVOKE_ALL),
}
"""The actions that each word for what was done means."""
_ACTIONS = {word: frozenset(one.value for one in actions) for word, actions in _DONE.items()}
_MOST_EXPORTED = 100_000
_MOST_NAMED = 10
_COLUMNS = ("sequence", "at", "actor", "action", "result", "integration", "what")


def register(routes: Routes) -> None:
    """Add the verb, the page buttons and the export."""
    summary = "shows who did what, refused attempts too"
    words = ", ".join(code(word) for word in (*_DONE, "refused"))
    more = f"Words for what was done: {words}. Only entries that match everything you type are shown."
    usage = (
        "[NAME] [deleted] [@person] [project|environment|image TARGET] [token ID] [since DATE] [until DATE]"
    )
    verb = Verb(
        "history", history, usage, "my_registry since 2026-10-01", summary, ("log", "audit"), more=more
    )
    routes.verb(verb, does=Action.SEE)
    routes.action(OPEN, history_pressed, does=Action.SEE)
    routes.action(_OLDER, turn, does=Action.SEE)
    routes.action(_NEWEST, turn, does=Action.SEE)
    routes.action(_EXPORT, export, does=Action.SEE)


@dataclass(frozen=True, slots=True)
class _HistoryPlace:
    """What a page button carries: which words were typed, and before which entry."""

    words: str = ""
    before: int | None = None


def history(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``history …``."""
    ack(**_answer(services, actor, _HistoryPlace(_joined(words.rest)), words.usage))


def history_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show the history of a button's integration."""
    name = get_integration(services.ports, actor, press.value).name
    surface.show(_answer(services, actor, _HistoryPlace(_joined((name,)))))


def turn(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show older entries, or the newest again."""
    surface.replace(_answer(services, actor, unpack(_HistoryPlace, press.value) or _HistoryPlace()))


def export(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Send everything that was asked for as a CSV file, but only to an admin."""
    if actor.role is not Role.ADMIN:
        raise NotPermitted("Only admins can export the history.", "Ask a workspace admin.", actor.admins)
    place = unpack(_HistoryPlace, press.value) or _HistoryPlace()
    entries = read_whole_history(services.ports, actor, _read_question(place.words), _MOST_EXPORTED)
    _send_file(services, actor, csv_of(entries))
    count = f"{len(entries)} entr{'y' if len(entries) == 1 else 'ies'}"
    surface.show(notice(f"Quaymaster sent you the history as a file: {count}."))


def _answer(services: Services, actor: Actor, place: _HistoryPlace, usage: str = "") -> Message:
    query = replace(_read_question(place.words, usage), before=place.before)
    page = read_history(services.ports, actor, query)
    hint = _did_you_mean(services, actor, query.about) if query.about and not page.entries else ""
    return told(page, place, hint, is_admin=actor.role is Role.ADMIN)


def _did_you_mean(services: Services, actor: Actor, name: str) -> str:
    """Ask whether another name was meant: integrations first, then deleted ones; empty if none is similar."""
    living, deleted = names_in_history(services.ports, actor, name)
    if not deleted:
        return f"Did you mean {quoted(living)}?" if living else ""
    gone = f"a deleted one, {quoted(deleted)}?"
    return f"Did you mean {quoted(living)}? Or {gone}" if living else f"Did you mean {gone}"


def _joined(words: tuple[str, ...]) -> str:
    text = " ".join(f'"{word}"' if " " in word else word for word in words)
    if len(text) > _WORDS_LIMIT:
        raise InvalidInput("That search is too long.", f"Use at most {_WORDS_LIMIT} characters.")
    return text


def _read_question(text: str, usage: str = "") -> HistoryQuery:
    """Read which entries the words ask for. Raises ``InvalidInput``."""
    query = HistoryQuery()
    names: list[str] = []
    words = list(read_words(text))
    while words:
        word = words.pop(0)
        lower = word.lower()
        if found := PERSON_IN_TEXT.fullmatch(word) or PERSON.fullmatch(word):
            query = replace(query, actor=found[1])
        elif lower in ("since", "until") and words and _DATE.fullmatch(words[0]):
            query = _with_date(query, lower, words.pop(0), usage)
        elif lower == "token" and words:
            query = replace(query, actor=f"token {words.pop(0)}")
        elif lower in _ACTIONS:
            query = replace(query, actions=query.actions | _ACTIONS[lower])
        elif lower == "refused":
            query = replace(query, is_refused=True)
        elif lower in _TARGET_KINDS and words:
            query = replace(query, target=read_target(lower, words.pop(0)))
        else:
            names.append(word)
    return replace(query, about=" ".join(names) or None)


def _with_date(query: HistoryQuery, word: str, day: str, usage: str) -> HistoryQuery:
    try:
        at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        raise InvalidInput(f"“{day}” is not a date.", usage or "Write it as 2026-10-01.") from None
    # "until" a day includes that whole day.
    return replace(query, since=at) if word == "since" else replace(query, until=at + timedelta(days=1))


def told(page: HistoryPage, place: _HistoryPlace, hint: str = "", *, is_admin: bool = False) -> Message:
    """A page of the history as a message."""
    asked = PERSON_IN_TEXT.sub(lambda found: f"@{found[2] or found[1]}", place.words)
    title = f"History of {asked}" if asked else "History"
    lines = [context(history_line(entry)) for entry in page.entries] or [section(_nothing(place, hint))]
    buttons = []
    if place.before is not None:
        buttons.append(button("Newest", _NEWEST, pack(replace(place, before=None))))
    if page.older is not None:
        buttons.append(button("Older", _OLDER, pack(replace(place, before=page.older))))
    if is_admin and page.entries:
        buttons.append(button("Export", _EXPORT, pack(replace(place, before=None))))
    blocks = [header(title), *_unverified(page), *lines]
    return message(title, [*blocks, actions(*buttons)] if buttons else blocks)


def _unverified(page: HistoryPage) -> list[Block]:
    """Name the entries on this page that somebody without a key has changed."""
    if not page.unverified:
        return []
    numbers = ", ".join(map(str, page.unverified[:_MOST_NAMED]))
    more = f" and {len(page.unverified) - _MOST_NAMED} more" if len(page.unverified) > _MOST_NAMED else ""
    text = (
        ":warning: These entries, or the ones before them, were changed outside Quaymaster: "
        f"{numbers}{more}. Do not rely on them. Ask the operator to run `quaymaster audit verify`."
    )
    return [section(text)]


def _nothing(place: _HistoryPlace, hint: str) -> str:
    if place.before is not None:
        return "There is nothing older."
    if not place.words:
        return "Nothing has happened yet."
    hint = hint or f"`{COMMAND} history` shows everything."
    return f"Nothing in the history matches that. {hint}"


def csv_of(entries: tuple[AuditEntry, ...]) -> str:
    """The entries as CSV, the newest first; what a spreadsheet would run as a formula is made plain text."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(_COLUMNS)
    for entry in entries:
        event = entry.event
        target = f"{event.target.kind.value} {event.target.name}" if event.target else ""
        facts = (event.reason, event.detail, target, event.token_id, *event.changed)
        what = "; ".join(filter(None, facts))
        at = event.at.isoformat(timespec="seconds")
        row = (entry.sequence, at, event.actor, event.action, event.result.value, event.name, what)
        rows.writerow([_plain_cell(cell) for cell in row])
    return written.getvalue()


def _plain_cell(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t") else cell


def _send_file(services: Services, actor: Actor, text: str) -> None:
    client = services.slack(actor.workspace)
    try:
        # A person's id is not a conversation; Slack's response to a message names the conversation.
        asked = client.chat_postMessage(channel=actor.user_id, text="Here is the history you asked for.")
        client.files_upload_v2(channel=str(asked["channel"]), filename="quaymaster-history.csv", content=text)
    except SlackApiError as error:
        if error.response.get("error") == "missing_scope":
            raise InvalidInput(
                "Quaymaster is not allowed to send files in this workspace.",
                "Ask a workspace admin to add the files:write scope to the app.",
            ) from error
        raise
