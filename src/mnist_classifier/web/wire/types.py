"""The JSON that the API speaks, as types: mypy holds the code to them, and the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from mnist_classifier.core.records import LARGEST_ID, NumberVerdict, RunStatus
from mnist_classifier.core.records import Verdict as ReadingVerdict
from mnist_classifier.web.wire.schema import Doc

Probability = Annotated[float, Doc(low=0, high=1)]
Digit = Annotated[int, Doc(low=0, high=9)]
VersionNumber = Annotated[int, Doc("model version; 0 is the model in the box", low=0, high=LARGEST_ID)]
RunNumber = Annotated[int, Doc("training number", low=0, high=LARGEST_ID)]
Time = Annotated[str, Doc("UTC, ISO 8601", shape="date-time")]
Picture = Annotated[str, Doc("a PNG as a data: URL", pattern="^data:image/png;base64,")]
Verdict = Annotated[str, Doc("verdict on the drawing", choices=tuple(each.value for each in ReadingVerdict))]
Status = Annotated[str, Doc("the last four are final", choices=tuple(each.value for each in RunStatus))]
Matrix = list[list[int]]
Interval = Annotated[tuple[float, float], Doc("95 % interval (Wilson)")]


# --- errors -------------------------------------------------------------------------------------------


class ErrorDetails(TypedDict):
    """Details of an error."""

    code: Annotated[str, Doc("stable code for programs")]
    message: Annotated[str, Doc("message for people")]
    field: Annotated[str | None, Doc("part of the request that caused the error")]


class Error(TypedDict):
    """An error, in the one shape that all routes use."""

    error: ErrorDetails


# --- readings -----------------------------------------------------------------------------------------


class ModelName(TypedDict):
    """Number and name of a model version."""

    version: VersionNumber
    name: str


class Caution(TypedDict):
    """A warning about the drawing."""

    code: Annotated[str, Doc(choices=("touches_edge", "small", "low_contrast", "very_thin", "very_thick"))]
    message: str


class Step(TypedDict):
    """One step of the preprocessing."""

    name: str
    image: Picture


class DigitReading(TypedDict):
    """The recogniser's answer for one digit."""

    prediction: Annotated[int | None, Doc("null for blank and not_a_digit", low=0, high=9)]
    confidence: Annotated[float, Doc("largest probability, calibrated", low=0, high=1)]
    probabilities: Annotated[list[Probability], Doc("probabilities of the digits 0 to 9", least=10, most=10)]
    verdict: Verdict
    not_a_digit: Annotated[float, Doc("probability that the drawing is not a digit", low=0, high=1)]
    candidates: Annotated[
        list[Digit], Doc("if ambiguous: the two most likely digits, or one if it may not be a digit", most=2)
    ]
    warnings: list[Caution]


class NamedReading(DigitReading):
    """A reading and the model that made it."""

    model: ModelName


class _TimedReading(NamedReading):
    elapsed_ms: float


class Reading(_TimedReading, total=False):
    """The reading of one digit."""

    glyph: Annotated[str | None, Doc("with ?glyph=1: the 28x28 network input as PNG; null for a blank")]
    steps: Annotated[list[Step], Doc("with ?steps=1")]


class DigitInNumber(DigitReading):
    """One digit of a number."""

    box: Annotated[list[int], Doc("bounding box: x, y, width, height in pixels of your picture", least=4, most=4)]


class NamedNumber(TypedDict):
    """The reading of several digits and the model that made it."""

    number: Annotated[str | None, Doc("one line per line of digits; null for blank and not_a_number")]
    confidence: Annotated[float, Doc("probability that all digits are correct", low=0, high=1)]
    verdict: Annotated[str, Doc(choices=tuple(each.value for each in NumberVerdict))]
    digits: list[DigitInNumber]
    model: ModelName


class Number(NamedNumber):
    """The reading of several digits (`mode` = number)."""

    elapsed_ms: float


class _File(TypedDict):
    file: Annotated[str, Doc("a PNG, JPEG, WebP, GIF or BMP", shape="image")]


class _Choices(TypedDict, total=False):
    version: Annotated[int | str, Doc("model version, or production", example="production")]
    ambiguous_below: Annotated[float, Doc("call a reading ambiguous below this confidence", low=0, high=1)]
    not_a_digit_above: Annotated[float, Doc("call it not a digit above this probability", low=0, high=1)]


class DigitForm(_File, _Choices):
    """A form with an image of one digit."""


Mode = Annotated[str, Doc("one digit or several", choices=("digit", "number"))]


