"""What a training leaves behind: its curves, why it failed if it did, and how it was made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nasbench_suite.core import Arch, DamagedInput, InvalidArchitecture
from nasbench_suite.spaces.base import Space

_FORMAT: Final = "nasbench-training-1"

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


def failed(space: Space, arch: Arch, seed: int, why: str) -> Training:
    """Return a training of which there is nothing."""
    nothing: dict[str, tuple[float, ...]] = dict.fromkeys((*METRICS, *COSTS), ())
    return Training(space.name, arch, seed, nothing, why, {}, "")


def to_json(training: Training, arch: str) -> str:
    """Return a training as the text of a file; `arch` is how its space writes the architecture."""
    content = {
        "format": _FORMAT,
        "space": training.space,
        "architecture": arch,
        "seed": training.seed,
        "failure": training.failure,
        "digest": training.digest,
        "curves": {
            name: [None if math.isnan(value) else value for value in values]
            for name, values in training.curves.items()
        },
        "record": training.record,
    }
    return json.dumps(content, allow_nan=False) + "\n"


def from_json(text: str, space: Space, origin: str) -> Training:
    """Return the training in the text of a file.

    Args:
        text: what `to_json` wrote.
        space: the space that it must be of.
        origin: the file's name, for an error.

    Raises:
        DamagedInput: it is no such text, or of another space or version.
    """
    try:
        content = json.loads(text)
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is {content['format']}")
        if content["space"] != space.name:
            raise DamagedInput(
                f"{origin} is a training of {content['space']}, not of {space.name}: name another "
                "folder"
            )
        curves = {
            name: tuple(math.nan if value is None else float(value) for value in values)
            for name, values in content["curves"].items()
        }
        if curves.keys() != {*METRICS, *COSTS} or len({*map(len, curves.values())}) != 1:
            raise ValueError("its curves are not whole")
        if not isinstance(content["record"], dict):
            raise ValueError("its record is no table")
        return Training(
            space.name,
            space.parse(content["architecture"]),
            int(content["seed"]),
            curves,
            content["failure"],
            content["record"],
            content["digest"],
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidArchitecture) as error:
        raise DamagedInput(
            f"{origin} is no training of this suite ({error}): remove it, and it is made again"
        ) from None
