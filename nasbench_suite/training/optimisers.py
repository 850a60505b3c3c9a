"""What steps along gradients: torch's SGD, and RMSProp as TensorFlow has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from nasbench_suite.training.recipes import Recipe


def optimiser(parameters: Iterable[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser of a recipe."""
    if recipe.optimiser == "rmsprop":
        return RMSProp(
            parameters,
            recipe.learning_rate,
            momentum=recipe.momentum,
            decay=recipe.rms_decay,
            epsilon=recipe.rms_epsilon,
            weight_decay=recipe.weight_decay,
        )
    return torch.optim.SGD(
        parameters,
        recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
        fused=True,
    )


class RMSProp(torch.optim.Optimizer):
    """RMSProp with which NAS-Bench-101 was trained.

    It differs from torch's: the mean square begins at 1, what is added to it is added before the
    root, and the momentum adds up steps, of which each keeps the learning rate of its time.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        *,
        momentum: float,
        decay: float,
        epsilon: float,
        weight_decay: float,
    ) -> None:
        """Take the parameters, which all have the same settings."""
        settings: dict[str, Any] = {
            "lr": lr,
            "momentum": momentum,
            "decay": decay,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(parameters, settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Step along the gradients that are there."""
        for group in self.param_groups:
            values = [value for value in group["params"] if value.grad is not None]
            if values:
                self._step(group, values)

    def _step(self, group: dict[str, Any], values: list[Tensor]) -> None:
        plain = [value.grad for value in values if value.grad is not None]
        gradients = torch._foreach_add(plain, values, alpha=group["weight_decay"])
        for value in values:
            if not self.state[value]:
                self.state[value]["square_avg"] = torch.ones_like(value)
                self.state[value]["momentum_buffer"] = torch.zeros_like(value)
        squares = [self.state[value]["square_avg"] for value in values]
        steps = [self.state[value]["momentum_buffer"] for value in values]
        torch._foreach_mul_(squares, group["decay"])
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - group["decay"])
        sizes = torch._foreach_add(squares, group["epsilon"])
        torch._foreach_sqrt_(sizes)
        torch._foreach_mul_(steps, group["momentum"])
        torch._foreach_addcdiv_(steps, gradients, sizes, value=group["lr"])
        torch._foreach_sub_(values, steps)
