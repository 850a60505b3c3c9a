"""Checks a submission: everything it says is recomputed, and nothing in it is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from nasbench_suite.core import DataNotFound, NasbenchError
from nasbench_suite.leaderboards import description, lines, reading
from nasbench_suite.leaderboards.description import FILE, Description
from nasbench_suite.leaderboards.failures import Failure, Refused
from nasbench_suite.leaderboards.lines import Line
from nasbench_suite.leaderboards.recomputing import Answers, Judge
from nasbench_suite.leaderboards.track import SUBMISSIONS, Part, Track, names

_FEW: Final = 10
"""How many unknown files of a folder are named."""


@dataclass(frozen=True)
class Report:
    """What the checker found of one submission."""

    folder: Path
    about: Description | None
    """None where submission.toml is at fault."""
    failures: tuple[Failure, ...]
    """Of each file the first."""

    @property
    def ok(self) -> bool:
        """Whether it can be entered."""
        return not self.failures


class Numbered(NamedTuple):
    """A run, and which line of its file it is."""

    at: int
    line: Line
    answers: Answers


Runs: TypeAlias = Mapping[Part, list[Numbered]]
"""The runs of a submission by benchmark, each by seed; none of a file that is at fault."""


def check(folder: Path) -> Report:
    """Return what is wrong with a submission: of each file the first line at fault.

    Nothing is raised for what lies in the folder, whatever it is.
    """
    return read(folder)[0]


def read(folder: Path) -> tuple[Report, Runs]:
    """Return what `check` returns, and the runs, each recomputed."""
    try:
        present = reading.listed(folder)
    except Refused as refused:
        return Report(folder, None, (refused.of("."),)), {}
    try:
        about = description.read(reading.read_plain(folder / FILE, description.LARGEST))
    except Refused as refused:
        return Report(folder, None, (_nearer(refused, folder, present).of(FILE),)), {}
    found = [*_place(folder, about), *_files(folder, about, present), *_versions(about)]
    runs: dict[Part, list[Numbered]] = {}
    for part in about.track.parts:
        if part.file not in present:
            continue
        try:
            runs[part] = _runs(folder, about, part)
        except Refused as refused:
            found.append(refused.of(part.file))
        except NasbenchError as error:
            code = "data_missing" if isinstance(error, DataNotFound) else "data_other"
            cure = "this says nothing of the submission: mend the installation, and check again"
            found.append(Refused(code, str(error), cure).of(part.file))
    return Report(folder, about, tuple(found)), runs


def _runs(folder: Path, about: Description, part: Part) -> list[Numbered]:
    """Return the runs of a submission on one benchmark.

    Raises:
        Refused: a line is at fault; it is named.
        DataNotFound, DamagedTable, DamagedInput: the benchmark here is not that of the track.
    """
    benchmark = about.track.load(part)
    judge = Judge(about.track, part, benchmark, about.protocol)
    data = reading.unpacked(reading.read_plain(folder / part.file))
    found: list[Numbered] = []
    for at, words in reading.lines_of(data, about.track.seeds):
        try:
            line = lines.parse(words, benchmark.metrics)
            _check_seed(line.seed, len(found), about.track)
            answers = judge.check(line)
        except Refused as refused:
            refused.line = at
            raise
        found.append(Numbered(at, line, answers))
    if len(found) < about.track.seeds:
        missing = len(found)
        raise Refused(
            "seed_missing",
            f"seed {missing} is not there: it has {len(found)} of {about.track.seeds} runs",
            "run all seeds of the track; `nasbench submit` again makes those that are missing",
            found[-1].at + 1 if found else 1,
        )
    return found


def submissions() -> dict[str, Path]:
    """Return the folder of each submission that lies in a track, by `track/name`, sorted.

    Raises:
        DataNotFound: there are no tracks at all.
    """
    found = {
        f"{track}/{entry.name}": entry
        for track, folder in names().items()
        for entry in entries(folder)
    }
    return dict(sorted(found.items()))


def entries(track: Path) -> list[Path]:
    """Return what lies among the submissions of a track's folder, by name."""
    place = track / SUBMISSIONS
    if not place.is_dir():
        return []
    return sorted(entry for entry in place.iterdir() if not entry.name.startswith("."))


