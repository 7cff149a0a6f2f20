"""The kinds: their menu, their fields, and what becomes of a filled-in form."""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from bot.core.errors import InvalidFields
from bot.core.kinds import Draft, Kind, read_draft
from bot.registry.aws import ECR_HOST
from bot.registry.kind_table import AWS_SUFFIXES, GROUPS, KINDS
from tests.registry.test_kind_fields import KEY

LABELS = {
    "docker-hub": "Docker Hub",
    "private": "Private Docker Registry",
    "trusted": "Docker Trusted Registry / Mirantis Secure Registry",
    "ecr": "Amazon ECR",
    "ecr-public": "Amazon ECR Public",
    "gcr": "Google GCR / Artifact Registry",
    "quay": "Quay.io",
    "ghcr": "GitHub Container Registry",
    "acr": "Azure Container Registry",
    "gitlab": "GitLab Container Registry",
    "harbor": "Harbor",
    "jfrog": "JFrog Artifactory",
}
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FORMS: Mapping[str, Mapping[str, str]] = {
    "docker-hub": {"username": "ci", "password": "x", "email": "ci@example.com"},
    "private": {"url": "registry.example.com:5000", "username": "ci", "password": "x"},
    "trusted": {"url": "https://dtr.example.com/", "username": "ci", "password": "x"},
    "ecr": {
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": SECRET_KEY,
        "region": "eu-central-1",
        "account_id": "123456789012",
    },
    "ecr-public": {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": SECRET_KEY},
    "gcr": {"json_key": json.dumps(KEY), "host": "europe-docker.pkg.dev"},
    "quay": {"username": "acme+deploy", "password": "x"},
    "ghcr": {"username": "octocat", "password": "x"},
    "acr": {"registry": "AcmeCorp", "username": "0f8fad5b-d9cb-469f-a165-70867728950e", "password": "x"},
    "gitlab": {"url": "registry.gitlab.com", "username": "gitlab+deploy-token-1", "password": "x"},
    "harbor": {"url": "harbor.example.com", "username": "robot$team+deploy", "password": "x"},
    "jfrog": {"url": "acme.jfrog.io", "username": "ci", "password": "x"},
}
SERVERS = {
    "docker-hub": "https://registry-1.docker.io",
    "private": "https://registry.example.com:5000",
    "trusted": "https://dtr.example.com",
    "ecr": "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com",
    "ecr-public": "https://public.ecr.aws",
    "gcr": "https://europe-docker.pkg.dev",
    "quay": "https://quay.io",
    "ghcr": "https://ghcr.io",
    "acr": "https://acmecorp.azurecr.io",
    "gitlab": "https://registry.gitlab.com",
    "harbor": "https://harbor.example.com",
    "jfrog": "https://acme.jfrog.io",
}


def draft(kind: str, **changes: str) -> Draft:
    """Fill a kind's form in, with changes."""
    return read_draft(KINDS[kind], "name", {**FORMS[kind], **changes})


def test_the_menu_is_in_its_fixed_order() -> None:
    """People find a type where they know it."""
    assert {kind.id: kind.label for kind in KINDS.values()} == LABELS
    assert list(KINDS) == list(LABELS)


def test_groups_are_those_of_the_filters_menu() -> None:
    """Docker holds Hub, Private and Trusted; what has no group of its own is Other."""
    grouped = {group: [kind.id for kind in KINDS.values() if kind.group == group] for group in GROUPS}

    assert list(grouped) == ["Docker", "ECR", "GCR", "Quay.io", "Other"]
    assert grouped["Docker"] == ["docker-hub", "private", "trusted"]
    assert [grouped[group] for group in ("ECR", "GCR", "Quay.io")] == [
        ["ecr", "ecr-public"],
        ["gcr"],
        ["quay"],
    ]
    assert sum(map(len, grouped.values())) == len(KINDS)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("docker", "docker-hub"),
        ("hub", "docker-hub"),
        ("private", "private"),
        ("trusted", "trusted"),
        ("dtr", "trusted"),
        ("ecr", "ecr"),
        ("ecr-public", "ecr-public"),
        ("gcr", "gcr"),
        ("google", "gcr"),
        ("quay", "quay"),
        ("ghcr", "ghcr"),
        ("github", "ghcr"),
        ("acr", "acr"),
        ("azure", "acr"),
        ("gitlab", "gitlab"),
        ("harbor", "harbor"),
        ("jfrog", "jfrog"),
        ("artifactory", "jfrog"),
    ],
)
def test_a_word_means_one_kind(word: str, kind: str) -> None:
    """What people type after add or filter is never ambiguous."""
    assert [each.id for each in KINDS.values() if word in each.words] == [kind]


def test_the_private_registrys_fields_have_their_known_labels() -> None:
    """The first four are what people know; a private authority comes after them."""
    labels = [(field.label, field.is_required) for field in KINDS["private"].fields]

    assert labels == [
        ("URL", True),
        ("Username", False),
        ("Password", False),
        ("Email", False),
        ("CA certificate", False),
    ]


