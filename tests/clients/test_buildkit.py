"""What BuildKit asks the helper: one ``get`` for each server that a build needs, in the order of its steps.

Neither BuildKit nor crane is run here. BuildKit's order was recorded with buildctl 0.32.2 and buildx 0.36.1:
the server of ``FROM``, and 100 to 400 ms later the one that is pushed to. ``list`` was never called, not even
with ``credsStore``. After a refusal the helper was called again, up to 9 times in one build.
"""

import json

import pytest

PULLED, PUSHED = "from.example.com", "to.example.com"
OTHERS = ("one.example.com", "two.example.com", "three.example.com")
TRIES = 9


@pytest.fixture(autouse=True)
def integrations(place):
    """An integration for each server, of which a build needs two."""
    for server in (PULLED, PUSHED, *OTHERS):
        place.add(server.split(".")[0], url=f"https://{server}", username=f"at {server}")


def build(helper, *servers):
    """Ask as a build does that needs these servers, and give the user names."""
    told = [helper("get", said=server) for server in servers]
    return [json.loads(one.output)["Username"] if one.status == 0 else one.output for one in told]


def uses(place):
    """What web-shop has fetched, by integration: whether it was never fetched alone."""
    reading = place.store.read(place.actor().workspace)
    names = ("from", "to", "one", "two", "three")
    pages = {name: reading.dependencies.page(place.named(name).id, 0, 10) for name in names}
    return {name: page.rows[0].is_swept for name, page in pages.items() if page.rows}


def test_build_makes_no_ghosts(place, helper):
    """Only the servers that a build reads from and writes to become dependencies."""
    got = build(helper, PULLED, PUSHED)

    assert got == [f"at {PULLED}", f"at {PUSHED}"]
    assert uses(place) == {"from": True, "to": True}


def test_build_of_one_registry_is_a_use_alone(place, helper):
    """A build that pulls and pushes at one registry asks once, and counts as needing it."""
    build(helper, PULLED)

    assert uses(place) == {"from": False}


def test_linked_servers_of_a_build_are_needed(place, helper):
    """What the target is linked to is not taken for a login that was fetched along with others."""
    build(helper, PULLED, PUSHED)
    place.link("from")
    place.link("to")
    build(helper, PULLED, PUSHED)

    assert uses(place) == {"from": False, "to": False}


def test_build_goes_on_when_a_second_integration_comes(place, helper):
    """A second integration of either server does not stop a build that has used the first."""
    first = build(helper, PULLED, PUSHED)
    place.add("from-2", url=f"https://{PULLED}", username="another")
    place.add("to-2", url=f"https://{PUSHED}", username="another")

    assert build(helper, PULLED, PUSHED) == first


def test_refused_push_leaves_the_pull_a_use_alone(place, helper):
    """A build that may pull but not push depends on the first registry only, and is told why."""
    place.mark("to", linked_only=True)
    got = build(helper, PULLED, PUSHED)

    assert got == [f"at {PULLED}", "“to” is for linked targets only.\n"]
    assert uses(place) == {"from": False}


def test_every_try_of_a_revoked_token_is_told_the_truth(place, helper, token):
    """However often a build asks with a revoked token, it reads that the token is at fault."""
    place.revoke(token)
    told = [helper("get", said=PULLED) for _ in range(2 * TRIES)]

    assert all(one.output.startswith("This workflow token is not valid") for one in told)
    assert told[-1].people_read.endswith(
        "This workflow token is not valid, and this address has sent too many invalid tokens. "
        "A valid token works at once: /integrations token list shows the tokens.\n"
    )
    assert not any(token in one.output + one.people_read for one in told)


def test_new_token_is_answered_at_once_after_refused_builds(place, helper, token):
    """The delay for invalid tokens does not reach the token that replaces them."""
    place.revoke(token)
    build(helper, *[PULLED] * 2 * TRIES)
    new = helper("get", said=PULLED, QUAYMASTER_TOKEN=place.token())

    assert json.loads(new.output)["Username"] == f"at {PULLED}"


def test_crane_makes_no_ghosts(place, helper):
    """crane 0.21.9 with ``credsStore`` asks for a repository first, then for its server: only that counts."""
    got = build(helper, f"{PULLED}/team/app", PULLED)

    assert got == ["credentials not found in native keychain\n", f"at {PULLED}"]
    assert uses(place) == {"from": False}
