"""The same code on PostgreSQL."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import DatabaseUnreachable, ModelInUse, TooFewExamples
from mnist_classifier.core.records import RunStatus, Trial
from mnist_classifier.core.tables import metadata
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.evaluation import promotion
from mnist_classifier.learning.correction_queries import Filters
from mnist_classifier.learning.corrections import Corrections, NewCorrection
from mnist_classifier.learning.personal_models import PersonalModels
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.run_log import Runs
from tests.cluster.tools import module
from tests.handwriting import LETTER_X, glyphs
from tests.learning.test_personal import drawn
from tests.versions import save

pytestmark = pytest.mark.cluster


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    yield store
    store.close()


def test_migrations_leave_the_tables_that_the_program_uses(store: Store):
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        for table in metadata.sorted_tables:
            assert {column["name"] for column in inspector.get_columns(table.name)} == set(table.c.keys())


def test_processes_that_open_a_new_database_at_once_migrate_it_once(database_url: str):
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(Store, [database_url] * 4))
    assert all(store.is_current() for store in stores)
    for store in stores:
        store.close()


def test_a_server_that_keeps_its_store_open_does_not_block_a_migration(store: Store):
    store.keep_open()
    engine = sa.create_engine(store.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
        connection.execute(sa.text("ALTER TABLE runs ADD COLUMN note TEXT"))


def test_a_run_lives_from_the_queue_to_its_end(runs: Runs):
    run = runs.enqueue(TrainConfig.from_mapping({"recipe": "fast"}))
    assert runs.claim_next(1).id == run.id
    runs.hold(run.id, str(runs.get(run.id).claim))
    runs.start(run.id, pid=1)
    runs.add_event(run.id, "batch", {"epoch": 1}, replace=True)
    runs.add_event(run.id, "batch", {"epoch": 2}, replace=True)
    assert runs.beat(run.id) is False
    runs.finish(run.id, RunStatus.SUCCEEDED, "done", 1)
    assert [event.kind for event in runs.events(run.id)] == ["status", "batch", "status"]
    assert [found.id for found in runs.recent(search="fast succeeded")] == [run.id]
    last = runs.last_finished()
    assert last is not None
    assert last.id == run.id


def test_trials_are_found_by_their_search_and_keep_their_losses(runs: Runs):
    trial = Trial(search="fast-1a2b3c", number=2, stage="search", values={"epochs": 3}, losses=[], loss=None)
    runs.enqueue(TrainConfig())
    run = runs.create(TrainConfig(), trial)
    runs.record_trial(run.id, {**trial, "losses": [0.5]})
    assert [found.trial for found in runs.of_search("fast-1a2b3c")] == [{**trial, "losses": [0.5]}]
    assert [found.id for found in runs.recent(search="1a2b")] == [run.id]
    assert [found.id for found in runs.recent(search="classic")] == [run.id, run.id - 1]


def test_many_at_once_neither_share_a_run_nor_a_line_of_the_log(runs: Runs):
    expected = {runs.enqueue(TrainConfig()).id for _ in range(6)}
    with ThreadPoolExecutor(6) as pool:
        claimed = [run.id for run in pool.map(lambda _: runs.claim_next(6), range(6)) if run is not None]
        run_id = min(expected)
        list(pool.map(lambda n: runs.add_event(run_id, "message", {"text": str(n)}), range(30)))
    assert set(claimed) <= expected
    assert len(set(claimed)) == len(claimed)
    assert [event.sequence for event in runs.events(run_id)] == list(range(1, 31))


def test_of_many_who_claim_at_once_no_more_get_a_run_than_there_are_places(runs: Runs):
    for _ in range(6):
        runs.enqueue(TrainConfig())
    with ThreadPoolExecutor(6) as pool:
        claimed = [run.id for run in pool.map(lambda _: runs.claim_next(2), range(6)) if run is not None]
    assert sorted(claimed) == [1, 2]


def test_corrections_are_merged_found_relabelled_and_purged(store: Store):
    corrections = Corrections(store)
    few = glyphs(4).images

    def new(number: int, label: int, **values: Any) -> NewCorrection:
        return NewCorrection(few[number], label, "api", **values)

    first = corrections.add(
        new(0, 7, writer="José", image=b"PNG", strokes=[[[1.0, 2.0]]], reading={"verdict": "digit"})
    )
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: corrections.add(new(0, 7, writer="José")), range(8)))
    assert {each.correction.id for each in again} == {first.correction.id}
    assert corrections.get(first.correction.id).times == 9
    other = corrections.add(new(0, 1))
    assert other.contradicts == [first.correction.id]
    assert len(corrections.find(Filters(contradictions=True))) == 2
    corrections.add_many([new(1, 2), new(2, 2), new(3, 10)])
    assert [each.label for each in corrections.find(after=corrections.find(limit=1)[0].id, limit=2)] == [2, 2]
    assert corrections.edit(other.correction.id, label=7, writer="José").merged
    totals = corrections.totals()
    assert (totals.count, totals.labels, totals.contradictions) == (4, {2: 2, 7: 1, 10: 1}, 0)
    assert corrections.strokes(first.correction.id) == [[[1.0, 2.0]]]
    assert corrections.examples().labels.tolist() == [7, 2, 2, 10]
    assert corrections.expire(30) == 0
    corrections.delete(corrections.find()[0].id)
    assert (len(corrections.purge("José")), len(corrections.purge())) == (1, 2)


def test_servers_that_make_a_personal_model_at_once_store_one_that_knows_no_deleted_correction(
    store: Store, tmp_path: Path
):
    corrections = Corrections(store)
    added = corrections.add_many([NewCorrection(glyph, 4, "api", "José") for glyph in drawn(LETTER_X, 14)])
    ids = [each.correction.id for each in added]
    servers = [PersonalModels(store, Registry(tmp_path, store)) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        fits = [pool.submit(each.fit, "José", 0) for each in servers]
        for number in ids[:4]:
            corrections.delete(number)
        for each in fits:
            each.result()
    (found,) = servers[0].all()
    if found.is_outdated:
        servers[0].recogniser("José", 0)
        (found,) = servers[0].all()
    assert found.corrections == ids[4:]
    corrections.edit(ids[4], writer="Anna")
    assert servers[1].get("José").is_outdated
    with pytest.raises(TooFewExamples):
        servers[1].recogniser("José", 0)
    corrections.purge("José")
    assert servers[2].all() == []


def test_versions_are_saved_promoted_and_deleted_by_several_at_once(store: Store, tmp_path: Path):
    registry = Registry(tmp_path, store)
    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(version.version for version in pool.map(lambda _: save(registry), range(4)))
        assert numbers == [1, 2, 3, 4]
        list(pool.map(lambda number: registry.aliases.move(PRODUCTION, number), numbers))
    moves = list(reversed(registry.aliases.history()))
    assert [move.version for move in moves[:-1]] == [move.previous for move in moves[1:]]
    assert registry.aliases.production() == moves[-1].version
    with pytest.raises(ModelInUse):
        registry.delete(registry.aliases.production())
    assert promotion.roll_back(registry, actor="someone") == moves[-1].previous
    others = [number for number in numbers if number != registry.aliases.production()]
    registry.delete(others[0])
    assert len(registry.versions()) == 4


def test_an_unreachable_postgresql_is_one_line():
    module("psycopg")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(DatabaseUnreachable, match="Is the server running") as caught:
        Store(f"postgresql+psycopg://mnist@127.0.0.1:{port}/mnist")
    assert len(caught.value.message.splitlines()) == 1
