"""NAS-Bench-101: a cell of up to seven vertices and nine edges, with an operation on each vertex.

Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, section
2. An architecture is what the benchmark's own code takes: all 21 edges of seven vertices, of which
the first is the input and the last the output, and the operations of the five between. A vertex
that lies on no path from input to output is pruned, with its edges, before anything is made of
the cell. What is left has to join input and output and to have at most nine edges.

So one cell is written in many ways: 373,754,169 architectures are 423,624 cells that the official
fingerprint tells apart. Searches go through the architectures, as in the paper, because from one
of them 29 of its 31 neighbours are valid, on average, and 73 % of all tuples are. Of the tuples
whose unused genes are all 0 there are 1,293,208 in half a thousand million, and a search that
changes one gene would never add a vertex to a smaller cell. `canonical` gives the one tuple of a
cell whose unused genes are 0.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from itertools import chain, combinations, compress, pairwise
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import (
    Arch,
    Floats,
    Ints,
    InvalidArchitecture,
    InvalidSetting,
    shown,
)
from nasbench_suite.graph import Graph
from nasbench_suite.spaces import _cells101 as cells101
from nasbench_suite.spaces import _live101 as live101
from nasbench_suite.spaces._cells101 import EDGES, LABELLINGS, MAX_EDGES, VERTICES
from nasbench_suite.spaces._dags import ABSENT, Dags
from nasbench_suite.spaces._network101 import cell
from nasbench_suite.spaces.base import Numbered

OPERATIONS: Final = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")

_OUTPUT: Final = VERTICES - 1
_SOURCES, _TARGETS = np.array(EDGES).T
_WORTH: Final = tuple(LABELLINGS << bit for bit in reversed(range(len(EDGES))))
"""What each edge adds to an architecture's code."""
_NUMBER: Final = {operation: number for number, operation in enumerate(OPERATIONS)}
_LABEL: Final = {"input": -1, "output": -2, **_NUMBER}
_DIGITS: Final = bytes([*b"\2" * 48, 0, 1, *b"\2" * 206])
"""What the digits of a text stand for; 2 for anything else."""

_ROWS: Final = "".join(
    "{}" if source < target else "0" for source in range(VERTICES) for target in range(VERTICES)
)
_SHAPE: Final = (
    "square matrix with an operation for each of its rows, as are "
    "0110001100010000:input,conv3x3-bn-relu,maxpool3x3,output"
)


