"""Families of trees: what boosted ones and forests share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, Ints
from nasbench_suite.settings import MANY, at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._folds import CrossFitted
from nasbench_suite.surrogates._trees import Tree, Trees

DEEPEST: Final = 100
"""How deep trees may be set to be."""
# What is added where a booster ends early because nothing is left to split.
_NOTHING: Final = Tree.leaf(0.0)


class TreeEnsemble(CrossFitted):
    """Members are sums of equally many trees, of plain arrays whoever has grown them."""

    def __init__(self, space: Space, *, trees: int, **settings: Any) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            trees: how many each member has.
            **settings: those of the family, and what is theirs of `CrossFitted`.
        """
        super().__init__(space, trees=trees, **settings)
        self._count: Final = at_least("trees", trees, 1, MANY)
        self._trees: Trees

    def _train(self, x: Floats, z: Floats, parts: list[Ints], seeds: Ints) -> None:
        # They are asked in single precision, so they are grown on it.
        single = x.astype(np.float32)
        grown = []
        for part, seed in zip(parts, seeds.tolist(), strict=True):
            trees = self._grow(single[part], z[part], seed)
            grown += trees + [_NOTHING] * (self._count - len(trees))
        self._trees = Trees.join(grown, x.shape[1])

    def _each(self, x: Floats) -> Floats:
        return self._trees.answer(x, self._members)

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"nodes": self._trees.nodes, **super()._learned()}

    def _take(self, arrays: Mapping[str, NDArray[Any]], width: int) -> None:
        super()._take(arrays, width)
        self._trees = Trees(arrays["nodes"], width)
        if len(self._trees) != self._members * self._count:
            raise ValueError(f"it has {len(self._trees)} trees, not as many as its settings say")

    def _precision(self, name: str) -> type[np.floating[Any]]:
        return np.float32 if name == "nodes" else super()._precision(name)

    @abstractmethod
    def _grow(self, x: NDArray[np.float32], z: Floats, seed: int) -> list[Tree]:
        """Return the trees of a member, whose sum predicts."""
