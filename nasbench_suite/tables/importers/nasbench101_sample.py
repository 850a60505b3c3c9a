"""NAS-Bench-101, the sample that tiga1231/nasbench-vis published for a picture of the space.

Two JSON files have a list a column and name each cell by its official hash; a third file, made by
enumerating the space, gives the cell of every hash, and each is hashed again here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import DamagedInput, Floats, InvalidArchitecture, Metric
from nasbench_suite.spaces.nasbench101 import OPERATIONS, Nasbench101
from nasbench_suite.tables.importers._nasbench101 import (
    CITATION,
    EPOCHS,
    PARAMS,
    SHARES,
    VERTEX_ORDER,
)
from nasbench_suite.tables.source import Column, Inputs, Source, Task

_FOLDER: Final = "nasbench-vis"
_FILES: Final = (f"{_FOLDER}/data-20k.json", f"{_FOLDER}/data-10k.json")
_CELLS: Final = f"{_FOLDER}/nb101_30001_vis.csv.gz"
_REPOSITORIES: Final = {
    _FOLDER: {
        "repository": "tiga1231/nasbench-vis",
        "licence": "ISC (the repository); the figures are NAS-Bench-101's, Apache-2.0",
    }
}
_LISTS: Final = (
    *(f"{epochs}_final_validation_accuracy" for epochs in EPOCHS),
    "final_training_time",
    "trainable_parameters",
)
_PROTOCOLS: Final = {
    "standard": {
        "description": "A search sees val_accuracy after 108 epochs and pays the seconds. No test "
        "accuracy is in the sample: reported is what the search saw.",
        "objective": "val_accuracy",
        "epochs": [108],
        "seed": "mean",
        "cost": "train_seconds",
        "report": {"metric": "val_accuracy", "epochs": 108, "seed": "mean"},
        "continues": False,
    }
}
_DEFECTS: Final = (
    "A sample of 30,001 of the 423,624 cells: in the ascending list of all hashes the first 20,001 "
    "and 10,000 in one piece further on. A hash knows nothing of its cell, so the sample is fair.",
    "Of the three trainings of each cell one was published, and nobody says which. No test and no "
    "training accuracy is among it, and seconds only of the trainings of 108 epochs.",
    VERTEX_ORDER,
)


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read the published files below `folder`, in the layout that the card's inputs name.

    Raises:
        FileNotFoundError: a file is missing.
        DamagedInput: a file is not what it should be.
    """
    inputs = Inputs(folder, progress, _REPOSITORIES)
    space: Nasbench101 = registry.load("spaces", "nasbench101")
    measured: dict[str, Floats] = {}
    for name in _FILES:
        measured |= _measured(inputs, name, known=measured)
    number = _numbers(inputs, space)
    if number.keys() != measured.keys():
        raise DamagedInput(f"{_CELLS} does not name the cells of {' and '.join(_FILES)}")
    hashes = sorted(measured, key=number.__getitem__)
    values = np.array([measured[name] for name in hashes])
    origin = " and ".join(_FILES)
    return Source(
        name="nasbench101_sample",
        version="1",
        title="NAS-Bench-101, a sample",
        description="One training of each length of 30,001 of the 423,624 cells of NAS-Bench-101.",
        space="nasbench101",
        tasks={"cifar10": Task("CIFAR-10 classification", 10, 32, "val_accuracy")},
        metrics=(
            Metric(
                "val_accuracy", "%", "max", "validation", "top-1 accuracy on 10,000 images held out"
            ),
            Metric("train_seconds", "s", "min", None, "seconds of training"),
            PARAMS,
        ),
        columns=[
            *(
                Column(
                    "cifar10",
                    "val_accuracy",
                    values[:, place] * 100,
                    epochs=epochs,
                    counts=1,
                    origin=f"{origin}, trained on 40,000 images",
                )
                for place, epochs in enumerate(EPOCHS)
            ),
            Column("cifar10", "train_seconds", values[:, 4], epochs=108, counts=1, origin=origin),
            Column("cifar10", PARAMS.name, values[:, 5], origin=origin),
        ],
        protocols=_PROTOCOLS,
        licence="Apache-2.0",
        citations=(CITATION,),
        inputs=inputs.noted(),
        archs=[tuple(space.cells[number[name]].tolist()) for name in hashes],
        key="canonical",
        defects=_DEFECTS,
        derived=(SHARES,),
    )


def _measured(inputs: Inputs, name: str, known: dict[str, Floats]) -> dict[str, Floats]:
    """Return what was published of each cell by its hash, (columns,).

    Raises:
        DamagedInput: a cell is there twice.
    """
    lists = json.loads(inputs.path(name).read_bytes())
    rows = np.array([lists[column] for column in _LISTS], dtype=np.float64).T
    found = dict(zip(lists["key"], rows, strict=True))
    if len(found) < len(rows) or found.keys() & known.keys():
        raise DamagedInput(f"{name} has a cell that was there before")
    return found


def _numbers(inputs: Inputs, space: Nasbench101) -> dict[str, int]:
    """Return the number of each cell by its hash.

    Raises:
        DamagedInput: a cell is not of the space, or has another hash.
    """
    found = {}
    for line, row in enumerate(inputs.rows(_CELLS), start=2):
        words = (OPERATIONS[int(digit)] for digit in row["ops"])
        text = f"{row['adjacency']}:{','.join(('input', *words, 'output'))}"
        try:
            arch = space.parse(text)
        except InvalidArchitecture as error:
            raise DamagedInput(f"{_CELLS}, line {line}: {error}") from None
        if space.fingerprint(arch) != row["module_hash"]:
            raise DamagedInput(f"{_CELLS}, line {line}: the cell has another hash")
        found[row["module_hash"]] = space.number(arch)
    return found
