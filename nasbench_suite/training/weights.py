"""The weights that a network begins with, drawn from a generator and from nothing else."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import nn

_CUT: Final = 0.87962566103423978
"""The deviation of a standard normal that is cut off at two deviations."""


def draw(layer: nn.Module, law: str, generator: torch.Generator) -> None:
    """Give a layer its first values.

    Args:
        layer: a convolution, a linear layer or a normalisation, which begins with 1 and 0.
        law: one of `Recipe.weights`.
        generator: of the CPU.
    """
    if isinstance(layer, nn.BatchNorm2d):
        layer.reset_parameters()
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
