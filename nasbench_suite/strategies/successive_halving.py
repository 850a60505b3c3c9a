"""Successive halving: begin with many short trainings, and train the best of them longer.

Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
AISTATS 2016, algorithm 1, in the form in which it is Hyperband's inner loop: always the bracket
that begins with the shortest training. `hyperband` says how rungs come from the measured epochs,
what share is kept, and what happens to failed trials and with several in flight.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from nasbench_suite.settings import at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.hyperband import Bracket, Hyperband

# A bracket is drawn at once, and begins with many times as many architectures as survive.
_MOST: Final = 1000


class SuccessiveHalving(Hyperband):
    """Runs brackets that all begin with the shortest training."""

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        epochs: tuple[int, ...] = (),
        eta: float = 3.0,
        survivors: int = 1,
    ) -> None:
        """Begin with the first bracket.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            epochs: the training lengths that may be asked, ascending.
            eta: how much longer the next training is at least.
            survivors: how many architectures of a bracket reach the longest training.
        """
        super().__init__(space, rng=rng, epochs=epochs, eta=eta)
        self._survivors = at_least("survivors", survivors, 1, _MOST)

    def _begin(self, rung: int) -> Bracket:
        size = math.ceil(self._survivors * self._ratio(0, len(self._rungs) - 1))
        return Bracket(0, [self._draw() for _ in range(size)], size)
