"""An installation as a row of JSON, for every store and for exports."""

from bot.core.installations import Installation
from storage.records import Codec, Fields

INSTALLATIONS = "installations"
"""The table."""

_CODEC = Codec(Installation, without="holder")


def installation_row(installation: Installation) -> Fields:
    """Write an installation, but its holder, which is the row's key."""
    return _CODEC.write(installation)


def installation_from(holder: str, row: Fields) -> Installation:
    """Read what ``installation_row`` wrote. Raises ``KeyError``, ``ValueError`` or ``TypeError``."""
    return _CODEC.read(row, holder=holder)
