"""NAS-Bench-201: a cell of four nodes, with one of five operations on each of six edges.

Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
ICLR 2020, section 2; the same space is the topology space of NATS-Bench (Dong et al., TPAMI
2021). 15,625 cells, of which 6,466 differ under the paper's string isomorphism.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from operator import getitem
from typing import Final

import numpy as np

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture
from nasbench_suite.graph import Graph
from nasbench_suite.spaces import _live201 as live201
from nasbench_suite.spaces._dags import Dags, on_edges
from nasbench_suite.spaces.base import Space

OPERATIONS: Final = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES: Final = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""Source and target node of each gene's edge, in the order of the published strings."""

_NODES: Final = (1, 2, 3)
_NONE, _SKIP, _CONV1, _CONV3, _POOL = range(5)

# NASLib numbers the operations differently and goes through the edges by source node.
_NASLIB_OPERATIONS: Final = (_SKIP, _NONE, _CONV3, _CONV1, _POOL)
_NASLIB_EDGES: Final = (0, 1, 3, 2, 4, 5)

_TOKENS: Final = tuple(
    {f"{operation}~{source}": number for number, operation in enumerate(OPERATIONS)}
    for source, _ in EDGES
)
_WORDS: Final = tuple(
    tuple(f"{operation}~{source}|" for operation in OPERATIONS) for source, _ in EDGES
)
_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH = _TOKENS
_SHAPE: Final = "six edges as |op~0|+|op~0|op~1|+|op~0|op~1|op~2|, each op one of " + ", ".join(
    OPERATIONS
)


