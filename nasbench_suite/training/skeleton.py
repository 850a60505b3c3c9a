"""The graph that is trained: a space's network for the images and the recipe at hand, no torch."""

from __future__ import annotations

import inspect
from typing import Any

from nasbench_suite.core import Arch, InvalidSetting
from nasbench_suite.graph import Graph
from nasbench_suite.spaces.base import Space
from nasbench_suite.training.recipes import Recipe


def skeleton(
    space: Space, arch: Arch, recipe: Recipe, *, classes: int, size: int, channels: int = 3
) -> Graph:
    """Return the network of an architecture, of the recipe's number of channels and cells.

    Args:
        space: the architecture's.
        arch: one of its architectures.
        recipe: whose `channels` and `cells` replace the published ones, unless they are 0.
        classes: how many logits it has.
        size: of the images, in pixels a side.
        channels: of the images.

    Raises:
        NoNetwork: the space describes no network of images.
        InvalidSetting: the space's skeleton is as published and cannot be changed.
    """
    changes: dict[str, int] = {}
    if channels != 3:
        changes["image_channels"] = channels
    if recipe.channels:
        changes["width"] = recipe.channels
    if recipe.cells:
        changes["cells"] = recipe.cells
    build: Any = space.graph
    known = inspect.signature(build).parameters
    if not changes.keys() <= known.keys():
        # Where there is no network at all, that is what is wrong.
        build(arch, classes=classes, size=size)
    if "image_channels" in changes and "image_channels" not in known:
        raise InvalidSetting(
            f"the networks of {space.name} read images of 3 channels, and these have {channels}"
        )
    if not changes.keys() <= known.keys():
        raise InvalidSetting(
            f"recipe {recipe.name} asks for {recipe.channels} channels and {recipe.cells} cells a "
            f"stage, and the skeleton of {space.name} is as published: set channels and cells to 0"
        )
    graph: Graph = build(arch, classes=classes, size=size, **changes)
    return graph


def connected(graph: Graph) -> bool:
    """Return whether the output of a network depends on its input.

    Of NAS-Bench-201's 15,625 cells 341 leave the input out. The benchmark trained them all the
    same, and they are as good as chance (10 % on CIFAR-10).
    """
    depends = [True]
    for node in graph.nodes[1:]:
        depends.append(node.operation != "zero" and any(depends[place] for place in node.inputs))
    return depends[-1]
