"""Rotation: a new credential beside the former one, until everything has fetched it."""

import pytest

from bot.core.errors import StoreFull
from bot.core.integrations.credentials import open_credential, open_former
from bot.core.integrations.rotation import tell_rotations
from bot.core.integrations.target_renaming import rename_target
from bot.core.integrations.watch import find_due
from bot.core.model import Role, Target, TargetKind
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.run.clockwork import Watcher
from bot.run.outbox import Outbox
from handlers.notify import draw_closed, draw_news
from tests.fakes.certificates import Authority
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.fakes.scripted_registry import PROVED, REJECTED
from tests.features.team import ACME, TYPED

WEB_SHOP = Target(TargetKind.PROJECT, "web-shop")
STAGING = Target(TargetKind.ENVIRONMENT, "staging")
NEW = {"Password": "battery staple"}
DAY_S = 24 * 3600


def token(team, target=WEB_SHOP):
    """Make an approved token."""
    return create_token(team.services.ports, team.actor(ADMIN, Role.ADMIN), target, 90)[0].reveal()


def fetch(team, text, name="my_registry"):
    """Fetch an integration; give the password that is handed out."""
    ports = team.services.ports
    caller = identify_caller(ports.store, text, name, ports.now())
    return fetch_named(ports, caller, name).login.secret.reveal()


def begin(team, typed=None):
    """Enter a new credential."""
    team.command("rotate my_registry")
    return team.submit(typed or NEW)


def passwords(team):
    """The current password and the former one, opened; ``None`` where none is kept."""
    keyring, found = team.services.ports.keyring, team.find("my_registry")
    current = open_credential(keyring, ACME, found)["password"].reveal()
    former = open_former(keyring, ACME, found).credential["password"].reveal() if found.former else None
    return current, former


def deliver(team):
    """Let the clock send what is to be told."""
    team.slack.clock.advance(61)
    Outbox(team.services, draw_news, draw_closed).step()


@pytest.fixture
def office(make_team):
    """A member's integration, which two targets have fetched and a third is only linked to."""
    team = make_team(admins=(ADMIN,))
    team.add("my_registry")
    team.link("my_registry", "image", "never-fetched")
    return team


@pytest.fixture
def tokens(office):
    """The tokens of two targets that have fetched the credential."""
    made = [token(office), token(office, STAGING)]
    assert [fetch(office, one) for one in made] == [TYPED["password"]] * 2
    return made


def test_form_asks_for_the_login_only(office):
    """The form has the username and the secret, and neither the server nor the stored secret."""
    form = office.command("rotate my_registry")

    assert form.title == "Rotate"
    assert form.value("Username") == TYPED["username"]
    assert form.value("Password") == ""
    assert TYPED["password"] not in form.raw
    assert "URL" not in form.text
    assert form.box("Password").block["optional"] is False


def test_new_credential_is_used_and_the_former_is_kept(office, tokens):
    """From *Save* on pipelines get the new one; both are sealed on disk."""
    begin(office)

    assert passwords(office) == ("battery staple", TYPED["password"])
    assert fetch(office, tokens[0]) == "battery staple"


def test_message_says_what_has_fetched_the_new_one(office, tokens):
    """It counts what has fetched the new one, and names what has not and what nobody can know."""
    first = begin(office)
    fetch(office, tokens[0])
    then = office.command("rotate my_registry")

    assert "0 of 3 targets have" in first.text.replace("*", "")
    assert "1 of 3 targets have" in then.text.replace("*", "")
    assert "environment `staging`, last used" in then.text
    assert "Unknown" in then.text
    assert "image `never-fetched`, never used" in then.text


def test_show_says_how_far_it_is(office, tokens):
    """Show counts as well, for everybody, and says nothing of it before and after."""
    before = office.command("show my_registry")
    begin(office)
    fetch(office, tokens[0])
    shown = office.command("show my_registry", COLLEAGUE)
    office.press("Retire", on=office.command("rotate my_registry"))
    after = office.command("show my_registry")

    assert "1 of 3 targets have fetched the new one." in shown.text.replace("*", "")
    assert "fetched the new one" not in before.text
    assert "fetched the new one" not in after.text


