"""Where runs are made: in this process, in several of this machine, or on a cluster.

Each is a `concurrent.futures.Executor` for the length of a `with` block; whatever else has that
interface, such as `mpi4py.futures.MPIPoolExecutor`, serves as well.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from nasbench_suite.core import InvalidSetting, MissingExtra

T = TypeVar("T")

# Several processes with several threads each would only wait for one another.
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


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


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """Yield a pool of local processes, each with one thread for linear algebra.

    Processes start anew (`spawn`), so a script that calls this needs the usual
    `if __name__ == "__main__":`. If the block is left by an error, what is under way is killed;
    if this process dies, so do they.
    """
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_begin
    )
    try:
        with _single_threaded():
            yield pool
    except BaseException:
        # Killed first: the pool then gives up what waits, where else it would be begun.
        for child in set(multiprocessing.active_children()) - before:
            child.kill()
        pool.shutdown()
        raise
    pool.shutdown()


def _begin() -> None:
    """Prepare a process of the pool."""
    # An interrupt at the terminal reaches all processes; the first one stops the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """End this process when the one that started it has ended, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Let processes that start within the block use one thread each, unless the user said more."""
    ours = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(ours, "1"))
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


@contextmanager
def dask(address: str, timeout: float = 15.0) -> Iterator[Executor]:
    """Yield the workers of a Dask cluster.

    Args:
        address: of its scheduler, such as `tcp://10.0.0.1:8786`.
        timeout: how many seconds to wait for an answer.

    Raises:
        MissingExtra: Dask is not installed.
        InvalidSetting: nobody answers at this address.
    """
    try:
        import distributed
    except ImportError as error:
        raise MissingExtra("a Dask cluster", "cluster") from error
    # Dask has no types that a checker could read.
    connect: Any = distributed.Client
    try:
        client = connect(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidSetting(
            f"no Dask scheduler answers at {address!r} within {timeout:g} s ({error}): "
            "start one with `dask scheduler`, and give the address that it prints"
        ) from None
    with _quiet("distributed.client", "tornado.application"), client:
        # Runs are not pure to Dask: what it remembers of a killed comparison is not taken.
        yield client.get_executor(pure=False)


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
