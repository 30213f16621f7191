"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule

from mnist_classifier.core import settings as config
from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.runs.run_log import Runs
from tests.handwriting import glyphs, write_pen_sets
from tests.mirror import StartMirror, running_mirrors
from tests.processes import let_children_heed_ctrl_c

# PyTorch's threads would wait for each other, busily, where two processes of tests share two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples every time, however slow the machine: a test that fails now and then shows nothing.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")

# The files that took longest, longest first: started last, one of them would keep a single process busy at the end.
LONGEST_FILES = (
    "web/server/test_server.py",
    "runs/test_fine_tuning.py",
    "e2e/test_training.py",
    "e2e/test_accessibility.py",
    "runs/test_jobs.py",
    "runs/test_liveness.py",
    "cli/test_main.py",
    "web/openapi/test_contract.py",
    "e2e/test_numbers.py",
    "e2e/test_drawing.py",
    "e2e/test_explore.py",
    "e2e/test_mishaps.py",
    "e2e/test_docs_page.py",
    "project/test_api_examples.py",
    "runs/test_two_servers.py",
    "e2e/test_models.py",
    "learning/test_sheet.py",
    "project/test_fuzz.py",
    "e2e/test_tools.py",
    "training/test_distributed.py",
    "e2e/test_looking.py",
    "web/offline/test_export.py",
    "e2e/test_reflow.py",
    "e2e/test_recogniser.py",
    "e2e/test_lesson.py",
    "training/line_reader/test_line_reader.py",
    "web/routes/test_hostile_bodies.py",
    "recognition/test_recogniser.py",
    "recognition/imaging/test_picture_bombs.py",
    "project/test_docs_python.py",
    "cli/test_pool.py",
    "training/test_loop.py",
    "runs/test_recipe_times.py",
    "evaluation/acceptance/test_archive.py",
    "cli/test_resumable.py",
    "learning/test_personal.py",
    "cli/test_models.py",
    "project/test_telemetry.py",
)


def pytest_configure() -> None:
    """Tests that interrupt a process do so in the background too."""
    let_children_heed_ctrl_c()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the others keep their order."""
    place = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """Keep the thousands of tests and all modules out of every later search for garbage: each search took 0.3 s."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the API is tried by schemathesis."""
    parser.addoption("--contract-examples", type=int, default=8, help="random requests to each operation of the API")


@pytest.fixture(scope="session", autouse=True)
def applications_are_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile once what each of a thousand applications would: the code that builds addresses, and the pages."""
    compile_builder, known = Rule._compile_builder, dict[object, Callable[..., tuple[str, str]]]()

    def compiled(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown
        if key not in known:
            known[key] = compile_builder(rule, append_unknown)
        return known[key]

    pages = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("pages")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compiled)
        patch.setattr(Flask, "jinja_options", {**Flask.jinja_options, "bytecode_cache": pages})
        yield


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database without rows: to copy it is quicker than to run every migration again."""
    path = tmp_path_factory.mktemp("empty") / "mnist.db"
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> Settings:
    """An installation of its own, with empty folders and database; it and its child processes see no MNIST files."""
    settings = Settings(home=tmp_path / "home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(config, "_shared_dirs", lambda name: [tmp_path / "shared" / name])
    monkeypatch.setenv("MNIST_DATA_DIR", str(settings.home / "data" / "mnist"))  # for child processes
    for folder in (settings.home / "data" / "mnist", settings.models_dir, settings.logs_dir):
        folder.mkdir(parents=True)
    shutil.copyfile(empty_database, settings.home / "mnist.db")
    return settings


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The database of that installation."""
    store = Store(settings.resolved_database_url)
    yield store
    store.close()


@pytest.fixture
def runs(settings: Settings, store: Store) -> Runs:
    """Its trainings."""
    return Runs(store, settings.claims_dir)


@pytest.fixture(scope="session")
def mnist_dirs() -> list[Path]:
    """Folders that hold the real MNIST; without them the test is skipped, under CI=true it fails."""
    directories = Settings.from_environment().data_dirs()
    if not mnist.is_available(directories):
        looked_in = ", ".join(map(str, directories))
        reason = f"needs the MNIST files; none in {looked_in}. Fetch them with `mnist data` or set MNIST_DATA_DIR."
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return directories


@pytest.fixture(scope="session")
def digits() -> mnist.Images:
    """Twelve glyphs of 0, 1 and 7 that are made here."""
    return glyphs(12)


@pytest.fixture
def pen_dir(tmp_path: Path) -> Path:
    """A folder with small sets of pen strokes."""
    return write_pen_sets(tmp_path / "pen")


@pytest.fixture
def personal_models_without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A personal model is fitted once: its figures take five fits more."""
    monkeypatch.setattr("mnist_classifier.learning.personal_models.PARTS", 1)


@pytest.fixture
def quick_personal_models(monkeypatch: pytest.MonkeyPatch, personal_models_without_figures: None) -> None:
    """A personal model is fitted in two steps, where it only has to exist."""
    monkeypatch.setattr("mnist_classifier.learning.personal.STEPS", 2)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartMirror]:
    """Starts mirrors; all are stopped after the test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_mirrors() as start_one:
        yield start_one


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Fail a test that leaves a thread or a child process running (open files are warnings, so errors)."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon:
            thread.join(timeout=20)  # one that is about to end may end, on a busy machine too
            assert not thread.is_alive(), f"the test left {thread} running"
    assert not multiprocessing.active_children(), "the test left child processes running"
