"""A table of measured results, opened on one of its tasks, and the query.

Answers are read through a memory map of `table.h5`, whose datasets are uncompressed and
contiguous, at the offsets that `index.json` beside it gives; h5py is not needed. What a query
means is fixed in ARCHITECTURE.md, "What a query means".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from nasbench_suite import resources
from nasbench_suite.core import Floats, InvalidSetting, NotMeasured, Record, Seed, UnknownName
from nasbench_suite.tables.contents import Contents
from nasbench_suite.tables.layout import INDEX, read_index

if TYPE_CHECKING:
    import pandas as pd


class _Remembered(dict[Any, Any]):
    """A dictionary that finds out what it does not hold, and keeps it."""

    def __init__(self, find: Callable[[Any], Any]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, key: Any) -> Any:
        value = self[key] = self._find(key)
        return value


class Table(Contents):
    """Measured results of the architectures of one space on one task; it never changes."""

    source = "table"

    def __init__(self, folder: Path, task: str, index: dict[str, Any]) -> None:
        """Map the table of a folder; `Table.open` finds the folder and the task.

        Raises:
            DamagedTable: the file is not of the size that the index gives.
            DataNotFound: the folder has no table file.
        """
        super().__init__(folder, task, index)
        # What `query` has been asked before: the row of an architecture, the column of a question.
        self._row_of = _Remembered(self._rows.find)
        # Numbers below this are rows as they stand.
        self._numbered = self._rows.numbered
        self._column_of = _Remembered(self._single_column)

    @classmethod
    def open(cls, table: str | Path, task: str | None = None) -> Table:
        """Open a table by its name or folder, on a task; the first that it has if not named.

        Raises:
            UnknownName: no table or no task has this name.
            DamagedTable, DataNotFound: its files are damaged or missing.
        """
        if isinstance(table, Path):
            folder = table
        else:
            found = resources.find("datasets_tabular", table, INDEX)
            if found is None:
                raise UnknownName("table", table, resources.folders("datasets_tabular", INDEX))
            folder = found
        index = read_index(folder)
        if task is not None and task not in index["tasks"]:
            raise UnknownName("task", task, index["tasks"], f" in the table {index['name']}")
        return cls(folder, task or next(iter(index["tasks"])), index)

    def __repr__(self) -> str:
        return f"<Table {self.benchmark}: {self.rows:,} architectures>"

    # The query.

    @overload
    def query(
        self,
        arch: str | int | Sequence[int],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Literal["mean"] | int | np.random.Generator = "mean",
    ) -> float: ...
    @overload
    def query(
        self,
        arch: str | int | Sequence[int],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Literal["all"],
    ) -> Floats: ...
    def query(
        self,
        arch: str | int | Sequence[int],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Any = "mean",
    ) -> Any:
        """Return what was measured of an architecture.

        Args:
            arch: the original benchmark's string, the official number, or the genes in the
                space's own order and numbering (`space.from_naslib` converts NASLib's tuples).
            metric: the name of a metric, which says the split; the reported one if not given.
            epochs: one of the measured epochs; the longest training if not given.
            seed: `"mean"` over the runs measured, a run counted from 0 in published order,
                `"all"` for an array of every run, or a generator that draws one of them.

        Returns:
            A float in the metric's unit; for `seed="all"` an array (runs,) of float64.

        Raises:
            InvalidArchitecture: the architecture is not of the space.
            NotMeasured: nobody measured this; the message says what was measured.
            UnknownName: the benchmark has no such metric.
        """
        # Two look-ups are the whole cost of a repeated question. What cannot be looked up (a
        # list of genes, all runs, a drawn run) goes the long way.
        try:
            row = arch if type(arch) is int and 0 <= arch < self._numbered else self._row_of[arch]
            value = self._column_of[metric, epochs, seed][row]
        except (KeyError, TypeError):
            return self._ask(self._row(arch), metric, epochs, seed)
        if value == value:
            return value
        raise self._missing(row, metric, epochs, seed)

    def record(
        self,
        arch: str | int | Sequence[int],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Seed = "mean",
    ) -> Record:
        """Return what `query` returns, with everything that was used to answer.

        A generator draws the run first, and the record names the run that was drawn.

        Raises:
            As `query`.
        """
        row = self._row(arch)
        name = metric or self.reported
        if isinstance(seed, np.random.Generator):
            seed = self._draw(row, name, epochs, seed)
        value = self._ask(row, name, epochs, seed)
        place = self._columns.place(name, epochs)
        described = self.metrics[name]
        return Record(
            benchmark=self.benchmark,
            architecture=self._rows.text(row),
            metric=name,
            unit=described.unit,
            split=described.split,
            epochs=place.epochs,
            seed=seed if isinstance(seed, str) else int(seed),
            runs=self._columns.runs(row, place, seed),
            source=place.source,
            value=value if isinstance(value, float) else value.tolist(),
            key=self.key,
        )

    def query_many(
        self,
        archs: Sequence[Any] | NDArray[Any],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Seed = "mean",
    ) -> Floats:
        """Return what was measured of many architectures; NaN where nobody measured.

        Args:
            archs: strings, numbers (n,), or genes (n, genes); an integer array is fastest.
            metric: as in `query`.
            epochs: as in `query`.
            seed: as in `query`; a generator draws a run for each architecture.

        Returns:
            An array (n,) of float64; for `seed="all"` (n, runs), the missing runs NaN.

        Raises:
            InvalidArchitecture: one of them is not of the space; the message says which.
            NotMeasured, UnknownName: there is no such column, as in `query`.
        """
        rows = self._rows.find_many(archs)
        if isinstance(seed, np.random.Generator):
            runs = self._columns.values(metric, epochs, "all")[np.maximum(rows, 0)]
            draws = [
                _drawn(one, seed) if row >= 0 else 0 for one, row in zip(runs, rows, strict=True)
            ]
            values = runs[np.arange(len(runs)), draws]
        else:
            values = self._columns.values(metric, epochs, seed).take(rows, axis=0, mode="clip")
        values = values.astype(np.float64, copy=False)
        if rows.size and rows.min() < 0:
            values[rows < 0] = np.nan
        result: Floats = values
        return result

    def curve(
        self,
        arch: str | int | Sequence[int],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Seed = "mean",
    ) -> Floats:
        """Return the learning curve of one training: the metric after each of its epochs.

        Args:
            arch: as in `query`.
            metric: as in `query`.
            epochs: the length of the training; the longest that has a curve if not given.
            seed: as in `query`.

        Returns:
            An array (epochs,); for `seed="all"` (runs, epochs).

        Raises:
            NotMeasured: the table holds no curve of this metric.
            InvalidArchitecture, UnknownName: as `query`.
        """
        row = self._row(arch)
        name = metric or self.reported
        curves = self._columns.curves(name, epochs)[row].astype(np.float64)
        measured: Floats = curves[~np.isnan(curves).all(axis=1)]
        if not len(measured):
            raise NotMeasured(
                f"no learning curve of {name} of {self._rows.text(row)} on {self.benchmark}"
            )
        if isinstance(seed, np.random.Generator):
            seed = int(seed.random() * len(measured))
        if isinstance(seed, str) and seed in ("mean", "all"):
            return measured if seed == "all" else np.asarray(measured.mean(axis=0))
        chosen: Floats = measured[self._columns.run(name, seed, len(measured))]
        return chosen

    def frame(
        self,
        metrics: Sequence[str] | None = None,
        *,
        epochs: int | None = None,
        seed: Seed = "mean",
    ) -> pd.DataFrame:
        """Return metrics of all architectures as a data frame, NaN where nobody measured.

        Args:
            metrics: their names; all of the task if not given.
            epochs: as in `query`, for every metric that has epochs.
            seed: `"mean"`, or a run, for every metric.

        Returns:
            One row an architecture, in the table's order, indexed by its string.

        Raises:
            UnknownName, NotMeasured, InvalidSetting: as `query`.
        """
        import pandas as pd

        if seed == "all":
            raise InvalidSetting("a frame has one column a metric: ask for 'mean' or one run")
        if isinstance(metrics, str):
            metrics = [metrics]
        names = list(self._columns.metrics) if metrics is None else list(metrics)
        columns = {}
        for name in names:
            at = None if self.epochs(name) == (None,) else epochs
            columns[name] = self._columns.values(name, at, seed).astype(np.float64)
        index = pd.Index([self._rows.text(row) for row in range(self.rows)], name="architecture")
        return pd.DataFrame(columns, index=index)

    def _row(self, arch: Any) -> int:
        """Return the row of an architecture; a list of genes cannot be remembered."""
        try:
            row: int = self._row_of[arch]
        except TypeError:
            row = self._rows.find(arch)
        return row

    def _single_column(self, question: tuple[str | None, int | None, Any]) -> memoryview:
        """Return the column that answers a question of `query`.

        Raises:
            KeyError: no single column does.
        """
        if isinstance(question[2], str | int):
            values = self._columns.values(*question)
            if values.ndim == 1:
                return memoryview(values.data)
        raise KeyError(question)

    def _ask(self, row: int, metric: str | None, epochs: int | None, seed: Any) -> Any:
        """Answer for a row, the long way."""
        if isinstance(seed, np.random.Generator):
            seed = self._draw(row, metric or self.reported, epochs, seed)
        values = self._columns.values(metric, epochs, seed)[row]
        if values.ndim:
            runs: Floats = values[: _last_measured(values)].astype(np.float64)
            if len(runs):
                return runs
        elif not np.isnan(values):
            return float(values)
        raise self._missing(row, metric, epochs, seed)

    def _draw(self, row: int, metric: str, epochs: int | None, rng: np.random.Generator) -> int:
        runs = self._columns.values(metric, epochs, "all")[row]
        if np.isnan(runs).all():
            raise self._missing(row, metric, epochs, "all")
        return _drawn(runs, rng)

    def _missing(self, row: int, metric: str | None, epochs: int | None, seed: Any) -> NotMeasured:
        name = metric or self.reported
        place = self._columns.place(name, epochs)
        after = f" after {place.epochs} epochs" if place.epochs is not None else ""
        if isinstance(seed, str):
            values = self._columns.values(name, epochs, "mean")
            known = int(np.count_nonzero(~np.isnan(values)))
            run, have = "", f"it was measured for {known:,} of {self.rows:,} architectures"
        else:
            known = _last_measured(self._columns.raw(place)[row])
            run, have = f" in run {seed}", f"this one has {known} runs, counted from 0"
        return NotMeasured(
            f"{name}{after}{run} of {self._rows.text(row)} was not measured on {self.benchmark}: "
            f"{have}"
        )


def _drawn(runs: NDArray[Any], rng: np.random.Generator) -> int:
    """Return the number of a run drawn from those measured; 0 if there are none."""
    there = np.flatnonzero(~np.isnan(runs))
    return int(there[int(rng.random() * len(there))]) if len(there) else 0


def _last_measured(runs: NDArray[Any]) -> int:
    """Return how many runs there are up to the last one measured."""
    there = np.flatnonzero(~np.isnan(runs))
    return int(there[-1]) + 1 if len(there) else 0
