#!/usr/bin/env python3
"""``docker-credential-quaymaster``: docker's credential helper, for docker, podman, buildah and skopeo.

1. Callers read standard output, including failures; people read standard error. A failure is printed on both,
   but a server that is simply not in Quaymaster only on standard output.
2. No caller sets a deadline, so there are two here: 2 s for the caller's input, 2 s for Quaymaster.
3. It stores nothing. ``_store`` succeeds for what Quaymaster has already, and fails for anything else.
4. Nothing from the command line, a setting or an answer is repeated if it may be a token.
5. Imports decide how fast it starts, so this file needs few. A copy of it works alone.

Settings: ``QUAYMASTER_URL``, ``QUAYMASTER_TOKEN`` or ``QUAYMASTER_TOKEN_FILE``, ``QUAYMASTER_CA_FILE``.
Source: docker/docker-credential-helpers, ``credentials/credentials.go`` and ``error.go``.
"""

import io
import json
import os
import re
import socket
import stat
import sys
import time
from _thread import allocate_lock, start_new_thread

TYPE_CHECKING = False  # `typing` would cost more than everything else here
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Mapping
    from ssl import SSLContext
    from typing import Any

NAME = "docker-credential-quaymaster"
VERSION = "0.1.0"
_NOT_FOUND = "credentials not found in native keychain"
_NO_SERVER = "no credentials server URL"
_DEADLINE_S = 2.0
_TYPING_S = 60.0
LARGEST_ANSWER = 1024 * 1024
_LARGEST_INPUT = 64 * 1024
_LONGEST = 2000

CHECK_URL = "Check QUAYMASTER_URL, or try again."
_TYPE_IN_SLACK = "/integrations token create project|environment|image TARGET"
_GET_A_TOKEN = f"To get a token, type this in Slack: {_TYPE_IN_SLACK}"
_NOBODY = "No server was given: type it, then press Ctrl-D."
_NO_LOGIN = "No login to store was given: type it as JSON, then press Ctrl-D."
_LIKE_A_TOKEN = re.compile("qm_[0-9a-z]{16,}", re.IGNORECASE)  # a host's name comes back in lower case
_READ_ONLY = "This helper stores nothing: use /integrations in Slack to add, edit and delete integrations."


class Failure(Exception):
    """What went wrong and what to do: short, without tokens or terminal control characters."""

    def __init__(self, message: str, hint: str = "", *, said: str = "", is_quiet: bool = False) -> None:
        """``said`` is what the caller reads instead of the message; ``is_quiet`` shows people nothing."""
        self.message, self.hint = map(harmless, (message, hint))
        super().__init__(self.message)
        self.said, self.is_quiet = said or self.message, is_quiet


def harmless(text: str) -> str:
    """Remove from a text what must not reach a terminal or a log."""
    return _LIKE_A_TOKEN.sub("qm_…", "".join(filter(str.isprintable, text[:_LONGEST])))


class Client:
    """Sends requests straight to Quaymaster: it uses no proxies, and follows no redirects."""

    def __init__(self, environ: "Mapping[str, str]", deadline_s: float) -> None:
        """Read the settings. Raises ``Failure``."""
        self._deadline_s = deadline_s
        self._end = time.monotonic() + deadline_s
        url = environ.get("QUAYMASTER_URL", "").strip()
        if not url:
            raise Failure("QUAYMASTER_URL is not set: write Quaymaster's address there.")
        self._read_address(url)
        self._token = _token_of(environ)
        self._ca_file = environ.get("QUAYMASTER_CA_FILE", "").strip() or None

    def get(self, path: str, parameters: "Mapping[str, str] | None" = None) -> "tuple[int, bytes]":
        """Send one request, and return status and body. Raises ``Failure`` if there is no readable answer."""
        query = "&".join(f"{name}={_escaped(value)}" for name, value in (parameters or {}).items())
        try:
            with self._connected() as connection:
                connection.sendall(self._request(f"{path}?{query}" if query else path))
                return self._received(connection)
        except TimeoutError:
            what = f"did not answer within {self._deadline_s:g} seconds"
        except OSError as error:
            reason = getattr(error, "verify_message", "") or error.strerror or type(error).__name__
            what = f"cannot be reached: {reason}"
        except (EOFError, RecursionError, ValueError):
            what = "sent an answer that cannot be read"
        raise Failure(f"Quaymaster at {self._authority} {what}.", CHECK_URL)

    def _read_address(self, url: str) -> None:
        """Read ``http(s)://host[:port][/path]``. Raises ``Failure``."""
        scheme, separator, rest = url.partition("://")
        self._is_encrypted = scheme == "https"
        self._authority, _, path = rest.rstrip("/").partition("/")
        self._path = f"/{path}" if path else ""
        host, colon, port = self._authority.rpartition(":")
        if not colon or port.endswith("]"):
            host, port = self._authority, "443" if self._is_encrypted else "80"
        is_plain = url.isascii() and url.isprintable() and not set(url) & set(" @?#\\")
        is_port = port.isdigit() and len(port) < 6 and 0 < int(port) < 65536
        if not (separator and scheme in ("http", "https") and host and is_plain and is_port):
            raise Failure("QUAYMASTER_URL is not an address: write one like https://quaymaster.example.com.")
        self._host, self._port = host.strip("[]"), int(port)

    def _left_s(self) -> float:
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s

    def _connected(self) -> socket.socket:
        tls = self._tls() if self._is_encrypted else None
        # As bytes: a str would be encoded for international names, which loads three modules.
        host: Any = self._host.encode()
        plain = socket.create_connection((host, self._port), self._left_s())
        plain.settimeout(self._left_s())
        return tls.wrap_socket(plain, server_hostname=self._host) if tls else plain

    def _tls(self) -> "SSLContext":
        import ssl

        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError:
            raise Failure("QUAYMASTER_CA_FILE is not a file of certificates in PEM.") from None

    def _request(self, target: str) -> bytes:
        return (
            f"GET {self._path}{target} HTTP/1.1\r\nHost: {self._authority}\r\n"
            f"Authorization: Bearer {self._token}\r\nAccept: application/json\r\n"
            f"User-Agent: {NAME}/{VERSION}\r\nConnection: close\r\n\r\n"
        ).encode()

    def _received(self, connection: socket.socket) -> "tuple[int, bytes]":
        received, part = b"", b"-"
        while part and len(received) <= LARGEST_ANSWER:
            connection.settimeout(self._left_s())
            part = connection.recv(65536)
            received += part
            try:
                return parsed(received, is_all=not part)
            except EOFError:
                continue
        raise ValueError("cut short, or too large")


