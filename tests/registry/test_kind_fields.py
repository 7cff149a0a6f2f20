"""Fields whose values a pattern cannot describe."""

import json

import pytest

from bot.registry.kind_fields import json_key_facts, json_key_problem, pem_problem
from tests.fakes.certificates import Authority

KEY = {
    "type": "service_account",
    "project_id": "acme",
    "client_email": "ci@acme.iam.gserviceaccount.com",
    "private_key": "-----BEGIN PRIVATE KEY-----\nmarker\n-----END PRIVATE KEY-----\n",
}


def test_an_authority_is_taken(authority: Authority) -> None:
    """One certificate or several, with text around them."""
    assert pem_problem(authority.pem) is None
    assert pem_problem(f"subject: x\n{authority.pem}\n{Authority('Other').pem}") is None


def test_a_servers_own_certificate_is_taken(authority: Authority) -> None:
    """A self-signed registry's certificate is its own authority."""
    assert pem_problem(authority.issue().pem) is None


def test_an_expired_authority_is_refused() -> None:
    """It would be believed by nobody."""
    problem = pem_problem(Authority("Old", days=-1).pem)

    assert problem is not None
    assert "has expired" in problem


def test_a_private_key_is_refused_and_not_repeated(authority: Authority) -> None:
    """A key pasted by mistake is recognised, even beside a certificate."""
    problem = pem_problem(authority.pem + authority.issue().key_pem)

    assert problem is not None
    assert "private key" in problem
    assert authority.issue().key_pem.splitlines()[1] not in problem


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n",
        "é",
        "\x00",
    ],
)
def test_what_is_no_pem_is_refused(text: str) -> None:
    """With the form of a right one."""
    assert "not a certificate in PEM" in str(pem_problem(text))


def test_an_endless_pem_is_refused() -> None:
    """A form field is not for a whole bundle."""
    assert "longer than" in str(pem_problem("x" * 100_000))


def test_a_google_key_is_taken_and_only_two_facts_of_it_shown() -> None:
    """Whose key it is and of which project; nothing else leaves the secret."""
    text = json.dumps(KEY, indent=2)

    assert json_key_problem(text) is None
    assert json_key_facts({"json_key": text}) == {
        "client_email": "ci@acme.iam.gserviceaccount.com",
        "project_id": "acme",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "not JSON"),
        ("[]", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"type": "authorized_user"}', "not a service account key"),
        ("{}", "not a service account key"),
        (json.dumps({**KEY, "private_key": ""}), "private_key is missing"),
        (json.dumps({**KEY, "client_email": "a\n*Secret:* none"}), "its client_email is not valid"),
        (json.dumps({**KEY, "client_email": "a\u202e@b.example"}), "its client_email is not valid"),
        (json.dumps({**KEY, "project_id": "\x1b[2J"}), "its project_id is not valid"),
        (json.dumps({**KEY, "project_id": ["acme"]}), "its project_id is not valid"),
        (json.dumps({"type": "service_account"}), "project_id, client_email, private_key is missing"),
    ],
)
def test_what_is_no_google_key_is_refused(text: str, reason: str) -> None:
    """With the reason, and never with the key."""
    problem = json_key_problem(text)

    assert problem is not None
    assert reason in problem
    assert "marker" not in problem


def test_a_kept_google_key_has_no_facts_to_compute() -> None:
    """An edit that keeps the key leaves its field empty."""
    assert json_key_facts({"json_key": ""}) == {}
