"""The table of Accel-NASBench, compared with its source."""

import gzip
import io
import json
import tarfile
import zlib
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nasbench_suite import Budget, load, registry, run
from nasbench_suite.core import DamagedInput, InvalidSetting, NotMeasured
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.pack import pack

SPACE = registry.load("spaces", "mnasnet")
ARCHIVE = "accel-nasbench/anb_dataset/anb_dataset_jsons.tar.gz"
SPLIT = "accel-nasbench/configs/data_splits/default_split"
LISTS = ("train_paths.json", "val_paths.json", "test_paths.json")
B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
# result_0.json and result_443.json, of one network.
TWICE = "-".join(
    ("e6_k3_l1_se0", "e4_k5_l2_se0", "e6_k3_l3_se0", "e6_k5_l3_se0", "e6_k5_l2_se0")
    + ("e1_k3_l2_se0",) * 2
)

PATHS = {
    "val_accuracy": ("metrics", "val_top1"),
    "val_top5_accuracy": ("metrics", "val_top5"),
    "train_seconds": ("metrics", "train_time"),
    "rtx3090_throughput": ("platform_perf", "throughput_3090", "throughput_mean"),
    "rtx3090_throughput_std": ("platform_perf", "throughput_3090", "throughput_std"),
}
for name in ("a100", "tpuv2", "tpuv3", "zcu102", "vck190"):
    PATHS[f"{name}_throughput"] = ("platform_perf", f"throughput_{name}", "throughput_mean")
for name in ("a100", "tpuv2", "tpuv3"):
    PATHS[f"{name}_throughput_std"] = ("platform_perf", f"throughput_{name}", "throughput_std")
for name in ("zcu102", "vck190"):
    PATHS[f"{name}_latency_ms"] = ("platform_perf", f"latency_{name}", "latency_mean")


@pytest.fixture(scope="module")
def table():
    return load("mnasnet/imagenet", "table")


@pytest.fixture(scope="module")
def results(published):
    """The published files, by their numbers."""
    with tarfile.open(published / ARCHIVE) as archive:
        return {
            int(member.name.rpartition("_")[2].removesuffix(".json")): json.load(
                archive.extractfile(member)
            )
            for member in archive.getmembers()
            if member.isfile()
        }


def every(table, metric):
    """All runs of a metric, (architectures, runs)."""
    return table.query_many(table.frame(["params"]).index.tolist(), metric, seed="all")


def macs_by_thop(net):
    """Return what the source counts beside convolutions and linear layers, and those."""
    macs = net.flops
    for node in net.nodes:
        before = net.nodes[node.inputs[0]] if node.inputs else node
        if node.operation == "batch_norm":
            macs += 4 * node.channels * node.size**2
        elif node.operation == "global_avg_pool":
            macs += before.channels * before.size**2 + node.channels
        elif node.operation == "linear":
            macs -= node.channels
    return macs


def at(result, path):
    for key in path:
        result = result[key]
    return np.nan if result is None else result


def test_a_network_can_be_looked_up(table):
    assert (table.rows, table.covers_space) == (5_125, False)
    assert table.query(TWICE, seed="all").tolist() == [59.368, 59.248]
    assert table.query(TWICE) == pytest.approx(59.308)
    assert table.query(TWICE, "a100_throughput", seed=0) == 7034.935468125287
    record = table.record(TWICE)
    assert (record.metric, record.split, record.epochs, record.runs, record.source) == (
        "val_accuracy",
        "validation",
        None,
        2,
        "measured",
    )
    with pytest.raises(NotMeasured, match="5,125 architectures of mnasnet"):
        table.query(B0)


def test_it_is_a_sample_that_no_search_may_use(table):
    assert table.best(table.protocol("standard").report) is None
    with pytest.raises(InvalidSetting, match="holds a sample of mnasnet"):
        run("random_search", table, budget=Budget(evaluations=5), seed=0)


