"""Texts as people see them: two that look the same become equal, and what is repeated to them is short."""

import re
import unicodedata

_BLANK = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
"""Spaces that look like a space and are not equal to one."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""
Characters without a shape of their own: joiners, marks of direction, fillers, variation selectors, tags.

Source: Unicode, ``DerivedCoreProperties.txt``, ``Default_Ignorable_Code_Point``; U+2800 is empty Braille.
"""

_LETTERS = re.compile(r"[^\W\d_]+")
_LIKE_LATIN = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
"""Alphabets with letters that look like Latin ones, as Unicode names them."""
_FORMS_OF_LATIN = frozenset({"FULLWIDTH", "MATHEMATICAL"})


def visible(text: str) -> str:
    """
    Return a text without what nobody sees, so that two texts that look the same are equal.

    Odd spaces become plain ones, and letters with accents one character each (NFC). What nobody sees gets in
    by copying from web pages, chats and spreadsheets. A password is never passed through here: it is kept to
    the letter.
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", _BLANK.sub(" ", text)))


def odd_letter(text: str) -> str:
    """
    Return the first letter by which a text can pass for another one, or nothing.

    That is a letter of an alphabet like the Latin one in a word with Latin letters, or a Latin letter that is
    written wide or as a mathematical sign. A word that is all Cyrillic is not odd.
    """
    if text.isascii():
        return ""
    for word in _LETTERS.findall(text):
        alphabets = [unicodedata.name(letter, "").partition(" ")[0] for letter in word]
        odd = _FORMS_OF_LATIN | (_LIKE_LATIN if "LATIN" in alphabets else frozenset())
        pairs = zip(word, alphabets, strict=True)
        if found := next((letter for letter, alphabet in pairs if alphabet in odd), ""):
            return found
    return ""


def name_key(name: str) -> str:
    """Fold a name: spellings that differ in case or in what nobody sees are one name. Names sort by it."""
    return visible(name).casefold()


def quoted(names: tuple[str, ...]) -> str:
    """Join names for a sentence: “a”, “b” or “c”."""
    marked = [f"“{name}”" for name in names]
    return marked[0] if len(marked) == 1 else f"{', '.join(marked[:-1])} or {marked[-1]}"


def shortened(text: str, limit: int = 64) -> str:
    """Cut what a person typed to a length that is safe to repeat."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
