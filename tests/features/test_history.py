"""The history: who did what, when, the newest first, refused attempts too."""

import csv
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from bot.core.model import Role, Target, TargetKind
from bot.core.queries import HistoryPage, HistoryQuery
from bot.core.workflows.fetch import fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from handlers.history import csv_of, told
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.features.team import ACME


def lines(shown):
    """The lines of a history, in order."""
    return [line for line in shown.text.splitlines() if line.startswith("<!date^")]


def test_newest_first(free):
    """Each attempt is one line: when, who, what, which integration."""
    free.command("link my_registry project web-shop", COLLEAGUE)
    first, second = lines(free.command("history"))

    assert f"<@{COLLEAGUE}> noted a link to `my_registry` (project `web-shop`)" in first
    assert f"<@{MEMBER}> added `my_registry` (not checked)" in second


def test_what_is_not_verified_is_named_first():
    """A page with entries that somebody without the key has written says so above them."""
    page = HistoryPage((), None, unverified=(2, 3))
    shown = told(page, SimpleNamespace(words="", before=None))

    assert "were changed outside Quaymaster: 2, 3." in str(shown["blocks"][1])
    assert "audit verify" in str(shown["blocks"][1])


def test_refused_attempts_are_in_it(free):
    """Refused attempts are listed as refused."""
    free.command("delete my_registry", COLLEAGUE)

    assert f"<@{COLLEAGUE}> :no_entry: tried to delete `my_registry`" in lines(free.command("history"))[0]


def test_history_of_one_integration(free):
    """Only what happened to the one that was named, whatever the case."""
    free.add("other")
    shown = free.command("history MY_REGISTRY")

    assert len(lines(shown)) == 1
    assert "other" not in shown.text


def test_rename_hides_nothing(free):
    """All entries are found by the integration's new name and by its old one."""
    free.command("edit my_registry")
    free.submit({"Integration Name": "renamed"})
    free.close()

    assert len(lines(free.command("history renamed"))) == 2
    assert len(lines(free.command("history my_registry"))) == 2


def test_pages_to_the_end_and_back(free):
    """Ten a page: Older to the first entry, Newest back."""
    free.link_many("my_registry", 24)
    [free.command(f"unlink my_registry project target-{number:02}") for number in range(24)]
    first = free.command("history")
    second = free.press("Older")
    third = free.press("Older")
    back = free.press("Newest")

    assert [len(lines(shown)) for shown in (first, second, third)] == [10, 10, 5]
    assert third.buttons == ["Newest"]
    assert back.text == first.text
    assert back.id == first.id


def test_pages_of_one_integration(free):
    """Older keeps to the integration that was named."""
    free.add("other")
    free.link_many("my_registry", 12)
    [free.command(f"unlink my_registry project target-{number:02}") for number in range(12)]
    free.command("history my_registry")
    shown = free.press("Older")

    assert len(lines(shown)) == 3
    assert shown.title == "History of my_registry"


def test_nothing_has_happened_yet(team):
    """An empty history says so."""
    assert "Nothing has happened yet." in team.command("history").text


def test_empty_history_writes_nothing(team):
    """Reading is no change: it leaves no entry."""
    team.command("history")

    assert team.events() == []


@pytest.mark.parametrize("about", ["x" * 190, "<!channel>", "*bold* `code`", '"quoted"'])
def test_unknown_names_have_no_history(free, about):
    """A name that never was has no history, however strange it is."""
    shown = free.command(f"history {about}")

    assert "Nothing in the history matches that." in shown.text
    assert lines(shown) == []


def test_endless_question_is_refused(free):
    """What would not fit into a page button is refused with the limit."""
    assert "Use at most 200 characters." in free.command(f"history {'x' * 3000}").text


def test_namesake_has_a_history_of_its_own_in_show(free):
    """A new integration of a deleted one's name does not show the old one's history as its own."""
    free.command("delete my_registry")
    free.press("Yes")
    free.add("my_registry", owner=ADMIN)
    shown = free.command("show my_registry")

    assert "deleted" not in shown.text
    assert f"<@{ADMIN}> added" in shown.text


@pytest.mark.parametrize("verb", ["history", "log", "audit", "HISTORY"])
def test_other_words_for_history(free, verb):
    """People's other words for it do the same."""
    assert free.command(verb).title == "History"


def test_history_of_a_person(free):
    """`history @person` shows what that person did, and nothing else."""
    free.command("link my_registry project web-shop", COLLEAGUE)
    shown = free.command(f"history <@{COLLEAGUE}|colleague>")

    assert len(lines(shown)) == 1
    assert f"<@{COLLEAGUE}> noted a link" in shown.text


def test_history_of_a_member_id(free):
    """Somebody who has left can't be mentioned; their member ID works too, as in the list."""
    free.command("test my_registry", COLLEAGUE)

    assert len(lines(free.command(f"history @{COLLEAGUE}"))) == 1


def test_history_of_a_target(free):
    """`history project NAME` shows what concerns that target."""
    free.command("link my_registry project web-shop")
    free.command("link my_registry project other")
    shown = free.command("history project web-shop")

    assert len(lines(shown)) == 1
    assert "`web-shop`" in shown.text


