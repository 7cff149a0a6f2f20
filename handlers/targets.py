"""Every project, environment and image that depends on anything: list them, rename one or merge two.

payload -> targets -> list_targets | rename_target -> _listed | notice -> ack
payload -> merge -> rename_target -> notice | _told -> replace
payload -> turn -> list_targets -> _listed -> replace
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.target_names import KIND_WORDS, list_targets, read_target
from bot.core.integrations.target_renaming import MovedToken, Renaming, rename_target
from bot.core.model import Actor, Integration, TargetKind
from bot.core.queries import TargetPage
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    code,
    header,
    message,
    notice,
    pack,
    paragraphs,
    read_value,
    section,
    turning,
)
from handlers.phrases import made_by
from handlers.routes import Press, Routes, Verb, Words
from handlers.surfaces import Surface

_PREVIOUS = "targets.previous"
_NEXT = "targets.next"
_RENAME = ("rename", "merge")
_MERGE = "targets.merge"
_CANCEL = "targets.cancel"
_WORDS_LIMIT = 200
_MOST_TOKENS = 30
_MOST_NAMED = 10

_HEADINGS = {
    TargetKind.PROJECT: "Projects",
    TargetKind.ENVIRONMENT: "Environments",
    TargetKind.IMAGE: "Subscription images",
}


@dataclass(frozen=True, slots=True)
class _TargetsPlace:
    """What a page button carries: which targets, and which page of them."""

    kind: str = ""
    words: str = ""
    number: int = 0


def register(routes: Routes) -> None:
    """Add the verb, the page buttons and those of the merge."""
    summary = "lists all projects, environments and images"
    more = "`rename` is for admins; if the new name already exists, it merges the two targets."
    usage = "[project|environment|image] [words] | rename project|environment|image OLD NEW"
    routes.verb(Verb("targets", targets, usage, "project web", summary, ("target",), more=more))
    routes.action(_PREVIOUS, turn, does=Action.SEE)
    routes.action(_NEXT, turn, does=Action.SEE)
    routes.action(_MERGE, merge, changes=True)
    routes.action(_CANCEL, cancel)


def targets(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``targets [kind] [words]`` and ``targets rename kind OLD NEW``."""
    is_renaming = words.optional(0).lower() in _RENAME
    ack(**(_renamed if is_renaming else _listed_typed)(words, services, actor))


def _listed_typed(words: Words, services: Services, actor: Actor) -> Message:
    kind = KIND_WORDS.get(words.optional(0).lower().removesuffix("s"))
    wanted = " ".join(words.rest[1:] if kind else words.rest)[:_WORDS_LIMIT]
    return _page_of(_TargetsPlace(kind.value if kind else "", wanted), services, actor)


def turn(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show another page."""
    surface.replace(_page_of(read_value(_TargetsPlace, press.value, "targets"), services, actor))


def _renamed(words: Words, services: Services, actor: Actor) -> Message:
    words.at_most(4)
    kind = words.at(1, "The kind of target")
    old = read_target(kind, words.plain_at(2, "The old name"))
    new = read_target(kind, words.plain_at(3, "The new name"))
    return _told(*rename_target(services.ports, actor, old, new))


def merge(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Merge two targets, or show what merging would do now."""
    row = read_value(_Merge, press.value, "targets")
    old, new = read_target(row.kind, row.old), read_target(row.kind, row.new)
    surface.replace(_told(*rename_target(services.ports, actor, old, new, row.seen)))


def cancel(surface: Surface) -> None:
    """Leave both as they are."""
    surface.replace(notice("Canceled: both targets stay as they are."))


@dataclass(frozen=True, slots=True)
class _Merge:
    """What the preview's button carries: which targets, and what was shown."""

    kind: str
    old: str
    new: str
    seen: str


def _told(found: Renaming, is_done: bool) -> Message:
    """The result of a new name; or the preview of merging two targets, with the button that does it."""
    old, new = code(found.old.in_words), code(found.new.in_words)
    tokens = [_token_line(one, is_done=is_done) for one in found.tokens[:_MOST_TOKENS]]
    more = len(found.tokens) - len(tokens)
    tokens += [f"… and {more} more workflow tokens"] if more > 0 else []
    if is_done:
        done = f"{old} is now called {new}; its tokens and links moved along."
        return message(done.replace("`", ""), paragraphs([done, *tokens]))
    first = f"{new} already exists: {old} would be merged into it, including its links, removals and tokens."
    value = pack(_Merge(found.old.kind.value, found.old.name, found.new.name, found.fingerprint))
    buttons = actions(button("Merge", _MERGE, value, style="primary"), button("Cancel", _CANCEL))
    return message("Merge two targets?", [header("Merge?"), *paragraphs([first, *tokens]), buttons])


def _token_line(one: MovedToken, *, is_done: bool) -> str:
    """A workflow token of either target, and what it fetches afterward."""
    gains, loses = ("fetches", "no longer fetches") if is_done else ("would fetch", "would no longer fetch")
    same = "fetches the same as before" if is_done else "would fetch the same as before"
    gains = f"{gains} {_names(one.gains)} too" if one.gains else ""
    loses = f"{loses} {_names(one.loses)}" if one.loses else ""
    what = "; ".join(filter(None, (gains, loses))) or same
    moves = ("moved, and " if is_done else "moves, and ") if one.moves else ""
    return f"• workflow token {code(one.token.id)}, {made_by(one.token)}: {moves}{what}"


def _names(integrations: Sequence[Integration]) -> str:
    more = f" and {len(integrations) - _MOST_NAMED} more" if len(integrations) > _MOST_NAMED else ""
    return ", ".join(bold(one.name) for one in integrations[:_MOST_NAMED]) + more


def _page_of(place: _TargetsPlace, services: Services, actor: Actor) -> Message:
    """Look a page up and draw it."""
    kind = TargetKind(place.kind) if place.kind in list(TargetKind) else None
    page = list_targets(services.ports, actor, kind, tuple(place.words.split()), place.number)
    return _listed(page, place)


def _listed(page: TargetPage, place: _TargetsPlace) -> Message:
    """A page of targets under their kinds."""
    if not page.total:
        text = "No targets match." if place.words or place.kind else "Nothing depends on anything yet."
        return message(text, [section(text)])
    title = f"Targets: {page.total}"
    blocks: list[Block] = [header(title)]
    for kind, heading in _HEADINGS.items():
        names = [code(row.name) for row in page.rows if row.kind is kind]
        if names:
            blocks += paragraphs([f"*{heading}*", *names])
    more = "`/integrations settings project NAME` shows what a target uses."
    pages = turning(page, (_PREVIOUS, _NEXT), lambda number: pack(replace(place, number=number)), more)
    return message(title, [*blocks, *pages])
