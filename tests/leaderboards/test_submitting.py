"""From a strategy of ten lines to a submission that anybody can recompute."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nasbench_suite import load
from nasbench_suite.core import InvalidSetting, OutputError
from nasbench_suite.leaderboards import submitting
from nasbench_suite.leaderboards.checking import check
from nasbench_suite.leaderboards.standings import build
from nasbench_suite.leaderboards.submitting import runs_of, submit

ROOT = Path(__file__).parents[2]
SAID = {"author": "A. Author", "code": "https://example.org/a"}
MINE = """
from nasbench_suite.core import Proposal
from nasbench_suite.strategies.base import Strategy

class Climb(Strategy):
    def __init__(self, space, *, rng, patience: int | None = None):
        super().__init__(space, rng=rng)
        self.best = None
    def _ask(self):
        new = self.best is None or self.rng.random() < 0.2
        return Proposal(self.space.sample(self.rng) if new else self.mutant())
    def mutant(self):
        return self.space.mutate(self.best.arch, self.rng)
    def _tell(self, trial):
        if self.best is None or trial.score > self.best.score:
            self.best = trial
"""


def test_the_path_of_a_newcomer(nasbench, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    out = tmp_path / "climb"
    said = ["--author", "Ada Müller", "--code", "https://example.org/climb", "--name", "climb"]
    done = nasbench("submit", "small", "--strategy", f"{file}:Climb", *said, "--out", out)
    assert done.code == 0, done.err
    assert "leaderboards/small/submissions/climb" in done.out
    assert {path.name for path in out.iterdir()} == {
        "submission.toml",
        "nasbench201-cifar10.jsonl.gz",
        "nasbench201-cifar100.jsonl.gz",
    }
    assert 'author = "Ada Müller"' in (out / "submission.toml").read_text()
    assert nasbench("check", out).code == 0
    assert nasbench("check", out, "--replay", f"{file}:Climb").code == 0
    # Another program of the same name gives other runs.
    file.write_text(MINE.replace("0.2", "0.3"))
    done = nasbench("check", out, "--replay", f"{file}:Climb", "--json")
    assert done.code == 2
    assert done.json["failures"][0]["code"] == "replay_differs"


def test_only_what_is_part_of_the_suite_needs_no_address(nasbench, tmp_path):
    out = tmp_path / "out"
    done = nasbench("submit", "small", "--strategy", "random_search", "--author", "A", "--out", out)
    assert done.code == 0, done.err
    file = out / "submission.toml"
    assert "code" not in file.read_text()
    assert check(out).about.code is None
    for name in ("mine.Mine", "random_serch"):
        text = file.read_text().replace('strategy = "random_search"', f'strategy = "{name}"')
        (tmp_path / "other").mkdir(exist_ok=True)
        for path in out.iterdir():
            (tmp_path / "other" / path.name).write_bytes(path.read_bytes())
        (tmp_path / "other" / file.name).write_text(text)
        (failure,) = check(tmp_path / "other").failures
        assert failure.message == "code is missing", failure
    mine = tmp_path / "mine.py"
    mine.write_text(MINE)
    out = tmp_path / "climb"
    done = nasbench("submit", "small", "--strategy", f"{mine}:Climb", "--author", "A", "--out", out)
    assert done.code == 2
    assert "code is missing" in done.err


def test_settings_are_kept_and_replayed(nasbench, tmp_path):
    out = tmp_path / "evolution"
    said = ["--author", "A", "--code", "https://example.org", "--set", "population_size=4"]
    done = nasbench(
        "submit", "small", "--strategy", "regularized_evolution", *said, "--out", out, "--jobs", 2
    )
    assert done.code == 0
    assert "population_size = 4" in (out / "submission.toml").read_text()
    assert nasbench("check", out, "--replay", "regularized_evolution").code == 0


def test_a_protocol_of_several(nasbench, tmp_path, tracks):
    """Methods that choose the length of a training compete in the same track."""
    home = tmp_path / "data" / "leaderboards" / "lengths"
    home.mkdir(parents=True)
    text = (tracks / "leaderboards" / "small" / "track.toml").read_text()
    text = text.replace('["standard"]', '["standard", "multi_fidelity"]')
    (home / "track.toml").write_text(text.replace("evaluations = 20", "seconds = 20000"))
    said = ["--author", "A", "--code", "https://example.org", "--out", tmp_path / "out"]
    asked = ["submit", "lengths", "--strategy", "hyperband", *said]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_DATA", str(tmp_path / "data"))
        done = nasbench(*asked, "--protocol", "multi_fidelty")
        assert done.code == 2
        assert "did you mean multi_fidelity" in done.err
        done = nasbench(*asked)
        assert done.code == 2
        assert "such as multi_fidelity" in done.err
        done = nasbench(*asked, "--protocol", "multi_fidelity")
        assert done.code == 0, done.err
        assert check(tmp_path / "out").about.protocol == "multi_fidelity"
        assert nasbench("check", tmp_path / "out", "--replay", "hyperband").code == 0
        (home / "submissions").mkdir()
        (tmp_path / "out").rename(home / "submissions" / "hyperband")
        board = build("lengths")
    assert [entry.about.name for entry in board.entries] == ["hyperband"]


def test_the_same_submission_is_the_same_bytes(submitted, tmp_path):
    whole = submitted("crew")
    again = tmp_path / "again"
    assert submit("crew", "regularized_evolution", out=again, **SAID).ok
    for path in whole.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_what_was_interrupted_goes_on(tmp_path):
    out = tmp_path / "entry"

    def stop(done, total):
        assert total == 6
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submit("small", "random_search", out=out, progress=stop, **SAID)
    assert not out.exists()
    made = {path: path.stat().st_mtime_ns for path in runs_of(out).rglob("*.jsonl")}
    assert len([path for path in made if path.name != "overhead.jsonl"]) == 4
    seen = []
    report = submit("small", "random_search", out=out, progress=lambda *at: seen.append(at), **SAID)
    assert report.ok
    assert seen == [(3, 6), (4, 6), (5, 6), (6, 6)]
    runs = [path for path in made if path.name != "overhead.jsonl"]
    assert all(path.stat().st_mtime_ns == made[path] for path in runs)


def test_another_submission_is_not_overwritten(tmp_path):
    out = tmp_path / "entry"
    assert submit("small", "random_search", out=out, **SAID).ok
    shutil.rmtree(runs_of(out))
    before = {path: path.read_bytes() for path in out.iterdir()}
    for wrong in (
        {"strategy": "local_search"},
        {"strategy": "local_search", "name": "random_search"},
        {"name": "other"},
    ):
        with pytest.raises(OutputError, match="holds another submission"):
            submit("small", **{"strategy": "random_search", **SAID, **wrong}, out=out)
    assert not runs_of(out).exists()
    # What is said of it may change.
    assert submit("small", "random_search", out=out, **{**SAID, "author": "B. Author"}).ok
    shutil.rmtree(runs_of(out))
    evolved = tmp_path / "evolved"
    assert submit("small", "regularized_evolution", out=evolved, **SAID).ok
    shutil.rmtree(runs_of(evolved))
    other = {"population_size": 5}
    with pytest.raises(OutputError, match="another settings"):
        submit("small", "regularized_evolution", out=evolved, settings=other, **SAID)
    (out / "submission.toml").write_text("mine")
    with pytest.raises(OutputError, match="no TOML"):
        submit("small", "random_search", out=out, **SAID)
    assert set(out.iterdir()) == set(before)


def test_what_cannot_be_submitted_is_said_before_any_run(tmp_path, monkeypatch):
    monkeypatch.setattr(submitting, "compare", lambda *_, **__: pytest.fail("it ran"))
    out = tmp_path / "out"
    for wrong in (
        {"author": ""},
        {"author": "<b>me</b>"},
        {"author": "a\x1b[0m"},
        {"author": "a\udcff"},
        {"code": "my disk"},
        {"code": "javascript:alert(1)"},
        {"name": "../up"},
        {"name": ""},
        {"about": "two\nlines"},
        {"settings": {"sample_size": "a\x00b"}},
    ):
        with pytest.raises(InvalidSetting):
            submit("small", "random_search", out=out, **{**SAID, **wrong})
    out.mkdir()
    (out / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match=r"thesis\.tex"):
        submit("small", "random_search", out=out, **SAID)
    (out / "thesis.tex").unlink()
    out.rmdir()
    out.write_text("")
    with pytest.raises(OutputError, match="no folder"):
        submit("small", "random_search", out=out, **SAID)


def test_a_strategy_that_fails_is_named_and_nothing_is_submitted(nasbench, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MINE.replace("if self.best is None or", "if 1 / (5 - trial.number) and"))
    out = tmp_path / "out"
    said = ["--author", "A", "--code", "https://example.org"]
    done = nasbench("submit", "small", "--strategy", f"{file}:Climb", *said, "--out", out)
    assert done.code == 2
    assert "mend the strategy" in done.err
    assert not out.exists()


def test_a_strategy_that_has_nothing_left_to_ask(tmp_path, nasbench):
    file = tmp_path / "mine.py"
    file.write_text(
        MINE.replace("Climb", "Brief").replace(
            "    def _ask(self):", "    def _ask(self):\n        self.asked()"
        )
        + """
    def asked(self):
        self.count = getattr(self, "count", 0) + 1
        if self.count > 7:
            from nasbench_suite.strategies.base import SpaceExhausted
            raise SpaceExhausted
