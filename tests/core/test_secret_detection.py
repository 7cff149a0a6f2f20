"""What looks like a secret in a command's text, and what does not."""

import base64
import hashlib

import pytest

from bot.core.secret_detection import looks_secret

RANDOM = hashlib.sha512(b"a fixed seed").digest()

SECRETS = [
    "password=hunter2",
    "Password: hunter2",
    "pwd = hunter2",
    "token:abcdef",
    "api_key=abcdef",
    "secret_key=abcdef",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2" * 9,
    "glpat-" + "a1B2" * 5,
    "dckr_pat_" + "a1B2" * 6,
    "AKIAIOSFODNN7EXAMPLE",
    "xoxb-1234567890-abcdefghij",
    "xapp-1-A0-1234567890",
    "qm_" + "a1B2" * 6,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0",
    "-----BEGIN PRIVATE KEY-----",
    '{"private_key": "x"}',
    "https://ann:hunter2@registry.example.com",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    base64.b64encode(RANDOM[:30]).decode(),
    base64.urlsafe_b64encode(RANDOM[30:60]).decode(),
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("sentence", ["{}", "add my_registry {}", "link x project {} now", "“{}”"])
def test_secrets_are_recognised(sentence, secret):
    """Wherever it stands in a command, it is seen."""
    assert looks_secret(sentence.format(secret))


ORDINARY = [
    "",
    "list",
    "add private",
    "token create my_pipeline",
    "tokens",
    "show my_password_store",
    "filter secret",
    "link my_registry project web-shop https://ci.example.com/projects/web-shop/settings?tab=1",
    "link my_registry project task-management-service-production",
    "link my_registry project risk-assessment-frontend-service",
    "link my_registry image registry.example.com/team/auth:1.2",
    "link my_registry image registry.example.com:5000/Platform-Team/Web-Shop-Frontend2:v1",
    "link my_registry image 123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/token:3",
    "link my_registry image team/app@sha256:" + "0123456789abcdef" * 4,
    "show " + "x" * 64,
    "show MyCompany-Container-Registry-Production-2",
    "show 0f8fad5b-d9cb-469f-a165-70867728950e",
    "link my_registry environment Europe/Frankfurt/Production-2024",
    "add <https://registry.example.com|registry.example.com>",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_commands_are_not_taken_for_secrets(text):
    """Names, images, digests and links are used as they are typed."""
    assert not looks_secret(text)


def test_long_chain_of_beginnings_is_read_once():
    """A text made to look like thousands of half tokens would take seconds if each were tried to the end."""
    assert not looks_secret("show " + "eyJ-" * 20_000)
    assert looks_secret("show -eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0")
