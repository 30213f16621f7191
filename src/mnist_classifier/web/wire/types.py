"""The JSON that the API speaks, as types: mypy holds the code to them, and the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from mnist_classifier.core.records import NumberVerdict, RunStatus
from mnist_classifier.core.records import Verdict as ReadingVerdict
from mnist_classifier.web.wire.parameters import LARGEST_ID
from mnist_classifier.web.wire.schema import Doc

Probability = Annotated[float, Doc(low=0, high=1)]
Digit = Annotated[int, Doc(low=0, high=9)]
VersionNumber = Annotated[int, Doc("number of a model version; 0 is the model in the box", low=0, high=LARGEST_ID)]
RunNumber = Annotated[int, Doc("number of a training", low=0, high=LARGEST_ID)]
Time = Annotated[str, Doc("UTC, ISO 8601", shape="date-time")]
Picture = Annotated[str, Doc("a PNG as a data: URL", pattern="^data:image/png;base64,")]
Verdict = Annotated[str, Doc("what it is taken for", choices=tuple(each.value for each in ReadingVerdict))]
Status = Annotated[str, Doc("the last four are final", choices=tuple(each.value for each in RunStatus))]
Matrix = list[list[int]]
Interval = Annotated[tuple[float, float], Doc("95 % interval (Wilson)")]


# --- errors -------------------------------------------------------------------------------------------


class ErrorDetails(TypedDict):
    """What went wrong."""

    code: Annotated[str, Doc("stable: for programs")]
    message: Annotated[str, Doc("for people")]
    field: Annotated[str | None, Doc("the part of the request that is to blame")]


class Error(TypedDict):
    """The one shape of every failure."""

    error: ErrorDetails


# --- readings -----------------------------------------------------------------------------------------


class ModelName(TypedDict):
    """A model version, as it is named in replies."""

    version: VersionNumber
    name: str


class Caution(TypedDict):
    """What may spoil a reading."""

    code: Annotated[str, Doc(choices=("touches_edge", "small", "low_contrast", "very_thin", "very_thick"))]
    message: str


class Step(TypedDict):
    """One stage of the preprocessing."""

    name: str
    image: Picture


class DigitReading(TypedDict):
    """What the recogniser says of one digit."""

    prediction: Annotated[int | None, Doc("null for blank and not_a_digit", low=0, high=9)]
    confidence: Annotated[float, Doc("the largest probability, calibrated", low=0, high=1)]
    probabilities: Annotated[list[Probability], Doc("of 0 to 9", least=10, most=10)]
    verdict: Verdict
    not_a_digit: Annotated[float, Doc("probability that it is no digit", low=0, high=1)]
    candidates: Annotated[
        list[Digit], Doc("the two most likely of an ambiguous one; one, where it may be none", most=2)
    ]
    warnings: list[Caution]


class NamedReading(DigitReading):
    """A reading and who made it."""

    model: ModelName


class _TimedReading(NamedReading):
    elapsed_ms: float


class Reading(_TimedReading, total=False):
    """The reading of one digit."""

    glyph: Annotated[str | None, Doc("with ?glyph=1: the 28x28 PNG that the network saw; null for a blank")]
    steps: Annotated[list[Step], Doc("with ?steps=1")]


class DigitInNumber(DigitReading):
    """One digit of a number."""

    box: Annotated[list[int], Doc("x, y, width, height in pixels of the picture that was sent", least=4, most=4)]


class NamedNumber(TypedDict):
    """The reading of several digits, and who made it."""

    number: Annotated[str | None, Doc("a line break between lines; null for blank and not_a_number")]
    confidence: Annotated[float, Doc("that all of them are right", low=0, high=1)]
    verdict: Annotated[str, Doc(choices=tuple(each.value for each in NumberVerdict))]
    digits: list[DigitInNumber]
    model: ModelName


class Number(NamedNumber):
    """The reading of several digits (`mode` = number)."""

    elapsed_ms: float


class _File(TypedDict):
    file: Annotated[str, Doc("a PNG, JPEG, WebP, GIF or BMP", shape="image")]


class _Choices(TypedDict, total=False):
    version: Annotated[int | str, Doc("number of a version, or production", example="production")]
    ambiguous_below: Annotated[
        float, Doc("probability of being right under which a reading is ambiguous", low=0, high=1)
    ]
    not_a_digit_above: Annotated[float, Doc("probability over which it is no digit", low=0, high=1)]


class DigitForm(_File, _Choices):
    """An image of one digit, as a form."""


Mode = Annotated[str, Doc("one digit, or several", choices=("digit", "number"))]


class QuestionForm(DigitForm, total=False):
    """An image, and how to read it, as a form."""

    mode: Mode
    strokes: Annotated[str, Doc("the strokes as JSON", shape="json-strokes")]


class GlyphFile(TypedDict):
    """A file of glyphs, as a form."""

    file: Annotated[str, Doc(".npy or IDX", shape="glyph-file")]


class ColumnsOfReadings(TypedDict):
    """Many readings: a list for each field."""

    count: int
    predictions: list[Annotated[int | None, Doc("null for blank and not_a_digit", low=0, high=9)]]
    confidences: list[Probability]
    verdicts: list[Verdict]
    not_a_digit: list[Probability]
    model: ModelName
    elapsed_ms: float


class Batch(ColumnsOfReadings, total=False):
    """Many readings, with `?probabilities=1` the ten of each too, with `?warnings=1` what may spoil it."""

    probabilities: list[Annotated[list[Probability], Doc(least=10, most=10)]]
    warnings: list[list[Caution]]


# --- the Open Inference Protocol ----------------------------------------------------------------------


class InferenceError(TypedDict):
    """How the Open Inference Protocol says what went wrong."""

    error: str


class InferenceServer(TypedDict):
    """What this server is."""

    name: str
    version: str
    extensions: list[str]


class Live(TypedDict):
    """The process answers."""

    live: bool


class Ready(TypedDict):
    """It can be asked."""

    ready: bool


class ModelReady(TypedDict):
    """A model can be asked."""

    name: str
    ready: bool


class TensorKind(TypedDict):
    """A tensor that is taken or given; -1 is any number of glyphs."""

    name: str
    datatype: str
    shape: list[int]


class InferenceModel(TypedDict):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorKind]
    outputs: list[TensorKind]


class TensorHead(TypedDict):
    """What a tensor is."""

    name: str
    datatype: str
    shape: list[Annotated[int, Doc(low=0)]]


class Tensor(TensorHead, total=False):
    """A tensor; its data are in JSON, or behind it as bytes."""

    data: list[Any]
    parameters: dict[str, Any]


class InferenceOutputs(TypedDict):
    """What a model says."""

    model_name: str
    model_version: str
    outputs: list[Tensor]


class InferenceReply(InferenceOutputs, total=False):
    """What a model says, with the id of the request if it had one."""

    id: str


class RepositoryEntry(TypedDict):
    """A version in the repository."""

    name: str
    version: str
    state: str
    reason: str


# --- state --------------------------------------------------------------------------------------------


class SplitMetrics(TypedDict, total=False):
    """What was measured on one split."""

    images: int
    correct: int
    accuracy: Probability
    nll: float
    ece: float


class RobustnessSummary(TypedDict, total=False):
    """What the robustness suite found; null for what it had to leave out."""

    goals_reached: int
    goals: int
    pen_digits_mean: float | None
    characters_auroc: float | None
    corruptions_mean: float | None


class Metrics(TypedDict, total=False):
    """Figures by the split that they were measured on."""

    validation: SplitMetrics
    test: SplitMetrics
    robustness: RobustnessSummary


class Model(ModelName):
    """A model version in short."""

    created_at: Time
    recipe: str | None
    parameters: int | None
    metrics: Metrics


class Training(TypedDict):
    """How the training that is under way stands; figures are null until they are known."""

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
    """The latest figures of a training."""

    epoch: int
    validation_loss: float
    validation_accuracy: Probability


class Run(TypedDict):
    """A training: its state and outcome."""

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
    """Which model answers, and how the training stands."""

    status: Annotated[str, Doc(choices=("ready", "training", "no_model"))]
    model: Model | None
    training: Training | None
    last_run: Run | None


class Readiness(TypedDict):
    """Requests are welcome."""

    status: Annotated[str, Doc(choices=("ready",))]


class Health(TypedDict):
    """The process answers."""

    status: Annotated[str, Doc(choices=("ok",))]


class Dataset(TypedDict):
    """Whether the MNIST files are there, and how a download stands."""

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
    """Where to look on."""

    self: str
    status: str


class Started(TypedDict):
    """A training that begins."""

    run_id: RunNumber
    status: Status
    links: Links


class RunPage(TypedDict):
    """A page of the trainings, newest first."""

    runs: list[Run]
    next: Annotated[str | None, Doc("address of the next page")]


class RunDetails(Run):
    """One training with its settings and epochs."""

    config: dict[str, Any]
    environment: Annotated[
        dict[str, Any] | None,
        Doc("device, libraries, data checksums, commit; null where a token is set and was not sent"),
    ]
    epochs: list[dict[str, Any]]


class RunEvent(TypedDict):
    """One line of a training's log."""

    id: Annotated[int, Doc("counts from 1 in each training", low=1)]
    kind: Annotated[str, Doc(choices=("status", "step", "epoch", "evaluation", "batch", "message"))]
    at: Time
    data: dict[str, Any]


