"""A user's folder of image files, by split and class."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nasbench_suite.core import DamagedInput
from nasbench_suite.training.data.images import Images, Pair, assemble, shuffled

_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".webp"})
_VALIDATES: Final = 0.1


def load(path: Path) -> Images:
    """Return the data set of a folder, which is called as the folder is.

    It holds `train/<class>/` and `test/<class>/` with image files, all square and of one size,
    and `val/<class>/` too; without that a tenth of `train`, drawn with a fixed seed, validates.
    Classes are numbered by their names in order. Grey images stay grey where all are.

    Raises:
        DamagedInput: a split or class is missing, a file is no image, or has another shape.
    """
    classes = _folders(path / "train")
    if len(classes) < 2:
        raise DamagedInput(
            f"{path / 'train'} holds {len(classes)} folders, and needs one for each class"
        )
    splits = {
        split: _read(path / split, classes)
        for split in ("train", "val", "test")
        if split != "val" or (path / "val").is_dir()
    }
    if any(images.shape[1] == 3 for images, _ in splits.values()):
        splits = {k: (np.repeat(x, 4 - x.shape[1], 1)[:, :3], y) for k, (x, y) in splits.items()}
    train, test = splits["train"], splits["test"]
    if "val" in splits:
        return assemble(path.name, len(classes), train, splits["val"], test)
    images, labels = train
    order = shuffled(len(images), 0)
    val, rest = np.split(order, [round(len(images) * _VALIDATES)])
    return assemble(
        path.name, len(classes), (images[rest], labels[rest]), (images[val], labels[val]), test
    )


def _folders(path: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted; hidden ones are no classes."""
    found = path.iterdir() if path.is_dir() else ()
    return sorted(entry.name for entry in found if entry.is_dir() and entry.name[0] != ".")


def _read(path: Path, classes: list[str]) -> Pair:
    if _folders(path) != classes:
        raise DamagedInput(
            f"{path} holds the classes {', '.join(_folders(path)) or 'none'}, and train has "
            f"{', '.join(classes)}: each split needs a folder for each class"
        )
    images: list[NDArray[Any]] = []
    labels: list[int] = []
    shape: tuple[int, ...] | None = None
    for label, name in enumerate(classes):
        before = len(images)
        nested = _folders(path / name)
        if nested:
            raise DamagedInput(
                f"{path / name} holds the folder {nested[0]}: the files of a class lie side by side"
            )
        for file in sorted((path / name).iterdir()):
            if file.suffix.lower() not in _SUFFIXES:
                continue
            image = _image(file)
            shape = shape or image.shape[1:]
            if image.shape[1:] != shape or shape[0] != shape[1]:
                raise DamagedInput(
                    f"{file} is {image.shape[2]} by {image.shape[1]} pixels, and the first is "
                    f"{shape[1]} by {shape[0]}: images must be square and of one size"
                )
            images.append(image)
            labels.append(label)
        if len(images) == before:
            raise DamagedInput(
                f"{path / name} holds no image file ({', '.join(sorted(_SUFFIXES))})"
            )
    if any(len(image) == 3 for image in images):
        images = [np.repeat(image, 3, 0)[:3] if len(image) == 1 else image for image in images]
    return np.stack(images), np.asarray(labels)


def _image(file: Path) -> NDArray[Any]:
    """Return an image as (channels, height, width) of uint8, grey or of three colours."""
    try:
        with Image.open(file) as image:
            if image.mode.startswith(("I", "F")):
                # Their conversion cuts everything above 255 off.
                raise ValueError("its shades are of more than 8 bits")
            grey = image.mode in ("1", "L", "LA")
            pixels = np.asarray(image.convert("L" if grey else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DamagedInput(f"{file} is no readable image: {error}") from None
    return pixels[None] if grey else pixels.transpose(2, 0, 1)
