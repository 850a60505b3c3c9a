"""A user's own strategy is a file; what it does wrong is named, and the others' runs are kept."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from nasbench_suite import Budget, cli, compare, open_experiment, registry, run
from nasbench_suite.core import (
    DamagedInput,
    DataNotFound,
    FailedRuns,
    FaultyStrategy,
    InvalidArchitecture,
    InvalidSetting,
    NasbenchError,
    OutputError,
    UnknownName,
)
from nasbench_suite.executors import Inline

BENCHMARK = "nasbench201/cifar10"
MINE = """
from dataclasses import dataclass

import numpy as np
from nasbench_suite.core import NasbenchError, Proposal, UnknownName
from nasbench_suite.strategies.base import Strategy


@dataclass
class Note:
    arch: tuple


class Mine(Strategy):
    presets = {"quick": {"stride": 2}}

    def __init__(self, space, *, rng, stride: int = 1):
        super().__init__(space, rng=rng)
        self.notes = [Note(space.sample(rng)) for _ in range(stride)]

    def _ask(self):
        return Proposal(self.space.sample(self.rng))


class Numpy(Mine):
    def _ask(self):
        return Proposal(tuple(self.rng.integers(5, size=6)))


class Raises(Mine):
    def _tell(self, trial):
        if trial.number == 3:
            raise ValueError("no more")


class RaisesAtFirst(Mine):
    def __init__(self, space, *, rng):
        raise RuntimeError("not today")


class Rubbish(Mine):
    def _ask(self):
        return [1, 2, 3]


class Outside(Mine):
    def _ask(self):
        return Proposal((9,) * 6)


class Short(Mine):
    def _ask(self):
        return Proposal((1, 2))


class Halves(Mine):
    def _ask(self):
        return Proposal((1.0,) * 6)


class Longer(Mine):
    def _ask(self):
        return Proposal((1,) * 6, 50)


class Liar(Mine):
    def _tell(self, trial):
        trial.values["val_accuracy"] = 100.0


class Adds(Mine):
    def _tell(self, trial):
        trial.values["mine"] = 1.0


class Stops(Mine):
    def _ask(self):
        from nasbench_suite.strategies.base import SpaceExhausted
        raise SpaceExhausted("nothing")


class Needs(Mine):
    def __init__(self, space, *, rng, stride):
        super().__init__(space, rng=rng)


class Mishap(NasbenchError):
    def __init__(self, one, other):
        super().__init__((one, other))


class Foreign(Mine):
    def _ask(self):
        raise Mishap(1, 2)


class Borrowed(Mine):
    def _ask(self):
        raise UnknownName("thing", "x", ["y"])


class Leaves(Mine):
    def _ask(self):
        raise SystemExit(7)


class Chatters(Mine):
    def _ask(self):
        return [0] * 10**6


class Shouts(Mine):
    def _ask(self):
        raise ValueError(("ha" + chr(10) + chr(27) + "[31m") * 10**5)


class LeavesAtFirst(Mine):
    def __init__(self, space, *, rng):
        raise SystemExit(0)


class Lengths(Mine):
    def _ask(self):
        return Proposal(self.space.sample(self.rng), np.int64(12))


class NoStrategy:
    pass
