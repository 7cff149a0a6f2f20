"""The signatures of Slack's requests that any process has seen, so that a replay is known by all of them."""

from datetime import UTC, datetime, timedelta

from bot.core.errors import QuaymasterError
from storage.postgres.connections import Pool

_KEPT_FOR = timedelta(minutes=10)


class SharedSignatures:
    """Implements ``bot.slack.front.Seen``."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` is allowed to write."""
        self._pool = pool

    def before(self, signature: str, signed_at: int, now: float) -> bool:
        """Return whether a request was served already, and remember it."""
        given = {"signature": bytes.fromhex(signature[3:35]), "at": datetime.fromtimestamp(signed_at, UTC)}
        try:
            return not self._pool.ask(("see_signature", given))[0]
        except QuaymasterError:
            # While the database cannot be asked, a replay can change nothing either.
            return False

    def forget_old(self, now: datetime) -> None:
        """Forget those whose timestamps no longer pass."""
        self._pool.ask(("forget_signatures", {"before": now - _KEPT_FOR}))
