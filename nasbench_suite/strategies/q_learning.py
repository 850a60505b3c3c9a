"""Q-learning: an agent builds an architecture gene by gene and learns what each choice is worth.

Zhong et al., "Practical Block-wise Neural Network Architecture Generation" (BlockQNN), CVPR
2018, section 3.2: tabular Q-learning with an epsilon schedule, a replay memory and a reward that
is shared out evenly over the steps. The state is the gene to choose next and the choice made
before it, as theirs is the layer index and the layer before.

The paper's 178 iterations of epsilon are a share of `evaluations` here, which should be the
budget; after it epsilon stays at its last value. Departures: the paper samples 64 blocks an
iteration and replays 64, and here 64 are replayed after every trial. The reward is where the
score lies between the worst and the best seen so far, 0 to 1, since a strategy does not know a
metric's range; the paper's terms for FLOPs and density are left out, because a protocol has one
objective. The learning rate is the paper's. Failed trials are remembered with a reward of 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from nasbench_suite.core import Arch, Proposal, Trial
from nasbench_suite.settings import MANY, at_least, between
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import Strategy

# The paper's epsilons, and for how many of its 178 iterations each holds.
_SCHEDULE: Final = (
    (1.0, 95),
    (0.9, 7),
    (0.8, 7),
    (0.7, 7),
    (0.6, 10),
    (0.5, 10),
    (0.4, 10),
    (0.3, 10),
    (0.2, 10),
    (0.1, 12),
)
_ITERATIONS: Final = sum(count for _, count in _SCHEDULE)
# A space may refuse what the agent builds; after so many refusals an architecture is sampled.
_TRIES: Final = 100


class QLearning(Strategy):
    """Chooses greedily by learned worth, or at random with a chance that falls over time."""

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        evaluations: int = 200,
        learning_rate: float = 0.01,
        replays: int = 64,
    ) -> None:
        """Begin with every choice worth nothing.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            evaluations: over how many trials epsilon falls, which should be the budget.
            learning_rate: how far a worth moves towards what was seen.
            replays: how many remembered trials are learned from after each trial.
        """
        super().__init__(space, rng=rng)
        self._evaluations = at_least("evaluations", evaluations, 1)
        self._rate = between("learning_rate", learning_rate, 0.0, 1.0)
        self._replays = at_least("replays", replays, 0, MANY)
        # worth[gene][choice before][choice]; the first gene has a single state before it.
        before = (1, *space.genes[:-1])
        self._worth = [
            [[0.0] * choices for _ in range(states)]
            for states, choices in zip(before, space.genes, strict=True)
        ]
        self._memory: list[tuple[Arch, float]] = []
        self._worst, self._best = np.inf, -np.inf

    def _epsilon(self) -> float:
        """Return the chance of a random choice, by how much of the budget is asked."""
        iteration = self._asked / self._evaluations * _ITERATIONS
        for epsilon, count in _SCHEDULE:
            iteration -= count
            if iteration < 0:
                return epsilon
        return _SCHEDULE[-1][0]

    def _ask(self) -> Proposal:
        epsilon = self._epsilon()
        for _ in range(_TRIES):
            arch = self._build(epsilon)
            if self.space.fault(arch) is None:
                return Proposal(arch)
        return Proposal(self.space.sample(self.rng))

    def _build(self, epsilon: float) -> Arch:
        draws = self.rng.random((len(self.space.genes), 2)).tolist()
        genes: list[int] = []
        before = 0
        for states, (explore, pick) in zip(self._worth, draws, strict=True):
            worth = states[before]
            if explore >= epsilon:
                top = max(worth)
                best = [choice for choice, value in enumerate(worth) if value == top]
            else:
                best = list(range(len(worth)))
            before = best[int(pick * len(best))]
            genes.append(before)
        return tuple(genes)

    def _tell(self, trial: Trial) -> None:
        self._memory.append((trial.arch, trial.score))
        if trial.status == "ok":
            self._worst = min(self._worst, trial.score)
            self._best = max(self._best, trial.score)
        self._learn(trial.arch, trial.score)
        for pick in (self.rng.random(self._replays) * len(self._memory)).astype(int).tolist():
            self._learn(*self._memory[pick])

    def _learn(self, arch: Arch, score: float) -> None:
        """Move the worth of each choice made towards its reward and what may follow."""
        span = self._best - self._worst
        reward = (score - self._worst) / span if span > 0 and score > -np.inf else 0.0
        share = reward / len(arch)
        before = 0
        for gene, choice in enumerate(arch):
            worth = self._worth[gene][before]
            after = max(self._worth[gene + 1][choice]) if gene + 1 < len(arch) else 0.0
            worth[choice] += self._rate * (share + after - worth[choice])
            before = choice
