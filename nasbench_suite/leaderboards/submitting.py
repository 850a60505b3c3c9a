"""Runs a strategy on a track, and leaves a folder that can be submitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from nasbench_suite import registry
from nasbench_suite.core import FailedRuns, InvalidSetting, OutputError, UnknownName, shown
from nasbench_suite.experiments.compare import compare
from nasbench_suite.experiments.experiment import Experiment
from nasbench_suite.experiments.run import VERSION
from nasbench_suite.files import PART, write_whole
from nasbench_suite.leaderboards import description, lines, reading
from nasbench_suite.leaderboards.checking import Report, check
from nasbench_suite.leaderboards.description import FILE, Description
from nasbench_suite.leaderboards.failures import Refused
from nasbench_suite.leaderboards.recomputing import Judge
from nasbench_suite.leaderboards.track import NAME, Part, Track, open_track

RUNS: Final = ".runs"
"""What is added to the name of a submission's folder for that of the runs it is made of."""

Progress = Callable[[int, int], None]


def submit(
    track: str,
    strategy: str,
    *,
    author: str,
    out: Path,
    code: str | None = None,
    name: str | None = None,
    about: str = "",
    protocol: str | None = None,
    settings: Mapping[str, Any] | str | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run a strategy on every benchmark and seed of a track, pack the runs, and check the folder.

    The runs lie in a folder beside `out`, whose name ends with `.runs`, so that the same command
    goes on where an earlier one was interrupted. Of the same runs the folder is the same bytes.

    Args:
        track: its name.
        strategy: a registered name, or `path/to/mine.py:MyStrategy`.
        author: who submits.
        out: the folder of the submission: new, empty, or the same submission.
        code: the address of the strategy's code; none is needed for the suite's own strategies.
        name: what the leaderboard calls the entry; by default as the strategy.
        about: a sentence on the entry.
        protocol: what the searches see and pay, one of the track's; by default its first.
        settings: of the strategy, as in `compare`.
        executor: where runs are made, as in `compare`.
        progress: called with the runs done and the runs in all.

    Returns:
        What the checker says.

    Raises:
        UnknownName: there is no such track, protocol, strategy or setting.
        InvalidSetting: a text or setting cannot be submitted.
        DataNotFound, DamagedTable: the track's data are not installed.
        FaultyStrategy, FailedRuns: runs failed; the others are kept.
        OutputError: `out` holds something else, or cannot be written.
    """
    asked = open_track(track)
    sees = asked.protocols[0] if protocol is None else protocol
    if sees not in asked.protocols:
        raise UnknownName(f"protocol of track {track}", sees, asked.protocols)
    ran = _called(strategy)
    called = ran.replace("/", "-") if name is None else name
    said = Description(asked, called, ran, author, code, {}, sees, description=about)
    _check(said, settings)
    _check_out(out, asked)
    _check_same(out, replace(said, settings={}), known=("name", "strategy", "protocol"))
    for part in asked.parts:
        asked.load(part)
    try:
        experiments = {
            part: run_part(asked, part, sees, strategy, settings, runs_of(out), executor, tell)
            for part, tell in counted(asked, progress)
        }
    except FailedRuns as error:
        made = f", remove {runs_of(out)}" if runs_of(out).exists() else ""
        raise FailedRuns(
            f"{error}; no submission is made of fewer seeds: mend the strategy{made} and submit "
            "again"
        ) from None
    one = next(iter(experiments.values()))
    said = replace(
        said,
        data={part.benchmark: found.data[part.benchmark] for part, found in experiments.items()},
        settings=one.strategies[ran],
        code_sha256=one.code.get(ran),
        suite_version=VERSION,
    )
    _check_same(out, said)
    write_whole(out / FILE, _checked(said))
    for part, found in experiments.items():
        write_whole(out / part.file, lines.packed(lines_of(asked, part, found)))
    return check(out)


def runs_of(out: Path) -> Path:
    """Return the folder of the runs that a submission is made of."""
    whole = out.absolute()
    return whole.with_name(f"{whole.name}{RUNS}")


def run_part(
    track: Track,
    part: Part,
    protocol: str,
    strategy: str,
    settings: Mapping[str, Any] | str | None,
    folder: Path,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Experiment:
    """Run a strategy on one benchmark of a track, all seeds; arguments and errors as `submit`."""
    return compare(
        [part.benchmark],
        [strategy],
        budget=part.budget,
        seeds=track.seeds,
        out=folder / part.file.removesuffix(".jsonl.gz"),
        protocol=protocol,
        settings=None if settings is None else {strategy: settings},
        workers=track.workers,
        executor=executor,
        progress=progress,
        source=track.source,
    )


def lines_of(track: Track, part: Part, experiment: Experiment) -> list[str]:
    """Return the runs of a benchmark as lines of a submission, by seed."""
    benchmark = experiment.loaded[part.benchmark]
    judge = Judge(track, part, benchmark, experiment.protocol)
    (strategy,) = experiment.strategies
    found = []
    for run in experiment.runs(part.benchmark, strategy):
        line = lines.dump(run, benchmark)
        try:
            judge.check(lines.parse(line, ()))
        except Refused as refused:
            # A run is on disk when it has ended, so nothing interrupted this one.
            if refused.code == "run_interrupted":
                line = lines.dump(run, benchmark, exhausted=True)
        found.append(line)
    return found


def _called(strategy: str) -> str:
    """Return what logs call a strategy, without running its file.

    Raises:
        InvalidSetting: no entry can be called so.
    """
    if not registry.is_file(strategy):
        return strategy
    path, _, wanted = strategy.rpartition(":")
    stem = Path(path).stem
    if not NAME.fullmatch(f"{stem}.{wanted}"):
        raise InvalidSetting(
            f"the file is called {shown(Path(path).name)}: give it a name of letters, digits and "
            "_ + - to submit what is in it"
        )
    return f"{stem}.{wanted}"


def _check(said: Description, settings: Mapping[str, Any] | str | None) -> None:
    """See that a submission can be described, before hours of runs.

    Raises:
        InvalidSetting: it cannot.
    """
    given = settings if isinstance(settings, Mapping) else {}
    _checked(replace(said, settings=given))


def _checked(said: Description) -> str:
    """Return the text of a description, which reads back as it was meant.

    Raises:
        InvalidSetting: it does not.
    """
    text = description.write(said)
    try:
        description.read(text.encode("utf-8", "surrogatepass"))
    except Refused as refused:
        raise InvalidSetting(f"{refused.message}: {refused.cure}") from None
    return text


def _check_out(out: Path, track: Track) -> None:
    """See that a folder is free, or holds a submission to the same track.

    Raises:
        OutputError: it holds something else.
    """
    known = {FILE, *track.files}
    try:
        there = [entry.name for entry in out.iterdir()]
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{out} is no folder ({error.strerror}): name another") from None
    others = [name for name in there if name not in known and not name.endswith(PART)]
    if others:
        raise OutputError(f"{out} holds something else ({others[0]}): name another folder")


_SAME: Final = ("track", "name", "strategy", "protocol", "settings", "code_sha256")
"""What of a submission is the same when it is made again."""


def _check_same(out: Path, said: Description, known: Sequence[str] = _SAME) -> None:
    """See that a folder holds no other submission.

    Raises:
        OutputError: it does, or one that cannot be read.
    """
    if not (out / FILE).exists():
        return
    cure = "name another folder, or remove it"
    try:
        there = description.read(reading.read_plain(out / FILE, description.LARGEST))
    except Refused as refused:
        raise OutputError(f"{out / FILE}: {refused.message}: {cure}") from None
    for name in known:
        if getattr(there, name) != getattr(said, name):
            raise OutputError(f"{out} holds another submission, of another {name}: {cure}")


def counted(track: Track, progress: Progress | None) -> list[tuple[Part, Progress | None]]:
    """Return each benchmark with what counts its runs among those of all benchmarks."""

    def of(place: int) -> Progress:
        def tell(done: int, _: int) -> None:
            if progress is not None:
                progress(place * track.seeds + done, track.seeds * len(track.parts))

        return tell

    return [(part, of(place) if progress else None) for place, part in enumerate(track.parts)]
