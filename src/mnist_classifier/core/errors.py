"""Every error that this program raises on purpose.

MnistError
├── InvalidInput: InvalidImage, ImageTooLarge, InvalidConfig, InvalidArchive
│   └── NotAllowed: CrossSiteRequest, HostNotAllowed, TokenMissing, TokenWrong
├── DataError: DataMissing, DownloadFailed
│   └── DataCorrupt: DataUnreadable
├── ModelError: ModelCorrupt, ModelInUse, NotForBrowsers, StoreUnreachable, AliasMoved, LessAccurate, NothingToRollBack
│   └── ModelMissing: VersionMissing
├── TrainingError: ClaimLost, CheckpointCorrupt, CorrectionsChanged, TrainingDiverged, TrainingUnavailable,
│       TrackerUnavailable, RunFinished, RunInProgress, WorkerFailed, WorkerLost, SearchUnavailable
├── ServerError: ServerUnreachable
└── RunMissing, CorrectionMissing, ProposalMissing, PersonalModelMissing, TooFewExamples, StorageFull, DatabaseBusy,
    DatabaseUnreachable, NotReady, TooManyStreams,
        OpenWithoutToken, PortTaken, FolderTaken, ClusterUnavailable, StorageUnreachable
"""

from __future__ import annotations

import re


class MnistError(Exception):
    """The base class of all errors that this program raises on purpose.

    message: for people: what happened, why, what to do.  field: the part of a
    request that is wrong.  code: the name of the class in snake case, such as
    `run_missing`; clients and log searches rely on it.
    """

    code = "error"

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    @property
    def public(self) -> str:
        """The message for strangers; some errors leave out addresses and names of the installation."""
        return self.message


class InvalidInput(MnistError):
    """The input is invalid."""


class InvalidImage(InvalidInput):
    """The data is not an image, or cannot be read."""


class ImageTooLarge(InvalidInput):
    """The image has too many bytes or pixels."""


class InvalidConfig(InvalidInput):
    """A setting is unknown, has the wrong type or is out of range."""


class InvalidArchive(InvalidInput):
    """The archive cannot be imported: the wrong contents, damaged, too large or not safe to unpack."""

    def __init__(self, message: str, *, field: str | None = "file") -> None:
        super().__init__(message, field=field)


class NotAllowed(InvalidInput):
    """The sender may not make this request."""


class CrossSiteRequest(NotAllowed):
    """A page of another web site sent a request that changes something."""


class HostNotAllowed(NotAllowed):
    """The request names a host that is not this server, as in a DNS rebinding attack."""


class TokenMissing(NotAllowed):
    """The request needs a token and has none."""


class TokenWrong(NotAllowed):
    """The token is wrong."""


class DataError(MnistError):
    """The files of a data set cannot be used."""


class DataMissing(DataError):
    """The MNIST files, or the files of pen strokes, were not found."""


class DataCorrupt(DataError):
    """A data file is truncated, altered or not in the expected format."""


class DataUnreadable(DataCorrupt):
    """A data file may be good, but the disk or the network did not deliver it."""


class DownloadFailed(DataError):
    """No mirror delivered the file."""


class ModelError(MnistError):
    """A stored model cannot be used."""


class ModelMissing(ModelError):
    """There is no model."""


class VersionMissing(ModelMissing):
    """There is no model version of that number."""

    @classmethod
    def numbered(cls, version: int) -> VersionMissing:
        """The error for a version that does not exist."""
        return cls(f"there is no model version {version}; `mnist models` lists them")


class ModelCorrupt(ModelError):
    """A file of a model version does not match its manifest."""


class ModelInUse(ModelError):
    """The version has an alias or is the model in the box, so it cannot be changed or deleted."""


class NotForBrowsers(ModelError):
    """Browsers cannot run this network, for example an ensemble."""


class StoreUnreachable(ModelError):
    """The model store (MNIST_MODELS_URL) does not answer, or refuses access."""

    @property
    def public(self) -> str:
        """The message without the reason, which names hosts and buckets."""
        return "the model store cannot be reached; try again in a moment"


