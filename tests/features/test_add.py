"""Adding an integration: the form, its check, and every reason not to store."""

import time

import pytest

from bot.core.errors import Busy, StoreFull
from bot.core.model import Outcome
from handlers.form import VISIBLE_HINT
from tests.fakes.people import ADMIN, GUEST, MEMBER
from tests.fakes.scripted_registry import ACCEPTED, REJECTED, UNREACHABLE
from tests.features.fixtures import FORGOTTEN_S

FORM = {
    "Integration Name": "my_registry",
    "URL": "https://registry.example.com",
    "Username": "ci",
    "Password": "correct horse",
}
AVAILABLE = (
    "The integration will now be available to all your continuous integration and deployment workflows."
)


@pytest.fixture
def form(team):
    """The form of a private registry, open."""
    return team.command("add private")


def test_form_has_the_fixed_labels(form):
    """Every label is the familiar one."""
    assert form.title == "Add Integration"
    assert form.labels[:6] == ["Integration type", "Integration Name", "URL", "Username", "Password", "Email"]
    assert form.box("Email").block["optional"] is True
    assert form.menu("Save without checking").element["type"] == "checkboxes"
    assert form.content["submit"]["text"] == "Save"


def test_form_says_that_the_secret_is_visible(form):
    """Slack has no password input, so the form says what will be seen of the secret and what not."""
    assert VISIBLE_HINT in form.text


def test_saved_form_becomes_the_fixed_sentence(team, form):
    """A login that works is stored, and the form says where it is available from now on."""
    saved = team.submit(FORM)

    assert AVAILABLE in saved.text
    assert saved.id == form.id
    assert team.find("my_registry").owner == MEMBER
    assert team.find("my_registry").check.outcome is Outcome.PROVED


@pytest.mark.usefixtures("form")
def test_registry_is_asked_once_within_the_forms_time(team, registry):
    """The check has 2.2 s of the 3 s that Slack waits."""
    team.submit(FORM)

    assert registry.deadlines == [2.2]
    assert registry.checked[0].credential["password"].reveal() == "correct horse"


@pytest.mark.usefixtures("form")
def test_time_that_slack_takes_is_taken_off_the_registrys(team, registry):
    """A Slack that is slow to say who sent the form leaves the registry less of the 3 s."""
    team.slack.clock.advance(FORGOTTEN_S)
    team.slack.before_answer = lambda: time.sleep(0.8)
    team.submit(FORM)

    assert registry.deadlines[0] <= 2.0


@pytest.mark.usefixtures("form")
def test_accepted_login_is_stored_as_such(team, registry):
    """A registry that asks for no login proves nothing, and the list says no more than that."""
    registry.result = ACCEPTED
    team.submit(FORM)

    assert team.find("my_registry").check.outcome is Outcome.ACCEPTED


@pytest.mark.usefixtures("form")
def test_refused_login_stands_beside_the_password(team, registry):
    """A refused login is reported beside the password, and nothing is stored."""
    registry.result = REJECTED
    shown = team.submit(FORM)

    assert shown.error("Password") == "The registry refused this credential. Check the username."
    assert team.find("my_registry") is None
    assert team.events() == [(MEMBER, "integration.add", "refused")]


@pytest.mark.usefixtures("form")
def test_unreachable_registry_stands_beside_the_url(team, registry):
    """Trouble on the way is the URL's error: it names the step, and what stores it all the same."""
    registry.result = UNREACHABLE
    shown = team.submit(FORM)

    assert "The certificate is not trusted." in shown.error("URL")
    assert "(Step: TLS.)" in shown.error("URL")
    assert "select “Save without checking”" in shown.error("URL")
    assert team.find("my_registry") is None


@pytest.mark.usefixtures("form")
def test_form_can_be_corrected_and_saved(team, registry):
    """After an error the same form is saved with another password."""
    registry.result = REJECTED
    team.submit(FORM)
    registry.result = ACCEPTED

    assert AVAILABLE in team.submit({"Password": "right this time"}).text


@pytest.mark.usefixtures("form")
def test_ticked_box_stores_unchecked(team, registry):
    """With the box checked no registry is contacted, and the reply says so."""
    registry.result = UNREACHABLE
    team.tick("Save without checking")
    shown = team.submit(FORM)

    assert registry.checked == []
    assert "Saved without checking." in shown.text
    assert team.find("my_registry").check is None


