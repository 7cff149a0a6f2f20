"""A marker secret goes through every verb, form and forced error; then all that left is searched for it."""

import base64
import json
import logging

import pytest

from bot.core.errors import Busy, KeyringFailure, StoreFull, StoreReadOnly, Unreachable
from bot.core.integrations.target_names import read_target
from bot.core.model import Stage
from bot.core.ports.registry import Login
from bot.core.queries import HistoryQuery
from bot.core.secrets import TOKEN_SHAPE
from bot.logs import JsonLines, Redactor
from bot.run.schedule import remind
from tests.fakes.lookups import tokens_in
from tests.fakes.outside import Outside, spellings, texts_of
from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, MEMBER
from tests.fakes.scripted_registry import ACCEPTED, REJECTED, UNREACHABLE
from tests.features.team import ACME
from tests.features.test_add import FORM
from tests.features.test_add_kinds import WHOLE
from tests.features.test_imports import config
from tests.features.test_test import FOREIGN_REALM

MARKER = "mArKeR%s3cret+§/x"
"""It changes under every encoding: percent signs, a plus, a slash, and a character beyond ASCII."""
JSON_KEY = WHOLE["gcr"]["JSON key"].replace('"k"', f'"{MARKER}"')


@pytest.fixture
def outside(tmp_path):
    """The log at DEBUG, as it is written and as it was before anything was hidden."""
    places = Outside(folder=tmp_path)
    redactor = Redactor()
    written, raw = logging.StreamHandler(places.logged), logging.StreamHandler(places.unredacted)
    written.addFilter(redactor)
    written.setFormatter(JsonLines(redactor))
    before, level = logging.root.handlers[:], logging.root.level
    # The raw one first: the filter of the other changes the record for whoever comes after it.
    logging.root.handlers[:] = [raw, written]
    logging.root.setLevel(logging.DEBUG)
    yield places
    logging.root.handlers[:] = before
    logging.root.setLevel(level)


@pytest.fixture
def marked(team):
    """An integration whose password is the marker, that a project depends on."""
    team.add("my_registry", password=MARKER, email="ci@example.com")
    team.link("my_registry", "project", "web-shop")
    return team


VERBS = (
    *(
        "",
        "list",
        "filter docker my_",
        "show my_registry",
        "test my_registry team/app",
        "tags my_registry a/b",
    ),
    *("delete my_registry", "link my_registry env production", "unlink my_registry env production"),
    *(
        "settings project web-shop",
        "history",
        "history my_registry",
        "help",
        "token list",
        "edit my_registry",
    ),
)


def through_every_verb(team, registry):
    """Type every verb, as somebody who may and as somebody who may not."""
    [team.command(typed, user) for user in (ADMIN, COLLEAGUE, GUEST) for typed in VERBS]
    registry.result = FOREIGN_REALM
    team.press("Allow it", on=team.command("test my_registry"))


def through_every_form(team, registry):
    """Save, fail to save, redraw and change with the marker in every secret box."""
    team.command("add private")
    team.fill({**FORM, "Password": MARKER})
    team.pick("Harbor")
    team.pick("Private Docker Registry")
    team.submit({"URL": "ftp://wrong"})
    for registry.result in (REJECTED, UNREACHABLE, ACCEPTED):
        team.submit({**FORM, "Integration Name": "second", "Password": MARKER})
    team.command("add google")
    team.submit({"Integration Name": "third", "JSON key": JSON_KEY + "broken", "Registry host": "gcr.io"})
    team.submit({"JSON key": JSON_KEY})
    team.command("import")
    team.submit({"config.json": config("imported.example.com", password=MARKER)})
    team.submit({"config.json": config("imported.example.com", password=MARKER) + "broken"})
    team.submit({"config.json": config("imported.example.com", password=MARKER)})
    team.submit()
    team.command("edit my_registry", ADMIN)
    team.submit({"URL": "https://moved.example.com"}, ADMIN)
    team.submit({"URL": "https://moved.example.com", "Password": MARKER + "2"}, ADMIN)


