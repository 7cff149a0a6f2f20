"""Everything that can go wrong, as one tree.

    QuaymasterError
    ├── InvalidInput            what was typed cannot be used
    │   ├── InvalidFields       … each reason beside its field
    │   ├── SecretInText        … a secret stood in the command's text
    │   └── UnknownVerb
    ├── NotFound                the thing named does not exist
    │   ├── UnknownIntegration
    │   ├── UnknownDependency
    │   └── AlreadyDeleted      … and who deleted it is known
    ├── NotPermitted            this person may not
    ├── Conflict                the thing is no longer as it was shown
    │   ├── NameTaken
    │   ├── HasDependencies
    │   ├── Changed
    │   ├── Outdated            … as a store finds it; operations turn it into a sentence
    │   ├── UseOutdated         … the same for a fetch
    │   └── AlreadyDone         … this very request was done before
    ├── RegistryFailure         a registry did not do what was asked
    │   ├── LoginRejected
    │   ├── RepositoryRefused   … of one repository; the login may be good
    │   ├── Unreachable
    │   │   ├── AddressRefused
    │   │   ├── CertificateWanted
    │   │   └── TooManyRequests
    │   └── MalformedChallenge
    ├── Busy                    too much at once; nothing was done
    ├── StoreFailure            the store could not keep or find what it must
    │   ├── StoreFull
    │   ├── StoreDamaged
    │   ├── StoreInUse
    │   ├── StoreReadOnly
    │   └── OutcomeUnknown      … it may have been kept or not
    ├── KeyringFailure          a key is missing, wrong or unreadable
    └── SettingsError           a setting is missing or wrong

A few more stand beside what raises them: ``Deleted``, ``Ambiguous`` and ``LinkedOnly`` in ``choices.py``,
``TokenRefused`` in ``workflows.py``, ``TooOften`` in ``rates.py``, ``RealmRefused`` in
``bot/registry/guard.py``, HTTP's in ``bot/web``.

Each carries a message in the person's words, a hint that says what to do next, and its facts as
attributes. Texts are plain (whoever shows them escapes them) and never hold a secret.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from bot.core.model import Integration, Outcome, Refused, Stage


class QuaymasterError(Exception):
    """The root: a message, and a hint that says what to do next."""

    hint: str = ""
    people: tuple[str, ...] = ()
    """Ids of people who can help; whoever shows the error names them."""
    is_recorded: bool = False
    """True once the refusal stands in the history."""

    def __init__(self, message: str, hint: str = "", people: tuple[str, ...] = ()) -> None:
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
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


class SecretInText(InvalidInput):
    """
    The command's text holds what looks like a secret. The text is not repeated.

    ``token_ids`` are the public ids of the workflow tokens that stand in it.
    """

    def __init__(self, token_ids: tuple[str, ...] = ()) -> None:
        text = "That text looks as if it holds a secret, so it was not used."
        advice = (
            "Revoke that secret at its registry now, make a new one, and enter it only in the form that "
            "/integrations add or edit opens."
        )
        if token_ids:
            text = "That text holds a workflow token, so it was not used."
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
        hint = f"Did you mean {quoted(nearest)}?" if nearest else "/integrations list shows those there are."
        super().__init__(f"There is no integration named “{shortened(name)}”.", hint)
        self.name = name
        self.nearest = nearest


class UnknownDependency(NotFound):
    """The target does not depend on the integration."""


class AlreadyDeleted(NotFound):
    """The integration is gone, and the history says who deleted it and when."""

    def __init__(self, name: str, deleted_by: str, deleted_at: datetime) -> None:
        super().__init__(f"“{name}” is already gone.", "There is nothing left to do.")
        self.name = name
        self.deleted_by = deleted_by
        self.deleted_at = deleted_at


class NotPermitted(QuaymasterError):
    """This person may not do this. ``people`` can."""


class Conflict(QuaymasterError):
    """The thing is no longer as it was when it was shown."""


class NameTaken(Conflict):
    """Another integration has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The name “{name}” is already used.", "Choose another, or edit the one there is.")
        self.name = name


