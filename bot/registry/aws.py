"""Amazon ECR: AWS keys become a registry login that lasts 12 hours.

1. With a role: STS ``AssumeRole`` turns the access key into keys of that role.
2. ECR ``GetAuthorizationToken`` turns the keys into ``AWS:password``, in base64.
3. The password is kept in memory only, and renewed at half its life; if AWS cannot be reached then, the one
   there is goes on being used while it lasts.

botocore knows partitions, endpoints and signatures. It is imported here only, and only when somebody uses an
ECR integration: the import alone takes about a tenth of a second.

Source: awslabs/amazon-ecr-credential-helper, ``ecr-login``.
"""

import base64
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from bot.core.errors import LoginRejected, RegistryFailure, RightsRefused, TooManyRequests, Unreachable
from bot.core.model import Stage
from bot.core.ports.registry import DockerLogin, Login
from bot.core.secrets import Secret
from bot.registry.access_tokens import Identity
from bot.registry.deadline import Lane
from bot.registry.operation import Operation

ECR_HOST = re.compile(
    r"\d{12}\.dkr[.-]ecr(?:-fips)?\.[a-zA-Z0-9][a-zA-Z0-9_-]*\.(?:amazonaws\.(?:com(?:\.cn)?|eu)"
    r"|on\.(?:aws|amazonwebservices\.com\.cn)|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)"
)
"""An ECR registry's host, to be matched in full (``ecr-login/api/client.go``)."""

_PUBLIC_HOSTS = frozenset({"public.ecr.aws", "ecr-public.aws.com"})
_PUBLIC_REGION = "us-east-1"
"""Where ECR Public grants its passwords, no matter who asks."""

_CALLS: Lane["Granted"] = Lane(places=8, name="aws")
_DUAL_STACK = (".on.aws", ".on.amazonwebservices.com.cn", "ecr-public.aws.com")
_CALL_S = 5.0
_NO_FILES = dict.fromkeys(("profile", "config_file", "credentials_file"), (None, None, None, None))
"""botocore's settings for where its own settings are: nowhere, whatever the environment says."""
_SESSION = "quaymaster"
_USERNAME = "AWS"

_WRONG_KEY = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"})
_WRONG_SECRET = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature"})
_NO_PERMISSION = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
_EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken"})
_TOO_OFTEN = frozenset(
    {"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"}
)


@dataclass(frozen=True, slots=True)
class Granted:
    """A registry login from AWS. Times are seconds since 1970."""

    secret: Secret
    since: float
    until: float

    def is_fresh(self, now: float) -> bool:
        """True in the first half of its life."""
        return now < self.since + (self.until - self.since) / 2


def _in_docker(granted: Granted) -> DockerLogin:
    """A password as a docker client sends it, with its end."""
    return DockerLogin(_USERNAME, granted.secret, datetime.fromtimestamp(granted.until, UTC))


class AwsLogins:
    """Turns ECR integrations into registry logins. Safe to share between threads."""

    def __init__(self, endpoint: str | None = None, now: Callable[[], float] = time.time) -> None:
        """
        Args:
            endpoint: Where AWS is, for tests; ``None`` = where botocore says.
            now: Seconds since 1970.
        """
        self._endpoint = endpoint
        self._now = now
        self._kept: dict[str, Granted] = {}
        self._lock = threading.Lock()

    def identity(self, login: Login, operation: Operation) -> Identity:
        """Return the login that the registry takes. Takes and raises what ``granted`` does."""
        return Identity(_USERNAME, self.granted(login, operation).secret)

    def docker_login(self, login: Login, operation: Operation) -> DockerLogin:
        """Return the same for a docker client, with its end. Takes and raises what ``granted`` does."""
        return _in_docker(self.granted(login, operation))

    def kept_login(self, login: Login, *, while_valid: bool = False) -> DockerLogin | None:
        """
        Return the kept password for a docker client; ``None`` when AWS is to be asked for one.

        ``while_valid``: also one past half its life, while it lasts.
        """
        kept = self._valid(login) if while_valid else self._fresh(login)
        return _in_docker(kept) if kept else None

    def granted(self, login: Login, operation: Operation) -> Granted:
        """
        Return the password that is kept, or ask for one.

        Args:
            login: An ECR integration's. Its ``cache_key`` says under which name the result is kept.
            operation: Whose deadline counts.

        Raises:
            LoginRejected: AWS refused the keys.
            RightsRefused: It knows them, and refused the role or the permission.
            Unreachable: AWS did not answer, or the server is not an ECR registry.
        """
        is_amazons = ECR_HOST.fullmatch(login.server.host) or login.server.host in _PUBLIC_HOSTS
        if not is_amazons or login.server.is_plain:
            raise Unreachable(
                f"{login.server.address} is not an Amazon ECR registry, so nothing was sent to it.",
                "Check the region and the account id.",
                Stage.LOGIN,
            )
        return self._fresh(login) or self._renewed(login, operation)

    def _fresh(self, login: Login) -> Granted | None:
        kept = self._valid(login)
        return kept if kept and kept.is_fresh(self._now()) else None

    def _valid(self, login: Login) -> Granted | None:
        with self._lock:
            kept = self._kept.get(login.cache_key)
        return kept if kept and kept.until > self._now() else None

    def _renewed(self, login: Login, operation: Operation) -> Granted:
        try:
            granted = self._asked(login, operation)
        except Unreachable:
            kept = self._valid(login)
            if kept is None:
                raise
            return kept
        if login.cache_key:
            with self._lock:
                self._kept[login.cache_key] = granted
                self._drop_expired()
        return granted

    def _drop_expired(self) -> None:
        self._kept = {key: each for key, each in self._kept.items() if each.until > self._now()}

    def _asked(self, login: Login, operation: Operation) -> Granted:
        try:
            return _CALLS.run(lambda: self._authorization(login), operation.wait_s())
        except TimeoutError:
            raise Unreachable(
                f"AWS took longer than {operation.deadline.seconds:g} seconds.",
                "Try again later; nothing is known about the login.",
                Stage.LOGIN,
            ) from None

    def _authorization(self, login: Login) -> Granted:
        """Do steps 1 and 2, on a thread of their own."""
        from botocore.exceptions import BotoCoreError, ClientError

        step = "assume the role"
        try:
            keys = self._keys(login)
            service = "ecr-public" if login.server.host in _PUBLIC_HOSTS else "ecr"
            more = " and sts:GetServiceBearerToken" if service == "ecr-public" else ""
            step = f"log in to ECR (permission {service}:GetAuthorizationToken{more})"
            answer = self._client(service, login, keys).get_authorization_token()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise refusal(code, step) from None
        except (BotoCoreError, ValueError):
            raise Unreachable(
                "AWS could not be reached.",
                "Check the region, and whether Quaymaster's network leads to AWS.",
                Stage.LOGIN,
            ) from None
        return read_authorization(answer, self._now())

    def _keys(self, login: Login) -> Mapping[str, str]:
        """The keys to log in with: the integration's own, or those of its role."""
        own = {
            "aws_access_key_id": login.options.get("access_key_id", ""),
            "aws_secret_access_key": login.credential["secret_access_key"].reveal(),
        }
        role = login.options.get("role")
        if not role:
            return own
        client = self._client("sts", login, own)
        keys = client.assume_role(RoleArn=role, RoleSessionName=_SESSION)["Credentials"]
        return {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }

    def _client(self, service: str, login: Login, keys: Mapping[str, str]) -> Any:
        region = login.options.get("region", _PUBLIC_REGION)
        return make_client(service, login, keys, region, self._endpoint)


