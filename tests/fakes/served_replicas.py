"""Replicas as processes on one PostgreSQL, behind Debian's haproxy with the documented settings."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.fakes.real_postgres import free_port
from tests.fakes.slack import SIGNING_SECRET
from tests.features import payloads

ROOT = Path(__file__).parents[2]
HAPROXY = (ROOT / ".github/docs/haproxy.cfg").read_text("utf-8")
PATIENCE_S = 20.0


class SlackSide:
    """Slack's Web API: everybody is a member of the workspace; remembers what was posted."""

    def __init__(self, team: str = "T0ACME") -> None:
        self.posted: list[dict[str, Any]] = []
        posted, lock = self.posted, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                args = {key: value[0] for key, value in parse_qs(raw).items()}
                if raw.startswith("{"):
                    args = json.loads(raw)
                if self.path.endswith("chat.postMessage"):
                    with lock:
                        posted.append(args)
                user = {"id": args.get("user", ""), "team_id": team, "name": "somebody", "is_admin": True}
                posted_to = {"channel": args.get("channel"), "ts": "1.2"}
                answer = {"ok": True, "team_id": team, "user": user, **posted_to}
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815 - the base class names it

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base names it
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.api_url = f"http://127.0.0.1:{self._server.server_address[1]}/api/"

    def texts(self, word: str) -> list[str]:
        """What was posted with a word in it."""
        return [text for one in list(self.posted) if word in (text := str(one.get("text", "")))]

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Replica:
    """One process."""

    env: dict[str, str]
    port: int
    log: Path
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, and wait until it is well."""
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "serve"], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Wait until it is well."""
        wait_for(lambda: is_well(f"http://127.0.0.1:{self.port}"), self.log)

    def end(self, how: signal.Signals) -> int:
        """Send a signal, and wait."""
        assert self.process
        self.process.send_signal(how)
        status = self.process.wait(20)
        self.process = None
        return status

    @property
    def leads(self) -> bool:
        """True when it has said that it does the clock's work."""
        return "now runs the scheduled jobs" in self.log.read_text("utf-8")


@dataclass
class Front:
    """The address in front of replicas."""

    url: str

    def send(self, text: str, user: str, number: int) -> tuple[int, str, float]:
        """Type a command; gives the status, the answer and the seconds it took."""
        body = payloads.command(text, user, f"trigger.{number}", "https://hooks.slack.com/commands/T/1/x")
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.url}/slack/events", body, payloads.signed(body)
        )
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read().decode(), time.monotonic() - began
        except urllib.error.HTTPError as error:
            with error:
                return error.code, "", time.monotonic() - began
        except OSError:
            return 0, "", time.monotonic() - began


@dataclass
class Replicas(Front):
    """Two processes and the address in front of them."""

    one: Replica
    two: Replica
    slack: SlackSide


def is_well(url: str) -> bool:
    """Whether a server says that all is well."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_for(is_so: Any, log: Path | None = None, patience_s: float = PATIENCE_S) -> float:
    """Wait until something is so; gives the seconds that took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < patience_s, log.read_text("utf-8")[-3000:] if log else "too late"
        time.sleep(0.05)
    return time.monotonic() - began


@contextmanager
def two_replicas(folder: Path, database_url: str, key: str, **settings: str | None) -> Iterator[Replicas]:
    """Serve with two replicas behind haproxy; ``key`` is the root key, a setting of ``None`` is left out."""
    ours = ("QUAYMASTER_", "SLACK_", "DATABASE_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    ports = [free_port(), free_port(), free_port()]
    with ExitStack() as opened:
        slack = SlackSide()
        opened.callback(slack.close)
        given: dict[str, str | None] = {
            "DATABASE_URL": database_url,
            "QUAYMASTER_KEYS": key,
            "SLACK_BOT_TOKEN": "xoxb-replicas",
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "SLACK_API_URL": slack.api_url,
            "QUAYMASTER_TRUSTED_PROXY": "127.0.0.1",
            "QUAYMASTER_RATE_LIMIT": "600",
            "LOG_LEVEL": "INFO",
            **settings,
        }
        env = kept | {name: value for name, value in given.items() if value is not None}
        made = [
            Replica({**env, "PORT": str(port)}, port, folder / f"replica{number}.log")
            for number, port in enumerate(ports[:2], 1)
        ]
        opened.callback(lambda: [one.end(signal.SIGKILL) for one in made if one.process])
        for one in made:
            one.begin()
        for one in made:
            one.wait()
        config = HAPROXY.replace(":8080", f":{ports[2]}").replace(":3001", f":{ports[0]}")
        (folder / "haproxy.cfg").write_text(config.replace(":3002", f":{ports[1]}"))
        proxy = subprocess.Popen(["haproxy", "-f", str(folder / "haproxy.cfg")], stderr=subprocess.DEVNULL)
        opened.callback(proxy.wait)
        opened.callback(proxy.terminate)
        url = f"http://127.0.0.1:{ports[2]}"
        wait_for(lambda: is_well(url))
        yield Replicas(url, *made, slack)
