"""Credentials: seal and open them, put a login together, ask the registry whether it works."""

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from bot.core.audit import Action, refusal
from bot.core.errors import InvalidFields
from bot.core.kinds import Draft
from bot.core.model import Actor, Check, FormerCredential, Integration, Outcome, Workspace
from bot.core.ports import Ports
from bot.core.ports.keyring import CredentialKeyring
from bot.core.ports.registry import NOBODY, Asker, CheckResult, Login
from bot.core.secrets import Credential, SealContext, Sealed, Secret

_JWT = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*")

_FORM_DEADLINE_S = 2.2
"""Slack waits 3 s for a form; the rest is for the network and the disk."""
_LEAST_S = 0.1
"""What a registry gets at least, even when no time is left."""

_USERNAME, _OPTION, _SECRET = "username", "option ", "secret "
"""What the parts of a whole login are called, so that no option is taken for a secret."""
_SKIP_HINT = "To save it anyway, select “Save without checking”."


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


def seal_credential(
    keyring: CredentialKeyring, workspace: Workspace, integration: Integration, credential: Credential
) -> Integration:
    """Give an integration a credential, sealed for everything it is bound to; empty = no credential."""
    sealed = keyring.seal(seal_context(workspace, integration), credential) if credential else None
    return replace(integration, secret=sealed)


class PlainLogin(NamedTuple):
    """A login in the clear: all that a rotation replaces."""

    username: str
    options: Mapping[str, str]
    credential: Credential


def seal_login(keyring: CredentialKeyring, context: SealContext, login: PlainLogin) -> Sealed:
    """Seal a login as one record: its username and options are kept no more openly than its secrets."""
    parts = {
        _USERNAME: Secret(login.username),
        **{_OPTION + key: Secret(text) for key, text in login.options.items()},
        **{_SECRET + key: secret for key, secret in login.credential.items()},
    }
    return keyring.seal(context, parts)


def open_login(keyring: CredentialKeyring, context: SealContext, sealed: Sealed) -> PlainLogin:
    """Open what ``seal_login`` sealed. Raises ``KeyringFailure``."""
    parts = keyring.open(context, sealed)
    options = {
        key.removeprefix(_OPTION): part.reveal() for key, part in parts.items() if key.startswith(_OPTION)
    }
    secrets = {key.removeprefix(_SECRET): part for key, part in parts.items() if key.startswith(_SECRET)}
    return PlainLogin(parts[_USERNAME].reveal(), MappingProxyType(options), secrets)


def seal_former(
    keyring: CredentialKeyring, actor: Actor, before: Integration, credential: Credential
) -> FormerCredential:
    """Seal the credential that an actor replaces, with the username and options that belong to it."""
    login = PlainLogin(before.username, before.options, credential)
    return FormerCredential(
        sealed=seal_login(keyring, former_context(actor.workspace, before), login),
        number=before.credential_number,
        replaced_at=actor.at,
        replaced_by=actor.user_id,
        reminded_at=actor.at,
        ends_on=before.ends_on,
        secret_ends=before.secret_ends,
        made_as=before.made_as,
        since=before.in_use_since,
        registry_ends=before.registry_ends,
    )


def open_former(keyring: CredentialKeyring, workspace: Workspace, integration: Integration) -> PlainLogin:
    """Open the former credential of an integration that has one. Raises ``KeyringFailure``."""
    if integration.former is None:
        raise ValueError("no former credential is kept")
    return open_login(keyring, former_context(workspace, integration), integration.former.sealed)


def former_login(keyring: CredentialKeyring, workspace: Workspace, integration: Integration) -> Integration:
    """The integration as it would be with its former credential, which ``open_credential`` then opens."""
    former = open_former(keyring, workspace, integration)
    back = replace(integration, username=former.username, options=former.options, former=None)
    return seal_credential(keyring, workspace, back, former.credential)


def rebind_credential(
    keyring: CredentialKeyring, workspace: Workspace, before: Integration, after: Integration
) -> Integration:
    """
    Seal a kept credential again where an edit has changed what it is bound to.

    Args:
        keyring: Opens and seals.
        workspace: Of both.
        before: The integration that the credential is sealed for.
        after: The same integration as it will be, with the same secret.
    """
    if seal_context(workspace, before) == seal_context(workspace, after):
        return after
    after = seal_credential(keyring, workspace, after, open_credential(keyring, workspace, before))
    if former := before.former:
        parts = keyring.open(former_context(workspace, before), former.sealed)
        sealed = keyring.seal(former_context(workspace, after), parts)
        after = replace(after, former=replace(former, sealed=sealed))
    if (prepared := before.prepared) and prepared.sealed:
        parts = keyring.open(prepared_context(workspace, before), prepared.sealed)
        sealed = keyring.seal(prepared_context(workspace, after), parts)
        after = replace(after, prepared=replace(prepared, sealed=sealed))
    return after


