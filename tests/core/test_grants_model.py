"""Random lives of a team against a model of design.md, section 2: who may fetch, what answers, what depends.

``MODEL_STEPS=100000`` makes it as long as one has patience for; ``MODEL_SEEDS`` says over how many lives.
"""

import os
import random
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.addresses import parse_server
from bot.core.errors import Ambiguous, NotPermitted
from bot.core.integrations.deletions import LeftBehind, delete_integration, plan_deletion, remove_all
from bot.core.integrations.dependencies import allow_link, link_target, restore_target, unlink_if_linked
from bot.core.integrations.edits import Sharing, edit_integration, plan_edit
from bot.core.integrations.inventory import add_integration, list_unused
from bot.core.integrations.owners import give_all, plan_giving
from bot.core.integrations.target_names import find_uses
from bot.core.integrations.target_renaming import rename_target
from bot.core.kinds import read_draft
from bot.core.model import Target, TargetKind
from bot.core.ports import Ports
from bot.core.ports.slack import Person
from bot.core.workflows.fetch import fetch_at, fetch_named, list_offers
from bot.core.workflows.tokens import approve_token, create_token, identify_caller
from bot.registry.kind_table import KINDS
from storage.tinydb.tinydb_store import TinyDBStore
from tests.core.actors import ACME, ADMIN, COLLEAGUE, OWNER, actor
from tests.core.grants_world import Depends, Known, Token, World
from tests.fakes.clock import MORNING
from tests.fakes.lookups import tokens_in
from tests.fakes.scripted_registry import ScriptedRegistry
from tests.storage.disks import PowerCut, WatchedDisk

STEPS = int(os.environ.get("MODEL_STEPS", "1200"))
SEEDS = int(os.environ.get("MODEL_SEEDS", "3"))
LEAVER = actor("U0LEAVER")
PEOPLE = {one.user_id: one for one in (OWNER, COLLEAGUE, ADMIN, LEAVER)}
SLOTS = {
    "first": ("shared.example.com", OWNER),
    "second": ("shared.example.com", COLLEAGUE),
    "third": ("third.example.com", OWNER),
}
"""Two integrations of one server, of different owners, and one of another."""
TARGETS = (
    Target(TargetKind.PROJECT, "web-shop"),
    Target(TargetKind.PROJECT, "checkout"),
    Target(TargetKind.IMAGE, "team/app"),
)
A_LOT = 12
"""Tokens; when there are more, the oldest are used no more."""


