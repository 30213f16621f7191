"""Fit the weights of mnist_classifier.recognition.numbers.grouping.

    PYTHONPATH=bench python bench/fitting/grouping.py [--numbers N] [--cache FILE] [--alone]

On numbers composed from the validation images, numbers in this project's own
hand, and pages by the validation writers of the pen data; test images and test
writers have no part in it.  Minimises -log(probability of the right text),
summed over all ways to group the pieces of a line.  Prints the two tables to
paste into grouping.py, and how many numbers of other seeds are right with them.
With --alone, the tables are those of web/offline/number_weights.py: digits without marks, read without the line reader.
"""

from __future__ import annotations

import argparse
import itertools
import math
import pickle
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

import strings as bench
from mnist_classifier.core.arrays import Doubles
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data.splits import VALIDATION
from mnist_classifier.evaluation.robustness.pages.source import samples as pages_of
from mnist_classifier.recognition.numbers import grouping, looks, reading, segmentation
from mnist_classifier.recognition.numbers import pen_strokes as pen
from mnist_classifier.recognition.numbers.features import FEATURES, INDEX, LABELS, MARKS, NOTHING
from mnist_classifier.recognition.numbers.line_reader import LineReader
from mnist_classifier.recognition.numbers.segmentation import Candidate
from mnist_classifier.recognition.recogniser import Recogniser

# Kinds of pages whose lines are whole numbers, and how many for each number of the other sets.
PAGES = (
    "plain", "brackets", "dates_slashes", "dates_points", "dates_hyphens", "decimals", "signs", "tight", "touching",
    "zeros",
)  # fmt: skip
PAGE_SHARE = 0.3
# Keeps the weights near the present ones: some features add up to the same sum on every path, others are rare.
DECAY = 0.05
# These features may speak for a label; all others say that something is odd.
EITHER_SIGN = (
    "cut_unread", "cut_doubt", "cut_line_unread", "digits", "cuts", "marks", "slivers", "mark_cuts", "slash_lean",
    "slash_line_lean", "slash_height", "one_lean", "one_line_lean", "one_height", "bracket_height",
)  # fmt: skip
# Features of the line reader, and those that tell a 1 from a slash.
NOT_ALONE = [INDEX[name] for name in ("line_unread", "cut_line_unread", "one_lean", "one_line_lean", "one_height")]
# Other numbers than those that bench/strings.py measures on.
SEED, CHECK_SEED = 1000, 2000
SURE = reading.AMBIGUOUS_BELOW


@dataclass(frozen=True)
class Graph:
    """Edges from node to node, sorted by their ends; the last node is the end.

    rows: (E, 2) the candidate and label of each edge.
    """

    starts: list[int]
    ends: list[int]
    nodes: int
    rows: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Example:
    """A line: features (N, 23, F) and possible labels (N, 23) of its candidates, and what is written."""

    kind: str
    text: str
    candidates: list[Candidate]
    features: npt.NDArray[np.float32]
    possible: npt.NDArray[np.bool_]
    pieces: int
    right: Graph

    def scores(self, weights: Doubles) -> Doubles:
        """The score of each label of each candidate."""
        return np.where(self.possible, self.features @ weights, -np.inf)