def test_units_and_directions(table):
    for name, metric in table.metrics.items():
        expected = {
            "_accuracy": ("%", "max"),
            "_seconds": ("s", "min"),
            "_throughput": ("images/s", "max"),
            "_throughput_std": ("images/s", "none"),
            "_latency_ms": ("ms", "min"),
            "params": ("count", "min"),
            "flops": ("count", "min"),
            "_macs": ("count", "min"),
            "_split": ("", "none"),
        }
        (facts,) = (facts for end, facts in expected.items() if name.endswith(end))
        assert (metric.unit, metric.direction) == facts, name
        # Nothing here was measured on test images.
        assert metric.split == ("validation" if metric.unit == "%" else None)
    throughputs = [name for name in table.metrics if name.endswith("_throughput")]
    latencies = [name for name in table.metrics if name.endswith("_latency_ms")]
    assert (len(throughputs), len(latencies)) == (6, 2)
    for throughput in throughputs:
        # Large networks are slow on all devices.
        assert table.frame([throughput, "flops"]).rank().corr().iloc[0, 1] < -0.6
    for latency in latencies:
        assert table.frame([latency, "flops"]).rank().corr().iloc[0, 1] > 0.6


def test_thirteen_networks_were_trained_twice(table):
    runs = every(table, "val_accuracy")
    assert runs.shape == (5_125, 2)
    assert not np.isnan(runs[:, 0]).any()
    twice = runs[~np.isnan(runs[:, 1])]
    assert len(twice) == 13
    apart = np.sort(np.abs(np.diff(twice).ravel()))
    assert apart.round(2).tolist()[:1] + apart.round(2).tolist()[-2:] == [0.01, 0.31, 1.28]
    # The card says what the difference of two trainings tells of one.
    assert np.sqrt((apart**2).mean() / 2) == pytest.approx(0.27, abs=5e-3)
    assert np.sqrt((apart[:-1] ** 2).mean() / 2) == pytest.approx(0.10, abs=5e-3)
    with pytest.raises(NotMeasured, match="no run 2"):
        table.query(TWICE, seed=2)


def test_accuracies_are_of_fifty_thousand_images(table):
    """One image is 0.002 %; the means over four cards were rounded on the way."""
    for metric in ("val_accuracy", "val_top5_accuracy"):
        images = every(table, metric) / 100 * 50_000
        images = images[~np.isnan(images)]
        assert np.abs(images - images.round()).max() < 0.01
    assert (table.frame()["val_top5_accuracy"] > table.frame()["val_accuracy"]).all()


@pytest.mark.parametrize(
    ("device", "missing"),
    [("a100", 0), ("rtx3090", 3), ("tpuv2", 37), ("tpuv3", 44), ("zcu102", 2), ("vck190", 2)],
)
def test_what_a_device_did_not_measure_is_missing(table, device, missing):
    for metric in (name for name in table.metrics if name.startswith(f"{device}_")):
        values = table.frame([metric])[metric]
        assert values.isna().sum() == missing
        assert values.min() > 0
        if missing:
            with pytest.raises(NotMeasured, match=f"for {5_125 - missing:,} of 5,125"):
                table.query(values.index[values.isna()][0], metric)


def test_latencies_of_the_two_fpgas_are_not_of_the_same_number_of_images(table):
    """Several threads do more than one that works on a whole batch at a time, not less."""
    for device, images in (("zcu102", 1), ("vck190", 6)):
        frame = table.frame([f"{device}_throughput", f"{device}_latency_ms"]).dropna()
        in_flight = frame.prod(axis=1) / 1000
        assert images < in_flight.min() < in_flight.max() < 3 * images
    assert "six images" in table.metrics["vck190_latency_ms"].description


