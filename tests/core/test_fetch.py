"""Handing out, past HTTP: using is depending, linked only refuses, and an hour is one line of history."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.addresses import parse_server
from bot.core.audit import Result
from bot.core.errors import (
    Ambiguous,
    Busy,
    Deleted,
    LinkedOnly,
    NotFound,
    TargetRemoved,
    TokenRefused,
    Unreachable,
)
from bot.core.integrations.credentials import rebind_credential
from bot.core.integrations.deletions import delete_integration
from bot.core.integrations.dependencies import link_target, unlink_target
from bot.core.integrations.inventory import add_integration
from bot.core.model import Source
from bot.core.ports.registry import DockerLogin
from bot.core.queries import HistoryQuery
from bot.core.secrets import Secret
from bot.core.workflows.fetch import fetch_at, fetch_named, fetch_tags
from bot.core.workflows.tokens import Caller, create_token, revoke_token
from tests.core.actors import ACME, COLLEAGUE, OTHER, OWNER, STRANGER
from tests.core.conftest import WEB_SHOP
from tests.fakes.clock import MORNING
from tests.fakes.lookups import tokens_in
from tests.fakes.scripted_registry import ScriptedRegistry

HOUR = timedelta(hours=1)
FIVE = timedelta(minutes=5)
SERVER = parse_server("registry.example.com")


class LendingRegistry(ScriptedRegistry):
    """A registry that also gives what docker must send; for ECR that ends."""

    expires_at = None

    def docker_login(self, login, *, deadline_s):
        """Give the stored password, or one that ends."""
        self._asked(login, deadline_s, None)
        secret = Secret("passing") if self.expires_at else login.credential["password"]
        return DockerLogin(login.username, secret, self.expires_at)


@pytest.fixture
def registry():
    """The registry that gives logins."""
    return LendingRegistry()


@pytest.fixture
def ask(store):
    """What a workflow is let in with, when it asks for a name or a server."""

    def act(token, asked, after=timedelta(), workspace=ACME):
        held = store.token_holder(token.id, asked)
        return Caller(workspace, held.token, MORNING + after, held.candidates)

    return act


@pytest.fixture
def fetch(ports, ask, caller):
    """Fetch an integration by its name, some time after nine."""

    def act(integration, after=timedelta(), token=None):
        name = integration.name
        return fetch_named(ports, ask(token or caller.token, name, after), name)

    return act


@pytest.fixture
def change(store, ports, added):
    """Change the added integration past its form, as a colleague might in the meantime."""

    def act(**changes):
        edited = replace(added, version=added.version + 1, **changes)
        changed = rebind_credential(ports.keyring, ACME, added, edited)
        with store.change(ACME) as transaction:
            transaction.put(changed)
        return changed

    return act


def fetches(store, workspace=ACME):
    """The history's lines about fetches, oldest first."""
    events = [
        one.event for one in reversed(store.read(workspace).history.page(HistoryQuery(size=100)).entries)
    ]
    return [one for one in events if one.action == "credential.hand_out"]


def test_first_fetch_records_the_dependency(store, fetch, caller, added):
    """Before the first answer the target depends on it, as the token's creator's doing."""
    handed = fetch(added)
    dependency = store.read(ACME).dependencies.get(added.id, WEB_SHOP)

    assert handed.login.secret.reveal() == "correct horse"
    assert (dependency.source, dependency.added_by) == (Source.WORKFLOW, caller.token.created_by)
    assert dependency.last_used_at == MORNING


def test_hour_is_one_line(store, fetch, added):
    """The first fetch of an hour is written at once; the next hour's has a line of its own."""
    [fetch(added, timedelta(minutes=minute)) for minute in (0, 10, 59, 60, 61)]

    assert [(one.target, one.more) for one in fetches(store)] == [(WEB_SHOP, 0)] * 2


def test_later_fetches_keep_last_used_current(store, fetch, added):
    """Every fetch is seen at once, in the dependency and in the token."""
    fetch(added)
    fetch(added, FIVE)

    assert store.read(ACME).dependencies.get(added.id, WEB_SHOP).last_used_at == MORNING + FIVE
    assert tokens_in(store, ACME)[0].last_used_at == MORNING + FIVE


