"""Calls made by an executor, of which none keeps the others from being made.

One that raises is told with its reason, one whose process dies is found and the processes are begun
anew, and if no call ends for a long while, those under way count as hanging and no further one of
their kin is tried.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar, cast

from nasbench_suite.core import FailedRuns, FaultyStrategy, NasbenchError, raised
from nasbench_suite.executors import Inline, Processes, killed

T = TypeVar("T")
R = TypeVar("R")

AHEAD: Final = 1000
"""How many calls are submitted ahead of what has ended, enough for a large cluster."""
_DIED: Final = "its process died, out of memory or by its own doing"
_SHOWN: Final = 3
"""How many things a message names."""


@dataclass(frozen=True)
class Outcome(Generic[T, R]):
    """What became of a task: what the call returned, or why it did not."""

    task: T
    result: R | None = None
    fault: NasbenchError | None = None

    @property
    def done(self) -> R:
        """What the call returned, or else its fault is raised."""
        if self.fault is not None:
            raise self.fault
        return cast("R", self.result)


def outcomes(
    tasks: Sequence[T],
    call: Callable[[T], R],
    executor: Executor,
    *,
    patience: float,
    kin: Callable[[T], object] = id,
    ahead: int = AHEAD,
) -> Iterator[Outcome[T, R]]:
    """Yield what becomes of tasks, in the order in which they end.

    Args:
        tasks: what to call with, as any process can be told of it.
        call: a function that any process can import.
        executor: makes the calls.
        patience: seconds without the end of any call after which those under way count as hanging.
        kin: says which tasks are not tried any more where one of them hangs; those equal by it.
        ahead: how many are submitted ahead of what has ended.

    Raises:
        FailedRuns: the executor is gone, or hangs, and cannot be begun anew.
    """
    work = _Work(tasks, call, executor, patience, kin, ahead)
    try:
        while work.todo or work.waiting:
            yield from work.step()
    finally:
        work.give_up()


class _Work(Generic[T, R]):
    """Tasks on their way through an executor."""

    def __init__(
        self,
        tasks: Sequence[T],
        call: Callable[[T], R],
        executor: Executor,
        patience: float,
        kin: Callable[[T], object],
        ahead: int,
    ) -> None:
        self.todo = deque(tasks)
        self.waiting: dict[Future[R], T] = {}
        self._call = call
        self._executor = executor
        self._patience = patience
        self._kin = kin
        self._ahead = ahead
        self._ended: SimpleQueue[Future[R]] = SimpleQueue()
        # So many tasks at the front are tried alone, since one of them has killed its process.
        self._suspects = 0
        self._alone: Future[R] | None = None

    def step(self) -> list[Outcome[T, R]]:
        """Submit what can be, wait for the end of something, and return what has come of it."""
        # What runs in this process has ended when it is submitted, and is to be written then.
        alone = isinstance(self._executor, Inline) or self._suspects
        while self.todo and len(self.waiting) < (1 if alone else self._ahead):
            task = self.todo.popleft()
            try:
                future = self._executor.submit(self._call, task)
            except BrokenExecutor:
                self.todo.appendleft(task)
                return self._broken()
            self.waiting[future] = task
            self._alone = future if self._suspects else None
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
        tried_alone = future is self._alone
        self._suspects -= tried_alone
        task = self.waiting.pop(future)
        if error is None:
            return [Outcome(task, future.result())]
        if killed(error):
            if tried_alone:
                return [Outcome(task, fault=FaultyStrategy(_DIED))]
            # Dask blames all that were with a worker, and not only what ran.
            self.todo.appendleft(task)
            self._suspects += 1
            return []
        known = error if isinstance(error, NasbenchError) else FaultyStrategy(raised(error))
        return [Outcome(task, fault=known)]

    def give_up(self) -> None:
        """Cancel what waits, unless processes are about to be killed, which stumble over it."""
        if not isinstance(self._executor, Processes):
            for future in self.waiting:
                future.cancel()

    def _broken(self) -> list[Outcome[T, R]]:
        """Return the task whose process died, or begin anew and try the likely ones alone."""
        if not isinstance(self._executor, Processes):
            raise FailedRuns(f"a process died; {self._under_way()}")
        lost = self._begin_anew()
        if len(lost) == 1:
            self._suspects = max(0, self._suspects - 1)
            return [Outcome(lost[0], fault=FaultyStrategy(_DIED))]
        self.todo.extendleft(reversed(lost))
        self._suspects = min(self._executor.jobs, len(lost))
        return []

    def _hanging(self) -> list[Outcome[T, R]]:
        """Return the tasks that hang and those that are not tried for it, and begin anew."""
        if not isinstance(self._executor, Processes):
            raise FailedRuns(f"no run ended for {self._patience:g} s; {self._under_way()}")
        # Calls begin in the order of submission.
        lost = self._begin_anew()
        hanging, rest = lost[: self._executor.jobs], lost[self._executor.jobs :]
        self.todo.extendleft(reversed(rest))
        text = f"it did not end within {self._patience:g} s; if it is only slow, have more patience"
        found: list[Outcome[T, R]] = [Outcome(task, fault=FaultyStrategy(text)) for task in hanging]
        kin = {self._kin(task) for task in hanging}
        skipped = [task for task in self.todo if self._kin(task) in kin]
        self.todo = deque(task for task in self.todo if self._kin(task) not in kin)
        why = FaultyStrategy("not tried, since another of its runs hangs")
        return found + [Outcome(task, fault=why) for task in skipped]

    def _begin_anew(self) -> list[T]:
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


def some(words: Iterable[str]) -> str:
    """Return the first of a list in words, and how many more there are."""
    listed = list(words)
    more = len(listed) - _SHOWN
    return "; ".join(listed[:_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
