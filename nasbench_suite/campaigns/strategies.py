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
from nasbench_suite.scoring.summary import Score, summarise
from nasbench_suite.strategies.base import FidelityStrategy, Strategy

CHANCE: Final = "random_search"
SECONDS: Final[Mapping[str, float]] = {
    "nasbench201/cifar10": 40_000,
    "nasbench201/cifar100": 80_000,
    "nasbench201/imagenet16-120": 240_000,
}
"""The simulated budget of a run under `multi_fidelity`, by benchmark."""


@dataclass(frozen=True)
class Panel:
    """What a strategy reached on a benchmark, beside random search."""

    benchmark: str
    metric: Metric
    curve: Curve
    chance: Curve
    score: Score
    """When the budget is spent."""
    chance_score: Score


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
        out: a folder, which gets the comparisons; what it holds already is not run again.
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
    kinds: dict[str, type[Strategy]] = {
        name: registry.load("strategies", name) for name in dict.fromkeys((CHANCE, *names))
    }
    fidelity = [name for name, kind in kinds.items() if issubclass(kind, FidelityStrategy)]
    standard = [name for name in kinds if name not in fidelity]
    panels: dict[str, list[Panel]] = {name: [] for name in kinds}
    for benchmark, seconds in SECONDS.items():
        for protocol, group, budget in (
            ("standard", standard, Budget(evaluations=evaluations)),
            ("multi_fidelity", [CHANCE, *fidelity], Budget(seconds=seconds)),
        ):
            if len(group) == 1 and protocol == "multi_fidelity":
                continue
            experiment = compare(
                [benchmark],
                group,
                budget=budget,
                seeds=seeds,
                out=out / protocol / benchmark.replace("/", "-"),
                protocol=protocol,
                progress=progress,
            )
            summary = summarise(experiment)
            curves = summary.by_evaluations if protocol == "standard" else summary.by_seconds
            scores = {score.strategy: score for score in summary.scores}
            for name in standard if protocol == "standard" else fidelity:
                panels[name].append(
                    Panel(
                        benchmark=benchmark,
                        metric=summary.reported[benchmark],
                        curve=curves[benchmark, name],
                        chance=curves[benchmark, CHANCE],
                        score=scores[name],
                        chance_score=scores[CHANCE],
                    )
                )
    return tuple(
        Portrait(
            name=name,
            text=inspect.getdoc(sys.modules[kinds[name].__module__]) or "",
            settings=kinds[name].settings(),
            presets=kinds[name].presets,
            protocol="multi_fidelity" if name in fidelity else "standard",
            panels=tuple(panels[name]),
            overhead=_overhead(name, name in fidelity, evaluations),
        )
        for name in names
    )


def _overhead(name: str, fidelity: bool, evaluations: int) -> float:
    begun = process_time()
    run(
        name,
        next(iter(SECONDS)),
        budget=Budget(evaluations=evaluations),
        seed=0,
        protocol="multi_fidelity" if fidelity else "standard",
    )
    return (process_time() - begun) / evaluations