def test_merged_target_counts_as_what_is_behind(office, tokens):
    """Two targets become one: it has the new one only when both have."""
    begin(office)
    fetch(office, tokens[0])
    ports, admin = office.services.ports, office.actor(ADMIN, Role.ADMIN)
    asked, _ = rename_target(ports, admin, STAGING, WEB_SHOP)
    rename_target(ports, admin, STAGING, WEB_SHOP, asked.fingerprint)
    behind = office.command("rotate my_registry").text
    fetch(office, tokens[1])
    then = office.command("rotate my_registry").text

    assert "0 of 2" in behind.replace("*", "")
    assert "1 of 2" in then.replace("*", "")


def test_refused_credential_replaces_nothing(office, registry):
    """A credential that the registry refuses is shown beside its field, and nothing changes."""
    registry.result = REJECTED
    shown = begin(office)

    assert shown.error("Password").startswith("The registry refused this credential.")
    assert passwords(office) == (TYPED["password"], None)


def test_same_credential_is_refused(office):
    """The credential that is stored already is no new one."""
    shown = begin(office, {"Password": TYPED["password"]})

    assert "already stored" in shown.error("Password")


def test_retire_drops_the_former(office, tokens):
    """Retire deletes the former; the new one goes on."""
    begin(office)
    done = office.press("Retire", on=office.command("rotate my_registry"))

    assert "is deleted here" in done.text
    assert passwords(office) == ("battery staple", None)
    assert fetch(office, tokens[0]) == "battery staple"


def test_roll_back_restores_the_former(office, tokens):
    """Roll back uses the former username and secret again, and drops the new one."""
    begin(office, {"Username": "other", **NEW})
    done = office.press("Roll back", on=office.command("rotate my_registry"))

    assert "uses its old credential again" in done.text
    assert "These have fetched the new one" not in done.text
    assert passwords(office) == (TYPED["password"], None)
    assert office.find("my_registry").username == TYPED["username"]
    assert fetch(office, tokens[0]) == TYPED["password"]


def test_roll_back_names_who_has_the_dropped_one(office, tokens):
    """Targets that have fetched the dropped credential are named: they use it until they fetch again."""
    begin(office)
    fetch(office, tokens[0])
    done = office.press("Roll back", on=office.command("rotate my_registry"))

    assert "use it until they fetch again" in done.text
    assert "web-shop" in done.text
    assert "staging" not in done.text


def test_refused_test_offers_rotate(office, registry):
    """A login that the registry refuses is rotated from the answer of `test`, by its owner."""
    registry.result = REJECTED
    shown = office.command("test my_registry")
    theirs = office.command("test my_registry", COLLEAGUE)
    form = office.press("Rotate", on=shown)

    assert form.title == "Rotate"
    assert "Rotate" not in theirs.buttons


def test_certificate_may_change_while_a_rotation_runs(office):
    """What isn't part of the login, such as the CA certificate, can be edited as usual; both still open."""
    begin(office)
    office.command("edit my_registry")
    office.submit({"CA certificate": Authority().pem})

    assert office.find("my_registry").ca
    assert passwords(office) == ("battery staple", TYPED["password"])


def test_refused_rotation_is_in_the_history(office, registry):
    """That a registry refused the new credential is recorded as an attempt to rotate."""
    registry.result = REJECTED
    begin(office)
    office.close()

    assert "tried to rotate the credential of" in office.command("history my_registry").text


def test_full_disk_does_not_keep_a_pipeline_from_the_new_one(office, tokens):
    """When it cannot be noted who has fetched the new one, it is handed out all the same and noted later."""
    begin(office)
    store = office.services.ports.store
    store.failing["change"] = StoreFull()
    given = fetch(office, tokens[0])
    store.failing.clear()
    unnoted = office.command("rotate my_registry").text
    fetch(office, tokens[0])

    assert given == "battery staple"
    assert "0 of 3" in unnoted.replace("*", "")
    assert "1 of 3" in office.command("rotate my_registry").text.replace("*", "")


def test_second_press_says_that_it_is_over(office):
    """If two people press, the second is told that the rotation is finished, and changes nothing."""
    begin(office)
    shown = office.command("rotate my_registry")
    office.press("Retire", on=shown)
    late = office.press("Roll back", on=shown)

    assert "has ended" in late.text
    assert passwords(office) == ("battery staple", None)


