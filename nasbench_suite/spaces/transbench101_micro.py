"""TransNAS-Bench-101, cells: one of four operations on each of the six edges of a cell.

Duan et al., "TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task
Neural Architecture Search", CVPR 2021, section 3.1. 4^6 = 4,096 cells; the authors published no
isomorphism, so each is its own canonical form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture
from nasbench_suite.graph import Graph
from nasbench_suite.spaces import _live201 as live201
from nasbench_suite.spaces._dags import Dags, on_edges
from nasbench_suite.spaces._transbench101 import WIDTH, network
from nasbench_suite.spaces.base import Space

OPERATIONS: Final = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
EDGES: Final = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""Source and target node of each gene's edge, in the order of the published strings."""

_MODULES: Final = (4, 1, 4, 1, 4)
_START: Final = f"{WIDTH}-{''.join(map(str, _MODULES))}-"
_NONE, _SKIP, _CONV1, _CONV3 = range(4)
_GENES: Final = {str(number): number for number in range(4)}


class Transbench101Micro(Space):
    """The cells; an architecture is the operation of each edge of `EDGES`."""

    name = "transbench101_micro"
    genes = (4,) * 6

    def parse(self, text: str) -> Arch:
        """Return the cell written like `64-41414-1_02_333`."""
        try:
            if not text.startswith(_START):
                raise ValueError(text)
            first, second, third = text.removeprefix(_START).split("_")
            (a,), (b, c), (d, e, f) = (
                [_GENES[letter] for letter in node] for node in (first, second, third)
            )
        except (ValueError, KeyError):
            raise InvalidArchitecture(
                f"{text!r} is no architecture of {self.name}, which has six operations as "
                f"{_START}1_02_333, each one of "
                + ", ".join(f"{number} ({name})" for number, name in enumerate(OPERATIONS))
            ) from None
        return (a, b, c, d, e, f)

    def format(self, arch: Arch) -> str:
        """Return the cell as the published string, its edges by target node."""
        a, b, c, d, e, f = arch
        return f"{_START}{a}_{b}{c}_{d}{e}{f}"

    def graph(self, arch: Arch, *, classes: int, size: int, image_channels: int = 3) -> Graph:
        """Return the network of five modules of two cells, for a task of one linear layer.

        A node of a cell is the sum of its edges. Where width or size change, the edges from the
        input do it.
        """

        def cell(net: Graph, source: int, channels: int, stride: int) -> int:
            nodes = [source]
            for node in (1, 2, 3):
                terms = [
                    _edge(net, arch[gene], nodes[start], channels, 1 if start else stride)
                    for gene, (start, target) in enumerate(EDGES)
                    if target == node
                ]
                nodes.append(net.add(terms))
            return nodes[-1]

        return network(_MODULES, cell, classes=classes, size=size, image_channels=image_channels)

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Return the convolutions that lie on paths; see `_dags.on_edges`."""
        return on_edges(self._genes(archs), EDGES, (_CONV1, _CONV3), skip=_SKIP)

    def _encode_live(self, genes: Ints) -> Floats:
        """What lies on the paths from input to output; `_live201` says which columns."""
        return live201.features(genes)


def _edge(net: Graph, operation: int, source: int, channels: int, stride: int) -> int:
    if operation == _NONE:
        return net.zero(source, channels, stride)
    if operation == _CONV1:
        return net.relu_conv_bn(source, channels, 1, stride)
    if operation == _CONV3:
        return net.relu_conv_bn(source, channels, 3, stride)
    if stride == 1 and net.nodes[source].channels == channels:
        return source
    # A skip that changes the shape: half of the channels from the even pixels, half from the odd.
    x = net.relu(source)
    halves = [net.conv(pixels, channels // 2, 1, stride) for pixels in (x, net.shift(x))]
    return net.batch_norm(net.concat(halves))
