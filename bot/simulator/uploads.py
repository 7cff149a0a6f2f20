"""Files that the app uploads: an address to send the bytes to, then a message that shares them.

files.getUploadURLExternal -> POST to the address -> files.completeUploadExternal -> message with the files

Source: Slack's reference on these two methods.
"""

import secrets
from dataclasses import dataclass

from bot.simulator.cast import Json
from bot.simulator.kept_blocks import BlocksRefused

_LARGEST = 1_048_576
_MAX_FILES = 50


@dataclass
class File:
    """
    One file.

    Attributes:
        path: Where its bytes are sent to, below the workspace's address; a capability.
        content: None until they came.
    """

    id: str
    name: str
    size: int
    path: str
    title: str = ""
    content: bytes | None = None

    def described(self) -> Json:
        """Return the file as messages hold it."""
        kind = self.name.rpartition(".")[2].lower() if "." in self.name else "text"
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "size": self.size,
            "filetype": kind,
            "mode": "hosted",
        }


class Uploads:
    """Every file that the app has announced, the newest ``_MAX_FILES`` of them."""

    def __init__(self) -> None:
        self._files: dict[str, File] = {}

    def announce(self, name: str, size: int) -> File:
        """
        Take note of a file whose bytes are to come.

        Raises:
            BlocksRefused: It has no name, no size, or is too large.
        """
        if not name or size <= 0:
            raise BlocksRefused("invalid_arguments")
        if size > _LARGEST:
            raise BlocksRefused("file_upload_size_restricted")
        file_id = "F" + secrets.token_hex(5).upper()
        file = File(file_id, name, size, f"/upload/{file_id}/{secrets.token_urlsafe(18)}")
        self._files = {**dict(list(self._files.items())[1 - _MAX_FILES :]), file_id: file}
        return file

    def receive(self, path: str, content: bytes) -> None:
        """
        Keep the bytes that were sent to an address.

        Raises:
            BlocksRefused: The address is unknown, or was announced for a different size.
        """
        for file in self._files.values():
            if secrets.compare_digest(file.path.encode(), path.encode()):
                if len(content) != file.size:
                    raise BlocksRefused("length_mismatch")
                file.content = content
                return
        raise BlocksRefused("not_found")

    def uploaded(self, file_id: str) -> File:
        """
        Return a file whose bytes have come.

        Raises:
            BlocksRefused: Unknown, or they have not.
        """
        file = self._files.get(file_id)
        if file is None or file.content is None:
            raise BlocksRefused("file_not_found")
        return file
