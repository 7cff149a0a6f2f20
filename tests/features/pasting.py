"""Pasting a docker config.json into the form of ``import``."""

import base64
import json

from tests.fakes.people import MEMBER
from tests.fakes.shown import Json, Shown, texts
from tests.features.team import Team

BOX = "config.json"
PASSWORD = "hunter2horse"


def auth(password: str = PASSWORD, username: str = "ci") -> Json:
    """An entry as docker writes it."""
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def file(entries: Json, **more: object) -> str:
    """A docker config.json."""
    return json.dumps({"auths": entries, **more})


def row(shown: Shown, key: str) -> str:
    """What a preview says of one entry."""
    return next(text for text in texts(shown.blocks) if text.startswith(f"`{key}`"))


def pasted(team: Team, content: Json | str, user: str = MEMBER, **more: object) -> Shown:
    """Open the form and paste entries, or a whole text; gives what is shown then."""
    team.command("import", user)
    return team.submit({BOX: content if isinstance(content, str) else file(content, **more)}, user)
