"""The architecture: who may import whom, how long a file may be, what stands at the top."""

import ast
import re
import sys
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from handlers import FEATURES

ROOT = Path(__file__).parents[1]

EVERYTHING_OURS = {"bot", "handlers", "storage"}
EVERYTHING_ELSE = {
    "botocore",
    "click",
    "cryptography",
    "prometheus_client",
    "requests",
    "slack_bolt",
    "slack_sdk",
    "tinydb",
    "urllib3",
    "waitress",
}

ALLOWED = {
    # The longest prefix that fits a module decides: what it may import of ours, and of others.
    "bot.core": ({"bot.core"}, set()),
    "bot.registry": ({"bot.registry", "bot.core"}, {"requests", "urllib3", "botocore"}),
    "storage": ({"storage", "bot.core"}, {"tinydb", "cryptography", "psycopg", "orjson"}),
    "handlers": ({"handlers", "bot.core", "bot.services"}, {"slack_bolt", "slack_sdk"}),
    "bot.slack": (
        {"bot.slack", "bot.core", "bot.services", "handlers"},
        {"slack_bolt", "slack_sdk", "orjson"},
    ),
    "bot.web": ({"bot.web", "bot.core", "bot.services"}, {"waitress"}),
    "bot.simulator": ({"bot.simulator", "bot.core", "bot.services", "bot.web"}, {"slack_sdk"}),
    "bot.pipeline": ({"bot.pipeline"}, set()),
    "bot.pipeline.commands": ({"bot.pipeline"}, {"click"}),
    "bot.pipeline.docker_credential": (set(), set()),
    "bot.services": ({"bot.core"}, {"slack_sdk"}),
    "bot.settings": ({"bot.core"}, set()),
    "bot.executor": ({"bot.core"}, set()),
    "bot.logs": ({"bot.core"}, set()),
    "bot.run": (EVERYTHING_OURS, EVERYTHING_ELSE),
    "bot.cli": (EVERYTHING_OURS, EVERYTHING_ELSE),
    "bot.__main__": ({"bot.cli"}, set()),
    "bot": (set(), set()),
}

TOP = {
    ".ci",
    ".github",
    ".gitignore",
    "LICENSE",
    "Procfile",
    "README.md",
    "bot",
    "handlers",
    "pyproject.toml",
    "requirements.txt",
    "storage",
    "tests",
}

LONGEST_FILE = 500

SOURCES = sorted(path for area in ("bot", "handlers", "storage") for path in (ROOT / area).rglob("*.py"))
EVERYTHING = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]


def relative(path):
    """A path as people write it."""
    return str(path.relative_to(ROOT))


def module_of(path, root):
    """The dotted name of a source file."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def is_within(module, area):
    """True when a module is an area or lies in it."""
    return module == area or module.startswith(f"{area}.")


@cache
def tree_of(path):
    """A product file's syntax tree, parsed once for all tests."""
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes_of(path):
    """Every node of that tree."""
    return tuple(ast.walk(tree_of(path)))


