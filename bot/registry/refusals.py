"""What a registry's refusal is of: of the login, of Quaymaster's address, of too many requests, …

A refusal is told as what it was, because each calls for another step. Only ``LoginRejected`` says that the
login is wrong. The server's own sentence follows ours (``bot/registry/sentences.py``).
"""

import re

from bot.core.errors import (
    AddressRefused,
    CertificateWanted,
    LoginRejected,
    MalformedChallenge,
    RegistryFailure,
    RepositoryRefused,
    TooManyRequests,
    Unreachable,
)
from bot.core.model import Stage
from bot.registry.answer import Answer
from bot.registry.operation import Operation

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

_TOO_MANY = re.compile(r"too many|rate.?limit|toomanyrequests|throttl", re.I)
_OF_ADDRESS = re.compile(
    r"\bIPs?\b|(?i:\bip.?addr|firewall|allow.?list|white.?list|source address|private (?:link|endpoint)"
    r"|\bvpn\b|from your (?:location|network|country|region)|geo.?(?:block|restrict))"
)
_OF_CERTIFICATE = re.compile(
    rb"no required ssl certificate|ssl certificate error|client certificate|client cert\b"
    rb"|certificate required|requires? a (?:valid )?(?:client )?certificate|mutual tls|\bmtls\b",
    re.I,
)
_CERTIFICATE_STATUSES = frozenset({400, 401, 403, 421, 495, 496})

_NO_CERTIFICATE = (
    "Quaymaster does not support them. Ask the registry's operator for a way to log in without one."
)
_LET_IN = "Ask the operator of the registry or the network to let Quaymaster's address in."
_LATER = "Try again later; nothing is known about the login."
_CHECK_ADDRESS = "Check the address, and leave out any path."


def login_refused(operation: Operation, answer: Answer) -> RegistryFailure:
    """Return what a 401 or 403 to a login means: mostly, that the login was refused."""
    host, says = operation.host, operation.says(answer)
    kept_out = _kept_out(operation, answer, host)
    if kept_out or operation.has_login:
        return kept_out or LoginRejected(
            f"{host} refused this login.", operation.advice, operation.stage, says
        )
    message = f"{host} asks for a login, and this integration has none."
    return LoginRejected(message, "Enter a user name and a password.", operation.stage, says)


def repository_refused(
    operation: Operation, answer: Answer, repository: str, *, hint: str
) -> RegistryFailure:
    """Explain that a login that was taken may not read a repository, or that there is none."""
    kept_out = _kept_out(operation, answer, operation.host)
    message = f"{operation.host} does not let this login read {repository}, or there is no such repository."
    return kept_out or RepositoryRefused(message, hint, Stage.REPOSITORY, operation.says(answer))


def no_challenge(operation: Operation, answer: Answer) -> RegistryFailure:
    """Explain that a 401 names no way to log in."""
    return _kept_out(operation, answer, operation.host) or MalformedChallenge(
        f"{operation.host} refuses access without saying how to log in.",
        "Check that this is the address of a registry.",
        operation.stage,
        operation.says(answer),
    )


def ping_refused(operation: Operation, answer: Answer) -> RegistryFailure:
    """Return what an answer to ``/v2/`` means that is neither 200 nor a challenge."""
    host, status, says = operation.host, answer.status, operation.says(answer)
    kept_out = _kept_out(operation, answer, host)
    if kept_out or status >= 500:
        return kept_out or trouble(operation, answer, host)
    if status in (401, 403, 407, 451):
        message = f"{host} refuses Quaymaster's address or every request (status {status})."
        return AddressRefused(message, _LET_IN, Stage.PING, says)
    hint = f"{_CHECK_ADDRESS} {operation.address_hint}".strip()
    if says:
        message = f"{host} does not answer /v2/ as a registry does (status {status})."
        return Unreachable(message, hint, Stage.PING, says)
    message = f"{host} is not a registry: it does not know /v2/ (status {status})."
    return Unreachable(message, hint, Stage.PING)


def trouble(operation: Operation, answer: Answer, who: str) -> Unreachable:
    """Return what a status means that is neither yes nor no. It never means a wrong password."""
    kept_out = _kept_out(operation, answer, who)
    if kept_out:
        return kept_out
    says = operation.says(answer)
    if answer.status >= 500:
        message = f"{who} has an internal problem (status {answer.status})."
        return Unreachable(message, _LATER, operation.stage, says)
    message = f"{who} gave an unexpected answer (status {answer.status})."
    return Unreachable(message, "Check that this is the address of a registry.", operation.stage, says)


def is_page(answer: Answer) -> bool:
    """True for a web page that no registry sent: something in between, or no registry at all."""
    kind = answer.headers.get("Content-Type", "").lower()
    return kind.startswith("text/html") and "Docker-Distribution-Api-Version" not in answer.headers


def _kept_out(operation: Operation, answer: Answer, who: str) -> Unreachable | None:
    """What refuses before anybody looks at the login; ``None`` when it is not that."""
    says, status = operation.says(answer), answer.status
    if status == 429 or (
        status < 500 and ("TOOMANYREQUESTS" in answer.error_codes or _TOO_MANY.search(says))
    ):
        hint = _when_again(answer.retry_after_s)
        return TooManyRequests(f"{who} received too many requests.", hint, operation.stage, says)
    if status in _CERTIFICATE_STATUSES and _OF_CERTIFICATE.search(answer.body):
        message = f"{who} requires a client certificate (status {status})."
        return CertificateWanted(message, _NO_CERTIFICATE, operation.stage, says)
    if status in (401, 403) and _OF_ADDRESS.search(says):
        message = f"{who} refuses Quaymaster's address or every request (status {status})."
        return AddressRefused(message, _LET_IN, operation.stage, says)
    if status in (403, 407, 451) and is_page(answer):
        message = f"Something between Quaymaster and {who} refuses the request (status {status})."
        return AddressRefused(message, f"It may be a proxy or a firewall. {_LET_IN}", operation.stage)
    return None


def _when_again(wait_s: int | None) -> str:
    """Return when to come back, in words that a person can use."""
    if not wait_s or wait_s > _DAY:
        return "Try again later."
    if wait_s < 2 * _MINUTE:
        return f"Try again in {wait_s} second{'' if wait_s == 1 else 's'}."
    if wait_s < 2 * _HOUR:
        return f"Try again in {-(-wait_s // _MINUTE)} minutes."
    return f"Try again in {-(-wait_s // _HOUR)} hours."
