"""A training to be made, as any process can be told of it, and the file that it leaves.

A file `<architecture>-<seed>.json` is whole or not there; until it is, a checkpoint may be.
"""

from __future__ import annotations

import multiprocessing
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nasbench_suite import registry
from nasbench_suite.core import (
    Arch,
    DamagedInput,
    FailedRuns,
    InvalidSetting,
    NasbenchError,
    raised,
)
from nasbench_suite.files import LOCK, alone, write_whole
from nasbench_suite.spaces.base import Space
from nasbench_suite.training import trained
from nasbench_suite.training.recipes import Recipe

if TYPE_CHECKING:
    from nasbench_suite.training.data.images import Images


class Data(NamedTuple):
    """Images, as any process can load them."""

    name: str
    folder: Path | None = None
    splits: str | Path | None = None

    def load(self) -> Images:
        """Return them; of downloads only what is there already is read."""
        return _loaded(self)


@lru_cache(maxsize=1)
def _loaded(data: Data) -> Images:
    from nasbench_suite.training import load

    return load(data.name, folder=data.folder, splits=data.splits)


class Job(NamedTuple):
    """A training to be made, as any process can be told of it."""

    space: str
    arch: Arch
    seed: int
    data: Data
    data_sha256: str
    recipe: Recipe
    devices: str
    checkpoints: Path
    """The folder for what is under way, as every process that trains sees it."""

    @property
    def checkpoint(self) -> Path:
        """The file that the training goes on from, once it is there."""
        space: Space = registry.load("spaces", self.space)
        return self.checkpoints / f"{space.index(self.arch)}-{self.seed}.npz"

    def __str__(self) -> str:
        return f"{registry.load('spaces', self.space).format(self.arch)}, seed {self.seed}"


def make(job: Job, path: Path, space: Space) -> trained.Training:
    """Return the training of a file, which is made here if it is not there.

    Another process that wants the same training meanwhile waits for it.

    Raises:
        As `train_one`, `keep` and `read`.
    """
    if not path.exists():
        with alone(path.parent, f".{path.stem}{LOCK}", wait=True):
            if not path.exists():
                keep(path, train_one(job), job)
            # Whoever waits for it still finds the file of the training.
            (path.parent / f".{path.stem}{LOCK}").unlink(missing_ok=True)
    return read(path, space, job)


def train_one(job: Job) -> str:
    """Make a training in whatever process, and return its file's text.

    Its checkpoint stays until `keep` has that text on disk.

    Raises:
        DamagedInput: the data here are not those that are asked for.
        OutputError: the checkpoint cannot be written.
        FailedRuns: the system failed something else that the training needs of it.
    """
    from nasbench_suite.training import train
    from nasbench_suite.training.devices import devices

    space: Space = registry.load("spaces", job.space)
    places = devices(job.devices)
    device = str(places[_turn() % len(places)])
    try:
        images = job.data.load()
        if images.digest != job.data_sha256:
            raise DamagedInput(
                f"the data {job.data.name} differ between machines: give all of them the same files"
            )
        done = train(
            job.arch,
            space,
            images,
            job.recipe,
            seed=job.seed,
            device=device,
            checkpoint=job.checkpoint,
        )
    except NasbenchError:
        raise
    except Exception as error:
        # What a network can do wrong is told in its training: this is the machine's fault, or ours,
        # and must not be written down as the network's.
        raise FailedRuns(
            f"{job} stopped, not by its own fault: {raised(error)}: mend that, and ask again"
        ) from None
    return trained.to_json(done, space.format(job.arch))


def keep(path: Path, text: str, job: Job) -> None:
    """Write the file of a training that ended; only then is its checkpoint of no more use.

    Raises:
        OutputError: it cannot be written.
    """
    write_whole(path, text)
    job.checkpoint.unlink(missing_ok=True)


def _turn() -> int:
    """Return which of the processes of a pool this one is, counted from 0."""
    number = re.search(r"\d+$", multiprocessing.current_process().name)
    return int(number[0]) - 1 if number else 0


def path_of(out: Path, space: Space, job: Job) -> Path:
    """Return the file of a training in a folder."""
    return out / f"{space.index(job.arch):06d}-{job.seed}.json"


def read(path: Path, space: Space, job: Job) -> trained.Training:
    """Return the training of a file, which is that of a job.

    Raises:
        DamagedInput: it holds none.
        InvalidSetting: it holds another one, such as a file from another folder.
    """
    # Bytes that are no text are no JSON either.
    found = trained.from_json(path.read_text("utf-8", "replace"), space, str(path))
    if (found.arch, found.seed) != (job.arch, job.seed):
        raise InvalidSetting(
            f"{path} is of {space.format(found.arch)}, seed {found.seed}, and not of {job}: remove "
            "it, and it is made again"
        )
    asked = {"recipe_sha256": job.recipe.digest, "data_sha256": job.data_sha256}
    # Of a training of which nothing came back nothing else is known.
    known = found.record or found.failure is None
    if known and any(found.record.get(key) != value for key, value in asked.items()):
        raise InvalidSetting(f"{path} is of another recipe or other data: name another folder")
    return found
