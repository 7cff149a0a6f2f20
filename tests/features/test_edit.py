"""Editing an integration: what an empty secret means, and when nothing is changed."""

from dataclasses import replace

import pytest

from bot.core.integrations.credentials import open_credential
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.fakes.scripted_registry import REJECTED, UNREACHABLE
from tests.features.team import TYPED


def password_of(team, name="my_registry"):
    """The stored password, opened."""
    return open_credential(team.services.ports.keyring, team.actor().workspace, team.find(name))[
        "password"
    ].reveal()


@pytest.fixture
def form(free):
    """The edit form of an integration that nothing depends on, open."""
    return free.command("edit my_registry")


def test_form_is_filled_in_but_for_the_secret(free, form):
    """Every field but the secret starts with what is stored, and the secret is nowhere in the view."""
    assert form.title == "Edit Integration"
    assert form.value("Integration Name") == "my_registry"
    assert form.value("URL") == TYPED["url"]
    assert form.value("Username") == TYPED["username"]
    assert form.value("Password") == ""
    assert TYPED["password"] not in form.raw
    assert free.find("my_registry").secret not in form.raw


def test_form_says_how_many_use_it(linked):
    """The form says how many targets get what is saved, and what a new name or server means to them."""
    shown = linked.command("edit my_registry")

    assert "3 targets depend on this integration and will use whatever you save." in shown.text
    assert "update the pipelines that use the old value." in shown.text
    assert "Nothing depends on it yet." not in shown.text


RENAMED = {"Integration Name": "renamed"}
MOVED = {"URL": "https://registry.example.net", "Password": "for-the-new"}


@pytest.mark.parametrize(
    ("typed", "said"), [(RENAMED, "name"), (MOVED, "server"), ({**RENAMED, **MOVED}, "name or server")]
)
def test_new_name_or_server_says_how_many_targets_ask_by_the_old(linked, typed, said):
    """The edit is saved, and the reply says who is affected."""
    linked.command("edit my_registry")
    shown = linked.submit(typed)

    assert " is saved." in shown.text
    assert (
        f"3 targets depend on it. Pipelines that request it by the old {said} won't find it until they are "
        "updated." in shown.text
    )


@pytest.mark.parametrize("typed", [{"Username": "other"}, {"Integration Name": "MY_REGISTRY"}])
def test_what_pipelines_ask_by_and_did_not_change_is_not_warned_of(linked, typed):
    """Another login, or the same name in another case, is found as before."""
    linked.command("edit my_registry")

    assert ":warning:" not in linked.submit(typed).text


def test_new_name_that_nothing_depends_on_is_not_warned_of(free):
    """Where no target depends on it, nobody needs to change anything."""
    free.command("edit my_registry")

    assert ":warning:" not in free.submit(RENAMED).text


def test_move_to_a_server_that_has_one_warns(free):
    """Moved beside another integration of a server, it leaves unlinked pipelines without an answer."""
    free.add("other", url="https://registry.example.net")
    free.command("edit my_registry")

    assert "`registry.example.net`: several integrations and no default." in free.submit(MOVED).text


@pytest.mark.usefixtures("form")
def test_empty_secret_keeps_the_stored_one(free, registry):
    """A rename with an empty password changes the name and nothing else, and asks no registry."""
    shown = free.submit({"Integration Name": "renamed"})

    assert "*renamed* is saved." in shown.text
    assert password_of(free, "renamed") == TYPED["password"]
    assert registry.checked == []
    assert free.find("my_registry") is None


@pytest.mark.usefixtures("form")
def test_unchanged_form_changes_nothing(free, registry):
    """Save without a change says so, writes no history entry and asks no registry."""
    before = free.find("my_registry")
    shown = free.submit({})
    free.close()

    assert "Nothing was changed" in shown.text
    assert free.find("my_registry") == before
    assert registry.checked == []
    assert "edited" not in free.command("history my_registry").text


@pytest.mark.usefixtures("form")
def test_rename_keeps_dependencies_and_history(free):
    """What depends on it and what happened to it belong to the integration, not to its name."""
    free.link("my_registry", "project", "web-shop")
    free.submit({"Integration Name": "renamed"})
    free.close()

    assert "project `web-shop`" in free.command("show renamed").text
    assert "name (was `my_registry`)" in free.command("history renamed").text


@pytest.mark.usefixtures("form")
def test_new_secret_is_checked_before_it_replaces_the_old(free, registry):
    """A password that the registry refuses never replaces one that works."""
    registry.result = REJECTED
    shown = free.submit({"Password": "wrong"})

    assert shown.error("Password").startswith("The registry refused this credential.")
    assert password_of(free) == TYPED["password"]


@pytest.mark.usefixtures("form")
def test_new_secret_is_stored(free, registry):
    """A password that works replaces the old one, and the history says so without it."""
    free.submit({"Password": "new-and-good"})
    free.close()

    assert registry.checked[0].credential["password"].reveal() == "new-and-good"
    assert password_of(free) == "new-and-good"
    assert "edited `my_registry` (secret)" in free.command("history my_registry").text


@pytest.mark.usefixtures("form")
def test_changed_username_is_checked_with_the_stored_secret(free, registry):
    """A changed user name is a changed login."""
    free.submit({"Username": "other"})

    assert registry.checked[0].username == "other"
    assert registry.checked[0].credential["password"].reveal() == TYPED["password"]


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(
    "url",
    [
        "https://registry.example.net",
        "https://registry.example.com:5000",
        "http://registry.example.com",
        "https://registry.example.com.attacker.example",
    ],
)
def test_changed_server_needs_the_secret_again(free, registry, url):
    """A stored secret goes to the server it was typed for, and to no other."""
    shown = free.submit({"URL": url})

    assert "enter this again" in shown.error("Password")
    assert registry.checked == []
    assert free.find("my_registry").server.origin == TYPED["url"]


