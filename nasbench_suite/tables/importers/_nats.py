"""Trainings as NATS-Bench and NAS-Bench-201 recorded them, and the tables that they make.

Of an architecture a file has, for each schedule of training, the results by data set and seed: loss
and accuracy by epoch and split, seconds, parameters and FLOPs (D-X-Y/AutoDL-Projects,
`xautodl/models`, `ResultsCount`). Every training is kept, with its learning curve where every
epoch was measured.

What the files call the data set `cifar10-valid` is CIFAR-10 with networks trained on half of
the training images; `ori-test` of the other two data sets is validation and test together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite import registry
from nasbench_suite.core import DamagedInput, Floats, Metric
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.source import Column, Curve, Source, Task

_RUNS: Final = 3
_MOST_EPOCHS: Final = 200
"""Epochs of a training at most, which are those of the longest official one."""
_MOST_LENGTHS: Final = 4
"""Lengths of trainings at most; the official ones have two or three."""
_BLOCK: Final = 1024
"""Rows that are set aside at a time."""

_TASKS: Final = {
    "cifar10": Task("CIFAR-10 classification", 10, 32, "test_accuracy"),
    "cifar100": Task("CIFAR-100 classification", 100, 32, "test_accuracy"),
    "imagenet16-120": Task(
        "classification of 120 ImageNet classes at 16x16 pixels", 120, 16, "test_accuracy"
    ),
}


class _Reading(NamedTuple):
    """A metric, and where a file keeps it: data set, then split, or none for training."""

    metric: str
    data: str
    split: str | None


def _readings(data: str) -> tuple[_Reading, ...]:
    return (
        _Reading("val", data, "x-valid"),
        _Reading("test", data, "x-test"),
        _Reading("valtest", data, "ori-test"),
        _Reading("train", data, None),
    )


_READINGS: Final = {
    "cifar10": (
        _Reading("val", "cifar10-valid", "x-valid"),
        _Reading("test", "cifar10", "ori-test"),
        _Reading("test_half", "cifar10-valid", "ori-test"),
        _Reading("train", "cifar10-valid", None),
    ),
    "cifar100": _readings("cifar100"),
    "imagenet16-120": _readings("ImageNet16-120"),
}
_SPLITS: Final = {
    "val": ("validation", "the validation images"),
    "test": ("test", "the test images"),
    "valtest": ("validation+test", "the union of the validation and the test images"),
    "test_half": ("test", "the test images, of networks trained on half of the training images"),
    "train": ("train", "the images trained on"),
}
_SECONDS: Final = Metric(
    "train_seconds",
    "s",
    "min",
    None,
    "seconds of training; on cifar10 on half of the training images",
)
_COSTS: Final = {
    "params": Metric("published_params", "count", "min", None, "parameters as they were published"),
    "flop": Metric("published_flops", "count", "min", None, "FLOPs as they were published"),
}
# Where a file keeps them while training, and in an evaluation.
_KINDS: Final = {
    "accuracy": ("train_acc1es", "eval_acc1es"),
    "loss": ("train_losses", "eval_losses"),
}


def _named(reading: str, kind: str) -> str:
    """Return the metric's name: `test_half` and `accuracy` make `test_accuracy_half`."""
    split, _, rest = reading.partition("_")
    return f"{split}_{kind}_{rest}" if rest else f"{split}_{kind}"


def _metrics() -> list[Metric]:
    found = []
    for reading, (split, images) in _SPLITS.items():
        name, loss = _named(reading, "accuracy"), _named(reading, "loss")
        found.append(Metric(name, "%", "max", split, f"top-1 accuracy on {images}"))
        found.append(Metric(loss, "nat", "min", split, f"cross-entropy on {images}"))
    return [*found, _SECONDS, *_COSTS.values()]


@cache
def _keys(split: str | None, epochs: int) -> tuple[Any, ...]:
    """Return how a file names the epochs of a split."""
    return tuple(at if split is None else f"{split}@{at}" for at in range(epochs))


