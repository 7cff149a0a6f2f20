"""Every project, environment and image that depends on anything: list them, rename one or merge two.

payload -> targets -> list_targets | rename_target -> listed | notice -> ack
payload -> turn -> list_targets -> listed -> replace
"""

from dataclasses import dataclass, replace

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.dependencies import KIND_WORDS, read_target
from bot.core.integrations.target_names import list_targets, rename_target
from bot.core.model import Actor, TargetKind
from bot.core.queries import TargetPage
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
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
from handlers.routes import Press, Routes, Verb, Words
from handlers.surfaces import Surface

_PREVIOUS = "targets.previous"
_NEXT = "targets.next"
_RENAME = ("rename", "merge")
_WORDS_LIMIT = 200

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
    """Add the verb and the page buttons."""
    summary = "every project, environment and image"
    more = "`rename` is for admins; it merges two targets when the new name is one already."
    usage = "[project|environment|image] [words] | rename project|environment|image OLD NEW"
    routes.verb(Verb("targets", targets, usage, "project web", summary, ("target",), more=more))
    routes.action(_PREVIOUS, turn, does=Action.SEE)
    routes.action(_NEXT, turn, does=Action.SEE)


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
    rename_target(services.ports, actor, old, new)
    return notice(f"{code(old.in_words)} is {code(new.in_words)} from now on, with its tokens and links.")


def _page_of(place: _TargetsPlace, services: Services, actor: Actor) -> Message:
    """Look a page up and draw it."""
    kind = TargetKind(place.kind) if place.kind in list(TargetKind) else None
    page = list_targets(services.ports, actor, kind, tuple(place.words.split()), place.number)
    return _listed(page, place)


def _listed(page: TargetPage, place: _TargetsPlace) -> Message:
    """A page of targets under their kinds."""
    if not page.total:
        text = "No target fits." if place.words or place.kind else "Nothing depends on anything yet."
        return message(text, [section(text)])
    title = f"Targets: {page.total}"
    blocks: list[Block] = [header(title)]
    for kind, heading in _HEADINGS.items():
        names = [code(row.name) for row in page.rows if row.kind is kind]
        if names:
            blocks += paragraphs([f"*{heading}*", *names])
    more = "`/integrations settings project NAME` shows what one uses."
    pages = turning(page, (_PREVIOUS, _NEXT), lambda number: pack(replace(place, number=number)), more)
    return message(title, [*blocks, *pages])
