"""Amazon ECR: a second access key of the same IAM user, by IAM's API.

1. ``CreateAccessKey``. A user has two keys at most: with two there already, nothing is asked.
2. A former key becomes ``Inactive``, which can be undone, and is deleted only after that.

Sources: AWS, "Amazon IAM quotas", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "ListAccessKeys".
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from bot.core.errors import DriverRefused, RegistryFailure, Unreachable
from bot.core.kinds import Field, Kind
from bot.core.model import Stage
from bot.core.ports.drivers import Described, Ending, Leftover, Minted, Order
from bot.core.secrets import Secret
from bot.registry.aws import make_client, refusal
from bot.registry.deadline import Lane
from bot.registry.drivers.driver import Asking, Driver
from bot.registry.kind_table import AWS_KINDS, KINDS

_MOST_KEYS = 2
_APART = timedelta(minutes=5)
"""How far AWS's clock and ours may be apart, with the time that a call takes."""
_SHOWN_END = 4
"""Characters of a key's id that people are shown."""
_REGION = "us-east-1"
_CALLS: Lane[Any] = Lane(places=4, name="iam")
_REFUSED = frozenset({"LimitExceeded", "NoSuchEntity", "EntityTemporarilyUnmodifiable", "ValidationError"})
T = TypeVar("T")


def _describe(asking: Asking, order: Order) -> Described:
    user = order.manager.username
    keys = _call(asking, order, "iam:ListAccessKeys", lambda iam: iam.list_access_keys(UserName=user))
    there = keys["AccessKeyMetadata"]
    ids = [str(key["AccessKeyId"]) for key in there]
    own, manager = (one.options.get("access_key_id", "") for one in (order.login, order.manager))
    if own == manager:
        raise DriverRefused(
            "This is the access key that is to be replaced, so it cannot manage itself.",
            "Enter a key of a different IAM user.",
        )
    if own not in ids:
        raise DriverRefused(
            f"The access key in use does not belong to the IAM user {user}.", "Check the user name."
        )
    problem = (
        f"IAM user {user} has {len(ids)} access keys ({', '.join(map(_shown, ids))}), and AWS allows no "
        "more. Delete the one that nothing uses."
    )
    return Described(
        f"IAM user {user} has {len(ids)} of {_MOST_KEYS} access keys.",
        f"a new access key of IAM user {user}",
        problem if len(ids) >= _MOST_KEYS else "",
        made_at=next((key["CreateDate"] for key in there if key["AccessKeyId"] == own), None),
        leftovers=tuple(
            Leftover(key_id, f"access key {_shown(key_id)}", key["CreateDate"])
            for key, key_id in zip(there, ids, strict=True)
            if order.since and key_id not in (own, manager) and abs(key["CreateDate"] - order.since) <= _APART
        ),
    )


def _shown(key_id: str) -> str:
    """An access key's id as people, news and the history get it: whole ids are sealed."""
    return f"…{key_id[-_SHOWN_END:]}"


def _mint(asking: Asking, order: Order) -> Minted:
    user = order.manager.username
    answer = _call(asking, order, "iam:CreateAccessKey", lambda iam: iam.create_access_key(UserName=user))
    key = answer["AccessKey"]
    return Minted(
        key["AccessKeyId"],
        order.login.username,
        {"secret_access_key": Secret(key["SecretAccessKey"])},
        {"access_key_id": key["AccessKeyId"]},
    )


def _retire(asking: Asking, order: Order, ending: Ending) -> bool:
    user, key_id = order.manager.username, order.made_as or order.login.options.get("access_key_id", "")
    status = "Active" if ending is Ending.RESTORE else "Inactive"

    def end(iam: Any) -> bool:
        try:
            iam.update_access_key(UserName=user, AccessKeyId=key_id, Status=status)
            if ending is Ending.DELETE:
                iam.delete_access_key(UserName=user, AccessKeyId=key_id)
        except iam.exceptions.NoSuchEntityException:
            if ending is Ending.RESTORE:
                raise DriverRefused(
                    f"IAM user {user} no longer has that access key.", "Create a new one."
                ) from None
            return False
        return True

    return _call(asking, order, "iam:UpdateAccessKey and iam:DeleteAccessKey", end)


def _call(asking: Asking, order: Order, permission: str, ask: Callable[[Any], T]) -> T:
    """Ask IAM on a thread of its own, and explain what it refuses."""
    try:
        found: T = _CALLS.run(lambda: _asked(asking, order, permission, ask), asking.operation.wait_s())
        return found
    except TimeoutError:
        raise Unreachable(
            f"AWS took longer than {asking.operation.deadline.seconds:g} seconds.",
            "Try again later.",
            Stage.LOGIN,
        ) from None


def _asked(asking: Asking, order: Order, permission: str, ask: Callable[[Any], T]) -> T:
    from botocore.exceptions import BotoCoreError, ClientError

    manager = order.manager
    keys: Mapping[str, str] = {
        "aws_access_key_id": manager.options.get("access_key_id", ""),
        "aws_secret_access_key": manager.credential["secret_access_key"].reveal(),
    }
    region = order.login.options.get("region", _REGION)
    try:
        return ask(make_client("iam", order.login, keys, region, asking.aws_endpoint))
    except ClientError as error:
        raise _explained(
            str(error.response.get("Error", {}).get("Code", "")), manager.username, permission
        ) from None
    except (BotoCoreError, ValueError):
        raise Unreachable(
            "AWS's IAM could not be reached.", "Check whether Quaymaster's network leads to AWS.", Stage.LOGIN
        ) from None


def _explained(code: str, user: str, permission: str) -> RegistryFailure:
    if code == "LimitExceeded":
        return DriverRefused(
            f"IAM user {user} has {_MOST_KEYS} access keys, and AWS does not allow more.",
            "Delete the one that nothing uses.",
        )
    if code in _REFUSED:
        return DriverRefused(f"AWS answered {code} for the IAM user {user}.", "Check the user name.")
    return refusal(code, f"manage the keys of {user} (permission {permission})")


_ECR = KINDS["ecr"]
_KEY_FIELDS = tuple(one for one in _ECR.fields if one.key in ("access_key_id", "secret_access_key"))

DRIVER = Driver(
    tuple(sorted(AWS_KINDS)),
    Kind(
        "ecr-management",
        "Amazon IAM",
        "ECR",
        (
            Field(
                "username",
                "IAM user of the key in use",
                hint="Whose second access key is made. IAM is asked at AWS's own host.",
                example="pull-images",
                pattern=r"[\w+=,.@-]{1,64}",
                problem="This is not an IAM user's name.",
            ),
            *_KEY_FIELDS,
        ),
    ),
    _describe,
    _mint,
    _retire,
)
