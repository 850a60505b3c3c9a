"""What the tables of NAS-Bench-Graph share: how a file of a graph is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from nasbench_suite import registry, unpickle
from nasbench_suite.core import Arch, DamagedInput, Floats, Metric
from nasbench_suite.spaces.nasbench_graph import NasbenchGraph
from nasbench_suite.tables.source import Column, Inputs, Source, Task

_REPOSITORIES: Final = {
    "nas-bench-graph": {
        "repository": "THUMNLab/NAS-Bench-Graph",
        "commit": "be42534",
        "licence": "Apache-2.0",
    }
}
_RUNS: Final = 3
_DEFECTS: Final = (
    "Each value is a mean of three trainings; single ones are not in these files, and neither is "
    "the epoch of which validation and test are.",
    "No seconds of training were published, so a trial costs 1. On which machine latencies were "
    "measured is not in the files.",
)


def read_graphs(
    folder: Path,
    progress: Callable[[str], None],
    tasks: Mapping[str, Task],
    archs: Sequence[Arch],
    *,
    measure: str,
    text: str,
    name: str,
    title: str,
    description: str,
    defects: Sequence[str],
) -> Source:
    """Read a file of each task, all of which have the same networks and one measure.

    Args:
        folder: as of every importer.
        progress: as of every importer.
        tasks: by the name of the graph.
        archs: what the files must hold, neither more nor less.
        measure: how the metrics are called after `val_` and `test_`.
        text: what it is.
        name: of the table.
        title: of the table.
        description: of the table.
        defects: those that other tables of this benchmark do not have.

    Raises:
        FileNotFoundError: a file is missing.
        DamagedInput, UnsafePickle: a file is not what it should be.
    """
    inputs = Inputs(folder, progress, _REPOSITORIES)
    space: NasbenchGraph = registry.load("spaces", "nasbench_graph")
    keys = [space.key(arch) for arch in archs]
    columns = []
    for graph in tasks:
        file = f"nas-bench-graph/{graph}.bench"
        values = _values(unpickle.load(inputs.path(file)), keys, file)
        for place, metric in enumerate(
            (f"val_{measure}", f"test_{measure}", "latency_ms", "params")
        ):
            # A network has its parameters before it is trained.
            counts = None if metric == "params" else _RUNS
            columns.append(Column(graph, metric, values[:, place], counts=counts, origin=file))
    return Source(
        name=name,
        version="1",
        title=title,
        description=description,
        space="nasbench_graph",
        tasks=tasks,
        metrics=(
            Metric(f"val_{measure}", "%", "max", "validation", f"{text}, on validation nodes"),
            Metric(f"test_{measure}", "%", "max", "test", f"{text}, on test nodes"),
            Metric("latency_ms", "ms", "min", None, "latency as published"),
            Metric("params", "count", "min", None, "learned parameters as published"),
        ),
        columns=columns,
        protocols={
            "standard": {
                "description": f"A search sees val_{measure}, a mean of three trainings, and pays "
                f"1 a trial; reported is test_{measure}, of the same trainings.",
                "objective": f"val_{measure}",
                "epochs": [],
                "seed": "mean",
                "report": {"metric": f"test_{measure}", "seed": "mean"},
                "continues": False,
            }
        },
        licence="Apache-2.0",
        citations=(
            "Y. Qin, Z. Zhang, X. Wang, Z. Zhang and W. Zhu. NAS-Bench-Graph: Benchmarking Graph "
            "Neural Architecture Search. NeurIPS 2022.",
        ),
        inputs=inputs.noted(),
        archs=None if len(archs) == space.size else archs,
        defects=(*_DEFECTS, *defects),
    )


def _values(published: Mapping[int, Mapping[str, float]], keys: Sequence[int], file: str) -> Floats:
    """Return validation and test in %, milliseconds and parameters, (networks, 4).

    Raises:
        DamagedInput: the file holds other networks.
    """
    if published.keys() != set(keys):
        raise DamagedInput(f"{file} does not hold the {len(keys):,} networks that it should")
    found = [published[key] for key in keys]
    names = ("valid_perf", "perf", "latency", "para")
    values = np.array([[entry[name] for name in names] for entry in found]) * (100, 100, 1e3, 1e6)
    # A mean of three whole numbers, which the published millions give but for the last digits.
    values[:, 3] = np.round(values[:, 3] * _RUNS) / _RUNS
    return values
