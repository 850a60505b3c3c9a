"""Many runs in a folder: made once, completed after a kill, never over other work."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import Budget, compare, open_experiment, resources
from nasbench_suite.core import (
    BudgetTooSmall,
    DamagedInput,
    DamagedTable,
    DataNotFound,
    InvalidSetting,
    OutputError,
    UnknownName,
)
from nasbench_suite.experiments import log
from nasbench_suite.experiments.experiment import OVERHEAD
from nasbench_suite.experiments.run import run

BENCHMARKS = ["nasbench201/cifar10", "nasbench201/imagenet16-120"]
STRATEGIES = ["local_search", "random_search", "regularized_evolution"]
QUESTION = {
    "benchmarks": BENCHMARKS,
    "strategies": STRATEGIES,
    "budget": Budget(15),
    "seeds": 2,
    "settings": {"local_search": {"starts": 4}},
}
RUNS = len(BENCHMARKS) * len(STRATEGIES) * 2


def ask(out, **changes):
    return compare(**{**QUESTION, **changes}, out=out)


def texts(folder):
    """Return what every file that is compared holds, by its place in the folder."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    kept = [path for path in files if path.name != OVERHEAD]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


def times(folder):
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "out"
    ask(folder)
    return folder


@pytest.fixture
def made(undisturbed, tmp_path):
    shutil.copytree(undisturbed, tmp_path / "out")
    return tmp_path / "out"


# What is made.


def test_the_folder_holds_the_question_and_a_log_a_run(undisturbed):
    assert set(texts(undisturbed)) == {"experiment.json"} | {
        f"runs/{benchmark}/{strategy}/{seed}.jsonl"
        for benchmark in BENCHMARKS
        for strategy in STRATEGIES
        for seed in range(2)
    }


def test_each_log_is_the_run_of_its_name(undisturbed):
    experiment = open_experiment(undisturbed)
    for benchmark in BENCHMARKS:
        for strategy in STRATEGIES:
            own = QUESTION["settings"].get(strategy)
            for seed, found in enumerate(experiment.runs(benchmark, strategy)):
                alone = run(strategy, benchmark, budget=Budget(15), seed=seed, settings=own)
                assert found == alone
                space = experiment.loaded[benchmark].space
                path = experiment.path(benchmark, strategy, seed)
                assert path.read_text() == log.dump(alone, space)


def test_the_experiment_is_read_back(undisturbed, tmp_path):
    experiment = ask(tmp_path / "out")
    assert open_experiment(tmp_path / "out") == experiment
    assert experiment.strategies == {
        "local_search": {"starts": 4},
        "random_search": {},
        "regularized_evolution": {"population_size": 10, "sample_size": 3},
    }
    assert texts(tmp_path / "out") == texts(undisturbed)