class _Rows:
    """An array that grows by rows of one shape; NaN where nothing was written."""

    def __init__(self, *shape: int) -> None:
        self._shape = shape
        self._blocks: list[Floats] = []

    def __getitem__(self, row: int) -> Floats:
        while row >= _BLOCK * len(self._blocks):
            self._blocks.append(np.full((_BLOCK, *self._shape), np.nan))
        block: Floats = self._blocks[row // _BLOCK][row % _BLOCK]
        return block

    def ordered(self, order: NDArray[np.intp]) -> Floats:
        """Return the rows of this order, without the runs that none of them has."""
        self[len(order) - 1]
        rows: Floats = np.concatenate(self._blocks)[order]
        measured = ~np.isnan(rows).all(axis=tuple(at for at in range(rows.ndim) if at != 1))
        return rows[:, : 1 + np.flatnonzero(measured).max(initial=-1)]


class Trainings:
    """The trainings of architectures of one space, added in whatever order they come."""

    def __init__(self, origin: str) -> None:
        """Begin with no architecture; `origin` is the file or folder that has them."""
        self._origin = origin
        self._space: Space | None = None
        self._rows: dict[int, int] = {}
        self._finals: dict[tuple[str, str, int], _Rows] = {}
        self._curves: dict[tuple[str, str, int], _Rows] = {}
        self._costs = {(task, kind): _Rows(1) for task in _TASKS for kind in _COSTS}
        self._seeds: dict[tuple[str, int], list[int]] = {}
        self._mixed: set[tuple[str, int]] = set()
        self._lengths: set[int] = set()

    @property
    def space(self) -> Space:
        """The space of the architectures.

        Raises:
            DamagedInput: there is none yet.
        """
        if self._space is None:
            raise DamagedInput(f"{self._origin} holds no architecture's results")
        return self._space

    def add(self, what: str, index: int, schedules: Mapping[str, Any]) -> None:
        """Keep the trainings of an architecture.

        Args:
            what: what to call it in an error.
            index: its place in the official order.
            schedules: its results by the name of the schedule.

        Raises:
            DamagedInput: they are not what they should be.
        """
        try:
            if not schedules:
                raise ValueError("it has no training")
            row = len(self._rows)
            for schedule, results in schedules.items():
                self._check(index, results["arch_str"], results["arch_index"])
                self._add(row, schedule, results)
            if self._rows.setdefault(index, row) != row:
                raise ValueError("it was there before")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            fault = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
            raise DamagedInput(
                f"{what}: not the results of architecture {index} as NATS-Bench has them ({fault})"
            ) from None

    def _check(self, index: int, string: str, number: int) -> None:
        """See that results are of the architecture that they are said to be of."""
        if self._space is None:
            name = "nasbench201" if string.startswith("|") else "nats_sss"
            self._space = registry.load("spaces", name)
        found = self._space.index(self._space.parse(string))
        if number != index or found != index:
            raise ValueError(f"it is number {number} and of {string}, which is number {found}")

    def _add(self, row: int, schedule: str, results: Mapping[str, Any]) -> None:
        seeds, trained = results["dataset_seed"], results["all_results"]
        for task, readings in _READINGS.items():
            for data in {reading.data: None for reading in readings}:
                ran = sorted(seeds.get(data, ()))
                if len(ran) > _RUNS or len(set(ran)) < len(ran):
                    raise ValueError(f"it has the seeds {ran} on {data}, and may have {_RUNS}")
                for run, seed in enumerate(ran):
                    result = trained[data, seed]
                    epochs = result["epochs"]
                    self._check_length(schedule, epochs)
                    for reading in readings:
                        if reading.data == data:
                            self._read(task, reading, row, run, epochs, result)
                    self._note(data, epochs, run, seed)

    def _check_length(self, schedule: str, epochs: int) -> None:
        """See that a training has its schedule's epochs, and that there is room for its curve."""
        if type(epochs) is not int or not 0 < epochs <= _MOST_EPOCHS:
            raise ValueError(f"a training of {epochs!r:.40} epochs: 1 to {_MOST_EPOCHS} are known")
        if schedule.isdecimal() and epochs != int(schedule):
            raise ValueError(f"a training of {epochs} epochs under {schedule!r}")
        self._lengths.add(epochs)
        if len(self._lengths) > _MOST_LENGTHS:
            raise ValueError(f"trainings of more than {_MOST_LENGTHS} lengths: {epochs} is new")

    def _read(
        self, task: str, reading: _Reading, row: int, run: int, epochs: int, result: dict[str, Any]
    ) -> None:
        """Keep what a training measured on one split."""
        keys = _keys(reading.split, epochs)
        for kind, (trained, evaluated) in _KINDS.items():
            found = result[trained if reading.split is None else evaluated]
            place = task, _named(reading.metric, kind), epochs
            last = found.get(keys[-1])
            if last is not None:
                self._final(place)[row][run] = last
            if epochs > 1 and keys[0] in found:
                if place not in self._curves:
                    self._curves[place] = _Rows(_RUNS, epochs)
                self._curves[place][row][run] = list(map(found.get, keys))
        if reading.split is None:
            spent = sum(map(result["train_times"].__getitem__, keys))
            self._final((task, _SECONDS.name, epochs))[row][run] = spent
            for kind in _COSTS:
                self._costs[task, kind][row][0] = round(result[kind] * 1e6)

    def _final(self, place: tuple[str, str, int]) -> _Rows:
        if place not in self._finals:
            self._finals[place] = _Rows(_RUNS)
        return self._finals[place]

    def _note(self, data: str, epochs: int, run: int, seed: int) -> None:
        """Remember the seed of a run, if all architectures agree on it."""
        known = self._seeds.setdefault((data, epochs), [])
        if run == len(known):
            known.append(seed)
        elif known[run] != seed:
            self._mixed.add((data, epochs))

    def check_strings(self, strings: Sequence[str], what: str) -> None:
        """See that a list of all architectures is that of the space.

        Raises:
            DamagedInput: it is another list.
        """
        if list(strings) != [self.space.format(arch) for arch in self.space]:
            raise DamagedInput(
                f"{what} lists {len(strings):,} architectures that are not those of "
                f"{self.space.name} in their order: it is of another version"
            )

    def source(self, *, name: str, title: str, source: Path, citation: str) -> Source:
        """Return the table of all that was added, which is given away.

        Raises:
            DamagedInput: there is nothing, or a value is impossible.
        """
        space = self.space
        indices = np.array(list(self._rows))
        order = np.argsort(indices)
        lengths = sorted({epochs for _, _, epochs in self._finals})
        archs = [space.at(int(index)) for index in indices[order]]
        return Source(
            name=name,
            version="1",
            title=title,
            description=f"The official results of {len(archs):,} of {space.size:,} networks.",
            space=space.name,
            tasks=_TASKS,
            metrics=_metrics(),
            columns=list(self._columns(order)),
            curves=list(self._learning(order)),
            protocols=_protocols(lengths),
            licence="MIT",
            citations=(citation,),
            inputs=[
                {
                    "file": self._origin,
                    "path": str(source),
                    "repository": "D-X-Y/NATS-Bench",
                    "licence": "MIT",
                }
            ],
            archs=archs,
        )

    def _columns(self, order: NDArray[np.intp]) -> Iterator[Column]:
        data = {
            (task, _named(reading.metric, kind)): reading.data
            for task, readings in _READINGS.items()
            for reading in readings
            for kind in _KINDS
        } | {(task, _SECONDS.name): readings[-1].data for task, readings in _READINGS.items()}
        for task, metric, epochs in sorted(self._finals):
            rows = self._finals.pop((task, metric, epochs))
            values = self._possible(metric, rows.ordered(order), order)
            trained = data[task, metric], epochs
            seeds = () if trained in self._mixed else tuple(self._seeds[trained])
            yield Column(task, metric, values, epochs=epochs, origin=self._origin, seeds=seeds)
        for (task, kind), rows in self._costs.items():
            yield Column(task, _COSTS[kind].name, rows.ordered(order)[:, 0], origin=self._origin)

    def _learning(self, order: NDArray[np.intp]) -> Iterator[Curve]:
        # All curves are a gigabyte, and need not be there twice.
        for place in sorted(self._curves):
            task, metric, _ = place
            values = self._curves.pop(place).ordered(order)
            yield Curve(task, metric, self._possible(metric, values, order), self._origin)

    def _possible(self, metric: str, values: Floats, order: NDArray[np.intp]) -> Floats:
        """Return the values, none of which is impossible."""
        most = 100.0 if "accuracy" in metric else np.finfo(float).max
        wrong = np.flatnonzero((values < 0) | (values > most))
        if len(wrong):
            row = np.unravel_index(wrong[0], values.shape)[0]
            index = list(self._rows)[order[row]]
            raise DamagedInput(
                f"{self._origin}, architecture {index}: its {metric} is "
                f"{values.flat[wrong[0]]:g}, which cannot be"
            )
        return values


def _protocols(lengths: list[int]) -> dict[str, Any]:
    short = 12 if 12 in lengths else lengths[0]
    report = {"metric": "test_accuracy", "epochs": lengths[-1], "seed": "mean"}
    common = {
        "objective": "val_accuracy",
        "seed": "mean",
        "cost": "train_seconds",
        "report": report,
        "continues": False,
    }
    return {
        "standard": {
            "description": f"A search sees validation accuracy after {short} epochs and pays the "
            f"seconds; reported is test accuracy after {lengths[-1]} epochs.",
            "epochs": [short],
            **common,
        },
        "multi_fidelity": {
            "description": "A search chooses the length of each training, which starts anew and "
            f"is paid whole; reported is test accuracy after {lengths[-1]} epochs.",
            "epochs": lengths,
            **common,
        },
    }
