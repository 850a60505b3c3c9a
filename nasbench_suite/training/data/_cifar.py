"""CIFAR as torchvision reads it, which checks the files against their published sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite.core import DataNotFound
from nasbench_suite.training.data.images import Pair


def read(kind: Any, name: str, folder: Path | None, download: bool) -> tuple[Pair, Pair]:
    """Return the 50,000 images to train on and the 10,000 to test on.

    Args:
        kind: the class of torchvision's data set.
        name: of the data set, for messages.
        folder: where its files lie, or are downloaded to.
        download: whether they may be.

    Raises:
        DataNotFound: no folder was named, or its files are missing or are not the published ones.
    """
    cure = (
        f"name a folder that holds {kind.base_folder}, unpacked from {kind.filename}, or one to "
        "download to, and allow to download"
    )
    if folder is None:
        raise DataNotFound(f"no folder with {name} was named: {cure}")
    try:
        parts = [kind(folder, train=train, download=download) for train in (True, False)]
    except (RuntimeError, OSError) as error:
        raise DataNotFound(f"{name} is not in {folder}, or not whole: {cure} ({error})") from None
    train, test = (
        (np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)), np.asarray(part.targets))
        for part in parts
    )
    return train, test
