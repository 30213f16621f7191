"""What Optuna decides: the values of the next trial, and which trials are hopeless.

Optuna's study lives in memory and is built from the recorded runs each time.  So nothing has to be kept in step with
the store, and a search that was interrupted goes on as if it had not been.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mnist_classifier.core.errors import SearchUnavailable
from mnist_classifier.core.records import Run, RunStatus
from mnist_classifier.runs.search.space import Axis, configurations, is_within

if TYPE_CHECKING:
    import optuna

# Successive halving: at each rung the better half of the trials goes on.  The first rung is a quarter of the epochs.
REDUCTION = 2
FIRST_RUNG_SHARE = 4
# Trials with random values before the model of the losses takes over (TPE).
RANDOM_TRIALS = 8
# After so many proposals that were tried already, take the first configuration that was not.
PROPOSALS = 10


def check_optuna() -> None:
    """Raise SearchUnavailable if Optuna is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise SearchUnavailable(
            'a search needs Optuna, which is not installed. In the checkout, run: pip install ".[tune]"'
        )


def propose(axes: Sequence[Axis], past: Sequence[Run], seed: int) -> dict[str, Any] | None:
    """Values for the next trial that no earlier one had; None if there are no others.

    The same past and seed propose the same values.
    """
    optuna = _optuna()
    distributions = {axis.name: _distribution(axis) for axis in axes}
    sampler = optuna.samplers.TPESampler(seed=seed + len(past), n_startup_trials=RANDOM_TRIALS)
    study = optuna.create_study(sampler=sampler)
    for run in past:
        if run.trial is not None and is_within(axes, run.trial["values"]):
            study.add_trial(_frozen(run, distributions))
    known = [run.trial["values"] for run in past if run.trial is not None]
    for _ in range(PROPOSALS):
        proposed = study.ask(distributions).params
        values = {axis.name: _rounded(axis, proposed[axis.name]) for axis in axes}
        if values not in known:
            return values
    return next((values for values in configurations(axes) if values not in known), None)


def _rounded(axis: Axis, value: Any) -> Any:
    """The value with three digits, which people can read, within the ends of its range."""
    if axis.options or axis.is_whole:
        return value
    return min(axis.high, max(axis.low, float(f"{value:.3g}")))


def is_hopeless(losses: Sequence[float], others: Sequence[Sequence[float]], epochs: int) -> bool:
    """Whether a trial of so many epochs should stop: at a rung, it is not in the better half of those that got there.

    losses: one for each epoch so far; others: the same of the other trials.
    """
    rungs = list(_rungs(epochs))
    if len(losses) not in rungs:
        return False
    optuna = _optuna()
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=rungs[0], reduction_factor=REDUCTION)
    study, stops = optuna.create_study(pruner=pruner), False
    for course in [*others, losses]:
        trial = study.ask()
        for rung in rungs:
            if rung <= len(course):
                trial.report(course[rung - 1], rung)
                stops = trial.should_prune()
    return stops


def _rungs(epochs: int) -> Iterator[int]:
    rung = max(1, epochs // FIRST_RUNG_SHARE)
    while rung < epochs:
        yield rung
        rung *= REDUCTION


def _optuna() -> Any:
    import optuna

    optuna.logging.set_verbosity(logging.WARNING)
    return optuna


def _distribution(axis: Axis) -> optuna.distributions.BaseDistribution:
    distributions = _optuna().distributions
    if axis.options:
        return distributions.CategoricalDistribution(axis.options)  # type: ignore[no-any-return]
    if axis.is_whole:
        return distributions.IntDistribution(int(axis.low), int(axis.high), log=axis.is_logarithmic)  # type: ignore[no-any-return]
    return distributions.FloatDistribution(axis.low, axis.high, log=axis.is_logarithmic)  # type: ignore[no-any-return]


def _frozen(run: Run, distributions: dict[str, Any]) -> optuna.trial.FrozenTrial:
    """A recorded trial as Optuna knows it."""
    trials, trial = _optuna().trial, run.trial
    assert trial is not None
    states = {RunStatus.SUCCEEDED: trials.TrialState.COMPLETE, RunStatus.PRUNED: trials.TrialState.PRUNED}
    return trials.create_trial(  # type: ignore[no-any-return]
        params={name: trial["values"][name] for name in distributions},
        distributions=distributions,
        intermediate_values=dict(enumerate(trial["losses"], start=1)),
        state=states.get(run.status, trials.TrialState.FAIL),
        value=trial["loss"],
    )
