"""A management credential goes to nobody: not by the API, in any format, nor by the docker helper."""

import base64
import json
import re
from dataclasses import replace
from importlib.resources import files

import pytest

from bot.core.errors import KeyringFailure
from bot.core.integrations.credentials import (
    PlainLogin,
    management_context,
    open_credential,
    prepared_context,
    seal_context,
    seal_login,
)
from bot.core.secrets import Secret
from tests.fakes.outside import spellings
from tests.fakes.workplace import ACME, SERVER

CANARY = "mArKeR%m4nage+§/x"
IN_USE = "the one that is in use"
MANAGER = PlainLogin("mArKeR-manager", {"access_key_id": "AKIAMARKERMARKER"}, {"password": Secret(CANARY)})
FORMS = {*spellings(CANARY), MANAGER.username, "AKIAMARKERMARKER"}
PATHS = (
    *json.loads(files("bot.web").joinpath("openapi.json").read_text("utf-8"))["paths"],
    *(f"/v1/credentials?registry={SERVER}", "/v1/docker/config.json?scope=all"),
    *("/v1/kubernetes/secret?name=pull&namespace=web", "/v1/integrations/my_registry/tags?repository=a/b"),
)


@pytest.fixture
def managed(place):
    """An integration with a management credential, and one of the same server without."""
    found = place.add(password=IN_USE)
    with place.store.change(ACME) as change:
        sealed = seal_login(place.keyring, management_context(ACME, found), MANAGER)
        change.put(replace(found, management=sealed, rotate_every_days=90))
    place.add("second", url="https://second.example.com")
    return place.named("my_registry")


def unpacked(text):
    """A text, with what in it is packed: a Kubernetes secret packs docker's file, which packs again."""
    runs = re.findall(r"[A-Za-z0-9+/]{40,}", text)
    inner = [base64.b64decode(run[: len(run) // 4 * 4]).decode("latin-1") for run in runs]
    return "\n".join([text, *inner])


def found_in(*texts):
    """Every form of it that is somewhere in the texts."""
    return [form for form in FORMS if any(form in text for text in texts)]


@pytest.mark.usefixtures("managed")
def test_no_answer_of_the_api_has_it(place, token):
    """Neither does any path of the API, in whatever format, while the credential in use is there."""
    answers = [place.ask(path.replace("{name}", "my_registry"), token) for path in PATHS]
    texts = [f"{one.headers}{unpacked(one.body.decode())}" for one in answers]
    handed = [text for text in texts if any(form in text for form in spellings(IN_USE))]

    assert found_in(*texts) == []
    assert len(handed) >= 4


@pytest.mark.usefixtures("managed")
def test_docker_helper_does_not_hand_it_out(helper):
    """The helper gets the credential in use, and nothing else, by every question that docker has."""
    got = helper("get", said=SERVER)
    listed = helper("list")
    other = helper("get", said="second.example.com")
    texts = [f"{one.output}{one.people_read}" for one in (got, listed, other)]

    assert json.loads(got.output)["Secret"] == IN_USE
    assert found_in(*texts) == []


def test_it_opens_as_nothing_else(place, managed):
    """Put in the place of a credential, of its own integration or another, it does not open."""
    second = place.named("second")
    moved = replace(second, secret=managed.management)

    with pytest.raises(KeyringFailure):
        open_credential(place.keyring, ACME, moved)
    with pytest.raises(KeyringFailure):
        place.keyring.open(seal_context(ACME, managed), managed.management)
    with pytest.raises(KeyringFailure):
        place.keyring.open(prepared_context(ACME, managed), managed.management)
    with pytest.raises(KeyringFailure):
        place.keyring.open(management_context(ACME, second), managed.management)


def test_no_file_or_history_has_it(place, managed, tmp_path):
    """Neither do the files, the history and what is printed of it."""
    place.store.flush()
    texts = [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]

    assert any("my_registry" in text for text in texts)
    assert found_in(*texts, repr(managed), repr(place.history()), repr(MANAGER.credential)) == []
