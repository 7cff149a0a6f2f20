"""The model of design.md, section 2: who may fetch, what answers and depends. It knows no product."""

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
    is_swept: bool = False


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
        if linked:
            return linked[0] if len(linked) == 1 else "?"
        used = [one for one in allowed if target in one.depends and not one.depends[target].is_swept]
        shared = [one for one in allowed if not one.is_closed]
        if len(used) == 1:
            return used[0]
        return shared[0] if not used and len(shared) == 1 else "?"

    def replaced(self, known, target):
        """What the target uses at this server, and would not get any more after a link."""
        if target in known.depends and known.depends[target].is_granted:
            return None
        now = self.answers(known.server, target)
        is_other = now not in (None, "?", known)
        return now if is_other and target in now.depends else None

    def uses(self, target, but=None):
        """How a target stands to every integration but one."""
        return [
            (one, one.depends[target])
            for one in self.slots.values()
            if target in one.depends and one is not but
        ]

    def is_swept(self, known, target):
        """True while the last use, too, was one of several at once."""
        depends = known.depends[target]
        if not depends.is_swept or depends.is_granted or depends.used_at is None:
            return False
        return any(
            other.used_at and abs(other.used_at - depends.used_at) <= NEAR
            for _, other in self.uses(target, but=known)
        )

    def fetched(self, known, token, at):
        """A workflow fetches."""
        target, depends = token.target, known.depends.get(token.target)
        if depends is None:
            near = [
                other
                for one, other in self.uses(target)
                if one.server != known.server and other.used_at and abs(other.used_at - at) <= NEAR
            ]
            for other in near:
                if other.is_fetch and not other.is_granted and at - other.added_at <= NEAR:
                    other.is_swept = True
            known.depends[target] = depends = Depends(token.creator, at, is_fetch=True, is_swept=bool(near))
        elif depends.is_swept and not self.is_swept(known, target) and not depends.is_granted:
            depends.is_swept = False
        depends.used_at = at

    def let_in(self, known, target):
        """Somebody with the right let the target fetch: its tokens are kept out no more."""
        known.removed.pop(target, None)
        for token in self.tokens.values():
            if token.target == target:
                token.kept_from.discard(known.number)
