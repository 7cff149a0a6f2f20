"""The history: who did what, when, the newest first, refused attempts too."""

import pytest

from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER


def lines(shown):
    """The lines of a history, in order."""
    return [line for line in shown.text.splitlines() if line.startswith("<!date^")]


def test_newest_first(free):
    """Each attempt is one line: when, who, what, which integration."""
    free.command("link my_registry project web-shop", COLLEAGUE)
    first, second = lines(free.command("history"))

    assert f"<@{COLLEAGUE}> noted a link to `my_registry` (project `web-shop`)" in first
    assert f"<@{MEMBER}> added `my_registry` (not checked)" in second


def test_refused_attempts_are_in_it(free):
    """What was refused stands there as refused."""
    free.command("delete my_registry", COLLEAGUE)

    assert f"<@{COLLEAGUE}> :no_entry: tried to delete `my_registry`" in lines(free.command("history"))[0]


def test_history_of_one_integration(free):
    """Only what happened to the one that was named, whatever the case."""
    free.add("other")
    shown = free.command("history MY_REGISTRY")

    assert len(lines(shown)) == 1
    assert "other" not in shown.text


def test_rename_hides_nothing(free):
    """All is found by its new name, and by its old one."""
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


@pytest.mark.parametrize("about", ["x" * 3000, "<!channel>", "*bold* `code`", '"quoted"'])
def test_unknown_names_have_no_history(free, about):
    """A name that never was has no history, however long or strange it is."""
    shown = free.command(f"history {about}")

    assert "Nothing has happened yet." in shown.text
    assert lines(shown) == []


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
