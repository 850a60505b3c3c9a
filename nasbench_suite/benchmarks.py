"""One question over table, surrogate and live training.

A benchmark is anything that can be asked about the architectures of one space on one task; its
id is `space/task`, such as `nasbench201/cifar10`. A `Table` is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from nasbench_suite import core, resources
from nasbench_suite.core import DamagedTable, InvalidSetting, UnknownName
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.card import read_card, sha256
from nasbench_suite.tables.layout import INDEX, TABLE, read_index
from nasbench_suite.tables.store import Table

Source: TypeAlias = Literal["auto", "table"]


class Benchmark(Protocol):
    """What every source of answers offers; see `Table` for the meaning of each."""

    @property
    def benchmark(self) -> str:
        """The id, `space/task`."""

    @property
    def source(self) -> str:
        """Where answers come from."""

    @property
    def data(self) -> str:
        """The sha256 of what answers."""

    @property
    def space(self) -> Space:
        """The space whose architectures may be asked."""

    @property
    def covers_space(self) -> bool:
        """Whether every architecture of the space has an answer."""

    @property
    def metrics(self) -> Mapping[str, core.Metric]:
        """What can be asked, by name."""

    @property
    def protocols(self) -> Mapping[str, core.Protocol]:
        """How a search may ask, by name."""

    def protocol(self, name: str) -> core.Protocol:
        """Return a protocol, or raise `UnknownName`."""

    def query(
        self,
        arch: str | int | Sequence[int],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Any = "mean",
    ) -> Any:
        """Return a value."""

    def best(self, question: core.Question) -> float | None:
        """Return the best value of the whole space, or None where it is not known."""

    def worst(self, question: core.Question) -> float | None:
        """Return the worst value of the whole space, or None where it is not known."""

    def average(self, question: core.Question) -> float | None:
        """Return what a random architecture is expected to have, or None where it is not known."""


def names() -> dict[str, tuple[Path, str]]:
    """Return the folder and task that serve each benchmark, by id, sorted.

    Where several tables serve one, it is the table whose folder bears the space's name.

    Raises:
        DataNotFound: there are no data at all.
    """
    found: dict[str, tuple[Path, str]] = {}
    for folder in resources.folders("datasets_tabular", INDEX).values():
        index = read_index(folder)
        for task in index["tasks"]:
            name = f"{index['space']}/{task}"
            if name not in found or folder.name == index["space"]:
                found[name] = folder, task
    return dict(sorted(found.items()))


def load(benchmark: str, source: Source = "auto") -> Table:
    """Return a benchmark by its id, such as `nasbench201/cifar10`.

    Args:
        benchmark: `space/task`.
        source: `"table"`, or `"auto"`, which is the table.

    Raises:
        UnknownName: there is none of this id; near misses are named.
        DamagedTable, DataNotFound: its files are damaged or missing.
    """
    if source not in ("auto", "table"):
        raise InvalidSetting(f"source {source!r}: it is 'auto' or 'table'")
    space, _, task = benchmark.partition("/")
    # Most tables bear their space's name, so the others need not be read.
    folder = resources.find("datasets_tabular", space, INDEX) if space else None
    if folder is not None and task:
        index = read_index(folder)
        if index["space"] == space and task in index["tasks"]:
            return Table(folder, task, index)
    served = names()
    if benchmark not in served:
        raise UnknownName("benchmark", benchmark, served)
    return Table.open(*served[benchmark])


def check(folder: Path) -> None:
    """Compare every byte of a table's folder with the sha256 in its card.

    Raises:
        DamagedTable: they differ; the message names the file.
        DataNotFound: the folder has no card.
    """
    files = read_card(folder)["files"]
    for file in (TABLE, INDEX):
        path = folder / file
        if not path.is_file() or sha256(path) != files[file]["sha256"]:
            raise DamagedTable(
                f"{path} is not the file that the card of {folder.name} describes "
                "(its sha256 differs): restore it, or pack again"
            )


def verify(benchmark: Benchmark) -> None:
    """Check the data behind a benchmark, once before it is used for an experiment.

    Raises:
        DamagedTable, DataNotFound: as `check`.
    """
    if isinstance(benchmark, Table):
        check(benchmark.folder)
