"""The network that TransNAS-Bench-101's two spaces share: a stem, a row of modules, and a head.

Duan et al., "TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task
Neural Architecture Search", CVPR 2021, section 3, and the authors' repository,
yawen-d/TransNASBench. What is built here is the network of the tasks that end in one linear layer
(`class_object`, `class_scene`, `room_layout`); the decoders of the others are no part of a space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from nasbench_suite.graph import Graph

Block: TypeAlias = Callable[[Graph, int, int, int], int]
"""Adds a block, given the network, what it reads, its channels and its stride."""

WIDTH: Final = 64
"""Channels after the stem."""
_BLOCKS: Final = 2
"""In each module; the first of them changes width and size."""

DOUBLES: Final = frozenset({2, 4})
"""The modules that double the channels; a module is 1 to 4."""
HALVES: Final = frozenset({3, 4})
"""The modules that halve the image."""


def network(
    modules: Sequence[int], block: Block, *, classes: int, size: int, image_channels: int = 3
) -> Graph:
    """Return the network of so many classes and images of `size` pixels a side."""
    net = Graph(channels=image_channels, size=size)
    x = net.batch_norm(net.conv(0, WIDTH // 2, 3, 2))
    x = net.relu_conv_bn(x, WIDTH, 3, 2)
    for kind in modules:
        x = module(net, x, kind, block)
    net.linear(net.global_avg_pool(x), classes)
    return net


def module(net: Graph, source: int, kind: int, block: Block) -> int:
    """Add a module of a kind 1 to 4."""
    x = source
    channels = net.nodes[x].channels * (2 if kind in DOUBLES else 1)
    for number in range(_BLOCKS):
        x = block(net, x, channels, 2 if kind in HALVES and number == 0 else 1)
    return x