class SentEvent(TypedDict, total=False):
    """One server-sent event of a training's stream."""

    id: Annotated[str, Doc("where to go on from: Last-Event-ID")]
    event: Annotated[str, Doc("kind of the event; `end` is the last, `trouble` breaks the stream off")]
    data: Annotated[str, Doc("a RunEvent as JSON; of `end` a Run; of `trouble` a message")]


class RunLog(TypedDict):
    """A part of a training's log."""

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
    """A preset: what it sets."""

    name: str
    summary: str
    values: dict[str, Any]


class TrainingOptions(TypedDict):
    """The settings of a training, and the recipes."""

    fields: list[Setting]
    recipes: list[Recipe]


# --- model versions -----------------------------------------------------------------------------------


class ModelEntry(Model):
    """A model version as in the list."""

    note: str
    aliases: list[str]
    bytes: int
    editable: bool
    deletable: bool


class SetAside(TypedDict):
    """A version that cannot be read."""

    folder: Annotated[str, Doc("its name in the folder of models")]
    reason: str


class ModelList(TypedDict):
    """Every version, newest first, what the aliases name, and which versions cannot be read."""

    aliases: dict[str, int]
    roll_back_to: Annotated[int | None, Doc("what rolling back would put into production")]
    models: list[ModelEntry]
    set_aside: list[SetAside]


