"""The batches of an epoch: the training images in a new order, changed at random."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from nasbench_suite.training import augment
from nasbench_suite.training.data.images import Images
from nasbench_suite.training.recipes import Recipe

_CHUNK: Final = 1 << 24
"""How many pixels are augmented together: 64 MB as float32."""


class Batch(NamedTuple):
    """Images of a step, and what they show."""

    images: Tensor
    """(images, channels, size, size) of float32."""
    labels: Tensor
    """(images,), of int64."""
    others: Tensor | None = None
    """The labels of what was mixed in, where something was."""
    share: float = 1.0
    """How much of each image its own is; at least a half."""


def pixels(share: float, size: int) -> int:
    """Return a share of an image's side in whole pixels; a half is rounded down."""
    return math.ceil(share * size - 0.5)


def batches(
    images: Images,
    count: int,
    recipe: Recipe,
    generator: torch.Generator,
    shares: Sequence[float],
    layout: torch.memory_format,
) -> Iterator[Batch]:
    """Yield so many of the training images, in a new order and augmented.

    Args:
        images: which lie on one device.
        count: of the images that are yielded.
        recipe: which says how they are changed.
        generator: of the device.
        shares: how much of each image of a batch is its own; none where nothing is mixed in.
        layout: of the images in memory.
    """
    split, size = images.train, images.size
    order = torch.randperm(len(split.labels), generator=generator, device=generator.device)
    numbers = split.images[0].numel()
    chunk = max(1, _CHUNK // (numbers * recipe.batch)) * recipe.batch
    number = 0
    for part in torch.split(order[:count], chunk):
        x = augment.shift(split.images[part], pixels(recipe.shift, size), generator)
        x = augment.flip(x, recipe.flip, generator)
        x = augment.standardise(x, images.mean, images.std)
        x = augment.cutout(x, pixels(recipe.cutout, size), generator)
        x = augment.disturb(x, recipe.noise, generator)
        x = x.contiguous(memory_format=layout)
        labels = split.labels[part]
        for some, named in cut(x, labels, recipe.batch):
            if shares:
                yield _mixed(some, named, shares[number], generator)
            else:
                yield Batch(some, named)
            number += 1


def _mixed(x: Tensor, labels: Tensor, share: float, generator: torch.Generator) -> Batch:
    mixed, order = augment.mix(x, share, generator)
    return Batch(mixed, labels, labels[order], share)


def cut(images: Tensor, labels: Tensor, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Return images and labels in parts of so many; the last may be smaller."""
    return zip(torch.split(images, count), torch.split(labels, count), strict=True)
