"""Repositories: their names, their paths, and what a registry's answers about them mean."""

import re

from bot.core.addresses import DOCKER_HUB
from bot.core.errors import InvalidInput, LoginRejected, RegistryFailure, Unreachable
from bot.core.model import Server, Stage
from bot.registry.access_tokens import trouble
from bot.registry.operation import Operation
from bot.registry.transport import Answer

COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = re.compile(rf"{COMPONENT}(?:/{COMPONENT})*")
LONGEST = 255


def repository_name(text: str, server: Server) -> str:
    """
    Read a repository's name as people type it.

    Args:
        text: ``team/app``; the registry's own address may stand before it. On Docker Hub ``alpine`` means
            ``library/alpine``.
        server: The registry it is in.

    Raises:
        InvalidInput: It is no repository's name.

    Source: distribution/distribution, ``docs/content/spec/api.md``, "Overview".
    """
    name = text.strip().removeprefix(f"{server.address}/")
    if len(name) > LONGEST or not NAME.fullmatch(name):
        raise InvalidInput(
            "This is not the name of a repository: lower case letters and digits, with “/”, “.”, “_” and "
            "“-” between them, without registry and without tag.",
            "Example: team/app",
        )
    return f"library/{name}" if server == DOCKER_HUB and "/" not in name else name


def path_of(repository: str) -> str:
    """Where a repository's tags are read."""
    return f"/v2/{repository}/tags/list"


def scope_of(repository: str, actions: str = "pull") -> str:
    """The scope a token must cover (``docs/content/spec/auth/scope.md``)."""
    return f"repository:{repository}:{actions}"


def no_such_repository(operation: Operation, repository: str) -> Unreachable:
    """Say that the repository does not exist, or is hidden from this login."""
    return Unreachable(
        f"{operation.host} has no repository {repository}, or does not show it to this login.",
        "Check the repository's name.",
        Stage.REPOSITORY,
    )


def unreadable(operation: Operation, answer: Answer, repository: str) -> RegistryFailure:
    """Say why a repository could not be read, from any status but 200."""
    if answer.status in (401, 403):
        return LoginRejected(
            f"{operation.host} does not let this login read {repository}.",
            "Check the login, and that it has permission to pull from that repository.",
            Stage.REPOSITORY,
        )
    if answer.status == 404:
        return no_such_repository(operation, repository)
    if "NAME_INVALID" in answer.error_codes:
        message = f"{operation.host} does not take {repository} for a repository's name."
        return Unreachable(message, "Check the repository's name.", Stage.REPOSITORY)
    return trouble(operation, answer, operation.host)
