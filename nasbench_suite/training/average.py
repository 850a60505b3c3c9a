"""The network that is judged where a recipe averages weights over the steps of a training.

A learning rate that is still high scatters the weights, and what is measured of them after an early
epoch is mostly that scatter. Their average shows where they have come: Polyak and Juditsky,
"Acceleration of Stochastic Approximation by Averaging", SIAM Journal on Control and Optimization
1992. Here it forgets exponentially.
"""

from __future__ import annotations

import copy
from typing import Final

import torch
from torch import Tensor, nn

from nasbench_suite.training.network import Network

_SHARE: Final = 9
"""At first the average looks back over one in so many of the steps so far, so that the random
weights of the beginning do not stay in it."""


class Average:
    """A copy of a network whose weights follow those of the network."""

    def __init__(self, network: Network, decay: float) -> None:
        """Begin with the weights that the network has.

        Batch statistics are averaged as weights are, so the network itself holds those of its last
        batch alone.

        Args:
            network: what is trained.
            decay: what a step leaves of the average, from 0 and below 1.
        """
        self.network: Final = copy.deepcopy(network)
        self._decay = decay
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
        self._ours, self._theirs = _tensors(self.network), _tensors(network)

    @torch.no_grad()
    def follow(self, steps: int) -> None:
        """Take over a share of the weights that the network has after so many steps."""
        decay = min(self._decay, steps / (steps + _SHARE))
        torch._foreach_lerp_(self._ours, self._theirs, 1 - decay)


def _tensors(network: Network) -> list[Tensor]:
    """Return the tensors of a network that hold real numbers, always in the same order."""
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
