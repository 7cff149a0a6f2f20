"""Shortcuts, account changes and uploads: what reaches the app, and what the workspace does with it."""

from dataclasses import replace

import pytest
from slack_sdk import WebClient

from bot.simulator.cast import ADMIN, GENERAL, INTEGRATIONS, MEMBER, Shortcut, SlackApp
from bot.simulator.kept_blocks import BlocksRefused
from tests.simulator.demo import DemoApp, served
from tests.simulator.scripted import Stage

GLOBAL = Shortcut("global", "integrations.add", "Add an integration", "Opens the form")
ON_MESSAGE = Shortcut("message", "image.which", "Which login is this?", "Reads image names")
CSV = b"time,person\n1,ava\n"


@pytest.fixture
def stage() -> Stage:
    """A workspace whose app declares two shortcuts and hears of changed accounts."""
    stage = Stage()
    events = frozenset({"app_home_opened", "user_change"})
    stage.simulator.world.app = replace(SlackApp(), shortcuts=(GLOBAL, ON_MESSAGE), events=events)
    return stage


def test_global_shortcut_opens_a_form(stage: Stage) -> None:
    """A global shortcut brings a trigger, and neither a channel nor a response URL."""
    stage.simulator.shortcut(ADMIN.id, GLOBAL.callback_id)
    payload = stage.app.payload()

    assert (payload["type"], payload["callback_id"]) == ("shortcut", GLOBAL.callback_id)
    assert payload["user"]["id"] == ADMIN.id
    assert payload.keys() & {"channel", "response_url", "message"} == set()
    assert stage.simulator.world.grants.exchange(payload["trigger_id"]).person == ADMIN.id


def test_message_shortcut_brings_the_message(stage: Stage) -> None:
    """A shortcut in a message's menu brings that message and a response URL that answers beside it."""
    stage.simulator.say(MEMBER.id, INTEGRATIONS.id, "denied: registry.example.com/team/app:1")
    ts = stage.last_ts()
    stage.simulator.message_shortcut(ADMIN.id, ts, ON_MESSAGE.callback_id)
    payload = stage.app.payload()
    stage.respond(payload["response_url"], text="It is my_registry.")

    assert (payload["type"], payload["callback_id"]) == ("message_action", ON_MESSAGE.callback_id)
    assert (payload["message_ts"], payload["channel"]["id"]) == (ts, INTEGRATIONS.id)
    assert payload["message"]["text"] == "denied: registry.example.com/team/app:1"
    assert payload["message"]["user"] == MEMBER.id
    assert "bot_id" not in payload["message"]
    assert stage.texts()[-1] == "It is my_registry."
    assert stage.simulator.world.messages[-1].only_for == ADMIN.id


def test_ephemeral_messages_have_no_shortcuts(stage: Stage) -> None:
    """As on Slack, a message that only one person sees has no menu."""
    stage.command("only you")

    with pytest.raises(BlocksRefused, match="message_not_found"):
        stage.simulator.message_shortcut(ADMIN.id, stage.last_ts(), ON_MESSAGE.callback_id)


@pytest.mark.parametrize("callback_id", ["none", ON_MESSAGE.callback_id])
def test_undeclared_shortcut_is_not_sent(stage: Stage, callback_id: str) -> None:
    """Only what the manifest declares, where it declares it, can be run."""
    with pytest.raises(BlocksRefused, match="shortcut_not_found"):
        stage.simulator.shortcut(ADMIN.id, callback_id)

    assert stage.app.received == []


def test_unanswered_shortcut_is_told(stage: Stage) -> None:
    """A shortcut that the app does not take is told to the person."""
    stage.app.status = 500
    stage.simulator.shortcut(ADMIN.id, GLOBAL.callback_id)

    assert stage.simulator.snapshot(ADMIN.id)["notes"][0]["title"] == (
        "We had some trouble connecting. Try again?"
    )


def test_changed_account_is_told(stage: Stage) -> None:
    """When somebody's account is deactivated, the app hears it, and the Web API says it too."""
    stage.simulator.change_person(MEMBER.id, deleted=True)
    body, headers = stage.app.received[-1]

    assert b'"type": "user_change"' in body
    assert b'"deleted": true' in body
    assert headers["Content-Type"] == "application/json"
    assert stage.call("users.info", user=MEMBER.id)["user"]["deleted"] is True


def test_event_without_a_subscription_is_not_sent() -> None:
    """An app that does not subscribe to an event does not get it."""
    stage = Stage()
    stage.simulator.change_person(MEMBER.id, deleted=True)

    assert stage.app.received == []


def test_mentions_are_escaped_where_the_app_asks_for_it(stage: Stage) -> None:
    """A command whose manifest says ``should_escape`` gets ids; another gets the names as typed."""
    manifest = {
        "display_information": {"name": "Quaymaster"},
        "features": {"slash_commands": [{"command": "/reg", "description": "d", "should_escape": True}]},
    }
    stage.simulator.say(ADMIN.id, INTEGRATIONS.id, "/integrations give x @marco")
    plain = stage.app.form()["text"]
    stage.simulator.world.app = SlackApp.from_manifest(manifest)
    stage.simulator.say(ADMIN.id, INTEGRATIONS.id, "/reg give x @marco in #integrations, not me@marco")

    person, channel = f"<@{MEMBER.id}|marco>", f"<#{INTEGRATIONS.id}|integrations>"
    assert plain == "give x @marco"
    assert stage.app.form()["text"] == f"give x {person} in {channel}, not me@marco"


