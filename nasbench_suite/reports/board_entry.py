"""The page of an entry: whose it is, all of its results, its runs, and how to make them again."""

from __future__ import annotations

import csv
import io
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from nasbench_suite.core import Floats
from nasbench_suite.leaderboards.description import Description
from nasbench_suite.leaderboards.standing_files import DIGITS
from nasbench_suite.leaderboards.standings import Entry, Standings
from nasbench_suite.reports import board, words

FINALS: Final = "finals.csv"
"""The file with the final result of every seed."""
_SHOWN: Final = 12_000
"""How many final results, at most, the page has a table of; the file has all."""
_WIDTH, _HEIGHT = 1000, 40
"""Of the drawing of a strip, in its own units."""


def render_entry(found: Standings, at: int, sizes: Mapping[str, int], left_out: int) -> str:
    """Return the page of an entry.

    Args:
        found: the standings of its track.
        at: its place among the entries.
        sizes: of the files beside the page, in bytes.
        left_out: how many submissions to all tracks are left out.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
    """
    entry = found.entries[at]
    about = entry.about
    return board.render(
        "board_entry.html.j2",
        root="../../",
        left_out=left_out,
        scripts=("board.js",),
        track=found.track,
        about=about,
        status=board.status(found.track),
        settings=[(key, _value(value)) for key, value in about.settings.items()],
        shares=[board.share(value) for value in found.track.checkpoints],
        of=len(found.entries),
        ranks=[board.rank(one.ranked[at]) for one in found.together],
        gaps=[board.gap(one.ranked[at]) for one in found.together],
        gap=not math.isnan(found.together[-1].ranked[at].gap),
        tasks=[_task(found, entry, place) for place in range(len(found.tasks))],
        timed=any(task.timed for task in found.tasks),
        seeds=_seeds(found, entry),
        finals=FINALS,
        files=[(name, _size(size)) for name, size in sizes.items() if name != FINALS],
        submit=submit_command(about),
        replay=replay_command(entry),
        file=_file(about),
    )


def finals(found: Standings, entry: Entry) -> str:
    """Return the final result of every seed as CSV, a column for each benchmark."""
    digits = DIGITS[found.track.source]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["seed", *(f"{task.benchmark} {task.metric.name}" for task in found.tasks)])
    columns = [result.finals.tolist() for result in entry.results]
    for seed, row in enumerate(zip(*columns, strict=True)):
        table.writerow([seed, *("" if math.isnan(v) else f"{v:.{digits}g}" for v in row)])
    return text.getvalue()


def submit_command(about: Description) -> str:
    """Return the command that makes a submission again; nothing where another program made it."""
    strategy = _strategy(about)
    if not strategy:
        return ""
    parts = [["nasbench", "submit", about.track.name], ["--strategy", strategy]]
    if about.protocol != about.track.protocols[0]:
        parts.append(["--protocol", about.protocol])
    parts += [["--set", f"{key}={_value(value)}"] for key, value in about.settings.items()]
    parts.append(["--author", about.author])
    if about.code is not None:
        parts.append(["--code", about.code])
    if about.description:
        parts.append(["--about", about.description])
    parts += [["--name", about.name], ["--out", about.name]]
    return " \\\n    ".join(map(shlex.join, parts))


def replay_command(entry: Entry) -> str:
    """Return the command that compares a submission with what its strategy does."""
    strategy = _strategy(entry.about)
    if not strategy:
        return ""
    folder = f"leaderboards/{entry.about.track.name}/submissions/{entry.folder}"
    return shlex.join(["nasbench", "check", folder, "--replay", strategy])


def _strategy(about: Description) -> str:
    """Return how the command names the strategy; nothing where another program searched."""
    file, _, wanted = about.strategy.rpartition(".")
    if about.code_sha256 is not None and file:
        return f"./{file}.py:{wanted}"
    return about.strategy if about.suite_version is not None else ""


def _file(about: Description) -> str:
    """Return the name of the file that a strategy of somebody's own lies in, or nothing."""
    file = about.strategy.rpartition(".")[0]
    return f"{file}.py" if about.code_sha256 is not None and file else ""


def _value(value: Any) -> str:
    """Return a setting as the command takes it: JSON, or a word that is none."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except (ValueError, RecursionError):
            return value
    return json.dumps(value, ensure_ascii=False)


def _task(found: Standings, entry: Entry, place: int) -> dict[str, Any]:
    """Return all that an entry reached on a benchmark."""
    task, result = found.tasks[place], entry.results[place]
    digits, score = board.decimals(found, place), result.score
    return {
        "benchmark": task.benchmark,
        "metric": words.axis(task.metric, None),
        "budget": board.budget(task.budgets[-1], task),
        "points": [board.cell(p.mean, p.low, p.high, digits, p.place) for p in result.points],
        "regret": board.cell(score.regret, places=digits),
        "area": board.cell(score.area, places=digits),
        "evaluations": board.counted(score.evaluations),
        "unique": board.counted(score.unique),
        "seconds": board.cell(score.simulated_seconds, places=0),
        "failed": score.failed,
        "strip": _strip(result.finals, task.optimum, digits, score.ci_low, score.ci_high),
        "summary": _summary(result.finals, task.metric.unit, digits),
    }


def _summary(values: Floats, unit: str, digits: int) -> str:
    known = values[~np.isnan(values)]
    if not len(known):
        return "no result"
    told = [words.number(float(v), digits) for v in (known.min(), np.median(known), known.max())]
    mean = words.with_unit(words.number(float(values.mean()), digits), unit)
    return f"mean {mean}, least {told[0]}, median {told[1]}, most {told[2]}"


def _strip(
    values: Floats, optimum: float, digits: int, low: float, high: float
) -> dict[str, Any] | None:
    """Return the drawing of the results of all seeds, a dot each; None where none has one.

    The axis reaches to the optimum, unless that would press the dots into a corner.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    least, most = float(known.min()), float(known.max())
    near = min(abs(optimum - least), abs(optimum - most)) <= max(most - least, 1e-12)
    if near:
        least, most = min(least, optimum), max(most, optimum)
    width = most - least

    def along(value: float) -> int:
        return round(_WIDTH * (value - least) / width) if width else _WIDTH // 2

    # Dots are set apart by the golden ratio: even, and the same each time.
    heights = [5 + (_HEIGHT - 10) * ((n + 1) * 0.6180339887 % 1) for n in range(len(known))]
    dots = "".join(
        f"M{along(value)} {height:.0f}h0"
        for value, height in zip(known.tolist(), heights, strict=True)
    )
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "dots": dots,
        "mean": along(float(known.mean())),
        "low": None if math.isnan(low) else along(max(low, least)),
        "high": None if math.isnan(high) else along(min(high, most)),
        "optimum": along(optimum) if near else None,
        "ends": [words.number(end, digits) for end in ((least, most) if width else (least,))],
    }


def _seeds(found: Standings, entry: Entry) -> list[list[str]]:
    """Return the table of the final result of every seed; nothing where it would be too long."""
    count = found.track.seeds * len(found.tasks)
    if count > _SHOWN:
        return []
    columns: Sequence[list[str]] = [
        [words.number(value, board.decimals(found, place)) for value in result.finals.tolist()]
        for place, result in enumerate(entry.results)
    ]
    return [[str(seed), *row] for seed, row in enumerate(zip(*columns, strict=True))]


def _size(given: int) -> str:
    return words.with_unit(words.number(given / 1000, 1 if given < 10_000 else 0), "kB")