def make_client(
    service: str, login: Login, keys: Mapping[str, str], region: str, endpoint: str | None
) -> Any:
    """
    Make a botocore client that knows nothing but what it is given.

    Args:
        service: ``ecr``, ``sts``, ``iam``.
        login: An ECR integration's: its server says which endpoints are wanted.
        keys: botocore's names of an access key's parts.
        region: Where.
        endpoint: Where AWS is, for tests; ``None`` = where botocore says.
    """
    import botocore.session
    from botocore.config import Config

    # At DEBUG botocore logs answers whole, and an answer contains the password.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    session = botocore.session.Session(session_vars=_NO_FILES)
    session.register_component("data_loader", _descriptions())
    config = Config(
        connect_timeout=_CALL_S,
        read_timeout=_CALL_S,
        retries={"total_max_attempts": 1},
        proxies={},
        ignore_configured_endpoint_urls=True,
        use_fips_endpoint="-fips." in login.server.host,
        use_dualstack_endpoint=login.server.host.endswith(_DUAL_STACK) and service not in ("sts", "iam"),
    )
    return session.create_client(service, region_name=region, endpoint_url=endpoint, config=config, **keys)


@cache
def _descriptions() -> Any:
    """botocore's descriptions of services, read once: a client takes about 10 ms then, and 70 otherwise."""
    from botocore.loaders import Loader

    return Loader()


def read_authorization(answer: Mapping[str, Any], now: float) -> Granted:
    """Read ``GetAuthorizationToken``'s answer. Raises ``Unreachable``."""
    try:
        found = answer["authorizationData"]
        data = found if isinstance(found, Mapping) else found[0]  # ECR Public gives one, not a list of one
        username, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        until = data["expiresAt"].timestamp()
    except (KeyError, IndexError, ValueError, AttributeError):
        username = password = ""
    if username != _USERNAME or not password:
        raise Unreachable("AWS returned an answer without a login.", "Try again later.", Stage.LOGIN)
    return Granted(Secret(password), now, until)


def refusal(code: str, step: str) -> RegistryFailure:
    """Explain an AWS error, with what to do."""
    if code in _WRONG_KEY:
        message, hint = (
            "AWS does not know this access key ID.",
            "Check it, and make sure that it was not deleted.",
        )
    elif code in _WRONG_SECRET:
        message = "AWS says that the secret access key does not belong to the access key ID."
        hint = "Type it again. If it is correct, check the clock of Quaymaster's machine."
    elif code in _NO_PERMISSION:
        message = f"AWS knows the key, but does not let it {step}."
        hint = "Ask the administrator of the AWS account for that permission."
        return RightsRefused(message, hint, Stage.LOGIN)
    elif code in _EXPIRED:
        message, hint = "AWS says that these keys have expired.", "Create new ones, and edit the integration."
    elif code in _TOO_OFTEN:
        return TooManyRequests("AWS received too many requests.", "Try again in a minute.", Stage.LOGIN)
    else:
        words = code if re.fullmatch(r"[A-Za-z.]{1,64}", code) else "an error"
        return Unreachable(f"AWS answered {words}.", "Check the region, or try again later.", Stage.LOGIN)
    return LoginRejected(message, hint, Stage.LOGIN)