def test_history_of_a_token(free):
    """`history token ID` shows what was fetched with that token."""
    free.fetch("my_registry", "project", "web-shop")
    used = free.store.read(ACME).tokens.of_target(Target(TargetKind.PROJECT, "web-shop"))[0]
    shown = free.command(f"history token {used.id}")

    assert len(lines(shown)) == 1
    assert "fetched `my_registry`" in shown.text


def test_history_between_dates(free):
    """`since` and `until` take whole days in."""
    today = free.services.ports.now().date()
    tomorrow = today + timedelta(days=1)

    assert len(lines(free.command(f"history my_registry since {today} until {today}"))) == 1
    assert "Nothing in the history matches" in free.command(f"history since {tomorrow}").text


def test_date_that_is_none_is_named(free):
    """A day that no calendar has is refused with the reason."""
    assert "“2026-02-31” is not a date." in free.command("history since 2026-02-31").text


def test_misspelled_name_is_corrected(free):
    """When nothing matches a name, the nearest names are shown."""
    assert "Did you mean “my_registry”?" in free.command("history my_registri").text


def test_integrations_are_suggested_before_deleted_ones(free):
    """A deleted integration with a similar name comes after existing ones, and is said to be deleted."""
    free.add("my_registra")
    free.command("delete my_registra")
    free.press("Yes")
    shown = free.command("history my_registr")

    assert "Did you mean “my_registry”? Or a deleted one, “my_registra”?" in shown.text


def test_older_keeps_to_what_was_asked(free):
    """Older goes on with the same person."""
    free.link_many("my_registry", 15)
    [free.command(f"unlink my_registry project target-{number:02}") for number in range(15)]
    free.command(f"history <@{MEMBER}>")
    shown = free.press("Older")

    assert len(lines(shown)) == 6
    assert shown.title == f"History of @{MEMBER}"


def test_admin_exports_the_history(free):
    """*Export* sends an admin a CSV file with every entry that was asked for."""
    free.command("link my_registry project web-shop")
    free.command("history my_registry", ADMIN)
    answer = free.press("Export", ADMIN)
    (sent,) = [file for one in free.slack.world.messages for file in one.files]
    rows = list(csv.reader(sent.content.decode().splitlines()))

    assert "2 entries" in answer.text
    assert [row[3] for row in rows[1:]] == ["dependency.link", "integration.add"]
    assert rows[1][6] == "project web-shop"


def test_members_have_no_export(free):
    """Members are shown no Export button."""
    assert "Export" not in free.command("history").buttons


def test_cells_of_an_export_are_no_formulas(free):
    """A target that begins like a formula is plain text in a spreadsheet."""
    entry = free.store.read(ACME).history.page(HistoryQuery()).entries[0]
    forged = replace(entry, event=replace(entry.event, name='=HYPERLINK("x")'))

    assert "'=HYPERLINK" in csv_of((forged,))


def test_export_says_what_is_missing(free):
    """If the app is not allowed to send files, the message names the scope."""
    free.slack.failing["files.getUploadURLExternal"] = "missing_scope"
    free.command("history", ADMIN)

    assert "files:write" in free.press("Export", ADMIN).text


@pytest.fixture
def gone(team):
    """Two integrations, one of which a colleague's admin has deleted."""
    team.add("harbor")
    team.add("harbor_old")
    team.command("delete harbor_old", ADMIN)
    team.press("Yes", ADMIN)
    return team


def test_who_deleted_anything(gone):
    """The word ``deleted`` finds what was deleted, by whom and when; ``refused`` what was not allowed."""
    gone.command("delete harbor", COLLEAGUE)
    deleted, refused = gone.command("history deleted"), gone.command("history refused harbor")

    assert [f"<@{ADMIN}> deleted `harbor_old`" in line for line in lines(deleted)] == [False, True]
    assert [":no_entry: tried to delete" in line for line in lines(refused)] == [True]


@pytest.mark.parametrize("verb", ["show", "test", "tags", "edit", "delete", "history"])
def test_the_name_of_the_deleted_says_who_deleted_it(gone, verb):
    """Whatever is asked of a name that was deleted, the answer says by whom it was."""
    shown = gone.command(f"{verb} HARBOR_OLD")

    assert f"<@{ADMIN}> deleted" in shown.text


@pytest.mark.parametrize("typed", ["old harbor", "harbor_odl", "OLD"])
def test_deleted_names_are_near(gone, typed):
    """If nothing matches, deleted integrations are suggested by their words and by their spelling."""
    assert "“harbor_old”" in gone.command(f"history {typed}").text


def test_file_that_slack_does_not_take_is_told(free):
    """What Slack says about the file is told in a sentence."""
    free.slack.failing["files.getUploadURLExternal"] = "file_uploads_disabled"
    shown = free.press("Export", ADMIN, on=free.command("history", ADMIN))

    assert "Slack did not accept this (file_uploads_disabled)." in shown.text


def test_fetches_of_an_hour_are_one_line(free):
    """The first fetch of an hour has a line of its own, and the others are counted in another."""
    ports = free.services.ports
    web_shop = Target(TargetKind.PROJECT, "web-shop")
    text = create_token(ports, free.actor(ADMIN, Role.ADMIN), web_shop, 90)[0].reveal()
    [
        fetch_named(ports, identify_caller(ports.store, text, "my_registry", ports.now()), "my_registry")
        for _ in range(4)
    ]
    free.slack.clock.advance(2 * 3600)
    free.store.flush()

    assert "3 more times from" in free.command("history my_registry").text
