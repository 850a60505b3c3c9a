"""Anybody's own CSV files: round trips, the page's example, and everything that can be wrong."""

import csv
import gzip
import math
import random
import re
import shlex
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from nasbench_suite import Budget, cli, load, registry, run
from nasbench_suite.core import (
    SPLITS,
    UNITS,
    DamagedInput,
    DataNotFound,
    InvalidSetting,
    NasbenchError,
    NotMeasured,
    Question,
    UnknownName,
)
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.importers.csv import rows as rows_of_files
from nasbench_suite.tables.pack import pack
from nasbench_suite.tables.store import Table
from nasbench_suite.testing import TableTests

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "your_own_table.md").read_text("utf-8")
SIZES = registry.load("spaces", "nats_sss")
CELLS = registry.load("spaces", "nasbench101_4v")

TOML = """\
name = "mine"
space = "nats_sss"
architecture = "widths"
run = "seed"
epochs = "length"

[tasks.digits]
files = "results.csv"

[metrics.val_accuracy]
unit = "%"
direction = "max"
split = "validation"
description = "of 100 images"

[metrics.test_accuracy]
unit = "%"
direction = "max"
split = "test"
description = "of 1,000 images"

[metrics.train_seconds]
column = "seconds"
unit = "s"
direction = "min"
description = "of one training"

[metrics.params]
unit = "count"
direction = "min"
per = "architecture"
description = "learned parameters"

[protocol]
cost = "train_seconds"
"""

ROWS = """\
widths,seed,length,val_accuracy,test_accuracy,seconds,params
8:8:8:8:8,7,1,10.5,,1.5,100
8:8:8:8:8,9,2,22.5,21.5,3.5,100
8:8:8:8:8,7,2,20.5,19.5,2.5,
64:8:8:8:8,7,1,11.5,,1.75,200
64:8:8:8:8,7,2,nan,30.5,4.5,200
"""


def write(folder, toml=TOML, rows=ROWS):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.toml").write_text(toml, "utf-8")
    (folder / "results.csv").write_text(rows, "utf-8", newline="")
    return folder / "mine.toml"


def packed(folder, toml=TOML, rows=ROWS, task=None):
    return Table.open(pack("csv", write(folder / "in", toml, rows), folder / "mine"), task)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# What it is.


def test_a_table_of_a_few_rows(tmp_path):
    table = packed(tmp_path)
    assert (table.rows, table.covers_space, table.reported) == (2, False, "test_accuracy")
    assert table.query("8:8:8:8:8") == 20.5  # the mean over the runs, after the longest training
    assert table.query("8:8:8:8:8", "val_accuracy", seed="all").tolist() == [20.5, 22.5]
    assert table.query((7, 0, 0, 0, 0), "train_seconds", epochs=1) == 1.75
    assert table.query("8:8:8:8:8", "params") == 100
    record = table.record("64:8:8:8:8")
    assert (record.split, record.unit, record.epochs, record.runs) == ("test", "%", 2, 1)
    with pytest.raises(NotMeasured):
        table.query("64:8:8:8:8", "val_accuracy")
    with pytest.raises(NotMeasured, match="after 2 epochs"):
        table.query("8:8:8:8:8", epochs=1)
    with pytest.raises(NotMeasured, match="does not depend on epochs"):
        table.query("8:8:8:8:8", "params", epochs=1)
    with pytest.raises(InvalidSetting, match="sample"):
        run("random_search", table, budget=Budget(evaluations=1), seed=0)


def test_the_card(tmp_path):
    more = 'citations = ["Me"]\ndefects = ["few"]\nlicence = "CC0-1.0"\n'
    card = read_card(packed(tmp_path, more + TOML).folder)
    assert (card["licence"], card["citations"], card["defects"]) == ("CC0-1.0", ["Me"], ["few"])
    assert [entry["file"] for entry in card["inputs"]] == ["mine.toml", "results.csv"]
    told = {(m["name"], e.get("epochs")): e for m in card["metrics"] for e in m["measured"]}
    assert told["val_accuracy", 2]["training_seeds"] == [7, 9]
    assert told["val_accuracy", 2]["origin"] == "results.csv, column val_accuracy"
    assert "training_seeds" not in told["params", None]
    # Seeds that differ between architectures are not told as if they did not.
    rows = ROWS.replace("64:8:8:8:8,7,2", "64:8:8:8:8,8,2")
    told = read_card(packed(tmp_path / "other", rows=rows).folder)["metrics"][1]["measured"]
    assert [entry.get("training_seeds") for entry in told] == [None]