"""
RAISES = 1 + MINE.splitlines().index('            raise ValueError("no more")')
# What each does wrong, and what is said of it.
WRONG = {
    "Raises": (FaultyStrategy, rf"at trial 3, tell raised ValueError: no more .*line {RAISES}\)"),
    "Rubbish": (FaultyStrategy, r"asked for \[1, 2, 3\]: it should ask for a Proposal"),
    "Outside": (InvalidArchitecture, r"gene 0 is 9"),
    "Short": (InvalidArchitecture, r"it has 2 genes, the space has 6"),
    "Halves": (FaultyStrategy, r"genes of type float"),
    "Longer": (InvalidSetting, r"asked for 50 epochs, and protocol standard has 12"),
    "Liar": (FaultyStrategy, r"changed trial 0, which it was told"),
    "Adds": (FaultyStrategy, r"changed trial 0, which it was told"),
    "Stops": (FaultyStrategy, r"asked for nothing at all"),
    "Foreign": (FaultyStrategy, r"ask raised Mishap: \(1, 2\)"),
    "Borrowed": (UnknownName, r"no thing named 'x'"),
    "Leaves": (FaultyStrategy, r"SystemExit: 7"),
    "Chatters": (FaultyStrategy, r"asked for \[0, 0, .{1,300}$"),
    "Shouts": (FaultyStrategy, r"ValueError: ha.{300,500}$"),
}
# These are refused before anything is run.
REFUSED = {
    "RaisesAtFirst": (FaultyStrategy, r"RaisesAtFirst\(\) raised RuntimeError: not today"),
    "LeavesAtFirst": (FaultyStrategy, r"LeavesAtFirst\(\) raised SystemExit: 0"),
    "Needs": (InvalidSetting, r"stride has no default"),
    "NoStrategy": (InvalidSetting, r"does not derive from Strategy"),
    "Mina": (UnknownName, r"no class named 'Mina' in .*did you mean Mine"),
}


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def ask(out, *strategies, **changes):
    asked = {"budget": Budget(12), "seeds": 2, **changes}
    return compare([BENCHMARK], strategies, out=out, **asked)


def test_it_is_compared_like_any_other(mine, tmp_path):
    out = tmp_path / "out"
    experiment = ask(out, "random_search", f"{mine}:Mine", settings={f"{mine}:Mine": "quick"})
    assert dict(experiment.strategies) == {"random_search": {}, "mine.Mine": {"stride": 2}}
    assert experiment.code.keys() == {"mine.Mine"}
    assert open_experiment(out) == experiment
    alone = run(f"{mine}:Mine", BENCHMARK, budget=Budget(12), seed=1, settings={"stride": 2})
    assert list(experiment.runs(BENCHMARK, "mine.Mine"))[1] == alone
    # Nothing that is written says where the file lay.
    for path in filter(Path.is_file, out.rglob("*")):
        assert str(tmp_path) not in path.read_text()


def test_genes_may_be_numpy_s(mine, tmp_path):
    experiment = ask(tmp_path / "out", f"{mine}:Numpy")
    assert all(len(found.trials) == 12 for found in experiment.runs(BENCHMARK, "mine.Numpy"))


def test_lengths_may_be_numpy_s(mine, tmp_path):
    experiment = ask(tmp_path / "out", f"{mine}:Lengths", protocol="multi_fidelity")
    for found in experiment.runs(BENCHMARK, "mine.Lengths"):
        assert {type(trial.epochs) for trial in found.trials} == {int}


def test_a_changed_file_is_another_experiment(mine, tmp_path):
    out = tmp_path / "out"
    ask(out, f"{mine}:Mine")
    ask(out, f"{mine}:Mine")
    mine.write_text(MINE + "\n# changed\n")
    with pytest.raises(OutputError, match=r"holds another experiment \(it differs in code"):
        ask(out, f"{mine}:Mine")
    # A log of the other code does not belong here either.
    path = out / "runs" / BENCHMARK / "mine.Mine" / "0.jsonl"
    path.write_text(path.read_text().replace('"code":"', '"code":"0'))
    with pytest.raises(DamagedInput, match="code is"):
        list(open_experiment(out).runs(BENCHMARK, "mine.Mine"))


def test_a_file_that_changes_meanwhile_is_told(mine, tmp_path):
    """No run of other code gets among those of the code that was asked."""

    def told(done, total):
        if done == 2:
            mine.write_text(MINE + "\n# changed\n")

    with pytest.raises(FailedRuns, match="another file than when the comparison began"):
        ask(tmp_path / "out", f"{mine}:Mine", seeds=60, executor=Inline(), progress=told)
    logs = list((tmp_path / "out").rglob("mine.Mine/*.jsonl"))
    assert {json.loads(log.read_text().split("\n")[0])["code"] for log in logs} == {
        sha256(MINE.encode()).hexdigest()
    }


def test_others_are_kept_under_a_budget_of_seconds_too(mine, tmp_path):
    """What a strategy of one's own does first is not tried out before the others are made."""
    out = tmp_path / "out"
    with pytest.raises(FailedRuns, match="2 of 4 runs failed"):
        ask(out, "random_search", f"{mine}:Rubbish", budget=Budget(seconds=20_000))
    assert {path.name for path in out.rglob("random_search/*")} == {"0.jsonl", "1.jsonl"}


