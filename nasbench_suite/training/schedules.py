"""What changes over a training: the learning rate, and the chance that a path is dropped."""

from __future__ import annotations

import math

from nasbench_suite.training.recipes import Recipe


def learning_rate(recipe: Recipe, epochs: int, step: int, steps: int) -> float:
    """Return the learning rate of a step.

    Args:
        recipe: which says how it rises and falls.
        epochs: how many are over.
        step: of the current epoch, from 0.
        steps: how many an epoch has.
    """
    risen = (epochs + (step + 1) / steps) / recipe.warm_up if recipe.warm_up else 1.0
    if risen < 1:
        return recipe.learning_rate * risen
    done = epochs + (step / steps if recipe.schedule == "step" else 0)
    share = max(0.0, done - recipe.warm_up) / (recipe.epochs - recipe.warm_up)
    return recipe.learning_rate * (1 + math.cos(math.pi * share)) / 2


def drop_path(recipe: Recipe, epochs: int, step: int, steps: int) -> float:
    """Return the chance that a path is dropped at a step; arguments as of `learning_rate`.

    That it rises in a straight line over the training is NASNet's ScheduledDropPath (Zoph et al.,
    CVPR 2018, section 4); DARTS sets it once an epoch.
    """
    if recipe.drop_path_schedule == "constant":
        return recipe.drop_path
    done = epochs + (step / steps if recipe.drop_path_schedule == "step" else 0)
    return recipe.drop_path * done / recipe.epochs