def test_without_runs_and_epochs(tmp_path):
    toml = TOML.replace('run = "seed"\nepochs = "length"\n', 'ignore = ["seed", "length"]\n')
    rows = "".join(line for line in ROWS.splitlines(keepends=True) if ",1," not in line)
    table = packed(tmp_path, toml, rows)
    assert table.epochs("val_accuracy") == (None,)
    # As the file has them.
    assert table.query("8:8:8:8:8", "val_accuracy", seed="all").tolist() == [22.5, 20.5]
    assert list(table.protocols) == ["standard"]
    assert table.protocol("standard").epochs == ()
    assert table.protocol("standard").report == Question("test_accuracy", None, "mean")


def test_several_tasks_and_compressed_files(tmp_path):
    folder = tmp_path / "in"
    toml = TOML.replace(
        "[metrics.val", '[tasks.letters]\nfiles = ["a.csv.gz", "b.csv"]\n[metrics.val'
    )
    source = write(folder, toml)
    header, *rows = ROWS.splitlines(keepends=True)
    with gzip.open(folder / "a.csv.gz", "wt", encoding="utf-8") as file:
        file.writelines([header, *rows[3:4]])
    # A spreadsheet's mark, its ends of lines, another order of columns, an empty line.
    swapped = ["\ufeffseed,widths,", header.split(",", 2)[2], "\n", "9,16:8:8:8:8,4,30,31,9,5\n"]
    (folder / "b.csv").write_text("".join(swapped).replace("\n", "\r\n"), "utf-8", newline="")
    made = pack("csv", source, tmp_path / "mine")
    letters, digits = Table.open(made, "letters"), Table.open(made, "digits")
    assert letters.rows == digits.rows == 3
    assert letters.query("16:8:8:8:8", "val_accuracy") == 30
    assert letters.protocol("multi_fidelity").epochs == (1, 4)
    assert digits.protocol("multi_fidelity").epochs == (1, 2)
    with pytest.raises(NotMeasured):
        digits.query("16:8:8:8:8", "val_accuracy")
    write(folder, toml, ROWS).parent.joinpath("b.csv").write_text(f"{header}8:8:8:8:8,7,1,1,1,x,\n")
    with pytest.raises(DamagedInput, match=r"^b\.csv, line 2: seconds is 'x'"):
        pack("csv", source, tmp_path / "again")


# Protocols.


def test_protocols_follow_from_what_is_there(tmp_path):
    protocols = packed(tmp_path).protocols
    assert list(protocols) == ["standard", "multi_fidelity"]
    for protocol, epochs in zip(protocols.values(), [(2,), (1, 2)], strict=True):
        assert (protocol.objective, protocol.cost, protocol.seed) == (
            "val_accuracy",
            "train_seconds",
            0,
        )
        assert (protocol.epochs, protocol.continues) == (epochs, False)
        assert protocol.report == Question("test_accuracy", 2, "mean")
        assert "No test metric" not in protocol.description
    free = packed(tmp_path / "other", TOML.replace("cost = ", "continues = true\n#"))
    assert free.protocol("multi_fidelity").continues
    assert free.protocol("standard").cost is None
    assert "a trial costs 1" in free.protocol("standard").description


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            'report = "val_accuracy"',
            "No test metric is reported: val_accuracy is of the validation",
        ),
        ('report = "params"', "params is of no images held out"),
        ('objective = "test_accuracy"', "A search sees test images: test_accuracy"),
        ('objective = "test_accuracy"', "reported is test_accuracy itself"),
    ],
)
def test_what_is_no_test_is_not_called_one(tmp_path, entry, says):
    table = packed(tmp_path, TOML + entry + "\n")
    assert says in table.protocol("standard").description
    assert any(says in defect for defect in read_card(table.folder)["defects"])


def test_a_table_without_test(tmp_path):
    toml = re.sub(r"(?s)\[metrics\.test.*?(?=\[metrics\.train)", "", TOML)
    table = packed(tmp_path, 'ignore = ["test_accuracy"]\n' + toml)
    assert table.reported == "val_accuracy"
    assert table.metrics["val_accuracy"].split == "validation"
    assert "No test metric is reported" in table.protocol("standard").description


