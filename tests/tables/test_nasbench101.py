"""The tables of NAS-Bench-101, compared with their sources, and the official file format."""

import base64
import collections
import csv
import gzip
import json

import numpy as np
import pytest

from nasbench_suite import Budget, load, registry
from nasbench_suite import run as search
from nasbench_suite.core import DamagedInput, DataNotFound, InvalidSetting, NotMeasured
from nasbench_suite.tables.pack import pack
from nasbench_suite.tables.store import Table

WORDS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")


@pytest.fixture(scope="module")
def space():
    return registry.load("spaces", "nasbench101")


@pytest.fixture(scope="module")
def sample():
    return Table.open("nasbench101_sample")


# The sample.


def test_the_sample_is_looked_up_by_any_way_to_write_a_cell(sample, space):
    assert (sample.rows, sample.key, sample.covers_space) == (30_001, "canonical", False)
    assert load("nasbench101/cifar10", "table").rows == 30_001
    # The first of all hashes, as it was published and as other tuples of the same cell.
    matrix = "0100110001000000010010000010000001000000010000000"
    published = f"{matrix}:input,{','.join(WORDS[int(d)] for d in '02001')},output"
    arch = space.parse(published)
    assert space.fingerprint(arch) == "00005c142e6f48ac74fdcf73e3439874"
    value = 100 * 0.9304887652397156
    for asked in (published, arch, space.index(arch), space.canonical(arch)):
        assert sample.query(asked, epochs=108) == value
        assert sample.query(asked) == value
    record = sample.record(arch, epochs=12)
    assert (record.key, record.runs, record.epochs) == ("canonical", 1, 12)
    assert record.architecture == space.format(space.canonical(arch))
    assert sample.query(arch, "published_params") == 8_555_530


def test_the_sample_has_one_training_and_no_more(sample, space):
    arch = space.parse(sample._rows.text(0))
    with pytest.raises(NotMeasured, match="no single runs"):
        sample.query(arch, seed=0)
    with pytest.raises(NotMeasured, match="after 108 epochs"):
        sample.query(arch, "train_seconds", epochs=36)
    assert "test_accuracy" not in sample.metrics
    cells = space.cells[np.random.default_rng(0).choice(len(space.cells), 2_000)]
    assert 0.05 < np.mean(~np.isnan(sample.query_many(cells))) < 0.09


def test_the_sample_is_not_searched(sample):
    with pytest.raises(InvalidSetting, match="holds a sample of nasbench101"):
        search("random_search", sample, budget=Budget(evaluations=5), seed=0)
    assert sample.best(sample.protocol("standard").report) is None


@pytest.mark.published
def test_every_value_of_the_sample_is_the_published_one(published, sample, space):
    cell = {}
    path = published / "nasbench-vis/nb101_30001_vis.csv.gz"
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            matrix = np.array([int(digit) for digit in row["adjacency"]])
            size = int(row["vertices"])
            words = ["input", *(WORDS[int(digit)] for digit in row["ops"]), "output"]
            cell[row["module_hash"]] = space.from_spec(matrix.reshape(size, size), words)
    seen = 0
    for name in ("data-20k.json", "data-10k.json"):
        lists = json.loads((published / "nasbench-vis" / name).read_bytes())
        archs = np.array([cell[key] for key in lists["key"]])
        for epochs in (4, 12, 36, 108):
            expected = np.array(lists[f"{epochs}_final_validation_accuracy"]) * 100
            assert np.array_equal(sample.query_many(archs, epochs=epochs), expected)
        seconds = sample.query_many(archs, "train_seconds")
        assert seconds.tolist() == lists["final_training_time"]
        params = sample.query_many(archs, "published_params")
        assert params.tolist() == lists["trainable_parameters"]
        some = [tuple(arch) for arch in archs[:300].tolist()]
        counted = [space.graph(arch, classes=10, size=32).params for arch in some]
        assert counted == lists["trainable_parameters"][:300]
        seen += len(archs)
    assert seen == sample.rows


# The official format.

EPOCHS = (4, 12, 36, 108)


