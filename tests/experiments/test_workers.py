"""Several simulated workers: asynchronous, exact, and the same each time."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_suite import load, registry
from nasbench_suite.core import Budget, DamagedInput, InvalidSetting, Proposal, Trial
from nasbench_suite.experiments import clock, log
from nasbench_suite.experiments.run import run
from nasbench_suite.experiments.search import search
from nasbench_suite.scoring.curves import ends, incumbents, reported
from nasbench_suite.strategies.base import FidelityStrategy, Strategy

STRATEGIES = registry.names("strategies")
SPACE = registry.load("spaces", "nasbench201")


@pytest.fixture(scope="module")
def table():
    return load("nasbench201/cifar10")


def under(strategy):
    kind = registry.load("strategies", strategy)
    return "multi_fidelity" if issubclass(kind, FidelityStrategy) else "standard"


class Scripted(Strategy):
    """Asks for the same again and again, and notes what it hears."""

    def __init__(self, rng):
        super().__init__(SPACE, rng=rng)
        self.heard = []

    def _ask(self):
        self.heard.append(("ask", self._asked))
        return Proposal((0,) * 6)

    def _tell(self, trial):
        self.heard.append(("tell", trial.number))


class Priced:
    """Makes trials that cost what a list says."""

    def __init__(self, costs):
        self._costs = costs

    def __call__(self, number, proposal):
        return Trial(number, proposal.arch, None, {"a": 1.0}, self._costs[number], "ok", 1.0)

    def changed(self, trials):
        return None


def by_hand(costs, workers, seconds):
    """Move a clock from event to event, over a table of who is busy until when."""
    busy = [(0.0, None)] * workers
    events, told, asked, now = [], [], 0, 0.0
    while True:
        for place, (_, number) in enumerate(busy):
            if number is None and asked < len(costs):
                events.append(("ask", asked))
                busy[place] = (now + costs[asked], asked)
                asked += 1
        running = sorted((end, number) for end, number in busy if number is not None)
        if not running or running[0][0] > seconds:
            return events, told
        now, number = running[0]
        busy = [(e, None if n == number else n) for e, n in busy]
        events.append(("tell", number))
        told.append((number, now))


COSTS = st.lists(st.integers(0, 5).map(float) | st.floats(0, 10), min_size=1, max_size=30)


@settings(deadline=None)
@given(COSTS, st.integers(1, 9), st.none() | st.floats(0.5, 40))
def test_the_events_are_those_of_a_clock(costs, workers, seconds):
    """Who is asked and told when is found by an independent simulation, ties included."""
    strategy = Scripted(np.random.default_rng(0))
    budget = Budget(len(costs), seconds)
    events, told = by_hand(costs, workers, np.inf if seconds is None else seconds)
    if not told:
        with pytest.raises(InvalidSetting, match="too small"):
            search(strategy, Priced(costs), budget, workers)
        return
    trials = search(strategy, Priced(costs), budget, workers).trials
    assert strategy.heard == events
    assert [trial.number for trial in trials] == [number for number, _ in told]
    # From numbers and costs alone it follows when each trial ended.
    assert clock.ends(trials, workers) == [end for _, end in told]


def test_four_trials_on_two_workers():
    """By hand: 0 ends at 5, 1 at 2, then 2 runs from 2 to 3 and 3 from 3 to 7."""
    strategy = Scripted(np.random.default_rng(0))
    trials = search(strategy, Priced([5.0, 2.0, 1.0, 4.0]), Budget(4), 2).trials
    assert [trial.number for trial in trials] == [1, 2, 0, 3]
    assert clock.ends(trials, 2) == [2.0, 3.0, 5.0, 7.0]


def test_an_order_that_cannot_be_is_refused():
    trial = Trial(2, (0,) * 6, None, {}, 1.0, "failed", -np.inf)
    with pytest.raises(ValueError, match="cannot have ended"):
        clock.ends([trial], 2)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("workers", [2, 8])
def test_every_strategy_with_several_workers(table, strategy, workers):
    asked = {"budget": Budget(60), "seed": 1, "protocol": under(strategy), "workers": workers}
    made = run(strategy, table, **asked)
    assert sorted(trial.number for trial in made.trials) == list(range(60))
    text = log.dump(made, table.space)
    assert log.dump(run(strategy, table, **asked), table.space) == text
    back = log.parse(text, table.space, "here")
    assert back == made
    assert ends(back).tolist() == ends(made).tolist()
    assert (np.diff(ends(made)) >= 0).all()


def test_more_workers_end_sooner_and_know_less(table):
    def end(workers):
        return ends(run("random_search", table, budget=Budget(200), seed=0, workers=workers))[-1]

    # Random search asks the same architectures whatever the order.
    assert end(8) < end(2) / 3 < end(1) / 5


def test_the_incumbent_is_of_what_has_ended(table):
    made = run("regularized_evolution", table, budget=Budget(100), seed=3, workers=8)
    assert [trial.number for trial in made.trials] != list(range(100))
    chosen = incumbents(made)
    scores = [trial.score for trial in made.trials]
    for place in range(100):
        assert scores[chosen[place]] == max(scores[: place + 1])
    arch = made.trials[chosen[-1]].arch
    assert reported(made, table)[-1] == table.query(arch, "test_accuracy")


def test_seconds_are_of_each_worker(table):
    """Eight workers do about eight times as much in the same time, and none ends late."""
    one, eight = (
        run("random_search", table, budget=Budget(seconds=10_000), seed=0, workers=workers)
        for workers in (1, 8)
    )
    assert ends(eight)[-1] <= 10_000
    assert 7 < len(eight.trials) / len(one.trials) < 9


def test_real_seconds_end_a_run(table):
    made = run("random_search", table, budget=Budget(real_seconds=0.05), seed=0)
    longer = run("random_search", table, budget=Budget(real_seconds=0.5), seed=0)
    assert 0 < len(made.trials) < len(longer.trials)
    # Only the length depends on the clock.
    assert longer.trials[: len(made.trials)] == made.trials
    with pytest.raises(InvalidSetting, match="real seconds is too small"):
        run("random_search", table, budget=Budget(real_seconds=1e-9), seed=0)


@pytest.mark.parametrize(
    ("line", "change"),
    [
        (0, {"workers": 0}),
        (0, {"workers": "8"}),
        (3, {"number": 11}),
        (3, {"number": -1}),
        (3, {"number": None}),
        (4, {"number": 0}),
    ],
)
def test_a_log_of_another_order_is_refused(table, line, change):
    made = run("random_search", table, budget=Budget(12), seed=0, workers=3)
    lines = log.dump(made, table.space).split("\n")
    lines[line] = json.dumps({**json.loads(lines[line]), **change})
    with pytest.raises(DamagedInput):
        log.parse("\n".join(lines), table.space, "here")


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", True, None])
def test_workers_are_a_whole_number(table, workers):
    with pytest.raises(InvalidSetting, match="workers"):
        run("random_search", table, budget=Budget(2), seed=0, workers=workers)
