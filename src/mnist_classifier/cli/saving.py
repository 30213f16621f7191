"""Where `mnist predict` writes: standard output, or a file that appears once it is complete.

A file can be written by several commands, if the first ones are interrupted.
`resumable.py` does that.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from mnist_classifier.cli.inputs import STDIN, Part
from mnist_classifier.cli.output import shown
from mnist_classifier.cli.reading import Result
from mnist_classifier.core import files


@dataclass
class Destination:
    """Files that take the results.

    lines: for the readings.  bad_files: for the names of files that could not
    be read.  failures: how many these are so far.  done: pictures and glyphs
    that an earlier command has read.  last_bad: the last of these files.
    """

    lines: BinaryIO
    bad_files: BinaryIO | None
    failures: int = 0
    done: int = 0
    last_bad: str = ""

    def begin(self, header: bytes, parts: Iterator[Part]) -> Iterator[Part]:
        """Write the header; returns the parts that are still to be read."""
        self.lines.write(header)
        return parts

    def add(self, result: Result) -> None:
        """Write a result."""
        self.lines.write(result.text)
        for name, _ in result.errors:
            if name != self.last_bad:  # a file of glyphs may have many errors
                self.failures += 1
                self._list(name)
            self.last_bad = name

    def _list(self, name: str) -> None:
        if self.bad_files is None or name == STDIN:
            return
        if "\n" in name:
            click.echo(f"{shown(name)} is not in the list of bad files, because its name has a line break", err=True)
        else:
            self.bad_files.write(os.fsencode(name) + b"\n")


@contextlib.contextmanager
def opened(
    output: Path | None, errors: Path | None, settings: Mapping[str, Any] | None, *, restart: bool = False
) -> Iterator[Destination]:
    """Open standard output or a file for the readings, and a file for the names of files that could not be read.

    settings: what decides the readings besides the input; None if a later
    command cannot go on.  restart: read all again.
    A file is replaced only when everything has been written.
    Raises StorageFull, ClickException; MnistError if a command cannot go on with what another one has written.
    """
    with contextlib.ExitStack() as stack:
        if output is not None or errors is not None:
            stack.enter_context(files.disk_errors(f"{output or errors} was not written", click.ClickException))
        are_plain = all(each is None or is_plain(each) for each in (output, errors))
        if output is not None and settings is not None and are_plain:
            # Imported here, because most commands write no file.
            from mnist_classifier.cli.resumable import resumable

            yield stack.enter_context(resumable(output, errors, settings, restart=restart))
            return
        bad_files = stack.enter_context(_whole_file(errors)) if errors is not None else None
        lines = stack.enter_context(_whole_file(output)) if output is not None else sys.stdout.buffer
        yield Destination(lines, bad_files)
        lines.flush()


def is_plain(file: Path) -> bool:
    """Whether this is a file, or may become one: no pipe and no device."""
    return not file.exists() or file.is_file()


@contextlib.contextmanager
def _whole_file(file: Path) -> Iterator[BinaryIO]:
    target = Path(os.path.realpath(file))
    if not is_plain(target):
        with target.open("wb") as stream:
            yield stream
        return
    with files.replaced(target) as part, part.open("wb") as stream:
        yield stream
