"""Ensembles of which each member was kept from a part of the data.

What a member says of the part that it never saw is an honest error, so no data are given up to
find out how far predictions are off; and the mean of the members ranks as well as one model of all
data does (NAS-Bench-201: within 0.003 of Kendall's tau from 100 as from 400 cells).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self

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


class Spread(NamedTuple):
    """What errors are beside how far members are apart."""

    share: float
    """Of the variance among members."""
    noise: float
    """The standard deviation of what comes on top of it."""

    @classmethod
    def of(cls, errors: Floats, apart: Floats) -> Self:
        """Return what makes variances, on average, the squared errors of what was not seen.

        Args:
            errors: of the member that had not seen it, for each row, (n,).
            apart: the variance among members, (n,).
        """
        error, shown = float(np.mean(errors**2)), float(np.mean(apart))
        share = float(np.sqrt(min(error / shown, 1.0))) if shown > 0 else 1.0
        return cls(share, float(np.sqrt(max(error - shown, LEAST * error))))

    def std(self, apart: Floats) -> Floats:
        """Return standard deviations, given the variance among members, (n,)."""
        std: Floats = np.sqrt(self.share**2 * apart + self.noise**2)
        return std


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
        self._spread: Spread

    def _learn(self, x: Floats, z: Floats, rng: np.random.Generator) -> None:
        fold = rng.permutation(len(z)) % self._members
        seeds = rng.integers(2**31, size=self._members)
        self._train(x, z, [np.flatnonzero(fold != m) for m in range(self._members)], seeds)
        each = self._each(x)
        unseen = each[np.arange(len(z)), fold]
        self._spread = Spread.of(z - unseen, self._variance(x, each))

    def _answer(self, x: Floats) -> tuple[Floats, Floats]:
        each = self._each(x)
        return each.mean(axis=1), self._spread.std(self._variance(x, each))

    def _variance(self, x: Floats, each: Floats) -> Floats:
        """Return how far the members, which predict `each`, (n, members), are apart, (n,)."""
        apart: Floats = each.var(axis=1)
        return apart

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"noise": np.array(self._spread)}

    def _take(self, arrays: Mapping[str, NDArray[Any]], width: int) -> None:
        self._spread = Spread(*stored(arrays, "noise", 2).tolist())

    @abstractmethod
    def _train(self, x: Floats, z: Floats, parts: list[Ints], seeds: Ints) -> None:
        """Fit each member to its part of the rows."""

    @abstractmethod
    def _each(self, x: Floats) -> Floats:
        """Return what each member predicts, (n, members)."""
