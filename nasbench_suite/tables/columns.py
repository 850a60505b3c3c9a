"""How a question becomes a column of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, InvalidSetting, NotMeasured, UnknownName, whole
from nasbench_suite.tables.layout import Mapped


@dataclass(frozen=True, slots=True)
class Place:
    """Where the values of a metric after so many epochs lie in the file."""

    epochs: int | None
    offset: int
    dtype: str
    runs: int
    """Columns of the dataset: 0 where only one value an architecture was published."""
    count: int | None
    """How many trainings such a value stands for, if it is the same for all and known."""
    counts: int | None
    """The offset of these numbers, one byte an architecture, where they differ."""
    source: str


def mean_of_runs(values: NDArray[Any]) -> Floats:
    """Return the mean over the runs measured, (architectures,); NaN where there is none."""
    total: Floats = np.zeros(len(values))
    count = np.zeros(len(values), dtype=np.uint8)
    for run in values.T:
        measured = run == run
        np.add(total, run, out=total, where=measured)
        count += measured
    with np.errstate(invalid="ignore"):
        np.divide(total, count, out=total)
    return total


class Columns:
    """The columns of one task of a table, by metric, epochs and run."""

    def __init__(self, mapped: Mapped, task: Mapping[str, Any], rows: int, benchmark: str) -> None:
        """Find columns of a task, given its part of the index."""
        self.reported: str = task["reported"]
        self.metrics: Mapping[str, list[Any]] = task["metrics"]
        self._curves: Mapping[str, list[list[Any]]] = task["curves"]
        self._mapped = mapped
        self._rows = rows
        self._benchmark = benchmark
        self._found: dict[Any, NDArray[Any]] = {}

    def places(self, metric: str) -> list[Place]:
        """Return where a metric's values lie, by ascending epochs.

        Raises:
            UnknownName: there is no such metric.
        """
        entry = self.metrics.get(metric)
        if entry is None:
            raise UnknownName("metric", metric, self.metrics, f" on {self._benchmark}")
        try:
            return [Place(*place) for place in entry[4]]
        except TypeError as error:
            raise self._mapped.damaged(error) from None

    def place(self, metric: str, epochs: int | None) -> Place:
        """Return where the values after these epochs, or after the longest training, lie.

        Raises:
            UnknownName, NotMeasured: there is no such metric, or not after so many epochs.
        """
        places = self.places(metric)
        if epochs is None:
            return places[-1]
        for place in places:
            if place.epochs == epochs:
                return place
        if places[-1].epochs is None:
            cure = "it does not depend on epochs, ask without"
        else:
            cure = f"it was measured after {' and '.join(str(p.epochs) for p in places)} epochs"
        raise NotMeasured(f"no {metric} after {epochs} epochs on {self._benchmark}: {cure}")

    def values(self, metric: str | None, epochs: int | None, seed: Any) -> NDArray[Any]:
        """Return the column that answers, (architectures,) or, for all runs, (…, runs).

        Raises:
            UnknownName, NotMeasured: as `place`, or there are no such runs.
            InvalidSetting: the seed is none of "mean", "all" and a whole number.
        """
        try:
            return self._found[metric, epochs, seed]
        except (KeyError, TypeError):
            pass
        values = self._read(metric or self.reported, epochs, seed)
        self._found[metric, epochs, seed] = values
        return values

    def _read(self, metric: str, epochs: int | None, seed: Any) -> NDArray[Any]:
        place = self.place(metric, epochs)
        raw = self.raw(place)
        if isinstance(seed, str):
            if seed == "mean":
                return mean_of_runs(raw) if place.runs else raw
            if seed != "all":
                raise _no_seed(seed)
        if not place.runs:
            why = "it is derived" if place.source == "derived" else "its source has no single runs"
            raise NotMeasured(
                f"{metric} on {self._benchmark} has one value an architecture ({why}): "
                "ask for the mean"
            )
        if isinstance(seed, str):
            return raw
        return np.ascontiguousarray(raw[:, self.run(metric, seed, place.runs)])

    def raw(self, place: Place) -> NDArray[Any]:
        """Return the dataset, (architectures,) or (architectures, runs)."""
        shape = (self._rows, place.runs) if place.runs else (self._rows,)
        return self._mapped.array(place.offset, place.dtype, shape)

    def run(self, metric: str, seed: Any, runs: int) -> int:
        """Return the number of a run.

        Raises:
            NotMeasured: there are not so many.
            InvalidSetting: it is no whole number.
        """
        run = whole(seed)
        if run is None:
            raise _no_seed(seed)
        if not 0 <= run < runs:
            raise NotMeasured(
                f"no run {run} of {metric} on {self._benchmark}: "
                f"runs are 0 to {runs - 1}, in published order"
            )
        return run

    def runs(self, row: int, place: Place, seed: int | str) -> int | None:
        """Return how many trainings an answer stands for, or None if nobody says."""
        if not isinstance(seed, str):
            return 1
        if place.runs:
            return int(np.count_nonzero(~np.isnan(self.raw(place)[row])))
        if place.counts is not None:
            return int(self._mapped.array(place.counts, "|u1", (self._rows,))[row])
        return place.count

    def lengths(self, metric: str) -> tuple[int, ...]:
        """Return the lengths of the learning curves of a metric, ascending.

        Raises:
            UnknownName: there is no such metric.
        """
        self.places(metric)
        return tuple(sorted(curve[0] for curve in self._curves.get(metric, [])))

    def curves(self, metric: str, epochs: int | None) -> NDArray[Any]:
        """Return all learning curves of a metric, (architectures, runs, epochs).

        Raises:
            UnknownName, NotMeasured: there is no such metric, or no curve of it.
        """
        points = [str(place.epochs) for place in self.places(metric) if place.epochs is not None]
        kept = self._curves.get(metric, [])
        try:
            for length, offset, dtype, runs in reversed(kept):
                if epochs in (None, length):
                    return self._mapped.array(offset, dtype, (self._rows, runs, length))
        except (TypeError, ValueError) as error:
            raise self._mapped.damaged(error) from None
        if kept:
            cure = f"there are curves of {' and '.join(str(curve[0]) for curve in kept)} epochs"
        elif points:
            cure = f"it was measured after {' and '.join(points)} epochs only, ask `query`"
        else:
            cure = "it does not depend on epochs, ask `query`"
        raise NotMeasured(f"no learning curve of {metric} on {self._benchmark}: {cure}")


def _no_seed(seed: Any) -> InvalidSetting:
    return InvalidSetting(f"seed {seed!r}: it is 'mean', 'all', a run's number or a generator")
