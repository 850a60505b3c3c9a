"""Many runs: strategies x benchmarks x seeds, in a folder that can be completed later.

    DIR/experiment.json                              what is asked
    DIR/runs/<space>/<task>/<strategy>/<seed>.jsonl  one finished run a file

The same question asked again of the same folder makes only the runs that are missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from nasbench_suite import benchmarks as source
from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import (
    Budget,
    DamagedInput,
    DamagedTable,
    DataNotFound,
    InvalidSetting,
    OutputError,
    Run,
    UnknownName,
)
from nasbench_suite.experiments import log
from nasbench_suite.experiments.run import VERSION, prepare, run
from nasbench_suite.files import PART, write_whole
from nasbench_suite.settings import at_least

FORMAT: Final = "nasbench-experiment-1"
_FILE: Final = "experiment.json"


@dataclass(frozen=True)
class Experiment:
    """What was asked, and the folder with the runs that answer it."""

    folder: Path
    benchmarks: tuple[str, ...]
    strategies: Mapping[str, Mapping[str, Any]]
    """The settings of each strategy, all of them."""
    seeds: int
    """Runs use the seeds 0 to `seeds` - 1."""
    budget: Budget
    protocol: str
    data: Mapping[str, str]
    """The sha256 of what answers, by benchmark."""
    version: str = VERSION

    @cached_property
    def loaded(self) -> dict[str, Benchmark]:
        """The benchmarks, by id.

        Raises:
            DamagedTable: one is not of the data that the experiment ran on.
        """
        found: dict[str, Benchmark] = {name: source.load(name) for name in self.benchmarks}
        for name, benchmark in found.items():
            if benchmark.data != self.data[name]:
                raise DamagedTable(
                    f"{self.folder} was run on other data of {name} (sha256 "
                    f"{self.data[name][:12]}…, here {benchmark.data[:12]}…): "
                    "bring back that version, or compare again in another folder"
                )
        return found

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
        for seed in range(self.seeds):
            path = self.path(benchmark, strategy, seed)
            try:
                text = path.read_text(encoding="utf-8")
            except FileNotFoundError:
                raise DataNotFound(f"{path} is missing: run the same comparison again") from None
            except UnicodeDecodeError as error:
                raise DamagedInput(f"{path} is damaged: {error}") from None
            found = log.parse(text, space, str(path))
            self._check_run(found, benchmark, strategy, seed, path)
            yield found

    def _check_run(self, found: Run, benchmark: str, strategy: str, seed: int, path: Path) -> None:
        """See that a log is of the run whose place it has.

        Raises:
            DamagedInput: it is not; the message says in what.
        """
        expected = {
            "benchmark": benchmark,
            "data": self.data[benchmark],
            "protocol": self.protocol,
            "strategy": strategy,
            "settings": dict(self.strategies[strategy]),
            "seed": seed,
            "budget": self.budget,
        }
        for name, value in expected.items():
            if getattr(found, name) != value:
                raise DamagedInput(
                    f"{path}, line 1: {name} is {getattr(found, name)!r} and should be "
                    f"{value!r}; remove the file to have the run made again"
                )

    def to_json(self) -> str:
        """Return the text of `experiment.json`."""
        fields = asdict(self) | {"format": FORMAT}
        del fields["folder"]
        return json.dumps(fields, indent=2) + "\n"


def compare(
    benchmarks: Sequence[str],
    strategies: Sequence[str],
    *,
    budget: Budget,
    seeds: int,
    out: Path,
    protocol: str = "standard",
    settings: Mapping[str, Mapping[str, Any] | str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Experiment:
    """Run every strategy on every benchmark with every seed, and leave the logs in `out`.

    Runs that are there already are not made again, so an interrupted comparison goes on.

    Args:
        benchmarks: ids such as `nasbench201/cifar10`.
        strategies: registered names.
        budget: of each run.
        seeds: how many runs; their seeds count from 0.
        out: a new folder, or one with the same comparison.
        protocol: what searches may see and pay.
        settings: of each strategy that does not take its defaults, or the name of its preset.
        progress: called with the runs done and the runs in all, before the first and after each.

    Raises:
        UnknownName, InvalidSetting: something is asked for that is not there.
        DamagedTable: a benchmark's data are not what its card says.
        OutputError: `out` holds something else, or cannot be written.
    """
    out = Path(out)
    _check_question(benchmarks, strategies, seeds, settings or {})
    loaded = {name: source.load(name) for name in benchmarks}
    complete = {}
    for benchmark in loaded.values():
        source.verify(benchmark)
        for strategy in strategies:
            own = (settings or {}).get(strategy)
            _, _, complete[strategy] = prepare(benchmark, protocol, budget, strategy, own)
    experiment = Experiment(
        folder=out,
        benchmarks=tuple(benchmarks),
        strategies=complete,
        seeds=seeds,
        budget=budget,
        protocol=protocol,
        data={name: benchmark.data for name, benchmark in loaded.items()},
    )
    _check_folder(experiment)
    todo = [(b, s, n) for b in benchmarks for s in strategies for n in range(seeds)]

    def search(name: str, strategy: str, seed: int, budget: Budget) -> Run:
        own = complete[strategy]
        return run(
            strategy, loaded[name], budget=budget, seed=seed, protocol=protocol, settings=own
        )

    if budget.seconds is not None:
        # Every run must have room for its first trial; better said before anything is written.
        first = Budget(evaluations=1, seconds=budget.seconds)
        for name, strategy, seed in todo:
            if not experiment.path(name, strategy, seed).exists():
                search(name, strategy, seed, first)
    for done, (name, strategy, seed) in enumerate(todo):
        if progress is not None:
            progress(done, len(todo))
        path = experiment.path(name, strategy, seed)
        if not path.exists():
            made = search(name, strategy, seed, budget)
            if not (out / _FILE).is_file():
                write_whole(out / _FILE, experiment.to_json())
            write_whole(path, log.dump(made, loaded[name].space))
    if progress is not None:
        progress(len(todo), len(todo))
    return experiment


def _check_question(
    benchmarks: Sequence[str],
    strategies: Sequence[str],
    seeds: int,
    settings: Mapping[str, Mapping[str, Any] | str],
) -> None:
    at_least("seeds", seeds, 1)
    for what, given in (("benchmark", benchmarks), ("strategy", strategies)):
        if isinstance(given, str) or not all(isinstance(name, str) for name in given):
            raise InvalidSetting(f"{what}: {given!r} is not a list of names")
        if not given or len(set(given)) < len(given):
            raise InvalidSetting(f"name at least one {what}, and each once")
    if not isinstance(settings, Mapping):
        raise InvalidSetting(f"settings are {settings!r}: they are a mapping by strategy")
    for name in settings:
        if name not in strategies:
            raise UnknownName("strategy", name, strategies, " in this comparison")


def _check_folder(experiment: Experiment) -> None:
    """See that the folder is free, or holds the same question.

    Raises:
        OutputError: it holds another experiment, or something else.
    """
    folder = experiment.folder
    path = folder / _FILE
    if path.is_file():
        if path.read_text(encoding="utf-8", errors="replace") != experiment.to_json():
            raise OutputError(
                f"{folder} holds another experiment (see {path}): name another folder"
            )
    elif folder.exists() and not (folder.is_dir() and all(map(_is_part, folder.iterdir()))):
        raise OutputError(f"{folder} holds something else: name another folder")


def _is_part(path: Path) -> bool:
    """Return whether a file is what a kill left of one that was being written."""
    return path.name.endswith(PART)


def open_experiment(folder: Path) -> Experiment:
    """Return the experiment of a folder.

    Raises:
        DataNotFound: the folder holds none.
        DamagedInput: its description is damaged.
    """
    path = folder / _FILE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        fields["budget"] = Budget(**fields["budget"])
        fields["benchmarks"] = tuple(fields["benchmarks"])
        return Experiment(folder=folder, **fields)
    except (FileNotFoundError, NotADirectoryError):
        raise DataNotFound(f"{folder} holds no experiment: it has no {_FILE}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedInput(f"{path} does not describe an experiment: {error}") from None
