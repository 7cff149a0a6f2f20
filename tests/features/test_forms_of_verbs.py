"""Forms for what is typed otherwise: link, unlink, token create and which, with known targets to choose."""

import json

import pytest

from bot.core.model import Dependency, Target, TargetKind
from tests.fakes.people import MEMBER
from tests.fakes.slack import both_opinions
from tests.features.team import ACME, SETTINGS

PARTS = "Part of its name"


def chosen(team, label, text):
    """Search for an option, and leave it chosen in the form."""
    seen = team.seen()
    team.search(label, text)
    team.leave(seen, seen.box(label), text)


def test_link_form_links_a_new_target(free):
    """The integration is chosen, the target typed, and what is linked is said."""
    free.command("link")
    chosen(free, "Integration", "my_registry")
    shown = free.submit({"New target": "web-shop", "The target's settings page": SETTINGS})

    assert "now depends on *my_registry*" in shown.text
    assert f"<{SETTINGS}|Settings>" in shown.text
    assert free.events()[0] == (MEMBER, "dependency.link", "done")


def test_link_form_offers_known_targets_by_kind(linked):
    """Targets that are known are offered under their kinds, and can be chosen."""
    linked.add("other")
    linked.command("link")
    offered = linked.search("Target", "")
    chosen(linked, "Integration", "other")
    chosen(linked, "Target", "production")
    shown = linked.submit()

    assert offered == ["web-shop", "production", "registry.example.com/team/web-shop"]
    assert "environment production" in shown.text


def test_link_form_without_a_target_stays(free):
    """Where neither is given, the form says so beside the target."""
    free.command("link")
    chosen(free, "Integration", "my_registry")
    free.submit()

    assert free.seen().error("Target") == "Choose a target, or type a new one."
    assert free.events()[0][1] == "integration.add"


def test_link_form_with_a_wrong_address_stays(free):
    """An invalid settings address is reported beside its box."""
    free.command("link")
    chosen(free, "Integration", "my_registry")
    free.submit({"New target": "web-shop", "The target's settings page": "ftp://ci"})

    assert "not a web address" in free.seen().error("The target's settings page")


def test_unlink_form_takes_a_link_back(linked):
    """Both are chosen, and the link is gone."""
    linked.command("unlink")
    chosen(linked, "Integration", "my_registry")
    chosen(linked, "Target", "web-shop")
    shown = linked.submit()

    assert "no longer depends on *my_registry*" in shown.text
    assert linked.events()[0] == (MEMBER, "dependency.unlink", "done")


def test_token_form_shows_the_token_once(linked):
    """A token is made for a known target, and shown in the form's place."""
    linked.command("token create")
    chosen(linked, "Target", "web-shop")
    shown = linked.submit({"Days until it expires": "30"})

    assert "QUAYMASTER_TOKEN" in shown.text
    assert shown.controls == []
    assert linked.events()[0] == (MEMBER, "token.create", "done")


@pytest.mark.parametrize("days", ["0", "ten", "366"])
def test_token_form_with_wrong_days_stays(linked, days):
    """How long a token may last is told beside the box."""
    linked.command("token create")
    chosen(linked, "Target", "web-shop")
    linked.submit({"Days until it expires": days})

    assert linked.seen().error("Days until it expires") == "A token lasts 1 to 365 days."


def test_which_form_answers(linked):
    """The image is typed, the target may be chosen, and the answer takes the form's place."""
    linked.command("which")
    chosen(linked, "Target", "web-shop")
    shown = linked.submit({"Image": "registry.example.com/team/app:1.2"})

    assert "for project web-shop uses *my_registry*" in shown.text


@pytest.mark.parametrize("count", [0, 1, 15, 500, 10_000])
def test_targets_offered_stay_within_slacks_limits(free, count):
    """However many targets there are, Slack takes what is offered; too long a name is typed instead."""
    integration, at = free.find("my_registry"), free.services.ports.now()
    with free.store.change(ACME) as change:
        for number in range(count):
            target = Target(TargetKind.IMAGE, f"{number:05}{'i' * (95 + 100 * (number % 2))}")
            change.put(Dependency(integration.id, target, MEMBER, at))
    free.command("link")
    offered = free.search("Target", "")

    assert len(offered) == (min(count, 100) + 1) // 2
    assert both_opinions("options", json.loads(free.answers[-1].body)) == []
