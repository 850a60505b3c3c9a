"""REINFORCE: a policy over the choices of each gene follows the gradient of the reward.

Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
Learning", 1992, as the NAS-Bench-201 and NATS-Bench papers run it on a table: one softmax a
gene, all independent, instead of the recurrent controller of Zoph and Le (ICLR 2017) and of
NASNet; Adam with a learning rate of 0.01, and a moving average of rewards as the baseline.

The reward is the score as it stands (percent, for accuracies); Adam makes the steps depend
little on its unit. A failed trial teaches nothing. With several trials in flight, the gradient
is taken at the policy as it is when a result is told. A tuple that the space refuses is drawn
anew, and after many in a row an architecture is drawn from the space.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from nasbench_suite.core import Floats, Proposal, Trial
from nasbench_suite.settings import between
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import Strategy
from nasbench_suite.surrogates._networks import Adam

# A gene of fewer choices than the widest has this logit in the places that it lacks.
_NEVER: Final = -np.inf
# A space may refuse what is drawn; after so many refusals an architecture is sampled.
_TRIES: Final = 100


class Reinforce(Strategy):
    """Draws every gene from its own softmax, and moves the logits towards what scored well."""

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        learning_rate: float = 0.01,
        momentum: float = 0.9,
    ) -> None:
        """Begin with a policy that is nearly uniform.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            learning_rate: of Adam, below 1: how far a logit moves at a trial, about.
            momentum: how much of the baseline stays when a reward comes in.
        """
        super().__init__(space, rng=rng)
        rate = between("learning_rate", learning_rate, 0.0, 1.0)
        self._momentum = between("momentum", momentum, 0.0, 1.0)
        shape = (len(space.genes), max(space.genes))
        lacking = np.arange(shape[1]) >= np.array(space.genes)[:, None]
        # The published code starts from normal numbers of this spread, which break ties.
        self._logits = np.where(lacking, _NEVER, 1e-3 * rng.standard_normal(shape))
        self._rows = np.arange(shape[0])
        self._adam = Adam(self._logits, rate)
        # The baseline is a weighted sum of rewards and the sum of its weights.
        self._rewards, self._weights = 0.0, 0.0

    def _policy(self) -> Floats:
        """Return the chance of each choice of each gene, (genes, choices)."""
        powers = np.exp(self._logits - self._logits.max(axis=1, keepdims=True))
        policy: Floats = powers / powers.sum(axis=1, keepdims=True)
        return policy

    def _ask(self) -> Proposal:
        # A draw lies below the last sum even where rounding leaves that a little below one.
        sums = self._policy().cumsum(axis=1)
        for _ in range(_TRIES):
            draws = self.rng.random(len(sums)) * sums[:, -1]
            arch = tuple((draws[:, None] >= sums).sum(axis=1).tolist())
            if self.space.fault(arch) is None:
                return Proposal(arch)
        return Proposal(self.space.sample(self.rng))

    def _tell(self, trial: Trial) -> None:
        if trial.status != "ok":
            return
        keep = self._momentum
        self._rewards = keep * self._rewards + (1 - keep) * trial.score
        self._weights = keep * self._weights + (1 - keep)
        advantage = trial.score - self._rewards / self._weights
        gradient = self._policy() * advantage
        gradient[self._rows, trial.arch] -= advantage
        self._adam.descend(gradient)
