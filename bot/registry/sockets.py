"""Connections that go only where the guard allows, and cost no more than they may.

urllib3 makes them, with two changes. They are dialled to addresses that were checked, while SNI, the
``Host`` header and the certificate's names stay the host's. And every read, of headers too, first asks how
much time is left, then counts what came: a deadline that only timed whole reads would never end a slow
drip, and a cap that only counted bodies would let headers, chunk sizes and trailers grow without end.
"""

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection, HTTPSConnection

from bot.core.errors import RegistryFailure, Unreachable
from bot.core.model import Stage
from bot.registry.certificates import (
    WRONG_NAME,
    described,
    end_of,
    explained,
    has_other_names,
    is_certificate_wanted,
    only_common_name,
)
from bot.registry.guard import Endpoint, Guard
from bot.registry.operation import Operation

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CONNECT_S = 5.0
_LISTEN_S = 1.0


class Meter:
    """What the answers on one operation's connections may still cost."""

    def __init__(self, operation: Operation, guard: Guard) -> None:
        self.operation = operation
        self.bytes_left = 0
        """Set before each request: headers, framing and body together."""
        self._guard = guard
        self._endpoints: dict[tuple[str, int], tuple[Endpoint, ...]] = {}

    def endpoints(self, host: str, port: int) -> tuple[Endpoint, ...]:
        """Resolve and judge a host, once for the whole operation. Raises ``Unreachable``."""
        key = (host, port)
        if key not in self._endpoints:
            try:
                self._endpoints[key] = self._guard.endpoints(host, port, self.operation.deadline)
            except Unreachable as failure:
                failure.stage = self.operation.stage_of(Stage.ADDRESS)
                raise
        return self._endpoints[key]

    def read(self, sock: socket.socket, receive: Callable[[], int]) -> int:
        """Receive once, within the time and the bytes that are left. Raises ``Unreachable``."""
        sock.settimeout(self.operation.wait_s())
        try:
            count = receive()
        except TimeoutError:
            raise self.operation.late() from None
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise too_much(self.operation)
        return count


class _MeteredSocket(socket.socket):
    """A plain connection whose reads are metered."""

    meter: Meter

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        """Receive into a buffer; ``http.client`` reads everything through this."""
        return self.meter.read(self, lambda: super(_MeteredSocket, self).recv_into(buffer, nbytes, flags))


class MeteredTLSSocket(ssl.SSLSocket):
    """A TLS connection whose reads are metered, once the handshake is done."""

    meter: Meter

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        """Receive into a buffer; ``http.client`` reads everything through this."""
        return self.meter.read(self, lambda: super(MeteredTLSSocket, self).recv_into(buffer, nbytes, flags))