def test_docker_hubs_fields_have_their_known_labels() -> None:
    """Docker Hub has one address, so it is not asked for."""
    assert [field.label for field in KINDS["docker-hub"].fields] == ["Username", "Password", "Email"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_filled_in_form_becomes_a_login(kind: str) -> None:
    """Each kind's form gives a server, a user name and a secret, and nothing secret beside it."""
    found = draft(kind)

    assert found.server.origin == SERVERS[kind]
    assert found.username
    assert set(found.credential) == {field.key for field in KINDS[kind].fields if field.is_secret}
    assert not set(found.options) & set(found.credential)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.id)
def test_an_empty_form_is_refused_field_by_field(kind: Kind) -> None:
    """Every required field has its sentence, with an example where it has one."""
    with pytest.raises(InvalidFields) as caught:
        read_draft(kind, "name", {})

    required = [field for field in kind.fields if field.is_required]
    assert set(caught.value.problems) == {field.key for field in required}
    assert all(field.example in caught.value.problems[field.key] for field in required)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.id)
def test_a_kind_can_be_drawn(kind: Kind) -> None:
    """Errors have a field to stand beside, and examples pass their own rule."""
    assert kind.secret_field is not None
    assert kind.group in GROUPS
    assert all(word == word.lower() for word in kind.words)
    assert [f.key for f in kind.fields if f.pattern and not f.problem] == []


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("private", "url", "https://ci:marker@registry.example.com"),
        ("private", "username", "ci:marker"),
        ("private", "email", "nobody"),
        ("private", "ca", "nonsense"),
        ("ecr", "access_key_id", "ASIAIOSFODNN7EXAMPLE"),
        ("ecr", "access_key_id", "AKIA"),
        ("ecr", "secret_access_key", "marker"),
        ("ecr", "region", "Frankfurt"),
        ("ecr", "region", "us-east-1.evil.example/"),
        ("ecr", "account_id", "1234"),
        ("ecr", "account_id", "１２３４５６７８９０１２"),
        ("ecr", "role", "pull-images"),
        ("gcr", "json_key", "marker"),
        ("gcr", "host", "https://gcr.io"),
        ("gcr", "host", "gcr.io.evil.example"),
        ("gcr", "host", "evil.example/gcr.io"),
        ("gcr", "host", "europe-docker.pkg.dev.evil.example"),
        ("acr", "registry", "acme.azurecr.io"),
        ("acr", "registry", "evil.example/"),
        ("acr", "registry", "acme5.azurecr.com"),
        ("acr", "registry", "acme5.azurecr.cn.evil.example"),
        ("acr", "registry", "evil.example.azurecr.io"),
        ("acr", "registry", "https://acme5.azurecr.cn"),
        ("ghcr", "host", "octocorp.ghe.com"),
        ("ghcr", "host", "containers.octocorp.ghe.com.evil.example"),
        ("ghcr", "host", "containers.ghe.com"),
        ("ecr", "endpoint", "Somewhere"),
        ("docker-hub", "username", "ci\x1b[2J"),
        ("docker-hub", "username", "ci\n*Secret:* none"),
        ("docker-hub", "email", "ci@example.com\x07"),
    ],
)
def test_a_bad_value_stands_beside_its_field(kind: str, field: str, value: str) -> None:
    """The reason and a right example stand there, the value does not."""
    with pytest.raises(InvalidFields) as caught:
        draft(kind, **{field: value})

    assert list(caught.value.problems) == [field]
    assert "xample" in caught.value.problems[field] or "Choose one of" in caught.value.problems[field]
    assert "marker" not in caught.value.problems[field]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "123456789012.dkr.ecr.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu"),
        ("us-iso-east-1", "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov"),
    ],
)
def test_an_ecr_region_decides_its_domain(region: str, host: str) -> None:
    """Every partition's registry has its own domain, and each is one of Amazon's."""
    assert draft("ecr", region=region).server.host == host
    assert ECR_HOST.fullmatch(host)


@pytest.mark.parametrize(
    ("region", "endpoint", "host"),
    [
        ("us-west-2", "", "123456789012.dkr.ecr.us-west-2.amazonaws.com"),
        ("us-west-2", "Dual-stack", "123456789012.dkr-ecr.us-west-2.on.aws"),
        ("us-gov-west-1", "Dual-stack", "123456789012.dkr-ecr.us-gov-west-1.on.aws"),
        ("cn-north-1", "Dual-stack", "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn"),
        ("us-east-2", "FIPS", "123456789012.dkr.ecr-fips.us-east-2.amazonaws.com"),
        ("us-gov-east-1", "FIPS", "123456789012.dkr.ecr-fips.us-gov-east-1.amazonaws.com"),
        ("us-east-1", "Dual-stack and FIPS", "123456789012.dkr-ecr-fips.us-east-1.on.aws"),
    ],
)
def test_an_ecr_endpoint_decides_the_rest(region: str, endpoint: str, host: str) -> None:
    """Each edition of a registry has its own host, and each is one of Amazon's."""
    assert draft("ecr", region=region, endpoint=endpoint).server.host == host
    assert ECR_HOST.fullmatch(host)


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("eu-central-1", "FIPS"),
        ("cn-north-1", "FIPS"),
        ("us-iso-east-1", "Dual-stack"),
        ("eusc-de-east-1", "Dual-stack"),
        ("eu-west-1", "Dual-stack and FIPS"),
    ],
)
def test_an_endpoint_that_a_region_lacks_is_told(region: str, endpoint: str) -> None:
    """No host is made up."""
    with pytest.raises(InvalidFields, match=f"no .* endpoint in {region}"):
        draft("ecr", region=region, endpoint=endpoint)