def test_seconds_of_training_are_not_of_the_network_alone(table):
    seconds = every(table, "train_seconds")
    assert np.count_nonzero(seconds > 4_000) == 20
    assert np.nanmedian(seconds) == pytest.approx(2_082, abs=0.5)
    twice = seconds[~np.isnan(seconds[:, 1])]
    assert (twice.max(axis=1) / twice.min(axis=1)).max() == pytest.approx(1.59, abs=5e-3)


def test_measurements_of_one_network_differ(table):
    for devices, most in ((("a100", "rtx3090"), 0.004), (("tpuv2", "tpuv3"), 0.085)):
        apart = [np.ptp(np.log(every(table, f"{name}_throughput")), axis=1) for name in devices]
        assert most * 0.9 < np.nanmax(apart) < most


def test_the_official_split_can_be_read_back(table):
    card = read_card(table.folder)
    names = card["lists"]["official_split"]
    assert names == ["train", "validation", "test"]
    # Each network with a part has one; code needs no more than the frame.
    part = table.frame(["official_split"])["official_split"]
    sizes = {name: int((part == value).sum()) for value, name in enumerate(names)}
    assert sizes == {"train": 4_100, "validation": 512, "test": 512}
    assert part.isna().sum() == 1
    assert table.record(TWICE, "official_split").source == "derived"


def test_costs_are_counted_beside_those_published(table):
    frame = table.frame(["params", "flops", "published_macs"])
    for text, costs in frame.iloc[::100].iterrows():
        net = SPACE.graph(SPACE.parse(text), classes=1000, size=224)
        assert (net.params, net.flops, macs_by_thop(net)) == tuple(costs)


def test_the_card_says_what_was_trained_how(table):
    defects = " ".join(read_card(table.folder)["defects"])
    for fact in ("twelve epochs at 160 pixels", "No test accuracy", "best of three"):
        assert fact in defects, fact


@pytest.mark.published
def test_every_value_is_the_published_one(results, table):
    assert sorted(results) == list(range(5_138))
    runs = defaultdict(list)
    for number in range(5_138):
        runs[SPACE.from_config(results[number]["architecture"])].append(number)
    genes = np.array(list(runs))
    assert len(genes) == table.rows == 5_125
    for metric, path in PATHS.items():
        expected = np.full((len(runs), 2), np.nan)
        for row, numbers in enumerate(runs.values()):
            expected[row, : len(numbers)] = [at(results[number], path) for number in numbers]
        found = table.query_many(genes, metric, seed="all")
        assert np.array_equal(found, expected, equal_nan=True), metric
    for metric, kind in (("params", "params"), ("published_macs", "macs")):
        expected = [round(results[n[0]]["model_info"][kind] * 1e6) for n in runs.values()]
        assert table.query_many(genes, metric).tolist() == expected
    counted = {"params", "flops", "published_macs", "official_split"}
    assert set(PATHS) | counted == set(table.metrics)
    for result in results.values():
        assert set(result) == {"architecture", "metrics", "model_info", "platform_perf"}
        # FPGAs have no standard deviation to import.
        for kind, key in (("throughput", "throughput_std"), ("latency", "latency_std")):
            for device in ("zcu102", "vck190"):
                assert result["platform_perf"][f"{kind}_{device}"][key] is None


@pytest.mark.published
def test_the_split_is_the_published_one(published, results, table):
    parts = [
        [
            int(text.rpartition("_")[2].removesuffix(".json"))
            for text in json.loads(path.read_text())
        ]
        for path in (published / SPLIT / name for name in LISTS)
    ]
    named = [number for part in parts for number in part]
    assert [len(part) for part in parts] == [4_100, 512, 512]
    assert len(named) == len(set(named)) == 5_124
    archs = [SPACE.from_config(results[number]["architecture"]) for number in range(5_138)]
    assert len({archs[number] for number in named}) == 5_124
    for value, part in enumerate(parts):
        found = table.query_many([archs[number] for number in part], "official_split")
        assert (found == value).all()
    with pytest.raises(NotMeasured, match="for 5,124 of 5,125"):
        table.query(archs[378], "official_split")
    # The others that it leaves out are a training of a network of which it names the other one.
    assert set(range(5_138)) - set(named) == {378, *range(443, 448), *range(452, 456), *range(5, 9)}
    second = read_card(table.folder)["lists"]["official_split_names_run_1"]
    assert second == [SPACE.format(archs[number]) for number in range(5, 9)]
    assert archs[448:452] == archs[5:9]
    assert table.query(second[0], seed=1) == results[448]["metrics"]["val_top1"]


