"""Importing, past Slack: a preview keeps nothing, and what is kept is kept whole or not at all."""

import base64
import json

import pytest

from bot.core.errors import InvalidFields, NotPermitted
from bot.core.integrations.credentials import open_credential
from bot.core.integrations.docker_import import (
    MOST_LOGINS,
    FoundLogin,
    digest_of,
    keep_import,
    preview_import,
)
from bot.core.queries import HistoryQuery
from bot.registry.kind_table import KINDS
from tests.core.actors import ACME, ADMIN, COLLEAGUE, NOBODY, OTHER, OWNER, STRANGER, VIEWER

PASSWORD = "correct horse"


def file(*keys, password=PASSWORD, username="ci"):
    """A docker config.json with one login under these keys."""
    entry = {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}
    return json.dumps({"auths": dict.fromkeys(keys, entry)})


@pytest.fixture
def preview(ports):
    """Preview a text."""

    def act(text, who=OWNER):
        return preview_import(ports, KINDS, who, text)

    return act


def findings(found):
    """What each entry comes to."""
    return [one.finding for one in found]


def test_preview_keeps_nothing(store, preview):
    """Looking changes nothing."""
    preview(file("registry.example.com"))

    assert store.read(ACME).history.page(HistoryQuery()).entries == ()


def test_kept_login_is_sealed_for_its_place(store, ports, keyring, preview):
    """Each login is sealed under the new integration's id and opens there."""
    (made,) = keep_import(ports, OWNER, preview(file("registry.example.com"))).integrations
    kept = store.read(ACME).integrations.get(made.id)

    assert kept == made
    assert PASSWORD not in kept.secret
    assert open_credential(keyring, OWNER.workspace, kept)["password"].reveal() == PASSWORD


@pytest.mark.parametrize("who", [NOBODY, VIEWER])
def test_whoever_may_not_add_imports_nothing(store, ports, preview, who):
    """Neither step is for outsiders or viewers, even with a preview that somebody else made."""
    found = preview(file("registry.example.com"))
    with pytest.raises(NotPermitted):
        preview(file("registry.example.com"), who)
    with pytest.raises(NotPermitted):
        keep_import(ports, who, found)

    assert store.read(ACME).integrations.named("registry_example_com") is None


def test_one_taken_name_keeps_nothing(store, ports, preview):
    """Of two who keep at the same moment one gets all and the other nothing, with a word on it."""
    mine = preview(file("one.example.com", "two.example.com"))
    theirs = preview(file("two.example.com"), COLLEAGUE)
    keep_import(ports, COLLEAGUE, theirs)
    with pytest.raises(
        InvalidFields, match="Somebody else has just added “two_example_com”, so nothing was imported"
    ):
        keep_import(ports, OWNER, mine)

    assert store.read(ACME).integrations.named("one_example_com") is None
    assert len(store.read(ACME).history.page(HistoryQuery()).entries) == 1


def test_workspaces_are_compared_with_themselves_only(store, ports, preview):
    """What another workspace has is neither the same nor a conflict."""
    keep_import(ports, OWNER, preview(file("registry.example.com")))

    assert findings(preview(file("registry.example.com"), STRANGER)) == [FoundLogin.NEW]
    assert store.read(OTHER).integrations.named("registry_example_com") is None


@pytest.mark.parametrize(
    ("password", "username", "finding"),
    [
        (PASSWORD, "ci", FoundLogin.SAME),
        ("other", "ci", FoundLogin.CONFLICT),
        (PASSWORD, "deploy", FoundLogin.NEW),
    ],
)
def test_entry_is_compared_with_what_is_there(preview, added, password, username, finding):
    """The same login, another password of the same user, another user: three answers."""
    found = preview(file(added.server.address, password=password, username=username))

    assert findings(found) == [finding]
    assert (found[0].draft is not None) == (finding is FoundLogin.NEW)


def test_digest_covers_text_and_answer(preview, added):
    """Another password, and another answer to the same text, give another digest."""
    text = file("one.example.com")
    shown = digest_of(text, preview(text))

    assert added.name == "my_registry"
    assert shown == digest_of(text, preview(text))
    assert shown != digest_of(file("one.example.com", password="x"), preview(text))
    assert shown != digest_of(text, preview(file("registry.example.com")))


def test_digest_of_broken_text_is_one(preview):
    """Half a character, which JSON can hold, is no failure."""
    assert len(digest_of("\ud800", preview(file("one.example.com")))) == 16


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '"x"', "null", '{"auths": 5}', '{"auths": ["x"]}', "[" * 3000, "9" * 5000]
)
def test_other_texts_are_refused_unrepeated(preview, text):
    """What is no config.json with a login stands beside the box with an example."""
    with pytest.raises(InvalidFields) as refused:
        preview(text)

    assert "Example:" in refused.value.problems["config"]


def test_more_than_forty_are_refused(preview):
    """The number is told, and what to do."""
    with pytest.raises(InvalidFields, match="It has 41 logins; import at most 40 at a time"):
        preview(file(*(f"r{number}.example.com" for number in range(MOST_LOGINS + 1))))


def test_found_prints_no_secret(preview):
    """A preview that lands in a log shows no password."""
    assert PASSWORD not in repr(preview(file("registry.example.com"), ADMIN))


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("acme5.azurecr.cn", "acr"),
        ("acme5.azurecr.us", "acr"),
        ("acme5.azurecr.io.evil.example", "private"),
        ("acme5.azurecr.io:5000", "private"),
        ("containers.octocorp.ghe.com", "ghcr"),
        ("ghcr.io", "ghcr"),
    ],
)
def test_a_host_that_only_one_kind_has_decides_the_kind(preview, key, kind):
    """A registry of a sovereign cloud or of an enterprise stays where it is."""
    (found,) = preview(file(key))

    assert found.draft.kind.id == kind
    assert found.draft.server.address == key


@pytest.mark.parametrize(
    ("key", "password", "reason"),
    [
        ("ghcr.io", "github_pat_x", "does not accept fine-grained tokens"),
        ("my_registry:5000", "x", "cannot use a host name with an underscore"),
    ],
)
def test_what_no_client_could_use_is_not_imported(preview, key, password, reason):
    """The line says why."""
    (found,) = preview(file(key, password=password))

    assert found.draft is None
    assert reason in str(found)
