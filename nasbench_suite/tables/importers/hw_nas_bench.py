"""HW-NAS-Bench's own file, `HW-NAS-Bench-v1_0.pickle`: what the cells of NAS-Bench-201 cost.

Li et al., "HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark", ICLR 2021, and the
authors' repository, GATECH-EIC/HW-NAS-Bench. The file maps a space to its data. `nasbench201` has
for each data set ten lists in the official order of the cells, and the cells themselves as
`config`; they become the table. `fbnet` has no architectures: it is the costs of single blocks,
which their interface adds up.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasbench_suite import registry, unpickle
from nasbench_suite.core import DamagedInput, Floats, Metric, finite, shown
from nasbench_suite.spaces.nasbench201 import Nasbench201
from nasbench_suite.tables.source import Column, Inputs, Source, Task

_FILE: Final = "HW-NAS-Bench-v1_0.pickle"
_REPOSITORY: Final = {"repository": "GATECH-EIC/HW-NAS-Bench", "licence": "MIT"}
_SPACE: Final = "nasbench201"
_DATA_SETS: Final = {
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "imagenet16-120": "ImageNet16-120",
}

# The same names, units and words as in the table of NAS-Bench-201, where these columns are too.
_FACTS: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name(f"{_SPACE}.toml").read_text(encoding="utf-8")
)
_METRICS: Final = {
    key: Metric(facts["metric"], facts["unit"], facts["direction"], None, facts["description"])
    for key, facts in _FACTS["hardware"].items()
}
_REPORTED: Final = "edgegpu_latency"
_PARTIAL: Final = "edgetpu_latency"
"""The one metric that not all cells have: -1 says that the device does not support a cell."""

_DEFECTS: Final = (
    "There is no accuracy in the source, so there is no protocol and nothing to search for: the "
    "table is looked up. Accuracies of the same cells are in the table nasbench201.",
    "The FBNet half of the source is left out: it has the costs of single blocks, which are added "
    "up, and not of architectures, of which none was measured.",
    "341 cells have no path from input to output, and many of their latencies are far below all "
    "others, as if nothing were left to compute.",
)


def read(source: Path, progress: Callable[[str], None]) -> Source:
    """Read the published file, or the one of its published name in a folder.

    Raises:
        FileNotFoundError: it is not in the folder.
        DamagedInput, UnsafePickle: it is not what it should be; the message names file and place.
    """
    folder, name = (source, _FILE) if source.is_dir() else (source.parent, source.name)
    inputs = Inputs(folder, progress, {name: _REPOSITORY})
    published = unpickle.load(inputs.path(name))
    space: Nasbench201 = registry.load("spaces", _SPACE)
    cells = [space.format(arch) for arch in space]
    data_sets = _entry(published, _SPACE, name)
    columns: list[Column] = []
    unsupported = []
    for task, data_set in _DATA_SETS.items():
        where = f"{name}, {_SPACE}, {data_set}"
        lists = _entry(data_sets, data_set, f"{name}, {_SPACE}")
        if "config" in lists:
            _check_cells(lists["config"], cells, f"{where}, config")
        for key, metric in _METRICS.items():
            values = _numbers(_entry(lists, key, where), len(cells), f"{where}, {key}")
            if key == _PARTIAL:
                values[values == -1] = np.nan
                unsupported.append(f"{np.isnan(values).sum():,} on {task}")
            if (values < 0).any():
                at = int(np.flatnonzero(values < 0)[0])
                raise DamagedInput(f"{where}, {key}, number {at}: {values[at]} is no cost")
            columns.append(Column(task, metric.name, values, origin=where))
    return Source(
        name="hw_nas_bench",
        version="1",
        title="HW-NAS-Bench on NAS-Bench-201",
        description="Latency and energy of all cells of NAS-Bench-201 on six devices.",
        space=_SPACE,
        tasks={
            task: Task(**facts, reported=_METRICS[_REPORTED].name)
            for task, facts in _FACTS["tasks"].items()
        },
        metrics=list(_METRICS.values()),
        columns=columns,
        protocols={},
        licence="MIT",
        citations=(
            "C. Li et al. HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark. ICLR "
            "2021.",
        ),
        inputs=inputs.noted(),
        defects=(
            *_DEFECTS,
            "The Edge TPU does not support some cells: the source writes -1, here they are missing "
            f"({', '.join(unsupported)}).",
        ),
    )


def _entry(found: Any, key: str, where: str) -> Any:
    """Return an entry of a published dictionary.

    Raises:
        DamagedInput: it is no dictionary, or has no such entry.
    """
    if not isinstance(found, Mapping):
        raise DamagedInput(f"{where}: {shown(found)} is no dictionary, and should have {key!r}")
    if key not in found:
        raise DamagedInput(
            f"{where} has no {key!r}, only {shown(sorted(map(str, found)))}: it is not all of "
            f"{_FILE}, or of another version"
        )
    return found[key]


def _listed(found: Any, count: int, where: str) -> Iterable[Any]:
    """Return the values of a list or array, one a cell.

    Raises:
        DamagedInput: it is none, or of another length.
    """
    if isinstance(found, Mapping) and found.keys() == set(range(count)):
        found = [found[number] for number in range(count)]
    if isinstance(found, np.ndarray):
        found = found.tolist()
    if not isinstance(found, list | tuple):
        raise DamagedInput(f"{where}: {shown(found)} is no list of the {count:,} cells")
    if len(found) != count:
        raise DamagedInput(f"{where}: it is of {len(found):,} cells, not {count:,}")
    return found


def _numbers(found: Any, count: int, where: str) -> Floats:
    """Return finite numbers, (cells,).

    Raises:
        DamagedInput: there are not so many, or one is none.
    """
    values = np.empty(count)
    for at, value in enumerate(_listed(found, count, where)):
        number = finite(value)
        if number is None:
            raise DamagedInput(f"{where}, number {at}: {shown(value)} is no finite number")
        values[at] = number
    return values


def _check_cells(found: Any, cells: list[str], where: str) -> None:
    """See that the published cells come in the official order.

    Raises:
        DamagedInput: they do not.
    """
    for at, (config, cell) in enumerate(zip(_listed(found, len(cells), where), cells, strict=True)):
        text = config.get("arch_str") if isinstance(config, Mapping) else config
        if text != cell:
            raise DamagedInput(f"{where}, number {at}: the cell is {shown(text)}, not {cell}")
