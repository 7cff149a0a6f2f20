"""Listing and filtering integrations: pages of 15, the Filters menu, the name box, typed words."""

import pytest

import handlers.list
from bot.registry.kind_table import GROUPS, KINDS
from handlers.list import State, listing
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.fakes.scripted_registry import REJECTED


@pytest.fixture
def mixed(team):
    """Integrations of several kinds."""
    team.add("my_hub", kind="docker-hub")
    team.add("my_private")
    team.add("other_private", COLLEAGUE)
    team.add("my_quay", kind="quay")
    team.add("my_github", kind="ghcr")
    return team


def names(shown):
    """The integrations of a list, in order."""
    rows = [one for one in shown.controls if one.block.get("block_id", "").startswith("row:")]
    return [one.names[1].removeprefix("Show ") for one in rows if one.names[:1] == ("Show",)]


def test_empty_list_invites(team):
    """Without any integration the list says how the first one is added."""
    shown = team.command("")

    assert "There are no integrations yet." in shown.text
    assert shown.buttons == ["Add Integration"]
    assert "`/integrations help`" in shown.text


@pytest.mark.parametrize(
    ("count", "rows", "range_", "pages"),
    [
        (1, 1, "1–1 of 1", []),
        (15, 15, "1–15 of 15", []),
        (16, 15, "1–15 of 16", ["Next"]),
        (500, 15, "1–15 of 500", ["Next"]),
    ],
)
def test_page_holds_fifteen(team, count, rows, range_, pages):
    """Fifteen rows a page, with the total, and Next only where something follows."""
    team.add_many(count)
    shown = team.command("list")

    assert len(names(shown)) == rows
    assert range_ in shown.text
    assert [button for button in shown.buttons if button in ("Previous", "Next")] == pages


