"""NAS-Bench-Macro: a chain of eight layers, each an identity or one of two mobile blocks.

Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, section 5,
and the authors' repository, xiusu/NAS-Bench-Macro. 3^8 = 6,561 strings; an identity that is not
the first layer of its stage does nothing, so that they are 3,969 networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture
from nasbench_suite.graph import Graph
from nasbench_suite.spaces._dags import Dags, chain
from nasbench_suite.spaces._layers import along_chain, packed
from nasbench_suite.spaces.base import Space

OPERATIONS: Final = ("identity", "mb3_k3", "mb6_k5")
"""What the symbols 0, 1 and 2 stand for; `mb6_k5` expands its channels by 6 and has 5x5 kernels."""

STAGES: Final = ((0, 2), (2, 5), (5, 8))
"""The first layer of each stage, and the layer after its last."""

_BLOCKS: Final = {1: (3, 3), 2: (6, 5)}
"""Expansion and kernel of the mobile blocks, by symbol."""
_GENES: Final = {str(symbol): symbol for symbol in range(3)}
_STEM, _HEAD = 32, 1280
_CLASSES, _SIZE = 10, 32
"""Of CIFAR-10, for which features have the costs."""


class NasbenchMacro(Space):
    """The chains; an architecture is the operation of each layer."""

    name = "nasbench_macro"
    genes = (3,) * 8

    def parse(self, text: str) -> Arch:
        """Return the network written like `22212220`."""
        try:
            a, b, c, d, e, f, g, h = map(_GENES.__getitem__, text)
        except (ValueError, KeyError):
            raise InvalidArchitecture(
                f"{text!r} is no architecture of {self.name}, which has eight symbols as 22212220, "
                f"each one of 0 ({OPERATIONS[0]}), 1 ({OPERATIONS[1]}) and 2 ({OPERATIONS[2]})"
            ) from None
        return (a, b, c, d, e, f, g, h)

    def format(self, arch: Arch) -> str:
        """Return the eight symbols."""
        return "".join(map(str, arch))

    def form(self, arch: Arch) -> str:
        """Return what equal networks share: of each stage the first symbol, then those not 0.

        The stages are joined by hyphens.
        """
        stages = (self.format(arch[start:end]) for start, end in STAGES)
        return "-".join(stage[0] + stage[1:].replace("0", "") for stage in stages)

    def canonical(self, arch: Arch) -> Arch:
        """Return the first of the equal networks: in a stage the idle layers come second."""
        first: list[int] = []
        for start, end in STAGES:
            first += [arch[start], *sorted(arch[start + 1 : end], key=bool)]
        return tuple(first)

    def graph(self, arch: Arch, *, classes: int, size: int, image_channels: int = 3) -> Graph:
        """Return the network: stem, three stages, a 1x1 convolution and the classifier.

        The first layer of a stage halves the image and doubles the channels; an identity does it
        by a 1x1 convolution.
        """
        net = Graph(channels=image_channels, size=size)
        x = _conv_bn_relu(net, 0, _STEM, 3)
        firsts = {start for start, _ in STAGES}
        for layer, gene in enumerate(arch):
            width = net.nodes[x].channels
            if layer in firsts:
                x = _layer(net, x, gene, 2 * width, 2)
            elif gene:
                x = net.add([_layer(net, x, gene, width, 1), x])
        x = net.global_avg_pool(_conv_bn_relu(net, x, _HEAD, 1))
        net.linear(x, classes)
        return net

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Return a chain of the layers; idle ones stand last in their stage."""
        starts = [start for start, _ in STAGES]
        return chain(packed(self._genes(archs), starts, 0), self.genes)

    def _encode_live(self, genes: Ints) -> Floats:
        """Which block each layer is, how many there are, and log costs, 8 x 3 + 3 x 3 + 3 + 2.

        Of a layer: whether it is `mb3_k3`, `mb6_k5`, either; sums over stages and all. Idle layers
        stand last in their stage. Costs are the parameters and FLOPs on CIFAR-10.
        """
        table, fixed = _choices()
        starts = [start for start, _ in STAGES]
        return along_chain(table, packed(genes, starts, 0), starts=starts, fixed=fixed)


@cache
def _choices() -> tuple[Floats, NDArray[np.float64]]:
    """Return what `along_chain` reads: a row for each layer and operation, and the other costs."""
    table = np.zeros((STAGES[-1][-1], len(OPERATIONS), 2 + 3))
    for stage, (start, end) in enumerate(STAGES):
        channels, size = _STEM << stage + 1, _SIZE >> stage + 1
        for layer in range(start, end):
            first = layer == start
            for gene in range(len(OPERATIONS)):
                if not first and gene == 0:
                    continue
                net = Graph(channels=channels >> first, size=size << first)
                _layer(net, 0, gene, channels, 2 if first else 1)
                table[layer, gene] = net.params, net.flops, gene == 1, gene == 2, gene > 0
    net = NasbenchMacro().graph((0,) * len(NasbenchMacro.genes), classes=_CLASSES, size=_SIZE)
    return table, np.array([net.params, net.flops]) - table[:, 0, :2].sum(axis=0)


def _layer(net: Graph, source: int, gene: int, channels: int, stride: int) -> int:
    """Add a mobile block (Sandler et al., MobileNetV2, CVPR 2018) or a 1x1 convolution."""
    if gene == 0:
        return net.batch_norm(net.conv(source, channels, 1, stride))
    expansion, kernel = _BLOCKS[gene]
    wide = expansion * net.nodes[source].channels
    x = _conv_bn_relu(net, source, wide, 1)
    x = net.relu(net.batch_norm(net.conv(x, wide, kernel, stride, groups=wide)))
    return net.batch_norm(net.conv(x, channels, 1))


def _conv_bn_relu(net: Graph, source: int, channels: int, kernel: int) -> int:
    return net.relu(net.batch_norm(net.conv(source, channels, kernel)))
