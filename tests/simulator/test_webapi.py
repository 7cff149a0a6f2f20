"""What Slack answers to the app: Web API methods, trigger ids, response URLs."""

import pytest

from bot.simulator.cast import ADMIN, GENERAL, GUEST, INTEGRATIONS, MEMBER
from tests.simulator.scripted import BUTTONS, Json, Stage, plain

MODAL = {"type": "modal", "title": plain("Form"), "blocks": []}

REFUSED = [
    ("usergroups.users.list", {"usergroup": "S0NONE"}, "no_such_subteam"),
    ("conversations.open", {"users": "U0NOBODY"}, "user_not_found"),
    ("conversations.info", {"channel": "C0NONE"}, "channel_not_found"),
    ("chat.postMessage", {"channel": INTEGRATIONS.id, "blocks": {"a": "b"}}, "invalid_blocks_format"),
    ("chat.postMessage", {"channel": INTEGRATIONS.id, "blocks": "["}, "invalid_arguments"),
    (
        "chat.postEphemeral",
        {"channel": INTEGRATIONS.id, "user": "U0NOBODY", "text": "x"},
        "user_not_in_channel",
    ),
    ("views.publish", {"user_id": "U0NOBODY", "view": {"type": "home", "blocks": []}}, "user_not_found"),
    ("views.publish", {"user_id": ADMIN.id}, "invalid_arguments"),
    ("views.publish", {"user_id": ADMIN.id, "view": MODAL}, "invalid_arguments"),
    ("files.getUploadURLExternal", {"filename": "history.csv"}, "invalid_arguments"),
    ("files.completeUploadExternal", {"files": []}, "invalid_arguments"),
    ("files.completeUploadExternal", {"files": [{"id": "F0NONE"}]}, "file_not_found"),
]


@pytest.fixture
def stage() -> Stage:
    """A workspace without messages."""
    return Stage()


def command_url(stage: Stage) -> str:
    """Type a command and return its response URL."""
    stage.command(None)
    return stage.app.form()["response_url"]


def action_url(stage: Stage) -> str:
    """Press a button on an ephemeral message and return the press's response URL."""
    stage.command({"text": "list", "blocks": [BUTTONS]})
    return str(stage.press({"ts": stage.last_ts()}, "row", "go")["response_url"])


def test_calls_need_the_token(stage: Stage) -> None:
    """A call without the bot token, or with another, is refused."""
    assert stage.simulator.web_api("auth.test", {}, "")["error"] == "not_authed"
    assert stage.simulator.web_api("auth.test", {}, "xoxb-other")["error"] == "invalid_auth"
    assert stage.call("auth.test")["team_id"] == "T0TRY"


def test_unknown_method(stage: Stage) -> None:
    """A method that is not played says so."""
    assert stage.call("files.upload") == {"ok": False, "error": "unknown_method"}


@pytest.mark.parametrize(("method", "args", "error"), REFUSED)
def test_call_is_refused_as_slack_refuses_it(stage: Stage, method: str, args: Json, error: str) -> None:
    """A call that names nobody, nowhere or nothing gets Slack's own error and posts nothing."""
    answer = stage.call(method, **args)

    assert (answer["ok"], answer["error"]) == (False, error)
    assert stage.texts() == []


def test_organization_must_name_the_workspace_of_a_group(stage: Stage) -> None:
    """An app that the organization installed asks for a user group with the workspace's id."""
    stage.simulator.world.cast.groups["S0TEAM"] = [ADMIN.id]
    stage.simulator.world.cast.is_org_wide = True

    assert stage.call("usergroups.users.list", usergroup="S0TEAM")["error"] == "missing_argument"
    assert stage.call("usergroups.users.list", usergroup="S0TEAM", team_id="T0TRY")["users"] == [ADMIN.id]


def test_form_needs_a_form_below_it(stage: Stage) -> None:
    """views.push without an open form is refused."""
    assert stage.call("views.push", trigger_id=stage.trigger(), view=MODAL)["error"] == "not_found"


def test_app_changes_only_its_own_messages(stage: Stage) -> None:
    """A person's message can be neither updated nor deleted by the app."""
    stage.simulator.say(MEMBER.id, INTEGRATIONS.id, "mine")
    place = {"channel": INTEGRATIONS.id, "ts": stage.last_ts()}

    assert stage.call("chat.update", text="new", **place)["error"] == "cant_update_message"
    assert stage.call("chat.delete", **place)["error"] == "cant_delete_message"
    assert stage.texts() == ["mine"]


