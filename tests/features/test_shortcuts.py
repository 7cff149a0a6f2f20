"""Shortcuts of Slack's own menus: add an integration, and which login an image in a message needs."""

import pytest

from tests.fakes.people import COLLEAGUE, GUEST
from tests.fakes.slack import OPS

ADD, IMAGES = "add.shortcut", "images.shortcut"
APP = "registry.example.com/team/app:1.2"
DENIED = (
    f"Error response from daemon: pull access denied for {APP}, repository does "
    "not exist or may require 'docker login': denied"
)


def test_global_shortcut_opens_the_form(team):
    """*Add integration* opens the form, wherever in Slack the person is."""
    shown = team.shortcut(ADD)

    assert shown.title == "Add Integration"


def test_global_shortcut_of_a_guest(team):
    """Somebody who may do nothing is told in a modal: a global shortcut has no conversation to reply in."""
    shown = team.shortcut(ADD, GUEST)

    assert shown.place == "modal"
    assert "cannot use integrations" in shown.text


def test_message_shortcut_names_the_login(free):
    """The image in a build's message is read, and the integration that answers for it is named."""
    shown = free.message_shortcut(IMAGES, free.say(DENIED), COLLEAGUE)

    assert "`registry.example.com/team/app:1.2`" in shown.text
    assert "*my_registry*: it is the only one for this server." in shown.text
    assert shown.content["response_type"] == "ephemeral"
    assert free.press(f"Show my_registry for {APP}", COLLEAGUE).title == "my_registry"


def test_message_with_several_images(free):
    """Each image gets its own answer; one without a login says what to do."""
    message = free.say(f"{DENIED}\nthen `image: nginx:1.27` and 10.1.2.3:5000/a/b@sha256:{'0' * 64}")
    shown = free.message_shortcut(IMAGES, message)

    assert "*my_registry*" in shown.text
    assert "`nginx:1.27`\n:warning: There is no integration for" in shown.text
    assert f"`10.1.2.3:5000/a/b@sha256:{'0' * 64}`" in shown.text


def test_message_without_an_image(free):
    """If there is no image, the reply says how to ask about one."""
    shown = free.message_shortcut(IMAGES, free.say("the build is red, who knows why?"))

    assert "This message does not contain an image's name." in shown.text
    assert "/integrations which IMAGE" in shown.text


def test_images_in_blocks_and_attachments(free):
    """What a CI app writes is often in blocks and attachments."""
    rich = {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "pulled "},
                    {"type": "link", "url": "http://registry.example.com/team/web"},
                    {"type": "text", "text": " and registry.example.com/team/web"},
                ],
            }
        ],
    }
    attachment = {"fields": [{"title": "Image", "value": "<http://quay.io/acme/api:2|quay.io/acme/api:2>"}]}
    about = {"type": "message", "ts": "1.2", "text": "build 7", "blocks": [rich], "attachments": [attachment]}
    shown = free.hand_over("message_action", {"callback_id": IMAGES, "message": about})

    assert "`registry.example.com/team/web`" in shown.text
    assert "`quay.io/acme/api:2`" in shown.text


def test_shortcut_in_a_thread(free):
    """A message in a thread is answered like any other, to the person alone."""
    with free.slack.world.lock:
        free.slack.world.post(OPS, COLLEAGUE, DENIED, [], thread_ts="1.2")
    shown = free.message_shortcut(IMAGES, free.in_channel()[-1])

    assert "*my_registry*" in shown.text


@pytest.mark.parametrize("callback_id", ["gone.shortcut", "add.open"])
def test_shortcut_of_another_version(team, callback_id):
    """A shortcut that this version does not have says so."""
    shown = team.hand_over("shortcut", {"callback_id": callback_id})

    assert "This shortcut is out of date." in shown.text