"""
    )
    said = ["--author", "A", "--code", "https://example.org"]
    for track in ("small", "crew"):
        out = tmp_path / track
        done = nasbench("submit", track, "--strategy", f"{file}:Brief", *said, "--out", out)
        assert done.code == 0, done.err


def test_unknown_tracks_and_strategies(nasbench, tmp_path):
    said = ["--author", "A", "--code", "https://example.org", "--out", tmp_path / "out"]
    done = nasbench("submit", "smal", "--strategy", "random_search", *said)
    assert done.code == 2
    assert "did you mean small" in done.err
    done = nasbench("submit", "small", "--strategy", "random_serch", *said)
    assert done.code == 2
    assert "did you mean random_search" in done.err
    assert not (tmp_path / "out").exists()


def test_a_submission_by_the_shell_program_of_the_docs(tmp_path, tracks):
    """The format alone is enough: this one is written by awk."""
    page = (ROOT / "docs" / "leaderboards.md").read_text()
    (program,) = re.findall(r"```sh\n(# search\.sh.*?)```", page, re.DOTALL)
    (tmp_path / "search.sh").write_text(program)
    track = tracks / "leaderboards" / "small" / "track.toml"
    home = tmp_path / "data" / "leaderboards" / "timed"
    home.mkdir(parents=True)
    text = track.read_text().replace("evaluations = 20", "seconds = 4000")
    (home / "track.toml").write_text(text)
    entry = tmp_path / "awk_search"
    entry.mkdir()
    said = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0]
    head = said.partition("[data]")[0].replace('track = "nasbench201"', 'track = "timed"')
    data = []
    for task in ("cifar10", "cifar100"):
        table = load(f"nasbench201/{task}")
        frame = table.frame(["val_accuracy", "train_seconds"], epochs=12)
        frame.to_csv(tmp_path / f"{task}.csv")
        with (entry / f"nasbench201-{task}.jsonl.gz").open("wb") as file:
            command = ["sh", "search.sh", task, "3", "4000"]
            subprocess.run(command, cwd=tmp_path, stdout=file, check=True)
        data.append(f'"nasbench201/{task}" = "{table.data}"\n')
    (entry / "submission.toml").write_text(f"{head}[data]\n{''.join(data)}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_DATA", str(tmp_path / "data"))
        report = check(entry)
    assert report.ok, report.failures
