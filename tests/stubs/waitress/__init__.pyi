"""What of waitress is used; it ships no types."""

import socket
from collections.abc import Sequence
from typing import Any
from wsgiref.types import WSGIApplication

from waitress.channel import HTTPChannel
from waitress.task import ThreadedTaskDispatcher

class _Server:
    active_channels: dict[int, Any]
    channel_class: type[HTTPChannel]
    socket: socket.socket
    task_dispatcher: ThreadedTaskDispatcher
    def pull_trigger(self) -> None: ...
    def del_channel(self) -> None: ...

def create_server(
    application: WSGIApplication,
    map: dict[int, Any] | None = None,  # noqa: A002 - the name is waitress's
    *,
    sockets: Sequence[socket.socket] = ...,
    **settings: object,
) -> _Server: ...
