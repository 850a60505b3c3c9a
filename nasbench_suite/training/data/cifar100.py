"""CIFAR-100: 60,000 colour images of 32x32 pixels, a hundred classes (Krizhevsky, 2009)."""

from __future__ import annotations

from pathlib import Path

from torchvision.datasets import CIFAR100

from nasbench_suite.training.data import _cifar
from nasbench_suite.training.data.images import Images, assemble
from nasbench_suite.training.data.splits import halves


def load(*, folder: Path | None, download: bool, splits: str | Path | None) -> Images:
    """Return all training images, and one half each of the others to validate and to test.

    With the file `cifar100-test-split.txt` the halves are NAS-Bench-201's.

    Raises:
        DataNotFound, DamagedInput: files are missing, or not what they should be.
    """
    train, (images, labels) = _cifar.read(CIFAR100, "cifar100", folder, download)
    val, test = halves(len(images), splits, ("xvalid", "xtest"))
    return assemble(
        "cifar100", 100, train, (images[val], labels[val]), (images[test], labels[test])
    )
