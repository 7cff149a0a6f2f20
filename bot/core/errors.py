"""Everything that can go wrong, as one tree.

    QuaymasterError
    ├── InvalidInput            what was typed cannot be used
    │   ├── InvalidFields       … each reason next to its field
    │   ├── SecretInText        … the command's text contains a secret
    │   └── UnknownVerb
    ├── NotFound                the thing named does not exist
    │   ├── UnknownIntegration
    │   ├── UnknownDependency
    │   ├── AlreadyDeleted      … and who deleted it is known
    │   ├── Deleted             … the same, for a workflow
    │   └── NoSuchPath          … of the API
    ├── WrongMethod             the API's path supports a different method
    ├── NotPermitted            this person is not allowed to
    │   ├── LinkedOnly          … this target is not linked
    │   ├── TargetRemoved       … somebody removed this target
    │   ├── NotInstalled        … the app is not installed in this workspace
    │   ├── NotApproved         … this workflow token was not approved
    │   └── TokenHeld           … the person who created this workflow token has left
    ├── TokenRefused            a workflow token is not valid
    ├── TooOften                too many requests
    ├── LinkRefused             a link to the page for secrets cannot be used
    ├── Conflict                the thing is no longer as it was shown
    │   ├── NameTaken
    │   ├── HasDependencies
    │   ├── Changed
    │   ├── Ambiguous           … several integrations match
    │   ├── Outdated            … as a store finds it; operations turn it into a sentence
    │   ├── UseOutdated         … the same for a fetch
    │   └── AlreadyDone         … this very request was done before
    ├── RegistryFailure         a registry did not do what was asked
    │   ├── LoginRejected
    │   ├── DriverRefused       … to create or revoke a credential; nothing was changed
    │   ├── RepositoryRefused   … of one repository; the login may be good
    │   ├── Unreachable
    │   │   ├── AddressRefused
    │   │   ├── CertificateWanted
    │   │   ├── RightsRefused   … the login is valid, but lacks a permission
    │   │   ├── TooManyRequests
    │   │   └── RealmRefused    … its token server is on another host
    │   └── MalformedChallenge
    ├── InstallFailed           the app could not be installed into a workspace
    ├── Busy                    too much at once; nothing was done
    ├── StoreFailure            the store could not save or find what it must
    │   ├── StoreFull
    │   ├── StoreDamaged
    │   ├── StoreInUse
    │   ├── StoreReadOnly
    │   └── OutcomeUnknown      … it may or may not have been saved
    ├── KeyringFailure          no secret can be sealed or opened
    │   ├── KeysMissing         … there is no key
    │   ├── KeysUnreadable      … the key file cannot be read, or others may read it
    │   ├── KeyMalformed        … there is something among the keys that is not a key
    │   ├── KeyNotLoaded        … it is sealed under a key that is not loaded
    │   ├── RecordUnreadable    … what is sealed was altered, or belongs elsewhere
    │   └── Unsealable          … the credential is not text
    ├── SettingsError           a setting is missing or wrong
    └── Unexpected              nobody foresaw it; only the log says what, under an id

Each carries a message in the person's words, a hint that says what to do next, and its facts as
attributes. Texts are plain (the view that shows them escapes them) and never contain a secret.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from bot.core.model import Bar, Integration, Outcome, Refused, Server, Stage, Target
from bot.core.texts import quoted, shortened


class QuaymasterError(Exception):
    """The root: a message, and a hint that says what to do next."""

    def __init__(self, message: str, hint: str, people: tuple[str, ...] = ()) -> None:
        """``people`` are the ids of those who can help; the view that shows the error names them."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.people = people

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InvalidInput(QuaymasterError):
    """What was typed cannot be used."""


