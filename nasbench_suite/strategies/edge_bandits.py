"""Edge bandits: an agent per gene plays its own bandit, and all are paid by the joint result.

Lopes, Carlucci, Esperança et al., "MANAS: Multi-Agent Neural Architecture Search", Machine
Learning 2024 (first arXiv 1909.01051), sections 3 and 4, as a black-box search. With
`credit="adversarial"` each agent estimates its choices' gains by importance weighting (the
adversarial bandit Exp3 of Auer et al., SIAM J. Comput. 2002); with `credit="least_squares"` the
gains of all agents are the least-squares solution over the recent joint actions.

Departures: the paper's agents choose operations of a network that shares weights, and are paid
its negative validation loss; here they are paid where the score lies between the worst and the
best seen so far, 0 to 1. `rate`, `exploration` and `window` are chosen for budgets of a few
hundred trials. A failed trial is paid 0. An invalid mixture, in a space that has such, is replaced
by a sample, which pays nobody.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from nasbench_suite.core import Floats, Proposal, Trial
from nasbench_suite.settings import MANY, at_least, between, one_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import Strategy

CREDITS: Final = ("least_squares", "adversarial")

_RIDGE: Final = 1e-6


class EdgeBandits(Strategy):
    """Draws every gene by exponential weights on its estimated gains."""

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        credit: str = "least_squares",
        rate: float = 0.1,
        exploration: float = 0.1,
        window: int = 100,
    ) -> None:
        """Begin with every choice of every agent equally likely.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            credit: how the joint result is shared out, `least_squares` or `adversarial`.
            rate: how sharply agents prefer what gained more, below 100: an advantage by the pay of
                one trial multiplies the odds of a choice by the exponential of it.
            exploration: the share of draws that are uniform, above one in a million: importance
                weighting divides by the chance of what was drawn.
            window: how many recent trials least squares looks at.
        """
        super().__init__(space, rng=rng)
        self._least_squares = one_of("credit", credit, CREDITS) == "least_squares"
        self._rate = between("rate", rate, 0.0, 100.0)
        self._exploration = between("exploration", exploration, 1e-6, 1.0)
        # The joint actions of the last trials as rows of indicators, and their scores, in a ring.
        length = at_least("window", window, 1, MANY)
        self._actions = np.zeros((length, sum(space.genes)))
        self._scores = np.empty(length)
        self._told = 0
        # Agents lie one after the other in the vectors of gains and chances.
        self._starts = np.concatenate([[0], np.cumsum(space.genes)[:-1]]).astype(np.int64)
        self._gains = np.zeros(sum(space.genes))
        self._worst, self._best = np.inf, -np.inf
        self._chances: dict[int, Floats] = {}

    def _chance(self) -> Floats:
        """Return the chance of every choice of every agent, (sum of genes,)."""
        chance = np.empty_like(self._gains)
        for start, choices in zip(self._starts.tolist(), self.space.genes, strict=True):
            gains = self._rate * self._gains[start : start + choices]
            powers = np.exp(gains - gains.max())
            chance[start : start + choices] = powers / powers.sum()
        uniform = np.repeat(1.0 / np.array(self.space.genes), self.space.genes)
        mixed: Floats = (1 - self._exploration) * chance + self._exploration * uniform
        return mixed

    def _ask(self) -> Proposal:
        chance = self._chance()
        draws = self.rng.random(len(self.space.genes)).tolist()
        genes = []
        for start, choices, draw in zip(
            self._starts.tolist(), self.space.genes, draws, strict=True
        ):
            sums = chance[start : start + choices].cumsum()
            genes.append(int(np.searchsorted(sums, draw * sums[-1], side="right")))
        arch = tuple(genes)
        if self.space.fault(arch) is not None:
            return Proposal(self.space.sample(self.rng))
        self._chances[self._asked] = chance
        return Proposal(arch)

    def _tell(self, trial: Trial) -> None:
        chance = self._chances.pop(trial.number, None)
        if trial.status == "ok":
            self._worst = min(self._worst, trial.score)
            self._best = max(self._best, trial.score)
        if chance is None:
            return
        played = self._starts + np.array(trial.arch)
        if self._least_squares:
            row = self._told % len(self._scores)
            self._told += 1
            self._actions[row] = 0.0
            self._actions[row, played] = 1.0
            self._scores[row] = trial.score
            self._solve()
        else:
            self._gains[played] += self._reward(trial.score) / chance[played]

    def _reward(self, score: float | Floats) -> Floats:
        """Return where scores lie between the worst and the best seen; a failure is paid 0."""
        span = self._best - self._worst
        if not span > 0:
            return np.zeros_like(score)
        rewards: Floats = np.maximum((np.asarray(score) - self._worst) / span, 0.0)
        return rewards

    def _solve(self) -> None:
        """Set the gains to the least-squares solution over the recent joint actions."""
        count = min(self._told, len(self._scores))
        actions, rewards = self._actions[:count], self._reward(self._scores[:count])
        aims = rewards - rewards.mean()
        # The same solution either way: a gene of thousands of choices has more of them than the
        # window has trials.
        wide = actions.shape[1] > len(self._scores)
        square = actions @ actions.T if wide else actions.T @ actions
        # Each agent's indicators add up to one, so many solutions fit: a little weight on small
        # gains picks the smallest.
        square.flat[:: len(square) + 1] += _RIDGE
        if wide:
            solution = actions.T @ np.linalg.solve(square, aims)
        else:
            solution = np.linalg.solve(square, actions.T @ aims)
        # Gains of the whole window, so that confidence grows with what was seen.
        self._gains = solution * count