def test_file_is_shared_only_where_it_is_told_to(stage: Stage) -> None:
    """A file without a channel is in no message; a message that shares one describes it."""
    announced = stage.call("files.getUploadURLExternal", filename="history.csv", length=1)
    stage.simulator.upload(announced["upload_url"].removeprefix(stage.simulator.base_url), b"x")
    files = [{"id": announced["file_id"], "title": "History"}]
    stage.call("files.completeUploadExternal", files=files)
    unshared = stage.texts()
    stage.call("files.completeUploadExternal", files=files, channel_id=INTEGRATIONS.id, blocks=[BUTTONS])
    (shown,) = stage.press({"ts": stage.last_ts()}, "row", "go")["message"]["files"]

    assert unshared == []
    assert (shown["name"], shown["title"], shown["size"]) == ("history.csv", "History", 1)


def test_people_have_their_roles(stage: Stage) -> None:
    """users.info tells admins, members and guests apart."""
    admin, member, guest = (stage.call("users.info", user=one.id)["user"] for one in (ADMIN, MEMBER, GUEST))

    assert (admin["is_admin"], member["is_admin"], guest["is_admin"]) == (True, False, False)
    assert (member["is_restricted"], guest["is_restricted"]) == (False, True)
    assert stage.call("users.info", user="U0NOBODY")["error"] == "user_not_found"


def test_trigger_serves_once(stage: Stage) -> None:
    """A trigger id opens one form."""
    trigger = stage.trigger()
    first = stage.call("views.open", trigger_id=trigger, view=MODAL)
    second = stage.call("views.open", trigger_id=trigger, view=MODAL)

    assert first["ok"] is True
    assert second["error"] == "exchanged_trigger_id"


def test_trigger_lives_three_seconds(stage: Stage) -> None:
    """A trigger id that is older than three seconds opens nothing."""
    trigger = stage.trigger()
    stage.clock.now += 3.1

    assert stage.call("views.open", trigger_id=trigger, view=MODAL)["error"] == "expired_trigger_id"


def test_view_over_slacks_limits_is_refused_and_shown(stage: Stage) -> None:
    """invalid_blocks names what is wrong, to the app and on the page."""
    trigger = stage.trigger()
    stage.problems.append("title: more than 24 characters")
    refused = stage.call("views.open", trigger_id=trigger, view=MODAL)
    (note,) = stage.simulator.snapshot(ADMIN.id)["notes"]

    assert refused["error"] == "invalid_blocks"
    assert refused["response_metadata"] == {"messages": ["title: more than 24 characters"]}
    assert note["details"] == ["title: more than 24 characters"]


def test_publish_replaces_the_home(stage: Stage) -> None:
    """views.publish shows one Home a person, and honours the hash."""
    first = stage.call("views.publish", user_id=ADMIN.id, view={"type": "home", "blocks": []})["view"]
    second = stage.call("views.publish", user_id=ADMIN.id, view={"type": "home", "blocks": [BUTTONS]})["view"]
    stale = stage.call(
        "views.publish", user_id=ADMIN.id, hash=first["hash"], view={"type": "home", "blocks": []}
    )

    assert first["id"] == second["id"]
    assert stale["error"] == "hash_conflict"


def test_bot_posts_only_where_it_is_a_member(stage: Stage) -> None:
    """chat.postMessage needs a channel that exists and that the bot is in."""
    assert stage.call("chat.postMessage", channel=GENERAL.id, text="x")["error"] == "not_in_channel"
    assert stage.call("chat.postMessage", channel="C0NONE", text="x")["error"] == "channel_not_found"
    assert stage.call("chat.postMessage", channel=INTEGRATIONS.id)["error"] == "no_text"


def test_direct_message_reaches_one_person(stage: Stage) -> None:
    """A message to a person's direct channel is in their app's Messages tab only."""
    channel = stage.call("conversations.open", users=MEMBER.id)["channel"]["id"]
    stage.call("chat.postMessage", channel=channel, text="hello")

    assert [message["text"] for message in stage.simulator.snapshot(MEMBER.id)["messages"]] == ["hello"]
    assert stage.simulator.snapshot(ADMIN.id)["messages"] == []


