"""The runs of a submission on one benchmark: JSON lines, one line a run, gzipped.

{"seed": 0, "architecture": [n, …], "objective": [v, …], "seconds": s, "digest": d} and, where they
are needed, `epochs`, `number` and `cost`, lists of the same length. Trials come in the order in
which they ended. Lists rather than a line a trial, since that takes two thirds of the bytes.
docs/leaderboards.md describes every field, for those who write such files with other programs.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import numpy as np

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import Run, finite, shown
from nasbench_suite.experiments import clock
from nasbench_suite.leaderboards.failures import Refused, plainly
from nasbench_suite.spaces.base import Space

EXACT: Final = 2**53
"""Whole numbers below this are the same in every language; architectures beyond are strings."""
PREDICTED: Final = 7
"""With how many digits a prediction is written: the others differ between processors."""
DIGITS: Final = 16
"""How long a digest is: accidents need no more, and no digest stops who makes it anew."""
_LISTS: Final = ("architecture", "objective", "epochs", "number", "cost")
_KEYS: Final = ("seed", *_LISTS, "seconds", "exhausted", "digest")
_NEEDED: Final = ("seed", "architecture", "objective", "digest")
_WHOLE: Final = frozenset({int})


@dataclass(frozen=True)
class Line:
    """One run as a line says it; lists are of the same length, or None where they are left out."""

    seed: int
    architecture: list[Any]
    """Numbers in the space's official order, or its strings."""
    objective: list[float | None]
    """None for a failed trial."""
    epochs: list[int] | None
    number: list[int] | None
    cost: list[float] | None
    seconds: float | None
    """When the last trial ended, to a thousandth of a second."""
    exhausted: bool
    """Whether the strategy had nothing left to ask before the budget was spent."""
    digest: str
    """What `digest` gives of the other fields, as long as nobody edited them."""


@lru_cache(maxsize=1 << 17)
def short(value: float, source: str) -> float:
    """Return a number as a line has it: the shortest decimals that give back the stored value.

    Tables store 32-bit numbers where these lose nothing, so it is of those that they are the
    shortest; a prediction has the digits that all processors agree on.
    """
    if source == "surrogate":
        return float(f"{value:.{PREDICTED}g}")
    single = np.float32(value)
    return float(str(single)) if float(single) == value else value


def dump(run: Run, benchmark: Benchmark, *, exhausted: bool = False) -> str:
    """Return a finished run as a line of a submission, without its end.

    Args:
        run: what was logged.
        benchmark: where.
        exhausted: whether the strategy had nothing left to ask before the budget was spent.
    """
    space, trials = benchmark.space, run.trials
    protocol = benchmark.protocol(run.protocol)
    if space.size <= EXACT:
        archs: list[Any] = [space.index(trial.arch) for trial in trials]
    else:
        archs = [space.format(trial.arch) for trial in trials]
    values = [trial.values.get(run.objective) for trial in trials]
    fields: dict[str, Any] = {
        "seed": run.seed,
        "architecture": archs,
        "objective": [None if value is None else short(value, run.source) for value in values],
    }
    if len(protocol.epochs) > 1:
        fields["epochs"] = [trial.epochs for trial in trials]
    if run.workers > 1:
        fields["number"] = [trial.number for trial in trials]
        fields["cost"] = [short(trial.cost, run.source) for trial in trials]
    if protocol.cost is not None:
        fields["seconds"] = round(clock.ends(trials, run.workers)[-1], 3)
    if exhausted:
        fields["exhausted"] = True
    fields["digest"] = digest(
        run.benchmark, run.seed, archs, fields.get("epochs"), fields.get("number")
    )
    return json.dumps(fields, separators=(",", ":"), allow_nan=False)


def digest(benchmark: str, seed: int, *lists: Iterable[int | str] | None) -> str:
    """Return the digest of a run: what was asked, where and with which seed.

    Whatever else a line says follows from that. Runs that were exchanged, cut or edited by accident
    are found so, even where what they say is true of other runs.

    Args:
        benchmark: such as nasbench201/cifar10.
        seed: of the run.
        lists: architectures as the line has them, epochs and numbers; None where it has none.

    Returns:
        The first 16 hexadecimal digits of the sha256 of "benchmark seed a,b,c[ epochs][ numbers]".
    """
    words = (",".join(map(str, values)) for values in lists if values is not None)
    text = " ".join((benchmark, str(seed), *words))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def packed(lines: Iterable[str]) -> bytes:
    """Return the bytes of a file of lines: the same for the same lines."""
    text = "".join(f"{line}\n" for line in lines)
    return gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0)


