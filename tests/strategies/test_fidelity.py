"""Strategies that choose how long to train: what they ask, and of which lengths."""

from collections import Counter

import numpy as np
import pytest

from nasbench_suite import load, registry
from nasbench_suite.core import Budget, InvalidSetting, Trial
from nasbench_suite.experiments.run import run
from nasbench_suite.strategies.hyperband import rungs


def make(name, epochs, seed=0, **settings):
    space = registry.load("spaces", "nasbench201")
    kind = registry.load("strategies", name)
    return kind(space, rng=np.random.default_rng(seed), epochs=epochs, **settings)


def play(strategy, count, in_flight=1, score=lambda arch, epochs: float(sum(arch))):
    """Ask ahead and tell in order; return the proposals."""
    asked, told = [], 0
    while told < count:
        while len(asked) < min(count, told + in_flight):
            asked.append(strategy.ask())
        arch, epochs = asked[told]
        value = score(arch, epochs)
        status = "failed" if value is None else "ok"
        value = -np.inf if value is None else value
        strategy.tell(Trial(told, arch, epochs, {}, 1.0, status, value))
        told += 1
    return asked


@pytest.mark.parametrize(
    ("epochs", "eta", "chosen"),
    [
        ((1, 3, 9, 27, 81), 3, (1, 3, 9, 27, 81)),
        ((4, 12, 36, 108), 3, (4, 12, 36, 108)),
        ((12, 200), 3, (12, 200)),
        (tuple(range(1, 201)), 4, (3, 12, 50, 200)),
        ((100, 200), 3, (200,)),
        ((), 3, (None,)),
    ],
)
def test_rungs_are_measured_lengths(epochs, eta, chosen):
    assert rungs(epochs, eta) == chosen


def test_hyperband_is_the_papers_table():
    """Li et al., JMLR 2018, table 1: R = 81 and eta = 3, the brackets of s = 4 to s = 0."""
    brackets = [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]
    expected = [epochs for bracket in brackets for size, epochs in bracket for _ in range(size)]
    asked = play(make("hyperband", (1, 3, 9, 27, 81)), 2 * len(expected))
    assert [proposal.epochs for proposal in asked] == 2 * expected


@pytest.mark.parametrize("name", ["hyperband", "successive_halving"])
def test_the_best_of_a_rung_train_longer(name):
    asked = play(make(name, (12, 200)), 18)
    assert [proposal.epochs for proposal in asked] == [12] * 17 + [200]
    assert sum(asked[17].arch) == max(sum(proposal.arch) for proposal in asked[:17])


def test_of_equals_the_earlier_trains_longer():
    asked = play(make("successive_halving", (12, 200)), 18, score=lambda *_: 1.0)
    assert asked[17].arch == asked[0].arch


def test_a_failed_trial_ranks_last():
    best = play(make("successive_halving", (12, 200)), 18)[17].arch
    asked = play(
        make("successive_halving", (12, 200)),
        18,
        score=lambda arch, _: None if arch == best else float(sum(arch)),
    )
    assert asked[17].arch != best
    assert sum(asked[17].arch) == max(sum(p.arch) for p in asked[:17] if p.arch != best)


def test_halving_always_begins_short():
    asked = play(make("successive_halving", (1, 3, 9), survivors=2), 60)
    assert [proposal.epochs for proposal in asked[:52]] == 2 * ([1] * 18 + [3] * 6 + [9] * 2)


@pytest.mark.parametrize("in_flight", [2, 8, 40])
def test_in_flight_no_architecture_is_lost(in_flight):
    """Whatever is out, each full bracket has its 17 short trainings and its long one."""
    asked = play(make("successive_halving", (12, 200)), 18 * 20, in_flight)
    counts = Counter(proposal.epochs for proposal in asked)
    assert counts[200] >= 20 - in_flight // 17 - 2
    shorter = {proposal.arch for proposal in asked if proposal.epochs == 12}
    assert all(proposal.arch in shorter for proposal in asked if proposal.epochs == 200)


@pytest.mark.parametrize("name", ["hyperband", "successive_halving"])
def test_on_the_table_only_measured_lengths_are_paid(name):
    bench = load("nasbench201/cifar10")
    found = run(name, bench, budget=Budget(seconds=60_000), seed=1, protocol="multi_fidelity")
    assert {trial.epochs for trial in found.trials} == {12, 200}
    for trial in found.trials[:40]:
        at = {"epochs": trial.epochs}
        assert trial.values == {"val_accuracy": bench.query(trial.arch, "val_accuracy", **at)}
        # Each training starts anew and is paid whole.
        assert trial.cost == bench.query(trial.arch, "train_seconds", **at)


@pytest.mark.parametrize("name", ["hyperband", "successive_halving"])
def test_a_protocol_of_one_length_is_refused(name):
    with pytest.raises(InvalidSetting, match="multi_fidelity"):
        run(name, "nasbench201/cifar10", budget=Budget(evaluations=5), seed=0)


@pytest.mark.parametrize(
    ("epochs", "settings"),
    [((200, 12), {}), ((12, 12), {}), ((12, 200), {"eta": 1.0}), ((12, 200), {"eta": "x"})],
)
def test_settings_out_of_range(epochs, settings):
    with pytest.raises(InvalidSetting):
        make("hyperband", epochs, **settings)


@pytest.mark.parametrize("survivors", [0, 1_000_000])
def test_survivors_out_of_range(survivors):
    with pytest.raises(InvalidSetting, match="survivors"):
        make("successive_halving", (12, 200), survivors=survivors)
