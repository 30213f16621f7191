"""Read a job with Ray Data: list the parts, read them on every core of a cluster, and sum up.

Ray Data brings the stream, the pool of processes and the repetition after a
crash.  Our own code only commits parts (part_reader.py), because Ray's writers
would write the rows of a repeated part a second time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import ray
import ray.data

from mnist_classifier.cluster.job import ERRORS, Job, Model, Output
from mnist_classifier.cluster.part_reader import PartReader, Summary
from mnist_classifier.cluster.parts import parts_of
from mnist_classifier.cluster.ray_session import LOCAL, connected
from mnist_classifier.cluster.storage import described
from mnist_classifier.core.errors import ClusterUnavailable, MnistError, StorageUnreachable
from mnist_classifier.core.version import __version__

MOST_SHOWN = 10


@dataclass
class Totals:
    """The parts so far.

    problems: why parts were not finished.  shown_errors: the first error of some parts.
    fatal: why no other part can be written either.  all_errors: those of earlier
    commands too; known at the end of the job.
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
    all_errors: int = 0

    def add(self, done: Summary) -> None:
        """Count a part."""
        self.keys.add(done.key)
        self.hosts.add(done.host)
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
    output.begin(job.description(model))
    output.begin_again()
    totals = Totals()
    with connected(address, cores) as all_cores, contextlib.closing(_summaries(job, model, cores or all_cores)) as done:
        for summary in done:
            totals.add(summary)
            on_part(totals)
            if totals.fatal:
                raise StorageUnreachable(f"{totals.fatal}; then run the same command again, which continues")
    if totals.is_complete:
        _finish(output, totals)
    return totals


def _summaries(job: Job, model: Model, cores: int) -> Generator[Summary]:
    """What became of each part, in the order in which they were finished.  Raises ClusterUnavailable."""
    context = ray.data.DataContext.get_current()
    # Every part becomes a block, so that each is a task of its own and the first is read while others are listed.
    context.target_max_block_size = 1
    parts = ray.data.from_items([{"input": each} for each in job.inputs], override_num_blocks=len(job.inputs))
    done = parts.flat_map(_listed, num_cpus=0).map_batches(
        PartReader,
        fn_constructor_args=(job, model, __version__),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=cores),
        batch_size=1,
        num_cpus=1,
    )
    try:
        for row in done.iter_rows():
            yield Summary(**row)
    except ray.exceptions.RayError as error:
        raise ClusterUnavailable(f"the Ray cluster failed: {_cause(error)}") from error


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
    totals.all_errors = rows[ERRORS]
    output.finish({"parts": len(totals.keys), **rows})
