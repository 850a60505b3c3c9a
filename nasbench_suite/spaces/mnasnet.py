"""The MnasNet space of Accel-NASBench: seven blocks of mobile layers, each with four choices.

Ahmad et al., "Accel-NASBench: Sustainable Benchmarking for Accelerator-Aware NAS", DAC 2024,
appendix B, and the authors' repository, afzalxo/Accel-NASBench; the blocks are those of Tan
et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", CVPR 2019, with the
widths and strides of EfficientNet-B0. (3 * 2 * 3 * 2)^6 * (3 * 2 * 4 * 2), about 10^11 networks.

The parameters are those published for each of the benchmark's 5,138 trained networks, without an
exception. The published multiply-accumulates are more than `flops`, by one rule for all: they add
four for each number that is normalised, and one for each number that goes into or comes out of a
global pooling, and leave out the biases of linear layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture
from nasbench_suite.graph import Graph
from nasbench_suite.spaces._layers import along_chain
from nasbench_suite.spaces.base import Space

EXPANSIONS: Final = (1, 4, 6)
KERNELS: Final = (3, 5)
SQUEEZES: Final = (False, True)
"""Whether the layers of a block squeeze and excite."""
LAYERS: Final = ((1, 2, 3),) * 5 + ((1, 2, 3, 4), (1, 2, 3))
"""How many layers each block may have."""

STRIDES: Final = (1, 2, 2, 2, 1, 2, 1)
"""Of the first layer of each block."""
WIDTHS: Final = (16, 24, 40, 80, 112, 192, 320)
"""Channels of each block's result."""

_STEM, _HEAD = 32, 1280
_CLASSES, _SIZE = 1000, 224
"""Of ImageNet, for which features have the costs."""
_LETTERS: Final = ("e", "k", "l", "se")
_CHOICES: Final[tuple[tuple[tuple[int, ...], ...], ...]] = tuple(
    (EXPANSIONS, KERNELS, layers, SQUEEZES) for layers in LAYERS
)
"""Of each block the values of its four genes."""
_TEXTS: Final = tuple(
    {
        genes: "_".join(
            f"{letter}{int(values[gene])}"
            for letter, values, gene in zip(_LETTERS, choices, genes, strict=True)
        )
        for genes in product(*(range(len(values)) for values in choices))
    }
    for choices in _CHOICES
)
_DIGITS: Final = np.array([16, 8, 2, 1])
"""What each gene of a block is worth in its code."""
_GENES: Final = tuple({text: genes for genes, text in texts.items()} for texts in _TEXTS)


