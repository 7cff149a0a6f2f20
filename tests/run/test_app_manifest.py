"""``quaymaster manifest``: what is pasted on api.slack.com, without an editor in between."""

import json
import subprocess
import sys

import pytest

URL = "https://registries.example.org:8443"


def manifest(*arguments):
    """Run the command."""
    command = [sys.executable, "-m", "bot", "manifest", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def addresses(value):
    """Every https address in a JSON value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, str) and value.startswith("https://") else []
    return own + [each for one in inner for each in addresses(one)]


def test_every_address_is_the_installations():
    """Each address in the printed manifest lies on the installation's own origin."""
    found = addresses(json.loads(manifest("--url", URL).stdout))

    assert set(found) == {f"{URL}/slack/events"}
    assert len(found) >= 3


def test_app_that_others_install_names_where_they_come_back():
    """``--install`` adds the redirect URL, and ``--org`` lets organizations install the app."""
    plain = json.loads(manifest("--url", URL).stdout)
    printed = json.loads(manifest("--url", URL, "--install", "--org").stdout)

    assert printed["oauth_config"]["redirect_urls"] == [f"{URL}/slack/oauth_redirect"]
    assert printed["settings"]["org_deploy_enabled"] is True
    assert "redirect_urls" not in plain["oauth_config"]
    assert plain["settings"]["org_deploy_enabled"] is False


def test_socket_mode_serves_one_organization():
    """Socket Mode goes with ``--org``, and not with installs of several workspaces."""
    printed = json.loads(manifest("--socket", "--org").stdout)

    assert printed["settings"]["org_deploy_enabled"] is True
    assert manifest("--socket", "--install").returncode == 2


@pytest.mark.parametrize("typed", [f"{URL}/", f"{URL}/slack/events", f" {URL} "])
def test_the_address_may_be_typed_as_people_have_it(typed):
    """A slash, Slack's own path or a space around the address changes nothing."""
    assert manifest("--url", typed).stdout == manifest("--url", URL).stdout


def test_socket_mode_has_no_address():
    """In Socket Mode the manifest names no address, and switches Socket Mode on."""
    found = json.loads(manifest("--socket").stdout)

    assert addresses(found) == []
    assert found["settings"]["socket_mode_enabled"] is True
    assert found["settings"]["interactivity"] == {"is_enabled": True}


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("http://registries.example.org", "must begin with https://"),
        ("registries.example.org", "must begin with https://"),
        ("https://registries.example.org/bot", "must end after the host"),
        ("https://ann:Xq71@registries.example.org", "user name or password"),
        ("https://[registries", "not an address"),
    ],
)
def test_an_address_that_slack_cannot_call_is_refused(typed, reason):
    """An address that Slack could not call is refused with the reason, and never with what it holds."""
    found = manifest("--url", typed)

    assert (found.returncode, found.stdout) == (1, "")
    assert reason in found.stderr
    assert "Xq71" not in found.stderr


def test_one_way_must_be_chosen():
    """Without a way, or with both, the command says what to give."""
    assert "either --url" in manifest().stderr
    assert "either --url" in manifest("--url", URL, "--socket").stderr
