"""A weighted mean of several families, with weights learned on what each had not seen.

Wolpert, "Stacked Generalization", Neural Networks 1992; weights are not negative, as Breiman,
"Stacked Regressions", Machine Learning 1996, advises, and sum to 1. They are drawn to equal
weights as if so many more values said so, since a hundred values say little of which family is
best. All families learn the target on one scale. The variance is that of the mixture, times the
factor that makes it, on average, the squared error of what was not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from nasbench_suite import registry
from nasbench_suite.core import Arch, Floats, InvalidSetting
from nasbench_suite.settings import at_least, one_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import ENCODING, TUNED, FeatureSurrogate, features, stored
from nasbench_suite.surrogates._targets import TARGETS, Target
from nasbench_suite.surrogates.base import Choice, Surrogate, encodings_of

_FOLDS: Final = 100
_PRIOR: Final = 20.0
_LEAST: Final = 1e-12


class Stacked(Surrogate):
    """Several families, each as good as it was shown to be."""

    reads_extra: ClassVar = True
    # Those of the families themselves are tuned one family after the other.
    tuned: ClassVar = {
        "families": Choice(
            (
                "gp+xgboost+random_forest",
                "gp+xgboost",
                "gp+random_forest",
                "xgboost+random_forest",
                "gp+xgboost+random_forest+svr",
            )
        ),
        **TUNED,
    }

    def __init__(
        self,
        space: Space,
        *,
        families: str = "gp+xgboost+random_forest",
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        folds: int = 5,
        encoding: str = ENCODING,
        target: str = "auto",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            families: their names, joined by `+`.
            settings: of families by their names, where they are not the defaults.
            folds: in how many parts the data are divided to learn the weights.
            encoding: of all families that read rows of features.
            target: on which scale the metric is learned.
        """
        super().__init__(
            space,
            families=families,
            settings=settings,
            folds=folds,
            encoding=encoding,
            target=target,
        )
        self._folds = at_least("folds", folds, 2, _FOLDS)
        self._target_kind = one_of("target", target, TARGETS)
        self._encoding = encoding
        self._encodings = encodings_of(space, encoding)
        self._given = _by_family(settings)
        names = str(families).split("+")
        if len(set(names)) < len(names) or "stacked" in names:
            raise InvalidSetting(
                f"families is {families!r}: give names of others joined by +, each once"
            )
        self._families = {name: self._made(name) for name in names}
        if not self._given.keys() <= self._families.keys():
            raise InvalidSetting(f"settings are of {', '.join(self._given)}, not of {families}")
        self._target: Target
        self._weights: Floats
        self._widening: float

    def _made(self, name: str) -> Surrogate:
        kind: type[Surrogate] = registry.load_class("surrogates", name)
        plain = issubclass(kind, FeatureSurrogate)
        own = {"encoding": self._encoding, "target": "raw"} if plain else {}
        return kind(self.space, **kind.settings({**own, **self._given.get(name, {})}))

    def _fit(
        self, archs: Sequence[Arch], extra: Floats, y: Floats, rng: np.random.Generator
    ) -> None:
        x = features(self.space, self._encodings, archs, extra)
        self._target = Target.of(y, self._target_kind, x)
        z = self._target.learned(y)
        everything = np.arange(len(z))
        # Each part that is left for fitting has at least two.
        folds = min(self._folds, len(z) - 2)
        fold = rng.permutation(len(z)) % max(folds, 1)
        means, stds = (
            np.zeros((len(self._families), len(z))),
            np.zeros((len(self._families), len(z))),
        )
        for part in range(folds if folds > 1 else 0):
            seen, unseen = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
            self._fit_each(archs, extra, z, seen, rng)
            means[:, unseen], stds[:, unseen] = self._ask_each(archs, extra, unseen)
        self._weights = _weights(means, z)
        mean, variance = _mixed(self._weights, means, stds)
        error = float(np.mean((z - mean) ** 2))
        shown = float(variance.mean())
        self._widening = float(np.sqrt(error / shown)) if error > 0 and shown > _LEAST else 1.0
        self._fit_each(archs, extra, z, everything, rng)

    def _fit_each(
        self,
        archs: Sequence[Arch],
        extra: Floats,
        z: Floats,
        rows: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        some = [archs[row] for row in rows]
        for model in self._families.values():
            columns = extra[rows] if model.reads_extra else None
            model.fit(some, z[rows], rng, extra=columns)

    def _ask_each(
        self, archs: Sequence[Arch], extra: Floats, rows: NDArray[np.int64]
    ) -> tuple[Floats, Floats]:
        """Return what each family predicts, (families, rows) each."""
        some = [archs[row] for row in rows]
        found = [
            model.predict(some, extra=extra[rows] if model.reads_extra else None)
            for model in self._families.values()
        ]
        return np.array([mean for mean, _ in found]), np.array([std for _, std in found])

    def _predict(self, archs: Sequence[Arch], extra: Floats) -> tuple[Floats, Floats]:
        found = self._ask_each(archs, extra, np.arange(len(archs)))
        mean, variance = _mixed(self._weights, *found)
        return self._target.restored(mean, self._widening * np.sqrt(variance))

    def _state(self) -> dict[str, NDArray[Any]]:
        own = {
            "target": self._target.stored(),
            "weights": self._weights,
            "widening": np.array([self._widening]),
        }
        theirs = {
            f"{name}.{key}": array
            for name, model in self._families.items()
            for key, array in model._state().items()
        }
        return {**own, **theirs}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._target = Target.restore(arrays["target"])
        self._weights = stored(arrays, "weights", len(self._families))
        self._widening = float(stored(arrays, "widening", 1)[0])
        for name, model in self._families.items():
            start = f"{name}."
            theirs = {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
            model._columns = self._columns if model.reads_extra else 0
            model._restore(theirs)
            model._fitted = True

    def _precision(self, name: str) -> type[np.floating[Any]]:
        family, dot, key = name.partition(".")
        return self._families[family]._precision(key) if dot else super()._precision(name)


def _by_family(settings: object) -> dict[str, Mapping[str, Any]]:
    """Return settings of families by name.

    Raises:
        InvalidSetting: they are none.
    """
    given = {} if settings is None else settings
    if not isinstance(given, Mapping) or not all(
        isinstance(name, str) and isinstance(own, Mapping) for name, own in given.items()
    ):
        raise InvalidSetting(f"settings is {settings!r}: give a table of settings for each family")
    return dict(given)


def _mixed(weights: Floats, means: Floats, stds: Floats) -> tuple[Floats, Floats]:
    """Return the mean and the variance of a mixture of predictions, (families, n): (n,) each."""
    mean = weights @ means
    return mean, weights @ (np.square(stds) + np.square(means - mean))


def _weights(means: Floats, z: Floats) -> Floats:
    """Return by how much each family counts, (families,), which sum to 1."""
    count = len(means)
    # More values, as many as the prior weighs, that say each weight is the equal one.
    size = np.sqrt(_PRIOR)
    rows = np.concatenate([means.T, size * np.eye(count)])
    found, _ = nnls(rows, np.concatenate([z, np.full(count, size / count)]))
    total = float(found.sum())
    return found / total if total > 0 else np.full(count, 1 / count)
