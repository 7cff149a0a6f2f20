"""When logins end: where that is read, and when people are told."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.integrations.ends import known_ends, tell_ends
from bot.run.outbox import Outbox
from handlers.notify import draw_closed, draw_news
from tests.fakes.people import MEMBER
from tests.fakes.scripted_registry import PROVED
from tests.features.team import ACME
from tests.features.test_add import FORM

DAY_S = 86_400


def token_that_ends(at):
    """A JSON Web Token that says it ends at a time; nobody has signed it."""
    parts = [{"alg": "none"}, {"exp": int(at.timestamp())}]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*texts, "x"])


@pytest.fixture
def ending(team):
    """An integration whose owner entered an end 40 days from now."""
    team.add("harbor")
    end = team.services.ports.now().date() + timedelta(days=40)
    with team.store.change(ACME) as change:
        change.put(replace(team.find("harbor"), ends_on=end))
    return team


def told(team):
    """What the owner was told about expiring logins so far."""
    return [one.text for one in team.slack.shown if one.user == MEMBER and "expires on" in one.text]


def days_later(team, days):
    """Let days pass, do what the clock does, and return how many messages there are by now."""
    team.slack.clock.advance(days * DAY_S)
    tell_ends(team.services.ports)
    team.slack.clock.advance(61)
    Outbox(team.services, draw_news, draw_closed).step()
    return len(told(team))


def test_owner_is_told_four_times(ending):
    """30, 7 and 1 days before the end and on the day itself, once each, however often the scheduler runs."""
    counts = [days_later(ending, days) for days in (9, 1, 0, 22, 1, 0, 5, 1, 0, 1, 0, 3)]

    assert counts == [0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4]


def test_message_names_what_ends_and_whom_it_hits(ending):
    """The message says which login ends, on which day, why that is known, and what depends on it."""
    ending.fetch("harbor", "project", "web-shop")
    days_later(ending, 33)
    (text,) = told(ending)

    assert f"*harbor* expires on {ending.find('harbor').ends_on}" in text
    assert "the date that its owner entered" in text
    assert "project `web-shop`, last used" in text


def test_end_that_moves_begins_again(ending):
    """After a new end was entered, people are told about that one as well."""
    days_later(ending, 33)
    later = ending.services.ports.now().date() + timedelta(days=30)
    with ending.store.change(ACME) as change:
        change.put(replace(ending.find("harbor"), ends_on=later))

    assert days_later(ending, 0) == 2


def test_token_says_when_it_ends(team):
    """The end is read out of a secret that is a JSON Web Token, without anybody being asked."""
    end = datetime(2030, 5, 1, 12, tzinfo=UTC)
    team.add("artifactory", password=token_that_ends(end))

    assert [one.on for one in known_ends(team.find("artifactory"))] == [end.date()]
    assert "2030-05-01 (the secret, which says so itself)" in team.command("show artifactory").text


def test_certificates_end_too(team, registry):
    """The ends of the registry's certificate and of the pasted CA are read at every check."""
    soon, later = datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
    registry.result = replace(PROVED, certificate_ends=later, ca_ends=soon)
    team.add("harbor")
    team.command("test harbor")
    text = team.command("show harbor").text

    assert "2030-01-01 (the pasted CA certificate)" in text
    assert "2031-01-01 (the registry's TLS certificate)" in text


def test_form_takes_an_end_and_a_note(team):
    """`Ends on` and `Note` of the form are kept and shown."""
    team.command("add private")
    team.submit({**FORM, "Ends on": "2030-02-03", "Note": "Ask platform before you change it"})
    text = team.command("show my_registry").text

    assert "2030-02-03 (the date that its owner entered)" in text
    assert "*Note:*  Ask platform before you change it" in text


def test_note_is_only_text(team):
    """A note pings nobody and makes no link."""
    team.command("add private")
    team.submit({**FORM, "Note": "<!channel> <http://evil.example|click>"})

    assert "<!channel>" not in team.command("show my_registry").text


def test_ending_logins_are_found(ending):
    """`list ending` shows what ends within 30 days."""
    early = ending.command("list ending").text
    ending.slack.clock.advance(11 * DAY_S)

    assert "There are no integrations that match" in early
    assert "*harbor*" in ending.command("list ending").text


def test_age_is_shown_where_no_end_is_known(team):
    """Show says how long a credential is in use; the list and Home do when it is old and has no known end."""
    team.add("my_quay", kind="quay")
    young = team.command("list ending").text
    team.slack.clock.advance(340 * DAY_S)
    listed = team.command("list ending").text
    home = team.open_home().text
    shown = team.command("show my_quay").text

    assert "my_quay" not in young
    assert "*my_quay*   Quay.io   :hourglass: in use for 340 days, no known expiration date" in listed
    assert "*my_quay*   :hourglass: in use for 340 days, no known expiration date" in home
    assert "*Credential:*  in use for 340 days, no known expiration date" in shown


def test_age_begins_again_with_another_credential(team):
    """After a rotation the age is that of the new one; the end that was entered is named in its place."""
    team.add("my_quay", kind="quay")
    team.slack.clock.advance(340 * DAY_S)
    team.command("rotate my_quay")
    team.submit({"Robot token or OAuth token": "another"})
    team.close()
    team.slack.clock.advance(DAY_S)

    assert "*Credential:*  in use for 1 day, no known expiration date" in team.command("show my_quay").text
    assert "my_quay" not in team.command("list ending").text


def test_what_ends_together_is_one_message(ending):
    """Logins that end on one day are one message to their owner; what has no end is not in it."""
    ending.add("endless")
    ending.add("second")
    with ending.store.change(ACME) as change:
        change.put(replace(ending.find("second"), ends_on=ending.find("harbor").ends_on))
    days_later(ending, 11)
    (text,) = told(ending)

    assert "*harbor* expires on" in text
    assert "*second* expires on" in text
    assert "endless" not in text
