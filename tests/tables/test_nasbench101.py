"""The tables of NAS-Bench-101, compared with their sources, and the official file format."""

import csv
import gzip
import json

import numpy as np
import pytest

from nasbench_suite import Budget, load, registry, run
from nasbench_suite.core import InvalidSetting, NotMeasured
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
    assert load("nasbench101/cifar10").rows == 30_001
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
        run("random_search", sample, budget=Budget(evaluations=5), seed=0)
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


@pytest.mark.published
@pytest.mark.slow
@pytest.mark.parametrize("name", ["nasbench101_sample"])
def test_packing_again_gives_the_same_bytes(published, tmp_path, name):
    folder = pack(name, published, tmp_path / name)
    table = Table.open(name)
    for file in ("table.h5", "index.json", "card.toml"):
        assert (folder / file).read_bytes() == (table.folder / file).read_bytes(), file
