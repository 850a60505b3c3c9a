"""The page that says by size of sample whether surrogates rank search strategies as tables do."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from nasbench_suite.campaigns.fidelity import Agreement
from nasbench_suite.core import MissingExtra
from nasbench_suite.files import write_whole
from nasbench_suite.reports import words
from nasbench_suite.reports.drawings import STYLE

PAGE: Final = "fidelity.md"
FIGURE: Final = "fidelity.svg"

_RANKING: Final = "#0072b2"
_HALVES: Final = "#666666"


def check_drawing() -> None:
    """See that figures can be drawn, before hours are spent on what they are to show.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingExtra("the page of fidelity", "report") from None


def write_fidelity(
    agreements: Sequence[Agreement], folder: Path, *, family: str, strategies: int, seeds: int
) -> Path:
    """Write the page `fidelity.md` and its figure into a folder, and return the page.

    Raises:
        MissingExtra: matplotlib is not installed.
        OutputError: a file cannot be written.
    """
    write_whole(folder / FIGURE, figure(agreements))
    text = page(agreements, family=family, strategies=strategies, seeds=seeds)
    write_whole(folder / PAGE, text)
    return folder / PAGE


def page(agreements: Sequence[Agreement], *, family: str, strategies: int, seeds: int) -> str:
    """Return the page as Markdown."""
    lengths = list(dict.fromkeys(one.evaluations for one in agreements))
    parts = [
        "# Does a surrogate rank strategies as the truth does?\n",
        f"On each benchmark the family `{family}` is fitted to a random sample of the table. Then "
        f"{strategies} search strategies search on what it predicts of the whole space, and on the "
        "table itself. Shown is Kendall's τ between the two orders of their mean results, after "
        f"{words.listed([str(length) for length in lengths])} evaluations and on average along the "
        f"way there: 1 is the same order, 0 is chance. Means are over {seeds // 2} runs of each "
        f"strategy on the surrogate and {seeds // 2} others on the table. *The table itself* is "
        "one half of the table's runs against the other: as much as any surrogate can reach with "
        "so many runs. Where there are several fits, each to another sample, it is their mean with "
        "the least and the most in brackets. The gap is by how much a strategy's result on the "
        "surrogate differs from that on the table. `nasbench surrogate fidelity` writes this "
        "page.\n",
        f"![Agreement by size of sample]({FIGURE})\n",
    ]
    for name in dict.fromkeys(one.benchmark for one in agreements):
        parts += [f"## {name}\n", _table([one for one in agreements if one.benchmark == name])]
    return "\n".join(parts)


def _table(rows: Sequence[Agreement]) -> str:
    lengths = list(dict.fromkeys(one.evaluations for one in rows))
    head = ["fitted to", "τ of predictions"]
    for length in lengths:
        head += [f"τ of strategies at {length}", f"along the way to {length}"]
    head.append(f"gap at {lengths[-1]}")
    lines = [head, ["---"] * len(head)]
    for train in dict.fromkeys(one.train for one in rows):
        mine = [one for one in rows if one.train == train]
        known = [one.kendall for one in mine if one.kendall is not None]
        cells = ["the table itself" if train is None else f"{train:,}"]
        cells.append(_spread(known) if known else words.DASH)
        for length in lengths:
            now = [one for one in mine if one.evaluations == length]
            cells += [_spread([one.ranking for one in now]), _spread([one.anytime for one in now])]
        cells.append(_spread([one.gap for one in mine if one.evaluations == lengths[-1]]))
        lines.append(cells)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _spread(values: Sequence[float]) -> str:
    mean = f"{np.mean(values):.2f}".replace("-", "−")
    if len(set(values)) < 2:
        return mean
    ends = [f"{value:.2f}".replace("-", "−") for value in (min(values), max(values))]
    return f"{mean} [{ends[0]}, {ends[1]}]"


def figure(agreements: Sequence[Agreement]) -> bytes:
    """Return τ of the strategies against the size of the sample as SVG, a panel a benchmark.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    check_drawing()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(one.benchmark for one in agreements))
    last = max(one.evaluations for one in agreements)
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(3.1 * len(names), 2.8), layout="constrained")
        axes = drawing.subplots(1, len(names), squeeze=False, sharey=True)[0]
        for axis, name in zip(axes, names, strict=True):
            rows = [one for one in agreements if one.benchmark == name and one.evaluations == last]
            (halves,) = (one.ranking for one in rows if one.train is None)
            sizes = sorted({one.train for one in rows if one.train is not None})
            taus = [[one.ranking for one in rows if one.train == size] for size in sizes]
            axis.axhline(halves, color=_HALVES, linestyle="--", label="two halves of the table's")
            axis.plot(sizes, [np.mean(found) for found in taus], color=_RANKING, label="surrogate")
            for size, found in zip(sizes, taus, strict=True):
                axis.plot([size] * len(found), found, "o", color=_RANKING, markersize=3.5)
            axis.set_xscale("log")
            axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
            axis.minorticks_off()
            axis.set_title(name)
            axis.set_xlabel("architectures fitted")
            axis.grid(visible=True)
        axes[0].set_ylabel(f"τ of strategies after {last}")
        axes[-1].legend(loc="lower right", frameon=False)
        content = io.BytesIO()
        # Without a date, so that the same numbers give the same bytes.
        drawing.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()
