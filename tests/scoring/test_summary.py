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


# Beyond means.


def test_medians_and_middles_are_those_of_the_finals(summary):
    for score in summary.scores:
        finals = summary.finals[score.benchmark, score.strategy]
        assert score.median == np.median(finals)
        assert score.iqm == pytest.approx(stats.trim_mean(finals, 0.25), rel=1e-14)
        assert score.median_low <= score.median <= score.median_high
        assert score.iqm_low <= score.iqm <= score.iqm_high
        assert finals.min() <= score.iqm_low
        assert score.iqm_high <= finals.max()


def test_unique_trainings_and_simulated_seconds_are_counted(summary):
    for score in summary.scores:
        runs = list(summary.experiment.runs(score.benchmark, score.strategy))
        assert score.unique == np.mean([len({trial.arch for trial in r.trials}) for r in runs])
        spent = [sum(trial.cost for trial in run.trials) for run in runs]
        assert score.simulated_seconds == pytest.approx(np.mean(spent), rel=1e-12)
    assert any(score.unique < score.evaluations for score in summary.scores)


def test_regret_and_improvement_are_against_the_whole_table(summary):
    for score in summary.scores:
        column = load(score.benchmark).query_many(np.arange(15625), "test_accuracy", epochs=200)
        assert score.regret == pytest.approx(column.max() - score.mean, rel=1e-10)
        relative = 100 * (score.mean / column.mean() - 1)
        assert score.relative_improvement == pytest.approx(relative, rel=1e-9)
        assert summary.average[score.benchmark] == pytest.approx(column.mean(), rel=1e-12)


def test_the_area_is_the_mean_regret_over_log_evaluations(summary):
    for score in summary.scores:
        table = load(score.benchmark)
        best = summary.optimum[score.benchmark]
        runs = summary.experiment.runs(score.benchmark, score.strategy)
        found = [best - reported(run, table) for run in runs]
        # Trial k holds from k to k + 1 evaluations, the last one over no length.
        weights = np.diff(np.log(np.arange(1, 31))) / np.log(30)
        areas = [float(regret[:-1] @ weights) for regret in found]
        assert score.area == pytest.approx(np.mean(areas), rel=1e-10)


def test_checkpoints_are_eighths_to_the_whole(summary):
    for key, parts in summary.checkpoints.items():
        assert [part.budget for part in parts] == [4, 8, 15, 30]
        curve = summary.by_evaluations[key]
        for part in parts:
            place = int(part.budget) - 1
            assert (part.mean, part.ci_low, part.ci_high) == pytest.approx(
                (curve.mean[place], curve.low[place], curve.high[place]), rel=1e-12
            )


def test_odds_are_against_random_search(summary):
    for (benchmark, strategy), odds in summary.odds.items():
        ours = summary.finals[benchmark, strategy]
        chance = summary.finals[benchmark, "random_search"]
        u = stats.mannwhitneyu(ours, chance).statistic
        assert odds.probability == pytest.approx(u / 36)
        assert odds.ci_low <= odds.probability <= odds.ci_high
        if strategy == "random_search":
            assert odds.probability == 0.5


def test_ranks_over_the_budget_are_those_of_drawn_runs(summary):
    """Drawing runs of both again and again gives the expected rank."""
    rng = np.random.default_rng(1)
    share = summary.ranks.share
    assert share[-1] == 1.0
    drawn = []
    for benchmark in BENCHMARKS:
        one, other = (
            summary.finals[benchmark, strategy][rng.integers(6, size=20_000)]
            for strategy in STRATEGIES
        )
        drawn.append(1 + np.mean((one < other) + 0.5 * (one == other)))
    first, second = (summary.ranks.expected[strategy] for strategy in STRATEGIES)
    assert first[-1] == pytest.approx(np.mean(drawn), abs=0.02)
    np.testing.assert_allclose(first + second, 3.0)


