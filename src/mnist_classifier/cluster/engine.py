"""Read a job with Ray Data: list the parts, read them on every core of a cluster, and sum up.

Ray Data brings the stream, the pool of processes and the repetition after a
crash.  Our own code only commits parts (part_reader.py), because Ray's writers
would write the rows of a repeated part a second time.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import ray
import ray.data

from mnist_classifier.cluster.job import ERRORS, READINGS, Job, Model, Output
from mnist_classifier.cluster.part_reader import PartReader, Summary
from mnist_classifier.cluster.parts import Part, parts_of
from mnist_classifier.cluster.ray_session import LOCAL, connected
from mnist_classifier.cluster.storage import described
from mnist_classifier.core.errors import ClusterUnavailable, MnistError, StorageUnreachable
from mnist_classifier.core.version import __version__

MOST_SHOWN = 10
MOST_LISTS = 2
MOST_ATTEMPTS = 4


@dataclass
class Totals:
    """The parts so far.

    problems: why parts were not finished.  shown_errors: the first error of some parts.
    fatal: why no other part can be written either.  all_readings, all_errors:
    those of earlier commands too, if the job is complete.
    """

    keys: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    readings: int = 0
    errors: int = 0
    skipped: int = 0
    retries: int = 0
    problems: list[str] = field(default_factory=list)
    shown_errors: list[str] = field(default_factory=list)
    fatal: str = ""
    all_readings: int = 0
    all_errors: int = 0

    def add(self, done: Summary, host: str) -> None:
        """Count a part that a machine has read."""
        self.keys.add(done.key)
        self.hosts.add(host)
        self.readings += done.readings
        self.errors += done.errors
        self.skipped += done.skipped
        self.retries += done.needs_retry
        if done.first_error and len(self.shown_errors) < MOST_SHOWN:
            self.shown_errors.append(done.first_error)
        if done.problem:
            self.problems.append(done.problem)
        if done.is_fatal:
            self.fatal = done.problem

    @property
    def is_complete(self) -> bool:
        """Whether every part is complete."""
        return not self.problems and not self.retries


def run(
    job: Job,
    model: Model,
    address: str = LOCAL,
    cores: int | None = None,
    on_part: Callable[[Totals], None] = lambda totals: None,
) -> Totals:
    """Read what is not read yet, on a cluster or on `cores` of this machine.

    Raises FolderTaken, StorageFull, StorageUnreachable, ClusterUnavailable.
    """
    output = Output.of(job.output)
    with output.locked():
        return _run(job, model, output, address, cores, on_part)


def _run(
    job: Job, model: Model, output: Output, address: str, cores: int | None, on_part: Callable[[Totals], None]
) -> Totals:
    output.begin(job.description(model))
    output.begin_again()
    totals = Totals()
    with connected(address, cores) as all_cores, contextlib.closing(_summaries(job, model, cores or all_cores)) as done:
        for host, summary in done:
            totals.add(summary, host)
            on_part(totals)
            if totals.fatal:
                raise StorageUnreachable(f"{totals.fatal}; then run the same command again, which continues")
    if totals.is_complete:
        _finish(output, totals)
    return totals


def _summaries(job: Job, model: Model, cores: int) -> Generator[tuple[str, Summary]]:
    """What became of each part, and on which machine, in the order of completion.  Raises ClusterUnavailable."""
    context = ray.data.DataContext.get_current()
    # Every part becomes a block, so that each is a task of its own and the first is read while others are listed.
    context.target_max_block_size = 1
    attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote()
    # Each block takes a process that lists it.
    lists = min(len(job.inputs), MOST_LISTS)
    parts = ray.data.from_items([{"input": each} for each in job.inputs], override_num_blocks=lists)
    done = parts.flat_map(_listed, num_cpus=0).map_batches(
        Process,
        fn_constructor_args=(job, model, __version__, attempts),
        compute=ray.data.ActorPoolStrategy(size=cores),
        batch_size=1,
        num_cpus=1,
    )
    try:
        for row in done.iter_rows():
            host = row.pop("host")
            yield host, Summary(**row)
    except ray.exceptions.RayError as error:
        raise ClusterUnavailable(f"the Ray cluster failed: {_cause(error)}") from error


class Attempts:
    """Counts how often each part was begun: Ray would repeat a part for ever that ends its process each time."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, key: str) -> int:
        """The number of this attempt, from 1."""
        self._begun[key] += 1
        return self._begun[key]

    def end(self, key: str) -> None:
        """Forget a part that was read."""
        del self._begun[key]


class Process:
    """A process of the cluster.  Takes columns and returns columns, as Ray Data wants them."""

    def __init__(self, job: Job, model: Model, program: str, attempts: Any) -> None:
        self._reader = PartReader(job, model, program)
        self._attempts = attempts
        self._host = ray.util.get_node_ip_address()

    def __call__(self, rows: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Read the parts in the column `part`; returns their summaries."""
        done = [{"host": self._host, **asdict(self._read(Part.from_json(text)))} for text in rows["part"]]
        return {name: [each[name] for each in done] for name in done[0]}

    def _read(self, part: Part) -> Summary:
        if ray.get(self._attempts.begin.remote(part.key)) > MOST_ATTEMPTS:
            return Summary(
                part.key, problem=f"{part.urls[0]}: its process died {MOST_ATTEMPTS} times while reading this part"
            )
        summary = self._reader.read(part)
        self._attempts.end.remote(part.key)
        return summary


def _listed(row: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    return ({"part": part.to_json()} for part in parts_of(row["input"]))


def _cause(error: BaseException) -> str:
    """The message of our own error, if a process raised one; else Ray's last line."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MnistError):
            return cause.message
        cause = getattr(cause, "cause", None) or cause.__cause__
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else described(error)


def _finish(output: Output, totals: Totals) -> None:
    kept = output.remove_others(totals.keys)
    if kept < len(totals.keys):
        raise StorageUnreachable(
            f"{len(totals.keys) - kept} of {len(totals.keys)} parts are missing in {output.place.url}: "
            "every machine must write to the same place, so choose a shared folder or a bucket for --output"
        )
    rows = output.rows()
    totals.all_readings, totals.all_errors = rows[READINGS], rows[ERRORS]
    output.finish({"parts": len(totals.keys), **rows})