def trainings(space, tfrecords, cells, epochs=EPOCHS, runs=3):
    """Return the records of cells, and of each training what the table should say."""
    made, expected = [], {}
    rng = np.random.default_rng(0)
    for arch in cells:
        matrix, words = space.to_spec(arch)
        text = "".join(map(str, matrix.ravel()))
        for length in epochs:
            for number in range(runs):
                a = rng.random(9)
                evaluations = [
                    (0.0, 0.0, *a[:3]),
                    (length / 2, 7.5 * length, *a[3:6]),
                    (float(length), 15.5 * length + number, *a[6:]),
                ]
                message = tfrecords.metrics(evaluations, 1_000, 20.0 * length + number)
                name = space.fingerprint(arch)
                made.append(tfrecords.record(name, length, text, ",".join(words), message))
                expected[arch, length, number] = {
                    "train_accuracy_start": a[0] * 100,
                    "val_accuracy_start": a[1] * 100,
                    "test_accuracy_start": a[2] * 100,
                    "train_accuracy_halfway": a[3] * 100,
                    "val_accuracy_halfway": a[4] * 100,
                    "test_accuracy_halfway": a[5] * 100,
                    "train_accuracy": a[6] * 100,
                    "val_accuracy": a[7] * 100,
                    "test_accuracy": a[8] * 100,
                    "train_seconds": 15.5 * length + number,
                    "train_seconds_halfway": 7.5 * length,
                    "total_seconds": 20.0 * length + number,
                }
    return made, expected


def official(folder, tfrecords, made, name="nasbench_full.tfrecord"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"".join(map(tfrecords.framed, made)))
    return folder


@pytest.fixture
def three(space):
    """Cells of two, four and seven vertices."""
    return [tuple(space.cells[number].tolist()) for number in (0, 50, 300_000)]


def test_the_official_file_is_packed_whole(tmp_path, tfrecords, space, three):
    made, expected = trainings(space, tfrecords, three)
    source = official(tmp_path / "in", tfrecords, [*made[12:], *made[:12]])
    table = Table.open(pack("nasbench101", source, tmp_path / "nasbench101"))
    assert (table.rows, table.key, table.covers_space) == (3, "canonical", False)
    assert set(table.metrics) == {*next(iter(expected.values())), "published_params"}
    for (arch, epochs, number), values in expected.items():
        for metric, value in values.items():
            assert table.query(arch, metric, epochs=epochs, seed=number) == value
    assert table.query(three[2], "published_params") == 1_000
    assert table.protocol("multi_fidelity").epochs == EPOCHS
    assert table.protocol("standard").report == ("test_accuracy", 108, "mean")
    card = (table.folder / "card.toml").read_text()
    assert "nasbench_full.tfrecord" in card
    assert str(tmp_path) not in card
    # The file itself may be named too.
    again = pack("nasbench101", source / "nasbench_full.tfrecord", tmp_path / "again")
    assert (again / "card.toml").read_text() == card


def test_trainings_that_lack_are_missing(tmp_path, tfrecords, space, three):
    made, _ = trainings(space, tfrecords, three[:2], epochs=(108,))
    name = "nasbench_only108.tfrecord"
    source = official(tmp_path / "in", tfrecords, made[:5], name)
    table = Table.open(pack("nasbench101", source, tmp_path / "nasbench101"))
    assert table.record(three[0]).runs == 3
    assert table.record(three[1]).runs == 2
    with pytest.raises(NotMeasured, match="in run 2"):
        table.query(three[1], seed=2)
    assert list(table.protocols) == ["standard"]
    assert table.epochs("val_accuracy") == (108,)


def test_isomorphic_cells_are_one(tmp_path, tfrecords, space):
    """Two writings of a cell are runs of the same one; their parameters are the same here."""
    pair = [
        ("0110" + "0001" + "0001" + "0000", "input,conv3x3-bn-relu,maxpool3x3,output"),
        ("0110" + "0001" + "0001" + "0000", "input,maxpool3x3,conv3x3-bn-relu,output"),
    ]
    made = []
    for seconds, (matrix, words) in enumerate(pair):
        name = space.fingerprint(space.parse(f"{matrix}:{words}"))
        numbers = [(epoch, seconds + 1.0, 0.5, 0.5, 0.5) for epoch in (0.0, 2.0, 4.0)]
        made.append(tfrecords.record(name, 4, matrix, words, tfrecords.metrics(numbers, 9, 9.0)))
    source = official(tmp_path / "in", tfrecords, made)
    table = Table.open(pack("nasbench101", source, tmp_path / "nasbench101"))
    assert table.rows == 1
    for matrix, words in pair:
        found = table.query(f"{matrix}:{words}", "train_seconds", seed="all")
        assert found.tolist() == [1.0, 2.0]


def changed(content, place, value):
    entries = json.loads(content)
    entries[place] = value
    return json.dumps(entries).encode()