def through_a_rotation(team, registry):
    """Rotate to the marker: refused, accepted, looked at, tested, rolled back; then again, and retired."""
    team.command("rotate my_registry", ADMIN)
    for registry.result in (REJECTED, ACCEPTED):
        team.submit({"Username": "robot", "Password": MARKER + "3"}, ADMIN)
    team.close(ADMIN)
    for typed in ("show my_registry", "test my_registry", "edit my_registry", "history my_registry"):
        team.command(typed, ADMIN)
    team.press("Roll back", ADMIN, on=team.command("rotate my_registry", ADMIN))
    team.command("rotate my_registry", ADMIN)
    team.submit({"Password": MARKER + "4"}, ADMIN)
    team.close(ADMIN)
    team.press("Retire", ADMIN, on=team.command("rotate my_registry", ADMIN))


def through_every_odd_import(team):
    """The marker as a password in a store's entry, in an address, twice, and confirmed by two people."""
    twice = json.loads(config("https://twice.example.com", "twice.example.com", password=MARKER))
    odd = {f"https://ci:{MARKER}@in.example.com": {}, "bad.example.com": {"auth": MARKER}}
    text = json.dumps({"auths": twice["auths"] | odd})
    for user in (MEMBER, COLLEAGUE):
        team.command("import", user)
        team.submit({"config.json": text}, user)
    for user in (MEMBER, COLLEAGUE, COLLEAGUE):
        team.submit(user=user)
    team.close(COLLEAGUE)


def through_errors_of_the_registry(team, registry):
    """The registry fails in every way, one of them quoting what it was sent."""
    raised = [
        Busy(),
        Unreachable("It does not answer.", "Try later.", stage=Stage.CONNECTION),
        RuntimeError(f"sent {MARKER}"),
    ]
    for registry.error in raised:
        team.command("test my_registry")
        team.command("tags my_registry a/b")
        team.command("add private")
        team.submit({**FORM, "Integration Name": "never", "Password": MARKER})


def through_errors_of_the_store(team, watched):
    """The store fails in every way, one of them quoting what it was given."""
    errors = [
        StoreFull(),
        StoreReadOnly("The disk failed.", "Look at the log."),
        RuntimeError(f"given {MARKER}"),
    ]
    for error in errors:
        watched.failing = {"change": error, "record_use": error}
        through_one_form(team)
    watched.failing = {}


def through_errors_of_the_keyring(team, watched_keyring):
    """The keyring fails in every way, one of them quoting what it was given."""
    for error in [KeyringFailure("The key is not loaded.", "Load it."), ValueError(f"cannot open {MARKER}")]:
        watched_keyring.failing = {"open": error, "seal": error}
        through_one_form(team)
    watched_keyring.failing = {}


def through_errors_of_slack(team):
    """Slack takes no answer and opens no form."""
    team.command("edit my_registry", ADMIN)
    team.slack.failing |= {"hook": "no", "views.open": "internal_error", "views.update": "internal_error"}
    team.submit({"Password": MARKER}, ADMIN)
    team.close(ADMIN)
    through_one_form(team)


def through_one_form(team):
    """Test, then add with the marker."""
    team.command("test my_registry")
    team.command("add private")
    team.submit({**FORM, "Password": MARKER}) if team.slack.stack(MEMBER) else None
    team.close()


def through_the_text(team):
    """The marker typed where it does not belong."""
    [team.command(f"{verb} password={MARKER}") for verb in ("add", "edit my_registry", "payload")]


@pytest.fixture
def everything(marked, registry, outside, watched, watched_keyring):
    """All that left, in one text, after the marker went everywhere."""
    through_every_verb(marked, registry)
    through_every_form(marked, registry)
    through_a_rotation(marked, registry)
    through_every_odd_import(marked)
    through_errors_of_the_registry(marked, registry)
    registry.error = None
    through_errors_of_the_store(marked, watched)
    through_errors_of_the_keyring(marked, watched_keyring)
    through_errors_of_slack(marked)
    through_the_text(marked)
    marked.slack.refused.clear()
    return {
        "what Slack was sent": "\n".join(str(call) for call in marked.slack.calls),
        "what was answered": "\n".join(answer.body for answer in marked.answers),
        "the log": outside.logged.getvalue(),
        "the log before anything is hidden": outside.unredacted.getvalue(),
        "the files": "\n".join(texts_of(outside.folder)),
        "the history": repr(marked.store.read(ACME).history.page(HistoryQuery(size=1000))),
        "reprs": repr([marked.services, registry.checked, marked.find("my_registry"), marked.store]),
    }


