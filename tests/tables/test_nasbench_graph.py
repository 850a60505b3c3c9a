"""The tables of NAS-Bench-Graph, compared with their source."""

import numpy as np
import pytest

from nasbench_suite import Budget, load, run, unpickle
from nasbench_suite.core import InvalidArchitecture, InvalidSetting, NotMeasured
from nasbench_suite.tables.pack import pack
from nasbench_suite.tables.store import Table

GRAPHS = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv")
BOTH = pytest.mark.parametrize("name", ["nasbench_graph", "nasbench_graph_proteins"])


@pytest.mark.parametrize("graph", GRAPHS)
def test_each_graph_covers_the_space(graph):
    table = load(f"nasbench_graph/{graph}")
    assert table.rows == table.space.size == 26_206
    assert table.covers_space
    assert set(table.metrics) == {"val_accuracy", "test_accuracy", "latency_ms", "params"}
    assert table.record(0).runs == 3
    with pytest.raises(NotMeasured, match="no single runs"):
        table.query(0, seed=0)


def test_proteins_can_be_looked_up_and_not_searched():
    table = load("nasbench_graph/proteins")
    assert (table.rows, table.covers_space) == (2_021, False)
    assert 70 < table.query("0123:fc,gcn,sage,arma", "val_performance") < 90
    with pytest.raises(NotMeasured, match="2,021 architectures"):
        table.query("0123:gat,gcn,sage,arma", "val_performance")
    with pytest.raises(InvalidSetting, match="holds a sample of nasbench_graph"):
        run("random_search", table, budget=Budget(evaluations=5), seed=0)
    every = table.query_many(np.arange(26_206), "val_performance")
    assert np.count_nonzero(~np.isnan(every)) == 2_021
    assert table.best(table.protocol("standard").report) is None


def test_genes_outside_the_space_are_refused_at_once():
    """Some tuples are no architectures, also where they are asked in an array."""
    for graph in ("cora", "proteins"):
        table = load(f"nasbench_graph/{graph}")
        inside = np.array([[8, 7, 1, 4, 5], [8, 8, 7, 1, 4]])
        assert not np.isnan(table.query_many(inside)).any()
        with pytest.raises(InvalidArchitecture, match="node 4 is a skip"):
            table.query_many(np.array([[8, 7, 1, 4, 5], [8, 7, 1, 4, 8]]))


def test_a_search_goes_through_the_space():
    found = run("local_search", "nasbench_graph/cora", budget=Budget(evaluations=300), seed=0)
    assert len({trial.arch for trial in found.trials}) > 200
    assert max(trial.score for trial in found.trials) > 80


@pytest.mark.published
@pytest.mark.parametrize("graph", [*GRAPHS, "proteins"])
def test_every_value_is_the_published_one(published, graph):
    table = load(f"nasbench_graph/{graph}")
    found = unpickle.load(published / f"nas-bench-graph/{graph}.bench")
    assert len(found) == table.rows
    # A key's digits are the number of the list of parents and those of the operations.
    genes = np.array([[key // 10**place % 10 for place in (4, 3, 2, 1, 0)] for key in found])
    measure = "performance" if graph == "proteins" else "accuracy"
    units = {
        f"val_{measure}": ("valid_perf", 100),
        f"test_{measure}": ("perf", 100),
        "latency_ms": ("latency", 1e3),
    }
    for metric, (column, factor) in units.items():
        expected = np.array([entry[column] * factor for entry in found.values()])
        assert np.array_equal(table.query_many(genes, metric), expected), metric
    millions = np.array([entry["para"] for entry in found.values()])
    params = table.query_many(genes, "params")
    assert np.allclose(params, millions * 1e6, rtol=1e-12, atol=0)
    broken = np.count_nonzero(params % 1)
    assert broken == (1_113 if graph == "physics" else 0)
    assert set(units) | {"params"} == set(table.metrics)


@pytest.mark.published
@pytest.mark.slow
@BOTH
def test_packing_again_gives_the_same_bytes(published, tmp_path, name):
    folder = pack(name, published, tmp_path / name)
    table = Table.open(name)
    for file in ("table.h5", "index.json", "card.toml"):
        assert (folder / file).read_bytes() == (table.folder / file).read_bytes(), file
