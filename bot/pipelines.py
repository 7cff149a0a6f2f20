"""The commands for pipelines: ask a running Quaymaster for what its API hands out, and put it where it belongs.

They use the credential helper's settings and its client, so that they load no server.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from bot.core.errors import QuaymasterError, SettingsError
from bot.docker_credential import CHECK_URL, Client, Failure, read_object, trouble_of

DEADLINE_S = 15.0
"""Longer than the server waits for AWS."""

Environment = Mapping[str, str]


def environment_of(environ: Environment, name: str) -> str:
    """Give an integration as ``export`` lines. Raises ``QuaymasterError``."""
    return asked(environ, f"/v1/integrations/{quote(name, safe='')}/env").decode()


def docker_config_of(environ: Environment) -> str:
    """Give docker's config.json for everything the token's target is linked to. Raises ``QuaymasterError``."""
    return indented(asked(environ, "/v1/docker/config.json"))


def kubernetes_secret_of(environ: Environment, name: str, namespace: str | None) -> str:
    """
    Give the same as a Kubernetes secret, in JSON, which is YAML to ``kubectl apply -f -``.

    Raises:
        QuaymasterError.
    """
    parameters = {"name": name, **({"namespace": namespace} if namespace else {})}
    return indented(asked(environ, "/v1/kubernetes/secret", parameters))


def asked(environ: Environment, path: str, parameters: Mapping[str, str] | None = None) -> bytes:
    """
    Ask the API.

    Raises:
        SettingsError: A setting is missing or wrong.
        QuaymasterError: With the API's own sentence when it refused.
    """
    try:
        client = Client(environ, DEADLINE_S)
    except Failure as failure:
        raise SettingsError(failure.message, failure.hint) from None
    try:
        status, body = client.get(path, parameters)
    except Failure as failure:
        raise QuaymasterError(failure.message, failure.hint) from None
    if status != 200:
        failure = trouble_of(status, body)
        raise QuaymasterError(failure.message, failure.hint)
    return body


def indented(body: bytes) -> str:
    """Lay JSON out for people. Raises ``QuaymasterError`` when it is no object."""
    fields = read_object(body)
    if not fields:
        raise QuaymasterError("QUAYMASTER_URL leads to something that is not Quaymaster.", CHECK_URL)
    return json.dumps(fields, indent=2)


def keep_docker_config(path: Path, config: str) -> None:
    """
    Put logins into a docker configuration; what else the file holds stays.

    The file is of mode 0600 and at every moment either as it was or whole.

    Raises:
        QuaymasterError: The file is not docker's, or cannot be written; nothing was changed.
    """
    try:
        present = path.read_bytes() if path.exists() else b"{}"
        merged = merged_config(path, present, config)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path.resolve(), merged.encode())
    except OSError as error:
        raise QuaymasterError(f"{path} cannot be written: {error.strerror}; nothing was changed.") from None


def merged_config(path: Path, present: bytes, config: str) -> str:
    """Replace the logins of a configuration's servers that are known, and keep everything else."""
    fields = read_object(present)
    if not fields and present.strip() not in (b"", b"{}"):
        raise QuaymasterError(f"{path} is not docker's: it is no JSON object; nothing was changed.")
    known = fields.get("auths")
    new = json.loads(config)["auths"]
    return (
        json.dumps({**fields, "auths": {**(known if isinstance(known, dict) else {}), **new}}, indent=2)
        + "\n"
    )


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the file, flush to the disk, put in its place. The file is its owner's alone."""
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Flush a directory, so that the new name outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
