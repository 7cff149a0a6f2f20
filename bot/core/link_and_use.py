"""A dependency is two facts, of which either may come first: a person linked it, and workflows fetch it.

Neither overwrites the other: who takes a link back leaves the use, and a use makes nobody one who linked.
"""

from dataclasses import replace
from datetime import datetime

from bot.core.model import Dependency, Source


def with_use(known: Dependency, by: str, at: datetime, unapproved_by: tuple[str, ...]) -> Dependency:
    """The same, which a workflow with a token of a person fetched; what was first stays."""
    if known.is_used:
        both = bool(known.unapproved_by and unapproved_by)
        unapproved_by = tuple(dict.fromkeys(known.unapproved_by + unapproved_by)) if both else ()
    used = replace(known, unapproved_by=unapproved_by)
    is_known = known.source is Source.WORKFLOW or known.fetched_at
    return used if is_known else replace(used, fetched_by=by, fetched_at=at)


def with_link(known: Dependency, by: str, at: datetime, source: Source) -> Dependency:
    """The same, which a person linked too; who was first stays."""
    if known.source is not Source.WORKFLOW:
        return known
    used = replace(known, fetched_by=known.added_by, fetched_at=known.added_at)
    return replace(used, added_by=by, added_at=at, source=source)


def without_link(known: Dependency) -> Dependency:
    """What is left of one that is used when the person's part is taken back."""
    since = known.fetched_at or known.last_used_at or known.added_at
    use = replace(known, added_by=known.fetched_by, added_at=since, source=Source.WORKFLOW)
    return replace(use, settings_url=None, granted_by=None, fetched_by="", fetched_at=None)