class QuestionForm(DigitForm, total=False):
    """A form with an image and the way to read it."""

    mode: Mode
    strokes: Annotated[str, Doc("pen strokes as JSON", shape="json-strokes")]


class GlyphFile(TypedDict):
    """A form with a file of glyphs."""

    file: Annotated[str, Doc(".npy or IDX", shape="glyph-file")]


class ColumnsOfReadings(TypedDict):
    """Many readings, as one list per field."""

    count: int
    predictions: list[Annotated[int | None, Doc("null for blank and not_a_digit", low=0, high=9)]]
    confidences: list[Probability]
    verdicts: list[Verdict]
    not_a_digit: list[Probability]
    model: ModelName
    elapsed_ms: float


class Batch(ColumnsOfReadings, total=False):
    """Many readings; `?probabilities=1` and `?warnings=1` add those lists."""

    probabilities: list[Annotated[list[Probability], Doc(least=10, most=10)]]
    warnings: list[list[Caution]]


# --- the Open Inference Protocol ----------------------------------------------------------------------


class InferenceError(TypedDict):
    """An error of the Open Inference Protocol."""

    error: str


class InferenceServer(TypedDict):
    """Name and version of the server."""

    name: str
    version: str
    extensions: list[str]


class Live(TypedDict):
    """The server is running."""

    live: bool


class Ready(TypedDict):
    """Whether the server is ready."""

    ready: bool


class ModelReady(TypedDict):
    """Whether a model is ready."""

    name: str
    ready: bool


class TensorKind(TypedDict):
    """An input or output tensor; -1 means any number of glyphs."""

    name: str
    datatype: str
    shape: list[int]


class InferenceModel(TypedDict):
    """Inputs and outputs of a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorKind]
    outputs: list[TensorKind]


class TensorHead(TypedDict):
    """Name, type and shape of a tensor."""

    name: str
    datatype: str
    shape: list[Annotated[int, Doc(low=0)]]


class Tensor(TensorHead, total=False):
    """A tensor; its data follow as JSON or as bytes after the JSON."""

    data: list[Any]
    parameters: dict[str, Any]


class InferenceOutputs(TypedDict):
    """Output of a model."""

    model_name: str
    model_version: str
    outputs: list[Tensor]


class InferenceReply(InferenceOutputs, total=False):
    """Output of a model, with the id of the request if it had one."""

    id: str


class RepositoryEntry(TypedDict):
    """A version in the repository."""

    name: str
    version: str
    state: str
    reason: str


# --- state --------------------------------------------------------------------------------------------


class SplitMetrics(TypedDict, total=False):
    """Metrics on one split."""

    images: int
    correct: int
    accuracy: Probability
    nll: float
    ece: float


class RobustnessSummary(TypedDict, total=False):
    """Results of the robustness suite; null if a part was skipped."""

    goals_reached: int
    goals: int
    pen_digits_mean: float | None
    characters_auroc: float | None
    corruptions_mean: float | None


class Metrics(TypedDict, total=False):
    """Metrics by split."""

    validation: SplitMetrics
    test: SplitMetrics
    robustness: RobustnessSummary


class Model(ModelName):
    """Summary of a model version."""

    created_at: Time
    recipe: str | None
    parameters: int | None
    metrics: Metrics


class Training(TypedDict):
    """Progress of the running training; metrics are null until they are known."""

    run_id: RunNumber
    status: Status
    epoch: int
    epochs: int
    train_loss: float | None
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    fraction: Probability
    images_per_s: float | None
    eta_s: float | None
    message: str


class RunSummary(TypedDict):
    """Latest metrics of a training."""

    epoch: int
    validation_loss: float
    validation_accuracy: Probability


class Run(TypedDict):
    """State and result of a training."""

    run_id: RunNumber
    status: Status
    message: str
    model_version: int | None
    recipe: str | None
    seed: int | None
    planned_epochs: int | None
    summary: RunSummary | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None


class State(TypedDict):
    """Get the model in production and the progress of training."""

    status: Annotated[str, Doc(choices=("ready", "training", "no_model"))]
    model: Model | None
    training: Training | None
    last_run: Run | None


class Readiness(TypedDict):
    """The server is ready."""

    status: Annotated[str, Doc(choices=("ready",))]


class Health(TypedDict):
    """The server is running."""

    status: Annotated[str, Doc(choices=("ok",))]


class Dataset(TypedDict):
    """State of the MNIST files and their download."""

    status: Annotated[str, Doc(choices=("ready", "missing", "downloading", "failed"))]
    fraction: float | None
    message: str


class LabelledImage(TypedDict):
    """An MNIST test image."""

    index: Annotated[int, Doc(low=0, high=9999)]
    label: Digit
    image: Picture


# --- trainings ----------------------------------------------------------------------------------------


class Links(TypedDict):
    """Where to follow the training."""

    self: str
    status: str


class Started(TypedDict):
    """A new training."""

    run_id: RunNumber
    status: Status
    links: Links


class RunPage(TypedDict):
    """One page of trainings, newest first."""

    runs: list[Run]
    next: Annotated[str | None, Doc("URL of the next page")]


class RunDetails(Run):
    """One training with its settings and epochs."""

    config: dict[str, Any]
    environment: Annotated[
        dict[str, Any] | None,
        Doc("device, libraries, data checksums, commit; null if the server has a token and you sent none"),
    ]
    epochs: list[dict[str, Any]]


class RunEvent(TypedDict):
    """One line of a training's log."""

    id: Annotated[int, Doc("event number, from 1 in each training", low=1)]
    kind: Annotated[str, Doc(choices=("status", "step", "epoch", "evaluation", "batch", "message"))]
    at: Time
    data: dict[str, Any]


