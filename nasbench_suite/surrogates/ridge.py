"""Ridge regression, a line through the features, as a Bayesian reads it.

Hoerl and Kennard, "Ridge Regression", Technometrics 1970. How strongly weights are drawn to zero
is chosen by the squared error of each value as the others predict it. The same error is the noise
of the posterior, whose variance says how far an architecture is from those seen (Bishop, "Pattern
Recognition and Machine Learning", 2006, section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats
from nasbench_suite.settings import above
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import ENCODING, TUNED, FeatureSurrogate, stored
from nasbench_suite.surrogates._linear import STRENGTHS, Ridges
from nasbench_suite.surrogates._scales import Standard
from nasbench_suite.surrogates.base import Choice


class Ridge(FeatureSurrogate):
    """A weighted sum of standardised features."""

    tuned: ClassVar = {
        "strength": Choice((None, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0)),
        **TUNED,
    }

    def __init__(
        self,
        space: Space,
        *,
        strength: float | None = None,
        encoding: str = ENCODING,
        target: str = "auto",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            strength: how much of the squared weights is added to the squared errors; chosen among
                many where it is None.
            encoding: one of the space's encodings, or several joined by `+`.
            target: on which scale the metric is learned.
        """
        super().__init__(space, strength=strength, encoding=encoding, target=target)
        self._strength = None if strength is None else above("strength", strength, 0.0)
        self._standard: Standard
        self._weights: Floats
        self._directions: Floats
        self._known: Floats
        self._noise: Floats

    def _learn(self, x: Floats, z: Floats, rng: np.random.Generator) -> None:
        self._standard = Standard.of(x)
        ridges = Ridges(self._standard.standardise(x))
        given = STRENGTHS if self._strength is None else (self._strength,)
        strength, error = ridges.choose(z, given)
        self._weights = ridges.weights(z, strength)
        self._directions, self._known = ridges.directions, ridges.known(strength)
        self._noise = np.array([min(np.sqrt(error), 1.0), strength])

    def _answer(self, x: Floats) -> tuple[Floats, Floats]:
        rows = self._standard.standardise(x)
        along = np.square(rows @ self._directions.T)
        # What points in a direction that was never seen has the variance of the prior.
        across = np.maximum(np.square(rows).sum(axis=1) - along.sum(axis=1), 0.0)
        noise, strength = self._noise
        variance = noise**2 * (1 + along @ (1 / self._known) + across / strength)
        # Nothing is known less than what was drawn at random.
        return rows @ self._weights, np.sqrt(np.minimum(variance, 1 + noise**2))

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {
            "standard": np.array(self._standard),
            "weights": self._weights,
            "directions": self._directions,
            "known": self._known,
            "noise": self._noise,
        }

    def _take(self, arrays: Mapping[str, NDArray[Any]], width: int) -> None:
        self._standard = Standard.restore(arrays["standard"], width)
        self._weights = stored(arrays, "weights", width)
        self._directions = stored(arrays, "directions", -1, width)
        self._known = stored(arrays, "known", len(self._directions))
        self._noise = stored(arrays, "noise", 2)
        if not ((self._known > 0).all() and self._noise[1] > 0):
            raise ValueError("its strength is not positive")
