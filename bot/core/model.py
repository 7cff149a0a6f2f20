"""The values Quaymaster keeps: workspaces, actors, integrations, dependencies, audit entries.

All of them are frozen; what others are looked up with is a tuple, which is hashed fastest. Times are aware
datetimes in UTC; ids are 32 random hexadecimal digits.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from bot.core.secrets import Sealed
from bot.core.texts import name_key

_OLD_AFTER = timedelta(days=365)
"""How old a credential may get before people look at it, where nobody knows that it ends."""
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


def new_id() -> str:
    """Make an id: 32 hexadecimal digits, 128 random bits."""
    return secrets.token_hex(16)


class Workspace(NamedTuple):
    """A Slack workspace. Made only from a verified request; every store call takes one."""

    team_id: str
    enterprise_id: str | None = None

    @property
    def key(self) -> str:
        """The workspace's id in the store and in sealed records: ``T1``, or ``E1-T1`` on Enterprise Grid."""
        return f"{self.enterprise_id}-{self.team_id}" if self.enterprise_id else self.team_id

    @classmethod
    def of_key(cls, key: str) -> "Workspace":
        """The workspace with this key."""
        enterprise_id, _, team_id = key.rpartition("-")
        return cls(team_id, enterprise_id or None)


class Role(StrEnum):
    """What a person may do at most; the table is in ``bot/core/access.py``."""

    NOBODY = "nobody"
    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


class Source(StrEnum):
    """The road a request came by."""

    SLACK = "slack"
    WORKFLOW = "workflow"
    COMMAND_LINE = "command line"
    CLOCK = "clock"
    """Nobody asked: the watch, a reminder."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is acting, from where, in which role, and when: made for every request."""

    workspace: Workspace
    user_id: str
    role: Role
    at: datetime
    source: Source = Source.SLACK
    request_id: str = ""
    admins: tuple[str, ...] = ()
    """Ids of people who can help when this actor may not; shown in refusals."""


DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Server:
    """A registry's address. ``port`` is ``None`` for the scheme's own port."""

    scheme: str
    host: str
    port: int | None = None

    @property
    def address(self) -> str:
        """``host`` or ``host:port``, as in image names and docker's questions. IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def endpoint(self) -> tuple[str, int]:
        """Its host and the port that is connected to, whatever the scheme."""
        return self.host, self.port or DEFAULT_PORTS[self.scheme]

    @property
    def origin(self) -> str:
        """``scheme://host[:port]``, without a path."""
        return f"{self.scheme}://{self.address}"

    @property
    def is_plain(self) -> bool:
        """True when the connection is not encrypted, which only an explicit ``http://`` brings about."""
        return self.scheme == "http"


class Outcome(StrEnum):
    """What a check of a login found, told apart honestly."""

    PROVED = "proved"
    """The login opens what an anonymous request cannot."""
    ACCEPTED = "accepted"
    """Nothing refused the login and nothing proved it."""
    REJECTED = "rejected"
    """The registry or its token server refused the login."""
    UNREACHABLE = "unreachable"
    """The question could not be asked. ``Check.stage`` says at which step."""

    @property
    def word(self) -> str:
        """What people read; files call a refused login ``rejected``."""
        return "refused" if self is Outcome.REJECTED else self.value


class Refused(StrEnum):
    """What a registry refused: each calls for another step, and only the first is a red mark."""

    LOGIN = "login"
    REPOSITORY = "repository"
    """This login may not read one repository, or there is none. Nothing was said of the login itself."""
    ADDRESS = "address"
    """Quaymaster's address, or every request: a firewall, a proxy, an allow list."""
    CERTIFICATE = "client certificate"
    """The registry wants a client certificate, which Quaymaster cannot give."""
    RATE = "too many requests"
    RIGHTS = "rights"
    """The login is right, but lacks a right that it needs before a registry can be asked."""


class Stage(StrEnum):
    """The steps of a check, in order. The value is what people read."""

    ADDRESS = "address"
    CONNECTION = "connection"
    TLS = "TLS"
    PING = "/v2/"
    CHALLENGE = "challenge"
    REALM = "realm"
    LOGIN = "login"
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True)
class Check:
    """The stored result of the last check of an integration."""

    outcome: Outcome
    stage: Stage
    reason: str
    """One or two sentences, without any secret."""
    at: datetime
    by: str
    refused: Refused | None = None
    """What the registry refused, if it refused anything."""
    certificate_ends: datetime | None = None
    """When the registry's TLS certificate ends."""
    ca_ends: datetime | None = None
    """When the first of the integration's own CA certificates ends."""


class Health(StrEnum):
    """What the watch believes of an integration."""

    NOT_ASKED = "not asked"
    WORKS = "works"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Watch:
    """What the watch knows of an integration; the rules are in ``bot/core/integrations/watch_rules.py``."""

    health: Health = Health.NOT_ASKED
    since: datetime | None = None
    """When ``health`` began to be believed."""
    suspected: Health | None = None
    """What the last check found, while one answer is not enough to believe it."""
    suspected_at: datetime | None = None
    """When that was found first."""
    told: Health = Health.WORKS
    """What people were told last; a new integration is taken to work."""
    messages: int = 0
    """How many messages people got since it last stayed the same for a day."""
    next_at: datetime | None = None
    """When the next check is due; ``None`` = at once."""
    muted_until: datetime | None = None
    is_off: bool = False
    """True: nobody wants this integration watched."""
    end_told: date | None = None
    """The end that people were told of last."""
    end_told_days: int = 0
    """How many days before it they were told."""


