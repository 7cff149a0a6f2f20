"""Each kind's whole life in a real browser: refused, corrected, added, found, edited, read and deleted."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from bot.core.kinds import Kind
from bot.registry.client import RegistryClient
from bot.registry.kind_table import KINDS
from bot.run.try_server import TryApp
from tests.fakes.real_registry import PASSWORD, TAGS, USERNAME, RealRegistry
from tests.web.everywhere import ACCOUNT, GOOGLE_HOST, JSON_KEY, REGION, everywhere
from tests.web.whole_job import Person, at_the_page, trying

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("docker-registry")]

WORKS = re.compile("Checked: The login works")
BASIC, TLS, CA = "address of the plain one", "address of the encrypted one", "its authority"
"""What stands in a form below until the registries have addresses."""


@dataclass(frozen=True)
class Form:
    """What somebody types for a kind: first with one wrong value, then all of it right."""

    right: Mapping[str, str]
    label: str
    wrong: str
    reason: str


USER = {"Username": USERNAME, "Password": PASSWORD}
FORMS = {
    "docker-hub": Form(USER, "Username", "ci:x", "has no colon"),
    "private": Form({"URL": BASIC, **USER}, "URL", "https://ci:x@registry.example.com", "of their own"),
    "trusted": Form({"URL": BASIC, **USER}, "URL", "https://dtr.example.com/team", "give only the server"),
    "ecr": Form(
        {
            "Access key ID": "AKIAIOSFODNN7EXAMPLE",
            "Secret access key": "x" * 40,
            "Region": REGION,
            "Account ID": ACCOUNT,
        },
        "Access key ID",
        "ASIAIOSFODNN7EXAMPLE",
        "keys that begin with ASIA expire within hours",
    ),
    "gcr": Form(
        {"JSON key": JSON_KEY, "Registry host": GOOGLE_HOST}, "JSON key", "{", "Paste the whole key file"
    ),
    "quay": Form(
        {"Robot account": USERNAME, "Robot token or OAuth token": PASSWORD},
        "Robot account",
        "ci:x",
        "Example: acme+deploy",
    ),
    "ghcr": Form(
        {"GitHub user name": USERNAME, "Personal access token": PASSWORD},
        "GitHub user name",
        "ci:x",
        "Example: octocat",
    ),
    "acr": Form(
        {
            "Registry name": "acmeprod",
            "Service principal ID or token name": USERNAME,
            "Secret or token password": PASSWORD,
        },
        "Registry name",
        "acmeprod.azurecr.example",
        "or its whole login server",
    ),
    "gitlab": Form(
        {"Registry URL": BASIC, "User name": USERNAME, "Deploy token or access token": PASSWORD},
        "Registry URL",
        "ftp://registry.gitlab.com",
        "something other than https",
    ),
    "harbor": Form(
        {"URL": TLS, "Robot account": USERNAME, "Robot secret": PASSWORD, "CA certificate": CA},
        "CA certificate",
        "-----BEGIN PRIVATE KEY-----",
        "Paste only the certificate",
    ),
    "jfrog": Form(
        {"URL": BASIC, "Username": USERNAME, "Identity token or API key": PASSWORD},
        "URL",
        "https://acme.jfrog.io?x",
        "contains a query",
    ),
}

NOT_IN_MOTO = ("ecr-public",)
"""``tests/registry/test_aws.py`` asks for its passwords."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryClient]:
    """Finds every service's registry on this machine."""
    with everywhere(tmp_path_factory.mktemp("everywhere")) as one:
        yield one


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, client: RegistryClient) -> Iterator[TryApp]:
    """The app; it asks registries through that client."""
    with trying(tmp_path_factory.mktemp("app") / "try", client) as one:
        yield one


@pytest.fixture(scope="module")
def browser(chromium_browser: Browser, app: TryApp) -> BrowserContext:
    """The browser that the page was given to."""
    context = chromium_browser.new_context()
    first = context.new_page()
    first.goto(app.address)
    first.close()
    return context