def test_removed_target_is_refused_with_the_time(store, ports, fetch, added):
    """What an owner removed may not fetch, and the refusal says when, with nobody's id."""
    fetch(added)
    unlink_target(ports, OWNER, added.id, WEB_SHOP)
    said = r"project web-shop was removed from “.+” on 2026-03-02"
    with pytest.raises(TargetRemoved, match=said) as refused:
        fetch(added, timedelta(minutes=1))

    assert OWNER.user_id not in refused.value.message + refused.value.hint
    assert store.read(ACME).dependencies.get(added.id, WEB_SHOP) is None


def test_link_lets_a_removed_target_fetch_again(ports, fetch, added):
    """Linking it again gives the right back."""
    fetch(added)
    unlink_target(ports, OWNER, added.id, WEB_SHOP)
    link_target(ports, OWNER, added.name, WEB_SHOP)

    assert fetch(added).integration == added


def refused_with(fetch, integration, after):
    """Fetch what is not for this target; gives who can help."""
    with pytest.raises(LinkedOnly) as refused:
        fetch(integration, after)
    return refused.value.people


def test_linked_only_refuses_and_records_once_an_hour(store, fetch, change):
    """A target that is not linked gets nothing, depends on nothing, and is one refused line an hour."""
    closed = change(linked_only=True, owner=COLLEAGUE.user_id)
    people = [refused_with(fetch, closed, timedelta(minutes=minute)) for minute in (0, 1, 61)]

    assert people == [(COLLEAGUE.user_id,)] * 3
    assert [one.result for one in fetches(store)] == [Result.REFUSED] * 2
    assert store.read(ACME).dependencies.get(closed.id, WEB_SHOP) is None


def test_linked_target_passes(ports, fetch, change, added):
    """A target that its owner linked gets a closed integration."""
    link_target(ports, OWNER, added.name, WEB_SHOP)
    closed = change(linked_only=True)

    assert fetch(closed, HOUR).integration == closed


def test_fetch_grants_nothing(fetch, change, added):
    """What a target fetched while an integration was open gives it nothing once it is closed."""
    fetch(added)

    closed = change(linked_only=True, owner=COLLEAGUE.user_id)

    assert refused_with(fetch, closed, HOUR) == (COLLEAGUE.user_id,)


@pytest.mark.parametrize("earlier", [0, 1])
def test_login_replaced_meanwhile_is_not_handed_out(fetch, registry, change, added, earlier):
    """A login that is replaced while it is got is not handed out: the one of by then is."""
    [fetch(added) for _ in range(earlier)]
    registry.meanwhile = lambda: change(username="other")

    assert fetch(added).login.username == "other"


@pytest.mark.parametrize("earlier", [0, 1])
def test_moved_meanwhile_hands_nothing_out(store, fetch, registry, change, added, earlier):
    """What got another name while its login was got is handed out to nobody who asked by the old one."""
    [fetch(added) for _ in range(earlier)]
    registry.meanwhile = lambda: change(name="other")
    with pytest.raises(Busy, match="changed just now"):
        fetch(added)

    assert len(fetches(store)) == earlier


@pytest.mark.parametrize("earlier", [0, 1])
def test_revoked_meanwhile_gets_nothing(store, ports, fetch, registry, caller, added, earlier):
    """A token revoked while a login is got gets nothing, at its first fetch of an hour and at a later one."""
    [fetch(added) for _ in range(earlier)]
    registry.meanwhile = lambda: revoke_token(ports, OWNER, caller.token.id)
    with pytest.raises(TokenRefused):
        fetch(added)

    assert len(fetches(store)) == earlier


def test_unlinked_meanwhile_stays_unlinked(store, ports, fetch, registry, change, added):
    """An owner who unlinks a target from a closed integration is not undone by a fetch under way."""
    link_target(ports, OWNER, added.name, WEB_SHOP)
    closed = change(linked_only=True)
    registry.meanwhile = lambda: unlink_target(ports, OWNER, added.id, WEB_SHOP)
    with pytest.raises(TargetRemoved):
        fetch(closed)

    assert store.read(ACME).dependencies.get(added.id, WEB_SHOP) is None


