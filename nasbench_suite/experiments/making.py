"""Runs made by an executor: sent there as plain values, and come back as logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from nasbench_suite import benchmarks as source
from nasbench_suite.benchmarks import Benchmark, Source
from nasbench_suite.core import (
    Budget,
    DamagedTable,
    FailedRuns,
    FaultyStrategy,
    NasbenchError,
    raised,
)
from nasbench_suite.experiments import log
from nasbench_suite.experiments.run import prepare, run
from nasbench_suite.experiments.work import Outcome, outcomes, some
from nasbench_suite.registry import Named

if TYPE_CHECKING:
    from nasbench_suite.benchmarks.live import Live

T = TypeVar("T")


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
    source: Source = "auto"
    live: Live | None = None

    def __str__(self) -> str:
        return f"{self.strategy} on {self.benchmark}, seed {self.seed}"


def make(task: Task) -> tuple[str, float]:
    """Make a run, and return its log and the real seconds that the strategy took.

    Raises:
        DamagedTable: the data here are not those that the comparison is about.
        FaultyStrategy, InvalidArchitecture, InvalidSetting: see `run`. Nothing else is raised,
            since another process could not be told of it.
    """
    benchmark = _loaded(task.benchmark, task.data, task.source, task.live)
    if benchmark.data != task.data:
        raise DamagedTable(
            f"the data of {task.benchmark} differ between machines (sha256 {task.data[:12]}… and "
            f"{benchmark.data[:12]}…): install the same version on all"
        )
    try:
        made = run(
            task.address,
            benchmark,
            budget=task.budget,
            seed=task.seed,
            protocol=task.protocol,
            settings=task.settings,
            workers=task.workers,
        )
        text = log.dump(made, benchmark.space)
    except MemoryError:
        raise FaultyStrategy("out of memory: ask for a smaller budget") from None
    except (Exception, SystemExit) as error:
        if isinstance(error, NasbenchError):
            raise
        raise FaultyStrategy(raised(error)) from None
    if made.code != task.code:
        raise FaultyStrategy(f"{task.address} is another file than when the comparison began")
    return text, made.overhead


def examine(
    benchmark: str,
    where: Source,
    live: Live | None,
    protocol: str,
    budget: Budget,
    strategy: str,
    settings: Any,
) -> tuple[Named, dict[str, Any]]:
    """Return a strategy in a user's file, without its class, and its settings; see `prepare`."""
    loaded = source.load(benchmark, where, live)
    _, named, complete = prepare(loaded, protocol, budget, strategy, settings)
    return named._replace(kind=object), complete


@lru_cache(maxsize=16)
def _loaded(benchmark: str, data: str, where: Source, live: Live | None) -> Benchmark:
    """Return a benchmark that stays open for the next run in this process, while data are these."""
    return source.load(benchmark, where, live)


def elsewhere(
    executor: Executor, patience: float, strategy: str, call: Callable[..., T], *given: Any
) -> T:
    """Return what a call about a strategy returns that an executor makes.

    Raises:
        FailedRuns: it did not come back.
    """
    try:
        return executor.submit(call, *given).result(timeout=patience)
    except TimeoutError:
        raise FailedRuns(f"{strategy} did not begin within {patience:g} s") from None
    except BrokenExecutor:
        raise FailedRuns(f"{strategy} ended the process in which it was to begin") from None


def made(
    tasks: Sequence[Task], executor: Executor, patience: float
) -> Iterator[Outcome[Task, tuple[str, float]]]:
    """Yield what becomes of runs, in the order in which they end: see `outcomes` and `make`."""
    return outcomes(tasks, make, executor, patience=patience, kin=_strategy)


def _strategy(task: Task) -> str:
    return task.strategy


def failures(failed: Sequence[Outcome[Task, Any]], total: int) -> FailedRuns:
    """Return an error that tells which runs failed and why, those alike together."""
    alike: dict[tuple[str, str], list[Task]] = {}
    for outcome in failed:
        alike.setdefault((outcome.task.strategy, str(outcome.fault)), []).append(outcome.task)
    return FailedRuns(
        f"{len(failed):,} of {total:,} runs failed"
        f"{', and the others are kept' if len(failed) < total else ''}: "
        + some(
            f"{first}{f' and {len(more):,} more of its runs' if more else ''}: {reason}"
            for (_, reason), (first, *more) in alike.items()
        )
    )
