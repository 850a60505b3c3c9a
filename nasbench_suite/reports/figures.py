"""What the figures of a benchmark show, as plain data that the page's script draws with plotly.

The panels of a benchmark: the reported metric against evaluations, against simulated time, against
epochs of training where the budget has them, and the final result of every run. Numbers come from
the summary; here they are only thinned, rounded, and given axes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any, Final, NamedTuple

import numpy as np

from nasbench_suite.core import Floats, Ints
from nasbench_suite.reports import words
from nasbench_suite.scoring.curves import Curve
from nasbench_suite.scoring.standings import spread, standings
from nasbench_suite.scoring.summary import Summary

COLOURS: Final = 7
"""How many colours the page's style defines."""
DASHES: Final = (
    "",
    "9px,4px",
    "2px,3px",
    "10px,3px,2px,3px",
    "14px,4px",
    "12px,3px,2px,3px,2px,3px",
)
"""Colours and dashes step together, so 42 strategies differ: 7 and 6 have no common divisor."""
POINTS: Final = 200
"""More points of a curve than this are not seen at the width of a panel."""
NUMBERS: Final = 240_000
"""How many numbers all curves of a page may have together: it is to stay small."""
DOTS: Final = 200
"""More runs than this are a smear; their quartiles are shown without them."""
BOXED: Final = 10
"""Quartiles of fewer runs would say no more than the runs themselves."""
EARLY: Final = 0.2
"""The part of the budget whose results may lie outside the axis at first."""


class Series(NamedTuple):
    """How a strategy looks, the same in every panel."""

    name: str
    colour: int
    dash: str


class Against(NamedTuple):
    """A panel of curves: what they are drawn against."""

    name: str
    """In the names of its element and of its files."""
    words: str
    title: str
    """Of its axis, with the unit."""
    unit: str
    length: float
    """What one of `unit` is on the curves' grids."""
    curves: tuple[Curve, ...]
    """In the order of the strategies."""


class Range(NamedTuple):
    """An axis: the part worth seeing, and everything."""

    focus: tuple[float, float]
    all: tuple[float, float]

    @property
    def cut(self) -> bool:
        """Whether the part worth seeing leaves something out."""
        return self.focus != self.all


def series(summary: Summary) -> tuple[Series, ...]:
    """Return how each strategy of an experiment looks."""
    return tuple(
        Series(name, number % COLOURS, DASHES[number % len(DASHES)])
        for number, name in enumerate(summary.experiment.strategies)
    )


def looks(summary: Summary) -> dict[str, Series]:
    """Return how each strategy looks, by its name."""
    return {look.name: look for look in series(summary)}


def timed(summary: Summary, benchmark: str) -> bool:
    """Return whether a benchmark has curves against simulated time, and a time that all reach."""
    return _reached(_of(summary, benchmark, summary.by_seconds))


def against(summary: Summary, benchmark: str) -> tuple[Against, ...]:
    """Return the panels of curves of a benchmark which has curves, in their order."""
    word, curves = "evaluations", _of(summary, benchmark, summary.by_evaluations)
    found = [Against(word, word, word, word, 1.0, curves)]
    times = _of(summary, benchmark, summary.by_seconds)
    if _reached(times):
        unit, length = words.clock(max(float(curve.grid[-1]) for curve in times))
        title = f"simulated training time ({unit})"
        found.append(Against("time", "simulated time", title, unit, length, times))
    epochs = _of(summary, benchmark, summary.by_epochs)
    if _reached(epochs):
        spoken = "epochs of training"
        found.append(Against("epochs", spoken, spoken, "epochs", 1.0, epochs))
    return tuple(found)


def y_range(summary: Summary, benchmark: str) -> Range | None:
    """Return the range of a benchmark's reported metric over its curves, None if they are empty.

    A random first architecture can be terrible, and would press all that matters into a line.
    So the part worth seeing begins after a fifth of the budget, and intervals widen it by no
    more than the curves' own height.
    """
    every_axis = (summary.by_evaluations, summary.by_seconds, summary.by_epochs)
    curves = [curve for axis in every_axis for curve in _of(summary, benchmark, axis)]
    best = [summary.optimum[benchmark]] if benchmark in summary.optimum else []
    every = _finite([array for c in curves for array in (c.mean, c.low, c.high)])
    late = [(c, c.grid >= EARLY * c.grid[-1]) for c in curves if len(c.grid)]
    means = _finite([c.mean[part] for c, part in late])
    if not len(means):
        return None
    means = np.append(means, best)
    bounds = _finite([array[part] for c, part in late for array in (c.low, c.high)])
    low, high = float(means.min()), float(means.max())
    height = high - low
    bounds = np.clip(np.append(bounds, means), low - height, high + height)
    everything = np.append(every, best)
    # The label of the optimum stands beyond its line, where there are no curves.
    room = (0.12, 0.06) if summary.reported[benchmark].direction == "min" else (0.06, 0.12)
    focus = _padded(float(bounds.min()), float(bounds.max()), *room)
    whole = _padded(float(everything.min()), float(everything.max()), *room)
    # A cut that hides next to nothing is not worth a note and a button.
    if whole[1] - whole[0] < 1.25 * (focus[1] - focus[0]):
        focus = whole
    return Range(focus, whole)


