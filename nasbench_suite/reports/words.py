"""How numbers and names are put into words; nothing here knows of pages."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from typing import Final

from nasbench_suite.core import Budget, Metric

DASH: Final = "–"
MINUS: Final = "\N{MINUS SIGN}"
HOUR: Final = 3600.0
_ENDLESS: Final = 1e15
"""Seconds: nobody counts the digits of so many."""


def number(value: float, decimals: int = 0) -> str:
    """Return a number with separated thousands and a real minus; a dash for NaN."""
    if math.isnan(value):
        return DASH
    return f"{value:,.{decimals}f}".replace("-", MINUS)


def count(value: float) -> str:
    """Return a number of things: whole if it is, else a mean with one decimal."""
    return number(value, 0 if float(value).is_integer() else 1)


def significant(value: float, digits: int = 3) -> str:
    """Return a number with so many digits, and all of those before the point."""
    size = math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0
    return number(value, min(max(digits - 1 - size, 0), 9))


def interval(low: float, high: float, decimals: int) -> str:
    """Return an interval, or a dash where there is none."""
    if math.isnan(low) or math.isnan(high):
        return DASH
    return f"{number(low, decimals)} to {number(high, decimals)}"


def chance(p: float) -> str:
    """Return a p with its equals sign, or that it is less than one would print."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.{2 if p >= 0.1 else 3}f}"


def decimals(unit: str, deviations: Iterable[float]) -> int:
    """Return how many decimals a metric deserves.

    Percent have two, as in every paper; others show two digits of their smallest deviation.
    """
    if unit == "%":
        return 2
    known = [abs(value) for value in deviations if math.isfinite(value) and value]
    if not known:
        return 3
    return min(max(1 - math.floor(math.log10(min(known))), 0), 6)


def with_unit(text: str, unit: str) -> str:
    """Return a number and its unit, which a break of line does not part."""
    return f"{text}\N{NO-BREAK SPACE}{unit}" if unit else text


def plural(value: int, one: str, many: str | None = None) -> str:
    """Return a number and the word that goes with it."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def seeds(given: Sequence[int]) -> str:
    """Return seeds in words: those that follow each other as a range."""
    if len(given) == 1:
        return f"{given[0]} (one run)"
    known = f"{given[0]} to {given[-1]}"
    if tuple(given) != tuple(range(given[0], given[0] + len(given))):
        more = f" and {len(given) - 8:,} more" if len(given) > 8 else ""
        known = ", ".join(map(str, given[:8])) + more
    return f"{known} ({len(given):,} runs)"


def workers(given: int) -> str:
    """Return simulated workers in words."""
    return "1, one trial after the other" if given == 1 else f"{given:,}, as many trials at a time"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return words as a list in a sentence."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def spoken(metric: str) -> str:
    """Return a metric's name as words."""
    return re.sub(r"^val(?= )", "validation", metric.replace("_", " "))


def after(epochs: Sequence[int | None]) -> str:
    """Return ` after 12 or 200 epochs`, or nothing for a metric without epochs."""
    known = [str(value) for value in epochs if value is not None]
    if not known:
        return ""
    return f" after {listed(known, 'or')} epoch{'' if known == ['1'] else 's'}"


def axis(metric: Metric, epochs: int | None) -> str:
    """Return the title of an axis: what is measured, when, and in which unit."""
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{spoken(metric.name)}{after([epochs])}{unit}"


def clock(horizon: float) -> tuple[str, float]:
    """Return the unit that suits a span of time, and its seconds."""
    return ("h", HOUR) if horizon >= HOUR else ("s", 1.0)


def duration(seconds: float) -> str:
    """Return a span of time in seconds, and in hours if it is long."""
    if seconds >= _ENDLESS:
        return with_unit(f"{seconds:g}", "s")
    shown = with_unit(_short(seconds, 10), "s")
    if seconds < HOUR:
        return shown
    return f"{shown} ({with_unit(_short(seconds / HOUR, 3), 'h')})"


def _short(value: float, digits: int) -> str:
    """Return `significant` without zeros after the point that say nothing."""
    text = significant(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def budget(given: Budget) -> str:
    """Return a budget in words."""
    parts = []
    if given.evaluations is not None:
        parts.append(plural(given.evaluations, "evaluation"))
    if given.epochs is not None:
        parts.append(f"{plural(given.epochs, 'epoch')} of training")
    if given.seconds is not None:
        parts.append(f"{duration(given.seconds)} of simulated time")
    if given.real_seconds is not None:
        parts.append(f"{duration(given.real_seconds)} of real time")
    return listed(parts, "or") + (", whichever ends first" if len(parts) > 1 else "")


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return for each name one that any file system takes, without an ending; no two the same."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        safe = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:100] or "unnamed"
        free = (f"{safe}-{number}" if number else safe for number in itertools.count())
        # Some file systems take capitals for small letters.
        found[name] = next(one for one in free if one.lower() not in taken)
        taken.add(found[name].lower())
    return found
