"""Every error that this package raises on purpose.

    MnistError
    ├── InvalidInput            what the caller sent cannot be used
    │   ├── InvalidImage        not an image, or one that cannot be read
    │   ├── ImageTooLarge       too many bytes or pixels
    │   ├── InvalidConfig       a setting is unknown or out of its range
    │   ├── InvalidArchive      not the archive of a model version, or an unsafe one
    │   └── NotAllowed          a request that this sender may not make
    │       ├── CrossSiteRequest    a page of another site tried to change something
    │       ├── HostNotAllowed      the server was addressed by a name that is not its own
    │       ├── TokenMissing        a token is needed and none was sent
    │       └── TokenWrong          a token was sent, and it is another
    ├── DataError
    │   ├── DataMissing         no MNIST files, or pen sets, where they are looked for
    │   ├── DataCorrupt         a file is truncated, altered or of another kind
    │   └── DownloadFailed      no mirror gave the file
    ├── ModelError
    │   ├── ModelMissing        no model at all
    │   │   └── VersionMissing  no model version of that number
    │   ├── ModelCorrupt        a file does not match its manifest
    │   ├── ModelInUse          an alias names the version, so it stays
    │   ├── AliasMoved          somebody else was quicker to move the alias
    │   ├── LessAccurate        the version in production is more accurate, and nobody has confirmed
    │   └── NothingToRollBack   no earlier version to go back to
    ├── TrainingError
    │   ├── ClaimLost           a training process no longer has its run in hand
    │   ├── CheckpointCorrupt   the state of a broken-off run cannot be read
    │   ├── TrainingDiverged    the loss became NaN or infinite
    │   ├── TrainingUnavailable PyTorch is not installed
    │   ├── TrackerUnavailable  TensorBoard or MLflow is wanted and not installed
    │   ├── RunFinished         a run that has ended well cannot go on
    │   └── RunInProgress       one training runs already
    ├── ServerError             a server's answer that is none of the others here
    │   └── ServerUnreachable   no answer: refused, cut off, or too late
    ├── RunMissing              no run of that id
    ├── DatabaseBusy            another process holds the database
    ├── NotReady                the server cannot answer questions at this moment
    ├── TooManyStreams          all places for live streams are taken
    ├── OpenWithoutToken        others could reach the server, and no token is set
    ├── PortTaken               another program listens on that port
    ├── FolderTaken             a folder to write to holds other things
    └── StorageFull             no room left on the disk

`code` is stable: clients and log searches may rely on it. `field` names the
part of a request that is to blame, where there is one.
"""

from __future__ import annotations


class MnistError(Exception):
    """Root of the tree; its message is written for the person who reads it."""

    code = "error"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class InvalidInput(MnistError):
    """What the caller sent cannot be used."""

    code = "invalid_input"


class InvalidImage(InvalidInput):
    """Not an image, or one that cannot be read."""

    code = "invalid_image"


class ImageTooLarge(InvalidInput):
    """Too many bytes, or too many pixels once unpacked."""

    code = "image_too_large"


class InvalidConfig(InvalidInput):
    """A setting is unknown, of the wrong type or out of its range."""

    code = "invalid_config"


class InvalidArchive(InvalidInput):
    """Not the archive of a model version, or one that is not safe to unpack."""

    code = "invalid_archive"


class NotAllowed(InvalidInput):
    """A request that this sender may not make."""

    code = "not_allowed"


class CrossSiteRequest(NotAllowed):
    """A page of another site tried to change something here."""

    code = "cross_site_request"


class HostNotAllowed(NotAllowed):
    """The server was addressed by a name that is not its own, as DNS rebinding does."""

    code = "host_not_allowed"


class TokenMissing(NotAllowed):
    """A token is needed and none was sent."""

    code = "token_missing"


class TokenWrong(NotAllowed):
    """A token was sent, and it is another."""

    code = "token_wrong"


class DataError(MnistError):
    """Something is wrong with the files of a data set."""

    code = "data_error"


class DataMissing(DataError):
    """No MNIST files, or pen sets, where they are looked for."""

    code = "data_missing"


