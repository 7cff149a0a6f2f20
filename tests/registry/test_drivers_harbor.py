"""Robot accounts that Harbor makes: against a stand-in that is held against Harbor's published API."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from bot.core.addresses import parse_server
from bot.core.errors import (
    DriverRefused,
    LoginRejected,
    RegistryFailure,
    RightsRefused,
    TooManyRequests,
    Unreachable,
)
from bot.core.ports.drivers import Ending, Order
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from bot.registry.drivers.driver_table import RegistryDrivers
from tests.fakes.described_api import Given
from tests.fakes.harbor import DAY_S, MANAGER, MANAGER_SECRET, NOW, PULL, ROBOT, FakeHarbor
from tests.fakes.registry import FakeRegistry, always, reply

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def drivers() -> RegistryDrivers:
    """The drivers, which may ask this machine."""
    return RegistryDrivers((ip_network("127.0.0.0/8"),))


@pytest.fixture
def order(harbor: FakeHarbor) -> Order:
    """The robot is in use."""
    server = parse_server(harbor.url)
    manager = Login("harbor", server, MANAGER, {"password": Secret(MANAGER_SECRET)})
    return Order(Login("harbor", server, ROBOT, {}), manager)


def minted(drivers: RegistryDrivers, order: Order) -> Order:
    """Have one made; give what is asked about it later."""
    name = drivers.describe(order, deadline_s=10).next_name
    made = drivers.mint(replace(order, made_as=name), deadline_s=10)
    return replace(order, made_as=made.made_as)


def test_twin_has_the_same_rights(harbor: FakeHarbor, order: Order, drivers: RegistryDrivers) -> None:
    """A robot of the same project, rights and lifetime is made, and the first one works on."""
    before = drivers.describe(order, deadline_s=10)
    made = drivers.mint(replace(order, made_as=before.next_name), deadline_s=10)
    twin = next(one for one in harbor.robots.values() if one["name"] == made.username)

    assert (before.text, before.problem) == ("Harbor's project team has 1 robot account.", "")
    assert before.ends == datetime.fromtimestamp(NOW + 90 * DAY_S, UTC)
    assert made.username == f"robot$team+{before.next_name}"
    assert made.credential["password"].reveal() == harbor.secrets[made.username]
    assert made.ends == datetime.fromtimestamp(NOW + 90 * DAY_S, UTC)
    assert (twin["level"], twin["duration"], twin["permissions"]) == ("project", 90, PULL)
    assert harbor.states == {ROBOT: True, made.username: True}


def test_name_does_not_grow(order: Order, drivers: RegistryDrivers) -> None:
    """The twin of a twin is called after the first, not after both."""
    first = minted(drivers, order)
    twin = replace(order, login=replace(order.login, username=first.made_as))
    name = drivers.describe(twin, deadline_s=10).next_name

    assert name.count("-qm") == 1
    assert name.startswith("deploy-qm")


def test_suspended_then_deleted(harbor: FakeHarbor, order: Order, drivers: RegistryDrivers) -> None:
    """A former robot is disabled, which can be undone, then deleted; a second time does nothing."""
    minted(drivers, order)
    states = []
    for ending in (Ending.SUSPEND, Ending.RESTORE, Ending.DELETE, Ending.DELETE):
        drivers.retire(order, ending, deadline_s=10)
        states.append(harbor.states.get(ROBOT))

    assert states == [False, True, None, None]
    assert len(harbor.robots) == 1
    with pytest.raises(DriverRefused, match="no longer has"):
        drivers.retire(order, Ending.RESTORE, deadline_s=10)


def test_system_robot(harbor: FakeHarbor, order: Order, drivers: RegistryDrivers) -> None:
    """A robot of the whole Harbor is found without a project, and one without an end makes one without."""
    harbor.add("robot$everything", "system", -1)
    order = replace(order, login=replace(order.login, username="robot$everything"))
    name = drivers.describe(order, deadline_s=10).next_name
    made = drivers.mint(replace(order, made_as=name), deadline_s=10)

    assert made.username == f"robot${name}"
    assert made.ends is None


def test_prefix_of_ones_own(harbor: FakeHarbor, order: Order, drivers: RegistryDrivers) -> None:
    """Where names begin with something else, the project is entered, and everything else works as before."""
    harbor.prefix = "bot_"
    harbor.add("bot_team+deploy", "project", 30)
    own = replace(order.login, username="bot_team+deploy")
    order = Order(own, replace(order.manager, options={"project": "team"}))
    made = minted(drivers, order)
    drivers.retire(made, Ending.DELETE, deadline_s=10)

    assert made.made_as.startswith("bot_team+deploy-qm")
    assert sorted(harbor.states) == ["bot_team+deploy", ROBOT]


def test_more_than_a_page(harbor: FakeHarbor, order: Order, drivers: RegistryDrivers) -> None:
    """A robot behind the first hundred is found."""
    own = harbor.robots.pop(next(iter(harbor.robots)))
    [harbor.add(f"robot$team+other-{number}", "project", -1) for number in range(150)]
    harbor.robots[own["id"] + 1000] = own

    assert drivers.describe(order, deadline_s=10).text == "Harbor's project team has 151 robot accounts."


def test_lost_answer_is_found_again(harbor: FakeHarbor, order: Order, drivers: RegistryDrivers) -> None:
    """When the answer is lost nobody knows; afterwards exactly that robot is named, by its name alone."""
    name = drivers.describe(order, deadline_s=10).next_name
    harbor.loses = "POST"
    with pytest.raises(Unreachable):
        drivers.mint(replace(order, made_as=name), deadline_s=10)
    harbor.add("robot$team+by-hand", "project", -1)
    left = drivers.describe(replace(order, made_as=name, since=NOON), deadline_s=10).leftovers

    assert [one.made_as for one in left] == [f"robot$team+{name}"]
    assert len([one for one in harbor.asked if one.method == "POST"]) == 1
    assert harbor.states[ROBOT]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, DriverRefused),
        (401, LoginRejected),
        (403, RightsRefused),
        (500, Unreachable),
    ],
)
def test_refusals_are_told_apart(
    harbor: FakeHarbor, order: Order, drivers: RegistryDrivers, status: int, error: type[Exception]
) -> None:
    """A refusal made nothing; a server's error is one that nobody knows the outcome of."""
    name = drivers.describe(order, deadline_s=10).next_name
    harbor.fails["POST"] = Given(status, {"errors": [{"code": "X", "message": "the quota is used up"}]})

    with pytest.raises(error, match="the quota is used up"):
        drivers.mint(replace(order, made_as=name), deadline_s=10)
    assert harbor.made == []