def test_deleted_meanwhile_says_so(ports, fetch, registry, added):
    """What was deleted while its login was got is not handed out, and the error says so."""
    registry.meanwhile = lambda: delete_integration(ports, OWNER, added.id, added.version)
    with pytest.raises(Deleted) as gone:
        fetch(added)

    assert "was deleted on" in gone.value.hint


def test_passing_password_leaves_without_the_keys(fetch, registry, added):
    """Where the registry gives a password that ends, nothing of the stored secret leaves."""
    registry.expires_at = MORNING + 12 * HOUR
    handed = fetch(added)

    assert handed.login.secret.reveal() == "passing"
    assert handed.credential == {}
    assert "correct horse" not in repr(handed)


def test_failure_names_the_integration_and_records_no_use(store, fetch, registry, added):
    """A pipeline that did not choose learns which integration failed; nothing depends on what failed."""
    registry.error = Unreachable("It does not answer.", "Try again later.")
    with pytest.raises(Unreachable, match="“my_registry”: It does not answer"):
        fetch(added)

    assert store.read(ACME).dependencies.get(added.id, WEB_SHOP) is None


def test_reading_tags_is_using(store, ports, ask, caller, added):
    """Tags read with a secret that stays here make a dependency all the same."""
    tags = fetch_tags(ports, ask(caller.token, added.name), added.name, "team/app")

    assert tags.names == ("1.0", "latest")
    assert store.read(ACME).dependencies.get(added.id, WEB_SHOP) is not None
    assert store.read(ACME).history.page(HistoryQuery()).entries[0].event.action == "integration.tags"


def test_login_is_kept_by_id_and_version(fetch, registry, change, added):
    """What a token server gave for one version is not used for the next."""
    fetch(added)
    fetch(change(username="other"))

    assert [one.cache_key for one in registry.checked] == [f"{added.id}:1", f"{added.id}:2"]


def test_two_tokens_of_a_target_have_lines_of_their_own(store, ports, fetch, caller, added):
    """The history tells which token fetched."""
    _, second = create_token(ports, OWNER, WEB_SHOP, 1)
    fetch(added)
    fetch(added, token=second)

    assert [one.actor for one in fetches(store)] == [f"token {caller.token.id}", f"token {second.id}"]


def test_workspaces_do_not_see_each_other(ports, ask, added):
    """A token of another workspace finds nothing here, by name or by host."""
    _, token = create_token(ports, STRANGER, WEB_SHOP, 1)

    assert added.server == SERVER
    with pytest.raises(NotFound):
        fetch_named(ports, ask(token, "my_registry", workspace=OTHER), "my_registry")
    with pytest.raises(NotFound):
        fetch_at(ports, ask(token, SERVER, workspace=OTHER), SERVER)


def test_ambiguous_host_names_the_candidates(store, ports, ask, caller, added):
    """Two that could answer are both named."""
    twin = replace(added, id="f" * 32, name="twin")
    with store.change(ACME) as transaction:
        transaction.put(twin)
    with pytest.raises(Ambiguous) as several:
        fetch_at(ports, ask(caller.token, SERVER), SERVER)

    assert several.value.names == ("my_registry", "twin")


class _GrantingStore:
    """A store of which somebody links a target right after it was read."""

    def __init__(self, store, grant):
        self._store = store
        self._grant = grant

    def read(self, workspace):
        """Read; the first time somebody is faster than whoever reads."""
        reading = self._store.read(workspace)
        grant, self._grant = self._grant, None
        if grant:
            grant()
        return reading

    def __getattr__(self, name):
        return getattr(self._store, name)


def test_sweep_does_not_undo_a_link(ports, added, draft, ask, caller):
    """A link that is made while a fetch finds out whether it belongs to a sweep stays granted."""
    other = add_integration(ports, OWNER, draft("other", url="other.example.com"), is_checked=False)
    fetch_named(ports, ask(caller.token, "my_registry"), "my_registry")

    def grant():
        link_target(ports, OWNER, "my_registry", WEB_SHOP, is_sure=True)

    late = ask(caller.token, "other")
    fetch_named(replace(ports, store=_GrantingStore(ports.store, grant)), late, "other")
    kept = ports.store.read(ACME).dependencies.get(added.id, WEB_SHOP)

    assert other.integration.name == "other"
    assert kept.granted_by == OWNER.user_id
    assert kept.swept_at is None
