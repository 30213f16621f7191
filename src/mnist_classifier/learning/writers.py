"""The names of writers."""

from __future__ import annotations

import unicodedata

from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.core.records import LONGEST_NAME

# Zero-width (non-)joiners: Persian and Indic words and many emoji need them, Latin words never do.
JOINERS = "\u200c\u200d"
# Categories of what a joiner may stand between: letters without case, marks and symbols.
JOINED = ("Lo", "Lm", "Mn", "Mc", "So", "Sk")
# Letters and a symbol that show nothing: fillers of Hangul, and an empty Braille cell.
BLANKS = "\u115f\u1160\u3164\uffa0\u2800"


def checked_writer(name: str) -> str:
    """A writer's name as it is stored: in one Unicode form, without spaces around it and without invisible characters.

    So names that look the same are the same.  Empty for no name.  Raises InvalidInput.
    """
    given = unicodedata.normalize("NFC", name).strip()
    kept = "".join(each for place, each in enumerate(given) if _is_kept(given, place))
    name = unicodedata.normalize("NFC", kept).strip()
    if given and not any(_is_visible(each) for each in name):
        raise InvalidInput("writer has no visible character; enter a name, or leave it empty", field="writer")
    if len(name) > LONGEST_NAME or any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in name):
        message = f"writer must be at most {LONGEST_NAME} characters, without control characters"
        raise InvalidInput(message, field="writer")
    return name


def _is_kept(name: str, place: int) -> bool:
    if unicodedata.category(name[place]) != "Cf":
        return True
    around = name[place - 1 : place] + name[place + 1 : place + 2]
    is_between = len(around) == 2 and all(unicodedata.category(each) in JOINED for each in around)
    return name[place] in JOINERS and is_between


def _is_visible(character: str) -> bool:
    """Cn and Co: new emoji, and characters of a font of one's own."""
    category = unicodedata.category(character)
    return (category[0] in "LNPS" or category in ("Cn", "Co")) and character not in BLANKS
