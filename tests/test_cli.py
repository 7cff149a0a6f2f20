"""The command line: what it prints where, and its exit status."""

import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli import main
from bot.core.audit import HISTORY_ENDS, Event
from bot.core.integrations.credentials import seal_context
from bot.core.model import Integration, Server, Source, Workspace
from bot.core.secrets import Secret
from storage.sealing import Keyring, parse_keys, read_keys_file
from storage.tinydb.file_format import Sealer, decode, header
from storage.tinydb.tinydb_store import TinyDBStore

ROOT = Path(__file__).parents[1]
ACME = Workspace("T1")
ID = "0" * 32


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder to work in, and an environment without any setting of ours."""
    ours = [
        name for name in os.environ if name.startswith(("QUAYMASTER_", "SLACK_")) or name == "DATABASE_URL"
    ]
    [monkeypatch.delenv(name) for name in ours]
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(home):  # noqa: ARG001 - every command runs in that folder
    """Run a command of quaymaster."""
    return lambda *arguments, **env: CliRunner().invoke(main, arguments, env=env)


@pytest.fixture
def key_file(home, run):
    """A key file with one key."""
    path = home / "quaymaster.keys"
    path.touch(mode=0o600)
    path.write_text(run("keys", "new").stdout)
    return path


@pytest.fixture
def settings(home, key_file):
    """The settings that open a store with one credential in it."""
    keyring = Keyring(read_keys_file(key_file))
    store = TinyDBStore(home / "data", keyring)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    server = Server("https", "r.example.com")
    one = Integration(ID, "one", "private", server, "ci", None, "U1", at, "U1", at)
    with store.change(ACME) as change:
        change.put(replace(one, secret=keyring.seal(seal_context(ACME, one), {"password": Secret("pw")})))
    with store.change(ACME) as change:
        change.remember("a second change", "so that there is a version before it")
    store.close()
    return {"QUAYMASTER_DATA_DIR": str(home / "data"), "QUAYMASTER_KEYS_FILE": str(key_file)}


def test_new_key_alone_stands_on_standard_output(run):
    """``keys new`` prints one key and nothing else on standard output; the advice goes to standard error."""
    result = run("keys", "new")

    assert len(parse_keys(result.stdout)) == 1
    assert result.stdout.count("\n") == 1
    assert result.stderr == "Keep a copy of this key on another machine.\n"


def test_new_key_loads_no_server():
    """``keys new`` does not import what serves."""
    code = "import sys; from bot.cli import main; main(['keys', 'new'], standalone_mode=False)"
    code += "; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert {"slack_bolt", "waitress", "requests", "tinydb"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("command", [("serve",), ("keys", "status"), ("keys", "rotate"), ("keys", "reseal")])
def test_missing_setting_is_one_sentence_and_status_2(run, command):
    """A missing setting is named in one line on standard error, with exit status 2."""
    result = run(*command)

    assert result.exit_code == 2
    assert result.stderr.startswith("QUAYMASTER_KEYS_FILE is not set: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_rotation_from_end_to_end(run, settings, key_file):
    """Rotate, reseal, see that the old key seals nothing, drop it: the credential still opens."""
    old = Keyring(read_keys_file(key_file)).primary
    rotated = run("keys", "rotate", **settings)
    new = Keyring(read_keys_file(key_file)).primary
    before = run("keys", "status", **settings).stdout
    resealed = run("keys", "reseal", **settings).stdout
    after = run("keys", "status", **settings).stdout
    key_file.write_text(key_file.read_text().splitlines()[0])
    alone = run("keys", "status", **settings)

    assert rotated.stdout.startswith(f"Key {new} is now first in {key_file}.")
    assert before == f"{new}  seals 0 (first)\n{old}  seals 1\n"
    assert resealed == "Credentials sealed again: 1.\n"
    assert after == f"{new}  seals 1 (first)\n{old}  seals 0\n"
    assert alone.stdout == f"{new}  seals 1 (first)\n"


def test_rotation_keeps_the_file_private(run, settings, key_file):
    """The key file keeps its mode, its old lines and its place behind a link; nothing is left beside it."""
    lines = key_file.read_text()
    link = key_file.with_name("link")
    link.symlink_to(key_file)
    result = run("keys", "rotate", **settings | {"QUAYMASTER_KEYS_FILE": str(link)})

    assert result.exit_code == 0
    assert link.is_symlink()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert key_file.read_text().endswith(f"\n{lines}")
    assert sorted(path.name for path in key_file.parent.iterdir()) == ["data", "link", "quaymaster.keys"]


def test_rotation_removes_what_a_killed_one_left(run, settings, key_file):
    """A rotation that was killed leaves all keys in a file beside the key file; the next one removes it."""
    left = key_file.with_name(f".{key_file.name}.0123456789abcdef.tmp")
    left.write_text(key_file.read_text())
    result = run("keys", "rotate", **settings)

    assert result.exit_code == 0
    assert not left.exists()


@pytest.mark.parametrize("words", [("{}",), ("env", "my_registry", "{}"), ("keys", "{}"), ("env", "--{}")])
def test_token_on_the_command_line_is_not_repeated(run, words):
    """A token that is typed in a wrong place is not printed again."""
    token = "qm_0123456789ABCDEFGHIJKLMNOPQRST1RVxKQ"
    result = run(*(word.format(token) for word in words))

    assert result.exit_code == 2
    assert token not in result.output + result.stderr


def test_rotation_refuses_keys_in_the_environment(run, key_file):
    """Keys in the environment cannot be rotated from here; the sentence says so and repeats no key."""
    key = key_file.read_text().strip()
    result = run("keys", "rotate", QUAYMASTER_KEYS=key)

    assert result.exit_code == 2
    assert "QUAYMASTER_KEYS contains the keys" in result.stderr
    assert key not in result.stderr


def test_rotate_with_postgres_says_where_to_begin(run, settings, key_file):
    """Other replicas must know a new key before it is the first anywhere."""
    before = key_file.read_text()
    result = run("keys", "rotate", **settings, DATABASE_URL="postgresql://a@127.0.0.1/b")

    assert result.exit_code == 2
    assert "company.md" in result.stderr
    assert key_file.read_text() == before


def test_group_without_a_command_prints_its_help(run):
    """The help is laid out as help, not as one line of an error."""
    assert "Commands:\n  forget" in run("keys").stderr


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_key_file_others_may_read_is_refused(run, settings, key_file, mode):
    """A key file that others may read is refused with exit status 1 and left as it is."""
    key_file.chmod(mode)
    lines = key_file.read_text()
    result = run("keys", "rotate", **settings)

    assert result.exit_code == 1
    assert "chmod 600" in result.stderr
    assert key_file.read_text() == lines


def test_wrong_key_is_refused(run, settings, key_file):
    """A store that is sealed under another key is not opened, and the sentence names both keys."""
    old = Keyring(read_keys_file(key_file)).primary
    key_file.write_text(run("keys", "new").stdout)
    result = run("keys", "status", **settings)

    assert result.exit_code == 1
    assert f"sealed with key {old}" in result.stderr


BESIDE_A_SERVER = [("keys", "status"), ("keys", "reseal"), ("store", "repair", "T1"), ("store", "upgrade")]


@pytest.mark.parametrize("command", BESIDE_A_SERVER)
def test_running_server_is_not_disturbed(run, settings, key_file, command):
    """Beside a running server these commands say so in one sentence and change nothing."""
    store = TinyDBStore(Path(settings["QUAYMASTER_DATA_DIR"]), Keyring(read_keys_file(key_file)))
    result = run(*command, **settings)
    store.close()

    assert result.exit_code == 1
    assert result.stderr == (
        f"A running Quaymaster is using {settings['QUAYMASTER_DATA_DIR']}. Stop it, then run this again.\n"
    )


@pytest.mark.parametrize("command", BESIDE_A_SERVER)
def test_missing_directory_is_not_made(run, home, key_file, command):
    """A data directory that does not exist is not made by a command that only looks after one."""
    result = run(*command, QUAYMASTER_KEYS_FILE=str(key_file))

    assert result.exit_code == 1
    assert "There is no data directory data" in result.stderr
    assert not (home / "data").exists()


def test_damaged_workspace_is_named_and_repaired(run, settings, home):
    """The sentence about a damaged file names the command that repairs it, and that command works."""
    path = home / "data" / "T1.db"
    path.write_bytes(path.read_bytes()[:-9] + b"?" * 9)
    refusal = run("keys", "status", **settings)
    repaired = run(*refusal.stderr.split("`")[1].split()[1:], **settings)

    assert refusal.exit_code == 1
    assert "The previous version was restored" in repaired.stdout
    assert run("keys", "status", **settings).exit_code == 0


def test_module_is_the_command():
    """``python -m bot`` is the command too."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert "serve" in done.stdout


