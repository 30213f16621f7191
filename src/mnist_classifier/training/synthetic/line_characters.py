"""Where the characters of a line come from: pen strokes of real writers, stroke templates, MNIST, and rules."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.data.mnist import Images
from mnist_classifier.data.pen_digits import PenCharacter, PenSets
from mnist_classifier.recognition.imaging.normalise import cut_out, ink_box
from mnist_classifier.training.synthetic import templates
from mnist_classifier.training.synthetic.handwriting import DIGIT_ASPECT, distort, trace
from mnist_classifier.training.synthetic.line_texts import DIGITS, MARKS
from mnist_classifier.training.synthetic.marks import BY_RULE
from mnist_classifier.training.synthetic.outliers import SIGN_ASPECT
from mnist_classifier.training.synthetic.styles import add_strokes
from mnist_classifier.training.synthetic.templates import Points, Ways

Strokes: TypeAlias = "list[Points]"

OTHER = "?"
# Signs that people write as one of our marks.  Straight and curly brackets count as round ones.
SAME_MARKS = {"[": "(", "{": "(", "]": ")", "}": ")"}
SIGN_MARKS = {"plus": "+", "minus": "-", "equals": "=", "percent": "%", "hash": "#"}
# Signs that look like two or more of our characters, or like a line.
MIXED_SIGNS = ("i", "yu", "identical", "unequal", "plus-minus", "brackets", "dots", "tally", "double-bar", "yery")
# Share of the marks with a rule that are drawn by it.
RULE_SHARE = 0.6
# Shares of the lines of MNIST's digits and of digits from templates.
MNIST_SHARE, TEMPLATE_SHARE = 0.3, 0.15
# Only writers of at least so many different digits write a whole line.
RICH = 8
# Share of MNIST's digits that get strokes of other styles of writing: bars, feet, slashes.
STYLED_SHARE = 0.3
# Share of the strokes of training writers that are bent, and the range of the factor of their width.
BENT_SHARE, BENT_ASPECT = 0.5, (0.85, 1.18)
TEMPLATE_SIDE = 100
# The level above which a pixel of MNIST is ink.
INK_LEVEL = 25


@dataclass(frozen=True)
class Hand:
    """Whose digits a line has: "pen", "template" or "mnist"; for a pen, one writer's, or anybody's if None."""

    source: str
    writer: str | None = None


@dataclass(frozen=True)
class LineCharacters:
    """The characters of one split.

    digits: strokes by writer and digit; marks: strokes by mark; bitmaps: MNIST's digits, (N, 28, 28), by digit.
    varied: adds characters from templates, and bends the strokes of writers.
    """

    digits: dict[str, dict[str, list[Strokes]]]
    marks: dict[str, list[Strokes]]
    bitmaps: dict[str, Bytes] = field(default_factory=dict)
    varied: bool = True

    @classmethod
    def of_sets(cls, pen: PenSets, images: Images | None = None, *, varied: bool = True) -> LineCharacters:
        """Take the digits and marks of one split of pen writers, and MNIST images of the same split."""
        digits: dict[str, dict[str, list[Strokes]]] = defaultdict(lambda: defaultdict(list))
        for digit in pen.digits:
            digits[digit.writer][digit.label].append(list(digit.strokes))
        bitmaps = {} if images is None else _bitmaps(images)
        return cls({writer: dict(known) for writer, known in digits.items()}, _marks(pen), bitmaps, varied)

    def random_hand(self, rng: np.random.Generator) -> Hand:
        """Choose who writes a line: more than half of the lines are by pen writers."""
        kind = rng.random()
        if kind < MNIST_SHARE and self.bitmaps:
            return Hand("mnist")
        if kind > 1 - TEMPLATE_SHARE and self.varied:
            return Hand("template")
        rich = [writer for writer, known in self.digits.items() if len(known) >= RICH]
        return Hand("pen", rich[rng.integers(len(rich))] if rich and rng.random() < 0.6 else None)

    def bitmap(self, digit: str, rng: np.random.Generator) -> Bytes | None:
        """One of MNIST's digits, cropped to its ink; None if there is none."""
        known = self.bitmaps.get(digit, ())
        if not len(known):
            return None
        image = known[rng.integers(len(known))]
        return cut_out(image, ink_box(image > INK_LEVEL))

    def strokes(self, character: str, hand: Hand, rng: np.random.Generator) -> Strokes:
        """The strokes of a character in units of their own."""
        if character in MARKS:
            return self._mark(character, rng)
        if hand.source == "template":
            return _from_template(templates.DIGITS[int(character)], DIGIT_ASPECT, rng)
        known = self.digits.get(hand.writer or "", {}).get(character) or self._anybodys(character, rng)
        if not known:
            return _from_template(templates.DIGITS[int(character)], DIGIT_ASPECT, rng)
        strokes = known[rng.integers(len(known))]
        return _bent(strokes, rng) if self.varied and rng.random() < BENT_SHARE else strokes

    def _anybodys(self, digit: str, rng: np.random.Generator) -> list[Strokes]:
        """How a random writer wrote a digit; empty if nobody did."""
        writers = [known[digit] for known in self.digits.values() if digit in known]
        return writers[rng.integers(len(writers))] if writers else []

    def _mark(self, mark: str, rng: np.random.Generator) -> Strokes:
        if mark in BY_RULE and rng.random() < RULE_SHARE:
            return BY_RULE[mark](rng)
        ways = TEMPLATES.get(mark, ())
        known = self.marks.get(mark, [])
        if ways and (not known or rng.random() < 0.3):
            return _from_template((ways[rng.integers(len(ways))],), SIGN_ASPECT, rng)
        return known[rng.integers(len(known))] if known else BY_RULE[mark](rng)