def test_all_benchmarks_together(summary):
    overall = summary.overall
    means = np.array([[summary.finals[b, s].mean() for s in STRATEGIES] for b in BENCHMARKS])
    ranks = stats.rankdata(-means, axis=1).mean(axis=0)
    assert [found.strategy for found in overall.aggregates] == STRATEGIES
    assert [found.rank for found in overall.aggregates] == ranks.tolist()
    assert overall.wins[0, 1] + overall.wins[1, 0] == pytest.approx(1.0)
    gap = [
        (summary.finals[b, STRATEGIES[0]] - summary.average[b])
        / (summary.optimum[b] - summary.average[b])
        for b in BENCHMARKS
    ]
    found = overall.aggregates[0]
    assert found.gap == pytest.approx(stats.trim_mean(np.concatenate(gap), 0.25), rel=1e-9)
    assert found.gap_low < found.gap < found.gap_high
    # Two strategies are too few for Friedman's test.
    assert math.isnan(overall.test.p)


def test_the_detectable_difference_is_that_of_the_pooled_deviation(summary):
    for benchmark in BENCHMARKS:
        deviation = np.sqrt(np.mean([summary.finals[benchmark, s].var(ddof=1) for s in STRATEGIES]))
        found = summary.detectable[benchmark]
        # By simulation: it is found in eighty of a hundred pairs of samples.
        rng = np.random.default_rng(0)
        ours = rng.normal(found, deviation, (6, 4000))
        theirs = rng.normal(0.0, deviation, (6, 4000))
        test = stats.ttest_ind(ours, theirs)
        assert np.mean((test.pvalue < 0.05) & (test.statistic > 0)) == pytest.approx(0.8, abs=0.03)


def test_overhead_is_apart_from_the_scores(summary):
    for key, seconds in summary.overhead.items():
        assert seconds > 0, key
    (summary.experiment.folder / "overhead.jsonl").unlink()
    again = summarise(open_experiment(summary.experiment.folder))
    assert all(math.isnan(seconds) for seconds in again.overhead.values())
    assert again.scores == summary.scores