@dataclass(frozen=True, slots=True)
class FormerCredential:
    """The credential before the current one, kept sealed until somebody retires it or rolls back."""

    sealed: Sealed
    """The username, the options and the secrets, as one record."""
    number: int
    replaced_at: datetime
    replaced_by: str
    reminded_at: datetime
    """When people were last told that both are kept."""
    is_told: bool = False
    """True: people were told that everything has fetched the new one."""
    ends_on: date | None = None
    secret_ends: datetime | None = None
    made_as: str = ""
    """What its registry calls it."""
    since: datetime | None = None
    """Since when it was kept here; ``None`` = since the integration is."""
    registry_ends: datetime | None = None
    is_suspended: bool = False
    """True: its registry was asked to suspend it, and not to take that back."""


@dataclass(frozen=True, slots=True)
class PreparedCredential:
    """A credential that a registry was asked to make; nothing is handed out of it yet."""

    made_as: str
    """What the registry calls it, no secret: kept before the registry is asked, so that it can be found."""
    since: datetime
    by: str
    sealed: Sealed | None = None
    """As in ``FormerCredential``; ``None`` = the registry's answer is not known: it may be there or not."""
    is_unwanted: bool = False
    """True: it was rolled back, and is noted only until it is ended at its registry."""
    tries: int = 0
    """How often the clock asked about it in vain."""
    ends: datetime | None = None
    """When its registry ends it, if it said so when it made it."""


@dataclass(frozen=True, slots=True)
class Integration:
    """A login to a container registry that a team shares."""

    id: str
    name: str
    kind: str
    """The id of a row of ``bot/registry/kind_table.py``, such as ``docker-hub``."""
    server: Server
    username: str
    secret: Sealed | None
    """``None`` for a registry that is used without logging in."""
    owner: str
    created_at: datetime
    created_by: str
    updated_at: datetime
    version: int = 1
    """Rises with every change a person makes, so that a stale button is noticed."""
    options: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    """The kind's own fields that are no secret: email, region, …"""
    ca: str | None = None
    """Certificates in PEM of a private certificate authority."""
    check: Check | None = None
    trusted_realms: tuple[str, ...] = ()
    """Origins of token servers on other hosts that the owner has allowed."""
    linked_only: bool = False
    """True: only targets that are linked already may fetch it."""
    is_default: bool = False
    """True: it answers for its server when a target has no link of its own."""
    note: str = ""
    """What its owner wants the team to know; one line of at most 200 characters."""
    ends_on: date | None = None
    """The day its credential ends, as a person typed it."""
    secret_ends: datetime | None = None
    """When the secret says that it ends, if it is a JSON Web Token."""
    registry_ends: datetime | None = None
    """When its registry ends the credential, as its API says."""
    end_asked_at: datetime | None = None
    """When that was asked last; ``None`` = not of this credential."""
    watch: Watch = Watch()
    identity: Sealed | None = field(default=None, compare=False, repr=False)
    """``username`` and ``options`` as the store keeps them; the store alone reads and writes it."""
    orphaned_at: datetime | None = None
    """When it was noticed that its owner is no longer a full member."""
    credential_number: int = 1
    """Which credential is the current one: rises with each rotation and each roll back."""
    former: FormerCredential | None = None
    """The credential before it, while a rotation runs."""
    prepared: PreparedCredential | None = None
    """The credential that comes next, while it is being made."""
    made_as: str = ""
    """What the registry calls the current credential, if a driver made it: its id, no secret."""
    management: Sealed | None = None
    """The login that makes and ends credentials at the registry, as one record; nothing hands it out."""
    rotate_every_days: int = 0
    """How old a credential gets before the clock has a new one made; 0 = only when a person says so."""
    rotation_tried_at: datetime | None = None
    """When the clock last tried to have one made, if that failed."""
    rotation_trouble: str = ""
    """What was in the way then, as people were told."""
    credential_since: datetime | None = None
    """Since when the current credential is kept here; ``None`` = since the integration is."""

    key: str = field(init=False, compare=False, repr=False)
    """The name as it is compared and sorted."""

    def __post_init__(self) -> None:
        """Fold the name once: lists and indexes ask for it all the time."""
        key = name_key(self.name)
        # The name's own text where the two are equal: thousands of copies would add up.
        object.__setattr__(self, "key", self.name if key == self.name else key)

    @property
    def search_text(self) -> str:
        """What words are looked for in: name key, address and kind, each on a line, the name first."""
        return f"{self.key}\n{self.server.address}\n{self.kind}\n"

    @property
    def first_end(self) -> date | None:
        """The first day that anything of its login is known to end."""
        check = self.check
        times = (
            self.secret_ends,
            self.registry_ends,
            check and check.certificate_ends,
            check and check.ca_ends,
        )
        days = [at.date() for at in times if at]
        return min([*days, self.ends_on] if self.ends_on else days, default=None)

    @property
    def in_use_since(self) -> datetime:
        """Since when its current credential is kept here."""
        return self.credential_since or self.created_at

    @property
    def has_known_end(self) -> bool:
        """True when somebody knows that the credential itself ends."""
        return any((self.ends_on, self.secret_ends, self.registry_ends))

    @property
    def due_on(self) -> date | None:
        """The first day that anything of its login ends, or its credential is old and nobody knows an end."""
        first = self.first_end
        if self.secret is None or self.has_known_end:
            return first
        old_on = (self.in_use_since + _OLD_AFTER).date()
        return min(first, old_on) if first else old_on


