"""What a benchmark promises of an architecture, how sure it is, and what keeps that promise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.benchmarks.live import LiveBenchmark
from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
from nasbench_suite.core import Arch, InvalidSetting, NotMeasured, Question
from nasbench_suite.experiments.work import some
from nasbench_suite.scoring.scatter import pooled
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.store import Table
from nasbench_suite.training.recipes import Recipe

if TYPE_CHECKING:
    from nasbench_suite.training.data.images import Images

_FREE: Final = ("eval_every", "precision", "channels_last", "compile")
"""Hyperparameters that do not change what is to be expected of a training."""
_SOURCES: Final[dict[str, Literal["measured", "predicted", "trained"]]] = {
    "table": "measured",
    "surrogate": "predicted",
    "live": "trained",
}


@dataclass(frozen=True)
class Promise:
    """What is expected of an architecture before it is trained."""

    source: str
    """`measured`, `predicted` or `trained`, when a live search did."""
    mean: float
    std: float
    """How far the expected value may be from it; NaN where nobody knows."""
    runs: int | None
    """How many trainings a measured one is the mean of; None where it was not told."""


class Promises:
    """What a benchmark promises of what a protocol reports."""

    def __init__(self, benchmark: Benchmark, protocol: str) -> None:
        """Prepare to ask.

        Raises:
            InvalidSetting: what is reported is no accuracy, which is all that training measures.
        """
        self.benchmark = benchmark
        asked = benchmark.protocol(protocol).report
        # The mean of all trainings, whichever one the protocol reports.
        self.question: Final = asked if asked.seed == "mean" else Question(*asked[:2], "mean")
        if self.question.metric not in ("train_accuracy", "val_accuracy", "test_accuracy"):
            raise InvalidSetting(
                f"{benchmark.benchmark} reports {self.question.metric}: what training gives is "
                "train_accuracy, val_accuracy and test_accuracy"
            )

    def of(self, arch: Arch) -> Promise:
        """Return what is promised of an architecture.

        Raises:
            NotMeasured: nothing is, since its training failed.
        """
        metric, epochs, seed = self.question
        source = _SOURCES[self.benchmark.source]
        value = float(self.benchmark.query(arch, metric, epochs=epochs, seed=seed))
        if isinstance(self.benchmark, SurrogateBenchmark):
            std = self.benchmark.record(arch, metric, epochs=epochs, seed=seed).std
            return Promise(source, value, math.nan if std is None else std, None)
        if not isinstance(self.benchmark, Table):
            return Promise(source, value, math.nan, 1)
        runs = self.benchmark.record(arch, metric, epochs=epochs).runs
        return Promise(source, value, self.deviation / math.sqrt(runs or 1), runs)

    @cached_property
    def deviation(self) -> float:
        """The standard deviation of one of a table's trainings, over all that were repeated.

        NaN where none was, and where only means were published.
        """
        if not isinstance(self.benchmark, Table):
            return math.nan
        metric, epochs, _ = self.question
        texts = list(self.benchmark.frame([metric], epochs=epochs).index)
        try:
            values = self.benchmark.query_many(texts, metric, epochs=epochs, seed="all")
        except NotMeasured:
            return math.nan
        return pooled([row[~np.isnan(row)] for row in values])[0]

    def check_images(self, images: Images) -> None:
        """See that images are those of the benchmark's task, as far as that is known.

        Raises:
            InvalidSetting: they have other classes, or another size, or a live search trained on
                others.
        """
        if isinstance(self.benchmark, LiveBenchmark):
            if images.digest != self.benchmark.images.digest:
                raise InvalidSetting(
                    f"what is promised was trained on {self.benchmark.images.name}, and these "
                    f"images of {images.name} are others: name the data of the search"
                )
            return
        task = self._card["tasks"][self._table.task]
        for what, asked, given in (
            ("classes", task.get("classes"), images.classes),
            ("pixels a side", task.get("image_size"), images.size),
        ):
            if asked and asked != given:
                raise InvalidSetting(
                    f"{self.benchmark.benchmark} is of images of {asked} {what}, and {images.name} "
                    f"has {given}: name the data of the task"
                )

    @cached_property
    def _table(self) -> Table:
        """The table that measured what is promised, or of which a surrogate learned it."""
        if isinstance(self.benchmark, Table):
            return self.benchmark
        from nasbench_suite.benchmarks import load

        return load(self.benchmark.benchmark, "table")

    @cached_property
    def _card(self) -> dict[str, Any]:
        return read_card(self._table.folder)

    def _hyperparameters(self) -> dict[str, str]:
        """Return those by which what is promised was trained, as text; none where nobody told."""
        if isinstance(self.benchmark, LiveBenchmark):
            values = self.benchmark.live.recipe.values()
            return {name: str(value) for name, value in values.items()}
        lines = self._card.get("lists", {}).get("recipe", [])
        return dict(line.split(" = ", 1) for line in lines)

    def why_not(self, recipe: Recipe) -> str | None:
        """Return why a training by a recipe cannot keep a promise; None if it can."""
        epochs = self.question.epochs
        if epochs is not None and epochs != recipe.epochs:
            return (
                f"what is promised is {self.question.metric} after {epochs:,} epochs, and recipe "
                f"{recipe.name} trained for {recipe.epochs:,}"
            )
        # A hyperparameter that came after the table was made had no say in it.
        there, here = self._hyperparameters(), recipe.values()
        changed = [
            f"{name} is {there[name]} there and {value} here"
            for name, value in here.items()
            if name not in _FREE and there.get(name, str(value)) != str(value)
        ]
        if changed:
            return f"what is promised was trained by another recipe: {some(changed)}"
        return None
