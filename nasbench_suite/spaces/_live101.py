"""Features of the live part of NAS-Bench-101's cells, for models: what lies on its paths.

A cell is a shape and a labelling of its interior vertices (see `_cells101`); what depends on one of
them alone is in tables, and features join the two. They do not depend on the order of vertices.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import combinations, pairwise
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, Ints
from nasbench_suite.spaces import _cells101 as cells101
from nasbench_suite.spaces._cells101 import EDGES, KINDS, LABELLINGS, VERTICES

_OUTPUT: Final = VERTICES - 1
_INTERIOR: Final = tuple(range(1, _OUTPUT))
_PATHS: Final = tuple(
    vertices for count in range(VERTICES - 1) for vertices in combinations(_INTERIOR, count)
)
"""The interior vertices of each possible path."""
_ON: Final = np.array([[vertex in path for vertex in _INTERIOR] for path in _PATHS])
_NUMBER: Final = {edge: number for number, edge in enumerate(EDGES)}
_INSIDE: Final = tuple(combinations(_INTERIOR, 2))
"""The edges between interior vertices."""
_PARTS: Final = 2160
"""A multiple of every product of distinct vertices' in-degrees, which are nine at most together."""
_COUNTED: Final = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (1, 1, 1))
"""What is counted along a path: each operation, convolutions, windows of 3x3, and all."""
_TOTAL: Final = np.array(_COUNTED, dtype=np.float32)
_MANY: Final = 100
"""More than any path counts."""
_MOST_INTO: Final = 4
"""Vertices are told apart by their in-degree up to this one."""
_STACKS: Final = ((128, 128), (256, 128), (512, 256))
"""Channels of each stack, and of what goes into its first cell."""
_CELLS: Final = 3
"""In each stack."""
_INNER: Final = float(sum(_CELLS * width**2 for width, _ in _STACKS))
"""Parameters of a 1x1 convolution as wide as the output, in all cells together."""
_OUTER: Final = float(sum(((_CELLS - 1) * width + first) * width for width, first in _STACKS))
"""The same of a projection from the input."""


def _places(*forms: tuple[int, ...]) -> list[tuple[int, int, tuple[int, ...]]]:
    """Return where arrays of these shapes lie that are stored one after the other."""
    ends = np.cumsum([prod(form) for form in forms]).tolist()
    return list(zip([0, *ends[:-1]], ends, forms, strict=True))


_QUANTITIES: Final = 5 + _MOST_INTO + VERTICES - 2
"""What is multiplied with a vertex's operation: see `_shapes`."""
_OF_SHAPES: Final = _places(
    (len(_PATHS), 1),
    (len(_PATHS), 1),
    (_QUANTITIES, len(_INTERIOR), 1),
    (len(_INSIDE), 1),
    (1,),
    (9,),
)
"""Which of the possible paths there are, `_MANY` where one is not, quantities of the interior
vertices, which edges there are between these, how many paths; and edges, living vertices, the edge
from input to output, and degrees."""
_OF_LABELS: Final = _places(
    (len(_PATHS), len(_COUNTED)), (len(_INTERIOR), KINDS), (len(_INSIDE), KINDS**2)
)
"""What is counted along each possible path, indicators of the operations, and what operations an
edge between interior vertices would join."""


class _Shapes(NamedTuple):
    """What depends on the shape of a cell, by the order of the shapes, which is their last axis."""

    starts: Ints
    """The place of the first labelled cell of each shape, ascending."""
    table: NDArray[np.float32]
    """(numbers, shapes): the arrays of `_OF_SHAPES`, one after the other."""
    weights: Floats
    """(2, shapes): what `_log_params` reads."""


class _Labels(NamedTuple):
    """What depends on the operations of a cell."""

    table: NDArray[np.float32]
    """(numbers, labellings): the arrays of `_OF_LABELS`, one after the other."""


def features(matrix: Ints, operations: Ints) -> Floats:
    """Return the features of valid cells, (cells, 98).

    These are, in this order: those of `_live.along_paths` for each kind of `_COUNTED`; edges,
    living vertices, the edge from input to output, degrees; for each operation how many vertices
    there are of it, in how many paths, how often the walk from the output comes by, how many read
    the input, how many are read by the output, how many have each in-degree and how many lie at
    each distance from the output (longest path); the greatest number of paths and share of the walk
    through one vertex of each operation; the edges from each operation to each; and the logarithm
    of the parameters, as if channels were shared evenly.

    Args:
        matrix: the integer of each cell's matrix, (cells,).
        operations: that of its operations, dead ones included, (cells,).
    """
    known, named, tables = _shapes(), _labels(), cells101.tables()
    place = tables.place[matrix]
    labels = tables.operations[(place & 31) * LABELLINGS + operations]
    row = known.starts.searchsorted(place >> 5)
    count = (len(row),)
    # One look-up of many numbers takes less time than several.
    shape, label = known.table.take(row, axis=-1), named.table.take(labels, axis=-1)
    there, absent, by_vertex, inside, number, numbers = (
        shape[start:end].reshape(form + count) for start, end, form in _OF_SHAPES
    )
    along_each, kinds, pairs = (
        label[start:end].reshape(form + count) for start, end, form in _OF_LABELS
    )
    vertices = by_vertex * kinds
    # Of one cell, methods such as `sum` take twice as long as what they call.
    by_kind = np.add.reduce(vertices, axis=1)
    most = np.maximum.reduce(vertices[1:3], axis=1)
    joined = np.add.reduce(inside * pairs, axis=0)
    here = along_each * there
    # Of how many paths a vertex is, and of which part of the walks, summed over the vertices, is
    # what is counted along them.
    along, walked = _TOTAL @ by_kind[1], _TOTAL @ by_kind[2]
    for part in (by_kind[2], most[1], walked):
        part /= _PARTS
    found = np.concatenate(
        [
            number,
            along,
            np.maximum.reduce(here, axis=0),
            np.minimum.reduce(here + absent, axis=0),
            along / number,
            walked,
            numbers,
            by_kind.reshape((_QUANTITIES * KINDS, *count)),
            most.reshape((2 * KINDS, *count)),
            joined,
            _log_params(by_kind[0], known.weights.take(row, axis=-1)),
        ]
    )
    return np.ascontiguousarray(found.T)