def test_progress_is_told_before_the_first_run_and_after_each(tmp_path):
    told = []
    ask(tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert told == [(done, RUNS) for done in range(RUNS + 1)]


def test_the_budget_and_protocol_are_those_asked(tmp_path):
    experiment = ask(
        tmp_path / "out",
        benchmarks=BENCHMARKS[:1],
        budget=Budget(seconds=30_000.0),
        protocol="multi_fidelity",
        seeds=1,
    )
    for strategy in STRATEGIES:
        (done,) = experiment.runs(BENCHMARKS[0], strategy)
        assert (done.budget, done.protocol) == (Budget(seconds=30_000.0), "multi_fidelity")
        assert {trial.epochs for trial in done.trials} == {200}


# Completing.


def test_asked_again_nothing_is_made(made):
    before = times(made)
    ask(made)
    assert times(made) == before


@pytest.mark.parametrize("missing", ["local_search/0", "random_search/1"])
def test_only_what_is_missing_is_made(undisturbed, made, missing):
    before = times(made)
    lost = f"runs/{BENCHMARKS[0]}/{missing}.jsonl"
    (made / lost).unlink()
    ask(made)
    after = times(made)
    assert texts(made) == texts(undisturbed)
    assert [name for name in after if after[name] != before[name]] == [OVERHEAD, lost]


@pytest.mark.parametrize("writes", [0, 1, 2, RUNS])
@pytest.mark.parametrize("moment", ["write_bytes", "replace"])
def test_killed_at_a_write_it_is_completed(undisturbed, tmp_path, monkeypatch, writes, moment):
    """Whether killed while writing or before renaming, nothing is lost or left over."""
    left, original = [writes], getattr(Path, moment)

    def killed(path, *given, **named):
        if not left[0]:
            if moment == "write_bytes":
                path.write_text('{"format": "nasb')
            raise KeyboardInterrupt
        left[0] -= 1
        return original(path, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            ask(tmp_path / "out")
    assert len(texts(tmp_path / "out")) == writes + 1
    ask(tmp_path / "out")
    assert texts(tmp_path / "out") == texts(undisturbed)


# Kills itself a moment after so many runs were made, wherever it is then.
KILLED = """
import os, signal, sys, threading
from pathlib import Path
from nasbench_suite import Budget, compare
out, strategies, after = Path(sys.argv[1]), sys.argv[3:], int(sys.argv[2])
kill = threading.Timer(0.003, os.kill, (os.getpid(), signal.SIGKILL))
compare(["nasbench201/cifar10"], strategies, budget=Budget(300), seeds=30, out=out,
        progress=lambda done, total: kill.start() if done == after else None)
"""


@pytest.mark.parametrize("after", [1, 30])
def test_killed_by_the_system_it_is_completed(tmp_path, after):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-c", KILLED, str(killed), str(after), *STRATEGIES]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert after <= len(list(killed.rglob("*.jsonl"))) < 90
    asked = {"benchmarks": BENCHMARKS[:1], "budget": Budget(300), "seeds": 30, "settings": None}
    ask(killed, **asked)
    ask(whole, **asked)
    assert texts(killed) == texts(whole)


@pytest.mark.parametrize("seeds", [np.int64(2), np.arange(2), [0.0, np.int64(1)], range(2)])
def test_seeds_of_any_numeric_type(undisturbed, tmp_path, seeds):
    ask(tmp_path / "out", seeds=seeds)
    assert texts(tmp_path / "out") == texts(undisturbed)


def test_the_seeds_themselves_may_be_named(tmp_path):
    experiment = ask(tmp_path / "out", seeds=[7, 2**100])
    assert open_experiment(tmp_path / "out").seeds == (7, 2**100)
    name, own = STRATEGIES[0], QUESTION["settings"][STRATEGIES[0]]
    for found, seed in zip(experiment.runs(BENCHMARKS[0], name), (7, 2**100), strict=True):
        assert found.seed == seed
        assert found == run(name, BENCHMARKS[0], budget=Budget(15), seed=seed, settings=own)


@pytest.mark.parametrize("out", [None, 5, "o\0", b"o"])
def test_a_folder_that_cannot_be_one(out):
    with pytest.raises(InvalidSetting, match="path of a folder"):
        ask(out)


# Refusing.


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": 3},
        {"seeds": 1},
        {"budget": Budget(16)},
        {"budget": Budget(15, 1e9)},
        {"budget": Budget(15, epochs=10**9)},
        {"strategies": STRATEGIES[::-1]},
        {"strategies": STRATEGIES[:2]},
        {"benchmarks": BENCHMARKS[:1]},
        {"protocol": "multi_fidelity"},
        {"settings": {"local_search": {"starts": 5}}},
        {"settings": None},
    ],
    ids=str,
)
def test_a_folder_with_another_experiment_is_left_alone(made, changes):
    before = texts(made), times(made)
    with pytest.raises(OutputError, match="holds another experiment"):
        ask(made, **changes)
    assert (texts(made), times(made)) == before


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"format": "nasb'])
def test_a_folder_with_a_damaged_experiment_is_left_alone(made, content):
    (made / "experiment.json").write_bytes(content)
    before = texts(made), times(made)
    with pytest.raises(OutputError, match="holds another experiment"):
        ask(made)
    assert (texts(made), times(made)) == before


@pytest.mark.parametrize("foreign", ["thesis.tex", "runs/notes.txt", ".hidden", "empty/"])
def test_a_folder_with_other_files_is_left_alone(tmp_path, foreign):
    path = tmp_path / "out" / foreign
    path.parent.mkdir(parents=True)
    if foreign.endswith("/"):
        path.mkdir()
    else:
        path.write_text("mine")
    before = texts(tmp_path)
    with pytest.raises(OutputError, match="holds something else"):
        ask(tmp_path / "out")
    assert texts(tmp_path) == before


def test_a_file_in_the_place_of_the_folder_is_left_alone(tmp_path):
    (tmp_path / "out").write_text("mine")
    for out in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(OutputError):
            ask(out)
    assert texts(tmp_path) == {"out": b"mine"}


