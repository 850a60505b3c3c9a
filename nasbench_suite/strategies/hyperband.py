"""Hyperband: rounds of successive halving that trade many short trainings for few long ones.

Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 2018,
algorithm 1. A bracket begins with many architectures at a short training, keeps the best share of
them for the next longer one, and so on to the longest; brackets that begin with shorter trainings
begin with more architectures, so that all cost about the same, and they follow each other from the
shortest to the longest, over and over.

The paper's resources grow by the factor eta. Here they are the epochs that were measured, never
ones between: from the longest down, each next one is the longest of at most 1/`eta` of it. Where
the steps are not eta exactly, the share that is kept is the measured ratio, so that every rung of
a bracket still costs the same. With steps of eta this is the paper's algorithm. Whether a longer
training pays in full or only for the difference is the protocol's affair.

With several trials in flight, the next bracket begins while the last results of a rung are still
out. A failed trial ranks last in its rung. A run refuses a protocol with a single training length,
where one rung would be left, which is random search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from nasbench_suite.core import Arch, Proposal, Trial
from nasbench_suite.settings import above
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import FidelityStrategy


@dataclass
class Bracket:
    """One round of successive halving: the rung it is at, and who waits and who is told there."""

    rung: int
    queue: list[Arch]
    size: int
    """How many architectures the rung has."""
    told: list[tuple[float, int, Arch]] = field(default_factory=list)
    """Score, trial number, negated so that the earlier of equals is kept, and architecture."""


class Hyperband(FidelityStrategy):
    """Runs brackets of successive halving, from the shortest first training to the longest."""

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        epochs: tuple[int, ...] = (),
        eta: float = 3.0,
    ) -> None:
        """Begin with the bracket of the shortest trainings.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            epochs: the training lengths that may be asked, ascending.
            eta: how much longer the next training is at least.
        """
        super().__init__(space, rng=rng, epochs=epochs)
        self._rungs = rungs(epochs, above("eta", eta, 1.0))
        self._brackets: list[Bracket] = []
        self._places: dict[int, Bracket] = {}
        self._begun = 0

    def _ask(self) -> Proposal:
        for bracket in self._brackets:
            if bracket.queue:
                return self._next(bracket)
        self._brackets.append(self._begin(self._begun % len(self._rungs)))
        self._begun += 1
        return self._next(self._brackets[-1])

    def _next(self, bracket: Bracket) -> Proposal:
        self._places[self._asked] = bracket
        return Proposal(bracket.queue.pop(), self._rungs[bracket.rung])

    def _begin(self, rung: int) -> Bracket:
        """Return the bracket whose first training is that of `rung`."""
        count = len(self._rungs)
        size = math.ceil(count / (count - rung) * self._ratio(rung, count - 1))
        return Bracket(rung, [self._draw() for _ in range(size)], size)

    def _draw(self) -> Arch:
        """Return an architecture to begin with."""
        return self.space.sample(self.rng)

    def _ratio(self, shorter: int, longer: int) -> float:
        """Return how much longer the one rung trains than the other."""
        return (self._rungs[longer] or 1) / (self._rungs[shorter] or 1)

    def _tell(self, trial: Trial) -> None:
        bracket = self._places.pop(trial.number)
        bracket.told.append((trial.score, -trial.number, trial.arch))
        if len(bracket.told) < bracket.size:
            return
        if bracket.rung == len(self._rungs) - 1:
            self._brackets.remove(bracket)
            return
        # A ratio such as 36 to 12 must not keep one fewer because 1/3 is not a number.
        kept = int(bracket.size / self._ratio(bracket.rung, bracket.rung + 1) + 1e-9)
        best = sorted(bracket.told, reverse=True)[: max(kept, 1)]
        bracket.rung += 1
        bracket.size = len(best)
        bracket.queue = [arch for _, _, arch in reversed(best)]
        bracket.told = []


def rungs(epochs: tuple[int, ...], eta: float) -> tuple[int | None, ...]:
    """Return the training lengths that are used, ascending; a single None if there are none."""
    if not epochs:
        return (None,)
    chosen = [epochs[-1]]
    for length in reversed(epochs[:-1]):
        if length * eta <= chosen[-1]:
            chosen.append(length)
    return tuple(reversed(chosen))
