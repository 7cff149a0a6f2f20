"""Slack's end of Socket Mode on loopback: ``apps.connections.open``, and the WebSocket it names."""

import base64
import hashlib
import json
import queue
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class FakeSocketMode:
    """Hands out connections, says hello on each, sends envelopes and keeps what comes back."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.opened: queue.Queue[Handler] = queue.Queue()
        """One entry for each WebSocket that said hello."""
        self.received: queue.Queue[dict] = queue.Queue()
        """What the client sent: acknowledgements."""
        self.tokens: list[str] = []
        self.refuses_with = ""
        """Slack's word with which ``apps.connections.open`` is refused; empty = it is not."""
        self.answers_pings = True
        self.pongs = 0

    @property
    def api_url(self) -> str:
        """The address of the Web API, as ``SLACK_API_URL`` has it."""
        return f"{self.origin}/api/"

    def answer(self, path: str, token: str) -> dict:
        """Answer ``auth.test`` or ``apps.connections.open``."""
        if path.endswith("auth.test"):
            return {"ok": True, "team_id": "T1", "user_id": "UBOT"}
        self.tokens.append(token)
        if self.refuses_with:
            return {"ok": False, "error": self.refuses_with}
        return {"ok": True, "url": f"{self.origin.replace('http', 'ws')}/link/?ticket=marker-ticket"}

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection: a Web API call, or a WebSocket."""

    fake: FakeSocketMode

    def do_POST(self) -> None:
        """Answer a Web API call."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps(self.fake.answer(self.path, self.headers.get("Authorization", ""))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Become a WebSocket. Source: RFC 6455, sections 4.2.2 and 5.2."""
        digest = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + GUID, usedforsecurity=False)
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest.digest()).decode())
        self.end_headers()
        self.send({"type": "hello", "num_connections": 1})
        self.fake.opened.put(self)
        self.close_connection = True
        while self.receive():
            pass

    def send(self, message: dict) -> None:
        """Send a message in one text frame."""
        self.send_frame(TEXT, json.dumps(message).encode())

    def abort(self) -> None:
        """End the connection without a word."""
        self.connection.shutdown(socket.SHUT_RDWR)

    def send_frame(self, opcode: int, data: bytes) -> None:
        """Send one unmasked frame."""
        length = struct.pack("!B", len(data)) if len(data) < 126 else struct.pack("!BH", 126, len(data))
        self.wfile.write(bytes([0x80 | opcode]) + length + data)

    def receive(self) -> bool:
        """Read one frame and act on it. False at the end."""
        head = self.rfile.read(2)
        if len(head) < 2 or head[0] & 0x0F == CLOSE:
            return False
        data = self.read_data(head[1])
        if head[0] & 0x0F == PING and self.fake.answers_pings:
            self.send_frame(PONG, data)
            self.fake.pongs += 1
        if head[0] & 0x0F == TEXT:
            self.fake.received.put(json.loads(data))
        return True

    def read_data(self, second: int) -> bytes:
        """Read a frame's length, mask and data."""
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.rfile.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.rfile.read(8))
        mask = self.rfile.read(4) if second & 0x80 else bytes(4)
        return bytes(byte ^ mask[place % 4] for place, byte in enumerate(self.rfile.read(length)))

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""


def handler_of(fake: FakeSocketMode) -> type[Handler]:
    """Make the handler class of one fake."""
    return type("BoundHandler", (Handler,), {"fake": fake})
