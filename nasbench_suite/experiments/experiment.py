"""What a comparison asked, and the folder with the runs that answer it.

DIR/experiment.json                              what is asked
DIR/runs/<space>/<task>/<strategy>/<seed>.jsonl  one finished run a file
DIR/overhead.jsonl                               the real seconds that strategies took, a line
a run; the rest is the same bytes each time
DIR/trainings/<space>/<task>/                    what a live benchmark trained
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nasbench_suite import benchmarks as source
from nasbench_suite.benchmarks import Benchmark, Source
from nasbench_suite.core import (
    Budget,
    DamagedInput,
    DamagedTable,
    DataNotFound,
    OutputError,
    Run,
    finite,
    shown,
)
from nasbench_suite.experiments import log
from nasbench_suite.experiments.run import VERSION, check_seed
from nasbench_suite.files import PART
from nasbench_suite.settings import at_least

if TYPE_CHECKING:
    # Training is loaded by whoever asks for it.
    from nasbench_suite.benchmarks.live import Live

FORMAT: Final = "nasbench-experiment-2"
FILE: Final = "experiment.json"
OVERHEAD: Final = "overhead.jsonl"
TRAININGS: Final = "trainings"


@dataclass(frozen=True)
class Experiment:
    """What was asked, and the folder with the runs that answer it."""

    folder: Path
    benchmarks: tuple[str, ...]
    strategies: Mapping[str, Mapping[str, Any]]
    """The settings of each strategy, all of them."""
    code: Mapping[str, str]
    """The sha256 of the file of each strategy that is a user's own."""
    seeds: tuple[int, ...]
    """The seed of each run of a strategy on a benchmark."""
    budget: Budget
    workers: int
    """How many trials a run has in flight on the simulated clock."""
    protocol: str
    data: Mapping[str, str]
    """The sha256 of what answers, by benchmark."""
    version: str = VERSION
    source: Source = "auto"
    """Where answers come from."""
    live: Live | None = None
    """How a live benchmark trains, without where trainings are kept: that is this folder."""

    @cached_property
    def loaded(self) -> dict[str, Benchmark]:
        """The benchmarks, by id.

        Raises:
            DamagedTable: one is not of the data that the experiment ran on.
        """
        found: dict[str, Benchmark] = {
            name: source.load(name, self.source, self.live_of(name)) for name in self.benchmarks
        }
        for name, benchmark in found.items():
            if benchmark.data != self.data[name]:
                raise DamagedTable(
                    f"{self.folder} was run on other data of {name} (sha256 "
                    f"{self.data[name][:12]}…, here {benchmark.data[:12]}…): "
                    "bring back that version, or compare again in another folder"
                )
        return found

    def live_of(self, benchmark: str) -> Live | None:
        """Return how a live benchmark trains, and where it keeps trainings; None of others."""
        if self.live is None:
            return None
        return replace(self.live, folder=self.folder / TRAININGS / benchmark)

    def path(self, benchmark: str, strategy: str, seed: int) -> Path:
        """Return where the log of a run lies."""
        return self.folder / "runs" / benchmark / strategy / f"{seed}.jsonl"

    def runs(self, benchmark: str, strategy: str) -> Iterator[Run]:
        """Yield the runs of a strategy on a benchmark, by seed.

        Raises:
            DataNotFound: one of them was not made yet.
            DamagedInput: a log is damaged; the message names the file and line.
        """
        space = self.loaded[benchmark].space
        for seed in self.seeds:
            path = self.path(benchmark, strategy, seed)
            try:
                text = path.read_text(encoding="utf-8")
            except FileNotFoundError:
                raise DataNotFound(f"{path} is missing: run the same comparison again") from None
            except UnicodeDecodeError as error:
                raise DamagedInput(f"{path} is damaged: {error}") from None
            found = log.parse(text, space, str(path))
            self._check_run(found, benchmark, strategy, seed, path)
            yield replace(found, overhead=self.overheads.get((benchmark, strategy, seed), nan))

    @cached_property
    def overheads(self) -> dict[tuple[str, str, int], float]:
        """The real seconds of strategies, by benchmark, strategy and seed.

        A line that a kill cut short is passed over: nothing that is compared depends on it.
        """
        try:
            lines = (self.folder / OVERHEAD).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return {}
        found = {}
        for line in lines.splitlines():
            try:
                benchmark, strategy, seed, seconds = json.loads(line)
                number = finite(seconds)
                key = str(benchmark), str(strategy), int(seed)
            except (ValueError, TypeError, OverflowError, RecursionError):
                continue
            found[key] = nan if number is None else number
        return found

    def _check_run(self, found: Run, benchmark: str, strategy: str, seed: int, path: Path) -> None:
        """See that a log is of the run whose place it has.

        Raises:
            DamagedInput: it is not; the message says in what.
        """
        protocol = self.loaded[benchmark].protocol(self.protocol)
        expected = {
            "benchmark": benchmark,
            "source": self.loaded[benchmark].source,
            "objective": protocol.objective,
            "direction": self.loaded[benchmark].metrics[protocol.objective].direction,
            "version": self.version,
            "data": self.data[benchmark],
            "protocol": self.protocol,
            "strategy": strategy,
            "code": self.code.get(strategy),
            "settings": dict(self.strategies[strategy]),
            "seed": seed,
            "budget": self.budget,
            "workers": self.workers,
        }
        for name, value in expected.items():
            if getattr(found, name) != value:
                raise DamagedInput(
                    f"{path}, line 1: {name} is {shown(getattr(found, name))}, and {FILE} asks for "
                    f"{shown(value)}; whichever of the two was changed, bring it back, or remove "
                    "the log to have the run made again"
                )
        if not found.trials:
            raise DamagedInput(f"{path}, line 1: it has no trials; remove the file")
        for place, trial in enumerate(found.trials):
            if trial.epochs not in (protocol.epochs or (None,)):
                raise DamagedInput(
                    f"{path}, line {place + 2}: {shown(trial.epochs)} epochs are not of the "
                    f"protocol {self.protocol}; remove the file to have the run made again"
                )

    def to_json(self) -> str:
        """Return the text of `experiment.json`."""
        fields = asdict(self) | {"format": FORMAT}
        del fields["folder"]
        # As it was written before there were budgets in epochs: the same question, the same bytes.
        if self.budget.epochs is None:
            del fields["budget"]["epochs"]
        # So it is with sources.
        if self.source == "auto":
            del fields["source"]
        del fields["live"]
        if self.live is not None:
            fields["live"] = _told(self.live)
        return json.dumps(fields, indent=2) + "\n"

    def check_folder(self) -> None:
        """See that the folder is free, or holds the same question.

        Raises:
            OutputError: it holds another experiment, or something else.
        """
        path = self.folder / FILE
        if path.is_file():
            there = path.read_text(encoding="utf-8", errors="replace")
            if there != self.to_json() and self._begun():
                raise OutputError(
                    f"{self.folder} holds another experiment ({_difference(there, self)}; see "
                    f"{path}): name another folder"
                )
        elif self.folder.exists() and not (
            self.folder.is_dir() and all(map(_is_part, self.folder.iterdir()))
        ):
            raise OutputError(f"{self.folder} holds something else: name another folder")

    def _begun(self) -> bool:
        """Return whether anything of an answer is there, which another question would lose.

        A live experiment is described before its first training, which may fail to begin.
        """
        places = (self.folder / name for name in ("runs", TRAININGS))
        return self.live is None or any(
            path.is_file() and not path.name.startswith(".")
            for place in places
            for path in place.rglob("*")
        )