def sample(rng: np.random.Generator, count: int, known: dict[str, Path]) -> list[Path]:
    """Return some of the submissions, drawn without replacement."""
    folders = list(known.values())
    drawn = rng.permutation(len(folders))[:count]
    return [folders[place] for place in sorted(drawn.tolist())]


def _check_seed(seed: int, place: int, track: Track) -> None:
    """See that the run at a place is that of the seed of the same number.

    Raises:
        Refused: it is not.
    """
    if seed == place and seed < track.seeds:
        return
    cure = f"list the seeds 0 to {track.seeds - 1} in this order, each once"
    if not 0 <= seed < track.seeds:
        raise Refused("seed_foreign", f"seed {seed} is none of the track's", cure)
    if seed < place:
        raise Refused("seed_double", f"seed {seed} is there before", cure)
    raise Refused("seed_missing", f"seed {place} is not there: this is the run of {seed}", cure)


def _nearer(refused: Refused, folder: Path, present: list[str]) -> Refused:
    """Return a better answer to who names a folder beside the right one."""
    if refused.code != "file_missing":
        return refused
    if "experiment.json" in present:
        refused.message = f"{folder} is the folder of a comparison, and no submission"
        refused.cure = "make one with `nasbench submit TRACK --strategy … --out DIR`"
        return refused
    inner = [name for name in present if _holds_one(folder / name)]
    refused.message = f"{folder} holds no {FILE}"
    refused.cure = (
        f"name {folder / inner[0]}" if inner else f"name the folder of a submission, with {FILE}"
    )
    return refused


def _holds_one(folder: Path) -> bool:
    try:
        return FILE in reading.listed(folder)
    except Refused:
        return False


def _place(folder: Path, about: Description) -> Iterator[Failure]:
    """Say where a submission lies in the folder of another track."""
    home = folder.absolute().parent
    track = home.parent.name
    if home.name == SUBMISSIONS and (home.parent / "track.toml").is_file():
        if track != about.track.name:
            yield Refused(
                "track_differs",
                f"it is of track {about.track.name}, and lies in that of {track}",
                f"move it to {about.track.name}/{SUBMISSIONS}",
            ).of(FILE)
        if folder.absolute().name != about.name:
            yield Refused(
                "name_differs",
                f"it is called {about.name}, and its folder {folder.absolute().name}",
                "give the folder the name of the entry",
            ).of(FILE)


def _files(folder: Path, about: Description, present: list[str]) -> Iterator[Failure]:
    """Say which files are missing, or too many."""
    wanted = {FILE, *about.track.files}
    for name in sorted(wanted - set(present)):
        cure = "submit again with the same command, which makes what is missing"
        yield Refused("file_missing", f"{name} is not there", cure).of(name)
    unknown = sorted(set(present) - wanted)
    for name in unknown[:_FEW]:
        yield Refused("file_unknown", "no submission has such a file", "remove it").of(
            name.encode("unicode_escape").decode("ascii")
        )
    if len(unknown) > _FEW:
        message = f"{len(unknown) - _FEW} more files that no submission has"
        yield Refused("file_unknown", message, "remove them").of(".")


def _versions(about: Description) -> Iterator[Failure]:
    """Say of which benchmarks a submission was run on other data than the track's."""
    wanted = {part.benchmark: part.data for part in about.track.parts}
    for name in sorted(set(wanted) | set(about.data)):
        if name not in wanted:
            message, cure = f"data names {name}, which is not of the track", "remove it"
        elif name not in about.data:
            message, cure = f"data does not name {name}", "add its sha256, as the track has it"
        elif wanted[name] is not None and about.data[name] != wanted[name]:
            message = f"it ran on other data of {name} (sha256 {about.data[name][:12]}…)"
            cure = "install the version of nasbench-suite with the track's data, and run again"
        else:
            continue
        yield Refused("data_version", message, cure).of(FILE)
        return
