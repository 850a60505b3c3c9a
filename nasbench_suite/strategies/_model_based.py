"""What strategies share that ask in batches, each chosen by a model of what was told before."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import Arch, Proposal, Trial
from nasbench_suite.settings import at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import Fresh, Strategy
from nasbench_suite.surrogates.base import Surrogate
from nasbench_suite.surrogates.mlp_ensemble import MlpEnsemble


def predictor_of(
    space: Space, family: str, encoding: str, networks: Mapping[str, Any]
) -> Surrogate:
    """Return an unfitted model of a family.

    Args:
        space: whose architectures it is to predict.
        family: of surrogates, by name.
        encoding: what it reads, if it reads an encoding.
        networks: the settings of `mlp_ensemble`, if it is that one; others have their defaults.

    Raises:
        UnknownName: there is no such family.
        InvalidSetting: a setting is out of range.
    """
    kind: type[Surrogate] = registry.load_class("surrogates", family)
    if kind is MlpEnsemble:
        return MlpEnsemble(space, **networks, encoding=encoding)
    own = {"encoding": encoding} if "encoding" in kind.settings() else {}
    return kind(space, **kind.settings(own))


class ModelBased(Strategy):
    """Begins at random, goes on in batches that a model chooses, and never asks twice.

    A subclass writes `_choose`. A batch is chosen from what has been told by the time it begins:
    one by one, that is everything; with several trials in flight, the last results are still out.
    As long as fewer than two trials have succeeded there is nothing to model, and architectures
    are drawn at random. Failed trials are not learned from, and not asked for again.
    """

    def __init__(self, space: Space, *, rng: np.random.Generator, initial: int, batch: int) -> None:
        """Begin with `initial` random architectures, and go on by `batch` at a time."""
        super().__init__(space, rng=rng)
        self._initial: Final = at_least("initial", initial, 1)
        self._batch: Final = at_least("batch", batch, 1)
        self._fresh: Final = Fresh(space, rng)
        # What a model learns from.
        self._archs: Final[list[Arch]] = []
        self._scores: Final[list[float]] = []
        self._queue: list[Arch] = []

    def _ask(self) -> Proposal:
        if not self._queue:
            chosen = self._next()
            self._fresh.seen.update(chosen)
            self._queue = chosen[::-1]
        return Proposal(self._queue.pop())

    def _next(self) -> list[Arch]:
        """Return the coming batch, one architecture at least."""
        chosen = []
        if self._asked >= self._initial and len(self._scores) > 1:
            chosen = self._choose()
        return chosen or [self._fresh.draw()]

    def _best(self) -> list[Arch]:
        """Return the architectures that were told, the best first."""
        order = np.argsort(-np.array(self._scores), kind="stable")
        return [self._archs[place] for place in order.tolist()]

    @abstractmethod
    def _choose(self) -> list[Arch]:
        """Return at most `batch` architectures that were not seen; none leaves it to chance."""

    def _tell(self, trial: Trial) -> None:
        if trial.status == "ok":
            self._archs.append(trial.arch)
            self._scores.append(trial.score)
