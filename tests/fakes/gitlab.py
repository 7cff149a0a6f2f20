"""GitLab's deploy tokens, as its documents describe them: a project in a group, and one token in use."""

from itertools import count
from typing import Any

from tests.fakes.described_api import Asked, DescribedApi, Given, last_part

USERNAME = "gitlab+deploy-token-1"
MANAGER_SECRET = "glpat-canary-canary-1"
PLACES = ("/api/v4/projects/team%2Fapp/deploy_tokens", "/api/v4/groups/team/deploy_tokens")


class FakeGitLab(DescribedApi):
    """Keeps deploy tokens, of the project or of the group: a test uses one of them."""

    vector = "gitlab_api.json"

    def __init__(self) -> None:
        super().__init__()
        self._ids = count(1)
        self.tokens: dict[int, dict[str, Any]] = {}
        self.self_ends: str | None = "2026-09-30"
        """When the access token that asks ends."""
        self.add("Deploy from CI", ["read_repository", "read_registry"], None)

    def add(self, name: str, scopes: list[str], expires_at: str | None) -> dict[str, Any]:
        """Keep a token."""
        number = next(self._ids)
        token = {
            "id": number,
            "name": name,
            "username": f"gitlab+deploy-token-{number}",
            "expires_at": expires_at and expires_at.replace("Z", ".000Z"),
            "revoked": False,
            "expired": False,
            "scopes": scopes,
        }
        self.tokens[number] = token
        return token

    @property
    def usernames(self) -> list[str]:
        """The user name of each token."""
        return [str(one["username"]) for one in self.tokens.values()]

    def answer(self, asked: Asked) -> Given:
        """Do what is asked, for the manager alone."""
        if asked.authorization != f"Bearer {MANAGER_SECRET}":
            return Given(401, {"message": "401 Unauthorized"})
        if asked.path.endswith("/self"):
            return Given(200, self._self())
        if not asked.path.startswith(PLACES):
            return Given(404, {"message": "404 Project Not Found"})
        if asked.method == "DELETE":
            found = self.tokens.pop(int(last_part(asked.path)), None)
            return Given(204) if found else Given(404, {"message": "404 Deploy token Not Found"})
        if asked.method == "POST":
            made = self.add(asked.body["name"], asked.body["scopes"], asked.body.get("expires_at"))
            return Given(201, {**made, "token": f"token-number-{made['id']}"})
        size, number = int(asked.query.get("per_page", "20")), int(asked.query.get("page", "1"))
        shows_all = asked.query.get("active") != "true"
        listed = [one for one in self.tokens.values() if shows_all or _is_active(one)]
        return Given(200, listed[(number - 1) * size : number * size])

    def _self(self) -> dict[str, Any]:
        return {
            "id": 4,
            "name": "ci",
            "revoked": False,
            "created_at": "2026-03-02T09:00:00.000Z",
            "scopes": ["api"],
            "user_id": 24,
            "last_used_at": None,
            "active": True,
            "expires_at": self.self_ends,
        }


def _is_active(token: dict[str, Any]) -> bool:
    return not (token["revoked"] or token["expired"])
