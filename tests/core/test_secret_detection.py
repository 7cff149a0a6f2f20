"""What looks like a secret in a command's text, and what does not."""

import base64
import hashlib
import random
import string

import pytest

from bot.core.secret_detection import looks_secret

RANDOM = hashlib.sha512(b"a fixed seed").digest()

SECRETS = [
    "password=hunter2",
    "Password: hunter2",
    "pwd = hunter2",
    "token: abcdef",
    "token:abcdefghijklmnopqrstuvwxyz",
    "auth :abcdef",
    "secret=1.0",
    "password:hunter2",
    "passwd:correct-horse",
    "Tr0ub4dor&3!xy",
    "P@ssw0rd$2026",
    "Kx9!mQ2%vL7^",
    "api_key=abcdef",
    "secret_key=abcdef",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2" * 9,
    "gh\u200bp_" + "a1B2" * 9,
    "glpat-" + "a1B2" * 5,
    "glpat-" + "a1B2" * 7 + ".01.0w1a2b3c4",
    "glrt-t3_" + "a1B2" * 5,
    "glcbt-64_" + "abcd" * 5,
    "glptt-" + "0123456789" * 4,
    "gldt-" + "abcd" * 5,
    "dop_v1_" + "0123456789abcdef" * 4,
    "AKCp" + "a1B2" * 15,
    "0123456789abcdef" * 2,
    "0123456789ABCDEF" * 4,
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
    "link my_registry image team/app:" + "0123456789" * 4,
    "link my_registry image team/app:sha-" + "0123456789abcdef" * 2,
    "which docker://app:1.0@sha256:" + "0123456789abcdef" * 4,
    "which oci://registry.example.com:5000/app@sha256:" + "0123456789abcdef" * 4,
    "which auth:latest",
    "filter robot$Platform+Deploy1",
    "link r project Web-Shop-2024+EU@Prod",
    "link r project C#-Service-2024",
    "link r project web https://ci.example.com/Web%20Shop/Settings?Tab=1",
    "which token:1.0",
    "which token:1.0@sha256:" + "0123456789abcdef" * 4,
    "which auth:5000/team/app:1.0",
    "which pwd:latest",
    "which password:v2.1-alpine",
    "link r image auth:latest",
    'link r image "secret:release-2024-01-15"',
    "link r project sk-web-shop-production-europe",
    "link r project xapp-onboarder-service",
    "link r project 5f8d0d55b54764421b7156d1",
    "link r project KafkaGatewayProductionV2",
    "link r project AndroidReleaseBuild2024Q3",
    "link r project Web_Shop_EU_West1_Prod_K8s_2024",
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


LETTERS = string.ascii_letters + string.digits
HEX = string.hexdigits[:16]
MADE = {
    "Quay's robots": (string.ascii_uppercase + string.digits, 64, "{}", 1),
    "Quay's OAuth": (LETTERS, 40, "{}", 0.99),
    "Harbor": (LETTERS, 32, "{}", 0.98),
    "AWS": (LETTERS + "+/", 40, "{}", 0.98),
    "Azure's principals": (LETTERS + "_~.-", 34, "abc8Q~{}", 1),
    "Azure's registry tokens": (LETTERS + "+/", 42, "{}+ACRDabcde", 1),
    "GitLab": (LETTERS + "_-", 20, "glrt-{}", 1),
    "hex, 32": (HEX, 32, "{}", 0.99),
    "hex, 40": (HEX, 40, "{}", 0.99),
    "hex, 64": (HEX, 64, "{}", 1),
    "20 letters": (LETTERS, 20, "{}", 0.8),
    "24 letters": (LETTERS, 24, "{}", 0.9),
    "28 letters": (LETTERS, 28, "{}", 0.95),
}
"""Alphabet, length, form, and the share that must be seen."""


@pytest.mark.parametrize(("alphabet", "length", "form", "share"), MADE.values(), ids=list(MADE))
def test_secrets_of_every_kind_are_seen_by_length_and_alphabet(alphabet, length, form, share):
    """Of 500 random secrets of a kind nearly all are seen in a target's place."""
    chance = random.Random(1)  # noqa: S311 # repeatable samples, not secrets
    texts = [form.format("".join(chance.choices(alphabet, k=length))) for _ in range(500)]
    seen = sum(looks_secret(f"link one project {text}") for text in texts)

    assert seen >= share * len(texts)


def test_long_chain_of_beginnings_is_read_once():
    """A text made to look like thousands of half tokens would take seconds if each were tried to the end."""
    assert not looks_secret("show " + "eyJ-" * 20_000)
    assert looks_secret("show -eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0")