def test_the_objective_may_be_of_the_architecture(tmp_path):
    toml = TOML.replace("cost = ", 'objective = "params" # ')
    protocol = packed(tmp_path, toml).protocol("standard")
    assert (protocol.objective, protocol.epochs, protocol.seed) == ("params", (), "mean")


# Round trips.


@st.composite
def trainings(draw):
    """Draw a space, and of some of its architectures the values of each run of each length."""
    space = registry.load("spaces", draw(st.sampled_from(["nasbench201", "nats_sss"])))
    numbers = draw(st.lists(st.integers(0, space.size - 1), min_size=1, max_size=5, unique=True))
    lengths = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=3, unique=True))
    # None of 1 or less, which all together would be shares.
    values = st.floats(1, 100, exclude_min=True)
    found = {}
    for number in numbers:
        for length in lengths:
            runs = draw(st.lists(st.tuples(values, values), max_size=3))
            # Of each metric some of the last runs may be missing.
            lack = [draw(st.integers(0, len(runs))) for _ in range(2)]
            found[number, length] = [
                [
                    value if place < len(runs) - lack[metric] else math.nan
                    for metric, value in enumerate(pair)
                ]
                for place, pair in enumerate(runs)
            ]
    found[numbers[0], lengths[0]] = [[50.0, 60.0]]
    return space, found, draw(st.randoms(use_true_random=False))


@settings(max_examples=60)
@given(trainings())
def test_every_query_gives_back_what_was_written(tmp_path_factory, drawn):
    space, found, shuffled = drawn
    folder = tmp_path_factory.mktemp("csv")
    rows = [
        [space.format(space.at(number)), seed, length, *values]
        for (number, length), runs in found.items()
        for seed, values in enumerate(runs)
    ]
    shuffled.shuffle(rows)
    text = "".join(f"{','.join(map(str, row))}\n" for row in rows)
    toml = re.sub(r"(?s)\[metrics\.train.*", "", TOML).replace("nats_sss", space.name)
    table = packed(folder, toml, ROWS.splitlines()[0].replace(",seconds,params", "\n") + text)
    assert table.rows == len({row[0] for row in rows})
    for (number, length), runs in found.items():
        for metric, name in enumerate(("val_accuracy", "test_accuracy")):
            expected = [pair[metric] for pair in runs if not math.isnan(pair[metric])]
            if length not in table.epochs(name):
                assert not expected
            elif not expected:
                with pytest.raises(NotMeasured):
                    table.query(number, name, epochs=length, seed="all")
            else:
                asked = {"metric": name, "epochs": length}
                assert table.query(number, **asked, seed="all").tolist() == expected
                assert table.query(number, **asked) == pytest.approx(np.mean(expected), rel=1e-12)


def test_the_same_files_give_the_same_bytes(tmp_path):
    one, other = packed(tmp_path).folder, packed(tmp_path / "other").folder
    assert files(one) == files(other)
    before = {path.name: path.stat().st_mtime_ns for path in one.iterdir()}
    assert pack("csv", tmp_path / "in", one) == one
    assert {path.name: path.stat().st_mtime_ns for path in one.iterdir()} == before


def test_long_files_are_told_of_and_remembered_in_part(tmp_path, monkeypatch):
    expected = files(packed(tmp_path).folder)
    monkeypatch.setattr(rows_of_files, "_REMEMBERED", 1)
    monkeypatch.setattr(rows_of_files, "_TOLD", 2)
    told = []
    assert files(pack("csv", tmp_path / "in", tmp_path / "again", told.append)) == expected
    assert told == ["mine.toml", "results.csv", "results.csv, line 3", "results.csv, line 5"]


NAMES = ("val_accuracy", "test_accuracy", "train_seconds", "published_params")


def export(table, path):
    """Write a table of four metrics and three runs as a CSV file, a row a training."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["widths", "seed", "length", *NAMES[:2], "seconds", "params"])
        lengths = table.epochs("val_accuracy")
        for seed in (2, 0, 1):
            for epochs in lengths:
                frame = table.frame(NAMES[:3], epochs=epochs, seed=seed)
                params = table.frame(NAMES[3:])
                for text, *values in frame.join(params).itertuples():
                    rows.writerow([text, seed, epochs, *values])


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The folder of all cells of up to four vertices, by way of a CSV file."""
    folder = tmp_path_factory.mktemp("again")
    toml = 'key = "canonical"\n' + TOML.replace("nats_sss", "nasbench101_4v")
    source = write(folder / "in", toml)
    export(load("nasbench101_4v/cifar10"), folder / "in" / "results.csv")
    return pack("csv", source, folder / "mine")


