"""A picture of a number and everything that is written on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.records import Box, MarkKind

Mode: TypeAlias = Literal["digit", "number"]


@dataclass(frozen=True)
class WrittenMark:
    """A mark, and its bounding box in px of the picture."""

    kind: MarkKind
    box: Box


@dataclass(frozen=True)
class WrittenCell:
    """A cell of a table and the number in it, which is None for an empty cell; rows and columns count from 0."""

    row: int
    column: int
    box: Box
    number: str | None


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture with its right answer.

    picture: (H, W) or (H, W, 3) uint8.  mode: how to read it.  lines: the digits of each line; a row of a table is a
    line, without its empty cells.  text: the lines as written, with marks and line breaks.
    doubt_is_right: only an answer that is in doubt is right, because the number was struck through.
    """

    kind: str
    picture: Bytes
    mode: Mode
    lines: tuple[str, ...]
    text: str
    marks: tuple[WrittenMark, ...] = ()
    cells: tuple[WrittenCell, ...] = ()
    doubt_is_right: bool = False

    @property
    def number(self) -> str:
        """The digits, with line breaks between the lines, as in a reading."""
        return "\n".join(self.lines)
