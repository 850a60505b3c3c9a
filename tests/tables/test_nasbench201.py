"""Published facts of NAS-Bench-201, asked of the packed table."""

import tomllib

import numpy as np
import pytest

from nasbench_suite.benchmarks import check
from nasbench_suite.core import NotMeasured, Question

EVERY = np.arange(15_625)


def runs_of(values):
    return np.bincount((~np.isnan(values)).sum(axis=1), minlength=4)[1:].tolist()


@pytest.mark.parametrize(
    ("task", "best", "index"),
    [("cifar10", 94.37, 6111), ("cifar100", 73.51, 9930), ("imagenet16-120", 47.31, 857)],
)
def test_optima_on_test(tasks, task, best, index):
    table = tasks[task]
    values = table.query_many(EVERY, "test_accuracy", epochs=200)
    assert not np.isnan(values).any()
    assert round(values.max(), 2) == best
    assert values.argmax() == index
    assert table.best(Question("test_accuracy", 200, "mean")) == values.max()
    assert table.query(index) == values.max()


@pytest.mark.parametrize(
    ("task", "best", "index"),
    [
        ("cifar10", 91.6067, 6111),
        ("cifar100", 73.4933, 9930),
        ("imagenet16-120", 46.7333, 10676),
    ],
)
def test_optima_on_validation(tasks, task, best, index):
    values = tasks[task].query_many(EVERY, "val_accuracy", epochs=200)
    assert values.max() == pytest.approx(best, abs=5e-5)
    assert values.argmax() == index


def test_card_states_the_optima(tasks):
    for task, table in tasks.items():
        card = tomllib.loads((table.folder / "card.toml").read_text("utf-8"))
        stated = card["tasks"][task]["optimum"]
        values = table.query_many(EVERY, stated["metric"], epochs=stated["epochs"])
        assert stated["value"] == values.max()
        assert stated["index"] == values.argmax()
        assert stated["architecture"] == table.space.format(table.space.at(stated["index"]))


def test_networks_trained_on_half_have_their_own_test_column(cifar10):
    half = cifar10.query_many(EVERY, "test_accuracy_half", epochs=200)
    assert half.max() == pytest.approx(91.5233, abs=5e-5)
    full = cifar10.query_many(EVERY, "test_accuracy", epochs=200)
    # Twice the images are worth some points to nearly every cell.
    assert (full > half).mean() > 0.97
    assert np.median(full - half) > 3


def test_numbers_of_runs(tasks):
    cifar10 = tasks["cifar10"]
    assert runs_of(cifar10.query_many(EVERY, "val_accuracy", seed="all")) == [0, 7_456, 8_169]
    assert runs_of(cifar10.query_many(EVERY, "test_accuracy", seed="all")) == [2_225, 5_439, 7_961]
    for task in ("cifar100", "imagenet16-120"):
        valtest = tasks[task].query_many(EVERY, "valtest_accuracy", seed="all")
        assert runs_of(valtest) == [0, 7_456, 8_169]
    for table in tasks.values():
        assert runs_of(table.query_many(EVERY, "train_seconds", seed="all")) == [0, 7_456, 8_169]


def test_runs_fill_from_the_first(tasks):
    for table in tasks.values():
        for metric in ("train_seconds", "test_accuracy", "val_accuracy", "valtest_accuracy"):
            if metric not in table.metrics:
                continue
            try:
                values = table.query_many(EVERY, metric, seed="all")
            except NotMeasured:
                continue
            missing = np.isnan(values)
            assert (np.diff(missing.astype(int), axis=1) >= 0).all()


def test_edge_tpu_does_not_support_some_cells(tasks):
    for table in tasks.values():
        values = table.query_many(EVERY, "edgetpu_latency_ms")
        assert np.isnan(values).sum() == 4_699
        assert np.nanmin(values) > 0


def test_published_parameters_differ_for_150_cells(tasks):
    for table in tasks.values():
        counted = table.query_many(EVERY, "params")
        stated = table.query_many(EVERY, "published_params")
        differ = np.flatnonzero(counted != stated)
        assert len(differ) == 150
        assert differ[0] == 327
        card = tomllib.loads((table.folder / "card.toml").read_text("utf-8"))
        assert card["lists"]["published_params_differ"] == differ.tolist()
    assert tasks["cifar10"].query(327, "published_params") == 129_306
    assert tasks["cifar10"].query(327, "params") == 157_306


def test_hardware_values_of_the_first_cell(cifar10):
    stated = {
        "edgegpu_latency_ms": 5.807418537139893,
        "edgegpu_energy_mj": 24.226614330768584,
        "raspi4_latency_ms": 10.481976820010459,
        "edgetpu_latency_ms": 0.9571811309997429,
        "pixel3_latency_ms": 3.60585,
        "eyeriss_latency_ms": 3.64562,
        "eyeriss_energy_mj": 0.6872827645,
        "fpga_latency_ms": 2.57296,
        "fpga_energy_mj": 18.01072,
    }
    for metric, value in stated.items():
        assert cifar10.query(0, metric) == pytest.approx(value, rel=1e-12), metric


