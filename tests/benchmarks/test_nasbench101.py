"""The cells of NAS-Bench-101: all of them from nothing, and an architecture's own.

What stands beside the canonical form is the official hash, which answers the same question:
which architectures are the same cell. It is computed here by the suite.
"""

import numpy as np
import pytest

from nasbench_suite import registry
from nasbench_suite.spaces import _cells101

COUNT = 2_000
HASHED = 200


@pytest.fixture(scope="module")
def space():
    return registry.load("spaces", "nasbench101")


@pytest.fixture(scope="module")
def archs(space):
    rng = np.random.default_rng(0)
    return [space.sample(rng) for _ in range(COUNT)]


@pytest.fixture
def official(beside, space, archs):
    def theirs():
        for arch in archs[:HASHED]:
            space.fingerprint(arch)

    return beside("the official hash", theirs, HASHED, faster=10)


def test_all_cells_from_nothing(side_by_side):
    side_by_side(
        "nasbench101, all 423,624 cells",
        lambda anew: anew(),
        rounds=10,
        limit=2.0,
        fresh=lambda: (_cells101.tables.__wrapped__,),
    )


def test_the_cell_of_a_spec(side_by_side, official, space, archs):
    specs = [(matrix.tolist(), words) for matrix, words in map(space.to_spec, archs)]

    def ours():
        for matrix, words in specs:
            space.canonical(space.from_spec(matrix, words))

    what = "nasbench101, canonical form of a matrix and operations"
    side_by_side(what, ours, official, count=COUNT, limit=5e-6)


def test_the_cell_of_an_architecture(side_by_side, official, space, archs):
    def ours():
        for arch in archs:
            space.canonical(arch)

    side_by_side("nasbench101, canonical form of genes", ours, official, count=COUNT, limit=5e-6)


@pytest.mark.parametrize("dtype", ["int64", "int8"])
def test_the_cells_of_a_batch(side_by_side, official, space, archs, dtype):
    genes = np.array(archs, dtype=dtype)
    side_by_side(
        f"nasbench101, canonical forms of a batch of {dtype}",
        lambda: space.cells[space.numbers(genes)],
        official,
        count=COUNT,
        limit=0.3e-6,
    )


def test_moves(side_by_side, space, archs):
    rng = np.random.default_rng(0)

    def ours():
        for arch in archs:
            space.mutate(arch, rng)

    side_by_side("nasbench101, a mutation", ours, count=COUNT)


def test_samples(side_by_side, space):
    rng = np.random.default_rng(0)

    def ours():
        for _ in range(COUNT):
            space.sample(rng)

    side_by_side("nasbench101, a sample", ours, count=COUNT)
