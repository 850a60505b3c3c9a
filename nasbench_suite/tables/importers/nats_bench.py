"""NATS-Bench's own files: a folder with a meta file and one pickle an architecture.

The folders are `NATS-tss-v1_0-3ffb9-simple` (topology, the space `nasbench201`) and
`NATS-sss-v1_0-50262-simple` (size, `nats_sss`). Every training that a file holds is kept, with
its learning curve where every epoch was measured. Architectures without a file are not in the
table.

What the files call the data set `cifar10-valid` is CIFAR-10 with networks trained on half of
the training images; `ori-test` of the other two data sets is validation and test together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import DamagedInput, Floats, Metric
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables import unpickle
from nasbench_suite.tables.source import Column, Curve, Source, Task

_META: Final = "meta.pickle.pbz2"
_SPACES: Final = {15_625: "nasbench201", 32_768: "nats_sss"}
_TITLES: Final = {
    "nasbench201": "NATS-Bench, topology space",
    "nats_sss": "NATS-Bench, size space",
}
_NAMES: Final = {"nasbench201": "nats_bench_tss", "nats_sss": "nats_bench_sss"}

_TASKS: Final = {
    "cifar10": Task("CIFAR-10 classification", 10, 32, "test_accuracy"),
    "cifar100": Task("CIFAR-100 classification", 100, 32, "test_accuracy"),
    "imagenet16-120": Task(
        "classification of 120 ImageNet classes at 16x16 pixels", 120, 16, "test_accuracy"
    ),
}


class _Reading(NamedTuple):
    """A metric, and where a file keeps it: data set, then split, or none for training."""

    metric: str
    data: str
    split: str | None


def _readings(data: str) -> tuple[_Reading, ...]:
    return (
        _Reading("val", data, "x-valid"),
        _Reading("test", data, "x-test"),
        _Reading("valtest", data, "ori-test"),
        _Reading("train", data, None),
    )


_READINGS: Final = {
    "cifar10": (
        _Reading("val", "cifar10-valid", "x-valid"),
        _Reading("test", "cifar10", "ori-test"),
        _Reading("test_half", "cifar10-valid", "ori-test"),
        _Reading("train", "cifar10-valid", None),
    ),
    "cifar100": _readings("cifar100"),
    "imagenet16-120": _readings("ImageNet16-120"),
}
_SPLITS: Final = {
    "val": ("validation", "the validation images"),
    "test": ("test", "the test images"),
    "valtest": ("validation+test", "the union of the validation and the test images"),
    "test_half": ("test", "the test images, of networks trained on half of the training images"),
    "train": ("train", "the images trained on"),
}


def _named(reading: str, kind: str) -> str:
    """Return the metric's name: `test_half` and `accuracy` make `test_accuracy_half`."""
    split, _, rest = reading.partition("_")
    return f"{split}_{kind}_{rest}" if rest else f"{split}_{kind}"


def _metrics() -> list[Metric]:
    found = []
    for reading, (split, images) in _SPLITS.items():
        name, loss = _named(reading, "accuracy"), _named(reading, "loss")
        found.append(Metric(name, "%", "max", split, f"top-1 accuracy on {images}"))
        found.append(Metric(loss, "nat", "min", split, f"cross-entropy on {images}"))
    return [
        *found,
        Metric(
            "train_seconds",
            "s",
            "min",
            None,
            "seconds of training; on cifar10 on half of the training images",
        ),
        Metric("published_params", "count", "min", None, "parameters as they were published"),
        Metric("published_flops", "count", "min", None, "FLOPs as they were published"),
    ]


