"""Makes the runs of a submission again, and compares them line by line."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, NamedTuple

from nasbench_suite.leaderboards import lines
from nasbench_suite.leaderboards.checking import Numbered, Report, read
from nasbench_suite.leaderboards.failures import Failure, Refused
from nasbench_suite.leaderboards.lines import Line
from nasbench_suite.leaderboards.submitting import counted, lines_of, run_part
from nasbench_suite.leaderboards.track import Part
from nasbench_suite.spaces.base import Space


class _Same(NamedTuple):
    """What of a run a replay gives again."""

    architecture: list[int]
    epochs: list[int] | None
    number: list[int] | None


def replay(
    folder: Path,
    strategy: str,
    *,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Check a submission, and run a strategy on its track to see whether it gives the same runs.

    What is run is what the caller names, with the settings of the submission; nothing that lies in
    the submission is run.

    Args:
        folder: of the submission.
        strategy: a registered name, or `path/to/mine.py:MyStrategy`.
        executor: where runs are made, as in `compare`.
        progress: called with the runs done and the runs in all.

    Returns:
        What the checker says, and of each benchmark the first line that differs.

    Raises:
        As `submit`, of the strategy.
    """
    report, runs = read(folder)
    if not report.ok or report.about is None:
        return report
    about = report.about
    failures = []
    for part, tell in counted(about.track, progress):
        with tempfile.TemporaryDirectory() as place:
            experiment = run_part(
                about.track,
                part,
                about.protocol,
                strategy,
                about.settings,
                Path(place),
                executor,
                tell,
            )
            again = lines_of(about.track, part, experiment)
            space = experiment.loaded[part.benchmark].space
        failures += _differences(part, runs[part], again, space)
    return Report(folder, about, tuple(failures))


def _differences(
    part: Part, submitted: list[Numbered], again: list[str], space: Space
) -> list[Failure]:
    """Return the first difference of the runs of a benchmark, or none."""
    for (at, there, _), text in zip(submitted, again, strict=True):
        told = _difference(_same(there, space), _same(lines.parse(text, ()), space), space)
        if told is not None:
            cure = (
                "name the version of the strategy that was submitted, with its settings; a "
                "strategy whose runs do not repeat draws from another generator than its own"
            )
            return [Refused("replay_differs", told, cure).of(part.file, at)]
    return []


def _same(line: Line, space: Space) -> _Same:
    return _Same(lines.numbers(line, space), line.epochs, line.number)


def _difference(one: _Same, other: _Same, space: Space) -> str | None:
    """Say at which trial two runs part, or None; values follow from architectures."""
    if one == other:
        return None
    ours, theirs = _trials(one), _trials(other)
    for place, (here, there) in enumerate(zip(ours, theirs, strict=False)):
        if here != there:
            return f"trial {place} is of {_told(here, space)}, in the replay {_told(there, space)}"
    return f"it has {len(ours)} trials, the replay {len(theirs)}"


def _trials(run: _Same) -> list[tuple[Any, ...]]:
    lists = [values for values in run if values is not None]
    return list(zip(*lists, strict=True))


def _told(trial: tuple[Any, ...], space: Space) -> str:
    arch, *rest = trial
    more = f" ({', '.join(map(str, rest))})" if rest else ""
    return f"architecture {arch}{more}" if space.size <= lines.EXACT else f"{arch}{more}"
