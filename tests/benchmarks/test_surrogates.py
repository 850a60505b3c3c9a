"""What a fitted surrogate takes to be opened, and to answer."""

import numpy as np
import pytest

from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark

MANY = 10_000
SHIPPED = ("mnasnet", "nasbench101", "hwgpt_s")


def asked(name):
    bench = SurrogateBenchmark.open(name)
    protocol = bench.protocols["standard"]
    epochs = protocol.epochs[-1] if protocol.epochs else None
    rng = np.random.default_rng(0)
    return bench, {"metric": protocol.objective, "epochs": epochs}, rng


@pytest.mark.parametrize("name", SHIPPED)
def test_opening(side_by_side, name):
    def first():
        bench, question, rng = asked(name)
        return bench.query(bench.space.sample(rng), **question)

    side_by_side(f"open the surrogate of {name} and give the first answer", first, limit=0.1)


@pytest.mark.parametrize("name", SHIPPED)
def test_one(side_by_side, name):
    bench, question, rng = asked(name)
    # New ones each time: what was asked before is remembered.
    archs = iter([bench.space.sample(rng) for _ in range(23 * 100)])

    def some(these):
        for arch in these:
            bench.query(arch, **question)

    side_by_side(
        f"the surrogate of {name}, one architecture",
        some,
        count=100,
        limit=1e-4,
        fresh=lambda: ([next(archs) for _ in range(100)],),
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_many(side_by_side, name):
    bench, question, rng = asked(name)
    archs = [bench.space.sample(rng) for _ in range(MANY)]
    side_by_side(
        f"the surrogate of {name}, one of {MANY:,}",
        lambda: bench.query_many(archs, **question),
        count=MANY,
        rounds=10,
        limit=5e-6,
    )
