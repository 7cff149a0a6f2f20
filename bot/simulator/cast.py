"""Who is in the try workspace: its people, its channels, and the app."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

TEAM_ID = "T0TRY"
TEAM_DOMAIN = "try"
TEAM_NAME = "Try workspace"


@dataclass(frozen=True)
class Person:
    """One account of the workspace; ``role`` is only what the page calls it."""

    id: str
    handle: str
    name: str
    role: str
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
class Command:
    """A slash command as the app's manifest declares it."""

    name: str
    description: str
    usage_hint: str


@dataclass(frozen=True)
class SlackApp:
    """The installed app: what Slack knows of it from its manifest."""

    name: str = "Quaymaster"
    description: str = "Container-registry integrations"
    commands: tuple[Command, ...] = (
        Command("/integrations", "Manage registry integrations", "add | list | filter | delete | help"),
    )
    id: str = "A0TRYAPP"
    bot_id: str = "B0TRYBOT"

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "SlackApp":
        """Read names, descriptions and slash commands from a parsed Slack app manifest."""
        shown = manifest["display_information"]
        declared = manifest["features"]["slash_commands"]
        commands = (
            Command(row["command"], row["description"], row.get("usage_hint", "")) for row in declared
        )
        return cls(shown["name"], shown.get("description", ""), tuple(commands))


ADMIN = Person("U0TRYADMIN", "ava", "Ava Lindqvist", "admin", is_admin=True)
MEMBER = Person("U0TRYMARCO", "marco", "Marco Ruiz", "member")
SECOND_MEMBER = Person("U0TRYPRIYA", "priya", "Priya Nair", "member")
GUEST = Person("U0TRYGUEST", "gus", "Gus Turner", "guest", is_restricted=True)
BOT_USER = Person("U0TRYBOT", "quaymaster", "Quaymaster", "app", is_bot=True)

PEOPLE = {person.id: person for person in (ADMIN, MEMBER, SECOND_MEMBER, GUEST, BOT_USER)}

INTEGRATIONS = Channel("C0TRYINTEG", "integrations", "Who can log in to which registry", frozenset(PEOPLE))
GENERAL = Channel(
    "C0TRYGENRL",
    "general",
    "Everything else; the app is not a member here",
    frozenset({ADMIN.id, MEMBER.id, SECOND_MEMBER.id}),
)

CHANNELS = {channel.id: channel for channel in (INTEGRATIONS, GENERAL)}


def direct_channel(person_id: str) -> str:
    """Return the id of the direct conversation between a person and the bot."""
    return "D" + person_id[1:]


def user_object(person: Person) -> Json:
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
