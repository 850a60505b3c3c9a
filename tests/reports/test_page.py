"""What the page says, and what its figures are given."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from nasbench_suite.experiments.experiment import open_experiment
from nasbench_suite.reports.content import content
from nasbench_suite.reports.figures import DASHES, DOTS, panels, plain, series, timed, y_range
from nasbench_suite.reports.page import render
from nasbench_suite.scoring.curves import Curve
from nasbench_suite.scoring.overall import overall
from nasbench_suite.scoring.summary import summarise

CIFAR10 = "nasbench201/cifar10"
KEYED = ("finals", "by_evaluations", "by_seconds", "checkpoints", "odds", "overhead")


@pytest.fixture(scope="module")
def summary(make):
    return summarise(open_experiment(make(strategies=3, seeds=10, evaluations=40)))


def many(summary, count):
    """The results of the first strategy, under many names."""
    names = [f"strategy_{number}" for number in range(count)]
    first = next(iter(summary.experiment.strategies))
    finals = summary.finals[CIFAR10, first]
    scale = (summary.average[CIFAR10], summary.optimum[CIFAR10])
    return replace(
        summary,
        experiment=replace(summary.experiment, strategies={name: {} for name in names}),
        scores=tuple(replace(summary.scores[0], strategy=name) for name in names),
        ranks=replace(
            summary.ranks,
            expected=dict.fromkeys(names, np.full(len(summary.ranks.share), (count + 1) / 2)),
        ),
        overall=overall(names, [[finals] * count], [scale], rng=np.random.default_rng(0)),
        **{
            field: {(CIFAR10, name): getattr(summary, field)[CIFAR10, first] for name in names}
            for field in KEYED
        },
    )


def data(page):
    return json.loads(re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)[1])


def test_says_what_was_run(summary):
    page = render(summary)
    for text in (
        "3 search strategies on nasbench201/cifar10",
        "10 runs of each strategy, 40 evaluations a run.",
        "0 to 9 (10 runs)",
        "population_size = 10",
        summary.experiment.data[CIFAR10][:12],
        "NAS-Bench-201",
        "validation accuracy after 12 epochs, mean of the trainings measured",
        "test accuracy after 200 epochs, mean of the trainings measured",
        f"nasbench_suite {summary.experiment.version}",
        "Student",
        "94.37",
    ):
        assert text in page


def test_rows_are_the_scores(summary):
    (result,) = content(summary)["results"]
    assert len(result["rows"]) == 3
    means = [float(row["mean"]) for row in result["rows"]]
    assert means == sorted(means, reverse=True)
    assert result["rows"][0]["place"] == "best"
    by_name = {score.strategy: score for score in summary.scores}
    for row in result["rows"]:
        score = by_name[row["look"].name]
        assert row["mean"] == f"{score.mean:.2f}"
        assert row["interval"] == f"{score.ci_low:.2f} to {score.ci_high:.2f}"
        assert row["regret"] == f"{summary.optimum[CIFAR10] - score.mean:.2f}"


def test_the_results_hold_middle_odds_and_average(summary):
    (result,) = content(summary)["results"]
    by_name = {score.strategy: score for score in summary.scores}
    for row in result["rows"]:
        score = by_name[row["look"].name]
        assert row["iqm"] == f"{score.iqm:.2f}"
        assert row["iqm_interval"] == f"{score.iqm_low:.2f} to {score.iqm_high:.2f}"
        assert row["improvement"] == f"{score.relative_improvement:.2f}"
        odds = summary.odds[CIFAR10, score.strategy]
        if score.strategy == "random_search":
            assert row["odds"] == "–"
        else:
            assert row["odds"] == f"{odds.probability:.2f}"
            assert row["odds_interval"] == f"{odds.ci_low:.2f} to {odds.ci_high:.2f}"
    assert f"{summary.detectable[CIFAR10]:.2f}\N{NO-BREAK SPACE}points" in result["detectable"]


def test_without_random_search_nothing_is_said_of_it(summary):
    page = render(replace(summary, odds={}))
    assert "Beats random search" not in page
    assert "note-odds" not in page


def test_checkpoints_are_those_of_the_summary(summary):
    (result,) = content(summary)["results"]
    points = result["checkpoints"]
    assert (points["budgets"], points["unit"]) == (["5", "10", "20", "40"], "evaluations")
    bold = [0] * 4
    for row in points["rows"]:
        own = summary.checkpoints[CIFAR10, row["look"].name]
        for number, (cell, point) in enumerate(zip(row["cells"], own, strict=True)):
            assert cell["mean"] == f"{point.mean:.2f}"
            assert cell["interval"] == f"{point.ci_low:.2f} to {point.ci_high:.2f}"
            bold[number] += cell["best"]
    assert min(bold) >= 1
    # The last checkpoint is the whole budget.
    assert [row["cells"][-1]["mean"] for row in points["rows"]] == [
        row["mean"] for row in result["rows"]
    ]


def test_all_benchmarks_together(ten):
    found = content(ten)["together"]
    strategies = list(ten.experiment.strategies)
    by_name = {one.strategy: one for one in ten.overall.aggregates}
    assert len(found["rows"]) == 13
    ranks = [float(row["rank"]) for row in found["rows"]]
    assert ranks == sorted(ranks)
    for row in found["rows"]:
        one = by_name[row["look"].name]
        assert row["rank"] == f"{one.rank:.2f}"
        assert row["gap"] == f"{100 * one.gap:.1f}"
        assert row["gap_interval"] == f"{100 * one.gap_low:.1f} to {100 * one.gap_high:.1f}"
    for row in found["wins"]:
        for cell, other in zip(row["cells"], found["wins"], strict=True):
            ours, theirs = (strategies.index(one["look"].name) for one in (row, other))
            if ours == theirs:
                assert cell is None
            else:
                assert cell["text"] == f"{ten.overall.wins[ours, theirs]:.2f}"
                assert (cell["side"] == "win") == (ten.overall.wins[ours, theirs] >= 0.5)
    assert f"χ² = {ten.overall.test.statistic:.2f} with 12 degrees of freedom" in found["test"]
    assert "rough guide" in found["test"]
    assert found["difference"] == f"{ten.overall.difference:.2f}"
    assert found["reason"] is None


def test_friedman_in_words(ten):
    def said(**changes):
        test = ten.overall.test._replace(**changes)
        return content(replace(ten, overall=replace(ten.overall, test=test)))["together"]["test"]

    assert "finds a difference" in said(p=0.0001)
    assert "p < 0.001" in said(p=0.0001)
    assert "finds no difference" in said(p=0.3)
    assert "p = 0.30" in said(p=0.3)
    assert "F = " in said(f=3.2, f_p=0.01)
    assert "F = " not in said(f=math.inf, f_p=0.0)
    assert "nothing to test" in said(p=math.nan)


@pytest.mark.parametrize(
    ("benchmarks", "strategies", "reason"),
    [(1, 3, "two benchmarks or more"), (2, 2, "here are two"), (2, 1, "here is one")],
)
def test_why_there_is_no_diagram(make, benchmarks, strategies, reason):
    made = make(benchmarks=benchmarks, strategies=strategies, seeds=2)
    page = render(summarise(open_experiment(made)))
    assert "There is no critical-difference diagram" in page
    assert reason in page
    assert 'id="difference"' not in page


def test_cost_is_told_with_what_nobody_noted(summary):
    page = content(replace(summary, overhead=dict.fromkeys(summary.overhead, math.nan)))
    (group,) = page["spent"]["groups"]
    for row, score in zip(group["rows"], summary.scores, strict=True):
        places = 0 if all(score.unique % 1 == 0 for score in summary.scores) else 1
        assert row["evaluations"] == f"{score.evaluations:.{places}f}"
        assert row["unique"] == f"{score.unique:.{places}f}"
        assert row["repeated"] == f"{score.evaluations - score.unique:.{places}f}"
        assert row["seconds"] == f"{score.simulated_seconds:,.0f}"
        assert row["overhead"] == row["each"] == row["spent"] == "–"


def test_workers_and_a_users_own_file_are_told(summary):
    own = replace(summary.experiment, workers=4, code={"local_search": "0123456789abcdef" * 4})
    page = render(replace(summary, experiment=own))
    assert "<dd>4, as many trials at a time</dd>" in page
    assert page.count("0123456789ab…") == 1
    assert "clock on which each worker" in page
    assert "clock on which each worker" not in render(summary)


@pytest.mark.parametrize("epochs", [None, 150])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 1), (2, 3, 1), (1, 3, 4), (3, 3, 4)])
def test_notes_are_all_referred_to_in_their_order(make, shape, epochs):
    benchmarks, strategies, seeds = shape
    made = make(benchmarks=benchmarks, strategies=strategies, seeds=seeds, epochs=epochs)
    page = render(summarise(open_experiment(made)))
    referred = list(dict.fromkeys(re.findall(r'href="#note-(\w+)"', page)))
    assert referred == re.findall(r'id="note-(\w+)"', page)
    assert "nan" not in re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)


def test_hostile_names_are_escaped(summary, renamed):
    evil = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(2)>", "a&b"]
    page = render(renamed(summary, evil))
    assert "<script>alert" not in page
    assert "<img" not in page
    shown = [one["name"] for one in data(page)["series"]]
    assert shown == [plain(name) for name in evil]
    assert all("<" not in name for name in shown)


def test_figures_hold_the_curves(summary):
    (figure,) = data(render(summary))["benchmarks"]
    assert [panel["id"] for panel in figure["curves"]] == ["b0-evaluations", "b0-time"]
    for panel in figure["curves"]:
        assert len(panel["lines"]) == 3
    line = figure["curves"][0]["lines"][1]
    curve = summary.by_evaluations[CIFAR10, "regularized_evolution"]
    np.testing.assert_allclose(line["mean"], curve.mean, rtol=1e-5)
    np.testing.assert_allclose(line["low"], curve.low, rtol=1e-5)
    assert figure["curves"][1]["title"] == "simulated training time (h)"
    assert figure["curves"][0]["lines"][0]["x"] == list(range(1, 41))
    assert figure["title"] == "test accuracy after 200 epochs (%)"
    assert figure["optimum"]["text"] == "optimum 94.37\N{NO-BREAK SPACE}%"
    assert [len(row["values"]) for row in figure["finals"]["rows"]] == [10, 10, 10]


def test_figures_hold_the_curves_over_epochs(make):
    shape = {"strategies": 2, "evaluations": None, "epochs": 1500, "protocol": "multi_fidelity"}
    summary = summarise(open_experiment(make(**shape)))
    page = render(summary)
    (figure,) = data(page)["benchmarks"]
    assert [panel["id"] for panel in figure["curves"]] == ["b0-evaluations", "b0-time", "b0-epochs"]
    panel = figure["curves"][2]
    assert (panel["title"], panel["unit"]) == ("epochs of training", "epochs")
    assert (panel["least"], panel["end"]) == (1, 1500)
    for line, strategy in zip(panel["lines"], summary.experiment.strategies, strict=True):
        curve = summary.by_epochs[CIFAR10, strategy]
        known = [np.nan if value is None else value for value in line["mean"]]
        np.testing.assert_allclose(known, curve.mean, rtol=1e-5)
        assert line["x"] == curve.grid.tolist()
    assert [(one["letter"], one["full"]) for one in content(summary)["results"][0]["panels"]] == [
        ("a", False),
        ("b", False),
        ("c", True),
        ("d", True),
    ]
    # Without seconds two panels of curves are left, side by side.
    bare = replace(summary, by_seconds={})
    panels_left = content(bare)["results"][0]["panels"]
    assert [(one["id"], one["full"]) for one in panels_left] == [
        ("b0-evaluations", False),
        ("b0-epochs", False),
        ("b0-finals", True),
    ]
    assert "Panels a and b: mean over runs" in render(bare)


def test_y_range_leaves_out_a_bad_beginning(summary):
    found = y_range(summary, CIFAR10)
    assert found is not None
    low, high = found.focus
    ends = [curve.mean[-1] for curve in summary.by_evaluations.values()]
    assert low < min(ends)
    assert high > summary.optimum[CIFAR10]
    assert found.all[0] <= low
    grid = np.arange(1.0, 101)
    mean = np.where(grid < 4, 10.0, 90 + grid / 100)
    bad = Curve(grid, mean, mean - 0.1, mean + 0.1, 10)
    one = replace(
        many(summary, 1),
        by_evaluations={(CIFAR10, "strategy_0"): bad},
        by_seconds={},
    )
    found = y_range(one, CIFAR10)
    assert found is not None
    assert found.cut
    assert found.focus[0] > 85
    assert found.all[0] < 10
    assert "Show all values" in render(one)


def test_wide_intervals_do_not_press_the_curves_flat(summary):
    grid = np.arange(1.0, 101)
    mean = np.linspace(93.0, 94.0, 100)
    wide = Curve(grid, mean, mean - 50, mean + 50, 2)
    one = replace(many(summary, 1), by_evaluations={(CIFAR10, "strategy_0"): wide}, by_seconds={})
    found = y_range(one, CIFAR10)
    assert found is not None
    assert 90 < found.focus[0] < found.focus[1] < 97


def test_no_curves_at_all(summary):
    none = np.full(5, math.nan)
    empty = Curve(np.arange(1.0, 6), none, none, none, 2)
    one = many(summary, 1)
    one = replace(
        one,
        by_evaluations={(CIFAR10, "strategy_0"): empty},
        by_seconds={(CIFAR10, "strategy_0"): empty},
        finals={(CIFAR10, "strategy_0"): np.full(2, math.nan)},
        scores=(replace(one.scores[0], mean=math.nan, std=math.nan, ci_low=math.nan),),
    )
    assert y_range(one, CIFAR10) is None
    assert not timed(one, CIFAR10)
    page = render(one)
    assert "<figure>" not in page
    assert "there are no curves to draw" in page


def test_without_seconds(summary):
    page = render(replace(summary, by_seconds={}))
    assert "against simulated time" not in page
    assert "Simulated time is" not in page
    assert "Panel b:" in page


def test_without_an_optimum(summary):
    page = render(replace(summary, optimum={}))
    assert "Regret" not in page
    assert data(page)["benchmarks"][0]["optimum"] is None


def test_many_strategies_look_different(summary):
    looks = series(many(summary, 42))
    assert len({(look.colour, look.dash) for look in looks}) == 42
    assert len(DASHES) == 6


def test_large_experiments_stay_small(summary):
    grid = np.arange(1.0, 20_001)
    mean = 94 - 1 / grid
    long = Curve(grid, mean, mean - 0.1, mean + 0.1, 1000)
    big = many(summary, 40)
    big = replace(
        big,
        by_evaluations=dict.fromkeys(big.by_evaluations, long),
        finals=dict.fromkeys(big.finals, np.linspace(93, 94, 5 * DOTS)),
    )
    figure = panels(big, CIFAR10, 0)
    line = figure["curves"][0]["lines"][0]
    assert len(line["x"]) <= 200
    assert (line["x"][0], line["x"][-1]) == (1, 20_000)
    assert all(row["values"] == [] for row in figure["finals"]["rows"])
    assert len(json.dumps(figure)) < 1_000_000


def test_metric_to_be_minimised(summary):
    metric = summary.reported[CIFAR10]._replace(name="test_loss", unit="", direction="min")
    less = replace(summary, reported={CIFAR10: metric}, optimum={CIFAR10: 90.0})
    (result,) = content(less)["results"]
    means = [float(row["mean"]) for row in result["rows"]]
    assert means == sorted(means)
    assert all(float(row["regret"]) > 0 for row in result["rows"])
    assert data(render(less))["benchmarks"][0]["optimum"]["least"] is True


def test_one_of_each_is_not_compared(make):
    page = render(summarise(open_experiment(make(strategies=1, seeds=2))))
    assert "<b>best</b>" not in page
    assert 'class="legend"' not in page
    assert "random_search on nasbench201/cifar10" in page


def test_overview_of_several_benchmarks(make):
    page = render(summarise(open_experiment(make(benchmarks=3))))
    assert "At a glance" in page
    for number in range(3):
        assert f'href="#b{number}"' in page
        assert f'<section id="b{number}">' in page
    # Figures and tables are numbered as they come.
    assert re.findall(r"<b>Figure (\d+)\.", page) == ["1", "2", "3", "4"]
    tables = ["glance", "together", "wins", *["results", "checkpoints"] * 3, "cost"]
    numbers = [str(number) for number in range(1, len(tables) + 1)]
    assert re.findall(r"<b>Table (\d+)\.", page) == numbers
