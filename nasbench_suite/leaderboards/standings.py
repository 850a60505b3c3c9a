"""Who stands where on a track: its submissions, recomputed and compared at every checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from nasbench_suite.core import DataNotFound, Floats
from nasbench_suite.leaderboards import description, reading
from nasbench_suite.leaderboards.checking import Report, entries, read
from nasbench_suite.leaderboards.description import FILE, Description
from nasbench_suite.leaderboards.failures import Failure, printable
from nasbench_suite.leaderboards.results import (
    Own,
    Task,
    fingerprint,
    forget,
    keep,
    kept,
    kept_at,
    own,
    task_of,
)
from nasbench_suite.leaderboards.together import Field, Together, together
from nasbench_suite.leaderboards.track import Part, Track, names, open_track
from nasbench_suite.scoring.anytime import regrets
from nasbench_suite.scoring.curves import Curve
from nasbench_suite.scoring.intervals import mean_interval
from nasbench_suite.scoring.scores import NAN, Score
from nasbench_suite.scoring.standings import tied

_NO_FAULT: Final = ("data_missing", "data_other")
"""Codes that say something of the installation, and nothing of a submission."""
_SUPERSEDED: Final = ("track_version", "data_version")


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
    curve: Curve
    """Along the task's axis, at budgets that are even in the logarithm."""
    finals: Floats
    """The reported metric at the end of the budget, (seeds,)."""


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


def build(name: str, store: Path | None = None) -> Standings:
    """Return the standings of a track, from the submissions that lie in its folder.

    Nothing but these and the track's data decides them: the same give the same numbers, and an
    entry's own results depend on no other entry.

    Args:
        name: of the track.
        store: a folder where results of entries are kept, so that a later build need not recompute
            them; it changes no number.

    Raises:
        UnknownName: there is no such track.
        DamagedInput: its file is damaged.
        DataNotFound: data that its submissions need are not installed.
        DamagedTable: they are not those of the track.
        OutputError: results cannot be kept.
    """
    track, home = open_track(name), names()[name]
    place = None if store is None else store / name
    tasks = cache(lambda part: task_of(track, part, track.load(part)))
    refused: list[Report] = []
    passed: dict[str, _Entered] = {}
    for folder in entries(home):
        entered = _entered(folder, home, track, tasks, place)
        if isinstance(entered, Report):
            refused.append(entered)
        else:
            passed[entered.about.name] = entered
    _check_data(refused)
    if place is not None:
        forget(place, {entered.key for entered in passed.values()})
    return _compared(track, tasks, dict(sorted(passed.items())), refused)


class _Entered(NamedTuple):
    """A submission that passed the check, and what its runs come to."""

    folder: str
    about: Description
    own: Sequence[Own]
    key: str | None
    """Under which that is kept."""


_Tasks: TypeAlias = Callable[[Part], Task]
"""Gives a benchmark as standings know it; each is looked at once, and none that nobody needs."""


def _entered(
    folder: Path, home: Path, track: Track, tasks: _Tasks, store: Path | None
) -> _Entered | Report:
    """Return what a submission comes to, recomputed or as it was kept, or what is wrong with it."""
    key = fingerprint(folder, home, track)
    path = None if store is None or key is None else kept_at(store, key)
    found = None if path is None else kept(path)
    if found is not None:
        about = description.read(reading.read_plain(folder / FILE, description.LARGEST))
        return _Entered(folder.name, about, found, key)
    report, runs = read(folder)
    if not report.ok or report.about is None:
        return report
    found = [
        own(report.about, part, tasks(part), track.load(part), runs[part]) for part in track.parts
    ]
    # What was changed meanwhile is not kept under the fingerprint of what it was.
    if path is not None and key == fingerprint(folder, home, track):
        keep(path, found)
    return _Entered(folder.name, report.about, found, key)


def _compared(
    track: Track, tasks: _Tasks, passed: Mapping[str, _Entered], refused: Sequence[Report]
) -> Standings:
    """Return the standings of what was entered."""
    known = tuple(map(tasks, track.parts)) if passed else ()
    made = [
        {name: entered.own[place] for name, entered in passed.items()}
        for place in range(len(known))
    ]
    results = [_results(task, runs) for task, runs in zip(known, made, strict=True)]
    fields = [_field(task, runs) for task, runs in zip(known, made, strict=True)]
    return Standings(
        track=track,
        tasks=known,
        entries=tuple(
            Entry(entered.folder, entered.about, tuple(result[name] for result in results))
            for name, entered in passed.items()
        ),
        together=tuple(
            together(list(passed), [field.at(place) for field in fields], share)
            for place, share in enumerate(track.checkpoints)
        )
        if passed
        else (),
        left_out=_left_out(refused, passed),
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


def _left_out(refused: Sequence[Report], passed: Mapping[str, _Entered]) -> tuple[LeftOut, ...]:
    called = {entered.folder: name for name, entered in passed.items()} | {
        report.folder.name: report.about.name for report in refused if report.about is not None
    }
    found = []
    for report in refused:
        failure, name = _placeless(report), called.get(report.folder.name)
        others = [
            printable(folder)
            for folder, other in sorted(called.items())
            if other == name and folder != report.folder.name
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


def _field(task: Task, made: Mapping[str, Own]) -> Field:
    """Return what the runs of all entries had reached at each checkpoint, more being better."""
    sign = -1.0 if task.metric.direction == "min" else 1.0
    values = np.stack([one.values for one in made.values()], axis=2).swapaxes(0, 1)
    return Field(sign * values, sign * task.average, sign * task.optimum)


def _results(task: Task, made: Mapping[str, Own]) -> dict[str, Result]:
    """Return what each entry comes to on a benchmark."""
    bands = {}
    for entry, one in made.items():
        mean, _, low, high = mean_interval(one.values)
        bands[entry] = np.stack([mean, low, high], axis=1)
    best = [_best(task, [band[at] for band in bands.values()]) for at in range(len(task.budgets))]
    found = {}
    for entry, band in bands.items():
        points = tuple(
            _point(task, budget, row, leader)
            for budget, row, leader in zip(task.budgets, band, best, strict=True)
        )
        one = made[entry]
        found[entry] = Result(points, one.score, one.curve, one.values[:, -1])
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
