"""Reading pasted logins: every form that docker, podman and kubelet read, and why the rest is left out."""

import base64
import json
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import InvalidInput
from bot.core.integrations.docker_config import read_entries

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOST = "registry.example.com"
USER, PASSWORD = "ci-bot", "secret-12"
AUTH = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CONFIG = json.dumps({"auths": {HOST: {"auth": AUTH}}})
CFG = json.dumps({HOST: {"auth": AUTH, "email": "ci@example.com"}})


def b64(text):
    """A text in base64."""
    return base64.b64encode(text.encode()).decode()


def secret(**fields):
    """A Kubernetes secret."""
    kind = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}}
    return {**kind, "type": "kubernetes.io/dockerconfigjson", **fields}


def only(text):
    """The one entry of a text."""
    (entry,) = read_entries(text, NOW)
    return entry


def login_in(text):
    """Server, user name and password of the one entry."""
    entry = only(text)
    return entry.server.address, entry.login.username, entry.login.password.reveal()


def refused(text):
    """Why a text is refused."""
    with pytest.raises(InvalidInput) as error:
        read_entries(text, NOW)
    return str(error.value)


def entry_of(content, key=HOST, **more):
    """The entry of a config.json with one server."""
    return only(json.dumps({"auths": {key: content}, **more}))


DATA = secret(data={".dockerconfigjson": b64(CONFIG)})
HALVES = f"{b64(CONFIG)[:30]}\n    {b64(CONFIG)[30:]}"
KUBERNETES = {
    "json": json.dumps(DATA),
    "json of other case": json.dumps({"KIND": "Secret", "Data": {".dockerconfigjson": b64(CONFIG)}}),
    "string data": json.dumps(secret(stringData={".dockerconfigjson": CONFIG})),
    "dockercfg": json.dumps(secret(data={".dockercfg": b64(CFG)})),
    "file name": json.dumps(secret(data={"config.json": b64(CONFIG)})),
    "list": json.dumps({"kind": "List", "items": [secret(data={"x": "eA=="}), DATA]}),
    "yaml": yaml.safe_dump(DATA),
    "yaml by kubectl": f"apiVersion: v1\ndata:\n  .dockerconfigjson: {b64(CONFIG)}\nkind: Secret\n",
    "yaml with CRLF": f"kind: Secret\r\ndata:\r\n  .dockerconfigjson: {b64(CONFIG)}\r\n",
    "yaml, indented": f"    kind: Secret\n    data:\n      .dockerconfigjson: {b64(CONFIG)}\n    type: x\n",
    "yaml, quoted": f"kind: Secret\ndata:\n  \".dockerconfigjson\": '{b64(CONFIG)}'  # from CI\n",
    "yaml, commented": f"kind: Secret\ndata:\n  .dockerconfigjson: {b64(CONFIG)} # from CI\n",
    "yaml, folded": yaml.safe_dump(DATA, width=20),
    "yaml, block": f"data:\n  .dockerconfigjson: |-\n    {HALVES}\nkind: Secret\n",
    "yaml, below": f"data:\n  .dockerconfigjson:\n    {HALVES}\nkind: Secret\n",
    "yaml, one line": f"kind: Secret\ndata: {{.dockerconfigjson: {b64(CONFIG)}}}\n",
    "yaml, string data": f"kind: Secret\nstringData:\n  .dockerconfigjson: |\n    {CONFIG}\ntype: x\n",
    "yaml, quoted string": yaml.safe_dump(secret(stringData={".dockerconfigjson": CONFIG}), width=1000),
    "yaml, double-quoted": f"kind: Secret\nstringData:\n  .dockerconfigjson: {json.dumps(CONFIG)}\n",
    "yaml, tagged": f"kind: Secret\ndata:\n  .dockerconfigjson: !!binary |\n    {HALVES}\n",
    "yaml of a list": yaml.safe_dump({"kind": "List", "items": [DATA]}),
    "yaml of two": f"{yaml.safe_dump(secret(data={'x': 'eA=='}))}---\n{yaml.safe_dump(DATA)}",
    "yaml, applied before": (
        f"kind: Secret\ndata:\n  .dockerconfigjson: {b64(CONFIG)}\nmetadata:\n  annotations:\n"
        f'    last-applied: |\n      {{"data":{{".dockerconfigjson":"{b64("old")}"}}}}\n'
    ),
}


