"""A run on disk: JSON lines, a header and then one line a trial.

Numbers are the shortest decimals that give back the stored value. Trials come in the order in
which they ended. What follows from the rest is left out: with one worker a trial's number is its
line, and when trials ended is told by `clock.ends`. The header counts the trials, so that a log
which lost its last lines is known. A finished run is whole on disk or not there.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from nasbench_suite.core import Budget, DamagedInput, Run, Trial, finite
from nasbench_suite.experiments import clock
from nasbench_suite.settings import at_least
from nasbench_suite.spaces.base import Space

FORMAT: Final = "nasbench-run-2"

# What reading a damaged log runs into.
_DAMAGE: Final = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)

# What the header has of a run.
_FIELDS: Final = [field for field in Run.__slots__ if field not in ("trials", "overhead")]
_encode: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def dump(run: Run, space: Space) -> str:
    """Return the text of a run's log.

    The header has the run's fields, the number of `trials`, and `epochs` if they are the same for
    all trials. Each other line has `architecture`, `objective` (null for a failed trial), `cost`,
    `epochs` where they vary, and `number` where several workers may end in another order.
    """
    header = {"format": FORMAT, **{field: getattr(run, field) for field in _FIELDS}}
    header["budget"] = {k: v for k, v in asdict(run.budget).items() if v is not None}
    vary = len({trial.epochs for trial in run.trials}) > 1
    if run.trials and not vary:
        header["epochs"] = run.trials[0].epochs
    header["trials"] = len(run.trials)
    lines = [_encode(header)]
    for trial in run.trials:
        value = trial.values.get(run.objective)
        objective = "null" if value is None else _digits(value)
        # Written by hand, since a general encoder takes as long as the trial itself.
        line = (
            f'{{"architecture":{encode_basestring_ascii(space.format(trial.arch))},'
            f'"objective":{objective},"cost":{_digits(trial.cost)}'
        )
        if vary:
            line += f',"epochs":{_encode(trial.epochs)}'
        if run.workers > 1:
            line += f',"number":{trial.number}'
        lines.append(f"{line}}}")
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
        *lines, rest = text.split("\n")
        if not lines:
            raise ValueError("the line is cut short")
        header = json.loads(lines[0])
        if header.pop("format") != FORMAT:
            raise ValueError(f"the format is not {FORMAT}")
        common, count = header.pop("epochs", None), at_least("trials", header.pop("trials"), 0)
        if set(header) != set(_FIELDS):
            raise ValueError(f"it has not the fields {', '.join(_FIELDS)}")
        run = Run(trials=(), **{**header, "budget": Budget(**header["budget"])})
        trials = []
        for number, line in enumerate(lines[1:], start=2):
            trials.append(_trial(json.loads(line), number - 2, run, space, common))
        number = min(count, len(trials)) + 2
        if rest:
            raise ValueError("the line is cut short")
        if len(trials) != count:
            raise ValueError(f"the header counts {count} trials, and there are {len(trials)}")
        number = 1
        clock.ends(trials, at_least("workers", run.workers, 1))
        if len({trial.number for trial in trials}) < len(trials):
            raise ValueError("two trials have the same number")
        return replace(run, trials=tuple(trials))
    except _DAMAGE as error:
        raise DamagedInput(
            f"{origin}, line {number}: this is not the log of a run ({error!r}); "
            "remove the file to have the run made again"
        ) from None


def _trial(entry: Any, place: int, run: Run, space: Space, epochs: int | None) -> Trial:
    """Return the trial of a line; `epochs` is what the header has."""
    number = place if run.workers == 1 else at_least("number", entry["number"], 0)
    value, cost = entry["objective"], _number(entry["cost"])
    if cost < 0:
        raise ValueError(f"a cost of {cost}")
    failed = value is None
    sign = -1.0 if run.direction == "min" else 1.0
    return Trial(
        number=number,
        arch=space.parse(entry["architecture"]),
        epochs=_epochs(entry.get("epochs", epochs)),
        values={} if failed else {run.objective: _number(value)},
        cost=cost,
        status="failed" if failed else "ok",
        score=-math.inf if failed else sign * value,
    )


def _epochs(value: Any) -> int | None:
    """Return a training length, and refuse what else JSON can hold."""
    return None if value is None else at_least("epochs", value, 0)


def _digits(value: float) -> str:
    """Return the shortest decimals that give back a number, as JSON has them."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be logged")
    return float.__repr__(value)


def _number(value: Any) -> float:
    """Return a finite number, and refuse what else JSON can hold."""
    number = finite(value)
    if number is None:
        raise ValueError(f"{value!r} is not a number")
    return number