class DataCorrupt(DataError):
    """A file is truncated, altered or of another kind."""

    code = "data_corrupt"


class DownloadFailed(DataError):
    """No mirror gave the file."""

    code = "download_failed"


class ModelError(MnistError):
    """Something is wrong with a stored model."""

    code = "model_error"


class ModelMissing(ModelError):
    """No model at all, or none in a folder."""

    code = "model_missing"


class VersionMissing(ModelMissing):
    """No model version of that number."""

    code = "version_missing"


class ModelCorrupt(ModelError):
    """A file of a model version does not match its manifest."""

    code = "model_corrupt"


class ModelInUse(ModelError):
    """A version that an alias names, or the model in the box: it stays."""

    code = "model_in_use"


class AliasMoved(ModelError):
    """An alias no longer names what the caller took it to name."""

    code = "alias_moved"


class LessAccurate(ModelError):
    """The version in production is more accurate, and nobody has confirmed the change."""

    code = "less_accurate"


class NothingToRollBack(ModelError):
    """No earlier version to go back to."""

    code = "nothing_to_roll_back"


class TrainingError(MnistError):
    """A training cannot start or go on."""

    code = "training_error"


class ClaimLost(TrainingError):
    """A training process no longer has its run in hand: another one may have taken it over."""

    code = "claim_lost"


class CheckpointCorrupt(TrainingError):
    """The saved state of a broken-off run cannot be read, or is of another run."""

    code = "checkpoint_corrupt"


class TrainingDiverged(TrainingError):
    """The loss became NaN or infinite."""

    code = "training_diverged"


class TrainingUnavailable(TrainingError):
    """PyTorch is not installed in this environment."""

    code = "training_unavailable"

    @classmethod
    def without(cls, package: str | None) -> TrainingUnavailable:
        """The error for a package that training needs and that is missing."""
        return cls(f'training needs {package}, which is not installed. In the checkout, run: pip install ".[train]"')


class TrackerUnavailable(TrainingError):
    """A tool that is to follow the run is not installed."""

    code = "tracker_unavailable"


class RunFinished(TrainingError):
    """A run that succeeded or was cancelled cannot go on."""

    code = "run_finished"


class RunInProgress(TrainingError):
    """One training runs already."""

    code = "run_in_progress"


class ServerError(MnistError):
    """A server answered with an error that is none of the others here, or with nothing that can be understood.

    `code` is the server's own where it gave one; `status` is that of HTTP, None without an answer.
    """

    code = "server_error"

    def __init__(
        self, message: str, *, field: str | None = None, code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, field=field)
        self.code = code or self.code
        self.status = status


class ServerUnreachable(ServerError):
    """No answer of a server: the connection was refused or cut off, or it took too long."""

    code = "server_unreachable"


def error_of_code(code: str, message: str, field: str | None, status: int) -> MnistError:
    """The error that an answer of a server tells of: the class of that code, else ServerError."""
    kinds: list[type[MnistError]] = [MnistError]
    for kind in kinds:  # grows while it is walked
        if kind.code == code and not issubclass(kind, ServerError):
            return kind(message, field=field)
        kinds += kind.__subclasses__()
    return ServerError(message, field=field, code=code, status=status)


class RunMissing(MnistError):
    """No run of that id."""

    code = "run_missing"


class StorageFull(MnistError):
    """No room left on the disk."""

    code = "storage_full"


class DatabaseBusy(MnistError):
    """Another process holds the database."""

    code = "database_busy"


class NotReady(MnistError):
    """The server cannot answer questions at this moment; the message has every reason."""

    code = "not_ready"


class TooManyStreams(MnistError):
    """All places for live streams of events are taken; asking now and then still works."""

    code = "too_many_streams"


class OpenWithoutToken(MnistError):
    """Other computers could reach the server, and no token is set."""

    code = "open_without_token"


class PortTaken(MnistError):
    """Another program listens on that port."""

    code = "port_taken"


class FolderTaken(MnistError):
    """A folder that is to be written to holds other things."""

    code = "folder_taken"
