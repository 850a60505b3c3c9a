"""Does a surrogate rank search strategies as the truth does?

On a benchmark whose whole table is known, a family is fitted to few architectures, what a search
sees, what it pays and what is reported; the same strategies then search on the predictions and on
the table. Asked is whether the strategies come in the same order, after so many evaluations and all
along the way. Two halves of the table's own runs do not agree wholly either, since runs are few and
strategies alike: that is the most that a surrogate can reach.

`DIR/fidelity.json` says what is asked, `DIR/predicted/` has what was predicted of all
architectures, and `DIR/runs/` what each run reported after each evaluation. The same question asked
again makes only what is missing; more sizes and trials can be added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import kendalltau

from nasbench_suite import registry
from nasbench_suite.benchmarks import load
from nasbench_suite.campaigns.rehearsal import PROTOCOL, Fit, Searches, Source, made
from nasbench_suite.core import (
    Budget,
    DamagedInput,
    Floats,
    InvalidSetting,
)
from nasbench_suite.executors import Inline
from nasbench_suite.experiments.run import VERSION, prepare
from nasbench_suite.experiments.work import outcomes
from nasbench_suite.files import UNREADABLE, alone, ask, write_whole
from nasbench_suite.settings import at_least
from nasbench_suite.surrogates.base import Surrogate

FILE: Final = "fidelity.json"
STRATEGIES: Final = (
    "bananas",
    "distribution_pruning",
    "edge_bandits",
    "local_search",
    "optuna",
    "progressive",
    "q_learning",
    "random_search",
    "regularized_evolution",
    "reinforce",
)
_PATIENCE: Final = 24 * 3600.0
_FROM: Final = 0.1
"""Along the way means from this part of the budget on: before it, all is chance."""

Progress = Callable[[int, int], None]
"""Is told how many fits and searches are done, of how many."""


@dataclass(frozen=True)
class Agreement:
    """How alike two sources of truth rank the strategies."""

    benchmark: str
    train: int | None
    """How many architectures the surrogate was fitted to; None for the other half of the table's
    own runs."""
    trial: int | None
    """The number of the fit; None for the table."""
    evaluations: int
    ranking: float
    """Kendall's τ of the strategies' mean results after so many evaluations."""
    anytime: float
    """The mean of that τ after each number of evaluations, from a tenth of these on."""
    gap: float
    """By how much the mean results differ, on average over strategies, in the metric's unit."""
    kendall: float | None
    """Of the reported metric as predicted, of all architectures that were not fitted."""


