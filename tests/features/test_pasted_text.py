"""What copying brings into a command or a form: invisible characters, mentions, line breaks, odd marks."""

import json
import textwrap

import pytest

from bot.core.integrations.credentials import open_credential
from tests.fakes.certificates import Authority
from tests.fakes.people import COLLEAGUE

FORM = {
    "Integration Name": "pasted",
    "URL": "https://registry.example.com",
    "Username": "ci",
    "Password": "x y",
}
PEM = Authority("Pasted").pem


@pytest.mark.parametrize(
    "typed",
    [
        "show \u200bmy_registry",
        "show my_\u2060registry\ufeff",
        "\u200bshow\u00a0my_registry",
        "show MY\u00ad_REGISTRY",
    ],
)
def test_name_is_found_in_spite_of_what_nobody_sees(free, typed):
    """An invisible character does not make a different name, wherever it is."""
    shown = free.command(typed)

    assert "my_registry: Private Docker Registry" in shown.text


@pytest.mark.parametrize("name", ["\u200bMY_registry", "my_registry\ufeff"])
def test_no_second_name_looks_the_same(free, name):
    """Two names that look the same are one name, so the second is refused."""
    free.command("add private")
    shown = free.submit({**FORM, "Integration Name": name})

    assert "is already used" in shown.error("Integration Name")


@pytest.mark.parametrize("target", ["web-shop", "\u200bweb-shop", "web\u00ad-shop", "web-shop\u202e"])
def test_target_is_the_same_in_spite_of_what_nobody_sees(free, target):
    """A target with an invisible character is the target without it."""
    free.link("my_registry", "project", "web-shop")

    assert "already depends" in free.command(f"link my_registry project {target}").text


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("<#C0123|deploy>", "#deploy"),
        ("<@U0123|ann>", "@ann"),
        ("<!subteam^S0123|@platform>", "@platform"),
        ("<#C0123|deploy>-prod", "#deploy-prod"),
        ("<http://shop.example.com|shop.example.com>", "shop.example.com"),
        ("<mailto:a@example.com|a@example.com>", "a@example.com"),
    ],
)
def test_mention_that_slack_made_is_read_as_typed(free, typed, name):
    """What Slack put around a target's name is not a part of it, in any command."""
    free.command(f"link my_registry project {typed}")
    shown = free.command(f"settings project {name}")

    assert f"project {name}" in shown.text
    assert "my_registry" in shown.text


def test_invisible_characters_around_an_address_are_left_out(free):
    """A copied address or user name is read without them."""
    free.command("add private")
    free.submit({**FORM, "URL": "\u200bhttps://registry.example.com\ufeff", "Username": "ci\u200b"})

    assert free.find("pasted").server.host == "registry.example.com"
    assert free.find("pasted").username == "ci"


@pytest.mark.parametrize("password", ["x\u200by", "x\ufeff", " x\u00a0"])
def test_password_is_kept_to_the_letter(free, password):
    """Nothing is removed from a password: the person who chose it may have meant it."""
    free.command("add private")
    free.submit({**FORM, "Password": password})
    kept = open_credential(free.services.ports.keyring, free.actor().workspace, free.find("pasted"))

    assert kept["password"].reveal() == password


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_break_behind_a_password_is_asked_about(free, end):
    """It is almost always a mistake, so nothing is kept before the person has decided."""
    free.command("add private")
    asked = free.submit({**FORM, "Password": f"x{end}"})

    assert "This ends with a line break, which is almost always a mistake" in asked.error("Password")
    assert "select “Save without checking”" in asked.error("Password")
    assert free.find("pasted") is None


def test_line_break_is_asked_about_in_edit_too(free):
    """A new password is asked about like a first one."""
    free.command("edit my_registry")

    assert "This ends with a line break" in free.submit({"Password": "x\n"}).error("Password")


def test_line_break_that_belongs_there_is_kept(free):
    """A line break is kept if the person saves without checking."""
    free.command("add private")
    free.tick("Save without checking")
    free.submit({**FORM, "Password": "x\n"})
    kept = open_credential(free.services.ports.keyring, free.actor().workspace, free.find("pasted"))

    assert kept["password"].reveal() == "x\n"


def test_zero_byte_in_a_password_is_refused(free):
    """No shell or client can handle a zero byte."""
    free.command("add private")

    assert "zero byte" in free.submit({**FORM, "Password": "a\0b"}).error("Password")


@pytest.mark.parametrize(
    "pasted",
    [
        "\ufeff" + PEM,
        textwrap.indent(PEM, "    "),
        PEM.replace("\n", " "),
        json.dumps(PEM),
        PEM.replace("\n", "\r\n"),
    ],
)
def test_certificate_is_read_as_it_was_pasted(free, pasted):
    """A byte-order mark, an indent, lost or escaped line breaks: the same certificate is kept."""
    free.command("add private")
    free.submit({**FORM, "CA certificate": pasted})

    assert free.find("pasted").ca == PEM


@pytest.mark.parametrize("image", ["auth:latest", "token:1.0", "secret:v2"])
def test_images_are_not_secrets(free, image):
    """An image whose name is a word for a secret is an image."""
    assert "There is no integration for" in free.command(f"which {image}").text
    assert f"image {image} now depends" in free.command(f"link my_registry image {image}").text


@pytest.mark.parametrize(
    "text", ["token: abcdef", "token:abcdefghijklmnopqrstuvwxyz012345", "password:hunter2"]
)
def test_what_is_assigned_stays_refused(free, text):
    """With a space or a long value it is a secret."""
    assert "looks as if it contains a secret" in free.command(f"link my_registry image {text}").text


@pytest.mark.parametrize("typed", ["link my_registry project", "token create project"])
@pytest.mark.parametrize("name", ["w\u0435b-sh\u043ep", "\uff57\uff45\uff42-shop", "web-sh\u03bfp"])
def test_target_that_looks_like_another_is_refused(free, typed, name):
    """A name with Cyrillic, Greek or wide letters that reads like another target is refused."""
    shown = free.command(f"{typed} {name}", COLLEAGUE)

    assert "which looks like another letter" in shown.text
    assert free.command("targets").text.count("shop") == 0


@pytest.mark.parametrize("name", ["\u0432\u0435\u0431-shop", "web\u30a2", "caf\u00e9", "\u00b5service"])
def test_target_may_be_named_in_any_alphabet(free, name):
    """A word in another alphabet, or with an accent, is a name like any other."""
    assert f"`project {name}` now depends on" in free.command(f"link my_registry project {name}").text
