"""Many runs: strategies x benchmarks x seeds, in a folder that can be completed later.

The same question asked again of the same folder makes only the runs that are missing. Runs are made
wherever an executor makes them; this process alone writes, so that others need not see the folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nasbench_suite import benchmarks as answers
from nasbench_suite import registry
from nasbench_suite.benchmarks import Source
from nasbench_suite.core import (
    Budget,
    BudgetTooSmall,
    InvalidSetting,
    OutputError,
    UnknownName,
    shown,
    whole,
)
from nasbench_suite.executors import Inline, processes
from nasbench_suite.experiments.experiment import FILE, OVERHEAD, Experiment
from nasbench_suite.experiments.making import Task, elsewhere, examine, failures, made
from nasbench_suite.experiments.run import check_seed, prepare
from nasbench_suite.files import write_whole
from nasbench_suite.registry import Named
from nasbench_suite.settings import at_least, between

if TYPE_CHECKING:
    from nasbench_suite.benchmarks.live import Live

PATIENCE: Final = 3600.0
"""The seconds for which no run may end before those under way count as hanging."""
LIVE_PATIENCE: Final = 24 * 3600.0
"""The same where runs train."""
_LONGEST: Final = 1e9
_MOST: Final = 1_000_000
"""How many seeds may be asked for: more are a slip of the hand."""


def compare(
    benchmarks: Sequence[str],
    strategies: Sequence[str],
    *,
    budget: Budget,
    seeds: int | Sequence[int],
    out: Path | str,
    protocol: str = "standard",
    settings: Mapping[str, Mapping[str, Any] | str] | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    patience: float | None = None,
    progress: Callable[[int, int], None] | None = None,
    source: Source = "auto",
    live: Live | None = None,
) -> Experiment:
    """Run every strategy on every benchmark with every seed, and leave the logs in `out`.

    Runs that are there already are not made again, so an interrupted comparison goes on. A run
    that fails does not keep the others from being made.

    Args:
        benchmarks: ids such as `nasbench201/cifar10`.
        strategies: registered names, or `path/to/mine.py:MyStrategy`.
        budget: of each run.
        seeds: how many runs, whose seeds count from 0; or the seeds themselves.
        out: a new folder, or one with the same comparison.
        protocol: what searches may see and pay.
        settings: of each strategy that does not take its defaults, or the name of its preset.
        workers: how many trials each run has in flight on the simulated clock.
        executor: where runs are made; see `executors`. Left out, it is this process, or, for a
            strategy in a user's file, another one, which cannot take this one with it.
        patience: if no run ends for so many real seconds, those under way count as hanging, and
            no further one of their strategies is tried: an hour, or a day where runs train. A
            strategy that hangs in this very process cannot be noticed.
        progress: called with the runs done and the runs in all, before the first and after each.
        source: where answers come from, as in `load`.
        live: how a live benchmark trains. Trainings are kept in `out`, and none is made twice.

    Raises:
        UnknownName, InvalidSetting: something is asked for that is not there.
        FaultyStrategy: a user's file cannot be run.
        DamagedTable: a benchmark's data are not what its card says.
        OutputError: `out` holds something else, or cannot be written.
        BudgetTooSmall: a run has no room for its first trial; nothing was made.
        FailedRuns: some runs were not made; the message says which and why.
    """
    settings = settings or {}
    numbers = _seeds(seeds)
    _check_names(benchmarks, strategies, settings)
    _check_surroundings(out, executor)
    at_least("workers", workers, 1)
    if patience is None:
        patience = LIVE_PATIENCE if source == "live" else PATIENCE
    between("patience", patience, 0, _LONGEST)
    own_code = [name for name in strategies if registry.is_file(name)]
    _check_folders(own_code)
    if source == "live":
        live = live or _live()
    loaded = {name: answers.load(name, source, live) for name in benchmarks}
    for benchmark in loaded.values():
        answers.verify(benchmark)
    with _where(executor, own_code=bool(own_code)) as pool:
        named: dict[str, Named] = {}
        complete: dict[str, dict[str, Any]] = {}
        for name, benchmark in loaded.items():
            for strategy in strategies:
                asked = protocol, budget, strategy, settings.get(strategy)
                if strategy in own_code:
                    found, own = elsewhere(
                        pool, patience, strategy, examine, name, source, live, *asked
                    )
                else:
                    _, found, own = prepare(benchmark, *asked)
                named[found.name], complete[found.name] = found, own
        if len(named) < len(strategies):
            raise InvalidSetting("a strategy is named twice, or two files or classes are alike")
        experiment = Experiment(
            folder=Path(out),
            benchmarks=tuple(benchmarks),
            strategies=complete,
            code={name: found.code for name, found in named.items() if found.code is not None},
            seeds=numbers,
            budget=budget,
            workers=workers,
            protocol=protocol,
            data={name: benchmark.data for name, benchmark in loaded.items()},
            source=source,
            live=live,
        )
        experiment.check_folder()
        tasks = _tasks(experiment, {name: found.address for name, found in named.items()})
        _carry_out(experiment, tasks, pool, patience, progress)
    return experiment


def _carry_out(
    experiment: Experiment,
    tasks: Sequence[Task],
    pool: Executor,
    patience: float,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Make the runs that are missing.

    Raises:
        BudgetTooSmall: a run has no room for its first trial; nothing was made.
        FailedRuns: some runs were not made, after all the others were.
    """
    todo = [task for task in tasks if not _path(experiment, task).exists()]
    done = len(tasks) - len(todo)
    if experiment.live is None:
        _check_budget(todo, pool, patience)
    else:
        # Trainings come before the first run is whole, and must not lie there unexplained.
        write_whole(experiment.folder / FILE, experiment.to_json())
    if progress is not None:
        progress(done, len(tasks))
    failed = []
    for outcome in made(todo, pool, patience):
        if outcome.fault is not None:
            failed.append(outcome)
            continue
        if not (experiment.folder / FILE).is_file():
            write_whole(experiment.folder / FILE, experiment.to_json())
        log, overhead = outcome.done
        write_whole(_path(experiment, outcome.task), log)
        _note(experiment, outcome.task, overhead)
        done += 1
        if progress is not None:
            progress(done, len(tasks))
    if failed:
        raise failures(failed, len(tasks))