@pytest.mark.parametrize("count", [16, 25, 46])
def test_next_to_the_last_page_and_back(team, count):
    """Next reaches every row once, Previous goes back the same way."""
    team.add_many(count)
    forth = turned(team, team.command("list"), "Next", (count - 1) // 15)
    back = turned(team, forth[-1], "Previous", (count - 1) // 15)

    assert [name for shown in forth for name in names(shown)] == [f"registry-{n:03}" for n in range(count)]
    assert [names(shown) for shown in reversed(back)] == [names(shown) for shown in forth]
    assert "Next" not in forth[-1].buttons
    assert "Previous" not in back[-1].buttons


def turned(team, shown, button, times):
    """The pages from one on, turned some times."""
    pages = [shown]
    pages += [team.press(button) for _ in range(times)]
    return pages


def test_turning_stays_in_the_same_message(team):
    """A page replaces the page before it."""
    team.add_many(16)
    first = team.command("list")

    assert team.press("Next", on=first).id == first.id


def test_page_whose_rows_vanished_shows_the_first(team):
    """Next into nothing shows what there is."""
    team.add_many(16)
    shown = team.command("list")
    team.command("delete registry-015")
    team.press("Yes")

    assert names(team.press("Next", on=shown))[0] == "registry-000"


def test_previous_after_rows_vanished_shows_a_full_page(team):
    """Previous to a page that is no longer full shows the first page, full."""
    team.add_many(25)
    team.command("list")
    second = team.press("Next")
    team.command("delete registry-000")
    team.press("Yes")

    assert names(team.press("Previous", on=second)) == [f"registry-{n:03}" for n in range(1, 16)]


def test_row_tells_what_matters(team):
    """A row has the name, type, host, owner, number of dependencies and last check."""
    team.add("my_registry", url="http://registry.example.com:5000")
    team.link("my_registry", "project", "web-shop")
    shown = team.command("list")

    assert "*my_registry*   Private Docker Registry" in shown.text
    assert ":unlock: `registry.example.com:5000`  ·  :white_circle: not checked" in shown.text
    assert f"1 dependency  ·  <@{MEMBER}>" in shown.text


def test_row_offers_what_the_person_may(mixed):
    """Its owner and admins have Show, Edit and Delete beside a menu; others have Show and the menu."""
    own, admins = mixed.command("list"), mixed.command("list", ADMIN)
    others = mixed.command("list", COLLEAGUE)
    menu = own.menu("Test", near="my_quay")

    full = ["Show", "Edit", "Delete"]
    assert admins.buttons == ["Add Integration", *full * 5, "Share"]
    assert own.buttons == ["Add Integration", *full * 4, "Show", "Share"]
    assert others.buttons == ["Add Integration", *["Show"] * 4, *full, "Share"]
    assert [option["text"]["text"] for option in menu.element["options"]] == [
        "Test",
        "Tags",
        "Rotate",
        "Link",
        "History",
    ]


def test_health_fades(mixed):
    """What a check found is shown with its age; after two days it is grey, whatever it was."""
    mixed.command("test my_hub")
    fresh = mixed.command("list")
    mixed.slack.clock.advance(2 * 86_400 + 60)
    old = mixed.command("list")

    assert ":white_check_mark: login works <!date^" in fresh.text
    assert ":white_circle: login worked <!date^" in old.text
    assert ":white_check_mark:" not in old.text


def test_rows_are_sorted_whatever_the_case(team):
    """Upper and lower case sort together."""
    team.add("beta")
    team.add("Alpha")
    team.add("Gamma")

    assert names(team.command("list")) == ["Alpha", "beta", "Gamma"]


FILTERED = [
    ("list docker", ["my_hub", "my_private", "other_private"]),
    ("filter docker my_", ["my_hub", "my_private"]),
    ("filter my_ docker", ["my_hub", "my_private"]),
    ("filter DOCKER   MY_", ["my_hub", "my_private"]),
    ("filter quay", ["my_quay"]),
    ("filter Quay.io", ["my_quay"]),
    ("filter other", ["my_github"]),
    ("filter all", ["my_github", "my_hub", "my_private", "my_quay", "other_private"]),
    ("filter private my", ["my_private"]),
    ("filter “private”", ["my_private", "other_private"]),
    ("ls my_q", ["my_quay"]),
    ("filter ecr", []),
    ("filter <!channel>", []),
    ("filter payload", []),
    ("list github", ["my_github"]),
    ("list ghcr.io", ["my_github"]),
    ("list dockerhub", ["my_hub"]),
    ("list registry.example", ["my_private", "other_private"]),
    ("list mine", ["my_github", "my_hub", "my_private", "my_quay"]),
    ("list mine quay", ["my_quay"]),
    ("list open", ["my_github", "my_hub", "my_private", "my_quay", "other_private"]),
    ("list broken", []),
    ("list unchecked quay", ["my_quay"]),
    ("list ending", []),
    ("list unused", []),
    (f"list <@{COLLEAGUE}|colleague>", ["other_private"]),
    (f"list <@{COLLEAGUE}> private", ["other_private"]),
]


@pytest.mark.parametrize(("typed", "expected"), FILTERED)
def test_typed_words_narrow(mixed, typed, expected):
    """Words narrow by group, name, type, server, owner and health, in any order and case."""
    assert names(mixed.command(typed)) == expected


def test_filters_menu_narrows(mixed):
    """The Filters menu shows one group, and says so when it is drawn again."""
    mixed.command("list")
    shown = mixed.pick("Quay.io")

    assert names(shown) == ["my_quay"]
    assert shown.menu("Docker").element["initial_option"]["value"] == "Quay.io"


def test_filters_menu_lists_every_kind_in_its_group(mixed):
    """Under All and what else narrows there are Docker, ECR, GCR, Quay.io and Other, each with its kinds."""
    groups = mixed.command("list").menu("All").element["option_groups"]

    assert [group["label"]["text"] for group in groups] == ["All types", "Only", *GROUPS]
    listed = {option["value"] for group in groups for option in group["options"]}
    shared = {kind.id for kind in KINDS.values() if kind.group in ("Docker", "ECR", "Other")}
    assert shared <= listed


def test_filters_menu_narrows_to_one_kind(mixed):
    """A kind of the menu shows that kind alone."""
    mixed.command("list")

    assert names(mixed.pick("Docker Hub")) == ["my_hub"]


def test_refused_logins_are_found(mixed, registry):
    """`list broken` shows the integrations whose login was refused."""
    registry.result = REJECTED
    mixed.command("test my_hub")

    assert names(mixed.command("list broken")) == ["my_hub"]


def test_name_box_narrows(mixed):
    """The Integration Name box narrows to a part of a name."""
    mixed.command("list")
    shown = mixed.enter("Integration Name", "PRIV")

    assert names(shown) == ["my_private", "other_private"]
    assert shown.value("Integration Name") == "PRIV"


def test_group_and_name_narrow_together(mixed):
    """The menu keeps what the box says, and the other way round."""
    mixed.command("list")
    mixed.enter("Integration Name", "my_")

    assert names(mixed.pick("Docker")) == ["my_hub", "my_private"]


def test_emptied_box_shows_all_of_the_group(mixed):
    """Clearing the box removes the filter."""
    mixed.command("filter docker my_")

    assert names(mixed.enter("Integration Name", "")) == ["my_hub", "my_private", "other_private"]


def test_turning_keeps_the_filter(team):
    """Next shows the next page of what was filtered."""
    team.add("aaa", kind="quay")
    team.add_many(25)
    team.command("filter docker regis")
    shown = team.press("Next")

    assert "16–25 of 25" in shown.text
    assert shown.value("Integration Name") == "regis"


def test_filter_that_nothing_passes_can_be_undone(mixed):
    """An empty result says what was looked for, and still offers the menu and the box."""
    shown = mixed.command("filter ecr nothing")

    assert "There are no integrations of type *ECR* that match `nothing`." in shown.text
    assert "*Show all* shows all 5." in shown.text
    assert len(names(mixed.press("Show all", on=shown))) == 5
    assert names(mixed.pick("All", on=mixed.command("filter ecr"))) != []


@pytest.mark.parametrize(
    "typed",
    [
        "*bold*",
        "`code`",
        '"',
        "\\" * 40,
        "ä" * 90,
        "\x01" * 64 + "abc",
        "\u202eabc",
        "<@U0ADMIN> &amp;",
        "x" * 300,
    ],
)
def test_strange_words_are_only_words(mixed, typed):
    """Whatever is typed into the box comes back as text, within Slack's limits, and pings nobody."""
    mixed.command("list")
    shown = mixed.enter("Integration Name", typed)

    assert names(shown) == []
    assert "<@U0ADMIN>" not in shown.text
    assert names(mixed.enter("Integration Name", "quay", on=shown)) == ["my_quay"]


def test_list_is_of_this_workspace_only(mixed):
    """Nothing of another workspace is listed."""
    mixed.slack.people[COLLEAGUE]["team_id"] = "T0OTHER"

    assert names(mixed.command("list", COLLEAGUE)) == []


def test_everybody_sees_the_same_rows(mixed):
    """Members and admins see every integration, no matter who owns it."""
    assert names(mixed.command("list", ADMIN)) == names(mixed.command("list", COLLEAGUE))


def test_row_is_drawn_again_only_once_it_has_changed(mixed):
    """A page that is shown again has the same rows, except the one that gained a dependency."""
    first = row_sections(mixed)
    again = row_sections(mixed)
    mixed.link("my_quay", "project", "web-shop")
    changed = row_sections(mixed)

    assert len(first) == 5
    assert all(one is other for one, other in zip(first, again, strict=True))
    assert ["my_quay" in one["text"]["text"] for one in changed] == [
        one is not other for one, other in zip(changed, first, strict=True)
    ]


def row_sections(team):
    """The first block of each row on the first page, as it is drawn now."""
    blocks = listing(team.services, team.actor(), State())["blocks"]
    places = [place for place, block in enumerate(blocks) if block.get("block_id", "").startswith("row:")]
    return [blocks[place - 1] for place in places]


def test_owner_is_chosen_from_people(mixed):
    """The menu Owner shows what one person owns, together with the box, until Show all."""
    mixed.command("list")
    theirs = mixed.choose("Owner", COLLEAGUE)
    nothing = mixed.enter("Integration Name", "quay")
    everything = mixed.press("Show all")

    assert names(theirs) == ["other_private"]
    assert theirs.control("Owner").element["initial_user"] == COLLEAGUE
    assert "There are no integrations with this owner that match `quay`." in nothing.text
    assert len(names(everything)) == 5
    assert "Show all" not in everything.buttons


def test_mine_and_another_owner_exclude_each_other(mixed):
    """Choosing a person after *Mine*, or *Mine* after a person, shows what was chosen last."""
    mixed.command("list")
    mine = mixed.choose("Filters", "Mine")
    theirs = mixed.choose("Owner", COLLEAGUE, on=mine)
    again = mixed.choose("Filters", "Mine", on=theirs)

    assert names(theirs) == ["other_private"]
    assert theirs.control("Owner").element["initial_user"] == COLLEAGUE
    assert names(again) == names(mine)
    assert "other_private" not in names(mine)


def test_typed_owner_is_chosen_in_the_menu(mixed):
    """A person who is typed appears in the Owner menu, not as an id in the box."""
    shown = mixed.command(f"list <@{COLLEAGUE}|colleague> private")

    assert shown.control("Owner").element["initial_user"] == COLLEAGUE
    assert shown.value("Integration Name") == "private"


def test_several_typed_owners_are_told_that_the_first_counts(mixed):
    """Of two people only the first one's integrations are listed, and the list says so."""
    two = mixed.command(f"list <@{COLLEAGUE}|colleague> <@{ADMIN}|admin>")
    twice = mixed.command(f"list <@{COLLEAGUE}|colleague> <@{COLLEAGUE}|colleague>")

    assert names(two) == names(twice) == ["other_private"]
    assert "List the others separately." in two.text
    assert "only one owner at a time" not in twice.text


@pytest.mark.parametrize(("entry", "word"), [(label, word) for word, label in handlers.list._ONLY.items()])
def test_each_entry_under_only_means_its_word(mixed, entry, word):
    """What the Filters menu offers beside types shows what the word shows, with the box."""
    mixed.command("test my_hub")
    mixed.command("list")

    assert names(mixed.pick(entry)) == names(mixed.command(f"list {word}"))


def test_longest_state_of_a_list_fits():
    """With the longest words, group, name and person, each block's id fits."""
    state = State("unchecked", '"' * 64, "a" * 64, None, "U" + "A" * 19)

    assert len(state.encoded("filters")) <= 255


def test_capitals_are_no_person(mixed):
    """A word in capitals that looks like an id is looked for as a word."""
    assert "that match `UNUSEDX`" in mixed.command("list UNUSEDX").text
