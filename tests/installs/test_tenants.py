"""Three workspaces and an organization on two replicas: nobody ever sees a byte of another's."""

import logging
import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from storage.transfer import export
from tests.fakes.slack_cloud import LIFETIME_S, SlackCloud
from tests.installs.acts import Acts, lines_of_each, marker_of
from tests.installs.replicas import Browser, Replica

pytestmark = pytest.mark.needs("postgres")

ACTS = int(os.environ.get("TENANT_ACTS", "300"))
SECONDS = float(os.environ.get("TENANT_SECONDS", "inf"))
"""For one long run: as many acts as the time allows."""
SEED = int(os.environ.get("TENANT_SEED", "7"))
"""Several long runs beside each other do other acts."""
UNFLUSHED = "?options=-csynchronous_commit%3Doff"
"""Nothing is killed here, so nobody waits for the disk."""
PLAIN = ("T0ONE", "T0TWO", "T0THREE")
OF_ORG = ("T0ORGA", "T0ORGB")


@pytest.fixture
def acts(cloud: SlackCloud, start: Callable[..., Replica], database_url: dict[str, Any]) -> Acts:
    """All of them, with the app installed, on two replicas."""
    cloud.lifetime_s = LIFETIME_S
    place = {"database_url": f"{database_url['database_url']}{UNFLUSHED}"}
    replicas = [start(place), start(place)]
    for team in PLAIN:
        Browser(replicas[0]).install(cloud.add(team).holder)
    for team in OF_ORG:
        cloud.add(team, "E0ORG", is_org_wide=True)
    Browser(replicas[1]).install("E0ORG")
    return Acts(cloud, replicas, SEED)


def test_nobody_sees_a_byte_of_another(acts: Acts, caplog: pytest.LogCaptureFixture) -> None:
    """No answer, message, file, log line or export of one workspace holds anything of another."""
    [caplog.set_level(logging.DEBUG, name) for name in ("bot", "storage", "quaymaster", "handlers")]
    end, done = time.monotonic() + SECONDS, 0
    while done < ACTS and time.monotonic() < end:
        acts.run(50)
        done += 50
    sections = lines_of_each(export(acts.replicas[0].store))
    print(done, acts.counts, acts.opened, acts.exported)  # noqa: T201 - what a long run came to
    foreign = [
        (key, team)
        for key, text in sections.items()
        for team in (*PLAIN, *OF_ORG)
        if key and team not in key and marker_of(team) in text
    ]

    assert acts.leaks == []
    assert foreign == []
    assert len([key for key in sections if key]) == len(PLAIN) + len(OF_ORG)
    assert acts.opened > 0
    assert acts.exported > 0
    assert "zz-password" not in caplog.text
    assert [
        line for line in caplog.text.splitlines() if sum(marker_of(one) in line for one in PLAIN) > 1
    ] == []


def test_the_search_finds_what_is_foreign(acts: Acts) -> None:
    """The test itself works: with one workspace's name in another's integration, it is found."""
    one, two = acts.known[:2]
    one.tenant.type("link nothing project x")
    acts.search(one, f"… {two.marker}-1 …")

    assert "T0ONE saw of T0TWO" in acts.leaks[-1]
    assert acts.random.random() < 1
