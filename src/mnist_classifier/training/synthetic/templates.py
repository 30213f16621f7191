"""Read the stroke templates in `strokes/*.ini`: how people write digits, letters and signs.

A section of a file is one character, and each of its lines is one way to write it.  A line holds
strokes with ` / ` between them.  A stroke is a list of points `x,y` in a box of 100 by 100 units, x to
the right, y downwards:

- `0,0 50,100`: straight lines between the points.
- `~0,0 50,100 100,0`: a smooth curve through the points.  A repeated point is a corner.
- `o50,50,38,50`: an ellipse, given by its centre and half axes.

The format is INI because it has comments and needs no quotes.  The shapes are our own work.
"""

from __future__ import annotations

from configparser import ConfigParser
from functools import lru_cache
from importlib.resources import files
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Points: TypeAlias = "npt.NDArray[np.float64]"  # (P, 2) x, y
# The ways to write one character.
Ways: TypeAlias = "tuple[str, ...]"
ELLIPSE_POINTS = 20


def read_templates(name: str) -> dict[str, Ways]:
    """Read one of the files: the ways to write each character."""
    parser = ConfigParser(allow_no_value=True, delimiters="=", inline_comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keeps capitals
    parser.read_string((files(__package__) / "strokes" / f"{name}.ini").read_text("utf-8"))
    return {character: tuple(parser[character]) for character in parser.sections()}


DIGITS = tuple(read_templates("digits").values())
LETTERS, SIGNS, DOODLES = map(read_templates, ("letters", "signs", "doodles"))


@lru_cache(maxsize=1024)
def parse(template: str) -> tuple[tuple[bool, Points], ...]:
    """The strokes of a template: whether each is smooth, and its points."""
    strokes = []
    for text in template.split(" / "):
        numbers = text.lstrip("~o").split()
        points = np.array([[float(value) for value in pair.split(",")] for pair in numbers])
        if text.startswith("o"):
            ((x, y, width, height),) = points
            angles = np.linspace(0, 2 * np.pi, ELLIPSE_POINTS)
            points = np.stack([x + width * np.sin(angles), y - height * np.cos(angles)], axis=1)
        strokes.append((text.startswith(("~", "o")), points))
    return tuple(strokes)
