"""The process of one training, which the server starts.

    python -m mnist_classifier.runs.worker_process RUN_ID CLAIM

It reports that it loads PyTorch before it does so, because that takes seconds.
"""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import closing, suppress

from mnist_classifier.core import logs
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import ClaimLost, MnistError, RunFinished
from mnist_classifier.core.processors import lower_priority
from mnist_classifier.core.records import Phase
from mnist_classifier.core.settings import Settings
from mnist_classifier.runs.run_log import Runs


def main(arguments: list[str] | None = None) -> int:
    """Carry out one queued run; the exit status says whether it succeeded."""
    parser = argparse.ArgumentParser(prog="python -m mnist_classifier.runs.worker_process", description=main.__doc__)
    parser.add_argument("run_id", type=int)
    parser.add_argument("claim")
    options = parser.parse_args(arguments)
    lower_priority()
    # A server started in the background ignores Ctrl-C, and its children inherit that; cancelling needs the signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = Settings.from_environment()
    logs.configure(settings)
    with suppress(MnistError):  # the training itself reports what is wrong
        announce(settings, options.run_id, options.claim)
    from mnist_classifier.runs.worker import execute

    try:
        outcome = execute(settings, options.run_id, options.claim)
    except KeyboardInterrupt:
        return 1
    except (ClaimLost, RunFinished) as error:
        print(error.message, file=sys.stderr)
        return 1
    return 1 if outcome.cancelled else 0


def announce(settings: Settings, run_id: int, claim: str) -> None:
    """Record that this process loads PyTorch.  Raises ClaimLost, and what the database raises."""
    with closing(Store(settings.resolved_database_url)) as store:
        runs = Runs(store, settings.claims_dir)
        runs.hold(run_id, claim)
        runs.add_event(run_id, "phase", {"text": Phase.LOADING.value})


if __name__ == "__main__":
    sys.exit(main())
