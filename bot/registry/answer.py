"""What came back from a server: status, headers and a small body."""

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

_SECONDS = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")
_A_MOMENT_S = 10**9
"""More seconds than any server means as a time to wait: since 1970, they are a moment of this century."""
_MILLISECONDS = 10**12


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Its ``repr`` shows no header and no body: a token may stand there."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status})"

    def json(self) -> Any:
        """Read the body as JSON; ``None`` when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def error_codes(self) -> frozenset[str]:
        """The codes of a registry's error answer, such as ``NAME_UNKNOWN``; empty when it is none."""
        value = self.json()
        errors = value.get("errors") if isinstance(value, dict) else None
        found = errors if isinstance(errors, list) else []
        return frozenset(str(each.get("code", "")) for each in found if isinstance(each, dict))

    @property
    def retry_after_s(self) -> int | None:
        """
        Return how long to stay away, in whole seconds; ``None`` when it does not say.

        Source: RFC 9110, 10.2.3. Some servers give the moment, in seconds or milliseconds since 1970.
        """
        text = self.headers.get("Retry-After", "").strip()
        if _SECONDS.fullmatch(text):
            return _wait_of(float(text))
        try:
            moment = parsedate_to_datetime(text)
            # A date without a zone is in UTC, as HTTP's dates are, not in this machine's own zone.
            return _wait_of(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
        except (ValueError, TypeError, OverflowError, IndexError):
            return None


def _wait_of(seconds: float) -> int:
    """Whole seconds to wait, from a time to wait or from a moment since 1970."""
    if seconds >= _MILLISECONDS:
        seconds /= 1000
    wait_s = seconds - time.time() if seconds >= _A_MOMENT_S else seconds
    return max(0, math.ceil(wait_s))
