"""Arrays of a user, in an `.npz` file of numpy."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import DamagedInput, DataNotFound
from nasbench_suite.files import UNREADABLE
from nasbench_suite.training.data.images import Images, Pair, assemble, shuffled

_PAIRS: Final = tuple((f"{split}_images", f"{split}_labels") for split in ("train", "val", "test"))
_SINGLE: Final = ("images", "labels")
_TRAIN, _VAL = 0.6, 0.2


def load(path: Path) -> Images:
    """Return the data set of a file, which is called as the file is.

    It holds `images` and `labels`, of which 60, 20 and 20 % are drawn with a fixed seed to train,
    validate and test; or `train_images`, `train_labels` and the like of `val` and `test`. Images
    are uint8, (images, size, size) or (images, size, size, channels), as image libraries give
    them; labels are whole numbers from 0.

    Raises:
        DataNotFound: there is no such file.
        DamagedInput: it is damaged, or its arrays are of another shape, type or number.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes())) as stored:
            arrays: dict[str, NDArray[Any]] = {name: stored[name] for name in stored.files}
    except OSError as error:
        raise DataNotFound(f"cannot read {path}: {error.strerror or error}") from None
    except UNREADABLE as error:
        raise DamagedInput(f"{path} is no readable .npz file of plain arrays: {error}") from None
    if set(arrays) == set(_SINGLE):
        images, labels = _pair(path, arrays, *_SINGLE)
        if not labels.ndim:
            raise DamagedInput(f"{path}: labels have the shape (), and must be (images,)")
        if len(images) != len(labels):
            raise DamagedInput(f"{path}: {len(images)} images, and {len(labels)} labels")
        order = shuffled(len(images), 0)
        ends = [round(len(images) * _TRAIN), round(len(images) * (_TRAIN + _VAL))]
        pairs = [(images[part], labels[part]) for part in np.split(order, ends)]
    elif set(arrays) == {name for pair in _PAIRS for name in pair}:
        pairs = [_pair(path, arrays, *names) for names in _PAIRS]
    else:
        raise DamagedInput(
            f"{path} holds {', '.join(sorted(arrays)) or 'nothing'}: it must hold images and "
            "labels, or these of train, val and test each, as train_images"
        )
    try:
        classes = 1 + max(int(labels.max(initial=0)) for _, labels in pairs)
    except (TypeError, ValueError, OverflowError):
        raise DamagedInput(f"{path}: labels are no whole numbers") from None
    if classes > sum(len(labels) for _, labels in pairs):
        raise DamagedInput(
            f"{path} has the label {classes - 1}, and fewer images than that: labels count classes "
            "from 0"
        )
    train, val, test = pairs
    return assemble(path.stem, classes, train, val, test)


def _pair(path: Path, arrays: dict[str, NDArray[Any]], images: str, labels: str) -> Pair:
    found = arrays[images]
    if found.ndim == 3:
        found = found[..., None]
    if found.ndim != 4:
        raise DamagedInput(
            f"{path}: {images} has the shape {found.shape}, and must be (images, size, size) or "
            "(images, size, size, channels)"
        )
    return found.transpose(0, 3, 1, 2), arrays[labels]
