"""The lines of ``.github/docs/company.md``, run as one script while people work: everything on it is true."""

import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core.audit import Action
from bot.core.integrations.credentials import open_credential
from bot.core.integrations.inventory import add_integration
from bot.core.kinds import read_draft
from bot.core.model import Role
from bot.core.ports import Ports
from bot.registry.kind_table import KINDS
from storage.postgres.postgres_store import PostgresStore
from storage.sealing import Keyring, kid_of, read_keys_file
from tests.core.actors import ACME, actor
from tests.fakes.real_postgres import ADMIN, SERVER_ROLE, RealPostgres, free_port, running
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.served_load import Load
from tests.fakes.served_replicas import HAPROXY, ROOT, Front, SlackSide, wait_for
from tests.fakes.slack import SIGNING_SECRET

pytestmark = pytest.mark.needs("postgres", "haproxy", "curl")

PAGE = (ROOT / ".github/docs/company.md").read_text("utf-8")
_BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_END = "end of block"
_PATIENCE_S = 40.0
CANARY = "canary-password"
TYPED = {"url": "registry.example.com", "username": "canary-user", "password": CANARY}


def blocks(heading: str) -> list[str]:
    """The shell blocks below a heading of the page, in order."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = [textwrap.dedent(text) for _, text in _BLOCK.findall(section)]
    assert found, heading
    return found


class Shell:
    """A bash in a folder, which stops at the first line that fails."""

    def __init__(self, folder: Path, env: dict[str, str], filled_in: Callable[[str], str]) -> None:
        self._filled_in = filled_in
        self._bash = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, text: str) -> str:
        """Run lines; give what they print."""
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f"{self._filled_in(text)}\nprintf '\\n{_END}\\n'\n")
        self._bash.stdin.flush()
        said: list[str] = []
        guard = threading.Timer(_PATIENCE_S, self._bash.kill)
        guard.start()
        try:
            for line in self._bash.stdout:
                if line == f"{_END}\n":
                    return "".join(said)
                said.append(line)
        finally:
            guard.cancel()
        raise AssertionError(f"{text}\nsaid:\n{''.join(said)}")

    def follow(self, heading: str) -> str:
        """Run every block below a heading."""
        return "".join(map(self.run, blocks(heading)))

    def close(self) -> None:
        """End, whatever runs."""
        self._bash.kill()
        self._bash.wait()
        [pipe.close() for pipe in (self._bash.stdin, self._bash.stdout) if pipe]


class Company:
    """A machine on which the page is followed, with a PostgreSQL in which nothing was made yet."""

    def __init__(self, folder: Path, server: RealPostgres, slack: SlackSide) -> None:
        self.folder, self.server = folder, server
        self.ports = {name: str(free_port()) for name in ("3001", "3002", "8080")}
        self.front = Front(f"http://127.0.0.1:{self.ports['8080']}")
        (folder / ".github/docs").mkdir(parents=True)
        (folder / ".github/docs/haproxy.cfg").write_text(self.with_ports(HAPROXY))
        program = f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m bot "$@"\n'
        write_program(folder / ".venv/bin/quaymaster", program)
        write_program(folder / ".venv/bin/pip", "#!/bin/sh\ntest \"$*\" = 'install -q .[postgres]'\n")
        ours = ("QUAYMASTER_", "SLACK_", "DATABASE_URL", "PG")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        more = {
            "SLACK_API_URL": slack.api_url,
            "QUAYMASTER_RATE_LIMIT": "100000",
            "QUAYMASTER_WATCH": "off",
        }
        self.shell = Shell(folder, kept | more, self.filled_in)

    def with_ports(self, text: str) -> str:
        """The same on ports that are free here."""
        return re.sub(r"\b(3001|3002|8080)\b", lambda found: self.ports[found[0]], text)

    def filled_in(self, text: str) -> str:
        """What an operator makes of the page's lines; the program is installed already."""
        address = f"127.0.0.1:{self.server.port}"
        for given, here in {
            "python3 -m venv .venv && ": "",
            "PGHOST=HOST PGUSER=postgres": f"PGHOST=127.0.0.1 PGPORT={self.server.port} PGUSER={ADMIN}",
            "@HOST/": f"@{address}/",
            "SLACK_SIGNING_SECRET=…": f"SLACK_SIGNING_SECRET={SIGNING_SECRET}",
            "…": "typed",
        }.items():
            text = text.replace(given, here)
        return self.with_ports(text)

    @property
    def keyring(self) -> Keyring:
        """The keys of the key file."""
        return Keyring(read_keys_file(self.folder / "quaymaster.keys"))

    def store(self, database: str = "quaymaster") -> "closing[PostgresStore]":
        """A store of this machine, opened as the server does it."""
        return closing(PostgresStore(self.server.url(database, SERVER_ROLE), self.keyring))

    def close(self) -> None:
        """End what the lines started, by the ids that they wrote down."""
        for path in self.folder.glob("*.pid"):
            os.kill(int(path.read_text()), 9)
        self.shell.close()


