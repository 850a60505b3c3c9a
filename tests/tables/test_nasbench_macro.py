"""The table of NAS-Bench-Macro: what was published, and how a search may use it."""

import json

import numpy as np
import pytest

from nasbench_suite import Budget, load, run
from nasbench_suite.core import InvalidSetting, NotMeasured
from nasbench_suite.tables.pack import pack


@pytest.fixture(scope="module")
def table():
    return load("nasbench_macro/cifar10")


def test_landmarks(table):
    best = "22212220"
    assert table.query(best) == pytest.approx(93.127, abs=5e-4)
    assert table.best(table.protocol("standard").report._replace(metric="test_accuracy")) == (
        table.query(best)
    )
    record = table.record(best)
    assert (record.metric, record.split, record.epochs, record.runs) == (
        "test_accuracy",
        "test",
        None,
        3,
    )


def test_there_is_no_validation_accuracy(table):
    assert set(table.metrics) == {"test_accuracy", "held_out_accuracy", "params", "flops"}


def test_what_is_reported_was_not_seen(table):
    protocol = table.protocol("standard")
    assert (protocol.objective, protocol.seed, protocol.cost) == ("test_accuracy", 0, None)
    runs = table.query_many(np.arange(6_561), "test_accuracy", seed="all")
    reported = table.query_many(np.arange(6_561), *protocol.report[:1])
    assert np.array_equal(reported, (runs[:, 1] + runs[:, 2]) / 2)
    record = table.record(0, "held_out_accuracy")
    assert (record.source, record.runs) == ("derived", 2)
    with pytest.raises(NotMeasured, match="derived"):
        table.query(0, "held_out_accuracy", seed=0)
    with pytest.raises(NotMeasured, match="runs are 0 to 2"):
        table.query(0, seed=3)


def test_a_search_pays_one_a_trial(table):
    found = run("random_search", table, budget=Budget(evaluations=5), seed=0)
    for trial in found.trials:
        assert trial.cost == 1
        assert trial.values == {"test_accuracy": table.query(trial.arch, seed=0)}
    with pytest.raises(InvalidSetting, match="no measured seconds"):
        run("random_search", table, budget=Budget(seconds=5), seed=0)


@pytest.mark.published
def test_every_value_is_the_published_one(published, table):
    path = published / "nas-bench-macro/nas-bench-macro_cifar10.json"
    found = json.loads(path.read_text("utf-8"))
    assert len(found) == table.rows == 6_561
    texts = list(found)
    runs = np.array([entry["test_acc"] for entry in found.values()])
    assert np.array_equal(table.query_many(texts, seed="all"), runs)
    means = [entry["mean_acc"] for entry in found.values()]
    assert np.allclose(table.query_many(texts), means, rtol=1e-14, atol=0)
    assert np.allclose(runs.std(axis=1), [entry["std"] for entry in found.values()], atol=1e-12)
    assert np.array_equal(table.query_many(texts, "held_out_accuracy"), runs[:, 1:].mean(axis=1))
    params = [entry["params"] for entry in found.values()]
    assert table.query_many(texts, "params").tolist() == params
    flops = [entry["flops"] + 10 for entry in found.values()]
    assert table.query_many(texts, "flops").tolist() == flops


@pytest.mark.published
@pytest.mark.slow
def test_packing_again_gives_the_same_bytes(published, tmp_path, table):
    folder = pack("nasbench_macro", published, tmp_path / "nasbench_macro")
    for name in ("table.h5", "index.json", "card.toml"):
        assert (folder / name).read_bytes() == (table.folder / name).read_bytes(), name
