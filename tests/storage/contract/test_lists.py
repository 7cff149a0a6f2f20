"""What every store keeps to, whichever it is: lists and pages."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model import (
    Check,
    Integration,
    Outcome,
    PreparedCredential,
    Server,
    Stage,
    Target,
    TargetKind,
)
from bot.core.ports.store import Store
from bot.core.queries import Filter, Mark, Window
from tests.storage.samples import (
    ENVIRONMENT,
    IMAGE,
    NOON,
    PROJECT,
    T1,
    add,
    add_in,
    dependency,
    integration,
    link,
)
from tests.storage.tokens import keep, token


def numbered(count: int) -> list[Integration]:
    """Integrations ``name-000``, ``name-001``, …; each fifth is of another kind."""
    kinds = ["private", "private", "private", "private", "docker-hub"]
    return [integration(f"name-{place:03d}", kinds[place % 5]) for place in range(count)]


def shown(store: Store, window: Window, narrowed: Filter | None = None) -> list[str]:
    """The names on one page."""
    page = store.read(T1).integrations.page(narrowed or Filter(), window)
    return [row.integration.name for row in page.rows]


def test_pages_follow_each_other(store: Store) -> None:
    """Pages are sorted by name key; the one after a key and the one before it are found by the key."""
    add(store, *reversed(numbered(25)))

    first = store.read(T1).integrations.page(Filter(), Window())
    second = store.read(T1).integrations.page(Filter(), Window(after="name-009"))
    third = store.read(T1).integrations.page(Filter(), Window(after="name-019"))
    back = store.read(T1).integrations.page(Filter(), Window(before="name-020"))

    assert [row.integration.name for row in first.rows] == [f"name-{place:03d}" for place in range(10)]
    assert (first.has_previous, first.has_next) == (False, True)
    assert [row.integration.name for row in third.rows] == [f"name-{place:03d}" for place in range(20, 25)]
    assert (third.start, third.total, third.everything, third.has_next) == (20, 25, 25, False)
    assert back == second


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(after="name-024", size=3), ["name-022", "name-023", "name-024"]),
        (Window(after="zzz", size=3), ["name-022", "name-023", "name-024"]),
        (Window(before="name-000", size=3), ["name-000", "name-001", "name-002"]),
        (Window(before="name-001", size=3), ["name-000", "name-001", "name-002"]),
        (Window(after="name-004x", size=2), ["name-005", "name-006"]),
        (Window(before="name-004x", size=2), ["name-003", "name-004"]),
    ],
)
def test_page_past_an_end_is_the_last_one_there(store: Store, window: Window, expected: list[str]) -> None:
    """A page asked for by a name that is gone, or past either end, still shows rows."""
    add(store, *numbered(25))

    assert shown(store, window) == expected


@pytest.mark.parametrize(
    ("narrowed", "total"),
    [
        (Filter(), 25),
        (Filter(words=("NAME-02",)), 5),
        (Filter(words=("name", "-01", "e-015")), 1),
        (Filter(kinds=frozenset({"docker-hub"})), 5),
        (Filter(kinds=frozenset({"docker-hub", "private"})), 25),
        (Filter(kinds=frozenset()), 0),
        (Filter(kinds=frozenset({"docker-hub"}), words=("-02",)), 1),
        (Filter(words=("%",)), 0),
        (Filter(words=("_",)), 0),
    ],
)
def test_filter_narrows(store: Store, narrowed: Filter, total: int) -> None:
    """Kinds and words narrow the list together; the count of everything stays."""
    add(store, *numbered(25))

    page = store.read(T1).integrations.page(narrowed, Window())

    assert (page.total, page.everything) == (total, 25)


def test_filtered_pages_follow_each_other(store: Store) -> None:
    """Paging within a filter passes over what the filter leaves out."""
    add(store, *numbered(25))
    narrowed = Filter(kinds=frozenset({"docker-hub"}))

    assert shown(store, Window(size=2), narrowed) == ["name-004", "name-009"]
    assert shown(store, Window(size=2, after="name-009"), narrowed) == ["name-014", "name-019"]
    assert shown(store, Window(size=2, before="name-024"), narrowed) == ["name-014", "name-019"]


def test_filter_sees_changes(store: Store) -> None:
    """A filter asked again after a change shows the change."""
    add(store, *numbered(5))
    narrowed = Filter(words=("new",))
    before = shown(store, Window(), narrowed)
    add(store, integration("new"))

    assert (before, shown(store, Window(), narrowed)) == ([], ["new"])


def test_rows_count_dependencies(store: Store) -> None:
    """Each row of the list says how many targets depend on it."""
    one, other = integration("one"), integration("other")
    add(store, one, other)
    link(store, dependency(one), dependency(one, IMAGE), dependency(other, IMAGE))

    assert [row.dependencies for row in store.read(T1).integrations.page(Filter(), Window()).rows] == [2, 1]


def test_dependencies_are_sorted_and_paged(store: Store) -> None:
    """Dependencies stand by kind as confirmations list them, then by name; past the end is the last page."""
    one = integration()
    add(store, one)
    images = [Target(TargetKind.IMAGE, f"image-{place}") for place in range(3)]
    link(store, *(dependency(one, target) for target in [*reversed(images), ENVIRONMENT, PROJECT]))

    first, last = (
        store.read(T1).dependencies.page(one.id, 0, 3),
        store.read(T1).dependencies.page(one.id, 9, 3),
    )

    assert [row.target for row in first.rows] == [PROJECT, ENVIRONMENT, images[0]]
    assert (first.total, first.has_next) == (5, True)
    assert [row.target for row in last.rows] == images[1:]
    assert (last.number, last.has_next) == (1, False)


def test_uses_are_sorted_by_name(store: Store) -> None:
    """Every integration a target uses is found, whatever order they were linked in."""
    late, early = integration("zebra"), integration("Aardvark")
    add(store, late, early)
    link(store, dependency(late), dependency(early), dependency(late, IMAGE))

    uses = store.read(T1).dependencies.of_target(PROJECT)

    assert [use.integration.name for use in uses] == ["Aardvark", "zebra"]
    assert [use.dependency for use in uses] == [dependency(early), dependency(late)]


def test_targets_are_listed(store: Store) -> None:
    """Targets that depend on anything or that a token speaks for stand by kind, then name, paged."""
    one = integration()
    add(store, one)
    web, api = Target(TargetKind.PROJECT, "Web"), Target(TargetKind.PROJECT, "api")
    link(store, dependency(one, IMAGE), dependency(one, web), dependency(one, api))
    keep(store, token(target=ENVIRONMENT), token("other000", api))
    dependencies = store.read(T1).dependencies
    page = dependencies.targets(size=2)

    assert dependencies.targets().rows == (web, api, ENVIRONMENT, IMAGE)
    assert (page.rows, page.total, page.has_next) == ((web, api), 4, True)
    assert dependencies.targets(number=9, size=3).rows == (IMAGE,)


@pytest.mark.parametrize(
    ("kind", "words", "found"),
    [
        (TargetKind.IMAGE, (), [IMAGE]),
        (None, ("we",), [Target(TargetKind.PROJECT, "Web")]),
        (TargetKind.PROJECT, ("w", "b"), [Target(TargetKind.PROJECT, "Web")]),
        (TargetKind.IMAGE, ("w",), []),
    ],
)
def test_targets_are_narrowed(
    store: Store, kind: TargetKind | None, words: tuple[str, ...], found: list[Target]
) -> None:
    """A kind and words narrow the targets; a word may stand anywhere in the name, in any case."""
    one = integration()
    add(store, one)
    link(store, dependency(one, IMAGE), dependency(one, Target(TargetKind.PROJECT, "Web")))

    assert list(store.read(T1).dependencies.targets(kind, words).rows) == found


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("my_regsitry", ("my_registry",)),
        ("MY-REGISTRY", ("my_registry",)),
        ("quay-prod", ("Quay-production",)),
        ("zzzzzz", ()),
        ("", ()),
        ("q", ()),
    ],
)
def test_nearest_names_are_found(store: Store, typed: str, nearest: tuple[str, ...]) -> None:
    """A mistyped name finds the names that look like it, and nonsense finds none."""
    add(store, integration("my_registry"), integration("Quay-production"), integration("dockerhub"))

    assert store.read(T1).integrations.nearest(typed) == nearest


def test_nearest_names_are_at_most_three(store: Store) -> None:
    """Among thousands of like names three are given, the nearest first."""
    with store.change(T1) as change:
        add_in(change, *numbered(1000))

    assert store.read(T1).integrations.nearest("name-5001")[0] in ("name-500", "name-501")
    assert len(store.read(T1).integrations.nearest("name-5001")) == 3


def various() -> list[Integration]:
    """Integrations that differ in what a list can be narrowed to."""
    plain = integration("plain")
    return [
        plain,
        replace(integration("mine"), owner="U0ANN"),
        replace(integration("elsewhere"), server=Server("https", "10.1.2.3", 8443)),
        replace(integration("refused"), check=Check(Outcome.REJECTED, Stage.LOGIN, "No.", NOON, "U0ANN")),
        replace(integration("checked"), check=Check(Outcome.PROVED, Stage.LOGIN, "Yes.", NOON, "U0ANN")),
        replace(integration("closed"), linked_only=True),
        replace(integration("ending"), ends_on=NOON.date() + timedelta(days=30)),
        replace(integration("lasting"), ends_on=NOON.date() + timedelta(days=31)),
        replace(integration("aged"), credential_since=NOON - timedelta(days=335)),
        replace(integration("aging"), credential_since=NOON - timedelta(days=334)),
        replace(
            integration("aged, with an end"),
            credential_since=NOON - timedelta(days=500),
            ends_on=NOON.date() + timedelta(days=40),
        ),
        replace(integration("being made"), prepared=PreparedCredential("robot-5", NOON, "U1")),
        replace(integration("old"), created_at=NOON - timedelta(days=100)),
        replace(integration("used"), created_at=NOON - timedelta(days=100)),
    ]


EVERYTHING = {one.name for one in various()}
MARKED = [
    (Filter(owner="U0ANN"), {"mine"}),
    (Filter(words=("10.1.2",)), {"elsewhere"}),
    (Filter(words=("8443",)), {"elsewhere"}),
    (Filter(words=("nothing",), alike=(frozenset({"private"}),)), EVERYTHING),
    (Filter(words=("old", "nothing"), alike=(frozenset(), frozenset({"private"}))), {"old"}),
    (Filter(words=("private",)), EVERYTHING),
    (Filter(marks=frozenset({Mark.BROKEN})), {"refused"}),
    (Filter(marks=frozenset({Mark.UNCHECKED})), EVERYTHING - {"refused", "checked"}),
    (Filter(marks=frozenset({Mark.OPEN, Mark.UNCHECKED})), EVERYTHING - {"refused", "checked", "closed"}),
    (Filter(marks=frozenset({Mark.ENDING}), today=NOON.date()), {"ending", "aged"}),
    (Filter(marks=frozenset({Mark.ROTATING})), {"being made"}),
    (Filter(marks=frozenset({Mark.UNUSED}), today=NOON.date()), {"old"}),
]


@pytest.mark.parametrize(("narrowed", "names"), MARKED)
def test_filter_narrows_by_more_than_names(store: Store, narrowed: Filter, names: set[str]) -> None:
    """Address, kind, owner, health, end and use narrow the list, alone and together."""
    add(store, *various())
    used = store.read(T1).integrations.named("used")
    assert used is not None
    with store.change(T1) as change:
        change.put(replace(dependency(used), last_used_at=NOON - timedelta(days=89)))

    assert set(shown(store, Window(size=50), narrowed)) == names


def test_renamed_integration_is_found_by_its_new_name_alone(store: Store) -> None:
    """After a rename, words find the new name and no longer the old one."""
    first = integration("before")
    add(store, first)
    with store.change(T1) as change:
        change.put(replace(first, name="after", version=2))

    assert shown(store, Window(), Filter(words=("before",))) == []
    assert shown(store, Window(), Filter(words=("after",))) == ["after"]
