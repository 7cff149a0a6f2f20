"""Importing what real and hostile files hold: stores, helpers, ECR, twins, markup; and two people at once."""

import base64
import json
import re
from functools import partial

import pytest

from bot.core.integrations.credentials import open_credential
from bot.core.integrations.docker_import import MOST_LOGINS
from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, MEMBER
from tests.features.pasting import BOX, PASSWORD, auth, file, pasted, row
from tests.features.team import ACME


@pytest.fixture
def paste(team):
    """Open the form and paste entries, or a whole text; gives what is shown then."""
    return partial(pasted, team)


UNREADABLE = [
    ("registry.example.com", {}, "contains no login: docker may keep it in a credential store"),
    ("registry.example.com", {"auth": ""}, "contains no login: docker may keep it in a credential store"),
    ("registry.example.com", {"auth": 7}, "“auth” is not text"),
    ("registry.example.com", {**auth(), "identitytoken": "t"}, "contains an identity token"),
    ("registry.example.com", {"auth": "not base64!"}, "“auth” is not base64."),
    ("registry.example.com", {"auth": "YTpi\u00e9"}, "“auth” is not base64."),
    ("registry.example.com", {"auth": "//8="}, "base64 of something other than UTF-8"),
    ("registry.example.com", auth(username=""), "It has no user name."),
    ("registry.example.com", auth(password=""), "It has no password."),
    ("registry.example.com", auth(password="\0\0"), "It has no password."),
    ("registry.example.com", auth(username="c\ni"), "has no colon"),
    ("registry.example.com/team", auth(), "would be used for all of registry.example.com"),
    ("https://index.docker.io/v1/access-token", auth(), "Docker Desktop stores its own session here"),
    ("gcr.io", auth("{}", "_json_key"), "not a service account key"),
    ("gcr.io", auth("ya29.x", "oauth2accesstoken"), "lasts only an hour"),
    (
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        auth(username="AWS"),
        "Add it as Amazon ECR, with an access key",
    ),
    (
        "123456789012.DKR.ecr-fips.us-east-1.amazonaws.com",
        auth(username="AWS"),
        "Add it as Amazon ECR, with an access key",
    ),
    (
        "123456789012.dkr-ecr.us-west-2.on.aws",
        auth(username="AWS"),
        "Add it as Amazon ECR, with an access key",
    ),
    ("https://public.ecr.aws", auth(username="AWS"), "Add it as Amazon ECR Public, with an access key"),
]


@pytest.mark.parametrize(("key", "entry", "said"), UNREADABLE)
def test_what_cannot_be_imported_says_why(paste, key, entry, said):
    """Each entry without a lasting password is named with the reason, and nothing of it is repeated."""
    shown = paste({key: entry})

    assert ":x: can't be imported" in row(shown, key)
    assert said in row(shown, key)
    assert PASSWORD not in shown.raw
    assert shown.content["submit"]["text"] == "Preview"


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"one.example.com": {}, "two.example.com": {}}, "None of this can be imported as it is."),
        ({"my.example.com": auth()}, "All of this is already there."),
        ({"my.example.com": auth("other"), "two.example.com": {}}, "Nothing here is new."),
    ],
)
def test_nothing_to_import_says_why(team, paste, entries, said):
    """A preview without anything new says why, to match what was pasted."""
    team.add("my_registry", url="https://my.example.com", password=PASSWORD)

    assert said in paste(entries).text


def test_credential_helpers_are_named(paste):
    """What lives in a helper or in a store of the machine is listed as such, beside what can be imported."""
    entries = {"registry.example.com": auth(), "ghcr.io": {}}
    shown = paste(entries, credsStore="desktop", credHelpers={"quay.io": "pass"})

    assert "becomes “registry_example_com”" in row(shown, "registry.example.com")
    assert "in the credential store “desktop” on the machine" in row(shown, "ghcr.io")
    assert "ask the credential helper “pass”" in row(shown, "quay.io")


@pytest.mark.parametrize("text", ['{"x": "desktop"}', '{"auths": {}}', '{"auths": "x"}', "7" * 5000])
def test_file_without_a_login_is_explained(paste, text):
    """A file that holds no login says so beside the box, with an example."""
    assert "Example:" in paste(text).error(BOX)


@pytest.mark.parametrize("ending", ["", "\0", "\0\0\0"])
def test_padding_is_no_part_of_a_password(team, paste, ending):
    """Docker's clients ignore zero bytes at the end, so they are not stored."""
    paste({"registry.example.com": auth(PASSWORD + ending)})
    team.submit()
    stored = open_credential(
        team.services.ports.keyring, team.actor().workspace, team.find("registry_example_com")
    )

    assert stored["password"].reveal() == PASSWORD


