from collections.abc import Collection

from waitress.parser import HTTPRequestParser

class ErrorTask:
    content_length: int
    request: HTTPRequestParser
    response_headers: list[tuple[str, str]]
    status: str
    def execute(self) -> None: ...
    def set_close_on_finish(self) -> None: ...
    def write(self, data: bytes) -> None: ...

class ThreadedTaskDispatcher:
    threads: Collection[int]
    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool: ...
