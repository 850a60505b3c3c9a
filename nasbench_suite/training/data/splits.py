"""How images are divided: by the files that NAS-Bench-201 published, or by a fixed seed.

The published files are `cifar-split.txt`, `cifar100-test-split.txt` and
`imagenet-16-120-test-split.txt` of AutoDL-Projects, `configs/nas-benchmark/`. They are JSON: a name
gives a type and a list of indices as strings.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from nasbench_suite.core import DamagedInput, DataNotFound, Ints
from nasbench_suite.training.data.images import shuffled


def halves(count: int, file: str | Path | None, names: tuple[str, str]) -> tuple[Ints, Ints]:
    """Return the indices of two halves of so many images, ascending.

    Args:
        count: how many images there are.
        file: a published file of indices; None: a half is drawn with a fixed seed.
        names: what the file calls the two.

    Raises:
        DataNotFound: the file cannot be read.
        DamagedInput: it does not put each image into one of the two.
    """
    if file is None:
        order = shuffled(count, 0)
        return np.sort(order[: count // 2]), np.sort(order[count // 2 :])
    try:
        stated = json.loads(Path(file).expanduser().read_text("utf-8"))
        one, other = (np.array([int(i) for i in stated[name][1]], np.int64) for name in names)
    except OSError as error:
        raise DataNotFound(
            f"cannot read {file} ({error.strerror or error}): a split is the path of a file of "
            "AutoDL-Projects, configs/nas-benchmark, or left out"
        ) from None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DamagedInput(
            f"{file} is no file of a split ({error!r}): it is JSON with {names[0]} and {names[1]}"
        ) from None
    if not np.array_equal(np.sort(np.concatenate([one, other])), np.arange(count)):
        raise DamagedInput(
            f"{file} does not put each of {count:,} images into {names[0]} or {names[1]}: it names "
            f"{len(one):,} and {len(other):,}"
        )
    return one, other
