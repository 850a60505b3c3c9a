"""Models that read an architecture as one row of features: what these families share.

The features are the space's encodings, one or several, and further columns that the caller has.
What is learned is the metric on the scale of its `Target`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Arch, Floats
from nasbench_suite.settings import one_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._ranges import ENCODINGS, Choice, Range
from nasbench_suite.surrogates._targets import TARGETS, Target
from nasbench_suite.surrogates.base import Surrogate, encodings_of

ENCODING: Final = "live"
"""The default: what lies on paths from input to output.

On NAS-Bench-201 which paths there are adds nothing to it for trees, and costs a Gaussian process
0.08 of Kendall's tau from 400 cells.
"""
TUNED: Final[Mapping[str, Range]] = {"encoding": ENCODINGS, "target": Choice(TARGETS)}
"""What is worth tuning of every family that reads rows of features."""


def features(
    space: Space, encodings: Sequence[str], archs: Sequence[Arch], extra: Floats
) -> Floats:
    """Return the encodings of architectures, and further columns, (n, k), side by side."""
    parts = [space.encode(archs, kind) for kind in encodings]
    if len(parts) == 1 and not extra.shape[1]:
        return parts[0]
    return np.concatenate([*parts, extra], axis=1)


class FeatureSurrogate(Surrogate):
    """Learns from rows of features.

    A subclass writes `_learn`, `_answer`, `_learned` and `_take`, which know of features and
    targets that have mean 0 and standard deviation 1. It hands `encoding` and `target` on.
    """

    reads_extra: ClassVar = True

    def __init__(self, space: Space, *, encoding: str, target: str, **settings: Any) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            encoding: one of the space's encodings, or several joined by `+`.
            target: on which scale the metric is learned, one of `TARGETS`.
            **settings: those of the family.
        """
        super().__init__(space, **settings, encoding=encoding, target=target)
        self._encodings: Final = encodings_of(space, encoding)
        self._target_kind: Final = one_of("target", target, TARGETS)
        self._target: Target

    def _features(self, archs: Sequence[Arch], extra: Floats) -> Floats:
        """Return the row of each architecture, (n, features)."""
        return features(self.space, self._encodings, archs, extra)

    def _width(self) -> int:
        """Return how many features a loaded model reads."""
        width: int = self._features([], np.empty((0, self._columns))).shape[1]
        return width

    def _fit(
        self, archs: Sequence[Arch], extra: Floats, y: Floats, rng: np.random.Generator
    ) -> None:
        x = self._features(archs, extra)
        self._target = Target.of(y, self._target_kind, x)
        self._learn(x, self._target.learned(y), rng)

    def _predict(self, archs: Sequence[Arch], extra: Floats) -> tuple[Floats, Floats]:
        return self._target.restored(*self._answer(self._features(archs, extra)))

    def _state(self) -> dict[str, NDArray[Any]]:
        return {"target": self._target.stored(), **self._learned()}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._target = Target.restore(arrays["target"])
        self._take(arrays, self._width())

    @abstractmethod
    def _learn(self, x: Floats, z: Floats, rng: np.random.Generator) -> None:
        """Learn targets, (n,), of features, (n, k)."""

    @abstractmethod
    def _answer(self, x: Floats) -> tuple[Floats, Floats]:
        """Return the mean and the standard deviation of targets, (n,) each."""

    @abstractmethod
    def _learned(self) -> dict[str, NDArray[Any]]:
        """Return all that `_learn` found, as arrays by name."""

    @abstractmethod
    def _take(self, arrays: Mapping[str, NDArray[Any]], width: int) -> None:
        """Take over what `_learned` returned of rows of so many features.

        Raises:
            KeyError, ValueError: an array is missing or of another shape.
        """


def stored(arrays: Mapping[str, NDArray[Any]], name: str, *shape: int) -> NDArray[Any]:
    """Return a stored array of a shape; -1 stands for any number of at least 1.

    Raises:
        KeyError, ValueError: it is missing or of another shape.
    """
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        has == asked or (asked == -1 and has > 0)
        for has, asked in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"its {name} are {array.shape}, not {shape}")
    return array
