"""Random lives of a team against a model of design.md, section 2: who may fetch, and what depends.

``MODEL_STEPS=100000`` makes it as long as one has patience for.
"""

import os
import random
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bot.core.errors import NotPermitted
from bot.core.integrations.deletions import delete_integration, plan_deletion, remove_all
from bot.core.integrations.dependencies import (
    allow_link,
    find_uses,
    link_target,
    restore_target,
    unlink_if_linked,
)
from bot.core.integrations.edits import Sharing, edit_integration, plan_edit
from bot.core.integrations.inventory import add_integration, list_unused
from bot.core.kinds import read_draft
from bot.core.model import Target, TargetKind
from bot.core.ports import Ports
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.registry.kind_table import KINDS
from storage.tinydb.tinydb_store import TinyDBStore
from tests.core.actors import ACME, ADMIN, COLLEAGUE, OWNER
from tests.fakes.clock import MORNING
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.fakes.workplace import QuickDisk

STEPS = int(os.environ.get("MODEL_STEPS", "1500"))
SLOTS = ("first", "second", "third")
TARGETS = (
    Target(TargetKind.PROJECT, "web-shop"),
    Target(TargetKind.ENVIRONMENT, "production"),
    Target(TargetKind.IMAGE, "team/app"),
)


@dataclass
class Known:
    """What the model knows of an integration."""

    name: str
    added_at: object
    is_closed: bool = False
    depends: dict = field(default_factory=dict)
    """By target: whether a person with the right granted it, and when it was last used."""
    removed: dict = field(default_factory=dict)
    """By target that may not fetch: what was taken away."""

    def lets(self, target, is_approved):
        """Section 2: removed, granted, closed, open to approved tokens, in this order."""
        if target in self.removed:
            return False
        granted, _ = self.depends.get(target, (False, None))
        return granted or (not self.is_closed and is_approved)

    def grant(self, target):
        """A person with the right lets the target fetch."""
        self.depends[target] = (True, self.depends.get(target, (False, None))[1])
        self.removed.pop(target, None)


