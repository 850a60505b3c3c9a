"""Small tables, packed and read back: every layout, and everything that can go wrong."""

import dataclasses
import json
import os
import resource
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nasbench_suite import registry
from nasbench_suite.benchmarks import check
from nasbench_suite.core import (
    DamagedInput,
    DataNotFound,
    InvalidArchitecture,
    InvalidSetting,
    Metric,
    NotMeasured,
    OutputError,
    Question,
    UnknownName,
)
from nasbench_suite.tables import pack
from nasbench_suite.tables.source import Column, Curve, Source, Task
from nasbench_suite.tables.store import Table

SPACE = registry.load("spaces", "nasbench201")
SIZES = registry.load("spaces", "nats_sss")
NAN = np.nan

ACCURACY = Metric("val_accuracy", "%", "max", "validation", "accuracy")
SECONDS = Metric("train_seconds", "s", "min", None, "seconds")
PROTOCOL = {
    "description": "sees validation accuracy",
    "objective": "val_accuracy",
    "epochs": [12],
    "seed": "mean",
    "cost": "train_seconds",
    "report": {"metric": "val_accuracy", "epochs": 12, "seed": "mean"},
    "continues": False,
}


def source(**changes):
    """A sample of three size-space networks with two columns."""
    made = Source(
        name="small",
        version="1",
        title="A small table",
        description="Made for a test.",
        space="nats_sss",
        tasks={"digits": Task("digits", 10, 8, "val_accuracy", ("val_accuracy", 12))},
        metrics=[ACCURACY, SECONDS],
        columns=[
            Column("digits", "val_accuracy", np.array([50.0, NAN, 60.5]), epochs=12),
            Column("digits", "train_seconds", np.array([1.0, 2.0, 3.0]), epochs=12),
        ],
        protocols={"standard": PROTOCOL},
        licence="CC0-1.0",
        citations=["Nobody. Nothing. 2020."],
        inputs=[],
        archs=[(0, 0, 0, 0, 0), (7, 7, 7, 7, 7), (1, 2, 3, 4, 5)],
    )
    return dataclasses.replace(made, **changes)


def packed(tmp_path, **changes):
    made = source(**changes)
    return Table.open(pack.write(made, tmp_path / made.name))


def column(values, **facts):
    return Column("digits", "val_accuracy", np.asarray(values), **{"epochs": 12, **facts})


# A sample of a space.


def test_a_sample_answers_for_what_it_holds(tmp_path):
    table = packed(tmp_path)
    assert (table.benchmark, table.rows, table.covers_space) == ("nats_sss/digits", 3, False)
    assert table.query("8:8:8:8:8") == 50.0
    assert table.query((1, 2, 3, 4, 5)) == 60.5
    for _ in range(2):
        with pytest.raises(NotMeasured, match="2 of 3 architectures"):
            table.query("64:64:64:64:64")
    assert table.query("64:64:64:64:64", "train_seconds") == 2.0


def test_a_sample_lacks_the_rest_of_the_space(tmp_path):
    table = packed(tmp_path)
    for arch in ("8:8:8:8:16", (0, 0, 0, 0, 1), [0, 0, 0, 0, 1], 1):
        for ask in (table.query, table.query, table.record, table.curve):
            with pytest.raises(NotMeasured, match=r"8:8:8:8:16 was not measured.*3 architectures"):
                ask(arch)
    with pytest.raises(InvalidArchitecture):
        table.query("8:8:8:8:9")


def test_numbers_are_those_of_the_space_and_not_rows(tmp_path):
    table = packed(tmp_path)
    assert table.query(0) == 50.0
    assert table.query(SIZES.index((1, 2, 3, 4, 5))) == 60.5
    assert table.query(32_767, "train_seconds") == 2.0
    with pytest.raises(NotMeasured):
        table.query(2)
    with pytest.raises(InvalidArchitecture, match="0 to 32767"):
        table.query(32_768)
    asked = np.array([0, 1, 2, 32_767, SIZES.index((1, 2, 3, 4, 5))])
    expected = [1.0, NAN, NAN, 2.0, 3.0]
    for archs in (asked, asked.tolist(), [SIZES.at(int(index)) for index in asked]):
        found = table.query_many(archs, "train_seconds")
        assert np.array_equal(found, expected, equal_nan=True)
    for archs in (np.array([0, 32_768]), [0, 32_768], np.array([-1])):
        with pytest.raises(InvalidArchitecture):
            table.query_many(archs)


