"""The cells of NAS-Bench-101 of up to four vertices: 91 of them, and all were trained again.

Bakhtiarifard, Igel and Selvan, "EC-NAS: Energy Consumption Aware Tabular Benchmarks for Neural
Architecture Search", ICASSP 2024. An architecture is the six edges of four vertices and the
operations of the two between input and output; as in `nasbench101`, dead vertices are allowed, and
`canonical` gives the one tuple of a cell without any.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture, shown
from nasbench_suite.graph import Graph
from nasbench_suite.spaces._cells101 import EDGES, VERTICES
from nasbench_suite.spaces._dags import Dags
from nasbench_suite.spaces._sparse import Sparse
from nasbench_suite.spaces.nasbench101 import OPERATIONS, Nasbench101

_KEPT: Final = (0, 4, 5, 6)
"""Which of seven vertices these are: a smaller cell keeps the input and takes the last places."""
_EDGES: Final = tuple(combinations(_KEPT, 2))
_PLACES: Final = (
    *(EDGES.index(edge) for edge in _EDGES),
    *(len(EDGES) + vertex - 1 for vertex in _KEPT[1:-1]),
)
"""Where its genes are among those of seven vertices."""
_PATHS: Final = 1 + 3 + 9


class _Seven(Nasbench101):
    """The cells of seven vertices, which say of what is wrong that it is no cell of four."""

    name = "nasbench101_4v"


class Nasbench1014v(Sparse):
    """The cells; an architecture is the edges 01, 02, 03, 12, 13, 23, then two operations."""

    name = "nasbench101_4v"
    genes = (2,) * len(_EDGES) + (len(OPERATIONS),) * 2
    _seven: Final = _Seven()

    def widened(self, arch: Arch) -> Arch:
        """Return the same cell as an architecture of `nasbench101`, whose other genes are 0."""
        wide = [0] * len(self._seven.genes)
        for place, gene in zip(_PLACES, arch, strict=True):
            wide[place] = gene
        return tuple(wide)

    def narrowed(self, arch: Arch) -> Arch:
        """Return an architecture of `nasbench101` that has no other vertices as one of four."""
        return tuple([arch[place] for place in _PLACES])

    def fault(self, arch: Arch) -> str | None:
        """Say what is wrong with a tuple of integers, or None if it is in the space."""
        return super().fault(arch) or self._seven.fault(self.widened(arch))

    def canonical(self, arch: Arch) -> Arch:
        """Return the isomorphic architecture that comes first, which has no dead vertex."""
        return self.narrowed(self._seven.canonical(self.widened(arch)))

    def parse(self, text: str) -> Arch:
        """Return the cell of a matrix, row by row, and operations: `011000110001…:input,…,output`.

        It may have two, three or four vertices.
        """
        wide = self._seven.parse(text)
        arch = self.narrowed(wide)
        if self.widened(arch) != wide:
            raise InvalidArchitecture(
                f"{shown(text)} is no architecture of {self.name}: it has more than four vertices"
            )
        return arch

    def format(self, arch: Arch) -> str:
        """Return the official records' matrix and operations of all four vertices."""
        a, b, c, d, e, f, first, second = arch
        words = f"input,{OPERATIONS[first]},{OPERATIONS[second]},output"
        return f"0{a}{b}{c}00{d}{e}000{f}0000:{words}"

    def graph(
        self,
        arch: Arch,
        *,
        classes: int,
        size: int,
        image_channels: int = 3,
        width: int = 128,
        cells: int = 3,
    ) -> Graph:
        """Return the network, as `nasbench101` has it."""
        return self._seven.graph(
            self.widened(arch),
            classes=classes,
            size=size,
            image_channels=image_channels,
            width=width,
            cells=cells,
        )

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Return the pruned cells, as `nasbench101` has them."""
        return self._seven.dags(self._wide(self._genes(archs)))

    def _encode_adjacency(self, genes: Ints) -> Floats:
        """Whether each edge is there, then which operation each vertex has, 6 + 6 features.

        Of the pruned cell: what is dead has zeros alone.
        """
        edges = _PLACES[: len(_EDGES)]
        labels = range(len(EDGES) + 3 * (VERTICES - 4), len(EDGES) + 3 * (VERTICES - 2))
        return self._seven.encode(self._wide(genes), "adjacency")[:, [*edges, *labels]]

    def _encode_live(self, genes: Ints) -> Floats:
        """What lies on the paths from input to output, as `nasbench101` has it."""
        return self._seven.encode(self._wide(genes), "live")

    def _encode_path(self, genes: Ints) -> Floats:
        """Which sequences of operations lead from the input to the output, 13 features."""
        return self._seven.encode(self._wide(genes), "path")[:, :_PATHS]

    def _wide(self, genes: Ints) -> Ints:
        wide = np.zeros((len(genes), len(self._seven.genes)), dtype=np.int64)
        wide[:, _PLACES] = genes
        return wide
