"""What surrogates are fitted to: finite numbers, or an error that names the one that is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from nasbench_suite.core import Arch, Floats, InvalidSetting
from nasbench_suite.spaces.base import Space

LARGEST: Final = 1e100
"""Values are fitted below this size: squares of larger ones are no numbers."""


def values_of(space: Space, archs: Sequence[Arch], y: Sequence[float] | Floats) -> Floats:
    """Return the values of architectures as floats, (n,).

    Raises:
        InvalidSetting: they are not one finite number an architecture, for 2 or more.
    """
    try:
        given = np.asarray(y)
        # Numpy would read words, and leave out the second part of complex numbers.
        if given.dtype.kind not in "biufO":
            raise TypeError(f"they are of type {given.dtype}")
        values = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidSetting(f"the values to fit are not all numbers: {error}") from None
    if len(archs) < 2 or values.shape != (len(archs),):
        raise InvalidSetting(
            f"{len(archs)} architectures and values of shape {values.shape}: a surrogate is "
            "fitted to at least 2, each with one value"
        )
    odd = np.flatnonzero(~(np.abs(values) < LARGEST))
    if len(odd):
        raise InvalidSetting(
            f"value {odd[0]} is {values[odd[0]]}, of {space.format(archs[odd[0]])}: finite numbers "
            f"below {LARGEST:g} are fitted; leave out what was not measured"
        )
    return values


def columns_of(extra: Floats, rows: int) -> Floats:
    """Return further columns of architectures as floats, (rows, k).

    Raises:
        InvalidSetting: they are not finite numbers, a row an architecture.
    """
    given = np.asarray(extra)
    if given.dtype.kind not in "biuf" or given.ndim != 2 or len(given) != rows:
        raise InvalidSetting(
            f"extra columns are of shape {given.shape} and type {given.dtype}: give numbers, a "
            f"row for each of {rows} architectures"
        )
    columns = given.astype(np.float64)
    odd = np.argwhere(~(np.abs(columns) < LARGEST))
    if len(odd):
        row, column = odd[0].tolist()
        raise InvalidSetting(
            f"row {row} of extra column {column} is {columns[row, column]}: give finite numbers "
            f"below {LARGEST:g}"
        )
    return columns
