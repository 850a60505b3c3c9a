"""Boosted trees, grown by LightGBM, leaf by leaf instead of level by level.

Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017.

The preset `paper` has the settings of Luo et al., "Accuracy Prediction with Non-neural Model for
Neural Architecture Search", 2020, on one-hot operations. The defaults are smaller trees.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, MissingExtra
from nasbench_suite.settings import at_least, between, share_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import ENCODING, TUNED
from nasbench_suite.surrogates._forests import TreeEnsemble
from nasbench_suite.surrogates._trees import Tree
from nasbench_suite.surrogates.base import Real, Whole

_LEAVES = 10_000


class Lightgbm(TreeEnsemble):
    """Several boosters, each kept from a part of the data."""

    presets: ClassVar = {
        "paper": {
            "trees": 500,
            "leaves": 31,
            "learning_rate": 0.05,
            "rows": 0.8,
            "columns": 0.9,
            "leaf": 5,
            "encoding": "one_hot",
            "target": "raw",
        }
    }
    tuned: ClassVar = {
        "trees": Whole(100, 1000, log=True),
        "leaves": Whole(3, 64, log=True),
        "learning_rate": Real(0.01, 0.3),
        "rows": Real(0.4, 1.0, log=False),
        "columns": Real(0.1, 1.0, log=False),
        "leaf": Whole(1, 20, log=True),
        **TUNED,
    }

    def __init__(
        self,
        space: Space,
        *,
        members: int = 5,
        trees: int = 400,
        leaves: int = 12,
        learning_rate: float = 0.05,
        rows: float = 0.8,
        columns: float = 0.5,
        leaf: int = 2,
        encoding: str = ENCODING,
        target: str = "auto",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            members: how many boosters there are.
            trees: how many each has.
            leaves: how many leaves a tree has at most.
            learning_rate: how much of its correction a tree makes.
            rows: which part of its data five trees in a row see.
            columns: which part of the features a tree sees.
            leaf: how many rows a leaf has at least.
            encoding: one of the space's encodings, or several joined by `+`.
            target: on which scale the metric is learned.
        """
        super().__init__(
            space,
            members=members,
            trees=trees,
            leaves=leaves,
            learning_rate=learning_rate,
            rows=rows,
            columns=columns,
            leaf=leaf,
            encoding=encoding,
            target=target,
        )
        self._options: dict[str, Any] = {
            "num_leaves": at_least("leaves", leaves, 2, _LEAVES),
            "learning_rate": between("learning_rate", learning_rate, 0.0, 1.0),
            "bagging_fraction": share_of("rows", rows),
            "bagging_freq": 5,
            "feature_fraction": share_of("columns", columns),
            "min_data_in_leaf": at_least("leaf", leaf, 1),
            "min_data_in_bin": 1,
            "boost_from_average": False,
            # One thread, and sums in one order, give the same trees everywhere.
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _grow(self, x: NDArray[np.float32], z: Floats, seed: int) -> list[Tree]:
        try:
            import lightgbm
        except ImportError:
            raise MissingExtra("the surrogate lightgbm", "lightgbm") from None
        if len(z) == 1:  # which LightGBM refuses
            return [Tree.leaf(float(z[0]))]
        options = {**self._options, "seed": seed}
        data = lightgbm.Dataset(x, label=z, params={"verbosity": -1})
        booster = lightgbm.train(options, data, self._count)
        # A blank line ends each tree, which is lines of names and numbers.
        trees = booster.model_to_string().split("\nTree=")[1:]
        return [self._tree(text.split("\n\n")[0]) for text in trees]

    @staticmethod
    def _tree(text: str) -> Tree:
        lines = dict(line.split("=", 1) for line in text.splitlines()[1:])
        value = np.array(lines["leaf_value"].split(), dtype=np.float64)
        if len(value) == 1:
            return Tree.leaf(float(value[0]))
        inner = len(value) - 1
        # A child below zero is a leaf; leaves are numbered from the last inner node on.
        children = [
            np.array(lines[f"{side}_child"].split(), np.int64) for side in ("left", "right")
        ]
        left, right = (np.where(child < 0, inner + ~child, child) for child in children)
        none = np.zeros(len(value), dtype=np.int64)
        asked = np.array(lines["split_feature"].split(), dtype=np.int64)
        threshold = np.array(lines["threshold"].split(), dtype=np.float64)
        return Tree(
            feature=np.concatenate([asked, none - 1]),
            threshold=np.concatenate([threshold, none]),
            left=np.concatenate([left, none]),
            right=np.concatenate([right, none]),
            value=np.concatenate([np.zeros(inner), value]),
        )