@pytest.mark.parametrize("text", KUBERNETES.values(), ids=list(KUBERNETES))
def test_kubernetes_secrets_are_read(text):
    """A secret is read in JSON and YAML, in every form that people and kubectl write."""
    assert login_in(text) == (HOST, USER, PASSWORD)


FORMS = {
    "config.json": CONFIG,
    "dockercfg": CFG,
    "inner base64": b64(CONFIG),
    "inner base64, wrapped": "\n".join([b64(CONFIG)[:40], b64(CONFIG)[40:], ""]),
    "inner base64, unpadded": b64(CONFIG + " ").rstrip("="),
    "inner base64 with a mark": b64("\ufeff" + CONFIG),
    "quoted base64": json.dumps(b64(CONFIG)),
    "byte-order mark": "\ufeff" + CONFIG,
    "invisible characters around": f"\u200b {CONFIG}\u2060\n",
    "a variable": f"DOCKER_AUTH_CONFIG='{CONFIG}'",
    "a variable in YAML": f"  DOCKER_AUTH_CONFIG: {json.dumps(CONFIG)}"[22:],
    "code marks": f"```\n{CONFIG}\n```",
    "text around": f"Here is the file:\n{CONFIG}\nThanks!",
    "upper case": CONFIG.replace("auths", "AUTHS").replace('"auth"', '"Auth"'),
    "a helper's answer": json.dumps({"ServerURL": HOST, "Username": USER, "Secret": PASSWORD}),
    "podman's": json.dumps({"auths": {HOST: {"auth": AUTH}}}, indent="\t"),
    "both": json.dumps({"auths": {HOST: {"auth": AUTH, "username": "x", "password": "y"}}}),
    "two spellings": json.dumps({"auths": {}, "Auths": {HOST: {"auth": AUTH}}}),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=list(FORMS))
def test_every_form_is_read(text):
    """Whatever form the file has, its login is the same."""
    assert login_in(text) == (HOST, USER, PASSWORD)


ENTRIES = {
    "auth": {"auth": AUTH},
    "two fields": {"username": USER, "password": PASSWORD},
    "two fields of other case": {"UserName": USER, "PASSWORD": PASSWORD},
    "two fields and empty auth": {"auth": "", "username": USER, "password": PASSWORD},
    "wrapped": {"auth": f"{AUTH[:10]}\n{AUTH[10:]}\n"},
    "wrapped by Windows": {"auth": f"{AUTH[:10]}\r\n{AUTH[10:]}\r\n"},
    "indented": {"auth": f"\n    {AUTH[:10]}\n    {AUTH[10:]}"},
    "unpadded": {"auth": AUTH.rstrip("=")},
    "byte-order mark": {"auth": b64(f"\ufeff{USER}:{PASSWORD}")},
    "invisible character": {"auth": f"\u200b{AUTH}\u200b"},
    "zero bytes": {"auth": b64(f"{USER}:{PASSWORD}\0\0")},
}


@pytest.mark.parametrize("content", ENTRIES.values(), ids=list(ENTRIES))
def test_every_entry_that_a_client_reads_is_read(content):
    """An entry is read as docker, podman or kubelet read it."""
    assert (entry_of(content).login.username, entry_of(content).login.password.reveal()) == (USER, PASSWORD)


