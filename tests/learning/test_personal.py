from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from mnist_classifier.core.database import Store, now
from mnist_classifier.core.errors import InvalidInput, ModelCorrupt, PersonalModelMissing, TooFewExamples
from mnist_classifier.core.records import Verdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.tables import corrections as stored
from mnist_classifier.core.tables import personal_models as table
from mnist_classifier.data import mnist_sample
from mnist_classifier.evaluation.robustness.pages.writing import generated_writers
from mnist_classifier.learning.corrections import NOT_A_DIGIT, Corrections, NewCorrection
from mnist_classifier.learning.personal import FeatureNetwork, Learner, PersonalModel, PersonalRecogniser
from mnist_classifier.learning.personal_models import PersonalModels
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest
from mnist_classifier.registry.versions import Registry
from mnist_classifier.training.synthetic import everybody
from tests.handwriting import LETTER_X, STROKES, draw

LETTER_Y = [[[0, 0], [500, 500]], [[1000, 0], [300, 1000]]]


def drawn(strokes: list[list[list[float]]], count: int, seed: int = 0) -> np.ndarray:
    """Glyphs of the same strokes with shaken points and pens of several widths."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        shaken = [(np.array(stroke) + rng.normal(0, 30, (len(stroke), 2))).tolist() for stroke in strokes]
        found.append(make_glyph(draw(shaken, pen_px=rng.uniform(12, 24), rng=rng)))
    return np.stack(found)


@pytest.fixture
def personal(store: Store, settings: Settings) -> PersonalModels:
    return PersonalModels(store, Registry.of(settings, store))


@pytest.fixture
def corrections(store: Store) -> Corrections:
    return Corrections(store)


def add(corrections: Corrections, glyphs: np.ndarray, label: int, writer: str = "Anna") -> list[int]:
    new = [NewCorrection(glyph, label, "api", writer) for glyph in glyphs]
    return [each.correction.id for each in corrections.add_many(new)]


def test_a_habit_is_learned_and_everybody_else_is_read_as_before(
    personal: PersonalModels, corrections: Corrections, settings: Settings
):
    """Somebody writes a four as a cross; the model in the box takes it for no digit."""
    ids = add(corrections, drawn(LETTER_X, 12), 4)
    facts = personal.fit(" Anna ", 0)
    assert (facts.writer, facts.base_version, facts.corrections) == ("Anna", 0, ids)
    assert facts.figures["right_after"] > facts.figures["right_before"] + 6
    box, anna = Recogniser.load(0, settings), personal.recogniser("Anna", 0)
    fresh = drawn(LETTER_X, 20, seed=1)
    assert sum(box.read_glyph(glyph).prediction == 4 for glyph in fresh) <= 2
    assert sum(anna.read_glyph(glyph).prediction == 4 for glyph in fresh) >= 18
    sample = mnist_sample.load()
    before, after = (np.array([r.read_glyph(g).prediction for g in sample.images]) for r in (box, anna))
    assert (before == after).mean() >= 0.995


def test_whoever_is_learned_the_hardest_digits_are_read_as_before(settings: Settings, store: Store):
    """Digits that are easy to read did not show what a personal model costs: 35 to 45 of the hard ones changed."""
    network = FeatureNetwork((Registry.of(settings, store).folder(0) / ONNX_FILE).read_bytes())
    learner = Learner.of(network)
    flat, labels = _flat_digits(20)
    ones_and_sevens = np.concatenate([drawn(STROKES[1], 8), drawn(STROKES[7], 8)])
    for glyphs, learned in (
        (flat, labels),
        (drawn(LETTER_X, 12), np.full(12, 4)),
        (ones_and_sevens, np.repeat([7, 1], 8)),
    ):
        added = learner.logits + learner.features @ learner.fit(glyphs, learned).weights
        changed = added.argmax(axis=1) != learner.logits.argmax(axis=1)
        assert changed[: everybody.HARD_DIGITS].sum() <= 30
        assert not changed[everybody.HARD_DIGITS : everybody.DIGITS].any()


def test_the_figures_hold_for_digits_that_were_written_in_turn(personal: PersonalModels, corrections: Corrections):
    """A sheet has the digits in turn: each model was tested on two digits of which it had learned no example."""
    corrections.add_many(
        [NewCorrection(glyph, int(label), "sheet", "Anna") for glyph, label in zip(*_flat_digits(30), strict=True)]
    )
    figures = personal.fit("Anna", 0).figures
    assert figures["right_after"] >= figures["right_before"] + 2


def _flat_digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Glyphs of a generated writer whose digits are a third as high, and their labels."""
    writer, rng, labels = generated_writers(3)[0], np.random.default_rng(0), np.arange(count) % 10
    strokes = [[stroke * (1, 0.35) for stroke in writer.digit(str(label), rng)] for label in labels]
    return np.stack([make_glyph(draw(each, pen_px=18, rng=rng)) for each in strokes]), labels


