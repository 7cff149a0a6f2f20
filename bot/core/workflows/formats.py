"""What pipelines read: shell exports, docker's config.json, a Kubernetes secret.

The names of the shell variables are Shippable's: ``<NAME>_INTEGRATION_URL``, ``_USERNAME``, ``_PASSWORD``,
``_EMAIL`` or the kind's own fields; the integration's name in upper case, without what is not
``[A-Z0-9_]`` and without leading digits.
"""

import base64
import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import replace

from bot.core.addresses import DOCKER_HUB, DOCKER_HUB_NAMES, docker_keys
from bot.core.errors import InvalidInput
from bot.core.kinds import ASKS_END
from bot.core.model import Server
from bot.core.workflows.fetch import HandOut

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_KUBERNETES_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_KUBERNETES_NAMESPACE = re.compile(rf"(?=.{{1,63}}$){_LABEL}")
_EXPIRY = "quaymaster/expires-at"

_STAYS_HERE = frozenset({"access_key_id", "role", ASKS_END})
"""What is no workflow's business: of ECR it gets the passing password, and nothing of the keys behind it."""


def _variable_prefix(name: str) -> str:
    """``my-key-1`` gives ``MYKEY1``. A name of digits alone keeps them after an underscore."""
    kept = re.sub(r"[^A-Z0-9_]", "", name.upper())
    return re.sub(r"^[0-9]+", "", kept) or f"_{kept}"


def fields_of(handed: HandOut) -> dict[str, str]:
    """The kind's own fields, those that are secret too."""
    plain = {key: value for key, value in handed.integration.options.items() if key not in _STAYS_HERE}
    return plain | {key: secret.reveal() for key, secret in handed.credential.items()}


def _variables(handed: HandOut) -> dict[str, str]:
    """Name everything a workflow may know of an integration, in Shippable's form."""
    values = {
        "URL": handed.integration.server.origin,
        "USERNAME": handed.login.username,
        "PASSWORD": handed.login.secret.reveal(),
        **{key.upper(): value for key, value in fields_of(handed).items()},
    }
    if end := expiry_of([handed]):
        values["EXPIRES_AT"] = end
    prefix = _variable_prefix(handed.integration.name)
    return {f"{prefix}_INTEGRATION_{key}": value for key, value in values.items()}


def shell_exports(handed: HandOut) -> str:
    """Write the variables as ``export`` lines that any POSIX shell reads, quoted."""
    return "".join(f"export {key}={shlex.quote(value)}\n" for key, value in _variables(handed).items())


def docker_credentials(server_url: str, handed: HandOut) -> str:
    """
    Write what a credential helper prints for ``get``. Empty username and secret mean: ask without logging in.

    Source: docker/docker-credential-helpers, ``credentials/credentials.go``.
    """
    username, secret = handed.login.username, handed.login.secret.reveal()
    return json.dumps({"ServerURL": server_url, "Username": username, "Secret": secret}, ensure_ascii=False)


def docker_config(handed: Iterable[HandOut]) -> dict[str, object]:
    """
    Write docker's config.json: ``auths`` with ``auth``, which every client reads.

    Source: docker/cli, cli/config/configfile/file.go; containers/image#1259.
    """
    given = [one for one in handed if one.login.username]
    return {
        "auths": {key: {"auth": _basic(one)} for one in given for key in config_keys(one.integration.server)}
    }


def config_keys(server: Server) -> tuple[str, ...]:
    """
    Say under which keys docker, podman and kubelet look for this server's login in a file.

    Each of them compares a port as text: for ``host:443/team/app`` none of them finds ``host``, nor the other
    way round. For Docker Hub each of its names is looked up as it is written in the image's name.

    Source: docker/cli, ``cli/config/configfile/file.go``; containers/image, ``pkg/docker/config``;
    kubernetes, ``pkg/credentialprovider/keyring.go``, ``URLsMatch``.
    """
    if server == DOCKER_HUB:
        return (*docker_keys(server), *sorted(DOCKER_HUB_NAMES - set(docker_keys(server))))
    written_out = replace(server, port=server.endpoint[1])
    return tuple(dict.fromkeys((server.address, written_out.address)))


def _basic(handed: HandOut) -> str:
    """``user:password`` in base64."""
    login = f"{handed.login.username}:{handed.login.secret.reveal()}"
    return base64.b64encode(login.encode()).decode()


def kubernetes_secret(name: str, namespace: str, handed: Iterable[HandOut]) -> dict[str, object]:
    """
    Write a ``kubernetes.io/dockerconfigjson`` secret. One that holds a passing password says until when.

    Raises:
        InvalidInput: A name that Kubernetes would refuse (RFC 1123).
    """
    if not _KUBERNETES_NAME.fullmatch(name) or not _KUBERNETES_NAMESPACE.fullmatch(namespace or "default"):
        raise InvalidInput(
            "Kubernetes would refuse this name or namespace.",
            "Use lower-case letters, digits and “-”. Example: name=registry-login&namespace=web-shop",
        )
    given = list(handed)
    data = base64.b64encode(json.dumps(docker_config(given)).encode()).decode()
    metadata: dict[str, object] = {"name": name, **({"namespace": namespace} if namespace else {})}
    if end := expiry_of(given):
        metadata["annotations"] = {_EXPIRY: end}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": data},
    }


def expiry_of(handed: Iterable[HandOut]) -> str | None:
    """The earliest moment at which something of this stops working, as ``2026-01-01T00:00:00Z``."""
    ends = sorted(one.login.expires_at for one in handed if one.login.expires_at)
    return ends[0].isoformat(timespec="seconds").replace("+00:00", "Z") if ends else None
