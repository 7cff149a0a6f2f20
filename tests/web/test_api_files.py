"""The API for workflows: what it writes for a shell, for docker and for Kubernetes."""

import base64
import json
import shlex
import subprocess
import time

import pytest

from tests.fakes.workplace import PASSWORD, SERVER
from tests.web.test_api import HUB


def test_environment_is_read_by_a_shell(place, token):
    """The export lines give a shell exactly the values, whatever characters they hold."""
    password = 'it\'s "$HOME" `id` \\ \n ü'
    place.add("my-key-1", password=password)
    script = place.ask("/v1/integrations/my-key-1/env", token).body.decode()
    shown = subprocess.run(
        ["sh", "-c", f'{script}printf %s "$MYKEY1_INTEGRATION_PASSWORD"'],
        capture_output=True,
        check=True,
        text=True,
    )

    assert shown.stdout == password
    assert shlex.split(script, comments=False)[1::2][:2] == [
        f"MYKEY1_INTEGRATION_URL=https://{SERVER}",
        "MYKEY1_INTEGRATION_USERNAME=ci",
    ]
    assert "export MYKEY1_INTEGRATION_EMAIL=ci@example.com\n" in script


def test_docker_config_holds_what_is_linked(place, token):
    """The file holds ``auth`` for each linked server, Docker Hub under all its keys, and nothing else."""
    place.add("hub", "docker-hub", **HUB)
    place.add("other", url="https://other.example.com")
    place.add("anonymous", url="https://open.example.com", username="", password="")
    place.link("hub")
    place.link("anonymous")
    auths = place.ask("/v1/docker/config.json", token).json["auths"]

    hub = {"auth": base64.b64encode(b"acme:dckr_pat_x").decode()}
    names = ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")
    assert auths == dict.fromkeys(("https://index.docker.io/v1/", *names), hub)
    assert {entry.event.name for entry in place.history("credential.hand_out")} == {"anonymous", "hub"}


def test_docker_config_has_one_deadline(place, token, registry):
    """However many registries must be asked, the time for all of them is one."""
    for number in range(3):
        place.add(f"r{number}", url=f"https://r{number}.example.com")
        place.link(f"r{number}")
    registry.meanwhile = lambda: time.sleep(0.02)
    place.ask("/v1/docker/config.json", token)

    first, second, third = registry.deadlines
    assert first - 0.02 > second
    assert second - 0.02 > third


def test_docker_config_takes_the_default_of_several(place, token):
    """Of several linked integrations of a server the default is in the file; without one it is an error."""
    place.add("first", username="one")
    place.add("second", username="two")
    place.link("first")
    place.link("second")
    refused = place.ask("/v1/docker/config.json", token)
    place.mark("second", is_default=True)
    given = place.ask("/v1/docker/config.json", token)

    assert refused.error == (409, "ambiguous")
    assert base64.b64decode(given.json["auths"][SERVER]["auth"]).decode() == f"two:{PASSWORD}"


def test_docker_config_of_nothing_is_refused(place, token):
    """A target that is linked to nothing is told so: an empty file would fail later, and say less."""
    place.add()
    answer = place.ask("/v1/docker/config.json", token)

    assert answer.error == (404, "not_found")
    assert answer.json["hint"] == "Link one: /integrations link NAME project web-shop"


def test_kubernetes_secret_holds_the_docker_config(place, token):
    """The secret's data is docker's config.json in base64."""
    place.add()
    place.link("my_registry")
    secret = place.ask("/v1/kubernetes/secret?name=registry-login&namespace=web-shop", token).json
    config = place.ask("/v1/docker/config.json", token).json

    assert json.loads(base64.b64decode(secret["data"][".dockerconfigjson"])) == config
    assert secret["metadata"] == {"name": "registry-login", "namespace": "web-shop"}


@pytest.mark.parametrize("query", ["name=Upper", "name=a..b", "name=-a", "name=a&namespace=a.b", "name=a%0A"])
def test_kubernetes_names_are_checked_before_anything_leaves(place, token, query):
    """A name that Kubernetes would refuse is refused, and nothing is handed out."""
    place.add()
    place.link("my_registry")

    assert place.ask(f"/v1/kubernetes/secret?{query}", token).error == (400, "invalid_request")
    assert place.history("credential.hand_out") == []
