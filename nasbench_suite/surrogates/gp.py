"""A Gaussian process on standardised features.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1. Kernel,
length scale and noise are those of the largest marginal likelihood (section 5.4.1) that a walk
over a grid finds, from a middle length scale on; the amplitude is the best for each in closed form.

The time of a fit grows with the cube of the number of architectures: of more than `rows` a random
part is fitted. The walk takes up to 1,000 of them, and so does the standard deviation, which is a
little too large where more were fitted; the mean takes all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from nasbench_suite.core import Floats
from nasbench_suite.settings import at_least, one_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import ENCODING, TUNED, FeatureSurrogate, stored
from nasbench_suite.surrogates._kernels import KERNELS, squares
from nasbench_suite.surrogates._scales import Standard
from nasbench_suite.surrogates.base import Choice

_MOST: Final = 20_000
# Of how many rows the likelihood, and the standard deviation, are.
_SOME: Final = 1000
# Length scales in root mean squares of the distance of two architectures, and noises as parts of
# the variance.
_SCALES: Final = np.geomspace(0.125, 16.0, 15)
_NOISES: Final = np.geomspace(1e-5, 1.0, 16)
_START: Final = (6, 9)


class _Shape(NamedTuple):
    """A kernel: how fast it falls, and how much of a value is noise."""

    kernel: str
    length_scale: float
    noise: float
    """Variance of a measurement, as a part of the process's own."""

    def of(self, apart: Floats) -> Floats:
        """Return the kernel of squared distances."""
        return KERNELS[self.kernel](apart / self.length_scale**2)


class Gp(FeatureSurrogate):
    """Similar architectures have similar values; far from those seen it knows nothing."""

    # Length scale and noise are those of the largest likelihood.
    tuned: ClassVar = {"kernel": Choice(("auto", *KERNELS)), **TUNED}

    def __init__(
        self,
        space: Space,
        *,
        kernel: str = "auto",
        rows: int = 5000,
        encoding: str = ENCODING,
        target: str = "auto",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            kernel: `rbf` or `matern`, or `auto` for the likelier.
            rows: how many architectures are fitted at most; of more, a random part.
            encoding: one of the space's encodings, or several joined by `+`.
            target: on which scale the metric is learned.
        """
        super().__init__(space, kernel=kernel, rows=rows, encoding=encoding, target=target)
        chosen = one_of("kernel", kernel, ("auto", *KERNELS))
        self._kernels = tuple(KERNELS) if chosen == "auto" else (chosen,)
        self._most = at_least("rows", rows, 2, _MOST)
        self._standard: Standard
        self._rows: Floats
        self._weights: Floats
        self._shape: _Shape
        self._amplitude: float
        self._inverse: Floats

    def _learn(self, x: Floats, z: Floats, rng: np.random.Generator) -> None:
        self._standard = Standard.of(x)
        order = rng.permutation(len(z))[: self._most]
        self._rows, z = self._standard.standardise(x[order]), z[order]
        some = self._rows[:_SOME]
        self._shape = max(
            (_likeliest(name, squares(some, some), z[:_SOME]) for name in self._kernels),
            key=lambda found: found[0],
        )[1]
        kernel = self._shape.of(squares(self._rows, self._rows))
        kernel[np.diag_indices(len(z))] += self._shape.noise
        self._weights = cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), z)
        self._amplitude = float(np.sqrt(max(float(z @ self._weights), 0.0) / len(z)))
        self._know()

    def _know(self) -> None:
        some = self._rows[:_SOME]
        kernel = self._shape.of(squares(some, some)) + self._shape.noise * np.eye(len(some))
        inverse: NDArray[Any] = np.linalg.inv(kernel)
        self._inverse = inverse

    def _answer(self, x: Floats) -> tuple[Floats, Floats]:
        kernel = self._shape.of(squares(self._standard.standardise(x), self._rows))
        some = kernel[:, :_SOME]
        explained = (some @ self._inverse * some).sum(axis=1)
        variance = np.maximum(1.0 - explained, 0.0) + self._shape.noise
        return kernel @ self._weights, self._amplitude * np.sqrt(variance)

    def _learned(self) -> dict[str, NDArray[Any]]:
        number = list(KERNELS).index(self._shape.kernel)
        return {
            "standard": np.array(self._standard),
            "rows": self._rows,
            "weights": self._weights,
            "shape": np.array([number, *self._shape[1:], self._amplitude]),
        }

    def _take(self, arrays: Mapping[str, NDArray[Any]], width: int) -> None:
        self._standard = Standard.restore(arrays["standard"], width)
        self._rows = stored(arrays, "rows", -1, width)
        self._weights = stored(arrays, "weights", len(self._rows))
        number, length_scale, noise, amplitude = stored(arrays, "shape", 4).tolist()
        if number not in range(len(KERNELS)) or not (length_scale > 0 and noise > 0 <= amplitude):
            raise ValueError("its shape is no kernel, positive length scale and noise")
        self._shape = _Shape(list(KERNELS)[int(number)], length_scale, noise)
        self._amplitude = amplitude
        self._know()


def _likeliest(name: str, apart: Floats, z: Floats) -> tuple[float, _Shape]:
    """Return the largest likelihood that a walk over the grid finds, and the shape of it."""
    # Every feature of two architectures is apart by 2, as a mean square.
    unit = float(np.sqrt(apart.mean())) or 1.0

    def shape(place: tuple[int, int]) -> _Shape:
        return _Shape(name, unit * float(_SCALES[place[0]]), float(_NOISES[place[1]]))

    @cache
    def likelihood(place: tuple[int, int]) -> float:
        return _likelihood(shape(place), apart, z)

    here = _START
    while True:
        scale, noise = here
        beside = [(scale + i, noise + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        inside = [(i, j) for i, j in beside if 0 <= i < len(_SCALES) and 0 <= j < len(_NOISES)]
        there = max(inside, key=likelihood)
        if likelihood(there) <= likelihood(here):
            return likelihood(here), shape(here)
        here = there


def _likelihood(shape: _Shape, apart: Floats, z: Floats) -> float:
    """Return the logarithm of the marginal likelihood of values at the best amplitude."""
    kernel = shape.of(apart)
    kernel[np.diag_indices(len(z))] += shape.noise
    try:
        factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return -np.inf
    square = float(z @ cho_solve(factor, z, check_finite=False)) / len(z)
    return float(-0.5 * len(z) * np.log(max(square, 1e-300)) - np.log(np.diag(factor[0])).sum())
