"""The figures of a fitted surrogate's page, as SVG by matplotlib, and how they go into the page.

A file shows a figure on white. In the page it has the page's letters and colours, dark ones where
the reader wants these.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.campaigns.examining import Examined
from nasbench_suite.core import Floats
from nasbench_suite.reports import words
from nasbench_suite.reports.drawings import STYLE, svg_of
from nasbench_suite.surrogates.evaluate import LEVELS

_INK: Final = "#1b1d20"
_SOFT: Final = "#5b6067"
_OURS: Final = "#0072b2"
_MISSED: Final = "#d55e00"
_STYLE: Final = STYLE | dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK
)
_SIZE: Final = (3.1, 2.7)
"""Inches: three stand beside each other in a page."""
_LAYERS: Final = 6
"""Dots are drawn in so many layers, of which those below shine through: where many lie it is
darker. A dot of its own would be an element of its own, and a page has tens of thousands."""
_FEW: Final = 600
"""Of fewer dots each is seen well."""
_BARS: Final = 150
"""Of so many architectures the intervals are drawn: more would be a grey area."""

# What a colour of a file is called in the style of the page.
_NAMES: Final = {
    "#ffffff": "var(--paper)",
    "#000000": "var(--ink)",
    _INK: "var(--ink)",
    _SOFT: "var(--soft)",
    "#666666": "var(--soft)",
    STYLE["grid.color"]: "var(--grid)",
    _OURS: "var(--s0)",
    _MISSED: "var(--s1)",
}


def figures(one: Examined) -> Iterator[tuple[str, bytes]]:
    """Yield the figures of a metric, each with its name, as SVG; the same numbers, the same bytes.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    draws: dict[str, Callable[[Any, Examined], None]] = {
        "predicted": _predicted,
        "calibration": _calibration,
    }
    if any(math.isfinite(point.kendall) for point in one.learning):
        draws["learning"] = _learning
    for name, draw in draws.items():
        yield name, _saved(draw, one)


def _saved(draw: Callable[[Any, Examined], None], one: Examined) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure.subplots(), one)
        return compact(svg_of(figure))


def _predicted(axis: Any, one: Examined) -> None:
    """Draw what is predicted against what was measured, with the 90 % intervals of some."""
    low, high = _limits(one)
    axis.plot([low, high], [low, high], color=_SOFT, linewidth=0.7, zorder=1)
    some = np.unique(np.linspace(0, len(one.true) - 1, _BARS).astype(int))
    x, y, reach = one.true[some], one.mean[some], one.reach[some]
    _path(axis, np.stack([x, y - reach], 1), np.stack([x, y + reach], 1), _SOFT, 0.6, 0.3)
    size, alpha = (2.6, 0.6) if len(one.held) < _FEW else (2.0, 0.3)
    # Most lie in their intervals: they are on top, so that the others do not hide them.
    for dots, colour in ((~one.held, _MISSED), (one.held, _OURS)):
        for layer in range(_LAYERS):
            numbers = np.flatnonzero(dots)[layer::_LAYERS]
            places = np.stack([one.true[numbers], one.mean[numbers]], 1)
            _path(axis, places, places, colour, size, alpha)
    share = words.number(100 * one.scores.get("coverage", math.nan), 1)
    for colour, text in (
        (_OURS, f"in its 90 % interval: {share} %"),
        (_MISSED, "beyond it"),
    ):
        axis.plot([], [], "o", color=colour, markersize=3.5, markeredgewidth=0, label=text)
    axis.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.1, labelspacing=0.25)
    axis.set_xlim(low, high)
    # Room for the legend above the dots.
    axis.set_ylim(low, high + 0.12 * (high - low))
    unit = f" ({one.metric.unit})" if one.metric.unit else ""
    axis.set_xlabel(f"measured{unit}")
    axis.set_ylabel(f"predicted{unit}")
    axis.locator_params(nbins=5)
    axis.grid(visible=True)


def _limits(one: Examined) -> tuple[float, float]:
    """Return the ends of both axes."""
    values = np.concatenate([one.true, one.mean])
    low, high = float(values.min()), float(values.max())
    room = 0.04 * (high - low)
    return low - room, high + room


