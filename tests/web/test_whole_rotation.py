"""A login that ends at its registry is told, replaced and retired: at the page, while skopeo pulls."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from bot.core.integrations.rotation import tell_rotations
from bot.core.model import Health, Integration, Workspace
from bot.registry.kind_table import PRIVATE
from bot.run.try_server import TryApp
from bot.simulator.cast import TEAM_ID
from tests.clients.pulling import SECOND, SECOND_LINE, Puller, puller, pulling, users
from tests.fakes.clock import Clock
from tests.fakes.real_registry import HTPASSWD, PASSWORD, TAGS, USERNAME, RealRegistry, running
from tests.fakes.served_replicas import wait_for
from tests.web.whole_job import Person, trying

pytestmark = pytest.mark.needs("chromium", "docker-registry", "skopeo")

NAME = "team_registry"
INTERVAL_S = 6 * 3600
LABELS = [field.label for field in PRIVATE.fields]
PIPELINES = ("project web-shop", "environment staging", "project nightly")


@pytest.fixture
def clock() -> Clock:
    """The time of the app, in our hands."""
    return Clock(datetime.now(UTC))


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Iterator[TryApp]:
    """``quaymaster try``, which goes by that clock."""
    with trying(tmp_path / "try", now=clock.now) as one:
        yield one


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RealRegistry]:
    """A registry whose users are the lines of an htpasswd file."""
    (tmp_path / "registry").mkdir()
    with running(tmp_path / "registry") as started:
        users(started, HTPASSWD + SECOND_LINE)
        yield started


@pytest.fixture
def pipelines(person: Person, app: TryApp, registry: RealRegistry, tmp_path: Path) -> Sequence[Puller]:
    """The integration, added at the page, and three pipelines that have pulled with it once."""
    person.open_form(PRIVATE.label, LABELS)
    login = {"URL": registry.url, "Username": USERNAME, "Password": PASSWORD}
    person.fill({"Integration Name": NAME, **login})
    person.saved(re.compile("Checked: The login works"))
    made = [
        puller(tmp_path / target.split()[1], app.url, token_of(person, target), registry)
        for target in PIPELINES
    ]

    assert [one.client.list_tags().returncode for one in made] == [0, 0, 0]
    return made


def token_of(person: Person, target: str) -> str:
    """Read a new token off the page."""
    made = person.command(f"token create {target}")
    expect(made).to_contain_text("qm_")
    found = re.search(r"qm_\S+", made.inner_text())
    assert found is not None
    return found[0]


def kept(app: TryApp) -> Integration:
    """The integration as it is kept now."""
    found = app.wired.services.ports.store.read(Workspace(TEAM_ID)).integrations.named(NAME)
    assert found is not None
    return found


def pass_until(clock: Clock, seconds: float, is_so: Callable[[], bool]) -> None:
    """Let time pass, and give the threads of the clock the moment they need to see it."""
    clock.advance(seconds)
    wait_for(is_so)


def news(person: Person, words: str) -> Locator:
    """The messages to the owner that say this, on the app's own page."""
    person.page.get_by_role("button", name="Quaymaster", exact=True).click()
    person.page.get_by_role("tab", name="Messages").click()
    return person.page.get_by_role("article").filter(has_text=words)


def see_it_watched(app: TryApp, clock: Clock, health: Health, asked: int) -> None:
    """The watch asks at the end of its interval, and so often again, ten minutes later, until it is sure."""
    for seconds in (INTERVAL_S, *[660] * (asked - 1)):
        before = kept(app).check
        pass_until(clock, seconds, lambda before=before: kept(app).check is not before)
    wait_for(lambda: kept(app).watch.health is health)


def files_of(folder: Path) -> bytes:
    """Everything that the app keeps."""
    return b"".join(one.read_bytes() for one in (folder / "try").rglob("*") if one.is_file())


def test_login_that_ended_is_told_replaced_and_retired(
    person: Person,
    app: TryApp,
    clock: Clock,
    registry: RealRegistry,
    pipelines: Sequence[Puller],
    tmp_path: Path,
) -> None:
    """Who is hit is told once; no pull fails while the login is replaced; the former opens nowhere after."""
    users(registry, SECOND_LINE)
    see_it_watched(app, clock, Health.REFUSED, 2)
    clock.advance(61)
    told = news(person, f"refuses the login for {NAME}")
    expect(told).to_have_count(1, timeout=20_000)
    for target in PIPELINES:
        expect(told).to_contain_text(target)
    users(registry, HTPASSWD + SECOND_LINE)
    see_it_watched(app, clock, Health.WORKS, 1)
    clock.advance(61)
    expect(news(person, f"{NAME} works again")).to_have_count(1, timeout=20_000)
    expect(told).to_have_count(1)

    with pulling(pipelines[:2]):
        [one.wait(1) for one in pipelines[:2]]
        person.button(f"Rotate {NAME}", told).click()
        person.fill({"Username": SECOND["username"], "Password": SECOND["password"]})
        person.save()
        expect(person.dialog).to_contain_text("targets have fetched the new one")
        expect(person.dialog).to_contain_text("project nightly")
        [one.wait(2) for one in pipelines[:2]]
        tell_rotations(app.wired.services.ports)
        person.button("Refresh", person.dialog).click()
        expect(person.dialog).to_contain_text("2 of 3 targets have fetched the new one.")
        person.close()
        assert pipelines[2].client.list_tags().returncode == 0
        tell_rotations(app.wired.services.ports)
        clock.advance(61)
        ready = news(person, "everything has fetched the new credential")
        expect(ready).to_have_count(1, timeout=20_000)
        expect(ready).to_be_in_viewport()
        expect(ready).to_contain_text("3 of 3 targets have fetched the new one.")
        former = kept(app).former
        assert former is not None
        assert str(former.sealed).encode() in files_of(tmp_path)
        person.button(f"Retire the old credential of {NAME}", ready).click()
        expect(ready).to_have_count(0)
        users(registry, SECOND_LINE)
        [one.wait(2) for one in pipelines[:2]]

    results = [result for one in pipelines[:2] for result in one.results]
    assert [result.stderr for result in results if result.returncode] == []
    assert all(sorted(json.loads(one.stdout)["Tags"]) == sorted(TAGS) for one in results)
    assert kept(app).former is None
    assert str(former.sealed).encode() not in files_of(tmp_path)
    person.channel()
    expect(person.command(f"test {NAME}")).to_contain_text("The login works")