class InvalidFields(InvalidInput):
    """Fields of a form are wrong. ``problems`` maps a field's key to a sentence."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()), "")
        self.problems = dict(problems)


class SecretInText(InvalidInput):
    """The text, not repeated, contains what looks like a secret; ``token_ids``: of workflow tokens in it."""

    def __init__(self, token_ids: tuple[str, ...] = ()) -> None:
        text = "That text looks as if it contains a secret, so it was not used."
        advice = (
            "Revoke that secret at its registry now, create a new one, and enter it only in the form that "
            "/integrations add or /integrations edit opens."
        )
        if token_ids:
            text = "That text contains a workflow token, so it was not used."
            commands = ", ".join(f"/integrations token revoke {one}" for one in token_ids)
            advice = f"Revoke the token now, by its id: {commands}"
        super().__init__(text, f"Slack keeps what is typed after a command. {advice}")


class UnknownVerb(InvalidInput):
    """No verb of that name. ``nearest`` are verbs that look like it."""

    def __init__(self, verb: str, nearest: tuple[str, ...]) -> None:
        hint = f"Did you mean {quoted(nearest)}?" if nearest else "/integrations help lists what there is."
        super().__init__(f"There is no “{shortened(verb)}”.", hint)
        self.nearest = nearest


class NotFound(QuaymasterError):
    """The thing named does not exist."""


class UnknownIntegration(NotFound):
    """No integration of that name. ``nearest`` are names that look like it."""

    def __init__(self, name: str, nearest: tuple[str, ...] = ()) -> None:
        hint = f"Did you mean {quoted(nearest)}?" if nearest else "/integrations list shows them all."
        super().__init__(f"There is no integration named “{shortened(name)}”.", hint)
        self.name = name
        self.nearest = nearest


class UnknownDependency(NotFound):
    """The target does not depend on the integration."""


class Deleted(NotFound):
    """What a workflow asked for is gone; the hint says who deleted it, and when."""


class NoSuchPath(NotFound):
    """The API has no such path."""


class WrongMethod(QuaymasterError):
    """The API's path supports only other methods."""

    def __init__(self, allowed: str) -> None:
        super().__init__("This path does not support this method.", f"Use {allowed}.")
        self.allowed = allowed


class AlreadyDeleted(NotFound):
    """The integration is gone, and the history says who deleted it and when."""

    def __init__(self, name: str, deleted_by: str, deleted_at: datetime) -> None:
        super().__init__(f"“{name}” is already gone.", "You don't need to do anything.")
        self.name = name
        self.deleted_by = deleted_by
        self.deleted_at = deleted_at


class NotPermitted(QuaymasterError):
    """This person may not do this. ``people`` can."""


class NotInstalled(NotPermitted):
    """The app is not installed in the workspace that a request came from, or no longer."""

    def __init__(self, install_url: str = "") -> None:
        """``install_url`` is where it can be installed; empty = nobody said."""
        where = f"Ask a workspace admin to install it: {install_url}" if install_url else "Ask its operator."
        super().__init__("Quaymaster is not installed in this workspace; nothing was done.", where)


class LinkedOnly(NotPermitted):
    """The integration is for linked targets only, and this target or token was not let in."""

    def __init__(self, integration: Integration, target: Target | None, token_id: str = "") -> None:
        """``token_id``: of one that was made after the target was linked."""
        since = f", and was linked before token {token_id} was created" if token_id else ""
        super().__init__(
            f"“{integration.name}” is for linked targets only{since}.",
            f"Ask its owner: /integrations link {integration.name} {_typed(target)}",
            (integration.owner,),
        )


class TargetRemoved(NotPermitted):
    """Somebody removed the target from the integration: the target can fetch it once it is linked again."""

    def __init__(self, integration: Integration, bar: Bar) -> None:
        super().__init__(
            f"{bar.target.in_words} was removed from “{integration.name}” on {bar.at:%Y-%m-%d %H:%M} UTC.",
            f"/integrations history {integration.name} shows who removed it. "
            f"Ask its owner: /integrations link {integration.name} {bar.target.as_typed}",
            (integration.owner, bar.by),
        )


class NotApproved(NotPermitted):
    """The token's creator may not let it fetch this, and no admin approved it."""

    def __init__(self, integration: Integration, target: Target, token_id: str) -> None:
        super().__init__(
            f"No admin has approved this workflow token, so it can't fetch “{integration.name}”.",
            f"Ask an admin to approve token {token_id} (/integrations token list), or the owner of "
            f"“{integration.name}”: /integrations link {integration.name} {target.as_typed}",
            (integration.owner,),
        )


