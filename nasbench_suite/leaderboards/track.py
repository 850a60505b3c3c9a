"""A track: which benchmarks, how long, which seeds. `leaderboards/<name>/track.toml` says it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

from nasbench_suite import benchmarks, resources
from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import (
    Budget,
    DamagedInput,
    DamagedTable,
    DataNotFound,
    InvalidSetting,
    UnknownName,
    finite,
)
from nasbench_suite.settings import at_least, one_of

FORMAT: Final = "nasbench-track-1"
FILE: Final = "track.toml"
SUBMISSIONS: Final = "submissions"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
"""What tracks, entries and folders may be called."""

Source: TypeAlias = Literal["table", "surrogate"]


class Part(NamedTuple):
    """One benchmark of a track."""

    benchmark: str
    budget: Budget
    data: str | None
    """The sha256 of what answers; None as long as that is not fixed."""

    @property
    def file(self) -> str:
        """What the file with its runs is called in a submission."""
        return f"{self.benchmark.replace('/', '-')}.jsonl.gz"


@dataclass(frozen=True)
class Track:
    """What every submission to a track has in common."""

    name: str
    version: str
    """A submission is to one version: other data, budgets or seeds make a new one."""
    title: str
    description: str
    protocols: tuple[str, ...]
    """What searches may see and pay: a submission names one, and is to the first if it names none.
    All of them report the same."""
    source: Source
    workers: int
    """How many trials are in flight on the simulated clock."""
    seeds: int
    """Each benchmark is run with the seeds 0 to `seeds` - 1."""
    provisional: bool
    """Whether results are predictions, until the winners were trained."""
    checkpoints: tuple[float, ...]
    """At which shares of a budget entries are scored, ascending; the last is 1."""
    rules: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """What the files with the runs of a submission are called, one for each benchmark."""
        return tuple(part.file for part in self.parts)

    def load(self, part: Part) -> Benchmark:
        """Return a benchmark of the track, of the very data that the track names.

        Raises:
            DataNotFound: it is not installed, or the track does not name its data yet.
            DamagedTable, DamagedInput: the data that are installed are not the track's, or not
                what their card says.
        """
        where = f"track {self.name}, {part.benchmark}"
        try:
            found = _loaded(part.benchmark, self.source, tuple(resources.roots()))
        except UnknownName:
            raise DataNotFound(
                f"{where}: its {self.source} is not installed: install the version of "
                "nasbench-suite that ships it, or set $NASBENCH_DATA to a folder that holds it"
            ) from None
        if part.data is None:
            raise DataNotFound(
                f"{where}: the track is not open yet, since it does not name the sha256 of the "
                f"{self.source} that answers; the installed one is {found.data}"
            )
        if found.data != part.data:
            raise DamagedTable(
                f"{where}: the installed {self.source} is another version (sha256 "
                f"{found.data[:12]}…, the track names {part.data[:12]}…): install the version of "
                "nasbench-suite whose track this is"
            )
        return found


@lru_cache(maxsize=64)
def _loaded(benchmark: str, source: Source, _: tuple[Path, ...]) -> Benchmark:
    """Return a benchmark whose every byte was checked, once for each place where data lie.

    Raises:
        UnknownName, DataNotFound, DamagedTable, DamagedInput: see `load` and `verify`.
    """
    found = benchmarks.load(benchmark, source)
    benchmarks.verify(found)
    return found


def names() -> dict[str, Path]:
    """Return the folder of each track, by name.

    Raises:
        DataNotFound: there are none at all.
    """
    return resources.folders("leaderboards", FILE)


def open_track(name: str) -> Track:
    """Return the track of a name.

    Raises:
        UnknownName: there is none; near misses are named.
        DamagedInput: its file is damaged.
    """
    folder = resources.find("leaderboards", name, FILE) if NAME.fullmatch(name) else None
    if folder is None:
        raise UnknownName("track", name, names())
    return read_track(folder)


def read_track(folder: Path) -> Track:
    """Return the track that a folder describes.

    Raises:
        DataNotFound: it describes none.
        DamagedInput: its file is damaged; the message says in what.
    """
    path = folder / FILE
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        if fields.pop("format", None) != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        return _track(folder.name, fields)
    except FileNotFoundError:
        raise DataNotFound(f"{folder} holds no track: it has no {FILE}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedInput(f"{path} does not describe a track: {error!r}") from None


def _track(name: str, fields: dict[str, Any]) -> Track:
    """Return the track of what its file holds.

    Raises:
        ValueError, KeyError, TypeError: a field is missing, unknown, or of another kind.
    """
    words = ("version", "title", "description")
    for word in words:
        if not isinstance(fields[word], str) or not fields[word]:
            raise ValueError(f"{word} is no text")
    if not isinstance(fields["provisional"], bool):
        raise ValueError("provisional is not true or false")
    rules = tuple(fields.pop("rules"))
    if not all(isinstance(rule, str) for rule in rules):
        raise ValueError("rules are no texts")
    protocols = tuple(fields.pop("protocols"))
    if not protocols or not all(isinstance(name, str) and name for name in protocols):
        raise ValueError("protocols are no names, or there is none")
    parts = tuple(map(_part, fields.pop("benchmarks")))
    if not parts or len({part.benchmark for part in parts}) < len(parts):
        raise ValueError("it names no benchmark, or one twice")
    return Track(
        name=name,
        source=cast("Source", one_of("source", fields.pop("source"), ("table", "surrogate"))),
        workers=at_least("workers", fields.pop("workers"), 1),
        seeds=at_least("seeds", fields.pop("seeds"), 1, 100_000),
        checkpoints=_checkpoints(fields.pop("checkpoints")),
        rules=rules,
        protocols=protocols,
        parts=parts,
        **fields,
    )


def _part(entry: Mapping[str, Any]) -> Part:
    known = {"benchmark", "data", "evaluations", "seconds"}
    if not set(entry) <= known:
        raise ValueError(f"unknown field {min(set(entry) - known)} of a benchmark")
    benchmark, data = entry["benchmark"], entry.get("data")
    if not re.fullmatch(r"[a-z0-9_]+/[a-z0-9_-]+", benchmark):
        raise ValueError(f"{benchmark!r} is no id of a benchmark")
    if data is not None and not re.fullmatch(r"[0-9a-f]{64}", data):
        raise ValueError(f"data of {benchmark} are named by no sha256")
    try:
        budget = Budget(evaluations=entry.get("evaluations"), seconds=entry.get("seconds"))
    except InvalidSetting as error:
        raise ValueError(f"{benchmark}: {error}") from None
    return Part(benchmark, budget, data)


def _checkpoints(given: Any) -> tuple[float, ...]:
    found = [finite(share) for share in given]
    plain = tuple(share for share in found if share is not None and 0 < share <= 1)
    if len(plain) < len(found) or list(plain) != sorted(set(plain)) or plain[-1:] != (1.0,):
        raise ValueError("checkpoints are shares of the budget, ascending, and the last is 1")
    return plain