@pytest.mark.usefixtures("form")
def test_changed_server_with_its_secret_is_stored(free, registry):
    """With the secret typed for the new server, the server changes."""
    free.submit({"URL": "https://registry.example.net", "Password": "for-the-new"})

    assert registry.checked[0].server.host == "registry.example.net"
    assert password_of(free) == "for-the-new"


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(
    "url", ["registry.example.com", "https://REGISTRY.example.com/", "https://registry.example.com:443/v2/"]
)
def test_same_server_written_differently_keeps_the_secret(free, url):
    """Another spelling of the same server changes nothing."""
    free.submit({"URL": url})

    assert password_of(free) == TYPED["password"]


@pytest.mark.usefixtures("form")
def test_ticked_box_stores_a_changed_login_unchecked(free, registry):
    """With the box checked a login is stored without asking the registry."""
    registry.result = UNREACHABLE
    free.tick("Save without checking")
    free.submit({"Password": "unchecked"})

    assert registry.checked == []
    assert password_of(free) == "unchecked"
    assert free.find("my_registry").check is None


def test_changed_meanwhile_is_told_and_not_overwritten(free, form):
    """Somebody who edits what a colleague has changed in the meantime is told so and overwrites nothing."""
    free.command("edit my_registry", ADMIN)
    free.submit({"Username": "by-admin"}, ADMIN)
    shown = free.submit({"Username": "by-owner"}, on=form)

    assert "was changed after you opened this form" in shown.error("Integration Name")
    assert free.find("my_registry").username == "by-admin"


@pytest.mark.usefixtures("form")
def test_changed_while_the_registry_was_asked(free, registry):
    """A change that came during the check is not overwritten either."""
    registry.meanwhile = changing_once(free, registry)
    shown = free.submit({"Username": "by-owner"})

    assert "was changed after this was shown" in shown.text
    assert free.find("my_registry").username == "by-admin"


def changing_once(team, registry):
    """What a colleague does while the registry is asked."""

    def change():
        registry.meanwhile = bool
        team.command("edit my_registry", ADMIN)
        team.submit({"Username": "by-admin"}, ADMIN)

    return change


def test_deleted_meanwhile_is_told(free, form):
    """Somebody who saves an integration that a colleague has deleted is told who deleted it."""
    free.command("delete my_registry", ADMIN)
    free.press("Yes", ADMIN)
    shown = free.submit({"Username": "other"}, on=form)

    assert f"is already gone: <@{ADMIN}> deleted it" in shown.text
    assert free.find("my_registry") is None


@pytest.mark.usefixtures("form")
def test_taken_name_stands_beside_the_name(free):
    """Another integration's name is refused, in whatever case."""
    free.add("other")
    shown = free.submit({"Integration Name": "OTHER"})

    assert shown.error("Integration Name").startswith("The name “other” is already used.")


@pytest.mark.usefixtures("form")
def test_own_name_in_another_case_is_no_conflict(free):
    """The case of a name can be changed."""
    free.submit({"Integration Name": "My_Registry"})

    assert free.find("my_registry").name == "My_Registry"


def test_only_owner_and_admins_edit(free):
    """A colleague gets the owner's name instead of a form; the refusal is in the history."""
    shown = free.command("edit my_registry", COLLEAGUE)

    assert shown.place == "message"
    assert "Only its owner or a workspace admin may edit “my_registry”." in shown.text
    assert f"Who can help: <@{MEMBER}>" in shown.text
    assert free.events()[0] == (COLLEAGUE, "integration.edit", "refused")


def test_colleague_who_submits_a_form_changes_nothing(free, form):
    """A form submitted by somebody who may not is refused when it is saved."""
    free.slack.reopen(COLLEAGUE, form)
    shown = free.submit({"Username": "stolen"}, COLLEAGUE, form)

    assert "Only its owner or a workspace admin may edit" in shown.text
    assert free.find("my_registry").username == TYPED["username"]


def test_admin_edits_what_others_own(free):
    """An admin's edit leaves the owner as they were."""
    free.command("edit my_registry", ADMIN)
    free.submit({"Username": "by-admin"}, ADMIN)

    assert (free.find("my_registry").username, free.find("my_registry").owner) == ("by-admin", MEMBER)


@pytest.mark.parametrize("verb", ["edit", "change", "update", "EDIT"])
def test_other_words_for_edit(free, verb):
    """Aliases open the same form."""
    assert free.command(f"{verb} my_registry").title == "Edit Integration"


def test_row_button_opens_the_form(free):
    """A row's Edit button opens the form."""
    free.command("list")

    assert free.press("Edit my_registry").title == "Edit Integration"


def test_lost_key_is_told(free, registry, form):
    """When the stored secret does not open, that is said, and nothing is changed."""
    with free.store.change(free.actor().workspace) as change:
        change.put(broken(free.find("my_registry")))
    shown = free.submit({"Username": "other"}, on=form)

    assert shown.title == "Not saved"
    assert registry.checked == []


def broken(integration):
    """The same integration with a sealed secret that was altered."""
    return replace(integration, secret=integration.secret[:-4] + "AAAA")
