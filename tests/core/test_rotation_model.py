"""Random rotations against a model: which credentials open, which is handed out, and who has fetched which.

Each step may be cut off by the disk: the program ends in the middle, starts again, and finds the state before
or the state after, in which every credential that was not retired opens.

``ROTATION_STEPS=10000`` makes it as long as one has patience for.
"""

import os
import random
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bot.core.errors import InvalidFields, InvalidInput, KeyringFailure, LinkedOnly
from bot.core.integrations.credentials import (
    PlainLogin,
    former_context,
    open_credential,
    open_former,
    prepared_context,
    seal_context,
)
from bot.core.integrations.dependencies import link_target, unlink_if_linked
from bot.core.integrations.edits import Sharing, edit_integration, plan_edit
from bot.core.integrations.inventory import add_integration
from bot.core.integrations.prepared import (
    drop_prepared,
    keep_prepared,
    open_prepared,
    prepare_credential,
    use_prepared,
)
from bot.core.integrations.rotation import (
    begin_rotation,
    find_progress,
    plan_rotation,
    retire_former,
    roll_back,
)
from bot.core.kinds import read_draft
from bot.core.model import Target, TargetKind
from bot.core.ports import Ports
from bot.core.secrets import Sealed, Secret
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.registry.kind_table import KINDS
from storage.maintenance import reseal
from storage.sealing import Keyring
from storage.tinydb.tinydb_store import TinyDBStore
from tests.core.actors import ACME, ADMIN, OWNER
from tests.fakes.clock import MORNING
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.disks import PowerCut, WatchedDisk

STEPS = int(os.environ.get("ROTATION_STEPS", "600"))
SEEDS = 3
ROOTS = [bytes([number]) * 32 for number in range(4)]
SEALED = re.compile(rb"s[12]\.[a-z2-7]{8}\.[A-Za-z0-9_-]{20,}")
TARGETS = (
    Target(TargetKind.PROJECT, "web-shop"),
    Target(TargetKind.ENVIRONMENT, "production"),
    Target(TargetKind.IMAGE, "team/app"),
)


@dataclass(frozen=True)
class Known:
    """What the model knows: passwords by state, and what each target has fetched last."""

    current: str
    former: str = ""
    prepared: str | None = None
    """``""`` = it was asked for, and nobody knows whether it was made."""
    is_closed: bool = False
    depends: dict = field(default_factory=dict)
    """By target: the password it fetched last; ``""`` = it was linked only."""
    granted: frozenset = frozenset()
    """The targets that the owner linked: while it is closed they alone may fetch."""
    noted: frozenset = frozenset()
    """The targets that have fetched the current one since the rotation began."""

    @property
    def kept(self):
        """Every password that must open."""
        return {one for one in (self.current, self.former, self.prepared) if one}


class CutDisk(WatchedDisk):
    """A disk that ends the program at a call, and flushes nothing."""


