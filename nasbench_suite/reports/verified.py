"""What training gave, beside what was promised: rows for a terminal, and a part of a report."""

from __future__ import annotations

import math
from typing import Any, Final

from nasbench_suite.campaigns.verifying import (
    FOLDER,
    RESULT,
    Verdict,
    Verification,
    read_verification,
)
from nasbench_suite.experiments.experiment import Experiment
from nasbench_suite.reports import words

_DECIMALS: Final = 2
"""Of accuracies in %."""
_SOURCES: Final = {"table": "Measured", "surrogate": "Predicted", "live": "Trained before"}
_COLUMNS: Final = {
    "measured": "measured",
    "predicted": "predicted",
    # What is trained now has a column, too.
    "trained": "trained_before",
}
_WORDS: Final = {True: "yes", False: "no", None: words.DASH}


def rows(found: Verification) -> list[dict[str, Any]]:
    """Return a row an architecture, as a table's columns by name; None for what is not known."""
    return [
        {
            "architecture": verdict.architecture,
            _COLUMNS[verdict.promise.source]: _known(verdict.promise.mean),
            "trained": _known(verdict.mean),
            "ci_low": _known(verdict.low),
            "ci_high": _known(verdict.high),
            "trainings": len(verdict.trained),
            "difference": _known(verdict.difference),
            "allowed": _known(verdict.reach),
            "agrees": verdict.agrees,
        }
        for verdict in found.verdicts
    ]


def summary(found: Verification) -> str:
    """Return in a sentence what became of all."""
    told = [verdict.agrees for verdict in found.verdicts]
    if found.why_not is not None:
        return f"They cannot be compared: {found.why_not}."
    unknown = told.count(None)
    if unknown == len(told):
        return "Nobody knows how such trainings scatter, or all failed: train from more seeds."
    text = f"{told.count(True):,} of {len(told):,} agree with what was promised"
    return f"{text}, and of {unknown:,} nothing can be said." if unknown else f"{text}."


def verified(experiment: Experiment) -> list[dict[str, Any]]:
    """Return what the page says of each verification that lies in an experiment's folder.

    Raises:
        DamagedInput: one is damaged.
    """
    found = []
    for name in experiment.benchmarks:
        path = experiment.folder / FOLDER / name / RESULT
        if path.is_file():
            found.append(_section(read_verification(path)))
    return found


def _section(found: Verification) -> dict[str, Any]:
    trained = words.plural(len(found.seeds), "training")
    return {
        "name": found.benchmark,
        "metric": words.spoken(found.metric),
        "unit": found.unit,
        "source": _SOURCES.get(found.source, "Trained before"),
        "how": f"{trained} of each by recipe {found.recipe}, {found.trained_epochs:,} epochs",
        "sha256": found.recipe_sha256[:12],
        "deviation": ""
        if math.isnan(found.deviation)
        else words.number(found.deviation, _DECIMALS),
        "summary": summary(found),
        "machines": list(found.machines),
        "rows": [_row(verdict) for verdict in found.verdicts],
    }


def _row(verdict: Verdict) -> dict[str, str]:
    std = verdict.promise.std
    promised = words.number(verdict.promise.mean, _DECIMALS)
    return {
        "architecture": verdict.architecture,
        "promised": promised if math.isnan(std) else f"{promised} ± {words.number(std, _DECIMALS)}",
        "trained": words.number(verdict.mean, _DECIMALS),
        "interval": words.interval(verdict.low, verdict.high, _DECIMALS),
        "difference": words.number(verdict.difference, _DECIMALS),
        "allowed": words.number(verdict.reach, _DECIMALS),
        "agrees": _WORDS[verdict.agrees],
        "failures": "; ".join(verdict.failures),
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