def damages(tfrecords, made):
    """Yield what may be wrong with the last of some records, and what is said of it."""
    *_, last = made
    name, epochs, matrix, words, packed = json.loads(last)
    ends = [(0.0, 0.0, 0.1, 0.1, 0.1), (54.0, 1.0, 0.1, 0.1, 0.1), (108.0, 2.0, 0.1, 0.1, 0.1)]

    def measured(evaluations, params=1_000):
        message = tfrecords.metrics(evaluations, params, 9.0)
        return tfrecords.record(name, epochs, matrix, words, message)

    yield last, "a training that an earlier record has"
    yield json.dumps([name, epochs, matrix, words, packed, 2]).encode(), "this version"
    yield b'{"version": 2}', "this version"
    yield b"[[[", "Expecting value"
    yield b"[" * 100_000, "recursion"
    yield changed(last, 1, 5), "a training of 5 epochs"
    yield changed(last, 1, 108.0), "this version"
    yield changed(last, 2, matrix[::-1]), "not upper triangular"
    yield changed(last, 2, "0" * len(matrix)), "not connected"
    yield changed(last, 3, words.replace("maxpool3x3", "conv5x5")), "operation"
    yield changed(last, 0, "0" * 32), "another hash"
    yield changed(last, 4, packed[:-6]), "padding|cut short"
    yield changed(last, 4, "§§§"), "base64|ASCII"
    yield changed(last, 4, ""), "0 evaluations"
    yield measured(ends[:2]), "2 evaluations"
    yield measured([ends[0], ends[2], ends[2]]), "after 108.0 epochs, not 54"
    yield measured([*ends[:2], (108.0, 2.0, 0.1, 1.5, 0.1)]), "val_accuracy is 1.5"
    yield measured([*ends[:2], (108.0, 2.0, 0.1, 0.1, float("nan"))]), "finite"
    yield measured(ends, params=7), "other costs"
    yield measured([*ends[:2], (108.0, 3.0, 0.2, 0.2, 0.2)]), "fourth training"


def test_what_is_wrong_with_a_record_is_said(tmp_path, tfrecords, space, three):
    made, _ = trainings(space, tfrecords, [three[2]], epochs=(108,))
    for wrong, says in damages(tfrecords, made):
        source = official(tmp_path / "in", tfrecords, [*made, wrong])
        with pytest.raises(DamagedInput, match=rf"nasbench_full.tfrecord, record 3: .*({says})"):
            pack("nasbench101", source, tmp_path / "out" / "nasbench101")
        assert not (tmp_path / "out").exists()
    wrong = changed(made[0], 0, "f" * 32)
    source = official(tmp_path / "in", tfrecords, [wrong])
    with pytest.raises(DamagedInput, match=r"record 0: the hash of its cell is not f"):
        pack("nasbench101", source, tmp_path / "out" / "nasbench101")


def test_a_damaged_file_is_refused(tmp_path, tfrecords, space, three):
    made, _ = trainings(space, tfrecords, [three[1]], epochs=(4,))
    source = official(tmp_path, tfrecords, made)
    path = source / "nasbench_full.tfrecord"
    whole = path.read_bytes()
    first = len(tfrecords.framed(made[0]))

    def refused(data, says):
        path.write_bytes(data)
        with pytest.raises(DamagedInput, match=says):
            pack("nasbench101", source, tmp_path / "nasbench101")
        assert not (tmp_path / "nasbench101").exists()

    for cut in range(first + 1, 2 * first, 7):
        refused(whole[:cut], "nasbench_full.tfrecord, record 1: the file is cut short")
    for place, what in ((1, "length"), (9, "length"), (40, "content"), (first - 2, "content")):
        broken = bytearray(whole)
        broken[first + place] ^= 16
        refused(bytes(broken), f"nasbench_full.tfrecord, record 1: the checksum of its {what}")
    refused(b"", "nasbench_full.tfrecord is empty")
    refused(b"PK\3\4" + bytes(100), "record 0: the checksum of its length")
    path.unlink()
    with pytest.raises(DataNotFound, match=r"nasbench_full.tfrecord, which is not there"):
        pack("nasbench101", source, tmp_path / "nasbench101")


@pytest.mark.published
def test_real_files_of_the_format(published, tmp_path, tfrecords, space):
    """EC-NAS-Bench's cells of five vertices: read here byte by byte, and by its makers' table."""
    import pandas as pd

    path = published / "ec-nas-bench/energy_5V9E.tfrecord"
    (tmp_path / "nasbench_full.tfrecord").symlink_to(path)
    table = Table.open(pack("nasbench101", tmp_path, tmp_path / "nasbench101"))
    assert table.rows == 2_532
    names = {3: "train_accuracy", 4: "val_accuracy", 5: "test_accuracy"}
    for entries in tfrecords.contents(path):
        text = ":".join(entries[2:4])
        message = tfrecords.numbers(base64.b64decode(entries[4]))
        parts = [dict(tfrecords.numbers(value)) for field, value in message if field == 1]
        for ending, part in zip(("_start", "_halfway", ""), parts, strict=True):
            for field, name in names.items():
                assert table.query(text, name + ending, seed=0) == part[field] * 100
        assert table.query(text, "train_seconds_halfway") == parts[1][2]
        assert table.query(text, "train_seconds", epochs=4) == parts[2][2]
        assert table.query(text, "total_seconds") == dict(message)[3]
        assert table.query(text, "published_params") == dict(message)[2]
    text = {"adjacency": str, "ops": str}
    frame = pd.read_csv(published / "ec-nas-bench/ec_nas_4v_5v.csv.gz", dtype=text)
    frame = frame[frame["file"] == "energy_5V9E"]
    cells = [f"{row.adjacency}:{row.ops}" for row in frame.itertuples()]
    for column, metric in {
        "end_val": "val_accuracy",
        "end_test": "test_accuracy",
        "end_train": "train_accuracy",
        "half_val": "val_accuracy_halfway",
        "init_val": "val_accuracy_start",
    }.items():
        assert np.array_equal(table.query_many(cells, metric), frame[column].to_numpy() * 100)
    assert np.array_equal(table.query_many(cells, "total_seconds"), frame["total_time_s"])