def panels(summary: Summary, benchmark: str, number: int) -> dict[str, Any]:
    """Return all that the page's script draws of a benchmark.

    Args:
        summary: what to draw.
        benchmark: which of its benchmarks.
        number: counts the benchmarks of the page, for ids that stay the same.
    """
    metric = summary.reported[benchmark]
    epochs = (
        summary.experiment.loaded[benchmark].protocol(summary.experiment.protocol).report.epochs
    )
    places = words.decimals(metric.unit, [score.std for score in summary.scores])
    optimum = summary.optimum.get(benchmark)
    found = y_range(summary, benchmark)
    shown = None
    if optimum is not None:
        text = words.with_unit(words.number(optimum, places), metric.unit)
        shown = {
            "value": _rounded(optimum),
            "text": f"optimum {text}",
            "least": metric.direction == "min",
        }
    return {
        "key": f"b{number}",
        "optimum": shown,
        "decimals": places,
        "unit": metric.unit,
        "title": words.axis(metric, epochs),
        "range": None if found is None else found._asdict(),
        "curves": _curves(summary, benchmark, number) if found is not None else [],
        "finals": _finals(summary, benchmark, number),
    }


def thinned(length: int, points: int = POINTS) -> Ints:
    """Return which points of a curve to draw: dense at its beginning, and always its end."""
    if length <= points:
        return np.arange(length)
    early = np.geomspace(1, length, points // 2)
    even = np.linspace(1, length, points - points // 2)
    return np.unique(np.concatenate([early, even]).round().astype(np.int64)) - 1


def plain(text: str) -> str:
    """Return text that plotly, which reads some HTML in its labels, shows as it is."""
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, entity)
    return text


def _of(
    summary: Summary, benchmark: str, curves: Mapping[tuple[str, str], Curve]
) -> tuple[Curve, ...]:
    """Return the curves of a benchmark in the order of the strategies; none where it has none."""
    keys = [(benchmark, strategy) for strategy in summary.experiment.strategies]
    return tuple(curves[key] for key in keys if key in curves)


def _reached(curves: Sequence[Curve]) -> bool:
    """Return whether there is anything to draw: a point at which all runs of one have a value."""
    return any(np.isfinite(curve.mean).any() for curve in curves)


def _curves(summary: Summary, benchmark: str, number: int) -> list[dict[str, Any]]:
    shown = against(summary, benchmark)
    lines = len(summary.experiment.strategies) * len(summary.experiment.benchmarks)
    points = min(POINTS, max(NUMBERS // (3 * len(shown) * lines), 20))
    return [_panel(f"b{number}-{panel.name}", panel, points) for panel in shown]


def _panel(key: str, panel: Against, points: int) -> dict[str, Any]:
    ends = [float(curve.grid[-1]) for curve in panel.curves if len(curve.grid)]
    return {
        "id": key,
        "title": panel.title,
        "unit": panel.unit,
        # Half an evaluation or epoch is no place for a tick.
        "least": 0 if panel.name == "time" else 1,
        "end": _rounded(max(ends, default=1) / panel.length),
        "lines": [_line(curve, panel.length, points) for curve in panel.curves],
    }


def _line(curve: Curve, length: float, points: int) -> dict[str, Any]:
    kept = thinned(len(curve.grid), points)
    return {
        "x": _list(curve.grid[kept] / length),
        "mean": _list(curve.mean[kept]),
        # A single run has no interval, and nothing is sent of it.
        "low": _list(curve.low[kept]) if np.isfinite(curve.low).any() else [],
        "high": _list(curve.high[kept]) if np.isfinite(curve.high).any() else [],
    }


def _finals(summary: Summary, benchmark: str, number: int) -> dict[str, Any]:
    """Return the panel of final results, the best mean in the first row."""
    order = {name: place for place, name in enumerate(summary.experiment.strategies)}
    rows: list[dict[str, Any]] = []
    for standing in standings(summary, benchmark):
        score = standing.score
        values = summary.finals[benchmark, score.strategy]
        quartiles = spread(values)
        rows.append(
            {
                "series": order[score.strategy],
                "values": _list(values) if len(values) <= DOTS else [],
                "mean": _rounded(score.mean),
                "low": _rounded(score.ci_low),
                "high": _rounded(score.ci_high),
                "quartiles": [_rounded(value) for value in astuple(quartiles)]
                if quartiles is not None and len(values) >= BOXED
                else [],
            }
        )
    shown = [row[name] for row in rows for name in ("low", "high", "mean")]
    shown += [value for row in rows for name in ("values", "quartiles") for value in row[name]]
    known = [v for v in (*shown, summary.optimum.get(benchmark)) if v is not None]
    return {
        "id": f"b{number}-finals",
        "rows": rows,
        "range": _padded(min(known), max(known), 0.04, 0.04) if known else None,
    }


def _finite(arrays: Sequence[Floats]) -> Floats:
    joined: Floats = np.concatenate([*arrays, np.empty(0)])
    return joined[np.isfinite(joined)]


def _padded(low: float, high: float, below: float, above: float) -> tuple[float, float]:
    """Return a range with room around it, in parts of its height."""
    height = high - low or abs(high) / 100 or 1.0
    return (_digits(low - below * height), _digits(high + above * height))


def _digits(value: float) -> float:
    """Return a number with as many digits as a screen can show."""
    return float(f"{value:.6g}")


def _rounded(value: float) -> float | None:
    return _digits(value) if math.isfinite(value) else None


def _list(values: Floats) -> list[float | None]:
    return [_rounded(value) for value in values.tolist()]
