"""One run: its budget, its seed, and what the search is shown and charged."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import load, registry
from nasbench_suite.core import (
    Budget,
    InvalidArchitecture,
    InvalidSetting,
    NasbenchError,
    NotMeasured,
    Proposal,
    UnknownName,
)
from nasbench_suite.experiments import log
from nasbench_suite.experiments.run import VERSION, Evaluator, run, search
from nasbench_suite.scoring.curves import ends
from nasbench_suite.strategies.base import FidelityStrategy, Strategy
from nasbench_suite.strategies.local_search import LocalSearch
from nasbench_suite.tables.card import read_card
from nasbench_suite.testing import TinySpace

STRATEGIES = registry.names("strategies")


def under(strategy):
    """A protocol that the strategy can use."""
    several = issubclass(registry.load("strategies", strategy), FidelityStrategy)
    return "multi_fidelity" if several else "standard"


@pytest.fixture(scope="module")
def table():
    return load("nasbench201/cifar10")


class Watched:
    """A benchmark that writes down what it is asked, and may answer otherwise."""

    def __init__(self, table, answers=None, **changes):
        self.asked = []
        self._table = table
        self._answers = answers or {}
        self._changes = changes

    def __getattr__(self, name):
        return getattr(self._table, name)

    def protocol(self, name):
        return dataclasses.replace(self._table.protocol(name), **self._changes)

    def query(self, arch, metric=None, *, epochs=None, seed="mean"):
        self.asked.append((metric, epochs, seed))
        if metric in self._answers:
            return self._answers[metric](arch, epochs)
        return self._table.query(arch, metric, epochs=epochs, seed=seed)


class Scripted(Strategy):
    """Asks for a list of proposals, and keeps the trials that it is told."""

    def __init__(self, space, *, rng, proposals=()):
        super().__init__(space, rng=rng)
        self.left = list(proposals)
        self.trials = []

    def _ask(self):
        return self.left.pop(0)

    def _tell(self, trial):
        self.trials.append(trial)


def scripted(table, proposals):
    return Scripted(table.space, rng=np.random.default_rng(0), proposals=proposals)


def failing(arch, epochs):
    raise NotMeasured("nobody did")


# The budget.


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("evaluations", [1, 7, 100])
def test_a_budget_of_evaluations_is_spent_exactly(table, strategy, evaluations):
    done = run(strategy, table, budget=Budget(evaluations), seed=0, protocol=under(strategy))
    assert [trial.number for trial in done.trials] == list(range(evaluations))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("seed", range(5))
def test_a_trial_that_would_end_after_the_last_second_is_not_in_the_run(table, strategy, seed):
    budget = Budget(seconds=20_000)
    done = run(strategy, table, budget=budget, seed=seed, protocol=under(strategy))
    assert ends(done)[-1] <= 20_000
    # The same search with one more trial would be over it.
    longer = run(
        strategy, table, budget=Budget(len(done.trials) + 1), seed=seed, protocol=under(strategy)
    )
    assert longer.trials[:-1] == done.trials
    assert ends(longer)[-1] > 20_000


@pytest.mark.parametrize("seed", range(10))
def test_a_trial_that_ends_with_the_last_second_is_in_the_run(table, seed):
    trials = run("random_search", table, budget=Budget(60), seed=seed)
    for count in (1, 10, 60):
        seconds = float(ends(trials)[count - 1])
        done = run("random_search", table, budget=Budget(seconds=seconds), seed=seed)
        assert done.trials == trials.trials[:count]
        assert float(ends(done)[-1]) == seconds


def test_of_two_budgets_the_first_that_is_spent_ends_the_run(table):
    few = run("random_search", table, budget=Budget(5, 1e9), seed=0)
    quick = run("random_search", table, budget=Budget(10**9, 5000.0), seed=0)
    assert len(few.trials) == 5
    assert 0 < len(quick.trials) < 200
    assert quick.trials == run("random_search", table, budget=Budget(seconds=5000.0), seed=0).trials


def test_seconds_that_no_trial_fits_in_are_refused(table):
    with pytest.raises(InvalidSetting, match="too small"):
        run("random_search", table, budget=Budget(seconds=0.5), seed=0)


@pytest.mark.parametrize(
    "budget", [{}, {"evaluations": 0}, {"seconds": 0.0}, {"seconds": -1.0}, {"seconds": np.nan}]
)
def test_an_empty_budget_is_refused(budget):
    with pytest.raises(InvalidSetting):
        Budget(**budget)


def test_without_measured_seconds_a_trial_costs_one(table):
    bare = Watched(table, cost=None)
    done = run("random_search", bare, budget=Budget(20), seed=0)
    assert ends(done).tolist() == list(range(1, 21))
    with pytest.raises(InvalidSetting, match="no measured seconds"):
        run("random_search", bare, budget=Budget(seconds=100.0), seed=0)


def test_a_strategy_with_nothing_left_to_ask_ends_the_run(table):
    strategy = LocalSearch(TinySpace(), rng=np.random.default_rng(0))
    numbered = Watched(
        table,
        {"val_accuracy": lambda arch, epochs: float(sum(arch)), "train_seconds": lambda *_: 2.0},
    )
    trials = search(strategy, Evaluator(numbered, table.protocol("standard")), Budget(100)).trials
    assert len(trials) == 8


# Seeds and facts.


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_seed_gives_one_run(table, strategy):
    one, same, other = (
        run(strategy, table, budget=Budget(80), seed=seed, protocol=under(strategy))
        for seed in (3, 3, 4)
    )
    assert one == same
    assert one.trials != other.trials


def test_a_benchmark_is_given_by_name_or_opened(table):
    budget = Budget(10)
    by_name = run("random_search", "nasbench201/cifar10", budget=budget, seed=1)
    assert by_name == run("random_search", table, budget=budget, seed=1)


def test_the_run_says_what_was_asked(table):
    budget = Budget(30, 1e6)
    done = run(
        "regularized_evolution",
        table,
        budget=budget,
        seed=12,
        protocol="multi_fidelity",
        settings={"sample_size": 5},
    )
    assert done.benchmark == "nasbench201/cifar10"
    assert done.source == "table"
    assert done.data == read_card(table.folder)["files"]["table.h5"]["sha256"]
    assert (done.protocol, done.objective, done.direction) == (
        "multi_fidelity",
        "val_accuracy",
        "max",
    )
    assert done.strategy == "regularized_evolution"
    assert done.settings == {"population_size": 10, "sample_size": 5}
    assert (done.seed, done.budget, done.version) == (12, budget, VERSION)


@pytest.mark.parametrize("task", ["cifar10", "cifar100", "imagenet16-120"])
def test_trials_have_the_values_of_the_table(task):
    table = load(f"nasbench201/{task}")
    for trial in run("local_search", table, budget=Budget(100), seed=2).trials:
        value = table.query(trial.arch, "val_accuracy", epochs=12)
        assert trial.values == {"val_accuracy": value}
        assert trial.score == value
        assert trial.cost == table.query(trial.arch, "train_seconds", epochs=12)
        assert (trial.epochs, trial.status) == (12, "ok")


# What a search may see.


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_search_is_shown_the_objective_alone(table, strategy):
    watched = Watched(table)
    done = run(strategy, watched, budget=Budget(50), seed=0, protocol=under(strategy))
    lengths = {trial.epochs for trial in done.trials}
    assert set(watched.asked) == {
        (metric, epochs, "mean")
        for metric in ("val_accuracy", "train_seconds")
        for epochs in lengths
    }
    assert len(watched.asked) == 100
    assert all(set(trial.values) == {"val_accuracy"} for trial in done.trials)


def test_a_strategy_is_told_each_trial_once_and_in_order(table):
    rng = np.random.default_rng(0)
    strategy = scripted(table, [Proposal(table.space.sample(rng)) for _ in range(20)])
    trials = search(strategy, Evaluator(table, table.protocol("standard")), Budget(20)).trials
    assert strategy.trials == trials


def test_where_less_is_better_the_score_is_negative(table):
    rng = np.random.default_rng(0)
    protocol = dataclasses.replace(table.protocol("standard"), objective="val_loss", epochs=(200,))
    for number in range(5):
        arch = table.space.sample(rng)
        trial = Evaluator(table, protocol)(number, Proposal(arch))
        assert trial.values == {"val_loss": table.query(arch, "val_loss")}
        assert trial.score == -table.query(arch, "val_loss")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_was_not_measured_is_a_failed_trial(table, strategy):
    def sometimes(arch, epochs):
        if sum(arch) % 3 == 0:
            raise NotMeasured("nobody did")
        return table.query(arch, "val_accuracy", epochs=epochs)

    done = run(
        strategy,
        Watched(table, {"val_accuracy": sometimes}),
        budget=Budget(60),
        seed=0,
        protocol=under(strategy),
    )
    assert len(done.trials) == 60
    for trial in done.trials:
        if sum(trial.arch) % 3 == 0:
            assert (trial.status, dict(trial.values), trial.score) == ("failed", {}, -np.inf)
        else:
            assert trial.status == "ok"
        assert trial.cost == table.query(trial.arch, "train_seconds", epochs=trial.epochs)
    assert {trial.status for trial in done.trials} == {"ok", "failed"}


def test_an_architecture_that_is_none_ends_the_run(table):
    strategy = scripted(table, [Proposal((0, 1, 2, 3, 4, 5))])
    with pytest.raises(InvalidArchitecture):
        search(strategy, Evaluator(table, table.protocol("standard")), Budget(1))


# Several fidelities.


def test_each_fidelity_has_its_own_value_and_cost(table):
    arch, other = (1, 2, 3, 4, 3, 2), (3, 3, 3, 1, 3, 3)
    asked = [(arch, 12), (arch, 200), (other, 200), (other, 12), (arch, None)]
    strategy = scripted(table, [Proposal(*pair) for pair in asked])
    trials = search(strategy, Evaluator(table, table.protocol("multi_fidelity")), Budget(5)).trials
    assert [trial.epochs for trial in trials] == [12, 200, 200, 12, 200]
    for trial in trials:
        assert trial.score == table.query(trial.arch, "val_accuracy", epochs=trial.epochs)
        assert trial.cost == table.query(trial.arch, "train_seconds", epochs=trial.epochs)


@pytest.mark.parametrize("epochs", [0, 1, 13, 199, 400, -12])
def test_epochs_that_the_protocol_lacks_are_refused(table, epochs):
    evaluate = Evaluator(table, table.protocol("multi_fidelity"))
    with pytest.raises(InvalidSetting, match=f"{epochs} epochs.* 12, 200"):
        evaluate(0, Proposal((0,) * 6, epochs))
    with pytest.raises(InvalidSetting, match="200 epochs"):
        Evaluator(table, table.protocol("standard"))(0, Proposal((0,) * 6, 200))


def test_a_training_that_continues_pays_the_difference_once(table):
    protocol = dataclasses.replace(table.protocol("multi_fidelity"), continues=True)
    arch, other = (1, 2, 3, 4, 3, 2), (3, 3, 3, 1, 3, 3)
    short, whole = (table.query(arch, "train_seconds", epochs=epochs) for epochs in (12, 200))
    evaluate = Evaluator(table, protocol)
    asked = [
        (arch, 12),
        (arch, 200),
        (arch, 200),
        (arch, 12),
        (arch, 200),
        (other, 200),
        (other, 12),
    ]
    costs = [evaluate(number, Proposal(*pair)).cost for number, pair in enumerate(asked)]
    alone = table.query(other, "train_seconds", epochs=200)
    assert costs == [short, whole - short, 0.0, 0.0, 0.0, alone, 0.0]


# Refusals before anything is done.


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"strategy": "local_serach"}, UnknownName),
        ({"strategy": "base"}, UnknownName),
        ({"benchmark": "nasbench201/cifar11"}, UnknownName),
        ({"protocol": "standart"}, UnknownName),
        ({"settings": {"start": 3}}, UnknownName),
        ({"settings": {"starts": 0}}, InvalidSetting),
        ({"settings": {"starts": "3"}}, InvalidSetting),
    ],
)
def test_a_wrong_question_is_refused(changes, error):
    asked = {"strategy": "local_search", "benchmark": "nasbench201/cifar10", **changes}
    with pytest.raises(error):
        run(budget=Budget(3), seed=0, **asked)


def test_a_table_that_lacks_architectures_is_not_searched(table):
    sample = Watched(table)
    sample.covers_space = False
    with pytest.raises(InvalidSetting, match="looked up"):
        run("random_search", sample, budget=Budget(3), seed=0)
    assert sample.asked == []


def test_a_preset_stands_for_its_settings():
    """A run records what it was set to, and the name of a preset gives the same run."""
    name, benchmark = "regularized_evolution", "nasbench201/cifar10"
    budget = Budget(evaluations=120)
    preset = run(name, benchmark, budget=budget, seed=3, settings="paper")
    assert preset.settings == {"population_size": 100, "sample_size": 25}
    assert preset == run(name, benchmark, budget=budget, seed=3, settings=preset.settings)
    with pytest.raises(UnknownName, match=r"no preset named 'papr' of .*: did you mean paper"):
        run(name, benchmark, budget=budget, seed=3, settings="papr")
    with pytest.raises(InvalidSetting, match="a mapping or a preset's name"):
        run(name, benchmark, budget=budget, seed=3, settings=3)


@pytest.mark.parametrize(
    ("strategy", "settings"),
    [
        ("optuna", {"options": {"gamma": len}}),
        ("edge_bandits", {"rate": float("nan")}),
        ("edge_bandits", {"rate": 10**400}),
        ("edge_bandits", {"window": 10**5000}),
        ("q_learning", {1: 2}),
        ("q_learning", 5),
        (5, None),
    ],
)
def test_settings_that_no_log_can_hold_are_refused(table, strategy, settings):
    with pytest.raises(NasbenchError) as caught:
        run(strategy, table, budget=Budget(evaluations=2), seed=0, settings=settings)
    assert len(str(caught.value)) < 500


def test_settings_are_as_a_log_gives_them_back(table):
    """A tuple is a list, whoever reads it."""
    budget = Budget(evaluations=12)
    grid = {f"gene_{place}": (0, 1) for place in range(6)}
    settings = {"sampler": "GridSampler", "options": {"search_space": grid}}
    found = run("optuna", table, budget=budget, seed=0, settings=settings)
    text = log.dump(found, table.space)
    assert log.parse(text, table.space, "here").settings == found.settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": True},
        {"seed": "x"},
        {"seed": 1.5},
        {"budget": 5},
        {"protocol": None},
        {"strategy": None},
        {"strategy": "x\0.py:Mine"},
        {"seed": -(10**5000)},
        {"benchmark": None},
        {"benchmark": Path("x")},
        {"protocol": ["standard"]},
    ],
)
def test_arguments_of_the_wrong_type_are_refused(table, wrong):
    asked = {"strategy": "random_search", "benchmark": table, "budget": Budget(2), "seed": 0}
    with pytest.raises(NasbenchError) as caught:
        run(**{**asked, **wrong})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "budget",
    [
        {"evaluations": True},
        {"seconds": True},
        {"seconds": 10**400},
        {"seconds": "5"},
        {"evaluations": -(10**5000)},
        {"evaluations": 10**5000},
        {"real_seconds": -(10**5000)},
    ],
)
def test_a_budget_of_the_wrong_type_is_refused(budget):
    with pytest.raises(InvalidSetting):
        Budget(**budget)
