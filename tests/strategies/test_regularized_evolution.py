"""Regularised evolution: who is alive, who is a parent."""

from collections import Counter, deque

import numpy as np
import pytest
from scipy.stats import chisquare

from nasbench_suite import load, registry
from nasbench_suite.core import Budget, InvalidSetting, Trial
from nasbench_suite.experiments.run import run
from nasbench_suite.scoring.curves import reported
from nasbench_suite.spaces.nasbench201 import Nasbench201
from nasbench_suite.strategies.regularized_evolution import RegularizedEvolution
from nasbench_suite.testing import TinySpace


class Watched(Nasbench201):
    """Remembers the parent of each mutation."""

    def __init__(self):
        self.parents = []

    def mutate(self, arch, rng):
        self.parents.append(arch)
        return super().mutate(arch, rng)


def search(space, population_size=10, sample_size=3, seed=0):
    rng = np.random.default_rng(seed)
    return RegularizedEvolution(
        space, rng=rng, population_size=population_size, sample_size=sample_size
    )


def tell(strategy, number, arch, score):
    if score is None:
        strategy.tell(Trial(number, arch, None, {}, 1.0, "failed", -np.inf))
    else:
        strategy.tell(Trial(number, arch, None, {"a": score}, 1.0, "ok", score))


@pytest.mark.parametrize("size", [1, 4, 10])
def test_the_best_of_the_youngest_is_the_parent(size):
    """With a sample that finds everybody, the parent is the best of the last `size` born."""
    space = Watched()
    strategy = search(space, size, sample_size=40 * size)
    scores = np.random.default_rng(1).permutation(300).astype(float)
    # The second architecture is better than all others, and must leave with its generation.
    scores[1] = 1000.0
    alive = deque(maxlen=size)
    for number, score in enumerate(scores.tolist()):
        arch = strategy.ask().arch
        if number < size:
            assert space.parents == []
        else:
            parent = max(alive)[1]
            assert space.parents[-1] == parent
            assert arch in space.neighbours(parent)
        tell(strategy, number, arch, score)
        alive.append((score, arch))
    assert len(space.parents) == 300 - size


def test_failed_trials_never_enter():
    space = Watched()
    strategy = search(space, 5, sample_size=200)
    rng = np.random.default_rng(2)
    alive = deque(maxlen=5)
    for number in range(300):
        arch = strategy.ask().arch
        if number >= 5:
            assert space.parents[-1] == max(alive)[1]
        if number > 0 and rng.random() < 0.5:
            tell(strategy, number, arch, None)
        else:
            score = float(rng.random())
            tell(strategy, number, arch, score)
            alive.append((score, arch))


def test_without_a_survivor_it_draws_at_random():
    space = Watched()
    strategy = search(space, 5)
    for number in range(50):
        tell(strategy, number, strategy.ask().arch, None)
    assert space.parents == []
    survivor = strategy.ask().arch
    tell(strategy, 50, survivor, 1.0)
    strategy.ask()
    assert space.parents == [survivor]


def test_the_parent_is_the_best_of_a_sample_with_replacement():
    """The chance of rank r of P to be the best of S draws is ((P-r)^S - (P-r-1)^S) / P^S."""
    space = Watched()
    strategy = search(space, population_size=6, sample_size=3)
    ranks = {}
    for number in range(6):
        arch = strategy.ask().arch
        ranks[arch] = number
        tell(strategy, number, arch, -float(number))
    assert len(ranks) == 6
    for _ in range(4000):
        strategy.ask()
    seen = Counter(ranks[parent] for parent in space.parents)
    expected = [4000 * ((6 - r) ** 3 - (5 - r) ** 3) / 6**3 for r in range(6)]
    assert chisquare([seen[r] for r in range(6)], expected).pvalue > 1e-3


def test_children_in_flight_are_not_parents_yet():
    space = Watched()
    strategy = search(space, population_size=2, sample_size=50)
    first = [strategy.ask().arch for _ in range(2)]
    for number, arch in enumerate(first):
        tell(strategy, number, arch, float(number))
    child, _ = strategy.ask().arch, strategy.ask().arch
    assert space.parents == [first[1]] * 2
    tell(strategy, 2, child, 5.0)
    strategy.ask()
    assert space.parents[-1] == child


def test_while_the_first_generation_is_in_flight_it_draws_at_random():
    space = Watched()
    strategy = search(space, population_size=4)
    for _ in range(12):
        strategy.ask()
    assert space.parents == []


def test_the_defaults_are_those_of_the_nats_bench_paper():
    assert RegularizedEvolution.settings() == {"population_size": 10, "sample_size": 3}


@pytest.mark.parametrize("name", ["population_size", "sample_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "10", None, True])
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(InvalidSetting, match=name):
        search(TinySpace(), **{name: value})


def test_where_nothing_can_mutate_it_draws_from_the_space():
    class Single(TinySpace):
        genes = (1, 1, 1)

    strategy = search(Single(), population_size=2)
    for number in range(30):
        arch = strategy.ask().arch
        assert arch == (0, 0, 0)
        tell(strategy, number, arch, 1.0)


def test_a_sample_larger_than_any_population_is_refused():
    with pytest.raises(InvalidSetting, match="sample_size"):
        search(TinySpace(), sample_size=1_000_000)


def test_it_beats_random_search():
    table = load("nasbench201/cifar10")
    gains = []
    for seed in range(100):
        ends = [
            reported(run(name, table, budget=Budget(200), seed=seed), table)[-1]
            for name in ("regularized_evolution", "random_search")
        ]
        gains.append(ends[0] - ends[1])
    assert np.mean(gains) > 3 * np.std(gains, ddof=1) / np.sqrt(len(gains))


def test_a_space_may_be_smaller_than_the_population():
    strategy = search(TinySpace(), population_size=100)
    for number in range(300):
        tell(strategy, number, strategy.ask().arch, float(number % 7))


def test_every_child_is_one_mutation_away():
    space = registry.load("spaces", "nats_sss")
    strategy = search(space, population_size=3)
    born = []
    for number in range(200):
        arch = strategy.ask().arch
        if number >= 3:
            assert any(arch in space.neighbours(parent) for parent in born[-3:])
        tell(strategy, number, arch, float(number))
        born.append(arch)