def test_a_sample_in_arrays_and_frames(tmp_path):
    table = packed(tmp_path)
    genes = np.array([(1, 2, 3, 4, 5), (0, 0, 0, 0, 1), (0, 0, 0, 0, 0)])
    assert np.array_equal(table.query_many(genes), [60.5, NAN, 50.0], equal_nan=True)
    assert np.array_equal(
        table.query_many(["8:8:8:8:16", "8:8:8:8:8"]), [NAN, 50.0], equal_nan=True
    )
    frame = table.frame(epochs=12)
    assert frame.index.tolist() == ["8:8:8:8:8", "64:64:64:64:64", "16:24:32:40:48"]
    assert np.array_equal(frame["val_accuracy"], [50.0, NAN, 60.5], equal_nan=True)


def test_the_best_of_a_sample_is_not_that_of_the_space(tmp_path):
    table = packed(tmp_path)
    assert table.best(Question("val_accuracy", 12, "mean")) is None
    card = tomllib.loads((tmp_path / "small/card.toml").read_text("utf-8"))
    assert card["covers_space"] is False
    assert "optimum" not in card["tasks"]["digits"]


def test_the_best_of_nothing(tmp_path):
    table = packed(tmp_path, archs=None, columns=[column(np.full(32_768, NAN))])
    assert table.covers_space
    assert table.best(Question("val_accuracy", 12, "mean")) is None
    card = tomllib.loads((tmp_path / "small/card.toml").read_text("utf-8"))
    assert "optimum" not in card["tasks"]["digits"]


def test_the_least_is_the_best_of_what_is_paid(tmp_path):
    values = np.arange(32_768.0)[::-1].copy()
    values[-1] = NAN
    table = packed(
        tmp_path,
        archs=None,
        columns=[column(-values), Column("digits", "train_seconds", values, epochs=12)],
    )
    assert table.best(Question("train_seconds", 12, "mean")) == 1.0
    assert table.best(Question("val_accuracy", 12, "mean")) == -1.0


# A table of canonical forms.


def test_canonical_key(tmp_path):
    one = SPACE.canonical(SPACE.at(6111))
    class_of_none = SPACE.canonical((0,) * 6)
    twins = [arch for arch in SPACE if SPACE.canonical(arch) == class_of_none]
    assert len(twins) > 1
    table = packed(
        tmp_path,
        space="nasbench201",
        key="canonical",
        archs=[class_of_none, one],
        columns=[column([[10.0, 11.0], [94.0, NAN]])],
        protocols={},
    )
    for arch in twins:
        assert table.query(arch) == 10.5
        assert table.query(SPACE.format(arch)) == 10.5
        assert table.query(SPACE.index(arch), seed=1) == 11.0
        record = table.record(arch)
        assert record.key == "canonical"
        assert record.architecture == SPACE.format(class_of_none)
        assert record.runs == 2
    assert table.query(6111) == 94.0
    asked = [*twins[:3], one, SPACE.canonical(SPACE.at(0))]
    expected = [10.5, 10.5, 10.5, 94.0, NAN]
    for archs in (asked, np.array(asked), [SPACE.index(arch) for arch in asked]):
        assert np.array_equal(table.query_many(archs), expected, equal_nan=True)
    assert np.array_equal(
        table.query_many(np.array([SPACE.index(arch) for arch in asked])), expected, equal_nan=True
    )


def test_a_table_of_all_canonical_forms_covers_the_space(tmp_path):
    forms = sorted(set(map(SPACE.canonical, SPACE)))
    assert len(forms) == SPACE.forms == 6_466
    values = np.linspace(10, 90, len(forms))
    changes = {"space": "nasbench201", "key": "canonical", "protocols": {}}
    table = packed(tmp_path, **changes, archs=forms, columns=[column(values)])
    card = tomllib.loads((table.folder / "card.toml").read_text())
    assert table.covers_space
    assert (card["covers_space"], card["space_size"]) == (True, 6_466)
    assert card["tasks"]["digits"]["optimum"]["architecture"] == SPACE.format(forms[-1])
    assert not np.isnan(table.query_many(np.arange(15_625))).any()
    lacking = packed(
        tmp_path, **changes, name="less", archs=forms[:-1], columns=[column(values[:-1])]
    )
    assert not lacking.covers_space


