from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from mnist_classifier.core import database
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import CorrectionMissing, InvalidInput, StorageFull
from mnist_classifier.core.tables import corrections as table
from mnist_classifier.core.tables import personal_models, readings_to_label
from mnist_classifier.learning import corrections as module
from mnist_classifier.learning.correction_queries import Filters
from mnist_classifier.learning.corrections import NOT_A_DIGIT, Corrections, NewCorrection
from tests.handwriting import glyphs

GLYPHS = glyphs(20).images


@pytest.fixture
def corrections(store: Store) -> Corrections:
    return Corrections(store)


def new(number: int = 0, label: int = 7, **changes: object) -> NewCorrection:
    """A correction of one of twenty different glyphs."""
    return replace(NewCorrection(GLYPHS[number], label, "api"), **changes)  # type: ignore[arg-type]


def ids(corrections: Corrections, **filters: object) -> list[int]:
    return [each.id for each in corrections.find(Filters(**filters))]  # type: ignore[arg-type]


def test_a_correction_is_stored_with_all_that_was_sent(corrections: Corrections):
    strokes, reading = [[[1.5, 2.0], [3.0, 4.0]]], {"prediction": 1, "verdict": "digit"}
    sent = new(3, 4, writer=" José ", image=b"\x89PNG", strokes=strokes, reading=reading, model_version=2)
    added = corrections.add(sent)
    stored = corrections.get(added.correction.id)
    assert (added.merged, added.contradicts, added.correction) == (False, [], stored)
    assert (stored.label, stored.writer, stored.source, stored.times) == (4, "José", "api", 1)
    assert (stored.reading, stored.model_version, stored.has_image) == (reading, 2, True)
    assert stored.glyph == sent.glyph.tobytes()
    assert corrections.strokes(stored.id) == strokes
    assert corrections.image(stored.id) == b"\x89PNG"


def test_the_same_from_the_same_writer_is_merged(corrections: Corrections):
    first = corrections.add(new())
    again = corrections.add(new(source="page"))
    other = corrections.add(new(writer="Anna"))
    assert (again.merged, again.correction.id, again.correction.times) == (True, first.correction.id, 2)
    assert again.correction.changed_at > first.correction.changed_at
    assert other.merged is False
    assert corrections.count() == 2


def test_many_at_once_are_merged_with_each_other_and_with_what_is_stored(corrections: Corrections):
    corrections.add(new(1))
    added = corrections.add_many([new(1), new(2), new(2), new(3)])
    assert [each.merged for each in added] == [True, False, True, False]
    assert [each.correction.times for each in added] == [2, 2, 2, 1]
    assert corrections.count() == 3


def test_another_label_for_the_same_glyph_is_a_contradiction_and_both_stay(corrections: Corrections):
    first = corrections.add(new(label=7)).correction.id
    corrections.add(new(1))
    second = corrections.add(new(label=1, writer="Anna"))
    assert second.contradicts == [first]
    assert ids(corrections, contradictions=True) == [second.correction.id, first]
    assert corrections.totals().contradictions == 2
    assert corrections.contradictions(corrections.find()) == {
        first: [second.correction.id],
        second.correction.id: [first],
    }
    corrections.delete(second.correction.id)
    assert ids(corrections, contradictions=True) == []


def test_filters_and_pages_show_each_correction_once_newest_first(corrections: Corrections):
    writers = ["", "Anna"]
    corrections.add_many([new(n, n % 3, writer=writers[n % 2], source="page" if n < 5 else "class") for n in range(10)])
    everything = ids(corrections)
    assert everything == sorted(everything, reverse=True)
    pages, after = list[int](), None
    while page := corrections.find(after=after, limit=3):
        pages += [each.id for each in page]
        after = pages[-1]
    assert pages == everything
    chosen = Filters(label=0, writer="Anna", source="page")
    assert [(each.label, each.writer, each.source) for each in corrections.find(chosen)] == [(0, "Anna", "page")]
    assert corrections.count(chosen) == 1
    totals = corrections.totals()
    assert totals.count == 10
    assert totals.labels == {0: 4, 1: 3, 2: 3}
    assert totals.writers == {"": 5, "Anna": 5}
    assert totals.sources == {"class": 5, "page": 5}


def test_a_new_label_and_another_writer_are_stored(corrections: Corrections):
    first = corrections.add(new()).correction
    changed = corrections.edit(first.id, label=NOT_A_DIGIT, writer="Anna").correction
    assert (changed.id, changed.label, changed.writer) == (first.id, NOT_A_DIGIT, "Anna")
    assert changed.changed_at > first.changed_at
    assert corrections.edit(first.id).correction == changed


def test_a_relabelled_correction_that_is_the_same_as_another_is_merged_with_it(corrections: Corrections):
    wrong, right = corrections.add(new(label=1)).correction, corrections.add(new(label=7)).correction
    merged = corrections.edit(wrong.id, label=7)
    assert (merged.merged, merged.correction.id, merged.correction.times) == (True, right.id, 2)
    assert ids(corrections) == [right.id]


