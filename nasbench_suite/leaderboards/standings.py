"""Who stands where on a track: its submissions, recomputed and compared at every checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import DataNotFound, Floats, Metric
from nasbench_suite.leaderboards.checking import Report, check, entries, read_runs
from nasbench_suite.leaderboards.description import Description
from nasbench_suite.leaderboards.failures import Failure, printable
from nasbench_suite.leaderboards.recomputing import Judge
from nasbench_suite.leaderboards.together import Field, Together, together
from nasbench_suite.leaderboards.track import Part, Track, names, open_track
from nasbench_suite.scoring.anytime import regrets
from nasbench_suite.scoring.intervals import mean_interval
from nasbench_suite.scoring.scores import NAN, Score, Steps, areas, score, steps, values_at
from nasbench_suite.scoring.standings import tied

_NO_FAULT: Final = ("data_missing", "data_other")
"""Codes that say something of the installation, and nothing of a submission."""
_SUPERSEDED: Final = ("track_version", "data_version")


@dataclass(frozen=True)
class Task:
    """A benchmark of a track, and what can be reached on it."""

    benchmark: str
    data: str
    axis: Literal["seconds", "evaluations"]
    """Along which its budget is spent."""
    budgets: tuple[float, ...]
    """On that axis, one for each checkpoint, ascending."""
    metric: Metric
    optimum: float
    """The best of the space; NaN where nobody knows it."""
    average: float
    """What a random architecture is expected to have, or NaN."""
    timed: bool
    """Whether trials cost simulated seconds."""


@dataclass(frozen=True)
class Point:
    """What an entry had reached on a benchmark at a checkpoint."""

    budget: float
    mean: float
    """NaN where a run had nothing to report yet, as is what follows from it."""
    low: float
    high: float
    """Student's interval of the mean, of 95 %; NaN with a single seed."""
    regret: float
    """How far the mean falls short of the optimum; NaN where that is not known."""
    place: Literal["best", "tied", ""]
    """Tied: its interval overlaps that of the best, or its mean is the same."""


@dataclass(frozen=True)
class Result:
    """An entry on a benchmark."""

    points: tuple[Point, ...]
    """One for each checkpoint."""
    score: Score
    """At the end of the budget, with evaluations and costs. Its area is over the logarithm of the
    budget from the first checkpoint on, so that it depends on no other entry."""


@dataclass(frozen=True)
class Entry:
    """A submission that passed the check."""

    folder: str
    about: Description
    results: tuple[Result, ...]
    """One for each benchmark of the track."""


@dataclass(frozen=True)
class LeftOut:
    """A submission that is not ranked, and why."""

    folder: str
    name: str | None
    """What it calls itself; None where that cannot be read."""
    kind: Literal["faulty", "superseded"]
    """Superseded: it is to another version of the track or its data, and no fault of it is told."""
    failure: Failure
    """The first."""
    same_name: tuple[str, ...]
    """The folders of other submissions to the track that bear its name."""


@dataclass(frozen=True)
class Standings:
    """A track's entries, compared."""

    track: Track
    tasks: tuple[Task, ...]
    entries: tuple[Entry, ...]
    """Those that passed the check, by name."""
    together: tuple[Together, ...]
    """All benchmarks together, one for each checkpoint."""
    left_out: tuple[LeftOut, ...]
    """By folder."""


def build(name: str) -> Standings:
    """Return the standings of a track, from the submissions that lie in its folder.

    Nothing but these and the track's data decides them: the same give the same numbers, and an
    entry's own results depend on no other entry.

    Raises:
        UnknownName: there is no such track.
        DamagedInput: its file is damaged.
        DataNotFound: data that its submissions need are not installed.
        DamagedTable: they are not those of the track.
    """
    track = open_track(name)
    reports = [check(folder) for folder in entries(names()[name])]
    _check_data(reports)
    passed = {
        report.about.name: (report.folder, report.about)
        for report in reports
        if report.ok and report.about is not None
    }
    passed = dict(sorted(passed.items()))
    loaded = {part: track.load(part) for part in track.parts} if passed else {}
    tasks = tuple(_task(track, part, benchmark) for part, benchmark in loaded.items())
    made = [
        {entry: _steps(*of, part, benchmark) for entry, of in passed.items()}
        for part, benchmark in loaded.items()
    ]
    results = [_results(task, runs) for task, runs in zip(tasks, made, strict=True)]
    fields = [_field(task, runs) for task, runs in zip(tasks, made, strict=True)]
    return Standings(
        track=track,
        tasks=tasks,
        entries=tuple(
            Entry(folder.name, about, tuple(result[entry] for result in results))
            for entry, (folder, about) in passed.items()
        ),
        together=tuple(
            together(list(passed), [field.at(place) for field in fields], share)
            for place, share in enumerate(track.checkpoints)
        )
        if passed
        else (),
        left_out=_left_out(reports),
    )


def _check_data(reports: Sequence[Report]) -> None:
    """See that every submission could be judged at all.

    Raises:
        DataNotFound: the data that are installed are not those of the track.
    """
    for report in reports:
        for failure in report.failures:
            if failure.code in _NO_FAULT:
                raise DataNotFound(f"no standings without the track's data: {failure.message}")


