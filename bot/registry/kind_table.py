"""The kinds of registries, in the order of the ``Integration type`` menu. A plain kind is one row.

Sources: each registry's own documents and clients, gathered in the table of .github/docs/registries.md.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from bot.core.kinds import Field, Kind
from bot.registry.kind_fields import (
    CA,
    EMAIL,
    PASSWORD,
    REGION,
    URL,
    USERNAME,
    json_key_facts,
    json_key_problem,
    named,
    read_json_key,
)

GROUPS = ("Docker", "ECR", "GCR", "Quay.io", "Other")
"""The rows of the ``Filters`` menu."""

AWS_SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("", "amazonaws.com"),
)
"""By the beginning of the region: the domain of its partition."""


def ecr_address(values: Mapping[str, str]) -> str:
    """Put an ECR registry's address together; the region decides the domain."""
    region = values["region"]
    suffix = next(suffix for beginning, suffix in AWS_SUFFIXES if region.startswith(beginning))
    return f"https://{values['account_id']}.dkr.ecr.{region}.{suffix}"


DOCKER_HUB = Kind(
    "docker-hub",
    "Docker Hub",
    "Docker",
    (USERNAME, named(PASSWORD, "Password", hint="An access token that may only read is enough."), EMAIL),
    server="https://registry-1.docker.io",
    words=("docker", "hub", "dockerhub"),
    realm_origins=("https://auth.docker.io",),
)

PRIVATE = Kind(
    "private",
    "Private Docker Registry",
    "Docker",
    (URL, replace(USERNAME, is_required=False), replace(PASSWORD, is_required=False), EMAIL, CA),
    words=("private",),
    together=("username", "password"),
)

TRUSTED = Kind(
    "trusted",
    "Docker Trusted Registry",
    "Docker",
    (
        named(URL, "URL", example="https://dtr.example.com"),
        USERNAME,
        named(PASSWORD, "Password", hint="An access token works too."),
        EMAIL,
        CA,
    ),
    words=("trusted", "dtr", "msr"),
)

ECR = Kind(
    "ecr",
    "Amazon ECR",
    "ECR",
    (
        Field(
            "access_key_id",
            "Access key ID",
            example="AKIAIOSFODNN7EXAMPLE",
            pattern=r"AKIA[A-Z0-9]{12,124}",
            problem="A lasting access key's id begins with AKIA; those with ASIA end within hours.",
        ),
        Field(
            "secret_access_key",
            "Secret access key",
            is_secret=True,
            example="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            pattern=r"[A-Za-z0-9/+=]{40}",
            problem="A secret access key has 40 letters, digits, “/”, “+” or “=”.",
        ),
        Field(
            "region",
            "Region",
            example="eu-central-1",
            pattern=REGION.pattern,
            problem="This is not an AWS region.",
        ),
        Field(
            "account_id",
            "Account ID",
            hint="Of the account that owns the registry.",
            example="123456789012",
            pattern=r"[0-9]{12}",
            problem="An account id has 12 digits.",
        ),
        Field(
            "role",
            "Role to assume",
            is_required=False,
            hint="Only when the access key reaches the registry through a role.",
            example="arn:aws:iam::123456789012:role/pull-images",
            pattern=r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}",
            problem="This is not a role's ARN.",
        ),
    ),
    server="https://{account_id}.dkr.ecr.{region}.amazonaws.com",
    username="AWS",
    words=("ecr", "aws", "amazon"),
    address=ecr_address,
)

GOOGLE = Kind(
    "gcr",
    "Google GCR / Artifact Registry",
    "GCR",
    (
        Field(
            "json_key",
            "JSON key",
            is_secret=True,
            is_multiline=True,
            hint="The whole key file of a service account that may read the registry.",
            read=read_json_key,
            problem_with=json_key_problem,
        ),
        Field(
            "host",
            "Registry host",
            hint="The part of an image's name before the first slash.",
            example="europe-docker.pkg.dev",
            pattern=r"(?:[a-z]{2,4}\.)?gcr\.io|[a-z0-9-]{2,40}-docker\.pkg\.dev"
            r"|docker\.[a-z0-9-]{2,40}\.rep\.pkg\.dev",
            problem="This is not a host of Google's registries, without https:// and without a path.",
        ),
    ),
    server="https://{host}",
    username="_json_key",
    words=("gcr", "google", "gar"),
    derive=json_key_facts,
)

QUAY = Kind(
    "quay",
    "Quay.io",
    "Quay.io",
    (
        named(
            USERNAME,
            "Robot account",
            hint="For an OAuth token write $oauthtoken instead.",
            example="acme+deploy",
        ),
        named(PASSWORD, "Robot token or OAuth token"),
    ),
    server="https://quay.io",
    words=("quay", "quay.io"),
)

GITHUB = Kind(
    "ghcr",
    "GitHub Container Registry",
    "Other",
    (
        named(USERNAME, "GitHub user name", example="octocat"),
        named(PASSWORD, "Personal access token", hint="A classic one, with read:packages."),
    ),
    server="https://ghcr.io",
    words=("ghcr", "github"),
)

AZURE = Kind(
    "acr",
    "Azure Container Registry",
    "Other",
    (
        Field(
            "registry",
            "Registry name",
            hint="The part before .azurecr.io.",
            example="acme",
            pattern=r"[A-Za-z0-9][A-Za-z0-9-]{3,61}[A-Za-z0-9]",
            problem="A registry's name has 5 to 63 letters and digits, without .azurecr.io.",
        ),
        named(
            USERNAME,
            "Service principal ID or token name",
            example="0f8fad5b-d9cb-469f-a165-70867728950e",
        ),
        named(PASSWORD, "Secret or token password"),
    ),
    server="https://{registry}.azurecr.io",
    words=("acr", "azure"),
)

GITLAB = Kind(
    "gitlab",
    "GitLab Container Registry",
    "Other",
    (
        named(
            URL,
            "Registry URL",
            hint="The registry's own host, which is often not GitLab's.",
            example="https://registry.gitlab.com",
        ),
        named(USERNAME, "User name", hint="Of the deploy token, or yours.", example="gitlab+deploy-token-1"),
        named(PASSWORD, "Deploy token or access token", hint="With read_registry."),
        CA,
    ),
    words=("gitlab",),
)

HARBOR = Kind(
    "harbor",
    "Harbor",
    "Other",
    (
        named(URL, "URL", example="https://harbor.example.com"),
        named(
            USERNAME,
            "Robot account",
            hint="Its whole name: robot accounts of Harbor begin with robot$.",
            example="robot$team+deploy",
        ),
        named(PASSWORD, "Robot secret"),
        CA,
    ),
    words=("harbor",),
)

JFROG = Kind(
    "jfrog",
    "JFrog Artifactory",
    "Other",
    (
        named(URL, "URL", hint="Without the repository's path.", example="https://acme.jfrog.io"),
        USERNAME,
        named(PASSWORD, "Identity token or API key"),
        CA,
    ),
    words=("jfrog", "artifactory"),
)

ROWS = (DOCKER_HUB, PRIVATE, TRUSTED, ECR, GOOGLE, QUAY, GITHUB, AZURE, GITLAB, HARBOR, JFROG)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.id: kind for kind in ROWS})
"""Every kind by its id, in the order of the menu."""

KNOWN_REALMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"https://registry.gitlab.com": ("https://gitlab.com",)}
)
"""Token servers on other hosts by the one server they belong to. A kind's own ``realm_origins`` would
count for every server of that kind, and a self-hosted GitLab's login is not gitlab.com's business."""
