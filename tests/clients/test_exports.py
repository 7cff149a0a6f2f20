"""docker, podman and skopeo log in with the file that Quaymaster writes, however a host is spelled."""

import base64
import json

import pytest
from click.testing import CliRunner

from bot.cli import main
from tests.clients.helpers import Helper
from tests.clients.registries import Client, put_docker_image
from tests.fakes.certificates import Authority
from tests.fakes.connect_proxy import ConnectProxy
from tests.fakes.real_registry import PASSWORD, TAGS, USERNAME, running

HOST = "registry.example.com"
SPELLINGS = [HOST, f"{HOST}:443"]
HUB = ["docker.io", "index.docker.io", "registry-1.docker.io"]

each_spelling = pytest.mark.parametrize("host", SPELLINGS)


@pytest.fixture
def client(tmp_path, place, url, token):
    """A home with the exported file, and the registry behind a proxy under its real name."""
    place.add("team_registry", url=f"https://{HOST}:443", username=USERNAME, password=PASSWORD)
    place.add("hub", "docker-hub", username="acme", password="dckr")
    place.link("team_registry")
    place.link("hub")
    leaf = Authority().issue(names=(HOST,))
    (tmp_path / "registry").mkdir()
    with running(tmp_path / "registry", tls=leaf) as registry, ConnectProxy(registry.server.port) as proxy:
        put_docker_image(registry.store, "team/docker", "1.0")
        helper = Helper(
            tmp_path / "bin", "python", {"HTTPS_PROXY": proxy.url, "NO_PROXY": "", "no_proxy": ""}
        )
        made = Client(tmp_path / "home", helper, registry)
        made.prepare()
        (made.folder / "config.json").unlink()
        settings = {"QUAYMASTER_URL": url, "QUAYMASTER_TOKEN": token}
        CliRunner().invoke(main, ["docker-config", str(made.folder / "config.json")], env=settings)
        yield made


@each_spelling
@pytest.mark.needs("docker-registry", "docker")
def test_docker_finds_the_login(client, host):
    """docker reads the manifest of a private image under both spellings of its host."""
    seen = client.run("docker", "manifest", "inspect", "--insecure", f"{host}/team/docker:1.0")

    assert (seen.returncode, seen.stderr) == (0, "")
    assert json.loads(seen.stdout)["schemaVersion"] == 2


@each_spelling
@pytest.mark.needs("docker-registry", "skopeo")
def test_skopeo_finds_the_login(client, host):
    """skopeo lists the tags of a private image under both spellings of its host."""
    listed = client.run("skopeo", "list-tags", "--tls-verify=false", f"docker://{host}/team/app")

    assert listed.stderr == ""
    assert sorted(json.loads(listed.stdout)["Tags"]) == sorted(TAGS)


@each_spelling
@pytest.mark.needs("docker-registry", "podman")
def test_podman_finds_the_login(client, host):
    """podman pulls a private image under both spellings of its host."""
    pulled = client.podman(
        "podman", "pull", "-q", "--signature-policy", str(client.policy), f"{host}/team/app:1.0"
    )

    assert (pulled.returncode, len(pulled.stdout.strip())) == (0, 64)


@pytest.mark.parametrize("host", HUB)
@pytest.mark.needs("docker-registry", "skopeo")
def test_docker_hub_is_found_under_each_name(client, host):
    """Docker Hub's login is found under each of its names."""
    assert client.run("skopeo", "login", "--get-login", host).stdout == "acme\n"


@pytest.mark.parametrize("host", [*SPELLINGS, *HUB, "https://index.docker.io/v1/"])
@pytest.mark.needs("docker-registry")
def test_every_key_is_in_the_file_and_in_the_secret(client, place, token, host):
    """A Kubernetes secret has the same keys as the file: kubelet compares a port as text, too."""
    held = json.loads((client.folder / "config.json").read_text())["auths"]
    secret = place.ask("/v1/kubernetes/secret?name=x", token).json["data"][".dockerconfigjson"]

    assert host in held
    assert json.loads(base64.b64decode(secret))["auths"] == held