def test_an_exported_table_answers_the_same(again):
    table, original = Table.open(again), load("nasbench101_4v/cifar10")
    assert (table.rows, table.covers_space, table.key) == (91, True, "canonical")
    archs = list(CELLS)
    for name, new in zip(NAMES, (*NAMES[:3], "params"), strict=True):
        for epochs in original.epochs(name):
            for seed in ("mean", "all", 0, 2) if name != "published_params" else ("mean",):
                one = original.query_many(archs, name, epochs=epochs, seed=seed)
                other = table.query_many(archs, new, epochs=epochs, seed=seed)
                assert np.array_equal(one, other)
    for name in ("standard", "multi_fidelity"):
        budget, strategy = Budget(evaluations=30), "regularized_evolution"
        if name == "multi_fidelity":
            strategy = "hyperband"
        made = [
            run(strategy, bench, budget=budget, seed=3, protocol=name)
            for bench in (original, table)
        ]
        assert made[0].trials == made[1].trials
    assert table.best(table.protocol("standard").report) == original.best(
        original.protocol("standard").report
    )


class TestAll(TableTests):
    """A table of a whole space, made of a CSV file, is one like any other."""

    @pytest.fixture
    def table(self, again):
        return again


class TestSample(TableTests):
    """So is one of a few rows."""

    @pytest.fixture
    def table(self, tmp_path):
        rows = "".join(f"8:8:8:8:{w},7,1,{w}.5,{w},{w},1\n" for w in range(16, 72, 8) if w != 8)
        return packed(tmp_path, rows=ROWS + rows).folder


def test_all_of_a_space_is_in_its_official_order(tmp_path):
    toml = re.sub(r"(?s)\[metrics\.train.*", "", TOML).replace(
        'run = "seed"\nepochs = "length"\n', ""
    )
    numbers = list(range(SIZES.size))
    random.Random(0).shuffle(numbers)
    rows = "".join(f"{SIZES.format(SIZES.at(n))},{n / 1000},{n / 2000}\n" for n in numbers)
    table = packed(tmp_path, toml, f"widths,val_accuracy,test_accuracy\n{rows}")
    assert table.covers_space
    assert np.array_equal(
        table.query_many(np.arange(SIZES.size), "val_accuracy"), np.arange(SIZES.size) / 1000
    )
    assert len(run("random_search", table, budget=Budget(evaluations=5), seed=0).trials) == 5


# The page.


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.S | re.M)


def test_the_example_of_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))
    (toml,), (rows,), (look, script) = blocks("toml"), blocks("csv"), blocks("python")
    commands = re.findall(r"^```\nnasbench (.*)$", PAGE, re.M)
    command, search = map(shlex.split, commands)
    write(tmp_path, toml, rows)
    assert cli.main(command) == 0
    known = {"Table": Table, "registry": registry, "csv": csv, "open": open}
    head, *lines = look.splitlines()
    exec(f"{head}\n{lines[0]}", known)
    assert len(lines) == 5
    for line in lines[1:]:
        asked, _, comment = line.partition("  # ")
        if comment == "NotMeasured":
            with pytest.raises(NotMeasured):
                eval(asked, known)
        else:
            found = eval(asked, known)
            value = eval(comment if comment.startswith("[") else comment.partition(",")[0])
            assert np.array_equal(found, value), line
    capsys.readouterr()
    assert cli.main(search) == 2
    assert "holds a sample of nasbench101_4v" in capsys.readouterr().err

    # All of the space; trainings are looked up.
    measured = load("nasbench101_4v/cifar10")

    def train(arch, epochs):
        return [measured.query(arch, name, epochs=epochs) for name in NAMES[:3]]

    exec(script, known | {"train": train})
    assert cli.main([*command, "--out", str(tmp_path / "datasets_tabular" / "all")]) == 0
    assert cli.main(command) == 2
    assert "a released table never changes" in capsys.readouterr().err
    (tmp_path / "datasets_tabular" / "my_cells").rename(tmp_path / "sample")
    assert cli.main(search) == 0
    assert (tmp_path / "one").is_dir()


