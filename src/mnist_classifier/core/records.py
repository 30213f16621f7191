"""The things this program speaks about, as frozen records."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec


class RunStatus(str, enum.Enum):
    """Status of a training; all but queued and running are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Nothing more will happen to a run of this status."""
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)


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


@dataclass(frozen=True)
class Thresholds:
    """Where one verdict ends and the next begins; a model version brings its own.

    ambiguous_below: probability that it is a digit and the likeliest one;
    not_a_digit_above: probability of being no digit.
    """

    ambiguous_below: float
    not_a_digit_above: float

    def verdict(self, confidence: float, not_a_digit: float) -> Verdict:
        """What to call something that is drawn."""
        if not_a_digit > self.not_a_digit_above:
            return Verdict.NOT_A_DIGIT
        return Verdict.AMBIGUOUS if confidence * (1 - not_a_digit) < self.ambiguous_below else Verdict.DIGIT


@dataclass(frozen=True)
class EpochResult:
    """Results of one epoch.

    Accuracies are fractions, losses are mean cross entropy in nats.  The
    validation figures are those of the averaged weights when averaging is on.
    `elapsed_s` counts from the start of the run, validation included.
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


@dataclass(frozen=True)
class Run:
    """One training: its config, state and outcome."""

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


@dataclass(frozen=True)
class RunEvent:
    """One line of a run's append-only log; `sequence` counts from 1 in each run."""

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
        """Figures by the split they were measured on."""
        metrics: dict[str, Any] = self.manifest.get("metrics", {})
        return metrics


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

    code: Literal["touches_edge", "small", "low_contrast", "very_thin", "very_thick"]
    message: str


@dataclass(frozen=True)
class Reading:
    """What the recogniser says of one image.

    `probabilities` has 10 entries that sum to 1; `confidence` is the largest
    of them; `prediction` is null when the verdict is blank or not_a_digit.
    `candidates` of an ambiguous one are the two likeliest digits, or the
    likeliest alone where no digit is likelier than the second.
    `not_a_digit` is the probability that it is no digit at all; the ten are
    those of the digits in case it is one.
    """

    prediction: int | None
    confidence: float
    probabilities: tuple[float, ...]
    verdict: Verdict
    candidates: tuple[int, ...] = field(default=())
    not_a_digit: float = 0.0
    warnings: tuple[Caution, ...] = field(default=())


@dataclass(frozen=True)
class DigitInNumber:
    """One digit of a number: where it stands and what was read there.

    box: x, y, width, height in pixels of the picture, from its top left.
    """

    box: tuple[int, int, int, int]
    reading: Reading


@dataclass(frozen=True)
class NumberReading:
    """What the recogniser says of a picture of several digits.

    `number` has the digits in reading order, a line break between lines; it is
    null when the verdict is blank or not_a_number.  `confidence` is that all
    of them are right: how they were told apart and what each was read as.
    """

    number: str | None
    confidence: float
    verdict: NumberVerdict
    digits: tuple[DigitInNumber, ...] = ()

    def scaled(self, factor: float) -> NumberReading:
        """The same with boxes in a picture that is `factor` times as large."""

        def enlarge(digit: DigitInNumber) -> DigitInNumber:
            x, y, width, height = digit.box
            # Whole pixels; what lay within the smaller picture lies within the larger.
            left, top = math.floor(x * factor), math.floor(y * factor)
            right, bottom = math.floor((x + width) * factor), math.floor((y + height) * factor)
            return replace(digit, box=(left, top, max(1, right - left), max(1, bottom - top)))

        return replace(self, digits=tuple(enlarge(digit) for digit in self.digits))


def rounded(probability: float) -> float:
    """Six decimals, as it is shown; no reading is certain, and rounding must not make it so."""
    return min(round(probability, 6), 0.999999)
