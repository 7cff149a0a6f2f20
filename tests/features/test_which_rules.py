"""``which``, rule by rule: how an image is read, what decides, and that asking changes nothing."""

from dataclasses import replace

import pytest

from bot.core.integrations.credentials import rebind_credential
from tests.fakes.people import ADMIN, GUEST, MEMBER
from tests.features.team import ACME

IMAGE = "registry.example.com/team/app"


def mark(team, name, **ticks):
    """Tick the default or linked only, past Slack."""
    with team.store.change(ACME) as change:
        known = team.find(name)
        ticked = replace(known, **ticks)
        change.put(rebind_credential(team.services.ports.keyring, ACME, known, ticked))


@pytest.fixture
def two(team):
    """Two integrations of one server, neither of them linked or the default."""
    team.add("first")
    team.add("second")
    return team


SPELLINGS = [
    *(IMAGE, f"{IMAGE}:1.2", f"{IMAGE}@sha256:{'0a' * 32}", "REGISTRY.example.com/team/app"),
    *("registry.example.com:443/app", "<http://registry.example.com/app|registry.example.com/app>"),
    *("registry.example.com", "registry.example.com:443", "https://registry.example.com/v2/"),
    *("https://registry.example.com/team/app:1.2", "<https://registry.example.com>"),
    "<https://registry.example.com|registry.example.com>",
    *("&lt;https://registry.example.com|registry.example.com&gt;", "&lt;https://registry.example.com/&gt;"),
]


@pytest.mark.parametrize("image", SPELLINGS)
def test_every_spelling_of_an_image_finds_its_server(free, image):
    """With a tag, a digest, a port, a scheme, in capitals, linked by Slack, or the server alone."""
    shown = free.command(f"which {image}")

    assert "uses *my_registry*: it is the only one for this server." in shown.text


HUB = ["python", "python:3.12", "library/python", "acme/app:1.0", "docker.io/acme/app", "index.docker.io/a/b"]


@pytest.mark.parametrize("image", HUB)
def test_docker_hub_answers_for_what_names_no_server(free, image):
    """What docker would look for on Docker Hub is answered by Docker Hub's integration."""
    free.add("my_hub", kind="docker-hub")

    assert "uses *my_hub*" in free.command(f"which {image}").text


@pytest.mark.parametrize("image", ["registry.example.com:5000/app", "registry.example.com:5000"])
def test_port_tells_servers_apart(free, image):
    """Another port is another registry."""
    free.add("other_port", url="https://registry.example.com:5000")

    assert "uses *other_port*" in free.command(f"which {image}").text
    assert "uses *my_registry*" in free.command(f"which {IMAGE}").text


@pytest.mark.parametrize("image", ["localhost:5000", "localhost:5000/app"])
def test_localhost_is_a_server(team, image):
    """A registry on the machine itself is found by its name alone too."""
    team.add("mine", url="http://localhost:5000")

    assert "uses *mine*" in team.command(f"which {image}").text


@pytest.mark.parametrize("image", ["registry.example.com.attacker.example/app", "registry.example.co/app"])
def test_lookalike_finds_nothing(free, image):
    """A host that only begins like a known one is somebody else's."""
    shown = free.command(f"which {image}")

    assert f"There is no integration for {image.partition('/')[0]}." in shown.text
    assert "Add one: /integrations add" in shown.text


def test_nothing_left_says_who_deleted_it(free):
    """After the last one is deleted, asking for its server still tells who did it, and when."""
    free.command("delete my_registry", ADMIN)
    free.press("Yes", ADMIN)
    shown = free.command(f"which {IMAGE}")

    assert "There is no integration for registry.example.com." in shown.text
    assert "“my_registry” was deleted on 20" in shown.text
    assert f"Who can help: <@{ADMIN}>" in shown.text


