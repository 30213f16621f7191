"""What the routes work with, built once by the application factory."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from mnist_classifier.comparison import Comparisons
from mnist_classifier.config import Settings
from mnist_classifier.explore import Explorer
from mnist_classifier.jobs import Jobs
from mnist_classifier.registry import Registry
from mnist_classifier.runs import Runs
from mnist_classifier.store import Store
from mnist_classifier.web.serving import ServedModel
from mnist_classifier.web.streams import Streams
from mnist_classifier.web.testset import TestSet

EXTENSION = "mnist-classifier"


@dataclass(frozen=True)
class Services:
    """Everything behind the routes of one application."""

    settings: Settings
    store: Store
    registry: Registry
    runs: Runs
    jobs: Jobs
    streams: Streams
    model: ServedModel
    test_set: TestSet
    comparisons: Comparisons
    explorer: Explorer

    def close(self) -> None:
        """End what goes on in threads, and leave the database."""
        self.streams.close()
        self.jobs.close()
        self.store.close()


def services() -> Services:
    """The services of the application that handles this request."""
    found: Services = current_app.extensions[EXTENSION]
    return found
