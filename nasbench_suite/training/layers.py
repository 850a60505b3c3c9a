"""The layers of a network that have parameters, and the values that these begin with."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import nn

from nasbench_suite.graph import Graph, Node

_CUT: Final = 0.87962566103423978
"""The deviation of a standard normal that is cut off at two deviations."""


class Style(NamedTuple):
    """What a graph does not say of a network: as PyTorch has it by default, if nothing is said."""

    weights: str = "pytorch"
    """How they are drawn, as `Recipe.weights` says."""
    norm_momentum: float = 0.1
    norm_epsilon: float = 1e-5


# Torch's layers draw values when they are made, from a generator of the whole process; that takes
# most of the time in which a network is made, and here they are drawn again.


class _Conv(nn.Conv2d):
    def reset_parameters(self) -> None:
        pass


class _Linear(nn.Linear):
    def reset_parameters(self) -> None:
        pass


class _Norm(nn.BatchNorm2d):
    def reset_parameters(self) -> None:
        pass


def make(graph: Graph, node: Node, style: Style, device: str) -> nn.Module | None:
    """Return the module with a node's parameters, if it has some; they have no values yet."""
    if node.operation == "conv":
        return _Conv(
            graph.nodes[node.inputs[0]].channels,
            node.channels,
            node.kernel,
            node.stride,
            node.padding,
            node.dilation,
            node.groups,
            bias=False,
            device=device,
        )
    if node.operation == "batch_norm":
        return _Norm(node.channels, style.norm_epsilon, style.norm_momentum, device=device)
    if node.operation == "linear":
        features = graph.nodes[node.inputs[0]].channels
        return _Linear(features, node.channels, device=device)
    return None


def draw(layer: nn.Module, law: str, generator: torch.Generator) -> None:
    """Give a layer its first values.

    Args:
        layer: a convolution, a linear layer or a normalisation, which begins with 1 and 0.
        law: one of `Recipe.weights`.
        generator: of the CPU.
    """
    if isinstance(layer, nn.BatchNorm2d):
        nn.BatchNorm2d.reset_parameters(layer)
    elif isinstance(layer, nn.Conv2d | nn.Linear):
        if law == "variance_scaling":
            _scaled(layer, generator)
        else:
            _plain(layer, generator)


def _plain(layer: nn.Conv2d | nn.Linear, generator: torch.Generator) -> None:
    """Draw as PyTorch does by default."""
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    if layer.bias is not None:
        reach = 1 / math.sqrt(layer.weight[0].numel())
        nn.init.uniform_(layer.bias, -reach, reach, generator=generator)


def _scaled(layer: nn.Conv2d | nn.Linear, generator: torch.Generator) -> None:
    """Draw as TensorFlow's layers do in NAS-Bench-101 (google-research/nasbench, lib/base_ops.py).

    Convolutions by `variance_scaling_initializer`, and the classifier by what a dense layer has by
    default: Glorot's uniform law, and biases of 0.
    """
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
        return
    deviation = 1 / math.sqrt(layer.weight[0].numel()) / _CUT
    nn.init.trunc_normal_(
        layer.weight, std=deviation, a=-2 * deviation, b=2 * deviation, generator=generator
    )