def test_a_deleted_correction_is_gone_and_its_number_is_not_used_again(corrections: Corrections):
    deleted = corrections.add(new()).correction.id
    corrections.delete(deleted)
    for ask in (corrections.get, corrections.image, corrections.strokes, corrections.delete, corrections.edit):
        with pytest.raises(CorrectionMissing):
            ask(deleted)
    assert corrections.add(new()).correction.id > deleted


def test_a_deleted_correction_cannot_be_found_in_the_file(store: Store, corrections: Corrections):
    """Nor in the write-ahead log, which a running server keeps."""
    secret = b"a picture of somebody's handwriting" * 40
    store.keep_open()
    added = corrections.add(new(image=secret))
    files = [Path(f"{store.url.database}{ending}") for ending in ("", "-wal")]
    assert any(secret[:35] in path.read_bytes() for path in files)
    corrections.delete(added.correction.id)
    assert not any(secret[:35] in path.read_bytes() for path in files)


def fill_other_tables(store: Store) -> None:
    at, empty = database.now(), {"created_at": database.now(), "contents": b"", "corrections": [], "figures": {}}
    with store.writing() as connection:
        rows = [{"writer": writer, "base_version": 0, **empty} for writer in ("Anna", "Ben")]
        connection.execute(personal_models.insert(), rows)
        reading = {"created_at": at, "glyph": b"", "glyph_sha256": "x", "reading": {}, "model_version": 0}
        connection.execute(readings_to_label.insert(), [reading])


def left(store: Store) -> tuple[list[str], int]:
    """Writers with a personal model, and the number of readings to label."""
    with store.reading() as connection:
        writers = list(connection.scalars(sa.select(personal_models.c.writer)))
        return writers, connection.scalar(sa.select(sa.func.count()).select_from(readings_to_label)) or 0


def test_a_purge_forgets_one_writer_with_the_personal_model(store: Store, corrections: Corrections):
    corrections.add_many([new(n, writer=writer) for n, writer in enumerate(["Anna", "Anna", "Ben", ""])])
    fill_other_tables(store)
    assert corrections.purge("Anna") == [1, 2]
    assert corrections.totals().writers == {"": 1, "Ben": 1}
    assert left(store) == (["Ben"], 1)
    assert corrections.purge("") == [4]
    assert corrections.purge() == [3]
    assert left(store) == ([], 0)


def test_what_is_older_than_the_retention_is_deleted(
    store: Store, corrections: Corrections, monkeypatch: pytest.MonkeyPatch
):
    corrections.add_many([new(0), new(1)])
    fill_other_tables(store)
    later = database.now() + timedelta(days=31)
    monkeypatch.setattr(module, "now", lambda: later)
    corrections.add(new(1))
    assert corrections.expire(0) == 0
    assert corrections.expire(30) == 1
    assert [each.glyph for each in corrections.find()] == [new(1).glyph.tobytes()]
    assert left(store) == (["Anna", "Ben"], 0)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"label": 11}, "label"),
        ({"label": -1}, "label"),
        ({"source": "elsewhere"}, "source"),
        ({"writer": "x" * 101}, "writer"),
        ({"writer": "a\0b"}, "writer"),
        ({"writer": "a\ud800"}, "writer"),
        ({"glyph": np.zeros((28, 28), np.uint8)}, "image"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_nothing_is_stored(
    corrections: Corrections, wrong: dict[str, object], field: str
):
    with pytest.raises(InvalidInput) as refusal:
        corrections.add_many([new(1), new(**wrong)])
    assert refusal.value.field == field
    assert corrections.count() == 0


def test_a_flood_ends_at_the_limit(corrections: Corrections, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_CORRECTIONS", 2)
    corrections.add_many([new(0), new(1)])
    with pytest.raises(StorageFull, match="delete some"):
        corrections.add(new(2))
    assert corrections.add(new(1)).merged
    assert corrections.count() == 2


def test_examples_are_arrays_in_the_order_of_their_numbers(corrections: Corrections):
    corrections.add_many([new(0, 7), new(1, NOT_A_DIGIT, writer="Anna")])
    examples = corrections.examples()
    assert examples.labels.tolist() == [7, 10]
    assert examples.writers == ["", "Anna"]
    assert examples.ids.tolist() == sorted(ids(corrections))
    np.testing.assert_array_equal(examples.glyphs, np.stack([new(0).glyph, new(1).glyph]))
    assert corrections.examples(Filters(writer="Anna")).labels.tolist() == [10]
    assert corrections.examples(Filters(writer="nobody")).glyphs.shape == (0, 28, 28)


def test_more_corrections_than_one_statement_takes_are_stored(store: Store, corrections: Corrections):
    pixels = np.arange(2500, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    glyph = np.full((2500, 784), 200, np.uint8)
    glyph[:, :2] = pixels
    added = corrections.add_many([NewCorrection(each.reshape(28, 28), 1, "import") for each in glyph])
    assert len({each.correction.id for each in added}) == 2500
    with store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.sum(table.c.times))) == 2500
