"""How a network is trained: every hyperparameter, by name.

A recipe is a `.toml` file here, which states all of them; another file is another recipe. Nothing
here needs torch, so that the command line can list and check recipes without it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from nasbench_suite import settings
from nasbench_suite.core import DamagedInput, DataNotFound, InvalidSetting, UnknownName, shown

_FOLDER: Final = Path(__file__).parent
_SUFFIX: Final = ".toml"
_MOST: Final = 100_000

PRECISIONS: Final = ("auto", "fp32", "bf16", "fp16")

_NEUTRAL: Final[dict[str, Any]] = {
    "optimiser": "sgd",
    "rms_decay": 0.9,
    "rms_epsilon": 1.0,
    "weights": "pytorch",
    "norm_momentum": 0.1,
    "norm_epsilon": 1e-5,
    "drop_path": 0.0,
    "drop_path_schedule": "epoch",
    "auxiliary": 0.0,
    "mixup": 0.0,
    "cutout": 0.0,
}
"""Hyperparameters that came after trainings had been recorded, with the values by which nothing
changes. With these they are left out of `values` and `digest`, so that a recipe which does not need
them is the same recipe as before, and its trainings are not made again."""


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a training; `recipe` reads and checks them."""

    name: str

    channels: int
    """Of the first stage of a space's skeleton; 0: as published."""
    cells: int
    """A stage of a space's skeleton, in all where it has no stages (`darts`); 0: as published."""

    epochs: int
    batch: int
    """Images a step. The last batch of an epoch is smaller where images are left over."""
    learning_rate: float
    """At its highest; it goes down to 0 as a half cosine."""
    schedule: str
    """Whether the learning rate changes with every `step`, or with every `epoch`."""
    warm_up: float
    """Epochs in which the learning rate rises from 0 in a straight line."""
    optimiser: str
    """`sgd`, or `rmsprop`, which divides by the size of recent gradients."""
    momentum: float
    nesterov: bool
    rms_decay: float
    """What a step of `rmsprop` leaves of its mean square of the gradients, which begins at 1."""
    rms_epsilon: float
    """What `rmsprop` adds to the mean square before it takes the root."""
    weight_decay: float
    """Of all parameters, those of batch normalisation too."""
    clip: float
    """The longest gradient that is stepped along, as a Euclidean norm; 0: any."""
    weights: str
    """How weights are drawn: as `pytorch` does by default, or by `variance_scaling`, which is how
    NAS-Bench-101 did it: normal, cut off at two deviations, of variance 1/fan-in; the classifier's
    by Glorot's uniform law."""
    norm_momentum: float
    """What a batch gives to the statistics that batch normalisation judges with."""
    norm_epsilon: float
    """What batch normalisation adds to variances."""
    drop_path: float
    """The chance, at its highest, that a path of a cell is left out for an image of a batch."""
    drop_path_schedule: str
    """Whether that chance rises from 0 in a straight line with every `epoch`, with every `step`, or
    is `constant`."""
    auxiliary: float
    """The weight of the loss of an auxiliary classifier two thirds into the network; 0: there is
    none. It is trained alone, and neither judged nor counted."""
    label_smoothing: float
    average: float
    """What a step leaves of the moving average of the weights, which is then judged in their place;
    0: the weights themselves are judged."""

    flip: float
    """The chance that a training image is mirrored."""
    shift: float
    """How far a training image is moved at most, as a share of its side, with zeros behind it.

    That is a random crop of the image padded by so much: 4 pixels of 32 are 0.125.
    """
    cutout: float
    """The side of a square of each training image that is set to the mean, as a share of its side.

    Its centre may be anywhere, so that part of it may lie outside: 16 pixels of 32 are 0.5.
    """
    mixup: float
    """Each training image has another of its batch mixed in, by a share of Beta(a, a) with this a;
    0: none. Training accuracy is then that of naming the image that weighs more."""
    noise: float
    """The standard deviation of Gaussian noise on training images, in those of the pixels."""
    eval_shift: float
    """As `shift`, of validation and test images."""
    eval_noise: float
    """As `noise`, of validation and test images."""
    eval_draws: int
    """How often each validation and test image is moved and made noisy; metrics are the means."""
    eval_every: int
    """Epochs from one evaluation to the next; the last epoch is always evaluated."""

    precision: str
    """`fp32`, `bf16`, `fp16` (scaled, on a GPU alone), or `auto`: what is fastest."""
    channels_last: bool
    """Whether the channels of a pixel lie side by side in memory."""
    compile: bool
    """Whether `torch.compile` is used; it takes a minute of the first epoch's seconds."""

    def values(self) -> dict[str, Any]:
        """Return the hyperparameters by name, as they are recorded.

        Of the later ones those are left out that change nothing; `everything` has them too.
        """
        return {
            name: value
            for name, value in self.everything().items()
            if name not in _NEUTRAL or value != _NEUTRAL[name]
        }

    def everything(self) -> dict[str, Any]:
        """Return all hyperparameters by name, as a recipe's file states them."""
        return {field.name: getattr(self, field.name) for field in fields(self)[1:]}

    @cached_property
    def digest(self) -> str:
        """The sha256 of the hyperparameters as JSON; the name is not one of them."""
        text = json.dumps(self.values(), sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()


def _count(least: int, most: int = _MOST) -> Callable[[str, Any], int]:
    return lambda name, value: settings.at_least(name, value, least, most)


def _share(name: str, value: Any) -> float:
    return settings.share_of(name, value, zero=True)


def _below_one(name: str, value: Any) -> float:
    if _share(name, value) == 1:
        raise InvalidSetting(f"{name} is {shown(value)}: it is a number from 0 and below 1")
    return float(value)


def _positive(name: str, value: Any) -> float:
    return settings.above(name, value, 0)


def _not_negative(name: str, value: Any) -> float:
    if value == 0 and not isinstance(value, bool):
        return 0.0
    try:
        return _positive(name, value)
    except InvalidSetting:
        raise InvalidSetting(f"{name} is {shown(value)}: it is 0 or more, and finite") from None


def _positive_share(name: str, value: Any) -> float:
    return settings.share_of(name, value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidSetting(f"{name} is {shown(value)}: it is true or false")
    return value


def _word(*known: str) -> Callable[[str, Any], str]:
    return lambda name, value: settings.one_of(name, value, known)


_CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "channels": _count(0),
    "cells": _count(0, 1000),
    "epochs": _count(1),
    "batch": _count(2),
    "learning_rate": _positive,
    "schedule": _word("step", "epoch"),
    "warm_up": _not_negative,
    "optimiser": _word("sgd", "rmsprop"),
    "momentum": _below_one,
    "nesterov": _flag,
    "rms_decay": _below_one,
    "rms_epsilon": _positive,
    "weight_decay": _not_negative,
    "clip": _not_negative,
    "weights": _word("pytorch", "variance_scaling"),
    "norm_momentum": _positive_share,
    "norm_epsilon": _positive,
    "drop_path": _below_one,
    "drop_path_schedule": _word("epoch", "step", "constant"),
    "auxiliary": _not_negative,
    "label_smoothing": _below_one,
    "average": _below_one,
    "flip": _share,
    "shift": _share,
    "cutout": _share,
    "mixup": _not_negative,
    "noise": _not_negative,
    "eval_shift": _share,
    "eval_noise": _not_negative,
    "eval_draws": _count(1),
    "eval_every": _count(1),
    "precision": _word(*PRECISIONS),
    "channels_last": _flag,
    "compile": _flag,
}


def names() -> list[str]:
    """Return the names of the suite's recipes, sorted."""
    return sorted(path.stem for path in _FOLDER.glob(f"*{_SUFFIX}"))


def recipe(name: str, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Return the recipe of a name, or of a user's own file, with some values changed.

    Args:
        name: one of `names`, or the path of a `.toml` file that states every hyperparameter.
        changes: values that replace the recipe's.

    Raises:
        UnknownName: there is no such recipe, or no such hyperparameter.
        InvalidSetting: a value is of the wrong type or out of range.
        DataNotFound, DamagedInput: the file is not there, is no TOML, or leaves something out.
    """
    own = str(name).endswith(_SUFFIX)
    if not own and name not in names():
        raise UnknownName("recipe", name, names())
    path = Path(name).expanduser() if own else _FOLDER / f"{name}{_SUFFIX}"
    stated = _read(path)
    values = {**stated, **(changes or {})}
    for key in values:
        if key not in _CHECKS:
            raise UnknownName("hyperparameter", key, _CHECKS, f" of recipe {path.stem}")
    missing = [key for key in _CHECKS if key not in stated]
    if missing:
        raise DamagedInput(f"{path} leaves out {', '.join(missing)}: a recipe states everything")
    checked = {key: check(key, values[key]) for key, check in _CHECKS.items()}
    if checked["nesterov"] and not checked["momentum"]:
        raise InvalidSetting("nesterov is true and momentum 0: Nesterov's step needs momentum")
    if checked["nesterov"] and checked["optimiser"] != "sgd":
        raise InvalidSetting(
            f"nesterov is true and the optimiser {checked['optimiser']}: Nesterov's step is sgd's"
        )
    if checked["warm_up"] >= checked["epochs"]:
        raise InvalidSetting(
            f"warm_up is {checked['warm_up']:g} epochs, of {checked['epochs']} in all: make it "
            "shorter"
        )
    return Recipe(path.stem, **checked)


def restored(values: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a name and of its `values`, as they were recorded.

    Raises:
        UnknownName, InvalidSetting: they are none of a recipe.
        KeyError: one is missing.
    """
    name = str(values["name"])
    given = {key: value for key, value in values.items() if key != "name"}
    for key in given:
        if key not in _CHECKS:
            raise UnknownName("hyperparameter", key, _CHECKS, f" of recipe {name}")
    stated = {**_NEUTRAL, **given}
    return Recipe(name, **{key: check(key, stated[key]) for key, check in _CHECKS.items()})


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            raise DataNotFound(f"cannot read {path}: {error.strerror or error}") from None
        raise DamagedInput(f"{path} is no recipe: {error}") from None
