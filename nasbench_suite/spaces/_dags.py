"""Architectures as small graphs of operations, for models that read graphs.

These are not the networks of `graph.Graph`, which has a node for every layer: they have a node for
every choice, so that a cell that is stacked fifteen times is one cell here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Ints

ABSENT: Final = -1
"""The kind of a node that an architecture lacks."""


class Dags(NamedTuple):
    """Directed acyclic graphs, one an architecture, with as many places for nodes."""

    kinds: Ints
    """(architectures, nodes): the operation of each node, or `ABSENT` where there is none."""
    edges: NDArray[np.int8]
    """(architectures, nodes, nodes): how often the third axis' node reads the second's."""
    choices: int
    """How many kinds of nodes the space has; they are counted from 0."""


def chain(genes: Ints, choices: Sequence[int]) -> Dags:
    """Return a node for each gene, in a row; a gene's choices are kinds of their own.

    Args:
        genes: (architectures, genes).
        choices: how many each gene has.
    """
    starts = list(accumulate(choices, initial=0))
    nodes = len(choices)
    edges = np.tile(np.eye(nodes, k=1, dtype=np.int8), (len(genes), 1, 1))
    return Dags(genes + np.array(starts[:-1]), edges, starts[-1])


def on_edges(
    genes: Ints, joined: Sequence[tuple[int, int]], operations: Sequence[int], *, skip: int
) -> Dags:
    """Return cells that have an operation on each edge and sum at their nodes.

    A node here is an operation, the input (first) or the output (last). A skip passes on what it
    reads, so it is no node, but what reads it reads what it reads. What lies on no path from the
    input to the output is absent.

    Args:
        genes: the operation of each edge, (cells, edges).
        joined: source and target of each edge, by ascending target; the input is 0 and the output
            the last target.
        operations: those that are nodes, whose kinds are their places here; the input and the
            output have the two kinds after them. What is neither of these nor a skip carries
            nothing.
        skip: the operation that passes on what it reads.
    """
    cells, count = genes.shape
    kinds = np.full((cells, count + 2), ABSENT)
    kinds[:, 0], kinds[:, -1] = len(operations), len(operations) + 1
    edges = np.zeros((cells, count + 2, count + 2), dtype=np.int8)
    # How often each node of the cell reads each place.
    reads = np.zeros((joined[-1][1] + 1, cells, count + 2), dtype=np.int8)
    reads[0, :, 0] = 1
    for place, (source, target) in enumerate(joined, start=1):
        gene, read = genes[:, place - 1], reads[source]
        there = np.isin(gene, operations) & read.any(axis=1)
        edges[there, :, place] = read[there]
        reads[target, there, place] += 1
        reads[target] += read * (gene == skip)[:, None]
    for kind, operation in enumerate(operations):
        kinds[:, 1:-1][genes == operation] = kind
    edges[:, :, -1] = reads[-1]
    return _living(Dags(kinds, edges, len(operations) + 2))


def _living(dags: Dags) -> Dags:
    """Return graphs, whose edges lead to later places, without what the last node never reads.

    The first node and the last one stay.
    """
    alive = np.zeros(dags.kinds.shape, dtype=bool)
    alive[:, -1] = True
    for place in reversed(range(dags.kinds.shape[1] - 1)):
        alive[:, place] = (dags.edges[:, place] * alive).any(axis=1)
    kinds, edges = np.where(alive, dags.kinds, ABSENT), dags.edges * alive[:, None]
    kinds[:, 0] = dags.kinds[:, 0]
    return dags._replace(kinds=kinds, edges=edges)
