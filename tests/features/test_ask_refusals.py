"""What the page for secrets does not take, and what it says then."""

import pytest

from bot.core.errors import StoreFull
from tests.fakes.browser_side import parts_of
from tests.fakes.people import ADMIN
from tests.features.team import TYPED
from tests.features.test_ask import BASE, NEW, Visitor, password, url_in


@pytest.fixture
def office(make_team):
    """A member owns an integration, and the server knows its address."""
    team = make_team(admins=(ADMIN,), base_url=BASE)
    team.add("my_registry")
    return team


@pytest.fixture
def visitor(office):
    """A browser."""
    return Visitor(office)


@pytest.fixture
def link(office):
    """A link that the owner made from the edit form."""
    office.command("edit my_registry")
    return url_in(office.press("Enter the secret outside Slack"))


def test_body_that_is_no_json_is_refused(visitor, link):
    """Another type of content, a broken body and one that is too long are refused, each with a sentence."""
    path = parts_of(link)[0]
    typed = visitor.ask("POST", path, {}, "text/plain")
    broken = visitor.send("POST", path, b"{")
    long = visitor.send("POST", path, b'"' + b"x" * 200_000 + b'"')

    assert [one[0] for one in (typed, broken, long)] == [400] * 3
    assert b"cannot be read" in typed[2]
    assert b"cannot be read" in broken[2]
    assert b"too long for a secret" in long[2]


@pytest.mark.parametrize("entered", [{"password": 4711}, {"password": ["x"]}])
def test_what_was_sealed_must_be_texts(visitor, link, entered):
    """Anything else that was sealed is refused, and the link still works."""
    status, answer = visitor.enter(link, **entered)

    assert status == 410
    assert "What the page sent cannot be read." in answer["message"]
    assert visitor.enter(link, password=NEW)[0] == 200


def test_secret_must_be_entered(office, visitor, link):
    """An empty box is told beside it, and replaces nothing."""
    status, answer = visitor.enter(link, password="")

    assert status == 422
    assert "password" in answer["fields"]
    assert password(office) == TYPED["password"]


def test_full_store_is_told_and_logged(office, visitor, link, caplog):
    """A secret that cannot be kept is answered with why, and the operator finds it in the log."""
    office.services.ports.store.failing["change"] = StoreFull()
    status, answer = visitor.enter(link, password=NEW)

    assert status == 503
    assert answer["message"] == "The disk is full; nothing was changed."
    assert "a secret could not be saved" in caplog.text
    assert NEW not in caplog.text