def test_a_budget_in_seconds_is_compared_along_seconds(tmp_path):
    budget = Budget(seconds=10_000.0)
    experiment = compare(BENCHMARKS[:1], STRATEGIES, budget=budget, seeds=3, out=tmp_path)
    summary = summarise(experiment)
    assert summary.axis == "seconds"
    key = BENCHMARKS[0], STRATEGIES[0]
    assert [part.budget for part in summary.checkpoints[key]] == [1250, 2500, 5000, 10_000]
    assert summary.checkpoints[key][-1].mean == pytest.approx(summary.of(BENCHMARKS[0])[0].mean)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A function that makes a comparison with several limits."""

    def of(**limits):
        out = tmp_path_factory.mktemp("both") / "out"
        budget = Budget(**limits)
        return summarise(compare(BENCHMARKS[:1], STRATEGIES, budget=budget, seeds=4, out=out))

    return of


def compared(summary):
    """What depends on how far runs are compared."""
    return (
        summary.axis,
        summary.whole,
        summary.scores,
        summary.checkpoints,
        {key: curve.grid.tolist() for key, curve in summary.by_seconds.items()},
        {key: curve.grid.tolist() for key, curve in summary.by_epochs.items()},
        {strategy: ranks.tolist() for strategy, ranks in summary.ranks.expected.items()},
    )


# A budget in epochs.


def lengths(name, budget, out, workers=1, seeds=4):
    strategies = ["hyperband", "random_search"]
    asked = {"protocol": "multi_fidelity", "seeds": seeds, "workers": workers}
    return summarise(compare([name], strategies, budget=budget, out=out, **asked))


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("name", ["nasbench201/cifar10", "nasbench_nlp/penn_treebank"])
def test_curves_by_epochs_are_on_an_even_grid(tmp_path, name, workers):
    """By hand, where trainings start anew and where they continue shorter ones."""
    table, budget = load(name), Budget(epochs=2500)
    summary = lengths(name, budget, tmp_path / "out", workers)
    assert (summary.axis, summary.whole) == ("epochs", True)
    continues = table.protocol("multi_fidelity").continues
    for score in summary.scores:
        curve = summary.by_epochs[name, score.strategy]
        np.testing.assert_allclose(curve.grid, np.arange(1, 201) * 12.5)
        reached, spent = [], []
        for run in summary.experiment.runs(name, score.strategy):
            longest, total, values = {}, 0, np.full(200, np.nan)
            for trial, value in zip(run.trials, reported(run, table), strict=True):
                before = longest.get(trial.arch, 0) if continues else 0
                total += max(0, trial.epochs - before)
                longest[trial.arch] = max(before, trial.epochs)
                values[curve.grid >= total] = value
            reached.append(values)
            spent.append(total)
        np.testing.assert_allclose(curve.mean, np.mean(reached, axis=0), rtol=1e-12)
        assert score.epochs == np.mean(spent)
        assert curve.mean[-1] == pytest.approx(score.mean, rel=1e-12)
        points = summary.checkpoints[name, score.strategy]
        assert [point.budget for point in points] == [313, 625, 1250, 2500]
        assert points[-1].mean == pytest.approx(score.mean, rel=1e-12)
        # Over seconds runs are compared up to where the first of them ended.
        assert summary.by_seconds[name, score.strategy].grid[-1] == min(
            ends(run)[-1]
            for strategy in summary.experiment.strategies
            for run in summary.experiment.runs(name, strategy)
        )


def test_at_equal_epochs_hyperband_beats_random_search_at_full_length(tmp_path):
    summary = lengths("nasbench201/cifar10", Budget(epochs=6000), tmp_path / "out", seeds=20)
    ours, chance = summary.scores
    assert (chance.evaluations, chance.epochs) == (30, 6000)
    assert ours.evaluations > 100
    assert 5800 < ours.epochs <= 6000
    assert ours.ci_low > chance.ci_high


def test_there_are_no_curves_by_epochs_without_such_a_budget(summary):
    assert summary.by_epochs == {}
    assert {score.epochs for score in summary.scores} == {30 * 12}


def test_trials_without_epochs_have_none_to_count(tmp_path):
    asked = {"budget": Budget(5), "seeds": 2, "out": tmp_path / "out"}
    (score,) = summarise(compare(["nasbench_macro/cifar10"], ["random_search"], **asked)).scores
    assert math.isnan(score.epochs)


def test_seconds_go_before_epochs_and_both_before_evaluations(both):
    alone = both(epochs=600)
    assert (alone.axis, alone.whole) == ("epochs", True)
    assert compared(both(evaluations=100_000, epochs=600)) == compared(alone)
    assert both(evaluations=20, epochs=600).axis == "evaluations"
    found = both(seconds=1e7, epochs=600)
    assert (found.axis, found.whole) == ("seconds", False)
    end = min(ends(run)[-1] for s in STRATEGIES for run in found.experiment.runs(BENCHMARKS[0], s))
    for key, points in found.checkpoints.items():
        assert points[-1].budget == found.by_seconds[key].grid[-1] == end
        assert found.by_epochs[key].grid[-1] == 600


def test_seconds_that_no_run_could_use_change_nothing(both):
    alone = both(evaluations=20)
    assert (alone.axis, alone.whole) == ("evaluations", True)
    assert compared(both(evaluations=20, seconds=1e7)) == compared(alone)


def test_evaluations_that_no_run_could_reach_change_nothing(both):
    alone = both(seconds=10_000.0)
    assert (alone.axis, alone.whole) == ("seconds", True)
    assert compared(both(evaluations=100_000, seconds=10_000.0)) == compared(alone)


def test_where_some_runs_reach_their_evaluations_the_first_of_these_ends_it(both):
    alone = both(seconds=10_000.0)
    runs = [run for s in STRATEGIES for run in alone.experiment.runs(BENCHMARKS[0], s)]
    counts = sorted(len(run.trials) for run in runs)
    assert counts[0] < counts[-1]
    found = both(evaluations=counts[-1], seconds=10_000.0)
    assert (found.axis, found.whole) == ("seconds", False)
    end = min(ends(run)[-1] for run in runs if len(run.trials) == counts[-1])
    for key, points in found.checkpoints.items():
        assert points[-1].budget == end < 10_000.0
        assert found.by_seconds[key].grid[-1] == end


def test_real_seconds_leave_where_the_first_run_ended(both):
    found = both(seconds=10_000.0, real_seconds=600.0)
    runs = [run for s in STRATEGIES for run in found.experiment.runs(BENCHMARKS[0], s)]
    assert (found.axis, found.whole) == ("seconds", False)
    end = min(ends(run)[-1] for run in runs)
    assert {points[-1].budget for points in found.checkpoints.values()} == {end}
    found = both(evaluations=20, real_seconds=600.0)
    assert (found.axis, found.whole) == ("evaluations", True)
