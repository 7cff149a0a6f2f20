"""How often the store is asked for one request: each call may be a round trip."""

import pytest

from bot.core.secrets import TOKEN_SHAPE
from bot.web.api.routing import workflow_api
from tests.fakes.people import ADMIN
from tests.features.test_add import FORM


@pytest.fixture
def calls(free, watched):
    """What the store is asked from now on."""
    free.command("help")
    watched.calls.clear()
    return watched.calls


def test_list_page_reads_once(free, calls):
    """A page of the list is one reading."""
    free.command("list")

    assert calls == ["read"]


def test_save_of_a_new_integration_reads_and_changes_once(free, calls):
    """A new integration is one reading and one change."""
    free.command("add private")
    calls.clear()
    free.submit({**FORM, "Integration Name": "new"})

    assert free.find("new")
    assert calls == ["read", "change"]


def test_save_of_an_edit_reads_and_changes_once(free, calls):
    """An edit is one reading and one change."""
    free.command("edit my_registry")
    calls.clear()
    free.submit({"Integration Name": "renamed"})

    assert free.find("renamed")
    assert calls == ["read", "change"]


def test_confirmation_reads_once(free, calls):
    """What depends on an integration is one reading."""
    free.command("delete my_registry")

    assert calls == ["read"]


def test_yes_reads_and_changes_once(free, calls):
    """Deleting is one reading and one change."""
    free.command("delete my_registry")
    calls.clear()
    free.press("Yes")

    assert calls == ["read", "change"]


def test_warm_fetch_is_one_question_and_one_record(free, calls):
    """A fetch asks once who holds the token and what answers, and records the use once."""
    text = TOKEN_SHAPE.search(free.command("token create project web-shop", ADMIN).text)[0]
    api = workflow_api(free.services)
    asked = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/v1/credentials",
        "QUERY_STRING": "server=registry.example.com",
        "HTTP_AUTHORIZATION": f"Bearer {text}",
    }
    api(asked, lambda *_: None)
    calls.clear()
    body = b"".join(api(asked, lambda *_: None))

    assert b"correct horse" in body
    assert calls == ["token_holder", "record_use"]
