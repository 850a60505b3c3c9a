"""The size space of NATS-Bench: the widths of the five stages of one fixed network.

Dong et al., "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size",
TPAMI 2021, section 3.2. 8^5 = 32,768 networks; every one is a different network, so each is
its own canonical form.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from math import log2
from typing import Final

import numpy as np

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture
from nasbench_suite.graph import Graph
from nasbench_suite.spaces._layers import along_chain
from nasbench_suite.spaces.base import Space
from nasbench_suite.spaces.nasbench201 import cell, head, residual

WIDTHS: Final = (8, 16, 24, 32, 40, 48, 56, 64)

_NUMBER: Final = {str(width): number for number, width in enumerate(WIDTHS)}
# The cell of every network: NAS-Bench-201's best on CIFAR-100, official index 9930.
_CELL: Final = (3, 3, 3, 1, 3, 3)
_CLASSES, _SIZE = 10, 32
"""Of CIFAR-10, for which features have the costs."""


class NatsSss(Space):
    """The widths; an architecture is the number of each stage's width in `WIDTHS`."""

    name = "nats_sss"
    genes = (8,) * 5

    def parse(self, text: str) -> Arch:
        """Return the network written like `8:8:8:16:40`."""
        words = text.split(":")
        try:
            a, b, c, d, e = words
            return (_NUMBER[a], _NUMBER[b], _NUMBER[c], _NUMBER[d], _NUMBER[e])
        except (ValueError, KeyError):
            raise InvalidArchitecture(
                f"{text!r} is no architecture of {self.name}, which has five widths as "
                f"8:8:8:16:40, each one of {', '.join(map(str, WIDTHS))}"
            ) from None

    def format(self, arch: Arch) -> str:
        """Return the five widths, joined by colons."""
        return ":".join(str(WIDTHS[gene]) for gene in arch)

    def graph(self, arch: Arch, *, classes: int, size: int, image_channels: int = 3) -> Graph:
        """Return the network: stem, then cell, block, cell, block, cell, each of its width."""
        widths = [WIDTHS[gene] for gene in arch]
        net = Graph(channels=image_channels, size=size)
        x = _stem(net, widths[0])
        for stage, width in enumerate(widths):
            x = _stage(net, x, stage, width)
        return head(net, x, classes)

    def _encode_adjacency(self, genes: Ints) -> Floats:
        """The widths as a share of the widest: a chain's adjacency is the same for all."""
        return np.asarray(WIDTHS, dtype=np.float64)[genes] / WIDTHS[-1]

    def _encode_live(self, genes: Ints) -> Floats:
        """Of each stage width, its logarithm, its product with and its ratio to the width before.

        Then their sums, and the logarithms of parameters and FLOPs on CIFAR-10, 26 features.
        """
        before = np.concatenate([genes[:, :1], genes[:, :-1]], axis=1)
        fixed = np.zeros(2)
        return along_chain(_pairs(), before * len(WIDTHS) + genes, starts=(0,), fixed=fixed)

    def _encode_path(self, genes: Ints) -> Floats:
        """Which pair of widths each two consecutive stages have, 4 x 64 features.

        A chain has a single path; its segments of length two tell architectures apart.
        """
        segments = [np.eye(64)[genes[:, k] * 8 + genes[:, k + 1]] for k in range(4)]
        return np.concatenate(segments, axis=1)


def _stem(net: Graph, width: int) -> int:
    return net.batch_norm(net.conv(0, width, 3))


def _stage(net: Graph, source: int, stage: int, width: int) -> int:
    """Add a block that halves the image as the second and the fourth stage, else a cell."""
    if stage in (1, 3):
        return residual(net, source, width)
    return cell(net, source, _CELL, width)


@cache
def _pairs() -> Floats:
    """Return what `along_chain` reads: a row for each stage and pair of widths, before and its own.

    Nothing stands before the first stage: its own width is given for that.
    """
    table = np.zeros((5, len(WIDTHS) ** 2, 2 + 4))
    for stage, (code, (before, width)) in product(range(5), enumerate(product(WIDTHS, repeat=2))):
        net = Graph(channels=before if stage else 3, size=_SIZE >> (stage > 1) + (stage > 3))
        x = _stage(net, 0 if stage else _stem(net, width), stage, width)
        if stage == 4:
            head(net, x, _CLASSES)
        numbers = (width, log2(width), before * width, log2(width / before))
        table[stage, code] = (net.params, net.flops, *numbers)
    return table