class TargetKind(StrEnum):
    """What can depend on an integration, in the order confirmations list it."""

    PROJECT = "project"
    ENVIRONMENT = "environment"
    IMAGE = "image"


class Target(NamedTuple):
    """A project, an environment or a subscription image, by its name in the CI system."""

    kind: TargetKind
    name: str

    @property
    def in_words(self) -> str:
        """``project web-shop``."""
        return f"{self.kind.value} {self.name}"

    @property
    def as_typed(self) -> str:
        """As it is typed in a command: ``project web-shop``, ``project "web shop"``."""
        name = self.name
        if re.search(r"[\s\"']", name):
            name = f"'{name}'" if '"' in name else f'"{name}"'
        return f"{self.kind.value} {name}"


SWEPT_WITHIN = timedelta(seconds=5)
"""Several servers that one target fetches within this time are fetched along with each other."""
NEVER_FETCHED = -1
"""The credential number of a target that has used an integration, and not yet fetched its login."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """A target that uses an integration. It points at the integration's id, so a rename is safe."""

    integration_id: str
    target: Target
    added_by: str
    added_at: datetime
    source: Source = Source.SLACK
    settings_url: str | None = None
    last_used_at: datetime | None = None
    granted_by: str | None = None
    """Who had the right over the integration and let the target fetch it; ``None`` = a note, or a use that
    was only recorded."""
    credential_number: int = 0
    """Which credential the target fetched last, of those that were rotated while it fetched; 0 = unknown, or
    ``NEVER_FETCHED``."""
    swept_at: datetime | None = None
    """When a client that asked for everything fetched it last, as long as it was never fetched alone."""
    fetched_by: str = ""
    """Of what a person linked: who made the token that fetched it first; empty = unknown."""
    fetched_at: datetime | None = None
    """Of what a person linked: when it was fetched first; ``None`` = never, or unknown."""
    unapproved_by: tuple[str, ...] = ()
    """Whose tokens its use says something of: who made those that fetched it, while none was approved, or its
    owner since it came to this server; empty = everybody's."""

    @property
    def is_used(self) -> bool:
        """True when a workflow fetched it, whoever linked it besides."""
        return self.source is Source.WORKFLOW or bool(self.fetched_at or self.last_used_at)

    @property
    def is_swept(self) -> bool:
        """True when it was only ever fetched along with everything else."""
        is_last = self.swept_at and self.last_used_at and self.last_used_at - self.swept_at <= SWEPT_WITHIN
        return bool(is_last) and not self.granted_by

    @property
    def is_note(self) -> bool:
        """True for what a person recorded, and nobody with the right granted."""
        return self.source is not Source.WORKFLOW and not self.granted_by


@dataclass(frozen=True, slots=True)
class Bar:
    """A target that may not fetch an integration until somebody links it again."""

    integration_id: str
    target: Target
    by: str
    at: datetime
    removed: Dependency | None = None
    """What was taken away, so that it can be put back."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a workspace: a name of the product's own, and its value as text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class WorkflowToken:
    """A token a workflow carries. It speaks for one target; its text is never kept."""

    id: str
    """The public id, 8 characters: shown in lists and in the history."""
    sha256: str
    """Of the whole token, 64 hexadecimal digits. No slow hash is needed for 131 random bits."""
    target: Target
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    reminded: int = 0
    """How many reminders its creator got: one 7 days, one 1 day before it ends."""
    approved_by: str | None = None
    """The admin who let it fetch what is open to all workflows; ``None`` = nobody yet."""
    declined_by: str | None = None
    """The admin who declined that."""
    held_at: datetime | None = None
    """When it was noticed that its creator has left: until somebody takes it over, it fetches nothing."""
    taken_over_from: str | None = None
    """The person who made it, and may have copied its text, when ``created_by`` took it over from them."""
    kept_from: tuple[str, ...] = ()
    """Ids of closed integrations that others had linked to its target before it was made: those links let it
    in only when somebody with the right links or allows again."""

    def is_valid(self, at: datetime) -> bool:
        """True while it is neither revoked nor over."""
        return self.revoked_at is None and at < self.expires_at

    def is_own_of(self, person: str) -> bool:
        """True when a person made it, and did not take it over: then it reaches what they own."""
        return self.created_by == person and self.taken_over_from is None