PLACES = (
    *("what Slack was sent", "what was answered", "the log", "the log before anything is hidden"),
    *("the files", "the history", "reprs"),
)


def test_no_secret_is_anywhere(everything):
    """Neither in plain nor encoded does the marker stand in anything that left the process."""
    found = [(place, form) for place in PLACES for form in spellings(MARKER) if form in everything[place]]

    assert found == []


def test_everything_was_searched(everything):
    """Each place holds what this search would find: otherwise the search says nothing."""
    assert all("my_registry" in everything[place] for place in ("what was answered", "the files", "reprs"))
    assert "Something went wrong (id " in everything["what was answered"]
    assert "incident" in everything["the log"]
    assert "command.secret" in everything["the history"]
    assert "views.open" in everything["what Slack was sent"]


def test_marker_reached_the_registry(marked, registry):
    """The marker is the login that registries get, so it was there to be found."""
    marked.command("test my_registry")

    assert registry.checked[0].credential["password"].reveal() == MARKER


@pytest.mark.parametrize("prefix", ["", "a", "ab", "user:"])
def test_search_finds_a_secret_whatever_stands_before_it(prefix):
    """Base64 of a login is found at each of the three alignments."""
    encoded = base64.b64encode(f"{prefix}{MARKER} and more".encode()).decode()

    assert any(form in encoded for form in spellings(MARKER))


def test_login_shows_no_secret(marked, registry):
    """What a registry client is given can be printed."""
    marked.command("test my_registry")

    assert isinstance(registry.checked[0], Login)
    assert MARKER not in f"{registry.checked[0]!r}{registry.checked[0]}"


@pytest.fixture
def token(outside, marked, watched):
    """A workflow token that was made, listed, reminded of, mistyped into commands and revoked."""
    text = TOKEN_SHAPE.search(marked.command("token create project web-shop").text)[0]
    [place.clear() for place in (marked.slack.calls, marked.answers)]
    marked.store.note_use(
        ACME, "none", read_target("project", "web-shop"), text[3:11], marked.services.ports.now()
    )
    marked.slack.clock.advance(84 * 86_400)
    marked.store.flush()
    remind(marked.services)
    [marked.command(typed) for typed in ("token list", f"token revoke {text}", f"show {text}", "history")]
    through_errors_of_the_store(marked, watched)
    marked.command(f"token revoke {text[3:11]}")
    marked.slack.refused.clear()
    assert outside.logged.getvalue()
    return text


def test_token_is_nowhere_but_in_the_message_that_made_it(marked, token, outside):
    """Files, history, logs and every later message hold its id and its hash, and never the token."""
    places = {
        "what Slack was sent": "\n".join(str(call) for call in marked.slack.calls),
        "what was answered": "\n".join(answer.body for answer in marked.answers),
        "the log": outside.logged.getvalue() + outside.unredacted.getvalue(),
        "the files": "\n".join(texts_of(outside.folder)),
        "the history": repr(marked.store.read(ACME).history.page(HistoryQuery(size=1000))),
        "reprs": repr([marked.services, tokens_in(marked.store, ACME)]),
    }

    assert [
        (place, form) for place in places for form in spellings(token[11:]) if form in places[place]
    ] == []
    assert all(token[3:11] in places[place] for place in places if place != "the log")


def test_creating_message_holds_the_token_once(marked):
    """The message that makes a token shows it in one place."""
    shown = marked.command("token create project web-shop")

    assert len(TOKEN_SHAPE.findall(shown.raw)) == 1
