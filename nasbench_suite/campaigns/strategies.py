"""Every strategy beside random search, on the tasks of NAS-Bench-201.

Strategies of the protocol `standard` are compared at equal evaluations, those that choose how long
to train, under `multi_fidelity`, at equal simulated seconds or epochs of training.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nasbench_suite import registry
from nasbench_suite.benchmarks import load
from nasbench_suite.core import Budget, InvalidSetting, Metric
from nasbench_suite.experiments.compare import compare
from nasbench_suite.experiments.run import run
from nasbench_suite.registry import Named
from nasbench_suite.scoring.curves import Curve
from nasbench_suite.scoring.scores import Score
from nasbench_suite.scoring.summary import CHANCE, Axis, summarise
from nasbench_suite.strategies.base import FidelityStrategy

BUDGETS: Final[Mapping[str, Budget]] = {
    "nasbench201/cifar10": Budget(seconds=40_000),
    "nasbench201/cifar100": Budget(seconds=80_000),
    "nasbench201/imagenet16-120": Budget(seconds=240_000),
}
"""The budget of a run under `multi_fidelity`, by benchmark."""

UNLEARNED: Final[Mapping[str, Mapping[str, Any]]] = {
    "reinforce": {"learning_rate": 1e-9},
    "q_learning": {"learning_rate": 1e-12, "replays": 0},
    "distribution_pruning": {"steps": 10**9},
    "edge_bandits": {"rate": 1e-9},
}
"""The settings that switch the learning of a strategy off and leave everything else as it is."""

_TIMED: Final = 3
"""How many runs are timed to know what a trial takes."""


@dataclass(frozen=True)
class Outcome:
    """What a strategy reached on a benchmark."""

    curve: Curve
    score: Score
    """When the budget is spent."""
    axis: Axis
    """What the curve is against."""


@dataclass(frozen=True)
class Panel:
    """What a strategy reached on a benchmark, and beside it random search."""

    benchmark: str
    metric: Metric
    reached: Outcome
    chance: Outcome
    unlearned: Outcome | None
    """With its learning switched off, of a strategy in `UNLEARNED`."""


@dataclass(frozen=True)
class Portrait:
    """A strategy: what it says of itself, what it can be set to, and how it fares."""

    name: str
    text: str
    """The docstring of its file, or of its class where the file has none."""
    settings: Mapping[str, Any]
    presets: Mapping[str, Mapping[str, Any]]
    protocol: str
    panels: tuple[Panel, ...]
    overhead: float
    """The strategy's own real seconds a trial, to ask and be told, in a run of `evaluations`."""

    @property
    def file(self) -> str:
        """Its name as that of a file."""
        return _file(self.name)


def portray(
    out: Path,
    names: Sequence[str],
    *,
    evaluations: int,
    seeds: int,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Portrait, ...]:
    """Compare strategies with random search.

    Args:
        out: a folder, which gets one comparison a strategy and task; what it holds already is not
            run again.
        names: the strategies, in the order of the result: registered names, or
            `path/to/mine.py:MyStrategy`.
        evaluations: the budget of a run, and the length of the run whose overhead is measured.
        seeds: runs of each strategy and task.
        progress: told of each comparison's runs done and runs in all.

    Raises:
        UnknownName: there is no such strategy.
        DataNotFound, FaultyStrategy: a user's own file is not there, or cannot be run.
        InvalidSetting: none is named, or one twice.
        MissingExtra: one needs a package that is not installed.
        OutputError: the folder holds something else, or cannot be written.
    """
    found = [registry.find("strategies", name) for name in names]
    if not found or len({_file(named.name) for named in found}) < len(found):
        raise InvalidSetting("name at least one strategy, and each once")
    random = registry.find("strategies", CHANCE)

    def outcome(
        benchmark: str, named: Named, protocol: str, settings: Mapping[str, Any] | None = None
    ) -> tuple[Outcome, Metric]:
        # Each in a folder of its own, so that others can be added later.
        kept = _file(named.name) + ("-unlearned" if settings else "")
        budget = Budget(evaluations=evaluations) if protocol == "standard" else BUDGETS[benchmark]
        experiment = compare(
            [benchmark],
            [named.address],
            budget=budget,
            seeds=seeds,
            out=out / protocol / benchmark.replace("/", "-") / kept,
            protocol=protocol,
            settings={named.address: settings} if settings else None,
            progress=progress,
        )
        summary = summarise(experiment)
        (score,) = summary.scores
        return (
            Outcome(summary.along[benchmark, named.name], score, summary.axis),
            summary.reported[benchmark],
        )

    chance: dict[tuple[str, str], Outcome] = {}
    portraits = []
    for named in found:
        protocol = "multi_fidelity" if issubclass(named.kind, FidelityStrategy) else "standard"
        panels = []
        for benchmark in BUDGETS:
            reached, metric = outcome(benchmark, named, protocol)
            if (benchmark, protocol) not in chance:
                chance[benchmark, protocol], _ = outcome(benchmark, random, protocol)
            off = UNLEARNED.get(named.name)
            panels.append(
                Panel(
                    benchmark=benchmark,
                    metric=metric,
                    reached=reached,
                    chance=chance[benchmark, protocol],
                    unlearned=outcome(benchmark, named, protocol, off)[0] if off else None,
                )
            )
        portraits.append(
            Portrait(
                name=named.name,
                text=said(named.kind),
                settings=named.kind.settings(),
                presets=named.kind.presets,
                protocol=protocol,
                panels=tuple(panels),
                overhead=_overhead(named.address, protocol, evaluations),
            )
        )
    return tuple(portraits)


def said(kind: type[Any]) -> str:
    """Return what a strategy says of itself: its file, or its class where the file says nothing."""
    return inspect.getdoc(sys.modules[kind.__module__]) or inspect.cleandoc(kind.__doc__ or "")


def _file(name: str) -> str:
    """Return a strategy's name as that of a file: those of other packages have a slash."""
    return re.sub(r"[^\w.-]+", "-", name)


def _overhead(address: str, protocol: str, evaluations: int) -> float:
    # The least of a few: in the first, what a strategy imports late is loaded, and whatever else
    # the machine does adds to any.
    benchmark = load(next(iter(BUDGETS)))
    runs = (
        run(
            address,
            benchmark,
            budget=Budget(evaluations=evaluations),
            seed=0,
            protocol=protocol,
        )
        for _ in range(_TIMED)
    )
    return min(found.overhead / len(found.trials) for found in runs)
