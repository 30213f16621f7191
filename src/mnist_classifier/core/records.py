"""The data that the packages exchange, as frozen dataclasses: runs, model versions, readings."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, TypedDict, TypeVar

import msgspec


class RunStatus(str, enum.Enum):
    """Status of a training; all but queued and running are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    PRUNED = "pruned"

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)


class Phase(str, enum.Enum):
    """What a training does before its first step and after its last one, in words for people."""

    LOADING = "loading PyTorch"
    DOWNLOADING = "downloading MNIST"
    READING = "reading the images"
    PREPARING = "preparing the first images"
    MEASURING = "reading the test images and saving the model"


class Verdict(str, enum.Enum):
    """Verdict on a drawing of one digit."""

    DIGIT = "digit"
    AMBIGUOUS = "ambiguous"
    NOT_A_DIGIT = "not_a_digit"
    BLANK = "blank"


class NumberVerdict(str, enum.Enum):
    """Verdict on a picture of several digits."""

    NUMBER = "number"
    AMBIGUOUS = "ambiguous"
    NOT_A_NUMBER = "not_a_number"
    BLANK = "blank"


# The largest number of a run, a version or an event: every database can store nine digits.
LARGEST_ID = 999_999_999
# Characters in the name of a model version, and in its note or the reason of a promotion.
LONGEST_NAME, LONGEST_NOTE = 100, 2000
# Readings below this confidence are counted, to notice drift.
LOW_CONFIDENCE = 0.9


@dataclass(frozen=True)
class Thresholds:
    """The thresholds between the verdicts; each model version has its own.

    ambiguous_below: probability that the image shows the likeliest digit;
    not_a_digit_above: probability that it shows no digit.
    """

    ambiguous_below: float
    not_a_digit_above: float

    def verdict(self, confidence: float, not_a_digit: float) -> Verdict:
        """The verdict on an image that is not blank."""
        if not_a_digit > self.not_a_digit_above:
            return Verdict.NOT_A_DIGIT
        return Verdict.AMBIGUOUS if confidence * (1 - not_a_digit) < self.ambiguous_below else Verdict.DIGIT


@dataclass(frozen=True)
class EpochResult:
    """Results of one epoch.

    Accuracies are fractions; losses are mean cross entropy in nats.  If weights
    are averaged, the validation figures are those of the averaged weights.
    `elapsed_s` counts from the start of the run and includes validation.
    """

    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    images_per_s: float
    elapsed_s: float
    validation_s: float


class Trial(TypedDict):
    """The part of a run in a search.

    number: from 1; trial 1 is the recipe itself.  stage: `final` for the further seeds of a finalist.
    values: the settings that vary.  losses: calibrated validation loss after each epoch, in nats.
    loss: that of the best epoch; null until the trial has succeeded.
    """

    search: str
    number: int
    stage: Literal["search", "final"]
    values: dict[str, Any]
    losses: list[float]
    loss: float | None


@dataclass(frozen=True)
class Run:
    """One training: settings, status and outcome."""

    id: int
    status: RunStatus
    config: dict[str, Any]
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    pid: int | None = None
    message: str = ""
    model_version: int | None = None
    environment: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    claim: str | None = None
    trial: Trial | None = None


@dataclass(frozen=True)
class RunEvent:
    """One event in the log of a run; `sequence` counts from 1 in each run."""

    run_id: int
    sequence: int
    kind: str
    at: datetime
    data: dict[str, Any]