def test_ephemeral_message_cannot_be_updated(stage: Stage) -> None:
    """chat.update changes posted messages, never ephemeral ones."""
    ephemeral = stage.call("chat.postEphemeral", channel=INTEGRATIONS.id, user=ADMIN.id, text="you")
    posted = stage.call("chat.postMessage", channel=INTEGRATIONS.id, text="all")

    assert (
        stage.call("chat.update", channel=INTEGRATIONS.id, ts=ephemeral["message_ts"], text="x")["ok"]
        is False
    )
    assert stage.call("chat.update", channel=INTEGRATIONS.id, ts=posted["ts"], text="new")["text"] == "new"


def test_ephemeral_message_needs_a_member(stage: Stage) -> None:
    """chat.postEphemeral reaches only people in the channel."""
    answer = stage.call("chat.postEphemeral", channel=GENERAL.id, user=ADMIN.id, text="x")

    assert answer["error"] == "not_in_channel"


def test_response_url_serves_five_times(stage: Stage) -> None:
    """The sixth post to a response URL finds nothing."""
    url = command_url(stage)
    answers = [stage.respond(url, text=str(count)) for count in range(6)]

    assert [status for status, _ in answers] == [200, 200, 200, 200, 200, 404]
    assert answers[-1][1]["error"] == "used_url"


def test_response_url_lives_thirty_minutes(stage: Stage) -> None:
    """A response URL that is older than thirty minutes finds nothing."""
    url = command_url(stage)
    stage.clock.now += 30 * 60 + 1

    assert stage.respond(url, text="late") == (404, {"ok": False, "error": "expired_url"})


def test_unknown_response_url(stage: Stage) -> None:
    """A guessed response URL finds nothing."""
    assert stage.respond("/hooks/commands/T0TRY/1/guess", text="x")[0] == 404


def test_response_is_ephemeral_unless_it_says_otherwise(stage: Stage) -> None:
    """response_type is ephemeral by default."""
    url = command_url(stage)
    stage.respond(url, text="you")
    stage.respond(url, text="all", response_type="in_channel")

    assert [message.only_for for message in stage.simulator.world.messages] == [ADMIN.id, None]


def test_command_response_replaces_nothing(stage: Stage) -> None:
    """replace_original on a command's response URL posts one more message."""
    url = command_url(stage)
    stage.respond(url, text="first")
    stage.respond(url, text="second", replace_original=True)

    assert stage.texts() == ["first", "second"]


def test_action_response_replaces_the_pressed_message(stage: Stage) -> None:
    """replace_original on a press's response URL rewrites the message in its place."""
    url = action_url(stage)
    stage.simulator.say(MEMBER.id, INTEGRATIONS.id, "meanwhile")
    stage.respond(url, text="replaced", replace_original=True)

    assert stage.texts() == ["replaced", "meanwhile"]


def test_action_response_deletes_the_pressed_message(stage: Stage) -> None:
    """delete_original on a press's response URL takes the message away."""
    stage.respond(action_url(stage), delete_original=True)

    assert stage.texts() == []


def test_response_over_slacks_limits_is_refused_and_shown(stage: Stage) -> None:
    """A response that Slack would refuse changes nothing and is shown as refused."""
    url = action_url(stage)
    stage.problems.append("blocks: 51 of 50")
    status, answer = stage.respond(url, text="x", replace_original=True)

    assert (status, answer["error"]) == (400, "invalid_blocks")
    assert [message.kind for message in stage.simulator.world.messages] == ["message", "refused"]


@pytest.mark.parametrize("body", [{}, {"text": ""}])
def test_response_without_content_is_refused(stage: Stage, body: Json) -> None:
    """A response needs a text or blocks."""
    assert stage.respond(command_url(stage), **body) == (400, {"ok": False, "error": "no_text"})


def test_response_that_cannot_be_read_is_refused(stage: Stage) -> None:
    """A response is a JSON object."""
    path = command_url(stage).removeprefix(stage.simulator.base_url)
    invalid = (400, {"ok": False, "error": "invalid_payload"})

    assert stage.simulator.response_url(path, b"{") == invalid
    assert stage.simulator.response_url(path, b"[]") == invalid
