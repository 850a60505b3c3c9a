"""Support vector regression with a Gaussian kernel, fitted by scikit-learn.

Drucker et al., "Support Vector Regression Machines", NeurIPS 1996. Several are fitted, each kept
from a part of the data. Features and targets are standardised. It was used for architectures by
Baker et al., "Accelerating Neural Architecture Search using Performance Prediction", ICLR workshop
2018.

The preset `paper` has the loss of Zela et al., "Surrogate NAS Benchmarks: Going Beyond the Limited
Search Spaces of Tabular NAS Benchmarks", ICLR 2022, on one-hot operations; the kernel is the one
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, Ints, MissingExtra
from nasbench_suite.settings import above
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import ENCODING, TUNED, stored
from nasbench_suite.surrogates._folds import CrossFitted
from nasbench_suite.surrogates._kernels import squares
from nasbench_suite.surrogates._scales import Standard
from nasbench_suite.surrogates.base import Real


class Svr(CrossFitted):
    """Sums of Gaussian bumps around some of the architectures that were fitted."""

    presets: ClassVar = {
        "paper": {
            "penalty": 3.065989708964816,
            "tube": 0.02510192340226729,
            "encoding": "one_hot",
            "target": "raw",
        }
    }
    tuned: ClassVar = {
        "penalty": Real(0.1, 100.0),
        "tube": Real(0.001, 0.5),
        "length_scale": Real(0.1, 10.0),
        **TUNED,
    }

    def __init__(
        self,
        space: Space,
        *,
        members: int = 5,
        penalty: float = 3.0,
        tube: float = 0.05,
        length_scale: float = 1.0,
        encoding: str = ENCODING,
        target: str = "auto",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            members: how many regressions there are.
            penalty: of an error beyond the tube, called C.
            tube: up to which part of the spread of values an error costs nothing, called epsilon.
            length_scale: of the kernel, in root mean squares of the distance of architectures.
            encoding: one of the space's encodings, or several joined by `+`.
            target: on which scale the metric is learned.
        """
        super().__init__(
            space,
            members=members,
            penalty=penalty,
            tube=tube,
            length_scale=length_scale,
            encoding=encoding,
            target=target,
        )
        self._penalty = above("penalty", penalty, 0.0)
        self._tube = above("tube", tube, 0.0)
        self._length_scale = above("length_scale", length_scale, 0.0)
        self._standard: Standard
        self._rows: Floats
        self._weights: Floats
        self._intercepts: Floats

    def _train(self, x: Floats, z: Floats, parts: list[Ints], seeds: Ints) -> None:
        try:
            from sklearn.svm import SVR
        except ImportError:
            raise MissingExtra("the surrogate svr", "surrogates") from None
        self._standard = Standard.of(x)
        self._rows = self._standard.standardise(x)
        self._weights = np.zeros((len(x), self._members))
        self._intercepts = np.zeros(self._members)
        kernel = self._kernel(self._rows)
        for member, part in enumerate(parts):
            machine = SVR(kernel="precomputed", C=self._penalty, epsilon=self._tube)
            machine.fit(kernel[np.ix_(part, part)], z[part])
            self._weights[part[machine.support_], member] = machine.dual_coef_[0]
            self._intercepts[member] = machine.intercept_[0]

    def _kernel(self, rows: Floats) -> Floats:
        # Two architectures are apart by twice the number of features, as a mean square.
        scale = 2.0 * rows.shape[1] * self._length_scale**2
        kernel: Floats = np.exp(-squares(rows, self._rows) / scale)
        return kernel

    def _each(self, x: Floats) -> Floats:
        kernel = self._kernel(self._standard.standardise(x))
        each: Floats = kernel @ self._weights + self._intercepts
        return each

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {
            "standard": np.array(self._standard),
            "rows": self._rows,
            "weights": self._weights,
            "intercepts": self._intercepts,
            **super()._learned(),
        }

    def _take(self, arrays: Mapping[str, NDArray[Any]], width: int) -> None:
        super()._take(arrays, width)
        self._standard = Standard.restore(arrays["standard"], width)
        self._rows = stored(arrays, "rows", -1, width)
        self._weights = stored(arrays, "weights", len(self._rows), self._members)
        self._intercepts = stored(arrays, "intercepts", self._members)
