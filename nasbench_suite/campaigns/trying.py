"""What settings of a family are worth: by cross-validation, and on what that never saw.

All settings have the same parts and the same random numbers, so that they differ by nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from nasbench_suite.campaigns.known import Known
from nasbench_suite.campaigns.one_trial import check_values, fitted
from nasbench_suite.campaigns.splitting import Splitter, Splitting
from nasbench_suite.campaigns.tuned import Attempt, Judgement
from nasbench_suite.core import InvalidSetting, NasbenchError
from nasbench_suite.settings import at_least, one_of
from nasbench_suite.surrogates.base import Surrogate
from nasbench_suite.surrogates.evaluate import Measures
from nasbench_suite.surrogates.splits import LEAST, Split

MEASURES: Final = {"kendall": 1.0, "r2": 1.0, "rmse": -1.0, "negative_log_likelihood": -1.0}
"""By what settings may be scored, and whether more of it is better or less."""
SPLITS: Final = ("random", "official")
"""How the architectures that no trial sees may be chosen."""
_FOLDS: Final = 100
# What settings may be to blame for: a fit that diverges, a matrix without an inverse, what the
# package that fits refuses, or has no memory for.
_FAULTS: Final = (ArithmeticError, ValueError, MemoryError)


class Bench:
    """Where the settings of a family are tried."""

    def __init__(
        self,
        kind: type[Surrogate],
        first: Mapping[str, Any],
        known: Known,
        metric: str,
        *,
        measure: str,
        splitting: Splitting,
        train: int,
        folds: int,
        seed: int,
    ) -> None:
        """Split what is known, and fit nothing yet.

        Args:
            kind: the family.
            first: all of its settings, as they are tried first.
            known: what is known of the table.
            metric: what is predicted.
            measure: by which settings are scored, one of `MEASURES`.
            splitting: of what is tested on, one of `SPLITS`.
            train: how many architectures are trained on.
            folds: into how many parts these are divided.
            seed: of the split and of every fit.

        Raises:
            InvalidSetting: an argument is out of range, there are too few architectures, or the
                values of a part are all the same.
        """
        one_of("split", splitting.kind, SPLITS)
        self.measure: Final = one_of("measure", measure, MEASURES)
        self._kind, self._first, self._known, self._metric = kind, first, known, metric
        self._splitter: Final = Splitter(known, splitting)
        self._train, self._seed = train, at_least("seed", seed, 0)
        whole, _ = self._split()
        self.test: Final = len(whole.test)
        self.parts: Final = _parts(whole, at_least("folds", folds, 2, _FOLDS))
        for part in (whole, *self.parts):
            check_values(known, metric, part)

    def _split(self) -> tuple[Split, np.random.Generator]:
        """Return what is trained and tested on, and the generator as that leaves it."""
        rng = np.random.default_rng(self._seed)
        return self._splitter.split(None, self._train, self._seed, rng), rng

    def attempt(self, trial: int, chosen: Mapping[str, Any]) -> Attempt:
        """Return what settings are worth by cross-validation.

        Args:
            trial: its number.
            chosen: those that are tuned.
        """
        scores = []
        for number, part in enumerate(self.parts, start=1):
            try:
                found, _ = self._fit(chosen, part, np.random.default_rng([self._seed, number]))
            except _FAULTS as error:
                return Attempt(trial, chosen, (), _reason(error))
            score = float(getattr(found, self.measure))
            if not math.isfinite(score):
                return Attempt(trial, chosen, (), f"{self.measure} of part {number} is {score}")
            scores.append(score)
        return Attempt(trial, chosen, tuple(scores))

    def judge(self, attempt: Attempt) -> Judgement:
        """Return what the settings of a trial are worth on what no trial saw.

        It is the trial of `judging` that has the number of the seed.
        """
        part, rng = self._split()
        settings = self.complete(attempt)
        try:
            found, seconds = self._fit(attempt.settings, part, rng)
        except _FAULTS as error:
            return Judgement(attempt.trial, settings, None, math.nan, _reason(error))
        return Judgement(attempt.trial, settings, found, seconds)

    def complete(self, attempt: Attempt) -> dict[str, Any]:
        """Return all settings of a trial."""
        return {**self._first, **attempt.settings}

    def _fit(
        self, chosen: Mapping[str, Any], part: Split, rng: np.random.Generator
    ) -> tuple[Measures, float]:
        settings = {**self._first, **chosen}
        found, seconds, _ = fitted(self._kind, settings, self._known, self._metric, part, 0, rng)
        return found, seconds


def _parts(whole: Split, folds: int) -> tuple[Split, ...]:
    """Return each part of the training data as what is tested on, and the rest as trained on.

    Raises:
        InvalidSetting: a part would have fewer than two.
    """
    train = whole.train
    if len(train) < LEAST * folds:
        raise InvalidSetting(
            f"{len(train)} architectures in {folds} parts: train on at least {LEAST * folds}, or "
            "set fewer folds"
        )
    # They are in random order.
    number = np.arange(len(train)) % folds
    return tuple(Split(train[number != fold], train[number == fold]) for fold in range(folds))


def _reason(error: BaseException) -> str:
    """Return in one line why something failed."""
    text = " ".join(str(error).split())
    return text if isinstance(error, NasbenchError) else f"{type(error).__name__}: {text}"