def test_wrong_management_credential(order: Order, drivers: RegistryDrivers) -> None:
    """It is refused, and not repeated."""
    wrong = replace(order.manager, credential={"password": Secret("marker-wrong")})

    with pytest.raises(LoginRejected, match="does not accept the management credential") as caught:
        drivers.describe(replace(order, manager=wrong), deadline_s=10)
    assert "marker-wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("username", "sentence"),
    [("robot$nothing+deploy", "no project “nothing”"), ("robot$team+other", "no robot account")],
)
def test_what_is_not_there_is_said(
    order: Order, drivers: RegistryDrivers, username: str, sentence: str
) -> None:
    """A project or a robot that Harbor does not have is named."""
    with pytest.raises(DriverRefused, match=sentence):
        drivers.describe(replace(order, login=replace(order.login, username=username)), deadline_s=10)


def test_robot_does_not_manage_itself(order: Order, drivers: RegistryDrivers) -> None:
    """The robot that is replaced would be disabled by itself."""
    order = replace(order, login=replace(order.login, username=MANAGER))

    with pytest.raises(DriverRefused):
        drivers.describe(order, deadline_s=10)


def test_old_robot_is_not_copied(harbor: FakeHarbor, order: Order, drivers: RegistryDrivers) -> None:
    """A robot of an old Harbor has rights that its API does not say: nothing is made."""
    next(iter(harbor.robots.values())).update(editable=False, permissions=[])

    assert "cannot be copied" in drivers.describe(order, deadline_s=10).problem


