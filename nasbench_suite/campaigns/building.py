"""Train the architectures of a space, as many times as asked, and make a table of them.

`DIR/build.json` says what is asked, `DIR/trainings/<architecture>-<seed>.json` is one finished
training, and `DIR/table` is made of them in the end. A training's file is whole or not there; the
same question asked again of the same folder makes only the trainings that are missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasbench_suite import registry, settings
from nasbench_suite.campaigns.trained_table import lengths_of, source
from nasbench_suite.core import Arch, FaultyStrategy, InvalidSetting
from nasbench_suite.executors import Inline
from nasbench_suite.experiments.work import Outcome, outcomes
from nasbench_suite.files import alone, ask
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.pack import write
from nasbench_suite.training import trained
from nasbench_suite.training.jobs import Data, Job, keep, path_of, read, train_one
from nasbench_suite.training.recipes import Recipe
from nasbench_suite.training.skeleton import skeleton

FILE: Final = "build.json"
_FORMAT: Final = "nasbench-build-1"
_TRAININGS: Final = "trainings"
_CHECKPOINTS: Final = "checkpoints"
_TABLE: Final = "table"
_PATIENCE: Final = 24 * 3600.0
_MOST: Final = 10**6
MOST_SEEDS: Final = 1000
"""How many trainings of an architecture can be asked for."""


@dataclass(frozen=True)
class Plan:
    """What is trained: the question that a folder answers."""

    space: str
    data: str
    data_sha256: str
    recipe: dict[str, Any]
    """Its name, and every hyperparameter."""
    archs: str
    """`all`, `canonical`, or how many."""
    seeds: int
    repeat: int
    """So many of the architectures have `repeats` seeds."""
    repeats: int


Progress = Callable[[int, int, int], None]
"""Is told how many trainings are done, of how many, and how many of the done ones failed."""


def build(
    space_name: str,
    data: Data,
    recipe: Recipe,
    *,
    archs: str | int = "canonical",
    seeds: int = 1,
    repeat: int = 0,
    repeats: int = 3,
    out: Path,
    name: str | None = None,
    notes: tuple[str, ...] = (),
    lengths: Sequence[int] = (),
    devices: str = "auto",
    executor: Executor | None = None,
    ahead: int = 8,
    patience: float = _PATIENCE,
    progress: Progress | None = None,
) -> Path:
    """Train architectures and pack a table of them.

    Args:
        space_name: the space that they are of.
        data: what they are trained on.
        recipe: how.
        archs: `all` of the space, `canonical` (one of each canonical form), or so many of the
            latter, drawn at random.
        seeds: how many trainings each has; seeds count from 0.
        repeat: so many of the architectures, drawn at random, have `repeats` trainings.
        repeats: at least `seeds`.
        out: the folder of the trainings and of the table; one that holds part of them goes on.
        name: of the table; by default `<space>_<data>`, of a path its last part.
        notes: what the card says besides, such as how the recipe was chosen.
        lengths: epochs of training that a search may choose, beside all of the recipe's; by
            default a third each of the next longer.
        devices: as in `training.devices`; each process takes one, by its turn.
        executor: makes the trainings; by default this process.
        ahead: how many trainings are submitted ahead of what has ended.
        patience: seconds without the end of any training after which it counts as hanging.
        progress: called at the start, and after each training.

    Returns:
        The folder of the table.

    Raises:
        InvalidSetting: something that is asked cannot be, or the folder is of another question.
        NoNetwork: architectures of this space are no networks of images.
        DamagedInput: a file in the folder is not what it should be, or workers have other data.
        OutputError: another process builds there, or the folder cannot be written; the same call
            goes on once it can.
        FailedRuns: the executor is gone, or the machine failed a training.
    """
    space: Space = registry.load("spaces", space_name)
    images = data.load()
    if not len(images.val.labels):
        raise InvalidSetting(
            f"{data.name} leaves no images to validate, and of those is what a search sees: split "
            "it in another way"
        )
    chosen = lengths_of(recipe, lengths)
    plan = Plan(
        space.name,
        data.name,
        images.digest,
        {"name": recipe.name, **recipe.values()},
        str(archs),
        settings.at_least("seeds", seeds, 1, MOST_SEEDS),
        settings.at_least("repeat", repeat, 0),
        max(settings.at_least("repeats", repeats, 1, MOST_SEEDS), seeds) if repeat else seeds,
    )
    skeleton(space, space.sample(np.random.default_rng(0)), recipe, **images.form)
    listed = _architectures(space, plan)
    kept, checkpoints = out / _TRAININGS, out.absolute() / _CHECKPOINTS
    jobs = [
        Job(space.name, arch, seed, data, images.digest, recipe, devices, checkpoints)
        for arch, seed in _trainings(listed, plan)
    ]
    paths = {path_of(kept, space, job): job for job in jobs}
    with alone(out):
        # As long as nothing is trained, nothing is lost by another question.
        begun = any(any((out / name).glob("*")) for name in (_TRAININGS, _CHECKPOINTS))
        ask(out / FILE, {"format": _FORMAT, **asdict(plan)}, begun=begun)
        found = {path: read(path, space, job) for path, job in paths.items() if path.exists()}
        failed = sum(training.failure is not None for training in found.values())
        if progress is not None:
            progress(len(found), len(jobs), failed)
        todo = [job for path, job in paths.items() if path not in found]
        pool = Inline() if executor is None else executor
        for outcome in outcomes(todo, train_one, pool, patience=patience, ahead=ahead):
            path = path_of(kept, space, outcome.task)
            found[path] = keep_outcome(outcome, path, space)
            failed += found[path].failure is not None
            if progress is not None:
                progress(len(found), len(jobs), failed)
        shutil.rmtree(checkpoints, ignore_errors=True)
        made = source(
            [found[path] for path in paths],
            space,
            recipe,
            images,
            name=name or f"{space.name}_{images.name}",
            folder=kept,
            notes=notes,
            lengths=chosen,
            canonical=plan.archs != "all",
        )
        return write(made, out / _TABLE)


def keep_outcome(outcome: Outcome[Job, str], path: Path, space: Space) -> trained.Training:
    """Write the file of a training that ended somewhere, and return it.

    Raises:
        NasbenchError: it did not end by its network's fault, which a file would tell, but by that
            of a full disk, or of data that differ.
        OutputError: it cannot be written.
    """
    if outcome.fault is not None and not isinstance(outcome.fault, FaultyStrategy):
        raise outcome.fault
    text = outcome.result or trained.to_json(
        trained.failed(space, outcome.task.arch, outcome.task.seed, str(outcome.fault)),
        space.format(outcome.task.arch),
    )
    keep(path, text, outcome.task)
    return trained.from_json(text, space, str(path))


def _architectures(space: Space, plan: Plan) -> list[Arch]:
    """Return what is trained, in the order of the space.

    Raises:
        InvalidSetting: it is no such choice, or more than there are.
    """
    if space.size > _MOST and plan.archs in ("all", "canonical"):
        raise InvalidSetting(
            f"{space.name} has {space.size:,} architectures: say how many to draw of them"
        )
    if plan.archs == "all":
        return list(space)
    if plan.archs == "canonical":
        return sorted({space.canonical(arch) for arch in space}, key=space.index)
    # A space so large has more forms than anybody trains, and they cannot be counted.
    most = space.forms if space.size <= _MOST else _MOST
    if not plan.archs.isdecimal() or not 1 <= int(plan.archs) <= most:
        raise InvalidSetting(
            f"archs is {plan.archs!r}: it is all, canonical, or a number up to {most:,}"
        )
    rng = np.random.default_rng(0)
    drawn: set[Arch] = set()
    while len(drawn) < int(plan.archs):
        drawn.add(space.canonical(space.sample(rng)))
    return sorted(drawn, key=space.index)


def _trainings(listed: list[Arch], plan: Plan) -> Iterator[tuple[Arch, int]]:
    """Yield what is trained from which seed: all once, then again, each time in a random order.

    What is there of a build that was stopped is then no particular part of the space.

    Raises:
        InvalidSetting: more architectures are to be repeated than there are.
    """
    if plan.repeat > len(listed):
        raise InvalidSetting(f"repeat is {plan.repeat:,}, and there are {len(listed):,}")
    order = np.random.default_rng(1).permutation(len(listed)).tolist()
    for seed in range(plan.repeats if plan.repeat else plan.seeds):
        for place in order[: len(listed) if seed < plan.seeds else plan.repeat]:
            yield listed[place], seed
