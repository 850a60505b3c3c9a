"""Real training in place of a table: the same questions, each answered by a training.

What was trained once is kept, and not trained again: a search that is repeated, or goes on after a
kill, sees the same values and pays the same seconds.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite import registry
from nasbench_suite.benchmarks.asking import genes_of
from nasbench_suite.core import (
    Arch,
    Floats,
    InvalidSetting,
    Metric,
    NotMeasured,
    Protocol,
    Question,
    Record,
    Seed,
    UnknownName,
    shown,
    whole,
)
from nasbench_suite.spaces.base import Space
from nasbench_suite.training import jobs
from nasbench_suite.training.jobs import Data, Job
from nasbench_suite.training.recipes import Recipe, recipe
from nasbench_suite.training.skeleton import skeleton
from nasbench_suite.training.trained import Training

if TYPE_CHECKING:
    from nasbench_suite.training.data.images import Images

_SPLITS: Final = {"val": "validation", "test": "test", "train": "train"}
_SECONDS: Final = "train_seconds"
_COUNTS: Final = ("params", "flops")


@dataclass(frozen=True)
class Live:
    """How the architectures of a live benchmark are trained, as any process can be told of it."""

    recipe: Recipe = field(default_factory=lambda: recipe("quick"))
    data: Data | None = None
    """The images; by default those that the benchmark's id names."""
    device: str = "auto"
    """As in `training.devices`; each process takes one, by its turn."""
    folder: Path | None = None
    """Where trainings are kept; by default as long as the benchmark is."""

    def of(self, task: str) -> Data:
        """Return the images for a task."""
        return self.data or Data(task.replace("-", "_"))


