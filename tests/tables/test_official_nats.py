"""Three cells of the table of NAS-Bench-201 equal their official NATS-Bench files.

They are an independent check: other people's extractions went into the table, and these are the
records that they extracted from.
"""

import numpy as np
import pytest

from nasbench_suite import unpickle
from nasbench_suite.core import NotMeasured

pytestmark = pytest.mark.published

PUBLISHED_NAME = {
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "imagenet16-120": "ImageNet16-120",
}
CELLS = (0, 11, 284)


@pytest.fixture(scope="module")
def official(published):
    folder = published / "nats-bench-sample/NATS-tss-v1_0-3ffb9-simple"
    return {index: unpickle.load(folder / f"{index:06d}.pickle.pbz2") for index in CELLS}


def results(official, index, hp, data):
    """Return the trainings of a cell on a data set by ascending seed."""
    found = official[index][hp]["all_results"]
    return {
        seed: found[name, seed]
        for name, seed in sorted(found, key=lambda key: key[1])
        if name == data
    }


def last(result, split, what="eval_acc1es"):
    return result[what][f"{split}@{result['epochs'] - 1}"]


def train_last(result, what):
    return result[what][result["epochs"] - 1]


def seconds(result):
    return sum(result["train_times"].values())


@pytest.mark.parametrize("index", CELLS)
def test_official_names(official, tasks, index):
    for table in tasks.values():
        for training in official[index].values():
            assert training["arch_str"] == table.space.format(table.space.at(index))
            assert training["arch_index"] == index


@pytest.mark.parametrize("index", CELLS)
def test_official_cifar10_half(official, cifar10, index):
    runs = results(official, index, "200", "cifar10-valid")
    assert list(runs) == [777, 888, 999]
    found = cifar10.query(index, "val_accuracy", seed="all")
    assert found == pytest.approx([last(r, "x-valid") for r in runs.values()], rel=1e-12)
    spent = cifar10.query(index, "train_seconds", seed="all")
    assert spent == pytest.approx([seconds(r) for r in runs.values()], rel=1e-9)

    def mean(values):
        return pytest.approx(np.mean(list(values)), rel=1e-6)

    ran = runs.values()
    assert cifar10.query(index, "val_loss") == mean(last(r, "x-valid", "eval_losses") for r in ran)
    half = [last(r, "ori-test") for r in ran]
    assert cifar10.query(index, "test_accuracy_half") == mean(half)
    losses = [last(r, "ori-test", "eval_losses") for r in ran]
    assert cifar10.query(index, "test_loss_half") == mean(losses)
    assert cifar10.query(index, "train_accuracy") == mean(
        train_last(r, "train_acc1es") for r in ran
    )
    assert cifar10.query(index, "train_loss") == mean(train_last(r, "train_losses") for r in ran)
    assert cifar10.record(index, "test_accuracy_half").runs == 3
    assert cifar10.query(index, "test_accuracy") > max(half)


@pytest.mark.parametrize("index", CELLS)
def test_official_cifar10_full(official, cifar10, index):
    runs = results(official, index, "200", "cifar10")
    assert list(runs) == [777, 888, 999]
    found = cifar10.query(index, "test_accuracy", seed="all")
    assert found.tolist() == pytest.approx([last(r, "ori-test") for r in runs.values()], rel=1e-12)


@pytest.mark.parametrize("index", CELLS)
@pytest.mark.parametrize("task", ["cifar100", "imagenet16-120"])
def test_official_other_data(official, tasks, task, index):
    table = tasks[task]
    runs = results(official, index, "200", PUBLISHED_NAME[task])
    assert list(runs) == [777, 888, 999]
    ran = runs.values()
    found = table.query(index, "valtest_accuracy", seed="all")
    # The union was measured with the network as it was, apart from either half.
    assert found == pytest.approx([(last(r, "x-valid") + last(r, "x-test")) / 2 for r in ran])
    assert found == pytest.approx([last(r, "ori-test") for r in ran], abs=0.05)
    spent = table.query(index, "train_seconds", seed="all")
    assert spent == pytest.approx([seconds(r) for r in ran], rel=1e-9)
    for metric, values in (
        ("val_accuracy", [last(r, "x-valid") for r in ran]),
        ("test_accuracy", [last(r, "x-test") for r in ran]),
        ("train_accuracy", [train_last(r, "train_acc1es") for r in ran]),
    ):
        # Version 1.1 has one to three of these runs.
        means = [np.mean(values[:count]) for count in (1, 2, 3)]
        means += [values[1], values[2], np.mean(values[1:]), np.mean(values[::2])]
        assert min(abs(table.query(index, metric) - mean) for mean in means) < 1e-5


@pytest.mark.parametrize("index", CELLS)
@pytest.mark.parametrize("task", list(PUBLISHED_NAME))
def test_official_12_epochs(official, tasks, task, index):
    table = tasks[task]
    full = results(official, index, "12", PUBLISHED_NAME[task])
    assert list(full) == [111]
    tested = "ori-test" if task == "cifar10" else "x-test"
    assert table.query(index, "test_accuracy", epochs=12) == pytest.approx(
        last(full[111], tested), rel=1e-12
    )
    if task == "cifar10":
        half = results(official, index, "12", "cifar10-valid")
        assert sorted(half) == [111, 777]
        expected = np.mean([last(r, "x-valid") for r in half.values()])
    else:
        half = full
        expected = last(full[111], "x-valid")
    assert table.query(index, "val_accuracy", epochs=12) == pytest.approx(expected, rel=1e-12)
    for result in half.values():
        assert table.query(index, "train_seconds", epochs=12) == pytest.approx(
            seconds(result), rel=1e-9
        )


@pytest.mark.parametrize("index", CELLS)
@pytest.mark.parametrize("task", list(PUBLISHED_NAME))
def test_official_costs(official, tasks, task, index):
    for hp in ("12", "200"):
        for result in results(official, index, hp, PUBLISHED_NAME[task]).values():
            table = tasks[task]
            assert table.query(index, "params") == pytest.approx(result["params"] * 1e6, rel=1e-9)
            assert table.query(index, "published_params") == table.query(index, "params")
            assert table.query(index, "flops") == pytest.approx(result["flop"] * 1e6, rel=1e-9)


def test_they_have_no_curve_here(official, tasks):
    for table in tasks.values():
        with pytest.raises(NotMeasured):
            table.curve(0, "val_accuracy")
