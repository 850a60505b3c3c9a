"""The scores of an experiment, against numbers looked up by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from nasbench_suite import Budget, compare, load, open_experiment, summarise
from nasbench_suite.core import DamagedInput, DataNotFound
from nasbench_suite.scoring.curves import ends, reported

BENCHMARKS = ["nasbench201/cifar10", "nasbench201/cifar100"]
STRATEGIES = ["regularized_evolution", "random_search"]


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    return summarise(
        compare(
            BENCHMARKS,
            STRATEGIES,
            budget=Budget(30),
            seeds=6,
            out=tmp_path_factory.mktemp("summary") / "out",
        )
    )


def best_by_hand(run, table):
    """Return the test accuracy of the architecture with the best validation accuracy."""
    best = max(run.trials, key=lambda trial: trial.values["val_accuracy"])
    return table.query(best.arch, "test_accuracy", epochs=200)


def test_there_is_a_score_for_each_in_the_order_asked(summary):
    assert [(score.benchmark, score.strategy) for score in summary.scores] == [
        (benchmark, strategy) for benchmark in BENCHMARKS for strategy in STRATEGIES
    ]


def test_scores_are_means_of_what_runs_found(summary):
    for score in summary.scores:
        runs = list(summary.experiment.runs(score.benchmark, score.strategy))
        finals = [best_by_hand(run, load(score.benchmark)) for run in runs]
        assert summary.finals[score.benchmark, score.strategy].tolist() == finals
        assert score.mean == pytest.approx(np.mean(finals), rel=1e-14)
        assert score.std == pytest.approx(np.std(finals, ddof=1), rel=1e-12)
        low, high = stats.t.interval(0.95, 5, np.mean(finals), stats.sem(finals))
        assert (score.ci_low, score.ci_high) == pytest.approx((low, high), rel=1e-12)
        assert (score.runs, score.evaluations, score.metric) == (6, 30, "test_accuracy")


def test_the_optimum_is_that_of_the_table(summary):
    assert summary.optimum == pytest.approx({BENCHMARKS[0]: 94.3733333, BENCHMARKS[1]: 73.5133333})
    assert {name: metric.name for name, metric in summary.reported.items()} == dict.fromkeys(
        BENCHMARKS, "test_accuracy"
    )
    for name, metric in summary.reported.items():
        assert metric == load(name).metrics["test_accuracy"]


def test_curves_by_evaluations_are_means_after_each(summary):
    for benchmark in BENCHMARKS:
        table = load(benchmark)
        for strategy in STRATEGIES:
            curve = summary.by_evaluations[benchmark, strategy]
            values = [reported(run, table) for run in summary.experiment.runs(benchmark, strategy)]
            assert curve.grid.tolist() == list(range(1, 31))
            np.testing.assert_allclose(curve.mean, np.mean(values, axis=0), rtol=1e-14)
            assert curve.runs == 6


def test_curves_by_seconds_end_when_the_first_run_does(summary):
    for benchmark in BENCHMARKS:
        table = load(benchmark)
        found = {s: list(summary.experiment.runs(benchmark, s)) for s in STRATEGIES}
        horizon = min(ends(run)[-1] for runs in found.values() for run in runs)
        for strategy, runs in found.items():
            curve = summary.by_seconds[benchmark, strategy]
            assert curve.grid[-1] == pytest.approx(horizon)
            for point in (50, 120, -1):
                now = curve.grid[point]
                reached = [
                    reported(run, table)[np.flatnonzero(ends(run) <= now)[-1]] for run in runs
                ]
                assert curve.mean[point] == pytest.approx(np.mean(reached), rel=1e-14)


def test_a_budget_of_seconds_is_the_horizon(tmp_path):
    budget = Budget(seconds=10_000.0)
    experiment = compare(BENCHMARKS[:1], STRATEGIES, budget=budget, seeds=3, out=tmp_path)
    summary = summarise(experiment)
    for score in summary.scores:
        counts = [len(run.trials) for run in experiment.runs(score.benchmark, score.strategy)]
        assert score.evaluations == pytest.approx(np.mean(counts))
        key = score.benchmark, score.strategy
        assert summary.by_seconds[key].grid[-1] == 10_000.0
        assert len(summary.by_evaluations[key].grid) == min(counts)
        # At the end of the budget each run stands where it ended.
        assert summary.by_seconds[key].mean[-1] == pytest.approx(score.mean, rel=1e-14)


def test_a_single_run_has_no_interval(tmp_path):
    summary = summarise(
        compare(BENCHMARKS[:1], STRATEGIES, budget=Budget(5), seeds=1, out=tmp_path)
    )
    for score in summary.scores:
        assert math.isfinite(score.mean)
        assert np.isnan([score.std, score.ci_low, score.ci_high]).all()
        curve = summary.by_evaluations[score.benchmark, score.strategy]
        assert np.isfinite(curve.mean).all()
        assert np.isnan([curve.low, curve.high]).all()


def test_a_comparison_read_from_its_folder_has_the_same_scores(summary):
    again = summarise(open_experiment(summary.experiment.folder))
    assert again.scores == summary.scores


def test_runs_that_are_missing_or_damaged_are_not_scored(tmp_path):
    experiment = compare(BENCHMARKS[:1], STRATEGIES, budget=Budget(5), seeds=2, out=tmp_path)
    path = experiment.path(BENCHMARKS[0], "random_search", 1)
    path.write_text(path.read_text()[:-1])
    with pytest.raises(DamagedInput, match=r"1\.jsonl, line 6"):
        summarise(experiment)
    path.unlink()
    with pytest.raises(DataNotFound, match=r"1\.jsonl"):
        summarise(experiment)