def test_other_alphabet_is_read():
    """Base64 for addresses is read like the usual one."""
    content = {"auth": base64.urlsafe_b64encode("ü:ÿþ~?>\u00ff".encode()).decode().rstrip("=")}

    assert set("-_") & set(content["auth"])
    assert entry_of(content).login.password.reveal() == "ÿþ~?>\u00ff"


def test_line_break_inside_a_pasted_string_is_read():
    """An editor that wraps lines breaks JSON's strings; the login is read all the same."""
    assert login_in(CONFIG.replace(AUTH, f"{AUTH[:8]}\n{AUTH[8:]}")) == (HOST, USER, PASSWORD)


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("https://index.docker.io/v1/", "registry-1.docker.io"),
        ("docker.io", "registry-1.docker.io"),
        (f"https://{HOST}", HOST),
        (f"https://{HOST}/v2/", HOST),
        (f"{HOST}:443", HOST),
        (f"{HOST}:5000", f"{HOST}:5000"),
        (f"\u200b{HOST} ", HOST),
        ("[fd00::5]:5000", "[fd00::5]:5000"),
    ],
)
def test_keys_of_every_spelling_mean_their_server(key, address):
    """A key names its server with or without a scheme, a version's path or a default port."""
    assert entry_of({"auth": AUTH}, key).server.address == address


def test_plain_http_is_told():
    """A key with http:// means plain http, and the entry says so."""
    entry = entry_of({"auth": AUTH}, f"http://{HOST}")

    assert entry.server.is_plain
    assert entry.notes == ("over plain http, as its address says",)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ({"auth": b64("a:b\n")}, "its password ended with a line break"),
        ({"auth": b64("a:b\r\n")}, "its password ended with a line break"),
        ({"username": "a", "password": "b\n"}, "its password ended with a line break"),
        ({"auth": b64("a:bcd").rstrip("=")}, "the = at the end of its base64 were missing"),
    ],
)
def test_slips_are_told(content, note):
    """What was read in spite of a slip says so."""
    assert entry_of(content).notes[0].startswith(note)


def test_line_break_is_left_out():
    """The line break that ``echo`` put behind a password is not part of it."""
    assert entry_of({"auth": b64("a:b\r\n")}).login.password.reveal() == "b"


PROBLEMS = [
    ({}, "It contains no login: docker may keep it in a credential store"),
    ({"auth": ""}, "It contains no login"),
    ({"auth": 7}, "Its “auth” is not text."),
    ({"auth": "%%%"}, "Its “auth” is not base64."),
    ({"auth": AUTH[:-3]}, "Its “auth” was cut: the end of its base64 is missing."),
    ({"auth": "//8="}, "base64 of something other than UTF-8 text"),
    ({"auth": b64("no colon")}, "without a colon"),
    ({"auth": b64(":x")}, "It has no user name."),
    ({"auth": b64("x:")}, "It has no password."),
    ({"auth": b64("x:\n")}, "It has no password."),
    ({"username": "x", "password": ""}, "It has no password."),
    ({"username": "", "password": "x"}, "It has no user name."),
    ({"auth": base64.b64encode("a:b".encode("utf-16-le")).decode()}, "zero bytes"),
    ({"auth": AUTH, "identitytoken": "x"}, "identity token, which expires on its own"),
    ({"identityToken": "x"}, "identity token, which expires on its own"),
    ({"registrytoken": "x"}, "identity token, which expires on its own"),
    ({"auth": b64("AWS:x")}, "12 hours"),
    ("text", "It contains no login"),
    (None, "It contains no login"),
]