@pytest.mark.usefixtures("personal_models_without_figures")
def test_each_digit_of_a_number_is_read_for_the_writer(
    personal: PersonalModels, corrections: Corrections, settings: Settings
):
    """The line reader, which is everybody's, takes the cross for a sign."""
    add(corrections, drawn(LETTER_X, 15), 4)
    personal.fit("Anna", 0)
    rng = np.random.default_rng(3)
    picture = np.concatenate([draw(each, pen_px=18, rng=rng) for each in (STROKES[7], LETTER_X)], axis=1)
    assert Recogniser.load(0, settings).read_number(picture).number == "7"
    assert personal.recogniser("Anna", 0).read_number(picture).number == "74"


@pytest.mark.usefixtures("personal_models_without_figures")
def test_what_is_not_a_digit_can_be_learned(personal: PersonalModels, corrections: Corrections, settings: Settings):
    """A y could be a four."""
    add(corrections, drawn(LETTER_Y, 15), NOT_A_DIGIT)
    personal.fit("Anna", 0)
    fresh, recogniser = drawn(LETTER_Y, 10, seed=1), personal.recogniser("Anna", 0)
    assert sum(Recogniser.load(0, settings).read_glyph(glyph).prediction == 4 for glyph in fresh) >= 6
    assert sum(recogniser.read_glyph(glyph).verdict is Verdict.NOT_A_DIGIT for glyph in fresh) >= 9


@pytest.mark.usefixtures("personal_models_without_figures")
def test_who_calls_everybodys_seven_a_one_does_not_change_how_sevens_are_read(
    personal: PersonalModels, corrections: Corrections
):
    add(corrections, drawn(STROKES[7], 15), 1)
    personal.fit("Anna", 0)
    sample, recogniser = mnist_sample.load(), personal.recogniser("Anna", 0)
    read = [recogniser.read_glyph(glyph).prediction for glyph in sample.images[sample.labels == 7]]
    assert read.count(7) >= len(read) - 1


@pytest.mark.usefixtures("quick_personal_models")
def test_too_few_examples_are_refused_and_contradictions_do_not_count(
    personal: PersonalModels, corrections: Corrections
):
    glyphs = drawn(LETTER_X, 10)
    add(corrections, glyphs[:9], 4)
    add(corrections, drawn(STROKES[1], 20), 1, writer="Ben")
    with pytest.raises(TooFewExamples, match="needs at least 10 corrections.*there are 9"):
        personal.fit("Anna", 0)
    add(corrections, glyphs, 4)
    add(corrections, glyphs[:1], 9)
    with pytest.raises(TooFewExamples, match="there are 9"):
        personal.fit("Anna", 0)
    with pytest.raises(InvalidInput, match="name of a writer"):
        personal.fit(" ", 0)


@pytest.mark.usefixtures("quick_personal_models")
def test_forgetting_deletes_the_model_and_leaves_the_corrections(personal: PersonalModels, corrections: Corrections):
    add(corrections, drawn(LETTER_X, 10), 4)
    personal.fit("Anna", 0)
    personal.recogniser("Anna", 0)
    assert [each.writer for each in personal.all()] == ["Anna"]
    personal.forget("Anna")
    assert (personal.all(), corrections.count()) == ([], 10)
    for use in (personal.get, personal.forget, lambda writer: personal.recogniser(writer, 0)):
        with pytest.raises(PersonalModelMissing):
            use("Anna")


@pytest.mark.usefixtures("personal_models_without_figures")
def test_a_model_for_another_version_is_fitted_again(personal: PersonalModels, corrections: Corrections, store: Store):
    ids = add(corrections, drawn(LETTER_X, 12), 4)
    personal.fit("Anna", 0)
    with store.writing() as connection:
        connection.execute(table.update().values(base_version=99, contents=b"of another network"))
    corrections.delete(ids[0])
    recogniser = personal.recogniser("Anna", 0)
    assert recogniser.read_glyph(drawn(LETTER_X, 1, seed=5)[0]).prediction == 4
    assert (personal.get("Anna").base_version, personal.get("Anna").corrections) == (0, ids[1:])


