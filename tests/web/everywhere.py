"""A real registry under the names of the services that are not on this machine, and an AWS of our own.

Docker Hub, ECR, Google, Quay.io, GitHub and Azure each have one fixed host. The app's own client asks them
over TLS by that name; only where the name leads, and whom the machine trusts, is the tests' choice.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.core.model import Server
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from bot.registry.client import RegistryClient
from bot.registry.guard import LOOPBACK, Endpoint, resolve
from bot.registry.kind_table import KINDS
from tests.fakes.certificates import Authority
from tests.fakes.iam import amazon
from tests.fakes.real_registry import HTPASSWD, RealRegistry, running

ACCOUNT, REGION = "123456789012", "eu-central-1"
ECR_HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
GOOGLE_HOST = "europe-docker.pkg.dev"
HOSTS = (
    "registry-1.docker.io",
    ECR_HOST,
    GOOGLE_HOST,
    "quay.io",
    "ghcr.io",
    "acmeprod.azurecr.io",
)
JSON_KEY = json.dumps(
    {
        "type": "service_account",
        "project_id": "acme",
        "client_email": "pull@acme.example",
        "private_key": "-",
    }
)
ACCOUNTS = (
    f"{HTPASSWD}"
    "AWS:$2y$04$rVr9zUtB/sKFq0uZh0hmWe4WsfIqr56i7.JDPcM1nIA.NaLcln4NG\n"
    "_json_key:$2y$04$MljOQbSGa50gDMPNAG4qRegaid5UB/mnW8U4JiSXHMOC3BmhY4CCm\n"
)
"""The user ``ci``, AWS with the password that moto hands out, and Google with the JSON key."""

HALF_DAY_BEFORE_MOTO_ENDS = 1_420_070_400.0 - 12 * 3600
"""All of moto's registry logins end with 2014."""


@contextmanager
def everywhere(folder: Path) -> Iterator[RegistryClient]:
    """Run the registry and AWS, and give a client that finds them under the services' names."""
    authority = Authority("Everywhere")
    (folder / "ca.pem").write_text(authority.pem)
    leaf = authority.issue(names=HOSTS)
    with running(folder, tls=leaf) as registry, amazon() as endpoint, pytest.MonkeyPatch.context() as patch:
        (folder / "htpasswd").write_text(ACCOUNTS)
        patch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        yield client(registry, endpoint)


def client(registry: RealRegistry, endpoint: str) -> RegistryClient:
    """A client that has asked AWS once: the first time takes longer than a form waits."""

    def lookup(host: str, port: int) -> list[Endpoint]:
        return [("127.0.0.1", registry.server.port or 443)] if host in HOSTS else list(resolve(host, port))

    made = RegistryClient(
        KINDS, LOOPBACK, resolver=lookup, now=lambda: HALF_DAY_BEFORE_MOTO_ENDS, aws_endpoint=endpoint
    )
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "region": REGION}
    secret = {"secret_access_key": Secret("x" * 40)}
    made.docker_login(Login("ecr", Server("https", ECR_HOST), "AWS", secret, keys), deadline_s=30)
    return made