@pytest.mark.parametrize(("content", "said"), PROBLEMS)
def test_entries_without_a_login_say_why(content, said):
    """What is left out says truly why."""
    entry = entry_of(content)

    assert said in str(entry.problem)
    assert (entry.server, entry.login) == (None, None)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("*.jfrog.io", "treats it as a pattern that matches many hosts. Repeat the entry for each host"),
        ("https://*.example.com/team", "a pattern that matches many hosts"),
        ("registry?.example.com", "a pattern that matches many hosts"),
        ("registry[12].example.com", "a pattern that matches many hosts"),
        (f"{HOST}/team-a", f"it would be used for all of {HOST}. Add it with the form for its type"),
        (f"https://{HOST}:5000/v2/team/app", f"used for all of {HOST}:5000"),
        ("https://hub.docker.com", "is Docker Hub's website, not a registry. Choose Docker Hub"),
        ("hub.docker.com/v2/", "is Docker Hub's website"),
        ("https://hub.docker.com/r/team/app", "is Docker Hub's website"),
        ("github.com", "is GitHub's website, not a registry. GitHub's registry is ghcr.io."),
        ("https://index.docker.io/v1/access-token", "Docker Desktop stores its own session here"),
        ("", "The address is empty."),
        ("https://ann:pw@registry.example.com", "secret"),
    ],
)
def test_keys_that_are_not_one_server_say_why(key, said):
    """A pattern, a path, a website: each is told for what it is."""
    assert said in str(entry_of({"auth": AUTH}, key).problem)


def test_login_in_a_key_is_not_repeated():
    """An address with a login in it is not shown."""
    assert "pw" not in repr(entry_of({"auth": AUTH}, "https://ann:pw@registry.example.com"))


@pytest.mark.parametrize(
    ("more", "content", "said"),
    [
        ({"credsStore": "desktop"}, {}, "in the credential store “desktop” on the machine"),
        (
            {"credsStore": "desktop"},
            {},
            "paste what it prints, or add it with the form for its type: "
            "echo SERVER | docker-credential-desktop get",
        ),
        (
            {"credHelpers": {HOST: "pass"}},
            {},
            "ask the credential helper “pass” on the machine this file came from for this login; it is",
        ),
        ({"credHelpers": {HOST: "pass"}}, {"auth": AUTH}, "may be out of date and was not used"),
        (
            {"credHelpers": {f"https://{HOST}:443": "ecr-login"}},
            {},
            "Add it as Amazon ECR, with an access key.",
        ),
        ({"credHelpers": {HOST: "gcloud"}}, {}, "Add a service account's JSON key"),
    ],
)
def test_programs_that_hold_the_login_are_named(more, content, said):
    """Where a helper or a store has the login, it is named, and how to get at it."""
    assert any(
        said in str(one.problem) for one in read_entries(json.dumps({"auths": {HOST: content}, **more}), NOW)
    )


def test_login_beside_a_store_is_read_with_a_warning():
    """Docker asks the store, podman and Kubernetes read the file: the login counts, with a word on that."""
    entry = entry_of({"auth": AUTH}, credsStore="desktop")

    assert entry.login.password.reveal() == PASSWORD
    assert entry.notes == (
        "docker itself asks the credential store “desktop”, so this one may be out of date",
    )


def test_name_of_a_store_is_not_trusted():
    """A name with a secret in it, or with what a terminal or a shell would act on, is not repeated."""
    shown = [
        str(entry_of({}, credsStore=name).problem)
        for name in ("ghp_" + "a1B2" * 9, "x\x1b[1m", "ci:pw", "$(id)")
    ]

    assert ["credential store “…”" in one for one in shown] == [True] * 4


def test_token_that_ends_later_says_when():
    """A token with a date far away is imported with the date."""
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1782864000}).encode()).decode().rstrip("=")

    assert entry_of({"auth": b64(f"ci:e30.{claims}.c2ln")}).notes == (
        "its token expires at 2026-07-01 00:00 UTC",
    )