def test_the_page_names_every_unit_and_split():
    for name in (*filter(None, UNITS), *SPLITS):
        assert f"`{name}`" in PAGE


# Wrong input.


@pytest.mark.parametrize(
    ("old", "new", "error", "says"),
    [
        (
            'space = "nats_sss"',
            'space = "nats_ss"',
            UnknownName,
            "in mine.toml: did you mean nats_s",
        ),
        ('space = "nats_sss"\n', "", DamagedInput, "mine.toml, at the top: space is missing"),
        ('run = "seed"', 'runs = "seed"', UnknownName, "no entry named 'runs' in mine.toml: did"),
        ('run = "seed"', "run = 3", DamagedInput, "run: it is 3, and text is needed"),
        ('run = "seed"', 'run = "sede"', UnknownName, "'sede' in results.csv, .*did you mean seed"),
        ('run = "seed"\n', "", DamagedInput, "results.csv, line 1: column 'seed' is not in mine.t"),
        ('name = "mine"', 'name = "../mine"', DamagedInput, "name: '../mine' is no name"),
        ('name = "mine"', 'name = ""', DamagedInput, "name: it is ''"),
        ('name = "mine"', "name = [", DamagedInput, "mine.toml is no TOML"),
        (
            'name = "mine"',
            'name = "mine"\nkey = "cell"',
            UnknownName,
            "there are architecture, can",
        ),
        ('name = "mine"', 'name = "mine"\nkey = "canonical"', DamagedInput, "no canonical form"),
        (
            'name = "mine"',
            'name = "mine"\nignore = ["seed"]',
            DamagedInput,
            "'seed': it is named tw",
        ),
        ("tasks.digits", "tasks.genes", DamagedInput, "task 'genes': the table file has this name"),
        ("tasks.digits", "tasks.'a/b'", DamagedInput, "'a/b' is no name"),
        ('"results.csv"', "[]", DamagedInput, "it has no files"),
        ('"results.csv"', "[1]", DamagedInput, "text or a list of texts is needed"),
        ('"results.csv"', '"result.csv"', DataNotFound, "mine.toml names result.csv, and .* not"),
        ('"results.csv"', '"results.csv"\nclasses = 0', DamagedInput, "classes of task 'digits'"),
        (
            '"results.csv"',
            '["results.csv", "results.csv"]',
            DamagedInput,
            "line 2: .* line 2 again",
        ),
        ('unit = "s"', 'unit = "sec"', UnknownName, "no unit named 'sec' .metric 'train_seconds'"),
        ('unit = "s"\n', "", DamagedInput, "metric 'train_seconds': unit is missing"),
        ('unit = "s"', 'unit = "ms"', DamagedInput, "cannot pay train_seconds"),
        ('direction = "max"', 'direction = "up"', UnknownName, "no direction named 'up'"),
        ('split = "test"', 'split = "tests"', UnknownName, "no split named 'tests'.*mean test"),
        ('split = "test"\n', "", DamagedInput, "metric 'test_accuracy': measured on which images"),
        (
            'split = "test"',
            'split = "none"',
            DamagedInput,
            "test_accuracy': measured on which image",
        ),
        ('split = "test"', 'split = "validation"', DamagedInput, "its name says another: rename"),
        ('per = "architecture"', 'per = "cell"', UnknownName, "no kind of per named 'cell'"),
        (
            '"train_seconds"',
            '"train_second"',
            UnknownName,
            "protocol cost in mine.toml.*train_seco",
        ),
        ('cost = "train_seconds"', 'report = "x"', UnknownName, "no metric named 'x'"),
        ('cost = "train_seconds"', "continues = 1", DamagedInput, "true or false is needed"),
        ('direction = "min"\nper', 'direction = "none"\nsplit = "validation"\nper', None, ""),
        (
            'direction = "min"\nper',
            'direction = "min"\nsplit = "test"\nper',
            DamagedInput,
            "several",
        ),
        ("[protocol]", '[protocol]\nobjective = "params"', DamagedInput, "of each training if"),
    ],
)
def test_a_wrong_toml(tmp_path, old, new, error, says):
    assert old in TOML
    source = write(tmp_path / "in", TOML.replace(old, new, 1))
    if error is None:
        assert pack("csv", source, tmp_path / "mine").is_dir()
        return
    with pytest.raises(error, match=says):
        pack("csv", source, tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("64:8:8:8:8,7,1", "65:8:8:8:8,7,1", "line 5: '65:8:8:8:8' is no architecture of nats_sss"),
        ("11.5", "eleven", "line 5: val_accuracy is 'eleven', and a number is needed"),
        ("11.5", "inf", "line 5: val_accuracy is 'inf'"),
        ("11.5", "1e999", "line 5: val_accuracy is '1e999'"),
        ("11.5", "1_1", "line 5: val_accuracy is '1_1'"),
        ("11.5", "\u0661", "line 5: val_accuracy is"),
        ("11.5", "100.5", "line 5: .* a number of % is 0 to 100"),
        ("11.5", "-1", "line 5: .* a number of % is 0 to 100"),
        ("1.75", "0", "line 5: seconds is '0', and a number of s is more than 0"),
        ("11.5", "11,5", "line 5: it has 8 values, and there are 7 columns"),
        ("11.5", '"11.5', "line 6: unexpected end of data"),
        ("64:8:8:8:8,7,1", "64:8:8:8:8,,1", "line 5: seed is '', and a whole number is needed"),
        ("64:8:8:8:8,7,1", "64:8:8:8:8,7.0,1", "line 5: seed is '7.0'"),
        ("64:8:8:8:8,7,1", "64:8:8:8:8,7,0", "line 5: a training of 0 epochs"),
        ("8:8:8:8:8,9,2", "8:8:8:8:8,7,2", "line 4: it is .*csv, line 3 again, with other values"),
        ("8:8:8:8:8,9,2,22.5,21.5,3.5", "8:8:8:8:8,7,2,20.5,19.5,2.5", "line 4: .* other values"),
        (",200\n", ",201\n", "line 6: params is 200, and an earlier row"),
        ("20.5,", ",", "line 4: val_accuracy is empty, and the next run"),
        ("1.75", "", "mine.toml, .*val_accuracy of 64:8:8:8:8 after 1 epochs has no train_seconds"),
        ("params\n", "seed\n", "line 1: column 'seed' is there twice"),
        ("params\n", "parameters\n", "no column named 'params' in results.csv.*mine.toml names"),
        (ROWS, "", "no column named 'widths' in results.csv"),
        (ROWS, ROWS.splitlines()[0], "results.csv has no rows"),
        (ROWS, ROWS.replace("\n", ",lr\n", 1), "line 1: column 'lr' is not in mine.toml: describe"),
        ("19.5", "", "line 4: test_accuracy is empty, and the next run"),
    ],
)
def test_wrong_rows(tmp_path, old, new, says):
    assert old in ROWS
    source = write(tmp_path / "in", rows=ROWS.replace(old, new, 1))
    with pytest.raises((DamagedInput, UnknownName), match=says):
        pack("csv", source, tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_the_same_row_twice(tmp_path):
    twice = ROWS + "64:8:8:8:8,7,1,11.5,,1.75,200\n"
    with pytest.raises(DamagedInput, match=r"line 7: .*, line 5 again, with the same values: drop"):
        packed(tmp_path, rows=twice)
    # Where nobody names runs, rows of the same values are no two trainings either.
    toml = TOML.replace('run = "seed"\n', 'ignore = ["seed"]\n')
    with pytest.raises(DamagedInput, match=r"line 7: .*, line 5 again.* tell runs apart"):
        packed(tmp_path, toml, twice)
    assert packed(tmp_path, toml).query("8:8:8:8:8", "val_accuracy") == 21.5


def test_columns_of_nothing_but_holes(tmp_path):
    rows = re.sub(r",\d*$", ",", ROWS, flags=re.M)
    with pytest.raises(
        DamagedInput, match="metric 'params': column 'params' is empty in every row"
    ):
        packed(tmp_path, rows=rows)
    rows = ROWS.replace("21.5", "").replace("19.5", "").replace("30.5", "")
    toml = TOML + 'report = "params"\n'
    with pytest.raises(DamagedInput, match="column 'test_accuracy' is empty in every row"):
        packed(tmp_path, toml, rows)


def test_too_many_runs_and_lengths(tmp_path):
    header = ROWS.splitlines()[0]
    rows = "".join(f"8:8:8:8:8,{n},1,{n / 10},50,1,1\n" for n in range(256))
    with pytest.raises(DamagedInput, match=r"line 257: its architecture has 256 trainings"):
        packed(tmp_path, rows=f"{header}\n{rows}")
    fewer = rows.rsplit("8:8:8:8:8", 1)[0]
    table = packed(tmp_path, rows=f"{header}\n{fewer}")
    assert table.query("8:8:8:8:8", "val_accuracy") == pytest.approx(12.7)
    names = [SIZES.format(SIZES.at(n)) for n in range(1_500)]
    rows = "".join(f"{name},0,{n},1,1,1,1\n" for n, name in enumerate(names, 1))
    with pytest.raises(DamagedInput, match=r"1,500 lengths and up to 1 runs"):
        packed(tmp_path / "other", rows=f"{header}\n{rows}")


def test_files_that_are_no_text(tmp_path):
    source = write(tmp_path / "in")
    good = gzip.compress(ROWS.encode())
    toml = TOML.replace("results.csv", "results.csv.gz")
    for content in (ROWS.encode(), good[:-20], good[:40] + b"\0\0" + good[42:], b""):
        (tmp_path / "in" / "results.csv.gz").write_bytes(content)
        source.write_text(toml)
        with pytest.raises((DamagedInput, UnknownName), match=r"results\.csv\.gz"):
            pack("csv", source, tmp_path / "mine")
    source.write_text(TOML)
    (tmp_path / "in" / "results.csv").write_bytes(ROWS.encode() + b"\xff\xfe\n")
    with pytest.raises(DamagedInput, match="no text in UTF-8"):
        pack("csv", source, tmp_path / "mine")
    source.write_bytes(b"name = '\xff'")
    with pytest.raises(DamagedInput, match=r"mine\.toml is no TOML"):
        pack("csv", source, tmp_path / "mine")


def test_a_line_that_has_no_end(tmp_path):
    """A small file that unpacks to one long line is refused before the line is read."""
    source = write(tmp_path / "in", toml=TOML.replace("results.csv", "results.csv.gz"))
    with gzip.open(tmp_path / "in" / "results.csv.gz", "wb", compresslevel=1) as file:
        file.write(ROWS.encode())
        for _ in range(64):
            file.write(b"a" * (1 << 20))
    tracemalloc.start()
    try:
        line = ROWS.count("\n")
        with pytest.raises(DamagedInput, match=rf"line {line}: the line after it has more than"):
            pack("csv", source, tmp_path / "mine")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 1 << 25


def test_the_toml_of_a_folder(tmp_path):
    source = write(tmp_path / "in")
    assert pack("csv", source.parent, tmp_path / "mine").is_dir()
    with pytest.raises(DamagedInput, match=r"results\.csv is no \.toml"):
        pack("csv", source.parent / "results.csv", tmp_path / "x")
    (source.parent / "other.toml").write_text("")
    with pytest.raises(DamagedInput, match=r"2 \.toml files \(mine\.toml, other\.toml\): name one"):
        pack("csv", source.parent, tmp_path / "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataNotFound, match=r"holds no \.toml"):
        pack("csv", tmp_path / "empty", tmp_path / "x")


@pytest.mark.parametrize("old", ['unit = "s"', 'direction = "max"', '"results.csv"', "[metrics"])
def test_the_command_line_says_what_is_wrong(tmp_path, capsys, old):
    source = write(tmp_path / "in", TOML.replace(old, 'oops = "x"', 1))
    assert cli.main(["pack", "csv", "--from", str(source), "--out", str(tmp_path / "mine")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "mine.toml" in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "mine").exists()


# Damage.

CHANGES = st.lists(
    st.tuples(
        st.integers(0, 2_000),
        st.integers(0, 3),
        st.binary(max_size=3)
        | st.sampled_from([b"\n", b",", b'"', b"[", b"nan", b"-1", b"9" * 30]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.booleans(), CHANGES)
@example(True, [(0, 2_000, b"[" * 5_000)])
@example(True, [(0, 2_000, b"name = " + b"9" * 5_000)])
@example(False, [(0, 0, b"a" * 200_000 + b"\n")])
def test_damage_is_never_a_traceback(tmp_path_factory, of_toml, changes):
    text = bytearray((TOML if of_toml else ROWS).encode())
    for place, removed, added in changes:
        place %= len(text) + 1
        text[place : place + removed] = added
    assume(bytes(text) != (TOML if of_toml else ROWS).encode())
    folder = tmp_path_factory.mktemp("damaged")
    source = write(folder / "in")
    (folder / "in" / ("mine.toml" if of_toml else "results.csv")).write_bytes(text)
    made = True
    try:
        pack("csv", source, folder / "out")
    except NasbenchError:
        made = False
    assert sorted(path.name for path in folder.iterdir()) == (["in", "out"] if made else ["in"])
    if made:
        assert Table.open(folder / "out").protocols


# What would be a silent wrong answer.


def whole_space(values):
    """The text of a CSV of all cells of four vertices; `values` gives the rest of a row."""
    cells = sorted({CELLS.canonical(arch) for arch in CELLS})
    lines = [
        f'"{CELLS.format(arch)}",{line}\n' for n, arch in enumerate(cells) for line in values(n)
    ]
    return "widths,seed,length,val_accuracy,test_accuracy,seconds,params\n" + "".join(lines)


WHOLE = TOML.replace('"nats_sss"', '"nasbench101_4v"\nkey = "canonical"')


def test_holes_in_a_whole_space_are_refused_unless_these_trainings_failed(tmp_path):
    def values(n):
        val = "" if n == 3 else 50 + n / 10
        yield f"0,1,{val},20,9,1"

    rows = whole_space(values)
    with pytest.raises(DamagedInput, match=r"after 1 epochs of .* is missing, 1 values in all"):
        packed(tmp_path, WHOLE, rows)
    assert not (tmp_path / "mine").exists()
    table = packed(tmp_path, f'{WHOLE}missing = "failed"\n', rows)
    assert "1 trainings that are missing count as failed" in table.protocols["standard"].description
    arch = sorted({CELLS.canonical(arch) for arch in CELLS})[3]
    with pytest.raises(NotMeasured):
        table.query(arch, "val_accuracy")
    with pytest.raises(UnknownName, match="no kind of missing named 'unknown'"):
        packed(tmp_path / "b", f'{WHOLE}missing = "unknown"\n', rows)


def test_a_training_that_continues_is_of_the_same_run_and_costs_no_less(tmp_path):
    toml = f"{WHOLE}continues = true\n"

    def other_seed(n):
        yield f"{'0' if n else '4'},1,50,20,9,1"
        yield "0,2,60,30,18,1"

    def shorter(n):
        yield "0,1,50,20,9,1"
        yield f"0,2,60,30,{18 if n != 5 else 8},1"

    def good(_):
        yield "0,1,50,20,9,1"
        yield "0,2,60,30,18,1"

    with pytest.raises(DamagedInput, match=r"line 3: the first run of this length is 0, and that"):
        packed(tmp_path, toml, whole_space(other_seed))
    with pytest.raises(DamagedInput, match=r"after 2 epochs is 8, and a shorter training took 9"):
        packed(tmp_path, toml, whole_space(shorter))
    # Trainings that start anew have a right to both.
    assert packed(tmp_path / "anew", WHOLE, whole_space(other_seed)).covers_space
    table = packed(tmp_path, toml, whole_space(good))
    found = run("hyperband", table, budget=Budget(20), seed=0, protocol="multi_fidelity")
    assert {trial.cost for trial in found.trials} <= {9.0, 18.0}


def test_shares_are_no_percentages(tmp_path):
    rows = ROWS.replace("10.5", "0.1").replace("11.5", "0.2").replace("22.5", "1.0")
    rows = rows.replace("20.5", "0.3")
    with pytest.raises(DamagedInput, match=r"no val_accuracy is more than 1, so these are shares"):
        packed(tmp_path, rows=rows)


def test_columns_that_say_another_split(tmp_path):
    toml = TOML.replace(
        "[metrics.val_accuracy]", '[metrics.val_accuracy]\ncolumn = "Test Accuracy"'
    )
    with pytest.raises(DamagedInput, match="its split is validation, and its column 'Test Acc"):
        packed(tmp_path, toml)


def test_the_name_of_another_table_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))
    toml = TOML.replace('"mine"', '"nasbench101_4v"')
    with pytest.raises(DamagedInput, match="nasbench101_4v is the name of another table"):
        packed(tmp_path, toml)
    source = write(tmp_path / "in")
    # A table of one's own may be packed again.
    assert pack("csv", source) == pack("csv", source) == tmp_path / "datasets_tabular" / "mine"
