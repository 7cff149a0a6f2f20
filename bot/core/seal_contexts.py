"""What each sealed part of an integration is bound to: moved elsewhere, it does not open."""

from bot.core.model import Integration, Workspace
from bot.core.secrets import SealContext


def seal_context(workspace: Workspace, integration: Integration) -> SealContext:
    """What the credential of an integration is bound to: an edit of any of it seals the credential again."""
    return SealContext(
        workspace.key,
        integration.id,
        server=integration.server.origin,
        trusted_realms=" ".join(integration.trusted_realms),
        ca=integration.ca or "",
        access="linked" if integration.linked_only else "",
    )


def former_context(workspace: Workspace, integration: Integration) -> SealContext:
    """What the former credential of an integration is bound to: the same, and being the former one."""
    return seal_context(workspace, integration)._replace(field="former")


def prepared_context(workspace: Workspace, integration: Integration) -> SealContext:
    """What the prepared credential of an integration is bound to: the same, and being the prepared one."""
    return seal_context(workspace, integration)._replace(field="prepared")


def management_context(workspace: Workspace, integration: Integration) -> SealContext:
    """What a management credential is bound to: where it goes, and being nothing else."""
    return SealContext(
        workspace.key,
        integration.id,
        field="management",
        server=integration.server.origin,
        ca=integration.ca or "",
    )