def test_seconds_of_12_epochs_are_derived(tasks):
    for table in tasks.values():
        measured = table.query_many(EVERY, "train_seconds", epochs=200, seed=0)
        derived = table.query_many(EVERY, "train_seconds", epochs=12)
        assert np.array_equal(derived, measured * 12 / 200)
        assert table.record(0, "train_seconds", epochs=12).source == "derived"
        assert table.record(0, "train_seconds", epochs=200).source == "measured"
        with pytest.raises(NotMeasured, match="derived"):
            table.query(0, "train_seconds", epochs=12, seed=0)


def test_runs_of_a_cell_took_the_same_seconds(tasks):
    for table in tasks.values():
        seconds = table.query_many(EVERY, "train_seconds", seed="all")
        assert np.array_equal(seconds[:, 0], seconds[:, 1])


def test_canonical_classes(cifar10):
    classes = cifar10.query_many(EVERY, "canonical_class")
    assert np.array_equal(np.unique(classes), np.arange(6_466))
    # Numbered by the first cell of each class.
    _, first = np.unique(classes, return_index=True)
    assert (np.diff(first) > 0).all()
    space = cifar10.space
    for index in range(0, 15_625, 500):
        representative = space.index(space.canonical(space.at(index)))
        assert classes[representative] == classes[index]


def test_robust_accuracy_is_the_same_within_a_class(cifar10):
    classes = cifar10.query_many(EVERY, "canonical_class").astype(int)
    robust = [name for name in cifar10.metrics if name.startswith("robust_accuracy_")]
    assert len(robust) == 32
    _, first = np.unique(classes, return_index=True)
    for name in robust:
        values = cifar10.query_many(EVERY, name)
        assert np.array_equal(values, values[first][classes])


def test_coverage_of_zero_cost_scores(tasks):
    proxies = [name for name in tasks["cifar10"].metrics if name.startswith("zc_")]
    assert len(proxies) == 13
    covered = {"cifar10": 9_445, "imagenet16-120": 9_445, "cifar100": 725}
    for task, table in tasks.items():
        for name in proxies:
            known = np.count_nonzero(~np.isnan(table.query_many(EVERY, name)))
            assert known == (15_625 if name == "zc_zen" else covered[task]), (task, name)


def test_validation_is_never_the_test_column(tasks):
    for table in tasks.values():
        for epochs in (12, 200):
            validation = table.query_many(EVERY, "val_accuracy", epochs=epochs)
            test = table.query_many(EVERY, "test_accuracy", epochs=epochs)
            assert (validation != test).mean() > 0.95
            assert not np.array_equal(validation, test)
    for task in ("cifar100", "imagenet16-120"):
        table = tasks[task]
        union = table.query_many(EVERY, "valtest_accuracy")
        for metric in ("val_accuracy", "test_accuracy"):
            assert (union != table.query_many(EVERY, metric)).mean() > 0.95


def test_splits_are_what_names_say(tasks):
    for table in tasks.values():
        for name, metric in table.metrics.items():
            if name.startswith("valtest"):
                assert metric.split == "validation+test"
            elif name.startswith("val_"):
                assert metric.split == "validation"
            elif name.startswith(("test_", "robust")):
                assert metric.split == "test"
            elif name.startswith("train_") and name != "train_seconds":
                assert metric.split == "train"
            else:
                assert metric.split is None


def test_accuracies_are_percent(tasks):
    for table in tasks.values():
        for name, metric in table.metrics.items():
            if "accuracy" in name:
                assert (metric.unit, metric.direction) == ("%", "max")
                for epochs in table.epochs(name):
                    values = table.query_many(EVERY, name, epochs=epochs)
                    assert 0 <= np.nanmin(values) <= np.nanmax(values) <= 100
                    assert np.nanmax(values) >= 10
            else:
                assert metric.unit != "%"


def test_protocols(tasks):
    for table in tasks.values():
        standard = table.protocol("standard")
        assert (standard.objective, standard.epochs) == ("val_accuracy", (12,))
        assert standard.cost == "train_seconds"
        assert standard.report == Question("test_accuracy", 200, "mean")
        fidelity = table.protocol("multi_fidelity")
        assert (fidelity.epochs, fidelity.continues) == ((12, 200), False)


def test_files_are_those_of_the_card(cifar10):
    check(cifar10.folder)
    card = tomllib.loads((cifar10.folder / "card.toml").read_text("utf-8"))
    assert card["files"]["table.h5"]["sha256"] == cifar10.data
    for entry in card["inputs"]:
        assert set(entry) == {"file", "repository", "commit", "licence", "sha256"}
        assert len(entry["sha256"]) == 64


def test_file_is_ordinary_hdf5(cifar10):
    import h5py

    with h5py.File(cifar10.folder / "table.h5") as file:
        text = file["architectures"][6111].decode()
        assert text == cifar10.space.format(cifar10.space.at(6111))
        stored = file["cifar10/val_accuracy/200"]
        assert dict(stored.attrs) == {
            "unit": "%",
            "direction": "max",
            "split": "validation",
            "epochs": 200,
            "source": "measured",
        }
        assert np.array_equal(
            stored[:], cifar10.query_many(EVERY, "val_accuracy", seed="all"), equal_nan=True
        )
