"""Features of the live part of a cell of four nodes with an operation on each of its six edges.

The cells of NAS-Bench-201 and of TransNAS-Bench-101, which number their operations alike: none,
skip, 1x1 and 3x3 convolution, and 3x3 pooling. A skip passes on what it reads, so a path is known
by its other operations, and features are the same for all cells whose networks are the same
expression; an edge of none carries nothing, and what no path passes does not count.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, Ints
from nasbench_suite.spaces._live import along_paths

_NONE, _SKIP = 0, 1
_KINDS: Final = (2, 3, 4)
"""The operations that are counted: convolutions of 1x1 and 3x3, and pooling."""
_COUNTED: Final = ((2,), (3,), (4,), (2, 3), (3, 4), _KINDS)
"""What is counted along a path: each operation, convolutions, windows of 3x3, and all."""
_PATHS: Final = ((3, 6, 6), (0, 4, 6), (1, 5, 6), (0, 2, 5))
"""The edges of each possible path; 6 is no edge, and stands for a skip."""
_LONGEST: Final = 2
"""Sequences up to this length have a column each."""
_PARTS: Final = 12
"""A multiple of every product of the terms of the sums along a path."""


class _Sequences(NamedTuple):
    """What depends on the three operations of a path; they are the last axis."""

    there: NDArray[np.float32]
    """Whether none of them is none."""
    along: NDArray[np.float32]
    """(counts, sequences): what is counted in each."""
    columns: NDArray[np.float32]
    """(columns, sequences): its first and its last operation, and which short sequence it is."""


def features(genes: Ints) -> Floats:
    """Return the features of cells, (cells, 50).

    These are, in this order: those of `along_paths` for each kind of `_COUNTED`; how many paths
    begin with each operation, and end with each; and how many paths are each sequence of no, one
    and two operations, skips left out. The last are a path encoding (White et al., "BANANAS", AAAI
    2021, section 3) that counts.

    Args:
        genes: the operation of each edge 0-1, 0-2, 1-2, 0-3, 1-3, 2-3, (cells, 6).
    """
    known = _sequences()
    edges = np.concatenate([genes.T, np.full((1, len(genes)), _SKIP)])
    first, second, third = edges.take(np.array(_PATHS).T, axis=0)
    code = (first * 5 + second) * 5 + third
    there = known.there.take(code)
    along = known.along.take(code, axis=1).swapaxes(0, 1)
    columns = known.columns.take(code, axis=1).sum(axis=1)
    found = np.concatenate([along_paths(there, along, _share(there, edges)), columns])
    return np.ascontiguousarray(found.T, dtype=np.float64)


def _share(there: NDArray[Any], edges: Ints) -> NDArray[Any]:
    """Return how often a walk back from the output takes each path, in parts of `_PARTS`.

    It chooses evenly among the terms of a sum; the terms that a skip passes on are its own. Only
    node 2 has more than one beside the output.
    """
    weight = there.copy()
    weight[2:] *= 1 - 0.5 * there[2] * there[3] * (edges[5] != _SKIP)
    share: NDArray[Any] = np.rint(weight * _PARTS / np.maximum(weight.sum(axis=0), 1.0))
    return share


@cache
def _sequences() -> _Sequences:
    every = list(product(range(5), repeat=3))
    kept = [tuple(kind for kind in sequence if kind in _KINDS) for sequence in every]
    short = [s for length in range(_LONGEST + 1) for s in product(_KINDS, repeat=length)]
    columns = [
        *([s[:1] == (kind,) for s in kept] for kind in _KINDS),
        *([s[-1:] == (kind,) for s in kept] for kind in _KINDS),
        *([s == sequence for s in kept] for sequence in short),
    ]
    there = np.array([_NONE not in sequence for sequence in every], dtype=np.float32)
    along = [[sum(map(s.count, kinds)) for s in kept] for kinds in _COUNTED]
    return _Sequences(
        there, np.array(along, dtype=np.float32), np.array(columns, dtype=np.float32) * there
    )
