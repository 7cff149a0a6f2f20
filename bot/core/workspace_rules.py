"""What the admins of a workspace decide for it: who else is an admin or an editor, and its limits.

The operator's settings are the defaults; what a workspace has chosen is a setting of its own. Where one bot
token is served, the operator decides alone.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.core.access import require
from bot.core.audit import Action, event
from bot.core.errors import InvalidFields
from bot.core.model import Actor, Setting, Workspace
from bot.core.ports import Ports
from bot.core.ports.store import Reading, Store

_MOST_A_MINUTE = 600
"""A workspace may not let a person send more than this, or than the operator's own limit."""
_REMEMBERED_S = 10.0
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class WorkspaceRules:
    """What holds in a workspace."""

    admins: tuple[str, ...] = ()
    """Ids of people and user groups who are admins here beside Slack's own."""
    editors: tuple[str, ...] = ()
    """Ids of those who may add and change; empty = every full member."""
    default_linked_only: bool = False
    """What ``Who may fetch it`` starts with: True = *Linked targets only*."""
    rate_limit: int = 30
    """How many commands, presses and forms a person may send a minute."""


def _written(rules: WorkspaceRules) -> dict[str, str]:
    """The rules as settings, by name."""
    return {
        "rules.admins": ",".join(rules.admins),
        "rules.editors": ",".join(rules.editors),
        "rules.access": "linked" if rules.default_linked_only else "all",
        "rules.rate_limit": str(rules.rate_limit),
    }


def _rules_in(reading: Reading, defaults: WorkspaceRules) -> WorkspaceRules:
    """Read what a workspace has chosen; for what it has not, the defaults."""
    kept = reading.settings.all()

    def ids(name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(filter(None, kept[name].split(","))) if name in kept else default

    return WorkspaceRules(
        ids("rules.admins", defaults.admins),
        ids("rules.editors", defaults.editors),
        kept["rules.access"] == "linked" if "rules.access" in kept else defaults.default_linked_only,
        int(kept.get("rules.rate_limit", defaults.rate_limit)),
    )


class RuleBook:
    """The rules of every workspace, some seconds old at most. Safe to share between threads."""

    def __init__(
        self, store: Store, defaults: WorkspaceRules, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``defaults`` are the operator's."""
        self.defaults = defaults
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, WorkspaceRules]] = {}

    def of(self, workspace: Workspace, *, fresh: bool = False) -> WorkspaceRules:
        """The rules of a workspace: those of this moment, or, unless ``fresh``, of the last 10 seconds."""
        read_at, rules = self._known.get(workspace.key, (0.0, self.defaults))
        if fresh or not read_at or self._clock() - read_at > _REMEMBERED_S:
            read_at, rules = self._clock(), _rules_in(self._store.read(workspace), self.defaults)
            with self._lock:
                self._known.pop(workspace.key, None)
                self._known[workspace.key] = read_at, rules
                if len(self._known) > _MOST_REMEMBERED:
                    del self._known[next(iter(self._known))]
        return rules

    def choose(self, ports: Ports, actor: Actor, rules: WorkspaceRules) -> WorkspaceRules:
        """
        Let rules hold in the actor's workspace from now on. What equals the operator's goes with theirs.

        Raises:
            NotPermitted: Only admins may.
            InvalidFields: A limit that is too high or none.
        """
        require(ports, actor, Action.CONFIGURE)
        most = max(_MOST_A_MINUTE, self.defaults.rate_limit)
        if not 1 <= rules.rate_limit <= most:
            raise InvalidFields({"rate_limit": f"Write a number from 1 to {most}."})
        chosen, default = _written(rules), _written(self.defaults)
        with ports.store.change(actor.workspace) as change:
            former = _written(_rules_in(change, self.defaults))
            changed = tuple(name for name in chosen if chosen[name] != former[name])
            for name in changed:
                setting = Setting(name, chosen[name])
                if chosen[name] == default[name]:
                    change.remove(setting)
                else:
                    change.put(setting)
            if changed:
                names = tuple(name.partition(".")[2].replace("_", " ") for name in changed)
                change.record(event(actor, Action.CONFIGURE, changed=names))
        return self.of(actor.workspace, fresh=True)
