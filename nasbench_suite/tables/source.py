"""What an importer has to say: a table before it is written."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nasbench_suite.core import Arch, Metric
from nasbench_suite.spaces.base import Space


@dataclass(frozen=True)
class Column:
    """The values of a metric of a task after so many epochs."""

    task: str
    metric: str
    values: NDArray[Any]
    """(architectures,) where one value was published, (architectures, runs) for single runs;
    NaN where nobody measured. Runs fill from 0; those that an architecture lacks come last."""
    epochs: int | None = None
    counts: int | NDArray[Any] | None = None
    """How many trainings one published value stands for, for all or for each; None: unknown."""
    source: str = "measured"
    origin: str = ""
    """Where it was read, and what was trained on what."""
    seeds: tuple[int, ...] = ()
    """The training seed of each run, where it is known."""


@dataclass(frozen=True)
class Curve:
    """The values of a metric after every epoch of a training."""

    task: str
    metric: str
    values: NDArray[Any]
    """(architectures, runs, epochs)."""
    origin: str = ""


@dataclass(frozen=True)
class Task:
    """What the architectures were trained to do."""

    description: str
    classes: int | None
    """How many classes it tells apart; None where it does something else."""
    size: int | None
    """Height and width of its images, in pixels; None where it has no images."""
    reported: str
    """The metric that a question without one asks for."""
    optimum: tuple[str, int | None] | None = None
    """The metric and epochs whose best value the card states."""
    protocols: Mapping[str, Mapping[str, Any]] | None = None
    """How it is searched, where that is not the same for all tasks of the table."""


@dataclass(frozen=True)
class Source:
    """All that an importer has to say: a table before it is written."""

    name: str
    version: str
    title: str
    description: str
    space: str
    tasks: Mapping[str, Task]
    metrics: Sequence[Metric]
    columns: Sequence[Column]
    protocols: Mapping[str, Mapping[str, Any]]
    licence: str
    citations: Sequence[str]
    inputs: Sequence[Mapping[str, str]]
    """Of each: `file`, `path` (where it was read), `repository`, `commit`, `licence`."""
    archs: Sequence[Arch] | None = None
    """The architecture of each row; None: all of the space, in its official order."""
    key: str = "architecture"
    curves: Sequence[Curve] = ()
    defects: Sequence[str] = ()
    derived: Sequence[str] = ()
    lists: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """What a defect refers to, such as the architectures that it concerns."""

    def whole(self, space: Space) -> int:
        """Return how many rows answer for all of the space."""
        return space.forms if self.key == "canonical" else space.size

    def protocols_of(self, task: str) -> Mapping[str, Mapping[str, Any]]:
        """Return how a task is searched, by the protocols' names."""
        own = self.tasks[task].protocols
        return self.protocols if own is None else own


class Inputs:
    """The published files of one folder, and which of them were read."""

    def __init__(
        self,
        folder: Path,
        progress: Callable[[str], None],
        repositories: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Read below a folder; `repositories` says whence each of its folders is."""
        self._folder = folder
        self._progress = progress
        self._repositories = repositories
        self._read: dict[str, dict[str, str]] = {}

    def path(self, name: str) -> Path:
        """Return an input's path, and note it for the card.

        Raises:
            FileNotFoundError: it is not there.
        """
        path = self._folder / name
        if not path.exists():
            raise FileNotFoundError(2, "missing", str(path))
        if name not in self._read:
            self._progress(name)
        repository = self._repositories[name.split("/")[0]]
        self._read[name] = {"file": name, "path": str(path), **repository}
        return path

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        """Yield the rows of a CSV file, which may be compressed as `.gz`."""
        path = self.path(name)
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)

    def noted(self) -> list[dict[str, str]]:
        """Return what was read, by name, as the card tells it."""
        return [self._read[name] for name in sorted(self._read)]


def single_run_protocols(lengths: Sequence[int], *, continues: bool) -> dict[str, Any]:
    """Return how trainings of these lengths, ascending, are searched for validation accuracy.

    A search sees a single training, as in NAS-Bench-101 (Ying et al. 2019, section 4): what is
    noise to it is none to the score, which is the mean of all.
    """
    longest = lengths[-1]
    common = {
        "objective": "val_accuracy",
        "seed": 0,
        "cost": "train_seconds",
        "report": {"metric": "test_accuracy", "epochs": longest, "seed": "mean"},
        "continues": continues,
    }
    reported = f"reported is test_accuracy after {longest} epochs, the mean of all trainings."
    standard = {
        "description": f"A search sees val_accuracy of run 0 after {longest} epochs and pays its "
        f"seconds; {reported}",
        "epochs": [longest],
        **common,
    }
    if len(lengths) == 1:
        return {"standard": standard}
    paid = (
        "continues a shorter one, of which only the difference is paid"
        if continues
        else "starts anew and is paid whole"
    )
    return {
        "standard": standard,
        "multi_fidelity": {
            "description": "A search sees val_accuracy of run 0 and chooses the length of each "
            f"training, which {paid}; {reported}",
            "epochs": list(lengths),
            **common,
        },
    }
