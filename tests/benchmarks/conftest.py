"""Speed and size, side by side in one run; nothing about time is asserted.

Each test alternates the suite with what stands beside it: plain numpy, or `nats_bench` on its
own sample files. The fastest round of each counts, and the ratio of the two is what to read. The
table of ratios is printed at the end of the run. Where `$NASBENCH_RATIOS` names a folder it is
also written there, as `ratios.md` and `ratios.json`.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pytest

from nasbench_suite import Table, load

BENCHMARK = "nasbench201/cifar10"
SAMPLE = Path("nats-bench-sample", "NATS-tss-v1_0-3ffb9-simple")
PUBLISHED = Path(
    os.environ.get("NASBENCH_PUBLISHED") or Path(__file__).parents[3] / "shared" / "data"
)
HEADER = ("what", "nasbench_suite", "beside", "takes", "ratio", "target", "within")


class Row(NamedTuple):
    """One line of the table; a figure is in seconds or in bytes."""

    what: str
    unit: str
    ours: float
    beside: str
    theirs: float | None
    target: str
    within: bool | None

    def cells(self) -> tuple[str, ...]:
        return (
            self.what,
            shown(self.ours, self.unit),
            self.beside,
            "" if self.theirs is None else shown(self.theirs, self.unit),
            "" if self.theirs is None else self.ratio(self.theirs),
            self.target,
            {True: "yes", False: "NO", None: ""}[self.within],
        )

    def ratio(self, theirs: float) -> str:
        if self.unit == "B":
            return f"{self.ours / theirs:.2f} × as much"
        times = theirs / self.ours
        if times < 1:
            return f"{1 / times:.2f} × as long"
        return f"{times:.2f} × as fast" if times < 10 else f"{times:,.0f} × as fast"


class Beside:
    """What the suite is measured against: something that does `count` operations when called.

    `faster` is how many times faster the suite should be, `longer` how many times as long it
    may take.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[], object],
        count: int = 1,
        *,
        faster: float | None = None,
        longer: float | None = None,
    ) -> None:
        self.name = name
        self.best = float("inf")
        self.faster = faster
        self.longer = longer
        self._call = call
        self._count = count

    def measure(self) -> None:
        start = perf_counter()
        self._call()
        self.best = min(self.best, (perf_counter() - start) / self._count)


