"""Recognize logins that expire on their own, so that nobody stores one as if it were permanent.

``aws ecr get-login-password``, ``az acr login``, ``gcloud auth`` and others leave them in docker's files.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.integrations.credentials import end_of_token

_SHORT = timedelta(hours=24)
"""A login that expires within this time is not worth storing."""

_ECR_HOST = (
    r"[0-9]{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9][a-z0-9_-]*\.(amazonaws\.(com(\.cn)?|eu)|on\.(aws|amazonwebservices\.com\.cn)"
    r"|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)"
)
"""Source: awslabs/amazon-ecr-credential-helper, ``ecr-login/api/client.go``."""

_AZURE_USER = "00000000-0000-0000-0000-000000000000"
_ADD_ECR = "Add it as Amazon ECR, with an access key: Quaymaster then gets a password whenever one is needed."
_ADD_GOOGLE = "Add a service account's JSON key with the form for its type."


@dataclass(frozen=True, slots=True)
class _ShortLived:
    """Why a login is not worth storing, and what to add instead."""

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
        "An Amazon ECR Public password lasts only 12 hours.",
        "Add it as Amazon ECR Public, with an access key, or as a Private Docker Registry without a login.",
        host=r"public\.ecr\.aws|ecr-public\.aws\.com",
    ),
    _Rule(
        "An Amazon ECR password lasts only 12 hours.",
        _ADD_ECR,
        host=_ECR_HOST,
    ),
    _Rule(
        "The user name “AWS” belongs to Amazon ECR, whose passwords last only 12 hours.",
        _ADD_ECR,
        username="AWS",
    ),
    _Rule(
        "A Google access token lasts only an hour.",
        _ADD_GOOGLE,
        username=r"oauth2accesstoken|_token|_dcgcloud_token",
    ),
    _Rule("A Google access token lasts only an hour.", _ADD_GOOGLE, form=r"ya29\..*"),
    _Rule(
        "A login from “az acr login” lasts only three hours.",
        "Add a service principal or a registry token with the form for its type.",
        username=_AZURE_USER,
    ),
    _Rule(
        "A GitLab job token expires when the job ends.",
        "Add a deploy token with the form for GitLab Container Registry.",
        username="gitlab-ci-token",
    ),
    _Rule(
        "A GitLab job token expires when the job ends.",
        "Add a deploy token with the form for GitLab Container Registry.",
        form="glcbt-.*",
    ),
    _Rule(
        "A GitHub installation token, such as a workflow's GITHUB_TOKEN, lasts only an hour.",
        "Add a classic personal access token with the form for GitHub Container Registry.",
        form="ghs_.*",
    ),
    _Rule(
        "A GitHub App's user token lasts only eight hours.",
        "Add a classic personal access token with the form for GitHub Container Registry.",
        form="ghu_.*",
    ),
    _Rule(
        "A Yandex Cloud IAM token lasts only 12 hours.",
        "Add an authorized key with the form, using the user name json_key.",
        host="cr.yandex",
        username="iam",
    ),
    _Rule(
        "A token from “oc whoami -t” lasts only a day.",
        "Add a service account's token with the form.",
        form="sha256~.*",
    ),
    _Rule(
        "An IBM Cloud access token lasts only an hour.",
        "Add an API key with the form, using the user name iamapikey.",
        username="iambearer",
    ),
    _Rule(
        "A temporary Alibaba Cloud login lasts only an hour.",
        "Add the registry's own user name and password with the form.",
        username="cr_temp_user",
    ),
    _Rule(
        "An Oracle Cloud bearer token lasts only an hour.",
        "Add a user name and an auth token with the form.",
        username="BEARER_TOKEN",
    ),
    _Rule(
        "The user name “<token>” means that the password is an identity token, which expires on its own.",
        "Add a user name and a password or access token with the form.",
        username="<token>",
    ),
)


def short_lived(host: str, username: str, password: str, now: datetime) -> _ShortLived | None:
    """Say why a login expires too soon to be stored, or ``None``."""
    for rule in _RULES:
        pairs = ((rule.host, host), (rule.username, username), (rule.form, password))
        if all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in pairs):
            return _ShortLived(rule.reason, rule.hint)
    end = end_of_token(password)
    if end is None or end - now > _SHORT:
        return None
    verb = "expired" if end <= now else "expires"
    return _ShortLived(
        f"Its token says that it {verb} at {moment(end)}.", "Add a long-lived one with the form."
    )


def moment(end: datetime) -> str:
    """Write a moment as people read it: ``2026-01-01 12:00 UTC``."""
    return f"{end:%Y-%m-%d %H:%M} UTC"
