"""Test everything: one message that shows the progress and can be canceled."""

import pytest

from bot.core.model import Outcome, Stage
from bot.core.ports.registry import CheckResult
from tests.fakes.people import COLLEAGUE, GUEST
from tests.fakes.scripted_registry import PROVED, REJECTED
from tests.features.team import ACME

DEAD = CheckResult(Outcome.UNREACHABLE, Stage.CONNECTION, "No connection could be made.")


@pytest.fixture
def office(team):
    """Three integrations, two of them at one host."""
    team.add("first", url="https://one.example.com")
    team.add("second", url="https://two.example.com")
    team.add("third", url="https://two.example.com/")
    return team


def messages(team):
    """The texts of the messages that the app posted or changed, in order."""
    return [
        one["text"] for one in (*team.slack.called("chat.postMessage"), *team.slack.called("chat.update"))
    ]


def test_everything_is_tested(office, registry):
    """Each registry is contacted once; one message is posted and finally says what was found."""
    office.command("test all")

    assert any("shows the progress" in one.text for one in office.slack.shown)
    assert len(registry.checked) == 3
    assert len(office.slack.called("chat.postMessage")) == 1
    assert "Tested 3 of 3: 3 works" in messages(office)[-1]
    assert all(office.find(name).check for name in ("first", "second", "third"))


def test_what_is_not_well_is_named(office, registry):
    """A refused login is named with the reason, and stays on its row."""
    registry.result = REJECTED
    office.command("test all first")

    assert "*first*  refused" in str(office.slack.called("chat.update")[-1]["blocks"])
    assert "1 of 1" in messages(office)[-1]
    assert "login refused" in office.command("list first").text


def test_dead_host_is_asked_once(office, registry):
    """A host that does not answer says the same of each integration there, and is asked once."""
    registry.result = DEAD
    office.command("test all two.example.com")

    assert len(registry.checked) == 1
    assert "2 unreachable" in messages(office)[-1]


def test_words_narrow_it(office, registry):
    """Only what the list would show is tested."""
    office.add("theirs", owner=COLLEAGUE, url="https://three.example.com")
    office.command("test all mine", COLLEAGUE)

    assert [one.server.host for one in registry.checked] == ["three.example.com"]


def test_home_has_the_button(office, registry):
    """*Test all* is on Home."""
    office.open_home()
    office.press("Test all", on=office.home())

    assert len(registry.checked) == 3


def test_second_test_waits(office, registry):
    """While one runs, the person's second one is refused."""
    said = []
    registry.meanwhile = lambda: said.append(office.command("test all first").text)
    office.command("test all")

    assert all("still running" in one for one in said)
    assert len(registry.checked) == 3


def test_cancel_ends_it(office, registry):
    """After Cancel no further registry is asked, and the message says what was found."""
    registry.meanwhile = lambda: office.press("Cancel", on=posted(office))
    office.command("test all")

    assert len(registry.checked) == 1
    assert "Stopped after 1 of 3" in messages(office)[-1]


def posted(team):
    """The message that the app posted."""
    return next(one for one in team.slack.shown if "Testing 0 of" in one.text)


def test_killed_round_is_over(office, registry):
    """A round whose process was killed keeps nobody from another for long."""
    office.executor.is_full = True
    office.command("test all")
    office.executor.tasks.clear()
    office.executor.is_full = False
    office.slack.clock.advance(121)
    office.command("test all")

    assert len(registry.checked) == 3


def test_nothing_to_test(team):
    """An empty list says so."""
    assert "There is nothing to test." in team.command("test all").text


def test_guests_test_nothing(office, registry):
    """A guest starts no test."""
    office.command("test all", GUEST)

    assert registry.checked == []
    assert registry.result is PROVED


def test_message_that_slack_does_not_deliver_is_said(office, registry):
    """Without the message that shows the progress nothing is tested, and another round may begin."""
    office.slack.failing["chat.postMessage"] = "channel_not_found"
    refused = office.command("test all")
    office.slack.failing.clear()
    office.command("test all")

    assert "Slack did not deliver the message that shows the progress." in refused.text
    assert len(registry.checked) == 3


def test_message_shows_how_far_it_is(office, registry):
    """A round that takes a while changes its message meanwhile."""
    registry.meanwhile = lambda: office.slack.clock.advance(10)
    office.command("test all")

    assert any("Testing 1 of 3" in one for one in messages(office))


def test_deleted_integration_is_passed_over(office, registry):
    """What was deleted after the round began is not asked about, and the others are."""

    def delete():
        with office.store.change(ACME) as change:
            gone = office.find("third")
            change.remove(gone or office.find("second"))

    registry.meanwhile = delete
    office.command("test all")

    assert len(registry.checked) < 3
    assert "of 3" in messages(office)[-1]
