"""Searches on what a surrogate predicts of a table, in place of the table.

Where the whole table is known, a surrogate need not be asked again and again: what it predicts of
every architecture is an array, and a search on it is as quick as one on the table.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from nasbench_suite import registry
from nasbench_suite.benchmarks import load
from nasbench_suite.campaigns.fit_metric import deviations
from nasbench_suite.campaigns.known import archs_of
from nasbench_suite.core import (
    Arch,
    Budget,
    Floats,
    InvalidSetting,
    Metric,
    NotMeasured,
    Protocol,
    Question,
)
from nasbench_suite.experiments.run import run
from nasbench_suite.scoring.curves import reported
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates.base import Surrogate
from nasbench_suite.surrogates.evaluate import kendall
from nasbench_suite.surrogates.splits import finder
from nasbench_suite.tables.store import Table

PROTOCOL: Final = "standard"
_TOGETHER: Final = 1000


class Source(NamedTuple):
    """Where answers come from: the table, or what was fitted to so many of it."""

    benchmark: str
    train: int | None
    trial: int | None

    @property
    def stem(self) -> str:
        """Its name among the files."""
        name = self.benchmark.replace("/", "-")
        return f"{name}-table" if self.train is None else f"{name}-{self.train}-{self.trial}"


class Fit(NamedTuple):
    """A surrogate to be fitted, as any process can be told of it."""

    source: Source
    family: str
    settings: Mapping[str, Any]

    def __str__(self) -> str:
        return f"the fit {self.source.stem}"


class Searches(NamedTuple):
    """The runs of a strategy to be made, as any process can be told of them."""

    source: Source
    strategy: str
    seeds: int
    evaluations: int
    predicted: Path

    def __str__(self) -> str:
        return f"{self.strategy} on {self.source.stem}"


class Predicted:
    """What was predicted of every architecture of a table, in place of it."""

    source: Final = "surrogate"
    covers_space: Final = True

    def __init__(self, table: Table, seen: Floats, paid: Floats, told: Floats) -> None:
        """Answer with what a search sees and pays, and what is reported, (rows,) each."""
        self.benchmark: str = table.benchmark
        self.data: str = "predicted"
        self.space: Space = table.space
        self.metrics: Mapping[str, Metric] = table.metrics
        self.protocols: Mapping[str, Protocol] = table.protocols
        self._row = finder(list(archs_of(table)), table.space)
        rules = table.protocol(PROTOCOL)
        self._values: dict[tuple[Any, ...], list[float]] = {
            tuple(rules.report): told.tolist(),
            (rules.objective, _longest(rules), rules.seed): seen.tolist(),
        }
        if rules.cost is not None:
            self._values[rules.cost, _longest(rules), rules.seed] = paid.tolist()

    def protocol(self, name: str) -> Protocol:
        """Return a protocol of the table."""
        return self.protocols[name]

    def query(
        self, arch: Any, metric: str | None = None, *, epochs: int | None = None, seed: Any = "mean"
    ) -> float:
        """Return what is predicted; the question is one of the protocol's."""
        return self._values[metric, epochs, seed][self._row(arch)]

    def best(self, question: Question) -> None:
        """Return None: it plays no part."""

    def worst(self, question: Question) -> None:
        """Return None: no training fails."""

    def average(self, question: Question) -> None:
        """Return None: it plays no part."""


def made(task: Fit | Searches) -> bytes:
    """Fit, or search, in whatever process, and return the bytes of the file."""
    content = io.BytesIO()
    if isinstance(task, Fit):
        save: Callable[..., None] = np.savez
        save(content, **_fitted(task))
    else:
        np.save(content, _searched(task))
    return content.getvalue()


def _fitted(task: Fit) -> dict[str, Floats]:
    """Return what is predicted of every row, and how good that is."""
    source = task.source
    table = load(source.benchmark, "table")
    rules = table.protocol(PROTOCOL)
    kind: type[Surrogate] = registry.load_class("surrogates", task.family)
    archs = archs_of(table)
    rng = np.random.default_rng([source.train or 0, source.trial or 0])
    order = rng.permutation(table.rows)
    picks, others = order[: source.train], order[source.train :]
    known = [archs[place] for place in picks]

    def predicted(metric: str, epochs: int | None, seed: Any) -> Floats:
        values = table.query_many(known, metric, epochs=epochs, seed=seed)
        if np.isnan(values).any():
            raise InvalidSetting(
                f"{int(np.isnan(values).sum())} of {len(known)} architectures drawn from "
                f"{source.benchmark} have no {metric}: take a benchmark without failed trainings"
            )
        model = kind(table.space, **task.settings).fit(known, values, rng)
        return model.predict_in_parts(archs, _TOGETHER)[0]

    longest = _longest(rules)
    seen = predicted(rules.objective, longest, rules.seed)
    told = predicted(*rules.report)
    paid = np.ones(len(archs)) if rules.cost is None else predicted(rules.cost, longest, rules.seed)
    truth = table.query_many(
        list(archs), rules.report.metric, epochs=rules.report.epochs, seed=rules.report.seed
    )
    noise = _noise(table, known, rules, longest)
    return {
        "seen": seen + noise * rng.standard_normal(len(seen)),
        "paid": np.maximum(paid, 0.0),
        "told": told,
        "kendall": np.array(kendall(truth[others], told[others])),
        "noise": np.array(noise),
    }


def _noise(table: Table, known: list[Arch], rules: Protocol, epochs: int | None) -> float:
    """Return by how much trainings differ in what a search sees; 0 if each was trained once."""
    try:
        runs = table.query_many(known, rules.objective, epochs=epochs, seed="all")
    except NotMeasured:
        return 0.0
    runs = runs[(~np.isnan(runs)).sum(axis=1) > 1]
    # A search that sees the mean of trainings sees no noise of one.
    return deviations(runs)[0] if len(runs) and rules.seed != "mean" else 0.0


def _searched(task: Searches) -> Floats:
    """Return what each run reported after each evaluation, (seeds, evaluations)."""
    table = load(task.source.benchmark, "table")
    benchmark: Any = table
    if task.source.train is not None:
        path = task.predicted / f"{task.source.stem}.npz"
        benchmark = _stand_in(path, path.stat().st_mtime_ns, table.benchmark)
    found = np.full((task.seeds, task.evaluations), np.nan)
    budget = Budget(evaluations=task.evaluations)
    for seed in range(task.seeds):
        values = reported(run(task.strategy, benchmark, budget=budget, seed=seed), benchmark)
        # A search that ends early has nothing better to report later.
        found[seed, : len(values)] = values
        found[seed, len(values) :] = values[-1]
    return found


@lru_cache(maxsize=2)
def _stand_in(path: Path, changed: int, benchmark: str) -> Predicted:
    """Return the predictions of a file that was written at some time."""
    with np.load(path) as file:
        return Predicted(load(benchmark, "table"), file["seen"], file["paid"], file["told"])


def _longest(rules: Protocol) -> int | None:
    return rules.epochs[-1] if rules.epochs else None
