"""Invisible characters make no difference."""

import pytest

from bot.core.texts import name_key, visible


@pytest.mark.parametrize(
    "hidden",
    [
        "\u200b",
        "\u200d",
        "\u2060",
        "\ufeff",
        "\u00ad",
        "\u202e",
        "\u2066",
        "\ufe0f",
        "\u3164",
        "\u180e",
        "\U000e0041",
    ],
)
def test_what_nobody_sees_is_left_out(hidden):
    """A character without a shape is taken out wherever it stands."""
    assert visible(f"{hidden}my{hidden}_registry{hidden}") == "my_registry"


@pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\u202f", "\u3000"])
def test_odd_spaces_are_spaces(space):
    """A space from another alphabet is a plain one."""
    assert visible(f"web{space}shop") == "web shop"


def test_two_ways_of_an_accent_are_one():
    """A letter with an accent is the same however it is put together."""
    assert visible("cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize("text", ["", "plain text\n", "caf\u00e9", "\u65e5\u672c", "\u2192 \u201cx\u201d"])
def test_what_people_see_stays(text):
    """Everything with a shape stays as it is."""
    assert visible(text) == text


@pytest.mark.parametrize("name", ["my\u200b_registry", "\ufeffMY_REGISTRY", "my_regi\u00adstry\u2060"])
def test_names_that_look_the_same_are_one_name(name):
    """Names are looked up as people see them, whatever their case."""
    assert name_key(name) == name_key("my_registry")