def test_address_rule_counts(order: Order) -> None:
    """What registries may not be asked for is not asked for with a management credential either."""
    with pytest.raises(Unreachable, match="not"):
        RegistryDrivers(()).describe(order, deadline_s=10)


def test_login_goes_to_no_other_host(harbor: FakeHarbor, order: Order, drivers: RegistryDrivers) -> None:
    """A redirect to another host is not followed."""
    harbor.description["GET /api/v2.0/projects/{id}"]["answers"]["302"] = True
    with FakeHarbor() as other:
        harbor.fails["GET"] = Given(302, None, {"Location": f"{other.url}/api/v2.0/projects/team"})
        with pytest.raises(Unreachable, match="the login was not sent there"):
            drivers.describe(order, deadline_s=10)

        assert other.asked == []


def test_asked_too_often(harbor: FakeHarbor, order: Order, drivers: RegistryDrivers) -> None:
    """429 is told as such; nothing was made."""
    harbor.description["POST /api/v2.0/robots"]["answers"]["429"] = True
    name = drivers.describe(order, deadline_s=10).next_name
    harbor.fails["POST"] = Given(429, {})

    with pytest.raises(TooManyRequests):
        drivers.mint(replace(order, made_as=name), deadline_s=10)


def test_robot_does_not_replace_itself(harbor: FakeHarbor, order: Order, drivers: RegistryDrivers) -> None:
    """The management credential must be another one than what is replaced."""
    harbor.add(MANAGER, "system", 90)

    with pytest.raises(DriverRefused, match="it cannot manage itself"):
        drivers.describe(replace(order, login=replace(order.login, username=MANAGER)), deadline_s=10)


def test_twin_of_a_robot_that_is_gone_is_not_made(
    harbor: FakeHarbor, order: Order, drivers: RegistryDrivers
) -> None:
    """What was deleted meanwhile has no rights to copy."""
    harbor.robots.clear()

    with pytest.raises(DriverRefused, match="There is no robot account"):
        drivers.mint(replace(order, made_as="deploy-qm1"), deadline_s=10)
    assert harbor.robots == {}


def test_robot_that_is_deleted_meanwhile_counts_as_ended(
    harbor: FakeHarbor, order: Order, drivers: RegistryDrivers
) -> None:
    """That Harbor has no such robot any more is no failure to delete it."""
    harbor.fails["DELETE"] = Given(404, {"errors": [{"code": "NOT_FOUND", "message": "robot not found"}]})

    assert drivers.retire(order, Ending.DELETE, deadline_s=10)


def of_all_harbor(order: Order, fake: FakeRegistry) -> Order:
    """A robot of no project, at another Harbor."""
    return replace(order, login=replace(order.login, server=fake.server, username="robot$deploy"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(200, b"<html>"), "returned an answer that cannot be read"),
        (reply(200, [{"name": "robot$x"}] * 100), "has more than 2000 there"),
    ],
)
def test_odd_answers_are_told(order: Order, drivers: RegistryDrivers, answer: bytes, said: str) -> None:
    """A page of somebody else's, and a list without an end, are told as that."""
    with FakeRegistry(always(answer)) as fake, pytest.raises(RegistryFailure, match=said):
        drivers.describe(of_all_harbor(order, fake), deadline_s=10)


def test_answer_without_the_secret_is_told(order: Order, drivers: RegistryDrivers) -> None:
    """A robot whose secret never arrived is not taken for a credential."""
    listed = reply(200, [{"id": 7, "name": "robot$deploy", "level": "system", "duration": 90}])
    answers = iter((listed, reply(201, {"id": 8, "name": "robot$deploy-qm1"})))
    is_told = pytest.raises(Unreachable, match="contains no secret")
    with FakeRegistry(lambda _: [next(answers)]) as fake, is_told:
        drivers.mint(of_all_harbor(order, fake), deadline_s=10)


def test_other_types_have_no_driver(order: Order, drivers: RegistryDrivers) -> None:
    """What no driver makes is refused before anything is asked."""
    with pytest.raises(DriverRefused, match="No driver creates credentials for this type"):
        drivers.describe(replace(order, login=replace(order.login, kind="quay")), deadline_s=10)
