"""Tokens that end after 12 hours: exchanged in time, once, by whichever process is first."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.core.errors import Busy, QuaymasterError, StoreFailure
from bot.core.model import Workspace
from tests.fakes.slack_cloud import LIFETIME_S, SlackCloud, Tenant
from tests.installs.replicas import Browser, Replica

ACME = Workspace("T0ACME")


@pytest.fixture
def acme(cloud: SlackCloud) -> Tenant:
    """A workspace of an app whose tokens end."""
    cloud.lifetime_s = LIFETIME_S
    return cloud.add("T0ACME")


def end_soon(replica: Replica, left_s: float) -> None:
    """Let the token of the workspace end soon, at Slack and in what was kept of it."""
    replica.cloud.end_soon("T0ACME", left_s)
    with replica.store.installations.locked("T0ACME") as row:
        row.value = replace(row.value, ends_at=datetime.now(UTC) + timedelta(seconds=left_s))
    replica.wired.installed.forget("T0ACME")


def ask(replica: Replica) -> bool:
    """Ask Slack something in the workspace's name."""
    return bool(replica.wired.services.slack(ACME).auth_test()["ok"])


def test_fresh_token_is_not_exchanged(acme: Tenant, replica: Replica) -> None:
    """A token that lives for more than two hours is used as it is, by people and by the clock."""
    Browser(replica).install(acme.team)
    ask(replica)
    replica.wired.installed.refresh_due()

    assert replica.cloud.refreshes == []


@pytest.mark.parametrize("left_s", [7100, -10])
def test_token_that_ends_is_exchanged(left_s: float, acme: Tenant, replica: Replica) -> None:
    """Within two hours of its end, or after it, a token is exchanged before use, and the new one kept."""
    Browser(replica).install(acme.team)
    end_soon(replica, left_s)

    assert [ask(replica), ask(replica)] == [True, True]
    assert len(replica.cloud.refreshes) == 1
    assert replica.store.installations.get(acme.team).ends_at > datetime.now(UTC) + timedelta(hours=11)


def test_clock_exchanges_tokens_before_anybody_waits(acme: Tenant, replica: Replica) -> None:
    """The clock exchanges what ends soon."""
    Browser(replica).install(acme.team)
    end_soon(replica, 7100)
    replica.wired.installed.refresh_due()

    assert len(replica.cloud.refreshes) == 1


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("left_s", [3600, -10])
def test_sixteen_requests_on_two_replicas_make_one_exchange(
    left_s: float, acme: Tenant, start: Callable[..., Replica], database_url: dict[str, Any]
) -> None:
    """
    16 requests at once on two processes: one exchange, whose refresh token is never sent twice.

    With a token that is still good everybody is served at once. With one that has ended, who cannot wait for
    the exchange is told to try again, and nobody is served with a dead token.
    """
    replicas = [start(database_url), start(database_url)]
    Browser(replicas[0]).install(acme.team)
    end_soon(replicas[0], left_s)
    replicas[1].wired.installed.forget(acme.team)
    acme.cloud.pause_s = 0.3

    def request(number: int) -> bool | None:
        try:
            return ask(replicas[number % 2])
        except Busy:
            return None

    with ThreadPoolExecutor(16) as pool:
        served = list(pool.map(request, range(16)))
    after = [ask(one) for one in replicas]

    assert len(acme.cloud.refreshes) == 1
    assert acme.cloud.refused == []
    assert False not in served
    assert served.count(True) == 16 or left_s < 0
    assert after == [True, True]


def test_exchange_that_fails_leaves_the_token_in_use(acme: Tenant, replica: Replica) -> None:
    """While Slack exchanges nothing, a token that is still good goes on, and one that has ended is told."""
    Browser(replica).install(acme.team)
    replica.cloud.failing["oauth.v2.access"] = "internal_error"
    end_soon(replica, 600)
    is_served = ask(replica)
    end_soon(replica, -10)
    with pytest.raises(QuaymasterError, match="has expired and could not be renewed"):
        ask(replica)

    assert is_served


class FailingOnce:
    """Installations whose next change is made and then not kept, as when a connection is cut."""

    def __init__(self, kept: Any) -> None:
        self.kept = kept
        self.fails = True

    @contextmanager
    def locked(self, holder: str) -> Iterator[Any]:
        """Change one, or fail at the end."""
        with self.kept.locked(holder) as row:
            yield row
            if self.fails:
                self.fails = False
                raise StoreFailure("The database cannot be reached.", "Try again.")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kept, name)


def test_exchange_that_cannot_be_kept_is_kept_later(acme: Tenant, replica: Replica) -> None:
    """When the store fails after Slack has answered, the next call keeps it and does not ask again."""
    Browser(replica).install(acme.team)
    end_soon(replica, 600)
    installed = replica.wired.installed
    installed._kept = FailingOnce(replica.store.installations)
    served = [ask(replica), ask(replica), ask(replica)]

    assert served == [True, True, True]
    assert len(replica.cloud.refreshes) == 1
    assert replica.cloud.refused == []
    assert replica.store.installations.get(acme.team).ends_at > datetime.now(UTC) + timedelta(hours=11)
