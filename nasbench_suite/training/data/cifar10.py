"""CIFAR-10: 60,000 colour images of 32x32 pixels, ten classes (Krizhevsky, 2009)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from torchvision.datasets import CIFAR10

from nasbench_suite.training.data import _cifar
from nasbench_suite.training.data.images import Images, assemble
from nasbench_suite.training.data.splits import halves

_WHOLE: Final = "whole"


def load(*, folder: Path | None, download: bool, splits: str | Path | None) -> Images:
    """Return one half of the training images to train on, the other to validate, and the test.

    With the file `cifar-split.txt` the halves are NAS-Bench-201's, and the data those of its
    `cifar10-valid`. With `whole` all training images are trained on, as in its `cifar10`.

    Raises:
        DataNotFound, DamagedInput: files are missing, or not what they should be.
    """
    (images, labels), test = _cifar.read(CIFAR10, "cifar10", folder, download)
    if splits == _WHOLE:
        nothing = images[:0], labels[:0]
        return assemble("cifar10", 10, (images, labels), nothing, test)
    train, val = halves(len(images), splits, ("train", "valid"))
    return assemble("cifar10", 10, (images[train], labels[train]), (images[val], labels[val]), test)