def parse(text: str, metrics: Iterable[str]) -> Line:
    """Return the run of a line.

    Args:
        text: one line.
        metrics: the names of what was measured, none of which is a field of a line.

    Raises:
        Refused: it is no such line; the message says in what.
    """
    fields = _object(text)
    for key in fields:
        if key in metrics and key not in _KEYS:
            raise Refused(
                "reported_metric",
                f"it holds {key}, which no search may see",
                "remove it: scores are looked up by the leaderboard",
            )
        if key not in _KEYS:
            known = ", ".join(_KEYS)
            raise Refused("field_unknown", f"{shown(key)} is no field", f"the fields are {known}")
    for key in _NEEDED:
        if key not in fields:
            raise Refused("field_missing", f"{key} is missing", f"add {key}")
    seed, exhausted = fields["seed"], fields.get("exhausted", False)
    if type(seed) is not int:
        raise Refused("field_invalid", f"seed is {shown(seed)}", "write a whole number")
    if exhausted not in (True, False) or type(exhausted) is not bool:
        raise Refused("field_invalid", f"exhausted is {shown(exhausted)}", "write true or false")
    if not isinstance(fields["digest"], str):
        told = shown(fields["digest"])
        raise Refused("field_invalid", f"digest is {told}", f"write {DIGITS} letters of one")
    _check_lists(fields)
    seconds = fields.get("seconds")
    if "seconds" in fields:
        seconds = finite(seconds)
        if seconds is None:
            raise Refused("field_invalid", "seconds is no number", "write a number of seconds")
    lists = {name: fields.get(name) for name in _LISTS}
    return Line(
        seed=seed,
        seconds=seconds,
        exhausted=exhausted,
        digest=fields["digest"],
        **lists,  # type: ignore[arg-type]
    )


def _object(text: str) -> dict[str, Any]:
    if text.startswith("\ufeff"):
        raise Refused("line_damaged", "it begins with a byte order mark", "write UTF-8 without one")
    try:
        fields = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(
            "line_damaged",
            f"it is no line of JSON: {plainly(error)}",
            "submit again from whole logs; a run that was interrupted has to be finished first",
        ) from None
    if not isinstance(fields, dict):
        raise Refused(
            "line_damaged", "it is no object of JSON", "write one object with the run's fields"
        )
    return fields


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is there twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _check_lists(fields: dict[str, Any]) -> None:
    """See that lists hold what they should, and that all are of one length.

    Raises:
        Refused: one does not.
    """
    kinds = {
        "architecture": {int, str},
        "objective": {int, float, type(None)},
        "epochs": _WHOLE,
        "number": _WHOLE,
        "cost": {int, float},
    }
    count = None
    for name, allowed in kinds.items():
        if name not in fields:
            continue
        values = fields[name]
        if not isinstance(values, list) or not values:
            raise Refused("field_invalid", f"{name} is no list of trials", f"correct {name}")
        if not set(map(type, values)) <= allowed:
            place = next(i for i, value in enumerate(values) if type(value) not in allowed)
            raise _no_value(name, place, values[place])
        if float in allowed:
            _check_finite(name, values)
        count = len(values) if count is None else count
        if len(values) != count:
            raise Refused(
                "lengths_differ",
                f"{name} has {len(values)} entries, and architecture has {count}",
                "give each trial an entry in each list",
            )


def _check_finite(name: str, values: list[Any]) -> None:
    """See that numbers can be those of a measurement.

    Raises:
        Refused: one is beyond what a 64-bit number can hold.
    """
    for place, value in enumerate(values):
        if value is not None and finite(value) is None:
            raise _no_value(name, place, value)


def _no_value(name: str, place: int, value: Any) -> Refused:
    return Refused("field_invalid", f"trial {place}: {name} is {shown(value)}", f"correct {name}")


def numbers(line: Line, space: Space) -> list[int]:
    """Return the number of each architecture of a run.

    Raises:
        Refused: one is not of the space; the message says which trial, and why.
    """
    found = []
    size = space.size
    for place, arch in enumerate(line.architecture):
        try:
            if type(arch) is str:
                found.append(space.index(space.parse(arch)))
                continue
        except ValueError as error:
            raise _invalid(place, str(error)) from None
        if not 0 <= arch < size:
            why = f"no architecture {shown(arch)} in {space.name}, which has {size:,}"
            raise _invalid(place, why)
        found.append(arch)
    return found


def _invalid(place: int, why: str) -> Refused:
    return Refused(
        "architecture_invalid",
        f"trial {place}: {why}",
        "write architectures as numbers in the space's official order, or as its strings",
    )
