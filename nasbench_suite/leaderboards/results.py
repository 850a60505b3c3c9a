"""What an entry's runs come to on each benchmark of a track, whatever else was entered.

That is all that standings need of a submission, and it can be kept: a later build reads it again,
and recomputes only what is new. It is kept under a digest of everything that it follows from: the
submission's files, the track with the sha256 of its data, and the suite's own code.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import Floats, Metric
from nasbench_suite.files import write_whole
from nasbench_suite.leaderboards import reading
from nasbench_suite.leaderboards.checking import Numbered
from nasbench_suite.leaderboards.description import FILE, Description
from nasbench_suite.leaderboards.failures import Refused
from nasbench_suite.leaderboards.recomputing import Judge
from nasbench_suite.leaderboards.track import FILE as TRACK
from nasbench_suite.leaderboards.track import Part, Track
from nasbench_suite.scoring.curves import Curve, band
from nasbench_suite.scoring.scores import NAN, Score, areas, score, steps, values_at

_KEPT: Final = ".own.json"
"""How the name of a file of kept results ends."""
_POINTS: Final = 60
"""At how many budgets, at most, a curve is drawn."""
_SPAN: Final = 200.0
"""How many times the first of these, in seconds, the whole budget is."""


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
class Own:
    """What an entry's runs come to on a benchmark."""

    values: Floats
    """The reported metric, (seeds, checkpoints); NaN where a run had nothing to report yet."""
    curve: Curve
    """Along the task's axis, at budgets that are even in the logarithm."""
    score: Score
    """At the end of the budget, with evaluations and costs. Its area is over the logarithm of the
    budget from the first checkpoint on, so that it depends on no other entry."""


def task_of(track: Track, part: Part, benchmark: Benchmark) -> Task:
    """Return a benchmark of a track as standings know it."""
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


def own(
    about: Description, part: Part, task: Task, benchmark: Benchmark, runs: Sequence[Numbered]
) -> Own:
    """Return what the checked runs of a submission come to on a benchmark."""
    judge = Judge(about.track, part, benchmark, about.protocol)
    made = [steps(judge.run(run.line, run.answers, about), benchmark) for run in runs]
    span = (task.budgets[0], task.budgets[-1])
    return Own(
        values=values_at(made, task.axis, np.array(task.budgets)),
        curve=band(_grid(task), [(run.on(task.axis), run.values) for run in made]),
        score=score(
            task.benchmark,
            about.name,
            task.metric,
            made,
            optimum=task.optimum,
            average=task.average,
            areas=areas(made, task.axis, span, task.metric, task.optimum),
            timed=task.timed,
            # Each entry has a generator of its own, so that none depends on how many there are.
            rng=np.random.default_rng(0),
        ),
    )


def _grid(task: Task) -> Floats:
    limit = task.budgets[-1]
    if task.axis == "seconds":
        return np.geomspace(limit / _SPAN, limit, _POINTS)
    return np.unique(np.round(np.geomspace(1.0, limit, _POINTS)))


def fingerprint(folder: Path, home: Path, track: Track) -> str | None:
    """Return the digest of all that the results of a submission follow from.

    Args:
        folder: the submission.
        home: the folder of its track.
        track: what that describes.

    Returns:
        The digest; None where a file is not as it should be, so that the check has to say it.
    """
    told = sha256(_code().encode())
    try:
        for data in (
            folder.name.encode("utf-8", "surrogateescape"),
            "/".join(reading.listed(folder)).encode("utf-8", "surrogateescape"),
            reading.read_plain(home / TRACK),
            *(reading.read_plain(folder / name) for name in (FILE, *track.files)),
        ):
            told.update(sha256(data).digest())
    except Refused:
        return None
    return told.hexdigest()


@cache
def _code() -> str:
    """Return the digest of the suite's own code, and the version of what it computes with."""
    told = sha256(np.__version__.encode())
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        told.update(sha256(path.read_bytes()).digest())
    return told.hexdigest()


def kept_at(place: Path, key: str) -> Path:
    """Return the file of the results with a fingerprint."""
    return place / f"{key}{_KEPT}"


def forget(place: Path, keys: Set[str | None]) -> None:
    """Remove what was kept under other fingerprints, and nothing else."""
    for path in place.glob(f"*{_KEPT}"):
        key = path.name.removesuffix(_KEPT)
        if key not in keys and re.fullmatch(r"[0-9a-f]{64}", key):
            path.unlink(missing_ok=True)


def keep(path: Path, found: Sequence[Own]) -> None:
    """Write the results of an entry, one for each benchmark of its track.

    Raises:
        OutputError: they cannot be written.
    """
    told = [
        {
            "values": one.values.tolist(),
            "curve": {
                "grid": one.curve.grid.tolist(),
                "mean": one.curve.mean.tolist(),
                "low": one.curve.low.tolist(),
                "high": one.curve.high.tolist(),
                "runs": one.curve.runs,
            },
            "score": asdict(one.score),
        }
        for one in found
    ]
    text = json.dumps(told)
    write_whole(path, f"{_seal(path, text)}\n{text}")


def kept(path: Path) -> list[Own] | None:
    """Return the results that lie in a file; None where it is missing or damaged."""
    try:
        seal, _, text = path.read_text(encoding="utf-8").partition("\n")
        if seal != _seal(path, text):
            return None
        return [_own(told) for told in json.loads(text)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _seal(path: Path, text: str) -> str:
    """Return the digest of a file's name and content: neither is taken for another."""
    return sha256(f"{path.name}\n{text}".encode()).hexdigest()


def _own(told: Mapping[str, Any]) -> Own:
    curve = dict(told["curve"])
    runs = curve.pop("runs")
    arrays = {name: np.array(values, dtype=np.float64) for name, values in curve.items()}
    return Own(
        values=np.array(told["values"], dtype=np.float64),
        curve=Curve(**arrays, runs=runs),
        score=Score(**told["score"]),
    )
