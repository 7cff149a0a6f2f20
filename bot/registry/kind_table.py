"""The kinds of registries, in the order of the ``Integration type`` menu. A plain kind is one row.

Sources: each registry's own documents and clients, gathered in the table of .github/docs/registries.md.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from bot.core.errors import InvalidInput
from bot.core.kinds import Field, Kind
from bot.registry.kind_fields import (
    CA,
    EMAIL,
    PASSWORD,
    REGION,
    URL,
    USERNAME,
    asks_end,
    json_key_facts,
    json_key_problem,
    named,
    read_json_key,
)

GROUPS = ("Docker", "ECR", "GCR", "Quay.io", "Other")
"""The rows of the ``Filters`` menu."""

_GITHUB_HOST = r"ghcr\.io|containers\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.ghe\.com"
"""Source: GitHub's documents on its container registry; an enterprise with data residency has a host."""

_GOOGLE_HOST = (
    r"(?:[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\.)?gcr\.io|[a-z0-9][a-z0-9-]{1,39}-docker\.pkg\.dev"
    r"|docker\.[a-z0-9-]{2,40}\.rep\.pkg\.dev"
)
"""Source: GoogleCloudPlatform/docker-credential-gcr, ``config/const.go``; Google's documents on locations."""

_AZURE_NAME = r"[a-z0-9][a-z0-9-]{3,61}[a-z0-9]"
_AZURE_HOST = rf"{_AZURE_NAME}(?:\.[a-z0-9]{{2,40}}\.geo)?\.azurecr\.(?:io|cn|us|de)"
"""
The clouds: public, China (.cn), US Government (.us), and Germany (.de), which ended in 2021.

Source: Kubernetes' credential provider for Azure; Azure/azure-cli-extensions for ``.geo``, of one region.
"""

_STANDARD, _DUAL_STACK, _FIPS, _DUAL_STACK_FIPS = "Standard", "Dual-stack", "FIPS", "Dual-stack and FIPS"
"""The endpoints of Amazon ECR, as the form names them."""

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


_ECR_NAMES = {
    _STANDARD: "dkr.ecr",
    _DUAL_STACK: "dkr-ecr",
    _FIPS: "dkr.ecr-fips",
    _DUAL_STACK_FIPS: "dkr-ecr-fips",
}
_DUAL_STACK_SUFFIXES = {"amazonaws.com": "on.aws", "amazonaws.com.cn": "on.amazonwebservices.com.cn"}
"""Of the partitions whose registries have names for IPv6 as well."""

_FIPS_REGION = re.compile(r"us-(?:(?:east|west)-[12]|gov-(?:east|west)-1)")


def _ecr_address(values: Mapping[str, str]) -> str:
    """
    Put an ECR registry's address together; the region decides the domain, the endpoint the rest.

    Raises:
        InvalidInput: There is no such endpoint in that region.

    Source: awslabs/amazon-ecr-credential-helper, ``ecr-login/api/client.go``; AWS, "Amazon ECR endpoints and
    quotas" and "Making requests to Amazon ECR registries".
    """
    region, endpoint = values["region"], values["endpoint"] or _STANDARD
    suffix = next(suffix for beginning, suffix in AWS_SUFFIXES if region.startswith(beginning))
    if endpoint in (_FIPS, _DUAL_STACK_FIPS) and not _FIPS_REGION.fullmatch(region):
        raise InvalidInput(f"Amazon ECR has no FIPS endpoint in {region}.", "Choose Standard as endpoint.")
    if endpoint in (_DUAL_STACK, _DUAL_STACK_FIPS):
        if suffix not in _DUAL_STACK_SUFFIXES:
            message = f"Amazon ECR has no dual-stack endpoint in {region}."
            raise InvalidInput(message, "Choose Standard as endpoint.")
        suffix = _DUAL_STACK_SUFFIXES[suffix]
    return (
        f"https://{values['account_id']}.{_ECR_NAMES.get(endpoint, _ECR_NAMES[_STANDARD])}.{region}.{suffix}"
    )