WRONG = [
    ("Integration Name", ""),
    ("Integration Name", "my registry"),
    ("Integration Name", "-begins-wrong"),
    ("Integration Name", "x" * 65),
    ("Integration Name", "*bold*"),
    ("Integration Name", "<!channel>"),
    ("Integration Name", "\u202e"),
    ("URL", ""),
    ("URL", "ftp://registry.example.com"),
    ("URL", "https://registry.example.com/team/app"),
    ("URL", "https://ann:pass@registry.example.com"),
    ("URL", "https://registry.example.com:99999"),
    ("URL", "https://<!channel>"),
    ("Username", "two:parts"),
    ("Username", ""),
    ("Password", ""),
    ("Email", "nobody"),
    ("CA certificate", "-----BEGIN RSA PRIVATE KEY-----"),
]


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(("label", "typed"), WRONG)
def test_each_error_stands_beside_its_field(team, registry, label, typed):
    """What is wrong is said beside the field that is wrong, before any registry is asked."""
    shown = team.submit({**FORM, label: typed})

    assert shown.error(label) != ""
    assert list(shown.errors) == [shown.box(label).block["block_id"]]
    assert registry.checked == []


@pytest.mark.usefixtures("form")
def test_every_wrong_field_is_named_at_once(team):
    """Nobody has to press Save once for each mistake."""
    shown = team.submit({**FORM, "Integration Name": "my registry", "URL": "ftp://x", "Email": "nobody"})

    assert len(shown.errors) == 3


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("name", ["taken", "TAKEN", " taken "])
def test_taken_name_stands_beside_the_name(team, registry, name):
    """A name that another integration has, in whatever case, is refused before the registry is asked."""
    team.add("taken")
    shown = team.submit({**FORM, "Integration Name": name})

    assert shown.error("Integration Name").startswith("The name “taken” is already used.")
    assert registry.checked == []


@pytest.mark.usefixtures("form")
def test_name_taken_while_the_registry_was_asked(team, registry):
    """A colleague was faster: the error is the same, and the faster one's integration stays."""
    registry.meanwhile = lambda: team.find("my_registry") or team.add("my_registry", owner=ADMIN)
    shown = team.submit(FORM)

    assert "is already used" in shown.error("Integration Name")
    assert team.find("my_registry").owner == ADMIN


def test_form_submitted_twice_adds_once(team, form):
    """The same form sent again is answered like the first time, and nothing is added twice."""
    team.submit(FORM, on=form)
    team.slack.reopen(MEMBER, form)
    shown = team.submit(FORM, on=form)

    assert AVAILABLE in shown.text
    assert team.events().count((MEMBER, "integration.add", "done")) == 1


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("error", [Busy(), StoreFull()])
def test_trouble_stands_on_top_of_the_form(team, registry, error):
    """When nothing can be kept now, that is said on top of the form, which keeps what was typed."""
    registry.error = error
    shown = team.submit(FORM)

    assert shown.title == "Not saved"
    assert error.message in shown.text
    assert error.hint in shown.text
    assert len(team.slack.stack(MEMBER)) == 2


@pytest.mark.usefixtures("form")
def test_unforeseen_error_names_an_incident(team, registry, caplog):
    """An unexpected error is reported with an id that is in the log, and without its text."""
    registry.error = RuntimeError("correct horse")
    shown = team.submit(FORM)

    assert "Something went wrong (id " in shown.text
    assert shown.text.split("(id ")[1][:8] in caplog.text
    assert "correct horse" not in shown.text + caplog.text


@pytest.mark.usefixtures("form")
def test_plain_http_is_warned_of(team):
    """An address with http:// is stored, and the answer says that the login travels unencrypted."""
    shown = team.submit({**FORM, "URL": "http://registry.example.com"})

    assert "the login travels unencrypted" in shown.text
    assert team.find("my_registry").server.is_plain


def test_viewer_gets_no_form(make_team):
    """Somebody left out of QUAYMASTER_EDITORS can look but not add, and is told whom to ask."""
    team = make_team(editors=(ADMIN,), admins=(ADMIN,))
    shown = team.command("add private")

    assert shown.place == "message"
    assert "You can view integrations, but you can't add integrations." in shown.text
    assert f"Who can help: <@{ADMIN}>" in shown.text


def test_role_taken_away_stops_save(team, form):
    """Somebody who became a guest while the form was open can't store anything."""
    team.slack.people[MEMBER]["is_restricted"] = True
    team.slack.clock.advance(301)
    shown = team.submit(FORM, on=form)

    assert "Ask a workspace admin." in shown.text
    assert team.find("my_registry") is None
    assert team.command("add", GUEST).place == "message"


def test_second_integration_of_a_server_warns(free):
    """Somebody who adds a second one without a default is told what that does to pipelines."""
    free.command("add private")
    shown = free.submit({**FORM, "Integration Name": "second"})

    assert "`registry.example.com`: several integrations and no default." in shown.text


def test_first_integration_of_a_server_does_not_warn(team):
    """A server's only integration answers everybody."""
    team.command("add private")

    assert "and no default" not in team.submit({**FORM, "Integration Name": "first"}).text


def test_saved_form_offers_what_comes_next(team):
    """After Save, the next steps are buttons, and Link starts with what was saved."""
    team.command("add private")
    saved = team.submit(FORM)
    team.press("Link")
    linked = team.submit({"New target": "web-shop"})

    assert saved.buttons == ["Test", "Link", "Make a token", "Show", "Add another"]
    assert "now depends on *my_registry*" in linked.text