@pytest.mark.parametrize("password", ["a:b:c", " spaces ", "ü€", "x" * 500])
def test_password_is_kept_to_the_letter(team, paste, password):
    """Colons, spaces and any letters belong to the password."""
    paste({"registry.example.com": auth(password)})
    team.submit()
    stored = open_credential(
        team.services.ports.keyring, team.actor().workspace, team.find("registry_example_com")
    )

    assert stored["password"].reveal() == password


HUB_KEYS = ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"]


@pytest.mark.parametrize("key", HUB_KEYS)
def test_each_key_of_docker_hub_becomes_docker_hub(team, paste, key):
    """Docker Hub is known by each of its names."""
    paste({key: auth()})
    team.submit()

    assert team.find("registry-1_docker_io").kind == "docker-hub"


def test_kind_is_known_by_its_host(team, paste):
    """Registries with one host become their kind, others a private registry."""
    paste({"ghcr.io": auth(), "quay.io": auth(), "registry.example.com:5000": auth()})
    team.submit()
    found = {name: team.find(name).kind for name in ("ghcr_io", "quay_io", "registry_example_com_5000")}

    assert list(found.values()) == ["ghcr", "quay", "private"]


KEY = json.dumps(
    {"type": "service_account", "project_id": "p", "client_email": "ci@p.example.com", "private_key": "x"},
    indent=2,
)


@pytest.mark.parametrize(
    ("host", "username", "password", "kind"),
    [
        ("europe-docker.pkg.dev", "_json_key", f"{KEY}\n", "gcr"),
        ("https://eu.gcr.io", "_json_key_base64", base64.b64encode(KEY.encode()).decode(), "gcr"),
        ("mirror.example.com", "_json_key", KEY, "private"),
        ("acme5.azurecr.io", "ci", "x", "acr"),
        ("acme5.azurecr.cn", "ci", "x", "acr"),
    ],
)
def test_login_becomes_the_kind_of_its_host(team, paste, host, username, password, kind):
    """Google's keys and Azure's registries become their kinds; a mirror is a private registry."""
    shown = paste({host: {"username": username, "password": password}})
    team.submit()
    address = host.removeprefix("https://")

    assert "line break" not in shown.text
    assert team.find(re.sub("[^a-z0-9-]", "_", address)).kind == kind


TWINS = [
    ("https://index.docker.io/v1/", "docker.io"),
    ("registry.example.com", "https://registry.example.com/v1/"),
    ("registry.example.com", "REGISTRY.example.com:443"),
]


@pytest.mark.parametrize(("first", "second"), TWINS)
def test_one_login_under_two_keys_is_imported_once(team, paste, first, second):
    """Two keys of one server with the same login become one integration."""
    shown = paste({first: auth(), second: auth()})
    team.submit()

    assert "already there" in row(shown, second)
    assert team.events() == [(MEMBER, "integration.import", "done")]


def test_two_passwords_of_one_user_conflict(paste):
    """Of two keys of one server with different passwords the first is taken and the second named."""
    shown = paste({"registry.example.com": auth(), "https://registry.example.com": auth("other")})

    assert "becomes “registry_example_com”" in row(shown, "registry.example.com")
    assert "“registry_example_com” has a different login" in row(shown, "https://registry.example.com")
    assert shown.content["submit"]["text"] == "Import 1"


def test_two_users_of_one_server_get_two_names(team, paste):
    """Different users of one server are different logins."""
    paste({"registry.example.com": auth(), "https://registry.example.com": auth(username="deploy")})
    team.submit()

    assert team.find("registry_example_com").username == "ci"
    assert team.find("registry_example_com_2").username == "deploy"


def test_taken_name_is_numbered(team, paste):
    """A name that another integration has, in any case, is not taken again."""
    team.add("REGISTRY_example_com", url="https://elsewhere.example.com")

    assert "becomes “registry_example_com_2”" in row(
        paste({"registry.example.com": auth()}), "registry.example.com"
    )


def test_same_login_is_found_behind_another(team, paste):
    """If one of several integrations of a server has the login, it is reported as already there."""
    team.add("aaa", url="https://registry.example.com", password="other")
    team.add("bbb", url="https://registry.example.com", password=PASSWORD)

    assert "“bbb” has this login" in row(paste({"registry.example.com": auth()}), "registry.example.com")