class Nasbench201(Space):
    """The cells; an architecture is the operation of each edge of `EDGES`."""

    name = "nasbench201"
    genes = (5,) * 6

    def parse(self, text: str) -> Arch:
        """Return the cell written like `|nor_conv_3x3~0|+|none~0|…|`."""
        parts = text.split("|")
        try:
            start, a, plus, b, c, plus2, d, e, f, end = parts
            if start == "" == end and plus == "+" == plus2:
                return (_FIRST[a], _SECOND[b], _THIRD[c], _FOURTH[d], _FIFTH[e], _SIXTH[f])
        except (ValueError, KeyError):
            pass
        words = [part for part in parts if part not in ("", "+")]
        for place, word in enumerate(words[:6]):
            if word not in _TOKENS[place]:
                raise InvalidArchitecture(
                    f"{text!r} is no architecture of {self.name}: edge {place} is {word!r}, and "
                    f"may be {', '.join(_TOKENS[place])}"
                )
        raise InvalidArchitecture(f"{text!r} is no architecture of {self.name}, which has {_SHAPE}")

    def format(self, arch: Arch) -> str:
        """Return the cell as the published string."""
        a, b, c, d, e, f = map(getitem, _WORDS, arch)
        return f"|{a}+|{b}{c}+|{d}{e}{f}"

    def from_naslib(self, operations: Arch) -> Arch:
        """Return the cell that NASLib writes as a tuple of six operation numbers.

        NASLib counts 0 skip, 1 none, 2 conv 3x3, 3 conv 1x1, 4 average pooling, and goes
        through the edges 0-1, 0-2, 0-3, 1-2, 1-3, 2-3.

        Raises:
            InvalidArchitecture: it is not six numbers from 0 to 4.
        """
        plain = self.check(operations)
        return tuple(_NASLIB_OPERATIONS[plain[_NASLIB_EDGES.index(gene)]] for gene in range(6))

    def to_naslib(self, arch: Arch) -> Arch:
        """Return the cell as NASLib's tuple of operation numbers; see `from_naslib`."""
        return tuple(_NASLIB_OPERATIONS.index(arch[gene]) for gene in _NASLIB_EDGES)

    def code(self, arch: Arch) -> int:
        """Return the place of a valid tuple among all tuples in lexicographic order."""
        a, b, c, d, e, f = arch
        return ((((a * 5 + b) * 5 + c) * 5 + d) * 5 + e) * 5 + f

    def form(self, arch: Arch) -> str:
        """Return the string that the isomorphic cells share (the paper, section 2.1).

        Each node's string is its terms, sorted and joined by `+`. A term is `#` if the
        operation is none or the source's string is exactly `#`, the source's string if the
        operation is skip, else `(source)@operation`. Terms that are zero stay, so `#+#` is
        not `#`.
        """
        strings = {0: "0"}
        for node in _NODES:
            terms = []
            for gene, (source, target) in enumerate(EDGES):
                if target == node:
                    operation, text = arch[gene], strings[source]
                    if operation == _NONE or text == "#":
                        terms.append("#")
                    elif operation == _SKIP:
                        terms.append(text)
                    else:
                        terms.append(f"({text})@{OPERATIONS[operation]}")
            strings[node] = "+".join(sorted(terms))
        return strings[_NODES[-1]]

    def canonical(self, arch: Arch) -> Arch:
        """Return the isomorphic cell with the smallest official index."""
        return self._first_of_form[self.form(arch)]

    @cached_property
    def _first_of_form(self) -> dict[str, Arch]:
        first: dict[str, Arch] = {}
        for arch in self:
            first.setdefault(self.form(arch), arch)
        return first

    @cached_property
    def _order(self) -> list[int]:
        # The benchmark's authors numbered the cells by shuffling the lexicographic list with
        # Python's own generator, seeded with 88; the numbers are part of the published data.
        # Imported here because it takes longer than to open a table.
        from random import Random

        order = list(range(self.size))
        Random(88).shuffle(order)
        return order

    @cached_property
    def _place(self) -> dict[int, int]:
        return {code: index for index, code in enumerate(self._order)}

    def index(self, arch: Arch) -> int:
        """Return the official index, 0 to 15,624."""
        return self._place[self.code(arch)]

    def _at(self, index: int) -> Arch:
        return self.decode(self._order[index])

    def graph(
        self,
        arch: Arch,
        *,
        classes: int,
        size: int,
        image_channels: int = 3,
        width: int = 16,
        cells: int = 5,
    ) -> Graph:
        """Return the network of the paper, section 2.1: three stages of five cells.

        The stem is a 3x3 convolution to 16 channels; between stages a residual block halves
        the image and doubles the channels. Small images need less: another number of channels
        of the images, another `width` of the first stage, and another number of `cells` a stage.
        """
        net = Graph(channels=image_channels, size=size)
        x = net.batch_norm(net.conv(0, width, 3))
        for channels in (width, 2 * width, 4 * width):
            if channels > width:
                x = residual(net, x, channels)
            for _ in range(cells):
                x = cell(net, x, arch, channels)
        return head(net, x, classes)

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Return the convolutions and poolings that lie on paths; see `_dags.on_edges`."""
        operations = (_CONV1, _CONV3, _POOL)
        return on_edges(self._genes(archs), EDGES, operations, skip=_SKIP)

    def _encode_adjacency(self, genes: Ints) -> Floats:
        """Whether each edge is there (not none), then which of the other operations it has."""
        present = genes != _NONE
        operations = np.eye(5)[genes][:, :, 1:].reshape(len(genes), 4 * len(EDGES))
        return np.concatenate([present, operations], axis=1).astype(np.float64)

    def _encode_live(self, genes: Ints) -> Floats:
        """What lies on the paths from input to output; `_live201` says which columns."""
        return live201.features(genes)

    def _encode_path(self, genes: Ints) -> Floats:
        """Which sequences of operations lead from the input to the output.

        After White et al., "BANANAS", AAAI 2021, section 3: one feature for each of the
        4 + 16 + 64 sequences of one to three operations; an edge of none carries no path.
        """
        rows = np.arange(len(genes))
        features = np.zeros((len(genes), 4 + 16 + 64))
        for edges, offset in (((3,), 0), ((0, 4), 4), ((1, 5), 4), ((0, 2, 5), 20)):
            place = np.zeros(len(genes), dtype=np.int64)
            present = np.ones(len(genes), dtype=bool)
            for edge in edges:
                place = place * 4 + genes[:, edge] - 1
                present &= genes[:, edge] != _NONE
            features[rows[present], offset + place[present]] = 1
        return features


def cell(net: Graph, source: int, arch: Arch, channels: int) -> int:
    """Add one cell; a node is the sum of its edges, and only edges from the input change width.

    Where the width changes, a skip or a pooling edge begins with a 1x1 convolution and a zero
    edge gives zeros of the new width (NATS-Bench's size space needs this).
    """
    width = net.nodes[source].channels
    nodes = [source]
    for node in _NODES:
        terms = []
        for gene, (start, target) in enumerate(EDGES):
            if target != node:
                continue
            operation, x = arch[gene], nodes[start]
            if operation == _NONE:
                terms.append(net.zero(x, channels))
            elif operation in (_CONV1, _CONV3):
                terms.append(net.relu_conv_bn(x, channels, 1 if operation == _CONV1 else 3))
            else:
                if start == 0 and width != channels:
                    x = net.relu_conv_bn(x, channels, 1)
                if operation == _POOL:
                    x = net.avg_pool(x, 3, padding=1, border=False)
                terms.append(x)
        nodes.append(net.add(terms))
    return nodes[-1]


def residual(net: Graph, source: int, channels: int) -> int:
    """Add the residual block of stride 2 that stands between two stages."""
    x = net.relu_conv_bn(net.relu_conv_bn(source, channels, 3, 2), channels, 3)
    return net.add([x, net.conv(net.avg_pool(source, 2, 2), channels, 1)])


def head(net: Graph, source: int, classes: int) -> Graph:
    """Add normalisation, rectifier, pooling and the linear classifier, and return the network."""
    x = net.global_avg_pool(net.relu(net.batch_norm(source)))
    net.linear(x, classes)
    return net
