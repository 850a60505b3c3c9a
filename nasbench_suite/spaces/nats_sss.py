"""The size space of NATS-Bench: the widths of the five stages of one fixed network.

Dong et al., "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size",
TPAMI 2021, section 3.2. 8^5 = 32,768 networks; every one is a different network, so each is
its own canonical form.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture
from nasbench_suite.graph import Graph
from nasbench_suite.spaces.base import Space
from nasbench_suite.spaces.nasbench201 import cell, head, residual

WIDTHS: Final = (8, 16, 24, 32, 40, 48, 56, 64)

_NUMBER: Final = {str(width): number for number, width in enumerate(WIDTHS)}
# The cell of every network: NAS-Bench-201's best on CIFAR-100, official index 9930.
_CELL: Final = (3, 3, 3, 1, 3, 3)


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
        x = net.batch_norm(net.conv(0, widths[0], 3))
        for stage, width in enumerate(widths):
            x = residual(net, x, width) if stage in (1, 3) else cell(net, x, _CELL, width)
        return head(net, x, classes)

    def _encode_adjacency(self, genes: Ints) -> Floats:
        """The widths as a share of the widest: a chain's adjacency is the same for all."""
        return np.asarray(WIDTHS, dtype=np.float64)[genes] / WIDTHS[-1]

    def _encode_path(self, genes: Ints) -> Floats:
        """Which pair of widths each two consecutive stages have, 4 x 64 features.

        A chain has a single path; its segments of length two tell architectures apart.
        """
        segments = [np.eye(64)[genes[:, k] * 8 + genes[:, k + 1]] for k in range(4)]
        return np.concatenate(segments, axis=1)