def test_ambiguity_names_both_ways_out(two):
    """Of several nothing is guessed: the names, and how to decide."""
    shown = two.command(f"which {IMAGE} project web-shop")

    assert "Several integrations match registry.example.com: “first” or “second”." in shown.text
    assert "/integrations link NAME project web-shop" in shown.text
    assert "/integrations edit NAME" in shown.text


def test_hint_can_be_typed(two):
    """A target with a space is put in quotation marks in the command that is offered."""
    shown = two.command(f'which {IMAGE} project "web shop"')

    assert '/integrations link NAME project "web shop"' in shown.text


def test_sixty_candidates_fit_into_a_message(team):
    """However many could answer, the message stays one that Slack takes."""
    team.add_many(60)

    assert "Several integrations match" in team.command(f"which {IMAGE}").text


def test_link_decides_for_its_target_only(two):
    """A linked integration answers for the linked target; for others it stays open."""
    two.link("second", "project", "web-shop")

    assert "uses *second*" in two.command(f"which {IMAGE} project web-shop").text
    assert "Several integrations" in two.command(f"which {IMAGE} project other").text
    assert "Several integrations" in two.command(f"which {IMAGE}").text


def test_link_counts_before_the_default(two):
    """A target's own link is stronger than the default."""
    mark(two, "first", is_default=True)
    two.link("second", "environment", "production")

    assert "uses *second*" in two.command(f"which {IMAGE} env production").text


def test_default_decides_between_two_links(two):
    """A target linked to both is answered by the default, and both reasons are said."""
    mark(two, "first", is_default=True)
    two.link("first", "project", "web-shop")
    two.link("second", "project", "web-shop")
    shown = two.command(f"which {IMAGE} project web-shop")

    assert "*first*: it is the default for this server and it is linked to this target." in shown.text


def test_linked_only_answers_its_targets(free):
    """An integration for linked targets answers them."""
    mark(free, "my_registry", linked_only=True)
    free.link("my_registry", "project", "web-shop")

    assert "uses *my_registry*" in free.command(f"which {IMAGE} project web-shop").text


@pytest.mark.parametrize("who", ["", " project other"])
def test_linked_only_refuses_others_by_name(free, who):
    """Others are told its name, its owner and what would link them."""
    mark(free, "my_registry", linked_only=True)
    shown = free.command(f"which {IMAGE}{who}")

    assert "“my_registry” is for linked targets only." in shown.text
    assert f"/integrations link my_registry {who.strip() or 'project|environment|image TARGET'}" in shown.text
    assert f"Who can help: <@{MEMBER}>" in shown.text


def test_linked_only_never_competes(two):
    """One for linked targets only is no candidate for others, even as the default."""
    mark(two, "first", linked_only=True, is_default=True)

    assert "uses *second*" in two.command(f"which {IMAGE} project other").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("which registry.example.com:99999/app", "1 to 65535"),
        ("which ftp://registry.example.com/app", "https:// or http://"),
        ("which https://ann@registry.example.com/app", "a user name or a password"),
    ],
)
def test_address_that_is_none_is_explained(free, typed, said):
    """The reply says what is wrong with an address."""
    assert said in free.command(typed).text


def test_odd_image_is_text_and_nothing_else(free):
    """What was typed never becomes markup, in an answer either."""
    free.add("my_hub", kind="docker-hub")
    shown = free.command("which `<!channel>&*x*")

    assert "uses *my_hub*" in shown.text
    assert "<!channel>" not in shown.text


def test_asking_records_and_changes_nothing(free):
    """Looking something up is not using it: no dependency or entry is recorded."""
    before = free.events()
    free.command(f"which {IMAGE} project web-shop", ADMIN)

    assert free.events() == before
    assert free.store.read(ACME).dependencies.page(free.find("my_registry").id, 0, 10).total == 0


def test_guest_learns_nothing(free):
    """A guest learns neither names nor that anything exists."""
    assert "my_registry" not in free.command(f"which {IMAGE}", GUEST).raw
