"""What a table says of trainings made here: curves, costs, protocols, and how much is chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.stats import kendalltau

from nasbench_suite.core import DamagedInput, Floats, InvalidSetting, Metric
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.source import Column, Curve, Source, Task, single_run_protocols
from nasbench_suite.training.recipes import Recipe
from nasbench_suite.training.skeleton import connected, skeleton
from nasbench_suite.training.trained import Training

if TYPE_CHECKING:
    from nasbench_suite.training.data.images import Images

_STEP: Final = 3
"""How many times as long as the one before each training length of `multi_fidelity` is at least."""
_SPLITS: Final = {"val": "validation", "test": "test", "train": "train"}
_SECONDS: Final = Metric(
    "train_seconds", "s", "min", None, "seconds of training up to that epoch, without evaluation"
)
_COUNTS: Final = (
    Metric("params", "count", "min", None, "parameters of the network that was trained"),
    Metric("flops", "count", "min", None, "multiply-accumulates of it an image"),
)
_HARDWARE: Final = ("device", "cpu", "gpu", "instructions", "threads", "python", "torch", "system")


def source(
    trainings: Iterable[Training],
    space: Space,
    recipe: Recipe,
    images: Images,
    *,
    name: str,
    folder: Path,
    notes: Sequence[str],
    lengths: Sequence[int],
    canonical: bool,
) -> Source:
    """Return the table of trainings.

    Args:
        trainings: all of one recipe and data set.
        space: the space that they are of.
        recipe: how they were trained.
        images: what they were trained on.
        name: the table's.
        folder: where the files of the trainings lie.
        notes: what the card says besides.
        lengths: of training that a search may choose, ascending, as `lengths_of` returns them.
        canonical: whether each training stands for all architectures of its form.

    Raises:
        DamagedInput: all of them failed.
    """
    kept = list(trainings)
    failures = Counter(training.failure for training in kept if training.failure is not None)
    machines = Counter(machine(training.record) for training in kept if training.record)
    archs = sorted({training.arch for training in kept}, key=space.index)
    place = {arch: row for row, arch in enumerate(archs)}
    runs = 1 + max(training.seed for training in kept)
    curves = {
        metric: np.full((len(archs), runs, recipe.epochs), np.nan)
        for metric in (*(f"{split}_accuracy" for split in _SPLITS), _SECONDS.name)
    }
    for training in kept:
        for metric, values in curves.items():
            at = values[place[training.arch], training.seed]
            at[: training.epochs] = _curve(training, metric)
    if np.isnan(curves["val_accuracy"]).all():
        raise DamagedInput(f"all trainings failed, the first: {kept[0].failure}: nothing is packed")
    graphs = [skeleton(space, arch, recipe, **images.form) for arch in archs]
    origin = f"{name}: recipe {recipe.name} on {images.name}"
    columns = [
        Column(
            images.name,
            metric,
            values[:, :, length - 1],
            epochs=length,
            origin=origin,
            seeds=tuple(range(runs)),
        )
        for metric, values in curves.items()
        for length in lengths
    ]
    columns += [
        Column(
            images.name,
            metric.name,
            np.array(values, dtype=float),
            source="derived",
            origin="counted from the network that was trained",
        )
        for metric, values in zip(
            _COUNTS,
            ([graph.params for graph in graphs], [graph.flops for graph in graphs]),
            strict=True,
        )
    ]
    return Source(
        name=name,
        version="1",
        title=f"{space.name} on {images.name}",
        description=f"{len(kept):,} trainings of {len(archs):,} networks, made by nasbench_suite "
        f"{version('nasbench-suite')}.",
        space=space.name,
        tasks={
            images.name: Task(
                f"classification ({images.name})",
                images.classes,
                images.size,
                "test_accuracy",
                ("test_accuracy", recipe.epochs),
            )
        },
        metrics=[*_metrics(recipe, images), _SECONDS, *_COUNTS],
        columns=columns,
        curves=[Curve(images.name, metric, values, origin) for metric, values in curves.items()],
        protocols=single_run_protocols(list(lengths), continues=True),
        licence="Apache-2.0",
        citations=("nasbench_suite: a table of the suite's own trainings.",),
        inputs=[{"file": folder.name, "path": str(folder), "licence": "Apache-2.0"}],
        archs=archs,
        key="canonical" if canonical and space.forms < space.size else "architecture",
        defects=[f"{count:,} trainings failed: {why}." for why, count in sorted(failures.items())],
        derived=["params and flops are counted from the network that was trained."],
        lists={
            "recipe": [f"{key} = {value}" for key, value in recipe.values().items()],
            "machines": [
                f"{count:,} trainings: {told}" for told, count in sorted(machines.items())
            ],
            "chance": _chance(curves["val_accuracy"][:, :, -1], graphs),
            "notes": list(notes),
        },
    )


def _curve(training: Training, metric: str) -> Floats:
    """Return a metric after each epoch, in single precision; seconds are those from the start.

    That is more than they mean, and takes half as many bytes.
    """
    values = training.curves["seconds" if metric == _SECONDS.name else metric]
    found = np.cumsum(values) if metric == _SECONDS.name else np.array(values)
    return found.astype(np.float32).astype(float)


def _metrics(recipe: Recipe, images: Images) -> list[Metric]:
    changed = recipe.eval_shift or recipe.eval_noise
    draws = f", each moved and made noisy {recipe.eval_draws} times" if changed else ""
    told = {
        "val": f"on {len(images.val.labels):,} validation images{draws}",
        "test": f"on {len(images.test.labels):,} test images{draws}",
        "train": f"on the {len(images.train.labels):,} training images, during training",
    }
    return [
        Metric(f"{short}_accuracy", "%", "max", split, f"top-1 accuracy {told[short]}")
        for short, split in _SPLITS.items()
    ]


def lengths_of(recipe: Recipe, asked: Sequence[int] = ()) -> list[int]:
    """Return the training lengths that a search may choose, ascending: networks are judged then.

    Args:
        recipe: of the trainings.
        asked: these, and the whole of the training; by default a third each of the next longer.

    Raises:
        InvalidSetting: networks are not judged after as many epochs.
    """
    for length in asked:
        if not 1 <= length <= recipe.epochs or (
            length % recipe.eval_every and length != recipe.epochs
        ):
            raise InvalidSetting(
                f"a training of {length:,} epochs is none that a search could choose: recipe "
                f"{recipe.name} trains for {recipe.epochs:,} and judges networks every "
                f"{recipe.eval_every:,}"
            )
    if asked:
        return sorted({*asked, recipe.epochs})
    found = [recipe.epochs]
    while shorter := found[0] // _STEP // recipe.eval_every * recipe.eval_every:
        found.insert(0, shorter)
    return found


def machine(record: Mapping[str, Any]) -> str:
    """Return on what a training was made, in words."""
    told = [
        ", ".join(f"{key} {hardware[key]}" for key in _HARDWARE if key in hardware)
        for hardware in (*record.get("earlier_hardware", ()), record["hardware"])
    ]
    return f"{' and then '.join(told)}, precision {record['precision']}"


def _chance(final: Floats, graphs: Sequence[Any]) -> list[str]:
    """Return how far networks are apart, and how alike two trainings of one are.

    Args:
        final: validation accuracy, (architectures, runs).
        graphs: of the architectures; those whose output does not depend on the image are left out.
    """
    joined = np.array([connected(graph) for graph in graphs])
    first = final[joined, 0]
    first = first[~np.isnan(first)]
    if not len(first):
        return []
    quartiles = np.percentile(first, [0, 25, 50, 75, 100])
    told = [
        f"val_accuracy of run 0, of the {len(first):,} networks that heed their input: minimum, "
        f"quartiles and maximum {', '.join(f'{value:.1f}' for value in quartiles)} %"
    ]
    if final.shape[1] > 1:
        both = final[joined][:, :2]
        both = both[~np.isnan(both).any(axis=1)]
        if len(both) > 2:
            tau = kendalltau(both[:, 0], both[:, 1]).statistic
            spread = float(np.std(both[:, 0] - both[:, 1]) / np.sqrt(2))
            told.append(
                f"two trainings of {len(both):,} of them, judged by the same images with the same "
                f"noise: Kendall's tau {tau:.3f}, standard "
                f"deviation of a training {spread:.2f} points"
            )
    return told
