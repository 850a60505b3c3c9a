"""The weighted mean of the architectures that are most alike.

Nadaraya, "On Estimating Regression", 1964, with Epanechnikov's weights, which fall to nothing at
the first neighbour that does not count. How many count is chosen by the squared error of each
value as its neighbours predict it. The variance is that among neighbours, and as much noise as
makes the whole of it, on average, that squared error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats
from nasbench_suite.settings import MANY, at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import ENCODING, TUNED, FeatureSurrogate, stored
from nasbench_suite.surrogates._folds import LEAST
from nasbench_suite.surrogates._scales import Standard
from nasbench_suite.surrogates.base import Choice

_COUNTS: Final = (2, 3, 4, 6, 8, 12, 16, 24, 32)
# Distances are taken of so many numbers at once.
_CHUNK: Final = 2**21
# Farther than the farthest that counts, so that it has a weight.
_WIDER: Final = 1.001


class Neighbours(FeatureSurrogate):
    """Needs no training; good where little is known and for comparison."""

    tuned: ClassVar = {"count": Choice((None, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32)), **TUNED}

    def __init__(
        self,
        space: Space,
        *,
        count: int | None = None,
        encoding: str = ENCODING,
        target: str = "auto",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            count: how many neighbours count; chosen where it is None.
            encoding: one of the space's encodings, or several joined by `+`.
            target: on which scale the metric is learned.
        """
        super().__init__(space, count=count, encoding=encoding, target=target)
        self._counts = _COUNTS if count is None else (at_least("count", count, 1, MANY),)
        self._standard: Standard
        self._rows: Floats
        self._known: Floats
        self._count: int
        self._noise: float

    def _learn(self, x: Floats, z: Floats, rng: np.random.Generator) -> None:
        self._standard = Standard.of(x)
        self._rows, self._known = self._standard.standardise(x), z
        # The nearest are the architectures themselves, and are left out.
        distances, nearest = self._nearest(self._rows, max(self._counts) + 2)
        itself = nearest == np.arange(len(z))[:, None]
        itself[:, -1] |= ~itself.any(axis=1)
        others = (distances[~itself].reshape(len(z), -1), nearest[~itself].reshape(len(z), -1))
        best = np.inf
        for count in self._counts:
            mean, variance = self._weigh(*others, count)
            error = float(np.mean((z - mean) ** 2))
            if error < best:
                best, self._count = error, count
                rest = max(error - float(variance.mean()), LEAST * error)
                self._noise = float(np.sqrt(rest))

    def _nearest(self, rows: Floats, count: int) -> tuple[Floats, NDArray[np.int64]]:
        """Return the squared distances of the nearest that are known, (n, count), and which."""
        step = max(1, _CHUNK // self._rows.size)
        distances, nearest = [], []
        for at in range(0, len(rows), step):
            # A product of matrices would round otherwise for one than for many, and ties with it.
            apart = np.square(rows[at : at + step, None] - self._rows).sum(axis=2)
            order = np.argsort(apart, axis=1, kind="stable")[:, :count]
            nearest.append(order)
            distances.append(np.take_along_axis(apart, order, axis=1))
        return np.concatenate(distances), np.concatenate(nearest)

    def _weigh(
        self, distances: Floats, nearest: NDArray[np.int64], count: int
    ) -> tuple[Floats, Floats]:
        """Return the weighted mean and variance of the first `count` neighbours, (n,) each."""
        # Beyond the farthest is the first that does not count, if there is one.
        reach = distances[:, : count + 1][:, -1:] * _WIDER
        near = distances[:, :count]
        weights = np.where(reach > 0, 1.0 - near / np.where(reach > 0, reach, 1.0), 1.0)
        weights /= weights.sum(axis=1, keepdims=True)
        values = self._known[nearest[:, :count]]
        mean = (weights * values).sum(axis=1)
        return mean, (weights * np.square(values - mean[:, None])).sum(axis=1)

    def _answer(self, x: Floats) -> tuple[Floats, Floats]:
        found = self._nearest(self._standard.standardise(x), self._count + 1)
        mean, variance = self._weigh(*found, self._count)
        return mean, np.sqrt(variance + self._noise**2)

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {
            "standard": np.array(self._standard),
            "rows": self._rows,
            "known": self._known,
            "chosen": np.array([self._count, self._noise]),
        }

    def _take(self, arrays: Mapping[str, NDArray[Any]], width: int) -> None:
        self._standard = Standard.restore(arrays["standard"], width)
        self._rows = stored(arrays, "rows", -1, width)
        self._known = stored(arrays, "known", len(self._rows))
        count, self._noise = stored(arrays, "chosen", 2).tolist()
        self._count = at_least("count", int(count), 1, MANY)
