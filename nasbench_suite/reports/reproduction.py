"""The page that sets the suite's results beside those that NATS-Bench published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nasbench_suite.campaigns.reproduction import SPREAD, Row
from nasbench_suite.reports import words

_TITLE: Final = "# NATS-Bench's searches, repeated\n"
_TEXT: Final = """
Dong et al., "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI
2021, publish the test accuracy of what their searches find in the topology space within a budget
of simulated seconds, as mean ± standard deviation over 500 runs. Here are the same strategies with
their settings on the table `nasbench201`, under the protocol `standard`. This page is written by

    nasbench reproduce --out DIR
"""
_VERDICTS: Final = {True: "yes", False: "NO", None: "one run"}
_DIFFERENCES: Final = """
What differs from the published searches, and what that changes:

- NATS-Bench shows a search the validation accuracy after 12 epochs of one training drawn at random,
  and the suite the value that its table holds, which for CIFAR-10 is the mean of two trainings. A
  mean has less noise, so that a search errs a little less often.
- NATS-Bench adds the time of validation to what an evaluation costs, and the suite charges the
  seconds of training alone, so that a few more evaluations fit into the budget.
- NATS-Bench mutates a cell at a node drawn first and an edge of that node drawn second, which
  favours the first edge; the suite draws among all edges alike.
"""


def reproduction_page(rows: Sequence[Row]) -> str:
    """Return the page as Markdown."""
    runs = rows[0].score.runs
    head = "benchmark | budget, s | strategy | evaluations | published | here | difference | within"
    lines = [f"| {head} |", "|" + " --- |" * 8]
    for row in rows:
        mean, std = row.published
        cells = (
            row.task.benchmark,
            f"{row.task.seconds:,.0f}",
            f"`{row.score.strategy}`",
            f"{row.score.evaluations:.0f}",
            f"{mean:.2f} ± {std:.2f}",
            f"{row.score.mean:.2f} ± {words.number(row.score.std, 2)}",
            f"{row.score.mean - mean:+.2f}",
            _VERDICTS[row.within],
        )
        lines.append(f"| {' | '.join(cells)} |")
    limits = {row.task.benchmark.partition("/")[2]: row.task.tolerance for row in rows}
    allowed = ", ".join(f"{limit:.2f} on {task}" for task, limit in limits.items())
    note = (
        f"{words.plural(runs, 'run')} of each, with seeds from 0. "
        "Within: the means differ by at most\n"
        f"{allowed} points,\nand the standard deviations by at most {SPREAD:.0%} of the published "
        "one.\n"
    )
    return "\n".join([_TITLE.rstrip(), _TEXT, *lines, "", note]) + _DIFFERENCES
