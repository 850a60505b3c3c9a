"""NAS-Bench-301's own data: the trainings that its surrogates were fitted to, a JSON file each.

Zela et al., "Surrogate NAS Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS
Benchmarks", ICLR 2022, section 3. The files are `<optimiser>/results_N.json`, in a folder or in a
zip of it, which is read member by member and not unpacked. Their form is that which the authors'
repository, automl/nasbench301, reads in `surrogate_models/utils.py`, and of the one such file that
is in it.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import Arch, DamagedInput, InvalidArchitecture, Metric, finite, shown
from nasbench_suite.spaces.darts import CHANNELS, LAYERS, Darts
from nasbench_suite.tables.source import Column, Source, Task

_RESULT: Final = re.compile(r"results_([0-9]{1,9})(_[a-z]+)?\.json", re.ASCII)
_MOST: Final = 1 << 24
"""Bytes of one file; the published ones have some thousand, and a zip may claim anything."""
_PACKINGS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How members may be packed: the others unpack as much as they like before they can be stopped."""
_TOLD: Final = 1_000
"""Files between two words of progress."""

_EPOCHS: Final = 100
_CONFIG: Final = "optimized_hyperparamater_config"  # as the source spells it
_RECIPE: Final = {
    "NetworkSelectorDatasetInfo:darts:init_channels": CHANNELS,
    "NetworkSelectorDatasetInfo:darts:layers": LAYERS,
    "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": _EPOCHS,
    "OptimizerSelector:sgd:learning_rate": 0.025,
    "OptimizerSelector:sgd:weight_decay": 0.0003,
}
"""The settings of the benchmark's trainings that other trainings of the source change."""

_METRICS: Final = (
    Metric("val_accuracy", "%", "max", "validation", "top-1 accuracy on 10,000 images held out"),
    Metric(
        "test_accuracy",
        "%",
        "max",
        "test",
        "top-1 accuracy on the test images, of the same network trained on 40,000 images",
    ),
    Metric("train_seconds", "s", "min", None, "seconds of the training"),
)
_PROTOCOLS: Final = {
    "standard": {
        "description": f"A search sees val_accuracy after {_EPOCHS} epochs and pays the seconds; "
        "reported is test_accuracy of the same trainings.",
        "objective": "val_accuracy",
        "epochs": [_EPOCHS],
        "seed": "mean",
        "cost": "train_seconds",
        "report": {"metric": "test_accuracy", "epochs": _EPOCHS, "seed": "mean"},
        "continues": False,
    }
}
_DEFECTS: Final = (
    "The architectures are those that optimisers asked for, so that good ones are more frequent "
    "than in the space; those of random search (rs) alone were drawn at random.",
    "Who asked for a training stands in the lists asked_by_...: [first row, last row, run]. Rows "
    "and runs are in the order of the files' folders and numbers.",
    "The files do not say on which machine they were made, so seconds may be of several kinds, nor "
    "with which seed.",
)


class _Training(NamedTuple):
    """Who asked for it, and its values in the order of the metrics."""

    optimizer: str
    values: tuple[float, ...]


class _Trainings:
    """The trainings of each architecture, filled file by file."""

    def __init__(self) -> None:
        self._space: Darts = registry.load("spaces", "darts")
        self.found: dict[Arch, list[_Training]] = {}
        self.copies: list[str] = []
        self.others: list[str] = []

    def add(self, name: str, optimizer: str, content: bytes) -> None:
        """Take one file.

        Raises:
            KeyError, IndexError, TypeError, ValueError, RecursionError: it is no such file.
        """
        if len(content) > _MOST:
            raise ValueError(f"it has more than {_MOST:,} bytes")
        result = json.loads(content)
        config = result[_CONFIG]
        arch = self._space.from_configspace(config)
        read = (result["info"][0]["val_accuracy"], result["test_accuracy"], result["runtime"])
        values = tuple(map(_number, _METRICS, read))
        if any(config[setting] != value for setting, value in _RECIPE.items()):
            self.others.append(name)
            return
        trainings = self.found.setdefault(arch, [])
        # Two trainings may end alike, but not after the same seconds as well.
        if any(values == training.values for training in trainings):
            self.copies.append(name)
            return
        trainings.append(_Training(optimizer, values))

    def columns(self, origin: str) -> Iterator[Column]:
        """Yield each metric, (architectures, runs)."""
        runs = max(map(len, self.found.values()))
        dense = np.full((len(_METRICS), len(self.found), runs), np.nan)
        for row, trainings in enumerate(self.found.values()):
            for run, training in enumerate(trainings):
                dense[:, row, run] = training.values
        for metric, values in zip(_METRICS, dense, strict=True):
            yield Column("cifar10", metric.name, values, epochs=_EPOCHS, origin=origin)

    def lists(self) -> dict[str, list[Any]]:
        """Return what the card lists: whose each training is, and the files that were left out."""
        lists: dict[str, list[Any]] = {}
        for row, trainings in enumerate(self.found.values()):
            for run, training in enumerate(trainings):
                stretches = lists.setdefault(f"asked_by_{training.optimizer}", [])
                if stretches and stretches[-1][1:] == [row - 1, run]:
                    stretches[-1][1] = row
                else:
                    stretches.append([row, row, run])
        left_out = {"copies": self.copies, "other_settings": self.others}
        return lists | {name: files for name, files in left_out.items() if files}


