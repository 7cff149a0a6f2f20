"""Recognize logins that end by themselves, so that nobody keeps one as if it lasted.

``aws ecr get-login-password``, ``az acr login``, ``gcloud auth`` and others leave them in docker's files.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.integrations.credentials import end_of_token

_SHORT = timedelta(hours=24)
"""A login that ends within this time is not worth keeping."""

_ECR_HOST = (
    r"[0-9]{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9][a-z0-9_-]*\.(amazonaws\.(com(\.cn)?|eu)|on\.(aws|amazonwebservices\.com\.cn)"
    r"|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)"
)
"""Source: awslabs/amazon-ecr-credential-helper, ``ecr-login/api/client.go``."""

_AZURE_USER = "00000000-0000-0000-0000-000000000000"
_ADD_ECR = "Add it as Amazon ECR, with an access key: Quaymaster then gets a password whenever one is needed."
_ADD_GOOGLE = "Add the JSON key of a service account by its form."


@dataclass(frozen=True, slots=True)
class _ShortLived:
    """Why a login is not worth keeping, and what to add instead."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one cloud's passing logins look like. Everything that is given must match in full."""

    reason: str
    hint: str
    host: str = ".*"
    username: str = ".*"
    form: str = ".*"
    """Of the password."""


_RULES = (
    _Rule(
        "A password of Amazon ECR Public lasts 12 hours only.",
        "Add it as Amazon ECR Public, with an access key, or as a Private Docker Registry without a login.",
        host=r"public\.ecr\.aws|ecr-public\.aws\.com",
    ),
    _Rule(
        "A password of Amazon ECR lasts 12 hours only.",
        _ADD_ECR,
        host=_ECR_HOST,
    ),
    _Rule(
        "The user name “AWS” belongs to Amazon ECR, whose passwords last 12 hours only.",
        _ADD_ECR,
        username="AWS",
    ),
    _Rule(
        "An access token of Google's lasts an hour only.",
        _ADD_GOOGLE,
        username=r"oauth2accesstoken|_token|_dcgcloud_token",
    ),
    _Rule("An access token of Google's lasts an hour only.", _ADD_GOOGLE, form=r"ya29\..*"),
    _Rule(
        "A login by “az acr login” lasts three hours only.",
        "Add a service principal or a token of the registry by its form.",
        username=_AZURE_USER,
    ),
    _Rule(
        "A token of a GitLab job ends with the job.",
        "Add a deploy token by the form, as GitLab Container Registry.",
        username="gitlab-ci-token",
    ),
    _Rule(
        "A token of a GitLab job ends with the job.",
        "Add a deploy token by the form, as GitLab Container Registry.",
        form="glcbt-.*",
    ),
    _Rule(
        "A GitHub installation token, such as a workflow's GITHUB_TOKEN, lasts an hour only.",
        "Add a classic personal access token by the form, as GitHub Container Registry.",
        form="ghs_.*",
    ),
    _Rule(
        "A GitHub App's user token lasts eight hours only.",
        "Add a classic personal access token by the form, as GitHub Container Registry.",
        form="ghu_.*",
    ),
    _Rule(
        "An IAM token of Yandex Cloud lasts 12 hours only.",
        "Add an authorized key by the form, with the user name json_key.",
        host="cr.yandex",
        username="iam",
    ),
    _Rule(
        "A token of “oc whoami -t” lasts a day only.",
        "Add a service account's token by the form.",
        form="sha256~.*",
    ),
    _Rule(
        "An IBM Cloud access token lasts an hour only.",
        "Add an API key by the form, with the user name iamapikey.",
        username="iambearer",
    ),
    _Rule(
        "A temporary login of Alibaba Cloud lasts an hour only.",
        "Add the registry's own user name and password by the form.",
        username="cr_temp_user",
    ),
    _Rule(
        "An Oracle Cloud bearer token lasts an hour only.",
        "Add a user name and an auth token by the form.",
        username="BEARER_TOKEN",
    ),
    _Rule(
        "The user name “<token>” says that the password is an identity token, which ends by itself.",
        "Add a user name and a password or access token by the form.",
        username="<token>",
    ),
)


def short_lived(host: str, username: str, password: str, now: datetime) -> _ShortLived | None:
    """Say why a login ends too soon to be kept, or ``None``."""
    for rule in _RULES:
        pairs = ((rule.host, host), (rule.username, username), (rule.form, password))
        if all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in pairs):
            return _ShortLived(rule.reason, rule.hint)
    end = end_of_token(password)
    if end is None or end - now > _SHORT:
        return None
    verb = "ended" if end <= now else "ends"
    return _ShortLived(f"Its token says that it {verb} at {moment(end)}.", "Add a lasting one by the form.")


def moment(end: datetime) -> str:
    """Write a moment as people read it: ``2026-01-01 12:00 UTC``."""
    return f"{end:%Y-%m-%d %H:%M} UTC"
