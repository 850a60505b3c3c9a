"""NAS-Bench-NLP: the 14,322 recurrent cells that were trained on Penn Treebank.

Klyuchnikov et al., "NAS-Bench-NLP: Neural Architecture Search Benchmark for Natural Language
Processing", IEEE Access 2022, and fmsnew/nas-bench-nlp-release. The cells were drawn from a space
far too large to train, of which nothing else was measured: the space here is their list. A cell is
a graph of operations on the input `x` and the states before, `h_prev_0` to `h_prev_2`, which makes
the new states `h_new_0` and so on; the list beside this file has a line a cell, in the order of its
number, and is made by `pool` in `tables/importers/nasbench_nlp.py`.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import numpy as np

from nasbench_suite.core import Arch, Ints
from nasbench_suite.spaces._dags import ABSENT, Dags
from nasbench_suite.spaces._pool import Pool

Recipe = Mapping[str, tuple[str, tuple[str, ...]]]
"""Of each node its operation and what that reads."""

OPERATIONS: Final = (
    "linear",
    "blend",
    "elementwise_prod",
    "elementwise_sum",
    "activation_tanh",
    "activation_sigm",
    "activation_leaky_relu",
)
NODES: Final = ("x", "state", "output")
"""What else a graph of a cell has; kinds count on after the operations."""
_LIST: Final = Path(__file__).with_name("nasbench_nlp.txt.gz")
_KINDS: Final = {kind: place for place, kind in enumerate((*OPERATIONS, *NODES))}


class NasbenchNlp(Pool):
    """The cells; an architecture is the place in the list of their published numbers."""

    name = "nasbench_nlp"
    genes = (14_322,)

    @cached_property
    def _lines(self) -> list[tuple[str, str]]:
        text = gzip.decompress(_LIST.read_bytes()).decode("ascii")
        parts = (line.partition(" ") for line in text.split("\n"))
        return [(name, cell) for name, _, cell in parts]

    @cached_property
    def names(self) -> Sequence[str]:
        """The numbers of the published recipes, ascending."""
        return [name for name, _ in self._lines]

    def recipe(self, arch: Arch) -> Recipe:
        """Return the operation of each node of a cell, and what it reads, as published."""
        return read(self._lines[arch[0]][1])

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Return the cells, with a node for each thing read and an output that reads new states.

        Kinds are seven operations, `x`, an old state, and the output.
        """
        cells = [_numbered(self.recipe((place,))) for place in self._genes(archs)[:, 0].tolist()]
        nodes = max((len(kinds) for kinds, _ in cells), default=0)
        kinds = np.full((len(cells), nodes), ABSENT)
        edges = np.zeros((len(cells), nodes, nodes), dtype=np.int8)
        for cell, (own, pairs) in enumerate(cells):
            kinds[cell, : len(own)] = own
            for source, target in pairs:
                edges[cell, source, target] += 1
        return Dags(kinds, edges, len(_KINDS))

    @cached_property
    def features(self) -> Ints:
        """How many nodes, new states and longest path, then edges by what they join, 66 features.

        An edge leads from one of seven operations, `x` or an old state to one of the operations.
        """
        return np.array([_features(read(cell)) for _, cell in self._lines])


def written(recipe: Recipe) -> str:
    """Return a cell as a line of the list: `f=linear(x,h_prev_0);h_new_0=activation_tanh(f)`."""
    return ";".join(f"{node}={kind}({','.join(read)})" for node, (kind, read) in recipe.items())


def read(cell: str) -> Recipe:
    """Return the cell of a line of the list."""
    found = {}
    for part in cell.split(";"):
        node, _, rest = part.partition("=")
        kind, _, inputs = rest.rstrip(")").partition("(")
        found[node] = kind, tuple(inputs.split(","))
    return found


def _numbered(recipe: Recipe) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the kinds of a cell's nodes, and which node is read by which."""
    # A recipe may name a node before what it reads.
    reads = {node: sources for node, (_, sources) in recipe.items()}
    names = list(TopologicalSorter(reads).static_order())
    places = {name: place for place, name in enumerate(names)}
    pairs = [(places[s], places[node]) for node, sources in reads.items() for s in sources]
    pairs += [(place, len(names)) for name, place in places.items() if _is_new(name)]
    return [*(_KINDS[_kind(name, recipe)] for name in names), _KINDS["output"]], pairs


def _kind(name: str, recipe: Recipe) -> str:
    """Return the operation of a node, or `x` or `state` for what the cell is given."""
    if name in recipe:
        return recipe[name][0]
    return "x" if name == "x" else "state"


def _is_new(name: str) -> bool:
    return name.startswith("h_new_")


def _features(recipe: Recipe) -> list[int]:
    edges = [0] * (len(OPERATIONS) + 2) * len(OPERATIONS)
    depth: dict[str, int] = {}
    for node, (kind, inputs) in recipe.items():
        for source in inputs:
            edges[_KINDS[_kind(source, recipe)] * len(OPERATIONS) + _KINDS[kind]] += 1
        depth[node] = 1 + max([depth.get(source, 0) for source in inputs])
    states = sum(map(_is_new, recipe))
    return [len(recipe), states, max(depth.values()), *edges]