class _Trainings:
    """The values of one task and training length, filled architecture by architecture."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._final: dict[str, dict[tuple[int, int], float]] = {}
        self._curve: dict[str, dict[tuple[int, int], list[float]]] = {}

    def add(
        self, metric: str, row: int, run: int, values: Mapping[int, float], epochs: int
    ) -> None:
        """Keep the values by epoch, counted from 0, of one training."""
        if epochs - 1 in values:
            self._final.setdefault(metric, {})[row, run] = values[epochs - 1]
        if epochs > 1 and len(values) == epochs:
            self._curve.setdefault(metric, {})[row, run] = [values[at] for at in range(epochs)]

    def columns(self) -> dict[str, Floats]:
        """Return (architectures, runs) by metric."""
        return {metric: self._dense(found, ()) for metric, found in self._final.items()}

    def curves(self, epochs: int) -> dict[str, Floats]:
        """Return (architectures, runs, epochs) by metric."""
        return {metric: self._dense(found, (epochs,)) for metric, found in self._curve.items()}

    def _dense(self, found: Mapping[tuple[int, int], Any], shape: tuple[int, ...]) -> Floats:
        runs = 1 + max(run for _, run in found)
        dense = np.full((self._count, runs, *shape), np.nan)
        for place, value in found.items():
            dense[place] = value
        return dense


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read a folder of NATS-Bench, as far as it has the architectures' files.

    Raises:
        FileNotFoundError: the folder has no meta file.
        DamagedInput, UnsafePickle: a file is not what it should be.
    """
    strings = _strings(folder / _META)
    space: Space = registry.load("spaces", _SPACES[len(strings)])
    files = sorted(folder.glob("[0-9]*.pickle.pbz2"))
    if not files:
        raise DamagedInput(f"{folder} has a {_META} and no architecture's file")
    rows = [int(path.name.split(".")[0]) for path in files]
    trainings: dict[tuple[str, int], _Trainings] = {}
    costs = {
        (task, kind): np.full(len(files), np.nan) for task in _TASKS for kind in ("params", "flop")
    }
    for row, (index, path) in enumerate(zip(rows, files, strict=True)):
        progress(path.name)
        try:
            _read_file(unpickle.load(path), strings[index], row, len(files), trainings, costs)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise DamagedInput(f"{path} is no result file of NATS-Bench: {error!r}") from None
    columns, curves = [], []
    for (task, epochs), found in sorted(trainings.items()):
        for metric, values in found.columns().items():
            columns.append(Column(task, metric, values, epochs=epochs, origin=folder.name))
        for metric, values in found.curves(epochs).items():
            curves.append(Curve(task, metric, values, origin=folder.name))
    for (task, kind), values in costs.items():
        metric = {"params": "published_params", "flop": "published_flops"}[kind]
        columns.append(Column(task, metric, np.round(values * 1e6), origin=folder.name))
    lengths = sorted({epochs for _, epochs in trainings})
    inputs = [folder / _META, *files]
    return Source(
        name=_NAMES[space.name],
        version="1",
        title=_TITLES[space.name],
        description=f"The official result files of {len(files):,} of {len(strings):,} networks.",
        space=space.name,
        tasks=_TASKS,
        metrics=_metrics(),
        columns=columns,
        curves=curves,
        protocols=_protocols(lengths),
        licence="MIT",
        citations=(
            "X. Dong, L. Liu, K. Musial and B. Gabrys. NATS-Bench: Benchmarking NAS Algorithms "
            "for Architecture Topology and Size. TPAMI 2021.",
        ),
        inputs=[
            {
                "file": f"{folder.name}/{path.name}",
                "path": str(path),
                "repository": "D-X-Y/NATS-Bench",
                "licence": "MIT",
            }
            for path in inputs
        ],
        archs=[space.parse(strings[index]) for index in rows],
    )


def _strings(path: Path) -> list[str]:
    """Return the strings of all architectures, in the official order."""
    if not path.is_file():
        raise FileNotFoundError(2, "missing", str(path))
    meta = unpickle.load(path)
    strings: list[str] = meta["meta_archs"] if isinstance(meta, dict) else []
    if len(strings) not in _SPACES:
        raise DamagedInput(f"{path} lists {len(strings)} architectures, of no space known here")
    return strings


def _read_file(
    file: Mapping[str, Any],
    string: str,
    row: int,
    count: int,
    trainings: dict[tuple[str, int], _Trainings],
    costs: Mapping[tuple[str, str], Floats],
) -> None:
    """Take the trainings of one architecture: `file` maps a length to its results."""
    for length, results in file.items():
        if results["arch_str"] != string:
            raise ValueError(f"it is of {results['arch_str']}, not of {string}")
        epochs = int(length)
        seeds = results["dataset_seed"]
        for task, readings in _READINGS.items():
            found = trainings.setdefault((task, epochs), _Trainings(count))
            for reading in readings:
                for run, seed in enumerate(seeds[reading.data]):
                    result = results["all_results"][reading.data, seed]
                    for kind in ("accuracy", "loss"):
                        values = _by_epoch(result, reading.split, kind)
                        found.add(_named(reading.metric, kind), row, run, values, epochs)
                    if reading.metric == "train":
                        seconds = sum(result["train_times"].values())
                        found.add("train_seconds", row, run, {epochs - 1: seconds}, epochs)
                        for kind in ("params", "flop"):
                            costs[task, kind][row] = result[kind]


def _by_epoch(result: Mapping[str, Any], split: str | None, kind: str) -> dict[int, float]:
    """Return the values of a training by epoch, counted from 0."""
    stem = "acc1es" if kind == "accuracy" else "losses"
    if split is None:
        return {int(at): value for at, value in result[f"train_{stem}"].items()}
    parts = ((key.rsplit("@", 1), value) for key, value in result[f"eval_{stem}"].items())
    return {int(at): value for (name, at), value in parts if name == split}


def _protocols(lengths: list[int]) -> dict[str, Any]:
    short = 12 if 12 in lengths else lengths[0]
    report = {"metric": "test_accuracy", "epochs": lengths[-1], "seed": "mean"}
    common = {
        "objective": "val_accuracy",
        "seed": "mean",
        "cost": "train_seconds",
        "report": report,
        "continues": False,
    }
    return {
        "standard": {
            "description": f"A search sees validation accuracy after {short} epochs and pays the "
            f"seconds; reported is test accuracy after {lengths[-1]} epochs.",
            "epochs": [short],
            **common,
        },
        "multi_fidelity": {
            "description": "A search chooses the length of each training, which starts anew and "
            f"is paid whole; reported is test accuracy after {lengths[-1]} epochs.",
            "epochs": lengths,
            **common,
        },
    }
