"""Deploy tokens that GitLab makes: against a stand-in that is held against GitLab's documents."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from bot.core.addresses import parse_server
from bot.core.errors import DriverRefused, LoginRejected, RightsRefused, Unreachable
from bot.core.ports.drivers import Ending, Order
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from bot.registry.drivers.driver_table import RegistryDrivers
from tests.fakes.described_api import Given
from tests.fakes.gitlab import MANAGER_SECRET, USERNAME, FakeGitLab
from tests.fakes.registry import FakeRegistry, reply

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REGISTRY = parse_server("https://registry.example.com")


@pytest.fixture
def drivers() -> RegistryDrivers:
    """The drivers, which may ask this machine."""
    return RegistryDrivers((ip_network("127.0.0.0/8"),))


@pytest.fixture
def order(gitlab: FakeGitLab) -> Order:
    """The token is in use."""
    options = {"api": gitlab.url, "level": "Project", "path": "team/app"}
    manager = Login("gitlab", REGISTRY, "", {"password": Secret(MANAGER_SECRET)}, options)
    return Order(Login("gitlab", REGISTRY, USERNAME, {}), manager)


def with_options(order: Order, **options: str) -> Order:
    """The same, with other fields beside the management credential."""
    return replace(order, manager=replace(order.manager, options={**order.manager.options, **options}))


def test_token_is_made_beside_the_first(gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers) -> None:
    """One of the same scopes is made, with a user name that GitLab chooses, and the first one works on."""
    before = drivers.describe(order, deadline_s=10)
    made = drivers.mint(replace(order, made_as=before.next_name), deadline_s=10)

    assert before.text == "GitLab's project team/app has 1 active deploy token."
    assert (made.made_as, made.username, made.ends) == (before.next_name, "gitlab+deploy-token-2", None)
    assert made.credential["password"].reveal() == "token-number-2"
    assert gitlab.tokens[2]["scopes"] == gitlab.tokens[1]["scopes"]
    assert gitlab.usernames == [USERNAME, "gitlab+deploy-token-2"]


def test_new_one_lasts_as_long_as_was_entered(order: Order, drivers: RegistryDrivers) -> None:
    """With a number of days the new token has an end, and Quaymaster knows it."""
    order = with_options(order, days="30")
    name = drivers.describe(order, deadline_s=10).next_name
    made = drivers.mint(replace(order, made_as=name), deadline_s=10)

    assert made.ends is not None
    assert timedelta(days=29) < made.ends - datetime.now(UTC) <= timedelta(days=30)


def test_end_is_not_lost(gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers) -> None:
    """Where the token in use has an end, one without an end is not made unasked."""
    gitlab.tokens[1]["expires_at"] = "2026-09-30T00:00:00.000Z"

    assert drivers.describe(with_options(order, days="90"), deadline_s=10).ends == datetime(
        2026, 9, 30, tzinfo=UTC
    )
    there = drivers.describe(order, deadline_s=10)
    assert there.ends == datetime(2026, 9, 30, tzinfo=UTC)
    assert "how many days" in there.missing["days"]


def test_token_that_expired_is_replaced(gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers) -> None:
    """One that has expired is not lost: its end is known, and a new one of the same scopes is made."""
    gitlab.tokens[1].update(expires_at="2026-03-01T00:00:00.000Z", expired=True)
    order = with_options(order, days="30")
    there = drivers.describe(order, deadline_s=10)
    drivers.mint(replace(order, made_as=there.next_name), deadline_s=10)

    assert there.text == "GitLab's project team/app has 0 active deploy tokens."
    assert there.ends == datetime(2026, 3, 1, tzinfo=UTC)
    assert gitlab.tokens[2]["scopes"] == gitlab.tokens[1]["scopes"]


def test_revoked_token_is_not_there(gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers) -> None:
    """GitLab keeps revoked tokens in its list: they count as gone, and need not be ended."""
    gitlab.tokens[1]["revoked"] = True

    assert drivers.retire(order, Ending.DELETE, deadline_s=10) is False
    with pytest.raises(DriverRefused, match="it was revoked"):
        drivers.describe(order, deadline_s=10)


def test_former_is_deleted(gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers) -> None:
    """A deploy token knows no pause: it is there until it is deleted; a second time does nothing."""
    counts = []
    for ending in (Ending.SUSPEND, Ending.RESTORE, Ending.DELETE, Ending.DELETE):
        drivers.retire(order, ending, deadline_s=10)
        counts.append(len(gitlab.tokens))

    assert counts == [1, 1, 0, 0]
    with pytest.raises(DriverRefused, match="no longer has that token"):
        drivers.retire(order, Ending.RESTORE, deadline_s=10)


def test_made_one_is_ended_by_its_name(gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers) -> None:
    """Of two tokens the one that was made is deleted, and the one in use is not."""
    name = drivers.describe(order, deadline_s=10).next_name
    made = drivers.mint(replace(order, made_as=name), deadline_s=10)
    drivers.retire(replace(order, made_as=made.made_as), Ending.DELETE, deadline_s=10)

    assert gitlab.usernames == [USERNAME]


def test_lost_answer_is_found_again(gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers) -> None:
    """When the answer is lost nobody knows; afterwards exactly that token is named, by its name alone."""
    name = drivers.describe(order, deadline_s=10).next_name
    gitlab.loses = "POST"
    with pytest.raises(Unreachable):
        drivers.mint(replace(order, made_as=name), deadline_s=10)
    gitlab.add("by hand", ["read_registry"], None)
    left = drivers.describe(replace(order, made_as=name, since=NOON), deadline_s=10).leftovers

    assert [one.made_as for one in left] == [name]
    assert len([one for one in gitlab.asked if one.method == "POST"]) == 1
    assert USERNAME in gitlab.usernames


def test_two_of_one_name_are_not_guessed(gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers) -> None:
    """When two tokens have the user name, none is ended."""
    gitlab.add("another", ["read_registry"], None)["username"] = USERNAME

    with pytest.raises(DriverRefused, match="the right one is unknown"):
        drivers.retire(order, Ending.DELETE, deadline_s=10)
    assert len(gitlab.tokens) == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, DriverRefused), (401, LoginRejected), (403, RightsRefused), (500, Unreachable)],
)
def test_refusals_are_told_apart(
    gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers, status: int, error: type[Exception]
) -> None:
    """A refusal made nothing; a server's error is one that nobody knows the outcome of."""
    name = drivers.describe(order, deadline_s=10).next_name
    gitlab.fails["POST"] = Given(status, {"message": "no more deploy tokens"})

    with pytest.raises(error, match="no more deploy tokens"):
        drivers.mint(replace(order, made_as=name), deadline_s=10)
    assert gitlab.usernames == [USERNAME]


