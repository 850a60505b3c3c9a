"""Where the command line has things made."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from nasbench_suite import executors
from nasbench_suite.core import InvalidSetting


@contextmanager
def executor_of(given: argparse.Namespace) -> Iterator[Executor | None]:
    """Yield where runs are to be made; None leaves it to the comparison.

    Raises:
        InvalidSetting: what was asked for does not go together.
    """
    if given.jobs < 1:
        raise InvalidSetting(f"--jobs {given.jobs}: a whole number of at least 1 is needed")
    if given.executor == "dask":
        if given.scheduler is None:
            raise InvalidSetting("--executor dask needs --scheduler ADDRESS")
        if given.jobs > 1:
            raise InvalidSetting("--jobs is for local processes; a cluster has its own workers")
        with executors.dask(given.scheduler) as executor:
            yield executor
    elif given.scheduler is not None:
        raise InvalidSetting("--scheduler is for --executor dask")
    elif given.jobs > 1:
        with executors.processes(given.jobs) as executor:
            yield executor
    else:
        yield None
