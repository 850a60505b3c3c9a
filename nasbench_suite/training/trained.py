"""What a training leaves behind: its curves, why it failed if it did, and how it was made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nasbench_suite.core import Arch

METRICS: Final = (
    "train_accuracy",
    "train_loss",
    "val_accuracy",
    "val_loss",
    "test_accuracy",
    "test_loss",
)
"""Accuracies in %, and mean cross-entropies in nats; those of training are of the images as they
were augmented, while the weights changed."""
COSTS: Final = ("seconds", "eval_seconds", "energy")
"""Seconds of training and of evaluation, and joules of both; no two runs have the same."""


@dataclass(frozen=True, slots=True)
class Training:
    """One network trained from one seed."""

    space: str
    arch: Arch
    seed: int
    curves: Mapping[str, tuple[float, ...]]
    """A value an epoch of each of `METRICS` and `COSTS`; NaN where nothing was measured."""
    failure: str | None
    """Why it ended early; None for a training that was finished."""
    record: Mapping[str, Any]
    """Recipe, data, network, hardware, versions and flags, as JSON can hold them."""
    digest: str
    """The sha256 of the weights and of the curves of `METRICS`: the same bytes, the same digest."""

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return len(self.curves[METRICS[0]])

    def final(self, metric: str) -> float:
        """Return the last value of a curve; NaN of a training that failed or lacks it."""
        values = self.curves[metric]
        return values[-1] if values and self.failure is None else math.nan
