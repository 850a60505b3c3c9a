"""Runs made by an executor: sent there as plain values, and come back as logs.

A run that fails does not keep the others from being made: one that raises is told with its reason,
one whose process dies is found and the processes are begun anew, and if no run ends for a long
while, those under way count as hanging and no further one of their strategies is tried.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

from nasbench_suite import benchmarks as source
from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import (
    Budget,
    DamagedTable,
    FailedRuns,
    FaultyStrategy,
    NasbenchError,
    raised,
)
from nasbench_suite.executors import Inline, Processes
from nasbench_suite.experiments import log
from nasbench_suite.experiments.run import prepare, run
from nasbench_suite.registry import Named

T = TypeVar("T")

_AHEAD: Final = 1000
"""How many runs are submitted ahead of what has ended, enough for a large cluster."""
_SHOWN: Final = 3
"""How many things a message names."""


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


@dataclass(frozen=True)
class Outcome:
    """What became of a task: a log, or why there is none."""

    task: Task
    log: str = ""
    overhead: float = 0.0
    """The real seconds that the strategy itself took."""
    fault: NasbenchError | None = None


def make(task: Task) -> tuple[str, float]:
    """Make a run, and return its log and the real seconds that the strategy took.

    Raises:
        DamagedTable: the data here are not those that the comparison is about.
        FaultyStrategy, InvalidArchitecture, InvalidSetting: see `run`. Nothing else is raised,
            since another process could not be told of it.
    """
    benchmark = _loaded(task.benchmark, task.data)
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
    benchmark: str, protocol: str, budget: Budget, strategy: str, settings: Any
) -> tuple[Named, dict[str, Any]]:
    """Return a strategy in a user's file, without its class, and its settings; see `prepare`."""
    _, named, complete = prepare(source.load(benchmark), protocol, budget, strategy, settings)
    return named._replace(kind=object), complete


@lru_cache(maxsize=16)
def _loaded(benchmark: str, data: str) -> Benchmark:
    """Return a benchmark that stays open for the next run in this process, while data are these."""
    return source.load(benchmark)


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


def made(tasks: Sequence[Task], executor: Executor, patience: float) -> Iterator[Outcome]:
    """Yield what becomes of tasks, in the order in which they end.

    Raises:
        FailedRuns: the executor is gone, or hangs, and cannot be begun anew.
    """
    work = _Work(tasks, executor, patience)
    try:
        while work.todo or work.waiting:
            yield from work.step()
    finally:
        work.give_up()


class _Work:
    """Tasks on their way through an executor."""

    def __init__(self, tasks: Sequence[Task], executor: Executor, patience: float) -> None:
        self.todo = deque(tasks)
        self.waiting: dict[Future[tuple[str, float]], Task] = {}
        self._executor = executor
        self._patience = patience
        self._ended: SimpleQueue[Future[tuple[str, float]]] = SimpleQueue()
        # So many tasks at the front are tried alone, since one of them has killed its process.
        self._suspects = 0

    def step(self) -> list[Outcome]:
        """Submit what can be, wait for the end of something, and return what has come of it."""
        # What runs in this process has ended when it is submitted, and is to be written then.
        alone = isinstance(self._executor, Inline) or self._suspects
        while self.todo and len(self.waiting) < (1 if alone else _AHEAD):
            task = self.todo.popleft()
            try:
                future = self._executor.submit(make, task)
            except BrokenExecutor:
                self.todo.appendleft(task)
                return self._broken()
            self.waiting[future] = task
            future.add_done_callback(self._ended.put)
        try:
            future = self._ended.get(timeout=self._patience)
        except Empty:
            return self._hanging()
        error = CancelledError() if future.cancelled() else future.exception()
        if isinstance(error, BrokenExecutor):
            return self._broken()
        if isinstance(error, CancelledError):
            raise FailedRuns(f"the cluster went away; {self._under_way()}")
        self._suspects = max(0, self._suspects - 1)
        task = self.waiting.pop(future)
        if error is None:
            return [Outcome(task, *future.result())]
        known = error if isinstance(error, NasbenchError) else FaultyStrategy(raised(error))
        return [Outcome(task, fault=known)]

    def give_up(self) -> None:
        """Cancel what waits, unless processes are about to be killed, which stumble over it."""
        if not isinstance(self._executor, Processes):
            for future in self.waiting:
                future.cancel()

    def _broken(self) -> list[Outcome]:
        """Return the task whose process died, or begin anew and try the likely ones alone."""
        if not isinstance(self._executor, Processes):
            raise FailedRuns(f"a process died; {self._under_way()}")
        lost = self._begin_anew()
        if len(lost) == 1:
            self._suspects = max(0, self._suspects - 1)
            text = "its process died, out of memory or by the strategy's own doing"
            return [Outcome(lost[0], fault=FaultyStrategy(text))]
        self.todo.extendleft(reversed(lost))
        self._suspects = min(self._executor.jobs, len(lost))
        return []

    def _hanging(self) -> list[Outcome]:
        """Return the tasks that hang and those that are not tried for it, and begin anew."""
        if not isinstance(self._executor, Processes):
            raise FailedRuns(f"no run ended for {self._patience:g} s; {self._under_way()}")
        # Calls begin in the order of submission.
        lost = self._begin_anew()
        hanging, rest = lost[: self._executor.jobs], lost[self._executor.jobs :]
        self.todo.extendleft(reversed(rest))
        text = f"it did not end within {self._patience:g} s; if it is only slow, have more patience"
        found = [Outcome(task, fault=FaultyStrategy(text)) for task in hanging]
        strategies = {task.strategy for task in hanging}
        skipped = [task for task in self.todo if task.strategy in strategies]
        self.todo = deque(task for task in self.todo if task.strategy not in strategies)
        why = FaultyStrategy("not tried, since another of its runs hangs")
        return found + [Outcome(task, fault=why) for task in skipped]

    def _begin_anew(self) -> list[Task]:
        """Kill the processes, and return what waited, in the order of submission."""
        assert isinstance(self._executor, Processes)
        lost = list(self.waiting.values())
        self.waiting.clear()
        self._ended = SimpleQueue()
        self._executor.kill()
        return lost

    def _under_way(self) -> str:
        return (
            f"these did not end: {some(map(str, self.waiting.values()))}. What was finished is kept"
        )


def failures(failed: Sequence[Outcome], total: int) -> FailedRuns:
    """Return an error that tells which runs failed and why, those alike together."""
    alike: dict[tuple[str, str], list[Task]] = {}
    for outcome in failed:
        alike.setdefault((outcome.task.strategy, str(outcome.fault)), []).append(outcome.task)
    return FailedRuns(
        f"{len(failed):,} of {total:,} runs failed, and the others are kept: "
        + some(
            f"{first}{f' and {len(more):,} more of its runs' if more else ''}: {reason}"
            for (_, reason), (first, *more) in alike.items()
        )
    )


def some(words: Iterable[str]) -> str:
    """Return the first of a list in words, and how many more there are."""
    listed = list(words)
    more = len(listed) - _SHOWN
    return "; ".join(listed[:_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
