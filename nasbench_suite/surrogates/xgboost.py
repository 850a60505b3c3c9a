"""Boosted trees, grown by XGBoost.

Chen and Guestrin, "XGBoost: A Scalable Tree Boosting System", KDD 2016. White et al., "How Powerful
are Performance Predictors in Neural Architecture Search?", NeurIPS 2021, and Zela et al.,
"Surrogate NAS Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS Benchmarks", ICLR
2022, found it among the best models of architectures; the latter takes the spread of ten
boosters as uncertainty.

The preset `paper` has the trees of NASLib, the code of the former, on one-hot operations. The
defaults are more and flatter trees that learn slowly, each of a part of the rows and columns.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, MissingExtra
from nasbench_suite.settings import above, at_least, between, share_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import ENCODING, TUNED
from nasbench_suite.surrogates._forests import DEEPEST, TreeEnsemble
from nasbench_suite.surrogates._trees import Tree
from nasbench_suite.surrogates.base import Real, Whole


class Xgboost(TreeEnsemble):
    """Several boosters, each kept from a part of the data."""

    presets: ClassVar = {
        "paper": {
            "trees": 500,
            "depth": 6,
            "learning_rate": 0.3,
            "rows": 1.0,
            "columns": 1.0,
            "weight": 1.0,
            "encoding": "one_hot",
            "target": "raw",
        }
    }
    tuned: ClassVar = {
        "trees": Whole(100, 1000, log=True),
        "depth": Whole(2, 10),
        "learning_rate": Real(0.01, 0.3),
        "rows": Real(0.4, 1.0, log=False),
        "columns": Real(0.1, 1.0, log=False),
        "weight": Real(0.5, 20.0),
        **TUNED,
    }

    def __init__(
        self,
        space: Space,
        *,
        members: int = 5,
        trees: int = 400,
        depth: int = 4,
        learning_rate: float = 0.05,
        rows: float = 0.8,
        columns: float = 0.5,
        weight: float = 1.0,
        encoding: str = ENCODING,
        target: str = "auto",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            members: how many boosters there are.
            trees: how many each has.
            depth: how many questions a tree asks at most.
            learning_rate: how much of its correction a tree makes.
            rows: which part of its data a tree sees.
            columns: which part of the features a tree sees.
            weight: how many rows a leaf has at least.
            encoding: one of the space's encodings, or several joined by `+`.
            target: on which scale the metric is learned.
        """
        super().__init__(
            space,
            members=members,
            trees=trees,
            depth=depth,
            learning_rate=learning_rate,
            rows=rows,
            columns=columns,
            weight=weight,
            encoding=encoding,
            target=target,
        )
        self._options: dict[str, Any] = {
            "max_depth": at_least("depth", depth, 1, DEEPEST),
            "learning_rate": between("learning_rate", learning_rate, 0.0, 1.0),
            "subsample": share_of("rows", rows),
            "colsample_bytree": share_of("columns", columns),
            "min_child_weight": above("weight", weight, 0.0),
            # One thread gives the same trees everywhere.
            "nthread": 1,
            "base_score": 0.0,
        }

    def _grow(self, x: NDArray[np.float32], z: Floats, seed: int) -> list[Tree]:
        try:
            import xgboost
        except ImportError:
            raise MissingExtra("the surrogate xgboost", "surrogates") from None
        options = {**self._options, "seed": seed}
        booster = xgboost.train(options, xgboost.DMatrix(x, label=z), self._count)
        model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
        return [self._tree(tree) for tree in model["trees"]]

    @staticmethod
    def _tree(stored: dict[str, Any]) -> Tree:
        left = np.array(stored["left_children"])
        condition = np.array(stored["split_conditions"], dtype=np.float32)
        return Tree(
            feature=np.where(left < 0, -1, stored["split_indices"]),
            # Left go values below the threshold, which are those up to the number before it.
            threshold=np.nextafter(condition, np.float32(-np.inf)).astype(np.float64),
            left=left,
            right=np.array(stored["right_children"]),
            value=condition.astype(np.float64),
        )
