"""Features of the live part of NAS-Bench-101's cells, for models: what lies on its paths.

A cell is a shape and a labelling of its interior vertices (see `_cells101`); what depends on one of
them alone is in tables, and features join the two. They do not depend on the order of vertices.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import combinations, pairwise
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


class _Shapes(NamedTuple):
    """What depends on the shape of a cell, by the order of the shapes, which is their last axis."""

    starts: Ints
    """The place of the first labelled cell of each shape, ascending."""
    paths: NDArray[np.float32]
    """(2, paths, shapes): which of the possible paths there are, and `_MANY` where one is not."""
    number: NDArray[np.float32]
    """How many paths there are."""
    vertices: NDArray[np.float32]
    """(quantities, interior vertices, shapes): what is multiplied with a vertex's operation."""
    inside: NDArray[np.float32]
    """Which edges there are between interior vertices."""
    numbers: NDArray[np.float32]
    """Edges, living vertices, edge from input to output, and degrees."""
    weights: Floats
    """(2, shapes): what `_log_params` reads."""


class _Labels(NamedTuple):
    """What depends on the operations of a cell, which are the last axis."""

    along: NDArray[np.float32]
    """(paths, counts, labellings): what is counted along each possible path."""
    kinds: NDArray[np.float32]
    """(interior vertices, kinds, labellings): the indicators of the operations."""
    pairs: NDArray[np.float32]
    """(edges between interior vertices, pairs of kinds, labellings): what the edge would join."""


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
    kinds = named.kinds.take(labels, axis=-1)
    vertices = known.vertices.take(row, axis=-1)[:, :, None] * kinds
    by_kind = vertices.sum(axis=1)
    most = vertices[1:3].max(axis=1)
    joined = (known.inside.take(row, axis=-1)[:, None] * named.pairs.take(labels, axis=-1)).sum(
        axis=0
    )
    paths, number = known.paths.take(row, axis=-1), known.number.take(row)
    here = named.along.take(labels, axis=-1) * paths[0, :, None]
    # Of how many paths a vertex is, and of which part of the walks, summed over the vertices, is
    # what is counted along them.
    along, walked = _TOTAL @ by_kind[1], _TOTAL @ by_kind[2]
    for part in (by_kind[2], most[1], walked):
        part /= _PARTS
    found = np.concatenate(
        [
            number[None],
            along,
            here.max(axis=0),
            (here + paths[1, :, None]).min(axis=0),
            along / number,
            walked,
            known.numbers.take(row, axis=-1),
            *by_kind,
            *most,
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
    inner = float(sum(_CELLS * width**2 for width, _ in _STACKS))
    found: Floats = np.log(inner * (9 * kinds[0] + kinds[1]) * weights[0] + weights[1])[None]
    return found


def _weights(entering: Any, ending: Any, direct: Any) -> Floats:
    """Return what `_log_params` is told of the shapes of cells, (2, shapes).

    Args:
        entering: how many edges from the input to interior vertices, each a projection.
        ending: how many edges from interior vertices to the output, which share its channels.
        direct: whether an edge leads from input to output.
    """
    share = 1.0 / np.maximum(ending, 1.0)
    outer = float(sum(((_CELLS - 1) * width + first) * width for width, first in _STACKS))
    return np.array([share**2, outer * (entering * share + direct)])


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
    paths = (there, _MANY * (1 - there))
    enter = sum(edge[0, v] for v in _INTERIOR)
    end = sum(edge[v, _OUTPUT] for v in _INTERIOR)
    return _Shapes(
        starts,
        paths=np.array(paths, dtype=np.float32),
        number=there.sum(axis=0, dtype=np.float32),
        vertices=np.array([np.asarray(part, np.float32) for part in vertices]),
        inside=np.array(inside, dtype=np.float32),
        numbers=np.array(numbers, dtype=np.float32),
        weights=_weights(enter, end, edge[0, _OUTPUT]),
    )


@cache
def _labels() -> _Labels:
    digits = np.indices((KINDS,) * len(_INTERIOR)).reshape(len(_INTERIOR), 1, LABELLINGS)
    kinds = (digits == np.arange(KINDS)[:, None]).astype(np.float32)
    along = np.einsum("pv,ck,vkl->pcl", _ON.astype(np.float32), _TOTAL, kinds)
    pairs = [
        (kinds[s - 1][:, None] * kinds[t - 1][None]).reshape(KINDS**2, LABELLINGS)
        for s, t in _INSIDE
    ]
    return _Labels(along, kinds, np.array(pairs))


def _product(factors: Iterable[NDArray[Any]]) -> NDArray[Any]:
    product: NDArray[Any] = np.prod(list(factors), axis=0)
    return product