def test_long_texts_are_compressed_and_nothing_else(tmp_path, monkeypatch):
    import h5py

    monkeypatch.setattr(pack, "_MOST_TEXT", 10)
    table = packed(tmp_path)
    with h5py.File(table.folder / "table.h5") as file:
        assert file["architectures"].compression == "gzip"
        assert file["architectures"][()].tolist()[0] == b"8:8:8:8:8"
        assert file["digits/val_accuracy/12"].compression is None
    assert table.query("8:8:8:8:8") == 50.0


def test_a_task_may_have_protocols_of_its_own(tmp_path):
    letters = {**PROTOCOL, "description": "sees seconds", "objective": "train_seconds"}
    tasks = {
        "digits": Task("digits", 10, 8, "val_accuracy"),
        "letters": Task("letters", None, None, "val_accuracy", protocols={"own": letters}),
    }
    columns = [
        Column(task, metric, np.array([1.0, 2.0, 3.0]), epochs=12, origin="nowhere")
        for task in tasks
        for metric in ("val_accuracy", "train_seconds")
    ]
    made = source(tasks=tasks, columns=columns)
    folder = pack.write(made, tmp_path / "small")
    assert set(Table.open(folder, "digits").protocols) == {"standard"}
    opened = Table.open(folder, "letters")
    assert {name: found.objective for name, found in opened.protocols.items()} == {
        "own": "train_seconds"
    }
    card = tomllib.loads((folder / "card.toml").read_text("utf-8"))
    assert card["tasks"]["letters"]["protocols"]["own"]["description"] == "sees seconds"
    assert "protocols" not in card["tasks"]["digits"]
    assert not {"classes", "image_size"} & card["tasks"]["letters"].keys()
    tasks["letters"] = dataclasses.replace(
        tasks["letters"], protocols={"own": {**letters, "objective": "nothing"}}
    )
    with pytest.raises(DamagedInput, match="protocol own asks for"):
        pack.write(source(tasks=tasks, columns=columns), tmp_path / "other")


def test_what_importers_share_is_no_importer():
    names = pack.importers()
    assert {"nasbench201", "nasbench_macro", "transbench101_micro"} <= set(names)
    assert not [name for name in names if name.startswith("_")]


def test_the_default_key_keeps_isomorphic_cells_apart(tmp_path):
    twins = [arch for arch in SPACE if SPACE.canonical(arch) == SPACE.canonical((0,) * 6)][:2]
    table = packed(
        tmp_path, space="nasbench201", archs=twins, columns=[column([1.0, 2.0])], protocols={}
    )
    assert [table.query(arch) for arch in twins] == [1.0, 2.0]
    assert table.record(twins[1]).key == "architecture"


# Runs, counts and curves.


def test_runs_and_their_counts(tmp_path):
    table = packed(
        tmp_path,
        columns=[
            column([[1.0, 2.0, 6.0], [NAN, NAN, NAN], [5.0, NAN, NAN]]),
            column([4.0, 5.0, 6.0], epochs=90, counts=np.array([3, 1, 2])),
            column([4.0, 5.0, 6.0], epochs=100, counts=7),
            column([4.0, 5.0, 6.0], epochs=1, source="derived"),
        ],
    )
    assert table.epochs("val_accuracy") == (1, 12, 90, 100)
    assert table.query(0, epochs=12) == 3.0
    assert table.query(0, epochs=12, seed="all").tolist() == [1, 2, 6]
    assert table.query((1, 2, 3, 4, 5), epochs=12, seed="all").tolist() == [5]
    assert [table.record(arch, epochs=90).runs for arch in source().archs] == [3, 1, 2]
    assert table.record(0, epochs=100).runs == 7
    assert table.record(0, epochs=1).runs is None
    assert table.record(0, epochs=1).source == "derived"
    empty = (7, 7, 7, 7, 7)
    for seed in ("mean", "all", 0, np.random.default_rng(0)):
        for ask in (table.query, table.record):
            with pytest.raises(NotMeasured):
                ask(empty, epochs=12, seed=seed)
    # In an array what nobody measured is missing, whichever run is asked for.
    archs = source().archs
    for seed in ("mean", 0, np.random.default_rng(0)):
        assert np.isnan(table.query_many(archs, epochs=12, seed=seed)).tolist() == [
            False,
            True,
            False,
        ]
    assert np.isnan(table.query_many(archs, epochs=12, seed="all")).sum(axis=1).tolist() == [
        0,
        3,
        2,
    ]