class GateCheck(TypedDict):
    """One figure of both versions, and where the line is."""

    measure: str
    champion: float
    challenger: float
    bound: float
    passed: bool


class Gate(TypedDict):
    """A comparison by the gate's rule."""

    champion: VersionNumber
    challenger: VersionNumber
    passed: bool
    reason: str
    checks: list[GateCheck]
    left_out: list[str]


class Thresholds(TypedDict):
    """Where one verdict ends and the next begins."""

    ambiguous_below: Probability
    not_a_digit_above: Probability


class Origin(TypedDict):
    """Where an imported version comes from: its numbers there."""

    version: int | None
    run_id: int | None


class Making(TypedDict, total=False):
    """How a training went."""

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
    """What only the page of one version shows."""

    run_id: int | None
    imported_from: Origin | None
    seed: int | None
    temperature: float
    thresholds: Thresholds
    config: dict[str, Any]
    training: Making
    files: dict[str, FileFacts]


class ModelDetails(ModelEntry, ModelFacts):
    """One version with its files, its making, and what the gate says of it."""

    gate: Annotated[Gate | None, Doc("null for the version in production")]


class Deleted(TypedDict):
    """A version that is gone."""

    deleted: VersionNumber


class Promotion(TypedDict):
    """One move of an alias."""

    id: int
    alias: str
    version: VersionNumber
    previous: VersionNumber
    at: Time
    actor: str
    reason: str
    is_rollback: bool