def _told(live: Live) -> dict[str, Any]:
    """Return how a benchmark trains as JSON can hold it."""
    data = live.data
    return {
        "recipe": {"name": live.recipe.name, **live.recipe.values()},
        "data": None
        if data is None
        else [data.name, *(None if path is None else str(path) for path in data[1:])],
        "device": live.device,
    }


def _live(fields: Mapping[str, Any]) -> Live:
    """Return how a benchmark trains of what `_told` returned.

    Raises:
        KeyError, TypeError, InvalidSetting: it is no such thing.
    """
    from nasbench_suite.benchmarks.live import Live
    from nasbench_suite.training.jobs import Data
    from nasbench_suite.training.recipes import restored

    data = fields["data"]
    return Live(
        recipe=restored(fields["recipe"]),
        data=None if data is None else Data(data[0], data[1] and Path(data[1]), data[2]),
        device=str(fields["device"]),
    )


def _difference(text: str, asked: Experiment) -> str:
    """Say in what an experiment on disk is another than what is asked."""
    try:
        there, here = json.loads(text), json.loads(asked.to_json())
        names = [name for name in here if there.get(name) != here[name]]
    except (ValueError, AttributeError, RecursionError):
        return "it cannot be read"
    return f"it differs in {', '.join(names)}" if names else "it is written otherwise"


def _is_part(path: Path) -> bool:
    """Return whether a file is what a kill left of one that was being written."""
    return path.name.endswith(PART)


def open_experiment(folder: Path) -> Experiment:
    """Return the experiment of a folder.

    Raises:
        DataNotFound: the folder holds none.
        DamagedInput: its description is damaged.
    """
    path = folder / FILE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        return _experiment(folder, fields)
    except (FileNotFoundError, NotADirectoryError):
        raise DataNotFound(f"{folder} holds no experiment: it has no {FILE}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedInput(f"{path} does not describe an experiment: {error}") from None


def _experiment(folder: Path, fields: dict[str, Any]) -> Experiment:
    """Return the experiment of what its file holds.

    Raises:
        ValueError, KeyError, TypeError: a field is missing, too many, or of another kind.
    """
    fields["budget"] = Budget(**fields["budget"])
    fields["seeds"] = tuple(map(check_seed, fields["seeds"]))
    benchmarks = fields["benchmarks"] = tuple(fields["benchmarks"])
    strategies, code, data = fields["strategies"], fields["code"], fields["data"]
    at_least("workers", fields["workers"], 1)
    if "live" in fields:
        fields["live"] = _live(fields["live"])
    for name, texts in (
        ("benchmarks", benchmarks),
        ("data", [*data, *data.values()]),
        ("code", [*code, *code.values()]),
        ("strategies", strategies),
        ("protocol and version", [fields["protocol"], fields["version"]]),
    ):
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{name} hold something else than words")
    for name, values in (("benchmarks", benchmarks), ("seeds", fields["seeds"])):
        if not values or len(set(values)) < len(values):
            raise ValueError(f"{name} are none, or one is there twice")
    if not strategies or not all(isinstance(own, dict) for own in strategies.values()):
        raise ValueError("strategies are none, or have no settings")
    if set(data) != set(benchmarks) or not set(code) <= set(strategies):
        raise ValueError("data or code are not of what is compared")
    return Experiment(folder=folder, **fields)
