"""How much a data directory is made for, said before it is reached."""

from collections.abc import Collection

_MOST_WORKSPACES = 1_000
_MOST_INTEGRATIONS = 10_000
"""In one workspace: it is held in memory as a whole, and each change writes its file as a whole."""
_NEAR = 0.8


def near_limit(sizes: Collection[int]) -> str | None:
    """
    Say that a directory comes near what it is made for; ``None`` while it does not.

    Args:
        sizes: How many integrations each workspace has.
    """
    largest = max(sizes, default=0)
    if largest >= _NEAR * _MOST_INTEGRATIONS:
        held = f"{largest:,} integrations in one workspace, and is made for {_MOST_INTEGRATIONS:,}"
    elif len(sizes) >= _NEAR * _MOST_WORKSPACES:
        held = f"{len(sizes):,} workspaces, and is made for {_MOST_WORKSPACES:,}"
    else:
        return None
    return f"The data directory contains {held}: move it to PostgreSQL with “quaymaster store copy”."