class AliasMoved(ModelError):
    """The alias does not name the version that the caller expected, because somebody moved it."""


class LessAccurate(ModelError):
    """The version is less accurate than the one in production, and nobody has confirmed the change."""


class NothingToRollBack(ModelError):
    """There is no earlier version to roll back to."""


class TrainingError(MnistError):
    """The training cannot start or continue."""


class ClaimLost(TrainingError):
    """The training process no longer owns its run: another process may have taken it over."""


class CheckpointCorrupt(TrainingError):
    """The saved state of an interrupted run cannot be read, or belongs to another run."""


class TrainingDiverged(TrainingError):
    """The loss became NaN or infinite."""


class TrainingUnavailable(TrainingError):
    """PyTorch is not installed."""

    @classmethod
    def without(cls, package: str | None) -> TrainingUnavailable:
        """The error for a missing package."""
        return cls(f'training needs {package}, which is not installed. In the checkout, run: pip install ".[train]"')


class CorrectionsChanged(TrainingError):
    """A correction was deleted or relabelled while a training learned it."""


class SearchUnavailable(TrainingError):
    """Optuna is not installed."""


class TrackerUnavailable(TrainingError):
    """The experiment tracker (TensorBoard or MLflow) is not installed."""


class RunFinished(TrainingError):
    """The run has succeeded or was cancelled, so it cannot be resumed."""


class RunInProgress(TrainingError):
    """Another training is running."""


class WorkerFailed(TrainingError):
    """A process of the training failed, and said why."""


class WorkerLost(TrainingError):
    """Another process of the same training has ended, or does not answer."""


class ServerError(MnistError):
    """The server answered with an error that has no class here, or with something that the client cannot parse.

    code: as the server sent it.  status: the HTTP status; None if there was no answer.
    """

    def __init__(
        self, message: str, *, field: str | None = None, code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, field=field)
        self.code = code or self.code
        self.status = status


class ServerUnreachable(ServerError):
    """The server did not answer: the connection was refused, was cut off or timed out."""


class RunMissing(MnistError):
    """There is no run of that number."""


class CorrectionMissing(MnistError):
    """There is no correction of that number."""


class PersonalModelMissing(MnistError):
    """There is no personal model for that writer."""


class TooFewExamples(MnistError):
    """A personal model needs more corrections."""


class ProposalMissing(MnistError):
    """There is no reading to label of that number."""


class StorageFull(MnistError):
    """The disk is full, or there are as many corrections as may be stored."""


class DatabaseBusy(MnistError):
    """Another process is using the database."""


class DatabaseUnreachable(MnistError):
    """The database does not answer, or refuses access."""

    @property
    def public(self) -> str:
        """The message without the reason, which names hosts and users."""
        return "the database cannot be reached; try again in a moment"


class NotReady(MnistError):
    """The server is not ready; the message gives the reasons."""


class TooManyStreams(MnistError):
    """All live event streams are in use; polling still works."""


class OpenWithoutToken(MnistError):
    """Other computers could reach the server, but no token is set."""


class PortTaken(MnistError):
    """Another program uses the port."""


class FolderTaken(MnistError):
    """The output folder holds other files."""


class ClusterUnavailable(MnistError):
    """Ray is not installed or cannot be reached, or its machines run another version of this program."""


class StorageUnreachable(MnistError):
    """A shared folder or a bucket cannot be read from or written to."""


def error_of_code(code: str, message: str, field: str | None, status: int) -> MnistError:
    """Make the error that a server's reply describes: of the class with that code, else a ServerError."""
    kinds: list[type[MnistError]] = [MnistError]
    for kind in kinds:  # the list grows during the loop
        if kind.code == code and not issubclass(kind, ServerError):
            return kind(message, field=field)
        kinds += kind.__subclasses__()
    return ServerError(message, field=field, code=code, status=status)
