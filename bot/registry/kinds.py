"""The kinds of registries, in the order of the ``Integration type`` menu. A plain kind is one row."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.core.kinds import Field, Kind

GROUPS = ("Docker", "ECR", "GCR", "Quay.io", "Other")
"""The rows of the ``Filters`` menu."""

URL = Field(
    "url",
    "URL",
    hint="No scheme means https; only http:// written out means an unencrypted connection.",
    example="https://registry.example.com:5000",
)
USERNAME = Field(
    "username",
    "Username",
    example="ci",
    pattern=r"[^:\x00-\x1f\x7f]{1,255}",
    problem="A user name holds no colon.",
)
PASSWORD = Field("password", "Password", is_secret=True)
EMAIL = Field(
    "email",
    "Email",
    is_required=False,
    example="ci@example.com",
    pattern=r"[^@\s]{1,64}@[^@\s]{1,255}",
    problem="This is not an email address.",
)

ROWS = (
    Kind(
        "docker-hub",
        "Docker Hub",
        "Docker",
        (USERNAME, PASSWORD, EMAIL),
        server="https://registry-1.docker.io",
        words=("docker", "hub", "dockerhub"),
        realm_origins=("https://auth.docker.io",),
    ),
    Kind(
        "private",
        "Private Docker Registry",
        "Docker",
        (URL, USERNAME, PASSWORD, EMAIL),
        words=("private",),
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.id: kind for kind in ROWS})
"""Every kind by its id, in the order of the menu."""
