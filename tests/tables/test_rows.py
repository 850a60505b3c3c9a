"""A table of canonical forms finds any way to write a cell, alone or among many."""

import numpy as np
import pytest

from nasbench_suite.core import DamagedTable, InvalidArchitecture
from nasbench_suite.tables.rows import Rows
from nasbench_suite.tables.store import Table


@pytest.fixture(scope="module")
def table():
    return Table.open("nasbench101_sample")


def test_every_row_is_found_by_its_own_genes(table):
    rows = table._rows
    assert np.array_equal(rows.find_many(rows.genes), np.arange(table.rows))
    for row in range(0, table.rows, 1_000):
        assert rows.find(rows.arch(row)) == row
        assert rows.find(rows.text(row)) == row


def test_any_way_to_write_a_cell_finds_it(table):
    space, rows = table.space, table._rows
    place = {rows.arch(row): row for row in range(table.rows)}
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(5_000)]
    expected = [place.get(space.canonical(arch), -1) for arch in archs]
    assert 0 < sum(row >= 0 for row in expected) < len(archs)
    for dtype in (np.int8, np.int64, np.uint16):
        assert rows.find_many(np.array(archs, dtype=dtype)).tolist() == expected
    numbers = [space.index(arch) for arch in archs[:200]]
    assert rows.find_many(numbers).tolist() == expected[:200]
    assert rows.find_many([space.format(arch) for arch in archs[:200]]).tolist() == expected[:200]


@pytest.mark.parametrize("wrong", [-1, 3])
def test_one_that_is_no_architecture_is_named(table, wrong):
    genes = table._rows.genes[:5].astype(int)
    genes[3, 25] = wrong
    with pytest.raises(InvalidArchitecture, match=f"gene 25 is {wrong}"):
        table._rows.find_many(genes)
    with pytest.raises(InvalidArchitecture, match="has 4 genes, the space has 26"):
        table._rows.find_many(genes[:, :4])
    assert table._rows.find_many(genes[:0]).tolist() == []


def test_a_file_whose_genes_are_no_cells_is_damaged(table):
    rows = Rows(table._mapped, table._rows._index, table.space)
    # All zeros join no input to its output.
    vars(rows)["genes"] = np.zeros((table.rows, 26), dtype=np.int8)
    with pytest.raises(DamagedTable, match="not connected"):
        rows.find(table._rows.arch(0))
