"""Whom TLS believes: the machine's certificate authorities, and an integration's own one."""

import hashlib
import ssl
import threading
from collections import OrderedDict

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from bot.core.errors import Unreachable
from bot.core.model import Stage
from bot.registry.sockets import MeteredTLSSocket

MOST_CONTEXTS = 16


class Trust:
    """Keeps TLS contexts by certificate authority: building one takes about 20 ms, using one nothing."""

    def __init__(self) -> None:
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        self._lock = threading.Lock()

    def context(self, ca: str | None) -> ssl.SSLContext:
        """
        Return the context for an integration.

        Args:
            ca: Its own authorities in PEM; they are believed besides the public ones, as docker does with
                ``certs.d``. ``None`` = the public ones.

        Raises:
            Unreachable: At stage ``TLS``, when ``ca`` cannot be read.
        """
        key = hashlib.sha256((ca or "").encode()).hexdigest()
        with self._lock:
            context = self._contexts.pop(key, None) or build_context(ca)
            self._contexts[key] = context
            if len(self._contexts) > MOST_CONTEXTS:
                self._contexts.popitem(last=False)
        return context


def build_context(ca: str | None) -> ssl.SSLContext:
    """Build a verifying client context, TLS 1.2 or later. Raises ``Unreachable``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = MeteredTLSSocket
    # As docker, podman and kubelet do: a common name says nothing about a host.
    context.hostname_checks_common_name = False
    # The machine's own store holds a company's authorities; a slim container has no store at all.
    context.load_default_certs()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    if ca:
        # A registry's own self-signed certificate may be what was pasted: then it is the chain's end.
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        _add_authorities(context, ca)
    return context


def _add_authorities(context: ssl.SSLContext, ca: str) -> None:
    """Believe the certificates in ``ca`` too. Raises ``Unreachable``."""
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, TypeError, ValueError):
        raise Unreachable(
            "The integration's CA certificate cannot be read.",
            "Paste it again, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.",
            Stage.TLS,
        ) from None