def _ecr_public_address(values: Mapping[str, str]) -> str:
    """ECR Public's two names: one for IPv4 alone, one for IPv6 too."""
    is_dual = values["endpoint"] == _DUAL_STACK
    return f"https://{'ecr-public.aws.com' if is_dual else 'public.ecr.aws'}"


def _azure_address(values: Mapping[str, str]) -> str:
    """A name alone is one of Azure's public cloud; a whole login server says itself which cloud it is of."""
    registry = values["registry"]
    return f"https://{registry}" if "." in registry else f"https://{registry}.azurecr.io"


def _github_address(values: Mapping[str, str]) -> str:
    """GitHub's own registry, or an enterprise's whose data stays in its region."""
    return f"https://{values['host'] or 'ghcr.io'}"


_DOCKER_HUB = Kind(
    "docker-hub",
    "Docker Hub",
    "Docker",
    (USERNAME, named(PASSWORD, "Password", hint="A read-only access token is enough."), EMAIL),
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

_TRUSTED = Kind(
    "trusted",
    "Docker Trusted Registry / Mirantis Secure Registry",
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

_ACCESS_KEY_ID = Field(
    "access_key_id",
    "Access key ID",
    example="AKIAIOSFODNN7EXAMPLE",
    pattern=r"AKIA[A-Z0-9]{12,124}",
    problem="The ID of a long-term access key begins with AKIA; keys that begin with ASIA expire within "
    "hours.",
)
_SECRET_ACCESS_KEY = Field(
    "secret_access_key",
    "Secret access key",
    is_secret=True,
    example="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    pattern=r"[A-Za-z0-9/+=]{40}",
    problem="A secret access key has 40 letters, digits, “/”, “+” or “=”.",
)
_ROLE = Field(
    "role",
    "Role to assume",
    is_required=False,
    hint="Only when the access key reaches the registry through a role.",
    example="arn:aws:iam::123456789012:role/pull-images",
    pattern=r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}",
    problem="This is not a role's ARN.",
)
_ENDPOINT = Field(
    "endpoint",
    "Endpoint",
    is_required=False,
    hint="The one in the names of your images. Dual-stack is for IPv6.",
    choices=(_STANDARD, _DUAL_STACK, _FIPS, _DUAL_STACK_FIPS),
    initial=_STANDARD,
)

_ECR = Kind(
    "ecr",
    "Amazon ECR",
    "ECR",
    (
        _ACCESS_KEY_ID,
        _SECRET_ACCESS_KEY,
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
            problem="An account ID has 12 digits.",
        ),
        _ENDPOINT,
        _ROLE,
    ),
    server="https://{account_id}.dkr.ecr.{region}.amazonaws.com",
    username="AWS",
    words=("ecr", "aws", "amazon"),
    address=_ecr_address,
)

_ECR_PUBLIC = Kind(
    "ecr-public",
    "Amazon ECR Public",
    "ECR",
    (
        _ACCESS_KEY_ID,
        _SECRET_ACCESS_KEY,
        replace(_ENDPOINT, choices=(_STANDARD, _DUAL_STACK)),
        _ROLE,
    ),
    server="https://public.ecr.aws",
    username="AWS",
    words=("ecr-public", "public.ecr.aws"),
    realm_origins=("https://public.ecr.aws", "https://ecr-public.aws.com"),
    address=_ecr_public_address,
)

_GOOGLE = Kind(
    "gcr",
    "Google GCR / Artifact Registry",
    "GCR",
    (
        Field(
            "json_key",
            "JSON key",
            is_secret=True,
            is_multiline=True,
            hint="The whole key file of a service account that can read the registry.",
            read=read_json_key,
            problem_with=json_key_problem,
        ),
        Field(
            "host",
            "Registry host",
            hint="The part of an image's name before the first slash.",
            example="europe-docker.pkg.dev",
            read=str.lower,
            pattern=_GOOGLE_HOST,
            problem="Enter one of Google's registry hosts, without https:// and without a path.",
        ),
    ),
    server="https://{host}",
    username="_json_key",
    words=("gcr", "google", "gar", "artifact-registry"),
    derive=json_key_facts,
)