def read(source: Path, progress: Callable[[str], None]) -> Source:
    """Read a folder of result files, or a zip of it.

    Raises:
        DamagedInput: a file is not what it should be, or there is none; the message names it.
    """
    source = source.resolve()  # of which `.` has no name
    trainings = _Trainings()
    for number, (name, optimizer, content) in enumerate(_results(source)):
        if number % _TOLD == 0:
            progress(f"{source.name}, {name}")
        try:
            trainings.add(name, optimizer, content)
        except InvalidArchitecture as error:
            raise DamagedInput(f"{source.name}, {name}: {error}") from None
        except KeyError as error:
            raise DamagedInput(f"{source.name}, {name}: {error} is missing") from None
        except (AttributeError, IndexError, TypeError, ValueError, RecursionError) as error:
            raise DamagedInput(
                f"{source.name}, {name}: no result of a training ({error})"
            ) from None
    if not trainings.found:
        raise DamagedInput(
            f"{source} has no <optimiser>/results_N.json of a training with {CHANNELS} channels, "
            f"{LAYERS} layers and {_EPOCHS} epochs: name the folder or the zip that was published"
        )
    progress("writing the table")
    left_out = [
        f"{len(files):,} files are left out, listed as {name}: {why}."
        for files, name, why in (
            (trainings.copies, "copies", "each has the values of another file of its architecture"),
            (
                trainings.others,
                "other_settings",
                "trainings of other settings, such as more epochs",
            ),
        )
        if files
    ]
    origin = (
        f"results_N.json, trained on 40,000 images with {CHANNELS} channels and {LAYERS} layers"
    )
    return Source(
        name="nasbench301_data",
        version="1",
        title="NAS-Bench-301, its trainings",
        description=f"The trainings of {len(trainings.found):,} architectures of DARTS, to which "
        "the surrogates of NAS-Bench-301 were fitted.",
        space="darts",
        tasks={"cifar10": Task("CIFAR-10 classification", 10, 32, "test_accuracy")},
        metrics=_METRICS,
        columns=list(trainings.columns(origin)),
        protocols=_PROTOCOLS,
        licence="Apache-2.0 (the repository)",
        citations=(
            "A. Zela, J. Siems, L. Zimmer, J. Lukasik, M. Keuper and F. Hutter. Surrogate NAS "
            "Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS Benchmarks. ICLR "
            "2022.",
        ),
        inputs=[
            {
                "file": source.name,
                "path": str(source),
                "repository": "automl/nasbench301",
                "licence": "Apache-2.0 (the repository)",
            }
        ],
        archs=list(trainings.found),
        defects=(*_DEFECTS, *left_out),
        lists=trainings.lists(),
    )


def _number(metric: Metric, value: Any) -> float:
    """Return a published number.

    Raises:
        ValueError: it is none, or none of this metric.
    """
    number = finite(value)
    most = 100.0 if metric.unit == "%" else float("inf")
    if number is None or not 0 <= number <= most:
        raise ValueError(f"{metric.name} is {shown(value)}")
    if metric.unit == "%" and 0 < number <= 1:
        raise ValueError(f"{metric.name} is {shown(value)}, a share of 1, and is published in %")
    return number


def _results(source: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield name, optimiser and content of each result file, by folder and number.

    A content is cut off after one byte more than a file may have.

    Raises:
        DamagedInput: a file cannot be read, or has a name that no published file has.
    """
    if source.is_dir():
        paths = {
            path.relative_to(source).as_posix(): path
            for path in source.rglob("results_*")
            if path.is_file()
        }
        for name, optimizer in _ordered(paths, source):
            yield name, optimizer, _content(source, name, partial(paths[name].open, "rb"))
        return
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DamagedInput(
            f"{source} is no whole zip of result files ({error}): fetch it again"
        ) from None
    with archive:
        names = Counter(archive.namelist())
        for name, optimizer in _ordered(names, source):
            if names[name] > 1:
                raise DamagedInput(f"{source.name}, {name}: it is there {names[name]} times")
            if archive.getinfo(name).compress_type not in _PACKINGS:
                raise DamagedInput(f"{source.name}, {name}: it is packed in an unusual way")
            yield name, optimizer, _content(source, name, partial(archive.open, name))


def _content(source: Path, name: str, opened: Callable[[], Any]) -> bytes:
    try:
        with opened() as file:
            content: bytes = file.read(_MOST + 1)
            return content
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
        raise DamagedInput(f"{source.name}, {name}: it cannot be read ({error})") from None


def _ordered(names: Iterable[str], source: Path) -> list[tuple[str, str]]:
    """Return the result files with their optimisers, by folder and number.

    The optimiser is the first folder that not all of them share, so that a zip may have a folder
    around all; where they share all folders, it is the innermost.

    Raises:
        DamagedInput: a name leads out of the folder or cannot be printed.
    """
    found = []
    for name in names:
        *folders, last = PurePosixPath(name).parts or ("",)
        match = _RESULT.fullmatch(last)
        if match is None or name.endswith("/"):
            continue
        if not name.isprintable() or name.startswith("/") or "\\" in name or ".." in folders:
            raise DamagedInput(f"{source.name} has a file of the odd name {shown(name)}")
        found.append((folders, int(match[1]), last, name))
    levels = zip(*(folders for folders, *_ in found), strict=False)
    shared = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))
    return [
        (name, (*folders[shared:], *folders[-1:], source.stem)[0])
        for folders, _, _, name in sorted(found)
    ]
