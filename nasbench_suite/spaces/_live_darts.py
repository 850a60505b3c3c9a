"""Features of the paths of a DARTS cell, from either of its inputs to its output.

A node sums an operation on each of its two predecessors, and the output is all nodes side by side,
so every node lies on a path, and the features do not depend on the order of the nodes.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, pairwise, product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, Ints
from nasbench_suite.spaces._live import along_paths

_NODES: Final = (2, 3, 4, 5)
_EDGES: Final = tuple((source, node) for node in _NODES for source in range(node))
_KINDS: Final = 7
_COUNTED: Final = np.array([*np.eye(_KINDS), [0, 0, 0, 1, 1, 1, 1], [1] * _KINDS])
"""What is counted along a path, by operation: each of them, convolutions, and all."""
_PATHS: Final = tuple(
    (source, *nodes)
    for length in range(1, len(_NODES) + 1)
    for source, nodes in product((0, 1), combinations(_NODES, length))
)
"""The nodes of each possible path, the input first."""
_ON: Final = np.array(
    [[edge in tuple(pairwise(path)) for edge in _EDGES] for path in _PATHS], dtype=np.float32
)
"""Which edges are on each possible path."""
_LENGTHS: Final = np.array([[len(path) - 1] for path in _PATHS], dtype=np.float32)
_SHARES: Final = 2 ** (len(_NODES) - _LENGTHS)
"""How often a walk back from the output takes a path that is there, of two edges at each node."""
_STARTS: Final = np.array(
    [[edge[0] == source for edge in _EDGES] for source in (0, 1)], dtype=np.float32
)


class _Node(NamedTuple):
    """What a node's three genes, as one code, say of the edges to it."""

    worth: Ints
    """What each gene is worth in the code."""
    counts: NDArray[np.float32]
    """(edges to the node, counts, codes): what is counted on each; zeros where no edge is."""


COLUMNS: Final = 64
"""How many features a cell has."""


def features(genes: Ints) -> Floats:
    """Return the features of cells, (cells, 64).

    These are, in this order: those of `along_paths` for each kind of `_COUNTED`; and what is
    counted on the edges from input 0, and on those from input 1.

    Args:
        genes: of each node the pair of its predecessors and the two operations, (cells, 12).
    """
    edges = np.concatenate(
        [
            node.counts.take(genes[:, 3 * place : 3 * place + 3] @ node.worth, axis=2)
            for place, node in enumerate(_nodes())
        ]
    )
    kinds, cells = edges.shape[1:]
    flat = edges.reshape(len(_EDGES), kinds * cells)
    counts = (_ON @ flat).reshape(len(_PATHS), kinds, cells)
    there = (counts[:, -1] == _LENGTHS).astype(np.float32)
    begun = (_STARTS @ flat).reshape(2 * kinds, cells)
    found = np.concatenate([along_paths(there, counts, there * _SHARES), begun])
    return np.ascontiguousarray(found.T, dtype=np.float64)


@cache
def _nodes() -> tuple[_Node, ...]:
    found = []
    for node in _NODES:
        pairs = tuple(combinations(range(node), 2))
        counts = np.zeros((node, len(_COUNTED), len(pairs) * _KINDS**2), dtype=np.float32)
        for code, (pair, *kinds) in enumerate(product(pairs, range(_KINDS), range(_KINDS))):
            for source, kind in zip(pair, kinds, strict=True):
                counts[source, :, code] = _COUNTED[:, kind]
        found.append(_Node(np.array([_KINDS**2, _KINDS, 1]), counts))
    return tuple(found)
