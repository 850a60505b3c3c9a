"""The figures of an experiment for papers, as SVG and PDF, drawn by matplotlib on white.

They show what the page shows, in the same colours and dashes. A figure is drawn once and saved
twice; the same summary gives the same bytes.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from functools import partial
from importlib import import_module
from importlib.resources import files
from typing import Any, Final

import numpy as np

from nasbench_suite.core import MissingExtra
from nasbench_suite.reports import words
from nasbench_suite.reports.figures import (
    BOXED,
    DOTS,
    Against,
    Series,
    against,
    series,
    y_range,
)
from nasbench_suite.reports.ranking import BAR, Difference, difference, label_places
from nasbench_suite.scoring.curves import Curve
from nasbench_suite.scoring.standings import spread, standings
from nasbench_suite.scoring.summary import Summary

STYLE: Final[Any] = {
    # Text stays text in both formats, and a name is never read as a formula.
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "svg.hashsalt": "nasbench",
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "grid.color": "#e3e5e8",
    "grid.linewidth": 0.6,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
}
_INK: Final = "#1b1d20"
_SOFT: Final = "#5b6067"
_ROW: Final = 0.19
"""The height of a row of text, in inches."""
_WIDTH: Final = 5.2
"""The width of a figure, in inches: that of a page's text."""

Draw = Callable[[], Any]


def check_drawing(what: str, packages: Sequence[str] = ("matplotlib",)) -> None:
    """See that something can be drawn, before hours are spent on what it is to show.

    Args:
        what: is to be drawn, such as "the page of strategies".
        packages: that draw it.

    Raises:
        MissingExtra: one is not installed.
    """
    try:
        for name in packages:
            import_module(name)
    except ImportError:
        raise MissingExtra(what, "report") from None


def svg_of(figure: Any) -> bytes:
    """Return a figure as SVG, without a date, so that the same figure gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


def drawings(summary: Summary) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield each figure: its name without ending, and it as SVG and PDF.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
    """
    import matplotlib as mpl

    for name, draw in _figures(summary).items():
        with mpl.rc_context(STYLE), warnings.catch_warnings():
            # A name may be of letters that the font lacks: they are still text in the SVG, which a
            # browser shows in another font, and boxes in the PDF.
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
            saved = _saved(draw())
        yield name, *saved


def _figures(summary: Summary) -> dict[str, Draw]:
    """Return how to draw each figure that there is, by its name."""
    found: dict[str, Draw] = {}
    safe = words.file_names(summary.experiment.benchmarks)
    for benchmark, name in safe.items():
        if y_range(summary, benchmark) is None:
            continue
        for panel in against(summary, benchmark):
            found[f"{name}-{panel.name}"] = partial(_curves, summary, benchmark, panel)
        found[f"{name}-finals"] = partial(_finals, summary, benchmark)
    if len(summary.experiment.strategies) > 1:
        found["ranks"] = partial(_ranks, summary)
    diagram = difference(summary)
    if diagram is not None:
        found["critical-difference"] = partial(_difference, summary, diagram)
    return found


def _saved(figure: Any) -> tuple[bytes, bytes]:
    """Return a figure as SVG and PDF, without dates.

    It is laid out once for both, and each canvas draws it once: `savefig` would draw it twice.
    """
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    svg, pdf = io.BytesIO(), io.BytesIO()
    # Typed loosely: matplotlib says of neither method what it takes.
    on_svg: Any = FigureCanvasSVG(figure)
    on_svg.print_svg(svg, metadata={"Date": None})
    on_pdf: Any = FigureCanvasPdf(figure)
    on_pdf.print_pdf(pdf, metadata={"CreationDate": None})
    return svg.getvalue(), pdf.getvalue()


def _figure(height: float, width: float = _WIDTH) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _colours() -> list[str]:
    """Return the colours of the page on white, which its style names."""
    style = (files("nasbench_suite.reports") / "page.css").read_text(encoding="utf-8")
    light = style.partition("@media")[0]
    return re.findall(r"--s\d: (#\w+);", light)