@dataclass(frozen=True)
class ModelVersion:
    """An immutable, numbered model.  Version 0 is the model in the box."""

    version: int
    name: str
    created_at: datetime
    manifest: dict[str, Any]
    note: str = ""

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics by the split that they were measured on."""
        metrics: dict[str, Any] = self.manifest.get("metrics", {})
        return metrics

    @property
    def corrections(self) -> dict[str, Any]:
        """The corrections that its training saw, and the version that it started from; empty if there are none.

        Those of an imported version are numbered as in another installation, so they are left out.
        """
        if self.manifest.get("imported_from"):
            return {}
        found: dict[str, Any] = (self.manifest.get("training") or {}).get("corrections") or {}
        return found


@dataclass(frozen=True)
class Promotion:
    """One move of an alias from the version `previous` to `version`: when, by whom, and why."""

    id: int
    alias: str
    version: int
    previous: int
    at: Annotated[datetime, msgspec.Meta(tz=True, description="UTC")]
    actor: str
    reason: str
    is_rollback: bool = False


@dataclass(frozen=True)
class Caution:
    """A warning about the drawing: a stable code for programs, and a message for people."""

    code: Literal[
        "touches_edge",
        "small",
        "low_contrast",
        "very_thin",
        "very_thick",
        "struck_through",
        "cut_off",
        "unexplained_ink",
        "unexpected",
        "several_digits",
    ]
    message: str


@dataclass(frozen=True)
class Reading:
    """The reading of one image.

    `probabilities` has 10 entries that sum to 1: those of the digits if the
    image shows one.  `confidence` is the largest of them.  `not_a_digit` is the
    probability that it shows none.  `prediction` is None if the verdict is blank
    or not_a_digit.  `candidates` of an ambiguous image are the two likeliest digits, or
    the likeliest alone if no digit at all is likelier than the second.
    """

    prediction: int | None
    confidence: float
    probabilities: tuple[float, ...]
    verdict: Verdict
    candidates: tuple[int, ...] = field(default=())
    not_a_digit: float = 0.0
    warnings: tuple[Caution, ...] = field(default=())


# x, y, width, height in pixels of the image, from its top left.
Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class DigitInNumber:
    """One digit of a number, and its bounding box."""

    box: Box
    reading: Reading


class MarkKind(str, enum.Enum):
    """What a mark is: writing that is no digit."""

    SLASH = "slash"
    OPENING_BRACKET = "opening_bracket"
    CLOSING_BRACKET = "closing_bracket"
    HYPHEN = "hyphen"
    EQUALS = "equals"
    NUMBER_SIGN = "number_sign"
    COMMA = "comma"
    POINT = "point"
    COLON = "colon"
    PLUS = "plus"
    PERCENT = "percent"
    OTHER = "other"


# How `text` writes each kind of mark.
MARK_CHARACTERS = dict(zip(MarkKind, "/()-=#,.:+%?", strict=True))


@dataclass(frozen=True)
class Mark:
    """Writing that is no digit, its kind and bounding box; `confidence` is the probability of that kind."""

    kind: MarkKind
    box: Box
    confidence: float


@dataclass(frozen=True)
class TextLine:
    """One line of writing.

    `number` has its digits and `text` its digits and marks, such as "3.14";
    a mark of unknown kind is "?".  `confidence` is that of the digits.
    """

    number: str
    text: str
    confidence: float
    box: Box


@dataclass(frozen=True)
class Cell:
    """A cell of a table or a box of a form; rows and columns count from 0.

    `number` is None and `confidence` is 0 for an empty cell.
    """

    row: int
    column: int
    box: Box
    number: str | None
    confidence: float
    verdict: NumberVerdict


@dataclass(frozen=True)
class NumberCandidate:
    """A possible number and its probability."""

    number: str
    probability: float


@dataclass(frozen=True)
class NumberReading:
    """The reading of an image with several digits.

    `number` has the digits in reading order, with line breaks between lines;
    None if the verdict is blank or not_a_number.  `text` has the marks between
    them as well.  `confidence` is the probability that all digits are separated
    and read correctly.  `candidates` are the likeliest numbers, best first;
    `warnings` are the reasons why a number is ambiguous, as far as they are known.
    """

    number: str | None
    confidence: float
    verdict: NumberVerdict
    digits: tuple[DigitInNumber, ...] = ()
    text: str | None = None
    lines: tuple[TextLine, ...] = ()
    cells: tuple[Cell, ...] = ()
    marks: tuple[Mark, ...] = ()
    candidates: tuple[NumberCandidate, ...] = ()
    warnings: tuple[Caution, ...] = ()

    def scaled(self, factor: float) -> NumberReading:
        """The same reading with boxes for an image `factor` times as large."""
        return self._with_boxes(lambda box: scaled(box, factor))

    def placed(self, move: Callable[[int, int], tuple[int, int]]) -> NumberReading:
        """The same reading with boxes around the new places of their corners.  move: x, y to the new x, y."""

        def moved(box: Box) -> Box:
            x, y, width, height = box
            corners = [move(column, row) for column in (x, x + width) for row in (y, y + height)]
            (left, right), (top, bottom) = ((min(side), max(side)) for side in zip(*corners, strict=True))
            return left, top, max(1, right - left), max(1, bottom - top)

        return self._with_boxes(moved)

    def _with_boxes(self, change: Callable[[Box], Box]) -> NumberReading:
        def changed(items: tuple[Boxed, ...]) -> tuple[Boxed, ...]:
            return tuple(replace(item, box=change(item.box)) for item in items)

        return replace(
            self,
            digits=changed(self.digits),
            lines=changed(self.lines),
            cells=changed(self.cells),
            marks=changed(self.marks),
        )


def scaled(box: Box, factor: float) -> Box:
    """The same box in an image `factor` times as large."""
    x, y, width, height = box
    # Round down, so that boxes stay inside the image.
    left, top = math.floor(x * factor), math.floor(y * factor)
    right, bottom = math.floor((x + width) * factor), math.floor((y + height) * factor)
    return left, top, max(1, right - left), max(1, bottom - top)


Boxed = TypeVar("Boxed", DigitInNumber, TextLine, Cell, Mark)


def rounded(probability: float) -> float:
    """Round to six decimals, but never up to 1: no reading is certain."""
    return min(round(probability, 6), 0.999999)
