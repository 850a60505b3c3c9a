"""TransNAS-Bench-101, as Zhenhan-Huang/NASGraph-Public extracted it from the official file.

One CSV file a task has a row for each of the 7,352 networks of both spaces, with a number in place
of its name; another file, which its makers reconstructed, gives the names. What the columns are is
told by the data: those that grow as a network gets better hold the best epoch, and the losses,
being picked in the same way, hold the worst.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import DamagedInput, Floats, Metric
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.source import Column, Inputs, Source, Task

_FACTS: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("transbench101.toml").read_text(encoding="utf-8")
)
_NAMES: Final = "transnas-archs/tnb101_file_id_to_arch.csv"
_SPLITS: Final = {
    "train": ("train", "train", "training"),
    "valid": ("val", "validation", "validation"),
    "test": ("test", "test", "test"),
}
"""Of each published split: how its metrics begin, the split, and which images those are."""


def read_space(kind: str, folder: Path, progress: Callable[[str], None]) -> Source:
    """Read what was published of one of the two spaces, `micro` or `macro`.

    Raises:
        FileNotFoundError: a file is missing.
        DamagedInput: a file is not what it should be.
    """
    inputs = Inputs(folder, progress, _FACTS["repositories"])
    space: Space = registry.load("spaces", f"transbench101_{kind}")
    row_of = _rows(inputs, space, kind)
    columns: list[Column] = []
    for task, facts in _FACTS["tasks"].items():
        columns += _measured(inputs, task, facts["columns"], row_of)
        if "outputs" in facts:
            progress(f"counting parameters and FLOPs on {task}")
            columns += _counted(space, task, facts)
    own = _FACTS["spaces"][kind]
    return Source(
        name=space.name,
        version="1",
        title=own["title"],
        description=own["description"],
        space=space.name,
        tasks={task: _task(facts) for task, facts in _FACTS["tasks"].items()},
        metrics=list(_metrics()),
        columns=columns,
        protocols={},
        licence=_FACTS["licence"],
        citations=_FACTS["citations"],
        inputs=inputs.noted(),
        defects=[*own["defects"], *_FACTS["defects"]],
        derived=_FACTS["derived"],
    )


def _rows(inputs: Inputs, space: Space, kind: str) -> dict[str, int]:
    """Return the table's row of each published number of the space.

    Raises:
        DamagedInput: the names are not those of the whole space.
    """
    found = {
        row["file_id"]: space.index(space.parse(row["arch"]))
        for row in inputs.rows(_NAMES)
        if row["space"] == kind
    }
    if sorted(found.values()) != list(range(space.size)):
        raise DamagedInput(f"{_NAMES} does not name each architecture of {space.name} once")
    return found


def _measured(
    inputs: Inputs, task: str, wanted: Iterable[str], row_of: Mapping[str, int]
) -> Iterable[Column]:
    """Yield the columns of a task, each (architectures, 1 run).

    Raises:
        DamagedInput: an architecture has no row, or two.
    """
    name = f"nasgraph/transbench101_{task}.csv"
    rows = [row for row in inputs.rows(name) if row["file_id"] in row_of]
    places = [row_of[row["file_id"]] for row in rows]
    if sorted(places) != list(range(len(row_of))):
        raise DamagedInput(f"{name} has not one row for each architecture")
    published = {
        f"{split}_{column}": f"{start}_{_FACTS['columns'][column]['metric']}"
        for column in wanted
        for split, (start, _, _) in _SPLITS.items()
    }
    for column, metric in {**published, "time_elapsed": "train_seconds"}.items():
        values = np.empty((len(rows), 1))
        values[places, 0] = [float(row[column]) for row in rows]
        # A loss that grew without bound in some epoch is no number that could be compared.
        values[np.isinf(values)] = np.nan
        yield Column(task, metric, values, origin=f"{name}, column {column}")


def _counted(space: Space, task: str, facts: Mapping[str, Any]) -> Iterable[Column]:
    counted: Floats = np.empty((space.size, 2))
    for row, arch in enumerate(space):
        net = space.graph(arch, classes=facts["outputs"], size=facts["size"])
        counted[row] = net.params, net.flops
    origin = f"counted from the network's graph, with {facts['outputs']} outputs"
    for place, metric in enumerate(("params", "flops")):
        yield Column(task, metric, counted[:, place], source="derived", origin=origin)


def _metrics() -> Iterable[Metric]:
    """Yield all metrics, in the order in which they are shown."""
    for facts in _FACTS["columns"].values():
        for start, split, images in _SPLITS.values():
            name, text = f"{start}_{facts['metric']}", f"{facts['text']}, on the {images} images"
            yield Metric(name, facts["unit"], facts["direction"], split, text)
    for name, facts in _FACTS["costs"].items():
        yield Metric(name, facts["unit"], "min", None, facts["text"])


def _task(facts: Mapping[str, Any]) -> Task:
    """Return a task; a search sees its validation metric and pays the seconds of training."""
    metric = _FACTS["columns"][facts["columns"][0]]["metric"]
    return Task(
        description=facts["description"],
        classes=facts.get("classes"),
        size=facts["size"],
        reported=f"test_{metric}",
        optimum=(f"val_{metric}", None),
        protocols={
            "standard": {
                "description": f"A search sees val_{metric} and pays the seconds of the training; "
                f"reported is test_{metric}. Either is of its own best epoch.",
                "objective": f"val_{metric}",
                "epochs": [],
                "seed": "mean",
                "cost": "train_seconds",
                "report": {"metric": f"test_{metric}", "seed": "mean"},
                "continues": False,
            }
        },
    )
