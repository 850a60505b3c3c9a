"""The table of HW-GPT-Bench, scale S, compared with its source."""

import numpy as np
import pytest

from nasbench_suite import Budget, load, run
from nasbench_suite.core import InvalidSetting, NotMeasured, UnknownName
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.pack import pack

GPUS = ("P100", "a100", "a40", "a6000", "h100", "rtx2080", "rtx3080", "v100")
CPUS = ("cpu_a6000", "cpu_alldlc", "cpu_meta", "cpu_mlgpu", "cpu_p100", "helix_cpu")

# The first row of the published hardware file.
TEXT = "gpt-s-10-768-2-2-4-4-3-3-3-4-4-2-4-12-12-4-4-12-12-8-4-12-False"


@pytest.fixture(scope="module")
def table():
    return load("hwgpt_s/openwebtext", "table")


def test_a_network_can_be_looked_up(table):
    assert (table.rows, table.covers_space) == (10_000, False)
    assert table.query(TEXT, "a100_latency_ms") == 23.7105
    assert table.query(TEXT, "params") == table.space.network(table.space.parse(TEXT)).params
    record = table.record(TEXT, "perplexity")
    assert (record.split, record.unit, record.epochs) == ("validation", "", None)
    assert 24 < record.value < 42
    assert table.metrics["perplexity"].direction == "min"
    with pytest.raises(NotMeasured, match="10,000 architectures of hwgpt_s"):
        table.query(TEXT.replace("-2-2-4-4-", "-4-2-4-4-"))


def test_it_is_a_sample_that_no_search_may_use(table):
    assert table.best(table.protocol("standard").report) is None
    with pytest.raises(InvalidSetting, match="holds a sample of hwgpt_s"):
        run("random_search", table, budget=Budget(evaluations=5), seed=0)


def test_energy_that_was_not_measured_is_missing(table):
    energies = {name for name in table.metrics if name.endswith("_energy_kwh")}
    assert len(energies) == 8 + 5
    assert all(table.frame(energies).min() > 0)
    with pytest.raises(UnknownName):
        table.query(TEXT, "cpu_p100_energy_kwh")


def test_scales_of_cpus_are_not_said_to_be_milliseconds(table):
    for name, metric in table.metrics.items():
        if "_latency" in name:
            measured_on_gpu = not any(cpu in name for cpu in CPUS)
            assert (metric.unit == "ms") is name.endswith("_ms") is measured_on_gpu
    defects = " ".join(read_card(table.folder)["defects"])
    assert "one trained super-network" in defects
    assert "must not be compared" in defects


@pytest.mark.published
def test_every_value_is_the_published_one(published, table):
    import pandas as pd

    words = {"n_head": str, "mlp_ratio": str}
    folder = published / "hw-gpt-bench"
    quality, hardware = (
        pd.read_csv(folder / f"hwgpt_s_{part}.csv.gz", dtype=words)
        for part in ("perplexity", "hardware")
    )
    columns = {"params": "params", "macs": "macs", "published_flops": "flops"}
    for gpu in GPUS:
        columns[f"{gpu.lower()}_latency_ms"] = f"gpu_lat_ms_{gpu}"
        columns[f"{gpu.lower()}_energy_kwh"] = f"energy_gpu_kwh_{gpu}"
    for cpu in CPUS:
        columns[f"{cpu}_latency"] = f"cpu_lat_ms_{cpu}"
        columns[f"{cpu}_energy_kwh"] = f"energy_cpu_kwh_{cpu}"
    for gpu in ("a100", "rtx2080"):
        columns[f"{gpu}_memory_mb"] = f"mem_mb_{gpu}"
    assert (hardware[columns.pop("cpu_p100_energy_kwh")] == 0).all()
    for frame, named in ((quality, {"perplexity": "perplexity"}), (hardware, columns)):
        genes = np.array([genes_of(row) for row in frame.itertuples()])
        assert len(genes) == table.rows == 10_000
        for metric, column in named.items():
            assert np.array_equal(table.query_many(genes, metric), frame[column]), metric
        if frame is quality:
            accuracy = table.query_many(genes, "val_accuracy")
            assert np.array_equal(accuracy, frame["accuracy"] * 100)
    assert set(columns) | {"perplexity", "val_accuracy"} == set(table.metrics)
    assert {*hardware.columns} - set(columns.values()) == {
        *("embed_dim", "n_layer", "n_head", "mlp_ratio", "bias", "energy_cpu_kwh_cpu_p100")
    }


def genes_of(row):
    """Return the genes of a published row, without the space."""
    ratios = [int(word) - 2 for word in row.mlp_ratio.split("-")]
    heads = [int(word) // 4 - 1 for word in row.n_head.split("-")]
    unused = [0] * (12 - row.n_layer)
    embedding = {192: 0, 384: 1, 768: 2}[row.embed_dim]
    return [embedding, row.n_layer - 10, *ratios, *unused, *heads, *unused, row.bias]


@pytest.mark.published
@pytest.mark.slow
def test_packing_again_gives_the_same_bytes(published, tmp_path, table):
    folder = pack("hwgpt_s", published, tmp_path / "hwgpt_s")
    for name in ("table.h5", "index.json", "card.toml"):
        assert (folder / name).read_bytes() == (table.folder / name).read_bytes(), name