def _bent(strokes: Strokes, rng: np.random.Generator) -> Strokes:
    """Change the shape of written strokes as if their writer had written them again."""
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = TEMPLATE_SIDE / max(float((high - low).max()), 1.0)
    inside = [(points - (low + high) / 2) * scale + TEMPLATE_SIDE / 2 for points in strokes]
    return distort(inside, rng, BENT_ASPECT)


def _from_template(ways: Ways, aspect: tuple[float, float], rng: np.random.Generator) -> Strokes:
    return distort(trace(ways[int(rng.integers(len(ways)))], rng), rng, aspect)


def _mark_templates() -> dict[str, Ways]:
    known: dict[str, list[str]] = defaultdict(list)
    for name, ways in {**templates.LETTERS, **templates.SIGNS}.items():
        if name not in MIXED_SIGNS:
            known[SIGN_MARKS.get(name, OTHER)].extend(ways)
    return {mark: tuple(ways) for mark, ways in known.items()}


TEMPLATES = _mark_templates()


def _marks(pen: PenSets) -> dict[str, list[Strokes]]:
    """Strokes by mark; any other character that nobody takes for a digit is OTHER."""
    marks: dict[str, list[Strokes]] = defaultdict(list)
    for character in pen.characters:
        mark = _mark_of(character)
        if mark is not None:
            marks[mark].append(list(character.strokes))
    return dict(marks)


def _mark_of(character: PenCharacter) -> str | None:
    label = SAME_MARKS.get(character.label, character.label)
    if label in MARKS and label != OTHER:
        return label
    return None if character.lookalike or label == OTHER else OTHER


def _bitmaps(images: Images) -> dict[str, Bytes]:
    """MNIST digits by label; some get bars, feet or slashes."""
    pixels, labels = images.images.copy(), torch.from_numpy(images.labels.astype(np.int64))
    styled = int(len(pixels) * STYLED_SHARE)
    plain = torch.from_numpy(pixels[:styled]).float() / 255
    changed = add_strokes(plain, labels[:styled], torch.Generator().manual_seed(0))
    pixels[:styled] = (changed * 255).round().to(torch.uint8).numpy()
    return {digit: pixels[images.labels == int(digit)] for digit in DIGITS}
