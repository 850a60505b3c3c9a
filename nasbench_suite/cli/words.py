"""What is typed on the command line, and what is printed there."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from nasbench_suite.core import Arch, InvalidArchitecture, InvalidSetting
from nasbench_suite.spaces.base import Space


def names(text: str) -> list[str]:
    """Return the names of a list with commas; one that holds a comma stands in quotes."""
    (found,) = csv.reader([text.replace("\n", " ")], skipinitialspace=True) if text else ([],)
    return [name.strip() for name in found if name.strip()]


def integers(text: str, option: str) -> list[int]:
    """Return the numbers of a list with commas that was given to an option.

    Raises:
        InvalidSetting: one is no whole number.
    """
    try:
        return [int(word) for word in names(text)]
    except ValueError:
        raise InvalidSetting(
            f"{option} {text!r}: write whole numbers with commas, such as 4,12,36"
        ) from None


def architecture(text: str, space: Space) -> str | int | list[int]:
    """Return a string of the space as it is, an index for a number, genes for several numbers.

    Some benchmarks write their architectures as digits, so the string comes first.
    """
    with contextlib.suppress(InvalidArchitecture):
        space.parse(text)
        return text
    words = text.strip().strip("()[]").split(",")
    try:
        genes = [int(word) for word in words if word.strip()]
    except ValueError:
        return text
    return genes if len(words) > 1 else genes[0] if genes else text


def chosen(text: str, space: Space) -> Arch:
    """Return the architecture of a string, a number or genes.

    Raises:
        InvalidArchitecture: it is not of the space.
    """
    given = architecture(text, space)
    if isinstance(given, str):
        return space.parse(given)
    return space.at(given) if isinstance(given, int) else space.check(tuple(given))


def seed(text: str) -> Any:
    """Return which runs of a table are meant.

    Raises:
        InvalidSetting: it is neither a word that is known nor a number.
    """
    if text in ("mean", "all"):
        return text
    try:
        return int(text)
    except ValueError:
        raise InvalidSetting(f"--seed {text!r}: it is mean, all, or a run's number") from None


def settings(
    texts: Sequence[str], strategies: Sequence[str] | None, only: str = ""
) -> dict[str, dict[str, Any]]:
    """Return the settings of each strategy from `STRATEGY.KEY=VALUE`, or `KEY=VALUE` of the only.

    A value is read as JSON, and is a word if it is none.

    Raises:
        InvalidSetting: a text is not of this form, or sets what another one has set.
    """
    found: dict[str, dict[str, Any]] = {}
    form = "KEY=VALUE" if strategies is None else "STRATEGY.KEY=VALUE"
    for text in texts:
        # A strategy's path may hold what parts the rest.
        given = max((s for s in strategies or () if text.startswith(f"{s}.")), key=len, default="")
        key, equals, value = text[len(given) :].partition("=")
        key = given + key
        strategy, dot, name = key.rpartition(".") if strategies is not None else (only, ".", key)
        if not (equals and dot and strategy and name):
            raise InvalidSetting(f"--set {text!r}: write {form}, such as {form.lower()}")
        own = found.setdefault(strategy, {})
        if name in own:
            raise InvalidSetting(f"--set {text!r}: {key} is set twice")
        try:
            own[name] = json.loads(value)
        except (ValueError, RecursionError):
            own[name] = value
    return found


def epochs(measured: Sequence[int | None]) -> str:
    """Return after how many epochs a metric was measured, in words."""
    known = [str(at) for at in measured if at is not None]
    return f"after {' and '.join(known)} epochs" if known else ""


def number(value: float) -> str:
    """Return a number as a look-up shows it."""
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e15
    return str(int(value)) if whole else f"{value:.6g}"


def cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.3f}"
    return "" if value is None else str(value)


def to_json(value: Any) -> str:
    """Return JSON, in which NaN is null."""

    def plain(item: Any) -> Any:
        if isinstance(item, float) and not math.isfinite(item):
            return None if math.isnan(item) else str(item)
        if isinstance(item, dict):
            return {key: plain(entry) for key, entry in item.items()}
        return [plain(entry) for entry in item] if isinstance(item, list) else item

    return json.dumps(plain(value), indent=2, allow_nan=False)


def table(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print rows that have the same names, as aligned columns or as JSON."""
    if as_json:
        print(to_json(rows))
        return
    cells = [tuple(rows[0])]
    for row in rows:
        cells.append(tuple(map(cell, row.values())))
    columns(cells)


def columns(rows: Sequence[tuple[str, ...]]) -> None:
    """Print aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def tell(text: str) -> None:
    """Print what is not the answer itself."""
    print(text, file=sys.stderr)


# The least real seconds between two tellings.
_TERMINAL: Final = 0.1
_ELSEWHERE: Final = 30.0


class Progress:
    """Shows how many of something are done and how long the rest will take.

    On a terminal that is a line which changes; elsewhere it is a new line now and then.
    """

    def __init__(self, what: str = "runs") -> None:
        self._what = what
        self._begun = self._shown = 0.0
        self._first = self._last = sys.maxsize

    def __call__(self, done: int, total: int, more: str = "") -> None:
        """Tell that so many are done of so many in all, and what else there is to say."""
        now = time.monotonic()
        if done < self._last:  # the first call, or another comparison begins
            self._begun = self._shown = now
            self._first = done
        self._last = done
        terminal = sys.stderr.isatty()
        pause = _TERMINAL if terminal else _ELSEWHERE
        if now - self._shown < pause and not (terminal and done == total):
            return
        self._shown = now
        fresh = done - self._first
        left = (now - self._begun) / fresh * (total - done) if fresh else 0.0
        text = f"{done:,}/{total:,} {self._what}, {more}{left:.0f} s left"
        end = "" if terminal and done < total else "\n"
        print(f"\r{text}  " if terminal else text, end=end, file=sys.stderr, flush=True)
