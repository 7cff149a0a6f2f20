"""The API for workflows: what each path hands out, and to whom."""

from datetime import timedelta

import pytest

from bot.core.model import Target, TargetKind
from bot.core.ports.registry import DockerLogin, Tags
from bot.core.secrets import Secret
from tests.fakes.workplace import PASSWORD, PRODUCTION, SERVER, WEB_SHOP
from tests.web.conftest import NINE

ECR = {
    "access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "region": "eu-central-1",
    "account_id": "123456789012",
    "role": "arn:aws:iam::123456789012:role/pull-images",
}
ECR_HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
EXPIRES = "2026-03-02T21:00:00Z"
HUB = {"username": "acme", "password": "dckr_pat_x"}


@pytest.fixture
def with_ecr(place, registry):
    """An ECR integration, for which AWS gives a password of 12 hours."""
    registry.passing = DockerLogin("AWS", Secret("passing"), NINE + timedelta(hours=12))
    place.add("ecr", "ecr", **ECR)


def test_credentials_are_what_docker_reads(place, token):
    """A server's login comes as a credential helper prints it, and ServerURL is what was asked."""
    place.add()
    answer = place.ask(f"/v1/credentials?server={SERVER}", token)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == {"ServerURL": SERVER, "Username": "ci", "Secret": PASSWORD}


@pytest.mark.parametrize(
    "spelled",
    [
        "docker.io",
        "index.docker.io",
        "https%3A%2F%2Findex.docker.io%2Fv1%2F",
        "registry-1.docker.io",
        "registry.hub.docker.com",
        "DOCKER.io",
    ],
)
def test_server_is_found_however_docker_spells_it(place, token, spelled):
    """Every spelling of Docker Hub finds its integration."""
    place.add("hub", "docker-hub", **HUB)

    assert place.ask(f"/v1/credentials?server={spelled}", token).json["Username"] == "acme"


def test_parameter_may_be_encoded(place, token):
    """A client may percent-encode a parameter's name as well as its value."""
    place.add()

    assert place.ask(f"/v1/credentials?%73erver={SERVER.replace('.', '%2E')}", token).status == 200


def test_registry_at_port_80_is_found_by_its_host(place, token):
    """A registry without TLS at its usual port is found as docker spells it, which is without scheme."""
    place.add(url="http://plain.example.com")

    assert place.ask("/v1/credentials?server=plain.example.com", token).status == 200


def test_open_registry_is_used_without_login(place, token):
    """For a registry without a login, user name and secret are empty, which clients take for anonymous."""
    place.add(username="", password="")

    assert place.ask(f"/v1/credentials?server={SERVER}", token).json == {
        "ServerURL": SERVER,
        "Username": "",
        "Secret": "",
    }


def test_credentials_without_server_are_a_helpers_list(place, token):
    """Without a server the answer names what the target depends on already, both of Docker Hub's names."""
    place.add("hub", "docker-hub", **HUB)
    place.add("first")
    place.add("second")
    place.add("closed", url="https://closed.example.com")
    place.mark("closed", linked_only=True)
    place.add("mine", url="https://mine.example.com", username="me")
    place.add("untouched", url="https://untouched.example.com")
    [place.link(name) for name in ("hub", "mine")]

    assert place.ask("/v1/credentials", token).json == {
        "https://index.docker.io/v1/": "acme",
        "docker.io": "acme",
        "mine.example.com": "me",
    }
    assert place.history("credential.hand_out") == []


