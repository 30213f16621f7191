"""Real short trainings on corrections, from the model in the box on the real MNIST."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import CorrectionsChanged, InvalidConfig
from mnist_classifier.core.records import ModelVersion, RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.correction_checks import judge
from mnist_classifier.evaluation.robustness.drawing import draw
from mnist_classifier.learning.corrections import NOT_A_DIGIT, Corrections, NewCorrection, glyph_hash
from mnist_classifier.learning.held_out import held_out
from mnist_classifier.learning.lineage import rebuild_without, seen_by
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.registry.aliases import BOX, CHALLENGER, PRODUCTION
from mnist_classifier.registry.manifest import CARD_FILE
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs import fine_tuning, worker
from mnist_classifier.runs.corrections_check import RECORD
from mnist_classifier.runs.jobs import Jobs
from mnist_classifier.runs.run_log import Runs
from tests import versions
from tests.learning.test_held_out import CHOSEN
from tests.versions import MANIFEST

WHOLE = TrainConfig.from_mapping({"recipe": "corrections", "train_images": 5000, "epochs": 2, "threads": 1})
QUICK = replace(WHOLE, train_images=2500, template_share=0.0)
SHORT = replace(QUICK, train_images=300, epochs=1)
Given = list[NewCorrection]

pytestmark = [pytest.mark.slow]


@pytest.fixture
def installation(settings: Settings, mnist_dirs: list[Path], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The real MNIST to learn from, and few pictures to measure with."""
    load, split = mnist.load, mnist.split_train_validation

    def load_fewer(directories: Sequence[Path], file: str) -> mnist.Images:
        found = load(directories, file)
        return found if file == mnist.TRAIN else mnist.Images(found.images[:500], found.labels[:500])

    def validate_less(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        train, validation = split(labels)
        return train, validation[:1000]

    monkeypatch.setattr(mnist, "load", load_fewer)
    monkeypatch.setattr(mnist, "split_train_validation", validate_less)
    monkeypatch.setattr("mnist_classifier.training.data.VALIDATION_OUTLIERS", 200)
    monkeypatch.setattr(fine_tuning, "PICTURES", 20)
    return replace(settings, data_dir=mnist.find(mnist_dirs, mnist.TRAIN))


@functools.cache
def pen_digits(count: int, writers: int = 1) -> Given:
    """Digits that people wrote with a pen, with right labels."""
    digits = fine_tuning.pen_sets(Settings(home=Path("nowhere"), pen_dir=Path("nowhere"))).digits
    rows = np.random.default_rng(1).permutation(len(digits))[:count]
    return [
        NewCorrection(
            make_glyph(draw(digits[row].strokes, pen_px=18, rng=np.random.default_rng(row))),
            int(digits[row].label),
            "page",
            f"writer {index % writers}" if writers > 1 else "",
        )
        for index, row in enumerate(rows)
    ]


def one_like_a_seven(count: int) -> Given:
    """Ones with a long upstroke, from somebody whose sevens have a bar."""
    rng = np.random.default_rng(2)
    found = []
    for index in range(count):
        label = (1, 7)[index % 2]
        shake = rng.normal(0, 15, (5, 2))
        down = np.array([[40, 280], [500, 0], [430, 1000]] if label == 1 else [[0, 40], [600, 0], [250, 1000]])
        bar = [] if label == 1 else [np.array([[130, 520], [560, 500]]) + shake[3:]]
        picture = draw([down + shake[:3], *bar], pen_px=18, rng=rng)
        found.append(NewCorrection(make_glyph(picture), label, "page"))
    return found


def relabelled(given: Given, label_of: Callable[[int, np.random.Generator], int]) -> Given:
    rng = np.random.default_rng(3)
    return [replace(each, label=label_of(each.label, rng)) for each in given]


def train(settings: Settings, store: Store, config: TrainConfig = QUICK, **record: object) -> ModelVersion:
    runs = Runs(store, settings.claims_dir)
    run = runs.create(config, environment={RECORD: record} if record else None)
    outcome = worker.execute(settings, run.id, str(run.claim))
    assert runs.get(run.id).status is RunStatus.SUCCEEDED
    assert outcome.version is not None
    return outcome.version


@pytest.mark.mnist
def test_a_person_whose_ones_look_like_sevens_is_read_better(installation: Settings, store: Store):
    given = [*pen_digits(120), *one_like_a_seven(120)]
    given.append(replace(pen_digits(121)[-1], label=NOT_A_DIGIT))
    Corrections(store).add_many(given)
    version = train(installation, store, WHOLE)
    registry = Registry.of(installation, store)
    figures, facts = version.metrics["corrections"], version.manifest["training"]["corrections"]
    assert figures["before"]["accuracy"] < 0.9
    assert figures["accuracy"] > figures["before"]["accuracy"] + 0.05
    assert figures["accuracy"] > 0.93
    assert registry.aliases.all() == {PRODUCTION: 1}, registry.aliases.history()[0].reason
    run = Runs(store, installation.claims_dir).get(1)
    assert f"Version 1 reads {figures['correct']} of {figures['images']} held-out corrections right" in run.message
    assert (facts["count"] + facts["held_out"], facts["base"]) == (len(given), BOX)
    assert {row[0] for row in facts["used"] + facts["measured"]} == set(range(1, len(given) + 1))
    card = (registry.folder(1) / CARD_FILE).read_text()
    assert f"| corrections | {facts['count']} learned, starting from the model in the box; {facts['held_out']}" in card


@pytest.mark.mnist
def test_a_version_is_rebuilt_without_a_correction(
    installation: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fine_tuning, "PICTURES", 2)
    Corrections(store).add_many(pen_digits(40))
    version = train(installation, store, SHORT)
    facts = version.manifest["training"]["corrections"]
    plan = rebuild_without(Registry.of(installation, store), 1, [facts["used"][0][0]])
    again = train(installation, store, TrainConfig.from_record(plan.config), base=plan.base, ids=list(plan.ids))
    other = again.manifest["training"]["corrections"]
    assert other["base"] == BOX
    assert other["used"] == facts["used"][1:]
    assert again.manifest["config"] == version.manifest["config"]
    assert again.manifest["seed"] == version.manifest["seed"]


@pytest.mark.mnist
@pytest.mark.parametrize(
    "poison",
    [
        lambda label, rng: int(label + rng.integers(1, 10)) % 10 if rng.random() < 0.2 else label,
        lambda label, rng: 1 if label == 7 else label,
        lambda label, rng: (label + 1) % 10,
    ],
    ids=["a fifth wrong", "one class flipped", "one client, all wrong"],
)
def test_a_flood_of_wrong_labels_does_not_get_into_production(
    installation: Settings, store: Store, poison: Callable[[int, np.random.Generator], int]
):
    Corrections(store).add_many(relabelled(pen_digits(600), poison))
    version = train(installation, store)
    assert Registry.of(installation, store).aliases.all() == {PRODUCTION: BOX, CHALLENGER: 1}
    assert judge(version.metrics["corrections"], version.corrections["measured"]).obstacles


def test_without_corrections_no_training_starts(settings: Settings, store: Store, runs: Runs):
    jobs = Jobs(settings, runs)
    for begin in (jobs.start, jobs.submit):
        with pytest.raises(InvalidConfig, match="there are no corrections to learn from"):
            begin(QUICK)
    assert runs.recent(10) == []


def test_a_training_whose_corrections_are_all_held_out_asks_for_more(settings: Settings, store: Store, runs: Runs):
    given = pen_digits(30)
    apart = held_out([""] * len(given), [glyph_hash(each.glyph) for each in given])
    Corrections(store).add(given[int(apart.argmax())])
    run = runs.create(QUICK)
    with pytest.raises(InvalidConfig, match="all corrections are held out"):
        fine_tuning.choose(runs, Registry.of(settings, store), run.id)


def test_a_drawing_with_two_labels_is_not_learned(settings: Settings, store: Store, runs: Runs):
    given = pen_digits(30)
    Corrections(store).add_many([*given, replace(given[3], label=(given[3].label + 1) % 10, writer="Anna")])
    course, _ = fine_tuning.choose(runs, Registry.of(settings, store), runs.create(QUICK).id)
    assert {*course.learned.ids.tolist(), *course.held_out.ids.tolist()} == {*range(1, 31)} - {4}


def test_what_the_version_before_has_learned_measures_nothing(settings: Settings, store: Store, runs: Runs):
    """Its drawings were divided by drawing.  With more names, whole writers are held out."""
    registry = Registry.of(settings, store)
    given = [replace(each, writer=CHOSEN[index % 4]) for index, each in enumerate(pen_digits(60))]
    hashes = [glyph_hash(each.glyph) for each in given]
    apart = held_out([each.writer for each in given], hashes)
    used = [[number, sha256, 0] for number, sha256 in enumerate(hashes) if not apart[number]]
    facts = {"count": len(used), "held_out": int(apart.sum()), "base": BOX, "used": used, "measured": []}
    versions.save(registry, training={**MANIFEST["training"], "corrections": facts})
    registry.aliases.move(PRODUCTION, 1)
    late = [replace(each, writer=f"late {index % 12}") for index, each in enumerate(pen_digits(180)[60:])]
    Corrections(store).add_many([*given, *late])
    course, _ = fine_tuning.choose(runs, registry, runs.create(QUICK).id)
    assert len(course.held_out.ids) > 0
    assert not set(course.held_out.glyph_sha256) & {sha256 for _, sha256, _ in used}


def test_a_training_whose_drawings_all_have_two_labels_says_so(settings: Settings, store: Store, runs: Runs):
    """It was told that there are no corrections."""
    (given,) = pen_digits(1)
    Corrections(store).add_many([given, replace(given, label=(given.label + 1) % 10)])
    with pytest.raises(InvalidConfig, match="each drawing has two labels"):
        fine_tuning.choose(runs, Registry.of(settings, store), runs.create(QUICK).id)


def test_a_resumed_run_learns_the_same_corrections(settings: Settings, store: Store, runs: Runs):
    corrections, registry = Corrections(store), Registry.of(settings, store)
    corrections.add_many(pen_digits(30))
    run = runs.create(QUICK)
    first, is_same = fine_tuning.choose(runs, registry, run.id)
    assert not is_same
    corrections.add_many(pen_digits(40)[30:])
    second, is_same = fine_tuning.choose(runs, registry, run.id)
    assert is_same
    assert second.learned.names() == first.learned.names()
    assert second.held_out.names() == first.held_out.names()


def test_a_correction_that_is_deleted_or_relabelled_during_a_training_is_noticed(
    settings: Settings, store: Store, runs: Runs
):
    corrections, registry = Corrections(store), Registry.of(settings, store)
    corrections.add_many(pen_digits(30))
    run = runs.create(QUICK)
    course, _ = fine_tuning.choose(runs, registry, run.id)
    learned, held_out = int(course.learned.ids[2]), int(course.held_out.ids[0])
    corrections.edit(learned, writer="Anna")  # a name teaches nothing
    course.check_unchanged(runs, run.id)
    corrections.edit(learned, label=NOT_A_DIGIT)
    with pytest.raises(CorrectionsChanged, match=f"1 of the corrections, such as {learned}, .*resume {run.id}"):
        course.check_unchanged(runs, run.id)
    corrections.delete(held_out)
    with pytest.raises(CorrectionsChanged, match="2 of the corrections"):
        course.check_unchanged(runs, run.id)


@pytest.mark.mnist
def test_no_version_has_seen_a_correction_that_was_deleted_during_its_training(
    installation: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fine_tuning, "PICTURES", 2)
    corrections, measure = Corrections(store), fine_tuning.Course.add_to
    gone = [each.correction.id for each in corrections.add_many(pen_digits(40))][0]

    def delete_and_measure(course: fine_tuning.Course, *arguments: Any) -> None:
        corrections.delete(gone)
        measure(course, *arguments)

    monkeypatch.setattr(fine_tuning.Course, "add_to", delete_and_measure)
    runs, registry = Runs(store, installation.claims_dir), Registry.of(installation, store)
    run = runs.create(SHORT)
    with pytest.raises(CorrectionsChanged):
        worker.execute(installation, run.id, str(run.claim))
    assert (runs.get(run.id).status, registry.aliases.production()) == (RunStatus.FAILED, BOX)
    assert [each.version for each in registry.versions()] == [BOX]
    monkeypatch.setattr(fine_tuning.Course, "add_to", measure)
    reopened = runs.reopen(run.id, queued=False)
    version = worker.execute(installation, run.id, str(reopened.claim)).version
    assert version is not None
    assert gone not in seen_by(version)


def test_a_resumed_run_forgets_what_was_deleted(settings: Settings, store: Store, runs: Runs):
    corrections, registry = Corrections(store), Registry.of(settings, store)
    corrections.add_many(pen_digits(30))
    run = runs.create(QUICK)
    first, _ = fine_tuning.choose(runs, registry, run.id)
    gone = int(first.learned.ids[0])
    corrections.delete(gone)
    second, is_same = fine_tuning.choose(runs, registry, run.id)
    assert not is_same  # so the worker removes the checkpoint
    assert gone not in second.learned.ids
    assert fine_tuning.choose(runs, registry, run.id)[1]