class LiveBenchmark:
    """A space whose architectures are trained when they are asked for."""

    source: Final = "live"
    covers_space: Final = True

    def __init__(self, space: str, task: str, live: Live) -> None:
        """Prepare to train; nothing is trained before it is asked for.

        Raises:
            UnknownName: there is no such space, or no such data.
            NoNetwork: architectures of this space are no networks of images.
            InvalidSetting: the images have none to validate.
            DataNotFound, DamagedInput, MissingExtra: the images cannot be loaded.
        """
        self.space: Space = registry.load("spaces", space)
        self.task = task
        self.benchmark = f"{space}/{task}"
        self.live = live
        self._data = live.of(task)
        self.images: Images = self._data.load()
        if not len(self.images.val.labels):
            raise InvalidSetting(
                f"{self._data.name} leaves no images to validate, and of those is what a search "
                "sees: split it in another way"
            )
        self._skeleton(self.space.sample(np.random.default_rng(0)))
        self._made: dict[tuple[Arch, int], Training] = {}
        self.reported = f"{'test' if len(self.images.test.labels) else 'val'}_accuracy"

    def __repr__(self) -> str:
        return f"<LiveBenchmark {self.benchmark}: recipe {self.live.recipe.name}>"

    # What there is to ask.

    @cached_property
    def data(self) -> str:
        """The sha256 of space, images and recipe: machines that differ in these do not agree."""
        told = [self.space.name, self.images.digest, self.live.recipe.digest]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics that a training has, by name."""
        found = {
            f"{short}_accuracy": Metric(
                f"{short}_accuracy", "%", "max", split, f"top-1 accuracy on {split} images"
            )
            for short, split in _SPLITS.items()
            if len(getattr(self.images, short).labels)
        }
        for metric in (
            Metric(_SECONDS, "s", "min", None, "seconds of the training, without evaluation"),
            Metric("params", "count", "min", None, "parameters of the network"),
            Metric("flops", "count", "min", None, "multiply-accumulates of it an image"),
        ):
            found[metric.name] = metric
        return found

    @cached_property
    def protocols(self) -> dict[str, Protocol]:
        """How a search may ask: what it sees costs what it takes to train."""
        epochs = self.live.recipe.epochs
        return {
            "standard": Protocol(
                name="standard",
                description=f"A search sees val_accuracy of a training of {epochs:,} epochs, from "
                f"seed 0, and pays the seconds that it takes; asked again, it costs nothing. "
                f"Reported is {self.reported} of the same training.",
                objective="val_accuracy",
                epochs=(epochs,),
                seed=0,
                cost=_SECONDS,
                report=Question(self.reported, epochs, 0),
                continues=True,
            )
        }

    def protocol(self, name: str) -> Protocol:
        """Return the protocol of a name.

        Raises:
            UnknownName: there is none of this name.
        """
        if name not in self.protocols:
            raise UnknownName("protocol", name, self.protocols, f" on live {self.benchmark}")
        return self.protocols[name]

    # The query.

    def query(
        self,
        arch: str | int | Sequence[int],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Seed = "mean",
    ) -> float:
        """Return a value of a training, which is made now if it was not before.

        Args:
            arch: its string, its number in the space, or its genes.
            metric: the name of a metric; the reported one if not given.
            epochs: after how many, of those after which the recipe judges; all if not given.
            seed: of the training; `"mean"` is that from seed 0, the only one there is to average.

        Returns:
            A float in the metric's unit.

        Raises:
            InvalidArchitecture: the architecture is not of the space.
            UnknownName: there is no such metric.
            NotMeasured: the training failed, nothing was judged after these epochs, or `seed` is
                no number.
            DamagedInput, OutputError, FailedRuns: its file cannot be read or written, or the
                machine failed it.
        """
        genes, name = genes_of(arch, self.space), metric or self.reported
        if name not in self.metrics:
            raise UnknownName("metric", name, self.metrics, f" on live {self.benchmark}")
        if name in _COUNTS:
            return float(getattr(self._skeleton(genes), name))
        number, length = self._seed(seed), self._length(epochs)
        found = self.training(genes, number)
        if name == _SECONDS:
            # A training that failed has cost what it took until then.
            return float(np.sum(found.curves["seconds"][:length]))
        if found.failure is not None:
            raise NotMeasured(f"the training of {self.space.format(genes)} failed: {found.failure}")
        value = found.curves[name][length - 1]
        if np.isnan(value):
            raise NotMeasured(
                f"{name} after {length:,} epochs is not known: recipe {self.live.recipe.name} "
                f"judges every {self.live.recipe.eval_every:,}"
            )
        return value

    def query_many(
        self,
        archs: Sequence[Any] | NDArray[Any],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Seed = "mean",
    ) -> Floats:
        """Return values of many architectures, (n,); arguments and errors as `query`."""
        return np.array([self.query(a, metric, epochs=epochs, seed=seed) for a in archs], float)

    def record(
        self,
        arch: str | int | Sequence[int],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Seed = "mean",
    ) -> Record:
        """Return what `query` returns, with everything that was used to answer; errors as there."""
        name = metric or self.reported
        value = self.query(arch, name, epochs=epochs, seed=seed)
        counted = name in _COUNTS
        return Record(
            benchmark=self.benchmark,
            architecture=self.space.format(genes_of(arch, self.space)),
            metric=name,
            unit=self.metrics[name].unit,
            split=self.metrics[name].split,
            epochs=None if counted else self._length(epochs),
            seed="mean" if counted else self._seed(seed),
            runs=None if counted else 1,
            source="derived" if counted else "trained",
            value=value,
        )

    @cached_property
    def _folder(self) -> Path:
        if self.live.folder is not None:
            return self.live.folder
        folder = mkdtemp(prefix="nasbench-live-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def training(self, arch: Arch, seed: int) -> Training:
        """Return the training of an architecture from a seed, which is made now if need be.

        Raises:
            As `query`, but that one which failed is returned.
        """
        found = self._made.get((arch, seed))
        if found is None:
            job = Job(
                self.space.name,
                arch,
                seed,
                self._data,
                self.images.digest,
                self.live.recipe,
                self.live.device,
                self._folder.absolute() / "checkpoints",
            )
            path = jobs.path_of(self._folder, self.space, job)
            found = self._made[arch, seed] = jobs.make(job, path, self.space)
        return found

    # What is true of all of the space.

    def best(self, question: Question) -> None:
        """Return None: the best of the space is not known."""

    def worst(self, question: Question) -> None:
        """Return None: the worst of the space is not known."""

    def average(self, question: Question) -> None:
        """Return None: what a random architecture has is not known before many are trained."""

    def _skeleton(self, arch: Arch) -> Any:
        return skeleton(self.space, arch, self.live.recipe, **self.images.form)

    def _seed(self, seed: Any) -> int:
        number = 0 if isinstance(seed, str) and seed == "mean" else whole(seed)
        if number is None or number < 0:
            raise NotMeasured(f"seed {shown(seed)}: there is a training for each number from 0 on")
        return number

    def _length(self, epochs: Any) -> int:
        most = self.live.recipe.epochs
        length = most if epochs is None else whole(epochs)
        if length is None or not 1 <= length <= most:
            raise NotMeasured(
                f"{shown(epochs)} epochs: recipe {self.live.recipe.name} trains for {most:,}"
            )
        return length