def test_files_of_two_folders_are_refused(mine, tmp_path):
    """They might import different things of one name, and be given the same."""
    for name, word in (("a", "one"), ("b", "other")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "helper_of_mine.py").write_text(f"WHO = {word!r}\n")
        (folder / f"{name}.py").write_text("from helper_of_mine import WHO\n" + MINE)
    files = [f"{tmp_path}/a/a.py:Mine", f"{tmp_path}/b/b.py:Mine"]
    with pytest.raises(InvalidSetting, match="put their files into one folder"):
        ask(tmp_path / "out", *files)
    run(files[0], BENCHMARK, budget=Budget(2), seed=0)
    with pytest.raises(FaultyStrategy, match="was imported for another strategy"):
        run(files[1], BENCHMARK, budget=Budget(2), seed=0)


def test_what_lies_beside_it_hides_nothing_that_is_installed(tmp_path):
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('hidden')\n")
    path = tmp_path / "random.py"
    path.write_text("import colorsys\n" + MINE)
    ask(tmp_path / "out", f"{path}:Mine")


def test_a_name_that_no_log_can_hold(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py")
    Path(path).write_text(MINE)
    with pytest.raises(DataNotFound, match="cannot read"):
        ask(tmp_path / "out", f"{path}:Mine")


def test_what_lies_beside_it_can_be_imported(tmp_path):
    (tmp_path / "beside_mine.py").write_text("STEP = 3\n")
    path = tmp_path / "mine.py"
    path.write_text("from beside_mine import STEP\n" + MINE)
    assert registry.find("strategies", f"{path}:Mine").kind.__name__ == "Mine"


@pytest.mark.parametrize("name", WRONG)
def test_what_it_does_wrong_is_named(mine, name):
    error, says = WRONG[name]
    with pytest.raises(error, match=says):
        run(f"{mine}:{name}", BENCHMARK, budget=Budget(12), seed=0)


@pytest.mark.parametrize("name", WRONG)
def test_the_run_is_named_and_the_others_are_kept(mine, tmp_path, name):
    out = tmp_path / "out"
    with pytest.raises(FailedRuns, match=WRONG[name][1]) as caught:
        ask(out, f"{mine}:{name}", "random_search")
    said = str(caught.value)
    assert said.startswith("2 of 4 runs failed, and the others are kept: ")
    assert f"mine.{name} on {BENCHMARK}, seed 0 and 1 more of its runs: " in said
    assert {path.name for path in out.rglob("random_search/*")} == {"0.jsonl", "1.jsonl"}
    assert not list(out.rglob(f"mine.{name}/*"))


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_begin_is_refused_before_anything_is_written(mine, tmp_path, name):
    error, says = REFUSED[name]
    with pytest.raises(error, match=says):
        ask(tmp_path / "out", "random_search", f"{mine}:{name}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = (\n", r"cannot be run: SyntaxError: .*line 1"),
        ("\n\nimport nowhere_at_all\n", r"ModuleNotFoundError: .*line 3"),
        ("raise SystemError('x')", r"SystemError: x .*line 1"),
    ],
)
def test_a_file_that_cannot_be_run(tmp_path, text, says):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(FaultyStrategy, match=says):
        run(f"{path}:Mine", BENCHMARK, budget=Budget(2), seed=0)


@pytest.mark.parametrize("name", ["nowhere.py:Mine", "nowhere.py", "mine", "mine.py:", ":Mine"])
def test_a_file_that_is_none(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NasbenchError) as caught:
        run(name, BENCHMARK, budget=Budget(2), seed=0)
    assert isinstance(caught.value, DataNotFound | UnknownName | InvalidSetting)


def test_one_file_named_twice(mine, tmp_path):
    with pytest.raises(InvalidSetting, match="named twice"):
        ask(tmp_path / "out", f"{mine}:Mine", f"{mine.parent}/./mine.py:Mine")


def test_the_command_line(mine, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = ["run", BENCHMARK, "--strategy", "./mine.py:Mine", "--seed", "3", "--evaluations", "9"]
    assert cli.main([*asked, "--set", "stride=4", "--out", "one", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["strategy"], row["seed"], row["evaluations"]) == ("mine.Mine", 3, 9)
    (found,) = open_experiment(tmp_path / "one").runs(BENCHMARK, "mine.Mine")
    assert found.settings == {"stride": 4}
    assert row["log"] == "one/runs/nasbench201/cifar10/mine.Mine/3.jsonl"
    asked[3] = "./mine.py:Raises"
    assert cli.main([*asked, "--out", "two"]) == 2
    assert "seed 3: at trial 3, tell raised ValueError" in capsys.readouterr().err
    assert not (tmp_path / "two").exists()