def test_lost_key_can_be_forgotten(run, settings, key_file):
    """Once a lost key is forgotten, the store opens with another, and what it sealed needs a new secret."""
    lost = Keyring(read_keys_file(key_file)).primary
    key_file.write_text(run("keys", "new").stdout)

    assert run("keys", "forget", lost, **settings).stdout.startswith(
        "Integrations that need a new secret: 1."
    )
    assert run("keys", "status", **settings).exit_code == 0


def test_key_that_is_loaded_is_not_forgotten(run, settings, key_file):
    """Forgetting a key that is there is refused, and its credentials stay."""
    there = Keyring(read_keys_file(key_file)).primary

    assert run("keys", "forget", there, **settings).exit_code == 1
    assert "seals 1" in run("keys", "status", **settings).stdout


def test_history_is_verified(run, settings, home):
    """The history is said to be whole; after a forged change it is not, with exit status 1."""
    store = TinyDBStore(home / "data", Keyring(read_keys_file(Path(settings["QUAYMASTER_KEYS_FILE"]))))
    with store.change(ACME) as change:
        change.record(Event("integration.test", "U1", Source.SLACK, datetime(2026, 1, 1, tzinfo=UTC)))
    store.close()
    whole = run("audit", "verify", **settings)
    path = home / "data" / "T1.db"
    sealer = Sealer(Keyring(read_keys_file(Path(settings["QUAYMASTER_KEYS_FILE"]))))
    sequence, body = decode(sealer, path, ACME.key, path.read_bytes())
    body = body.replace(b'"integration.test"', b'"integration.edit"')
    path.write_bytes(header(sealer, ACME.key, sequence, body) + body)
    forged = run("audit", "verify", **settings)

    assert (whole.exit_code, whole.stdout) == (0, "T1: entries verified: 1.\n")
    assert forged.exit_code == 1
    assert forged.stdout == "T1: entries verified: 0. Entry 1 was changed after it was written.\n"
    assert forged.stderr.startswith(
        "Something stored was changed without your keys; the lines above say where."
    )


