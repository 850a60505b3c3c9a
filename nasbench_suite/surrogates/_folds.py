"""Ensembles of which each member was kept from a part of the data.

What a member says of the part that it never saw is an honest error, so no data are given up to
find out how far predictions are off; and the mean of the members ranks as well as one model of all
data does (NAS-Bench-201: within 0.003 of Kendall's tau from 100 as from 400 cells).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, Ints
from nasbench_suite.settings import at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import FeatureSurrogate, stored

LEAST: Final = 0.01
"""Which part of a squared error is noise at least: where all agree, nothing is certain yet."""
MEMBERS: Final = 1000
"""How many members an ensemble may be set to have."""


class CrossFitted(FeatureSurrogate):
    """The mean of members is the prediction.

    Its variance is that among members, and as much noise as makes the whole of it, on average,
    the squared error of what members did not see; or a part of it, where it is more than that.
    """

    def __init__(self, space: Space, *, members: int, **settings: Any) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            members: how many models there are, and parts of the data.
            **settings: those of the family, `encoding` and `target`.
        """
        super().__init__(space, members=members, **settings)
        self._members: Final = at_least("members", members, 2, MEMBERS)
        self._share: float
        self._noise: float

    def _learn(self, x: Floats, z: Floats, rng: np.random.Generator) -> None:
        fold = rng.permutation(len(z)) % self._members
        seeds = rng.integers(2**31, size=self._members)
        self._train(x, z, [np.flatnonzero(fold != m) for m in range(self._members)], seeds)
        each = self._each(x)
        error = float(np.mean((z - each[np.arange(len(z)), fold]) ** 2))
        shown = float(np.mean(self._variance(x, each)))
        self._share = float(np.sqrt(min(error / shown, 1.0))) if shown > 0 else 1.0
        self._noise = float(np.sqrt(max(error - shown, LEAST * error)))

    def _answer(self, x: Floats) -> tuple[Floats, Floats]:
        each = self._each(x)
        variance = self._share**2 * self._variance(x, each) + self._noise**2
        return each.mean(axis=1), np.sqrt(variance)

    def _variance(self, x: Floats, each: Floats) -> Floats:
        """Return how far the members, which predict `each`, (n, members), are apart, (n,)."""
        apart: Floats = each.var(axis=1)
        return apart

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"noise": np.array([self._share, self._noise])}

    def _take(self, arrays: Mapping[str, NDArray[Any]], width: int) -> None:
        self._share, self._noise = stored(arrays, "noise", 2).tolist()

    @abstractmethod
    def _train(self, x: Floats, z: Floats, parts: list[Ints], seeds: Ints) -> None:
        """Fit each member to its part of the rows."""

    @abstractmethod
    def _each(self, x: Floats) -> Floats:
        """Return what each member predicts, (n, members)."""
