"""NAS-Bench-Graph: graph networks of four computing nodes, each with one parent and an operation.

Qin et al., "NAS-Bench-Graph: Benchmarking Graph Neural Architecture Search", NeurIPS 2022, section
3.1, and the authors' repository, THUMNLab/NAS-Bench-Graph. Nodes without a child are joined at the
output. Nine lists of parents are all there are up to the nodes' order, and of the networks that
are the same one is published: 26,206. The rule here gives exactly those; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture
from nasbench_suite.spaces._dags import ABSENT, Dags
from nasbench_suite.spaces._live import along_paths
from nasbench_suite.spaces._sparse import Sparse

PARENTS: Final = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 0, 1, 2),
    (0, 0, 1, 3),
    (0, 1, 1, 1),
    (0, 1, 1, 2),
    (0, 1, 2, 2),
    (0, 1, 2, 3),
)
"""The parent of each node, 0 for the input and j for the j-th node; by their published numbers."""

OPERATIONS: Final = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
"""By their published numbers; `fc` is a linear layer without neighbours, `skip` does nothing."""

_SKIP: Final = OPERATIONS.index("skip")
_ALIKE: Final = (
    ((0,), (1,), (2,), (3,)),
    ((1,), (2,)),
    ((2,), (3,)),
    ((0, 2), (1, 3)),
    (),
    ((1,), (2,), (3,)),
    (),
    ((2,), (3,)),
    (),
)
"""Of each list of parents the branches that could change places, each as its nodes from 0."""

_COUNTED: Final = (*((kind,) for kind in range(9)), (0, 1, 2, 3, 4, 5, 6), tuple(range(8)))
"""What is counted along a path: each operation, those that read neighbours, all but skips."""

_LISTS: Final = {"".join(map(str, parents)): number for number, parents in enumerate(PARENTS)}
_NAMES: Final = {name: number for number, name in enumerate(OPERATIONS)}


class NasbenchGraph(Sparse):
    """The networks; an architecture is the number of its parents' list, then four operations."""

    name = "nasbench_graph"
    genes = (9,) * 5

    def parse(self, text: str) -> Arch:
        """Return the network written like `0112:gcn,gin,cheb,fc`: parents, then operations.

        The nodes must stand in the published order, which `fault` explains.
        """
        parents, _, operations = text.partition(":")
        try:
            genes = [_LISTS[parents], *(_NAMES[name] for name in operations.split(","))]
        except KeyError:
            raise InvalidArchitecture(
                f"{text!r} is no architecture of {self.name}, which has parents and operations as "
                f"0112:gcn,gin,cheb,fc; parents are one of {', '.join(_LISTS)}, each operation one "
                f"of {', '.join(OPERATIONS)}"
            ) from None
        return self.check(genes)

    def format(self, arch: Arch) -> str:
        """Return the parents' digits and the operations' names."""
        parents = "".join(map(str, PARENTS[arch[0]]))
        return f"{parents}:{','.join(OPERATIONS[gene] for gene in arch[1:])}"

    def key(self, arch: Arch) -> int:
        """Return the integer under which the original benchmark keeps the network."""
        return int("".join(map(str, arch)))

    def from_key(self, key: int) -> Arch:
        """Return the network that the original benchmark keeps under an integer.

        Raises:
            InvalidArchitecture: it keeps none.
        """
        return self.check([int(digit) if digit.isdigit() else -1 for digit in f"{key:05d}"])

    def fault(self, arch: Arch) -> str | None:
        """Say what is wrong with a tuple of integers, or None if it is in the space.

        Of the ways to write a network the published one has its idle skips first, as a chain from
        the input; a skip is idle unless it joins something deeper to the output beside a sibling.
        Branches that could change places stand in ascending order of their operations.
        """
        wrong = super().fault(arch)
        if wrong is not None:
            return wrong
        parents, operations = PARENTS[arch[0]], arch[1:]
        if operations == (_SKIP,) * 4:
            return "it does nothing but skip"
        first = 0
        while operations[first] == _SKIP and first not in parents[first + 1 :]:
            first += 1
        for node in range(first, 4):
            above = parents[node]
            idle = node + 1 in parents or parents.count(above) == 1 or above == first
            if operations[node] == _SKIP and idle:
                return f"node {node + 1} is a skip that is written first in the published order"
        branches = [[operations[node] for node in branch] for branch in _ALIKE[arch[0]]]
        if branches != sorted(branches):
            return "branches that could change places are not in the published order"
        return None

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Return the operations, the input and the output; what reads a skip reads what it reads.

        Kinds are eight operations, input and output.
        """
        genes = self._genes(archs)
        nodes, rows = len(PARENTS[0]), np.arange(len(genes))
        kinds = np.full((len(genes), nodes + 2), ABSENT)
        kinds[:, 0], kinds[:, -1] = _SKIP, _SKIP + 1
        edges = np.zeros((len(genes), nodes + 2, nodes + 2), dtype=np.int8)
        # Which place is read where the network reads a node.
        passed = np.zeros((len(genes), nodes + 1), dtype=np.int64)
        parents = np.array(PARENTS)[genes[:, 0]]
        for node in range(1, nodes + 1):
            source, operation = passed[rows, parents[:, node - 1]], genes[:, node]
            there = operation != _SKIP
            kinds[there, node] = operation[there]
            edges[rows[there], source[there], node] = 1
            passed[:, node] = np.where(there, node, source)
        for node in range(1, nodes + 1):
            leaf = (parents != node).all(axis=1)
            edges[rows[leaf], passed[leaf, node], -1] += 1
        return Dags(kinds, edges, _SKIP + 2)

    def _encode_live(self, genes: Ints) -> Floats:
        """What lies on the paths from the input to the nodes without a child, 131 features.

        Those of `along_paths` for each kind of `_COUNTED`; then, for each kind, how many nodes
        count, how many of them read the input, how many are joined at the output, and how many lie
        at each depth, which is the number of nodes down to it that do not skip; last an
        indicator of the list of parents.
        """
        trees = _trees()
        along = trees.above.take(genes[:, 0], axis=2)
        counts = _counts().take(genes[:, 1:].T, axis=1)
        paths = np.einsum("evn,kvn->ekn", along, counts)
        leaves, firsts = (
            trees.leaves.take(genes[:, 0], axis=1),
            trees.firsts.take(genes[:, 0], axis=1),
        )
        depths = [(paths[:, -1] == depth).astype(np.float32) for depth in range(1, 5)]
        lists = genes[:, 0] == np.arange(len(PARENTS))[:, None]
        groups = (np.ones_like(leaves), firsts, leaves, *depths)
        nodes = [np.einsum("kvn,vn->kn", counts, which) for which in groups]
        found = np.concatenate([along_paths(leaves, paths), *nodes, lists])
        return np.ascontiguousarray(found.T, dtype=np.float64)


class _Trees(NamedTuple):
    """What depends on the list of parents; the lists are the last axis."""

    above: NDArray[np.float32]
    """(nodes, nodes, lists): whether the second is the first or above it."""
    leaves: NDArray[np.float32]
    """(nodes, lists): whether a node has no child."""
    firsts: NDArray[np.float32]
    """(nodes, lists): whether a node reads the input."""


@cache
def _trees() -> _Trees:
    above = np.zeros((4, 4, len(PARENTS)), dtype=np.float32)
    for number, parents in enumerate(PARENTS):
        for node, parent in enumerate(parents):
            if parent:
                above[node, :, number] = above[parent - 1, :, number]
            above[node, node, number] = 1
    lists = np.array(PARENTS).T
    leaves = (np.arange(1, 5)[:, None, None] != lists).all(axis=1)
    return _Trees(above, leaves.astype(np.float32), (lists == 0).astype(np.float32))


@cache
def _counts() -> NDArray[np.float32]:
    """Return what counts of each operation, (counts, operations)."""
    rows = [[kind in kinds for kind in range(len(OPERATIONS))] for kinds in _COUNTED]
    return np.array(rows, dtype=np.float32)