class Nasbench101(Numbered):
    """The cells; an architecture is the 21 edges of `EDGES`, then the five operations."""

    name = "nasbench101"
    genes = (2,) * len(EDGES) + (len(OPERATIONS),) * (VERTICES - 2)

    # What is valid.

    def fault(self, arch: Arch) -> str | None:
        """Say what is wrong with a tuple of integers, or None if it is in the space."""
        wrong = super().fault(arch)
        if wrong is None and not self._fits(arch):
            return self._misfit(arch)
        return wrong

    def _all_fit(self, genes: Ints) -> bool:
        return bool((cells101.tables().place[self._matrices_of(genes)] >= 0).all())

    def _matrices_of(self, genes: Ints) -> Ints:
        """Return the integer of each cell's matrix, (cells,)."""
        return genes @ self._worth // LABELLINGS

    def _fits(self, edges: Sequence[int]) -> bool:
        """Return whether the benchmark takes a cell of these edges; what follows does not count."""
        return self._place[sum(compress(_WORTH, edges)) // LABELLINGS] >= 0

    @cached_property
    def _worth(self) -> Ints:
        return np.array(self._weights)

    def _misfit(self, arch: Arch) -> str:
        """Say why the benchmark does not take a cell."""
        edges = [edge for edge, present in zip(EDGES, arch, strict=False) if present]
        alive = cells101.living(edges, _OUTPUT)
        if _OUTPUT not in alive:
            return "its input and output are not connected"
        count = sum(alive.issuperset(edge) for edge in edges)
        return f"it has {count} edges between its input and output, and may have {MAX_EDGES}"

    @cached_property
    def _place(self) -> memoryview:
        return cells101.tables().place.data

    def code(self, arch: Arch) -> int:
        """Return the place of a valid tuple among all tuples in lexicographic order."""
        a, b, c, d, e = arch[len(EDGES) :]
        return sum(compress(_WORTH, arch), (((a * 3 + b) * 3 + c) * 3 + d) * 3 + e)

    @cached_property
    def size(self) -> int:
        """The number of architectures, 373,754,169: so many ways to write 423,624 cells."""
        return len(cells101.tables().matrices) * LABELLINGS

    def index(self, arch: Arch) -> int:
        """Return the place among all architectures in lexicographic order; there is no official."""
        matrix, operations = divmod(self.code(arch), LABELLINGS)
        return bisect_left(self._matrices, matrix) * LABELLINGS + operations

    def _at(self, index: int) -> Arch:
        place, operations = divmod(index, LABELLINGS)
        return self.decode(self._matrices[place] * LABELLINGS + operations)

    @cached_property
    def _matrices(self) -> memoryview:
        return cells101.tables().matrices.data

    def sample(self, rng: np.random.Generator) -> Arch:
        """Return an architecture drawn uniformly: of all matrices and operations a valid one."""
        return self._at(int(rng.random() * self.size))

    # Cells.

    @cached_property
    def cells(self) -> NDArray[np.int8]:
        """The canonical forms of all cells, (423624, 26), by vertices and lexicographically."""
        return cells101.tables().cells

    @cached_property
    def forms(self) -> int:
        """The number of cells, 423,624."""
        return len(self.cells)

    def number(self, arch: Arch) -> int:
        """Return which of `cells` a valid architecture is; isomorphic ones are the same."""
        place, living, number = self._lookups
        matrix, operations = divmod(self.code(arch), LABELLINGS)
        shape, alive = divmod(place[matrix], 32)
        found: int = number[shape + living[alive * LABELLINGS + operations]]
        return found

    @cached_property
    def _lookups(self) -> tuple[memoryview, memoryview, memoryview]:
        tables = cells101.tables()
        return self._place, tables.operations.data, tables.number.data

    def numbers(self, archs: Sequence[Arch] | NDArray[Any]) -> Ints:
        """Return which of `cells` each architecture is, an array (architectures,).

        Raises:
            InvalidArchitecture: one is not of the space; the message says which, and why.
        """
        tables = cells101.tables()
        genes = np.asarray(archs)
        if genes.dtype.kind not in "iu" or genes.ndim != 2 or genes.shape[1] != len(self.genes):
            each = [self.check(arch) for arch in archs]
            genes = np.array(each, dtype=np.int64).reshape(-1, len(self.genes))
        wrong = ((genes < 0) | (genes >= self.genes)).any(axis=1)
        matrix, operations = np.divmod(genes @ np.array(self._weights), LABELLINGS)
        place = tables.place.take(matrix, mode="clip")
        wrong |= place < 0
        if wrong.any():
            self.check(genes[np.argmax(wrong)].tolist())
        living = tables.operations[(place & 31) * LABELLINGS + operations]
        found: Ints = tables.number[(place >> 5) + living].astype(np.int64)
        return found

    def copies(self, archs: Sequence[Arch] | NDArray[Any]) -> Ints:
        """Return in how many ways the cell of each architecture is written, (architectures,)."""
        return cells101.copies()[self.numbers(archs)]

    def canonical(self, arch: Arch) -> Arch:
        """Return the isomorphic architecture that comes first, which has no dead vertex.

        Its unused genes are 0, and its vertices stand in the last places before the output.
        """
        return tuple(self.cells[self.number(arch)].tolist())

    def fingerprint(self, arch: Arch) -> str:
        """Return the official hash of the cell, by which the published tables name it."""
        matrix, words = self.to_spec(arch)
        return cells101.fingerprint(matrix.tolist(), [_LABEL[word] for word in words])

    def fingerprints(self, archs: Sequence[Arch] | NDArray[Any]) -> list[str]:
        """Return the official hash of each architecture; isomorphic ones are hashed once."""
        distinct, which = np.unique(self.numbers(archs), return_inverse=True)
        hashes = [self.fingerprint(tuple(genes)) for genes in self.cells[distinct].tolist()]
        return [hashes[place] for place in which.tolist()]

    # Text and specs.

    def parse(self, text: str) -> Arch:
        """Return the cell written like `0110001100010000:input,conv3x3-bn-relu,…,output`.

        These are the two fields of the official records: the matrix, row by row, and the
        operations. A smaller matrix is read as by `from_spec`.
        """
        bits, _, words = text.partition(":")
        entries = bits.encode("ascii", "replace").translate(_DIGITS)
        return self._read(entries, words.split(","), text)

    def format(self, arch: Arch) -> str:
        """Return the official records' matrix and operations of all seven vertices."""
        a, b, c, d, e = arch[len(EDGES) :]
        name = OPERATIONS
        return (
            f"{_ROWS.format(*arch)}:input,{name[a]},{name[b]},{name[c]},{name[d]},{name[e]},output"
        )

    def from_spec(
        self, matrix: Sequence[Sequence[int]] | NDArray[Any], operations: Sequence[str]
    ) -> Arch:
        """Return the cell that the official `ModelSpec` has of a matrix and operations.

        Fewer than seven vertices keep the input first and take the last places; more are pruned
        first. Of seven nothing is pruned, so that the architecture is the one that was given.

        Args:
            matrix: (vertices, vertices) of 0 and 1, upper triangular.
            operations: `input`, an operation for each vertex between, and `output`.

        Raises:
            InvalidArchitecture: it is no such matrix, an operation is unknown, or the pruned cell
                has too many vertices or edges or does not join input and output.
        """
        rows: Any = matrix.tolist() if isinstance(matrix, np.ndarray) else matrix
        try:
            square = set(map(len, rows)) == {len(rows)}
            return self._read(_entries(rows) if square else b"", operations, rows)
        except TypeError:
            raise self._refused(rows, f"it is no {_SHAPE}") from None

    def to_spec(self, arch: Arch) -> tuple[Ints, list[str]]:
        """Return the pruned matrix, (vertices, vertices), and the operations, for `ModelSpec`."""
        alive = self._place[self.code(arch) // LABELLINGS] & 31
        interior = [vertex for vertex in range(1, _OUTPUT) if alive >> vertex - 1 & 1]
        vertices = [0, *interior, _OUTPUT]
        matrix = np.zeros((VERTICES, VERTICES), dtype=np.int64)
        matrix[_SOURCES, _TARGETS] = arch[: len(EDGES)]
        words = [OPERATIONS[arch[len(EDGES) + vertex - 1]] for vertex in interior]
        return matrix[np.ix_(vertices, vertices)], ["input", *words, "output"]

    def _read(self, entries: bytes, words: Sequence[str], given: object) -> Arch:
        """Return the cell of a matrix, row by row, with its operations; `given` is for messages."""
        size = len(words)
        if size < 2 or len(entries) != size * size:
            raise self._refused(given, f"it is no {_SHAPE}")
        if entries.translate(None, b"\0\1"):
            raise self._refused(given, "the entries of its matrix are not all 0 or 1")
        if size > VERTICES:
            edges = [(s, t) for s, t in combinations(range(size), 2) if entries[s * size + t]]
            if len(edges) != entries.count(1):
                raise self._refused(given, "its matrix is not upper triangular")
            alive = sorted(cells101.living(edges, size - 1)) or [0, size - 1]
            if len(alive) > VERTICES:
                raise self._refused(
                    given,
                    f"it has {len(alive)} vertices on paths from its input to its output, and may "
                    f"have {VERTICES}",
                )
            kept = bytes([entries[s * size + t] for s in alive for t in alive])
            return self._read(kept, [words[vertex] for vertex in alive], given)
        upper = _upper(size)(entries + b"\0")
        if sum(upper) != entries.count(1):
            raise self._refused(given, "its matrix is not upper triangular")
        if words[0] != "input" or words[-1] != "output":
            raise self._refused(given, "its first operation is not input, or its last not output")
        try:
            labels = [_NUMBER[word] for word in words[1:-1]]
        except KeyError as error:
            known = ", ".join(OPERATIONS)
            raise self._refused(given, f"its operation {error} is none of {known}") from None
        arch = (*upper, *(0,) * (VERTICES - size), *labels)
        if not self._fits(arch):
            raise self._refused(given, self._misfit(arch))
        return arch

    def _refused(self, given: object, fault: str) -> InvalidArchitecture:
        return InvalidArchitecture(f"{shown(given)} is no architecture of {self.name}: {fault}")

    # The network and its features.

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
        """Return the network of the paper, section 2.1: three stacks of three cells.

        The stem is a 3x3 convolution to 128 channels; between stacks a pooling halves the image
        and the channels double. The order of the vertices says which of them are one channel wider
        where channels cannot be shared evenly, so isomorphic architectures may differ in cost.
        Small images need less: another number of channels of the images, another `width` of the
        first stack, and another number of `cells` a stack.

        Raises:
            InvalidSetting: the width is too small for the vertices to share.
        """
        if width < VERTICES - 2:
            raise InvalidSetting(
                f"the vertices of a cell share {width} channels: there must be {VERTICES - 2} or "
                "more"
            )
        matrix, words = self.to_spec(arch)
        net = Graph(channels=image_channels, size=size)
        x = net.conv_bn_relu(0, width, 3)
        for channels in (width, 2 * width, 4 * width):
            if channels > width:
                x = net.max_pool(x, 2, 2)
            for _ in range(cells):
                x = cell(net, x, matrix.tolist(), words, channels)
        net.linear(net.global_avg_pool(x), classes)
        return net

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Return the pruned cells, a node a vertex; the last two kinds are input and output."""
        features = self.encode(archs, "adjacency").astype(np.int64)
        cells, count = len(features), len(OPERATIONS)
        edges = np.zeros((cells, VERTICES, VERTICES), dtype=np.int8)
        edges[:, _SOURCES, _TARGETS] = features[:, : len(EDGES)]
        operations = features[:, len(EDGES) :].reshape(cells, VERTICES - 2, count)
        kinds = np.full((cells, VERTICES), count)
        kinds[:, _OUTPUT] = count + 1
        kinds[:, 1:_OUTPUT] = np.where(operations.any(axis=2), operations.argmax(axis=2), ABSENT)
        return Dags(kinds, edges, count + 2)

    def _encode_adjacency(self, genes: Ints) -> Floats:
        """Whether each edge is there, then which operation each vertex has, 21 + 15 features.

        Of the pruned cell: what is dead has zeros alone.
        """
        matrices = self._matrices_of(genes)
        alive = cells101.tables().place[matrices][:, None] >> np.arange(VERTICES - 2) & 1
        living = np.pad(alive, ((0, 0), (1, 1)), constant_values=1)
        edges = genes[:, : len(EDGES)] * living[:, _SOURCES] * living[:, _TARGETS]
        labels = genes[:, len(EDGES) :, None] == np.arange(len(OPERATIONS))
        operations = (labels & (alive[:, :, None] == 1)).reshape(len(genes), 15)
        return np.concatenate([edges, operations], axis=1).astype(np.float64)

    def _encode_live(self, genes: Ints) -> Floats:
        """What lies on the paths from input to output; `_live101` says which columns."""
        return live101.features(*np.divmod(genes @ self._worth, LABELLINGS))

    def _encode_path(self, genes: Ints) -> Floats:
        """Which sequences of operations lead from the input to the output, 364 features.

        After White et al., "BANANAS", AAAI 2021, section 3: one feature for each of the
        1 + 3 + 9 + 27 + 81 + 243 sequences of no to five operations.
        """
        kinds, edge = len(OPERATIONS), {pair: number for number, pair in enumerate(EDGES)}
        features = np.zeros((len(genes), sum(kinds**length for length in range(VERTICES - 1))))
        offset = 0
        for length in range(VERTICES - 1):
            for vertices in combinations(range(1, _OUTPUT), length):
                steps = [edge[pair] for pair in pairwise((0, *vertices, _OUTPUT))]
                rows = np.flatnonzero(genes[:, steps].all(axis=1))
                place = np.zeros(len(rows), dtype=np.int64)
                for vertex in vertices:
                    place = place * kinds + genes[rows, len(EDGES) + vertex - 1]
                features[rows, offset + place] = 1
            offset += kinds**length
        return features


def _entries(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return the entries of a matrix, row by row; 2 for one that is neither 0 nor 1."""
    try:
        return bytes(chain.from_iterable(rows))
    except (TypeError, ValueError):  # not small integers, but 1.0 is as good as 1
        return bytes([int(entry) if entry in (0, 1) else 2 for row in rows for entry in row])


@cache
def _upper(size: int) -> Callable[[bytes], tuple[int, ...]]:
    """Return what takes the edges of the genes from a matrix of at most seven vertices.

    A smaller matrix has no entry for some of them, which are taken from one past its last.
    """
    lacking = VERTICES - size
    place = {0: 0, **{vertex: vertex - lacking for vertex in range(lacking + 1, VERTICES)}}
    return itemgetter(
        *(
            place[source] * size + place[target] if {source, target} <= place.keys() else size**2
            for source, target in EDGES
        )
    )