def test_second_rotation_waits_for_the_first(office):
    """While a former credential is kept, the login cannot be edited, and the rest can."""
    begin(office)
    office.command("edit my_registry")
    refused = office.submit({"Password": "third"})
    office.close()
    office.command("edit my_registry")
    office.submit({"Integration Name": "renamed"})

    assert "A rotation is in progress" in refused.error("Password")
    assert office.find("renamed").former is not None


def test_closing_keeps_both(office):
    """Who may fetch it can change while a rotation runs: both credentials open afterwards."""
    begin(office)
    office.command("edit my_registry")
    office.submit({"Who may fetch it": "Linked targets only"})

    assert passwords(office) == ("battery staple", TYPED["password"])


@pytest.mark.parametrize("press", ["Retire", "Roll back"])
def test_only_owner_and_admins_rotate(office, press):
    """A colleague can neither begin nor end a rotation."""
    begin(office)
    shown = office.command("rotate my_registry")
    office.press(press, COLLEAGUE, on=shown)
    said = office.command("rotate my_registry", COLLEAGUE)

    assert "Only its owner or a workspace admin may replace the credential of" in said.text
    assert passwords(office) == ("battery staple", TYPED["password"])


def test_test_says_of_both(office, registry):
    """Test asks the registry about the new credential and about the former one."""
    begin(office)
    registry.checked.clear()
    shown = office.command("test my_registry")

    assert "Former credential" in shown.text
    assert len(registry.checked) == 2


def test_test_says_why_the_former_is_refused(office, registry):
    """A former credential that has ended is told apart from the new one, with the registry's reason."""
    begin(office)
    registry.results = {"battery staple": PROVED, TYPED["password"]: REJECTED}
    shown = office.command("test my_registry")

    assert shown.text.index("*Proved*") < shown.text.index("Former credential")
    assert shown.text.index("Former credential") < shown.text.index("*Refused*")
    assert "The registry refused this credential." in shown.text


def test_edit_form_says_that_a_rotation_runs(office):
    """The form says which part stays as it is, and how to end that."""
    begin(office)
    office.close()
    form = office.command("edit my_registry")

    assert "A rotation is in progress, so you can't change the login" in form.text


def test_watch_asks_about_the_new_one_at_once(office):
    """A refused login is reported as working again at the watch's next round, not hours later."""
    before = find_due(office.services.ports, office.services.ports.now())
    [Watcher(office.services.ports).step() for _ in before]
    asked = find_due(office.services.ports, office.services.ports.now())
    begin(office)
    due = find_due(office.services.ports, office.services.ports.now())

    assert asked == []
    assert [one.integration.name for one in due] == ["my_registry"]


def test_owner_hears_when_everything_has_the_new_one(office, tokens):
    """When the last target has fetched it, the owner is told, once."""
    office.command("unlink my_registry image never-fetched")
    begin(office)
    office.close()
    tell_rotations(office.services.ports)
    deliver(office)
    before = "everything has fetched" in office.seen(MEMBER).text
    [fetch(office, one) for one in tokens]
    tell_rotations(office.services.ports)
    tell_rotations(office.services.ports)
    deliver(office)

    assert not before
    assert "everything has fetched the new credential" in office.seen(MEMBER).text
    told = [one["text"] for one in office.slack.called("chat.postMessage")]
    assert sum("everything has fetched" in text for text in told) == 1


def test_owner_is_reminded_each_week(office):
    """While both are kept the owner is reminded every 7 days."""
    begin(office)
    office.close()
    office.slack.clock.advance(6 * DAY_S)
    tell_rotations(office.services.ports)
    deliver(office)
    early = office.slack.called("chat.postMessage")
    office.slack.clock.advance(DAY_S)
    tell_rotations(office.services.ports)
    deliver(office)

    assert early == []
    assert "both credentials are still stored" in office.seen(MEMBER).text


def test_reminders_of_one_registry_are_one_message(office):
    """Two rotations at one registry are one message, which names both and shows each."""
    office.add("second")
    begin(office)
    office.close()
    office.command("rotate second")
    office.submit(NEW)
    office.close()
    office.slack.clock.advance(7 * DAY_S)
    tell_rotations(office.services.ports)
    deliver(office)
    told = office.seen(MEMBER)

    assert "my_registry" in told.text
    assert "second" in told.text
    assert told.buttons == ["Show", "Show"]
    assert "0 of 1" in office.press("Show the rotation of my_registry", on=told).text.replace("*", "")


