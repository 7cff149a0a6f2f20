"""Editing, past Slack: where a stored secret may go, and what an edit leaves as it was."""

from dataclasses import replace

import pytest

from bot.core.errors import AlreadyDeleted, Changed, InvalidFields, NotPermitted
from bot.core.integrations.credentials import open_credential
from bot.core.integrations.deletions import delete_integration
from bot.core.integrations.edits import EditPlan, Sharing, edit_integration, plan_edit
from bot.core.queries import HistoryQuery
from tests.core.actors import ACME, ADMIN, COLLEAGUE, NOBODY, OWNER, VIEWER

AS_IT_WAS = Sharing()


@pytest.fixture
def edit(ports, draft, added):
    """Edit the added integration; named arguments are what was typed, an empty password keeps."""

    def act(who=OWNER, shown=None, sharing=AS_IT_WAS, **typed):
        changed = draft(keeps_secret=True, **{"password": "", **typed})
        reading = ports.store.read(ACME)
        plan = EditPlan(shown or added, 0, (), reading)
        return edit_integration(ports, who, plan, changed, sharing, is_checked=True).integration

    return act


def test_edit_raises_the_version(edit, added):
    """Every edit is noticed by buttons that were drawn before."""
    assert edit(name="renamed").version == added.version + 1


def test_edit_keeps_id_owner_and_origin(edit, added):
    """An admin's edit changes neither whose it is nor when it began."""
    edited = edit(ADMIN, username="other")

    assert edited == replace(
        added,
        username="other",
        version=2,
        updated_at=edited.updated_at,
        check=edited.check,
    )


def test_unchanged_login_keeps_its_check(edit, registry):
    """A rename says nothing about the login, so the last check still stands."""
    checked = edit(password="new")

    assert edit(shown=checked, name="renamed").check == checked.check
    assert len(registry.checked) == 1


def test_kept_secret_is_not_sealed_anew(edit, added):
    """An empty password leaves the sealed text as it is."""
    assert edit(name="renamed").secret == added.secret


MOVES = [
    {"url": "https://registry.example.net"},
    {"url": "http://registry.example.com"},
    {"url": "registry.example.com:444"},
    {"url": "registry.example.com.attacker.example"},
    {"url": "registry.example.co"},
]


@pytest.mark.parametrize("typed", MOVES)
def test_stored_secret_goes_to_no_other_server(edit, registry, typed):
    """Scheme, host and port must be what they were, or the secret is typed again."""
    with pytest.raises(InvalidFields, match="enter this again"):
        edit(**typed)

    assert registry.checked == []


def test_moved_integration_holds_only_what_was_typed(edit, keyring):
    """With the secret typed anew, nothing of the old one goes along."""
    moved = edit(url="registry.example.net", password="for the new")

    assert {
        key: secret.reveal() for key, secret in open_credential(keyring, OWNER.workspace, moved).items()
    } == {"password": "for the new"}


@pytest.mark.parametrize("who", [COLLEAGUE, VIEWER, NOBODY])
def test_who_may_not_edit_opens_no_secret(edit, registry, who, monkeypatch, keyring):
    """A refusal comes before a secret is opened or a registry asked."""
    monkeypatch.delattr(type(keyring), "open")
    with pytest.raises(NotPermitted):
        edit(who, username="other")

    assert registry.checked == []


def test_stale_edit_is_refused_and_recorded(edit, store, added):
    """The slower of two is told, and the history knows."""
    edit(username="first")
    with pytest.raises(Changed):
        edit(username="second", shown=added)

    assert store.read(ACME).integrations.get(added.id).username == "first"
    assert store.read(ACME).history.page(HistoryQuery()).entries[0].event.result == "refused"


def test_edit_of_the_deleted_says_who_deleted_it(edit, store, ports, added):
    """What is gone is not brought back by an edit."""
    delete_integration(ports, ADMIN, added.id, added.version)
    with pytest.raises(AlreadyDeleted):
        edit(username="other")

    assert store.read(ACME).integrations.get(added.id) is None


def test_plan_of_an_older_version_is_refused(ports, edit, added):
    """A form that was opened before a change cannot be saved."""
    edit(name="renamed")
    with pytest.raises(InvalidFields, match="changed after you opened"):
        plan_edit(ports, OWNER, added.id, added.version)


def test_history_names_the_parts_and_not_their_content(edit, store):
    """The history says what was changed; of a secret only that."""
    edit(name="renamed", username="other", password="new secret", email="ci@example.com")
    event = store.read(ACME).history.page(HistoryQuery()).entries[0].event

    assert event.changed == ("name", "username", "secret", "other fields")
    assert event.former_name == "my_registry"
    assert "new secret" not in repr(event)