def _path(axis: Any, start: Floats, end: Floats, colour: str, width: float, alpha: float) -> None:
    """Draw lines from points to points, (n, 2) each, as one path; dots where they are the same."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if not len(start):
        return
    vertices: NDArray[Any] = np.stack([start, end], axis=1).reshape(-1, 2)
    path = Path(vertices, np.tile([Path.MOVETO, Path.LINETO], len(start)))
    # It would leave out what has no length.
    path.should_simplify = False
    axis.add_patch(
        PathPatch(
            path, fill=False, edgecolor=colour, linewidth=width, alpha=alpha, capstyle="round"
        )
    )


def _calibration(axis: Any, one: Examined) -> None:
    """Draw the share of values below the predicted quantile against its probability."""
    axis.plot([0, 1], [0, 1], color=_SOFT, linewidth=0.7)
    ends = np.concatenate([[0.0], LEVELS, [1.0]]), np.concatenate([[0.0], one.below, [1.0]])
    axis.plot(*ends, color=_OURS)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    axis.set_xlabel("p")
    axis.set_ylabel("share below the p-quantile")
    axis.grid(visible=True)


def _learning(axis: Any, one: Examined) -> None:
    """Draw Kendall's τ against the size of the training part."""
    known = [point for point in one.learning if math.isfinite(point.kendall)]
    sizes = [point.train for point in known]
    taus = [point.kendall for point in known]
    axis.plot(sizes, taus, "o-", color=_OURS, markersize=3.5)
    top = max(taus)
    if "kendall" in one.ceiling:
        ceiling = one.ceiling["kendall"]
        top = max(top, ceiling)
        axis.axhline(ceiling, color=_SOFT, linestyle="--", linewidth=1)
        axis.annotate(
            "noise ceiling",
            (0, ceiling),
            xycoords=("axes fraction", "data"),
            xytext=(2, 2),
            textcoords="offset points",
            color=_SOFT,
            fontsize=7,
        )
    room = max(top - min(taus), 0.02)
    axis.set_ylim(min(taus) - 0.12 * room, top + 0.14 * room)
    axis.set_xscale("log")
    axis.set_xlim(min(sizes) / 1.4, max(sizes) * 1.4)
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axis.minorticks_off()
    axis.set_xlabel("architectures fitted")
    axis.set_ylabel("Kendall's τ")
    axis.grid(visible=True)


# Into files and into the page.


def compact(svg: bytes) -> bytes:
    """Return an SVG whose paths have two decimals, of points: no eye sees more."""

    def shorter(found: re.Match[str]) -> str:
        rounded = re.sub(r"\d+\.\d+", lambda one: f"{float(one[0]):.2f}", found[0])
        # A line to where it begins is a dot.
        rounded = re.sub(r"M (\S+ \S+) \nL \1 \n", r"M\1h0", rounded)
        return re.sub(r"M (\S+ \S+) \nL (\S+ \S+) \n(?=M|\")", r"M\1L\2", rounded)

    return re.sub(r' d="[^"]+"', shorter, svg.decode()).encode()


def inlined(svg: bytes, key: str) -> str:
    """Return an SVG as an element of a page, in the colours of its style.

    Args:
        svg: as matplotlib writes it, with text as text.
        key: what no other figure of the page has; the names within the SVG begin with it.
    """
    text = svg.decode()
    text = text[text.index("<svg") :]
    # Of the program that drew it, and a style which would be that of the whole page.
    for part in ("metadata", "style"):
        text = re.sub(rf"<{part}\b.*?</{part}>\s*", "", text, count=1, flags=re.DOTALL)
    used = set(re.findall(r"(?:url\(|href=\")#([\w-]+)", text))
    text = re.sub(
        r' id="([^"]+)"', lambda found: f' id="{key}-{found[1]}"' if found[1] in used else "", text
    )
    text = re.sub(r"(url\(|href=\")#", rf"\1#{key}-", text)
    return re.sub(r"#[0-9a-f]{6}(?=[;\"])", lambda found: _NAMES.get(found[0], found[0]), text)