class SentEvent(TypedDict, total=False):
    """One server-sent event of a training."""

    id: Annotated[str, Doc("send it as Last-Event-ID to continue from here")]
    event: Annotated[str, Doc("kind of event; `end` and `trouble` end the stream")]
    data: Annotated[str, Doc("a RunEvent as JSON; for `end` a Run; for `trouble` a message")]


class RunLog(TypedDict):
    """Part of the log of a training."""

    run: Run
    events: list[RunEvent]


class RunFile(Run):
    """Everything about a training."""

    config: dict[str, Any]
    environment: dict[str, Any] | None
    events: list[RunEvent]


class Setting(TypedDict):
    """One setting of a training: default, bounds, unit, choices."""

    name: str
    default: str | int | float
    type: Annotated[str, Doc(choices=("str", "int", "float"))]
    help: str
    low: float | None
    high: float | None
    unit: str
    choices: list[str]
    among: list[int]


class Recipe(TypedDict):
    """A recipe and its settings."""

    name: str
    summary: str
    values: dict[str, Any]


class TrainingOptions(TypedDict):
    """The settings of a training, and the recipes."""

    fields: list[Setting]
    recipes: list[Recipe]


# --- model versions -----------------------------------------------------------------------------------


class ModelEntry(Model):
    """A model version in the list."""

    note: str
    aliases: list[str]
    bytes: int
    editable: bool
    deletable: bool


class SetAside(TypedDict):
    """A version that cannot be read."""

    folder: Annotated[str, Doc("folder name in models/")]
    reason: str


class ModelList(TypedDict):
    """All versions, newest first, the aliases, and versions that cannot be read."""

    aliases: dict[str, int]
    roll_back_to: Annotated[int | None, Doc("version that a rollback would promote")]
    models: list[ModelEntry]
    set_aside: list[SetAside]


class GateCheck(TypedDict):
    """One metric of both versions, and the limit to pass."""

    measure: str
    champion: float
    challenger: float
    bound: float
    passed: bool


class Gate(TypedDict):
    """Result of the promotion check."""

    champion: VersionNumber
    challenger: VersionNumber
    passed: bool
    reason: str
    checks: list[GateCheck]
    left_out: list[str]


class Thresholds(TypedDict):
    """Thresholds between the verdicts."""

    ambiguous_below: Probability
    not_a_digit_above: Probability


class Origin(TypedDict):
    """Origin of an imported version: its numbers at the source."""

    version: int | None
    run_id: int | None


class Making(TypedDict, total=False):
    """Facts about a finished training."""

    epochs: int
    best_epoch: int
    elapsed_s: float
    images: int
    device: str
    members: list[int]


class FileFacts(TypedDict, total=False):
    """A file of a version."""

    sha256: str
    bytes: int


class ModelFacts(TypedDict):
    """Details of one version."""

    run_id: int | None
    imported_from: Origin | None
    seed: int | None
    temperature: float
    thresholds: Thresholds
    config: dict[str, Any]
    training: Making
    files: dict[str, FileFacts]


class ModelDetails(ModelEntry, ModelFacts):
    """One version with its files, training and promotion check."""

    gate: Annotated[Gate | None, Doc("promotion check; null for the version in production")]


class Deleted(TypedDict):
    """A deleted version."""

    deleted: VersionNumber