_QUAY = Kind(
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

_GITHUB = Kind(
    "ghcr",
    "GitHub Container Registry",
    "Other",
    (
        named(USERNAME, "GitHub user name", example="octocat"),
        named(PASSWORD, "Personal access token", hint="A classic one, with read:packages."),
        Field(
            "host",
            "Registry host",
            is_required=False,
            hint="Only for an enterprise with data residency; empty means ghcr.io.",
            example="containers.octocorp.ghe.com",
            read=str.lower,
            pattern=_GITHUB_HOST,
            problem="Leave it empty for ghcr.io. With data residency it is containers.SUBDOMAIN.ghe.com. For "
            "GitHub Enterprise Server choose Private Docker Registry.",
        ),
        asks_end("Yes: once a day the token goes to api.github.com, which says when it expires."),
    ),
    server="https://{host}",
    words=("ghcr", "github", "ghcr.io"),
    hosts=_GITHUB_HOST,
    address=_github_address,
)

_AZURE = Kind(
    "acr",
    "Azure Container Registry",
    "Other",
    (
        Field(
            "registry",
            "Registry name",
            hint="The part before .azurecr.io. For Azure China or US Government the whole login server.",
            example="acmeimages.azurecr.io",
            read=str.lower,
            pattern=rf"{_AZURE_NAME}|{_AZURE_HOST}",
            problem="Write the registry's name (5 to 63 letters, digits and hyphens), or its whole login "
            "server as Azure shows it: it ends with .azurecr.io, .azurecr.cn or .azurecr.us. For a "
            "custom domain, choose Private Docker Registry.",
        ),
        named(
            USERNAME,
            "Service principal ID or token name",
            example="0f8fad5b-d9cb-469f-a165-70867728950e",
        ),
        named(PASSWORD, "Secret or token password"),
    ),
    server="https://{registry}.azurecr.io",
    words=("acr", "azure", "azurecr"),
    hosts=_AZURE_HOST,
    address=_azure_address,
)

_GITLAB = Kind(
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
        asks_end(
            "Yes: once a day the token goes to GitLab itself, where the registry's token server is. GitLab "
            "doesn't report this for a deploy token unless there is a management credential."
        ),
    ),
    words=("gitlab",),
    address_hint="A GitLab registry often has its own host or port, such as registry.example.com or "
    "gitlab.example.com:5050; a project's page “Container registry” shows it.",
)

_HARBOR = Kind(
    "harbor",
    "Harbor",
    "Other",
    (
        named(URL, "URL", example="https://harbor.example.com"),
        named(
            USERNAME,
            "Robot account",
            hint="Its whole name: Harbor's robot accounts begin with robot$.",
            example="robot$team+deploy",
        ),
        named(PASSWORD, "Robot secret"),
        CA,
        asks_end(
            "Yes: Harbor is asked once a day, with the management credential. Without one, Harbor is not "
            "asked."
        ),
    ),
    words=("harbor",),
)

_JFROG = Kind(
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

_ROWS = (
    _DOCKER_HUB,
    PRIVATE,
    _TRUSTED,
    _ECR,
    _ECR_PUBLIC,
    _GOOGLE,
    _QUAY,
    _GITHUB,
    _AZURE,
    _GITLAB,
    _HARBOR,
    _JFROG,
)

AWS_KINDS = frozenset({_ECR.id, _ECR_PUBLIC.id})
"""Those whose registry takes a password that AWS grants for hours."""

KINDS: Mapping[str, Kind] = MappingProxyType({kind.id: kind for kind in _ROWS})
"""Every kind by its id, in the order of the menu."""

KNOWN_REALMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"https://registry.gitlab.com": ("https://gitlab.com",)}
)
"""Token servers on other hosts by the one server they belong to. A kind's own ``realm_origins`` would
count for every server of that kind, and a self-hosted GitLab's login is not gitlab.com's business."""
