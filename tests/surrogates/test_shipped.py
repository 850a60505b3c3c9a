"""The surrogates that are shipped: small, quick, as good as their cards say, and good enough."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import Budget, load, run
from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
from nasbench_suite.campaigns.examining import Examined, examine
from nasbench_suite.surrogates import fitted

ROOT = Path(__file__).parents[2] / "surrogates"
SHIPPED = ("hwgpt_s", "mnasnet", "nasbench101")
MOST_BYTES = 40_000_000
THROUGHPUTS = [f"{device}_throughput" for device in ("a100", "rtx3090", "zcu102")]
# Metric and epochs; Kendall's tau and R2 on the test part at least.
REACHED = [
    ("mnasnet", "val_accuracy", None, 0.931, 0.9867),
    *(("mnasnet", metric, None, 0.97, 0.99) for metric in THROUGHPUTS),
    ("nasbench101", "val_accuracy", 108, 0.85, 0.0),
    ("hwgpt_s", "perplexity", None, 0.98, 0.999),
    ("hwgpt_s", "a100_latency_ms", None, 0.985, 0.999),
]


@cache
def opened(name):
    return SurrogateBenchmark(ROOT / name)


@cache
def metrics(name):
    """Each fitted metric with its test part predicted anew: what differs from the card raises."""
    found = examine(ROOT / name).metrics
    return {(one.metric.name, one.epochs): one for one in found if isinstance(one, Examined)}


def some(name, count=300):
    rng = np.random.default_rng(0)
    return [opened(name).space.sample(rng) for _ in range(count)]


def test_all_are_found_and_small():
    assert {folder for folder in fitted.folders().values() if folder.parent == ROOT} == {
        ROOT / name for name in SHIPPED
    }
    sizes = [path.stat().st_size for path in ROOT.rglob("*") if path.is_file()]
    assert 0 < sum(sizes) <= MOST_BYTES
    assert not list(ROOT.glob("*/.fitting"))


@pytest.mark.parametrize("name", SHIPPED)
def test_it_answers_as_its_card_says(name):
    """On the test part of the table, which was neither fitted nor calibrated with."""
    found = metrics(name)
    assert len(found) == sum("scores" in entry for entry in opened(name).card["predictors"])
    for one in found.values():
        assert one.scores["coverage"] == pytest.approx(one.held.mean(), abs=1e-5)


@pytest.mark.parametrize(("name", "metric", "epochs", "tau", "r2"), REACHED)
def test_it_is_good_enough(name, metric, epochs, tau, r2):
    scores = metrics(name)[metric, epochs].scores
    assert scores["kendall"] >= tau
    assert scores["r2"] >= r2


@pytest.mark.parametrize("name", SHIPPED)
def test_intervals_of_what_is_searched_hold(name):
    searched = opened(name).protocol("standard").report
    found = metrics(name)[searched.metric, searched.epochs]
    assert 0.88 <= found.scores["coverage"] <= 0.92


def test_intervals_hold_on_average():
    """Of a few hundred architectures, which also calibrate, single metrics are off by chance."""
    for name in SHIPPED:
        held = [one.held.mean() for one in metrics(name).values()]
        assert 0.88 <= np.mean(held) <= 0.92, name
        assert min(held) > 0.85, name
        assert max(held) < 0.95, name


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_says_how_quick_it_is(name):
    speed = opened(name).card["speed"]
    assert speed["opening_ms"] <= 100
    assert speed["one_us"] <= 100
    assert speed["many_us"] <= 5


@pytest.mark.parametrize("name", SHIPPED)
def test_the_same_question_has_the_same_answer(name):
    archs = some(name)
    again = SurrogateBenchmark(ROOT / name)
    for seed in ("mean", 3):
        answers = opened(name).query_many(archs, seed=seed)
        assert again.query_many(archs, seed=seed).tobytes() == answers.tobytes()
        assert opened(name).query(archs[7], seed=seed) == again.query(archs[7], seed=seed)
        assert answers[7] == pytest.approx(again.query(archs[7], seed=seed))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_metric_answers_for_the_whole_space(name):
    archs = some(name)
    for metric in opened(name).metrics:
        for epochs in opened(name).epochs(metric):
            answers = opened(name).query_many(archs, metric, epochs=epochs)
            assert np.isfinite(answers).all()
            assert len(set(answers.tolist())) > 100
            assert (answers > 0).all(), (metric, epochs)


@pytest.mark.parametrize("name", ["mnasnet/imagenet", "nasbench101/cifar10"])
def test_a_search_runs_on_predictions(name):
    searched = load(name)
    found = run("regularized_evolution", name, budget=Budget(evaluations=200), seed=0)
    assert (searched.source, found.source, found.data) == ("surrogate", "surrogate", searched.data)
    best = max(found.trials, key=lambda trial: trial.score)
    record = searched.record(best.arch)
    assert record.source == "predicted"
    assert record.std > 0
    assert record.value > searched.average(searched.protocol("standard").report)
    assert searched.query(best.arch, seed=0) == best.values["val_accuracy"] != record.value


def test_shorter_trainings_are_cheaper_and_worse():
    searched, archs = load("nasbench101/cifar10"), some("nasbench101")
    lengths = searched.protocol("multi_fidelity").epochs
    assert lengths == searched.epochs("val_accuracy") == searched.epochs("train_seconds")
    seconds = [searched.query_many(archs, "train_seconds", epochs=at) for at in lengths]
    assert seconds[0] == pytest.approx(seconds[-1] * 4 / 108)
    means = [searched.query_many(archs, epochs=at).mean() for at in lengths]
    assert means == sorted(means)
    found = run(
        "hyperband",
        "nasbench101/cifar10",
        budget=Budget(seconds=100_000),
        protocol="multi_fidelity",
        seed=0,
    )
    assert {trial.epochs for trial in found.trials} > {4}