class Rotations:
    """The product and the model, side by side."""

    def __init__(self, folder, seed):
        self.folder = folder
        self.random = random.Random(seed)  # noqa: S311 - the same life each time
        self.roots = [ROOTS[0]]
        self.at = MORNING
        self.number = self.cuts = 0
        self.open()
        self.model = Known(self.password())
        draft = self.draft(self.model.current)
        self.id = add_integration(self.ports, OWNER, draft, is_checked=False).integration.id
        admin = replace(ADMIN, at=self.at)
        self.tokens = {one: create_token(self.ports, admin, one, 365)[0].reveal() for one in TARGETS}

    def open(self):
        """Start, or start again."""
        self.disk = CutDisk()
        self.keyring = Keyring(self.roots)
        self.store = TinyDBStore(self.folder, self.keyring, clock=lambda: self.at, disk=self.disk)
        self.ports = Ports(self.store, self.keyring, ScriptedRegistry(), lambda: self.at)

    def password(self):
        """One that was never used."""
        self.number += 1
        return f"password number {self.number}"

    def draft(self, password=""):
        """A form with this password."""
        typed = {"url": "registry.example.com", "username": "ci", "password": password}
        return read_draft(KINDS["private"], "my_registry", typed, keeps_secret=not password)

    @property
    def actor(self):
        """The owner, now."""
        return replace(OWNER, at=self.at)

    @property
    def found(self):
        """The integration."""
        return self.store.read(ACME).integrations.get(self.id)

    def step(self):
        """Do something, sometimes cut off in the middle, and hold the product against the model."""
        self.at += timedelta(minutes=self.random.choice((1, 7, 70)))
        before = self.model
        act = self.random.choice(ACTS)
        if self.random.random() < 0.3:
            self.disk.stops_at = len(self.disk.calls) + self.random.randrange(12)
        try:
            self.model = act(self) or before
        except PowerCut:
            self.cuts += 1
            self.after_a_cut(act, before)
        self.disk.stops_at = None
        self.compare()

    def after_a_cut(self, act, before):
        """Start again: the state is the one before, or the one that the act leaves."""
        planned = self.after
        self.store._held.close()  # an ended process holds no lock, and writes nothing more
        self.open()
        matches = [one for one in (before, planned) if one and self.shown() == self.expected(one)]

        assert matches, act
        self.model = matches[0]

    def plan(self, model):
        """Remember what the act will leave, before it is done."""
        self.after = model
        return model

    def rotate(self):
        """The owner types another password."""
        if self.model.former or self.model.prepared is not None:
            with pytest.raises(InvalidInput):
                begin_rotation(
                    self.ports,
                    self.actor,
                    plan_rotation(self.ports, self.actor, self.id),
                    self.draft("x"),
                    is_checked=False,
                )
            return None
        made = self.plan(
            replace(self.model, current=self.password(), former=self.model.current, noted=frozenset())
        )
        plan = plan_rotation(self.ports, self.actor, self.id)
        begin_rotation(self.ports, self.actor, plan, self.draft(made.current), is_checked=False)
        return made

    def retire(self):
        """The owner retires the former."""
        left = self.plan(replace(self.model, former="", noted=frozenset()))
        return self.over(retire_former) and left

    def back(self):
        """The owner rolls back."""
        left = self.plan(replace(self.model, current=self.model.former, former="", noted=frozenset()))
        return self.over(roll_back) and left

    def over(self, end):
        """End a rotation; ``None`` when none was running."""
        if not self.model.former:
            with pytest.raises(InvalidInput):
                end(self.ports, self.actor, self.id, self.found.credential_number)
            return None
        return end(self.ports, self.actor, self.id, self.found.credential_number)

    def prepare(self):
        """A driver asks for one."""
        if self.model.former or self.model.prepared is not None:
            return None
        self.plan(replace(self.model, prepared=""))
        prepare_credential(self.ports, self.actor, self.id, "robot")
        return self.after

    def made(self):
        """The registry answers."""
        if self.model.prepared != "":
            return None
        left = self.plan(replace(self.model, prepared=self.password()))
        login = PlainLogin("robot", {}, {"password": Secret(left.prepared)})
        keep_prepared(self.ports, self.actor, self.id, login)
        return left

    def use(self):
        """What was made becomes the current one."""
        if not self.model.prepared:
            return None
        now = self.model
        left = replace(now, current=now.prepared, former=now.current, prepared=None, noted=frozenset())
        self.plan(left)
        use_prepared(self.ports, self.actor, self.id, None)
        return left

    def drop(self):
        """What was asked for is gone."""
        if self.model.prepared is None:
            return None
        self.plan(replace(self.model, prepared=None))
        drop_prepared(self.ports, self.actor, self.id)
        return self.after

    def fetch(self):
        """A workflow fetches."""
        target, now = self.random.choice(TARGETS), self.model
        noted = now.noted | {target} if now.former else now.noted
        left = self.plan(replace(now, depends={**now.depends, target: now.current}, noted=noted))
        caller = identify_caller(self.store, self.tokens[target], "my_registry", self.at)
        if now.is_closed and target not in now.granted:
            with pytest.raises(LinkedOnly):
                fetch_named(self.ports, caller, "my_registry")
            return None
        given = fetch_named(self.ports, caller, "my_registry").login.secret.reveal()

        assert given == now.current
        return left

    def link(self):
        """The owner links."""
        target = self.random.choice(TARGETS)
        granted = self.model.granted | {target}
        self.plan(replace(self.model, depends={target: "", **self.model.depends}, granted=granted))
        link_target(self.ports, self.actor, "my_registry", target, is_sure=True)
        return self.after

    def unlink(self):
        """The owner removes, and lets fetch again what was removed."""
        target = self.random.choice(TARGETS)
        depends = {one: had for one, had in self.model.depends.items() if one != target}
        noted, granted = self.model.noted - {target}, self.model.granted | {target}
        self.plan(replace(self.model, depends={**depends, target: ""}, noted=noted, granted=granted))
        self.disk.stops_at = None  # two changes, of which the first alone is no state of this model
        unlink_if_linked(self.ports, self.actor, self.id, target)
        link_target(self.ports, self.actor, "my_registry", target, is_sure=True)
        return self.after

    def edit(self):
        """The owner closes or opens it, which binds every credential again; a login cannot be typed."""
        self.plan(replace(self.model, is_closed=not self.model.is_closed))
        plan = plan_edit(self.ports, self.actor, self.id)
        sharing = Sharing(linked_only=self.after.is_closed)
        draft = replace(self.draft(), username=plan.integration.username)
        edit_integration(self.ports, self.actor, plan, draft, sharing, is_checked=False)
        return self.after

    def type_login(self):
        """The owner edits the login: refused while two are kept."""
        plan = plan_edit(self.ports, self.actor, self.id)
        sharing = Sharing(linked_only=self.model.is_closed)
        if self.model.former or self.model.prepared is not None:
            with pytest.raises(InvalidFields):
                edit_integration(self.ports, self.actor, plan, self.draft("x"), sharing, is_checked=False)
            return None
        left = self.plan(replace(self.model, current=self.password()))
        edit_integration(self.ports, self.actor, plan, self.draft(left.current), sharing, is_checked=False)
        return left

    def reseal(self):
        """The operator puts a new key first, seals everything again and takes the old one away."""
        self.disk.stops_at = None
        spare = next(root for root in ROOTS if root not in self.roots)
        self.roots = [spare, *self.roots]
        self.restart()
        reseal(self.store, self.keyring)
        self.store.seal_again()
        self.roots = [spare]
        self.restart()

    def restart(self):
        """The process ends and starts again."""
        self.disk.stops_at = None
        self.store.close()
        self.open()

    def shown(self):
        """What the product keeps."""
        found = self.found
        former = open_former(self.keyring, ACME, found).credential if found.former else None
        rows = self.store.read(ACME).dependencies.page(self.id, 0, 10).rows
        progress = find_progress(self.store.read(ACME), self.id)
        return (
            open_credential(self.keyring, ACME, found)["password"].reveal(),
            former["password"].reveal() if former else "",
            self.prepared(found),
            found.linked_only,
            {row.target for row in rows},
            {row.target for row in rows if row.granted_by},
            {row.target for row in progress.fetched} if progress else set(),
        )

    def prepared(self, found):
        """The prepared password; ``""`` = not known, ``None`` = none."""
        if found.prepared is None:
            return None
        if found.prepared.sealed is None:
            return ""
        return open_prepared(self.keyring, ACME, found).credential["password"].reveal()

    @staticmethod
    def expected(model):
        """What it should keep."""
        return (
            model.current,
            model.former,
            model.prepared,
            model.is_closed,
            set(model.depends),
            set(model.granted),
            set(model.noted) & set(model.depends),
        )

    def compare(self):
        """The product keeps what the model does, and no file opens to anything else."""
        assert self.shown() == self.expected(self.model)
        assert self.openable() == self.model.kept

    def written(self):
        """Everything that is on disk."""
        return [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]

    def openable(self):
        """Every password that any file opens to, as whatever it was sealed."""
        found, opened = self.found, set()
        contexts = [
            context(ACME, replace(found, linked_only=closed))
            for context in (seal_context, former_context, prepared_context)
            for closed in (False, True)
        ]
        texts = {Sealed(text.decode()) for written in self.written() for text in SEALED.findall(written)}
        keyring = Keyring(ROOTS)
        for text in texts:
            for context in contexts:
                with suppress(KeyringFailure):
                    parts = keyring.open(context, text)
                    opened |= {part.reveal() for key, part in parts.items() if key.endswith("password")}
        return opened


ACTS = (
    *(Rotations.rotate, Rotations.rotate, Rotations.retire, Rotations.back),
    *(Rotations.prepare, Rotations.made, Rotations.made, Rotations.use, Rotations.use, Rotations.drop),
    *(Rotations.fetch, Rotations.fetch, Rotations.fetch, Rotations.link, Rotations.unlink),
    *(Rotations.edit, Rotations.type_login, Rotations.reseal, Rotations.restart),
)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_the_credentials_are_those_of_the_model(tmp_path, seed):
    """What was not retired opens, whatever ended the program when; what was retired opens nowhere."""
    rotations = Rotations(tmp_path / "data", seed)
    [rotations.step() for _ in range(STEPS // SEEDS)]
    rotations.store.close()

    assert rotations.number > STEPS // SEEDS // 20
    assert rotations.cuts > STEPS // SEEDS // 20