# Damaged input.


@pytest.fixture(scope="module")
def network():
    """A result of B0 as it would be published."""
    net = SPACE.graph(SPACE.parse(B0), classes=1000, size=224)
    devices = ("a100", "3090", "tpuv2", "tpuv3", "zcu102", "vck190")
    return {
        "architecture": SPACE.to_config(SPACE.parse(B0)),
        "metrics": {"val_top1": 70.0, "val_top5": 90.0, "train_time": 1000.0},
        "model_info": {"macs": macs_by_thop(net) / 1e6, "params": net.params / 1e6},
        "platform_perf": {
            **{
                f"throughput_{device}": {"throughput_mean": 9.0, "throughput_std": 1.0}
                for device in devices
            },
            **{f"latency_{device}": {"latency_mean": 2.0} for device in devices[-2:]},
        },
    }


def write(folder, *files, lists=None):
    """Write the published files with these results, names and contents, and empty lists."""
    path = folder / ARCHIVE
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files:
            text = content if isinstance(content, str) else json.dumps(content)
            member = tarfile.TarInfo(f"anb_dataset_jsons/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    (folder / SPLIT).mkdir(parents=True)
    for name in LISTS:
        (folder / SPLIT / name).write_text(json.dumps((lists or {}).get(name, [])))


def changed(result, path, value):
    copy = json.loads(json.dumps(result))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def refused(folder, says):
    with pytest.raises(DamagedInput, match=says):
        pack("mnasnet", folder / "in", folder / "out" / "mnasnet")
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("architecture", "block3_k"), 4, "block3_k is 4, and may be 3, 5"),
        (("architecture",), None, "no result of a training"),
        (("metrics", "val_top1"), None, "metrics/val_top1 is None, and should be a positive"),
        (("metrics", "val_top1"), "59", "metrics/val_top1 is '59'"),
        (("metrics", "val_top5"), float("nan"), "metrics/val_top5 is nan"),
        (("metrics", "train_time"), -1.0, "metrics/train_time is -1.0"),
        (("metrics",), {}, "'val_top1' is missing"),
        (("platform_perf", "latency_zcu102", "latency_mean"), 0, "latency_mean is 0"),
        (("platform_perf", "throughput_3090"), None, "no result of a training"),
        (("model_info", "params"), 5.0, "model_info/params is not that of e1_k3_l1_se1-"),
        (("model_info", "macs"), 1e999, "model_info/macs is inf"),
        (("model_info", "macs"), 400.0, "model_info/macs is not that of e1_k3_l1_se1-"),
    ],
)
def test_a_damaged_result_is_named(tmp_path, network, path, value, says):
    write(
        tmp_path / "in",
        ("result_0.json", network),
        ("result_1.json", changed(network, path, value)),
    )
    refused(tmp_path, rf"anb_dataset_jsons.tar.gz, result_1.json: .*{says}")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([("result_0.json", "{"), ("result_1.json", None)], "result_0.json: no result"),
        ([("result_0.json", "[]")], "result_0.json: no result"),
        ([("result_0.json", "[" * 9_000)], "result_0.json: no result"),
        ([("result_0.json", " " * 70_000)], "result_0.json: it is more than 65,536 bytes long"),
        ([("results.csv", "")], "results.csv: it is no result_N.json"),
        ([("result_0.json", None)] * 2, "result_0.json: it is there before"),
        ([("result_1.json", None)], "has 1 results, not 5,138, and lacks result_0.json"),
        ([], "has 0 results, not 5,138"),
    ],
)
def test_a_damaged_archive_is_named(tmp_path, network, files, says):
    write(tmp_path / "in", *((name, network if text is None else text) for name, text in files))
    refused(tmp_path, f"anb_dataset_jsons.tar.gz.*{says}")


