"""The Bolt app: one listener for each kind of request, and one for errors.

Each request finds its own listener in ``handlers/routes.py``. ``process_before_response`` lets Bolt answer
at once; whatever is slower than memory runs on our executor (``services.executor``).
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware import Middleware
from slack_bolt.request.internals import build_context

from bot.core.model import Workspace
from bot.services import Services
from bot.slack.dispatch import Dispatch, Workspaces
from bot.slack.members import SlackRates
from bot.slack.response_url import CommandName
from handlers import all_routes

_NAME = "slack_bolt.quaymaster"
"""Where Bolt logs: below ``slack_bolt``. Without a name Bolt looks for the file of its caller, for 40 ms."""

_ANYTHING = re.compile(".*", re.DOTALL)


def build_app(
    services: Services,
    *,
    signing_secret: str,
    rates: SlackRates,
    workspaces: Workspaces = Workspace,
    command_name: CommandName | None = None,
    doubt: Callable[[str], None] | None = None,
    logger: logging.Logger | None = None,
) -> App:
    """
    Build the app that serves every workspace this process knows.

    Args:
        services: The ports.
        signing_secret: Slack's signing secret; Bolt checks it again after our own front.
        rates: How often people may ask.
        workspaces: Which workspace a request belongs to; by default whichever it names.
        command_name: Told the name by which each command comes in; ``None`` = nobody else needs it.
        doubt: Finds out whether the app is still installed in a workspace or an organization, by its id;
            ``None`` = one bot token is served.
        logger: Where Bolt logs, at WARNING: at lower levels it prints payloads.
    """
    app = App(
        name=_NAME,
        signing_secret=signing_secret,
        authorize=_authorize,
        process_before_response=True,
        before_authorize=_PayloadWord(),
        token_verification_enabled=False,
        ignoring_self_events_enabled=False,
        logger=logger,
    )
    dispatch = Dispatch(services, all_routes(), rates, workspaces, command_name, doubt)
    app.command(_ANYTHING)(dispatch.command)
    app.action(_ANYTHING)(dispatch.press)
    app.view(_ANYTHING)(dispatch.form)
    app.options(_ANYTHING)(dispatch.suggest)
    app.shortcut(_ANYTHING)(dispatch.shortcut)
    app.event("app_home_opened")(dispatch.home_opened)
    app.event("user_change")(dispatch.user_changed)
    app.event("app_uninstalled")(dispatch.removed)
    app.event("tokens_revoked")(dispatch.removed)
    app.error(dispatch.failed)
    return app


def _authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    """Answer Bolt's question for a token: the listeners take their client from ``services.slack``."""
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token="")


# A class, because for a function Bolt looks up the argument names at each request and builds every argument
# there could be, which costs ten times as much.


class _PayloadWord(Middleware):
    """
    Reads a command again that Bolt's parser lost, and finds the workspace of an organization's request.

    A form that contains the word ``payload`` anywhere is taken for an interaction and parsed to nothing
    (slack_bolt/request/internals.py, ``parse_body``). The signature has been checked.
    """

    def process(
        self,
        *,
        req: BoltRequest,
        resp: BoltResponse,
        next: Callable[[], BoltResponse],  # noqa: A002 - the name is Bolt's
    ) -> BoltResponse | None:
        """Read the request again if it needs it."""
        if not req.body and req.raw_body:
            req.body = dict(parse_qsl(req.raw_body, keep_blank_values=True))
            build_context(req.context, req.body)
        if req.context.team_id in (None, req.context.enterprise_id):
            req.context["team_id"] = _workspace_in(req.body)
        return next()


def _workspace_in(body: Mapping[str, Any]) -> str | None:
    """
    Find the workspace of a request to an organization's installation, where Bolt finds none.

    ``team`` is then null, as is ``authorizations[0].team_id`` of an event, and a view may name the
    organization as the one that has installed the app.
    """
    user, view = body.get("user"), body.get("view")
    named = (
        body.get("team_id"),
        view.get("team_id") if isinstance(view, dict) else None,
        user.get("team_id") if isinstance(user, dict) else None,
    )
    return next((one for one in named if isinstance(one, str) and one.startswith("T")), None)
