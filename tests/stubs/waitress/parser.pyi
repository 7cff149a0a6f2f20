class ParsingError(Exception): ...

class HTTPRequestParser:
    body_bytes_received: int
    body_rcv: object | None
    chunked: bool
    error: Error
    expect_continue: bool
    headers: dict[str, str]
    def parse_header(self, header_plus: bytes) -> None: ...

class Error:
    code: int