def _check_budget(todo: Sequence[Task], pool: Executor, patience: float) -> None:
    """See that each run has room for its first trial; better said before anything is written.

    What a user's own strategy asks first is not tried out: it may do anything.

    Raises:
        BudgetTooSmall: one has none.
    """
    first = [
        task._replace(budget=replace(task.budget, evaluations=task.workers, real_seconds=None))
        for task in todo
        if (task.budget.seconds is not None or task.budget.epochs is not None) and task.code is None
    ]
    small = [o for o in made(first, pool, patience) if isinstance(o.fault, BudgetTooSmall)]
    if small:
        raise BudgetTooSmall(
            f"{small[0].fault} ({small[0].task}; so it is for {len(small):,} of {len(todo):,} runs)"
        )


def _tasks(experiment: Experiment, addresses: Mapping[str, str]) -> list[Task]:
    """Return all runs of an experiment.

    Seeds are outermost: what is there after a while is of all strategies, and so is the time left.
    """
    return [
        Task(
            benchmark=benchmark,
            data=experiment.data[benchmark],
            strategy=strategy,
            address=addresses[strategy],
            code=experiment.code.get(strategy),
            settings=settings,
            seed=seed,
            budget=experiment.budget,
            workers=experiment.workers,
            protocol=experiment.protocol,
            source=experiment.source,
            live=experiment.live_of(benchmark),
        )
        for seed in experiment.seeds
        for benchmark in experiment.benchmarks
        for strategy, settings in experiment.strategies.items()
    ]


def _live() -> Live:
    from nasbench_suite.benchmarks.live import Live

    return Live()


@contextmanager
def _where(executor: Executor | None, *, own_code: bool) -> Iterator[Executor]:
    """Yield where runs are made: a user's own code not in this process, unless asked for."""
    if executor is not None:
        yield executor
    elif own_code:
        with processes(1) as pool:
            yield pool
    else:
        yield Inline()


def _path(experiment: Experiment, task: Task) -> Path:
    return experiment.path(task.benchmark, task.strategy, task.seed)


def _note(experiment: Experiment, task: Task, overhead: float) -> None:
    """Note the real seconds of a strategy.

    Raises:
        OutputError: they cannot be written.
    """
    line = json.dumps([task.benchmark, task.strategy, task.seed, round(overhead, 6)])
    path = experiment.folder / OVERHEAD
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from None


def _seeds(given: Any) -> tuple[int, ...]:
    """Return the seeds that are asked for.

    Raises:
        InvalidSetting: there are none, too many, one twice, or one that is no seed.
    """
    count = whole(given)
    if count is None:
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise InvalidSetting(f"seeds are {shown(given)}: give their number, or a list of them")
        given = list(islice(given, _MOST + 1))
        count = len(given)
    else:
        at_least("seeds", count, 1)
        given = range(min(count, _MOST))
    if count > _MOST:
        raise InvalidSetting(f"{shown(count)} seeds: at most {_MOST:,} can be asked for")
    found = tuple(map(check_seed, given))
    if not found or len(set(found)) < len(found):
        raise InvalidSetting("name at least one seed, and each once")
    return found


def _check_surroundings(out: Any, executor: Any) -> None:
    """See that where runs are made and kept can be that.

    Raises:
        InvalidSetting: it cannot.
    """
    if not isinstance(out, Path | str) or "\0" in str(out):
        raise InvalidSetting(f"out is {shown(out)}: it is the path of a folder")
    if not isinstance(executor, Executor | None):
        raise InvalidSetting(f"executor is {shown(executor)}: it is a concurrent.futures.Executor")


def _check_folders(own_code: Sequence[str]) -> None:
    """See that users' files lie together.

    What lies beside a file can be imported, and two folders may hold different things of one name.

    Raises:
        InvalidSetting: they do not.
    """
    folders = {Path(name).expanduser().resolve().parent for name in own_code}
    if len(folders) > 1:
        listed = " and ".join(sorted(map(str, folders)))
        raise InvalidSetting(f"strategies lie in {listed}: put their files into one folder")


def _check_names(benchmarks: Any, strategies: Any, settings: Any) -> None:
    """See that names are lists of names, each once, and settings are of strategies among them.

    Raises:
        InvalidSetting, UnknownName: they are not.
    """
    for what, given in (("benchmark", benchmarks), ("strategy", strategies)):
        listed = isinstance(given, Sequence) and not isinstance(given, str)
        if not listed or not all(isinstance(name, str) for name in given):
            raise InvalidSetting(f"{what}: {shown(given)} is not a list of names")
        if not given or len(set(given)) < len(given):
            raise InvalidSetting(f"name at least one {what}, and each once")
    if not isinstance(settings, Mapping):
        raise InvalidSetting(f"settings are {shown(settings)}: they are a mapping by strategy")
    for name in settings:
        if name not in strategies:
            raise UnknownName("strategy", name, strategies, " in this comparison")