def parsed(received: bytes, *, is_all: bool) -> "tuple[int, bytes]":
    """Parse an HTTP/1.1 answer. Raises ``EOFError`` if it is incomplete, and ``ValueError``."""
    head, end, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").lower().split("\r\n")
    headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if not end:
        raise EOFError
    version, status = first.split(" ", 2)[:2]
    if not version.startswith("http/1."):
        raise ValueError("not HTTP")
    if 100 <= int(status) < 200:  # "Continue": the answer comes after it
        return parsed(body, is_all=is_all)
    if headers.get("transfer-encoding", "identity") != "identity":
        return int(status), _unchunked(body)
    length = int(headers.get("content-length", len(body) if is_all else -1))
    if not 0 <= length <= len(body):
        raise EOFError
    return int(status), body[:length]


def _unchunked(rest: bytes) -> bytes:
    """Join a chunked body. Raises ``EOFError`` if it is incomplete, and ``ValueError``."""
    source, parts = io.BytesIO(rest), [b""]
    while (size := source.readline()).endswith(b"\n"):
        length = int(size.partition(b";")[0], 16)
        if length == 0:
            return b"".join(parts)
        parts.append(source.read(min(length, LARGEST_ANSWER)))
        if source.read(2) != b"\r\n":
            break
    raise EOFError


def _token_of(environ: "Mapping[str, str]") -> str:
    """Read the token. Raises ``Failure``. Others may read its file: orchestrators mount it that way."""
    token, path = (environ.get(f"QUAYMASTER_TOKEN{end}", "").strip() for end in ("", "_FILE"))
    if token and path:
        raise Failure("Both QUAYMASTER_TOKEN and QUAYMASTER_TOKEN_FILE are set: remove one of them.")
    if not token and not path:
        raise Failure("QUAYMASTER_TOKEN is not set: write the workflow token there.", _GET_A_TOKEN)
    name = "QUAYMASTER_TOKEN_FILE" if path else "QUAYMASTER_TOKEN"
    try:
        if path:
            if not (stat.S_ISREG(os.stat(path).st_mode) or path.startswith(("/dev/fd/", "/proc/"))):
                raise OSError(0, "it is not a regular file")  # a pipe may never end
            with open(path, "rb", buffering=0) as file:
                token = file.read(4096).replace(b"\0", b"").decode("utf-8", "replace")
    except OSError as error:
        raise Failure(f"{name} cannot be read: {error.strerror}.") from None
    token = token.removeprefix("\ufeff").strip()  # some editors put a byte-order mark first
    if not (token.startswith("qm_") and token.isascii() and token[3:].isalnum()):
        raise Failure(f"{name} does not contain a workflow token: those begin with qm_.", _GET_A_TOKEN)
    return token


def _escaped(text: str) -> str:
    """Percent-encode a value for a query."""
    return "".join(chr(b) if bytes((b,)).isalnum() or b in b"-._~" else f"%{b:02X}" for b in text.encode())