def _dashes(look: Series) -> Any:
    """Return a line style: the page's dashes, whose lines are about as thick in its pixels."""
    if not look.dash:
        return "-"
    return (0, [float(part) / 2 for part in look.dash.replace("px", "").split(",")])


def _title(summary: Summary, benchmark: str) -> str:
    epochs = (
        summary.experiment.loaded[benchmark].protocol(summary.experiment.protocol).report.epochs
    )
    return words.axis(summary.reported[benchmark], epochs)


def _curves(summary: Summary, benchmark: str, panel: Against) -> Any:
    shown = list(zip(series(summary), panel.curves, strict=True))
    end = max(float(curve.grid[-1]) for curve in panel.curves if len(curve.grid))
    columns = max(1, 78 // (max(len(look.name) for look, _ in shown) + 8))
    figure, axis = _figure(2.6 + _ROW * math.ceil(len(shown) / columns))
    colours = _colours()
    for look, curve in shown:
        _curve(axis, curve, panel.length, look, colours[look.colour], len(shown))
    axis.set_xlim(0, end / panel.length)
    found = y_range(summary, benchmark)
    if found is not None:
        axis.set_ylim(found.focus)
    axis.grid(axis="y")
    axis.set_title(benchmark)
    axis.set_xlabel(panel.title)
    axis.set_ylabel(_title(summary, benchmark))
    if benchmark in summary.optimum:
        best, least = summary.optimum[benchmark], summary.reported[benchmark].direction == "min"
        axis.axhline(best, color=_SOFT, linewidth=0.7, zorder=1)
        # The label stands beyond the line, where there are no curves.
        axis.annotate(
            _optimum(summary, benchmark),
            (1, best),
            xycoords=("axes fraction", "data"),
            xytext=(0, -2 if least else 2),
            textcoords="offset points",
            ha="right",
            va="top" if least else "bottom",
            color=_SOFT,
            fontsize=7,
        )
    if len(shown) > 1:
        figure.legend(loc="outside lower center", ncols=columns)
    return figure


def _curve(axis: Any, curve: Curve, length: float, look: Series, colour: str, many: int) -> None:
    grid = curve.grid / length
    # A curve of a single point is a point.
    marker = "o" if len(grid) == 1 else None
    axis.plot(grid, curve.mean, marker=marker, ls=_dashes(look), color=colour, label=look.name)
    if np.isfinite(curve.low).any():
        axis.fill_between(
            grid, curve.low, curve.high, color=colour, alpha=min(0.18, 0.7 / many), linewidth=0
        )


def _optimum(summary: Summary, benchmark: str) -> str:
    metric = summary.reported[benchmark]
    places = words.decimals(metric.unit, [score.std for score in summary.of(benchmark)])
    best = words.number(summary.optimum[benchmark], places)
    return f"optimum {words.with_unit(best, metric.unit)}"


def _finals(summary: Summary, benchmark: str) -> Any:
    """Draw the results of all runs in rows, the best mean first."""
    found = standings(summary, benchmark)
    figure, axis = _figure(0.8 + 0.26 * len(found))
    colours, looks = _colours(), {look.name: look for look in series(summary)}
    for row, standing in enumerate(found):
        score = standing.score
        values = summary.finals[benchmark, score.strategy]
        colour = colours[looks[score.strategy].colour]
        quartiles = spread(values)
        if quartiles is not None and len(values) >= BOXED:
            _box(axis, row, astuple(quartiles), colour, whiskers=len(values) > DOTS)
        if len(values) <= DOTS:
            # Dots of a row are set apart by the golden ratio: even, and the same each time.
            apart = ((np.arange(len(values)) + 1) * 0.6180339887 % 1 - 0.5) * 0.5
            axis.plot(values, row + apart, "o", ms=2.6, color=colour, alpha=0.6, markeredgewidth=0)
        if not math.isnan(score.ci_low):
            reach = [[score.mean - score.ci_low], [score.ci_high - score.mean]]
            axis.errorbar(
                score.mean, row, xerr=reach, fmt="D", ms=4, color=_INK, mec="white", mew=0.6,
                elinewidth=1, capsize=2, capthick=1,
            )  # fmt: skip
    if benchmark in summary.optimum:
        best = summary.optimum[benchmark]
        axis.axvline(best, color=_SOFT, linewidth=0.7, zorder=1)
        axis.annotate(
            _optimum(summary, benchmark),
            (best, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="left" if summary.reported[benchmark].direction == "min" else "right",
            color=_SOFT,
            fontsize=7,
        )
    axis.set_yticks(range(len(found)), [standing.score.strategy for standing in found])
    axis.set_ylim(len(found) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.grid(axis="x")
    axis.locator_params(axis="x", nbins=7)
    # Above the label of the optimum.
    axis.set_title(benchmark, pad=14)
    axis.set_xlabel(_title(summary, benchmark))
    return figure


def _box(axis: Any, row: int, quartiles: tuple[float, ...], colour: str, *, whiskers: bool) -> None:
    least, low, median, high, most = quartiles
    axis.barh(row, high - low, 0.62, low, color=colour, alpha=0.16, linewidth=0)
    axis.barh(row, high - low, 0.62, low, fill=False, edgecolor=colour, linewidth=0.8)
    axis.plot([median, median], [row - 0.31, row + 0.31], color=colour, linewidth=1.2)
    if whiskers:
        for start, end in ((least, low), (high, most)):
            axis.plot([start, end], [row, row], color=colour, linewidth=0.8)


def _ranks(summary: Summary) -> Any:
    """Draw expected ranks against the share of the budget, each line with its name at its end."""
    count = len(summary.experiment.strategies)
    figure, axis = _figure(0.7 + max(2.2, 0.17 * count), 6.5)
    colours, share = _colours(), 100 * summary.ranks.share
    for look, place in zip(series(summary), label_places(summary), strict=True):
        expected = summary.ranks.expected[look.name]
        colour = colours[look.colour]
        axis.plot(share, expected, ls=_dashes(look), color=colour)
        axis.plot([100, 103], [expected[-1], place], color=colour, linewidth=0.7, clip_on=False)
        axis.text(103.5, place, look.name, va="center")
    axis.set_xlim(0, 100)
    axis.set_ylim(count + 0.5, 0.5)
    axis.set_yticks(range(1, count + 1, math.ceil(count / 14)))
    axis.grid(axis="y")
    axis.set_xlabel("share of the budget (%)")
    axis.set_ylabel("expected rank (1 is best)")
    return figure


def _difference(summary: Summary, found: Difference) -> Any:
    """Draw the critical-difference diagram."""
    figure, axis = _figure(0.5 + _ROW * (found.ruler + 0.8), 6.5)
    colours, looks = _colours(), series(summary)
    end = max(float(found.most), 1 + found.length)
    for stem in found.stems:
        look = looks[stem.series]
        side = 1.0 if stem.left else end
        axis.plot(
            [stem.rank, stem.rank, side], [0, stem.row, stem.row], color=colours[look.colour],
            linewidth=1, clip_on=False,
        )  # fmt: skip
        axis.annotate(
            f"{look.name}  {words.number(stem.rank, 2)}",
            (side, stem.row),
            xytext=(-3 if stem.left else 3, 0),
            textcoords="offset points",
            ha="right" if stem.left else "left",
            va="center",
            annotation_clip=False,
        )
    for bar in found.bars:
        axis.plot([bar.low - 0.04, bar.high + 0.04], [bar.row] * 2, color=_INK, linewidth=3)
    axis.errorbar(
        1 + found.length / 2, found.ruler, xerr=found.length / 2, fmt="none", color=_INK,
        elinewidth=1, capsize=3, capthick=1,
    )  # fmt: skip
    axis.text(
        1, found.ruler + BAR, f"critical difference {words.number(found.length, 2)}",
        va="top", color=_SOFT, fontsize=7,
    )  # fmt: skip
    axis.set_xlim(1, end)
    axis.set_ylim(found.ruler + 1.2, 0)
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    axis.set_xticks(range(1, found.most + 1, math.ceil(found.most / 14)))
    axis.set_xlabel("average rank (1 is best)")
    axis.spines["top"].set_visible(True)
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_yticks([])
    return figure
