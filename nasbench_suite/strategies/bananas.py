"""BANANAS: an ensemble of networks on paths predicts, and Thompson sampling chooses.

White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural
Architecture Search", AAAI 2021, algorithm 1: after `initial` random architectures, an ensemble of
networks is trained on the path encodings of all that was told; candidates are mutations of the
best architectures so far; of each candidate one value is drawn from the normal law of its
prediction, independently of the others (independent Thompson sampling), and those with the best
values are evaluated. As in the paper's experiments that is a batch of 10 before the ensemble is
trained again, from 10 random architectures on, with 100 candidates.

The preset `paper` has the networks of the paper; the defaults are smaller (see the surrogate
`mlp_ensemble`, which also says what happens in a space without paths). The preset `live` reads
features of the live network in place of paths, which finds better cells of NAS-Bench-201
(tests/strategies/test_model_based.py); `gp` is a Gaussian process on these. Departures: the paper
truncates the path encoding in spaces with thousands of paths, and here a space states which paths
it encodes. No architecture is evaluated twice. A mutation changes one gene, and candidates come
from the `parents` best in turn; they are fewer where most mutations were seen, and where all were,
an architecture is drawn at random.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nasbench_suite.core import Arch
from nasbench_suite.settings import MANY, at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies._model_based import ModelBased, predictor_of
from nasbench_suite.strategies.base import mutated


class Bananas(ModelBased):
    """Bayesian optimisation with an ensemble of small networks as the model."""

    presets: ClassVar = {
        "paper": {"layers": 10, "width": 20, "training_epochs": 150, "training_batch": 32},
        "live": {"encoding": "live"},
        "gp": {"predictor": "gp", "encoding": "live"},
    }

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        initial: int = 10,
        batch: int = 10,
        candidates: int = 100,
        parents: int = 10,
        members: int = 5,
        layers: int = 2,
        width: int = 32,
        training_epochs: int = 20,
        training_batch: int = 16,
        learning_rate: float = 0.01,
        predictor: str = "mlp_ensemble",
        encoding: str = "path",
    ) -> None:
        """Begin with `initial` random architectures.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            initial: how many architectures are drawn at random.
            batch: how many are evaluated before the ensemble is trained again.
            candidates: how many mutations are predicted for a batch.
            parents: of how many of the best architectures they are mutations.
            members: of the ensemble, as the settings below.
            layers: of each member.
            width: of each layer.
            training_epochs: how often each member sees its data.
            training_batch: how many architectures a step of that training sees.
            learning_rate: of that training.
            predictor: the family of surrogates that predicts; the settings of networks above are
                of `mlp_ensemble` alone.
            encoding: of the architectures.
        """
        super().__init__(space, rng=rng, initial=initial, batch=batch)
        self._candidates = at_least("candidates", candidates, 1, MANY)
        self._parents = at_least("parents", parents, 1)
        networks = {
            "members": members,
            "layers": layers,
            "width": width,
            "epochs": at_least("training_epochs", training_epochs, 1, MANY),
            "batch": at_least("training_batch", training_batch, 1),
            "learning_rate": learning_rate,
        }
        self._model = predictor_of(space, predictor, encoding, networks)

    def _choose(self) -> list[Arch]:
        pool = self._pool()
        mean, std = self._model.fit(self._archs, self._scores, self.rng).predict(pool)
        drawn = self.rng.normal(mean, std)
        best = np.argsort(-drawn, kind="stable")[: self._batch]
        return [pool[place] for place in best.tolist()]

    def _pool(self) -> list[Arch]:
        """Return mutations of the best architectures that were not seen, each once."""
        parents = self._best()[: self._parents]
        pool: dict[Arch, None] = {}
        # Most mutations of a parent may be seen already.
        for turn in range(10 * self._candidates):
            if len(pool) == self._candidates:
                break
            child = mutated(self.space, parents[turn % len(parents)], self.rng)
            if child not in self._fresh.seen:
                pool[child] = None
        return list(pool)
