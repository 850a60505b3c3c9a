"""The page that says by size of sample whether surrogates rank search strategies as tables do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from nasbench_suite.campaigns.fidelity import Agreement
from nasbench_suite.core import DamagedInput, DataNotFound
from nasbench_suite.files import write_whole
from nasbench_suite.reports import words
from nasbench_suite.reports.drawings import STYLE, check_drawing, svg_of

PAGE: Final = "fidelity.md"
FIGURE: Final = "fidelity.svg"
WHAT: Final = "the page of fidelity"
"""What a message calls it."""
NUMBERS: Final = "agreements.json"
"""The file with what the page says, for other pages."""

_FORMAT: Final = "nasbench-fidelity-1"
_RANKING: Final = "#0072b2"
_HALVES: Final = "#666666"


class Study(NamedTuple):
    """What was found, and by which runs."""

    agreements: tuple[Agreement, ...]
    family: str
    strategies: int
    seeds: int


def write_fidelity(
    agreements: Sequence[Agreement], folder: Path, *, family: str, strategies: int, seeds: int
) -> Path:
    """Write `fidelity.md`, its figure and its numbers into a folder, and return the page.

    Raises:
        MissingExtra: matplotlib is not installed.
        OutputError: a file cannot be written.
    """
    write_whole(folder / FIGURE, figure(agreements))
    found = {
        "format": _FORMAT,
        "family": family,
        "strategies": strategies,
        "seeds": seeds,
        "agreements": [asdict(agreement) for agreement in agreements],
    }
    write_whole(folder / NUMBERS, json.dumps(found, indent=2) + "\n")
    text = page(agreements, family=family, strategies=strategies, seeds=seeds)
    write_whole(folder / PAGE, text)
    return folder / PAGE


def read_fidelity(folder: Path) -> Study:
    """Return what `write_fidelity` wrote into a folder.

    Raises:
        DataNotFound: it has written nothing there.
        DamagedInput: the file of numbers is damaged.
    """
    path = folder / NUMBERS
    try:
        found = json.loads(path.read_text("utf-8"))
        if found["format"] != _FORMAT:
            raise ValueError(f"its format is {found['format']!r}, not {_FORMAT!r}")
        study = Study(
            tuple(_agreement(one) for one in found["agreements"]),
            str(found["family"]),
            int(found["strategies"]),
            int(found["seeds"]),
        )
        last = max(one.evaluations for one in study.agreements)
        for name in dict.fromkeys(one.benchmark for one in study.agreements):
            mine = [one for one in study.agreements if one.benchmark == name]
            own = [one.train for one in mine if one.evaluations == last]
            if own.count(None) != 1 or len(own) < 2:
                raise ValueError(f"of {name} at {last} it has not both the table's halves and fits")
    except (FileNotFoundError, NotADirectoryError):
        raise DataNotFound(
            f"{folder} has no {NUMBERS}: name a folder that `nasbench surrogate fidelity` wrote, "
            "or ask it the same again, which makes what is missing"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DamagedInput(
            f"{path} is damaged ({what}): ask `nasbench surrogate fidelity` the same again"
        ) from None
    return study


def _agreement(given: dict[str, Any]) -> Agreement:
    """Return what a file says of one benchmark, fit and length.

    Raises:
        KeyError, TypeError, ValueError: it says something else.
    """
    train, trial, kendall = (given[name] for name in ("train", "trial", "kendall"))
    return Agreement(
        benchmark=str(given["benchmark"]),
        train=None if train is None else int(train),
        trial=None if trial is None else int(trial),
        evaluations=int(given["evaluations"]),
        ranking=float(given["ranking"]),
        anytime=float(given["anytime"]),
        gap=float(given["gap"]),
        kendall=None if kendall is None else float(kendall),
    )


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


def _table(agreements: Sequence[Agreement]) -> str:
    head, *lines = rows(agreements)
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, ["---"] * len(head), *lines])


def rows(agreements: Sequence[Agreement]) -> list[list[str]]:
    """Return the head of a benchmark's table, and then a row a size of sample."""
    lengths = list(dict.fromkeys(one.evaluations for one in agreements))
    head = ["fitted to", "τ of predictions"]
    for length in lengths:
        head += [f"τ of strategies at {length}", f"along the way to {length}"]
    head.append(f"gap at {lengths[-1]}")
    lines = [head]
    for train in dict.fromkeys(one.train for one in agreements):
        mine = [one for one in agreements if one.train == train]
        known = [one.kendall for one in mine if one.kendall is not None]
        cells = ["the table itself" if train is None else f"{train:,}"]
        cells.append(_spread(known) if known else words.DASH)
        for length in lengths:
            now = [one for one in mine if one.evaluations == length]
            cells += [_spread([one.ranking for one in now]), _spread([one.anytime for one in now])]
        cells.append(_spread([one.gap for one in mine if one.evaluations == lengths[-1]]))
        lines.append(cells)
    return lines


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
    check_drawing(WHAT)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(one.benchmark for one in agreements))
    last = max(one.evaluations for one in agreements)
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(3.1 * len(names), 2.8), layout="constrained")
        axes = drawing.subplots(1, len(names), squeeze=False, sharey=True)[0]
        for axis, name in zip(axes, names, strict=True):
            mine = [one for one in agreements if one.benchmark == name and one.evaluations == last]
            (halves,) = (one.ranking for one in mine if one.train is None)
            sizes = sorted({one.train for one in mine if one.train is not None})
            taus = [[one.ranking for one in mine if one.train == size] for size in sizes]
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
        # Beside the panels, since a line may go anywhere within them.
        handles, labels = axes[0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
        return svg_of(drawing)
