"""Registry addresses: what people type, brought to one form."""

from urllib.parse import urlsplit

from bot.core.errors import InvalidInput
from bot.core.model import Server


def parse_server(text: str) -> Server:
    """
    Read a registry address as people type it.

    Raises:
        InvalidInput: With a sentence and an example.
    """
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise InvalidInput("This is not a registry address.", "Example: https://registry.example.com:5000")
    return Server(parts.scheme, parts.hostname, parts.port)
