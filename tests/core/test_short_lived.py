"""Logins that end by themselves are recognized; lasting ones are not taken for such."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.integrations.credentials import end_of_token
from bot.core.short_lived import short_lived

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOST = "registry.example.com"
ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


def token(**claims):
    """A JSON Web Token with these claims; nobody verifies it."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)
    ]
    return ".".join([*parts, "c2ln"])


@pytest.mark.parametrize(
    ("host", "username", "password", "said"),
    [
        (ECR, "AWS", "x", "12 hours"),
        ("123456789012.dkr-ecr-fips.us-west-2.on.aws", "AWS", "x", "12 hours"),
        ("public.ecr.aws", "anybody", "x", "12 hours"),
        ("mirror.example.com", "AWS", "x", "12 hours"),
        ("gcr.io", "oauth2accesstoken", "x", "an hour"),
        ("gcr.io", "_dcgcloud_token", "x", "an hour"),
        ("mirror.example.com", "me", "ya29.a0Af", "an hour"),
        ("acme.azurecr.io", "00000000-0000-0000-0000-000000000000", "e30.e30.c2ln", "three hours"),
        (HOST, "gitlab-ci-token", "x", "expires when the job ends"),
        (HOST, "ci", "glcbt-64_abc", "expires when the job ends"),
        ("ghcr.io", "octocat", "ghs_0123", "an hour"),
        ("registry.apps.example.com", "kubeadmin", "sha256~abc", "a day"),
        ("ghcr.io", "octocat", "ghu_0123", "eight hours"),
        ("cr.yandex", "iam", "x", "12 hours"),
        ("de.icr.io", "iambearer", "x", "an hour"),
        (HOST, "<token>", "x", "identity token"),
        (HOST, "ci", token(exp=NOW.timestamp() + 3600), "expires at 2026-01-01 01:00 UTC"),
        (HOST, "ci", token(exp=NOW.timestamp() - 60.5), "expired at 2025-12-31 23:58 UTC"),
    ],
)
def test_passing_logins_are_recognized(host, username, password, said):
    """What a cloud's tools leave behind is told by how long it lasts, with what to add instead."""
    found = short_lived(host, username, password, NOW)

    assert said in found.reason
    assert found.hint.startswith("Add ")


@pytest.mark.parametrize(
    ("host", "username", "password"),
    [
        (HOST, "ci", "x"),
        (HOST, "aws", "x"),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com.example.net", "ci", "x"),
        ("gcr.io", "_json_key", "{}"),
        ("quay.io", "$oauthtoken", "x"),
        ("ghcr.io", "octocat", "ghp_0123"),
        (HOST, "ci", "my.pass.word"),
        (HOST, "ci", token(sub="ci")),
        (HOST, "ci", token(exp=NOW.timestamp() + 30 * 86400)),
    ],
)
def test_lasting_logins_are_not(host, username, password):
    """A login that lasts is none of these."""
    assert short_lived(host, username, password, NOW) is None


def test_end_is_read_from_a_token():
    """The end that a token states is read without verifying it."""
    end = NOW + timedelta(days=30)

    assert end_of_token(token(exp=int(end.timestamp()))) == end


@pytest.mark.parametrize("end", [True, "soon", None, 1e300, [], {}])
def test_odd_ends_are_none(end):
    """A token whose end is not a moment states none."""
    assert end_of_token(token(exp=end)) is None


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.W10.c2ln", "a.%s.c" % ("W" * 50_000), "no token"])
def test_other_texts_have_no_end(text):
    """What is not a token has no end."""
    assert end_of_token(text) is None
