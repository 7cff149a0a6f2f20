"""The management credential is entered on the page outside Slack: beside the form, or in its place."""

import pytest

from tests.features.managing import CANARY, MANAGER, Dated
from tests.features.test_ask import BASE, Visitor, url_in

TYPED = {label: text for label, text in MANAGER.items() if text != CANARY}


@pytest.fixture
def paged(make_office):
    """A member's ECR integration, where no secret may be typed in Slack."""
    return make_office(Dated, base_url=BASE, is_secret_entered_on_page=True)


def link_of(team):
    """Fill in the form, and give the link that Save answers with."""
    team.command("rotate my_registry")
    team.press("Let Quaymaster make it")
    link = url_in(team.submit(TYPED))
    team.close()
    return link


def test_management_credential_is_entered_on_the_page(paged, iam):
    """Slack's form has no box for the secret; the page keeps it, and then a key is made with it."""
    paged.command("rotate my_registry")
    form = paged.press("Let Quaymaster make it")
    paged.close()
    status, answer = Visitor(paged).enter(link_of(paged), secret_access_key=CANARY)
    shown = paged.press("Make a new one", on=paged.command("rotate my_registry"))

    assert form.labels == list(TYPED)
    assert (status, answer) == (200, {"name": "my_registry"})
    assert "The new credential is in place." in shown.text
    assert len(iam.keys()) == 2


def test_page_asks_for_the_management_secret_alone(paged):
    """The page says what it is for, names the one secret, and offers no way around the check."""
    status, form = Visitor(paged).look(link_of(paged))

    assert status == 200
    assert (form["title"], form["name"]) == ("Management credential", "my_registry")
    assert [one["key"] for one in form["fields"]] == ["secret_access_key"]
    assert form["can_skip_check"] is False


def test_management_credential_works_once(paged):
    """A link that was used keeps no second one."""
    link = link_of(paged)
    Visitor(paged).enter(link, secret_access_key=CANARY)
    kept = paged.find("my_registry").management
    status, answer = Visitor(paged).enter(link, secret_access_key=CANARY)

    assert kept is not None
    assert (status, answer["message"]) == (410, "This link was already used.")
    assert paged.find("my_registry").management == kept


def test_refused_management_credential_is_said_beside_its_field(paged, iam):
    """What AWS refuses is not kept, and the link can be used again."""
    link = link_of(paged)
    iam.delete(iam.first["AccessKeyId"])
    status, answer = Visitor(paged).enter(link, secret_access_key=CANARY)

    assert status == 422
    assert "does not belong to the IAM user puller" in answer["fields"]["secret_access_key"]
    assert paged.find("my_registry").management is None


def test_form_offers_the_page_beside_its_own_box(make_office):
    """Where secrets may be typed in Slack too, the form has both."""
    team = make_office(Dated, base_url=BASE)
    team.command("rotate my_registry")
    form = team.press("Let Quaymaster make it")
    team.fill(TYPED)
    link = url_in(team.press("Enter the secret outside Slack"))
    status, _ = Visitor(team).enter(link, secret_access_key=CANARY)

    assert "Secret access key" in form.labels
    assert status == 200
    assert team.find("my_registry").management is not None
