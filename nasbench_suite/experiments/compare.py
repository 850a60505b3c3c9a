"""Many runs: strategies x benchmarks x seeds, in a folder that can be completed later.

The same question asked again of the same folder makes only the runs that are missing. Runs are made
wherever an executor makes them; this process alone writes, so that others need not see the folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
)
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

from nasbench_suite import benchmarks as source
from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import (
    Budget,
    DamagedTable,
    FailedRuns,
    FaultyStrategy,
    InvalidSetting,
    NasbenchError,
    OutputError,
    UnknownName,
    shown,
    whole,
)
from nasbench_suite.executors import Inline, processes
from nasbench_suite.experiments import log
from nasbench_suite.experiments.experiment import FILE, OVERHEAD, Experiment
from nasbench_suite.experiments.run import check_seed, prepare, run
from nasbench_suite.files import write_whole
from nasbench_suite.settings import above, at_least

PATIENCE: Final = 3600.0
"""The seconds for which no run may end before those under way count as hanging."""
_MOST: Final = 1_000_000
"""How many seeds may be asked for: more are a slip of the hand."""
_AHEAD: Final = 1000
"""How many runs are submitted ahead of what has ended, enough for a large cluster."""
_SHOWN: Final = 3
"""How many failures a message has in full."""


class Task(NamedTuple):
    """A run to be made, as any process can be told of it."""

    benchmark: str
    data: str
    strategy: str
    """What the comparison calls it."""
    address: str
    """With what the registry finds it."""
    code: str | None
    """The sha256 of the file, of a user's own strategy."""
    settings: Mapping[str, Any]
    seed: int
    budget: Budget
    workers: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.strategy} on {self.benchmark}, seed {self.seed}"


def make(task: Task) -> tuple[str, float]:
    """Make a run, and return its log and the real seconds that the strategy took.

    Raises:
        DamagedTable: the data here are not those that the comparison is about.
        FaultyStrategy, InvalidArchitecture, InvalidSetting: see `run`.
    """
    benchmark = _loaded(task.benchmark, task.data)
    if benchmark.data != task.data:
        raise DamagedTable(
            f"the data of {task.benchmark} differ between machines (sha256 {task.data[:12]}… and "
            f"{benchmark.data[:12]}…): install the same version on all"
        )
    made = run(
        task.address,
        benchmark,
        budget=task.budget,
        seed=task.seed,
        protocol=task.protocol,
        settings=task.settings,
        workers=task.workers,
    )
    if made.code != task.code:
        raise FaultyStrategy(f"{task.address} is another file than when the comparison began")
    return log.dump(made, benchmark.space), made.overhead


