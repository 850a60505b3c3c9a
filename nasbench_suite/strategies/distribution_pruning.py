"""Distribution pruning: the least promising choice of every gene is dropped, round by round.

Zheng et al., "DDPNAS: Efficient Neural Architecture Search via Dynamic Distribution Pruning",
IJCV 2023 (first arXiv 1905.13543), algorithm 1, as the authors' search code runs it. In a step,
each gene's living choices are all used once, in random order; after `steps` steps a choice's
evidence is the mean over steps of the softmax of the scores within the gene, the distribution
becomes evidence plus `decay` times itself, and the weakest living choice of each gene dies. A
search ends when one choice a gene is left, which takes steps x (C + ... + 2) trials for C choices.

Departures: genes of fewer choices go through theirs again to fill a step. The softmax is of
scores as they stand, which is what the code has for accuracies in percent. When one architecture
is left, a new search begins, and nothing is carried over. Of equally weak choices one drawn at
random dies. Failed trials count as the worst score of their round; the worst of their step may be
its only success, and no better. An invalid mixture, in a space that has such, is replaced by a
sample; the sample says nothing of the mixture's choices, so they get the mean score of the round.
"""

from __future__ import annotations

from statistics import fmean

import numpy as np

from nasbench_suite.core import Arch, Floats, Proposal, Trial
from nasbench_suite.settings import at_least, between
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import Strategy


class DistributionPruning(Strategy):
    """Keeps a distribution over each gene's choices and prunes its smallest part."""

    def __init__(
        self, space: Space, *, rng: np.random.Generator, steps: int = 10, decay: float = 0.5
    ) -> None:
        """Begin with all choices alive and equally likely.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            steps: how often every living choice is used before one of each gene dies; more than a
                search has room for switch the learning off.
            decay: how much of the old distribution stays.
        """
        super().__init__(space, rng=rng)
        self._steps = at_least("steps", steps, 1)
        self._decay = between("decay", decay, 0.0, 1.0)
        self._begin()

    def _begin(self) -> None:
        self._alive = [list(range(choices)) for choices in self.space.genes]
        self._theta: list[Floats] = [np.full(n, 1.0 / n) for n in self.space.genes]
        self._begin_round()

    def _begin_round(self) -> None:
        """Begin the coming steps, each drawn when it is needed; results are told in any order."""
        self._length = max(map(len, self._alive))
        self._size = self._steps * self._length
        self._round: list[Arch] = []
        self._scores: dict[int, float] = {}
        self._replaced: set[int] = set()
        self._first = self._asked

    def _step(self) -> list[Arch]:
        """Return mixtures in which every living choice is used."""
        columns = []
        for alive in self._alive:
            column: list[int] = []
            while len(column) < self._length:
                column += [alive[place] for place in self.rng.permutation(len(alive)).tolist()]
            columns.append(column[: self._length])
        return list(zip(*columns, strict=True))

    def _ask(self) -> Proposal:
        place = self._asked - self._first
        if place >= self._size:
            # All of the round are in flight, as far as they are not told: what is asked beyond it
            # is drawn like a further step's.
            arch = self._step()[0]
        else:
            if place == len(self._round):
                self._round += self._step()
            arch = self._round[place]
        if self.space.fault(arch) is not None:
            self._replaced.add(place)
            arch = self.space.sample(self.rng)
        return Proposal(arch)

    def _tell(self, trial: Trial) -> None:
        place = trial.number - self._first
        if 0 <= place < self._size:
            self._scores[place] = trial.score
            if len(self._scores) == self._size:
                self._prune()

    def _prune(self) -> None:
        """Let the weakest living choice of each gene die."""
        own = [
            score
            for place, score in self._scores.items()
            if score > -np.inf and place not in self._replaced
        ]
        worst, mean = (min(own), fmean(own)) if own else (0.0, 0.0)
        scores = [
            mean if place in self._replaced else max(self._scores[place], worst)
            for place in range(len(self._round))
        ]
        for gene, alive in enumerate(self._alive):
            if len(alive) > 1:
                theta = self._evidence(gene, scores) + self._decay * self._theta[gene]
                self._theta[gene] = theta
                least = theta[alive].min()
                weakest = [choice for choice in alive if theta[choice] == least]
                # A draw only where there is a choice: what else is drawn does not move with it.
                drawn = int(self.rng.random() * len(weakest)) if len(weakest) > 1 else 0
                alive.remove(weakest[drawn])
        if max(map(len, self._alive)) == 1:
            self._begin()
        else:
            self._begin_round()

    def _evidence(self, gene: int, scores: list[float]) -> Floats:
        """Return the mean over steps of the softmax of a gene's scores, (choices,)."""
        total = np.zeros(self.space.genes[gene])
        for start in range(0, len(scores), self._length):
            seen = np.full(self.space.genes[gene], -np.inf)
            for place in range(start, start + self._length):
                choice = self._round[place][gene]
                seen[choice] = max(seen[choice], scores[place])
            powers = np.exp(seen - seen.max())
            total += powers / powers.sum()
        return total / self._steps
