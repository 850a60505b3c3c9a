"""Scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels of 17 shades, ten classes.

They are the test part of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.datasets import load_digits

from nasbench_suite.core import InvalidSetting
from nasbench_suite.training.data.images import Images, assemble, shuffled

_TRAIN: Final = 800
# An accuracy on 400 images has an exact float32, which halves a table of curves.
_VAL: Final = 400
_SEED: Final = 0


def load(*, folder: Path | None, download: bool, splits: str | Path | None) -> Images:
    """Return 800 images to train, 400 to validate and 597 to test, drawn with a fixed seed.

    Raises:
        InvalidSetting: another split is asked for.
    """
    if splits is not None:
        raise InvalidSetting(f"digits are split in one way, and not by {splits}")
    found: Any = load_digits()
    images = found.images.astype(np.uint8)[:, None]
    labels = found.target.astype(np.int64)
    order = shuffled(len(images), _SEED)
    parts = np.split(order, [_TRAIN, _TRAIN + _VAL])
    train, val, test = ((images[part], labels[part]) for part in parts)
    return assemble("digits", 10, train, val, test)
