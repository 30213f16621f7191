"""Output files that a later command can go on writing after an interruption.

Until it is complete, the output is in FILE.part.  FILE.part.journal holds the
settings, and a line for each checkpoint: how many bytes of the output are
valid, and which parts of the input they come from.  The bytes are on the disk
before the journal counts them, so a crash or a power cut at any time leaves a
valid pair.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from mnist_classifier.cli.inputs import Part, stamp
from mnist_classifier.cli.reading import Result
from mnist_classifier.cli.saving import Destination
from mnist_classifier.core import files
from mnist_classifier.core.errors import MnistError

# A command that is killed, or loses its power, repeats at most the work since its last checkpoint.
CHECKPOINT_S = 2.0
REPEAT = "Repeat the command to continue."
RESTART = "add --restart to read everything again"
BAD_FILES = "list of bad files (--errors)"


class Progress(msgspec.Struct, frozen=True):
    """How far a command is.

    parts, files, size: of the input; size counts pictures and glyphs.  digest: of the stamps of these parts.
    sizes: valid bytes of the output, and of the list of bad files.  last_bad: the last bad file.
    is_complete: everything is read, and the files are being renamed.
    """

    parts: int = 0
    files: int = 0
    size: int = 0
    digest: str = ""
    failures: int = 0
    sizes: tuple[int, int] = (0, 0)
    last_bad: str = ""
    is_complete: bool = False


@dataclass
class ResumableFiles(Destination):
    """Files that a later command can go on writing."""

    journal: BinaryIO = field(kw_only=True)
    progress: Progress = field(kw_only=True)
    saved: Progress = field(init=False)
    _saved_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.failures, self.done = self.progress.failures, self.progress.size
        self.last_bad = _path(self.progress.last_bad)
        self.saved = self.progress
        self._digest = hashlib.sha256()

    def begin(self, header: bytes, parts: Iterator[Part]) -> Iterator[Part]:
        """Skip the parts that an earlier command has read.  Raises MnistError if they have changed."""
        if not self.progress.parts:
            super().begin(header, parts)
            return parts
        for skipped, part in enumerate(parts, 1):
            self._digest.update(stamp(part))
            if skipped == self.progress.parts:
                break
        if self._digest.hexdigest() != self.progress.digest:
            raise MnistError(
                f"the interrupted command had read {_amount(self.progress)}, and the files have changed since: "
                f"some were edited, renamed, added or removed; {RESTART}"
            )
        click.echo(f"continuing after {_amount(self.progress)}; {RESTART}", err=True)
        return parts

    def add(self, result: Result) -> None:
        """Write a result, and from time to time a checkpoint."""
        super().add(result)
        self._digest.update(result.stamps)
        # A single assignment: Ctrl-C may come at any time, and what it cuts off does not count.
        self.progress = Progress(
            parts=self.progress.parts + result.parts,
            files=result.file_number,
            size=self.progress.size + result.size,
            digest=self._digest.hexdigest(),
            failures=self.failures,
            sizes=(self.lines.tell(), 0 if self.bad_files is None else self.bad_files.tell()),
            last_bad=_text(self.last_bad),
        )
        if time.monotonic() - self._saved_s > CHECKPOINT_S:
            self.save()

    def save(self) -> None:
        """Write a checkpoint, after the bytes that it counts."""
        for stream in (self.lines, self.bad_files):
            if stream is not None:
                _flush(stream)
        if self.progress != self.saved:
            self.journal.write(msgspec.json.encode(self.progress) + b"\n")
            _flush(self.journal)
        self.saved, self._saved_s = self.progress, time.monotonic()


@contextlib.contextmanager
def resumable(
    output: Path, errors: Path | None, settings: Mapping[str, Any], *, restart: bool
) -> Iterator[ResumableFiles]:
    """Open output files, and go on where an interrupted command with the same settings stopped.

    restart: discard what it wrote.  Raises OSError; MnistError if it had other
    settings, or is still writing.
    """
    targets = [Path(os.path.realpath(each)) for each in (output, errors) if each is not None]
    journal = _beside(targets[0], ".part.journal")
    beside = {journal, *(_beside(each, suffix) for each in targets for suffix in (".part", ".part.lock"))}
    if taken := beside & set(targets):
        raise MnistError(f"{min(taken)} is a name for unfinished files; choose another one")
    with contextlib.ExitStack() as locks:
        for each in targets:
            locks.enter_context(_locked(each))
        progress = _prepared(
            journal, targets, {**settings, BAD_FILES: [_text(str(each)) for each in targets[1:]]}, restart
        )
        found: ResumableFiles | None = None
        try:
            with _opened(targets, journal, progress) as found:
                yield found
                found.progress = msgspec.structs.replace(found.progress, is_complete=True)
                found.save()
        except BaseException:
            saved = found.saved if found is not None else progress
            if saved != progress:
                click.echo(f"{output} is not complete yet. So far: {_amount(saved)}. {REPEAT}", err=True)
            if not saved.parts:
                for file in (*(_beside(each, ".part") for each in targets), journal):
                    file.unlink(missing_ok=True)
            raise
        for each in reversed(targets):
            os.replace(_beside(each, ".part"), each)
        journal.unlink()
        for each in targets:
            files.flush_folder(each.parent)


def _prepared(journal: Path, targets: Sequence[Path], settings: Mapping[str, Any], restart: bool) -> Progress:
    """The progress of an interrupted command, or that of a new one after writing its settings to the journal."""
    parts = [_beside(each, ".part") for each in targets]
    entries, old_settings, progress = _read_journal(journal, restart)
    # Without its part, the journal belongs to an output that was completed.
    if progress.parts and parts[0].exists() and not restart:
        _compare(parts[0], old_settings, settings)
        for target, valid in zip(targets, progress.sizes, strict=False):
            _check_part(target, valid, progress)
        os.truncate(journal, len(entries))  # a power cut may have torn the last line
        return progress
    known = [_beside(Path(_path(each)), ".part") for each in old_settings.get(BAD_FILES, ())]
    known += parts[:1] if journal.exists() else []
    for part in parts:
        if part.exists() and part not in known:
            raise MnistError(f"{part} exists, and nothing says which command wrote it; move or delete it")
    for part in known:
        part.unlink(missing_ok=True)
    with journal.open("wb") as stream:
        stream.write(msgspec.json.encode(settings) + b"\n")
        _flush(stream)
    return Progress()


def _check_part(target: Path, valid: int, progress: Progress) -> None:
    """Raise MnistError if the part of a file is not as long as the journal says."""
    part = _beside(target, ".part")
    if progress.is_complete and not part.exists() and target.exists():
        os.replace(target, part)  # the command ended between its two renamings
    if not part.exists() or part.stat().st_size < valid:
        raise MnistError(
            f"{part} is missing or incomplete, so the command cannot go on; restore the file, or {RESTART}"
        )


def _read_journal(journal: Path, restart: bool) -> tuple[bytes, Mapping[str, Any], Progress]:
    """The complete lines of a journal, its settings and last checkpoint; nothing if it does not exist."""
    content = journal.read_bytes() if journal.exists() else b""
    complete = content[: content.rfind(b"\n") + 1]
    lines = complete.splitlines()
    try:
        settings = msgspec.json.decode(lines[0]) if lines else {}
        return complete, settings, msgspec.json.decode(lines[-1], type=Progress) if lines[1:] else Progress()
    except msgspec.DecodeError as error:
        if restart:
            return b"", {}, Progress()
        raise MnistError(f"{journal} is damaged: {error}; {RESTART}") from error


def _amount(progress: Progress) -> str:
    """How much was read: files alone say little, because one may hold many glyphs."""
    pictures = "picture" if progress.size == 1 else "pictures"
    files = "file" if progress.files == 1 else "files"
    return f"{progress.size:,} {pictures} from {progress.files:,} {files}"


def _text(path: str) -> str:
    """A path as text for JSON, which takes no bytes that are not UTF-8."""
    return os.fsencode(path).decode("latin-1")


def _path(text: str) -> str:
    return os.fsdecode(text.encode("latin-1"))


def _compare(part: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise MnistError if the settings of two commands differ."""
    new = msgspec.json.decode(msgspec.json.encode(new))
    differing = [name for name in new if old.get(name) != new[name]]
    if "model version" in differing:
        name = (old.get("model version") or ["?"])[0]
        raise MnistError(
            f"{part} was written by a command with another model version, named {name}; find its number with "
            f"`mnist models list` and repeat the command with --model-version, or {RESTART}"
        )
    if differing:
        raise MnistError(
            f"{part} was written by a command with another {' and another '.join(differing)}, which was interrupted; "
            f"repeat that command, or {RESTART}"
        )