def test_delete_drops_both(office):
    """Deleting the integration deletes both credentials."""
    begin(office)
    office.command("unlink my_registry image never-fetched")
    office.press("Yes", on=office.command("delete my_registry"))

    assert office.find("my_registry") is None


def test_history_says_what_was_done(office):
    """Rotation, retiring and rolling back are in the history, without any secret."""
    begin(office)
    office.press("Retire", on=office.command("rotate my_registry"))
    shown = office.command("history my_registry")

    assert "rotated the credential of" in shown.text
    assert "retired the old credential of" in shown.text
    assert "battery" not in shown.raw


def test_retire_asks_first_while_somebody_has_the_former(office, tokens):
    """While not everything is known to have the new one, Retire asks first and names what is not."""
    office.command("unlink my_registry image never-fetched")
    begin(office)
    fetch(office, tokens[0])
    asked = office.command("rotate my_registry").button("Retire").element["confirm"]["text"]["text"]
    fetch(office, tokens[1])
    now = office.command("rotate my_registry").button("Retire").element

    assert "Quaymaster doesn't know whether environment staging uses the new one." in asked
    assert len(asked) <= 300
    assert "confirm" not in now


def test_question_has_room_for_any_names(office):
    """Long and many names are cut, so that Slack takes the question."""
    [office.link("my_registry", "image", f"{number}-{'long' * 40}") for number in range(3)]
    begin(office)
    asked = office.command("rotate my_registry").button("Retire").element["confirm"]["text"]["text"]

    assert "… and 3 more use the new one." in asked
    assert len(asked) <= 300


def test_wait_and_refresh_change_nothing(office, tokens):
    """Wait keeps both and says when the next reminder comes; Refresh shows the progress."""
    begin(office)
    shown = office.command("rotate my_registry")
    fetch(office, tokens[0])
    fresh = office.press("Refresh", on=shown)
    waited = office.press("Wait", on=shown)

    assert "1 of 3" in fresh.text
    assert "keeps both credentials" in waited.text
    assert passwords(office) == ("battery staple", TYPED["password"])


def test_home_names_what_overlaps(office):
    """Home and the list name a rotation while two credentials are kept, and lead its owner to its message."""
    before = office.open_home().text
    begin(office)
    office.close()
    home = office.open_home()
    shown = office.press("Rotation of my_registry, which is in progress", on=home)
    colleagues = office.open_home(COLLEAGUE)
    listed = office.command("list rotating").text
    office.press("Retire", on=shown)

    assert "has had two credentials" not in before
    assert "*my_registry*   :arrows_counterclockwise: has had two credentials since" in home.text
    assert "0 of 1" in shown.text.replace("*", "")
    assert "Show of my_registry" in str(colleagues.raw)
    assert "my_registry" in listed
    assert "has had two credentials" not in office.open_home().text


def test_form_of_another_version_replaces_nothing(office):
    """A form that was opened before somebody else's edit is refused."""
    form = office.command("rotate my_registry")
    office.command("edit my_registry", ADMIN)
    office.submit({"Note": "changed"}, ADMIN)
    office.close(ADMIN)
    refused = office.submit(NEW, on=form)

    assert "changed" in refused.raw
    assert passwords(office) == (TYPED["password"], None)


def test_only_the_rotation_that_is_due_is_told(office):
    """Of two rotations, the one that began seven days ago is told, and the later one is not."""
    office.add("second")
    begin(office)
    office.close()
    office.slack.clock.advance(5 * DAY_S)
    office.command("rotate second")
    office.submit(NEW)
    office.close()
    office.slack.clock.advance(2 * DAY_S)
    tell_rotations(office.services.ports)
    deliver(office)

    assert "my_registry" in office.seen(MEMBER).text
    assert "second" not in office.seen(MEMBER).text


def test_integration_without_a_login_has_nothing_to_rotate(office):
    """Where no secret is kept there is nothing to replace."""
    office.add("open", username="", password="")

    assert "“open” has no secret, so there is nothing to replace." in office.command("rotate open").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [("off", "is rotated only on request."), ("9999 days", "9999 is not a valid number of days.")],
)
def test_days_of_the_clock(office, typed, said):
    """The clock can be switched off at any time, and takes only a number of days that makes sense."""
    assert said in office.command(f"rotate my_registry every {typed}").text.replace("*", "")