def test_curves(tmp_path):
    short = np.array([[[1.0, 2.0]], [[NAN, NAN]], [[3.0, 4.0]]])
    long = np.arange(3 * 2 * 4, dtype=float).reshape(3, 2, 4) / 3
    long[1] = NAN
    long[2, 1] = NAN
    table = packed(
        tmp_path,
        columns=[column([1.0, 2.0, 3.0])],
        curves=[Curve("digits", "val_accuracy", long), Curve("digits", "val_accuracy", short)],
    )
    assert np.array_equal(table.curve(0), long[0].mean(axis=0))
    assert np.array_equal(table.curve(0, epochs=4), long[0].mean(axis=0))
    assert np.array_equal(table.curve(0, epochs=4, seed=1), long[0, 1])
    assert np.array_equal(table.curve("8:8:8:8:8", seed="all"), long[0])
    assert np.array_equal(table.curve(0, epochs=2), [1.0, 2.0])
    last = (1, 2, 3, 4, 5)
    assert np.array_equal(table.curve(last, seed="all"), long[2, :1])
    assert np.array_equal(table.curve(last), long[2, 0])
    drawn = [table.curve(0, seed=np.random.default_rng(seed))[0] for seed in range(20)]
    assert set(drawn) == set(long[0, :, 0])
    with pytest.raises(NotMeasured, match="runs are 0 to 0"):
        table.curve(last, seed=1)
    with pytest.raises(NotMeasured, match="no learning curve of val_accuracy of 64:64"):
        table.curve((7, 7, 7, 7, 7))
    with pytest.raises(NotMeasured, match="curves of 2 and 4 epochs"):
        table.curve(0, epochs=12)
    with pytest.raises(InvalidSetting, match="seed"):
        table.curve(0, seed="median")
    with pytest.raises(NotMeasured, match="no learning curve of train_seconds"):
        Table.open(pack.write(source(name="other"), tmp_path / "other")).curve(0, "train_seconds")
    # What is given is the caller's to change.
    table.curve(0, seed=1)[:] = 0
    assert np.array_equal(table.curve(0, seed=1), long[0, 1])