def test_an_empty_folder_may_be_named(undisturbed, tmp_path):
    ask(tmp_path)
    assert texts(tmp_path) == texts(undisturbed)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"seeds": 0}, InvalidSetting),
        ({"seeds": -1}, InvalidSetting),
        ({"seeds": "x"}, InvalidSetting),
        ({"seeds": 1.5}, InvalidSetting),
        ({"seeds": 10**12}, InvalidSetting),
        ({"budget": 5}, InvalidSetting),
        ({"settings": 5}, InvalidSetting),
        ({"seeds": range(1_000_001)}, InvalidSetting),
        ({"seeds": [2**128]}, InvalidSetting),
        ({"benchmarks": None}, InvalidSetting),
        ({"strategies": 5}, InvalidSetting),
        ({"executor": 5}, InvalidSetting),
        ({"strategies": "local_search"}, InvalidSetting),
        ({"strategies": ["local_search", 5]}, InvalidSetting),
        ({"protocol": None}, UnknownName),
        ({"strategies": ["local_search", "local_search"]}, InvalidSetting),
        ({"strategies": []}, InvalidSetting),
        ({"benchmarks": []}, InvalidSetting),
        ({"benchmarks": [*BENCHMARKS, BENCHMARKS[0]]}, InvalidSetting),
        ({"strategies": ["local_search", "random"]}, UnknownName),
        ({"benchmarks": ["nasbench201/cifar1"]}, UnknownName),
        ({"benchmarks": ["cifar10"]}, UnknownName),
        ({"protocol": "standart"}, UnknownName),
        ({"settings": {"local_search": {"start": 4}}}, UnknownName),
        ({"settings": {"localsearch": {"starts": 4}}}, UnknownName),
        ({"strategies": ["random_search"]}, UnknownName),
        ({"settings": {"local_search": {"starts": 0}}}, InvalidSetting),
        ({"settings": {"regularized_evolution": {"sample_size": "3"}}}, InvalidSetting),
        ({"budget": Budget(seconds=0.1)}, BudgetTooSmall),
        ({"budget": Budget(epochs=11)}, BudgetTooSmall),
        ({"seeds": []}, InvalidSetting),
        ({"seeds": [3, 3]}, InvalidSetting),
        ({"seeds": [-1]}, InvalidSetting),
        ({"workers": 0}, InvalidSetting),
        ({"patience": 0}, InvalidSetting),
        ({"patience": 1e10}, InvalidSetting),
        ({"strategies": ["./nowhere.py:Mine", "local_search"]}, DataNotFound),
    ],
    ids=str,
)
def test_a_wrong_question_leaves_no_folder(tmp_path, changes, error):
    with pytest.raises(error):
        ask(tmp_path / "out", **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_table_is_refused_at_the_start(tmp_path, monkeypatch):
    original = resources.find("datasets_tabular", "nasbench201", "index.json")
    copy = tmp_path / "datasets_tabular" / "nasbench201"
    shutil.copytree(original, copy)
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))
    ask(tmp_path / "fine", seeds=1)
    with (copy / "table.h5").open("r+b") as file:
        file.seek(-1000, 2)
        (byte,) = file.read(1)
        file.seek(-1000, 2)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(DamagedTable, match="sha256"):
        ask(tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Reading.


def test_a_run_that_was_not_made_is_missing(made):
    experiment = open_experiment(made)
    experiment.path(BENCHMARKS[0], "random_search", 1).unlink()
    found = experiment.runs(BENCHMARKS[0], "random_search")
    assert next(found).seed == 0
    with pytest.raises(DataNotFound, match=r"1\.jsonl is missing"):
        next(found)


def test_a_damaged_run_is_named(made):
    experiment = open_experiment(made)
    path = experiment.path(BENCHMARKS[0], "random_search", 0)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], b"oops\n", *lines[5:]]))
    with pytest.raises(DamagedInput, match=r"random_search/0\.jsonl, line 5: "):
        list(experiment.runs(BENCHMARKS[0], "random_search"))
    path.write_bytes(b"\xff" + b"".join(lines))
    with pytest.raises(DamagedInput, match=r"random_search/0\.jsonl is damaged"):
        list(experiment.runs(BENCHMARKS[0], "random_search"))


def test_a_folder_without_an_experiment_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path, tmp_path / "none", tmp_path / "file"):
        with pytest.raises(DataNotFound, match="holds no experiment"):
            open_experiment(folder)


def test_a_damaged_experiment_is_refused(made):
    path = made / "experiment.json"
    text = path.read_bytes().rstrip()
    for size in range(len(text)):
        path.write_bytes(text[:size])
        with pytest.raises(DamagedInput, match="does not describe an experiment"):
            open_experiment(made)
    for wrong in (b"[]", b"1", b"null", b"\xff", text.replace(b"experiment-2", b"experiment-1")):
        path.write_bytes(wrong)
        with pytest.raises(DamagedInput, match="does not describe an experiment"):
            open_experiment(made)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seeds", "x"),
        ("seeds", []),
        ("seeds", [0, 0]),
        ("seeds", [-1]),
        ("seeds", None),
        ("budget", None),
        ("budget", {}),
        ("strategies", []),
        ("strategies", {}),
        ("strategies", {"random_search": None}),
        ("strategies", ["random_search"]),
        ("workers", 0),
        ("workers", True),
        ("benchmarks", []),
        ("benchmarks", [1]),
        ("benchmarks", [BENCHMARKS[0]] * 2),
        ("data", {}),
        ("data", "x"),
        ("data", {BENCHMARKS[0]: 5, BENCHMARKS[1]: "x"}),
        ("code", None),
        ("code", "x"),
        ("protocol", []),
        ("version", 5),
        ("other", 1),
    ],
)
def test_an_experiment_edited_into_another_kind_is_refused(made, field, value):
    path = made / "experiment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(DamagedInput, match="does not describe an experiment"):
        open_experiment(made)


