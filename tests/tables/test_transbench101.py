"""The tables of TransNAS-Bench-101, compared with their source and with the paper's optima."""

import csv
import json
import zipfile

import numpy as np
import pytest

from nasbench_suite import Budget, load, run
from nasbench_suite.core import NotMeasured
from nasbench_suite.tables.pack import pack
from nasbench_suite.tables.store import Table

TASKS = (
    "class_object",
    "class_scene",
    "jigsaw",
    "room_layout",
    "segmentsemantic",
    "normal",
    "autoencoder",
)
SIZES = {"micro": 4_096, "macro": 3_256}
OBJECTIVES = {
    "class_object": "accuracy",
    "class_scene": "accuracy",
    "jigsaw": "accuracy",
    "room_layout": "neg_loss",
    "segmentsemantic": "miou",
    "normal": "ssim",
    "autoencoder": "ssim",
}
BEST = {
    "micro": (46.32, 54.94, 95.37, -59.38e-2, 26.27, 59.62e-2, 57.72e-2),
    "macro": (47.96, 57.48, 97.02, -56.28e-2, 29.66, 64.35e-2, 76.88e-2),
}
"""The paper's optima of the validation metric, in the order of `TASKS`."""
BOTH = pytest.mark.parametrize("kind", ["micro", "macro"])
EACH = pytest.mark.parametrize("task", TASKS)

NAMES = {
    "top1": "accuracy",
    "top5": "top5_accuracy",
    "ssim": "ssim",
    "l1_loss": "worst_l1_loss",
    "neg_loss": "neg_loss",
    "loss": "worst_loss",
    "acc": "pixel_accuracy",
    "mIoU": "miou",
}
SPLITS = {"train": "train", "valid": "val", "test": "test"}


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@BOTH
def test_optima_are_those_of_the_paper(kind):
    for task, published in zip(TASKS, BEST[kind], strict=True):
        table = load(f"transbench101_{kind}/{task}")
        values = table.query_many(np.arange(SIZES[kind]), f"val_{OBJECTIVES[task]}")
        digits = 2 if table.metrics[f"val_{OBJECTIVES[task]}"].unit == "%" else 4
        assert round(values.max(), digits) == pytest.approx(published)


@BOTH
@EACH
def test_each_task_has_its_own_protocol(kind, task):
    table = load(f"transbench101_{kind}/{task}")
    protocol = table.protocol("standard")
    metric = OBJECTIVES[task]
    assert (protocol.objective, protocol.report.metric) == (f"val_{metric}", f"test_{metric}")
    assert (protocol.cost, protocol.epochs) == ("train_seconds", ())
    assert table.reported == f"test_{metric}"
    assert table.metrics[f"val_{metric}"].direction == "max"
    assert ("params" in table.metrics) == (task in ("class_object", "class_scene", "room_layout"))


@BOTH
def test_a_search_pays_the_seconds(kind):
    table = load(f"transbench101_{kind}/room_layout")
    seconds = table.query_many(np.arange(table.rows), "train_seconds")
    found = run("regularized_evolution", table, budget=Budget(seconds=60 * seconds.mean()), seed=1)
    assert 20 < len(found.trials) < 120
    for trial in found.trials:
        assert trial.cost == table.query(trial.arch, "train_seconds")
        assert trial.score == table.query(trial.arch, "val_neg_loss") < 0


def test_an_infinite_loss_is_missing():
    table = load("transbench101_macro/room_layout")
    with pytest.raises(NotMeasured, match="3,255 of 3,256"):
        table.query("64-432134-basic", "val_worst_loss")
    assert table.query("64-432134-basic", "val_neg_loss") == pytest.approx(-0.656, abs=1e-3)
    every = np.arange(table.rows)
    for metric in table.metrics:
        if metric != "val_worst_loss":
            assert not np.isnan(table.query_many(every, metric)).any(), metric


@BOTH
def test_losses_are_of_the_worst_epoch(kind):
    table = load(f"transbench101_{kind}/room_layout")
    every = np.arange(table.rows)
    for split in ("train", "val", "test"):
        worst = table.query_many(every, f"{split}_worst_loss")
        least = -table.query_many(every, f"{split}_neg_loss")
        assert (worst[~np.isnan(worst)] > least[~np.isnan(worst)]).all()