@lru_cache(maxsize=16)
def _loaded(benchmark: str, data: str) -> Benchmark:
    """Return a benchmark that stays open for the next run in this process, while data are these."""
    return source.load(benchmark)


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
    patience: float = PATIENCE,
    progress: Callable[[int, int], None] | None = None,
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
        patience: if no run ends for so many real seconds, those under way count as hanging. A
            strategy that hangs in this very process cannot be noticed.
        progress: called with the runs done and the runs in all, before the first and after each.

    Raises:
        UnknownName, InvalidSetting: something is asked for that is not there.
        FaultyStrategy: a user's file cannot be run.
        DamagedTable: a benchmark's data are not what its card says.
        OutputError: `out` holds something else, or cannot be written.
        FailedRuns: some runs were not made; the message says which and why.
    """
    settings = settings or {}
    numbers = _seeds(seeds)
    _check_names(benchmarks, strategies, settings)
    _check_surroundings(out, executor)
    at_least("workers", workers, 1)
    above("patience", patience, 0)
    loaded = {name: source.load(name) for name in benchmarks}
    for benchmark in loaded.values():
        source.verify(benchmark)
    asked = [
        prepare(benchmark, protocol, budget, strategy, settings.get(strategy))
        for benchmark in loaded.values()
        for strategy in strategies
    ]
    named = {found.name: found for _, found, _ in asked}
    if len(named) < len(strategies):
        raise InvalidSetting("two strategies have the same name: rename a file or class")
    experiment = Experiment(
        folder=Path(out),
        benchmarks=tuple(benchmarks),
        strategies={found.name: complete for _, found, complete in asked},
        code={name: found.code for name, found in named.items() if found.code is not None},
        seeds=numbers,
        budget=budget,
        workers=workers,
        protocol=protocol,
        data={name: benchmark.data for name, benchmark in loaded.items()},
    )
    experiment.check_folder()
    tasks = _tasks(experiment, {name: found.address for name, found in named.items()})
    todo = [task for task in tasks if not _path(experiment, task).exists()]
    done = len(tasks) - len(todo)
    with _where(executor, own_code=bool(experiment.code and todo)) as pool:
        if budget.seconds is not None:
            # Each run must have room for its first trial; better said before anything is written.
            first = Budget(evaluations=1, seconds=budget.seconds)
            for _ in _made([task._replace(budget=first) for task in todo], pool, patience):
                pass
        if progress is not None:
            progress(done, len(tasks))
        for task, (text, overhead) in _made(todo, pool, patience):
            if not (experiment.folder / FILE).is_file():
                write_whole(experiment.folder / FILE, experiment.to_json())
            write_whole(_path(experiment, task), text)
            _note(experiment, task, overhead)
            done += 1
            if progress is not None:
                progress(done, len(tasks))
    return experiment


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
        )
        for seed in experiment.seeds
        for benchmark in experiment.benchmarks
        for strategy, settings in experiment.strategies.items()
    ]


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


def _made(
    tasks: Sequence[Task], executor: Executor, patience: float
) -> Iterator[tuple[Task, tuple[str, float]]]:
    """Yield tasks with what was made of them, in the order in which they end.

    Raises:
        FailedRuns: after all the others, if some failed; at once, if none ends any more.
    """
    ended: SimpleQueue[Future[tuple[str, float]]] = SimpleQueue()
    waiting: dict[Future[tuple[str, float]], Task] = {}
    failed: list[tuple[Task, BaseException]] = []
    ahead = iter(tasks)
    # What runs in this process has ended when it is submitted, and is to be written then.
    most = 1 if isinstance(executor, Inline) else _AHEAD
    try:
        while True:
            for task in islice(ahead, most - len(waiting)):
                future = executor.submit(make, task)
                waiting[future] = task
                future.add_done_callback(ended.put)
            if not waiting:
                break
            try:
                future = ended.get(timeout=patience)
            except Empty:
                begun = [task for future, task in waiting.items() if future.running()]
                raise FailedRuns(
                    f"no run ended for {patience:g} s; under way: "
                    f"{_some(map(str, begun or waiting.values()))}. What was finished is kept; if "
                    "the strategy is only slow, have more patience"
                ) from None
            error = CancelledError() if future.cancelled() else future.exception()
            if isinstance(error, BrokenExecutor | CancelledError):
                # All that wait are lost with it; they are begun in the order of submission.
                lost = "the cluster went away"
                if isinstance(error, BrokenExecutor):
                    lost = "a process died, out of memory or by the strategy's own doing"
                raise FailedRuns(
                    f"{lost}; under way: {_some(map(str, waiting.values()))}. What was finished "
                    "is kept"
                )
            task = waiting.pop(future)
            if error is None:
                yield task, future.result()
            else:
                failed.append((task, error))
    finally:
        # A pool of processes that is then killed stumbles over what was cancelled (Python 3.11).
        if not isinstance(executor, ProcessPoolExecutor):
            for future in waiting:
                future.cancel()
    if failed:
        # A strategy mostly fails in the same way whatever the seed.
        alike: dict[tuple[str, str], list[Task]] = {}
        for task, error in failed:
            alike.setdefault((task.strategy, _reason(error)), []).append(task)
        raise FailedRuns(
            f"{len(failed):,} of {len(tasks):,} runs failed, and the others are kept: "
            + _some(
                f"{first}{f' and {len(more):,} more of its runs' if more else ''}: {reason}"
                for (_, reason), (first, *more) in alike.items()
            )
        )


def _reason(error: BaseException) -> str:
    if isinstance(error, NasbenchError):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory: ask for a smaller budget"
    return f"{type(error).__name__}: {error}"


def _some(words: Iterable[str]) -> str:
    """Return the first of a list in words, and how many more there are."""
    listed = list(words)
    more = len(listed) - _SHOWN
    return "; ".join(listed[:_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")


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
