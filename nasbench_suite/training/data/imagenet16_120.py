"""ImageNet16-120: ImageNet's first 120 classes at 16x16 pixels, NAS-Bench-201's third data set.

Chrabaszcz et al., "A Downsampled Variant of ImageNet as an Alternative to the CIFAR datasets",
2017; Dong and Yang, ICLR 2020, section 2.2. The sums are those of AutoDL-Projects,
`xautodl/datasets/DownsampledImageNet.py`.
"""

from __future__ import annotations

from hashlib import md5
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasbench_suite import unpickle
from nasbench_suite.core import DamagedInput, DataNotFound
from nasbench_suite.training.data.images import Images, Pair, assemble
from nasbench_suite.training.data.splits import halves

CLASSES: Final = 120
TRAIN: Final = {
    "train_data_batch_1": "27846dcaa50de8e21a7d1a35f30f0e91",
    "train_data_batch_2": "c7254a054e0e795c69120a5727050e3f",
    "train_data_batch_3": "4333d3df2e5ffb114b05d2ffc19b1e87",
    "train_data_batch_4": "1620cdf193304f4a92677b695d70d10f",
    "train_data_batch_5": "348b3c2fdbb3940c4e9e834affd3b18d",
    "train_data_batch_6": "6e765307c242a1b3d7d5ef9139b48945",
    "train_data_batch_7": "564926d8cbf8fc4818ba23d2faac7564",
    "train_data_batch_8": "f4755871f718ccb653440b9dd0ebac66",
    "train_data_batch_9": "bb6dd660c38c58552125b1a92f86b5d4",
    "train_data_batch_10": "8f03f34ac4b42271a294f91bf480f29b",
}
"""The files to train on and their md5 sums; 151,700 of their images are of the 120 classes."""
TEST: Final = {"val_data": "3410e3017fdaefba8d5073aaa65e4bd6"}
"""ImageNet's validation images, of which 6,000 are of the 120 classes."""

_SIZE: Final = 16


def load(*, folder: Path | None, download: bool, splits: str | Path | None) -> Images:
    """Return 151,700 images to train on, and 3,000 each to validate and to test.

    With the file `imagenet-16-120-test-split.txt` the halves are NAS-Bench-201's.

    Raises:
        DataNotFound: no folder was named, a file is missing, or it is asked to download.
        DamagedInput: a file is not the official one.
        UnsafePickle: a file asks for more than plain data.
    """
    cure = (
        "get the 16x16 batches of downsampled ImageNet (image-net.org, with an account), and name "
        "the folder that holds train_data_batch_1 to train_data_batch_10 and val_data"
    )
    if folder is None:
        raise DataNotFound(f"no folder with imagenet16_120 was named: {cure}")
    missing = [name for name in (*TRAIN, *TEST) if not (folder / name).is_file()]
    if missing:
        refused = "it cannot be downloaded from here: " if download else ""
        raise DataNotFound(f"{folder} lacks {', '.join(missing)}: {refused}{cure}")
    train = _join([read(folder / name, checksum) for name, checksum in TRAIN.items()])
    images, labels = _join([read(folder / name, checksum) for name, checksum in TEST.items()])
    val, test = halves(len(images), splits, ("xvalid", "xtest"))
    return assemble(
        "imagenet16_120",
        CLASSES,
        train,
        (images[val], labels[val]),
        (images[test], labels[test]),
    )


def read(path: Path, checksum: str) -> Pair:
    """Return the images and labels of an official batch that are of the 120 classes.

    Args:
        path: of the batch: a pickle with `data`, (images, 768) of uint8, and `labels` from 1.
        checksum: its md5 sum, in hexadecimal digits.

    Raises:
        DamagedInput: it has another sum, or holds something else.
        UnsafePickle: it asks for more than plain data.
    """
    content = path.read_bytes()
    found = md5(content, usedforsecurity=False).hexdigest()
    if found != checksum:
        raise DamagedInput(
            f"{path} is not the official batch: its md5 sum is {found}, not {checksum}; fetch it "
            "again"
        )
    batch: Any = unpickle.loads(content, str(path))
    try:
        images = np.asarray(batch["data"], np.uint8).reshape(-1, 3, _SIZE, _SIZE)
        labels = np.asarray(batch["labels"], np.int64) - 1
        kept = (labels >= 0) & (labels < CLASSES)
        return images[kept], labels[kept]
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise DamagedInput(f"{path} is no batch of 16x16 images: {error!r}") from None


def _join(parts: list[Pair]) -> Pair:
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(labels)
