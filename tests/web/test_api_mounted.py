"""The API for workflows where people find it: beside Slack's path, in ``quaymaster serve`` and ``try``."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import pytest

from storage.sealing import new_key

ROOT = Path(__file__).parents[2]
OPENER = build_opener(ProxyHandler({}))


def ask(url):
    """Ask once; returns status and JSON."""
    try:
        with OPENER.open(url, timeout=10) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


@contextmanager
def running(folder, *arguments, **settings):
    """Run a command that serves; gives its URL."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("QUAYMASTER_", "SLACK_"))
    }
    with subprocess.Popen(
        [sys.executable, "-m", "bot", *arguments],
        cwd=ROOT,
        env={**kept, "QUAYMASTER_DATA_DIR": str(folder / "data"), "PORT": "0", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            printed = next(line for line in process.stdout if "http://" in line)
            yield re.search("http://[^/\\s]+", printed)[0]
        finally:
            process.terminate()


SERVE = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "marker",
    "SLACK_API_URL": "http://127.0.0.1:9/",
}


@pytest.mark.parametrize(("arguments", "settings"), [(("serve",), SERVE), (("try", "--port", "0"), {})])
def test_api_is_served(tmp_path, arguments, settings):
    """The description is given to anybody, everything else asks for a token, and health is not affected."""
    with running(tmp_path, *arguments, QUAYMASTER_KEYS=new_key(), **settings) as url:
        description = ask(f"{url}/v1/openapi.json")
        refused = ask(f"{url}/v1/integrations")
        unknown = ask(f"{url}/v1")
        health = ask(f"{url}/healthz")

    assert (description[0], description[1]["openapi"]) == (200, "3.1.0")
    assert (refused[0], refused[1]["code"]) == (401, "unauthorized")
    assert (unknown[0], unknown[1]["code"]) == (404, "no_such_path")
    assert health == (200, {"ok": True})