def write_program(path: Path, text: str) -> None:
    """Write a program that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    """The machine."""
    with ExitStack() as opened:
        server = opened.enter_context(running())
        server.sql(f"drop role {SERVER_ROLE}", role=ADMIN)
        slack = SlackSide()
        opened.callback(slack.close)
        made = Company(tmp_path, server, slack)
        opened.callback(made.close)
        yield made


def add(company: Company) -> None:
    """Add what people link to."""
    with company.store() as store:
        ports = Ports(store, company.keyring, ScriptedRegistry(), lambda: datetime.now(UTC))
        admin = replace(actor("U0ADMIN", Role.ADMIN, ACME), at=datetime.now(UTC))
        add_integration(ports, admin, read_draft(KINDS["private"], "shared", TYPED), is_checked=False)


def password(company: Company, database: str) -> str:
    """The password that a database keeps, opened with the keys of the key file."""
    with company.store(database) as store:
        found = store.read(ACME).integrations.named("shared")
        assert found
        return open_credential(company.keyring, ACME, found)["password"].reveal()


def test_the_page_is_one_script(company: Company) -> None:
    """
    Its lines start everything, restart, upgrade, back up, restore and rotate the key beside people at work.

    No request fails, nothing is lost or done twice, and the backup holds nothing in the clear.
    """
    shell, folder = company.shell, company.folder
    shell.follow("PostgreSQL")
    shell.follow("Two replicas")
    well = shell.follow("haproxy")
    add(company)
    first = company.keyring.primary
    with Load(company.front, people=2, pause_s=0.2) as load:
        wait_for(lambda: load.acknowledged)
        shell.follow("Restart")
        shell.follow("Upgrade")
        shell.follow("Back up")
        verified = shell.follow("Restore")
        restored = password(company, "restored")
        rotated = shell.follow("Rotate the key")
    backup = (folder / "backup.sql").read_text("utf-8")
    with company.store() as store:
        told = [
            entry.event.target.name
            for entry in store.read(ACME).history.oldest_first()
            if entry.event.action == Action.LINK and entry.event.target
        ]
        found = store.read(ACME).integrations.named("shared")

    assert '{"ok": true}' in well
    assert "entries verified" in verified
    assert restored == password(company, "quaymaster") == CANARY
    assert load.failed == []
    assert sorted(told) == sorted(target for target, *_ in load.acknowledged)
    assert "shared" in backup
    assert [one for one in (CANARY, "canary-user") if one in backup] == []
    assert re.search(rf"{first} +seals 0\b", rotated)
    assert found
    assert found.secret
    assert company.keyring.kids == (kid_of(found.secret),) != (first,)


def test_each_block_is_run() -> None:
    """No block of the page is left out, and nothing on it is a command that nobody runs."""
    followed = ["PostgreSQL", "Two replicas", "haproxy", "Restart", "Upgrade", "Back up", "Restore"]
    run = [one for heading in (*followed, "Rotate the key") for one in blocks(heading)]

    assert run == [textwrap.dedent(text) for _, text in _BLOCK.findall(PAGE)]
    assert PAGE.count("```") == 2 * len(run)