def imports_of(path):
    """Every module a file imports, at its top or anywhere inside."""
    nodes = nodes_of(path)
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = {
        f"{node.module}.{alias.name}" if node.module in ("bot", "bot.core") else node.module
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return plain | froms


def forbidden_imports(path, root=ROOT):
    """The imports of a file that its area does not allow."""
    area = max((area for area in ALLOWED if is_within(module_of(path, root), area)), key=len)
    ours, others = ALLOWED[area]
    allowed = ours | others | set(sys.stdlib_module_names) | {"_typeshed"}
    return {name for name in imports_of(path) if not any(is_within(name, each) for each in allowed)}


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_imports_keep_to_the_table(path):
    """A file imports only what its area may; if this fails, move the code, don't widen the table."""
    assert forbidden_imports(path) == set()


def taken_from_features(path):
    """What a handler's file takes from another feature's file, as ``(feature, name)``."""
    features = {Path(feature.__file__).stem for feature in FEATURES}
    for node in nodes_of(path):
        area, _, feature = (getattr(node, "module", None) or "").partition(".")
        if area == "handlers" and feature in features:
            yield from ((feature, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", sorted((ROOT / "handlers").glob("*.py")), ids=relative)
def test_features_share_only_ids(path):
    """One feature takes nothing from another but an id, to show its button; the Home tab is the list."""
    shared = {"list"} if path.name == "home.py" else set()
    assert [one for one in taken_from_features(path) if not one[1].isupper() and one[0] not in shared] == []


def test_relative_imports_are_not_used():
    """Imports are written in full, so that the table can be read off them."""
    relative_imports = [
        f"{relative(path)}:{node.lineno}"
        for path in SOURCES
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom) and node.level
    ]

    assert relative_imports == []


@pytest.mark.parametrize("path", EVERYTHING, ids=relative)
def test_file_is_short(path):
    """A file stays under 500 lines."""
    assert len(path.read_text().splitlines()) < LONGEST_FILE


def occurring_twice(names):
    """Each name that occurs more than once, with the files it occurs in."""
    places = defaultdict(list)
    for name, path in names:
        places[name].append(relative(path))
    return {name: paths for name, paths in places.items() if len(paths) > 1}


def test_no_two_files_share_a_name():
    """A product file is found by its name alone."""
    assert occurring_twice((path.name, path) for path in SOURCES if path.name != "__init__.py") == {}


def test_no_two_classes_share_a_name():
    """A class is found by its name alone."""
    classes = (
        (node.name, path) for path in SOURCES for node in nodes_of(path) if isinstance(node, ast.ClassDef)
    )

    assert occurring_twice(classes) == {}


def test_shared_names_are_found():
    """The check itself works: a name in two files is found with both."""
    both = [ROOT / "bot" / "core" / "a.py", ROOT / "storage" / "a.py"]

    assert occurring_twice((path.name, path) for path in both) == {"a.py": ["bot/core/a.py", "storage/a.py"]}


def names_used(path):
    """Every name that a file imports, or looks up on something."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def names_of(statement):
    """The names that a statement at the top of a file gives; what a decorator registers is used."""
    if isinstance(statement, ast.ClassDef) or (
        isinstance(statement, ast.FunctionDef) and not statement.decorator_list
    ):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def public_names(path):
    """A file's face. A feature's listeners, which its ``register`` hands over, are used."""
    statements = tree_of(path).body
    registers = [one for one in statements if getattr(one, "name", "") == "register"]
    handed_over = {node.id for one in registers for node in ast.walk(one) if isinstance(node, ast.Name)}
    # What a public function takes or returns, or a public class is made of, is as public as they are.
    for face in (one for one in statements if not getattr(one, "name", "_").startswith("_")):
        typed = (getattr(node, part, None) for node in ast.walk(face) for part in ("annotation", "returns"))
        handed_over |= {
            node.id for one in filter(None, typed) for node in ast.walk(one) if hasattr(node, "id")
        }
    names = {name for statement in statements for name in names_of(statement)}
    return {name for name in names - handed_over - {"log"} if not name.startswith("_")}


def test_what_only_one_file_uses_is_private():
    """A name that no other file uses begins with an underscore, so that a file's face shows at a glance."""
    places = defaultdict(set)
    for path in EVERYTHING:
        for name in names_used(path):
            places[name].add(path)
    sources = [path for path in SOURCES if path.parent != ROOT / "bot" / "core" / "ports"]
    alone = [
        f"{relative(path)}: {name}"
        for path in sources
        for name in public_names(path)
        if not places[name] - {path}
    ]

    assert alone == []


def names_in(path):
    """Every name that a file uses or defines."""
    for node in nodes_of(path):
        yield from (
            found
            for kind in ("id", "attr", "name", "asname", "arg")
            if isinstance(found := getattr(node, kind, None), str)
        )


@pytest.mark.parametrize("path", sorted((ROOT / "handlers").glob("[a-z]*.py")), ids=relative)
def test_trails_name_what_is_there(path):
    """``payload -> listener -> operation -> view`` at a file's head names functions of the file."""
    tree = tree_of(path)
    there = set(names_in(path))
    trails = [line for line in (ast.get_docstring(tree) or "").splitlines() if line.startswith("payload ->")]
    told = set(re.findall(r"(?<![\w.])[a-z_]+(?![\w.])", " ".join(trails)))

    stale = {name for name in told if name not in there and ("_" in name or f"_{name}" in there)}

    assert stale - {path.stem} == set()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_docstrings_stand_below_what_they_describe(path):
    """A string alone on its line follows an assignment, or is the docstring of a file, class or function."""
    for node in nodes_of(path):
        body = getattr(node, "body", None)
        for before, one in pairwise(body if isinstance(body, list) else []):
            is_text = isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
            assert not is_text or isinstance(before, ast.Assign | ast.AnnAssign), f"line {one.lineno}"


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=relative)
def test_nothing_is_patched(path):
    """Tests use fakes: what fails, or is counted, is given to the product as it would be given anything."""
    patch = "monkeypatch" + ".setattr"

    assert patch not in path.read_text("utf-8")


def test_types_are_hardly_ever_ignored():
    """The type checker is told what it cannot know; at most five times it has to look away."""
    assert sum(path.read_text("utf-8").count("type: " + "ignore") for path in SOURCES) <= 5


def test_top_level_holds_only_what_is_named():
    """The top level holds the parts of the program and what tools look for there."""
    present = {path.name for path in ROOT.iterdir()} - ignored()

    assert present <= TOP


def ignored():
    """What ``.gitignore`` names, and git's own directory."""
    names = {line.strip().rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    return names | {".git"} | {path.name for pattern in names for path in ROOT.glob(pattern)}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("bot.core.x", "slack_bolt"),
        ("handlers.x", "storage"),
        ("bot.web.x", "bot.run.wiring"),
        ("storage.x", "bot"),
    ],
)
def test_table_forbids(module, name, tmp_path):
    """The check itself works: an import that crosses the table is found."""
    path = tmp_path.joinpath(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True)
    path.write_text(f"def later():\n    import {name}\n")

    assert forbidden_imports(path, tmp_path) == {name}
