"""The columns of a table from the rows of CSV files, which must not contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, nan
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import DamagedInput, Floats, Ints
from nasbench_suite.tables.importers.csv.description import Measured
from nasbench_suite.tables.importers.csv.rows import Trainings
from nasbench_suite.tables.source import Column

_RUNS: Final = 255
"""A mean over runs counts them in one byte."""
_ROOM: Final = 100
"""A table may have so many places for values a row of its files, and small ones are all let be."""
_SMALL: Final = 10**6


def columns_of(trainings: Trainings, task: str, places: Ints) -> Iterator[Column]:
    """Yield the columns of a task.

    Args:
        trainings: the rows of its files.
        task: its name.
        places: the row of the table for each number of an architecture, (architectures,).

    Raises:
        DamagedInput: rows contradict each other, or are the same.
    """
    _check_twins(trainings)
    origin = f"{' and '.join(trainings.files)}, column"
    slices = list(_slices(trainings, places))
    if trainings.continues and trainings.run is not None:
        _check_same_runs(trainings, slices, len(places))
    for measured, values in zip(trainings.metrics, trainings.values, strict=True):
        name, told = measured.metric.name, f"{origin} {measured.column}"
        _check_percent(trainings, measured, values)
        if not measured.each:
            single = _single(trainings, measured, values, places)
            if single is not None:
                yield Column(task, name, single, origin=told)
            continue
        for part in slices:
            grid = _grid(len(places), part, values)
            if grid is not None:
                _check_holes(trainings, measured, part, grid)
                seeds = part.seeds[: grid.shape[1]]
                yield Column(task, name, grid, epochs=part.epochs, origin=told, seeds=seeds)


class _Slice(NamedTuple):
    """All trainings of one length."""

    epochs: int | None
    records: Ints
    """Which of all rows they are, (trainings,)."""
    rows: Ints
    """The row of the table of each."""
    runs: Ints
    """Which run of its architecture each is, from 0."""
    seeds: tuple[int, ...]
    """What the files call each run, where they tell the same for all architectures."""


def _slices(trainings: Trainings, places: Ints) -> Iterator[_Slice]:
    """Yield the trainings of each length, ascending.

    Raises:
        DamagedInput: there are more than a table has room for.
    """
    arch = trainings.arch
    same = np.zeros(len(arch), dtype=np.int64)
    told, lengths = trainings.run, trainings.epochs
    run, epochs = same if told is None else told, same if lengths is None else lengths
    # Where no run is told, they are as the files have them.
    order = np.lexsort((run, arch, epochs))
    begins = _changes(arch[order], epochs[order])
    runs = np.arange(len(arch)) - np.flatnonzero(begins)[np.cumsum(begins) - 1]
    most = int(runs.max()) + 1
    if most > _RUNS:
        raise DamagedInput(
            f"{trainings.line(int(order[np.argmax(runs)]))}: its architecture has {most:,} "
            f"trainings of one length, and {_RUNS} are the most: is the column of architectures "
            "the right one?"
        )
    parts = np.split(np.arange(len(arch)), np.flatnonzero(_changes(epochs[order]))[1:])
    if len(places) * len(parts) * most > max(_SMALL, _ROOM * len(arch)):
        raise DamagedInput(
            f"{' and '.join(trainings.files)}: trainings have {len(parts):,} lengths and up to "
            f"{most} runs, which few architectures share: leave out the lengths that are rare"
        )
    for part in parts:
        records = order[part]
        yield _Slice(
            epochs=None if lengths is None else int(lengths[records[0]]),
            records=records,
            rows=places[arch[records]],
            runs=runs[part],
            seeds=() if told is None else _seeds(told[records], runs[part]),
        )


def _seeds(seeds: Ints, runs: Ints) -> tuple[int, ...]:
    """Return the seed of each run, nothing where it is not the same for all architectures."""
    found = [np.unique(seeds[runs == run]).tolist() for run in range(int(runs.max()) + 1)]
    return tuple(of[0] for of in found) if all(len(of) == 1 for of in found) else ()


def _check_same_runs(trainings: Trainings, slices: Sequence[_Slice], count: int) -> None:
    """See that run 0 of an architecture is one training, whatever its length.

    Raises:
        DamagedInput: a longer one cannot continue the shorter one.
    """
    assert trainings.run is not None
    seen = np.full(count, -1)
    for part in slices:
        first = part.runs == 0
        records, rows = part.records[first], part.rows[first]
        other = np.flatnonzero(
            (seen[rows] >= 0) & (trainings.run[seen[rows]] != trainings.run[records])
        )
        if len(other):
            record = int(records[other[0]])
            raise DamagedInput(
                f"{trainings.line(record)}: the first run of this length is "
                f"{trainings.run[record]}, and that of {trainings.line(int(seen[rows[other[0]]]))} "
                "is another, which it cannot continue: add what is missing, or leave out continues"
            )
        seen[rows] = records


def _check_percent(trainings: Trainings, measured: Measured, values: Floats) -> None:
    """See that an accuracy is no share of 1.

    Raises:
        DamagedInput: none of its values is more than 1.
    """
    metric = measured.metric
    most = np.max(values[~np.isnan(values)]) if not np.isnan(values).all() else inf
    if metric.unit == "%" and metric.direction == "max" and most <= 1:
        raise DamagedInput(
            f"{' and '.join(trainings.files)}: no {measured.column} is more than {most:g}, so "
            "these are shares, and % was said: multiply them by 100"
        )


def _grid(count: int, part: _Slice, values: Floats) -> Floats | None:
    """Return values as (architectures, runs), None where nothing was measured."""
    values = values[part.records]
    known = ~np.isnan(values)
    if not known.any():
        return None
    grid: Floats = np.full((count, int(part.runs[known].max()) + 1), nan)
    grid[part.rows[known], part.runs[known]] = values[known]
    return grid


def _check_holes(trainings: Trainings, measured: Measured, part: _Slice, grid: Floats) -> None:
    """See that of an architecture's runs the last ones lack a value, so that run k is run k.

    Raises:
        DamagedInput: an earlier one does.
    """
    missing = np.isnan(grid)
    holes = np.argwhere(missing[:, :-1] & ~missing[:, 1:])
    if len(holes):
        row, run = holes[0]
        (record,) = part.records[(part.rows == row) & (part.runs == run)]
        raise DamagedInput(
            f"{trainings.line(int(record))}: {measured.column} is empty, and the next run of the "
            "architecture has it: leave the row out, or make it a later run"
        )


def _single(
    trainings: Trainings, measured: Measured, values: Floats, places: Ints
) -> Floats | None:
    """Return values that all trainings of an architecture have the same, (architectures,).

    Raises:
        DamagedInput: they have not.
    """
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return None
    rows = places[trainings.arch[known]]
    column: Floats = np.full(len(places), nan)
    # Backwards, so that the first row says what the others must repeat.
    column[rows[::-1]] = values[known[::-1]]
    others = known[values[known] != column[rows]]
    if len(others):
        raise DamagedInput(
            f"{trainings.line(int(others[0]))}: {measured.column} is {values[others[0]]:g}, and "
            f"an earlier row of the same architecture has another value: correct one, or leave out "
            'per = "architecture"'
        )
    return column


def _check_twins(trainings: Trainings) -> None:
    """See that no training is there twice.

    Raises:
        DamagedInput: one is.
    """
    # Missing values sort as infinite ones, which no file can hold, and are equal.
    full = [np.where(np.isnan(column), inf, column) for column in trainings.values]
    run, epochs = trainings.run, trainings.epochs
    keys = [trainings.arch] if epochs is None else [epochs, trainings.arch]
    keys = [*full, *keys] if run is None else [run, *keys]
    order = np.lexsort(keys)
    twins = np.flatnonzero(~_changes(*(key[order] for key in keys)))
    if not len(twins):
        return
    at = int(twins[np.argmin(order[twins])])
    earlier, later = int(order[at - 1]), int(order[at])
    equal = all(column[earlier] == column[later] for column in full)
    if not equal:
        cure = "drop the one that is wrong"
    elif run is None:
        cure = "drop one of them, or tell runs apart by a column that `run` names"
    else:
        cure = "drop one of them"
    raise DamagedInput(
        f"{trainings.line(later)}: it is the training of {trainings.line(earlier)} again, with "
        f"{'the same' if equal else 'other'} values: {cure}"
    )


def _changes(*keys: NDArray[Any]) -> NDArray[np.bool_]:
    """Return at which places sorted keys are not those of the place before."""
    changed = np.ones(len(keys[0]), dtype=bool)
    changed[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return changed
