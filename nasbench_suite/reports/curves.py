"""The learning curves of some architectures as one figure, coloured by where they end."""

from __future__ import annotations

import numpy as np

from nasbench_suite.core import Floats, NotMeasured
from nasbench_suite.reports import words
from nasbench_suite.reports.drawings import STYLE, check_drawing, svg_of
from nasbench_suite.settings import at_least
from nasbench_suite.tables.store import Table


def learning_curves(
    table: Table, count: int, rng: np.random.Generator, metrics: tuple[str, ...] = ()
) -> bytes:
    """Return the curves of architectures drawn at random, as SVG, a panel a metric.

    A curve is the mean of an architecture's trainings. It has the same colour in every panel: that
    of its rank by the last value of the metric that the table reports, or of the first panel's
    where there are no curves of that one.

    Args:
        table: of which; one that holds curves.
        count: how many; all of the table if it holds fewer.
        rng: draws them.
        metrics: of what; by default of all accuracies that have curves.

    Raises:
        UnknownName, NotMeasured: there is no such metric, or no curve of it.
        InvalidSetting: the count is not at least 1.
        MissingExtra: matplotlib is not installed.
    """
    check_drawing("a figure")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = metrics or _accuracies(table)
    held = table.frame([table.reported]).index
    archs = rng.permutation(held)[: at_least("count", count, 1)].tolist()
    ranked = table.reported if table.curves(table.reported) else names[0]
    # The best are drawn last, on top of the others.
    ends = {arch: _curve(table, arch, ranked)[-1] for arch in archs}
    archs.sort(key=lambda arch: (not np.isnan(ends[arch]), ends[arch]))
    curves = {name: [_curve(table, arch, name) for arch in archs] for name in names}
    with mpl.rc_context(STYLE):
        shades = mpl.colormaps["viridis_r"](np.linspace(0.05, 1, len(archs)))
        figure = Figure(figsize=(3 * len(names), 2.6), layout="constrained")
        alike = len({table.metrics[name].unit for name in names}) == 1
        axes = figure.subplots(1, len(names), squeeze=False, sharey=alike)[0]
        for axis, name in zip(axes, names, strict=True):
            for shade, curve in zip(shades, curves[name], strict=True):
                axis.plot(np.arange(1, len(curve) + 1), curve, color=shade, linewidth=0.6)
            axis.set_title(words.axis(table.metrics[name], None))
            axis.set_xlabel("epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.grid(visible=True)
        return svg_of(figure)


def _accuracies(table: Table) -> tuple[str, ...]:
    """Return the accuracies that have curves, in the order of the card.

    Raises:
        NotMeasured: there are none.
    """
    found = [name for name in table.metrics if "accuracy" in name and table.curves(name)]
    if not found:
        raise NotMeasured(
            f"{table.benchmark} holds no learning curves of an accuracy: name another metric, or "
            "a benchmark that has them"
        )
    return tuple(found)


def _curve(table: Table, arch: str, metric: str) -> Floats:
    """Return the curve of an architecture; a single NaN if its trainings failed.

    Raises:
        UnknownName, NotMeasured: the table has no such metric, or no curve of it at all.
    """
    if not table.curves(metric):
        return table.curve(arch, metric)
    try:
        return table.curve(arch, metric)
    except NotMeasured:
        return np.array([np.nan])
