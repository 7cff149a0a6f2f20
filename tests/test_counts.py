"""Counted guards: how much is done for one request, whatever the machine's speed."""

import re
import ssl
import subprocess
import sys
from operator import gt
from pathlib import Path

import pytest
from slack_bolt.listener.custom_listener import CustomListener
from slack_sdk.errors import SlackApiError

import handlers.list
from bot.core.secrets import Secret
from bot.run.wiring import web_client
from bot.settings import Settings
from bot.slack.response_url import CommandName, trusted_certificates
from storage import records
from storage.sealing import Keyring
from storage.tinydb.archive import FULL_AT, SEGMENT
from tests.core.actors import ACME
from tests.fakes.certificates import Authority
from tests.fakes.counting import counted
from tests.fakes.people import COLLEAGUE, MEMBER
from tests.fakes.scripted_registry import REJECTED
from tests.fakes.slack import TOKEN
from tests.fakes.slack_server import SlackServer
from tests.fakes.token_server import tls_context
from tests.features import payloads
from tests.features.test_add import FORM
from tests.storage.samples import record
from tests.trips import walk

CHANGES = {
    "link": lambda team: team.command("link my_registry project web-shop"),
    "test": lambda team: team.command("test my_registry"),
    "refused deletion": lambda team: team.command("delete my_registry", COLLEAGUE),
    "secret in the text": lambda team: team.command("add password=hunter2horse"),
    "edit": lambda team: (team.command("edit other"), team.submit({"Integration Name": "renamed"})),
    "add": lambda team: (team.command("add private"), team.submit(FORM | {"Integration Name": "new"})),
}
ENDING_A_RIGHT = {
    "unlink": lambda team: team.command("unlink my_registry project linked"),
    "remove": lambda team: team.press("Remove", on=team.command("delete my_registry")),
}
READS = ("", "list", "filter docker", "show my_registry", "delete my_registry", "settings project linked")


@pytest.fixture
def stocked(team):
    """Two integrations, one of which a project depends on."""
    team.add("my_registry")
    team.add("other")
    team.link("my_registry", "project", "linked")
    return team


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_each_change_is_one_file_flushed_once(stocked, disk, change):
    """A change writes one file, flushes it once, and flushes the directory once."""
    disk.calls.clear()
    change(stocked)

    assert disk.calls.count("create") == 1
    assert disk.calls.count("sync file") == 1
    assert disk.calls.count("sync directory") == 1


@pytest.mark.parametrize("change", ENDING_A_RIGHT.values(), ids=list(ENDING_A_RIGHT))
def test_change_that_ends_a_right_flushes_the_stores_own_file_too(stocked, disk, change):
    """A change that takes a right away flushes two files; its spare is without the right."""
    disk.calls.clear()
    change(stocked)

    assert disk.calls.count("create") == 3
    assert disk.calls.count("sync file") == 2
    assert disk.calls.count("sync directory") == 2


def test_deletion_writes_a_spare_without_the_secret(stocked, disk):
    """A deletion flushes two files too; a spare that has no secret takes the place of the one that had it."""
    pressed = stocked.command("delete other")
    disk.calls.clear()
    stocked.press("Yes", on=pressed)

    assert disk.calls.count("create") == 3
    assert disk.calls.count("sync file") == 2
    assert disk.calls.count("sync directory") == 2


@pytest.mark.parametrize("typed", [*READS, "history", "help", "add", "edit other"])
def test_reading_touches_no_file(stocked, disk, typed):
    """Reads are answered from memory."""
    disk.calls.clear()
    stocked.command(typed)

    assert disk.calls == []


@pytest.mark.parametrize("act", ["Yes", "Cancel"])
def test_deletion_reads_no_archived_entry(stocked, clock, disk, act):
    """However long the history is, what a deletion asks of it is answered from memory."""
    record(stocked.store, FULL_AT + SEGMENT, ACME)
    clock.advance(7200)
    pressed = stocked.command("delete other")
    disk.calls.clear()
    stocked.press(act, on=pressed)

    assert "read" not in disk.calls


def test_tags_touch_a_file_for_a_new_repository_only(stocked, disk):
    """A repository is remembered when its tags are read first; from then on nothing is written."""
    stocked.command("tags other team/app")
    disk.calls.clear()
    stocked.command("tags other team/app")

    assert disk.calls == []


def test_refused_login_is_one_file_too(stocked, registry, disk):
    """A form that is refused keeps only that it was."""
    registry.result = REJECTED
    stocked.command("add private")
    disk.calls.clear()
    stocked.submit({**FORM, "Integration Name": "new"})

    assert disk.calls.count("create") == 1


@pytest.mark.parametrize("typed", ["list", "filter docker", "filter registry"])
def test_page_draws_no_more_than_fifteen(team, typed):
    """However many there are, fifteen rows are drawn, none is decoded and no secret is opened."""
    team.add_many(500)
    with counted(handlers.list.row_blocks, records.value_in, Keyring.open) as calls:
        team.command(typed)

    assert calls["row_blocks"] == 15
    assert calls["value_in"] <= 15
    assert calls["Keyring.open"] == 0