def test_text_is_blanked_in_a_copy(home, settings, key_file):
    """``store copy --blank`` reads the text from standard input, and never repeats it."""
    keyring = Keyring(read_keys_file(key_file))
    store = TinyDBStore(home / "data", keyring)
    with store.change(ACME) as change:
        one = change.integrations.get(ID)
        change.put(replace(one, note="it is hunter2-geheim", version=2))
        change.record(Event("integration.edit", "U1", Source.SLACK, one.created_at, ID, "one"))
    store.close()
    result = CliRunner().invoke(
        main, ["store", "copy", "data", "blanked", "--blank"], input="hunter2-geheim\n", env=settings
    )
    copied = TinyDBStore(home / "blanked", keyring)
    note = copied.read(ACME).integrations.get(ID).note
    copied.close()

    assert result.exit_code == 0
    assert "Start Quaymaster with the copy, then delete the original" in result.stdout
    assert "hunter2" not in result.output + note
    assert note.startswith("it is blanked-")


@pytest.fixture
def put_back(home, settings):
    """The directory, with the workspace's file as it was before its newest entry."""
    path = home / "data" / "T1.db"
    before = path.read_bytes()
    store = TinyDBStore(home / "data", Keyring(read_keys_file(Path(settings["QUAYMASTER_KEYS_FILE"]))))
    with store.change(ACME) as change:
        change.record(Event("integration.test", "U1", Source.SLACK, datetime(2026, 1, 1, tzinfo=UTC)))
    store.close()
    path.write_bytes(before)


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("command", [("copy", "data", "copied"), ("export",)])
def test_what_does_not_hold_is_not_copied(run, settings, home, command):
    """A file that was put back is not copied or exported as if it were right: nothing would say so then."""
    done = run("store", *command, **settings)

    assert done.exit_code == 1
    assert "The history of T1 fails verification: T1.db was replaced with an earlier version" in done.stderr
    assert "quaymaster store repair T1" in done.stderr
    assert not (home / "copied").exists()


@pytest.mark.usefixtures("put_back")
def test_copy_names_the_marks_it_leaves_behind(run, settings):
    """What was accepted is marked in the source alone, and the copy's line says so."""
    run("store", "repair", "T1", **settings)

    assert (
        "marked only in the source: T1: T1.db was replaced with an earlier version"
        in run("store", "copy", "data", "copied", **settings).stdout
    )


def test_export_is_imported_by_its_key_alone(run, settings, home):
    """What ``store export`` prints is imported; a changed line is refused, and so is an unsigned file."""
    lines = run("store", "export", **settings).stdout
    (home / "lines").write_text(lines)
    (home / "changed").write_text(lines.replace("r.example.com", "e.example.com"))
    target = {**settings, "QUAYMASTER_DATA_DIR": "imported"}
    refused = run("store", "import", "changed", **target)

    assert "it was cut or changed" in refused.stderr
    assert run("store", "import", "lines", **target).stdout.startswith("Lines imported: ")


def test_huge_file_beside_the_others_is_a_sentence(run, settings, home):
    """``keys status`` reads no file of 20 GB that somebody put there."""
    with (home / "data" / "x.db").open("wb") as file:
        file.truncate(20_000_000_000)
    done = run("keys", "status", **settings)

    assert done.exit_code == 1
    assert "x.db cannot be read: it is larger than any file that Quaymaster writes" in done.stderr


def test_workspace_that_was_given_up_stays_named(run, settings, home):
    """That a workspace was removed and given up is said by each ``audit verify``, with a log or without."""
    (home / "data" / "T1.db").unlink()
    (home / "data" / "T1.db.prev").unlink()
    (home / "log").write_text(HISTORY_ENDS % ("T1", 7, "0" * 64))
    run("store", "repair", "T1", **settings)
    done = run("audit", "verify", "--log", "log", **settings)

    assert "T1: it was forgotten (on purpose, or with its lost key)." in done.stdout
    assert "T1: marked: T1.db was removed. (accepted " in done.stdout
    assert done.exit_code == 0


def test_log_of_any_bytes_is_read(run, settings, home):
    """A log that is not all UTF-8 is compared all the same."""
    (home / "log").write_bytes(b"\xff\xfe\n")

    assert run("audit", "verify", "--log", "log", **settings).stdout.startswith("T1: entries verified: 0.")
