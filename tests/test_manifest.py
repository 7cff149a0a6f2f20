"""The Slack app as it is pasted into Slack, against what the program registers and asks for."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from bot.simulator.webapi import METHODS
from bot.web.server import SLACK_PATH
from handlers import all_routes
from handlers.routes import COMMAND

ROOT = Path(__file__).parent.parent
MANIFEST = json.loads(files("bot").joinpath("manifest.json").read_text("utf-8"))
FEATURES, SETTINGS = MANIFEST["features"], MANIFEST["settings"]
SHORTCUTS, ROUTES = FEATURES["shortcuts"], all_routes()
SOURCES = [
    path for area in ("bot", "bot/run", "bot/slack", "handlers") for path in (ROOT / area).glob("*.py")
]
CODE = "\n".join(path.read_text("utf-8") for path in SOURCES)
URL = "https://quaymaster.example.com"


def called():
    """The methods of Slack's Web API that the program calls."""
    written = set(re.findall(r"\"((?:views|users|usergroups|chat|auth|conversations)\.[a-zA-Z.]+)\"", CODE))
    spelled = {"users.info": "users_info(", "usergroups.users.list": "usergroups_users_list("}
    return written | {method for method, call in spelled.items() if f".{call}" in CODE}


def test_the_only_command_is_declared():
    """The manifest declares the command that help, errors and the README speak of."""
    (command,) = FEATURES["slash_commands"]

    assert command["command"] == COMMAND
    assert len(command["description"]) <= 100
    assert len(command["usage_hint"]) <= 100
    assert command["should_escape"] is True


def test_every_request_goes_to_one_address():
    """Commands, interactions and events arrive where the server listens for Slack."""
    addresses = {
        FEATURES["slash_commands"][0]["url"],
        SETTINGS["event_subscriptions"]["request_url"],
        SETTINGS["interactivity"]["request_url"],
        SETTINGS["interactivity"]["message_menu_options_url"],
    }

    assert addresses == {URL + SLACK_PATH}


def test_events_are_those_that_are_listened_to():
    """Each event the app listens to is subscribed to, and no other."""
    listened = set(re.findall(r"app\.event\(\"(\w+)\"\)", CODE))

    assert set(SETTINGS["event_subscriptions"]["bot_events"]) == listened


def test_interactivity_is_on():
    """Buttons and forms need interactivity."""
    assert SETTINGS["interactivity"]["is_enabled"] is True


def test_shortcuts_are_those_that_are_listened_to():
    """Each shortcut has a listener and the other way around, and Slack takes its texts."""
    assert {one["callback_id"] for one in SHORTCUTS} == ROUTES.shortcuts.keys()
    assert [one["type"] for one in SHORTCUTS] == ["global", "message"]
    assert all(len(one["name"]) <= 24 and len(one["description"]) <= 150 for one in SHORTCUTS)


def test_description_is_as_long_as_slack_asks():
    """Slack refuses a long description below 174 or above 4,000 characters."""
    assert 174 <= len(MANIFEST["display_information"]["long_description"]) <= 4000


def test_home_tab_is_on():
    """The Home tab is published, so it must be enabled."""
    assert FEATURES["app_home"]["home_tab_enabled"] is True


def test_scopes_are_the_three_that_people_grant():
    """No scope is asked for beyond those the README names."""
    assert MANIFEST["oauth_config"]["scopes"]["bot"] == ["commands", "chat:write", "users:read"]


SCOPES = {"users.info": "users:read", "usergroups.users.list": "usergroups:read"}


@pytest.mark.parametrize("method", sorted(called()))
def test_each_method_that_is_called_is_known_to_the_tests(method):
    """The simulator plays every method that the program calls."""
    assert method in METHODS


def test_only_user_groups_need_a_further_scope():
    """Every method works with the manifest's scopes; only settings that name user groups need another."""
    needed = {SCOPES[method] for method in called() if method in SCOPES}

    assert needed - set(MANIFEST["oauth_config"]["scopes"]["bot"]) == {"usergroups:read"}


def test_missing_group_scope_is_named_to_the_person(make_team):
    """Where a setting names a user group and its scope is missing, the sentence names the scope."""
    team = make_team(editors=("S0EDITORS",))
    team.slack.failing["usergroups.users.list"] = "missing_scope"

    assert "lacks the scope" in team.command("list").text


def test_both_transports_are_served():
    """Over HTTP Slack sends to the addresses; switched to Socket Mode the same manifest needs no other."""
    assert SETTINGS["socket_mode_enabled"] is False
    assert SETTINGS["org_deploy_enabled"] is False
    assert {"request_url", "bot_events"} == set(SETTINGS["event_subscriptions"])
