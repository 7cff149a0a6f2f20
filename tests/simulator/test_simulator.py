"""What reaches the app when a person types, presses and submits."""

import json

import pytest

from bot.simulator.cast import ADMIN, GENERAL, GUEST, INTEGRATIONS, MEMBER
from bot.simulator.delivery import signature
from bot.simulator.kept_blocks import BlocksRefused
from bot.simulator.simulator import Simulator
from bot.simulator.world import World
from tests.simulator.scripted import (
    BUTTONS,
    NOW,
    SECRET,
    TEXT,
    Stage,
    field_block,
    plain,
)


@pytest.fixture
def stage() -> Stage:
    """A fresh workspace."""
    return Stage()


def test_signature_is_slacks_published_example() -> None:
    """A body is signed as Slack's documentation signs it."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )

    assert (
        signature(SECRET, "1531420618", body)
        == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


def test_every_request_is_signed_at_its_time(stage: Stage) -> None:
    """A delivered command carries the time and the signature of exactly its bytes."""
    stage.command(None)
    body, headers = stage.app.received[-1]

    assert headers["X-Slack-Request-Timestamp"] == str(int(NOW))
    assert headers["X-Slack-Signature"] == signature(SECRET, str(int(NOW)), body)


def test_equal_requests_have_different_signatures(stage: Stage) -> None:
    """Two equal searches in one second are not taken for a replay."""
    view = stage.open_form([field_block("pick", {"type": "external_select"})])
    stage.simulator.options(ADMIN.id, {"view": view["id"]}, ("pick", "pick"), "x")
    stage.simulator.options(ADMIN.id, {"view": view["id"]}, ("pick", "pick"), "x")
    (first, first_headers), (second, second_headers) = stage.app.received[-2:]

    assert first == second
    assert first_headers["X-Slack-Signature"] != second_headers["X-Slack-Signature"]


def test_command_has_slacks_fields(stage: Stage) -> None:
    """A slash command arrives as the form that Slack sends."""
    stage.simulator.say(ADMIN.id, INTEGRATIONS.id, "/integrations show a&b <c>")
    form = stage.app.form()

    assert form["command"] == "/integrations"
    assert form["text"] == "show a&amp;b &lt;c&gt;"
    assert form["is_enterprise_install"] == "false"
    assert form["response_url"].startswith("http://127.0.0.1:3000/hooks/commands/T0TRY/")
    assert (form["user_id"], form["channel_id"], form["team_id"]) == (ADMIN.id, INTEGRATIONS.id, "T0TRY")


def test_acknowledgement_is_only_for_whoever_typed(stage: Stage) -> None:
    """The answer to a command is ephemeral unless it says otherwise."""
    stage.command({"text": "just you"})
    stage.command({"text": "everybody", "response_type": "in_channel"})
    private, public = stage.simulator.world.messages

    assert private.only_for == ADMIN.id
    assert public.only_for is None


def test_acknowledgement_may_be_plain_text(stage: Stage) -> None:
    """A text/plain answer is shown as it is."""
    stage.command("hello")

    assert stage.texts() == ["hello"]


def test_acknowledgement_that_says_nothing_shows_nothing(stage: Stage) -> None:
    """An acknowledgement without text and blocks is only an acknowledgement."""
    stage.command({"response_type": "ephemeral"})

    assert stage.texts() == []


def test_unknown_command_stays_in_slack(stage: Stage) -> None:
    """A command that the app did not declare never reaches it."""
    stage.simulator.say(ADMIN.id, INTEGRATIONS.id, "/nonsense")

    assert stage.app.received == []
    assert stage.texts() == ["`/nonsense` is not a valid command."]


def test_late_acknowledgement_is_a_timeout(stage: Stage) -> None:
    """A command that is not answered in time fails as on Slack."""
    stage.app.delay_s = 0.5
    stage.command({"text": "too late"})

    assert stage.texts() == ["/integrations failed with the error “operation_timeout”"]


def test_refused_command_is_a_dispatch_failure(stage: Stage) -> None:
    """A command that is not answered with 200 fails as on Slack."""
    stage.app.status = 500
    stage.command(None)

    assert stage.texts() == ["/integrations failed with the error “dispatch_failed”"]


def test_unreachable_app_is_a_timeout() -> None:
    """A front that cannot connect counts as no answer."""

    def front(_body: bytes, _headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        raise ConnectionRefusedError

    simulator = Simulator(front, SECRET, World(lambda _where, _payload: []))
    simulator.say(ADMIN.id, INTEGRATIONS.id, "/integrations")

    assert "operation_timeout" in simulator.world.messages[-1].text


def test_acknowledgement_over_slacks_limits_is_shown_as_refused(stage: Stage) -> None:
    """A message that Slack would refuse stands there as refused, with the reasons."""
    stage.problems.append("blocks[0]: too long")
    stage.command({"text": "x", "blocks": [BUTTONS]})
    refused, failed = stage.simulator.world.messages

    assert (refused.kind, refused.details) == ("refused", ["blocks[0]: too long"])
    assert "invalid_blocks" in failed.text


def test_home_event_is_json_and_knows_the_published_view(stage: Stage) -> None:
    """Opening Home sends app_home_opened; once a Home was published the event holds it."""
    stage.call("views.publish", user_id=ADMIN.id, view={"type": "home", "blocks": []})
    stage.simulator.open_home(ADMIN.id, "home")
    body, headers = stage.app.received[-1]
    event = json.loads(body)

    assert headers["Content-Type"] == "application/json"
    assert (event["type"], event["event"]["type"], event["event"]["tab"]) == (
        "event_callback",
        "app_home_opened",
        "home",
    )
    assert event["event"]["view"]["type"] == "home"


def test_failed_event_is_retried_once_at_once(stage: Stage) -> None:
    """An event that is not answered with 200 comes again, marked as a retry."""
    stage.app.status = 500
    stage.simulator.open_home(ADMIN.id, "home")
    first, second = stage.app.received

    assert "X-Slack-Retry-Num" not in first[1]
    assert (second[1]["X-Slack-Retry-Num"], second[1]["X-Slack-Retry-Reason"]) == ("1", "http_error")


def test_guest_sees_only_their_channel() -> None:
    """A guest cannot write where they are no member."""
    stage = Stage()

    with pytest.raises(BlocksRefused, match="not_in_channel"):
        stage.simulator.say(GUEST.id, GENERAL.id, "hello")


def test_plain_text_is_a_message_of_that_person(stage: Stage) -> None:
    """What is no command is posted, with Slack's three entities."""
    stage.simulator.say(MEMBER.id, INTEGRATIONS.id, "a < b & c")
    (message,) = stage.simulator.world.messages

    assert (message.author, message.text, message.only_for) == (MEMBER.id, "a &lt; b &amp; c", None)


def test_stopped_simulator_delivers_nothing_more() -> None:
    """After the stop no page waits, and nothing reaches the app."""
    stage = Stage()
    stage.simulator.stop()
    stage.command({"text": "too late"})

    assert stage.simulator.snapshot(ADMIN.id)["open"] is False
    assert stage.app.received == []


def test_texts_get_slacks_defaults(stage: Stage) -> None:
    """A stored view says emoji true where the app said nothing."""
    view = stage.open_form([field_block("name", TEXT)])

    assert view["blocks"][0]["label"] == {**plain("Name"), "emoji": True}
