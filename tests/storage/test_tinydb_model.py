"""A store against a plain dictionary: whatever is done, in whatever order, both hold the same."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import HasDependencies, NameTaken, NotFound, Outdated
from bot.core.model import Integration, Target, TargetKind
from bot.core.ports.store import Change
from bot.core.queries import Filter, Window
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.samples import T1, chain, dependency, event, integration, opened, whole_history

IDS = ["i1", "i2", "i3", "i4"]
NAMES = ["alpha", "Alpha", "beta", "beta-2", "gamma"]
TARGETS = [Target(kind, name) for kind in TargetKind for name in ("web", "Web")]
Links = set[tuple[str, Target]]


@dataclass
class Model:
    """What a store ought to hold."""

    names: dict[str, str] = field(default_factory=dict)
    links: Links = field(default_factory=set)
    entries: int = 0

    def put(self, integration_id: str, name: str) -> None:
        """Keep an integration."""
        others = {other.casefold() for key, other in self.names.items() if key != integration_id}
        if name.casefold() in others:
            raise NameTaken(name)
        self.names[integration_id] = name

    def remove(self, integration_id: str) -> None:
        """Take an integration away."""
        if any(key == integration_id for key, _ in self.links):
            raise HasDependencies("", 0)
        if self.names.pop(integration_id, None) is None:
            raise Outdated(None)

    def link(self, integration_id: str, target: Target) -> None:
        """Keep a dependency."""
        if integration_id not in self.names:
            raise NotFound("", "")
        self.links.add((integration_id, target))


Step = tuple[str, str, str, Target]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "remove", "link", "link", "unlink", "record"]),
        st.sampled_from(IDS),
        st.sampled_from(NAMES),
        st.sampled_from(TARGETS),
    ),
    min_size=1,
    max_size=4,
)
SAMPLE = integration()


def on_store(change: Change, step: Step) -> None:
    """Do one step in a change."""
    verb, integration_id, name, target = step
    one = replace(SAMPLE, id=integration_id, name=name)
    acts: dict[str, Callable[[], None]] = {
        "put": lambda: change.put(one),
        "remove": lambda: change.remove(one),
        "link": lambda: change.put(dependency(one, target)),
        "unlink": lambda: change.remove(dependency(one, target)),
        "record": lambda: change.record(event(one)),
    }
    acts[verb]()


def on_model(model: Model, step: Step) -> None:
    """Do one step in the dictionary."""
    verb, integration_id, name, target = step
    acts: dict[str, Callable[[], None]] = {
        "put": lambda: model.put(integration_id, name),
        "remove": lambda: model.remove(integration_id),
        "link": lambda: model.link(integration_id, target),
        "unlink": lambda: model.links.discard((integration_id, target)),
        "record": lambda: setattr(model, "entries", model.entries + 1),
    }
    acts[verb]()


def outcome(act: Callable[[], None]) -> type[Exception] | None:
    """The kind of refusal that an act meets, if any."""
    try:
        act()
    except (NameTaken, HasDependencies, NotFound, Outdated) as error:
        return type(error)
    return None


def play_on_store(store: TinyDBStore, steps: list[Step]) -> None:
    """Do the steps of one change."""
    with store.change(T1) as change:
        for step in steps:
            on_store(change, step)


def play_on_model(model: Model, steps: list[Step]) -> Model:
    """Do the steps of one change on a copy."""
    copy = Model(dict(model.names), set(model.links), model.entries)
    for step in steps:
        on_model(copy, step)
    return copy


def held(store: TinyDBStore) -> Model:
    """What a store holds, asked for in every way the port knows."""
    rows = store.read(T1).integrations.page(Filter(), Window(size=100)).rows
    kept: list[Integration] = [row.integration for row in rows]
    links = {
        (one.id, link.target)
        for one in kept
        for link in store.read(T1).dependencies.page(one.id, 0, 100).rows
    }
    used = {
        (use.integration.id, target)
        for target in TARGETS
        for use in store.read(T1).dependencies.of_target(target)
    }
    assert links == used
    assert [row.dependencies for row in rows] == [sum(key == one.id for key, _ in links) for one in kept]
    assert all(store.read(T1).integrations.named(one.name.swapcase()) == one for one in kept)
    assert [one.key for one in kept] == sorted(one.key for one in kept)
    assert store.read(T1).integrations.at(SAMPLE.server) == tuple(kept)
    return Model({one.id: one.name for one in kept}, links, len(whole_history(store)))


def play_on_both(store: TinyDBStore, model: Model, steps: list[Step]) -> Model:
    """Make one change on both, see that they agree, and give the model after it."""
    after = [model]
    refused = outcome(lambda: after.append(play_on_model(model, steps)))
    assert outcome(lambda: play_on_store(store, steps)) is refused
    assert held(store) == after[-1]
    return after[-1]


@settings(max_examples=60, deadline=None)
@given(changes=st.lists(STEPS, max_size=12))
def test_store_holds_what_a_dictionary_would(changes: list[list[Step]]) -> None:
    """Any sequence of changes is accepted or refused alike, and after a restart the store holds the same."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o700)
        store = opened(Path(name))
        model = reduce(partial(play_on_both, store), changes, Model())
        store.close()
        again = opened(Path(name))
        entries = whole_history(again)[::-1]
        again.close()

    assert held(again) == model
    assert [entry.hash for entry in entries] == chain(entries)
