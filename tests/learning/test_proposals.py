from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import ProposalMissing
from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.learning import proposals as module
from mnist_classifier.learning.corrections import Corrections, NewCorrection
from mnist_classifier.learning.proposals import Candidate, Proposals, is_uncertain, margin, most_informative
from tests.handwriting import glyphs

GLYPHS = glyphs(20).images


def reading(first: float, verdict: Verdict = Verdict.AMBIGUOUS, not_a_digit: float = 0.0) -> Reading:
    """A 1 with this probability, else a 7."""
    probabilities = tuple(first if digit == 1 else 1 - first if digit == 7 else 0.0 for digit in range(10))
    return Reading(1, first, probabilities, verdict, not_a_digit=not_a_digit)


def candidate(number: int, first: float = 0.6, version: int = 0) -> Candidate:
    return Candidate(GLYPHS[number], reading(first), version)


@pytest.fixture
def proposals(store: Store) -> Proposals:
    return Proposals(store)


def margins(proposals: Proposals) -> list[float]:
    return sorted(each.reading["margin"] for each in proposals.best(100))


@pytest.mark.parametrize(
    ("found", "lead", "is_worth_it"),
    [
        (reading(0.6), 0.2, True),
        (reading(0.999, Verdict.DIGIT), 0.998, False),
        (reading(0.88, Verdict.DIGIT), 0.76, True),  # accepted, but only just
        (reading(1.0, Verdict.NOT_A_DIGIT, 0.89), 0.78, True),  # near the threshold
        (reading(1.0, Verdict.NOT_A_DIGIT, 0.99), 0.98, False),
        (reading(0.95, Verdict.AMBIGUOUS), 0.9, True),
        (Reading(None, 0.0, (0.1,) * 10, Verdict.BLANK), 0.0, False),
    ],
)
def test_readings_that_a_label_teaches_something_are_uncertain(found: Reading, lead: float, is_worth_it: bool):
    assert margin(found) == pytest.approx(lead)
    assert is_uncertain(found) == is_worth_it


def test_a_reading_is_kept_with_its_glyph(proposals: Proposals):
    proposals.add([candidate(3, version=2)])
    (found,) = proposals.best(10)
    assert (found.glyph, found.model_version) == (GLYPHS[3].tobytes(), 2)
    assert found.reading == {
        "prediction": 1, "confidence": 0.6, "verdict": "ambiguous", "not_a_digit": 0.0, "margin": 0.2,
    }  # fmt: skip
    assert proposals.get(found.id) == found


def test_the_same_glyph_waits_once(proposals: Proposals):
    proposals.add([candidate(3), candidate(3)])
    proposals.add([candidate(3), candidate(4)])
    assert proposals.count() == 2


def test_a_labelled_glyph_neither_waits_nor_comes_again(store: Store, proposals: Proposals):
    proposals.add([candidate(3), candidate(4)])
    Corrections(store).add(NewCorrection(GLYPHS[3], 7, "page"))
    assert [each.glyph for each in proposals.best(10)] == [GLYPHS[4].tobytes()]
    proposals.add([candidate(3)])
    assert proposals.count() == 1


def test_the_surest_go_first_if_there_are_too_many(proposals: Proposals, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    proposals.add([candidate(number, first) for number, first in enumerate((0.8, 0.5, 0.7, 0.6))])
    assert margins(proposals) == pytest.approx([0.0, 0.2, 0.4])
    proposals.add([candidate(10, 0.55), candidate(11, 0.79)])
    assert margins(proposals) == pytest.approx([0.0, 0.1, 0.2])


def test_a_skipped_reading_is_gone(proposals: Proposals):
    proposals.add([candidate(3)])
    (found,) = proposals.best(10)
    proposals.delete(found.id)
    assert proposals.count() == 0
    for act in (proposals.delete, proposals.get):
        with pytest.raises(ProposalMissing):
            act(found.id)


def test_the_retention_and_the_purge_delete_readings_too(store: Store, proposals: Proposals):
    proposals.add([candidate(3), candidate(4)])
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE readings_to_label SET created_at = '2020-01-01' WHERE id = 1")
    Corrections(store).expire(30)
    assert [each.glyph for each in proposals.best(10)] == [GLYPHS[4].tobytes()]
    Corrections(store).purge()
    assert proposals.count() == 0


def test_a_new_version_reads_again_what_an_old_one_was_unsure_of(proposals: Proposals):
    proposals.add([candidate(3, 0.6, version=1), candidate(4, 0.6, version=1), candidate(5, 0.6, version=2)])
    asked = []

    def read(found: np.ndarray) -> list[Reading]:
        asked.append(found.tobytes())
        return [reading(0.99, Verdict.DIGIT), reading(0.7)]

    proposals.read_again(2, read)
    proposals.read_again(2, read)
    assert asked == [GLYPHS[3:5].tobytes()]
    assert sorted((each.glyph, each.model_version) for each in proposals.best(10)) == sorted(
        (GLYPHS[number].tobytes(), 2) for number in (4, 5)
    )
    assert margins(proposals) == pytest.approx([0.2, 0.4])


def test_others_can_write_while_a_new_version_reads(store: Store, proposals: Proposals):
    proposals.add([candidate(3, version=1), candidate(4, version=1)])
    labelled = Corrections(Store(store.url, patience_s=0.2))

    def read(found: np.ndarray) -> list[Reading]:
        labelled.add(NewCorrection(GLYPHS[3], 7, "page"))
        return [reading(0.7)] * len(found)

    proposals.read_again(2, read)
    assert [(each.glyph, each.model_version) for each in proposals.best(10)] == [(GLYPHS[4].tobytes(), 2)]


def test_the_best_are_uncertain_and_different_from_each_other():
    base = np.zeros((6, 28, 28), np.uint8)
    base[:3, 4:12, 4:12] = 255  # three times the same place
    base[1, 12, 12] = base[2, 13, 13] = 40
    base[3, 16:24, 16:24] = 255
    base[4, 4:12, 16:24] = 255
    base[5, 16:24, 4:12] = 255
    doubts = np.array([1.0, 0.95, 0.9, 0.6, 0.7, 0.05])
    assert most_informative(base, doubts, 3) == [0, 4, 3]
    assert sorted(most_informative(base, doubts, 10)) == [0, 1, 2, 3, 4, 5]
    assert most_informative(base[:0], doubts[:0], 3) == []


def test_of_one_person_s_ten_equal_glyphs_one_is_proposed_first():
    found = np.concatenate([np.repeat(GLYPHS[:1], 10, axis=0), GLYPHS[1:4]])
    chosen = most_informative(found, np.array([0.9] * 10 + [0.5] * 3), 4)
    assert sorted(chosen) == [0, 10, 11, 12]


def test_two_thousand_are_ranked_at_once(proposals: Proposals):
    rng = np.random.default_rng(0)
    found = rng.integers(0, 255, (2000, 28, 28), np.uint8)
    assert len(set(most_informative(found, rng.uniform(0, 1, 2000), 100))) == 100
