"""Trains architectures for real: networks from graphs, recipes, data, and one loop.

    from nasbench_suite import registry, training
    space = registry.load("spaces", "nasbench201")
    images = training.load("digits")
    training.train(space.at(6111), space, images, training.recipe("quick"), seed=0).curves

Torch is imported here and nowhere else, and only when a name that needs it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from nasbench_suite.core import MissingExtra

if TYPE_CHECKING:
    from nasbench_suite.training.data import load as load
    from nasbench_suite.training.data.images import Images as Images
    from nasbench_suite.training.loop import train as train
    from nasbench_suite.training.measuring import Conditions as Conditions
    from nasbench_suite.training.measuring import Measurement as Measurement
    from nasbench_suite.training.measuring import measure as measure
    from nasbench_suite.training.measuring import untrained as untrained
    from nasbench_suite.training.network import Network as Network
    from nasbench_suite.training.recipes import Recipe as Recipe
    from nasbench_suite.training.recipes import recipe as recipe
    from nasbench_suite.training.trained import Training as Training

_HOMES: Final = {
    "Conditions": "measuring",
    "Images": "data.images",
    "Measurement": "measuring",
    "Network": "network",
    "Recipe": "recipes",
    "Training": "trained",
    "load": "data",
    "measure": "measuring",
    "recipe": "recipes",
    "train": "loop",
    "untrained": "measuring",
}

__all__ = [
    "Conditions",
    "Images",
    "Measurement",
    "Network",
    "Recipe",
    "Training",
    "load",
    "measure",
    "recipe",
    "train",
    "untrained",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision"):
            raise
        raise MissingExtra("training", "train") from error
    return getattr(home, name)