class Life:
    """The product and the model, side by side."""

    def __init__(self, folder, keyring, seed):
        self.folder, self.keyring = folder, keyring
        self.random = random.Random(seed)  # noqa: S311 - the same life each time
        self.at = MORNING
        self.world = self.next = World()
        self.texts, self.done = {}, {}
        self.number = self.kills = 0
        self.open()

    def open(self):
        """Start, or start again."""
        self.disk = WatchedDisk()
        self.store = TinyDBStore(self.folder, self.keyring, clock=lambda: self.at, disk=self.disk)
        self.ports = Ports(self.store, self.keyring, ScriptedRegistry(), lambda: self.at)

    def by(self, user_id):
        """Somebody, now."""
        return replace(PEOPLE[user_id], at=self.at)

    def id_of(self, known):
        """The integration's id."""
        return self.store.read(ACME).integrations.named(known.name).id

    def step(self):
        """Do something that happens in a team, on both sides, and hold them against each other."""
        self.at += timedelta(minutes=self.random.choice((0, 0, 1, 2, 10)))
        self.at += timedelta(hours=26) * (self.random.random() < 0.005)
        self.next = deepcopy(self.world)
        slot, target = self.random.choice(list(SLOTS)), self.random.choice(TARGETS)
        known = self.next.slots.get(slot)
        act = self.random.choice(ACTS) if known else Life.add
        do = act(self, known or slot, target)
        if do is None:
            return
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
        if act in KILLED and self.random.random() < 0.2:
            self.store.flush()  # a last use that is not on disk yet may be lost
            self.disk.stops_at = len(self.disk.calls) + self.random.randrange(12)
        try:
            do()
        except PowerCut:
            self.kills += 1
            self.store._held.close()  # an ended process holds no lock, and writes nothing more
            self.open()
            assert self.shown() in [self.expected(one) for one in (self.world, self.next)], act
            if self.shown() == self.expected(self.world):
                self.next = self.world
        self.disk.stops_at = None
        self.world = self.next
        self.compare()

    def add(self, slot, _):
        """Add, or add again."""
        self.number += 1
        host, owner = SLOTS[slot]
        name, closed = f"{slot}-{self.number}", self.random.random() < 0.3
        draft = read_draft(
            KINDS["private"], name, {"url": host, "username": "ci", "password": "correct horse"}
        )
        self.next.slots[slot] = Known(self.number, name, host, owner.user_id, self.at, closed)
        who = self.by(owner.user_id)
        return lambda: add_integration(self.ports, who, draft, is_checked=False, linked_only=closed)

    def link(self, known, target):
        """Somebody links: a note, where it is not theirs or would change another owner's login."""
        who = self.random.choice((known.owner, known.owner, COLLEAGUE.user_id, OWNER.user_id, ADMIN.user_id))
        is_granted = who == ADMIN.user_id or self.next.needed(known, target, who) == {who}
        depends = known.depends.setdefault(target, Depends(who, self.at))
        if depends.is_fetch:
            depends.by, depends.added_at, depends.is_fetch = who, self.at, False
        depends.is_granted |= is_granted
        if is_granted:
            self.next.let_in(known, target)
        actor = self.by(who)
        return lambda: link_target(self.ports, actor, known.name, target, is_sure=True)

    def allow(self, known, target):
        """Somebody allows what is there."""
        depends = known.depends.get(target)
        if depends is None:
            return None
        who = self.random.choice((known.owner, ADMIN.user_id, COLLEAGUE.user_id))
        needed = self.next.needed(known, target, who)
        lost = {one.owner for one, *_ in self.next.lost(known, target)}
        theirs = needed if who == ADMIN.user_id else (needed | lost) & {who}
        is_allowed = bool(theirs) and needed <= theirs | ({depends.by} if not depends.is_fetch else set())
        has_right = who in (known.owner, ADMIN.user_id)
        if is_allowed and not has_right:
            if not depends.is_granted:
                known.removed.pop(target, None)
                self.next.keep_out(known, target)
            depends.is_granted = True
        elif is_allowed:
            # What was granted already is news only to tokens that were kept out: a removal stays one.
            was_barred = known.removed.get(target) if depends.is_granted else None
            is_kept_out = any(
                one.target == target and known.number in one.kept_from for one in self.next.tokens.values()
            )
            depends.is_granted = True
            self.next.let_in(known, target)
            if was_barred and not is_kept_out:
                known.removed[target] = was_barred
        return lambda: self.allowed(self.by(who), known, target, is_allowed)

    def allowed(self, who, known, target, is_allowed):
        """Allow, or be refused."""
        if is_allowed:
            allow_link(self.ports, who, self.id_of(known), target)
        else:
            with pytest.raises(NotPermitted):
                allow_link(self.ports, who, self.id_of(known), target)

    def fetch(self, known, _):
        """A workflow fetches one by its name."""
        if not self.next.tokens:
            return None
        token_id = self.random.choice(list(self.next.tokens))
        token = self.next.tokens[token_id]
        is_let = self.next.lets(known, token.target, token)
        if is_let:
            self.next.fetched(known, token, self.at)
        return lambda: self.fetched(token_id, known.name, known.name if is_let else NotPermitted)

    def fetch_server(self, known, _):
        """A workflow fetches what answers for a server."""
        if not self.next.tokens:
            return None
        token_id = self.random.choice(list(self.next.tokens))
        token = self.next.tokens[token_id]
        answer = self.next.answers(known.server, token.target, token)
        if answer not in (None, "?"):
            self.next.fetched(answer, token, self.at)
        expected = {None: NotPermitted, "?": Ambiguous}[answer] if answer in (None, "?") else answer.name
        return lambda: self.fetched(token_id, parse_server(known.server), expected)

    def fetched(self, token_id, asked, expected):
        """Fetch, and get what is expected: a name, or an error."""
        caller = identify_caller(self.store, self.texts[token_id], asked, self.at)
        ask = fetch_named if isinstance(asked, str) else fetch_at
        if isinstance(expected, str):
            assert ask(self.ports, caller, asked).integration.name == expected
        else:
            with pytest.raises(expected):
                ask(self.ports, caller, asked)

    def sweep(self, *_):
        """A client asks for everything that its target depends on."""
        if not self.next.tokens:
            return None
        token_id = self.random.choice(list(self.next.tokens))
        token = self.next.tokens[token_id]
        known = [one for one in self.next.slots.values() if self.next.lets(one, token.target, token)]
        for one in known:
            self.next.fetched(one, token, self.at)
        names = [one.name for one in known]
        return lambda: [self.fetched(token_id, name, name) for name in names]

    def remove(self, known, target):
        """The owner removes one."""
        depends = known.depends.pop(target, None)
        if depends:
            known.removed[target] = (depends, self.at)
        who, ident = self.by(known.owner), self.id_of(known)
        return lambda: unlink_if_linked(self.ports, who, ident, target)

    def remove_all(self, known, _):
        """An admin removes all."""
        known.removed.update({target: (one, self.at) for target, one in known.depends.items()})
        known.depends.clear()
        who, ident = self.by(ADMIN.user_id), self.id_of(known)
        return lambda: remove_all(self.ports, who, ident)

    def undo(self, known, target):
        """The owner puts back what was removed; a token of in between is let in by nobody."""
        removed, removed_at = known.removed.pop(target, (None, None))
        if removed and target not in known.depends:
            if self.next.needed(known, target, known.owner, removed) != {known.owner}:
                removed.unapproved = removed.unapproved if removed.is_granted else {known.owner}
                removed.is_granted = False
            known.depends[target] = removed
            self.next.keep_out(known, target, since=removed_at)
        who, ident = self.by(known.owner), self.id_of(known)
        return lambda: restore_target(self.ports, who, ident, target)

    def save(self, known, _):
        """The owner renames, and closes or opens; a use from before takes nothing from another's tokens."""
        self.number += 1
        plan = plan_edit(self.ports, self.by(known.owner), self.id_of(known))
        is_closed = self.random.random() < 0.5
        for target, used in known.depends.items() if known.is_closed and not is_closed else ():
            needed = self.next.needed(known, target, known.owner, used, is_opened=True)
            if not used.is_granted and needed != {known.owner}:
                used.unapproved = {known.owner}
        known.name, known.is_closed = f"{known.name.split('-')[0]}-{self.number}", is_closed
        typed = {"url": known.server, "username": "ci"}
        draft = read_draft(KINDS["private"], known.name, typed, keeps_secret=True)
        who, sharing = self.by(known.owner), Sharing(linked_only=known.is_closed)
        return lambda: edit_integration(self.ports, who, plan, draft, sharing, is_checked=False)

    def delete(self, known, _):
        """The owner presses Yes, whatever is shown."""
        who, ident, is_free = self.by(known.owner), self.id_of(known), not known.depends
        if is_free:
            self.next.slots = {slot: one for slot, one in self.next.slots.items() if one is not known}
        plan = plan_deletion(self.ports, who, ident)
        return lambda: self.deleted(who, plan.integration, is_free)

    def deleted(self, who, integration, is_free):
        """Delete, or be shown what is in the way."""
        left = delete_integration(self.ports, who, integration.id, integration.version)

        assert isinstance(left, LeftBehind) == is_free

    def make_token(self, _, target):
        """Somebody makes a token: what others were granted before, and is closed, it is kept from."""
        who = self.random.choice(list(PEOPLE))
        is_admins = who == ADMIN.user_id
        kept_from = {
            one.number
            for one, depends in self.next.uses(target)
            if depends.is_granted and one.is_closed and not is_admins and one.owner != who
        }
        token = Token(target, who, self.at, is_admins, is_admins, None, kept_from)

        def do():
            text, made = create_token(self.ports, self.by(who), target, 365)
            self.texts[made.id] = text.reveal()
            self.next.tokens[made.id] = token

        return do

    def approve(self, *_):
        """An admin approves a token."""
        if not self.next.tokens:
            return None
        token_id = self.random.choice(list(self.next.tokens))
        self.next.tokens[token_id].is_approved = True
        return lambda: approve_token(self.ports, self.by(ADMIN.user_id), token_id)

    def hand_over(self, *_):
        """Everything of the leaver, who owns tokens alone, goes to somebody; or comes back."""
        former, to = self.random.choice(((LEAVER, OWNER), (LEAVER, COLLEAGUE), (LEAVER, ADMIN)))
        person = Person(to.user_id, ACME.team_id)
        for token in self.next.tokens.values():
            if token.creator == former.user_id:
                token.maker, token.creator = token.maker or token.creator, to.user_id
        admin = self.by(ADMIN.user_id)
        plan = plan_giving(self.ports, admin, former.user_id, person)
        return lambda: give_all(self.ports, admin, former.user_id, person, plan.fingerprint)

    def merge(self, *_):
        """An admin makes one of two targets."""
        old, new = TARGETS[:2] if self.random.random() < 0.5 else TARGETS[1::-1]
        if not any(old in one.depends for one in self.next.slots.values()) and not any(
            one.target == old for one in self.next.tokens.values()
        ):
            return None
        for known in self.next.slots.values():
            moved, there = known.depends.pop(old, None), known.depends.get(new)
            if moved and there:
                there.join(moved)
            elif moved:
                known.depends[new] = moved
            barred, there = known.removed.pop(old, None), known.depends.get(new)
            if barred and not (there and there.is_granted):
                known.removed.setdefault(new, barred)
        for token in self.next.tokens.values():
            token.target = new if token.target == old else token.target

        def do():
            admin = self.by(ADMIN.user_id)
            asked, is_done = rename_target(self.ports, admin, old, new)
            assert is_done or rename_target(self.ports, admin, old, new, asked.fingerprint)[1]

        return do

    def restart(self, *_):
        """The process ends and starts again."""
        self.store.close()
        self.open()
        return lambda: None

    def shown(self):
        """What the product keeps."""
        reading = self.store.read(ACME)
        number_of = {
            self.id_of(one): one.number for world in (self.world, self.next) for one in self.there(world)
        }
        tokens = {
            one.id: (
                *(one.target, one.created_by, bool(one.approved_by), one.taken_over_from),
                {number_of[each] for each in one.kept_from if each in number_of},
            )
            for one in tokens_in(self.store, ACME)
            if one.id in self.texts
        }
        rows = {}
        for one in reading.integrations.all():
            plan = plan_deletion(self.ports, self.by(ADMIN.user_id), one.id)
            rows[one.name] = (
                one.linked_only,
                {
                    row.target: (row.granted_by is not None, row.last_used_at, row.target in plan.swept)
                    for row in plan.dependencies.rows
                },
                {target for target in TARGETS if reading.dependencies.bar(one.id, target)},
            )
        return rows, tokens

    def there(self, world):
        """Those integrations of a world that the store has."""
        reading = self.store.read(ACME)
        return [one for one in world.slots.values() if reading.integrations.named(one.name)]

    def expected(self, world):
        """What it should keep."""
        numbers = {one.number for one in world.slots.values()}
        rows = {
            one.name: (
                one.is_closed,
                {
                    target: (depends.is_granted, depends.used_at, depends.is_swept)
                    for target, depends in one.depends.items()
                },
                set(one.removed),
            )
            for one in world.slots.values()
        }
        tokens = {
            key: (one.target, one.creator, one.is_approved, one.maker, one.kept_from & numbers)
            for key, one in world.tokens.items()
        }
        return rows, tokens

    def compare(self):
        """The confirmation, tokens, `settings`, `unused` and what is offered show what the model knows."""
        assert self.shown() == self.expected(self.world)
        target = self.random.choice(TARGETS)
        uses = find_uses(self.ports, self.by(OWNER.user_id), target).uses
        assert [use.integration.name for use in uses] == sorted(
            one.name for one, _ in self.world.uses(target)
        )
        since = self.at - timedelta(days=1)
        unused = list_unused(self.ports, self.by(OWNER.user_id), 1)[1]
        assert sorted(one.integration.name for one in unused) == sorted(
            one.name
            for one in self.world.slots.values()
            if one.added_at < since
            and not any(each.used_at and each.used_at > since for each in one.depends.values())
        )
        self.compare_offers()

    def compare_offers(self):
        """A token is offered what it may fetch; the oldest of many are used no more."""
        tokens = self.world.tokens
        if tokens:
            token_id = self.random.choice(list(tokens))
            token = tokens[token_id]
            caller = identify_caller(self.store, self.texts[token_id], None, self.at)
            offered = [one.integration.name for one in list_offers(self.ports, caller).offers]
            known = [
                one.name for one in self.world.slots.values() if self.world.lets(one, token.target, token)
            ]
            assert offered == sorted(known)