# Four vertices.


def test_four_vertices_are_searched():
    table = load("nasbench101_4v/cifar10")
    assert (table.rows, table.key, table.covers_space) == (91, "canonical", True)
    found = search("random_search", table, budget=Budget(evaluations=423), seed=0)
    assert len({trial.arch for trial in found.trials}) > 200
    seen = {trial.values["val_accuracy"] for trial in found.trials}
    assert len(seen) <= 91
    best = max(found.trials, key=lambda trial: trial.score)
    assert best.score == table.query(best.arch, "val_accuracy", epochs=108, seed=0)
    assert best.cost == table.query(best.arch, "train_seconds", epochs=108, seed=0)
    for strategy in ("successive_halving", "hyperband", "bohb"):
        budget = Budget(seconds=50_000)
        made = search(strategy, table, budget=budget, seed=0, protocol="multi_fidelity")
        assert {trial.epochs for trial in made.trials} >= {4, 12, 36}


@pytest.mark.published
def test_every_value_of_four_vertices_is_the_published_one(published, tfrecords):
    table = load("nasbench101_4v/cifar10")
    path = published / "ec-nas-bench/energy_4V9E.tfrecord"
    count = collections.Counter()
    for name, epochs, matrix, words, packed in tfrecords.contents(path):
        run = count[name, epochs]
        count[name, epochs] += 1
        message = tfrecords.numbers(base64.b64decode(packed))
        parts = [dict(tfrecords.numbers(value)) for field, value in message if field == 1]
        whole = dict(message)
        assert [part[1] for part in parts] == [0, 1, epochs]
        expected = {
            f"{split}_accuracy{ending}": part[field] * 100
            for ending, part in zip(("_start", "_first_epoch", ""), parts, strict=True)
            for split, field in (("train", 3), ("val", 4), ("test", 5))
        } | {
            "train_seconds": parts[2][2],
            "train_energy_kwh": parts[2][6],
            "total_seconds": whole[3],
            "total_energy_kwh": whole[4],
            "total_co2_g": whole[5],
            "mean_power_w": whole[8],
        }
        for metric, value in expected.items():
            found = table.query(f"{matrix}:{words}", metric, epochs=epochs, seed=run)
            assert found == value, metric
        assert table.query(f"{matrix}:{words}", "published_params") == whole[2]
        assert {*expected, "published_params"} == set(table.metrics)
    assert len(count) == 91 * 4
    assert set(count.values()) == {3}


@pytest.mark.published
def test_four_vertices_by_their_makers_table(published):
    import pandas as pd

    table = load("nasbench101_4v/cifar10")
    text = {"adjacency": str, "ops": str}
    frame = pd.read_csv(published / "ec-nas-bench/ec_nas_4v_5v.csv.gz", dtype=text)
    frame = frame[frame["file"] == "energy_4V9E"]
    columns = {f"end_{split}": f"{split}_accuracy" for split in ("val", "test", "train")}
    for (epochs, run), group in frame.groupby(["epochs", "repeat"]):
        cells = [f"{row.adjacency}:{row.ops}" for row in group.itertuples()]
        assert len(cells) == 91
        for column, metric in columns.items():
            found = table.query_many(cells, metric, epochs=epochs, seed=run)
            assert np.array_equal(found, group[column].to_numpy() * 100)
        energy = table.query_many(cells, "total_energy_kwh", epochs=epochs, seed=run)
        assert np.array_equal(energy, group["total_energy_kwh"])
        params = table.query_many(cells, "published_params")
        assert np.array_equal(params, group["params"])


@pytest.mark.published
@pytest.mark.slow
@pytest.mark.parametrize("name", ["nasbench101_sample", "nasbench101_4v"])
def test_packing_again_gives_the_same_bytes(published, tmp_path, name):
    folder = pack(name, published, tmp_path / name)
    table = Table.open(name)
    for file in ("table.h5", "index.json", "card.toml"):
        assert (folder / file).read_bytes() == (table.folder / file).read_bytes(), file