@pytest.mark.usefixtures("with_ecr")
def test_ecr_gives_a_passing_password(place, token):
    """For ECR the password of 12 hours comes with its end, and nothing of the AWS keys."""
    answers = [
        place.ask(f"/v1/credentials?server={ECR_HOST}", token),
        place.ask("/v1/integrations/ecr", token),
        place.ask("/v1/integrations/ecr/env", token),
        place.ask("/v1/docker/config.json", token),
        place.ask("/v1/kubernetes/secret?name=login", token),
    ]

    everything = b"".join(answer.body for answer in answers)
    assert [answer.headers["X-Quaymaster-Expires-At"] for answer in answers] == [EXPIRES] * 5
    assert answers[0].json["Secret"] == "passing"
    assert answers[1].json["expires_at"] == EXPIRES
    assert f"export ECR_INTEGRATION_EXPIRES_AT={EXPIRES}\n" in answers[2].body.decode()
    assert answers[4].json["metadata"]["annotations"] == {"quaymaster/expires-at": EXPIRES}
    assert b"AKIA" not in everything
    assert b"wJalr" not in everything
    assert b"role" not in everything


def test_list_shows_what_the_target_may_fetch(place, token):
    """The list names what is open and what is linked, with no secret, and leaves out what is closed."""
    place.add("open")
    place.add("closed")
    place.add("mine", url="https://mine.example.com")
    place.mark("closed", linked_only=True)
    place.mark("mine", linked_only=True, is_default=True)
    place.link("mine")
    answer = place.ask("/v1/integrations", token)

    mine = {"name": "mine", "kind": "private", "server": "https://mine.example.com"}
    other = {"name": "open", "kind": "private", "server": f"https://{SERVER}"}
    assert answer.json == {
        "integrations": [
            mine | {"linked": True, "default": True},
            other | {"linked": False, "default": False},
        ],
        "next": None,
    }
    assert place.history("credential.hand_out") == []


def test_list_is_paged(place, token):
    """A long list comes in pages; ``next`` leads on, to the end."""
    [place.add(f"r{number:03}") for number in range(101)]
    first = place.ask("/v1/integrations", token).json
    second = place.ask(f"/v1/integrations?after={first['next']}", token).json

    assert (len(first["integrations"]), first["next"]) == (100, "r099")
    assert ([one["name"] for one in second["integrations"]], second["next"]) == (["r100"], None)


def test_integration_comes_with_its_fields(place, token):
    """An integration by name, in any case, comes with its secret and its kind's own fields."""
    place.add()

    assert place.ask("/v1/integrations/MY_REGISTRY", token).json == {
        "name": "my_registry",
        "kind": "private",
        "server": f"https://{SERVER}",
        "username": "ci",
        "secret": PASSWORD,
        "fields": {"email": "ci@example.com", "password": PASSWORD},
        "expires_at": None,
    }


def test_tags_are_read_with_the_integration(place, token, registry):
    """Tags come as a list, and the target depends on the integration from then on."""
    place.add()
    registry.found = Tags("team/app", ("1.0", "latest"), is_cut=True)
    answer = place.ask("/v1/integrations/my_registry/tags?repository=team/app", token)

    assert answer.json == {"repository": "team/app", "tags": ["1.0", "latest"], "truncated": True}
    assert place.targets_of("my_registry") == ["web-shop"]
    assert registry.deadlines == [8.0]


def test_link_of_the_target_decides(place):
    """Of several integrations of a server each target gets the one that is linked to it."""
    place.add("first", username="one")
    place.add("second", username="two")
    place.link("first", WEB_SHOP)
    place.link("second", PRODUCTION)
    shop, production = place.token(WEB_SHOP), place.token(PRODUCTION)

    assert place.ask(f"/v1/credentials?server={SERVER}", shop).json["Username"] == "one"
    assert place.ask(f"/v1/credentials?server={SERVER}", production).json["Username"] == "two"


def test_default_answers_where_no_link_decides(place):
    """A target without a link gets the server's default; without a default the candidates are named."""
    place.add("first", username="one")
    place.add("second", username="two")
    token = place.token(Target(TargetKind.IMAGE, "team/app"))
    refused = place.ask(f"/v1/credentials?server={SERVER}", token)
    place.mark("second", is_default=True)
    given = place.ask(f"/v1/credentials?server={SERVER}", token)

    assert refused.error == (409, "ambiguous")
    assert "“first” or “second”" in refused.json["message"]
    assert given.json["Username"] == "two"
