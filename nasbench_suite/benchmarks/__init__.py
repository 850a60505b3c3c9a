"""One question over table, surrogate and live training.

A benchmark is anything that can be asked about the architectures of one space on one task; its
id is `space/task`, such as `nasbench201/cifar10`. A `Table` is one, and a `SurrogateBenchmark`, and
a `LiveBenchmark`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, overload

from nasbench_suite import core, resources
from nasbench_suite.core import DamagedTable, InvalidSetting, UnknownName
from nasbench_suite.settings import one_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.card import read_card, sha256
from nasbench_suite.tables.layout import INDEX, TABLE, read_index
from nasbench_suite.tables.store import Table

if TYPE_CHECKING:
    # Looking up needs nothing of what predicts, and does not wait for its import.
    from nasbench_suite.benchmarks.live import Live, LiveBenchmark
    from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark

Source: TypeAlias = Literal["auto", "table", "surrogate", "live"]
SOURCES: Final = ("auto", "table", "surrogate", "live")


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
    """Return the folder and task of the table that serves each benchmark, by id, sorted.

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


def predicted() -> dict[str, Path]:
    """Return the folder of the fitted surrogate that serves each benchmark, by id, sorted.

    Where several serve one, it is the one whose folder bears the space's name.

    Raises:
        DamagedInput: a card is damaged.
    """
    from nasbench_suite.surrogates import fitted

    found: dict[str, Path] = {}
    for folder in fitted.folders().values():
        card = fitted.read_card(folder)
        name = f"{card['space']}/{card['task']}"
        if name not in found or folder.name == card["space"]:
            found[name] = folder
    return dict(sorted(found.items()))


@overload
def load(benchmark: str, source: Literal["table"]) -> Table: ...
@overload
def load(benchmark: str, source: Literal["surrogate"]) -> SurrogateBenchmark: ...
@overload
def load(benchmark: str, source: Literal["live"], live: Live | None = None) -> LiveBenchmark: ...
@overload
def load(benchmark: str, source: Literal["auto"] = "auto") -> Table | SurrogateBenchmark: ...
@overload
def load(
    benchmark: str, source: Source, live: Live | None = None
) -> Table | SurrogateBenchmark | LiveBenchmark: ...
def load(
    benchmark: str, source: Source = "auto", live: Live | None = None
) -> Table | SurrogateBenchmark | LiveBenchmark:
    """Return a benchmark by its id, such as `nasbench201/cifar10`.

    Args:
        benchmark: `space/task`.
        source: `"table"`, `"surrogate"`, `"live"`, which trains what it is asked, or `"auto"`: the
            table where it covers its space, else the surrogate if one was fitted, else the table,
            to be looked up.
        live: how a live benchmark trains; by default by the recipe `quick`, on the images that the
            task names.

    Raises:
        InvalidSetting: there is no such source, or `live` is said of another.
        MissingExtra: live, and torch is not installed.
        UnknownName: there is none of this id; near misses are named.
        DamagedTable, DamagedInput, DataNotFound: its files are damaged or missing.
    """
    one_of("source", source, SOURCES)
    if source == "live":
        return _live(benchmark, live)
    if live is not None:
        raise InvalidSetting(f"how to train is said of a benchmark from {source}: ask for live")
    table = None if source == "surrogate" else _table(benchmark)
    if table is not None and (source == "table" or table.covers_space):
        return table
    found = None if source == "table" else _surrogate(benchmark)
    if found is not None:
        return found
    if table is not None:
        return table
    known = {} if source == "surrogate" else names()
    raise UnknownName("benchmark", benchmark, {*known, *(() if source == "table" else predicted())})


def _live(benchmark: str, live: Live | None) -> LiveBenchmark:
    from nasbench_suite.benchmarks.live import Live, LiveBenchmark

    space, _, task = benchmark.partition("/")
    if not task:
        raise UnknownName("live benchmark", benchmark, {"nasbench201/digits", "darts/cifar10"})
    return LiveBenchmark(space, task, live or Live())


def _surrogate(benchmark: str) -> SurrogateBenchmark | None:
    """Return the fitted surrogate of a benchmark, or None where there is none.

    Raises:
        DamagedInput: a card is damaged, or the table that was fitted is not the installed one.
    """
    from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
    from nasbench_suite.surrogates import fitted

    space, _, task = benchmark.partition("/")
    # Most bear their space's name, so the others need not be read.
    first = resources.find("surrogates", space, fitted.CARD) if space and task else None
    if first is not None:
        card = fitted.read_card(first)
        if (card["space"], card["task"]) == (space, task):
            return SurrogateBenchmark(first, card)
    folder = predicted().get(benchmark)
    return None if folder is None else SurrogateBenchmark(folder)


def _table(benchmark: str) -> Table | None:
    """Return the table of a benchmark, or None where there is none.

    Raises:
        DamagedTable, DataNotFound: its files are damaged or missing.
    """
    space, _, task = benchmark.partition("/")
    # Most tables bear their space's name, so the others need not be read.
    folder = resources.find("datasets_tabular", space, INDEX) if space else None
    if folder is not None and task:
        index = read_index(folder)
        if index["space"] == space and task in index["tasks"]:
            return Table(folder, task, index)
    served = names()
    return Table.open(*served[benchmark]) if benchmark in served else None


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
        DamagedTable, DamagedInput, DataNotFound: as `check`, of a table or of a surrogate.
    """
    if isinstance(benchmark, Table):
        check(benchmark.folder)
        return
    from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
    from nasbench_suite.surrogates import fitted

    if isinstance(benchmark, SurrogateBenchmark):
        fitted.check(benchmark.folder)
