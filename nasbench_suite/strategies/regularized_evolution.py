"""Regularised evolution: a queue of architectures in which the oldest dies.

Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019,
algorithm 1. The defaults are those with which NATS-Bench's published code runs it, a population of
10 and a sample of 3, also under the name `nats_bench`; `paper` has the paper's, 100 and 25, and
`nasbench101` those of the NAS-Bench-101 paper, 100 and 10. The sample is drawn with replacement,
as NATS-Bench's code does. The mutation is the space's: one gene takes another value. Where that is
not possible, as in a space of a single architecture, the child is drawn from the space.

With several trials in flight, a child enters the population when its result is told. Failed
trials do not enter it.
"""

from __future__ import annotations

from collections import deque
from operator import itemgetter
from typing import ClassVar, Final

import numpy as np

from nasbench_suite.core import Arch, Proposal, Trial
from nasbench_suite.settings import MANY, at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import Strategy, mutated

_SCORE: Final = itemgetter(0)


class RegularizedEvolution(Strategy):
    """Mutates the best of a random sample of the population; the oldest member leaves."""

    presets: ClassVar = {
        "nats_bench": {"population_size": 10, "sample_size": 3},
        "nasbench101": {"population_size": 100, "sample_size": 10},
        "paper": {"population_size": 100, "sample_size": 25},
    }

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        population_size: int = 10,
        sample_size: int = 3,
    ) -> None:
        """Begin with `population_size` random architectures.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            population_size: how many architectures are alive, P in the paper.
            sample_size: how many compete to be the parent, S in the paper.
        """
        super().__init__(space, rng=rng)
        self._size = at_least("population_size", population_size, 1)
        self._sample = at_least("sample_size", sample_size, 1, MANY)
        self._population: deque[tuple[float, Arch]] = deque(maxlen=self._size)
        self._born = 0

    def _ask(self) -> Proposal:
        # Until the first generation has been drawn, and as long as all of it has failed or is
        # still in flight, there is no parent.
        if self._born < self._size or not self._population:
            self._born += 1
            return Proposal(self.space.sample(self.rng))
        alive = self._population
        count = len(alive)
        sample = [alive[int(u * count)] for u in self.rng.random(self._sample).tolist()]
        _, parent = max(sample, key=_SCORE)
        return Proposal(mutated(self.space, parent, self.rng))

    def _tell(self, trial: Trial) -> None:
        if trial.status == "ok":
            self._population.append((trial.score, trial.arch))