class Promotion(TypedDict):
    """One promotion or rollback."""

    id: int
    alias: str
    version: VersionNumber
    previous: VersionNumber
    at: Time
    actor: str
    reason: str
    is_rollback: bool


class Promotions(TypedDict):
    """Promotions and rollbacks, newest first."""

    promotions: list[Promotion]


class ConfusionDifference(TypedDict):
    """Number of images by [label][prediction], second version minus first."""

    validation: Matrix | None
    test: Matrix | None


class Comparison(TypedDict):
    """Two versions side by side."""

    models: Annotated[list[ModelEntry], Doc(least=2, most=2)]
    confusion_difference: ConfusionDifference
    gate: Gate


class Disagreement(TypedDict):
    """An image that two versions read differently."""

    index: int
    label: Digit
    predictions: Annotated[list[Digit], Doc(least=2, most=2)]
    confidences: Annotated[list[Probability], Doc(least=2, most=2)]
    image: Picture


class Disagreements(TypedDict):
    """Images that two versions read differently, most confident first."""

    split: str
    count: int
    right: Annotated[list[int], Doc("number that each version reads correctly", least=2, most=2)]
    images: list[Disagreement]


class Archive(TypedDict):
    """A form with an archive."""

    file: Annotated[str, Doc("zip file from the export route", shape="archive")]


class SelfLink(TypedDict):
    """Where it stands."""

    self: str


class Imported(ModelEntry):
    """An imported version."""

    remarks: Annotated[list[str], Doc("checks that were not possible")]
    links: SelfLink


# --- exploring ----------------------------------------------------------------------------------------


class ExploreChoices(TypedDict):
    """Versions and splits to explore."""

    versions: list[ModelName]
    production: VersionNumber
    splits: list[str]
    dataset: Dataset


class ClassFigures(TypedDict):
    """Metrics of one digit; null if undefined."""

    digit: Digit
    images: int
    precision: float | None
    recall: float | None
    f1: float | None


class VerdictCounts(TypedDict):
    """Number of images by verdict."""

    digit: int
    ambiguous: int
    not_a_digit: int


class Disputed(TypedDict):
    """Images with a disputed label."""

    images: int
    wrong: int


class ExploreSummary(TypedDict):
    """Metrics of a version on a split."""

    model: ModelName
    split: str
    images: int
    correct: int
    accuracy: Probability
    interval_95: Interval
    nll: float
    ece: float
    confusion: Annotated[Matrix, Doc("[label][prediction]")]
    per_class: list[ClassFigures]
    verdicts: VerdictCounts
    disputed: Disputed


class Identity(TypedDict):
    """Number and label of an image."""

    index: Annotated[int, Doc("image number in the split")]
    row: Annotated[int, Doc("row in the MNIST file")]
    label: Digit
    disputed: bool


class Thumbnail(Identity):
    """One image in the list."""

    prediction: Annotated[int, Doc("most likely digit, whatever the verdict", low=0, high=9)]
    confidence: Probability
    verdict: Verdict
    image: Picture


class Gallery(TypedDict):
    """One page of images."""

    model: ModelName
    split: str
    total: int
    offset: int
    images: list[Thumbnail]


Heat = list[list[float]]


class Saliency(TypedDict):
    """Evidence for a digit, in nats, for each of 28x28 pixels."""

    digit: Digit
    ink: Annotated[Heat, Doc("evidence lost by erasing this pixel")]
    gaps: Annotated[Heat, Doc("evidence lost by inking this pixel")]


class Neighbour(TypedDict):
    """A similar training image."""

    row: int
    label: Digit
    similarity: float
    image: Picture


class Explained(NamedReading):
    """A reading with its explanation."""

    glyph: Picture | None
    steps: list[Step]
    saliency: Annotated[Saliency | None, Doc("null for a blank")]
    neighbours: Annotated[list[Neighbour] | None, Doc("null for a blank, or without the MNIST files")]


class Explanation(Explained):
    """Explanation of your image."""

    elapsed_ms: float


class ExploredImage(Explained, Identity):
    """One MNIST image with its explanation."""

    split: str
    elapsed_ms: float


class FeatureMap(TypedDict):
    """Output of one channel."""

    strongest: float
    image: Picture


class Block(TypedDict):
    """One convolutional block."""

    name: str
    channels: int
    height: int
    width: int
    strongest: float
    maps: list[FeatureMap]


class FeatureMaps(TypedDict):
    """Output of each convolutional block."""

    model: ModelName
    glyph: Picture | None
    blocks: list[Block]


class Activations(FeatureMaps):
    """Output of each convolutional block, with the time."""

    elapsed_ms: float
