"""Every strategy beside random search, on the tasks of NAS-Bench-201.

Strategies of the protocol `standard` are compared at equal evaluations, those that choose how long
to train, under `multi_fidelity`, at equal simulated seconds.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any, Final

from nasbench_suite import registry
from nasbench_suite.core import Budget, InvalidSetting, Metric
from nasbench_suite.experiments.compare import compare
from nasbench_suite.experiments.run import run
from nasbench_suite.scoring.curves import Curve
from nasbench_suite.scoring.scores import Score
from nasbench_suite.scoring.summary import summarise
from nasbench_suite.strategies.base import FidelityStrategy, Strategy

CHANCE: Final = "random_search"
SECONDS: Final[Mapping[str, float]] = {
    "nasbench201/cifar10": 40_000,
    "nasbench201/cifar100": 80_000,
    "nasbench201/imagenet16-120": 240_000,
}
"""The simulated budget of a run under `multi_fidelity`, by benchmark."""

UNLEARNED: Final[Mapping[str, Mapping[str, Any]]] = {
    "reinforce": {"learning_rate": 1e-9},
    "q_learning": {"learning_rate": 1e-12, "replays": 0},
    "distribution_pruning": {"steps": 1000},
    "edge_bandits": {"rate": 1e-9},
}
"""The settings that switch the learning of a strategy off and leave everything else as it is."""


@dataclass(frozen=True)
class Outcome:
    """What a strategy reached on a benchmark."""

    curve: Curve
    score: Score
    """When the budget is spent."""


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
    """The docstring of its file."""
    settings: Mapping[str, Any]
    presets: Mapping[str, Mapping[str, Any]]
    protocol: str
    panels: tuple[Panel, ...]
    overhead: float
    """Processor time of a trial, in seconds, over a run of `evaluations` trials."""


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
        names: the strategies, in the order of the result.
        evaluations: the budget of a run, and the length of the run whose overhead is measured.
        seeds: runs of each strategy and task.
        progress: told of each comparison's runs done and runs in all.

    Raises:
        UnknownName: there is no such strategy.
        InvalidSetting: none is named, or one twice.
        MissingExtra: one needs a package that is not installed.
        OutputError: the folder holds something else, or cannot be written.
    """
    if not names or len(set(names)) < len(names):
        raise InvalidSetting("name at least one strategy, and each once")
    kinds: dict[str, type[Strategy]] = {name: registry.load("strategies", name) for name in names}

    def outcome(
        benchmark: str, name: str, protocol: str, settings: Mapping[str, Any] | None = None
    ) -> tuple[Outcome, Metric]:
        # Each in a folder of its own, so that others can be added later.
        kept = name if settings is None else f"{name}-unlearned"
        timed = protocol != "standard"
        experiment = compare(
            [benchmark],
            [name],
            budget=Budget(seconds=SECONDS[benchmark]) if timed else Budget(evaluations=evaluations),
            seeds=seeds,
            out=out / protocol / benchmark.replace("/", "-") / kept,
            protocol=protocol,
            settings={name: settings} if settings else None,
            progress=progress,
        )
        summary = summarise(experiment)
        curves = summary.by_seconds if timed else summary.by_evaluations
        (score,) = summary.scores
        return Outcome(curves[benchmark, name], score), summary.reported[benchmark]

    chance: dict[tuple[str, str], Outcome] = {}
    portraits = []
    for name, kind in kinds.items():
        protocol = "multi_fidelity" if issubclass(kind, FidelityStrategy) else "standard"
        panels = []
        for benchmark in SECONDS:
            reached, metric = outcome(benchmark, name, protocol)
            if (benchmark, protocol) not in chance:
                chance[benchmark, protocol], _ = outcome(benchmark, CHANCE, protocol)
            off = UNLEARNED.get(name)
            panels.append(
                Panel(
                    benchmark=benchmark,
                    metric=metric,
                    reached=reached,
                    chance=chance[benchmark, protocol],
                    unlearned=outcome(benchmark, name, protocol, off)[0] if off else None,
                )
            )
        portraits.append(
            Portrait(
                name=name,
                text=inspect.getdoc(sys.modules[kind.__module__]) or "",
                settings=kind.settings(),
                presets=kind.presets,
                protocol=protocol,
                panels=tuple(panels),
                overhead=_overhead(name, protocol, evaluations),
            )
        )
    return tuple(portraits)


def _overhead(name: str, protocol: str, evaluations: int) -> float:
    begun = process_time()
    run(
        name,
        next(iter(SECONDS)),
        budget=Budget(evaluations=evaluations),
        seed=0,
        protocol=protocol,
    )
    return (process_time() - begun) / evaluations