def read_object(text: "bytes | str") -> "dict[str, object]":
    """Read a JSON object; anything else counts as an empty one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def trouble_of(status: int, body: bytes) -> Failure:
    """Say why Quaymaster refused, in its own words if the answer is from Quaymaster."""
    fields = read_object(body)
    code, message, hint = (str(fields.get(key, "")) for key in ("code", "message", "hint"))
    if code and message:
        said = _NOT_FOUND if code in ("not_found", "deleted", "invalid_request") else ""
        return Failure(message, hint, said=said, is_quiet=code in ("not_found", "invalid_request"))
    what = "a redirect, which is not followed" if 300 <= status < 400 else "something that is not Quaymaster"
    return Failure(f"QUAYMASTER_URL points to {what} (status {status}).", CHECK_URL)


def get(server: "str | None") -> "tuple[dict[str, object], str]":
    """Return a server's credentials, or all servers, parsed and as text. Raises ``Failure``."""
    status, body = Client(os.environ, _DEADLINE_S).get(
        "/v1/credentials", {"server": server} if server else {}
    )
    fields = read_object(body)
    keys = ("ServerURL", "Username", "Secret") if server else fields
    is_object = bool(fields) or body.strip() == b"{}"
    if status != 200 or not is_object or not all(isinstance(fields.get(key), str) for key in keys):
        raise trouble_of(status, body)
    return fields, body.decode(errors="replace")


def _store(text: str) -> str:
    """Succeed if Quaymaster has the same login. Raises ``Failure``."""
    given = read_object(text)
    server, username = (
        value if isinstance(value := given.get(key), str) else "" for key in ("ServerURL", "Username")
    )
    if not server or not username:
        raise Failure("no credentials username" if server else _NO_SERVER, is_quiet=True)
    held, _ = get(server)
    if any(held[key] != given.get(key) for key in ("Username", "Secret")):
        raise Failure("This is not the login that Quaymaster has stored.", _READ_ONLY)
    return ""


def _run(arguments: "list[str]") -> str:
    """Run one verb, and return the caller's output. Raises ``Failure``."""
    if len(arguments) != 1:
        raise Failure(f"Usage: {NAME} <store|get|erase|list|version>", is_quiet=True)
    verb = arguments[0]
    if verb in ("version", "--version", "-v"):
        return f"{NAME} (quaymaster) {VERSION}"
    if verb == "list":
        start_new_thread(_watch, (_DEADLINE_S, _SILENT))
        return get(None)[1]
    if verb not in ("get", "store", "erase"):
        raise Failure(f"{NAME}: unknown action; use store, get, erase, list or version", is_quiet=True)
    text = _hear(verb)
    start_new_thread(_watch, (_DEADLINE_S, _SILENT))
    if not text:
        raise Failure(_NO_SERVER, is_quiet=True)
    if verb == "erase":
        _speak(0, "", f"Nothing was erased. {_READ_ONLY}")
    return get(text)[1] if verb == "get" else _store(text)


def _hear(verb: str) -> str:
    """Read the caller's input: a server, or a login for ``_store``. People are told what to type."""
    is_terminal = os.isatty(0)
    nobody = _NO_LOGIN if verb == "store" else _NOBODY
    if is_terminal:
        os.write(2, f"{NAME}: {nobody}\n".encode())
    _LISTENING.acquire()
    start_new_thread(_watch, (_TYPING_S if is_terminal else _DEADLINE_S, nobody, _LISTENING))
    with open(0, "rb", closefd=False) as given:
        whole = given.read if verb == "store" else given.readline
        said = (given.read1 if is_terminal else whole)(
            _LARGEST_INPUT
        )  # at a terminal, one line is everything
    _LISTENING.release()
    return said.decode("utf-8", "replace").strip()


_SPEAKING = allocate_lock()  # whichever thread takes it prints last
_LISTENING = allocate_lock()  # held while the caller's input is read
_SILENT = f"Quaymaster did not answer within {_DEADLINE_S:g} seconds."


def _speak(status: int, output: str, hint: str = "") -> None:
    """Print for the caller and for people, and end the process."""
    _SPEAKING.acquire()
    try:
        for descriptor, text in ((1, output), (2, hint and f"{NAME}: {hint}")):
            rest = f"{text}\n".encode() if text else b""
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    finally:
        os._exit(status)


def _fail(failure: Failure) -> None:
    """Print a failure for the caller and, unless it is quiet, for people."""
    _speak(1, failure.said, "" if failure.is_quiet else f"{failure.message} {failure.hint}".strip())


def _watch(seconds: float, message: str, only_while: "LockType | None" = None) -> None:
    """End the process when its time is over, wherever it is stuck: no socket timeout covers name lookups."""
    time.sleep(seconds + 0.05)
    if only_while and not only_while.locked():
        return
    if _SPEAKING.locked():
        os._exit(1)
    _fail(Failure(message, CHECK_URL if message == _SILENT else ""))


def main() -> None:
    """Answer the caller."""
    try:
        _speak(0, _run(sys.argv[1:]))
    except Failure as failure:
        _fail(failure)
    except OSError as error:
        _fail(Failure(f"The input could not be read: {error.strerror}."))


if __name__ == "__main__":
    main()
