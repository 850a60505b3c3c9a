"""A budget in epochs of training: what trials spend, and where a run ends."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_suite import load, open_experiment, registry
from nasbench_suite.core import Budget, BudgetTooSmall, InvalidSetting, NotMeasured, Proposal
from nasbench_suite.experiments import log
from nasbench_suite.experiments.compare import compare
from nasbench_suite.experiments.run import run
from nasbench_suite.experiments.search import IDLE, Evaluator, search
from nasbench_suite.scoring.curves import ends, trained
from nasbench_suite.strategies.base import FidelityStrategy, Strategy

STRATEGIES = registry.names("strategies")
CHOOSING = [s for s in STRATEGIES if issubclass(registry.load("strategies", s), FidelityStrategy)]
FRESH, CONTINUING = "nasbench201/cifar10", "nasbench_nlp/penn_treebank"
A, B, C = (1, 2, 3, 4, 3, 2), (3, 3, 3, 1, 3, 3), (0, 1, 2, 3, 4, 0)


def under(strategy):
    return "multi_fidelity" if strategy in CHOOSING else "standard"


class Changed:
    """A benchmark under other rules, some of whose trainings fail."""

    def __init__(self, table, failing=(), **changes):
        self._table, self._failing, self._changes = table, failing, changes

    def __getattr__(self, name):
        return getattr(self._table, name)

    def protocol(self, name):
        return dataclasses.replace(self._table.protocol(name), **self._changes)

    def query(self, arch, metric=None, *, epochs=None, seed="mean"):
        if arch in self._failing:
            raise NotMeasured("it failed")
        return self._table.query(arch, metric, epochs=epochs, seed=seed)


class Scripted(Strategy):
    """Asks for a list of architectures and epochs, and counts how often it is asked."""

    def __init__(self, space, *, rng, asked):
        super().__init__(space, rng=rng)
        self.left = list(asked)
        self.told = []

    def _ask(self):
        return Proposal(*self.left.pop(0))

    def _tell(self, trial):
        self.told.append(trial.number)


def searched(table, asked, budget, workers=1, **changes):
    """Search by a script; return the trials and what of the script is left."""
    protocol = Changed(table, **changes).protocol("multi_fidelity")
    strategy = Scripted(table.space, rng=np.random.default_rng(0), asked=asked)
    evaluate = Evaluator(Changed(table, **changes), protocol)
    trials = search(strategy, evaluate, budget, workers).trials
    assert strategy.told == [trial.number for trial in trials]
    return [(trial.arch, trial.epochs) for trial in trials], len(strategy.left)


def spent_by_hand(trials, *, continues):
    """Add up epochs: all of them, or of each architecture the longest training."""
    if not continues:
        return sum(trial.epochs for trial in trials)
    longest = {}
    for trial in trials:
        longest[trial.arch] = max(longest.get(trial.arch, 0), trial.epochs)
    return sum(longest.values())


# What a trial spends.


def test_a_training_that_starts_anew_spends_all_of_its_epochs(cifar10):
    asked = [(A, 12), (A, 200), (A, 200), (B, 12), (C, 12)]
    assert searched(cifar10, asked, Budget(epochs=424)) == (asked[:4], 1)
    assert searched(cifar10, asked, Budget(epochs=436)) == (asked, 0)
    assert searched(cifar10, asked, Budget(epochs=411)) == (asked[:2], 2)


def test_a_training_that_continues_spends_those_beyond_the_longest_before(cifar10):
    asked = [(A, 12), (A, 200), (A, 12), (A, 200), (B, 200), (B, 12), (C, 12), (C, 200)]
    # 12 + 188 + 0 + 0 + 200 + 0 + 12 = 412, and 188 more for the last.
    found = searched(cifar10, asked, Budget(epochs=599), continues=True)
    assert found == (asked[:7], 0)
    # Without any left there is nothing more to ask, were it for nothing.
    assert searched(cifar10, asked, Budget(epochs=200), continues=True) == (asked[:2], 6)
    assert searched(cifar10, asked, Budget(epochs=201), continues=True) == (asked[:4], 3)


def test_a_trial_that_fails_spends_its_epochs(cifar10):
    asked = [(A, 200), (B, 200), (A, 200)]
    found = searched(cifar10, asked, Budget(epochs=400), failing=[A])
    assert found == (asked[:2], 1)
    found = searched(cifar10, [(A, 12), (A, 200), (B, 12)], Budget(epochs=205), failing=[A])
    assert found == ([(A, 12)], 1)


def test_the_longest_training_is_meant_where_none_is_named(cifar10):
    assert searched(cifar10, [(A, None), (B, None)], Budget(epochs=399)) == ([(A, 200)], 0)


def test_what_is_in_flight_is_told(cifar10):
    """The third of three is asked while two are trained, and has no epochs left."""
    asked = [(A, 200), (B, 12), (C, 200), (A, 12)]
    found = searched(cifar10, asked, Budget(epochs=411), workers=3)
    assert found == ([(B, 12), (A, 200)], 1)
    # Nor is anything asked after that, though it would fit.
    found = searched(cifar10, asked, Budget(epochs=300), workers=2)
    assert found == ([(B, 12), (A, 200)], 1)


# Runs.


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("workers", [1, 4])
def test_a_run_is_a_longer_one_cut_where_its_epochs_end(cifar10, strategy, workers):
    protocol = under(strategy)
    most = 4000 if protocol == "multi_fidelity" else 400
    asked = {"seed": 2, "protocol": protocol, "workers": workers}
    done = run(strategy, cifar10, budget=Budget(epochs=most), **asked)
    spent = spent_by_hand(done.trials, continues=False)
    assert most - 200 < spent <= most
    assert trained(done, cifar10)[-1] == spent
    again = run(strategy, cifar10, budget=Budget(epochs=most), **asked)
    assert log.dump(again, cifar10.space) == log.dump(done, cifar10.space)
    assert log.parse(log.dump(done, cifar10.space), cifar10.space, "here") == done
    if workers > 1:
        return
    longer = run(strategy, cifar10, budget=Budget(len(done.trials) + 1), **asked)
    assert longer.trials[:-1] == done.trials
    assert spent_by_hand(longer.trials, continues=False) > most


RANDOM = {
    "name": st.sampled_from([FRESH, CONTINUING]),
    "strategy": st.sampled_from(["random_search", *CHOOSING]),
    "epochs": st.integers(1, 3000),
    "seed": st.integers(0, 1000),
    "workers": st.integers(1, 9),
    "seconds": st.none() | st.floats(500, 50_000),
    "evaluations": st.none() | st.integers(1, 200),
}


@settings(deadline=None, max_examples=60)
@given(**RANDOM)
def test_no_run_spends_more_than_its_epochs(
    name, strategy, epochs, seed, workers, seconds, evaluations
):
    table = load(name)
    rules = table.protocol("multi_fidelity")
    budget = Budget(evaluations, seconds, epochs=epochs)
    asked = {"seed": seed, "protocol": "multi_fidelity", "workers": workers}
    try:
        done = run(strategy, table, budget=budget, **asked)
    except BudgetTooSmall as error:
        if "seconds" in str(error):
            assert seconds is not None
        else:
            assert epochs < rules.epochs[-1]
        return
    spent = spent_by_hand(done.trials, continues=rules.continues)
    assert 0 < spent <= epochs
    assert len(done.trials) <= (evaluations or np.inf)
    assert ends(done)[-1] <= (seconds or np.inf)
    # One of the limits ended it: no trial of the longest training would have fitted in.
    if seconds is None and len(done.trials) != evaluations:
        assert spent > epochs - rules.epochs[-1]
    curve = trained(done, table)
    assert curve[-1] == spent
    assert (np.diff(curve) >= 0).all()


def test_of_several_budgets_the_first_that_is_spent_ends_the_run(cifar10):
    def trials(**limits):
        return run("random_search", cifar10, budget=Budget(**limits), seed=0).trials

    assert len(trials(epochs=120)) == 10
    assert len(trials(epochs=120, evaluations=9)) == 9
    assert trials(epochs=120, evaluations=11, seconds=1e9) == trials(epochs=120)
    assert trials(epochs=10**9, seconds=5000.0) == trials(seconds=5000.0)
    assert trials(epochs=120, real_seconds=600.0) == trials(epochs=120)


@pytest.fixture(scope="module")
def small():
    """All 423 cells, as if a longer training continued a shorter one."""
    return Changed(load("nasbench101_4v/cifar10"), continues=True)


def test_a_space_can_be_trained_to_the_last_epoch(small):
    whole = small.space.size * 108
    done = run("random_search", small, budget=Budget(epochs=whole), seed=0)
    assert {trial.arch for trial in done.trials} == set(small.space)
    assert trained(done, small)[-1] == whole
    # The last one was new, and nothing is asked after it.
    assert trained(done, small)[-2] == whole - 108


@pytest.mark.parametrize("budget", [Budget(epochs=10**9), Budget(seconds=1e12)])
def test_a_search_that_can_spend_nothing_more_ends(small, budget):
    done = run("random_search", small, budget=budget, seed=0)
    costs = [trial.cost for trial in done.trials]
    assert {trial.arch for trial in done.trials} == set(small.space)
    assert costs[-IDLE - 1] > 0
    assert costs[-IDLE:] == [0.0] * IDLE
    # Where something else ends the run, it is not cut.
    budget = dataclasses.replace(budget, evaluations=len(costs) + 5)
    assert len(run("random_search", small, budget=budget, seed=0).trials) == len(costs) + 5


# Refusals.


@pytest.mark.parametrize(
    ("name", "instead"),
    [("nasbench_macro/cifar10", "evaluations$"), ("transbench101_micro/jigsaw", "or seconds$")],
)
def test_epochs_where_there_are_none_are_refused(name, instead, tmp_path):
    asked = {"budget": Budget(epochs=100)}
    with pytest.raises(InvalidSetting, match=f"no epochs under the protocol standard.*{instead}"):
        run("random_search", name, seed=0, **asked)
    with pytest.raises(InvalidSetting, match="no epochs"):
        compare([name], ["random_search"], seeds=2, out=tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_epochs_that_no_trial_fits_in_are_refused(cifar10, tmp_path):
    with pytest.raises(
        BudgetTooSmall, match="11 epochs is too small: the first trial trains for 12"
    ):
        run("random_search", cifar10, budget=Budget(epochs=11), seed=0)
    asked = {"protocol": "multi_fidelity", "seeds": 2, "out": tmp_path / "out"}
    with pytest.raises(BudgetTooSmall, match=r"trains for 200 \(random_search on .* 2 of 4 runs\)"):
        compare([FRESH], ["hyperband", "random_search"], budget=Budget(epochs=100), **asked)
    assert not (tmp_path / "out").exists()


def test_epochs_are_a_whole_number():
    for epochs in (0, -1, 1.5, 12.0, "12", True, float("nan"), 10**13, -(10**5000)):
        with pytest.raises(InvalidSetting, match="epochs: a whole number"):
            Budget(epochs=epochs)


# On disk.


def test_an_experiment_says_epochs_only_where_they_are_limited(tmp_path):
    """Of other budgets the text is what it was before there were epochs."""
    asked = {"seeds": 1, "strategies": ["random_search"], "benchmarks": [FRESH]}
    plain = compare(budget=Budget(5), out=tmp_path / "plain", **asked)
    text = (plain.folder / "experiment.json").read_text()
    written = (
        '"budget": {\n    "evaluations": 5,\n    "seconds": null,\n    "real_seconds": null\n  }'
    )
    assert written in text
    assert open_experiment(plain.folder).budget == Budget(5)
    limited = compare(budget=Budget(epochs=60), out=tmp_path / "limited", **asked)
    assert '"epochs": 60' in (limited.folder / "experiment.json").read_text()
    found = open_experiment(limited.folder)
    assert found == limited
    (one,) = found.runs(FRESH, "random_search")
    assert one == run("random_search", FRESH, budget=Budget(epochs=60), seed=0)
    (first,) = plain.runs(FRESH, "random_search")
    assert one.trials == first.trials
