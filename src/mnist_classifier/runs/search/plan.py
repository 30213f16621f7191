"""The course of a search: which trial comes next, and which configuration wins.

First come `trials` trials with one seed; trial 1 is the recipe itself.  Then the finalists, which are the best
FINALISTS of them and the recipe, are trained with other seeds.  The mean over these other seeds decides.  The seed of
the trials does not count there, because being lucky with it is how a finalist was chosen.
"""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from mnist_classifier.core.recipe_files import LONGEST_FILE_NAME
from mnist_classifier.core.records import Run, RunStatus, Trial
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.search.proposals import propose
from mnist_classifier.runs.search.space import FIXED, Axis, starting_point

# The stages of a search.
SEARCH, FINAL = "search", "final"
FINALISTS = 3
RECIPE_TRIAL = 1
# Characters of the fingerprint in the name of a search.
FINGERPRINT = 6
# Bytes of the recipe's name in it, so that NAME.json is the name of a recipe file.
LONGEST_RECIPE = LONGEST_FILE_NAME - len("-.json") - FINGERPRINT


@dataclass(frozen=True)
class Candidate:
    """A configuration: the loss of its trial, unless that was stopped, and of the other seeds, if all are there."""

    number: int
    values: dict[str, Any]
    loss: float | None
    final_losses: tuple[float, ...] = ()

    @property
    def figure(self) -> float:
        """The loss that decides: the mean over the other seeds, or without them that of the trial."""
        if self.final_losses:
            return statistics.fmean(self.final_losses)
        return math.inf if self.loss is None else self.loss


@dataclass(frozen=True)
class Plan:
    """What is searched: a recipe with its settings, the settings that vary, and how many trainings it takes."""

    config: TrainConfig
    axes: tuple[Axis, ...]
    trials: int
    final_seeds: int

    @property
    def name(self) -> str:
        """The name of the search.  The same recipe, settings, space and seed have the same name and so continue."""
        settings = {name: value for name, value in self.config.to_dict().items() if name not in FIXED or name == "seed"}
        question = msgspec.json.encode([settings, [str(axis) for axis in self.axes]])
        recipe = self.config.recipe.removesuffix(".json").encode()[:LONGEST_RECIPE].decode(errors="ignore")
        return f"{recipe}-{hashlib.sha256(question).hexdigest()[:FINGERPRINT]}"

    def next_trial(self, runs: Sequence[Run], *, may_explore: bool = True) -> tuple[TrainConfig, Trial] | None:
        """The settings of the next training; None if nothing can start at present.

        A space that is used up has fewer trials.

        runs: all of this search so far.  may_explore: False goes on to the finalists before all trials are done.
        """
        trials = _of_stage(runs, SEARCH)
        if len(trials) < self.trials and may_explore:
            number = len(trials) + 1
            if (values := self._values(number, trials)) is not None:
                return self._training(SEARCH, number, values, self.config.seed)
        if any(not run.status.is_final for run in trials):
            return None
        known = {(run.trial["number"], run.config["seed"]) for run in _of_stage(runs, FINAL) if run.trial}
        for seed in self._other_seeds():
            for finalist in self.finalists(runs):
                if (finalist.number, seed) not in known:
                    return self._training(FINAL, finalist.number, finalist.values, seed)
        return None

    def candidates(self, runs: Sequence[Run]) -> list[Candidate]:
        """The configurations that got to the end, best first: finalists with all their seeds before the others."""
        trials = [run.trial for run in _of_stage(runs, SEARCH) if run.trial is not None]
        found = [
            Candidate(trial["number"], trial["values"], trial["loss"], self._final_losses(runs, trial["number"]))
            for trial in trials
        ]
        ended = [candidate for candidate in found if candidate.figure < math.inf]
        return sorted(ended, key=lambda candidate: (not candidate.final_losses, candidate.figure))

    def finalists(self, runs: Sequence[Run]) -> list[Candidate]:
        """The best FINALISTS configurations, and the recipe itself even if its trial was stopped early."""
        ended = [(candidate.loss, candidate) for candidate in self.candidates(runs) if candidate.loss is not None]
        chosen: list[Candidate] = []
        for _, candidate in sorted(ended, key=lambda pair: pair[0]):
            if len(chosen) < FINALISTS and candidate.values not in [other.values for other in chosen]:
                chosen.append(candidate)
        recipe = starting_point(self.axes, self.config)
        if chosen and recipe not in [candidate.values for candidate in chosen]:
            chosen.append(Candidate(RECIPE_TRIAL, recipe, None))
        return chosen

    def shortfall(self, runs: Sequence[Run]) -> str:
        """Why a search that has ended tried fewer configurations than planned; empty if it did not."""
        tried = self.tried(runs)
        if self.next_trial(runs) is not None:
            return f"the time was up after {tried} of {self.trials} trials; the same command continues the search"
        return "" if tried == self.trials else f"the space is used up: it has only {tried} configurations"

    def tried(self, runs: Sequence[Run]) -> int:
        """The number of trials so far."""
        return len(_of_stage(runs, SEARCH))

    def _other_seeds(self) -> range:
        return range(self.config.seed + 1, self.config.seed + 1 + self.final_seeds)

    def _final_losses(self, runs: Sequence[Run], number: int) -> tuple[float, ...]:
        losses = [
            run.trial["loss"]
            for run in _of_stage(runs, FINAL)
            if run.trial and run.trial["number"] == number and run.config["seed"] in self._other_seeds()
        ]
        known = tuple(loss for loss in losses if loss is not None)
        return known if len(known) == self.final_seeds else ()

    def _values(self, number: int, past: Sequence[Run]) -> dict[str, Any] | None:
        if number == RECIPE_TRIAL:
            return starting_point(self.axes, self.config)
        return propose(self.axes, past, self.config.seed)

    def _training(self, stage: Any, number: int, values: dict[str, Any], seed: int) -> tuple[TrainConfig, Trial]:
        trial = Trial(search=self.name, number=number, stage=stage, values=values, losses=[], loss=None)
        return replace(self.config, **values, seed=seed), trial


def _of_stage(runs: Sequence[Run], stage: str) -> list[Run]:
    return [run for run in runs if run.trial is not None and run.trial["stage"] == stage]


def has_failed(run: Run) -> bool:
    """Whether a training of the search ended without a figure, against everybody's will."""
    return run.status in (RunStatus.FAILED, RunStatus.INTERRUPTED)
