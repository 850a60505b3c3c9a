"""NAS-Bench-101's own files: `nasbench_full.tfrecord`, or the trainings of 108 epochs alone.

423,624 cells were trained three times for each of 4, 12, 36 and 108 epochs. What the file holds of
them is kept whole: a cell that it lacks is not in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from nasbench_suite import registry
from nasbench_suite.core import Metric
from nasbench_suite.spaces.nasbench101 import Nasbench101
from nasbench_suite.tables.importers._nasbench101 import (
    END,
    MIDDLE,
    PARAMS,
    Quantity,
    Trainings,
    accuracies,
)
from nasbench_suite.tables.source import Inputs, Source, Task

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
_DEFECTS: Final = (
    "published_params is of the cell as the benchmark wrote it. Channels that cannot be shared "
    "evenly go to the first vertices, so that isomorphic cells may differ in their parameters.",
    "Runs are numbered in the order of the file; the seeds of the trainings are not in it.",
)


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read the official file in a folder, the full one where both are there.

    Raises:
        FileNotFoundError: neither is there.
        DamagedInput: a record is not what it should be; the message names file and record.
    """
    inputs = Inputs(folder, progress, dict.fromkeys(_FILES, _REPOSITORY))
    name = _FILES[not (folder / _FILES[0]).is_file() and (folder / _FILES[1]).is_file()]
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
        protocols=protocols(found.lengths),
        licence="Apache-2.0",
        citations=(
            "C. Ying, A. Klein, E. Christiansen, E. Real, K. Murphy and F. Hutter. NAS-Bench-101: "
            "Towards Reproducible Neural Architecture Search. ICML 2019.",
        ),
        inputs=inputs.noted(),
        archs=[tuple(space.cells[number].tolist()) for number in found.numbers],
        key="canonical",
        defects=_DEFECTS,
        derived=("Accuracies were published as shares, and are 100 times as much here.",),
    )


def protocols(lengths: list[int]) -> dict[str, Any]:
    """Return how the trainings of these lengths are searched.

    A search sees a single training, as in the paper, section 4: what is noise to it is none to
    the score, which is a mean.
    """
    longest = lengths[-1]
    common = {
        "objective": "val_accuracy",
        "seed": 0,
        "cost": "train_seconds",
        "report": {"metric": "test_accuracy", "epochs": longest, "seed": "mean"},
        "continues": False,
    }
    reported = f"reported is test_accuracy after {longest} epochs, the mean of all trainings."
    standard = {
        "description": f"A search sees val_accuracy of run 0 after {longest} epochs and pays its "
        f"seconds; {reported}",
        "epochs": [longest],
        **common,
    }
    if len(lengths) == 1:
        return {"standard": standard}
    return {
        "standard": standard,
        "multi_fidelity": {
            "description": "A search sees val_accuracy of run 0 and chooses the length of each "
            f"training, which starts anew and is paid whole; {reported}",
            "epochs": lengths,
            **common,
        },
    }