def fidelity(
    benchmarks: Sequence[str],
    *,
    out: Path,
    family: str = "stacked",
    settings: Mapping[str, Any] | str | None = None,
    train: Sequence[int] = (100, 300, 1000, 3000),
    trials: int = 2,
    strategies: Sequence[str] = STRATEGIES,
    seeds: int = 200,
    evaluations: int = 200,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[Agreement]:
    """Compare how strategies rank on predictions and on the table.

    Args:
        benchmarks: ids of tables that cover their spaces.
        out: a folder, which gets every fit and every search; what it holds is not made again.
        family: of surrogates.
        settings: of the family, or the name of a preset.
        train: to how many architectures it is fitted, each size once.
        trials: how often each.
        strategies: of the protocol `standard`, at least three.
        seeds: runs of each strategy, an even number: the halves of them are compared.
        evaluations: of each run.
        executor: makes fits and searches; by default this process.
        progress: called at the start and after each.

    Returns:
        For each benchmark and for half and all of the evaluations, the table's own halves, and then
        each fit.

    Raises:
        UnknownName: there is no such benchmark, family, setting or strategy.
        InvalidSetting: a table does not cover its space or is smaller than what is to be fitted, a
            setting is out of range, or the folder is of another question.
        OutputError, DamagedInput: the folder cannot be written, or holds what is no result.
        FailedRuns: the executor is gone.
    """
    kind: type[Surrogate] = registry.load_class("surrogates", family)
    complete = kind.settings(settings)
    at_least("seeds", seeds, 4)
    at_least("evaluations", evaluations, 2)
    at_least("trials", trials, 1)
    if seeds % 2 or evaluations % 2:
        raise InvalidSetting(
            f"{seeds} seeds and {evaluations} evaluations: give even numbers, half of them is "
            "compared too"
        )
    if len(set(strategies)) < max(3, len(strategies)):
        raise InvalidSetting("name at least three strategies, and each once: few have no order")
    if any(not names or len(set(names)) < len(names) for names in (train, benchmarks)):
        raise InvalidSetting("name at least one benchmark and one training size, and each once")
    for name in benchmarks:
        table = load(name, "table")
        kind(table.space, **complete)
        for strategy in strategies:
            prepare(table, PROTOCOL, Budget(evaluations=evaluations), strategy, None)
        if max(train) > table.rows - 2:
            raise InvalidSetting(f"training on {max(train):,}: {name} has {table.rows:,} in all")
    fits = [Source(b, size, trial) for b in benchmarks for size in train for trial in range(trials)]
    sources = [*(Source(name, None, None) for name in benchmarks), *fits]
    with alone(out):
        asked = {"family": family, "settings": complete, "seeds": seeds, "version": VERSION}
        # Of users' files, which may have changed; none where all are the suite's own.
        named = {name: registry.find("strategies", name).code for name in strategies}
        code = {name: digest for name, digest in named.items() if digest is not None} or None
        ask(out / FILE, {**asked, "evaluations": evaluations, "code": code})
        predicted = (out / "predicted").absolute()
        paths = {
            (source, name): out / "runs" / f"{source.stem}-{_file(name)}.npy"
            for source in sources
            for name in strategies
        }
        todo: list[Fit | Searches] = [
            Fit(source, family, complete)
            for source in fits
            if not (predicted / f"{source.stem}.npz").is_file()
        ]
        searches = [
            Searches(source, name, seeds, evaluations, predicted)
            for (source, name), path in paths.items()
            if not path.is_file()
        ]
        count = len(fits) + len(paths)
        done = count - len(todo) - len(searches)
        if progress is not None:
            progress(done, count)
        pool = Inline() if executor is None else executor
        for tasks in (todo, searches):
            for outcome in outcomes(tasks, made, pool, patience=_PATIENCE):
                task = outcome.task
                path = (
                    predicted / f"{task.source.stem}.npz"
                    if isinstance(task, Fit)
                    else paths[task.source, task.strategy]
                )
                write_whole(path, outcome.done)
                done += 1
                if progress is not None:
                    progress(done, count)
        return [
            agreement
            for name in benchmarks
            for agreement in _agreements(
                name, fits, strategies, paths, predicted, seeds, evaluations
            )
        ]


def _agreements(
    name: str,
    fits: Sequence[Source],
    strategies: Sequence[str],
    paths: Mapping[tuple[Source, str], Path],
    predicted: Path,
    seeds: int,
    evaluations: int,
) -> Iterator[Agreement]:
    """Yield how alike the strategies rank on one benchmark."""
    table = load(name, "table")
    direction = table.metrics[table.protocol(PROTOCOL).report.metric].direction
    sign = -1.0 if direction == "min" else 1.0

    def halves(source: Source) -> tuple[Floats, Floats]:
        """Return the means of each half of the runs, (strategies, evaluations) each."""
        runs = np.stack([_read(paths[source, one], seeds, evaluations) for one in strategies])
        middle = runs.shape[1] // 2
        return runs[:, :middle].mean(axis=1), runs[:, middle:].mean(axis=1)

    truth = halves(Source(name, None, None))
    rows: list[tuple[Source, Floats, float | None]] = [(Source(name, None, None), truth[0], None)]
    for source in fits:
        if source.benchmark == name:
            rows.append((source, halves(source)[0], _kendall(predicted / f"{source.stem}.npz")))
    for length in (evaluations // 2, evaluations):
        along = range(max(1, round(_FROM * length)) - 1, length)
        for source, mine, known in rows:
            # The same half of the table for all, of seeds that none of the others has.
            taus = [_tau(sign * mine[:, at], sign * truth[1][:, at]) for at in along]
            apart = mine[:, length - 1] - truth[1][:, length - 1]
            yield Agreement(
                benchmark=name,
                train=source.train,
                trial=source.trial,
                evaluations=length,
                ranking=taus[-1],
                anytime=float(np.mean(taus)),
                gap=float(np.mean(np.abs(apart))),
                kendall=known,
            )


def _tau(one: Floats, other: Floats) -> float:
    found = float(kendalltau(one, other).statistic)
    # Where all are equal there is no order to agree on.
    return 0.0 if np.isnan(found) else found


def _read(path: Path, seeds: int, evaluations: int) -> Floats:
    """Return the runs of a file.

    Raises:
        DamagedInput: it holds none.
    """
    try:
        found: Floats = np.load(path)
        if found.shape != (seeds, evaluations) or found.dtype.kind != "f":
            raise ValueError(f"it holds {found.shape} values of type {found.dtype}")
        if np.isnan(found).any():
            raise ValueError("it holds values that are no numbers")
    except (OSError, *UNREADABLE) as error:
        raise _damaged(path, error) from None
    return found


def _kendall(path: Path) -> float:
    """Return how well a kept fit ranks architectures.

    Raises:
        DamagedInput: the file holds no fit.
    """
    try:
        # numpy leaves a file open that it cannot read.
        with path.open("rb") as raw, np.load(raw) as file:
            return float(file["kendall"])
    except (OSError, KeyError, *UNREADABLE) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> DamagedInput:
    return DamagedInput(f"{path} is damaged ({error}): remove it, and ask again")


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name)
