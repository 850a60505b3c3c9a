"""What an importer has to say: a table before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from nasbench_suite.core import Arch, Metric


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
    classes: int
    size: int
    """Height and width of its images, in pixels."""
    reported: str
    """The metric that a question without one asks for."""
    optimum: tuple[str, int | None] | None = None
    """The metric and epochs whose best value the card states."""


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
