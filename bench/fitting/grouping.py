"""Fit the weights of mnist_classifier.recognition.numbers.grouping.

    PYTHONPATH=bench python bench/fitting/grouping.py [--numbers N]

On numbers composed from the validation images and numbers in this project's
own hand; real pen strokes and test images have no part in it.  Minimises
-log(probability of the right grouping), a convex function.  Prints the two
tables to paste into grouping.py.
"""

from __future__ import annotations

import argparse
import itertools
import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import strings as bench
from mnist_classifier.core.arrays import Doubles
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.evaluation.robustness.strings import Placed
from mnist_classifier.recognition.numbers import grouping, segmentation
from mnist_classifier.recognition.numbers import pen_strokes as pen
from mnist_classifier.recognition.recogniser import Recogniser

# Ink of a piece that belongs to its digit; with less, no grouping is right.
PURE = 0.75
DECAY = 0.002  # keeps the weights of rare features small
# All other features say that something is odd.
EITHER_SIGN = ("digits", "cuts")
SEED = 1000  # other numbers than those that bench/strings.py measures on


@dataclass(frozen=True)
class Example:
    """All steps through a line, and which of them are the right path."""

    starts: list[int]
    ends: list[int]
    features: Doubles
    right: list[int]
    length: int


def main() -> None:
    """Fit both sets of weights and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", type=int, default=1000, help="numbers of each kind")
    parser.add_argument("--model", type=Path, default=PRETRAINED_DIR)
    options = parser.parse_args()
    recogniser, images = Recogniser.open(options.model), bench.split_images("validation")
    composed = [bench.compose(images, rng) for rng in bench.generators(SEED, options.numbers)]
    generated = [bench.generate(rng) for rng in bench.generators(SEED, options.numbers)]
    report("PIXEL_WEIGHTS", list(examples(recogniser, composed + generated, use_strokes=False)))
    report("STROKE_WEIGHTS", list(examples(recogniser, generated, use_strokes=True)))


def examples(recogniser: Recogniser, samples: Sequence[bench.Sample], *, use_strokes: bool) -> Iterator[Example]:
    """Samples of one line whose right grouping is among the candidates."""
    for sample in samples:
        inked = segmentation.read_ink(sample.picture)
        assert inked is not None
        ink = inked.ink
        lines = pen.find_lines(ink, sample.strokes) if use_strokes and sample.strokes else segmentation.find_lines(ink)
        if lines is None or len(lines) != 1:
            continue
        line = lines[0]
        candidates = segmentation.find_candidates(line)
        opinions = recogniser.opinions(segmentation.make_glyphs(line, candidates))
        edges = grouping.find_edges(line, candidates, opinions)
        right = right_path(line, edges, sample.placed)
        if right is not None:
            yield Example(
                [e.start for e in edges],
                [e.end for e in edges],
                np.array([e.features for e in edges]),
                right,
                len(line.pieces),
            )


def right_path(line: segmentation.Line, edges: Sequence[grouping.Edge], placed: Sequence[Placed]) -> list[int] | None:
    """Indices of the edges that group pieces as they were written; None where no path does."""
    owners = [owner(piece, placed) for piece in line.pieces]
    if None in owners:
        return None
    spans, start = [], 0
    for _, members in itertools.groupby(owners):
        end = start + len(list(members))
        spans.append((start, end))
        start = end
    index = {(e.start, e.end): number for number, e in enumerate(edges) if e.candidate is not None}
    path = [index.get(span) for span in spans]
    if len(spans) != len(placed) or None in path:
        return None
    return [number for number in path if number is not None]


def owner(piece: segmentation.Piece, placed: Sequence[Placed]) -> int | None:
    """Which digit a piece's ink is from; None where it is from several."""
    shares = [shared_ink(piece, digit) for digit in placed]
    best = int(np.argmax(shares))
    return best if shares[best] >= PURE * sum(shares) else None


def shared_ink(piece: segmentation.Piece, digit: Placed) -> float:
    """How much of a piece's ink the digit has too."""
    top, left = max(piece.top, digit.top), max(piece.left, digit.left)
    bottom = min(piece.bottom, digit.top + digit.ink.shape[0])
    right = min(piece.right, digit.left + digit.ink.shape[1])
    if bottom <= top or right <= left:
        return 0.0
    own = piece.ink[top - piece.top : bottom - piece.top, left - piece.left : right - piece.left]
    other = digit.ink[top - digit.top : bottom - digit.top, left - digit.left : right - digit.left]
    return float((own * (other / np.float32(255))).sum())


def report(name: str, found: Sequence[Example]) -> None:
    """Fit and print one table."""
    weights = fit(found)
    print(f"# {len(found)} numbers\n{name}: Weights = dict(")
    # Minus nothing is nothing.
    values = (
        f"{feature}={round(weight, 2) + 0.0:.2f}," for feature, weight in zip(grouping.FEATURES, weights, strict=True)
    )
    print(textwrap.fill(" ".join(values), 116, initial_indent="    ", subsequent_indent="    "))
    print(")  # fmt: skip", flush=True)


def fit(found: Sequence[Example], steps: int = 200, rate: float = 0.15) -> Doubles:
    """Weights of least mean loss, by Adam."""
    weights = grouping.as_vector(grouping.PIXEL_WEIGHTS)
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    free = np.isin(grouping.FEATURES, EITHER_SIGN)
    rng = np.random.default_rng(0)
    for step in range(1, steps + 1):
        batch = rng.choice(len(found), min(len(found), 200), replace=False)
        losses, gradients = zip(*(loss_and_gradient(found[i], weights) for i in batch), strict=True)
        gradient = np.mean(gradients, axis=0) + 2 * DECAY * weights / len(weights)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.99 * square + 0.01 * gradient**2
        move = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
        weights = weights - rate * (1 - step / (steps + 1)) * move
        weights[~free] = np.minimum(weights[~free], 0)
        if step % 50 == 0:
            print(f"#   step {step}: loss {np.mean(losses):.4f}", flush=True)
    return weights


def loss_and_gradient(example: Example, weights: Doubles) -> tuple[float, Doubles]:
    """-log(probability of the right path), and its gradient, by the forward and backward sums."""
    scores = (example.features @ weights).tolist()
    forward, backward = [-math.inf] * (example.length + 1), [-math.inf] * (example.length + 1)
    forward[0] = backward[-1] = 0.0
    by_start = sorted(range(len(scores)), key=example.starts.__getitem__, reverse=True)
    for i, (start, end) in enumerate(zip(example.starts, example.ends, strict=True)):  # in the order of their ends
        forward[end] = log_add(forward[end], forward[start] + scores[i])
    for i in by_start:
        start, end = example.starts[i], example.ends[i]
        backward[start] = log_add(backward[start], backward[end] + scores[i])
    total = forward[-1]
    spans = zip(example.starts, scores, example.ends, strict=True)
    taken = np.exp([forward[start] + score + backward[end] - total for start, score, end in spans])
    loss = float(total - sum(scores[i] for i in example.right))
    gradient: Doubles = taken @ example.features - example.features[example.right].sum(axis=0)
    return loss, gradient


def log_add(one: float, other: float) -> float:
    """log(exp(one) + exp(other)); NumPy's is slow for single numbers."""
    high, low = max(one, other), min(one, other)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


if __name__ == "__main__":
    main()
