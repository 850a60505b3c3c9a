"""NAS-Bench-Macro, from the one file that its authors published.

The file says less than the code beside it. `train/train.py` keeps of each training the best test
accuracy over the epochs, seeds the three trainings 0, 1 and 2, and `train/train_benchmark.py`
trains one string of those that are the same network: the others have its results.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import DamagedInput, Floats, Metric
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.source import Column, Inputs, Source, Task

_FILE: Final = "nas-bench-macro/nas-bench-macro_cifar10.json"
_REPOSITORIES: Final = {
    "nas-bench-macro": {
        "repository": "xiusu/NAS-Bench-Macro",
        "commit": "61a2bfc",
        "licence": "Apache-2.0",
    }
}
_SEEDS: Final = (0, 1, 2)
_CLASSES, _SIZE = 10, 32

_METRICS: Final = (
    Metric(
        "test_accuracy",
        "%",
        "max",
        "test",
        "top-1 accuracy on the test images, of each training the best of its 50 epochs",
    ),
    Metric(
        "held_out_accuracy",
        "%",
        "max",
        "test",
        "mean of test_accuracy over runs 1 and 2: what a search that saw run 0 has not seen",
    ),
    Metric("params", "count", "min", None, "learned parameters of the network"),
    Metric("flops", "count", "min", None, "multiply-accumulates for one image"),
)

_PROTOCOLS: Final = {
    "standard": {
        "description": "No validation accuracy was published, so a search sees the test accuracy "
        "of run 0, and reported is the mean of runs 1 and 2, which it does not see. No seconds "
        "were published: a trial costs 1.",
        "objective": "test_accuracy",
        "epochs": [],
        "seed": 0,
        "report": {"metric": "held_out_accuracy", "seed": "mean"},
        "continues": False,
    }
}

_DEFECTS: Final = (
    "No validation split was published: all accuracies are of CIFAR-10's 10,000 test images, which "
    "a search therefore sees. The three trainings differ in their seed alone (0, 1 and 2, by the "
    "source's code).",
    "Each accuracy is the best of the 50 epochs of its training, selected on the test images "
    "themselves (train/train.py of the source); that of the last epoch was not published.",
    "6,561 strings are 3,969 networks, of which each was trained three times: strings of one "
    "network have the same results.",
    "The published FLOPs leave out the classifier's bias: they are 10 fewer than flops, for every "
    "network. The published parameters are equal to params, for every network.",
)


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read the published file below `folder`.

    Raises:
        FileNotFoundError: it is missing.
        DamagedInput: it is not what it should be.
    """
    inputs = Inputs(folder, progress, _REPOSITORIES)
    space: Space = registry.load("spaces", "nasbench_macro")
    published = json.loads(inputs.path(_FILE).read_bytes())
    if len(published) != space.size:
        raise DamagedInput(f"{_FILE} has {len(published)} networks, not {space.size}")
    entries = [published[space.format(arch)] for arch in space]
    accuracy = np.array([entry["test_acc"] for entry in entries], dtype=np.float64)
    if accuracy.shape != (space.size, len(_SEEDS)):
        raise DamagedInput(f"{_FILE} has not three trainings of each network")
    progress("counting parameters and FLOPs")
    counted = _counted(space, entries)
    return Source(
        name="nasbench_macro",
        version="1",
        title="NAS-Bench-Macro",
        description="All 6,561 chains of mobile blocks on CIFAR-10, each trained three times.",
        space="nasbench_macro",
        tasks={
            "cifar10": Task(
                "CIFAR-10 classification",
                _CLASSES,
                _SIZE,
                "test_accuracy",
                ("test_accuracy", None),
            )
        },
        metrics=_METRICS,
        columns=[
            Column("cifar10", "test_accuracy", accuracy, seeds=_SEEDS, origin=_FILE),
            Column(
                "cifar10",
                "held_out_accuracy",
                accuracy[:, 1:].mean(axis=1),
                counts=2,
                source="derived",
                origin=f"mean of runs 1 and 2 of {_FILE}",
            ),
            *(
                Column(
                    "cifar10",
                    metric,
                    counted[:, place],
                    source="derived",
                    origin="counted from the network's graph",
                )
                for place, metric in enumerate(("params", "flops"))
            ),
        ],
        protocols=_PROTOCOLS,
        licence="Apache-2.0",
        citations=(
            "X. Su, T. Huang, Y. Li, S. You, F. Wang, C. Qian, C. Zhang and C. Xu. Prioritized "
            "Architecture Sampling with Monto-Carlo Tree Search. CVPR 2021.",
        ),
        inputs=inputs.noted(),
        defects=_DEFECTS,
        derived=(
            "held_out_accuracy is the mean of test_accuracy over runs 1 and 2.",
            "params and flops are counted from the network, multiply-accumulates for flops.",
        ),
    )


def _counted(space: Space, entries: list[dict[str, Any]]) -> Floats:
    """Return parameters and FLOPs of all networks, (architectures, 2).

    Raises:
        DamagedInput: they are not those published, but for the classifier's bias.
    """
    counted = np.empty((space.size, 2))
    for row, (arch, entry) in enumerate(zip(space, entries, strict=True)):
        net = space.graph(arch, classes=_CLASSES, size=_SIZE)
        counted[row] = net.params, net.flops
        if (net.params, net.flops - _CLASSES) != (entry["params"], entry["flops"]):
            raise DamagedInput(f"{_FILE}: the costs of {space.format(arch)} are not its own")
    return counted