def take_back(corrections: Corrections, ids: list[int]) -> None:
    corrections.delete(ids[0])


def rename(corrections: Corrections, ids: list[int]) -> None:
    corrections.edit(ids[0], writer="Ben")


def relabel(corrections: Corrections, ids: list[int]) -> None:
    corrections.edit(ids[0], label=9)


def expire(corrections: Corrections, ids: list[int]) -> None:
    with corrections._store.writing() as connection:
        old = stored.update().where(stored.c.id == ids[0]).values(changed_at=now() - timedelta(days=99))
        connection.execute(old)
    corrections.expire(30)


Change = Callable[[Corrections, list[int]], None]


@pytest.mark.parametrize("change", [take_back, rename, relabel, expire])
@pytest.mark.usefixtures("quick_personal_models")
def test_a_model_forgets_a_correction_that_was_deleted_or_changed(
    personal: PersonalModels, corrections: Corrections, store: Store, change: Change
):
    ids = add(corrections, drawn(LETTER_X, 12), 4)
    personal.fit("Anna", 0)
    before = personal.recogniser("Anna", 0)
    change(corrections, ids)
    assert personal.get("Anna").is_outdated
    with store.reading() as connection:  # its weights are gone at once, not with the next reading
        assert connection.scalar(sa.select(table.c.contents)) is None
    after = personal.recogniser("Anna", 0)
    facts = personal.get("Anna")
    assert (after is before, facts.is_outdated) == (False, False)
    assert facts.corrections == (ids if change is relabel else ids[1:])


@pytest.mark.usefixtures("quick_personal_models")
def test_a_model_goes_with_the_last_correction_of_its_writer(personal: PersonalModels, corrections: Corrections):
    ids = {writer: add(corrections, drawn(LETTER_X, 10), 4, writer) for writer in ("Anna", "Ben", "Cem")}
    for writer in ids:
        personal.fit(writer, 0)
    for number in ids["Anna"]:
        corrections.delete(number)
    for number in ids["Ben"]:
        corrections.edit(number, writer="Dora")
    assert [each.writer for each in personal.all()] == ["Cem"]
    with corrections._store.writing() as connection:
        connection.execute(stored.update().values(changed_at=now() - timedelta(days=99)))
    corrections.expire(30)
    assert personal.all() == []


@pytest.mark.usefixtures("quick_personal_models")
def test_a_correction_that_a_model_did_not_learn_from_leaves_it_alone(
    personal: PersonalModels, corrections: Corrections
):
    add(corrections, drawn(LETTER_X, 10), 4)
    personal.fit("Anna", 0)
    later = add(corrections, drawn(LETTER_X, 12, seed=1), 4)
    corrections.delete(later[0])
    corrections.edit(later[1], label=9)
    corrections.edit(later[2])
    assert not personal.get("Anna").is_outdated