def drop_old_tokens(life):
    """Take the oldest tokens away on both sides, so that a life stays as fast as it began."""
    for token_id in list(life.world.tokens)[:-A_LOT]:
        with life.store.change(ACME) as change:
            change.remove(change.tokens.get(token_id))
        del life.world.tokens[token_id], life.texts[token_id]


KILLED = (
    *(Life.add, Life.link, Life.allow, Life.remove, Life.remove_all, Life.undo, Life.save, Life.delete),
    *(Life.approve, Life.hand_over),
)
"""What is one change: the program may end in the middle of it."""
ACTS = (
    *(Life.link, Life.link, Life.link, Life.allow, Life.fetch, Life.fetch, Life.fetch_server),
    *(Life.fetch_server, Life.fetch_server, Life.sweep, Life.remove, Life.remove, Life.remove_all, Life.undo),
    *(Life.undo, Life.save, Life.delete, Life.delete, Life.restart, Life.make_token, Life.approve),
    *(Life.hand_over, Life.merge),
)


@pytest.fixture(params=range(SEEDS))
def life(request, tmp_path, keyring):
    """A life; the same each time for each seed."""
    begun = Life(tmp_path / "data", keyring, request.param)
    yield begun
    begun.store.close()


def test_team_of_any_life_gets_what_people_granted(life):
    """Whatever people, workflows and power cuts do, hand-outs and screens are as the rules say."""
    for _ in range(STEPS // SEEDS):
        life.step()
        drop_old_tokens(life)

    assert life.done.keys() == {act.__name__ for act in (*ACTS, Life.add)}
    assert life.kills > STEPS // SEEDS // 50
