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
        InvalidSetting: the space's skeleton is as published and cannot be changed, or has no place
            for an auxiliary classifier or no paths to drop.
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
    if recipe.auxiliary and graph.auxiliary is None:
        raise InvalidSetting(
            f"recipe {recipe.name} asks for an auxiliary classifier, and the networks of "
            f"{space.name} have no place for one: set auxiliary to 0"
        )
    if recipe.drop_path and not any(node.paths for node in graph.nodes):
        raise InvalidSetting(
            f"recipe {recipe.name} asks for paths to be dropped, and the networks of {space.name} "
            "have none that may be: set drop_path to 0"
        )
    return graph


def auxiliary(graph: Graph, classes: int) -> Graph:
    """Return the auxiliary classifier of a network, which reads its node `auxiliary`.

    It is that of DARTS and NASNet on CIFAR-10 (quark0/darts, cnn/model.py; tensorflow/models,
    research/slim/nets/nasnet): the mean over windows of 5x5, three apart, 1x1 to 128 channels, and
    a convolution over all that is left to 768. They read 8x8 pixels, of which 2x2 are left; fewer
    than 5x5 are one window.

    Args:
        graph: one with a node `auxiliary`.
        classes: how many logits it has.
    """
    assert graph.auxiliary is not None
    read = graph.nodes[graph.auxiliary]
    head = Graph(channels=read.channels, size=read.size)
    x = head.avg_pool(head.relu(0), min(5, read.size), 3, border=False)
    x = head.conv_bn_relu(x, 128, 1)
    x = head.relu(head.batch_norm(head.conv(x, 768, head.nodes[x].size, pads=False)))
    head.linear(x, classes)
    return head


def connected(graph: Graph) -> bool:
    """Return whether the output of a network depends on its input.

    Of NAS-Bench-201's 15,625 cells 341 leave the input out. The benchmark trained them all the
    same, and they are as good as chance (10 % on CIFAR-10).
    """
    depends = [True]
    for node in graph.nodes[1:]:
        depends.append(node.operation != "zero" and any(depends[place] for place in node.inputs))
    return depends[-1]
