"""Files in the official format of NAS-Bench-101: a TFRecord file with a training a record.

A record is a JSON list of the cell's hash, the epochs of the training, the matrix row by row, the
operations, and, in base64, a message `ModelMetrics` (google-research/nasbench,
`model_metrics.proto`): three evaluations, at the start, on the way and at the end, the number of
parameters and all seconds. EC-NAS-Bench added fields to the same messages.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import DamagedInput, Floats, Metric
from nasbench_suite.spaces.nasbench101 import Nasbench101
from nasbench_suite.tables.importers._tfrecords import fields, records
from nasbench_suite.tables.source import Column

EPOCHS: Final = (4, 12, 36, 108)
RUNS: Final = 3
START, MIDDLE, END = range(3)

_TOLD: Final = 100_000
"""Records between two words of progress."""
_IMAGES: Final = {"train": "training", "validation": "validation", "test": "test"}
_PLACES: Final = {"train": 3, "validation": 4, "test": 5}
_SHORT: Final = {"train": "train", "validation": "val", "test": "test"}


class Quantity(NamedTuple):
    """A metric, and where a record keeps it."""

    metric: Metric
    field: int
    evaluation: int | None = None
    """Which of the three; None: of the training as a whole."""


def accuracies(on_the_way: str, when: str) -> Iterator[Quantity]:
    """Yield the accuracies of the three evaluations, which are shares of 1 in the files.

    Args:
        on_the_way: how the metrics of the second evaluation end.
        when: when that was.
    """
    for evaluation, ending, after in (
        (END, "", ""),
        (MIDDLE, f"_{on_the_way}", f", {when}"),
        (START, "_start", ", before the first step"),
    ):
        for split, images in _IMAGES.items():
            name = f"{_SHORT[split]}_accuracy{ending}"
            text = f"top-1 accuracy on the {images} images{after}"
            metric = Metric(name, "%", "max", split, text)
            yield Quantity(metric, _PLACES[split], evaluation)


CITATION: Final = (
    "C. Ying, A. Klein, E. Christiansen, E. Real, K. Murphy and F. Hutter. NAS-Bench-101: Towards "
    "Reproducible Neural Architecture Search. ICML 2019."
)
SHARES: Final = "Accuracies were published as shares, and are 100 times as much here."
VERTEX_ORDER: Final = (
    "published_params is of the cell as the benchmark wrote it. Channels that cannot be shared "
    "evenly go to the first vertices, so that isomorphic cells may differ in their parameters."
)
PARAMS: Final = Metric(
    "published_params", "count", "min", None, "parameters as they were published"
)


class Trainings:
    """The trainings of a file by the number of their cell, filled record by record."""

    def __init__(
        self, space: Nasbench101, quantities: Sequence[Quantity], middle: Callable[[int], float]
    ) -> None:
        """Begin with no training; `middle` says after which epoch the second evaluation was."""
        self._space = space
        self._quantities = quantities
        self._middle = middle
        # Zeros take no memory before something is written there, and `_runs` says what was.
        self._hashes: NDArray[np.bytes_] = np.zeros(space.forms, dtype="S32")
        self._params: NDArray[np.int64] = np.zeros(space.forms, dtype=np.int64)
        self._runs: dict[int, NDArray[np.uint8]] = {}
        self._values: dict[int, Floats] = {}

    def read(self, path: Path, progress: Callable[[str], None]) -> None:
        """Read all records of a file.

        Raises:
            DamagedInput: a record is not what it should be; the message names file and record.
        """
        for number, content in enumerate(records(path)):
            if number % _TOLD == 0 and number:
                progress(f"{path.name}, record {number:,}")
            try:
                self._add(content)
            except (ValueError, TypeError, OverflowError, RecursionError) as error:
                raise DamagedInput(f"{path.name}, record {number}: {error}") from None

    def _add(self, content: bytes) -> None:
        """Keep a training.

        Raises:
            ValueError, TypeError, OverflowError, RecursionError: its record is not what it should
                be, an architecture outside the space among them.
        """
        entries = json.loads(content)
        kinds = (str, int, str, str, str)
        if not isinstance(entries, list) or tuple(map(type, entries)) != kinds:
            raise ValueError(
                "it is no list of hash, epochs, matrix, operations and metrics, as this version of "
                "the format has it"
            )
        name, epochs, matrix, operations, packed = entries
        if epochs not in EPOCHS:
            raise ValueError(f"a training of {epochs} epochs, and there are 4, 12, 36 and 108")
        arch = self._space.parse(f"{matrix}:{operations}")
        cell = self._space.number(arch)
        # It is written in lines, as mail has it.
        message = b64decode(packed.replace("\n", ""), validate=True)
        params, values = self._measured(message, epochs)
        if not self._hashes[cell]:
            if self._space.fingerprint(arch) != name:
                raise ValueError(f"the hash of its cell is not {name}")
            self._hashes[cell] = name.encode()
            self._params[cell] = params
        elif self._hashes[cell] != name.encode() or self._params[cell] != params:
            raise ValueError("an earlier record of the same cell has another hash or other costs")
        if epochs not in self._runs:
            self._runs[epochs] = np.zeros(self._space.forms, dtype=np.uint8)
            self._values[epochs] = np.zeros((self._space.forms, RUNS, len(values)))
        run, known = self._runs[epochs][cell], self._values[epochs][cell]
        if (known[:run] == values).all(axis=1).any():
            raise ValueError("it is a training that an earlier record has")
        if run == RUNS:
            raise ValueError(f"it is the fourth training of {epochs} epochs of its cell")
        known[run] = values
        self._runs[epochs][cell] += 1

    def _measured(self, message: bytes, epochs: int) -> tuple[int, list[float]]:
        """Return the parameters and all quantities of a training.

        Raises:
            ValueError: it has not all of them, or they are impossible.
        """
        metrics = fields(message)
        evaluations = [fields(evaluation) for evaluation in metrics[1]]
        if len(evaluations) != RUNS:
            raise ValueError(f"it has {len(evaluations)} evaluations, and three are needed")
        for found, expected in zip(evaluations, (0, self._middle(epochs), epochs), strict=True):
            if abs(_one(found, 1) - expected) >= 0.5:
                raise ValueError(f"an evaluation after {_one(found, 1)} epochs, not {expected:g}")
        values = []
        for metric, field, evaluation in self._quantities:
            value = _one(metrics if evaluation is None else evaluations[evaluation], field)
            if metric.unit == "%":
                if not 0 <= value <= 1:
                    raise ValueError(f"its {metric.name} is {value}, and is a share of 1")
                value *= 100
            values.append(value)
        return int(_one(metrics, 2)), values

    @property
    def numbers(self) -> list[int]:
        """The numbers of the cells that were trained, ascending."""
        return np.flatnonzero(self._hashes).tolist()

    @property
    def lengths(self) -> list[int]:
        """The epochs of the trainings, ascending."""
        return sorted(self._runs)

    def columns(self, task: str, origin: str) -> Iterator[Column]:
        """Yield the columns of the cells that were trained, (cells, runs), and keep none."""
        rows = np.array(self.numbers)
        for epochs in self.lengths:
            # All values of the official file are half a gigabyte, and need not be there twice.
            kept, runs = self._values.pop(epochs), self._runs[epochs][rows]
            lacking = np.arange(runs.max()) >= runs[:, None]
            for place, quantity in enumerate(self._quantities):
                values = kept[rows, : runs.max(), place]
                values[lacking] = np.nan
                yield Column(task, quantity.metric.name, values, epochs=epochs, origin=origin)
        yield Column(task, PARAMS.name, self._params[rows], origin=origin)


def _one(message: dict[int, list[Any]], field: int) -> float:
    """Return the one number in a field.

    Raises:
        ValueError: there is none, or more, or no finite one.
    """
    found = message.get(field, [])
    if len(found) != 1 or not isinstance(found[0], int | float) or not isfinite(found[0]):
        raise ValueError(f"field {field} of its metrics does not hold one finite number")
    return found[0]