def rebind_management(
    keyring: CredentialKeyring, workspace: Workspace, before: Integration, after: Integration
) -> Integration:
    """Seal a management credential again where an edit changed its CA; drop it where the server changed."""
    if before.management is None or before.server != after.server:
        return replace(after, management=None)
    old, new = management_context(workspace, before), management_context(workspace, after)
    if old == new:
        return after
    return replace(after, management=keyring.seal(new, keyring.open(old, before.management)))


def open_credential(keyring: CredentialKeyring, workspace: Workspace, integration: Integration) -> Credential:
    """Open an integration's credential; one without a secret has an empty one."""
    if integration.secret is None:
        return {}
    return keyring.open(seal_context(workspace, integration), integration.secret)


def login_of(
    integration: Integration, credential: Credential, asker: Asker = NOBODY, cache_key: str = ""
) -> Login:
    """Put together what a registry client needs; ``asker``: for whom, unless it is a clock."""
    return Login(
        kind=integration.kind,
        server=integration.server,
        username=integration.username,
        credential=credential,
        options=integration.options,
        ca=integration.ca,
        trusted_realms=integration.trusted_realms,
        cache_key=cache_key,
        asker=asker,
    )


def asked_by(actor: Actor, integration: Integration) -> Asker:
    """For which person a registry is asked."""
    return Asker(f"{actor.workspace.team_id}/{actor.user_id}", integration.id)


def check_login(
    ports: Ports,
    actor: Actor,
    draft: Draft,
    integration: Integration,
    credential: Credential,
    action: Action = Action.EDIT,
) -> Check:
    """
    Ask the registry within the form's deadline.

    Args:
        ports: The ports.
        actor: Who typed the login.
        draft: What was typed.
        integration: As it will be.
        credential: What it will have.
        action: What a failure is recorded as, unless the integration is new.

    Raises:
        InvalidFields: Beside the secret when the login was refused, else beside the server. What failed is
            in the history.
    """
    login = login_of(integration, credential, asked_by(actor, integration))
    result = ports.registry.check(login, deadline_s=form_left_s(ports))
    if result.outcome in (Outcome.PROVED, Outcome.ACCEPTED):
        return check_of(actor, result)
    tried = Action.ADD if integration.version == 1 else action
    is_refused = result.outcome is Outcome.REJECTED
    why = "the registry refused the login" if is_refused else f"no check: {result.stage.value}"
    with ports.store.change(actor.workspace) as change:
        change.record(refusal(actor, tried, integration, reason=why))
    raise InvalidFields({_field_of(draft, result): " ".join(filter(None, _sentences(result)))})


def form_left_s(ports: Ports) -> float:
    """How many seconds a registry may take while a form waits: less if Slack took long to say who sent it."""
    left_s = _FORM_DEADLINE_S if ports.form_until is None else ports.form_until - time.monotonic()
    return max(_LEAST_S, min(_FORM_DEADLINE_S, left_s))


def check_of(actor: Actor, result: CheckResult) -> Check:
    """As ``check_from``, of what an actor has just asked."""
    return check_from(result, actor.at, actor.user_id)


def check_from(result: CheckResult, at: datetime, by: str) -> Check:
    """Return what of a result is stored with the integration."""
    return Check(
        outcome=result.outcome,
        stage=result.stage,
        reason=result.reason,
        at=at,
        by=by,
        refused=result.refused,
        certificate_ends=result.certificate_ends,
        ca_ends=result.ca_ends,
    )


def end_of_credential(credential: Credential) -> datetime | None:
    """Return when the first of the secrets ends, as far as they say so themselves."""
    ends = [end_of_token(secret.reveal()) for secret in credential.values()]
    return min(filter(None, ends), default=None)


def _field_of(draft: Draft, result: CheckResult) -> str:
    """Choose the field beside which a failed check is shown."""
    rejected = result.outcome is Outcome.REJECTED
    field = draft.kind.secret_field if rejected else draft.kind.server_field
    return field.key if field else "kind"


def _sentences(result: CheckResult) -> tuple[str, ...]:
    """Say what failed, at which step, and what to do."""
    if result.outcome is Outcome.REJECTED:
        return (result.explanation,)
    return (result.explanation, f"(Step: {result.stage.value}.)", _SKIP_HINT)


def end_of_token(password: str) -> datetime | None:
    """
    Read when a JSON Web Token says it ends; ``None`` for anything else.

    The token is not verified: only its registry can do that.

    Source: RFC 7519, section 4.1.4.
    """
    token = _JWT.fullmatch(password)
    if not token:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4)))
        end = claims.get("exp")
        is_number = isinstance(end, int | float) and not isinstance(end, bool)
        return datetime.fromtimestamp(end, UTC) if is_number else None
    except (ValueError, AttributeError, OverflowError, OSError, RecursionError, binascii.Error):
        return None