def _log_params(kinds: NDArray[Any], weights: Floats) -> Floats:
    """Return the logarithm of the parameters of the convolutions in all cells, (1, cells).

    Args:
        kinds: how many vertices there are of each operation, (kinds, cells).
        weights: the square of the channels of an interior vertex as a part of those of the output,
            and the parameters of all projections, (2, cells).
    """
    found: Floats = np.log(_INNER * (9 * kinds[0] + kinds[1]) * weights[0] + weights[1])[None]
    return found


def _weights(entering: Any, ending: Any, direct: Any) -> Floats:
    """Return what `_log_params` is told of the shapes of cells, (2, shapes).

    Args:
        entering: how many edges from the input to interior vertices, each a projection.
        ending: how many edges from interior vertices to the output, which share its channels.
        direct: whether an edge leads from input to output.
    """
    share = 1.0 / np.maximum(ending, 1.0)
    return np.array([share**2, _OUTER * (entering * share + direct)])


@cache
def _shapes() -> _Shapes:
    """Return the table of the shapes; it takes some hundredths of a second to make, and is kept."""
    known = cells101.tables()
    # A shape's living vertices are the last ones; of the matrices that differ in dead edges the
    # smallest has none of them.
    last = [(1 << 5) - (1 << 5 - count) for count in range(VERTICES - 1)]
    place = known.place[known.matrices]
    candidates = known.matrices[np.isin(place & 31, last)]
    starts, first = np.unique(known.place[candidates] >> 5, return_index=True)
    bits = candidates[first] >> np.arange(len(EDGES))[::-1, None] & 1
    edge = {pair: bits[number].astype(np.float64) for pair, number in _NUMBER.items()}

    there = np.array([_product(edge[s] for s in pairwise((0, *p, _OUTPUT))) for p in _PATHS])
    into = {t: sum(edge[s, t] for s in range(t)) for t in range(1, VERTICES)}
    outof = {s: sum(edge[s, t] for t in range(s + 1, VERTICES)) for s in range(_OUTPUT)}
    turns = np.array([_product(into[v] for v in (*p, _OUTPUT)) for p in _PATHS])
    share = np.rint(there * _PARTS / np.maximum(turns, 1))
    alive = np.array([there[_ON[:, v - 1]].any(axis=0) for v in _INTERIOR])
    far = {_OUTPUT: np.zeros(len(starts))}
    for s in reversed(range(_OUTPUT)):
        far[s] = np.max([edge[s, t] * (far[t] + 1) for t in range(s + 1, VERTICES)], axis=0)
    degrees = np.array([into[v] for v in _INTERIOR])
    distances = np.array([far[v] for v in _INTERIOR])
    vertices = [
        alive,
        _ON.T @ there,
        _ON.T @ share,
        [edge[0, v] for v in _INTERIOR],
        [edge[v, _OUTPUT] for v in _INTERIOR],
        *(degrees == degree for degree in range(1, _MOST_INTO + 1)),
        *(distances == distance for distance in range(1, VERTICES - 1)),
    ]
    numbers = [
        bits.sum(axis=0),
        alive.sum(axis=0),
        edge[0, _OUTPUT],
        into[_OUTPUT],
        outof[0],
        degrees.max(axis=0),
        np.max([outof[v] for v in _INTERIOR], axis=0),
        (degrees == 1).sum(axis=0),
        (degrees > 1).sum(axis=0),
    ]
    inside = [edge[pair] for pair in _INSIDE]
    enter = sum(edge[0, v] for v in _INTERIOR)
    end = sum(edge[v, _OUTPUT] for v in _INTERIOR)
    parts = (there, _MANY * (1 - there), vertices, inside, there.sum(axis=0), numbers)
    return _Shapes(starts, _table(parts, len(starts)), _weights(enter, end, edge[0, _OUTPUT]))


def _table(parts: Iterable[Any], columns: int) -> NDArray[np.float32]:
    """Return arrays whose last axis is the same below each other."""
    rows = [
        np.asarray(row, np.float32).reshape(-1, columns) for part in parts for row in _rows(part)
    ]
    return np.concatenate(rows)


def _rows(part: Any) -> list[Any]:
    return part if isinstance(part, list) else [part]


@cache
def _labels() -> _Labels:
    digits = np.indices((KINDS,) * len(_INTERIOR)).reshape(len(_INTERIOR), 1, LABELLINGS)
    kinds = (digits == np.arange(KINDS)[:, None]).astype(np.float32)
    along = np.einsum("pv,ck,vkl->pcl", _ON.astype(np.float32), _TOTAL, kinds)
    pairs = [
        (kinds[s - 1][:, None] * kinds[t - 1][None]).reshape(KINDS**2, LABELLINGS)
        for s, t in _INSIDE
    ]
    return _Labels(_table((along, kinds, pairs), LABELLINGS))


def _product(factors: Iterable[NDArray[Any]]) -> NDArray[Any]:
    product: NDArray[Any] = np.prod(list(factors), axis=0)
    return product
