"""The FBNet space: one of nine mobile blocks in each of 22 layers.

Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture
Search", CVPR 2019, section 3.1; Li et al., "HW-NAS-Bench", ICLR 2021, and its repository,
GATECH-EIC/HW-NAS-Bench, which has the networks for CIFAR too. 9^22, about 10^21 networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture
from nasbench_suite.graph import Graph
from nasbench_suite.spaces._dags import Dags, chain
from nasbench_suite.spaces._layers import along_chain, packed
from nasbench_suite.spaces.base import Space

OPERATIONS: Final = (
    "k3_e1",
    "k3_e1_g2",
    "k3_e3",
    "k3_e6",
    "k5_e1",
    "k5_e1_g2",
    "k5_e3",
    "k5_e6",
    "skip",
)
"""By their published numbers: kernel, expansion, and groups of the 1x1 convolutions."""

LAYERS: Final = (1, 4, 4, 4, 4, 4, 1)
"""Of each stage; the first of them changes width and size."""
WIDTHS: Final = (16, 24, 32, 64, 112, 184, 352)
"""Channels of each stage."""

_IMAGENET: Final = ((1, 2, 2, 2, 1, 2, 1), 2, 1984)
_CIFAR: Final = ((1, 1, 2, 2, 1, 2, 1), 1, 1504)
"""Strides of the stages, stride of the stem, channels before the classifier."""
_SMALL: Final = 64
"""Images below so many pixels a side are for the networks of CIFAR."""

_NUMBERS: Final = {name: number for number, name in enumerate(OPERATIONS)}
_BLOCKS: Final = (
    (3, 1, 1),
    (3, 1, 2),
    (3, 3, 1),
    (3, 6, 1),
    (5, 1, 1),
    (5, 1, 2),
    (5, 3, 1),
    (5, 6, 1),
)
"""Kernel, expansion and groups of the operations but the last."""
_SKIP: Final = _NUMBERS["skip"]
_STARTS: Final = tuple(accumulate(LAYERS[:-1], initial=0))
"""The first layer of each stage."""
_CLASSES, _SIZE = 1000, 224
"""Of ImageNet, for which features have the costs."""


class Fbnet(Space):
    """The networks; an architecture is the number of each layer's operation.

    HW-NAS-Bench calls these numbers `op_idx_list`, and HELP publishes latencies by them.
    """

    name = "fbnet"
    genes = (len(OPERATIONS),) * sum(LAYERS)

    def parse(self, text: str) -> Arch:
        """Return the network written as the names of its operations, `k5_e6,skip,…`.

        These are the names that HELP publishes beside the numbers.
        """
        names = text.split(",")
        if len(names) != len(self.genes) or not set(names) <= _NUMBERS.keys():
            raise InvalidArchitecture(
                f"{text!r} is no architecture of {self.name}, which has {len(self.genes)} "
                f"operations as k5_e6,skip,…, each one of {', '.join(OPERATIONS)}"
            )
        return tuple(_NUMBERS[name] for name in names)

    def format(self, arch: Arch) -> str:
        """Return the names of the operations, joined by commas."""
        return ",".join(OPERATIONS[gene] for gene in arch)

    def graph(self, arch: Arch, *, classes: int, size: int, image_channels: int = 3) -> Graph:
        """Return the network, that of ImageNet from 64 pixels a side on and of CIFAR below.

        They differ in strides and in the width before the classifier. FBNet-A of the paper has
        another width, 1504 on ImageNet.
        """
        strides, stem, head = _CIFAR if size < _SMALL else _IMAGENET
        net = Graph(channels=image_channels, size=size)
        x = net.relu(net.batch_norm(net.conv(0, WIDTHS[0], 3, stem)))
        genes = iter(arch)
        for layers, width, stride in zip(LAYERS, WIDTHS, strides, strict=True):
            for layer in range(layers):
                x = _layer(net, x, next(genes), width, 1 if layer else stride)
        x = net.global_avg_pool(net.conv_bn_relu(x, head, 1))
        net.linear(x, classes)
        return net

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Return a chain of the layers; skips that do nothing stand last in their stage."""
        return chain(packed(self._genes(archs), _STARTS, _SKIP), self.genes)

    def _encode_live(self, genes: Ints) -> Floats:
        """Each layer's choice as numbers, sums over stages and all, and log costs, 152 features.

        Of a layer: whether it is there, expansion, kernels of 5x5, groups, and expansion x kernels
        of 5x5; all are 0 for a skip. Skips that do nothing stand last in their stage. Costs are the
        parameters and FLOPs on ImageNet.
        """
        table, fixed = _choices()
        return along_chain(table, packed(genes, _STARTS, _SKIP), starts=_STARTS, fixed=fixed)


@cache
def _choices() -> tuple[Floats, NDArray[np.float64]]:
    """Return what `along_chain` reads: a row for each layer and operation, and the other costs."""
    table = np.zeros((sum(LAYERS), len(OPERATIONS), 2 + 5))
    strides, stem, _ = _IMAGENET
    width, size = WIDTHS[0], _SIZE // stem
    for start, layers, channels, first in zip(_STARTS, LAYERS, WIDTHS, strides, strict=True):
        for layer in range(start, start + layers):
            stride = first if layer == start else 1
            for gene in range(len(OPERATIONS)):
                net = Graph(channels=width, size=size)
                _layer(net, 0, gene, channels, stride)
                table[layer, gene, :2] = net.params, net.flops
            width, size = channels, -(-size // stride)
    for gene, (kernel, expansion, groups) in enumerate(_BLOCKS):
        wide = kernel == 5
        table[:, gene, 2:] = (1, expansion, wide, groups - 1, expansion * wide)
    net = Fbnet().graph((0,) * sum(LAYERS), classes=_CLASSES, size=_SIZE)
    return table, np.array([net.params, net.flops]) - table[:, 0, :2].sum(axis=0)


def _layer(net: Graph, source: int, gene: int, channels: int, stride: int) -> int:
    """Add a layer; a skip that changes the shape is a 1x1 convolution."""
    width = net.nodes[source].channels
    same = stride == 1 and width == channels
    if gene == _SKIP:
        return source if same else net.conv_bn_relu(source, channels, 1, stride)
    kernel, expansion, groups = _BLOCKS[gene]
    wide = expansion * width
    x = net.relu(net.batch_norm(net.conv(source, wide, 1, groups=groups)))
    if groups > 1:
        x = net.shuffle(x, groups)
    x = net.relu(net.batch_norm(net.conv(x, wide, kernel, stride, groups=wide)))
    x = net.batch_norm(net.conv(x, channels, 1, groups=groups))
    return net.add([x, source]) if same else x
