"""Writers, and the shapes of the digits and marks that they write.

Strokes are (N, 2) points x, y; y points down.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import numpy as np

from mnist_classifier.core.records import MARK_CHARACTERS, MarkKind
from mnist_classifier.data.pen_digits import PenSets, Strokes
from mnist_classifier.evaluation.robustness import strings
from mnist_classifier.evaluation.robustness.shapes import polylines

MARK_KINDS = {character: kind for kind, character in MARK_CHARACTERS.items() if kind is not MarkKind.OTHER}
DIGITS = "0123456789"
# Generated writers: how many, and how many ways each has to write a digit.
WRITERS, WAYS = 40, 4
# Probability that a mark is a person's, if there are any.
REAL_MARK = 0.5

Range: TypeAlias = "tuple[float, float]"
Thing = TypeVar("Thing")


def any_of(things: Sequence[Thing], rng: np.random.Generator) -> Thing:
    """One of them."""
    return things[int(rng.integers(len(things)))]


@dataclass(frozen=True)
class MarkShape:
    """How people write a mark: its strokes in percent, its longer side, and how far its middle is above the line's.

    Both are relative to the height of digits.
    """

    strokes: str
    size: Range
    middle: float = 0.0


MARKS: Mapping[MarkKind, MarkShape] = {
    MarkKind.SLASH: MarkShape("40,0 0,100", (0.95, 1.35)),
    MarkKind.OPENING_BRACKET: MarkShape("18,0 6,18 0,40 0,60 6,82 18,100", (1.0, 1.4)),
    MarkKind.CLOSING_BRACKET: MarkShape("0,0 12,18 18,40 18,60 12,82 0,100", (1.0, 1.4)),
    MarkKind.HYPHEN: MarkShape("0,2 50,0 100,3", (0.3, 0.6)),
    MarkKind.EQUALS: MarkShape("0,0 100,0 | 0,45 100,47", (0.4, 0.6)),
    MarkKind.NUMBER_SIGN: MarkShape("35,0 25,100 | 75,0 65,100 | 0,35 100,33 | 0,70 100,68", (0.8, 1.05)),
    MarkKind.COMMA: MarkShape("40,0 35,50 0,100", (0.2, 0.35), -0.52),
    MarkKind.POINT: MarkShape("0,0 60,60", (0.06, 0.1), -0.47),
    MarkKind.COLON: MarkShape("0,0 2,2 | 0,98 2,100", (0.45, 0.6), -0.1),
    MarkKind.PLUS: MarkShape("0,50 100,50 | 50,0 50,100", (0.45, 0.75)),
    MarkKind.PERCENT: MarkShape(
        "80,0 20,100 | 20,5 5,15 18,30 32,15 20,5 | 80,70 66,82 80,97 94,82 80,70", (0.85, 1.1)
    ),
}

# Width by height; narrower ones could be a 1 for a person, too.
NARROWEST = {MarkKind.SLASH: 0.25, MarkKind.OPENING_BRACKET: 0.15, MarkKind.CLOSING_BRACKET: 0.15}


@dataclass(frozen=True, eq=False)
class Writer:
    """A person's digits by label, and marks, which several people share."""

    digits: Mapping[str, Sequence[Strokes]]
    marks: Mapping[MarkKind, Sequence[Strokes]] = field(default_factory=dict)

    def digit(self, label: str, rng: np.random.Generator) -> Strokes:
        """One of the person's ways to write a digit."""
        return any_of(self.digits[label], rng)

    def mark(self, kind: MarkKind, rng: np.random.Generator) -> Strokes:
        """The strokes of a mark, in units of their own."""
        ways = self.marks.get(kind)
        if ways and rng.random() < REAL_MARK:
            return any_of(ways, rng)
        template = polylines(MARKS[kind].strokes)
        breadth, lean = rng.uniform(0.7, 1.3), rng.normal(0, 0.08)
        return tuple(
            np.array([(x * breadth - lean * y, y) for x, y in stroke]) + rng.normal(0, 0.01, (len(stroke), 2))
            for stroke in template
        )


def writers_of(pen: PenSets) -> tuple[Writer, ...]:
    """The writers of pen data: those who wrote all ten digits or, if nobody did, all of them."""
    digits: dict[str, dict[str, list[Strokes]]] = defaultdict(lambda: defaultdict(list))
    for each in pen.digits:
        digits[each.writer][each.label].append(each.strokes)
    marks: dict[MarkKind, list[Strokes]] = defaultdict(list)
    for each in pen.characters:
        kind = MARK_KINDS.get(each.label)
        if kind is not None and _is_broad(kind, each.strokes):
            marks[kind].append(each.strokes)
    everybody = [dict(digits[name]) for name in sorted(digits)]
    return tuple(Writer(ways, marks) for ways in [each for each in everybody if len(each) == len(DIGITS)] or everybody)


def _is_broad(kind: MarkKind, strokes: Strokes) -> bool:
    width, height = np.ptp(np.concatenate(strokes), axis=0)
    return bool(width >= NARROWEST.get(kind, 0.0) * height)


def generated_writers(seed: int) -> tuple[Writer, ...]:
    """Writers whose digits are generated, to work without the pen data."""
    rng = np.random.default_rng(seed)
    return tuple(
        Writer({label: [tuple(strings.write(int(label), rng)) for _ in range(WAYS)] for label in DIGITS})
        for _ in range(WRITERS)
    )
