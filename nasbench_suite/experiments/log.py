"""A run on disk: JSON lines, a header and then one line a trial.

Numbers are the shortest decimals that give back the stored value. What follows from the rest is
left out: a trial's number is its line, its end is the sum of costs. A finished run is whole on
disk or not there.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from nasbench_suite.core import Budget, DamagedInput, InvalidArchitecture, OutputError, Run, Trial
from nasbench_suite.spaces.base import Space

FORMAT: Final = "nasbench-run-1"

PART: Final = ".part"
"""How the name of a file ends while it is being written."""

_encode: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def write_whole(path: Path, text: str) -> None:
    """Write a text file under a temporary name and rename it; its folder is made if need be.

    Raises:
        OutputError: it cannot be written, and nothing is left of it.
    """
    temporary = path.with_name(f".{path.name}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from None


def dump(run: Run, space: Space) -> str:
    """Return the text of a run's log.

    The header has the run's fields, and `epochs` if they are the same for all trials. Each
    other line has `architecture`, `objective` (null for a failed trial), `cost`, and `epochs`
    where they vary.
    """
    header = {"format": FORMAT, **{f: getattr(run, f) for f in Run.__slots__ if f != "trials"}}
    header["budget"] = {k: v for k, v in asdict(run.budget).items() if v is not None}
    vary = len({trial.epochs for trial in run.trials}) > 1
    if run.trials and not vary:
        header["epochs"] = run.trials[0].epochs
    lines = [_encode(header)]
    for trial in run.trials:
        line: dict[str, Any] = {
            "architecture": space.format(trial.arch),
            "objective": trial.values.get(run.objective),
            "cost": trial.cost,
        }
        if vary:
            line["epochs"] = trial.epochs
        lines.append(_encode(line))
    lines.append("")
    return "\n".join(lines)


def parse(text: str, space: Space, origin: str) -> Run:
    """Return the run of a log.

    Args:
        text: what `dump` wrote.
        space: the space of its benchmark.
        origin: what to call it in an error.

    Raises:
        DamagedInput: it is no log or cut short; the message names the first line at fault.
    """
    number = 1
    try:
        lines = text.split("\n")
        if lines.pop():
            raise ValueError("the last line is cut short")
        header = json.loads(lines[0])
        if header.pop("format") != FORMAT:
            raise ValueError(f"the format is not {FORMAT}")
        common = header.pop("epochs", None)
        header["budget"] = Budget(**header["budget"])
        objective, sign = header["objective"], -1.0 if header["direction"] == "min" else 1.0
        trials = []
        for number, line in enumerate(lines[1:], start=2):
            entry = json.loads(line)
            value = entry["objective"]
            failed = value is None
            trials.append(
                Trial(
                    number=number - 2,
                    arch=space.parse(entry["architecture"]),
                    epochs=entry.get("epochs", common),
                    values={} if failed else {objective: value},
                    cost=entry["cost"],
                    status="failed" if failed else "ok",
                    score=-math.inf if failed else sign * value,
                )
            )
        return Run(trials=tuple(trials), **header)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidArchitecture) as error:
        raise DamagedInput(
            f"{origin}, line {number}: this is not the log of a run ({error!r}); "
            "remove the file to have the run made again"
        ) from None
