"""Whether the strategies that NATS-Bench published results of come out the same here.

Dong et al., "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI
2021, the table of the topology space: test accuracy of the architecture found within 20,000,
40,000 and 120,000 simulated seconds on three data sets, mean and standard deviation of 500 runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nasbench_suite.core import Budget
from nasbench_suite.experiments.compare import compare
from nasbench_suite.scoring.scores import Score
from nasbench_suite.scoring.summary import summarise

RUNS: Final = 500
SPREAD: Final = 1 / 3
"""By what share standard deviations may differ."""


@dataclass(frozen=True)
class Task:
    """A data set of the published table."""

    benchmark: str
    seconds: float
    """The simulated budget of a run."""
    tolerance: float
    """By how many points of accuracy means may differ."""
    published: dict[str, tuple[float, float]]
    """Mean and standard deviation of the test accuracy, %, by strategy."""


TASKS: Final = (
    Task(
        "nasbench201/cifar10",
        20_000,
        0.10,
        {
            "random_search": (93.86, 0.23),
            "regularized_evolution": (94.02, 0.31),
            "reinforce": (93.90, 0.26),
        },
    ),
    Task(
        "nasbench201/cifar100",
        40_000,
        0.35,
        {
            "random_search": (71.55, 0.97),
            "regularized_evolution": (72.23, 0.84),
            "reinforce": (71.86, 0.89),
        },
    ),
    Task(
        "nasbench201/imagenet16-120",
        120_000,
        0.40,
        {
            "random_search": (45.28, 0.97),
            "regularized_evolution": (45.77, 0.80),
            "reinforce": (45.64, 0.78),
        },
    ),
)


@dataclass(frozen=True)
class Row:
    """A published result beside ours."""

    task: Task
    score: Score
    published: tuple[float, float]

    @property
    def within(self) -> bool | None:
        """Whether mean and standard deviation agree within what is tolerated.

        None with a single run, which has no standard deviation.
        """
        if self.score.runs < 2:
            return None
        mean, std = self.published
        return (
            abs(self.score.mean - mean) <= self.task.tolerance
            and abs(self.score.std - std) <= SPREAD * std
        )


def reproduce(
    out: Path, *, runs: int = RUNS, progress: Callable[[int, int], None] | None = None
) -> tuple[Row, ...]:
    """Repeat the published comparison, and return each result beside the published one.

    Args:
        out: a folder, which gets one comparison a task; what it holds already is not run again.
        runs: how many runs of each strategy and task; their seeds count from 0.
        progress: told of each comparison's runs done and runs in all.

    Raises:
        OutputError: the folder holds something else, or cannot be written.
    """
    rows: list[Row] = []
    for task in TASKS:
        experiment = compare(
            [task.benchmark],
            list(task.published),
            budget=Budget(seconds=task.seconds),
            seeds=runs,
            out=out / task.benchmark.replace("/", "-"),
            progress=progress,
        )
        rows += [
            Row(task, score, task.published[score.strategy])
            for score in summarise(experiment).scores
        ]
    return tuple(rows)