class Ratios:
    """Collects the rows of a run."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.notes: list[str] = []

    def add(
        self,
        what: str,
        ours: float,
        beside: str = "",
        theirs: float | None = None,
        *,
        unit: str = "s",
        limit: float | None = None,
        faster: float | None = None,
        longer: float | None = None,
    ) -> None:
        target, within = "", None
        if faster is not None and theirs is not None:
            target, within = f"≥ {faster:g} × as fast", theirs / ours >= faster
        elif longer is not None and theirs is not None:
            target, within = f"≤ {longer:g} × as long", ours / theirs <= longer
        elif limit is not None:
            target, within = f"≤ {shown(limit, unit)}", ours <= limit
        self.rows.append(Row(what, unit, ours, beside, theirs, target, within))

    def markdown(self) -> str:
        lines = [HEADER, ("---",) * len(HEADER), *(row.cells() for row in self.rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    def text(self) -> str:
        lines = [HEADER, *(row.cells() for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        about = f"{setting()}. The fastest round of each counts.\n"
        notes = "".join(f"\n{note}\n" for note in self.notes)
        (folder / "ratios.md").write_text(self.markdown() + "\n" + about + notes, "utf-8")
        found = {
            "setting": setting(),
            "notes": self.notes,
            "rows": [
                {**row._asdict(), "ratio": None if row.theirs is None else row.theirs / row.ours}
                for row in self.rows
            ],
        }
        (folder / "ratios.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")


KEY = pytest.StashKey[Ratios]()


def shown(value: float, unit: str) -> str:
    """Return a figure with three digits and a unit that suits it."""
    if unit == "B":
        return f"{value / 1e6:.3g} MB"
    for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 0.9995:
            return f"{value * factor:.3g} {name}"
    # A target of half a microsecond is written so.
    return f"{value * 1e6:.3g} µs" if value >= 1e-7 else f"{value * 1e9:.3g} ns"


def setting() -> str:
    """Say what the figures were measured with."""
    try:
        peer = f", nats_bench {version('nats-bench')}"
    except PackageNotFoundError:
        peer = ""
    return (
        f"nasbench_suite {version('nasbench-suite')}, Python {platform.python_version()}, "
        f"numpy {version('numpy')}{peer}; {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[KEY] = Ratios()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = config.stash.get(KEY, None)
    if found is None or not found.rows:
        return
    terminalreporter.section("ratios")
    terminalreporter.write_line(found.text())
    terminalreporter.write_line(f"\n{setting()}. The fastest round of each counts.")
    for note in found.notes:
        terminalreporter.write_line(note)
    folder = os.environ.get("NASBENCH_RATIOS")
    if folder:
        found.write(Path(folder))
        terminalreporter.write_line(f"Written to {folder}: ratios.md and ratios.json.")


@pytest.fixture(scope="session")
def ratios(request: pytest.FixtureRequest) -> Ratios:
    """The table of the run."""
    return request.config.stash[KEY]


@pytest.fixture
def side_by_side(benchmark: Any, ratios: Ratios) -> Callable[..., None]:
    """Measure the suite and what stands beside it in turn, and add a row for each of those."""

    def measure(
        what: str,
        ours: Callable[..., object],
        *beside: Beside | None,
        count: int = 1,
        rounds: int = 20,
        limit: float | None = None,
        fresh: Callable[[], tuple[Any, ...]] = tuple,
    ) -> None:
        """Call `ours(*fresh())`, which does `count` operations, `rounds` times.

        `limit` is the time that one operation may take; the first row shows it.
        """
        others = [other for other in beside if other is not None]

        def prepare() -> tuple[tuple[Any, ...], dict[str, Any]]:
            for other in others:
                other.measure()
            return fresh(), {}

        benchmark.pedantic(ours, setup=prepare, rounds=rounds, warmup_rounds=2)
        if benchmark.stats is None:  # --benchmark-disable
            return
        best = benchmark.stats.stats.min / count
        if not others:
            ratios.add(what, best, limit=limit)
        for number, other in enumerate(others):
            ratios.add(
                what,
                best,
                other.name,
                other.best,
                limit=None if number else limit,
                faster=other.faster,
                longer=other.longer,
            )

    return measure


@pytest.fixture
def beside() -> type[Beside]:
    """The class of what stands beside the suite."""
    return Beside


@pytest.fixture(scope="session")
def table() -> Table:
    """The table that is asked."""
    return load(BENCHMARK)


@pytest.fixture(scope="session")
def sample() -> Path | None:
    """The folder of the official sample files of nats_bench, if that is installed."""
    try:
        version("nats-bench")
    except PackageNotFoundError:
        return None
    folder = PUBLISHED / SAMPLE
    return folder if (folder / "meta.pickle.pbz2").is_file() else None


class Peer(NamedTuple):
    """`nats_bench`, opened on its sample files and warm."""

    api: Any
    indices: list[int]
    strings: list[str]


@pytest.fixture(scope="session")
def peer(ratios: Ratios, sample: Path | None, table: Table) -> Peer | None:
    """What nats_bench knows of its samples, once they are loaded; None without nats_bench."""
    if sample is None:
        ratios.notes.append(
            "Not beside nats_bench: it is not installed, or its sample files "
            f"({SAMPLE.as_posix()}) are not in $NASBENCH_PUBLISHED."
        )
        return None
    import nats_bench

    api = nats_bench.create(str(sample), "tss", fast_mode=True, verbose=False)
    indices = sorted(int(f.name[:6]) for f in sample.iterdir() if f.name[0].isdigit())
    for index in indices:
        found = api.get_more_info(index, "cifar10", hp="200", is_random=False)
        # Both answer the same question, so that their times can be compared.
        assert found["test-accuracy"] == pytest.approx(table.query(index), rel=1e-12)
    return Peer(api, indices, [api.arch(index) for index in indices])


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run a command in a process of its own, with compiled modules, and return its output."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    own["PYTHONPYCACHEPREFIX"] = str(tmp_path_factory.mktemp("compiled"))

    def call(*command: str, **variables: str) -> str:
        environment = own | variables
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    return call


@pytest.fixture(scope="session")
def python(process: Callable[..., str]) -> Callable[..., str]:
    """Run Python code in a process of its own, and return what it prints."""

    def call(code: str, *arguments: str, **variables: str) -> str:
        return process(sys.executable, "-c", code, *arguments, **variables)

    return call


@pytest.fixture(scope="session")
def numbers(table: Table) -> list[int]:
    """Ten thousand different architectures, in random order."""
    order: list[int] = np.random.default_rng(0).permutation(table.rows)[:10_000].tolist()
    return order
