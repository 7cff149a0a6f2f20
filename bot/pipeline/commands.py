"""The commands for pipelines: fetch credentials from a running Quaymaster, and put them where they are used.

They use the credential helper's settings and client and import nothing else of ours, so no server loads.
"""

import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import click

from bot.pipeline.atomic_write import replace_whole
from bot.pipeline.docker_credential import CHECK_URL, Client, Failure, read_object, trouble_of

DEADLINE_S = 15.0
"""Longer than the server waits for AWS."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_STANDARD_OUTPUT = Path("-")

_Environment = Mapping[str, str]


class _Stopped(click.ClickException):
    """What went wrong and what to do, as one line on standard error."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.message} {failure.hint}".strip())

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(self.message, file=file, err=file is None)


class _WrongSetting(_Stopped):
    """A setting is missing or cannot be used."""

    exit_code = 2


@click.command()
@click.argument("name")
def env(name: str) -> None:
    """Print integration NAME as "export" lines for a pipeline's shell."""
    click.echo(_environment_of(os.environ, name), nl=False)


@click.command("docker-config")
@click.argument("file", required=False, type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
def docker_config(file: Path | None) -> None:
    """Put the logins of everything linked to this target into docker's config.json FILE, or print them."""
    if not file or file == _STANDARD_OUTPUT:
        click.echo(_docker_config_of(os.environ))
        return
    found = _docker_file_at(file)
    unread = _keep_docker_config(found, _docker_config_of(os.environ))
    if unread:
        click.echo(unread, err=True)


@click.command("kubernetes-secret")
@click.argument("name")
@click.option("--namespace", help="The secret's namespace.")
def kubernetes_secret(name: str, namespace: str | None) -> None:
    """Print the logins of everything linked to this target as a Kubernetes secret NAME.

    Pipe it to kubectl apply -f -.
    """
    click.echo(_kubernetes_secret_of(os.environ, name, namespace))


COMMANDS = (env, docker_config, kubernetes_secret)


def _environment_of(environ: _Environment, name: str) -> str:
    """Return an integration as ``export`` lines. Raises ``_Stopped``."""
    if not _NAME.fullmatch(name):
        hint = (
            "A name has letters, digits, “-” and “_”, and starts with a letter or digit. Example: my_registry"
        )
        raise _stopped("This is not an integration's name.", hint)
    body = _asked(environ, f"/v1/integrations/{name}/env")
    # A shell will run this, so it must not be a proxy's HTML page.
    if not body.startswith(b"export "):
        raise _not_quaymaster()
    return body.decode()


def _docker_config_of(environ: _Environment) -> str:
    """Return docker's config.json for everything the token's target is linked to. Raises ``_Stopped``."""
    return _indented(_asked(environ, "/v1/docker/config.json"), "auths")


def _kubernetes_secret_of(environ: _Environment, name: str, namespace: str | None) -> str:
    """
    Return the same logins as a Kubernetes secret, in JSON, which ``kubectl apply -f -`` reads as YAML.

    Raises:
        _Stopped.
    """
    parameters = {"name": name, **({"namespace": namespace} if namespace else {})}
    return _indented(_asked(environ, "/v1/kubernetes/secret", parameters), "data")


def _stopped(message: str, hint: str) -> _Stopped:
    return _Stopped(Failure(message, hint))


def _not_quaymaster() -> _Stopped:
    return _stopped("QUAYMASTER_URL points to something that is not Quaymaster.", CHECK_URL)


def _asked(environ: _Environment, path: str, parameters: Mapping[str, str] | None = None) -> bytes:
    """
    Send a request to the API.

    Raises:
        _WrongSetting.
        _Stopped: With the API's own message if it refused.
    """
    try:
        client = Client(environ, DEADLINE_S)
    except Failure as failure:
        raise _WrongSetting(failure) from None
    try:
        status, body = client.get(path, parameters)
    except Failure as failure:
        raise _Stopped(failure) from None
    if status != 200:
        raise _Stopped(trouble_of(status, body))
    return body


def _indented(body: bytes, key: str) -> str:
    """Indent a JSON object. Raises ``_Stopped`` if it has no object under the key."""
    fields = read_object(body)
    if not isinstance(fields.get(key), dict):
        raise _not_quaymaster()
    return json.dumps(fields, indent=2)


def _docker_file_at(path: Path) -> Path:
    """
    Find the file that a path points to, through links; it may not exist yet.

    It is not opened: a pipe would block, and a device might do anything.

    Raises:
        _Stopped: The path is not a file, or cannot be reached.
    """
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        is_file = True
    except OSError as error:
        raise _unwritable(path, error) from None
    if not is_file:
        raise _stopped(
            f"{path} is not a regular file; nothing was changed.",
            "Name a file, or leave FILE out for standard output.",
        )
    return path.resolve()


def _unwritable(path: Path, error: OSError) -> _Stopped:
    """Say why a file cannot be written."""
    return _stopped(
        f"{path} cannot be written: {error.strerror}; nothing was changed.",
        "Name a file that this user is allowed to write.",
    )


def _keep_docker_config(path: Path, config: str) -> str | None:
    """
    Put logins into a docker configuration; the rest of the file stays the same.

    The file has mode 0600, and at every moment it is either the old one or the complete new one.

    Args:
        path: What ``_docker_file_at`` returned.
        config: What ``_docker_config_of`` returned.

    Returns:
        A sentence about logins that docker will not read, if there are any.

    Raises:
        _Stopped: It is not a docker configuration file, or cannot be written; nothing was changed.
    """
    logins = json.loads(config)["auths"]
    try:
        held = _held_config(path)
        known = held.get("auths")
        merged = {**held, "auths": {**(known if isinstance(known, dict) else {}), **logins}}
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_whole(path, f"{json.dumps(merged, indent=2)}\n")
    except OSError as error:
        raise _unwritable(path, error) from None
    return _unread_in_words(path, held, logins)


def _held_config(path: Path) -> dict[str, object]:
    """Read a docker configuration; a missing file counts as empty. Raises ``_Stopped``, and ``OSError``."""
    text = path.read_bytes() if path.exists() else b""
    fields = read_object(text)
    if not fields and text.strip() not in (b"", b"{}"):
        raise _stopped(
            f"{path} is not a docker configuration file (it is not a JSON object); nothing was changed.",
            "Fix it, or name a different file.",
        )
    return fields


def _unread_in_words(path: Path, held: Mapping[str, object], servers: Iterable[str]) -> str | None:
    """
    Say for which servers docker will use a helper, and so ignore the logins in this file.

    A server's own helper takes precedence over the store, even if it is empty. Source: docker/cli,
    ``cli/config/configfile/file.go``.
    """
    helpers, store = held.get("credHelpers"), held.get("credsStore")
    helper_of = helpers if isinstance(helpers, dict) else {}
    unread = [server for server in servers if helper_of.get(server, store)]
    # A host is named once, not again with its default port.
    told = [one for one in unread if (bare := re.sub(":(443|80)$", "", one)) == one or bare not in unread]
    if not told:
        return None
    return (
        f"docker will not read the logins of {', '.join(told)} here: remove “credsStore”, or these servers "
        f"from “credHelpers”, in {path}."
    )
