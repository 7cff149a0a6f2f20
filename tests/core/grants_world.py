"""The model of design.md, section 2: who may fetch, what answers and depends. It knows no product."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta

from bot.core.model import Target

NEAR = timedelta(seconds=5)


@dataclass
class Depends:
    """How a target stands to an integration."""

    by: str
    added_at: object
    is_granted: bool = False
    is_fetch: bool = False
    """True: a workflow's fetch began it, and nobody linked it."""
    used_at: object = None
    unapproved: set = field(default_factory=set)
    """Who made the tokens that fetched it, while none of these was approved."""
    swept_at: object = None
    """When it was fetched last along with others, as long as it was never fetched alone."""
    was_used: bool = False

    def join(self, other):
        """Two targets become one."""
        if (other.is_granted and not self.is_granted) or (
            self.is_fetch and not (other.is_fetch or other.is_granted)
        ):
            self.by, self.added_at, self.is_fetch = other.by, other.added_at, other.is_fetch and self.is_fetch
        self.is_granted |= other.is_granted
        if self.was_used and other.was_used:
            both = self.unapproved and other.unapproved
            self.unapproved = self.unapproved | other.unapproved if both else set()
        elif other.was_used:
            self.unapproved, self.was_used = other.unapproved, True

    @property
    def is_swept(self):
        """True while the last use, too, was one of several at once."""
        if self.swept_at is None or self.is_granted or self.used_at is None:
            return False
        return self.used_at - self.swept_at <= NEAR

    def is_use_of(self, token):
        """True when the use says what a token gets."""
        makers = {token.creator, token.maker} if token else set()
        return self.was_used and (not self.unapproved or bool(makers & self.unapproved))


@dataclass
class Known:
    """What the model knows of an integration."""

    number: int
    name: str
    server: str
    owner: str
    added_at: object
    is_closed: bool
    depends: dict = field(default_factory=dict)
    removed: dict = field(default_factory=dict)
    """By target that may not fetch: what was taken away, and when."""


@dataclass
class Token:
    """What the model knows of a workflow token."""

    target: Target
    creator: str
    made_at: object
    is_admins: bool
    is_approved: bool
    maker: str | None = None
    """Whom it was taken over from."""
    kept_from: set = field(default_factory=set)
    """The numbers of integrations whose grant does not count for it."""


@dataclass
class World:
    """Everything the model knows."""

    slots: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=dict)

    def lets(self, known, target, token=None):
        """Removed, granted, the creator's own, closed, open to approved tokens: in this order."""
        if target in known.removed:
            return False
        depends = known.depends.get(target)
        if depends and depends.is_granted and not (token and known.number in token.kept_from):
            return True
        if token and token.creator == known.owner and token.maker is None:
            return True
        return not known.is_closed and (token is None or token.is_approved)

    def answers(self, server, target, token=None):
        """Which integration of a server answers; ``None`` = none may, ``"?"`` = nobody can say."""
        there = [one for one in self.slots.values() if one.server == server]
        allowed = [one for one in there if self.lets(one, target, token)]
        linked = [one for one in allowed if target in one.depends and one.depends[target].is_granted]
        if len(allowed) < 2:
            return allowed[0] if allowed else None
        linked = [one for one in linked if self.is_own(one, token)] or linked
        if linked:
            return linked[0] if len(linked) == 1 else "?"
        used = [one for one in allowed if target in one.depends and one.depends[target].is_use_of(token)]
        alone = [one for one in used if not one.depends[target].is_swept]
        shared = [one for one in allowed if not one.is_closed]
        if len(alone) == 1 or len(used) == 1:
            return (alone if len(alone) == 1 else used)[0]
        return shared[0] if not alone and len(shared) == 1 else "?"

    def is_own(self, known, token):
        """True when a token's maker owns an integration."""
        return token is not None and token.creator == known.owner and token.maker is None

    def lost(self, known, target, removed=None, *, is_opened=False):
        """What a grant, or what comes back or is opened, takes from the target's tokens at this server."""
        then = deepcopy(self)
        mine = next(one for one in then.slots.values() if one.number == known.number)
        mine.is_closed = known.is_closed and not is_opened
        if removed:
            mine.depends[target] = deepcopy(removed)
        else:
            mine.depends.setdefault(target, Depends("", None)).is_granted = True
        then.let_in(mine, target)
        tokens = [key for key, one in self.tokens.items() if one.target == target]
        found = []
        for key in (None, *tokens):
            now = self.answers(known.server, target, self.tokens.get(key))
            after = then.answers(known.server, target, then.tokens.get(key))
            is_other = now not in (None, "?") and now.number != known.number and target in now.depends
            if is_other and (after in (None, "?") or after.number != now.number):
                found.append((now, self.tokens.get(key), key is not None or not tokens))
        return found

    def needed(self, known, target, who, removed=None, *, is_opened=False):
        """The owners whose right such a change needs; nobody needs it for their own tokens."""
        return {known.owner} | {
            one.owner
            for one, token, is_real in self.lost(known, target, removed, is_opened=is_opened)
            if is_real and not (token and token.creator == who and token.maker is None)
        }

    def uses(self, target, but=None):
        """How a target stands to every integration but one."""
        return [
            (one, one.depends[target])
            for one in self.slots.values()
            if target in one.depends and one is not but
        ]

    def swept(self, known, target, at):
        """What a target fetched within seconds from other servers is part of a sweep; gives when, if any."""
        near = [
            other
            for one, other in self.uses(target)
            if one.server != known.server and other.used_at and abs(other.used_at - at) <= NEAR
        ]
        for other in near:
            is_new = other.is_fetch and at - other.added_at <= NEAR
            if not other.is_granted and (other.swept_at or is_new):
                other.swept_at = at
        return at if near else None

    def fetched(self, known, token, at):
        """A workflow fetches."""
        target, depends = token.target, known.depends.get(token.target)
        if depends is None:
            known.depends[target] = depends = Depends(token.creator, at, is_fetch=True)
            depends.swept_at = self.swept(known, target, at)
        elif depends.swept_at and not depends.is_granted:
            depends.swept_at = self.swept(known, target, at) or depends.swept_at if depends.is_swept else None
        if depends.used_at is None and not depends.was_used:
            depends.unapproved = set() if token.is_approved else {token.creator}
        elif depends.unapproved:
            depends.unapproved = set() if token.is_approved else depends.unapproved | {token.creator}
        depends.used_at, depends.was_used = at, True

    def let_in(self, known, target):
        """Somebody with the right let the target fetch: its tokens are kept out no more."""
        known.removed.pop(target, None)
        for token in self.tokens.values():
            if token.target == target:
                token.kept_from.discard(known.number)

    def keep_out(self, known, target, since=None):
        """What is closed lets no token in that others made, but an admin's, by somebody else's press."""
        for token in self.tokens.values() if known.is_closed else ():
            is_late = since is None or token.made_at >= since
            is_free = token.is_admins or self.is_own(known, token)
            if token.target == target and is_late and not is_free:
                token.kept_from.add(known.number)
