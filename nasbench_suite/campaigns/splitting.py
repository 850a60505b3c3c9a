"""A table split in every way that surrogates are judged by.

`surrogates.splits` splits numbers and architectures; here is what they need of a table: what it
knows of a metric, the official parts, and what search strategies visit on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from nasbench_suite.campaigns.known import OFFICIAL, Known
from nasbench_suite.core import Budget, Floats, Ints, InvalidSetting
from nasbench_suite.experiments.run import run
from nasbench_suite.settings import one_of
from nasbench_suite.surrogates.splits import (
    Split,
    finder,
    forms_split,
    given_split,
    left_out_split,
    mutated_split,
    random_split,
    top_split,
)
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.store import Table

SPLITS: Final = ("random", "forms", "top", "mutated", "strategies", "official")
STRATEGIES: Final = (
    "local_search",
    "q_learning",
    "random_search",
    "regularized_evolution",
    "reinforce",
)
"""Whose visits are learned from, unless others are named: those that are quick and go apart."""


@dataclass(frozen=True)
class Splitting:
    """How a table is split; see the functions of `surrogates.splits`."""

    kind: str = "random"
    """One of `SPLITS`: `strategies` leaves out one after the other, and `official` is the table's
    own, drawn from its part `train` and tested on its part `test`."""
    test: int | None = None
    """How many are tested on; all there are if not given."""
    quantile: float = 0.9
    """Of `top`: above it is tested."""
    parents: int | None = None
    """Of `mutated`: only mutations of so many of the best are tested on."""
    strategies: tuple[str, ...] = STRATEGIES
    """Of `strategies`: whose visits, names as `run` takes them."""
    evaluations: int = 500
    """Of `strategies`: of each one's run, the seed of which is the number of the trial."""

    def __post_init__(self) -> None:
        one_of("split", self.kind, SPLITS)
        if self.kind == "strategies" and len(set(self.strategies)) < max(2, len(self.strategies)):
            raise InvalidSetting("name at least two strategies, and each once")


def official_parts(table: Table, official: Floats | None, names: Sequence[str]) -> list[Ints]:
    """Return the numbers of the architectures in parts of a table's official split.

    Args:
        table: whose card lists the parts in order.
        official: the number of the part of each architecture, or none where there are no parts.
        names: of the parts.

    Raises:
        InvalidSetting: the table has no official split.
    """
    if official is None:
        raise InvalidSetting(f"{table.benchmark} has no official split: take another")
    parts: list[str] = read_card(table.folder)["lists"][OFFICIAL]
    return [np.flatnonzero(official == parts.index(name)) for name in names]


def visited(
    known: Known, strategies: Sequence[str], evaluations: int, seed: int
) -> dict[str, Ints]:
    """Return the numbers of the architectures that one run of each strategy visits.

    Raises:
        UnknownName: there is no such strategy.
        InvalidSetting: the table does not cover its space, so that nothing can search on it.
    """
    number = finder(known.archs, known.table.space)
    budget = Budget(evaluations=evaluations)
    found = {}
    for name in strategies:
        made = run(name, known.table, budget=budget, seed=seed)
        places = np.unique([number(trial.arch) for trial in made.trials])
        found[name] = places[places >= 0].astype(np.int64)
    return found


class Splitter:
    """Splits what is known of a table, for one training size after the other."""

    def __init__(self, known: Known, how: Splitting) -> None:
        """Split what is known in this way."""
        self._known, self._how = known, how
        # Several sizes and left-out strategies of one trial share its runs.
        self._visited = lru_cache(maxsize=1)(
            lambda seed: visited(known, how.strategies, how.evaluations, seed)
        )

    def cases(self, train: Sequence[int]) -> Iterator[tuple[str | None, int]]:
        """Yield the left-out strategies, or none, with each size."""
        searching = self._how.kind == "strategies"
        for left_out in self._how.strategies if searching else (None,):
            for size in train:
                yield left_out, size

    def split(self, left_out: str | None, size: int, trial: int, rng: np.random.Generator) -> Split:
        """Return the split of a trial.

        Raises:
            InvalidSetting: the table does not allow it.
        """
        known, how = self._known, self._how
        if left_out is not None:
            return left_out_split(self._visited(trial), left_out, size, rng, test=how.test)
        if how.kind == "official":
            return self._official(size, rng)
        if how.kind == "random":
            return random_split(len(known.y), size, rng, test=how.test)
        if how.kind == "forms":
            return forms_split(known.archs, known.table.space, size, rng, test=how.test)
        if how.kind == "top":
            return top_split(
                known.y,
                size,
                rng,
                direction=known.direction,
                quantile=how.quantile,
                test=how.test,
            )
        return mutated_split(
            known.archs,
            known.y,
            known.table.space,
            size,
            rng,
            direction=known.direction,
            parents=how.parents,
            test=how.test,
        )

    def _official(self, size: int, rng: np.random.Generator) -> Split:
        known = self._known
        train, test = official_parts(known.table, known.official, ("train", "test"))
        if size > len(train):
            raise InvalidSetting(
                f"training on {size:,}: the official part `train` of {known.table.benchmark} has "
                f"{len(train):,}"
            )
        wanted = len(test) if self._how.test is None else self._how.test
        return given_split(
            len(known.y), rng.permutation(train)[:size], rng.permutation(test)[:wanted]
        )