@pytest.fixture
def user(browser: BrowserContext, app: TryApp) -> Iterator[Person]:
    """Somebody who has just opened the page."""
    with at_the_page(browser, app.url) as one:
        yield one


@pytest.fixture
def places(basic_registry: RealRegistry, tls_registry: RealRegistry) -> Mapping[str, str]:
    """What stands in the forms in the place of addresses."""
    return {BASIC: basic_registry.url, TLS: tls_registry.url, CA: tls_registry.ca or ""}


def test_every_kind_has_a_form() -> None:
    """No kind is left out below but one that moto cannot play."""
    assert [*FORMS, *NOT_IN_MOTO] == sorted(KINDS, key=[*FORMS, *NOT_IN_MOTO].index)


@pytest.mark.parametrize("kind", [KINDS[each] for each in FORMS], ids=FORMS)
def test_whole_life_of_a_kind(user: Person, kind: Kind, places: Mapping[str, str]) -> None:
    """Each kind is refused with its reason, added with a checked login, listed, edited, read and deleted."""
    right = {label: places.get(value, value) for label, value in FORMS[kind.id].right.items()}
    old, new = f"{kind.id}_old", f"{kind.id}_new"
    add_at_the_second_try(user, kind, old, right)
    see_it_filtered(user, kind, old)
    rename_it(user, kind, old, new)
    read_its_tags(user, new)
    delete_it(user, new)


def add_at_the_second_try(user: Person, kind: Kind, name: str, right: Mapping[str, str]) -> None:
    """The wrong value's reason stands beside its field; what else was typed stays, and is saved."""
    form = FORMS[kind.id]
    user.open_form(kind.label, [field.label for field in kind.fields])
    user.fill({"Integration Name": name, **right, form.label: form.wrong})
    user.save()
    expect(user.box(form.label)).to_have_accessible_description(re.compile(re.escape(form.reason)))
    expect(user.dialog.get_by_role("alert")).to_have_count(1)
    user.fill({form.label: right[form.label]})
    user.saved(WORKS)


def see_it_filtered(user: Person, kind: Kind, name: str) -> None:
    """Its group of the Filters menu holds it beside the sample at most; another group does not."""
    listed = user.command("list")
    user.choose(listed.get_by_role("combobox", name="Filters"), other_group(kind))
    expect(user.button(f"Delete {name}", listed)).to_have_count(0)
    user.choose(listed.get_by_role("combobox", name="Filters"), kind.group)
    expect(user.button(f"Delete {name}", listed)).to_be_visible()
    expect(listed).to_contain_text(kind.label)
    expect(listed).to_contain_text("login works")


def other_group(kind: Kind) -> str:
    """A group that a kind is not in."""
    return "ECR" if kind.group != "ECR" else "Docker"


def rename_it(user: Person, kind: Kind, old: str, new: str) -> None:
    """The form starts without the secret; left empty, it keeps the one that is stored."""
    assert kind.secret_field is not None
    user.button(f"Edit {old}", user.command(f"list {old}")).click()
    expect(user.box(kind.secret_field.label)).to_have_value("")
    user.fill({"Integration Name": new})
    user.saved("is saved")


def read_its_tags(user: Person, name: str) -> None:
    """The stored login opens a private repository."""
    told = user.command(f"tags {name} team/app")
    expect(told).to_contain_text(f"{len(TAGS)} tags")
    expect(told.locator("code")).to_have_text(list(TAGS))


def delete_it(user: Person, name: str) -> None:
    """Nothing depends on it, so Yes stands there at once; then it is gone."""
    asked = user.command(f"delete {name}")
    expect(asked).to_contain_text("No dependency")
    user.button("Yes", asked).click()
    expect(asked).to_contain_text("was deleted")
    expect(user.command("list")).to_contain_text("1–1 of 1")