LOOKING = ("", "list", "filter docker", "show my_registry", "settings project linked", "history", "help")
DOING = ("delete my_registry", "link my_registry project late", "add", "test my_registry")


@pytest.mark.parametrize(("typed", "asked"), [*((one, 0) for one in LOOKING), *((one, 1) for one in DOING)])
def test_warm_command_asks_only_who_somebody_is(stocked, registry, typed, asked):
    """Looking asks nobody before the acknowledgement; what may change anything asks Slack for the role."""
    stocked.command("help")
    before = len(stocked.slack.calls) + asked
    trigger, reply = stocked.slack.grant("trigger", MEMBER), stocked.slack.grant("command", MEMBER)
    stocked.send(payloads.command(typed, MEMBER, trigger, reply))

    assert len(stocked.slack.calls) == before
    assert registry.checked == []


def test_press_is_acknowledged_before_anything_is_asked(stocked):
    """A press is acknowledged before even Slack is asked who pressed, cold or warm."""
    stocked.slack.clock.advance(301)
    trigger = stocked.slack.grant("trigger", MEMBER)
    action = {"type": "button", "action_id": "add.open", "block_id": "b", "action_ts": "1.2"}
    answer = stocked.send(payloads.interaction("block_actions", MEMBER, trigger, actions=[action]))

    assert answer.status == 200
    assert stocked.slack.calls == []
    assert len(stocked.executor.tasks) == 1


def test_one_question_to_slack_for_many_commands(stocked):
    """Who somebody is, is asked once in 5 minutes."""
    [stocked.command("help") for _ in range(20)]

    assert len(stocked.slack.called("users.info")) == 1


SCANNED = {
    "command": lambda team: team.command("list"),
    "press": lambda team: team.press("Cancel", on=team.command("delete other")),
    "form": lambda team: (team.command("edit other"), team.submit()),
    "event": lambda team: team.open_home(),
}


@pytest.mark.parametrize("request_", SCANNED.values(), ids=list(SCANNED))
def test_each_kind_of_request_runs_one_listener(stocked, request_):
    """However many features there are, Bolt knows one listener for each kind of request."""
    with counted(CustomListener.matches) as for_one_command:
        stocked.command("help")
    with counted(CustomListener.matches) as asked:
        request_(stocked)

    assert for_one_command.total() == 1
    assert 1 <= asked.total() <= 6


@pytest.fixture
def tls_slack(slack, monkeypatch, tmp_path):
    """Slack behind TLS, whose certificate a private authority issued."""
    authority = Authority()
    trusted = tmp_path / "ca.pem"
    trusted.write_text(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    trusted_certificates.cache_clear()
    server = SlackServer(tls_context(authority.issue()))
    server.serve(slack)
    yield server
    server.close()
    trusted_certificates.cache_clear()


def test_hundred_calls_of_slack_build_no_tls_context(tls_slack):
    """The TLS context is made once with the client, not once a call, which would cost 20 ms each."""
    settings = Settings(slack_bot_token=Secret(TOKEN), slack_api_url=f"{tls_slack.url}/api/")
    client = web_client(settings, CommandName())
    with counted(ssl.create_default_context, ssl._create_unverified_context) as made:
        answers = [client.users_info(user=MEMBER)["ok"] for _ in range(100)]

    assert all(answers)
    assert made.total() == 0


def test_unknown_person_over_tls_is_an_error_of_slack(tls_slack):
    """The server of these tests is the fake Slack itself, with its own words."""
    settings = Settings(slack_bot_token=Secret("xoxb-wrong"), slack_api_url=f"{tls_slack.url}/api/")

    with pytest.raises(SlackApiError, match="invalid_auth"):
        web_client(settings, CommandName()).users_info(user=MEMBER)


def test_benchmark_knows_its_measures():
    """The benchmark finds everything it measures."""
    line = [sys.executable, "-m", "tests.bench", "--help"]
    told = subprocess.run(line, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)

    assert "steady" in told.stdout


def test_no_request_goes_further_than_contributing_says(free):
    """No request enters more files, or changes file more often, than CONTRIBUTING.md says."""
    measured = {trip.name: (len(trip.files), sum(trip.changes.values())) for trip in walk(free)}
    contributing = (Path(__file__).parents[1] / ".github/CONTRIBUTING.md").read_text("utf-8")
    documented = {
        name: (int(files), int(changes))
        for files, changes, name in re.findall(
            r"^\| .* \| (\d+) \| (\d+) \| .*\| `(.*)` \|$", contributing, re.MULTILINE
        )
    }

    assert documented.keys() == measured.keys()
    assert [name for name, way in measured.items() if any(map(gt, way, documented[name]))] == []