def test_ecr_public_has_two_names() -> None:
    """One of them is for IPv6 too."""
    assert draft("ecr-public", endpoint="Dual-stack").server.host == "ecr-public.aws.com"


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("acme5", "acme5.azurecr.io"),
        ("ACME5.azurecr.io", "acme5.azurecr.io"),
        ("acme5.azurecr.cn", "acme5.azurecr.cn"),
        ("acme5.azurecr.us", "acme5.azurecr.us"),
        ("acme5.azurecr.de", "acme5.azurecr.de"),
        ("acme5-a1b2c3.azurecr.io", "acme5-a1b2c3.azurecr.io"),
        ("acme5.eastus.geo.azurecr.io", "acme5.eastus.geo.azurecr.io"),
    ],
)
def test_an_azure_registry_stays_in_its_cloud(typed: str, host: str) -> None:
    """A registry of Azure China or US Government is never sought at somebody else's in the public cloud."""
    assert draft("acr", registry=typed).server.host == host


def test_no_advice_of_azures_leads_elsewhere() -> None:
    """What is said of a wrong name does not tell to leave its cloud out."""
    with pytest.raises(InvalidFields) as caught:
        draft("acr", registry="acme5.azurecr.xx")

    assert ".azurecr.cn" in caught.value.problems["registry"]
    assert "without" not in caught.value.problems["registry"]


def test_an_enterprise_with_data_residency_has_its_own_registry() -> None:
    """ghcr.io is only GitHub's own."""
    assert draft("ghcr", host="containers.Octocorp.ghe.com").server.host == "containers.octocorp.ghe.com"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("ghcr", {}),
        ("ghcr", {"host": "containers.octocorp.ghe.com"}),
        ("private", {"url": "https://ghcr.io"}),
        ("harbor", {"url": "ghcr.io"}),
    ],
)
def test_githubs_fine_grained_tokens_are_refused_with_the_reason(kind: str, fields: dict[str, str]) -> None:
    """Its registry takes none, whatever the kind it is typed for."""
    with pytest.raises(InvalidFields) as caught:
        draft(kind, **fields, password="github_pat_marker")

    assert "does not accept fine-grained tokens" in caught.value.problems["password"]
    assert "marker" not in caught.value.problems["password"]


def test_another_registry_takes_any_password() -> None:
    """What GitHub's registry refuses is no business of another's."""
    assert draft("harbor", password="github_pat_x").credential


def test_every_partitions_domain_is_amazons() -> None:
    """The table of domains and the pattern of hosts agree."""
    hosts = [f"123456789012.dkr.ecr.xx-east-1.{suffix}" for _, suffix in AWS_SUFFIXES]

    assert [host for host in hosts if not ECR_HOST.fullmatch(host)] == []


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example",
        "evil.example.123456789012.dkr.ecr.us-east-1.amazonaws.com",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil",
        "12345.dkr.ecr.us-east-1.amazonaws.com",
        "123456789012.dkr.ecr.us-east-1xamazonaws.com",
    ],
)
def test_a_look_alike_is_not_ecr(host: str) -> None:
    """The pattern is matched in full."""
    assert ECR_HOST.fullmatch(host) is None


def test_google_keys_survive_byte_for_byte() -> None:
    """Newlines and quotes are part of the password."""
    text = json.dumps(KEY, indent=2) + "\n"

    assert draft("gcr", json_key=text).credential["json_key"].reveal() == text


@pytest.mark.parametrize(
    "host",
    [
        "gcr.io",
        "eu.gcr.io",
        "asia.gcr.io",
        "marketplace.gcr.io",
        "us-docker.pkg.dev",
        "europe-west1-docker.pkg.dev",
        "docker.us.rep.pkg.dev",
        "docker.europe-west3.rep.pkg.dev",
    ],
)
def test_googles_hosts_are_taken(host: str) -> None:
    """The old registry and the new one, in every location."""
    assert draft("gcr", host=host).server.host == host


def test_known_realms_are_origins() -> None:
    """A realm origin is compared literally, so it is written as origins are."""
    origins = [origin for kind in KINDS.values() for origin in kind.realm_origins]

    assert [origin for origin in origins if urlsplit(origin).path] == []
