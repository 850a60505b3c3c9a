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
    from nasbench_suite.training.network import Network as Network
    from nasbench_suite.training.recipes import Recipe as Recipe
    from nasbench_suite.training.recipes import recipe as recipe
    from nasbench_suite.training.trained import Training as Training

_HOMES: Final = {
    "Images": "data.images",
    "Network": "network",
    "Recipe": "recipes",
    "Training": "trained",
    "load": "data",
    "recipe": "recipes",
    "train": "loop",
}

__all__ = [
    "Images",
    "Network",
    "Recipe",
    "Training",
    "load",
    "recipe",
    "train",
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
