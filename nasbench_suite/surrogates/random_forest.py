"""A forest of trees, grown by scikit-learn, each of which predicts for itself.

Breiman, "Random Forests", Machine Learning 2001; and with random thresholds Geurts, Ernst and
Wehenkel, "Extremely Randomized Trees", Machine Learning 2006, which are the default, because they
rank the cells of NAS-Bench-201 better. Trees see all data but one part, where Breiman's see
samples with repeats: a part is what tells how far predictions are off.

The preset `paper` has the trees of Zela et al., "Surrogate NAS Benchmarks: Going Beyond the
Limited Search Spaces of Tabular NAS Benchmarks", ICLR 2022, which NASLib took over, on one-hot
operations.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, MissingExtra
from nasbench_suite.settings import at_least, one_of, share_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import ENCODING, TUNED
from nasbench_suite.surrogates._forests import TreeEnsemble
from nasbench_suite.surrogates._trees import Tree
from nasbench_suite.surrogates.base import Choice, Real, Whole


class RandomForest(TreeEnsemble):
    """Where trees disagree, they do not know."""

    presets: ClassVar = {
        "paper": {
            "members": 4,
            "trees": 29,
            "columns": 0.17055852159745608,
            "leaf": 2,
            "thresholds": "best",
            "encoding": "one_hot",
            "target": "raw",
        }
    }
    tuned: ClassVar = {
        "columns": Real(0.1, 1.0, log=False),
        "leaf": Whole(1, 20, log=True),
        "thresholds": Choice(("random", "best")),
        **TUNED,
    }

    def __init__(
        self,
        space: Space,
        *,
        members: int = 10,
        trees: int = 20,
        columns: float = 0.5,
        leaf: int = 1,
        thresholds: str = "random",
        encoding: str = ENCODING,
        target: str = "auto",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            members: how many parts of the data there are, of which a tree sees all but one.
            trees: how many trees see the same.
            columns: which part of the features a node chooses among.
            leaf: how many rows a leaf has at least.
            thresholds: `random` or `best`; of those drawn, the best feature is asked.
            encoding: one of the space's encodings, or several joined by `+`.
            target: on which scale the metric is learned.
        """
        super().__init__(
            space,
            members=members,
            trees=trees,
            columns=columns,
            leaf=leaf,
            thresholds=thresholds,
            encoding=encoding,
            target=target,
        )
        self._random = one_of("thresholds", thresholds, ("random", "best")) == "random"
        self._options: dict[str, Any] = {
            "n_estimators": self._count,
            "max_features": share_of("columns", columns),
            "min_samples_leaf": at_least("leaf", leaf, 1),
            "bootstrap": False,
        }

    def _grow(self, x: NDArray[np.float32], z: Floats, seed: int) -> list[Tree]:
        try:
            from sklearn import ensemble
        except ImportError:
            raise MissingExtra("the surrogate random_forest", "surrogates") from None
        kind = ensemble.ExtraTreesRegressor if self._random else ensemble.RandomForestRegressor
        forest = kind(**self._options, random_state=seed).fit(x, z)
        return [self._tree(grown.tree_) for grown in forest.estimators_]

    def _tree(self, grown: Any) -> Tree:
        leaf = grown.children_left < 0
        return Tree(
            feature=np.where(leaf, -1, grown.feature),
            threshold=grown.threshold,
            left=grown.children_left,
            right=grown.children_right,
            # So that the sum of a member's trees is their mean.
            value=grown.value[:, 0, 0] / self._count,
        )

    def _variance(self, x: Floats, each: Floats) -> Floats:
        votes = self._trees.answer(x, len(self._trees)) * self._count
        apart: Floats = votes.var(axis=1)
        return apart
