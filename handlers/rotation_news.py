"""What people see of a rotation: its progress, and what they can do; ``rotate.py`` does it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.audit import CLOCK, Event
from bot.core.integrations.made_endings import RolledBack
from bot.core.integrations.rotation import ALL_FETCHED, Progress, find_progress
from bot.core.model import Dependency
from bot.core.ports.store import Reading
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    code,
    context,
    cut,
    escape,
    header,
    marked,
    mention,
    message,
    pack,
    paragraphs,
    plain,
    section,
    when,
)
from handlers.phrases import event_line, last_used
from handlers.routes import COMMAND

RETIRE = "rotate.retire"
BACK = "rotate.back"
WAIT = "rotate.wait"
LOOK = "rotate.look"
SHOW = "rotate.show"
_MOST_NAMED = 20
_LONGEST_NAMES = 150
"""Characters of names in Slack's own confirmation dialog, which accepts 300."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a button carries: which integration, and which credential is its current one."""

    id: str
    number: int


def rotation_message(progress: Progress) -> Message:
    """The progress of a rotation: what has fetched the new credential, what has not, and what to do."""
    integration = progress.integration
    line = how_far(progress)
    blocks = [header(f"Rotation of {integration.name}"), section(line)]
    if progress.waiting:
        rows = [f"• {_dependant(one)}" for one in progress.waiting]
        blocks += paragraphs(["*Not yet:*", *_cut(rows)])
    if progress.unknown:
        rows = [f"• {_dependant(one)}" for one in progress.unknown]
        why = "*Unknown*: these are linked but have never fetched anything through Quaymaster:"
        blocks += paragraphs([why, *_cut(rows)])
    if former := integration.former:
        blocks.append(context(f"Started {when(former.replaced_at)} by {mention(former.replaced_by)}"))
    blocks.append(actions(*_buttons(progress)))
    return marked(line, blocks)


def how_far(progress: Progress) -> str:
    """How many of the targets have fetched the new credential, on one line."""
    if not progress.total:
        return "The new credential is in place. Nothing depends on it."
    mark = "" if progress.waiting or progress.unknown else ":white_check_mark: "
    word = "target has" if progress.total == 1 else "targets have"
    return f"{mark}*{len(progress.fetched)} of {progress.total}* {word} fetched the new one."


def rolled_back(back: RolledBack, fetched: Sequence[Dependency], left: Sequence[Block]) -> Message:
    """
    Say that the former credential is in use again, and which targets still have the one that was dropped.

    ``left``: what is said about one that is still at its registry, although Quaymaster created it.
    """
    name, place = back.integration.name, "here. It may still work at the registry"
    if back.is_ended:
        place = "here and at the registry"
    elif left:
        place = "here. It is *still at the registry*"
    text = (
        f":leftwards_arrow_with_hook: {bold(name)} uses its old credential again. The new one was deleted "
        f"{place}. `{COMMAND} test {name}` checks whether the old one still works."
    )
    blocks = [section(text), *left]
    if back.is_schedule_off:
        again = f"Its rotation schedule is off. To resume it: `{COMMAND} rotate {name} every 90 days`"
        blocks.append(section(again))
    if fetched:
        still = "*These have fetched the new one* and use it until they fetch again:"
        blocks += paragraphs([still, *_cut([f"• {_dependant(one)}" for one in fetched])])
    return message(f"{name} is rolled back.", blocks)


def _dependant(row: Dependency) -> str:
    return f"{escape(row.target.kind.value)} {code(row.target.name)}, {last_used(row.last_used_at)}"


def _cut(rows: list[str]) -> list[str]:
    more = len(rows) - _MOST_NAMED
    return [*rows[:_MOST_NAMED], *([f"… and {more} more"] if more > 0 else [])]


def _buttons(progress: Progress) -> list[Block]:
    integration = progress.integration
    value = pack(Running(integration.id, integration.credential_number))
    retire_button = button(
        "Retire", RETIRE, value, style="primary", label=f"Retire the old credential of {integration.name}"
    )
    left = [*progress.waiting, *progress.unknown]
    if left:
        retire_button["confirm"] = _confirm(
            "Retire the old one?",
            f"Quaymaster doesn't know whether {_in_short(left)} the new one. Anything that still uses the "
            "old one will fail once it is revoked at the registry.",
            "Retire",
        )
    back_button = button("Roll back", BACK, value, style="danger", label=f"Roll back {integration.name}")
    back_button["confirm"] = _confirm(
        "Roll back?", "The old credential is used again, and the new one is deleted here.", "Roll back"
    )
    return [retire_button, button("Wait", WAIT, value), button("Refresh", LOOK, value), back_button]


def _in_short(rows: Sequence[Dependency]) -> str:
    """As many names as Slack's own confirmation dialog has room for, and the verb."""
    names = [cut(one.target.in_words, _LONGEST_NAMES) for one in rows]
    shown = [
        name for number, name in enumerate(names) if len(", ".join(names[: number + 1])) <= _LONGEST_NAMES
    ]
    more = len(names) - len(shown)
    all_of_them = [*shown, *([f"{more} more"] if more else [])]
    named = " and ".join(filter(None, (", ".join(all_of_them[:-1]), all_of_them[-1])))
    return f"{named} use{'s' * (len(names) == 1)}"


def _confirm(title: str, text: str, yes: str) -> Block:
    return {"title": plain(title), "text": plain(text[:300]), "confirm": plain(yes), "deny": plain("Cancel")}


def draw_rotation(reading: Reading, events: Sequence[Event]) -> Message:
    """What people are told about rotations: one began, one can be finished, or both logins are still kept."""
    found = [(one, find_progress(reading, one.integration_id or "")) for one in events[:_MOST_NAMED]]
    running = [(event, progress) for event, progress in found if progress]
    if len(running) == 1:
        return _one(*running[0])
    over = [_over(reading, event) for event, progress in found if progress is None]
    rows = [_row(event, progress) for event, progress in running]
    more = len(events) - len(found)
    blocks = [*rows, *over, *([context(f"… and {more} more")] if more else [])]
    return message(
        f"{len(running)} rotations: {_said(events[0])}" if running else "A rotation is finished.", blocks
    )


def _one(event: Event, progress: Progress) -> Message:
    """News of one rotation: all there is to it, with its buttons."""
    drawn = rotation_message(progress)
    hint = " Retire the old one." if event.reason == ALL_FETCHED else ""
    blocks = [section(f"{bold(event.name)}: {_said(event)}.{hint}"), *drawn["blocks"][1:]]
    return {**drawn, "text": f"{escape(event.name)}: {_said(event)}.", "blocks": blocks}


def _row(event: Event, progress: Progress) -> Block:
    """News of one rotation among several: its progress, and the button that shows the rest."""
    shown = button("Show", SHOW, progress.integration.id, label=f"Show the rotation of {event.name}")
    return section(f"{bold(event.name)}: {_said(event)}. {how_far(progress)}", shown)


def _over(reading: Reading, event: Event) -> Block:
    """News without a running rotation; with a button where something may be at the registry."""
    there = reading.integrations.get(event.integration_id or "")
    if there is None or there.prepared is None:
        return section(event_line(event))
    return section(
        event_line(event), button("Show", SHOW, there.id, label=f"Show what is left of {there.name}")
    )


def _said(event: Event) -> str:
    if event.actor == CLOCK and not event.reason:
        return "Quaymaster created a new credential"
    return event.reason or f"{mention(event.actor)} entered a new credential"