def test_an_experiment_nested_without_end_is_refused(made):
    (made / "experiment.json").write_text("[" * 100_000)
    with pytest.raises(DamagedInput):
        open_experiment(made)
    with pytest.raises(OutputError, match="cannot be read"):
        ask(made)


@pytest.mark.parametrize(
    ("line", "change"),
    [
        (0, {"direction": "min"}),
        (0, {"objective": "foo"}),
        (0, {"source": "live"}),
        (0, {"version": "9"}),
        (0, {"overhead": 1}),
        (0, {"trials": 0}),
        (0, {"epochs": 13}),
        (0, {"epochs": "x"}),
        (2, {"epochs": [1]}),
        (2, {"epochs": True}),
        (2, {"epochs": 200}),
    ],
)
def test_a_log_edited_into_another_is_refused(made, line, change):
    path = made / "runs" / BENCHMARKS[0] / STRATEGIES[0] / "0.jsonl"
    lines = path.read_text().split("\n")
    lines[line] = json.dumps({**json.loads(lines[line]), **change})
    path.write_text("\n".join(lines))
    with pytest.raises(DamagedInput, match=r"0\.jsonl, line"):
        list(open_experiment(made).runs(BENCHMARKS[0], STRATEGIES[0]))


def test_what_stands_in_overhead_breaks_nothing(made):
    key = [BENCHMARKS[0], STRATEGIES[0], 0]
    texts = ("[1e400, 1, 1e400, 1]", "{", "null", json.dumps([*key, 0.5]), json.dumps([*key, "x"]))
    (made / OVERHEAD).write_text("\n".join((*texts[:4], '["a", "b", 1e400, 1]')) + "\n\xff")
    assert open_experiment(made).overheads == {tuple(key): 0.5}


def test_a_log_in_another_place_is_refused(tmp_path):
    """The log of one run copied over another's is not that run."""
    out = tmp_path / "of"
    budget = Budget(evaluations=5)
    strategies = ["random_search", "local_search"]
    made = compare(["nasbench201/cifar10"], strategies, budget=budget, seeds=2, out=out)
    there = made.path("nasbench201/cifar10", "random_search", 1)
    for wrong in (
        made.path("nasbench201/cifar10", "random_search", 0),
        made.path("nasbench201/cifar10", "local_search", 1),
    ):
        there.write_bytes(wrong.read_bytes())
        with pytest.raises(DamagedInput, match=r"random_search.1\.jsonl, line 1"):
            list(made.runs("nasbench201/cifar10", "random_search"))


def test_a_budget_too_small_for_one_seed_writes_nothing(tmp_path):
    with pytest.raises(BudgetTooSmall, match=r"too small.* of 100 runs"):
        compare(
            ["nasbench201/cifar10"],
            ["random_search"],
            budget=Budget(seconds=130),
            seeds=100,
            out=tmp_path / "of",
        )
    assert not (tmp_path / "of").exists()


def test_a_budget_that_one_of_several_workers_can_use_is_none_too_small(tmp_path):
    """The first proposal takes longer than the budget; another one in flight ends within it."""
    asked = {"budget": Budget(seconds=112.2), "protocol": "standard", "workers": 8}
    alone = run("random_search", BENCHMARKS[0], seed=21, **asked)
    assert alone.trials[0].number > 0
    made = ask(
        tmp_path / "out",
        benchmarks=BENCHMARKS[:1],
        strategies=["random_search"],
        settings=None,
        seeds=[21],
        **asked,
    )
    assert list(made.runs(BENCHMARKS[0], "random_search")) == [alone]


def test_a_preset_is_compared_under_its_settings(tmp_path):
    made = ask(
        tmp_path / "out",
        strategies=["regularized_evolution"],
        settings={"regularized_evolution": "paper"},
    )
    expected = {"regularized_evolution": {"population_size": 100, "sample_size": 25}}
    assert made.strategies == expected
    assert open_experiment(tmp_path / "out").strategies == expected