class Mnasnet(Space):
    """The networks.

    Each block has four genes: expansion, kernel, layers, and whether it squeezes and excites.
    """

    name = "mnasnet"
    genes = tuple(len(values) for choices in _CHOICES for values in choices)

    def parse(self, text: str) -> Arch:
        """Return the network written as seven blocks, `e1_k3_l1_se1-e6_k3_l2_se1-…`.

        The letters are those of Accel-NASBench, which has no string of its own.
        """
        words = text.split("-")
        try:
            blocks = [_GENES[block][word] for block, word in zip(range(7), words, strict=True)]
        except (ValueError, KeyError):
            raise InvalidArchitecture(
                f"{text!r} is no architecture of {self.name}, which has seven blocks as "
                f"e1_k3_l1_se1-e6_k3_l2_se1-…: e is one of {EXPANSIONS}, k of {KERNELS}, l 1 to 3, "
                "in the sixth also 4, and se 0 or 1"
            ) from None
        return tuple(gene for block in blocks for gene in block)

    def format(self, arch: Arch) -> str:
        """Return the seven blocks, joined by hyphens."""
        return "-".join(_TEXTS[block][arch[4 * block : 4 * block + 4]] for block in range(7))

    def from_config(self, values: Mapping[str, Any]) -> Arch:
        """Return the network that Accel-NASBench writes as `block0_e` to `block6_se`.

        Raises:
            InvalidArchitecture: a name is missing, or its value is none of the choices.
        """
        genes = []
        for name, choices in _named():
            if values.get(name) not in choices:
                raise InvalidArchitecture(
                    f"no architecture of {self.name}: {name} is {values.get(name)!r}, and may be "
                    f"{', '.join(map(str, choices))}"
                )
            genes.append(choices.index(values[name]))
        return tuple(genes)

    def to_config(self, arch: Arch) -> dict[str, int]:
        """Return the network as Accel-NASBench's dictionary; see `from_config`."""
        return {name: choices[gene] for gene, (name, choices) in zip(arch, _named(), strict=True)}

    def graph(self, arch: Arch, *, classes: int, size: int, image_channels: int = 3) -> Graph:
        """Return the network: stem, seven blocks, a 1x1 convolution and the classifier.

        The activations are described as rectifiers; they cost nothing either way.
        """
        net = Graph(channels=image_channels, size=size)
        x = net.relu(net.batch_norm(net.conv(0, _STEM, 3, 2)))
        values = [choices[gene] for gene, (_, choices) in zip(arch, _named(), strict=True)]
        for block, (stride, width) in enumerate(zip(STRIDES, WIDTHS, strict=True)):
            expansion, kernel, layers, squeezes = values[4 * block : 4 * block + 4]
            for layer in range(layers):
                x = _layer(
                    net,
                    x,
                    width,
                    expansion,
                    kernel,
                    1 if layer else stride,
                    squeezes=bool(squeezes),
                )
        x = net.global_avg_pool(net.conv_bn_relu(x, _HEAD, 1))
        net.linear(x, classes)
        return net

    def _encode_live(self, genes: Ints) -> Floats:
        """Each block's choices as numbers, their sums, and log costs, 7 x 15 + 15 + 2 features.

        Of a block: whether it expands by 1, by 4, by 6, has kernels of 5x5, one, two, three layers;
        the layers, squeeze and excite, the logarithm of the expansion, and the products expansion x
        layers, that of 5x5 kernels, kernel x layers, expansion x squeeze, and that x layers. Costs
        are the parameters and FLOPs on ImageNet.
        """
        codes = genes.reshape(-1, len(WIDTHS), len(_LETTERS)) @ _DIGITS
        table, fixed = _blocks()
        return along_chain(table, codes, starts=(0,), fixed=fixed)


def _named() -> list[tuple[str, tuple[int, ...]]]:
    """Return Accel-NASBench's name of each gene, and its values."""
    return [
        (f"block{block}_{letter}", values)
        for block, choices in enumerate(_CHOICES)
        for letter, values in zip(_LETTERS, choices, strict=True)
    ]


@cache
def _blocks() -> tuple[Floats, NDArray[np.float64]]:
    """Return what `along_chain` reads: a row for each block and code, and the other costs."""
    table = np.zeros((len(WIDTHS), 48, 2 + 15))
    width, size = _STEM, _SIZE // 2
    for block, (stride, channels) in enumerate(zip(STRIDES, WIDTHS, strict=True)):
        for genes in product(*map(range, map(len, _CHOICES[block]))):
            e, k, n, s = (values[g] for values, g in zip(_CHOICES[block], genes, strict=True))
            net, x = Graph(channels=width, size=size), 0
            for layer in range(n):
                x = _layer(net, x, channels, e, k, 1 if layer else stride, squeezes=bool(s))
            indicators = (e == 1, e == 4, e == 6, k == 5, n == 1, n == 2, n == 3)
            numbers = (n, s, log(e), e * n, e * n * (k == 5), k * n, e * s, e * s * n)
            row = (net.params, net.flops, *indicators, *numbers)
            table[block, _DIGITS @ genes] = row
        width, size = channels, -(-size // stride)
    net = Mnasnet().graph((0,) * len(Mnasnet.genes), classes=_CLASSES, size=_SIZE)
    return table, np.array([net.params, net.flops]) - table[:, 0, :2].sum(axis=0)


def _layer(
    net: Graph,
    source: int,
    channels: int,
    expansion: int,
    kernel: int,
    stride: int,
    *,
    squeezes: bool,
) -> int:
    """Add a mobile layer; it squeezes to a quarter of its input's channels."""
    width = net.nodes[source].channels
    wide = expansion * width
    x = source if expansion == 1 else net.conv_bn_relu(source, wide, 1)
    x = net.relu(net.batch_norm(net.conv(x, wide, kernel, stride, groups=wide)))
    if squeezes:
        x = net.squeeze_excite(x, width // 4)
    x = net.batch_norm(net.conv(x, channels, 1))
    return net.add([x, source]) if stride == 1 and width == channels else x
