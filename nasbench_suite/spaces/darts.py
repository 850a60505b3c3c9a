"""The space of DARTS and NAS-Bench-301: a normal and a reduction cell of four nodes each.

Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 3.1 and
the authors' repository, quark0/darts; Zela et al., "Surrogate NAS Benchmarks: Going Beyond the
Limited Search Spaces of Tabular NAS Benchmarks", ICLR 2022, section 3. A node has two distinct
predecessors, the inputs 0 and 1 or earlier nodes, and is the sum of an operation on each:
(1 * 3 * 6 * 10 * 7^8)^2, about 10^18 pairs of cells. Nodes that could change places are not
told apart by either benchmark's names, so each pair is its own canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture, shown
from nasbench_suite.graph import Graph
from nasbench_suite.spaces import _live_darts as live
from nasbench_suite.spaces._dags import Dags
from nasbench_suite.spaces.base import Space

OPERATIONS: Final = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
NODES: Final = (2, 3, 4, 5)
"""The nodes of a cell after its two inputs; all of them side by side are its output."""
PAIRS: Final = tuple(tuple(combinations(range(node), 2)) for node in NODES)
"""The predecessors that each node may have."""

CHANNELS, LAYERS = 32, 8
"""Of the networks that NAS-Bench-301 trained; `graph` describes these."""
EVALUATION: Final = (36, 20)
"""Channels and layers of the networks that DARTS evaluates on CIFAR-10."""

Edge: TypeAlias = tuple[str, int]
"""Operation and predecessor."""

_CELLS: Final = ("normal", "reduce")
_HALF: Final = 3 * len(NODES)
_KINDS: Final = len(OPERATIONS)
_PREFIX: Final = "NetworkSelectorDatasetInfo:darts:"
_NUMBERS: Final = {name: number for number, name in enumerate(OPERATIONS)}
_PLACES: Final = tuple({pair: place for place, pair in enumerate(pairs)} for pairs in PAIRS)
_EDGES: Final = 14
"""That a cell could have, counted by target and then by source."""
_FIRST_EDGES: Final = (0, 2, 5, 9)
"""The number of each node's edge from input 0."""

# The grammar of a genotype; a blank stands for any white space.
_EDGE: Final = r"\( '(\w+)' , ([0-4]) \)"
_LIST: Final = r"\[ " + " , ".join([_EDGE] * (2 * len(NODES))) + r" ,? \]"
_CONCAT: Final = r"(?:\[ 2 , 3 , 4 , 5 ,? \]|range\( 2 , 6 \))"
_FIELDS: Final = " , ".join(f"{cell} = {_LIST} , {cell}_concat = {_CONCAT}" for cell in _CELLS)
_GENOTYPE: Final = re.compile(rf" Genotype \( {_FIELDS} ,? \) ".replace(" ", r"\s*"), re.ASCII)


class Genotype(NamedTuple):
    """A pair of cells as DARTS writes it: the edges of node 2, then those of node 3, and so on."""

    normal: list[Edge]
    normal_concat: list[int]
    reduce: list[Edge]
    reduce_concat: list[int]