@pytest.mark.usefixtures("quick_personal_models")
def test_a_model_with_too_few_corrections_left_says_what_to_do(personal: PersonalModels, corrections: Corrections):
    ids = add(corrections, drawn(LETTER_X, 10), 4)
    personal.fit("Anna", 0)
    corrections.delete(ids[0])
    words = "made again, because corrections were deleted or changed: .*there are 9. Correct more digits"
    with pytest.raises(TooFewExamples, match=words):
        personal.recogniser("Anna", 0)
    add(corrections, drawn(LETTER_X, 1, seed=5), 4)
    assert personal.recogniser("Anna", 0)


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once while a model is fitted."""
    fit, done = Learner.fit, list[object]()

    def slow_fit(self: Learner, glyphs: np.ndarray, labels: np.ndarray) -> PersonalModel:
        model = fit(self, glyphs, labels)
        if not done:
            done.append(act())
        return model

    monkeypatch.setattr(Learner, "fit", slow_fit)


@pytest.mark.usefixtures("quick_personal_models")
def test_what_is_deleted_while_a_model_is_fitted_is_not_in_it(
    personal: PersonalModels, corrections: Corrections, monkeypatch: pytest.MonkeyPatch
):
    ids = add(corrections, drawn(LETTER_X, 12), 4)
    meanwhile(monkeypatch, lambda: corrections.delete(ids[3]))
    assert personal.fit("Anna", 0).corrections == [each for each in ids if each != ids[3]]


@pytest.mark.usefixtures("quick_personal_models")
def test_a_purge_while_a_model_is_fitted_leaves_none(
    personal: PersonalModels, corrections: Corrections, monkeypatch: pytest.MonkeyPatch
):
    add(corrections, drawn(LETTER_X, 12), 4)
    meanwhile(monkeypatch, lambda: corrections.purge("Anna"))
    with pytest.raises(TooFewExamples, match="there are 0"):
        personal.fit("Anna", 0)
    assert personal.all() == []


@pytest.mark.usefixtures("quick_personal_models")
def test_a_model_that_is_forgotten_while_it_is_made_again_stays_forgotten(
    personal: PersonalModels, corrections: Corrections, monkeypatch: pytest.MonkeyPatch
):
    ids = add(corrections, drawn(LETTER_X, 12), 4)
    personal.fit("Anna", 0)
    corrections.delete(ids[0])
    meanwhile(monkeypatch, lambda: personal.forget("Anna"))
    with pytest.raises(PersonalModelMissing, match="just been deleted"):
        personal.recogniser("Anna", 0)
    assert personal.all() == []


@pytest.mark.usefixtures("quick_personal_models")
def test_many_requests_make_a_model_again_once(
    personal: PersonalModels, corrections: Corrections, monkeypatch: pytest.MonkeyPatch
):
    ids = add(corrections, drawn(LETTER_X, 12), 4)
    personal.fit("Anna", 0)
    corrections.delete(ids[0])
    fit, fits = Learner.fit, list[int]()

    def counted_fit(self: Learner, glyphs: np.ndarray, labels: np.ndarray) -> PersonalModel:
        fits.append(len(glyphs))
        return fit(self, glyphs, labels)

    monkeypatch.setattr(Learner, "fit", counted_fit)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: personal.recogniser("Anna", 0), range(4)))
    assert (len(set(map(id, found))), fits) == (1, [11])


def test_a_model_survives_its_file_and_a_damaged_one_is_refused():
    model = PersonalModel(np.random.default_rng(0).normal(size=(432, 11)).astype(np.float32))
    contents = model.to_bytes()
    assert (PersonalModel.from_bytes(contents).weights == model.weights).all()
    pickled, wrong = io.BytesIO(), io.BytesIO()
    np.savez(pickled, weights=np.array([{}], object))
    np.savez(wrong, weights=np.full((4, 11), np.nan, np.float32))
    for damaged in (b"", contents[: len(contents) // 2], pickled.getvalue(), wrong.getvalue()):
        with pytest.raises(ModelCorrupt):
            PersonalModel.from_bytes(damaged)
    with pytest.raises(ModelCorrupt, match="too many features"):
        PersonalModel(np.random.default_rng(0).normal(size=(50_000, 11)).astype(np.float32)).to_bytes()


def test_a_model_of_another_network_is_refused(settings: Settings, store: Store):
    folder = Registry.of(settings, store).folder(0)
    with pytest.raises(ModelCorrupt, match="another network"):
        PersonalRecogniser(
            (folder / ONNX_FILE).read_bytes(), read_manifest(folder), PersonalModel(np.zeros((5, 11), np.float32))
        )


def test_a_network_without_the_class_not_a_digit_leaves_those_examples_out(settings: Settings, store: Store):
    network = FeatureNetwork((Registry.of(settings, store).folder(0) / ONNX_FILE).read_bytes())
    learner = Learner.of(network)
    ten = replace(learner, network=_TenClasses(network), logits=learner.logits[:, :10])  # type: ignore[arg-type]
    glyphs = drawn(LETTER_X, 12)
    assert ten.fit(glyphs, np.full(12, 4)).weights.shape == (432, 10)
    with pytest.raises(TooFewExamples):
        ten.fit(glyphs, np.array([4] * 9 + [NOT_A_DIGIT] * 3))


class _TenClasses:
    """The network without its eleventh class."""

    def __init__(self, network: FeatureNetwork) -> None:
        self._network = network

    def look_many(self, glyphs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, features = self._network.look_many(glyphs)
        return logits[:, :10], features
