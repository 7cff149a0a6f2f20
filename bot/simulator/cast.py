"""Who is in a workspace: its people, its channels, its user groups, and the app."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]

TEAM_ID = "T0TRY"
_TEAM_DOMAIN = "try"
_TEAM_NAME = "Try workspace"


@dataclass(frozen=True)
class Account:
    """One account of the workspace."""

    id: str
    handle: str
    name: str
    is_admin: bool = False
    is_restricted: bool = False
    is_bot: bool = False


@dataclass(frozen=True)
class Channel:
    """A public channel; only members see it, and the bot posts only where it is a member."""

    id: str
    name: str
    topic: str
    members: frozenset[str]


@dataclass(frozen=True)
class _Command:
    """
    A slash command as the app's manifest declares it.

    Attributes:
        should_escape: Names of people and channels arrive as mentions.
    """

    name: str
    description: str
    usage_hint: str
    should_escape: bool = False


@dataclass(frozen=True)
class Shortcut:
    """
    A shortcut as the app's manifest declares it.

    Attributes:
        type: ``global`` (in the composer's menu) or ``message`` (in a message's menu).
    """

    type: str
    callback_id: str
    name: str
    description: str


@dataclass(frozen=True)
class SlackApp:
    """
    The installed app: what Slack knows of it from its manifest.

    Attributes:
        events: The types of events that the app subscribes to; no other is sent.
    """

    name: str = "Quaymaster"
    description: str = "Container-registry integrations"
    commands: tuple[_Command, ...] = (
        _Command("/integrations", "Manage registry integrations", "add | list | filter | delete | help"),
    )
    shortcuts: tuple[Shortcut, ...] = ()
    events: frozenset[str] = frozenset({"app_home_opened"})
    id: str = "A0TRYAPP"
    bot_id: str = "B0TRYBOT"

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "SlackApp":
        """Read what a parsed Slack app manifest declares."""
        shown, features = manifest["display_information"], manifest["features"]
        commands = (
            _Command(
                row["command"], row["description"], row.get("usage_hint", ""), row.get("should_escape", False)
            )
            for row in features["slash_commands"]
        )
        shortcuts = (
            Shortcut(row["type"], row["callback_id"], row["name"], row["description"])
            for row in features.get("shortcuts", ())
        )
        subscribed = manifest.get("settings", {}).get("event_subscriptions", {}).get("bot_events", ())
        return cls(
            shown["name"],
            shown.get("description", ""),
            tuple(commands),
            tuple(shortcuts),
            frozenset(subscribed),
        )


@dataclass
class Cast:
    """
    A workspace and who is in it; tests and the page may change it while it runs.

    Attributes:
        people: By id, each person as ``users.info`` describes them.
        channels: By id; direct conversations are not listed.
        groups: By user group's id, the ids of its members.
        enterprise_id: The organization that it belongs to.
        is_org_wide: The app was installed by the organization, for all of its workspaces.
    """

    team_id: str
    team_domain: str
    team_name: str
    people: dict[str, Json]
    channels: dict[str, Channel]
    groups: dict[str, list[str]] = field(default_factory=dict)
    enterprise_id: str | None = None
    is_org_wide: bool = False

    def handle(self, person: str) -> str:
        """Return the user name that payloads give for a person."""
        return str(self.people.get(person, {}).get("name", person.lower()))

    def team_of(self, person: str) -> str:
        """Return the workspace that a person belongs to."""
        return str(self.people.get(person, {}).get("team_id", self.team_id))

    def is_member(self, person: str, channel: str) -> bool:
        """Return whether a person sees a channel and may write there."""
        return channel in self.channels and person in self.channels[channel].members

    def set_member(self, person: str, channel: str, is_member: bool) -> None:
        """Let a person or the app join or leave a channel."""
        members = self.channels[channel].members - {person} | ({person} if is_member else set())
        self.channels[channel] = replace(self.channels[channel], members=members)

    def role(self, person: str) -> str:
        """Return what the page calls a person's role: one of ``ROLES``, or ``app``."""
        user = self.people[person]
        roles = (
            ("is_bot", "app"),
            ("deleted", "deactivated"),
            ("is_restricted", "guest"),
            ("is_admin", "admin"),
        )
        return next((role for mark, role in roles if user.get(mark)), "member")


_ORDINARY = {"is_admin": False, "is_restricted": False, "deleted": False}
ROLES: dict[str, dict[str, bool]] = {
    "admin": {**_ORDINARY, "is_admin": True},
    "member": _ORDINARY,
    "guest": {**_ORDINARY, "is_restricted": True},
    "deactivated": {**_ORDINARY, "deleted": True},
}
"""What a person's user object says in each role."""


ADMIN = Account("U0TRYADMIN", "ava", "Ava Lindqvist", is_admin=True)
MEMBER = Account("U0TRYMARCO", "marco", "Marco Ruiz")
_SECOND_MEMBER = Account("U0TRYPRIYA", "priya", "Priya Nair")
GUEST = Account("U0TRYGUEST", "gus", "Gus Turner", is_restricted=True)
BOT_USER = Account("U0TRYBOT", "quaymaster", "Quaymaster", is_bot=True)

_EVERYBODY = (ADMIN, MEMBER, _SECOND_MEMBER, GUEST, BOT_USER)

INTEGRATIONS = Channel(
    "C0TRYINTEG",
    "integrations",
    "Who can log in to which registry",
    frozenset(person.id for person in _EVERYBODY),
)
GENERAL = Channel(
    "C0TRYGENRL",
    "general",
    "Everything else; the app is not in this channel",
    frozenset({ADMIN.id, MEMBER.id, _SECOND_MEMBER.id}),
)


def try_cast() -> Cast:
    """Return the workspace of the try page, in its first state."""
    return Cast(
        TEAM_ID,
        _TEAM_DOMAIN,
        _TEAM_NAME,
        {person.id: _user_object(person) for person in _EVERYBODY},
        {channel.id: channel for channel in (INTEGRATIONS, GENERAL)},
    )


def direct_channel(person_id: str) -> str:
    """Return the id of the direct conversation between a person and the bot."""
    return "D" + person_id[1:]


def _user_object(person: Account) -> Json:
    """Return a person as ``users.info`` describes them."""
    return {
        "id": person.id,
        "team_id": TEAM_ID,
        "name": person.handle,
        "deleted": False,
        "real_name": person.name,
        "tz": "Etc/UTC",
        "profile": {"real_name": person.name, "display_name": person.handle, "team": TEAM_ID},
        "is_admin": person.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": person.is_restricted,
        "is_ultra_restricted": False,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "updated": 1700000000,
    }
