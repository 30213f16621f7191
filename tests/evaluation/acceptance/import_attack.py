"""Import archives that ask for much memory, in a process of its own; prints what became of each, as JSON.

`python -m tests.evaluation.acceptance.import_attack HOME ARCHIVE...`: the refusal,
the growth of this process's peak in MB, and seconds.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import DataMissing, MnistError
from mnist_classifier.data.mnist import Images
from mnist_classifier.evaluation.acceptance import archive
from mnist_classifier.registry.versions import Registry


def no_data(split: str) -> Images:
    raise DataMissing("not here")


def peak_mb() -> float:
    """The most memory that this process has held."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1000


def main(home: Path, files: list[str]) -> None:
    store = Store(f"sqlite:///{home / 'mnist.db'}")
    registry = Registry(home / "models", store)
    box = archive.export_version(registry, 0)
    archive.import_version(registry, box, no_data)  # what any import takes is not the attack's
    for file in files:
        data, before, started = Path(file).read_bytes(), peak_mb(), time.perf_counter()
        message = ""
        try:
            archive.import_version(registry, data, no_data)
        except MnistError as error:
            message = f"{error.code}: {error.message}"
        outcome = {"message": message, "grown_mb": peak_mb() - before, "elapsed_s": time.perf_counter() - started}
        print(json.dumps(outcome), flush=True)
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
