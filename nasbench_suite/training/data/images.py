"""What is trained on and judged by: images and labels of three splits, all on one device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nasbench_suite.core import DamagedInput, Ints

_SMALLEST, _LARGEST = 4, 1024


class Split(NamedTuple):
    """Images and what they show."""

    images: Tensor
    """(images, channels, size, size) of uint8."""
    labels: Tensor
    """(images,) of int64, from 0."""


@dataclass(frozen=True)
class Images:
    """A data set for classification; validation may be empty, as where all is trained on."""

    name: str
    classes: int
    train: Split
    val: Split
    test: Split
    mean: Tensor
    """(channels,), of the pixels of the training images, in their own unit of 0 to 255."""
    std: Tensor
    """(channels,), as `mean`; 1 for a channel that is the same everywhere."""

    @property
    def channels(self) -> int:
        """Of each image: 1 for grey ones, 3 for colours."""
        return self.train.images.shape[1]

    @property
    def size(self) -> int:
        """Pixels a side."""
        return self.train.images.shape[2]

    @property
    def form(self) -> dict[str, int]:
        """What a network must know of the images, as `skeleton` asks it."""
        return {"classes": self.classes, "size": self.size, "channels": self.channels}

    @cached_property
    def digest(self) -> str:
        """The sha256 of all images and labels."""
        found = sha256()
        for split in (self.train, self.val, self.test):
            for part in split:
                found.update(f"{tuple(part.shape)}".encode())
                found.update(part.cpu().contiguous().numpy().data)
        return found.hexdigest()

    def to(self, device: torch.device) -> Images:
        """Return the same images on a device."""
        if self.train.images.device == device:
            return self
        train, val, test = (
            Split(split.images.to(device), split.labels.to(device))
            for split in (self.train, self.val, self.test)
        )
        mean, std = self.mean.to(device), self.std.to(device)
        return replace(self, train=train, val=val, test=test, mean=mean, std=std)


Pair = tuple[NDArray[Any], NDArray[Any]]
"""Images, (images, channels, size, size) of uint8, and labels, (images,) of integers from 0."""


def assemble(name: str, classes: int, train: Pair, val: Pair, test: Pair) -> Images:
    """Return a data set of checked arrays, with the statistics of its training images.

    Raises:
        DamagedInput: something has the wrong shape or type, a label is out of range, a split is
            empty that is needed, or there are fewer than two classes.
    """
    shape = np.shape(train[0])[1:]
    train, val, test = (
        _checked(f"{name}, {split}", pair, shape, classes)
        for split, pair in (("train", train), ("val", val), ("test", test))
    )
    if classes < 2:
        raise DamagedInput(f"{name} has {classes} classes: at least 2 are needed")
    for split, (_, labels) in (("train", train), ("test", test)):
        if not len(labels):
            raise DamagedInput(f"{name} has no images to {split}")
    if len(train[1]) < 2:
        raise DamagedInput(f"{name} has one image to train: batches are normalised by two or more")
    mean, std = _statistics(train[0])
    first, second, third = (
        Split(torch.from_numpy(x), torch.from_numpy(y)) for x, y in (train, val, test)
    )
    return Images(
        name, classes, first, second, third, torch.from_numpy(mean), torch.from_numpy(std)
    )


def _checked(where: str, pair: Pair, shape: tuple[int, ...], classes: int) -> Pair:
    images, labels = pair
    if images.dtype != np.uint8:
        raise DamagedInput(f"{where}: images are {images.dtype}, and must be uint8, 0 to 255")
    if images.ndim != 4 or images.shape[2] != images.shape[3] or images.shape[1] not in (1, 3):
        raise DamagedInput(
            f"{where}: images have the shape {images.shape}, and must be square, grey or of three "
            "channels: (images, channels, size, size)"
        )
    if images.shape[1:] != shape:
        raise DamagedInput(f"{where}: images are {images.shape[1:]}, those of train are {shape}")
    if not _SMALLEST <= images.shape[2] <= _LARGEST:
        raise DamagedInput(
            f"{where}: images have {images.shape[2]} pixels a side, and must have from "
            f"{_SMALLEST} to {_LARGEST}"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != images.shape[:1]:
        raise DamagedInput(
            f"{where}: {len(images)} images, and labels of type {labels.dtype} and shape "
            f"{labels.shape}: one whole number an image is needed"
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise DamagedInput(
            f"{where}: image {wrong[0]} has the label {labels[wrong[0]]}, and labels are 0 to "
            f"{classes - 1}"
        )
    return np.ascontiguousarray(images), labels.astype(np.int64)


def _statistics(images: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean and the deviation of each channel, exactly: they are counts of 256 values."""
    values = np.arange(256)
    means, deviations = [], []
    for channel in range(images.shape[1]):
        counts = np.bincount(images[:, channel].ravel(), minlength=256)
        mean = counts @ values / counts.sum()
        means.append(mean)
        deviations.append(np.sqrt(counts @ (values - mean) ** 2 / counts.sum()) or 1.0)
    return np.asarray(means, np.float32), np.asarray(deviations, np.float32)


def shuffled(count: int, seed: int) -> Ints:
    """Return the numbers below `count` in the order that a fixed seed gives."""
    return np.random.default_rng(seed).permutation(count)
