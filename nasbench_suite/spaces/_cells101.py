"""The cells of NAS-Bench-101 as numbers: which matrices are valid, and which cells are the same.

A matrix is the integer of its 21 bits above the diagonal, row by row, the first bit the highest.
A vertex that lies on no path from input to output is dead. The *shape* of a matrix is what is left
without its dead vertices, the living ones moved to the last places before the output; a *labelled
cell* is a shape with an operation for each of its interior vertices, and its operations are an
integer in base 3, the first vertex the highest. Of 1,293,208 labelled cells those are isomorphic
that differ in the order of their interior vertices: 423,624 classes, which are those of the
official hash (Ying et al., ICML 2019, sections 2.1 and 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import md5
from itertools import combinations, permutations
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Ints

VERTICES: Final = 7
MAX_EDGES: Final = 9
EDGES: Final = tuple(combinations(range(VERTICES), 2))
"""Source and target of each bit of a matrix, row by row."""
KINDS: Final = 3
"""How many operations there are."""
LABELLINGS: Final = KINDS ** (VERTICES - 2)

_OUTPUT: Final = VERTICES - 1
_INTERIOR: Final = range(1, _OUTPUT)
_BIT: Final = {edge: len(EDGES) - 1 - number for number, edge in enumerate(EDGES)}
_MATRICES: Final = 1 << len(EDGES)


class Tables(NamedTuple):
    """What takes a matrix and its operations to the canonical cell."""

    place: NDArray[np.int32]
    """Of each matrix: the place of the first labelled cell of its shape, times 32, plus the set of
    living interior vertices, a bit each and vertex 1 the lowest; -1 if the matrix is invalid."""
    matrices: NDArray[np.int32]
    """The valid matrices, ascending."""
    operations: NDArray[np.int16]
    """Of each set of living vertices, and in it of each five operations: those of the living."""
    number: NDArray[np.int32]
    """Of each labelled cell: which canonical cell it is."""
    cells: NDArray[np.int8]
    """The genes of each canonical cell, (cells, 26)."""


def living(edges: Iterable[tuple[int, int]], output: int) -> set[int]:
    """Return the vertices on paths from vertex 0 to the output; all edges lead upwards."""
    upwards = sorted(edges)
    reached, reaching = {0}, {output}
    for source, target in upwards:
        if source in reached:
            reached.add(target)
    for source, target in reversed(upwards):
        if target in reaching:
            reaching.add(source)
    return reached & reaching


def fingerprint(matrix: Sequence[Sequence[int]], labels: Sequence[int]) -> str:
    """Return the official hash of a pruned cell (the paper, section 2.2).

    Each vertex begins with its degrees and its label, -1 for the input, -2 for the output, else
    the number of its operation. As often as there are vertices, each takes in what its
    neighbours have, sorted, so that the order of the vertices does not matter.
    """
    every = range(len(matrix))
    sources = [[other for other in every if matrix[other][vertex]] for vertex in every]
    targets = [[other for other in every if matrix[vertex][other]] for vertex in every]
    hashes = [
        _md5(str((len(after), len(before), label)))
        for after, before, label in zip(targets, sources, labels, strict=True)
    ]
    for _ in every:
        hashes = [
            _md5(
                "".join(sorted([hashes[other] for other in sources[vertex]]))
                + "|"
                + "".join(sorted([hashes[other] for other in targets[vertex]]))
                + "|"
                + hashes[vertex]
            )
            for vertex in every
        ]
    return _md5(str(sorted(hashes)))


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


@cache
def tables() -> Tables:
    """Return the tables; they take a fraction of a second to make, and are kept."""
    alive = _alive()
    ends = 1 | 1 << _OUTPUT
    within = np.array([_edges_within(vertices) for vertices in range(1 << VERTICES)], np.int32)
    matrices = np.arange(_MATRICES, dtype=np.int32)
    pruned = matrices & within[alive]
    valid = (alive & ends == ends) & (np.bitwise_count(pruned) <= MAX_EDGES)
    whole = matrices[valid & (pruned == matrices)]

    start = np.zeros(_MATRICES, dtype=np.int32)
    operations = np.zeros((1 << len(_INTERIOR), LABELLINGS), dtype=np.int16)
    number: list[Ints] = []
    cells: list[NDArray[np.int8]] = []
    labelled = canonical = 0
    for count in range(len(_INTERIOR) + 1):
        last = tuple(_INTERIOR)[len(_INTERIOR) - count :]
        shapes = whole[alive[whole] == _set(last) | ends]
        numbers, genes = _classes(shapes, last)
        for vertices in combinations(_INTERIOR, count):
            same = whole[alive[whole] == _set(vertices) | ends]
            moved = _renamed(same, dict(zip(vertices, last, strict=True)))
            start[same] = labelled + KINDS**count * np.searchsorted(shapes, moved)
            operations[_set(vertices) >> 1] = _written(_digits(5)[:, [v - 1 for v in vertices]])
        number.append(numbers + canonical)
        cells.append(genes)
        labelled += len(numbers)
        canonical += len(genes)
    made = Tables(
        place=np.where(valid, start[pruned] << 5 | (alive >> 1 & 31), -1).astype(np.int32),
        matrices=matrices[valid],
        operations=operations.ravel(),
        number=np.concatenate(number).astype(np.int32),
        cells=np.concatenate(cells),
    )
    for table in made:
        table.setflags(write=False)
    return made


@cache
def copies() -> Ints:
    """Return of each canonical cell how many valid matrices and operations make it, (cells,)."""
    known = tables()
    # Matrices of one shape and one set of living vertices make the same cells.
    kinds, matrices = np.unique(known.place[known.matrices], return_counts=True)
    living = known.operations.reshape(-1, LABELLINGS)[kinds & 31]
    cells = known.number[(kinds >> 5)[:, None] + living]
    counts = np.bincount(cells.ravel(), np.repeat(matrices, LABELLINGS), len(known.cells))
    return counts.astype(np.int64)


def _alive() -> NDArray[np.uint8]:
    """Return the set of living vertices of each matrix, a bit a vertex.

    The bits of a matrix are its rows, so all matrices are all first rows with all second rows
    and so on. What the input reaches follows from the rows in this order, and what reaches the
    output from the rows in reverse.
    """
    reached = np.array([1], dtype=np.uint8)
    reaching = np.array([1 << _OUTPUT], dtype=np.uint8)
    for vertex in range(_OUTPUT):
        before = reached[:, None]
        reached = (before | np.where(before & 1 << vertex, _targets(vertex), 0)).ravel()
    for vertex in reversed(range(_OUTPUT)):
        leads = _targets(vertex)[:, None] & reaching != 0
        reaching = (reaching | leads.astype(np.uint8) << np.uint8(vertex)).ravel()
    return reached & reaching


def _targets(vertex: int) -> NDArray[np.uint8]:
    """Return the set of vertices that each possible row of a vertex leads to."""
    rows = np.arange(1 << (_OUTPUT - vertex))
    found = np.zeros_like(rows)
    for target in range(vertex + 1, VERTICES):
        found |= (rows >> (_OUTPUT - target) & 1) << target
    return found.astype(np.uint8)


def _set(vertices: Iterable[int]) -> int:
    return sum(1 << vertex for vertex in vertices)


def _edges_within(vertices: int) -> int:
    """Return the matrix of all edges between vertices of a set."""
    return sum(1 << bit for (s, t), bit in _BIT.items() if vertices >> s & vertices >> t & 1)


def _renamed(matrices: NDArray[Any], names: dict[int, int]) -> NDArray[Any]:
    """Return matrices with other names of their vertices; _MATRICES where an edge leads down."""
    result = np.zeros_like(matrices)
    down = np.zeros(len(matrices), dtype=bool)
    for (source, target), bit in _BIT.items():
        present = matrices >> bit & 1
        to = _BIT.get((names.get(source, source), names.get(target, target)))
        if to is None:
            down |= present.astype(bool)
        else:
            result |= present << to
    return np.where(down, _MATRICES, result)


def _digits(count: int) -> Ints:
    """Return the digits of all numbers of so many digits in base 3, (numbers, digits)."""
    return np.indices((KINDS,) * count).reshape(count, KINDS**count).T


def _written(digits: Ints) -> Ints:
    """Return the numbers with these digits in base 3."""
    powers = KINDS ** np.arange(digits.shape[1])[::-1]
    return digits @ powers


def _classes(shapes: NDArray[Any], last: tuple[int, ...]) -> tuple[Ints, NDArray[np.int8]]:
    """Sort the labelled cells of shapes with these interior vertices into their classes.

    A class is known by its smallest shape, and of the namings that lead to it by the one with the
    smallest operations: this is also the first cell of the class in lexicographic order.

    Returns:
        the class of each labelled cell, counted from 0, and the genes of the first of each.
    """
    count = len(last)
    digits = _digits(count)
    orders = list(permutations(range(count)))
    renamed = np.array(
        [
            _renamed(shapes, {v: last[to] for v, to in zip(last, order, strict=True)})
            for order in orders
        ]
    )
    smallest = renamed.min(axis=0)
    least = np.full((len(shapes), len(digits)), len(digits))
    for order, matrices in zip(orders, renamed, strict=True):
        rows = np.flatnonzero(matrices == smallest)
        # The vertex at place v goes to order[v], and its digit with it.
        labels = _written(digits[:, np.argsort(order)])
        least[rows] = np.minimum(least[rows], labels)
    first = (smallest == shapes)[:, None] & (least == np.arange(len(digits)))
    canonical = np.searchsorted(shapes, smallest)[:, None] * len(digits) + least
    numbers = (np.cumsum(first) - 1)[canonical.ravel()]

    shape, labels = np.nonzero(first)
    genes = np.zeros((len(shape), len(EDGES) + len(_INTERIOR)), dtype=np.int8)
    bits = (shapes[:, None] >> np.arange(len(EDGES))[::-1] & 1).astype(np.int8)
    genes[:, : len(EDGES)] = bits[shape]
    genes[:, genes.shape[1] - count :] = digits[labels]
    return numbers, genes
