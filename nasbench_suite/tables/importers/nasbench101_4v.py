"""EC-NAS-Bench: the cells of NAS-Bench-101 of up to four vertices, trained again with a meter.

One file in the official format of NAS-Bench-101, with energy, carbon dioxide and power in further
fields (PedramBakh/EC-NAS-Bench, `model_metrics.proto`). Its other files repeat these cells on other
machines, once or by estimates, and are not read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import DamagedInput, Metric
from nasbench_suite.spaces.nasbench101_4v import Nasbench1014v
from nasbench_suite.tables.importers._nasbench101 import (
    CITATION,
    END,
    EPOCHS,
    PARAMS,
    SHARES,
    VERTEX_ORDER,
    Quantity,
    Trainings,
    accuracies,
)
from nasbench_suite.tables.source import Inputs, Source, Task, single_run_protocols

_FILE: Final = "ec-nas-bench/energy_4V9E.tfrecord"
_REPOSITORIES: Final = {"ec-nas-bench": {"repository": "PedramBakh/EC-NAS-Bench", "licence": "MIT"}}


def _cost(name: str, unit: str, text: str, field: int, evaluation: int | None = None) -> Quantity:
    return Quantity(Metric(name, unit, "min", None, text), field, evaluation)


_ALL: Final = "of training and evaluation together"
_QUANTITIES: Final = (
    *accuracies("first_epoch", "after the first epoch"),
    _cost("train_seconds", "s", "seconds of training", 2, END),
    _cost("total_seconds", "s", f"seconds {_ALL}", 3),
    _cost("train_energy_kwh", "kWh", "energy of training as the meter read it", 6, END),
    _cost("total_energy_kwh", "kWh", f"energy {_ALL}, as the meter read it", 4),
    _cost("total_co2_g", "g", f"carbon dioxide {_ALL}, by the power grid at that hour", 5),
    _cost("mean_power_w", "W", f"mean power {_ALL}", 8),
)
_DEFECTS: Final = (
    "These are not the trainings of NAS-Bench-101: the cells were trained anew, on NVIDIA Quadro "
    "RTX 6000 cards, and accuracies differ from the original ones by up to a point or so.",
    "Carbon dioxide depends on the hour at which a training ran, not on the cell alone.",
    VERTEX_ORDER,
)


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read the published file below `folder`.

    Raises:
        FileNotFoundError: it is missing.
        DamagedInput: it is not what it should be.
    """
    inputs = Inputs(folder, progress, _REPOSITORIES)
    whole = registry.load("spaces", "nasbench101")
    space: Nasbench1014v = registry.load("spaces", "nasbench101_4v")
    found = Trainings(whole, _QUANTITIES, lambda epochs: 1.0)
    found.read(inputs.path(_FILE), progress)
    lengths, numbers = found.lengths, found.numbers
    columns = list(found.columns("cifar10", f"{_FILE}, trained on 40,000 images"))
    # Cells are numbered by their vertices, so that these are the first.
    complete = numbers == list(range(space.forms)) and lengths == list(EPOCHS)
    if not complete or any(np.isnan(column.values).any() for column in columns):
        raise DamagedInput(f"{_FILE} has not three trainings of each length of {space.forms} cells")
    return Source(
        name="nasbench101_4v",
        version="1",
        title="EC-NAS-Bench, cells of four vertices",
        description="All 91 cells of NAS-Bench-101 of up to four vertices, each trained three "
        "times for 4, 12, 36 and 108 epochs, with the energy that this took.",
        space="nasbench101_4v",
        tasks={
            "cifar10": Task(
                "CIFAR-10 classification", 10, 32, "test_accuracy", ("test_accuracy", EPOCHS[-1])
            )
        },
        metrics=[*(quantity.metric for quantity in _QUANTITIES), PARAMS],
        columns=columns,
        protocols=single_run_protocols(lengths, continues=False),
        licence="MIT",
        citations=(
            "P. Bakhtiarifard, C. Igel and R. Selvan. EC-NAS: Energy Consumption Aware Tabular "
            "Benchmarks for Neural Architecture Search. ICASSP 2024.",
            CITATION,
        ),
        inputs=inputs.noted(),
        archs=[space.narrowed(tuple(whole.cells[number].tolist())) for number in numbers],
        key="canonical",
        defects=_DEFECTS,
        derived=(SHARES,),
    )