@contextlib.contextmanager
def _opened(targets: Sequence[Path], journal: Path, progress: Progress) -> Iterator[ResumableFiles]:
    """Open the parts and the journal; if the block fails, write a last checkpoint."""
    with contextlib.ExitStack() as stack:
        lines, *bad = [
            stack.enter_context(_opened_part(each, size)) for each, size in zip(targets, progress.sizes, strict=False)
        ]
        entries = stack.enter_context(_closing(journal.open("ab")))
        found = ResumableFiles(lines, bad[0] if bad else None, journal=entries, progress=progress)
        try:
            yield found
        except BaseException:
            with contextlib.suppress(OSError):  # the disk may be full
                found.save()
            raise


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(target.name + suffix)


def _flush(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


@contextlib.contextmanager
def _opened_part(target: Path, size: int) -> Iterator[BinaryIO]:
    """Open FILE.part after its first `size` bytes, and drop the rest."""
    part = _beside(target, ".part")
    part.touch()
    os.truncate(part, size)
    with _closing(part.open("ab")) as stream:
        yield stream


@contextlib.contextmanager
def _closing(stream: BinaryIO) -> Iterator[BinaryIO]:
    """Close a file at the end.  On a full disk that fails too, after the write that has reported it."""
    try:
        yield stream
    finally:
        with contextlib.suppress(OSError):
            stream.close()


@contextlib.contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Keep two commands from writing the same file."""
    target.parent.stat()  # the lock would create the folder
    lock = _beside(target, ".part.lock")
    with files.locked(lock, MnistError(f"another command is writing {target}; wait for it, or choose another file")):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows deletes no open file
                lock.unlink()
