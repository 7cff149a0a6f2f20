"""What Slack sends, key for key, and how it signs it."""

import hashlib
import hmac
import io
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from tests.fakes.people import STRANGER, TEAM
from tests.fakes.shown import Json, Shown

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def command(text: str, user: str, trigger_id: str, response_url: str) -> bytes:
    """A slash command's form."""
    fields = {
        "token": "gIkuvaNzQIHg97ATvDxqgjtO",
        "team_id": TEAM,
        "team_domain": "acme",
        "channel_id": "C0OPS",
        "channel_name": "ops",
        "user_id": user,
        "user_name": user.lower(),
        "command": "/integrations",
        "text": text,
        "api_app_id": "A0QUAY",
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }
    return urlencode(fields).encode()


def interaction(kind: str, user: str, trigger_id: str, **more: Any) -> bytes:
    """A form that holds one interaction."""
    team = "T0OTHER" if user == STRANGER else TEAM
    payload = {
        "type": kind,
        "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": team},
        "api_app_id": "A0QUAY",
        "token": "gIkuvaNzQIHg97ATvDxqgjtO",
        "trigger_id": trigger_id,
        "team": {"id": TEAM, "domain": "acme"},
        "enterprise": None,
        "is_enterprise_install": False,
        **more,
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def pressed_in(shown: Shown, state: Json, response_url: str) -> Json:
    """What a press carries of its surface. An ephemeral message itself is not in it."""
    if shown.place == "message":
        container = {
            "type": "message",
            "message_ts": "1678252213.6",
            "channel_id": "C0OPS",
            "is_ephemeral": True,
        }
        channel = {"id": "C0OPS", "name": "ops"}
        more = {"channel": channel, "state": {"values": state}, "response_url": response_url}
        return {"container": container, **more}
    return {"container": {"type": "view", "view_id": shown.id}, "view": view_of(shown, state)}


def view_of(shown: Shown, state: Json) -> Json:
    """A modal or Home tab as payloads hold it."""
    fixed = {
        "id": shown.id,
        "team_id": TEAM,
        "type": shown.place,
        "private_metadata": "",
        "callback_id": "",
        "state": {"values": state},
        "hash": "1596530361.h",
        "clear_on_close": False,
        "notify_on_close": False,
        "previous_view_id": None,
        "root_view_id": shown.id,
        "app_id": "A0QUAY",
        "external_id": "",
        "app_installed_team_id": TEAM,
        "bot_id": "B1",
    }
    return {**fixed, **shown.content, "state": {"values": state}}


def action_of(block: Json, element: Json, **chosen: Any) -> Json:
    """One action of a press."""
    more = {key: element[key] for key in ("text", "value") if key in element}
    where = {"action_id": element["action_id"], "block_id": block["block_id"], "type": element["type"]}
    return {**where, **more, "action_ts": "1596530385.194939", **chosen}


def home_opened(user: str, number: int, tab: str = "home") -> bytes:
    """The event of somebody who opens the Home tab."""
    event = {"type": "app_home_opened", "user": user, "channel": "D0HOME", "tab": tab}
    who = {
        "enterprise_id": None,
        "team_id": TEAM,
        "user_id": "UBOT",
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return json.dumps(
        {
            "token": "gIkuvaNzQIHg97ATvDxqgjtO",
            "team_id": TEAM,
            "api_app_id": "A0QUAY",
            "type": "event_callback",
            "event_id": f"Ev{number}",
            "event_time": 1606810927,
            "event": {**event, "event_ts": "1606810927.510671"},
            "authorizations": [who],
            "is_ext_shared_channel": False,
        }
    ).encode()


def signed(body: bytes, content_type: str, secret: str = SIGNING_SECRET) -> dict[str, Any]:
    """The request as a WSGI server hands it on."""
    timestamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers: Mapping[str, str] = {
        "HTTP_X_SLACK_REQUEST_TIMESTAMP": timestamp,
        "HTTP_X_SLACK_SIGNATURE": f"v0={digest}",
    }
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/slack/events",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **headers,
    }