class PinnedHTTPConnection(HTTPConnection):
    """A plain http connection to a checked address."""

    def __init__(self, *args: Any, meter: Meter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._meter = meter

    def _new_conn(self) -> socket.socket:
        sock = _dial(self.host, self.port, self._meter)
        self._meter.operation.finish(Stage.TLS, "not used: http:// sends the login unencrypted")
        return sock


class PinnedHTTPSConnection(HTTPSConnection):
    """An https connection to a checked address."""

    def __init__(self, *args: Any, meter: Meter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._meter = meter

    def _new_conn(self) -> socket.socket:
        return _dial(self.host, self.port, self._meter)

    def connect(self) -> None:
        """Connect and shake hands. Raises ``Unreachable`` with what is wrong with the certificate."""
        operation = self._meter.operation
        stage = operation.stage_of(Stage.TLS)
        try:
            super().connect()
        except TimeoutError:
            raise operation.late(stage) from None
        except OSError as error:
            if getattr(error, "verify_code", 0) in WRONG_NAME and not self._has_other_names():
                raise only_common_name(self.host, stage) from error
            raise explained(error, self.host, stage) from error
        if isinstance(self.sock, MeteredTLSSocket):
            self.sock.meter = self._meter
            certificate = self.sock.getpeercert()
            if operation.certificate_ends is None and stage is Stage.TLS:
                operation.certificate_ends = end_of(certificate)
            operation.finish(Stage.TLS, described(self.sock.version(), certificate))

    def _has_other_names(self) -> bool:
        try:
            with _looking(self.host, self.port, self._meter) as seen:
                return has_other_names(seen.getpeercert(binary_form=True) or b"")
        except (OSError, RegistryFailure):
            return True


def hears_that_a_certificate_is_wanted(host: str, port: int, meter: Meter) -> bool:
    """
    Shake hands, send nothing, and listen whether the server wants a client certificate.

    In TLS 1.3 it says so after the handshake; with a request on its way, its reset may overtake its word.
    """
    try:
        with _looking(host, port, meter) as heard:
            heard.settimeout(min(_LISTEN_S, meter.operation.wait_s()))
            heard.recv(1)
    except (OSError, RegistryFailure) as error:
        return is_certificate_wanted(error)
    return False


@contextmanager
def _looking(host: str, port: int, meter: Meter) -> Iterator[ssl.SSLSocket]:
    """Open a TLS connection to learn about a server, not to trust it: nothing may be sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with _dial(host, port, meter) as plain, context.wrap_socket(plain, server_hostname=host) as secured:
        yield secured


def _dial(host: str, port: int, meter: Meter) -> _MeteredSocket:
    """
    Connect to the first checked address that answers.

    Returns:
        A connected socket whose timeout is the time left, which then bounds a TLS handshake as a whole.

    Raises:
        Unreachable: At stage ``ADDRESS`` or ``CONNECTION``.
    """
    operation = meter.operation
    endpoints = meter.endpoints(host, port)
    places = ", ".join(dict.fromkeys(each[0] for each in endpoints))
    operation.finish(Stage.ADDRESS, places if places == host else f"{host} is {places}")
    failure: RegistryFailure | None = None
    for position, endpoint in enumerate(endpoints):
        wait_s = min(_CONNECT_S, operation.wait_s() / (len(endpoints) - position))
        try:
            sock = _connected(endpoint, wait_s, meter)
        except OSError as error:
            failure = _no_contact(error, host, endpoint, operation)
            continue
        operation.finish(Stage.CONNECTION, f"connected to {endpoint[0]}, port {endpoint[1]}")
        sock.settimeout(operation.wait_s())
        return sock
    raise failure or operation.late()


def _connected(endpoint: Endpoint, wait_s: float, meter: Meter) -> _MeteredSocket:
    """Connect to one address. Raises ``OSError``."""
    sock = _MeteredSocket(socket.AF_INET6 if ":" in endpoint[0] else socket.AF_INET, socket.SOCK_STREAM)
    sock.meter = meter
    try:
        sock.settimeout(wait_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(endpoint)
    except OSError:
        sock.close()
        raise
    return sock


def _no_contact(error: OSError, host: str, endpoint: Endpoint, operation: Operation) -> Unreachable:
    """Explain why a connection was not made."""
    place = f"{host} ({endpoint[0]}), port {endpoint[1]}"
    stage = operation.stage_of(Stage.CONNECTION)
    if isinstance(error, TimeoutError):
        hint = "Check the address and the port, and whether a firewall lets Quaymaster through."
        return Unreachable(f"Nothing answers at {place}.", hint, stage)
    if error.errno == errno.ECONNREFUSED:
        hint = "Check the port, and whether the registry is running."
        return Unreachable(f"The connection to {place} was refused.", hint, stage)
    hint = "Check the address, and whether Quaymaster's network leads there."
    return Unreachable(f"There is no route to {place}.", hint, stage)


def too_much(operation: Operation) -> Unreachable:
    """Explain that an answer was larger than any honest one."""
    return Unreachable(
        f"{operation.host} sent more data than a registry's answer should contain.",
        "Check that this is the address of a registry.",
        operation.stage,
    )
