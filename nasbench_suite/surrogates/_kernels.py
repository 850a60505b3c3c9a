"""How alike two rows of features are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from nasbench_suite.core import Floats


def squares(one: Floats, other: Floats) -> Floats:
    """Return squared distances of rows, (n, d) and (m, d): (n, m)."""
    apart: Floats = -2.0 * one @ other.T
    apart += np.square(one).sum(axis=1)[:, None]
    apart += np.square(other).sum(axis=1)
    return np.maximum(apart, 0.0, out=apart)


def _gauss(apart: Floats) -> Floats:
    kernel: Floats = np.exp(-0.5 * apart)
    return kernel


def _matern(apart: Floats) -> Floats:
    far = np.sqrt(5.0 * apart)
    kernel: Floats = (1.0 + far + far**2 / 3.0) * np.exp(-far)
    return kernel


KERNELS: Final[dict[str, Callable[[Floats], Floats]]] = {"rbf": _gauss, "matern": _matern}
"""Kernels of squared distances in length scales: squared exponential, and Matérn 5/2.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, section 4.2.
"""