def test_threads_and_deletions(stage: Stage) -> None:
    """A message may answer another, and the app may delete what it posted, and nothing else."""
    parent = stage.call("chat.postMessage", channel=INTEGRATIONS.id, text="news")["ts"]
    reply = stage.call("chat.postMessage", channel=INTEGRATIONS.id, text="more", thread_ts=parent)
    stage.simulator.say(MEMBER.id, INTEGRATIONS.id, "mine")
    mine = stage.last_ts()

    assert reply["message"]["thread_ts"] == parent
    assert stage.call("chat.delete", channel=INTEGRATIONS.id, ts=mine)["error"] == "cant_delete_message"
    assert stage.call("chat.delete", channel=INTEGRATIONS.id, ts=parent)["ok"] is True
    assert stage.texts() == ["more", "mine"]


def test_channel_says_whether_the_app_is_in_it(stage: Stage) -> None:
    """conversations.info tells an app where it may post."""
    inside = stage.call("conversations.info", channel=INTEGRATIONS.id)["channel"]
    outside = stage.call("conversations.info", channel=GENERAL.id)["channel"]

    assert (inside["is_member"], outside["is_member"]) == (True, False)
    assert stage.call("conversations.info", channel="C0NONE")["error"] == "channel_not_found"


def test_app_is_invited_and_removed(stage: Stage) -> None:
    """``/invite`` lets the app post in a channel, ``/remove`` ends that; the app itself hears of neither."""
    outside = stage.call("chat.postMessage", channel=GENERAL.id, text="x")
    stage.simulator.say(ADMIN.id, GENERAL.id, "/invite @quaymaster")
    inside = stage.call("chat.postMessage", channel=GENERAL.id, text="x")
    stage.simulator.say(ADMIN.id, GENERAL.id, "/remove @quaymaster")
    again = stage.call("chat.postMessage", channel=GENERAL.id, text="x")

    assert (outside["error"], inside["ok"], again["error"]) == ("not_in_channel", True, "not_in_channel")
    assert stage.app.received == []


def test_invitation_needs_a_name(stage: Stage) -> None:
    """A name that nobody has is answered with an example."""
    stage.simulator.say(ADMIN.id, GENERAL.id, "/invite @nobody")

    assert stage.texts() == ["Type `/invite` and a name, such as `/invite @quaymaster`."]


def announced(stage: Stage) -> tuple[str, str]:
    """Announce a file; gives its id and the path to send it to."""
    told = stage.call("files.getUploadURLExternal", filename="history.csv", length=len(CSV))
    return told["file_id"], told["upload_url"].removeprefix(stage.simulator.base_url)


def test_file_is_shared_once_it_came(stage: Stage) -> None:
    """A file is announced, sent, and then shared with a comment."""
    file_id, path = announced(stage)
    early = stage.call("files.completeUploadExternal", files=[{"id": file_id}])
    sent = stage.simulator.upload(path, CSV)
    stage.call(
        "files.completeUploadExternal",
        files=[{"id": file_id, "title": "History"}],
        channel_id=INTEGRATIONS.id,
        initial_comment="Here it is",
    )
    (message,) = stage.simulator.snapshot(ADMIN.id)["messages"]

    assert early["error"] == "file_not_found"
    assert sent == (200, f"OK - {len(CSV)}")
    assert message["text"] == "Here it is"
    assert [(one["title"], one["name"], one["size"]) for one in message["files"]] == [
        ("History", "history.csv", len(CSV))
    ]


def test_wrong_uploads_are_refused(stage: Stage) -> None:
    """Bytes are taken only at an address that was given out, and only as many as were announced."""
    _, path = announced(stage)

    assert stage.simulator.upload(path, CSV + b"more") == (400, "length_mismatch")
    assert stage.simulator.upload("/upload/F1/guess", CSV) == (404, "not_found")
    assert stage.call("files.getUploadURLExternal", filename="x", length=0)["error"] == "invalid_arguments"
    assert stage.call("files.getUploadURLExternal", filename="x", length=10**9)["error"] == (
        "file_upload_size_restricted"
    )


def test_slacks_client_library_uploads() -> None:
    """slack_sdk's own upload goes the whole way over HTTP."""
    with served(DemoApp()) as demo:
        client = WebClient(demo.simulator.token, base_url=f"{demo.url}/api/")
        client.files_upload_v2(
            content=CSV.decode(), filename="history.csv", title="History", channel=INTEGRATIONS.id
        )
        (message,) = demo.simulator.snapshot(ADMIN.id)["messages"]
        kept = demo.simulator.world.uploads.uploaded(message["files"][0]["id"]).content

    assert message["files"][0]["title"] == "History"
    assert kept == CSV
