"""The README and its pages keep their promise: they name all that there is, and what they link to exists."""

import json
import re
import tomllib
from pathlib import Path

import click
import pytest

from bot.cli import main
from bot.core.model import Stage
from bot.pipeline import docker_credential
from bot.registry.kind_table import KINDS
from bot.settings import Settings
from bot.web.api.endpoints import ENDPOINTS
from bot.web.api.routing import OPEN_TO_ALL
from handlers import all_routes

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted((ROOT / ".github" / "docs").glob("*.md"))
PIPELINES, REGISTRIES, SETTINGS = (
    (ROOT / ".github" / "docs" / f"{name}.md").read_text("utf-8")
    for name in ("pipelines", "registries", "settings")
)
MANIFEST = json.loads((ROOT / "bot" / "manifest.json").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SECURITY, CONTRIBUTING = (
    (ROOT / ".github" / name).read_text("utf-8") for name in ("SECURITY.md", "CONTRIBUTING.md")
)
EVERY_PACKAGE = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / ".github").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
LARGEST_PICTURE = 150 * 1000
MOST_README_LINES = 250

TRY = "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/quaymaster try"
TESTS = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/python -m tests"

VERBS = all_routes().verbs
ENOUGH = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s", "QUAYMASTER_KEYS_FILE": "keys"}
ENOUGH_FOR_HELPER = {"QUAYMASTER_URL": "https://quaymaster.example.com", "QUAYMASTER_TOKEN": "qm_1"}


class Asked(dict):
    """An environment that remembers which names it was asked for."""

    def __init__(self, values):
        super().__init__(values)
        self.names = set()

    def get(self, name, default=None):
        """Give a value."""
        self.names.add(name)
        return super().get(name, default)


def settings_read():
    """The names of every setting that the server, the helper or a command for pipelines reads."""
    server, helper = Asked(ENOUGH), Asked(ENOUGH_FOR_HELPER)
    Settings.from_env(server)
    docker_credential.Client(helper, 1.0)
    return sorted(server.names | helper.names)


def commands(group=main, before="quaymaster"):
    """Every command as it is typed."""
    for name, command in group.commands.items():
        typed = f"{before} {name}"
        if isinstance(command, click.Group):
            yield from commands(command, typed)
        else:
            yield typed


def names_of_tests():
    """The name of every test function."""
    source = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return set(re.findall(r"^def (test_\w+)", source, re.MULTILINE))


def links():
    """Each link or picture of each document, with the document."""
    return [(path, target) for path in DOCUMENTS for target in LINK.findall(path.read_text("utf-8"))]


def anchors(path):
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def row_of(label):
    """The row of a table of registries that begins with a label."""
    return next(line for line in REGISTRIES.splitlines() if line.startswith(f"| {label} |"))


@pytest.mark.parametrize("command", [TRY, TESTS])
def test_the_two_commands_stand_there(command):
    """The README begins with the commands that a stranger copies."""
    assert f"\n{command}\n" in README


def test_readme_is_short():
    """A stranger reads the README to its end."""
    assert len(README.splitlines()) <= MOST_README_LINES


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_each_page_is_linked_from_the_top(page):
    """The README names each page before its first heading."""
    top = README.partition("\n## ")[0]

    assert f"(.github/docs/{page.name})" in top


@pytest.mark.parametrize("verb", VERBS.values(), ids=list(VERBS))
def test_each_verb_is_named(verb):
    """The README names each verb and its other names."""
    row = next(line for line in README.splitlines() if re.match(rf"\| `{verb.name}[` ]", line))

    assert [alias for alias in verb.aliases if f"`{alias}`" not in row] == []


@pytest.mark.parametrize("name", settings_read())
def test_each_setting_is_named(name):
    """There is a row for each setting that is read: the server's on one page, a pipeline's on the other."""
    assert re.search(rf"^\| .*`{name}`", SETTINGS + PIPELINES, re.MULTILINE)


@pytest.mark.parametrize(
    "name",
    [
        *MANIFEST["oauth_config"]["scopes"]["bot"],
        *MANIFEST["settings"]["event_subscriptions"]["bot_events"],
        "usergroups:read",
        "connections:write",
    ],
)
def test_each_scope_and_event_is_named(name):
    """The README names what the Slack app asks for."""
    assert f"`{name}`" in README


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_each_kind_has_a_row_with_its_fields(kind):
    """The table of kinds names each kind as the menu does, with every field of its form."""
    row = row_of(kind.label)

    assert [field.label for field in kind.fields if field.label not in row] == []
    assert [field.label for field in kind.fields if field.is_secret and f"**{field.label}**" not in row] == []


@pytest.mark.parametrize("stage", list(Stage))
def test_each_step_of_a_test_has_advice(stage):
    """There is advice for each step that can fail."""
    assert row_of(stage.value).count("|") == 4


@pytest.mark.parametrize("command", list(commands()))
def test_each_command_is_named(command):
    """There is a row for each command of the program."""
    assert re.search(rf"^\| .*`{command}\b", SETTINGS, re.MULTILINE)


@pytest.mark.parametrize("path", [*ENDPOINTS, *OPEN_TO_ALL])
def test_each_path_of_the_api_is_named(path):
    """There is a row for each path."""
    assert re.search(rf"^\| `{re.escape(path)}[`?]", PIPELINES, re.MULTILINE)


@pytest.mark.parametrize(("document", "target"), links(), ids=lambda value: getattr(value, "name", value))
def test_each_link_leads_somewhere(document, target):
    """What a document links to inside the repository exists, and so does the heading."""
    path, _, anchor = target.partition("#")
    place = (document.parent / path) if path else document

    assert "://" in target or place.exists()
    assert not anchor or "://" in target or anchor in anchors(place)


@pytest.mark.parametrize(
    "picture", sorted((ROOT / ".github" / "images").iterdir()), ids=lambda path: path.name
)
def test_each_picture_is_small_and_shown(picture):
    """Every picture of the repository is on a page and quick to load."""
    assert any(f"images/{picture.name})" in path.read_text("utf-8") for path in DOCUMENTS)
    assert picture.stat().st_size <= LARGEST_PICTURE


def test_each_named_test_exists():
    """SECURITY.md names no test that is not there."""
    named = set(re.findall(r"`(test_\w+)`", SECURITY))

    assert named
    assert named - names_of_tests() == set()


@pytest.mark.parametrize("package", EVERY_PACKAGE)
def test_each_package_has_its_reason(package):
    """CONTRIBUTING.md says why each package is there."""
    name = re.split(r"[\[>=<]", package)[0]

    assert re.search(rf"^\| .*\b{name}\b.* \|", CONTRIBUTING, re.MULTILINE)


def test_requirements_are_locked():
    """Every declared package is locked to a version with hashes, and no address stands there."""
    text = (ROOT / "requirements.txt").read_text("utf-8")
    locked = re.findall(r"^([a-z0-9.-]+)==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    declared = {re.split(r"[\[>=<]", one)[0] for one in PROJECT["dependencies"]}

    assert declared - set(locked) == set()
    assert "/" not in text
    assert len(locked) == text.count("==")