# What is stored.


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    hnp.arrays(
        np.float64,
        3,
        elements=st.floats(width=64)
        | st.floats(width=32)
        | st.sampled_from([NAN, np.inf, -np.inf, 5e-324, -0.0, 1e308, 0.1, 2**24 + 1, 1e-45]),
    )
)
def test_values_are_stored_to_the_last_bit(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("packed")
    table = packed(folder, columns=[column(values)])
    archs = source().archs
    found = table.query_many(archs)
    same_bits = found.view(np.int64) == values.view(np.int64)
    assert (same_bits | (np.isnan(found) & np.isnan(values))).all()
    for arch, value in zip(archs, values.tolist(), strict=True):
        if np.isnan(value):
            with pytest.raises(NotMeasured):
                table.query(arch)
        else:
            assert table.query(arch) == value
            assert np.signbit(table.query(arch)) == np.signbit(value)


def test_single_precision_only_where_it_loses_nothing(tmp_path):
    table = packed(
        tmp_path,
        columns=[
            column([0.5, NAN, 2.0**90], epochs=1),
            column([0.5, 0.1, 1.0], epochs=2),
            column(np.float32([0.1, 0.2, NAN]), epochs=3),
            column([1, 2, 2**24 + 1], epochs=4),
        ],
        tasks={"digits": Task("digits", 10, 8, "val_accuracy")},
    )
    entry = json.loads((table.folder / "index.json").read_text())
    kinds = [place[2] for place in entry["tasks"]["digits"]["metrics"]["val_accuracy"][4]]
    assert kinds == ["<f4", "<f8", "<f4", "<f8"]
    assert table.query(SIZES.index((1, 2, 3, 4, 5)), epochs=4) == 2**24 + 1


def test_ordinary_hdf5(tmp_path):
    import h5py

    curves = [Curve("digits", "val_accuracy", np.ones((3, 1, 2)))]
    table = packed(tmp_path, curves=curves)
    with h5py.File(table.folder / "table.h5") as file:
        assert file["architectures"][:].tolist() == [
            b"8:8:8:8:8",
            b"64:64:64:64:64",
            b"16:24:32:40:48",
        ]
        assert np.array_equal(file["digits/val_accuracy/12"][:], [50.0, NAN, 60.5], equal_nan=True)
        assert file["digits/val_accuracy/12"].attrs["unit"] == "%"
        assert file["curves/digits/val_accuracy/2"].shape == (3, 1, 2)
        for name in ("digits/val_accuracy/12", "genes", "rows_by_code"):
            assert file[name].compression is None
            assert file[name].chunks is None
            assert file[name].id.get_offset() % 64 == 0


def test_the_card(tmp_path):
    folder = packed(tmp_path).folder
    check(folder)
    card = tomllib.loads((folder / "card.toml").read_text("utf-8"))
    assert card["architectures"] == 3
    assert card["space_size"] == 32_768
    assert card["files"]["table.h5"]["bytes"] == (folder / "table.h5").stat().st_size
    assert card["tasks"]["digits"]["benchmark"] == "nats_sss/digits"
    measured = {metric["name"]: metric["measured"] for metric in card["metrics"]}
    assert measured["val_accuracy"] == [
        {
            "tasks": ["digits"],
            "epochs": 12,
            "source": "measured",
            "origin": "",
            "architectures": 2,
        }
    ]


def test_a_space_too_large_for_a_table_of_codes(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "_MOST_CODES", 10)
    table = packed(tmp_path)
    assert json.loads((table.folder / "index.json").read_text())["rows_by_code"] is None
    assert table.query("16:24:32:40:48") == 60.5
    assert table.query(0) == 50.0
    with pytest.raises(NotMeasured):
        table.query("8:8:8:8:16")
    archs = [(1, 2, 3, 4, 5), (0, 0, 0, 0, 1), (0, 0, 0, 0, 0)]
    for asked in (archs, np.array(archs), np.array(archs, dtype=np.uint8)):
        assert np.array_equal(table.query_many(asked), [60.5, NAN, 50.0], equal_nan=True)
    with pytest.raises(InvalidArchitecture):
        table.query_many(np.array([(0, 0, 0, 0, 8)]))


# Writing.


def listing(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_input_gives_the_same_bytes(tmp_path):
    one = pack.write(source(), tmp_path / "one")
    other = pack.write(source(), tmp_path / "other")
    assert listing(one) == listing(other)
    assert sorted(listing(one)) == ["card.toml", "index.json", "table.h5"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]


def test_the_same_table_is_not_written_again(tmp_path):
    folder = pack.write(source(), tmp_path / "small")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert pack.write(source(), folder) == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "2"},
        {"title": "Another"},
        {"columns": [column([1.0, 2.0, 3.0])]},
        {"archs": [(0, 0, 0, 0, 0), (7, 7, 7, 7, 7), (1, 2, 3, 4, 6)]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_table_is_never_overwritten(tmp_path, changes):
    folder = pack.write(source(), tmp_path / "small")
    before = listing(tmp_path)
    with pytest.raises(OutputError, match="a released table never changes"):
        pack.write(source(**changes), folder)
    assert listing(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_other_things_are_never_overwritten(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    before = listing(tmp_path)
    for target in (folder, tmp_path / "file", tmp_path / "file" / "below", tmp_path / "empty"):
        with pytest.raises(OutputError):
            pack.write(source(), target)
        assert listing(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "small"]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ([column([1.0, 2.0])], "digits/val_accuracy has 2 rows, the table has 3"),
        ([column([1.0] * 4)], "has 4 rows"),
        ([column(np.ones((2, 3)))], "has 2 rows"),
        ([Column("letters", "val_accuracy", np.ones(3))], "letters/val_accuracy names a task"),
        ([Column("digits", "other", np.ones(3))], "digits/other names a task or metric"),
    ],
)
def test_columns_that_do_not_fit(tmp_path, columns, says):
    with pytest.raises(DamagedInput, match=says):
        pack.write(source(columns=columns), tmp_path / "small")
    assert list(tmp_path.iterdir()) == []


def test_curves_that_do_not_fit(tmp_path):
    for curve, says in (
        (Curve("digits", "val_accuracy", np.ones((2, 1, 2))), "has 2 rows"),
        (Curve("letters", "val_accuracy", np.ones((3, 1, 2))), "letters"),
    ):
        with pytest.raises(DamagedInput, match=says):
            pack.write(source(curves=[curve]), tmp_path / "small")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_space(tmp_path):
    with pytest.raises(UnknownName, match="nats_sss"):
        pack.write(source(space="nats_ssss"), tmp_path / "small")


# The front door.


def test_unknown_importer_and_missing_folder(tmp_path):
    with pytest.raises(UnknownName, match="nasbench201"):
        pack.pack("nasbench20l", tmp_path)
    with pytest.raises(DataNotFound, match="nothing is not there"):
        pack.pack("nasbench201", tmp_path / "nothing")
    with pytest.raises(DataNotFound, match=r"mini-bench-arch-cell-accs\.pd"):
        pack.pack("nasbench201", tmp_path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# A full disk.

WRITE = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import numpy as np
from nasbench_suite import cli, registry
from nasbench_suite.tables import pack
from nasbench_suite.tables.importers import nasbench201
from nasbench_suite.tables.source import Column, Source, Task
from nasbench_suite.core import Metric

def read(folder, progress):
    progress("a file")
    return Source(
        name="large", version="1", title="t", description="d", space="nats_sss",
        tasks={{"digits": Task("digits", 10, 8, "a")}},
        metrics=[Metric("a", "%", "max", None, "a")],
        columns=[Column("digits", "a", np.random.default_rng(0).random((32_768, 8)))],
        protocols={{}}, licence="CC0-1.0", citations=[], inputs=[])

nasbench201.read = read
if {limit}:
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sys.exit(cli.main(["pack", "nasbench201", "--from", {out!r}, "--out", {out!r} + "/large"]))
"""


def run_full(out, limit):
    return subprocess.run(
        [sys.executable, "-c", WRITE.format(out=str(out), limit=limit, tests="")],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("limit", [1, 1_000, 500_000, 2_000_000])
def test_a_file_that_may_not_grow(tmp_path, limit):
    done = run_full(tmp_path, limit)
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stderr
    assert "nothing was left there" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_enough_room(tmp_path):
    done = run_full(tmp_path, 0)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "large").iterdir()) == [
        "card.toml",
        "index.json",
        "table.h5",
    ]


@pytest.fixture
def full_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    if not mounted:
        pytest.skip("mounting a small disk needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(full_disk):
    done = run_full(full_disk, 0)
    assert done.returncode == 2, done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(full_disk.iterdir()) == []


def test_a_folder_that_may_not_be_made(tmp_path):
    # Nothing can be made below a file, whoever asks.
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        pack.write(source(), tmp_path / "file" / "table")
    with pytest.raises(OutputError, match="cannot write"):
        pack.write(source(), tmp_path / ("n" * 300))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_limit_of_this_process_is_untouched():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"protocols": {"p": {"objective": "val_accuracy", "epochs": [12]}}}, "protocol p"),
        ({"protocols": {"p": {"objective": "accuracy", "report": {"metric": "x"}}}}, "accuracy"),
    ],
)
def test_protocols_that_nobody_could_follow(tmp_path, change, says):
    made = source(**change)
    with pytest.raises(DamagedInput, match=says):
        pack.write(made, tmp_path / "made")
    assert not list(tmp_path.iterdir())
