"""Progressive search: small architectures first, and of what grows from them the most promising.

Liu et al., "Progressive Neural Architecture Search" (PNAS), ECCV 2018, algorithm 1: evaluate the
smallest architectures, train a predictor on them, grow every survivor by one part in every way,
evaluate the `beam` children (K in the paper) that the predictor likes best, train it again, and so
on to the full size. The predictor is an ensemble of networks, each trained on 4/5 of the data with
the absolute error (section 3.4).

The size of an architecture is the number of its genes that differ from their first choice, which
is `none` where a space has it; growing gives one such gene another choice. (The paper's own space
grows by blocks.) A first size of more than `beam` architectures is thinned at random.

The preset `paper` has the paper's beam of 256, which takes some 1,200 evaluations to grow up in
its space; the default is for budgets of a hundred or two. The preset `live` reads features of the
live network in place of paths, and `gp` is a Gaussian process on these. Departures: the ensemble's
networks are perceptrons on the space's encoding, where the paper's have learned embeddings. The
paper ends at the full size; here the search goes on with batches from the neighbours, one gene
away, of the `beam` best architectures of any size. As in the paper, of architectures with the same
canonical form one is enough; where none of a new form is near, one is drawn at random. With several
trials in flight, a size grows from those that were told by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from nasbench_suite.core import Arch
from nasbench_suite.settings import MANY, at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies._model_based import ModelBased, predictor_of


class Progressive(ModelBased):
    """Grows architectures gene by gene, guided by a predictor."""

    presets: ClassVar = {
        "paper": {"beam": 256, "width": 100},
        "live": {"encoding": "live"},
        "gp": {"predictor": "gp", "encoding": "live"},
    }

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        beam: int = 8,
        members: int = 5,
        share: float = 0.8,
        layers: int = 2,
        width: int = 32,
        training_epochs: int = 20,
        predictor: str = "mlp_ensemble",
        encoding: str = "path",
    ) -> None:
        """Begin with the architectures of size one.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            beam: how many architectures of each size are evaluated.
            members: of the ensemble, as the settings below.
            share: which part of the data each member sees.
            layers: of each member.
            width: of each layer.
            training_epochs: how often each member sees its data.
            predictor: the family of surrogates that predicts; the settings of networks above are
                of `mlp_ensemble` alone.
            encoding: of the architectures.
        """
        super().__init__(space, rng=rng, initial=1, batch=at_least("beam", beam, 1))
        networks = {
            "members": members,
            "share": share,
            "layers": layers,
            "width": width,
            "epochs": at_least("training_epochs", training_epochs, 1, MANY),
        }
        self._model = predictor_of(space, predictor, encoding, networks)
        self._size = 1
        smallest = self._unseen(self._grown((0,) * len(space.genes)))
        rng.shuffle(smallest)
        self._queue = smallest[:beam]
        self._fresh.seen.update(self._queue)

    def _choose(self) -> list[Arch]:
        while self._size < len(self.space.genes):
            parents = [arch for arch in self._best() if _size(arch) == self._size]
            if not parents and self._size in map(_size, self._in_flight.values()):
                return []
            pool = self._unseen(child for parent in parents for child in self._grown(parent))
            self._size += 1
            if pool:
                return self._promising(pool)
        best = self._best()[: self._batch]
        return self._promising(
            self._unseen(near for arch in best for near in self.space.neighbours(arch))
        )

    def _grown(self, arch: Arch) -> Iterable[Arch]:
        """Yield the architectures with one more gene that differs from its first choice."""
        for place, choices in enumerate(self.space.genes):
            if arch[place] == 0:
                for value in range(1, choices):
                    child = (*arch[:place], value, *arch[place + 1 :])
                    if self.space.fault(child) is None:
                        yield child

    def _unseen(self, archs: Iterable[Arch]) -> list[Arch]:
        """Return one architecture of each canonical form that was not asked for, in their order."""
        asked = set(map(self.space.canonical, self._fresh.seen))
        forms: dict[Arch, Arch] = {}
        for arch in archs:
            forms.setdefault(self.space.canonical(arch), arch)
        return [arch for form, arch in forms.items() if form not in asked]

    def _promising(self, pool: list[Arch]) -> list[Arch]:
        """Return the architectures of which the predictor expects most."""
        if not pool:
            return []
        mean, _ = self._model.fit(self._archs, self._scores, self.rng).predict(pool)
        best = np.argsort(-mean, kind="stable")[: self._batch]
        return [pool[place] for place in best.tolist()]


def _size(arch: Arch) -> int:
    return len(arch) - arch.count(0)
