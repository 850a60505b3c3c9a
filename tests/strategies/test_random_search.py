"""Random search draws as the space does, and gives the published result."""

import numpy as np
import pytest

from nasbench_suite import load, registry
from nasbench_suite.core import Budget
from nasbench_suite.experiments.run import run
from nasbench_suite.scoring.curves import reported
from nasbench_suite.strategies.random_search import RandomSearch
from nasbench_suite.testing.made_up import answer


@pytest.mark.parametrize("name", ["nasbench201", "nats_sss"])
def test_it_draws_as_the_space_samples(name):
    space = registry.load("spaces", name)
    rng = np.random.default_rng(11)
    expected = [space.sample(rng) for _ in range(500)]
    search = RandomSearch(space, rng=np.random.default_rng(11))
    assert [search.ask().arch for _ in range(500)] == expected


def test_what_it_is_told_changes_nothing():
    space = registry.load("spaces", "nasbench201")
    told, untold = (RandomSearch(space, rng=np.random.default_rng(1)) for _ in range(2))
    for number in range(200):
        proposal = told.ask()
        assert proposal == untold.ask()
        told.tell(answer(number, proposal, failed=number % 2 == 0))


def test_it_gives_the_row_of_the_nats_bench_paper():
    # Dong et al., TPAMI 2021, table 4: RANDOM on CIFAR-10 after 20,000 seconds, 500 runs,
    # 93.86 +- 0.23 % test accuracy.
    table = load("nasbench201/cifar10")
    budget = Budget(seconds=20_000)
    finals = np.array(
        [
            reported(run("random_search", table, budget=budget, seed=n), table)[-1]
            for n in range(500)
        ]
    )
    assert finals.mean() == pytest.approx(93.86, abs=0.10)
    assert finals.std() == pytest.approx(0.23, abs=0.10)
