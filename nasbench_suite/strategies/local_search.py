"""Local search: walk to the best neighbour until none is better, then start anew.

White, Nolen and Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021,
algorithm 1: draw a start, evaluate all its neighbours, go to the best of them if it is better,
else the start is a local optimum. As in the paper's code, the search begins at the best of
`starts` random architectures.

Departures: at a local optimum the search starts anew from one random architecture that it has
not seen (the paper stops there), and it never evaluates an architecture twice. When the whole
space is seen it says so. Neighbours are asked in random order, so that a budget that ends
within a neighbourhood favours none.
"""

from __future__ import annotations

import numpy as np

from nasbench_suite.core import Arch, Proposal, Trial
from nasbench_suite.settings import MANY, at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import Fresh, Strategy


class LocalSearch(Strategy):
    """Hill climbing with restarts and without repeats."""

    def __init__(self, space: Space, *, rng: np.random.Generator, starts: int = 10) -> None:
        """Begin with `starts` random architectures.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            starts: how many random architectures the first walk may start from.
        """
        super().__init__(space, rng=rng)
        self._starts = at_least("starts", starts, 1, MANY)
        self._scores: dict[Arch, float] = {}
        self._fresh = Fresh(space, rng)
        # The walk stands at a centre of this score, and waits for the scores of those around.
        self._here = -np.inf
        self._around: list[Arch] = []
        self._queue: list[Arch] = []

    def _ask(self) -> Proposal:
        while not self._queue:
            if any(arch not in self._scores for arch in self._around):
                # The last of them are still in flight: look elsewhere rather than wait.
                self._queue = [self._fresh.draw()]
            else:
                self._walk()
        return Proposal(self._queue.pop())

    def _walk(self) -> None:
        """Go to the best architecture around if it is better than here, else start anew."""
        best = max(self._around, key=self._scores.__getitem__, default=None)
        if best is not None and self._scores[best] > self._here:
            self._here = self._scores[best]
            self._around = self.space.neighbours(best)
            self._queue = [arch for arch in self._around if arch not in self._fresh.seen]
            self._fresh.seen.update(self._queue)
            self.rng.shuffle(self._queue)
        else:
            starts = 1 if self._fresh.seen else min(self._starts, self.space.size)
            self._here = -np.inf
            self._around = [self._fresh.draw() for _ in range(starts)]
            self._queue = list(self._around)

    def _tell(self, trial: Trial) -> None:
        self._scores[trial.arch] = trial.score
