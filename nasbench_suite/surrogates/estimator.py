"""Any family as an estimator of scikit-learn, for its cross-validation, pipelines and searches.

Rows of `X` are architectures, an integer a gene, and further columns after them where there are
any. `cross_val_score(SurrogateRegressor("nasbench201", "gp"), X, y)` gives R².
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import (
    Arch,
    Floats,
    InvalidArchitecture,
    InvalidSetting,
    MissingExtra,
    whole,
)
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates.base import NotFitted, Surrogate

try:
    from sklearn.base import BaseEstimator, RegressorMixin
except ImportError:
    raise MissingExtra("the estimator of surrogates", "surrogates") from None


class SurrogateRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc] # sklearn has no types
    """A surrogate that is fitted and asked as scikit-learn does it."""

    def __init__(
        self,
        space: str | Space = "nasbench201",
        family: str = "xgboost",
        settings: Mapping[str, Any] | str | None = None,
        seed: int = 0,
    ) -> None:
        """Keep what is given; it is checked when the estimator is fitted.

        Args:
            space: whose architectures are predicted, or its name.
            family: of surrogates.
            settings: of the family, or the name of a preset.
            seed: from which every random number comes.
        """
        self.space = space
        self.family = family
        self.settings = settings
        self.seed = seed

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - the names of scikit-learn
        """Fit a surrogate, `surrogate_`, to values.

        Args:
            X: an architecture a row, (n, genes), or with k columns more, (n, genes + k).
            y: the metric of each, (n,).

        Raises:
            InvalidArchitecture: a row is no architecture of the space.
            InvalidSetting: rows or values are not as `Surrogate.fit` needs them, or all values are
                equal, so that there is nothing to learn.
            UnknownName: there is no such space, family or setting.
            MissingExtra: the family is fitted by a package that is not installed.
        """
        space = registry.load("spaces", self.space) if isinstance(self.space, str) else self.space
        kind: type[Surrogate] = registry.load_class("surrogates", self.family)
        archs, extra = _split(space, X)
        surrogate = kind(space, **kind.settings(self.settings))
        surrogate.fit(archs, y, np.random.default_rng(self.seed), extra=extra)
        if np.ptp(np.asarray(y, dtype=np.float64)) == 0:
            raise InvalidSetting(
                f"all {len(archs)} values are {np.asarray(y)[0]}: fit to values that differ"
            )
        self.surrogate_ = surrogate
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X: Any, return_std: bool = False) -> Floats | tuple[Floats, Floats]:  # noqa: N803
        """Return the expected metric of architectures, (n,), and if asked its standard deviation.

        Args:
            X: as it was fitted.
            return_std: whether to return both, as scikit-learn's Gaussian processes do.

        Raises:
            NotFitted: `fit` comes first.
            InvalidArchitecture: a row is no architecture of the space.
            InvalidSetting: rows have other columns than those fitted.
        """
        if not hasattr(self, "surrogate_"):
            raise NotFitted("SurrogateRegressor predicts after it was fitted")
        archs, extra = _split(self.surrogate_.space, X)
        mean, std = self.surrogate_.predict(archs, extra=extra)
        return (mean, std) if return_std else mean


def _split(space: Space, rows: Any) -> tuple[list[Arch], Floats | None]:
    """Return the architectures of rows, and the columns after them.

    Raises:
        InvalidArchitecture: a gene is no whole number.
        InvalidSetting: they are no rows of at least as many numbers as there are genes.
    """
    try:
        table = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidSetting(f"X is no table of numbers: {error}") from None
    genes = len(space.genes)
    if table.ndim != 2 or table.shape[1] < genes:
        raise InvalidSetting(
            f"X has shape {table.shape}: give a row an architecture, with the {genes} genes of "
            f"{space.name}"
        )
    archs = []
    for number, row in enumerate(table[:, :genes].tolist()):
        found = [whole(gene) for gene in row]
        if None in found:
            raise InvalidArchitecture(f"row {number} of X is {row}: genes are whole numbers")
        archs.append(tuple(gene for gene in found if gene is not None))
    extra = table[:, genes:]
    return archs, extra if extra.shape[1] else None
