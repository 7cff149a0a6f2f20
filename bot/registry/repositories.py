"""Repositories: their names, their paths, and what a registry's answers about them mean."""

import re

from bot.core.addresses import DOCKER_HUB, DOCKER_HUB_NAMES
from bot.core.errors import InvalidInput, RegistryFailure, RepositoryRefused
from bot.core.model import Server, Stage
from bot.registry.answer import Answer
from bot.registry.operation import Operation
from bot.registry.refusals import trouble

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LONGEST = 255

_DIGEST = re.compile(r"@[a-z0-9+._-]+:[0-9a-fA-F]{32,128}\Z")
_TAG = re.compile(r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_HUB_PAGES = ("hub.docker.com/r/", "hub.docker.com/_/", "hub.docker.com/repository/docker/")
"""Where Docker Hub's website shows an image."""
_DOMAIN_SCOPED = re.compile(r"([a-z0-9.-]+\.[a-z]+):([a-z][a-z0-9-]+/)")
"""A Google project that belongs to a domain, ``example.com:project``; in an image's name it has a slash."""
_AT = Stage.REPOSITORY


def repository_name(text: str, server: Server) -> str:
    """
    Read a repository's name as people type it, or as docker writes an image.

    Args:
        text: ``team/app``; the registry's own address may stand before it, a tag and a digest after it. On
            Docker Hub ``alpine`` means ``library/alpine``, and its other addresses count too.
        server: The registry it is in.

    Raises:
        InvalidInput: It is not a repository's name, or names another registry.

    Source: distribution/distribution, ``docs/content/spec/api.md``, "Overview"; distribution/reference.
    """
    name = _without_address("".join(filter(str.isprintable, text)).strip(), server)
    if server.host.endswith((".pkg.dev", "gcr.io")):
        name = _DOMAIN_SCOPED.sub(r"\1/\2", name, count=1)
    name = _TAG.sub("", _DIGEST.sub("", name))
    first, slash, _ = name.partition("/")
    is_foreign = bool(slash) and (":" in first or (server == DOCKER_HUB and "." in first))
    if is_foreign and "//" not in name:
        raise InvalidInput(
            f"“{first[:64]}” names a different registry; this integration is for {server.address}.",
            "Choose the integration of that registry, or leave its address out. Example: team/app",
        )
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise InvalidInput(
            "This is not the name of a repository: use lower-case letters and digits, with “/”, “.”, “_” and "
            "“-” between them.",
            "Example: team/app",
        )
    return f"library/{name}" if server == DOCKER_HUB and not slash else name


def _without_address(text: str, server: Server) -> str:
    """Take the registry's own address away from the beginning, with or without its scheme and port."""
    bare = re.sub(r"\Ahttps?://", "", text, flags=re.I)
    own = [f"{server.address}/", f"{server.host}:{443 if server.port is None else server.port}/"]
    if server == DOCKER_HUB:
        own += [*(f"{name}/" for name in DOCKER_HUB_NAMES), *_HUB_PAGES]
    found = next((address for address in own if bare.lower().startswith(address)), None)
    return text if found is None else bare[len(found) :]


def path_of(repository: str) -> str:
    """Where a repository's tags are read."""
    return f"/v2/{repository}/tags/list"


def scope_of(repository: str, actions: str = "pull") -> str:
    """The scope a token must cover (``docs/content/spec/auth/scope.md``)."""
    return f"repository:{repository}:{actions}"


def unreadable(operation: Operation, answer: Answer, repository: str) -> RegistryFailure:
    """Explain why a repository could not be read, from any status but 200, 401 and 403."""
    says = operation.says(answer)
    if answer.status == 404:
        message = f"{operation.host} has no repository {repository}, or does not show it to this login."
        return RepositoryRefused(message, f"Check the repository's name.{_elsewhere(repository)}", _AT, says)
    if "NAME_INVALID" in answer.error_codes:
        message = f"{operation.host} does not accept {repository} as a repository name."
        return RepositoryRefused(message, "Check the repository's name.", _AT, says)
    return trouble(operation, answer, operation.host)


def _elsewhere(repository: str) -> str:
    """Explain that a name that begins as another registry's address was not read as one."""
    first, slash, _ = repository.partition("/")
    return f" “{first}” was taken for a part of it, not for a registry." if slash and "." in first else ""
