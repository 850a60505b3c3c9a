"""All words and formatted numbers of a report's page; the template only places them.

Here is what was run; what came of it is in `results` and `together`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.benchmarks.live import LiveBenchmark
from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
from nasbench_suite.reports import words
from nasbench_suite.reports.figures import series
from nasbench_suite.reports.notes import notes
from nasbench_suite.reports.results import overview, result
from nasbench_suite.reports.together import spent, together
from nasbench_suite.reports.verified import verified
from nasbench_suite.scoring.summary import Summary
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.store import Table

SHORT: Final = 12
"""How many digits of a sha256 are shown."""


def content(summary: Summary) -> dict[str, Any]:
    """Return what the page says.

    Raises:
        DataNotFound, DamagedTable: the card of a benchmark cannot be read.
        DamagedInput: a verification of the experiment is damaged.
    """
    experiment = summary.experiment
    strategies, names = list(experiment.strategies), list(experiment.benchmarks)
    subject = strategies[0] if len(strategies) == 1 else f"{len(strategies)} search strategies"
    place = names[0] if len(names) == 1 else f"{len(names)} benchmarks"
    known = notes(summary)
    return {
        "title": f"{subject} on {place}",
        "lead": _lead(summary),
        "protocol": experiment.protocol,
        "budget": words.budget(experiment.budget),
        "seeds": words.seeds(experiment.seeds),
        "workers": words.workers(experiment.workers),
        "version": experiment.version,
        "asked": _asked(summary),
        "strategies": [
            {
                "look": look,
                "settings": _settings(experiment.strategies[look.name]),
                "code": experiment.code.get(look.name, "")[:SHORT],
            }
            for look in series(summary)
        ],
        "overview": overview(summary) if len(names) > 1 else None,
        "together": together(summary),
        "results": [result(summary, name, n) for n, name in enumerate(names)],
        "verified": verified(experiment),
        "spent": spent(summary),
        "notes": known,
        "note": {name: number for number, name in enumerate(known, start=1)},
        "alone": len(strategies) == 1,
        "single": len(experiment.seeds) == 1,
        # A mean is the most there can be only if every run made as many.
        "uneven": len(experiment.seeds) > 1
        and any(score.evaluations != experiment.budget.evaluations for score in summary.scores),
        "runs": words.plural(len(experiment.seeds), "run"),
        "numbered": count(1),
        "figured": count(1),
    }


def _lead(summary: Summary) -> str:
    experiment = summary.experiment
    budget = words.budget(experiment.budget)
    # Nothing can follow several limits.
    length = f"each of {budget}" if " or " in budget else f"{budget} a run"
    runs = "One run" if len(experiment.seeds) == 1 else f"{len(experiment.seeds):,} runs"
    things = (
        ("of each strategy", experiment.strategies),
        ("on each benchmark", experiment.benchmarks),
    )
    each = [phrase for phrase, named in things if len(named) > 1]
    if len(experiment.seeds) == 1 and not each:
        return f"One run of {budget}."
    return f"{' '.join([runs, *each])}, {length}."


def _settings(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, json.dumps(value, ensure_ascii=False)) for name, value in settings.items()]


def _asked(summary: Summary) -> list[dict[str, Any]]:
    """Return what was asked of which data; benchmarks asked the same of the same come together."""
    experiment = summary.experiment
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for number, (name, benchmark) in enumerate(experiment.loaded.items()):
        protocol = benchmark.protocol(experiment.protocol)
        report = protocol.report
        said = {
            "data": _data(benchmark),
            "sha256": experiment.data[name][:SHORT],
            "description": protocol.description,
            "sees": _measured(benchmark, protocol.objective, protocol.epochs, protocol.seed),
            "pays": f"its {words.spoken(protocol.cost)}, as simulated time"
            if protocol.cost
            else "1",
            "reported": _measured(benchmark, report.metric, [report.epochs], report.seed),
        }
        group = groups.setdefault(tuple(said.values()), {**said, "benchmarks": []})
        group["benchmarks"].append({"key": f"b{number}", "name": name})
    return list(groups.values())


def _measured(
    benchmark: Benchmark, metric: str, epochs: Sequence[int | None], seed: int | str
) -> str:
    if benchmark.source == "surrogate":
        which = "predicted" if seed == "mean" else f"predicted, with the noise of training {seed}"
    elif benchmark.source == "live":
        which = f"trained, from seed {seed}"
    else:
        which = "mean of the trainings measured" if seed == "mean" else f"training {seed}"
    return f"{words.spoken(metric)}{words.after(epochs)}, {which}"


def _data(benchmark: Benchmark) -> str:
    """Return which data answered."""
    if isinstance(benchmark, SurrogateBenchmark):
        card = benchmark.card
        return f"{card['title']}, version\N{NO-BREAK SPACE}{card['version']}, predicted"
    if isinstance(benchmark, LiveBenchmark):
        return f"networks trained for this by recipe {benchmark.live.recipe.name}"
    if not isinstance(benchmark, Table):
        return benchmark.source
    card = read_card(benchmark.folder)
    return f"{card['title']}, version\N{NO-BREAK SPACE}{card['version']}"