def _left_out(reports: Sequence[Report]) -> tuple[LeftOut, ...]:
    called = {report.folder: report.about.name for report in reports if report.about is not None}
    found = []
    for report in reports:
        if report.ok:
            continue
        failure, name = _placeless(report), called.get(report.folder)
        others = [
            printable(folder.name)
            for folder, other in called.items()
            if other == name and folder != report.folder
        ]
        kind: Literal["faulty", "superseded"] = (
            "superseded" if failure.code in _SUPERSEDED else "faulty"
        )
        found.append(
            LeftOut(printable(report.folder.name), name, kind, failure, tuple(sorted(others)))
        )
    return tuple(found)


def _placeless(report: Report) -> Failure:
    """Return the first failure, whose words do not depend on where the track's folder lies."""
    first, place = report.failures[0], printable(str(report.folder.parent))
    return replace(
        first,
        message=first.message.replace(f"{place}/", ""),
        cure=first.cure.replace(f"{place}/", ""),
    )


def _task(track: Track, part: Part, benchmark: Benchmark) -> Task:
    protocol = benchmark.protocol(track.protocols[0])
    report = protocol.report
    best, average = benchmark.best(report), benchmark.average(report)
    axis: Literal["seconds", "evaluations"] = (
        "evaluations" if part.budget.seconds is None else "seconds"
    )
    limit = float(getattr(part.budget, axis))
    budgets = [share * limit for share in track.checkpoints]
    if axis == "evaluations":
        # A tenth of 30 is a little more than 3 to a computer.
        budgets = [float(math.ceil(round(budget, 6))) for budget in budgets]
    return Task(
        benchmark=part.benchmark,
        data=benchmark.data,
        axis=axis,
        budgets=tuple(budgets),
        metric=benchmark.metrics[report.metric],
        optimum=NAN if best is None else best,
        average=NAN if average is None else average,
        timed=protocol.cost is not None,
    )


def _steps(folder: Path, about: Description, part: Part, benchmark: Benchmark) -> list[Steps]:
    """Return the runs of an entry on a benchmark as step curves, by seed."""
    judge = Judge(about.track, part, benchmark, about.protocol)
    return [steps(judge.run(run.line, about), benchmark) for run in read_runs(folder, about, part)]


def _field(task: Task, made: Mapping[str, list[Steps]]) -> Field:
    """Return what the runs of all entries had reached at each checkpoint, more being better."""
    sign = -1.0 if task.metric.direction == "min" else 1.0
    grid = np.array(task.budgets)
    values = np.stack([values_at(runs, task.axis, grid) for runs in made.values()], axis=1)
    return Field(sign * np.moveaxis(values, 2, 0), sign * task.average, sign * task.optimum)


def _results(task: Task, made: Mapping[str, list[Steps]]) -> dict[str, Result]:
    """Return what each entry comes to on a benchmark."""
    grid = np.array(task.budgets)
    bands = {}
    for entry, runs in made.items():
        mean, _, low, high = mean_interval(values_at(runs, task.axis, grid))
        bands[entry] = np.stack([mean, low, high], axis=1)
    best = [_best(task, [band[at] for band in bands.values()]) for at in range(len(grid))]
    found = {}
    for entry, band in bands.items():
        points = tuple(
            _point(task, budget, row, leader)
            for budget, row, leader in zip(task.budgets, band, best, strict=True)
        )
        found[entry] = Result(points, _score(task, entry, made[entry]))
    return found


def _best(task: Task, rows: Sequence[Floats]) -> tuple[float, float, float] | None:
    """Return the best mean of a checkpoint with its interval; None where there is none."""
    sign = -1.0 if task.metric.direction == "min" else 1.0
    known = [(float(row[0]), float(row[1]), float(row[2])) for row in rows]
    known = [row for row in known if not math.isnan(row[0])]
    return max(known, key=lambda row: sign * row[0]) if known else None


def _point(
    task: Task, budget: float, row: Floats, leader: tuple[float, float, float] | None
) -> Point:
    mean, low, high = row.tolist()
    place: Literal["best", "tied", ""] = ""
    if leader is not None and mean == leader[0]:
        place = "best"
    elif leader is not None and tied((mean, low, high), leader):
        place = "tied"
    regret = NAN
    if task.metric.direction != "none":
        regret = float(regrets(np.array(mean), task.optimum, task.metric.direction))
    return Point(budget, mean, low, high, regret, place)


def _score(task: Task, entry: str, runs: list[Steps]) -> Score:
    """Return the score of an entry at the end of the budget."""
    span = (task.budgets[0], task.budgets[-1])
    return score(
        task.benchmark,
        entry,
        task.metric,
        runs,
        optimum=task.optimum,
        average=task.average,
        areas=areas(runs, task.axis, span, task.metric, task.optimum),
        timed=task.timed,
        # Each entry has a generator of its own, so that none depends on how many there are.
        rng=np.random.default_rng(0),
    )
