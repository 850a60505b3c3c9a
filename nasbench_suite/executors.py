"""Where runs are made: in this process, in several of this machine, or on a cluster.

Each is a `concurrent.futures.Executor` for the length of a `with` block; whatever else has that
interface, such as `mpi4py.futures.MPIPoolExecutor`, serves as well.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any, Final, TypeVar

from nasbench_suite.core import InvalidSetting, MissingExtra

T = TypeVar("T")

# Several processes with several threads each would only wait for one another.
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


# How many seconds a process has to end, once it has nothing left to do.
_GRACE: Final = 3.0
# An address of Dask, which it takes apart only when it is too late for a clear word.
_ADDRESS: Final = re.compile(r"(\w+://)?[^\s/]+(/\S*)?")


class Inline(Executor):
    """Runs each call in this process when it is submitted."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Return a future that is done; an interrupt is not caught."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Processes(Executor):
    """Local processes, each with one thread for linear algebra, that can be begun anew."""

    def __init__(self, jobs: int) -> None:
        """Begin `jobs` processes when there is something to do."""
        self.jobs: Final = jobs
        self._pool: ProcessPoolExecutor | None = None
        self._children: set[BaseProcess] = set()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Return the future of a call in one of the processes; calls begin in order."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_begin
            )
        before = set(multiprocessing.active_children())
        with _single_threaded():
            future = self._pool.submit(fn, *args, **kwargs)
        self._children |= set(multiprocessing.active_children()) - before
        return future

    def kill(self) -> None:
        """Kill what is under way; what is submitted from now on is done by new processes."""
        for child in self._children:
            child.kill()
        if self._pool is not None:
            self._pool.shutdown()
        self._pool, self._children = None, set()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes; one that does not end, for the threads left in it, is killed."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=cancel_futures)
        for child in self._children:
            child.join(_GRACE if wait else 0.0)
        self.kill()


@contextmanager
def processes(jobs: int) -> Iterator[Processes]:
    """Yield local processes.

    They start anew (`spawn`), so a script that calls this needs the usual
    `if __name__ == "__main__":`. If the block is left by an error, what is under way is killed;
    if this process dies, so do they. What they print goes to the standard error.
    """
    pool = Processes(jobs)
    try:
        yield pool
    except BaseException:
        pool.kill()
        raise
    pool.shutdown()


def _begin() -> None:
    """Prepare a process of the pool."""
    # An interrupt at the terminal reaches all processes; the first one stops the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The standard output is for the answer of the process that asked.
    os.dup2(2, 1)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """End this process when the one that started it has ended, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Let processes that start within the block use one thread, unless the user said otherwise."""
    ours = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(ours, "1"))
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


@contextmanager
def dask(
    address: str, timeout: float = 15.0, *, resources: Mapping[str, float] | None = None
) -> Iterator[Executor]:
    """Yield the workers of a Dask cluster.

    Args:
        address: of its scheduler, such as `tcp://10.0.0.1:8786`.
        timeout: how many seconds to wait for an answer.
        resources: what each call takes of a worker while it runs, such as `{"GPU": 1}`. A worker
            gets so many calls at a time as it stated to have room for when it was started, by
            `dask worker --resources`, and one that states nothing gets none.

    Raises:
        MissingExtra: Dask is not installed.
        InvalidSetting: nobody answers at this address, or no worker there has the resources.
    """
    with _client(address, timeout) as client:
        if resources and not any(_has(worker, resources) for worker in _workers(client)):
            asked = ",".join(f"{name}={amount:g}" for name, amount in resources.items())
            raise InvalidSetting(
                f"no worker of the Dask cluster at {address} states {asked}: start one for each "
                f"{' and '.join(resources)} by `dask worker {address} --nthreads 1 "
                f'--resources "{asked}"`'
            )
        # Runs are not pure to Dask: what it remembers of a killed comparison is not taken.
        yield client.get_executor(pure=False, **({"resources": resources} if resources else {}))


def all_have(address: str, resources: Mapping[str, float], timeout: float = 15.0) -> bool:
    """Return whether a Dask cluster has workers, and each states to have some resources.

    Args:
        address: of its scheduler.
        resources: what a call would take, such as `{"GPU": 1}`.
        timeout: how many seconds to wait for an answer.

    Raises:
        MissingExtra: Dask is not installed.
        InvalidSetting: nobody answers at this address.
    """
    with _client(address, timeout) as client:
        workers = _workers(client)
    return bool(workers) and all(_has(worker, resources) for worker in workers)


def killed(error: BaseException | None) -> bool:
    """Return whether Dask gave a call up because each worker that had it died."""
    # Nobody has this error who has not loaded Dask.
    loaded: Any = sys.modules.get("distributed")
    return loaded is not None and isinstance(error, loaded.KilledWorker)


def _workers(client: Any) -> list[Mapping[str, float]]:
    """Return the resources that each worker of a cluster states."""
    found = client.scheduler_info()["workers"].values()
    return [worker["resources"] for worker in found]


def _has(stated: Mapping[str, float], asked: Mapping[str, float]) -> bool:
    return all(stated.get(name, 0) >= amount for name, amount in asked.items())


@contextmanager
def _client(address: str, timeout: float) -> Iterator[Any]:
    """Yield a client of a Dask cluster, of whose mishaps nothing is printed."""
    try:
        import distributed
    except ImportError as error:
        raise MissingExtra("a Dask cluster", "cluster") from error
    # Dask has no types that a checker could read.
    connect: Any = distributed.Client
    with _quiet("distributed.client", "tornado.application"):
        try:
            if not _ADDRESS.fullmatch(address):
                raise ValueError("it is no address")
            client = connect(address, timeout=timeout, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InvalidSetting(
                f"no Dask scheduler answers at {address!r} within {timeout:g} s ({error}): "
                "start one with `dask scheduler`, and give the address that it prints"
            ) from None
    with _quiet("distributed.client", "tornado.application"), client:
        yield client


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Silence loggers: what happens to a cluster is told by what happens to runs.

    Dask's own tracebacks, of its attempts to come back and of what it cancelled, would hide it.
    """
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
