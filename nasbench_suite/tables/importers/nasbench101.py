"""NAS-Bench-101's own files: `nasbench_full.tfrecord`, or the trainings of 108 epochs alone.

423,624 cells were trained three times for each of 4, 12, 36 and 108 epochs. What the file holds of
them is kept whole: a cell that it lacks is not in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from nasbench_suite import registry
from nasbench_suite.core import Metric
from nasbench_suite.spaces.nasbench101 import Nasbench101
from nasbench_suite.tables.importers._nasbench101 import (
    CITATION,
    END,
    MIDDLE,
    PARAMS,
    SHARES,
    VERTEX_ORDER,
    Quantity,
    Trainings,
    accuracies,
)
from nasbench_suite.tables.source import Inputs, Source, Task, single_run_protocols

_FILES: Final = ("nasbench_full.tfrecord", "nasbench_only108.tfrecord")
_REPOSITORY: Final = {"repository": "google-research/nasbench", "licence": "Apache-2.0"}
_QUANTITIES: Final = (
    *accuracies("halfway", "after half of the training"),
    Quantity(Metric("train_seconds", "s", "min", None, "seconds of training"), 2, END),
    Quantity(
        Metric(
            "train_seconds_halfway", "s", "min", None, "seconds of the first half of the training"
        ),
        2,
        MIDDLE,
    ),
    Quantity(
        Metric("total_seconds", "s", "min", None, "seconds of training and evaluation together"), 3
    ),
)
_SEEDS: Final = (
    "Runs are numbered in the order of the file; the seeds of the trainings are not in it."
)


def read(source: Path, progress: Callable[[str], None]) -> Source:
    """Read an official file, or the one in a folder, of which the full one is preferred.

    Raises:
        FileNotFoundError: neither is there.
        DamagedInput: a record is not what it should be; the message names file and record.
    """
    if source.is_dir():
        folder = source
        name = _FILES[not (folder / _FILES[0]).is_file() and (folder / _FILES[1]).is_file()]
    else:
        folder, name = source.parent, source.name
    inputs = Inputs(folder, progress, {name: _REPOSITORY})
    space: Nasbench101 = registry.load("spaces", "nasbench101")
    found = Trainings(space, _QUANTITIES, lambda epochs: epochs / 2)
    found.read(inputs.path(name), progress)
    progress("writing the table")
    longest = found.lengths[-1]
    return Source(
        name="nasbench101",
        version="1",
        title="NAS-Bench-101",
        description=f"The trainings of {len(found.numbers):,} cells in {name}.",
        space="nasbench101",
        tasks={
            "cifar10": Task(
                "CIFAR-10 classification", 10, 32, "test_accuracy", ("test_accuracy", longest)
            )
        },
        metrics=[*(quantity.metric for quantity in _QUANTITIES), PARAMS],
        columns=list(found.columns("cifar10", f"{name}, trained on 40,000 images")),
        protocols=single_run_protocols(found.lengths, continues=False),
        licence="Apache-2.0",
        citations=(CITATION,),
        inputs=inputs.noted(),
        archs=[tuple(space.cells[number].tolist()) for number in found.numbers],
        key="canonical",
        defects=(VERTEX_ORDER, _SEEDS),
        derived=(SHARES,),
    )
