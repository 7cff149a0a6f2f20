"""What pipelines read: shell exports, docker's config.json, a Kubernetes secret.

The names of the shell variables are Shippable's: ``<NAME>_INTEGRATION_URL``, ``_USERNAME``, ``_PASSWORD``,
``_EMAIL`` or the kind's own fields; the integration's name in upper case, without what is not
``[A-Z0-9_]`` and without leading digits.
"""

import base64
import json
import re
import shlex
from collections.abc import Iterable, Mapping

from bot.core.errors import InvalidInput
from bot.core.handouts import HandOut
from bot.core.servers import docker_keys

KUBERNETES_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
KUBERNETES_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
EXPIRY = "quaymaster/expires-at"


def variable_prefix(name: str) -> str:
    """``my-key-1`` gives ``MYKEY1``. A name of digits alone keeps them behind an underscore."""
    kept = re.sub(r"[^A-Z0-9_]", "", name.upper())
    return re.sub(r"^[0-9]+", "", kept) or f"_{kept}"


def variables(handed: HandOut) -> dict[str, str]:
    """Name everything a workflow may know of an integration, in Shippable's form."""
    integration = handed.integration
    values = {
        "URL": integration.server.origin,
        "USERNAME": handed.login.username,
        "PASSWORD": handed.login.secret.reveal(),
        **{key.upper(): value for key, value in integration.options.items()},
        **{key.upper(): secret.reveal() for key, secret in handed.credential.items()},
    }
    prefix = variable_prefix(integration.name)
    return {f"{prefix}_INTEGRATION_{key}": value for key, value in values.items()}


def shell_exports(handed: HandOut) -> str:
    """Write the variables as ``export`` lines that any POSIX shell reads, quoted."""
    return "".join(f"export {key}={shlex.quote(value)}\n" for key, value in variables(handed).items())


def docker_config(handed: Iterable[HandOut]) -> dict[str, object]:
    """
    Write docker's config.json: ``auths`` with ``auth``, which every client reads.

    Source: docker/cli, cli/config/configfile/file.go; containers/image#1259.
    """
    return {
        "auths": {key: {"auth": basic(one)} for one in handed for key in docker_keys(one.integration.server)}
    }


def basic(handed: HandOut) -> str:
    """``user:password`` in base64."""
    login = f"{handed.login.username}:{handed.login.secret.reveal()}"
    return base64.b64encode(login.encode()).decode()


def kubernetes_secret(name: str, namespace: str, handed: Iterable[HandOut]) -> dict[str, object]:
    """
    Write a ``kubernetes.io/dockerconfigjson`` secret. One that holds a passing password says until when.

    Raises:
        InvalidInput: A name that Kubernetes would refuse (RFC 1123).
    """
    if not KUBERNETES_NAME.fullmatch(name) or not KUBERNETES_NAMESPACE.fullmatch(namespace or "default"):
        raise InvalidInput(
            "Kubernetes would refuse this name or namespace.",
            "Use lower-case letters, digits and “-”. Example: name=registry-login&namespace=web-shop",
        )
    given = list(handed)
    data = base64.b64encode(json.dumps(docker_config(given)).encode()).decode()
    metadata: dict[str, object] = {"name": name, **({"namespace": namespace} if namespace else {})}
    if annotations := expiries(given):
        metadata["annotations"] = annotations
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": data},
    }


def expiries(handed: Iterable[HandOut]) -> Mapping[str, str]:
    """The earliest moment at which something in a file stops working, as an annotation."""
    ends = sorted(one.login.expires_at for one in handed if one.login.expires_at)
    return {EXPIRY: ends[0].isoformat(timespec="seconds").replace("+00:00", "Z")} if ends else {}