@pytest.mark.published
@BOTH
@EACH
def test_every_value_is_the_published_one(published, kind, task):
    table = load(f"transbench101_{kind}/{task}")
    names = {
        row["file_id"]: row["arch"]
        for row in rows_of(published / "transnas-archs/tnb101_file_id_to_arch.csv")
        if row["space"] == kind
    }
    rows = [
        row
        for row in rows_of(published / f"nasgraph/transbench101_{task}.csv")
        if row["file_id"] in names
    ]
    assert len(rows) == len(names) == SIZES[kind] == table.rows
    texts = [names[row["file_id"]] for row in rows]
    compared = {"params", "flops"} & set(table.metrics)
    for column in rows[0]:
        if column == "file_id":
            continue
        split, _, what = column.partition("_")
        metric = f"{SPLITS[split]}_{NAMES[what]}" if split in SPLITS else "train_seconds"
        expected = np.array([float(row[column]) for row in rows])
        expected[np.isinf(expected)] = np.nan
        found = table.query_many(texts, metric)
        assert np.array_equal(found, expected, equal_nan=True), column
        assert np.array_equal(table.query_many(texts, metric, seed=0), found, equal_nan=True)
        compared.add(metric)
    assert compared == set(table.metrics)


@pytest.mark.published
@pytest.mark.parametrize(("kind", "task"), [("micro", "class_scene"), ("macro", "room_layout")])
def test_costs_are_counted(kind, task):
    table = load(f"transbench101_{kind}/{task}")
    outputs = {"class_scene": 47, "room_layout": 9}[task]
    for index in range(0, table.rows, 97):
        net = table.space.graph(table.space.at(index), classes=outputs, size=256)
        assert table.query(index, "params") == net.params
        assert table.query(index, "flops") == net.flops


ARCHIVES = {
    "micro": "naslib_data_zc_benchmarks_all_benchmarks_zen.zip",
    "macro": "run_results_benchmarks_tnb101_macro_zen.zip",
}


def last_epochs(published, kind):
    """Return the validation values of NAS-Bench-Suite-Zero, by task and by genes without commas."""
    found = {task: {} for task in TASKS}
    with zipfile.ZipFile(published / "naslib-zerocost" / ARCHIVES[kind]) as archive:
        for member in archive.namelist():
            if member.endswith(".json"):
                (task,) = (task for task in TASKS if task in member)
                for entry in json.loads(archive.read(member)):
                    genes = "".join(letter for letter in entry["arch"] if letter.isdigit())
                    found[task][genes] = entry["val_accuracy"]
    return found


@pytest.mark.published
@BOTH
def test_names_agree_with_values_published_elsewhere(published, kind):
    """What the cards say of how sure the names are."""
    last = last_epochs(published, kind)
    equal = np.zeros(SIZES[kind], dtype=int)
    for task in TASKS:
        table = load(f"transbench101_{kind}/{task}")
        metric = "pixel_accuracy" if task == "segmentsemantic" else OBJECTIVES[task]
        best = table.query_many(np.arange(table.rows), f"val_{metric}")
        genes = ["".join(map(str, arch)) for arch in table.space]
        if kind == "macro":
            genes = [modules.rstrip("0") for modules in genes]
        assert len(last[task]) == table.rows
        values = np.array([last[task][code] for code in genes])
        near = np.isclose(best, values, rtol=1e-6, atol=1e-6)
        assert (best[~near] > values[~near]).all(), task
        equal += near
    if kind == "macro":
        assert (np.count_nonzero(equal == 0), np.count_nonzero(equal == 1)) == (9, 340)


@pytest.mark.published
@pytest.mark.slow
@BOTH
def test_packing_again_gives_the_same_bytes(published, tmp_path, kind):
    name = f"transbench101_{kind}"
    folder = pack(name, published, tmp_path / name)
    table = Table.open(name)
    for file in ("table.h5", "index.json", "card.toml"):
        assert (folder / file).read_bytes() == (table.folder / file).read_bytes(), file
