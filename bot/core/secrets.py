"""Secrets in their two forms: ``Secret`` is a plaintext, ``Sealed`` a ciphertext.

A plaintext never shows itself: ``str``, ``repr`` and formatting all give ``Secret(****)``.
Stores accept only ``Sealed``, and the type checker holds every caller to that.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, NewType

Sealed = NewType("Sealed", str)
"""A sealed credential: ``s1.<key id>.<base64url>`` (see ``storage/sealing.py``)."""


class Secret:
    """A plaintext secret. Only ``reveal`` gives the text away, so every use can be searched for."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def reveal(self) -> str:
        """Give the plaintext. Call it where the text leaves for a registry or a workflow, nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A Secret is never pickled or copied to disk.")


Credential = Mapping[str, Secret]
"""The secret fields of one integration by key, for instance ``{"password": Secret(****)}``."""


class SealContext(NamedTuple):
    """
    What a sealed credential is bound to: where it belongs, where it may be sent, and who may fetch it.

    A ciphertext that was moved elsewhere does not open, nor one beside which any of this was changed.
    """

    workspace: str
    integration_id: str
    field: str = "credential"
    server: str = ""
    """The origin of the registry."""
    trusted_realms: str = ""
    """The origins of token servers on other hosts, a space between them."""
    ca: str = ""
    """Certificates in PEM of a private certificate authority."""
    access: str = ""
    """``linked`` for linked targets only; empty for every workflow."""
