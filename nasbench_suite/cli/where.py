"""Where the command line has things made."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from nasbench_suite import executors
from nasbench_suite.cli import words
from nasbench_suite.core import InvalidSetting

if TYPE_CHECKING:
    from nasbench_suite.benchmarks.live import Live

GPU: Final = {"GPU": 1}
"""What a training on a GPU takes of a Dask worker, which states how much of it there is."""


@contextmanager
def executor_of(given: argparse.Namespace, device: str = "cpu") -> Iterator[Executor | None]:
    """Yield where runs are to be made; None leaves it to the comparison.

    Args:
        given: the command line.
        device: what each call uses, as in `training.devices`.

    Raises:
        InvalidSetting: what was asked for does not go together, or cannot be had.
    """
    if given.jobs < 1:
        raise InvalidSetting(f"--jobs {given.jobs}: a whole number of at least 1 is needed")
    if given.executor == "dask":
        if given.scheduler is None:
            raise InvalidSetting("--executor dask needs --scheduler ADDRESS")
        if given.jobs > 1:
            raise InvalidSetting("--jobs is for local processes; a cluster has its own workers")
        taken = resources_of(given.scheduler, device)
        with executors.dask(given.scheduler, resources=taken) as executor:
            yield executor
    elif given.scheduler is not None:
        raise InvalidSetting("--scheduler is for --executor dask")
    elif given.jobs > 1:
        with executors.processes(given.jobs) as executor:
            yield executor
    else:
        yield None


def live_of(given: argparse.Namespace) -> Live | None:
    """Return how a live benchmark trains; None where another source is asked.

    Raises:
        InvalidSetting: it is said of another source, or a change of the recipe is impossible.
        UnknownName, DataNotFound: there is no such recipe.
    """
    names = ("recipe", "recipe_set", "data", "folder", "splits", "device")
    said = [f"--{name.replace('_', '-')}" for name in names if getattr(given, name)]
    if given.source != "live":
        if said:
            raise InvalidSetting(f"{', '.join(said)}: only with --source live are networks trained")
        return None
    from nasbench_suite.benchmarks.live import Live
    from nasbench_suite.training.jobs import Data
    from nasbench_suite.training.recipes import recipe

    if (given.folder or given.splits) and not given.data:
        raise InvalidSetting(f"{said[-1]}: say of which --data")
    changes = words.settings(given.recipe_set, None, "recipe").get("recipe")
    return Live(
        recipe=recipe(given.recipe or "quick", changes),
        data=Data(given.data, given.folder, given.splits) if given.data else None,
        device=given.device or "auto",
    )


def resources_of(scheduler: str, device: str) -> Mapping[str, float] | None:
    """Return what a call takes of a Dask worker: a GPU that is asked for, or that all have.

    Raises:
        MissingExtra: Dask is not installed.
        InvalidSetting: no scheduler answers.
    """
    if device == "auto":
        # Where only some have a GPU the others are not to be idle.
        return GPU if executors.all_have(scheduler, GPU) else None
    return GPU if "cuda" in device else None