class Darts(Space):
    """The pairs of cells, the normal one first.

    Each node has three genes: the place of its predecessors in `PAIRS`, and the operations on
    the lower and on the higher of them.
    """

    name = "darts"
    genes = tuple(choices for pairs in PAIRS for choices in (len(pairs), _KINDS, _KINDS)) * 2

    def parse(self, text: str) -> Arch:
        """Return the cells written like `Genotype(normal=[('skip_connect', 0), …], …)`.

        The two edges of a node may come in either order, and a `…_concat` may be a `range`.
        """
        match = _GENOTYPE.fullmatch(text.replace('"', "'"))
        if match is None:
            raise InvalidArchitecture(
                f"{text!r} is no architecture of {self.name}, which is written "
                "Genotype(normal=[('skip_connect', 0), …], normal_concat=[2, 3, 4, 5], "
                "reduce=[…], reduce_concat=[2, 3, 4, 5]) with eight edges in each cell"
            )
        words = match.groups()
        edges = [(name, int(source)) for name, source in zip(words[::2], words[1::2], strict=True)]
        return self.from_genotype(edges[: len(edges) // 2], edges[len(edges) // 2 :])

    def format(self, arch: Arch) -> str:
        """Return the genotype as Python prints it, the edges of a node by their predecessors."""
        return str(self.to_genotype(arch))

    def from_genotype(self, normal: Sequence[Edge], reduce: Sequence[Edge]) -> Arch:
        """Return the cells of a genotype's lists, eight pairs (operation, predecessor) each.

        Raises:
            InvalidArchitecture: they are no such lists; the message says which edge is at fault.
        """
        genes: list[int] = []
        for cell, edges in zip(_CELLS, (normal, reduce), strict=True):
            if len(edges) != 2 * len(NODES):
                raise self._wrong(f"the {cell} cell has {len(edges)} edges, not {2 * len(NODES)}")
            for place, node in enumerate(NODES):
                both = edges[2 * place : 2 * place + 2]
                for name, _ in both:
                    if name not in _NUMBERS:
                        raise self._wrong(f"{name!r} is none of {', '.join(OPERATIONS)}")
                (first, low), (second, high) = sorted(both, key=lambda edge: edge[1])
                if (low, high) not in _PLACES[place]:
                    raise self._wrong(
                        f"node {node} of the {cell} cell has predecessors {low} and {high}, and "
                        f"must have two different ones of 0 to {node - 1}"
                    )
                genes += [_PLACES[place][low, high], _NUMBERS[first], _NUMBERS[second]]
        return tuple(genes)

    def to_genotype(self, arch: Arch) -> Genotype:
        """Return the cells as a genotype; see `from_genotype`."""
        normal, reduce = (
            [(OPERATIONS[kind], source) for _, *edges in _nodes(cell) for source, kind in edges]
            for cell in (arch[:_HALF], arch[_HALF:])
        )
        return Genotype(normal, list(NODES), reduce, list(NODES))

    def from_configspace(self, values: Mapping[str, Any]) -> Arch:
        """Return the cells of a configuration of NAS-Bench-301, by its names of parameters.

        `edge_normal_7` is the operation on the cell's edge 7 of 14, counted by target and then by
        source, and `inputs_node_normal_4` names the predecessors of node 4 as `0_2`; those of node
        2 need no name.

        Raises:
            InvalidArchitecture: a parameter is missing or is not one of its values.
        """
        cells: list[list[Edge]] = []
        for cell in _CELLS:
            edges: list[Edge] = []
            for node, first in zip(NODES, _FIRST_EDGES, strict=True):
                named = f"{_PREFIX}inputs_node_{cell}_{node}"
                sources = "0_1" if node == NODES[0] else values.get(named)
                if not isinstance(sources, str) or not re.fullmatch("[0-4]_[0-4]", sources):
                    raise self._wrong(
                        f"{named} is {shown(sources)}, which is not two nodes as '0_2'"
                    )
                for source in map(int, sources.split("_")):
                    name = f"{_PREFIX}edge_{cell}_{first + source}"
                    if values.get(name) not in _NUMBERS:
                        raise self._wrong(
                            f"{name} is {shown(values.get(name))}, which is no operation"
                        )
                    edges.append((values[name], source))
            cells.append(edges)
        return self.from_genotype(*cells)

    def to_configspace(self, arch: Arch) -> dict[str, str]:
        """Return the cells as a configuration of NAS-Bench-301; see `from_configspace`."""
        values = {}
        for cell, half in zip(_CELLS, (arch[:_HALF], arch[_HALF:]), strict=True):
            for first, (node, *edges) in zip(_FIRST_EDGES, _nodes(half), strict=True):
                for source, kind in edges:
                    values[f"{_PREFIX}edge_{cell}_{first + source}"] = OPERATIONS[kind]
                if node != NODES[0]:
                    sources = "_".join(str(source) for source, _ in edges)
                    values[f"{_PREFIX}inputs_node_{cell}_{node}"] = sources
        return values

    def graph(
        self,
        arch: Arch,
        *,
        classes: int,
        size: int,
        image_channels: int = 3,
        width: int = CHANNELS,
        cells: int = LAYERS,
    ) -> Graph:
        """Return the network that NAS-Bench-301 trained: 32 channels, 8 layers.

        Another `width` and number of `cells` in all, its layers, make another: DARTS evaluates the
        network of `EVALUATION`.
        """
        return network(
            arch,
            channels=width,
            layers=cells,
            classes=classes,
            size=size,
            image_channels=image_channels,
        )

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Return both cells, side by side, with a node for each input, operation and output.

        An operation reads what its predecessor sums, and an output reads all. The two cells have
        kinds of their own: seven operations, two inputs and the output.
        """
        genes = self._genes(archs)
        nodes = 3 + 2 * len(NODES)
        kinds = np.empty((len(genes), 2, nodes), dtype=np.int64)
        edges = np.zeros((len(genes), 2, nodes, 2, nodes), dtype=np.int8)
        rows = np.arange(len(genes))
        for cell in range(2):
            kinds[:, cell, [0, 1, -1]] = _KINDS, _KINDS + 1, _KINDS + 2
            edges[:, cell, 2:-1, cell, -1] = 1
            for place, pairs in enumerate(PAIRS):
                gene = cell * _HALF + 3 * place
                sources = np.array(pairs)[genes[:, gene]]
                for side in (0, 1):
                    node, source = 2 + 2 * place + side, sources[:, side]
                    kinds[:, cell, node] = genes[:, gene + 1 + side]
                    # A node of the cell is the sum of two operations; an input is itself.
                    edges[rows, cell, np.where(source < 2, source, 2 * source - 2), cell, node] = 1
                    edges[rows, cell, np.where(source < 2, source, 2 * source - 1), cell, node] = 1
            kinds[:, cell] += cell * (_KINDS + 3)
        flat = (len(genes), 2 * nodes)
        return Dags(kinds.reshape(flat), edges.reshape(*flat, flat[1]), 2 * (_KINDS + 3))

    def _encode_adjacency(self, genes: Ints) -> Floats:
        """Whether each edge is there, then which operation it has, 2 x (14 + 14 x 7) features."""
        present = np.zeros((len(genes), 2 * _EDGES))
        operations = np.zeros((len(genes), 2 * _EDGES * _KINDS))
        rows = np.arange(len(genes))
        for cell, half in enumerate((genes[:, :_HALF], genes[:, _HALF:])):
            for place, first in enumerate(_FIRST_EDGES):
                pairs = np.array(PAIRS[place])[half[:, 3 * place]]
                for side in (0, 1):
                    edge = _EDGES * cell + first + pairs[:, side]
                    present[rows, edge] = 1
                    operations[rows, _KINDS * edge + half[:, 3 * place + 1 + side]] = 1
        return np.concatenate([present, operations], axis=1)

    def _encode_live(self, genes: Ints) -> Floats:
        """What lies on the paths of either cell, 2 x 64 features; see `_live_darts.features`."""
        return live.features(genes.reshape(-1, _HALF)).reshape(len(genes), 2 * live.COLUMNS)

    def _encode_path(self, genes: Ints) -> Floats:
        """Which sequences of operations lead from an input to the output, 2 x 2 x 399 features.

        After White et al., "BANANAS", AAAI 2021, section 3: one feature for each sequence from
        each input of each cell, cut to the 7 + 49 + 343 of one to three operations; longer paths,
        which BANANAS cuts as rare, do not count.
        """
        length = _KINDS + _KINDS**2 + _KINDS**3
        features = np.zeros((len(genes), 2 * len(_CELLS), length))
        for row, arch in enumerate(genes.tolist()):
            for cell, half in enumerate((arch[:_HALF], arch[_HALF:])):
                for source, path in _paths(half):
                    # The sequences of equal length lie together, in lexicographic order.
                    place = 0
                    for kind in path:
                        place = _KINDS * place + 1 + kind
                    features[row, 2 * cell + source, place - 1] = 1
        return features.reshape(len(genes), 2 * len(_CELLS) * length)

    def _wrong(self, what: str) -> InvalidArchitecture:
        return InvalidArchitecture(f"no architecture of {self.name}: {what}")


def _nodes(cell: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """Yield each node of a cell's genes with its two edges, (predecessor, operation)."""
    for place, node in enumerate(NODES):
        pair, first, second = cell[3 * place : 3 * place + 3]
        low, high = PAIRS[place][pair]
        yield node, (low, first), (high, second)


def _paths(cell: Sequence[int]) -> list[tuple[int, tuple[int, ...]]]:
    """Return the input and the operations of each path to the output of up to three operations."""
    reach: list[list[tuple[int, tuple[int, ...]]]] = [[(0, ())], [(1, ())]]
    for _, *edges in _nodes(cell):
        reach.append(
            [
                (start, (*path, kind))
                for source, kind in edges
                for start, path in reach[source]
                if len(path) < 3
            ]
        )
    return [found for node in NODES for found in reach[node]]


def network(
    arch: Arch, *, channels: int, layers: int, classes: int, size: int, image_channels: int = 3
) -> Graph:
    """Return the network of so many channels and layers, without the auxiliary classifier.

    The cells at a third and at two thirds of the layers are reduction cells (DARTS, section 3.1
    and appendix A.2): they double the channels, and their edges from the inputs halve the image.
    The second of them is what an auxiliary classifier reads. A path that a training may drop is an
    operation other than the identity.
    """
    net = Graph(channels=image_channels, size=size)
    before = last = net.batch_norm(net.conv(0, 3 * channels, 3))
    reduced = False
    for layer in range(layers):
        reduces = layer in (layers // 3, 2 * layers // 3)
        channels *= 2 if reduces else 1
        inputs = [
            _halve(net, before, channels) if reduced else net.relu_conv_bn(before, channels, 1),
            net.relu_conv_bn(last, channels, 1),
        ]
        half = arch[_HALF:] if reduces else arch[:_HALF]
        before, last = last, _cell(net, inputs, half, 2 if reduces else 1)
        reduced = reduces
        if layer == 2 * layers // 3:
            net.auxiliary = last
    net.linear(net.global_avg_pool(last), classes)
    return net


def _cell(net: Graph, inputs: list[int], genes: Arch, stride: int) -> int:
    nodes = list(inputs)
    for _, *edges in _nodes(genes):
        terms = [
            _operation(net, nodes[source], kind, stride if source < 2 else 1)
            for source, kind in edges
        ]
        # Only the identity gives back the node that it reads.
        paths = tuple(place for place, term in enumerate(terms) if term not in nodes)
        nodes.append(net.add(terms, paths))
    return net.concat(nodes[2:])


def _operation(net: Graph, source: int, kind: int, stride: int) -> int:
    channels, name = net.nodes[source].channels, OPERATIONS[kind]
    if name == "max_pool_3x3":
        return net.max_pool(source, 3, stride, padding=1)
    if name == "avg_pool_3x3":
        return net.avg_pool(source, 3, stride, padding=1, border=False)
    if name == "skip_connect":
        return source if stride == 1 else _halve(net, source, channels)
    kernel = int(name[-1])
    if name.startswith("dil"):
        return _separable(net, source, kernel, stride, dilation=2)
    return _separable(net, _separable(net, source, kernel, stride), kernel, 1)


def _separable(net: Graph, source: int, kernel: int, stride: int, *, dilation: int = 1) -> int:
    channels = net.nodes[source].channels
    x = net.conv(net.relu(source), channels, kernel, stride, groups=channels, dilation=dilation)
    return net.batch_norm(net.conv(x, channels, 1))


def _halve(net: Graph, source: int, channels: int) -> int:
    """Halve the image by two 1x1 convolutions of stride 2, one of them a pixel further."""
    x = net.relu(source)
    halves = [net.conv(pixels, channels // 2, 1, 2) for pixels in (x, net.shift(x))]
    return net.batch_norm(net.concat(halves))
