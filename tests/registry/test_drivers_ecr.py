"""Access keys that IAM makes: against moto's server over real HTTP."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.errors import DriverRefused, RegistryFailure, Unreachable
from bot.core.model import Server
from bot.core.ports.drivers import Ending, Order
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from bot.registry.drivers.driver_table import RegistryDrivers
from tests.fakes.iam import Iam
from tests.fakes.registry import FakeRegistry, always, reply

SERVER = Server("https", "123456789012.dkr.ecr.us-east-1.amazonaws.com")


@pytest.fixture
def order(iam: Iam) -> Order:
    """The user's key is in use."""
    options = {"access_key_id": iam.first["AccessKeyId"], "region": "us-east-1"}
    manager = Login(
        "ecr",
        SERVER,
        "puller",
        {"secret_access_key": Secret("marker-manager")},
        {"access_key_id": "AKIAIOSFODNN7EXAMPLE"},
    )
    return Order(Login("ecr", SERVER, "AWS", {}, options), manager)


@pytest.fixture
def drivers(iam: Iam) -> RegistryDrivers:
    """The drivers."""
    return RegistryDrivers((), aws_endpoint=iam.url)


def test_second_key_is_made_beside_the_first(iam: Iam, order: Order, drivers: RegistryDrivers) -> None:
    """The user has both, and the new one has an id and a secret of its own."""
    before = drivers.describe(order, deadline_s=10)
    minted = drivers.mint(order, deadline_s=10)

    assert (before.text, before.problem) == ("IAM user puller has 1 of 2 access keys.", "")
    assert before.made_at is not None
    assert iam.keys() == {order.login.options["access_key_id"]: "Active", minted.made_as: "Active"}
    assert minted.options == {"access_key_id": minted.made_as}
    assert len(minted.credential["secret_access_key"].reveal()) == 40


def test_full_slots_are_said(order: Order, drivers: RegistryDrivers) -> None:
    """With two keys there, the description names both, and AWS's own refusal makes nothing."""
    second = drivers.mint(order, deadline_s=10).made_as
    there = drivers.describe(order, deadline_s=10)

    assert f"…{second[-4:]}" in there.problem
    assert f"…{order.login.options['access_key_id'][-4:]}" in there.problem
    assert second not in there.problem
    with pytest.raises(DriverRefused, match="2 access keys, and AWS does not allow more"):
        drivers.mint(order, deadline_s=10)


def test_key_is_inactive_before_it_is_deleted(iam: Iam, order: Order, drivers: RegistryDrivers) -> None:
    """Suspending can be undone; deleting takes it away, and a second time does nothing."""
    second = drivers.mint(order, deadline_s=10).made_as
    ended = replace(order, made_as=second)
    drivers.retire(ended, Ending.SUSPEND, deadline_s=10)
    suspended = iam.keys()[second]
    drivers.retire(ended, Ending.RESTORE, deadline_s=10)
    restored = iam.keys()[second]
    drivers.retire(ended, Ending.DELETE, deadline_s=10)
    drivers.retire(ended, Ending.DELETE, deadline_s=10)

    assert (suspended, restored) == ("Inactive", "Active")
    assert iam.keys() == {order.login.options["access_key_id"]: "Active"}


def test_lost_answer_is_found_again(order: Order, drivers: RegistryDrivers) -> None:
    """What was made and not answered is named, and the key in use is not."""
    asked = datetime.now(UTC)
    second = drivers.mint(order, deadline_s=10).made_as

    left = drivers.describe(replace(order, since=asked), deadline_s=10).leftovers

    assert [one.made_as for one in left] == [second]
    assert left[0].shown == f"access key …{second[-4:]}"
    assert left[0].made_at is not None


def test_key_made_later_or_earlier_is_somebody_elses(
    iam: Iam, order: Order, drivers: RegistryDrivers
) -> None:
    """What was made more than five minutes before or after the request did not come of it."""
    asked = datetime.now(UTC)
    second = drivers.mint(order, deadline_s=10).made_as
    iam.made_at(second, asked + timedelta(minutes=6))
    later = drivers.describe(replace(order, since=asked), deadline_s=10).leftovers
    iam.made_at(second, asked - timedelta(minutes=6))
    earlier = drivers.describe(replace(order, since=asked), deadline_s=10).leftovers

    assert (later, earlier) == ((), ())


def test_key_that_is_gone_is_not_restored(order: Order, drivers: RegistryDrivers) -> None:
    """A key that was deleted cannot be put into force again, and that is no doubt."""
    with pytest.raises(DriverRefused, match="no longer has that access key"):
        drivers.retire(replace(order, made_as="AKIAIOSFODNN7DELETED"), Ending.RESTORE, deadline_s=10)


def test_key_does_not_manage_itself(order: Order, drivers: RegistryDrivers) -> None:
    """The key that is replaced would be suspended by itself, and then could not even be restored."""
    own = replace(order, manager=replace(order.manager, options=order.login.options))

    with pytest.raises(DriverRefused, match="cannot manage itself"):
        drivers.describe(own, deadline_s=10)


def test_silent_aws_is_no_refusal(order: Order) -> None:
    """When nobody answers, nobody knows: that is not told as a refusal."""
    drivers = RegistryDrivers((), aws_endpoint="http://127.0.0.1:9")

    with pytest.raises(Unreachable):
        drivers.mint(order, deadline_s=10)


def test_no_secret_shows(order: Order, drivers: RegistryDrivers) -> None:
    """Neither an order nor what was made shows a secret."""
    minted = drivers.mint(order, deadline_s=10)

    assert "marker-manager" not in repr(order)
    assert minted.credential["secret_access_key"].reveal() not in repr(minted)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("NoSuchEntity", "AWS answered NoSuchEntity for the IAM user puller."),
        ("AccessDenied", "manage the keys of puller"),
    ],
)
def test_what_aws_refuses_is_told(order: Order, code: str, said: str) -> None:
    """A user that is not there, and a right that is missing, are told as that."""
    error = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    with FakeRegistry(always(reply(403, error.encode()))) as fake:
        drivers = RegistryDrivers((), aws_endpoint=fake.server.origin)
        with pytest.raises(RegistryFailure) as caught:
            drivers.describe(order, deadline_s=10)

    assert said in f"{caught.value} {caught.value.hint}"
    assert "marker-manager" not in str(caught.value)