def main() -> None:
    """Fit both sets of weights and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", type=int, default=1000, help="numbers of each kind")
    parser.add_argument("--model", type=Path, default=PRETRAINED_DIR)
    parser.add_argument("--cache", type=Path, help="keep the features in this file")
    parser.add_argument("--alone", action="store_true", help="fit for digits alone, without the line reader")
    options = parser.parse_args()
    if options.cache and options.cache.is_file():
        found = pickle.loads(options.cache.read_bytes())
    else:
        found = collect(Recogniser.open(options.model), LineReader.open(), options.numbers)
        if options.cache:
            options.cache.write_bytes(pickle.dumps(found))
    for table in ("PIXEL_WEIGHTS", "STROKE_WEIGHTS"):
        weights = grouping.as_vector(getattr(grouping, table))
        if options.alone:
            weights[NOT_ALONE] = 0
            found[table], found[f"{table} check"] = alone(found[table]), alone(found[f"{table} check"])
        weights = fit(found[table], weights)
        report(table, weights, len(found[table]))
        check(found[f"{table} check"], weights)


def collect(recogniser: Recogniser, lines: LineReader, numbers: int) -> dict[str, list[Example]]:
    """Examples to fit and to check each table with."""
    reader = reading.Reader(recogniser.opinions, recogniser.judge, lines)
    found = {}
    for suffix, seed, count in (("", SEED, numbers), (" check", CHECK_SEED, numbers // 3)):
        found[f"PIXEL_WEIGHTS{suffix}"] = list(examples(reader, seed, count, use_strokes=False))
        found[f"STROKE_WEIGHTS{suffix}"] = list(examples(reader, seed, count, use_strokes=True))
    return found


def alone(found: Sequence[Example]) -> list[Example]:
    """The lines without marks, as a recogniser without the line reader sees them."""
    kept = [example for example in found if example.text.isdigit()]
    for example in kept:
        example.features[:, :, NOT_ALONE] = 0
        example.possible[:, MARKS] = False
    return kept


def examples(reader: reading.Reader, seed: int, numbers: int, *, use_strokes: bool) -> Iterator[Example]:
    """Lines of all kinds whose right text can be read."""
    generated = [bench.generate(rng) for rng in bench.generators(seed, numbers)]
    for sample in tqdm(generated, desc="generated", leave=False):
        strokes = sample.strokes if use_strokes else None
        yield from lines_of("generated", reader, sample.picture, sample.number, strokes)
    if use_strokes:
        return
    images = bench.split_images(VALIDATION)
    for rng in tqdm(bench.generators(seed, numbers), desc="composed", leave=False):
        sample = bench.compose(images, rng)
        yield from lines_of("composed", reader, sample.picture, sample.number)
    for kind in PAGES:
        chosen = itertools.islice(pages_of(kind, seed, VALIDATION), math.ceil(PAGE_SHARE * numbers))
        for page in tqdm(chosen, desc=kind, leave=False):
            yield from lines_of(kind, reader, page.picture, page.text)


def lines_of(
    kind: str,
    reader: reading.Reader,
    picture: npt.NDArray[np.uint8],
    text: str,
    strokes: list[bench.Points] | None = None,
) -> Iterator[Example]:
    """The lines of a picture, if as many are found as are written."""
    inked = looks.read_ink(picture)
    if inked is None:
        return
    found = (
        pen.find_lines(inked.ink, [stroke / inked.scale for stroke in strokes])
        if strokes
        else segmentation.find_lines(inked.ink)
    )
    if found is None or len(found) != len(text.split("\n")):
        return
    for line, written in zip(found, text.split("\n"), strict=True):
        candidates = segmentation.find_candidates(line)
        opinions = reader.opinions(segmentation.make_glyphs(line, candidates))
        features, possible = reading.score_line(line, candidates, opinions, reader.lines)
        order = sorted(range(len(candidates)), key=lambda index: candidates[index].end)
        candidates = [candidates[index] for index in order]
        right = right_paths(candidates, possible[order], len(line.pieces), written)
        if right is not None:
            yield Example(
                kind, written, candidates, features[order].astype(np.float32), possible[order], len(line.pieces), right
            )


def right_paths(
    candidates: Sequence[Candidate], possible: npt.NDArray[np.bool_], pieces: int, text: str
) -> Graph | None:
    """All paths that spell the text, as a graph of (pieces, characters); None if there is none."""
    width = len(text) + 1
    edges: list[tuple[int, int, int, int]] = []
    reached = {0}
    for number, candidate in enumerate(candidates):
        for done in range(width):
            start = candidate.start * width + done
            if start not in reached:
                continue
            label = LABELS.index(text[done]) if done < len(text) else NOTHING
            for each, step in {label: int(label != NOTHING), NOTHING: 0}.items():
                if possible[number, each]:
                    end = candidate.end * width + done + step
                    reached.add(end)
                    edges.append((start, end, number, each))
    last = pieces * width + len(text)
    if last not in reached:
        return None
    leading, kept = {last}, []
    for edge in reversed(edges):
        if edge[1] in leading:
            leading.add(edge[0])
            kept.append(edge)
    starts, ends, rows, labels = (list(column) for column in zip(*kept[::-1], strict=True))
    return Graph(starts, ends, last + 1, np.array([rows, labels]).T)


def report(name: str, weights: Doubles, count: int) -> None:
    """Print one table."""
    print(f"# {count} lines\n{name}: Weights = dict(")
    # Minus nothing is nothing.
    values = (f"{feature}={round(weight, 2) + 0.0:.2f}," for feature, weight in zip(FEATURES, weights, strict=True))
    print(textwrap.fill(" ".join(values), 116, initial_indent="    ", subsequent_indent="    "))
    print(")  # fmt: skip", flush=True)


def check(found: Sequence[Example], weights: Doubles) -> None:
    """Print how many lines are right, sure, and wrong although they are sure."""
    counts: dict[str, list[int]] = {}
    for example in found:
        best = grouping.best_path(example.candidates, example.scores(weights), example.pieces)
        assert best is not None
        is_right = best.numbers[0][0] == grouping.digits_of(example.text)
        is_sure = best.probability >= SURE
        hits = [1, is_right, best.text == example.text, is_sure, is_sure and not is_right]
        for kind in (example.kind, "all"):
            counts[kind] = [one + int(hit) for one, hit in zip(counts.get(kind, [0] * 5), hits, strict=True)]
    for kind, (lines, *sums) in counts.items():
        names = ("right", "text right", "sure", "wrong and sure")
        print(f"# {kind:16} {lines:5}", *(f"{name} {each / lines:.1%}" for name, each in zip(names, sums, strict=True)))


def fit(found: Sequence[Example], weights: Doubles, steps: int = 400, rate: float = 0.05) -> Doubles:
    """Weights of least mean loss, by Adam."""
    mean, square, first = np.zeros_like(weights), np.zeros_like(weights), weights
    free = np.isin(FEATURES, EITHER_SIGN)
    rng = np.random.default_rng(0)
    for step in range(1, steps + 1):
        batch = rng.choice(len(found), min(len(found), 200), replace=False)
        losses, gradients = zip(*(loss_and_gradient(found[i], weights) for i in batch), strict=True)
        gradient = np.mean(gradients, axis=0) + 2 * DECAY * (weights - first) / len(weights)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.99 * square + 0.01 * gradient**2
        move = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
        weights = weights - rate * (1 - step / (steps + 1)) * move
        weights[~free] = np.minimum(weights[~free], 0)
        if step % 100 == 0:
            print(f"#   step {step}: loss {np.mean(losses):.4f}", flush=True)
    return weights


def loss_and_gradient(example: Example, weights: Doubles) -> tuple[float, Doubles]:
    """-log(probability of the right text), and its gradient."""
    scores = example.scores(weights)
    highest = scores.max(axis=1, keepdims=True)
    sums = np.log(np.exp(scores - highest).sum(axis=1)) + highest[:, 0]
    starts, ends = [each.start for each in example.candidates], [each.end for each in example.candidates]
    total, taken = sum_paths(starts, ends, sums.tolist(), example.pieces + 1)
    expected = np.exp(scores - sums[:, None]) * taken[:, None]
    rows, labels = example.right.rows.T
    right, taken = sum_paths(
        example.right.starts, example.right.ends, scores[rows, labels].tolist(), example.right.nodes
    )
    # An edge of the line is several edges of the graph of right paths.
    np.subtract.at(expected, (rows, labels), taken)
    gradient: Doubles = np.einsum("nl,nlf->f", expected, example.features)
    return total - right, gradient


def sum_paths(
    starts: Sequence[int], ends: Sequence[int], scores: Sequence[float], nodes: int
) -> tuple[float, npt.NDArray[np.float64]]:
    """Log of the sum over all paths, and the share of each edge, by the forward and backward sums."""
    forward, backward = [-math.inf] * nodes, [-math.inf] * nodes
    forward[0] = backward[-1] = 0.0
    spans = list(zip(starts, scores, ends, strict=True))
    for start, score, end in spans:
        forward[end] = log_add(forward[end], forward[start] + score)
    # In the reverse order of their ends, every edge that leaves `end` comes before those that lead there.
    for start, score, end in reversed(spans):
        backward[start] = log_add(backward[start], backward[end] + score)
    total = forward[-1]
    return total, np.exp([forward[start] + score + backward[end] - total for start, score, end in spans])


def log_add(one: float, other: float) -> float:
    """log(exp(one) + exp(other)); NumPy's is slow for single numbers."""
    high, low = max(one, other), min(one, other)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


if __name__ == "__main__":
    main()