class Promotions(TypedDict):
    """The moves of the aliases, newest first."""

    promotions: list[Promotion]


class ConfusionDifference(TypedDict):
    """Images by [true digit][digit read] that the second version has more than the first."""

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
    """The images that two versions read differently, the surest disagreements first."""

    split: str
    count: int
    right: Annotated[list[int], Doc("how many of them each reads right", least=2, most=2)]
    images: list[Disagreement]


class Archive(TypedDict):
    """An archive, as a form."""

    file: Annotated[str, Doc("a zip that `export` gave", shape="archive")]


class SelfLink(TypedDict):
    """Where it stands."""

    self: str


class Imported(ModelEntry):
    """A version that came in."""

    remarks: Annotated[list[str], Doc("what could not be checked")]
    links: SelfLink


# --- exploring ----------------------------------------------------------------------------------------


class ExploreChoices(TypedDict):
    """What can be looked at."""

    versions: list[ModelName]
    production: VersionNumber
    splits: list[str]
    dataset: Dataset


class ClassFigures(TypedDict):
    """Figures of one digit; null where nothing is divided by nothing."""

    digit: Digit
    images: int
    precision: float | None
    recall: float | None
    f1: float | None


class VerdictCounts(TypedDict):
    """Images by verdict."""

    digit: int
    ambiguous: int
    not_a_digit: int


class Disputed(TypedDict):
    """Images whose labels people dispute."""

    images: int
    wrong: int


class ExploreSummary(TypedDict):
    """Figures of a version over a split."""

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
    """Which image of a split it is, and what MNIST says that it is."""

    index: Annotated[int, Doc("in the split")]
    row: Annotated[int, Doc("in the MNIST file")]
    label: Digit
    disputed: bool


class Thumbnail(Identity):
    """One image of a gallery."""

    prediction: Annotated[int, Doc("the most likely digit, whatever the verdict", low=0, high=9)]
    confidence: Probability
    verdict: Verdict
    image: Picture


class Gallery(TypedDict):
    """A page of the images of a split."""

    model: ModelName
    split: str
    total: int
    offset: int
    images: list[Thumbnail]


Heat = list[list[float]]


class Saliency(TypedDict):
    """What speaks for a digit, in nats for each of 28x28 pixels."""

    digit: Digit
    ink: Annotated[Heat, Doc("evidence that is lost where ink is taken away")]
    gaps: Annotated[Heat, Doc("evidence that is lost where ink is put in")]


class Neighbour(TypedDict):
    """A similar image of those to train on."""

    row: int
    label: Digit
    similarity: float
    image: Picture


class Explained(NamedReading):
    """A reading with everything behind it."""

    glyph: Picture | None
    steps: list[Step]
    saliency: Annotated[Saliency | None, Doc("null for a blank")]
    neighbours: Annotated[list[Neighbour] | None, Doc("null for a blank, and without the MNIST files")]


class Explanation(Explained):
    """The explanation of an image that was sent."""

    elapsed_ms: float


class ExploredImage(Explained, Identity):
    """Everything about one image of a split."""

    split: str
    elapsed_ms: float


class FeatureMap(TypedDict):
    """What one channel gives on."""

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
    """What each convolutional block makes of an image."""

    model: ModelName
    glyph: Picture | None
    blocks: list[Block]


class Activations(FeatureMaps):
    """The same, and how long it took."""

    elapsed_ms: float
