"""What a table holds, opened on one of its tasks: what there is to ask, and what is true of all."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import Floats, Metric, Protocol, Question, UnknownName
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.columns import Columns
from nasbench_suite.tables.layout import Mapped
from nasbench_suite.tables.rows import Rows


class Contents:
    """The metrics and protocols of a task, and the best, worst and average of a column."""

    def __init__(self, folder: Path, task: str, index: dict[str, Any]) -> None:
        """Map the table of a folder.

        Raises:
            DamagedTable: the file is not of the size that the index gives.
            DataNotFound: the folder has no table file.
        """
        mapped = Mapped(folder, index["bytes"])
        self.folder = folder
        self.task = task
        self.name: str = index["name"]
        self.key: str = index["key"]
        self.rows: int = index["rows"]
        self.covers_space: bool = index["covers_space"]
        self.space: Space = registry.load("spaces", index["space"])
        self.benchmark = f"{index['space']}/{task}"
        self._mapped = mapped
        self._task_index: dict[str, Any] = index["tasks"][task]
        self._rows = Rows(mapped, index, self.space)
        self._columns = Columns(mapped, self._task_index, self.rows, self.benchmark)

    @property
    def reported(self) -> str:
        """The metric that a query without one asks for."""
        return self._columns.reported

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics of the task, by name."""
        return {name: Metric(name, *entry[:4]) for name, entry in self._columns.metrics.items()}

    @cached_property
    def protocols(self) -> dict[str, Protocol]:
        """The protocols of the task, by name."""
        try:
            return {
                name: Protocol.read(name, entry)
                for name, entry in self._task_index["protocols"].items()
            }
        except TypeError as error:
            raise self._mapped.damaged(error) from None

    def protocol(self, name: str) -> Protocol:
        """Return the protocol of a name.

        Raises:
            UnknownName: the benchmark has none of this name.
        """
        if name not in self.protocols:
            raise UnknownName("protocol", name, self.protocols, f" on {self.benchmark}")
        return self.protocols[name]

    def epochs(self, metric: str) -> tuple[int | None, ...]:
        """Return the epochs at which a metric was measured, ascending; `(None,)` if it has none.

        Raises:
            UnknownName: the benchmark has no such metric.
        """
        return tuple(place.epochs for place in self._columns.places(metric))

    def trained(self, metric: str) -> str | None:
        """Return why a metric is known after training only, or None where it is known before.

        So are parameters, FLOPs, speed and zero-cost scores: of no split and after no epochs, and
        of no runs either, since these are trainings.

        Raises:
            UnknownName: the benchmark has no such metric.
        """
        places = self._columns.places(metric)
        split = self.metrics[metric].split
        if split is not None:
            return f"it is of the split {split}"
        if any(place.epochs is not None for place in places):
            return f"it is of {' and '.join(str(place.epochs) for place in places)} epochs"
        if any(place.runs or (place.count, place.counts) != (None, None) for place in places):
            return "it has runs, which are trainings"
        return None

    def curves(self, metric: str) -> tuple[int, ...]:
        """Return the lengths of the trainings of which there are learning curves, ascending.

        Raises:
            UnknownName: the benchmark has no such metric.
        """
        return self._columns.lengths(metric)

    @cached_property
    def data(self) -> str:
        """The sha256 of the table file, computed from its bytes."""
        import hashlib

        return hashlib.sha256(self._mapped.bytes).hexdigest()

    # What is true of all of the space.

    def best(self, question: Question) -> float | None:
        """Return the best value in the table, or None where it is not known.

        The best of a table that does not cover its space need not be that of the space.

        Raises:
            UnknownName, NotMeasured: there is no such column.
        """
        ends = self._ends(question)
        return None if ends is None else ends[1]

    def worst(self, question: Question) -> float | None:
        """Return the worst value in the table, or None where it is not known.

        It stands for an architecture whose training failed.

        Raises:
            UnknownName, NotMeasured: there is no such column.
        """
        ends = self._ends(question)
        return None if ends is None else ends[0]

    def average(self, question: Question) -> float | None:
        """Return the mean over all architectures that were measured, or None where it is not known.

        It is what one that `space.sample` draws is expected to have: a canonical form counts as
        often as there are architectures of it.

        Raises:
            UnknownName, NotMeasured: there is no such column.
        """
        known = self._known(question)
        if not len(known):
            return None
        if self.key != "canonical":
            return float(known.mean())
        measured = ~np.isnan(self._values(question))
        return float(np.average(known, weights=self.space.copies(self._rows.genes[measured])))

    def _ends(self, question: Question) -> tuple[float, float] | None:
        """Return the worst and the best value, or None where they are not known."""
        known = self._known(question)
        if not len(known):
            return None
        ends = float(known.min()), float(known.max())
        return ends[::-1] if self.metrics[question.metric].direction == "min" else ends

    def _known(self, question: Question) -> Floats:
        """Return the values that were measured; none of a table that does not cover its space."""
        values = self._values(question)
        return values[~np.isnan(values)] if self.covers_space else np.empty(0)

    def _values(self, question: Question) -> Floats:
        column = self._columns.values(question.metric, question.epochs, question.seed)
        return column.astype(np.float64, copy=False)
