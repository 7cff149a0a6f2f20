"""Importing the logins of a docker config.json: a preview first, then all of the new ones or none."""

import base64
import json

import pytest

from bot.core.integrations.credentials import open_credential
from tests.fakes.people import ADMIN, MEMBER

SECRET = "hunter2horse"


def config(*hosts, username="ci", password=SECRET):
    """A docker config.json with a login for each host."""
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": auth} for host in hosts}})


@pytest.fixture
def form(team):
    """The form, open."""
    return team.command("import")


def test_preview_keeps_nothing(team, form):
    """The preview says what each entry becomes, and nothing is kept yet."""
    shown = team.submit({"config.json": config("one.example.com", "two.example.com")})

    assert shown.id == form.id
    assert shown.text.count(":heavy_plus_sign: new") == 2
    assert shown.content["submit"]["text"] == "Import 2"
    assert team.events() == []


@pytest.mark.usefixtures("form")
def test_confirmed_preview_is_imported(team):
    """The second step keeps what the first one showed, sealed."""
    team.submit({"config.json": config("one.example.com")})
    shown = team.submit()
    team.close()
    (name,) = [
        line.split("*")[1] for line in team.command("list").text.splitlines() if "Private Docker" in line
    ]
    stored = team.find(name)

    assert "1 integration imported." in shown.text
    assert (stored.server.host, stored.username, stored.owner) == ("one.example.com", "ci", MEMBER)
    assert (
        open_credential(team.services.ports.keyring, team.actor().workspace, stored)["password"].reveal()
        == SECRET
    )


@pytest.mark.usefixtures("form")
def test_pasted_text_is_never_drawn_again(team):
    """Neither the preview nor the end shows a password, plain or as docker writes it."""
    text = config("one.example.com")
    shown = [team.submit({"config.json": text}), team.submit()]
    auth = json.loads(text)["auths"]["one.example.com"]["auth"]

    assert all(SECRET not in one.raw and auth not in one.raw for one in shown)


@pytest.mark.usefixtures("form")
def test_changed_text_is_previewed_again(team):
    """What was pasted after the preview is not imported unseen."""
    team.submit({"config.json": config("one.example.com")})
    shown = team.submit({"config.json": config("two.example.com")})

    assert "two.example.com" in shown.text
    assert shown.content["submit"]["text"] == "Import 1"
    assert team.events() == []


@pytest.mark.usefixtures("form")
def test_what_is_there_already_is_told(team):
    """The same login is no news, another one of the same user is a conflict."""
    team.add("mine", url="one.example.com", password=SECRET)
    same = team.submit({"config.json": config("one.example.com")})
    other = team.submit({"config.json": config("one.example.com", password="another")})

    assert ":white_check_mark: already there" in same.text
    assert ":warning: conflict" in other.text
    assert other.content["submit"]["text"] == "Preview"


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(
    "text", ["", "not json", "[]", "{}", '{"auths": []}', '{"auths": 5}', "[" * 5000, "null"]
)
def test_what_is_no_config_stands_beside_the_box(team, text):
    """A text that is no config.json is refused beside its box and not repeated."""
    shown = team.submit({"config.json": text})

    assert shown.error("config.json") != ""


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(
    "entry",
    [{}, {"auth": ""}, {"auth": "%%%"}, {"auth": "YWJj"}, {"auth": 5}, {"identitytoken": "x"}, "text", None],
)
def test_entry_that_cannot_be_read_says_why(team, entry):
    """An entry without a login is told, and stops none of the others."""
    both = json.loads(config("good.example.com"))
    both["auths"]["bad.example.com"] = entry
    shown = team.submit({"config.json": json.dumps(both)})

    assert ":x: can't be imported" in shown.text
    assert shown.content["submit"]["text"] == "Import 1"


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("key", ["<!channel>", "`x`", "*", "x" * 500, "https://", "a b", ""])
def test_hostile_keys_stay_text(team, key):
    """Whatever an entry is called, it pings nobody."""
    assert "<!channel>" not in team.submit({"config.json": config(key)}).text


def test_forty_at_a_time(team, form):
    """Forty entries fit; more are refused beside the box."""
    fitting = team.submit(
        {"config.json": config(*(f"r{number}.example.com" for number in range(40)))}, on=form
    )
    refused = team.submit(
        {"config.json": config(*(f"r{number}.example.com" for number in range(41)))}, on=form
    )

    assert fitting.content["submit"]["text"] == "Import 40"
    assert "at most 40 at a time" in refused.error("config.json")


def test_viewer_imports_nothing(make_team):
    """Somebody who may not add integrations gets no form."""
    team = make_team(editors=(ADMIN,))

    assert "You can view integrations, but you can't add integrations." in team.command("import").text