def test_what_is_not_there_is_said(order: Order, drivers: RegistryDrivers) -> None:
    """A project that GitLab does not have, or a login that is not a deploy token's, is named."""
    with pytest.raises(DriverRefused, match="nothing at that path"):
        drivers.describe(with_options(order, path="team/other"), deadline_s=10)
    with pytest.raises(DriverRefused, match="no deploy token with the user name"):
        drivers.describe(replace(order, login=replace(order.login, username="somebody")), deadline_s=10)


def test_group(gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers) -> None:
    """A group's tokens are made and ended at the group's own address."""
    order = with_options(order, level="Group", path="team")
    there = drivers.describe(order, deadline_s=10)
    made = drivers.mint(replace(order, made_as=there.next_name), deadline_s=10)
    drivers.retire(replace(order, made_as=made.made_as), Ending.DELETE, deadline_s=10)

    assert there.text == "GitLab's group team has 1 active deploy token."
    assert {one.path.rpartition("deploy_tokens")[0] for one in gitlab.asked} == {"/api/v4/groups/team/"}
    assert gitlab.usernames == [USERNAME]


def test_token_goes_to_the_entered_host_alone(gitlab: FakeGitLab, order: Order) -> None:
    """The address rule counts there as well, and no redirect takes the token elsewhere."""
    with pytest.raises(Unreachable):
        RegistryDrivers(()).describe(order, deadline_s=10)

    assert gitlab.asked == []


def test_token_that_is_gone_is_not_replaced(
    gitlab: FakeGitLab, order: Order, drivers: RegistryDrivers
) -> None:
    """What was revoked meanwhile has no scopes to copy."""
    gitlab.tokens.clear()

    with pytest.raises(DriverRefused, match="is gone"):
        drivers.mint(replace(order, made_as="ci (Quaymaster 1)"), deadline_s=10)
    assert gitlab.tokens == {}


def test_answer_without_the_token_is_told(order: Order, drivers: RegistryDrivers) -> None:
    """A deploy token whose secret never arrived is not taken for a credential."""
    answers = iter((reply(200, [{"id": 1, "username": USERNAME, "name": "ci"}]), reply(201, {"id": 2})))
    with (
        FakeRegistry(lambda _: [next(answers)]) as fake,
        pytest.raises(Unreachable, match="GitLab's answer contains no token"),
    ):
        drivers.mint(with_options(order, api=fake.server.origin), deadline_s=10)
