"""skopeo logs in to a private registry through each edition of the helper, and shows why when it cannot."""

import json

import pytest

from tests.clients.registries import INVALID
from tests.fakes.real_registry import TAGS
from tests.fakes.workplace import WEB_SHOP

pytestmark = pytest.mark.needs("docker-registry", "skopeo")

UNAUTHORIZED = "This workflow token is not valid."


def test_tags_are_listed(client, place):
    """The tags of a private image are listed, and the target depends on the integration from then on."""
    listed = client.list_tags()

    assert sorted(json.loads(listed.stdout)["Tags"]) == sorted(TAGS)
    assert listed.stderr == ""
    assert place.targets_of("team_registry") == [WEB_SHOP.name]


def test_image_is_copied_out_and_in(client, tmp_path):
    """A private image is copied to a folder, and from there back under another name."""
    layout = f"oci:{tmp_path}/layout:1.0"
    copy = ("skopeo", "--policy", str(client.policy), "copy")
    out = client.run(*copy, "--src-tls-verify=false", f"docker://{client.image}", layout)
    to = f"docker://{client.registry.server.address}/team/copied:2.0"
    back = client.run(*copy, "--dest-tls-verify=false", layout, to)
    seen = client.run("skopeo", "inspect", "--raw", "--tls-verify=false", to)

    assert (out.returncode, back.returncode, seen.returncode) == (0, 0, 0)
    assert json.loads(seen.stdout)["schemaVersion"] == 2


def test_public_image_needs_no_integration(client, place):
    """Without an integration a public image is read anonymously: the helper says "not found" as it must."""
    place.delete("team_registry")
    address = client.registry.server.address
    listed = client.run("skopeo", "list-tags", "--tls-verify=false", f"docker://{address}/public/base")

    assert sorted(json.loads(listed.stdout)["Tags"]) == sorted(TAGS)
    assert "was deleted on 20" in listed.stderr


@pytest.mark.parametrize("cause", INVALID)
def test_invalid_token_is_shown(client, place, cause):
    """A wrong, expired or revoked token is what the person reads, and what it may be."""
    listed = client.list_tags(QUAYMASTER_TOKEN=INVALID[cause](place))

    assert listed.returncode != 0
    assert UNAUTHORIZED in listed.stderr
    assert "mistyped, expired or revoked" in listed.stderr


def test_revoked_token_is_shown(client, place, token):
    """A token works until it is revoked, and from that moment not."""
    before = client.list_tags()
    place.revoke(token)
    after = client.list_tags()

    assert (before.returncode, after.returncode != 0) == (0, True)
    assert UNAUTHORIZED in after.stderr


def test_dead_server_is_shown(client):
    """When Quaymaster is not there, that is what the person reads, at once."""
    listed = client.list_tags(QUAYMASTER_URL="http://127.0.0.1:9")

    assert listed.returncode != 0
    assert "Quaymaster at 127.0.0.1:9 cannot be reached" in listed.stderr


def test_ambiguity_is_shown(client, place):
    """When two integrations could answer, the person reads which, and what to do."""
    place.add("second", url=client.registry.url)
    listed = client.list_tags()

    assert listed.returncode != 0
    assert "“second” or “team_registry”" in listed.stderr
    assert "/integrations link NAME project web-shop" in listed.stderr


def test_login_is_known(client):
    """``skopeo login --get-login`` names the user of the helper."""
    shown = client.run("skopeo", "login", "--get-login", client.registry.server.address)

    assert shown.stdout == "ci\n"


def test_listing_every_image_tag_twice_asks_twice_and_is_one_line_of_history(client, place):
    """A pipeline that asks again and again is one line of the history."""
    client.list_tags()
    client.list_tags()

    assert len(place.history("credential.hand_out")) == 1