def test_several_secrets_are_joined():
    """The logins of several secrets stand in order, and the same one twice counts once."""
    other = json.dumps({"auths": {HOST: {"auth": b64("b:c")}, "ghcr.io": {"auth": AUTH}}})
    secrets = [secret(data={".dockerconfigjson": b64(text)}) for text in (CONFIG, other, CONFIG)]
    entries = read_entries(json.dumps({"kind": "List", "items": secrets}), NOW)

    assert [(one.key, one.login.username) for one in entries] == [
        (HOST, USER),
        (HOST, "b"),
        ("ghcr.io", USER),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "This is not JSON. Example:"),
        ("hello", "This is not JSON. Example:"),
        ("~/.docker/config.json", "This is the name of a file. Paste what is in the file."),
        ('{"auths": {,}}', "This is not JSON: look at line 1, column 12."),
        ("{“auths”: {}}", "It has curly quotes"),
        ("null", "no login in “auths”"),
        ("7", "no login in “auths”"),
        ('{"auths": {}}', "It can be read, but it contains no login: its “auths” is empty."),
        ('{"auths": 5}', "Its “auths” is not an object of servers."),
        (
            '{"auths": {"x": {}}, "credHelpers": []  , "credHelpers": [1]}',
            "Its “credhelpers” is not an object",
        ),
        (
            '{"credsStore": "desktop"}',
            "in the credential store “desktop” of a machine; there are none in this file. Run this on "
            "that machine and paste",
        ),
        (
            '{"https://index.docker.io/v1/": "me", "ghcr.io": "me"}',
            "These are servers and user names, as a credential",
        ),
        (AUTH, "This is a login without its server."),
        ('{"auth": "YTpi"}', "This is a login without its server."),
        ('{"type": "service_account", "private_key": "x"}', "This is a Google service account's key."),
        ("kind: Secret\ndata:\n  password: eA==\n", "This Kubernetes secret has no “.dockerconfigjson”."),
        (
            json.dumps(secret(data={"password": "eA=="})),
            "This Kubernetes secret has no “.dockerconfigjson”.",
        ),
        ("kind: SealedSecret\nspec:\n  encryptedData:\n", "This is a sealed secret"),
        ('{"kind": "SealedSecret"}', "This is a sealed secret"),
        (
            "kind: Secret\ndata:\n  .dockerconfigjson: ENC[AES256_GCM,data:x]\n",
            "it may be encrypted, or a template",
        ),
        ("data:\n  .dockerconfigjson: {{ .Values.login }}\n", ""),
        ("kind: Secret\ndata:\n  .dockerconfigjson: eyJhdXRocyI6e319\n", "its “auths” is empty"),
        ('{"kind":"Secret","data":{".dockerconfigjson":"eyJhdXRocyI6e319"}}', "its “auths” is empty"),
        ("eyJhdXRocyI6e319", "its “auths” is empty"),
        (json.dumps(json.dumps(json.dumps(json.dumps(json.dumps(CONFIG))))), "nested too deeply"),
        ("[" * 3000, "This is not JSON."),
        ("9" * 5000, "This is not JSON."),
    ],
)
def test_texts_without_a_login_say_why(text, said):
    """Each text that holds no login is told for what it is."""
    assert said in refused(text)


def test_refusal_repeats_nothing():
    """A text that cannot be read is not repeated, not even a part."""
    assert "hunter2" not in refused('{"auths": hunter2}') + refused("password: hunter2")


TEXTS = st.text(max_size=20) | st.sampled_from(
    ["auths", "auth", "username", "password", "items", "data", AUTH, HOST]
)
VALUES = st.recursive(
    TEXTS | st.none() | st.integers() | st.booleans(),
    lambda inner: st.dictionaries(TEXTS, inner, max_size=4) | st.lists(inner, max_size=3),
)


@given(VALUES.map(json.dumps) | VALUES.map(json.dumps).map(b64) | st.text())
def test_whatever_is_pasted_ends_in_entries_or_a_sentence(text):
    """No text ends in anything but entries or a refusal, and neither shows the password in it."""
    try:
        shown = repr(read_entries(text, NOW))
    except InvalidInput as error:
        shown = str(error)

    assert PASSWORD not in shown
