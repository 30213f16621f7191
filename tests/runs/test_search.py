"""The plan of a search and what Optuna proposes; no training runs here."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import torch

from mnist_classifier.core.errors import (
    DatabaseUnreachable,
    InvalidConfig,
    MnistError,
    RunFinished,
    RunInProgress,
    SearchUnavailable,
)
from mnist_classifier.core.recipe_files import check_file_name
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.records import Run, RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs import jobs
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.runs.search import proposals, search
from mnist_classifier.runs.search.plan import FINALISTS, Plan
from mnist_classifier.runs.search.proposals import is_hopeless, propose
from mnist_classifier.runs.search.search import Search
from mnist_classifier.runs.search.space import Axis, default_space, is_within, parse_axis, starting_point
from mnist_classifier.runs.search.trial import TrialPruned, trial_of

FAST = TrainConfig.from_mapping({"recipe": "fast"})
RATE = parse_axis("learning_rate=0.001..0.1")
PLAN = Plan(FAST, (RATE,), trials=5, final_seeds=2)
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def carried_out(plan: Plan, loss_of: Callable[[TrainConfig], float | None], limit: int = 1000) -> list[Run]:
    """All runs of a plan that is carried out one by one; `loss_of` says how each ends, None for a failure."""
    runs: list[Run] = []
    while len(runs) < limit and (planned := plan.next_trial(runs)) is not None:
        config, trial = planned
        loss = loss_of(config)
        status = RunStatus.FAILED if loss is None else RunStatus.SUCCEEDED
        losses = [] if loss is None else [2 * loss, loss]
        ended = {**trial, "loss": loss, "losses": losses}
        runs.append(Run(len(runs) + 1, status, config.to_dict(), NOW, trial=ended))  # type: ignore[arg-type]
    return runs


def by_rate(config: TrainConfig) -> float:
    """A loss with its lowest value at a rate of 0.02; every other seed adds a little."""
    return abs(config.learning_rate - 0.02) + 0.001 * (config.seed % 2)


def numbers(runs: list[Run]) -> list[tuple[str, int, int]]:
    return [(run.trial["stage"], run.trial["number"], run.config["seed"]) for run in runs if run.trial]


def test_the_first_trial_is_the_recipe_itself_and_finalists_get_other_seeds():
    runs = carried_out(PLAN, by_rate)
    assert runs[0].config == FAST.to_dict()
    assert numbers(runs)[:5] == [("search", number, 0) for number in range(1, 6)]
    finals = numbers(runs)[5:]
    assert {seed for _, _, seed in finals} == {1, 2}
    assert {number for _, number, _ in finals} >= {1}
    assert len(finals) in (2 * FINALISTS, 2 * (FINALISTS + 1))


def test_the_mean_of_the_other_seeds_decides_and_not_the_lucky_trial():
    lucky: dict[float, float] = {}

    def loss_of(config: TrainConfig) -> float:
        # Trial 2 is best with the first seed and worst with all others.
        rank = lucky.setdefault(config.learning_rate, len(lucky))
        return {0: 0.3, 1: 0.1}.get(rank, 0.2 + rank / 100) if config.seed == 0 else {0: 0.3, 1: 0.9}.get(rank, 0.25)

    runs = carried_out(PLAN, loss_of)
    assert PLAN.candidates(runs)[0].number == 3
    assert PLAN.candidates(runs)[0].final_losses == (0.25, 0.25)


def test_a_failed_trial_counts_and_the_search_goes_on():
    runs = carried_out(PLAN, lambda config: None if config.seed == 0 and config.learning_rate != 0.01 else 0.2)
    assert [run.status for run in runs[:5]].count(RunStatus.FAILED) == 4
    assert [candidate.number for candidate in PLAN.candidates(runs)] == [1]
    assert carried_out(PLAN, lambda config: None)[4].status is RunStatus.FAILED
    assert len(carried_out(PLAN, lambda config: None)) == 5


def test_when_the_time_is_up_for_trials_the_finalists_follow():
    runs = carried_out(PLAN, by_rate, limit=2)
    planned = PLAN.next_trial(runs, may_explore=False)
    assert planned is not None
    assert (planned[1]["stage"], planned[0].seed) == ("final", 1)
    running = replace(runs[1], status=RunStatus.RUNNING)
    assert PLAN.next_trial([runs[0], running], may_explore=False) is None


def test_no_configuration_is_tried_twice_and_a_space_that_is_used_up_ends_the_trials():
    plan = Plan(FAST, (parse_axis("batch_size=64,128"), parse_axis("patience=0..2")), trials=40, final_seeds=1)
    runs = carried_out(plan, lambda config: 0.1 * config.patience)
    tried = [run.trial["values"] for run in runs if run.trial and run.trial["stage"] == "search"]
    assert len(tried) == 6 + (starting_point(plan.axes, FAST) not in tried[1:])
    assert all(values not in tried[:index] for index, values in enumerate(tried))
    assert len(runs) > len(tried)  # the finalists follow
    assert plan.shortfall(runs) == f"the space is used up: it has only {len(tried)} configurations"


def test_a_search_says_why_it_tried_fewer_configurations_than_planned():
    assert PLAN.shortfall(carried_out(PLAN, by_rate)) == ""
    assert "the time was up after 2 of" in PLAN.shortfall(carried_out(PLAN, by_rate, limit=2))


def test_finalists_are_different_configurations():
    (first,) = carried_out(PLAN, by_rate, limit=1)
    again = [replace(first, id=number, trial={**first.trial, "number": number}) for number in (2, 3, 4)]
    assert [candidate.number for candidate in PLAN.finalists([first, *again])] == [1]


def test_an_interrupted_search_proposes_what_it_would_have_proposed():
    whole = carried_out(PLAN, by_rate)
    for cut in range(1, len(whole)):
        again = PLAN.next_trial(whole[:cut])
        assert again is not None
        assert again[0].to_dict() == whole[cut].config


def test_one_command_is_one_search_and_another_question_is_another():
    assert Plan(FAST, (RATE,), 50, 0).name == PLAN.name
    assert replace(PLAN, config=replace(FAST, threads=7, device="cpu")).name == PLAN.name
    others = [
        replace(PLAN, config=replace(FAST, seed=1)),
        replace(PLAN, config=replace(FAST, epochs=3)),
        replace(PLAN, axes=(parse_axis("learning_rate=0.001..0.2"),)),
    ]
    assert len({plan.name for plan in [PLAN, *others]}) == 4


@pytest.mark.parametrize("recipe", ["m" * 80, "\U0001f600" * 20])
def test_the_name_of_a_search_is_that_of_a_recipe_file_however_long_the_recipe(recipe: str):
    check_file_name(Path(f"{replace(PLAN, config=replace(FAST, recipe=recipe)).name}.json"))


def test_proposals_stay_in_their_space_and_learn_from_the_losses():
    axes = (RATE, parse_axis("batch_size=64,128"), parse_axis("conv1_channels=8..64"))
    plan = Plan(FAST, axes, trials=40, final_seeds=0)
    runs = carried_out(plan, by_rate)
    values = [run.trial["values"] for run in runs if run.trial]
    assert all(is_within(axes, value) for value in values[1:])
    assert all(type(value["conv1_channels"]) is int for value in values)
    late = sorted(abs(value["learning_rate"] - 0.02) for value in values[-15:])
    assert late[7] < 0.005
    assert propose(axes, runs, 0) == propose(axes, runs, 0) != propose(axes, runs, 1)


@pytest.mark.parametrize(
    ("losses", "others", "epochs", "stops"),
    [
        ([0.5], [], 2, False),  # nobody to compare with
        ([0.5], [[0.4]], 2, True),
        ([0.3], [[0.4]], 2, False),
        ([0.5], [[0.4], [0.6], [0.7]], 2, False),  # second of four
        ([0.65], [[0.4], [0.6], [0.7]], 2, True),
        ([0.5], [[0.4]], 8, False),  # the first rung is epoch 2
        ([0.5, 0.5], [[0.6, 0.4]], 8, True),
        ([0.5, 0.5, 0.5], [[0.6, 0.4, 0.4]], 8, False),  # between two rungs
        ([0.5], [[0.4]], 1, False),  # the end is no rung
    ],
)
def test_at_a_rung_the_better_half_goes_on(losses: list[float], others: list[list[float]], epochs: int, stops: bool):
    assert is_hopeless(losses, others, epochs) == stops


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_default_space_lies_around_the_recipe_and_within_the_bounds(recipe: str):
    config = TrainConfig.from_mapping({"recipe": recipe})
    axes = default_space(config)
    names = [axis.name for axis in axes]
    assert {"learning_rate", "label_smoothing", "batch_size"} <= set(names)
    assert ("weight_decay" in names) == (config.weight_decay > 0)
    assert not {"epochs", "seed", "conv1_channels", "train_images"} & set(names)
    for axis in axes:
        for value in axis.options or (axis.low, axis.high):
            TrainConfig.from_mapping({"recipe": recipe, axis.name: value})
    assert is_within(axes, starting_point(axes, config))
    assert "learning_rate" not in [axis.name for axis in default_space(config, ["learning_rate"])]
    assert ("rotation_degrees" in names) == (config.rotation_degrees > 0 and config.plain_epochs < config.epochs)


def test_the_default_space_of_extreme_settings_stays_within_the_bounds():
    bounds = {"label_smoothing": 0.5, "conv_dropout": 0.9, "hidden_dropout": 0.9}
    space = {axis.name: axis.high for axis in default_space(replace(FAST, **bounds))}
    assert {name: space[name] for name in bounds} == bounds


def test_axes_are_read_from_text():
    assert parse_axis("learning-rate=1e-4..0.1") == Axis("learning_rate", 1e-4, 0.1)
    assert parse_axis("learning_rate=1e-4..0.1").is_logarithmic
    assert not parse_axis("label_smoothing=0..0.2").is_logarithmic
    assert parse_axis("optimizer=adamw,muon").options == ("adamw", "muon")
    assert parse_axis("batch_size=64, 128,64").options == (64, 128)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("speed=1..2", "speed"),
        ("seed=1,2", "seed"),
        ("learning_rate", None),
        ("learning_rate=0.1..7", "learning_rate"),
        ("learning_rate=0.1..0.01", "learning_rate"),
        ("learning_rate=nan..0.1", "learning_rate"),
        ("learning_rate=", "learning_rate"),
        ("batch_size=1.5..3", "batch_size"),
        ("conv1_kernel=3..7", "conv1_kernel"),
        ("conv1_kernel=3,4", "conv1_kernel"),
        ("optimizer=adamw..muon", "optimizer"),
        ("outlier_share=0,0.1", "outlier_share"),
    ],
)
def test_a_wrong_axis_is_refused(text: str, field: str | None):
    with pytest.raises(InvalidConfig) as caught:
        parse_axis(text)
    assert caught.value.field == field


def test_a_search_does_not_start_beside_another_training(settings: Settings, runs: Runs):
    run = runs.create(TrainConfig())
    with pytest.raises(RunInProgress, match=f"run {run.id} is still training"):
        Search(settings, runs, PLAN).run()
    assert runs.of_search(PLAN.name) == []


def test_two_processes_do_not_carry_out_the_same_search(settings: Settings, runs: Runs):
    first = Search(settings, runs, PLAN)
    with first._lock(), pytest.raises(RunInProgress, match="another process"):
        Search(settings, runs, PLAN).run()


def test_a_new_search_repeats_a_failed_trial_once(settings: Settings, runs: Runs):
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (settings.home / "data" / "mnist" / f"{name}-ubyte").write_bytes(b"damaged")
    plan = replace(PLAN, trials=1, final_seeds=0)
    for starts in (1, 2):
        Search(settings, runs, plan).run()
        (run,) = runs.of_search(plan.name)
        assert run.status is RunStatus.FAILED
        states = [event.data["status"] for event in runs.events(run.id, kinds=("status",))]
        assert states == ["running", "failed"] * starts


def test_a_search_survives_a_database_that_cannot_be_reached_for_a_while(
    settings: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    of_search, get, calls, asked = runs.of_search, runs.get, [], []

    def sometimes(name: str) -> list[Run]:
        calls.append(name)
        if len(calls) in (4, 5):
            raise DatabaseUnreachable("the database does not answer")
        return of_search(name)

    def later(run_id: int) -> Run:
        asked.append(run_id)
        if len(asked) == 1:  # the run was created, but its process does not start yet
            raise DatabaseUnreachable("the database does not answer")
        return get(run_id)

    monkeypatch.setattr(runs, "of_search", sometimes)
    monkeypatch.setattr(runs, "get", later)
    monkeypatch.setattr(jobs.sys, "executable", "/bin/false")
    with pytest.raises(MnistError, match="the last 3 trainings failed"):
        Search(settings, runs, PLAN).run()
    assert [run.status for run in of_search(PLAN.name)] == [RunStatus.FAILED] * 3
    monkeypatch.setattr(search, "DATABASE_PATIENCE_S", 0.0)
    calls.clear()
    with pytest.raises(DatabaseUnreachable):
        Search(settings, runs, PLAN).run()


def test_trainings_that_cannot_start_end_the_search_with_one_line(
    settings: Settings, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs.sys, "executable", "/missing/python")
    with pytest.raises(MnistError, match=r"the last 3 trainings failed: .*/missing/python"):
        Search(settings, runs, PLAN).run()
    assert [run.status for run in runs.recent()] == [RunStatus.FAILED] * 3


def test_a_folder_that_can_have_no_locks_is_one_line(settings: Settings, runs: Runs):
    settings.claims_dir.parent.mkdir(parents=True, exist_ok=True)
    settings.claims_dir.write_text("a file")
    with pytest.raises(MnistError, match="no search can start: "):
        Search(settings, runs, PLAN).run()


def test_a_trial_that_diverges_is_pruned_and_not_a_failure(runs: Runs):
    planned = PLAN.next_trial([])
    assert planned is not None
    run = runs.create(*planned)
    record = trial_of(runs, run.id)
    assert record is not None
    with pytest.raises(TrialPruned, match="became nan in epoch 1"):
        record.logits(1, torch.full((4, 10), math.nan), torch.zeros(4, dtype=torch.int64))


def test_trials_are_found_by_their_search_and_a_pruned_one_is_not_resumed(runs: Runs):
    planned = PLAN.next_trial([])
    assert planned is not None
    plain, trial = runs.create(FAST), runs.create(*planned)
    assert [run.id for run in runs.of_search(PLAN.name)] == [trial.id]
    assert [run.id for run in runs.recent(search=PLAN.name)] == [trial.id]
    assert runs.get(plain.id).trial is None
    runs.finish(trial.id, RunStatus.PRUNED, "stopped early")
    assert runs.get(trial.id).status.is_final
    with pytest.raises(RunFinished, match="pruned"):
        runs.reopen(trial.id)


def test_without_optuna_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(proposals.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SearchUnavailable, match=r'pip install "\.\[tune\]"'):
        proposals.check_optuna()


@pytest.mark.parametrize(
    "module", ["mnist_classifier.web.app", "mnist_classifier.cli.main", "mnist_classifier.cli.tune"]
)
def test_optuna_is_not_imported_unless_a_search_runs(module: str):
    code = f"import sys, {module}; print('optuna' in sys.modules, 'torch' in sys.modules)"
    shown: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]
