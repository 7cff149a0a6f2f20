"""A private registry with token authentication, an integration for it, and clients that know no login."""

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.helpers import Helper
from tests.fakes.real_registry import (
    PASSWORD,
    PRIVATE,
    USERNAME,
    RealRegistry,
    link,
    put_blob,
    running,
)
from tests.fakes.workplace import Workplace


def revoked_token(place: Workplace) -> str:
    """A token that was revoked."""
    token = place.token()
    place.revoke(token)
    return token


INVALID: dict[str, Callable[[Workplace], str]] = {
    "wrong": lambda _: "qm_0123456789ABCDEFGHIJKLMNOPQRST1RVxKQ",
    "expired": lambda place: place.token(days=1, ago=2),
    "revoked": revoked_token,
}
"""Tokens that open nothing, by the cause."""

POLICY = {"default": [{"type": "insecureAcceptAnything"}]}
"""Images are not signed here."""


@dataclass(frozen=True)
class Client:
    """Runs docker, podman, buildah or skopeo in a home of its own, where only the helper knows a login."""

    folder: Path
    helper: Helper
    registry: RealRegistry

    @property
    def image(self) -> str:
        """A private image."""
        return f"{self.registry.server.address}/{PRIVATE}:1.0"

    @property
    def policy(self) -> Path:
        """The file that says which images are believed."""
        return self.folder / "policy.json"

    def prepare(self) -> None:
        """Make the home, with one line for each server that the helper answers for."""
        config = {"credHelpers": {self.registry.server.address: "quaymaster"}}
        (self.folder / "run").mkdir(parents=True)
        (self.folder / "config.json").write_text(json.dumps(config))
        self.policy.write_text(json.dumps(POLICY))

    def run(self, *command: str, said: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run a command."""
        home = {
            "HOME": str(self.folder),
            "DOCKER_CONFIG": str(self.folder),
            "REGISTRY_AUTH_FILE": str(self.folder / "config.json"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
        }
        return subprocess.run(
            command,
            input=said,
            capture_output=True,
            text=True,
            env={**self.helper.env, **home, **settings},
            check=False,
            timeout=60,
        )

    def list_tags(self, **settings: str) -> "subprocess.CompletedProcess[str]":
        """List the private image's tags with skopeo."""
        repository = f"docker://{self.registry.server.address}/{PRIVATE}"
        return self.run("skopeo", "list-tags", "--tls-verify=false", repository, **settings)

    def podman(self, program: str, verb: str, *rest: str) -> "subprocess.CompletedProcess[str]":
        """Run podman or buildah with a store of its own, which needs no privileges."""
        # podman refuses a path of more than 50 characters.
        with tempfile.TemporaryDirectory(prefix="qm-", dir="/tmp") as short:
            store = ("--root", f"{short}/store", "--runroot", f"{short}/run", "--storage-driver", "vfs")
            return self.run(program, *store, verb, "--tls-verify=false", *rest)


@contextmanager
def registry_with_integration(place: Workplace, folder: Path) -> Iterator[RealRegistry]:
    """Run a registry that may be pushed to, and add an integration for it."""
    folder.mkdir()
    with running(folder, auth="token") as registry:
        assert registry.tokens is not None
        registry.tokens.manners.actions = ("pull", "push")
        place.add("team_registry", url=registry.url, username=USERNAME, password=PASSWORD)
        yield registry


def put_docker_image(store: Path, repository: str, tag: str) -> None:
    """Write an image into a registry's store in docker's own format: clients before 23 read no other."""
    facts = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    text = json.dumps(facts).encode()
    config = put_blob(store, text)
    kind = "application/vnd.docker.container.image.v1+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": kind, "digest": f"sha256:{config}", "size": len(text)},
        "layers": [],
    }
    digest = put_blob(store, json.dumps(manifest).encode())
    home = store / "docker/registry/v2/repositories" / repository
    link(home / "_manifests/revisions/sha256" / digest, digest)
    link(home / "_layers/sha256" / config, config)
    link(home / "_manifests/tags" / tag / "current", digest)
    link(home / "_manifests/tags" / tag / "index/sha256" / digest, digest)
