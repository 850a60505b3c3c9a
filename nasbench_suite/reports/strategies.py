"""The page of all strategies: what each is, its settings, and its curve beside random search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from nasbench_suite.campaigns.strategies import UNLEARNED, Outcome, Panel, Portrait
from nasbench_suite.files import write_whole
from nasbench_suite.reports import words
from nasbench_suite.reports.drawings import check_drawing, svg_of
from nasbench_suite.scoring.curves import Curve
from nasbench_suite.scoring.scores import Score
from nasbench_suite.scoring.summary import CHANCE

PAGE: Final = "strategies.md"
FIGURES: Final = "strategies"
WHAT: Final = "the page of strategies"
"""What a message calls it."""

# Told apart by colour-blind readers, on white (Wong, Nature Methods 2011).
_OURS: Final = "#0072b2"
_CHANCE: Final = "#666666"
_UNLEARNED: Final = "#d55e00"
_EARLY: Final = 0.1
_OFF: Final = "learning switched off"


def write_strategies(portraits: Sequence[Portrait], folder: Path) -> Path:
    """Write the page `strategies.md` and its figures into a folder, and return the page.

    Raises:
        MissingExtra: matplotlib is not installed.
        OutputError: a file cannot be written.
    """
    for portrait in portraits:
        write_whole(folder / FIGURES / f"{portrait.file}.svg", figure(portrait))
    write_whole(folder / PAGE, strategies_page(portraits))
    return folder / PAGE


def strategies_page(portraits: Sequence[Portrait]) -> str:
    """Return the page as Markdown."""
    runs = portraits[0].panels[0].reached.score.runs
    shown = f"as mean over {runs} runs with its 95 % interval" if runs > 1 else "in a single run"
    parts = [
        "# Search strategies\n",
        "What each strategy is, how it is set, and how it fares beside random search on the tasks "
        "of NAS-Bench-201. A search sees validation accuracy; shown is the test accuracy after 200 "
        f"epochs of what it would name, {shown}. "
        "Under `standard` all spend the same evaluations, under `multi_fidelity` the same "
        "simulated seconds. A trial's time is the strategy's own, to ask and to be told. "
        "`nasbench portray` writes this page.\n",
    ]
    for protocol in dict.fromkeys(portrait.protocol for portrait in portraits):
        parts += [f"## Under `{protocol}`\n", _overview(portraits, protocol)]
    return "\n".join(parts + [_section(portrait) for portrait in portraits])


def _overview(portraits: Sequence[Portrait], protocol: str) -> str:
    shown = [portrait for portrait in portraits if portrait.protocol == protocol]
    tasks = [panel.benchmark for panel in shown[0].panels]
    rows = [("strategy", *tasks, "a trial"), ("---",) * (len(tasks) + 2)]
    if protocol != "standard":
        chance = (_result(panel.chance.score) for panel in shown[0].panels)
        rows.append((f"`{CHANCE}`", *chance, words.DASH))
    for portrait in shown:
        results = (_result(panel.reached.score) for panel in portrait.panels)
        rows.append((f"`{portrait.name}`", *results, _time(portrait.overhead)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _result(score: Score) -> str:
    reach = (score.ci_high - score.ci_low) / 2
    return f"{score.mean:.2f}" + ("" if math.isnan(reach) else f" ± {reach:.2f}")


def _time(seconds: float) -> str:
    """Return a short time with two digits."""
    unit, length = ("ms", 1e-3) if seconds >= 1e-3 else ("µs", 1e-6)
    return f"{float(f'{seconds / length:.2g}'):g} {unit}"


def _section(portrait: Portrait) -> str:
    title, _, text = portrait.text.partition("\n")
    head = f"**{title}**\n{text}\n\n" if title else ""
    rows = [("setting", "default", *portrait.presets), ("---",) * (2 + len(portrait.presets))]
    for name, value in portrait.settings.items():
        others = (f"`{preset.get(name, value)!r}`" for preset in portrait.presets.values())
        rows.append((f"`{name}`", f"`{value!r}`", *others))
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return (
        f"## {portrait.name}\n\n"
        + head
        + (table if portrait.settings else "It has no settings.\n")
        + _ablation(portrait)
        + f"\n![{portrait.name} beside random search]({FIGURES}/{portrait.file}.svg)\n"
    )


def _ablation(portrait: Portrait) -> str:
    """Return what becomes of a strategy whose learning is switched off, if that was tried."""
    without = [(panel.benchmark, panel.unlearned) for panel in portrait.panels if panel.unlearned]
    if not without:
        return ""
    off = " and ".join(f"`{key}` {value}" for key, value in UNLEARNED[portrait.name].items())
    found = words.listed([f"{_result(outcome.score)} on {task}" for task, outcome in without])
    return f"\nWith its {_OFF} ({off}), all else equal, it reaches {found}.\n"


def figure(portrait: Portrait) -> bytes:
    """Return the curves of a strategy and of random search as SVG, one panel a task.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    check_drawing(WHAT)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = {"svg.hashsalt": "nasbench", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(style):
        drawing = Figure(figsize=(3.1 * len(portrait.panels), 2.9), layout="constrained")
        axes = drawing.subplots(1, len(portrait.panels), squeeze=False)[0]
        for axis, panel in zip(axes, portrait.panels, strict=True):
            _draw(axis, portrait, panel)
        axes[0].set_ylabel(words.axis(portrait.panels[0].metric, None))
        axes[-1].legend(loc="lower right", frameon=False)
        return svg_of(drawing)


def _draw(axis: Any, portrait: Portrait, panel: Panel) -> None:
    title, length = _axis(panel.reached)
    lines = [(CHANCE, panel.chance.curve, _CHANCE, "--")]
    if panel.unlearned is not None:
        lines.append((_OFF, panel.unlearned.curve, _UNLEARNED, "-."))
    if portrait.name != CHANCE:
        lines.append((portrait.name, panel.reached.curve, _OURS, "-"))
    for name, curve, colour, dash in lines:
        late = _late(curve)
        grid = curve.grid[late] / length
        axis.plot(grid, curve.mean[late], dash, color=colour, label=name, linewidth=1.6)
        axis.fill_between(
            grid, curve.low[late], curve.high[late], color=colour, alpha=0.2, linewidth=0
        )
    axis.set_title(panel.benchmark, fontsize=9)
    axis.set_xlabel(title)
    axis.grid(visible=True, color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)


def _axis(reached: Outcome) -> tuple[str, float]:
    """Return the title of what a curve is against, and how long a unit of it is on the grid."""
    if reached.axis != "seconds":
        return {"evaluations": "evaluations", "epochs": "epochs of training"}[reached.axis], 1.0
    unit, length = words.clock(float(reached.curve.grid[-1]))
    return f"simulated time ({unit})", length


def _late(curve: Curve) -> slice:
    """Return the part of a curve after a tenth of the budget: before it, all is steep."""
    return slice(int(_EARLY * len(curve.grid)), None)