class TokenRefused(QuaymasterError):
    """Unknown, mistyped, expired or revoked: always the same answer, so that a guess learns nothing."""

    def __init__(self) -> None:
        super().__init__(
            "This workflow token is not valid.",
            "It may be mistyped, expired or revoked: /integrations token list shows the tokens.",
        )


class TokenHeld(NotPermitted):
    """The person who created this workflow token has left, and nobody took it over yet."""

    def __init__(self, token_id: str) -> None:
        super().__init__(
            f"The person who created workflow token {token_id} has left, so it fetches nothing.",
            "Ask a workspace admin: /integrations token list says who created it, and "
            "/integrations give all of @person to @person gives it to somebody else, so that it works again.",
        )


class TooOften(QuaymasterError):
    """Too many requests. ``wait_s`` is how many whole seconds to wait; ``hint`` replaces that advice."""

    def __init__(self, what: str, wait_s: float, hint: str = "") -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        unit = "second" if self.wait_s == 1 else "seconds"
        super().__init__(what, hint or f"Wait {self.wait_s} {unit}, then try again.")


class LinkRefused(QuaymasterError):
    """A link to the page for secrets cannot be used: unknown, used, expired, or its subject has changed."""


class Conflict(QuaymasterError):
    """The thing is no longer as it was when it was shown."""


class NameTaken(Conflict):
    """Another integration has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The name “{name}” is already used.", "Choose a different one, or edit that integration."
        )
        self.name = name


class HasDependencies(Conflict):
    """Something still depends on the integration, so it cannot be deleted."""

    def __init__(self, name: str, count: int) -> None:
        noun = "target depends" if count == 1 else "targets depend"
        super().__init__(
            f"“{name}” was not deleted: {count} {noun} on it.",
            "Remove each target first, then delete the integration.",
        )
        self.count = count


class Changed(Conflict):
    """The integration was changed after the person was shown it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"“{name}” was changed after this was shown, so nothing was done.",
            "Review it, then decide.",
        )


class Ambiguous(Conflict):
    """Several integrations match a server, and nothing says which."""

    def __init__(
        self, server: Server, target: Target | None, names: tuple[str, ...], *, are_linked: bool = False
    ) -> None:
        super().__init__(
            f"Several integrations match {server.address}: {quoted(names)}.",
            f"{'Unlink all but one' if are_linked else 'Link one'}: /integrations "
            f"{'unlink' if are_linked else 'link'} NAME {_typed(target)}; "
            "or make one the default: /integrations edit NAME",
        )
        self.names = names


class Outdated(Conflict):
    """An integration is not as it was read: ``present`` is how it is now, ``None`` = it is gone."""

    def __init__(self, present: Integration | None) -> None:
        super().__init__("It was changed or deleted in the meantime; nothing was done.", "Review it again.")
        self.present = present


class UseOutdated(Conflict):
    """What a fetch was decided on has changed."""

    def __init__(self) -> None:
        super().__init__("It was changed just now, so nothing was handed out.", "Try again.")


class AlreadyDone(Conflict):
    """This very request was done before. ``outcome`` is what it came to."""

    def __init__(self, outcome: str) -> None:
        super().__init__("This was already done.", "You don't need to do anything.")
        self.outcome = outcome


class RegistryFailure(QuaymasterError):
    """A registry did not do what was asked. ``stage`` says at which step."""

    outcome: ClassVar[Outcome] = Outcome.UNREACHABLE
    refused: ClassVar[Refused | None] = None

    def __init__(self, message: str, hint: str, stage: Stage = Stage.PING, says: str = "") -> None:
        """``says``: the registry's own sentence, cleaned up and attributed; it follows the message."""
        super().__init__(f"{message} {says}".strip(), hint)
        self.stage = stage
        self.says = says

    def about(self, name: str) -> "RegistryFailure":
        """The same failure, told to somebody who may not know which integration was asked."""
        return type(self)(f"“{name}”: {self.message}", self.hint, self.stage)