def test_a_link_is_no_result(tmp_path):
    write(tmp_path / "in")
    with tarfile.open(tmp_path / "in" / ARCHIVE, "w:gz") as archive:
        member = tarfile.TarInfo("anb_dataset_jsons/result_0.json")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    refused(tmp_path, "result_0.json: it is no file")


@pytest.mark.parametrize("share", [0, 0.3, 0.7, 0.98])
def test_an_archive_that_is_cut_short_is_named(tmp_path, network, share):
    write(tmp_path / "in", *((f"result_{n}.json", network) for n in range(20)))
    path = tmp_path / "in" / ARCHIVE
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    refused(tmp_path, r"anb_dataset_jsons.tar.gz is damaged \(.*\): fetch it again")


@given(place=st.integers(0, 1 << 20), bit=st.integers(0, 7))
@settings(max_examples=20)
def test_an_archive_with_a_wrong_bit_is_refused(tmp_path_factory, network, place, bit):
    folder = tmp_path_factory.mktemp("flipped")
    write(folder / "in", *((f"result_{n}.json", network) for n in range(3)))
    path = folder / "in" / ARCHIVE
    content = bytearray(path.read_bytes())
    # Between the file's name and its length, neither of which is needed.
    start = content.index(0, 10) + 1
    content[start + place % (len(content) - 4 - start)] ^= 1 << bit
    assume(not _same(path.read_bytes(), bytes(content)))
    path.write_bytes(content)
    # It is found before the results are counted, which would be too few here in any case.
    refused(folder, r"anb_dataset_jsons.tar.gz( is damaged|, .*: )")


def _same(before, after):
    """Return whether two gzip files hold the same: a few bits of one are of no meaning."""
    try:
        return gzip.decompress(before) == gzip.decompress(after)
    except (OSError, EOFError, zlib.error):
        return False


@pytest.mark.published
@pytest.mark.parametrize(
    ("number", "edit", "says"),
    [
        (0, lambda names: [*names, "json/result_5138.json"], "entry 4100: .*no published training"),
        (0, lambda names: [*names, "json/result_443.json"], "entry 4100: the network of .*has a"),
        (2, lambda names: [7, *names], "it is not what it should be"),
    ],
)
def test_a_damaged_list_is_named(published, tmp_path, number, edit, says):
    folder = tmp_path / "in" / SPLIT
    folder.mkdir(parents=True)
    for name in LISTS:
        names = json.loads((published / SPLIT / name).read_text())
        (folder / name).write_text(json.dumps(edit(names) if name == LISTS[number] else names))
    (tmp_path / "in" / ARCHIVE).parent.mkdir()
    (tmp_path / "in" / ARCHIVE).symlink_to(published / ARCHIVE)
    refused(tmp_path, f"{LISTS[number]}.*{says}")


def test_a_missing_file_is_named(nasbench, tmp_path, network):
    write(tmp_path / "in", ("result_0.json", network))
    (tmp_path / "in" / ARCHIVE).unlink()
    done = nasbench("pack", "mnasnet", "--from", tmp_path / "in", "--out", tmp_path / "out")
    assert done.code == 2
    assert "anb_dataset_jsons.tar.gz, which is not there" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.published
@pytest.mark.slow
def test_packing_again_gives_the_same_bytes(published, tmp_path, table):
    folder = pack("mnasnet", published, tmp_path / "mnasnet")
    for name in ("table.h5", "index.json", "card.toml"):
        assert (folder / name).read_bytes() == (table.folder / name).read_bytes(), name
