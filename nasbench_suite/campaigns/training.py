"""Train one architecture from several seeds, each kept in a file when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from nasbench_suite import settings
from nasbench_suite.campaigns.building import MOST_SEEDS
from nasbench_suite.core import Arch, InvalidArchitecture
from nasbench_suite.files import alone
from nasbench_suite.spaces.base import Space
from nasbench_suite.training import trained
from nasbench_suite.training.jobs import Data, Job, keep, path_of, read, train_one
from nasbench_suite.training.recipes import Recipe
from nasbench_suite.training.skeleton import connected, skeleton


def train_seeds(
    space: Space,
    arch: Arch,
    data: Data,
    recipe: Recipe,
    *,
    seeds: int,
    out: Path,
    device: str = "auto",
    progress: Callable[[str], None] | None = None,
) -> Iterator[trained.Training]:
    """Yield the trainings of an architecture, of which those in the folder are not made again.

    Args:
        space: the architecture's.
        arch: one of its architectures.
        data: what it is trained on.
        recipe: how.
        seeds: how many trainings; seeds count from 0.
        out: the folder of the files.
        device: as in `training.devices`; of several, the first.
        progress: told before each training.

    Raises:
        InvalidArchitecture: the network's output does not depend on its input.
        InvalidSetting: a training in the folder is of another recipe or other data.
        NoNetwork: architectures of this space are no networks of images.
        OutputError: another process trains there, or the folder cannot be written.
    """
    count = settings.at_least("seeds", seeds, 1, MOST_SEEDS)
    images = data.load()
    if not connected(skeleton(space, arch, recipe, **images.form)):
        raise InvalidArchitecture(
            f"{space.format(arch)} does not pass its input on, so there is nothing to train"
        )
    with alone(out):
        for seed in range(count):
            job = Job(space.name, arch, seed, data, images.digest, recipe, device, out.absolute())
            path = path_of(out, space, job)
            if not path.exists():
                if progress is not None:
                    progress(f"seed {seed}, {recipe.epochs} epochs")
                keep(path, train_one(job), job)
            yield read(path, space, job)
