"""What Slack answers when it does not do what was asked, in the person's words.

A row for each cause that calls for something different; the codes are Slack's. A code without a row is named
as it is, because it is the operator's only lead.
"""

import http.client
import re
from http import HTTPStatus
from urllib.error import URLError

from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

from bot.core.errors import Busy, Conflict, QuaymasterError, SettingsError

_Row = tuple[type[QuaymasterError], str, str]
"""The error's class, what happened, what to do next."""

_LATE: _Row = (Busy, "Slack allows three seconds to open a form, and they had passed.", "Try again.")
_ITS_OWN_FAULT: _Row = (
    Busy,
    "Slack had an internal problem, so the answer may be missing.",
    "Check whether it was done, then try again.",
)
_TOO_LARGE: _Row = (
    Conflict,
    "This is more than Slack shows at once.",
    "Narrow it with a word, or ask for less.",
)
_CHANNEL_GONE: _Row = (
    Conflict,
    "Quaymaster cannot answer in this conversation: it is gone, archived, or closed to apps.",
    "Type the command in another channel.",
)
_VIEW_GONE: _Row = (Conflict, "What this belongs to was closed or changed in the meantime.", "Open it again.")
_STACKED: _Row = (
    Conflict,
    "Slack puts at most three forms on top of each other.",
    "Close one, then try again.",
)

_ROWS: tuple[tuple[_Row, str], ...] = (
    (_LATE, "expired_trigger_id exchanged_trigger_id invalid_trigger_id trigger_expired trigger_exchanged"),
    (_ITS_OWN_FAULT, "internal_error fatal_error service_unavailable request_timeout team_added_to_org"),
    (_TOO_LARGE, "view_too_large msg_too_long msg_blocks_too_long"),
    (_CHANNEL_GONE, "channel_not_found is_archived not_in_channel user_not_in_channel restricted_action"),
    (_VIEW_GONE, "not_found view_not_found hash_conflict"),
    (_STACKED, "push_limit_reached"),
)
_BY_CODE = {code: row for row, codes in _ROWS for code in codes.split()}

LOST_TOKENS = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_authed",
        "not_allowed_token_type",
        "token_expired",
        "token_revoked",
    }
)
"""What Slack says of a token that it does not take, or no longer takes."""
_LONGEST_WAIT_S = 1


def code_of(error: SlackApiError) -> str:
    """Return Slack's word for what went wrong, such as ``missing_scope``; empty when it said none."""
    said = error.response.get("error") if isinstance(_data_of(error), dict) else None
    return said if isinstance(said, str) and re.fullmatch(r"[a-z0-9_]{1,64}", said) else ""


def explained_refusal(error: Exception) -> QuaymasterError | None:
    """Put what went wrong between us and Slack into a sentence; ``None`` when it was something else."""
    if isinstance(error, QuaymasterError):
        return error
    if isinstance(error, SlackApiError):
        return _said_by_slack(error)
    if isinstance(error, URLError | TimeoutError | ConnectionError | http.client.HTTPException):
        return Busy("Slack could not be reached, so this may not be shown.", "Try again in a minute.")
    return None


def _said_by_slack(error: SlackApiError) -> QuaymasterError:
    code = code_of(error)
    if code == "ratelimited" or getattr(error.response, "status_code", 0) == HTTPStatus.TOO_MANY_REQUESTS:
        return Busy("Slack is limiting Quaymaster's requests right now, so nothing was done.", _wait(error))
    if code == "missing_scope":
        scope = str(error.response.get("needed", "users:read"))
        return SettingsError(
            f"Quaymaster's Slack app is not allowed to do this: it lacks the scope {scope}.",
            "Ask the operator to add the scope and to reinstall the app.",
        )
    if code in LOST_TOKENS:
        return SettingsError(
            f"Slack no longer accepts Quaymaster's bot token ({code}).",
            "Ask the operator to set SLACK_BOT_TOKEN again.",
        )
    kind, message, hint = _row_of(error, code)
    return kind(message, hint)


def _row_of(error: SlackApiError, code: str) -> _Row:
    if not code:
        return _ITS_OWN_FAULT
    if code == "invalid_arguments" and "trigger" in _details(error):
        return _LATE
    unknown = (
        f"Slack did not accept this ({code}).",
        "Try again; if this recurs, give the operator that code.",
    )
    return _BY_CODE.get(code, (QuaymasterError, *unknown))


def _data_of(error: SlackApiError) -> object:
    return getattr(error.response, "data", error.response)


def _details(error: SlackApiError) -> str:
    """Return what Slack adds to ``invalid_arguments``: "trigger_id expired", in several wordings."""
    more = error.response.get("response_metadata")
    messages = more.get("messages") if isinstance(more, dict) else None
    return " ".join(map(str, messages)).lower() if isinstance(messages, list) else ""


def _wait(error: SlackApiError) -> str:
    wait_s = _retry_after_s(getattr(error.response, "headers", None))
    return f"Wait {wait_s} seconds, then try again." if wait_s else "Wait a minute, then try again."


def _retry_after_s(headers: object) -> int:
    given = {str(name).lower(): value for name, value in headers.items()} if isinstance(headers, dict) else {}
    value = given.get("retry-after", "")
    text = str(value[0] if isinstance(value, list) and value else value)
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 0


class ShortRateLimitRetry(RateLimitErrorRetryHandler):
    """Waits out a rate limit of a second. A longer one is told: somebody is waiting for the answer."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        is_limited = super()._can_retry(state=state, request=request, response=response, error=error)
        wait_s = _retry_after_s(dict(response.headers)) if response else 0
        return is_limited and 0 < wait_s <= _LONGEST_WAIT_S


def why_unreachable(error: Exception) -> str:
    """Return why Slack could not be reached; empty when it answered, or when the fault is another."""
    return str(getattr(error, "reason", error)) if isinstance(error, OSError) else ""
