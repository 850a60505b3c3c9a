"""What the page says, and what its figures are given."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from nasbench_suite.core import Budget
from nasbench_suite.experiments.experiment import open_experiment
from nasbench_suite.reports import words
from nasbench_suite.reports.content import content
from nasbench_suite.reports.figures import DASHES, DOTS, panels, plain, series, timed, y_range
from nasbench_suite.reports.page import render
from nasbench_suite.scoring.curves import Curve
from nasbench_suite.scoring.summary import summarise

CIFAR10 = "nasbench201/cifar10"


@pytest.fixture(scope="module")
def summary(make):
    return summarise(open_experiment(make(strategies=3, seeds=10, evaluations=40)))


def renamed(summary, names):
    """The same results under other names of strategies."""
    new = dict(zip(summary.experiment.strategies, names, strict=True))

    def keyed(found):
        return {(benchmark, new[strategy]): v for (benchmark, strategy), v in found.items()}

    given = {new[name]: settings for name, settings in summary.experiment.strategies.items()}
    return replace(
        summary,
        experiment=replace(summary.experiment, strategies=given),
        scores=tuple(replace(score, strategy=new[score.strategy]) for score in summary.scores),
        finals=keyed(summary.finals),
        by_evaluations=keyed(summary.by_evaluations),
        by_seconds=keyed(summary.by_seconds),
    )


def many(summary, count):
    """The results of the first strategy, under many names."""
    names = [f"strategy_{number}" for number in range(count)]
    first = next(iter(summary.experiment.strategies))

    def spread(found):
        return {(CIFAR10, name): found[CIFAR10, first] for name in names}

    return replace(
        summary,
        experiment=replace(summary.experiment, strategies={name: {} for name in names}),
        scores=tuple(replace(summary.scores[0], strategy=name) for name in names),
        finals=spread(summary.finals),
        by_evaluations=spread(summary.by_evaluations),
        by_seconds=spread(summary.by_seconds),
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


def test_hostile_names_are_escaped(summary):
    evil = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(2)>", "a&b"]
    page = render(renamed(summary, evil))
    assert "<script>alert" not in page
    assert "<img" not in page
    shown = [one["name"] for one in data(page)[0]["series"]]
    assert shown == [plain(name) for name in evil]
    assert all("<" not in name for name in shown)


def test_figures_hold_the_curves(summary):
    (figure,) = data(render(summary))
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
    assert data(page)[0]["optimum"] is None


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
    assert data(render(less))[0]["optimum"]["least"] is True


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
    assert page.count("<b>Figure ") == 3
    assert page.count("<b>Table ") == 4


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (Budget(evaluations=1), "1 evaluation"),
        (Budget(seconds=90.5), "90.5 s of simulated time"),
        (Budget(seconds=7200), "7,200 s (2 h) of simulated time"),
        (
            Budget(evaluations=2000, seconds=60),
            "2,000 evaluations or 60 s of simulated time, whichever ends first",
        ),
    ],
)
def test_budgets_in_words(budget, text):
    assert words.budget(budget).replace("\N{NO-BREAK SPACE}", " ") == text


def test_numbers_in_words():
    assert words.number(-1234.5, 1) == "\N{MINUS SIGN}1,234.5"
    assert words.number(math.nan, 2) == "–"
    assert words.count(97.25) == "97.2"
    assert words.count(200.0) == "200"
    assert words.decimals("%", [0.001]) == 2
    assert words.decimals("ms", [0.031, 2.0]) == 3
    assert words.decimals("M", [1500.0]) == 0
    assert words.decimals("", [math.nan, 0.0]) == 3
    assert words.spoken("val_accuracy") == "validation accuracy"
    assert words.spoken("valtest_accuracy") == "valtest accuracy"
    assert words.after([12, 200]) == " after 12 or 200 epochs"
    assert words.after([1]) == " after 1 epoch"
    assert words.after([None]) == ""