class HasDependencies(Conflict):
    """Something still depends on the integration, so it cannot be deleted."""

    def __init__(self, name: str, count: int) -> None:
        noun = "target depends" if count == 1 else "targets depend"
        super().__init__(
            f"“{name}” was not deleted: {count} {noun} on it.",
            "Remove each dependency first, then delete it.",
        )
        self.count = count


class Changed(Conflict):
    """The integration was changed after the person was shown it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"“{name}” was changed after this was shown, so nothing was done.",
            "Look at it again, then decide.",
        )


class Outdated(Conflict):
    """An integration is not as it was read: ``present`` is how it is by now, ``None`` = it is gone."""

    def __init__(self, present: Integration | None) -> None:
        super().__init__("It was changed or deleted meanwhile; nothing was done.", "Look at it again.")
        self.present = present


class UseOutdated(Conflict):
    """What a fetch was decided on is not so any more."""

    def __init__(self) -> None:
        super().__init__("It was changed at this moment; nothing was handed out.", "Try again.")


class AlreadyDone(Conflict):
    """This very request was done before. ``outcome`` is what it came to."""

    def __init__(self, outcome: str) -> None:
        super().__init__("This was done already.", "There is nothing left to do.")
        self.outcome = outcome


class RegistryFailure(QuaymasterError):
    """A registry did not do what was asked. ``stage`` says at which step."""

    outcome: ClassVar[Outcome] = Outcome.UNREACHABLE
    refused: ClassVar[Refused | None] = None

    def __init__(self, message: str, hint: str = "", stage: Stage = Stage.PING, says: str = "") -> None:
        """``says``: the registry's own sentence, cleaned and named as its word; it follows the message."""
        super().__init__(f"{message} {says}".strip(), hint)
        self.stage = stage
        self.says = says


class LoginRejected(RegistryFailure):
    """The registry or its token server refused the login."""

    outcome = Outcome.REJECTED
    refused = Refused.LOGIN


class RepositoryRefused(RegistryFailure):
    """The login may not read one repository, or there is none of that name."""

    outcome = Outcome.ACCEPTED
    refused = Refused.REPOSITORY


class Unreachable(RegistryFailure):
    """The question could not be asked: ``stage`` says at which step it failed."""


class AddressRefused(Unreachable):
    """The registry, or something before it, refuses Quaymaster's address or every request."""

    refused = Refused.ADDRESS


class CertificateWanted(Unreachable):
    """The registry wants a client certificate, which Quaymaster cannot give."""

    refused = Refused.CERTIFICATE


class TooManyRequests(Unreachable):
    """The registry has been asked too often."""

    refused = Refused.RATE


class MalformedChallenge(RegistryFailure):
    """A ``WWW-Authenticate`` header that cannot be read."""


class Busy(QuaymasterError):
    """Too much is being done at once; nothing was done."""

    def __init__(self, message: str = "Busy, nothing was changed.", hint: str = "Try again.") -> None:
        super().__init__(message, hint)


class StoreFailure(QuaymasterError):
    """The store could not keep or find what it must."""


class StoreFull(StoreFailure):
    """No room left on the disk; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            "The disk is full; nothing was changed.", "Ask the operator to make room, then try again."
        )


class StoreDamaged(StoreFailure):
    """A file is not as Quaymaster wrote it."""


class StoreInUse(StoreFailure):
    """Another process holds the data directory."""


class StoreReadOnly(StoreFailure):
    """After a disk error nothing is written until the next start."""


class OutcomeUnknown(StoreFailure):
    """It may have been kept or not: look again before saying anything."""


class KeyringFailure(QuaymasterError):
    """A key is missing, wrong or unreadable, or a sealed record does not open."""


class SettingsError(QuaymasterError):
    """A setting is missing or wrong; the message names it and says what to write."""


def quoted(names: tuple[str, ...]) -> str:
    """Join names for a sentence: “a”, “b” or “c”."""
    marked = [f"“{name}”" for name in names]
    return marked[0] if len(marked) == 1 else f"{', '.join(marked[:-1])} or {marked[-1]}"


def shortened(text: str, limit: int = 64) -> str:
    """Cut what a person typed to a length that is safe to repeat."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
