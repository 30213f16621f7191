"""Processes that read parts of the input of `mnist predict`.

Each has a pipe of its own, so that the loss of one is seen at once and costs
only the chunk that it was reading.  If the command itself is killed, the pipes
close and the processes end.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType

from mnist_classifier.cli.inputs import Part, stamp
from mnist_classifier.cli.reading import Result, Work
from mnist_classifier.core.errors import MnistError

# Finished chunks of each process that may wait for an earlier one.
WAITING_CHUNKS = 4
# A picture that ended this many processes is not tried again.
MOST_ATTEMPTS = 3
# So many processes may die one after the other, while none reads anything.
MOST_DEATHS = 12

Learn = Callable[[Sequence[Part], float], None]


@dataclass(eq=False)
class Chunk:
    """Parts that one process reads; `deaths` of the processes that tried."""

    parts: list[Part]
    deaths: int = 0
    result: Result | None = None


@dataclass(eq=False)
class Worker:
    """A process, our end of its pipe, and the chunk that it reads."""

    process: SpawnProcess
    pipe: Connection
    is_ready: bool = False
    chunk: Chunk | None = None


@dataclass
class Pool:
    """At most `jobs` processes that read chunks; the results come in the order of the chunks."""

    work: Work
    jobs: int
    _workers: list[Worker] = field(default_factory=list)
    # Chunks whose results were not yielded yet, in order, and those of them that a dead process left.
    _chunks: deque[Chunk] = field(default_factory=deque)
    _lost: deque[Chunk] = field(default_factory=deque)
    _deaths: int = 0
    _has_ended: bool = False

    def __enter__(self) -> Pool:
        # If the system allows no more processes, fewer read, or the command alone.
        with contextlib.suppress(OSError):
            while len(self._workers) < self.jobs:
                self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            _end(worker)
        self._workers.clear()

    def is_ready(self) -> bool:
        """Whether a process has loaded the model."""
        self._receive(timeout_s=0)
        return any(worker.is_ready for worker in self._workers)

    def read(self, chunks: Iterator[list[Part]], learn: Learn) -> Iterator[Result]:
        """Read chunks; yields their results, in order.

        learn: called with each chunk and the seconds that it took.
        Raises MnistError if processes keep dying, or a reading raises it.
        """
        while True:
            for worker in self._workers:
                if worker.is_ready and worker.chunk is None and (chunk := self._next(chunks)) is not None:
                    self._send(worker, chunk)
            if self._has_ended and not self._chunks:
                return
            self._receive(timeout_s=None, learn=learn)
            while self._chunks and (result := self._chunks[0].result) is not None:
                self._chunks.popleft()
                yield result

    def _next(self, chunks: Iterator[list[Part]]) -> Chunk | None:
        """The chunk to read next; None if there is none, or too many results wait for the first one."""
        if self._lost:
            return self._lost.popleft()
        if self._has_ended or len(self._chunks) >= WAITING_CHUNKS * self.jobs:
            return None
        parts = next(chunks, None)
        if parts is None:
            self._has_ended = True
            return None
        self._chunks.append(Chunk(parts))
        return self._chunks[-1]

    def _send(self, worker: Worker, chunk: Chunk) -> None:
        worker.chunk = chunk
        # If the process is dead, `_receive` sees the end of its pipe.
        with contextlib.suppress(OSError):
            worker.pipe.send(chunk.parts)

    def _receive(self, timeout_s: float | None, learn: Learn | None = None) -> None:
        """Wait for messages, and take what came."""
        by_pipe = {worker.pipe: worker for worker in self._workers}
        for pipe in connection.wait(list(by_pipe), timeout_s):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._replace(worker)
            else:
                self._take(worker, message, learn)

    def _take(self, worker: Worker, message: object, learn: Learn | None) -> None:
        """Take a message: the time of loading, a result with its time, or an error that ends the command."""
        if isinstance(message, MnistError):
            raise message
        worker.is_ready = True
        if isinstance(message, tuple) and worker.chunk is not None:
            worker.chunk.result, elapsed_s = message
            self._deaths = 0
            if learn is not None:
                learn(worker.chunk.parts, elapsed_s)
            worker.chunk = None

    # --- processes -----------------------------------------------------------------------------------

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, its = context.Pipe()
        process = context.Process(target=serve, args=(its, self.work), daemon=True)
        with _ctrl_c_held_back():
            process.start()
            self._workers.append(Worker(process, ours))
        its.close()

    def _replace(self, worker: Worker) -> None:
        """Start another process for one that died; what it was reading is read again."""
        _end(worker)
        self._workers.remove(worker)
        self._deaths += 1
        reason = _reason(worker.process)
        if self._deaths >= max(MOST_DEATHS, MOST_ATTEMPTS * self.jobs):
            raise MnistError(
                f"{self._deaths} reading processes died one after the other, the last one {reason}; "
                "perhaps they need more memory than there is: try a smaller --jobs"
            )
        if worker.chunk is not None:
            self._retry(worker.chunk, reason)
        try:
            self._start()
        except OSError as error:
            if not self._workers:
                raise MnistError(f"a reading process {reason}, and no other can be started: {error}") from error

    def _retry(self, chunk: Chunk, reason: str) -> None:
        """Read a chunk again, each part alone, to find one that ends the process; give up on that one."""
        if len(chunk.parts) == 1 and chunk.deaths + 1 >= MOST_ATTEMPTS:
            (part,) = chunk.parts
            message = f"{MOST_ATTEMPTS} processes died while reading it, the last one {reason}"
            chunk.result = Result(b"", [(part.name, message)], part.file_number, len(part), 1, stamp(part))
            self._deaths = 0
            return
        alone = [Chunk([part], chunk.deaths + 1) for part in chunk.parts]
        place = self._chunks.index(chunk)
        del self._chunks[place]
        for offset, each in enumerate(alone):
            self._chunks.insert(place + offset, each)
        # Those that are tried already come first, so that the deaths between two results stay few.
        self._lost.extendleft(reversed(alone))


def _end(worker: Worker) -> None:
    worker.process.join(timeout=5)
    worker.process.kill()  # if it only closed its pipe
    worker.process.join()
    worker.pipe.close()


def _reason(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


@contextlib.contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Block SIGINT in a child that starts here, from its first instant; the parent gets it after the block."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # multiprocessing would start it with the first child, and unblock SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve(pipe: Connection, work: Work) -> None:
    """Read chunks from the pipe and send their results, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its processes.
    try:
        reader = work.open()
    except MnistError as error:
        pipe.send(error)
        return
    message: object = None
    # The pipe closes if the parent dies.
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            pipe.send(message)
            parts = pipe.recv()
            started = time.perf_counter()
            try:
                message = (reader.read(parts), time.perf_counter() - started)
            except MnistError as error:
                message = error
