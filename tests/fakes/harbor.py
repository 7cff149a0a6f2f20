"""Harbor's robot accounts, as its API describes them: one project, and one robot that is in use."""

import base64
from itertools import count
from typing import Any

from tests.fakes.described_api import Asked, DescribedApi, Given, last_part

ROBOT = "robot$team+deploy"
MANAGER, MANAGER_SECRET = "admin", "Harbor12345-canary"
DAY_S = 86_400
NOW = 1_800_000_000
PULL = [
    {
        "kind": "project",
        "namespace": "team",
        "access": [
            {"resource": "repository", "action": "pull"},
            {"resource": "repository", "action": "push"},
        ],
    }
]


class FakeHarbor(DescribedApi):
    """Keeps robots; a refused request changes nothing."""

    vector = "harbor_api.json"

    def __init__(self) -> None:
        super().__init__()
        self._ids = count(7)
        self.robots: dict[int, dict[str, Any]] = {}
        self.secrets: dict[str, str] = {}
        self.prefix = "robot$"
        self.add(ROBOT, "project", 90)

    def add(self, name: str, level: str, duration: int) -> dict[str, Any]:
        """Keep a robot."""
        number = next(self._ids)
        robot = {
            "id": number,
            "name": name,
            "level": level,
            "duration": duration,
            "editable": True,
            "disable": False,
            "expires_at": -1 if duration == -1 else NOW + duration * DAY_S,
            "permissions": PULL,
            "creation_time": "2026-03-02T09:00:00.000Z",
            "update_time": "2026-03-02T09:00:00.000Z",
        }
        self.robots[number] = robot
        self.secrets[name] = f"Secret{number}OfARobot"
        return robot

    @property
    def states(self) -> dict[str, bool]:
        """Whether each robot may log in, by its name."""
        return {str(one["name"]): not one["disable"] for one in self.robots.values()}

    @property
    def made(self) -> list[str]:
        """The names of the robots besides the first."""
        return [name for name in self.states if name != ROBOT]

    def answer(self, asked: Asked) -> Given:
        """Do what is asked, for the manager alone."""
        if (
            asked.authorization
            != f"Basic {base64.b64encode(f'{MANAGER}:{MANAGER_SECRET}'.encode()).decode()}"
        ):
            return _error(401, "UNAUTHORIZED", "unauthorized")
        if "/projects/" in asked.path:
            is_there = last_part(asked.path) == "team"
            project = Given(200, {"project_id": 3, "name": "team"})
            return project if is_there else _error(404, "NOT_FOUND", "project not found")
        if asked.path.endswith("/robots"):
            return self._created(asked.body) if asked.method == "POST" else self._listed(asked)
        return self._changed(asked, int(last_part(asked.path)))

    def _listed(self, asked: Asked) -> Given:
        level = "project" if "Level=project" in asked.query.get("q", "") else "system"
        found = [one for one in self.robots.values() if one["level"] == level]
        size, number = int(asked.query.get("page_size", "10")), int(asked.query.get("page", "1"))
        return Given(200, found[(number - 1) * size : number * size])

    def _created(self, body: Any) -> Given:
        is_project = body["level"] == "project"
        place = f"{body['permissions'][0]['namespace']}+" if is_project else ""
        name = f"{self.prefix}{place}{body['name']}"
        if name in self.states:
            return _error(400, "CONFLICT", "it is there")
        made = self.add(name, body["level"], body["duration"])
        given = {key: made[key] for key in ("id", "name", "creation_time", "expires_at")}
        return Given(201, {**given, "secret": self.secrets[name]})

    def _changed(self, asked: Asked, number: int) -> Given:
        robot = self.robots.get(number)
        if robot is None:
            return _error(404, "NOT_FOUND", "robot not found")
        if asked.method == "DELETE":
            del self.robots[number]
        elif (asked.body["name"], asked.body["level"]) != (robot["name"], robot["level"]):
            return _error(400, "BAD_REQUEST", "cannot update the level or name of robot")
        else:
            robot["disable"] = asked.body["disable"]
        return Given(200)


def _error(status: int, code: str, message: str) -> Given:
    return Given(status, {"errors": [{"code": code, "message": message}]})
