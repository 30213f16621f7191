"""What the caller knows of a number before it is read: its length, its pattern, its digits, its place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.core.records import MARK_CHARACTERS, Box

DIGITS = "0123456789"
# In a pattern, this letter stands for any digit.
ANY_DIGIT = "d"
LONGEST = 64
MOST_FIELDS = 200
_PATTERN = re.compile(f"[{DIGITS}{ANY_DIGIT}{re.escape(''.join(MARK_CHARACTERS.values()))}]{{1,{LONGEST}}}")


@dataclass(frozen=True)
class Expected:
    """What a number must be like; by default, anything.

    length: how many digits each line has.  pattern: each line as it is written,
    with d for any digit, such as dd/dd/dd.  allowed: the digits that may occur.
    Raises InvalidInput.
    """

    length: int | None = None
    pattern: str | None = None
    allowed: str = DIGITS

    def __post_init__(self) -> None:
        if self.length is not None and not 1 <= self.length <= LONGEST:
            raise InvalidInput(f"length is {self.length}; it must be from 1 to {LONGEST}", field="length")
        if self.pattern is not None and not _PATTERN.fullmatch(self.pattern):
            raise InvalidInput(
                f"pattern is {self.pattern[:40]!r}; write d for a digit, such as dd/dd/dd, "
                f"and at most {LONGEST} characters",
                field="pattern",
            )
        if not self.allowed or set(self.allowed) - set(DIGITS):
            raise InvalidInput(f"allowed is {self.allowed[:40]!r}; it must be digits, such as 0123", field="allowed")
        if self.length is not None and self.pattern is not None:
            raise InvalidInput("length and pattern are both given; give one of them", field="length")

    @property
    def is_bounded(self) -> bool:
        """Whether the number of characters is known."""
        return self.length is not None or self.pattern is not None

    @property
    def marks(self) -> str:
        """The marks of the pattern."""
        return "".join(each for each in self.pattern or "" if each not in DIGITS + ANY_DIGIT)

    def may_begin(self, text: str) -> bool:
        """Whether a line that fits can begin with this text."""
        if self.pattern is None:
            return self.length is None or sum(each in DIGITS for each in text) <= self.length
        return len(text) <= len(self.pattern) and all(map(_matches, text, self.pattern))

    def fits(self, text: str) -> bool:
        """Whether a whole line is as expected."""
        if self.pattern is None:
            return self.length is None or sum(each in DIGITS for each in text) == self.length
        return len(text) == len(self.pattern) and all(map(_matches, text, self.pattern))


def _matches(character: str, expected: str) -> bool:
    return character in DIGITS if expected == ANY_DIGIT else character == expected


ANYTHING = Expected()


@dataclass(frozen=True)
class Field:
    """A named place of a form.  box: x, y, width, height in pixels of the picture."""

    name: str
    box: Box
    expected: Expected = ANYTHING