class Life:
    """The product and the model, side by side."""

    def __init__(self, folder, keyring, seed):
        self.folder, self.keyring = folder, keyring
        self.random = random.Random(seed)  # noqa: S311 - the same life each time
        self.at = MORNING
        self.model = {}
        self.number = 0
        self.open()
        self.tokens = {
            (target, approved): create_token(self.ports, self.by(who), target, 365)[0].reveal()
            for target in TARGETS
            for approved, who in ((True, ADMIN), (False, COLLEAGUE))
        }

    def open(self):
        """Start, or start again."""
        self.store = TinyDBStore(self.folder, self.keyring, clock=lambda: self.at, disk=QuickDisk())
        self.ports = Ports(self.store, self.keyring, ScriptedRegistry(), lambda: self.at)

    def by(self, who):
        """Somebody, now."""
        return replace(who, at=self.at)

    def id_of(self, slot):
        """The integration's id."""
        return self.store.read(ACME).integrations.named(self.model[slot].name).id

    def step(self):
        """Do something that happens in a team, on both sides, and hold them against each other."""
        self.at += timedelta(minutes=self.random.choice((0, 1, 2, 10)))
        self.at += timedelta(hours=26) * (self.random.random() < 0.005)
        slot, target = self.random.choice(SLOTS), self.random.choice(TARGETS)
        verbs = PRESENT if slot in self.model else (Life.add,)
        self.random.choice(verbs)(self, slot, target)
        self.compare()

    def add(self, slot, _):
        """Add, or add again."""
        self.number += 1
        name = f"{slot}-{self.number}"
        typed = {"url": f"{slot}.example.com", "username": "ci", "password": "correct horse"}
        draft = read_draft(KINDS["private"], name, typed)
        closed = self.random.random() < 0.3
        add_integration(self.ports, self.by(OWNER), draft, is_checked=False, linked_only=closed)
        self.model[slot] = Known(name, self.at, closed)

    def link(self, slot, target):
        """The owner links."""
        link_target(self.ports, self.by(OWNER), self.model[slot].name, target, is_sure=True)
        self.model[slot].grant(target)

    def note(self, slot, target):
        """Another member notes."""
        link_target(self.ports, self.by(COLLEAGUE), self.model[slot].name, target)
        self.model[slot].depends.setdefault(target, (False, None))

    def allow(self, slot, target):
        """The owner allows what is there."""
        if target in self.model[slot].depends:
            granted, _ = self.model[slot].depends[target]
            allow_link(self.ports, self.by(OWNER), self.id_of(slot), target)
            if not granted:
                self.model[slot].grant(target)

    def fetch(self, slot, target):
        """A workflow fetches one."""
        approved = self.random.random() < 0.6
        known, name = self.model[slot], self.model[slot].name
        text = self.tokens[target, approved]
        caller = identify_caller(self.store, text, name, self.at)
        try:
            fetch_named(self.ports, caller, name)
            is_given = True
        except NotPermitted:
            is_given = False

        assert is_given == known.lets(target, approved)
        if is_given:
            known.depends[target] = (known.depends.get(target, (False, None))[0], self.at)

    def fetch_all(self, _, target):
        """A client asks for everything."""
        [self.fetch(slot, target) for slot in sorted(self.model)]

    def remove(self, slot, target):
        """The owner removes one."""
        unlink_if_linked(self.ports, self.by(OWNER), self.id_of(slot), target)
        if target in self.model[slot].depends:
            self.model[slot].removed[target] = self.model[slot].depends.pop(target)

    def remove_all(self, slot, _):
        """The owner removes all."""
        remove_all(self.ports, self.by(OWNER), self.id_of(slot))
        self.model[slot].removed.update(self.model[slot].depends)
        self.model[slot].depends.clear()

    def undo(self, slot, target):
        """The owner puts back what was removed."""
        restore_target(self.ports, self.by(OWNER), self.id_of(slot), target)
        if target in self.model[slot].removed:
            self.model[slot].depends.setdefault(target, self.model[slot].removed.pop(target))
            self.model[slot].removed.pop(target, None)

    def save(self, slot, _):
        """The owner renames, and closes or opens."""
        self.number += 1
        name, closed = f"{slot}-{self.number}", self.random.random() < 0.5
        plan = plan_edit(self.ports, self.by(OWNER), self.id_of(slot))
        typed = {"url": f"{slot}.example.com", "username": "ci"}
        draft = read_draft(KINDS["private"], name, typed, keeps_secret=True)
        edit_integration(
            self.ports, self.by(OWNER), plan, draft, Sharing(linked_only=closed), is_checked=False
        )
        self.model[slot].name, self.model[slot].is_closed = name, closed

    def delete(self, slot, _):
        """The owner presses Yes, whatever is shown."""
        plan = plan_deletion(self.ports, self.by(OWNER), self.id_of(slot))
        left = delete_integration(self.ports, self.by(OWNER), plan.integration.id, plan.integration.version)

        assert (left is None) == (not self.model[slot].depends)
        if left is None:
            del self.model[slot]

    def restart(self, *_):
        """The process ends and starts again."""
        self.store.close()
        self.open()

    def compare(self):
        """The confirmation, `settings` and `unused` show what the model knows."""
        for slot, known in self.model.items():
            rows = plan_deletion(self.ports, self.by(OWNER), self.id_of(slot)).dependencies.rows
            shown = {row.target: (row.granted_by is not None, row.last_used_at) for row in rows}
            assert shown == known.depends
        for target in TARGETS:
            uses = find_uses(self.ports, self.by(OWNER), target).uses
            known_names = sorted(one.name for one in self.model.values() if target in one.depends)
            assert [use.integration.name for use in uses] == known_names
        since = self.at - timedelta(days=1)
        unused = list_unused(self.ports, self.by(OWNER), 1)[1]
        assert sorted(one.integration.name for one in unused) == sorted(
            one.name
            for one in self.model.values()
            if one.added_at < since and not any(used and used > since for _, used in one.depends.values())
        )


PRESENT = (
    *(Life.link, Life.note, Life.allow, Life.fetch, Life.fetch, Life.fetch, Life.fetch_all),
    *(Life.remove, Life.remove, Life.remove_all, Life.undo, Life.save, Life.delete, Life.restart),
)


@pytest.mark.parametrize("seed", range(3))
def test_team_of_any_life_gets_what_people_granted(tmp_path, keyring, seed):
    """Whatever people and workflows do, hand-outs and screens are as the rules say."""
    life = Life(tmp_path / "data", keyring, seed)
    [life.step() for _ in range(STEPS // 3)]
    life.store.close()

    assert life.number > 10