class LoginRejected(RegistryFailure):
    """The registry or its token server refused the login."""

    outcome = Outcome.REJECTED
    refused = Refused.LOGIN


class DriverRefused(RegistryFailure):
    """A registry would not create or revoke a credential, and said so: it changed nothing."""


class RepositoryRefused(RegistryFailure):
    """The login is not allowed to read one repository, or there is none of that name."""

    outcome = Outcome.ACCEPTED
    refused = Refused.REPOSITORY


class Unreachable(RegistryFailure):
    """The question could not be asked: ``stage`` says at which step it failed."""


class RealmRefused(Unreachable):
    """The registry names a token server that the login may not go to."""

    def __init__(self, message: str, hint: str, stage: Stage = Stage.REALM, realm: str | None = None) -> None:
        super().__init__(message, hint, stage)
        self.realm = realm
        """Its origin, when an owner may allow it; ``None`` when nobody may."""


class AddressRefused(Unreachable):
    """The registry, or something before it, refuses Quaymaster's address or every request."""

    refused = Refused.ADDRESS


class CertificateWanted(Unreachable):
    """The registry requires a client certificate, which Quaymaster does not support."""

    refused = Refused.CERTIFICATE


class RightsRefused(Unreachable):
    """The login is valid, but lacks a permission that it needs."""

    refused = Refused.RIGHTS


class TooManyRequests(Unreachable):
    """The registry received too many requests."""

    refused = Refused.RATE


class MalformedChallenge(RegistryFailure):
    """A ``WWW-Authenticate`` header that cannot be read."""


class InstallFailed(QuaymasterError):
    """Slack did not let the app be installed."""


class Busy(QuaymasterError):
    """Too much is being done at once; nothing was done."""

    def __init__(
        self, message: str = "Quaymaster is busy, so nothing was changed.", hint: str = "Try again."
    ) -> None:
        super().__init__(message, hint)


class StoreFailure(QuaymasterError):
    """The store could not save or find what it must."""


class StoreFull(StoreFailure):
    """No space left on the disk; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            "The disk is full; nothing was changed.", "Ask the operator to free some space, then try again."
        )


class StoreDamaged(StoreFailure):
    """A file is not as Quaymaster wrote it."""


class StoreInUse(StoreFailure):
    """Another process holds the data directory."""


class StoreReadOnly(StoreFailure):
    """After a disk error nothing is written until the next start."""


class OutcomeUnknown(StoreFailure):
    """It may or may not have been saved: look again before saying anything."""


class KeyringFailure(QuaymasterError):
    """No secret can be sealed or opened."""


class KeysMissing(KeyringFailure):
    """There is no key."""

    def __init__(self) -> None:
        super().__init__("No key is set.", "`quaymaster keys new` creates one; store it elsewhere too.")


class KeysUnreadable(KeyringFailure):
    """The key file cannot be read, or others may read it too."""


class KeyMalformed(KeyringFailure):
    """There is something among the keys that is not a key."""


class KeyNotLoaded(KeyringFailure):
    """A secret is sealed under a key that is not loaded."""


class RecordUnreadable(KeyringFailure):
    """What is sealed was altered, or belongs elsewhere."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"A sealed credential cannot be opened: {reason}.", "Enter the credential again.")


class Unsealable(KeyringFailure):
    """A credential contains characters that are not text."""

    def __init__(self) -> None:
        super().__init__("This credential contains characters that are not valid text.", "Type it again.")


class SettingsError(QuaymasterError):
    """A setting is missing or wrong; the message names it and says what to write."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)


class Unexpected(QuaymasterError):
    """Nobody foresaw it; only the log says what happened, under this id."""

    def __init__(self, error_id: str) -> None:
        super().__init__("Something went wrong inside Quaymaster.", f"Tell the operator this id: {error_id}")


def _typed(target: Target | None) -> str:
    """A target as it is typed; without one, what to type."""
    return target.as_typed if target else "project|environment|image TARGET"
