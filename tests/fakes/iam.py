"""Amazon's IAM with one user, as moto plays it over real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from moto.iam.models import iam_backends
from moto.server import ThreadedMotoServer

USER = "puller"


class Iam:
    """One IAM user, and its access keys: one at first, whatever was there before."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = _client(url)
        if not any(one["UserName"] == USER for one in self.client.list_users()["Users"]):
            self.client.create_user(UserName=USER)
        for key_id in self.keys():
            self.client.delete_access_key(UserName=USER, AccessKeyId=key_id)
        self.first: dict[str, str] = self.client.create_access_key(UserName=USER)["AccessKey"]
        """The user's first key."""

    def keys(self) -> dict[str, str]:
        """The status of each key, by its id."""
        found = self.client.list_access_keys(UserName=USER)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in found}

    def takes(self, key_id: str, secret: str) -> bool:
        """Whether a key is there and active now, and this is its secret."""
        active = (one for one in self._user.access_keys if one.status == "Active")
        return (key_id, secret) in [(one.access_key_id, one.secret_access_key) for one in active]

    @property
    def _user(self) -> Any:
        """The user as moto keeps it, with the secrets of its keys, which no answer repeats."""
        account = next(iter(iam_backends.values()))["aws"]
        return account.users[USER]

    @property
    def second(self) -> str:
        """The id of the key that is there besides the first."""
        return next(one for one in self.keys() if one != self.first["AccessKeyId"])

    def made_at(self, key_id: str, at: datetime) -> None:
        """Let a key have been made at a moment; moto goes by the machine's clock."""
        key = next(one for one in self._user.access_keys if one.access_key_id == key_id)
        key.create_date = at.replace(tzinfo=None)

    def suspend(self, key_id: str) -> None:
        """Make a key inactive, as somebody does at AWS."""
        self.client.update_access_key(UserName=USER, AccessKeyId=key_id, Status="Inactive")

    def restore(self, key_id: str) -> None:
        """Make an inactive key active again."""
        self.client.update_access_key(UserName=USER, AccessKeyId=key_id, Status="Active")

    def delete(self, key_id: str) -> None:
        """Delete a key."""
        self.client.delete_access_key(UserName=USER, AccessKeyId=key_id)

    def make(self) -> str:
        """Make a key by hand."""
        return str(self.client.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"])


@cache
def _client(url: str) -> Any:
    """One client for all tests: making one takes a while."""
    return botocore.session.Session().create_client(
        "iam",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="test",
    )


@contextmanager
def amazon() -> Iterator[str]:
    """Run moto's server, which plays every service of Amazon's, and give its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
