"""The commands for pipelines: ask a running Quaymaster for what it hands out, and put it in its place.

They use the credential helper's settings and its client, so that they load no server.
"""

import json
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from bot.core.errors import InvalidInput, QuaymasterError, SettingsError
from bot.core.kinds import NAME, NAME_PROBLEM
from bot.pipeline.atomic_write import replace_whole
from bot.pipeline.docker_credential import CHECK_URL, Client, Failure, read_object, trouble_of

DEADLINE_S = 15.0
"""Longer than the server waits for AWS."""

Environment = Mapping[str, str]


class NotQuaymaster(QuaymasterError):
    """What answers gives something else."""

    def __init__(self) -> None:
        super().__init__("QUAYMASTER_URL leads to something that is not Quaymaster.", CHECK_URL)


def environment_of(environ: Environment, name: str) -> str:
    """Give an integration as ``export`` lines. Raises ``QuaymasterError``."""
    if not NAME.fullmatch(name):
        raise InvalidInput("This is no integration's name.", NAME_PROBLEM)
    body = asked(environ, f"/v1/integrations/{name}/env")
    # A shell will run this: a proxy's page of HTML is not for it.
    if not body.startswith(b"export "):
        raise NotQuaymaster
    return body.decode()


def docker_config_of(environ: Environment) -> str:
    """Give docker's config.json for all that the token's target is linked to. Raises ``QuaymasterError``."""
    return indented(asked(environ, "/v1/docker/config.json"), "auths")


def kubernetes_secret_of(environ: Environment, name: str, namespace: str | None) -> str:
    """
    Give the same as a Kubernetes secret, in JSON, which is YAML to ``kubectl apply -f -``.

    Raises:
        QuaymasterError.
    """
    parameters = {"name": name, **({"namespace": namespace} if namespace else {})}
    return indented(asked(environ, "/v1/kubernetes/secret", parameters), "data")


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
        refusal = trouble_of(status, body)
        raise QuaymasterError(refusal.message, refusal.hint)
    return body


def indented(body: bytes, key: str) -> str:
    """Lay a JSON object out for people. Raises ``QuaymasterError`` when it has no such object in it."""
    fields = read_object(body)
    if not isinstance(fields.get(key), dict):
        raise NotQuaymaster
    return json.dumps(fields, indent=2)


def docker_file_at(path: Path) -> Path:
    """
    Find the file that a path leads to, through links; it need not be there.

    It is not opened: a pipe would block, and a device might do anything.

    Raises:
        QuaymasterError: What is there is no file, or cannot be reached.
    """
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        is_file = True
    except OSError as error:
        raise unwritable(path, error) from None
    if not is_file:
        raise QuaymasterError(
            f"{path} is no regular file; nothing was changed.",
            "Name a file, or leave FILE out for standard output.",
        )
    return path.resolve()


def unwritable(path: Path, error: OSError) -> QuaymasterError:
    """Say why a file cannot be written."""
    return QuaymasterError(
        f"{path} cannot be written: {error.strerror}; nothing was changed.",
        "Name a file that this user may write.",
    )


def keep_docker_config(path: Path, config: str) -> str | None:
    """
    Put logins into a docker configuration; what else the file holds stays.

    The file is of mode 0600 and at every moment either as it was or whole.

    Args:
        path: What ``docker_file_at`` gave.
        config: What ``docker_config_of`` gave.

    Returns:
        A sentence about logins that docker will not read, if there are any.

    Raises:
        QuaymasterError: The file is not docker's, or cannot be written; nothing was changed.
    """
    logins = json.loads(config)["auths"]
    try:
        held = held_config(path)
        known = held.get("auths")
        merged = {**held, "auths": {**(known if isinstance(known, dict) else {}), **logins}}
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_whole(path, f"{json.dumps(merged, indent=2)}\n")
    except OSError as error:
        raise unwritable(path, error) from None
    return unread_in_words(path, held, logins)


def held_config(path: Path) -> dict[str, object]:
    """Read a docker configuration; none is an empty one. Raises ``QuaymasterError``, and ``OSError``."""
    text = path.read_bytes() if path.exists() else b""
    fields = read_object(text)
    if not fields and text.strip() not in (b"", b"{}"):
        raise QuaymasterError(
            f"{path} is not docker's: it is no JSON object; nothing was changed.", "Mend it, or name another."
        )
    return fields


def unread_in_words(path: Path, held: Mapping[str, object], servers: Iterable[str]) -> str | None:
    """
    Say for which servers docker will ask a helper, and so read no login in this file.

    A server's own helper goes before the store, an empty one too. Source: docker/cli,
    ``cli/config/configfile/file.go``.
    """
    helpers, store = held.get("credHelpers"), held.get("credsStore")
    helper_of = helpers if isinstance(helpers, dict) else {}
    unread = [server for server in servers if helper_of.get(server, store)]
    if not unread:
        return None
    return (
        f"docker will not read the logins of {', '.join(unread)} here: remove “credsStore”, or these servers "
        f"from “credHelpers”, in {path}."
    )
