"""Local search on landscapes where every step is known."""

import numpy as np
import pytest

from nasbench_suite import load, registry
from nasbench_suite.core import Budget, InvalidArchitecture, InvalidSetting, Trial
from nasbench_suite.experiments.run import run
from nasbench_suite.scoring.curves import reported
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import SpaceExhausted
from nasbench_suite.strategies.local_search import LocalSearch
from nasbench_suite.testing import TinySpace
from nasbench_suite.testing.made_up import landscape


class Board(Space):
    """Three rows and three columns; the neighbours of a field share its row or column."""

    name = "board"
    genes = (3, 3)

    def __init__(self, *starts):
        self.starts = list(starts)

    def sample(self, rng):
        return self.starts.pop(0)

    def parse(self, text):
        raise InvalidArchitecture(text)

    def format(self, arch):
        return str(arch)

    def graph(self, arch, *, classes, size):
        raise NotImplementedError


def search(space, starts=10, seed=0):
    return LocalSearch(space, rng=np.random.default_rng(seed), starts=starts)


def step(strategy, score):
    """Ask, tell what the architecture scores (a failed trial if None), and return it."""
    arch = strategy.ask().arch
    value = score(arch)
    number = strategy._asked - 1
    if value is None:
        strategy.tell(Trial(number, arch, None, {}, 1.0, "failed", -np.inf))
    else:
        strategy.tell(Trial(number, arch, None, {"a": value}, 1.0, "ok", value))
    return arch


def steps(strategy, score, count):
    return {step(strategy, score) for _ in range(count)}


def test_it_goes_to_the_best_neighbour_and_restarts_at_an_optimum():
    scores = {
        (0, 0): 1.0, (1, 0): 2.0, (2, 0): 5.0, (0, 1): 3.0, (0, 2): 4.0,
        (2, 1): 0.0, (2, 2): 4.5, (1, 1): 9.0, (1, 2): -1.0,
    }  # fmt: skip
    board = Board((0, 0))
    strategy = search(board, starts=1)
    assert step(strategy, scores.get) == (0, 0)
    # All of its row and column; the best of them is (2, 0), and not the first to improve.
    assert steps(strategy, scores.get, 4) == {(1, 0), (2, 0), (0, 1), (0, 2)}
    # The neighbours of (2, 0) that were not evaluated yet; none is better than 5.
    assert steps(strategy, scores.get, 2) == {(2, 1), (2, 2)}
    # So it starts anew from what is left, and looks around there.
    assert steps(strategy, scores.get, 2) == {(1, 1), (1, 2)}
    with pytest.raises(SpaceExhausted, match="all 9 architectures"):
        strategy.ask()


def test_a_neighbour_as_good_as_here_is_no_step():
    board = Board((0, 0), (1, 1))
    strategy = search(board, starts=1)
    assert step(strategy, lambda arch: 1.0) == (0, 0)
    assert steps(strategy, lambda arch: 1.0, 4) == {(1, 0), (2, 0), (0, 1), (0, 2)}
    left = {(1, 1), (1, 2), (2, 1), (2, 2)}
    start = step(strategy, lambda arch: 1.0)
    around = {
        other for other in left if sum(a != b for a, b in zip(other, start, strict=True)) == 1
    }
    assert len(around) == 2
    assert steps(strategy, lambda arch: 1.0, 2) == around


def test_the_walk_begins_at_the_best_of_the_starts():
    scores = {(0, 0): 1.0, (1, 1): 3.0, (2, 2): 2.0}
    strategy = search(Board((0, 0), (1, 1), (1, 1), (2, 2)), starts=3)
    # A start drawn twice is drawn again.
    assert steps(strategy, scores.get, 3) == {(0, 0), (1, 1), (2, 2)}
    assert steps(strategy, lambda arch: 0.0, 4) == {(0, 1), (1, 0), (1, 2), (2, 1)}


def test_a_failed_neighbour_is_never_gone_to():
    scores = {(0, 0): -7.0, (0, 1): -8.0}
    strategy = search(Board((0, 0), (1, 1)), starts=1)
    assert step(strategy, scores.get) == (0, 0)
    steps(strategy, scores.get, 4)
    # Nothing around (0, 0) is better, as three failed and one is worse: a new start.
    assert step(strategy, scores.get) in {(1, 1), (1, 2), (2, 1), (2, 2)}


def test_failed_starts_are_followed_by_another_start():
    strategy = search(Board((0, 0), (1, 1), (2, 2), (0, 1)), starts=2)
    assert steps(strategy, lambda arch: None, 2) == {(0, 0), (1, 1)}
    assert step(strategy, lambda arch: None) == (2, 2)
    assert step(strategy, lambda arch: 1.0) == (0, 1)
    assert steps(strategy, lambda arch: 0.0, 2) == {(0, 2), (2, 1)}


def test_while_neighbours_are_in_flight_it_looks_elsewhere():
    strategy = search(Board((0, 0), (1, 1)), starts=1)
    first = strategy.ask().arch
    elsewhere = strategy.ask().arch
    assert (first, elsewhere) == ((0, 0), (1, 1))
    strategy.tell(Trial(0, first, None, {"a": 1.0}, 1.0, "ok", 1.0))
    assert {strategy.ask().arch for _ in range(4)} == {(1, 0), (2, 0), (0, 1), (0, 2)}


@pytest.mark.parametrize("starts", [1, 3, 8, 100])
@pytest.mark.parametrize("in_flight", [1, 4])
def test_it_ends_when_everything_was_seen_once(starts, in_flight):
    space = TinySpace()
    strategy = search(space, starts)
    asked = []
    for number in range(space.size):
        asked.append(strategy.ask().arch)
        if number >= in_flight - 1:
            told = number - in_flight + 1
            score = landscape(asked[told])
            strategy.tell(Trial(told, asked[told], None, {"a": score}, 1.0, "ok", score))
    assert sorted(asked) == sorted(space)
    with pytest.raises(SpaceExhausted, match="all 8 architectures"):
        strategy.ask()


def test_a_run_ends_with_the_space():
    class Small(Board):
        genes = (3, 3, 3, 3, 3)
        sample = Space.sample

    strategy = search(Small())
    assert steps(strategy, landscape, 243) == set(Small())
    with pytest.raises(SpaceExhausted):
        strategy.ask()


def test_it_never_repeats_itself():
    done = run("local_search", "nasbench201/cifar10", budget=Budget(3000), seed=5)
    assert len({trial.arch for trial in done.trials}) == 3000


def test_neighbours_are_asked_in_random_order():
    space = registry.load("spaces", "nasbench201")
    genes = set()
    for seed in range(40):
        strategy = search(space, starts=1, seed=seed)
        start, first = (step(strategy, landscape) for _ in range(2))
        (place,) = (k for k in range(6) if start[k] != first[k])
        genes.add(place)
    assert genes == set(range(6))


@pytest.mark.parametrize("starts", [0, -1, 1.5, "10", None, True])
def test_settings_out_of_range_are_refused(starts):
    with pytest.raises(InvalidSetting, match="starts"):
        search(TinySpace(), starts)


def test_it_beats_random_search():
    table = load("nasbench201/cifar10")
    gains = []
    for seed in range(100):
        ends = [
            reported(run(name, table, budget=Budget(200), seed=seed), table)[-1]
            for name in ("local_search", "random_search")
        ]
        gains.append(ends[0] - ends[1])
    assert np.mean(gains) > 3 * np.std(gains, ddof=1) / np.sqrt(len(gains))