SECRET_KEYS = [
    "https://ann:hunter2horse@registry.example.com",
    "ann:hunter2horse@registry.example.com",
    "dckr_pat_0123456789abcdefghij",
    "password=hunter2horse",
]


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_login_in_a_key_is_not_repeated(paste, key):
    """A password in an address is not written into the form by us."""
    shown = paste({key: auth()})

    assert "(an address with a login in it)" in shown.text
    assert PASSWORD not in shown.raw
    assert "dckr_pat_" not in shown.raw


@pytest.mark.parametrize(
    "key", ["<!channel>", "<@U0ADMIN>", "`*x*`", "&" * 2800, "ü\u202e", "a\nb", "\ud800", ""]
)
def test_markup_in_a_key_stays_text(paste, key):
    """Whatever a key holds, the preview is one that Slack takes, and its reason is readable."""
    shown = paste({key: {}})

    assert ":x: can't be imported" in shown.text
    assert not {"<!channel>", "<@U0ADMIN>"} & set(shown.text.split("`"))


def test_longest_file_fits_the_preview_and_the_end(team, paste):
    """Forty long hosts are previewed and imported, and the last one is on the last page."""
    hosts = [f"registry-number-{number:02}.team-of-many.example.com" for number in range(MOST_LOGINS)]
    shown = paste({host: {"auth": "YTpi"} for host in hosts})
    done = team.submit()

    assert shown.content["submit"]["text"] == "Import 40"
    assert "40 integrations imported." in done.text
    assert hosts[-1] in done.text


def test_form_says_how_much_slack_takes(team):
    """The box takes what Slack takes, and says what to do with a longer file."""
    form = team.command("import")

    assert form.box(BOX).element["max_length"] == 3000
    assert "At most 3,000 characters" in form.text


def test_each_import_is_recorded(team, paste):
    """Each integration has its own entry, and its owner is who imported it."""
    paste({"one.example.com": auth(), "two.example.com": auth()}, ADMIN)
    team.submit(user=ADMIN)

    assert team.events() == [(ADMIN, "integration.import", "done")] * 2
    assert team.find("one_example_com").owner == ADMIN


def test_second_of_two_people_sees_what_the_first_did(team, paste):
    """Confirming what a colleague has just imported shows a new preview, and nothing is stored twice."""
    paste({"registry.example.com": auth()}, COLLEAGUE)
    paste({"registry.example.com": auth()})
    team.submit(user=COLLEAGUE)
    shown = team.submit()

    assert "“registry_example_com” has a login for this user and is not yours" in row(
        shown, "registry.example.com"
    )
    assert team.events() == [(COLLEAGUE, "integration.import", "done")]


def test_new_conflict_stops_the_confirmation(team, paste):
    """What was new in the preview and is a conflict now is not imported under another name."""
    paste({"registry.example.com": auth(), "other.example.com": auth()})
    team.add("registry_example_com", url="https://registry.example.com", password="another")
    shown = team.submit()

    assert ":warning: conflict" in row(shown, "registry.example.com")
    assert team.find("other_example_com") is None
    assert team.submit().title == "Imported"


def test_name_taken_in_between_is_shown_again(team, paste):
    """The name in the preview is the name that is kept, or the preview is shown again."""
    paste({"registry.example.com": auth()})
    team.add("registry_example_com", url="https://elsewhere.example.com")

    assert "becomes “registry_example_com_2”" in row(team.submit(), "registry.example.com")


def test_pressing_import_twice_imports_once(team, paste):
    """The same form sent again finds that everything is there."""
    form = paste({"registry.example.com": auth()})
    team.submit()
    team.slack.put_modal(MEMBER, form.content)
    shown = team.submit({BOX: file({"registry.example.com": auth()})})

    assert "already there" in shown.text
    assert team.events() == [(MEMBER, "integration.import", "done")]


@pytest.mark.parametrize("step", ["import.preview", "import.confirm"])
def test_guest_with_the_form_open_imports_nothing(team, paste, step):
    """Somebody who has become a guest since the form opened can neither preview nor import."""
    paste({"registry.example.com": auth()} if step == "import.confirm" else {"x": {}})
    team.slack.people[MEMBER]["is_restricted"] = True
    team.slack.clock.advance(301)
    shown = team.submit({BOX: file({"registry.example.com": auth()})})

    assert "cannot use integrations" in shown.text
    assert team.store.read(ACME).integrations.named("registry_example_com") is None


def test_guest_gets_no_form(team):
    """A guest opens nothing."""
    assert "cannot use integrations" in team.command("import", GUEST).text
