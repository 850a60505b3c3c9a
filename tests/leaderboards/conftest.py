"""Two small tracks, and submissions to them; neither ships."""

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_suite import load
from nasbench_suite.leaderboards.lines import digest
from nasbench_suite.leaderboards.standings import Standings
from nasbench_suite.leaderboards.submitting import submit
from nasbench_suite.leaderboards.together import Ranked
from nasbench_suite.leaderboards.track import Part

HEAD = """format = "nasbench-track-1"
version = "1"
title = "For tests"
description = "Small."
protocols = ["standard"]
source = "table"
workers = {workers}
seeds = 3
provisional = false
checkpoints = [0.5, 1.0]
rules = ["None."]
"""
TASKS = ("nasbench201/cifar10", "nasbench201/cifar100")
ENTRIES = ("local_search", "random_search", "regularized_evolution")
SAID = {"author": "A. Author", "code": "https://example.org/a"}


class Folder:
    """A submission that is about to be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self, file: str) -> list[dict[str, Any]]:
        text = gzip.decompress((self.path / file).read_bytes()).decode()
        return [json.loads(line) for line in text.splitlines()]

    def signed(self, file: str, lines: list[dict[str, Any]]) -> None:
        """Write changed lines with the digests that they should have then."""
        benchmark = file.removesuffix(".jsonl.gz").replace("-", "/", 1)
        for line in lines:
            lists = [line["architecture"], line.get("epochs"), line.get("number")]
            line["digest"] = digest(benchmark, line["seed"], *lists)
        self.write(file, lines)

    def write(self, file: str, lines: list[dict[str, Any]]) -> None:
        self.text(file, "".join(f"{json.dumps(line)}\n" for line in lines))

    def text(self, file: str, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        (self.path / file).write_bytes(gzip.compress(data, 1))

    def change(self, old: str, new: str) -> None:
        path = self.path / "submission.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.path.glob("*.gz"))


@pytest.fixture(scope="session")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the tracks `small`, by evaluations, and `crew`, by seconds of two."""
    root = tmp_path_factory.mktemp("tracks")
    for name, workers, budget in (("small", 1, "evaluations = 20"), ("crew", 2, "seconds = 3000")):
        text = HEAD.format(workers=workers)
        for task in TASKS:
            data = load(task).data
            text += f'\n[[benchmarks]]\nbenchmark = "{task}"\n{budget}\ndata = "{data}"\n'
        folder = root / "leaderboards" / name
        folder.mkdir(parents=True)
        (folder / "track.toml").write_text(text)
    return root


@pytest.fixture(autouse=True)
def with_tracks(tracks: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the small tracks are found."""
    monkeypatch.setenv("NASBENCH_DATA", str(tracks))
    return tracks


@pytest.fixture(scope="session")
def submitted(tracks: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A submission of regularized evolution to a track, made once and not to be changed."""
    home = tmp_path_factory.mktemp("submitted")

    def made(track: str) -> Path:
        out = home / track
        if not out.is_dir():
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("NASBENCH_DATA", str(tracks))
                report = submit(track, "regularized_evolution", out=out, **SAID)
                assert report.ok, report.failures
        return out

    return made


@pytest.fixture
def opened() -> type[Folder]:
    """What opens a submission to change it."""
    return Folder


@pytest.fixture
def folder(submitted: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Folder]:
    """A fresh copy of that submission."""

    def copied(track: str = "small") -> Folder:
        place = tmp_path / "entry"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(submitted(track), place)
        return Folder(place)

    return copied


@pytest.fixture(scope="session")
def made(tracks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three submissions to each small track, with the runs they are made of."""
    home = tmp_path_factory.mktemp("three")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_DATA", str(tracks))
        for track in ("small", "crew"):
            for name in ENTRIES:
                assert submit(track, name, out=home / track / name, **SAID).ok
    return home


@pytest.fixture
def board(
    made: Path, tracks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """What puts entries on the board of a track, and returns where they then lie."""
    home = tmp_path / "data"
    shutil.copytree(tracks, home)
    monkeypatch.setenv("NASBENCH_DATA", str(home))

    def put(track: str, *entries: str) -> Path:
        place = home / "leaderboards" / track / "submissions"
        for name in entries:
            shutil.copytree(made / track / name, place / name)
        return place

    return put


@pytest.fixture
def many() -> Callable[[Standings, int, int], Standings]:
    """What makes standings of many entries on many benchmarks of those of a few."""
    return copied


def copied(found: Standings, entries: int, tasks: int) -> Standings:
    """The standings of many entries on many benchmarks, made of those of a few."""
    task, about, result = found.tasks[0], found.entries[0].about, found.entries[0].results[0]
    grid = np.geomspace(1, 100, 60)
    rng = np.random.default_rng(0)
    curve = replace(
        result.curve, grid=grid, mean=grid / 7, low=grid / 7 - 0.123456, high=grid / 7 + 0.123456
    )
    result = replace(result, curve=curve, finals=rng.normal(90, 1, 50))
    names = [f"a_strategy_with_a_long_name_{n:03}" for n in range(entries)]
    parts = [Part(f"space_number_{n % 5}/task_{n:02}", p.budget, p.data) for n in range(tasks)
             for p in found.track.parts[:1]]  # fmt: skip
    ranks = np.linspace(1, entries, entries).tolist()
    last = replace(
        found.together[-1],
        ranked=tuple(Ranked(name, rank, rank - 0.5, rank + 0.5, "tied", 0.5, 0.4, 0.6)
                     for name, rank in zip(names, ranks, strict=True)),
        alike=tuple(tuple(names[n : n + 9]) for n in range(entries - 8)),
        wins=rng.uniform(size=(entries, entries)),
    )  # fmt: skip
    return replace(
        found,
        track=replace(found.track, parts=tuple(parts), seeds=50),
        tasks=tuple(replace(task, benchmark=part.benchmark) for part in parts),
        entries=tuple(
            replace(found.entries[0], folder=name, about=replace(about, name=name),
                    results=(result,) * tasks)
            for name in names
        ),
        together=tuple(replace(last, share=share) for share in found.track.checkpoints),
    )  # fmt: skip
