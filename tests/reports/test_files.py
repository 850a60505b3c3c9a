"""The figures and tables beside the page: they are there, whole, the same twice, and true."""

import csv
import io
import os
import re
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace

import numpy as np
import pytest

from nasbench_suite.experiments.experiment import open_experiment
from nasbench_suite.reports.drawings import drawings
from nasbench_suite.reports.report import report
from nasbench_suite.reports.tables import csv_tables, escaped, latex_tables
from nasbench_suite.scoring.standings import costs, standings
from nasbench_suite.scoring.summary import summarise

HOSTILE = (r"a_b & 50% \of {$x^2$} ~ #1", "[starts] <so>", "*mine.py:A|B")


@pytest.fixture(scope="module")
def summary(make):
    return summarise(open_experiment(make(benchmarks=2, strategies=3, seeds=10)))


@pytest.fixture(scope="module")
def hostile(summary, renamed):
    return renamed(summary, HOSTILE)


@pytest.fixture(scope="module")
def folder(make):
    """An experiment with its report."""
    made = make(benchmarks=2, strategies=3, seeds=3)
    report(made)
    return made


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def numbers(row, names):
    return [float(row[name]) for name in names]


def test_every_figure_is_there_in_both_formats(folder):
    panels = [
        f"nasbench201-{task}-{panel}"
        for task in ("cifar10", "cifar100")
        for panel in ("evaluations", "time", "finals")
    ]
    assert sorted(path.name for path in (folder / "figures").iterdir()) == sorted(
        f"{name}.{ending}"
        for name in (*panels, "ranks", "critical-difference")
        for ending in ("svg", "pdf")
    )
    for path in (folder / "figures").iterdir():
        content = path.read_bytes()
        assert b"CreationDate" not in content
        assert b"<dc:date>" not in content
        if path.suffix == ".svg":
            ET.fromstring(content)
        else:
            assert content.startswith(b"%PDF")
            assert content.rstrip().endswith(b"%%EOF")
            assert b"/FontFile2" in content


def test_figures_say_what_is_drawn(hostile):
    for name, svg, _ in drawings(hostile):
        texts = [
            "".join(text.itertext()) for text in ET.fromstring(svg).iter() if "text" in text.tag
        ]
        said = "\n".join(texts)
        for strategy in HOSTILE:
            assert strategy in said
        if name.endswith(("evaluations", "time")):
            assert "test accuracy after 200 epochs (%)" in said
        if name.endswith("time"):
            assert re.search(r"simulated training time \((h|s)\)", said)
        if name == "critical-difference":
            assert f"critical difference {hostile.overall.difference:.2f}" in said


def test_names_in_letters_that_the_font_lacks_are_drawn_in_silence(summary, renamed):
    names = ("日本.py", "한국", "random_search")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        drawn = {name: svg for name, svg, _ in drawings(renamed(summary, names))}
    assert heard == []
    assert "日本.py" in drawn["ranks"].decode()


def test_one_run_of_one_strategy_has_figures(make):
    one = summarise(open_experiment(make(strategies=1, seeds=1, evaluations=1)))
    assert [name for name, _, _ in drawings(one)] == [
        f"nasbench201-cifar10-{panel}" for panel in ("evaluations", "time", "finals")
    ]


def test_another_process_writes_the_same_bytes(folder):
    def content():
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    first = content()
    code = (
        "import sys, pathlib; from nasbench_suite.reports.report import report; "
        "report(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert content() == first
    assert len(first) > 25


def test_only_the_costs_differ_between_repeated_experiments(folder, make):
    again = make(benchmarks=2, strategies=3, seeds=3)
    report(again)
    for name in ("tables", "figures"):
        for path in (folder / name).iterdir():
            if path.stem != "cost":
                assert path.read_bytes() == (again / name / path.name).read_bytes()


def test_headline_csv_is_the_summary(summary):
    found = {
        (row["benchmark"], row["strategy"]): row for row in rows(csv_tables(summary)["headline"])
    }
    assert len(found) == len(summary.scores)
    for score in summary.scores:
        row = found[score.benchmark, score.strategy]
        for name, value in asdict(score).items():
            assert row[name] == str(value)
        odds = summary.odds[score.benchmark, score.strategy]
        assert numbers(row, ("beats_random_search", "beats_low", "beats_high")) == [
            odds.probability,
            odds.ci_low,
            odds.ci_high,
        ]
    for benchmark in summary.experiment.benchmarks:
        for standing in standings(summary, benchmark):
            assert found[benchmark, standing.score.strategy]["place"] == standing.place


def test_the_other_csv_are_the_summary(hostile):
    tables = csv_tables(hostile)
    points = iter(rows(tables["checkpoints"]))
    for (benchmark, strategy), own in hostile.checkpoints.items():
        for point in own:
            row = next(points)
            assert (row["benchmark"], row["strategy"]) == (benchmark, strategy)
            assert row["axis"] == "evaluations"
            assert numbers(row, ("budget", "mean", "ci_low", "ci_high")) == list(
                asdict(point).values()
            )
    assert next(points, None) is None
    for row, one in zip(rows(tables["overall"]), hostile.overall.aggregates, strict=True):
        assert row == {name: str(value) for name, value in asdict(one).items()}
    for name, matrix in (("wins", hostile.overall.wins), ("pairs", hostile.overall.pairs)):
        read = [[float(row[other]) for other in HOSTILE] for row in rows(tables[name])]
        np.testing.assert_array_equal(read, matrix)
    known = [cost for name in hostile.experiment.benchmarks for cost in costs(hostile, name)]
    for row, cost in zip(rows(tables["cost"]), known, strict=True):
        assert row == {name: str(value) for name, value in asdict(cost).items()}
    (tests,) = rows(tables["tests"])
    assert float(tests["critical_difference"]) == hostile.overall.difference


def test_what_is_not_finite_is_empty(summary):
    test = summary.overall.test._replace(f=float("inf"), p=float("nan"))
    (row,) = rows(
        csv_tables(replace(summary, overall=replace(summary.overall, test=test)))["tests"]
    )
    assert row["f"] == row["p"] == ""
    assert float(row["statistic"]) == test.statistic


def is_tabular(text):
    """Check what LaTeX would stumble over: columns, braces, and signs with a meaning."""
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    columns = re.fullmatch(r"\\begin\{tabular\}\{([lr]+)\}", lines[0])[1]
    assert lines[-1] == r"\end{tabular}"
    for line in lines[1:-1]:
        if line in (r"\toprule", r"\midrule", r"\bottomrule"):
            continue
        assert line.endswith(r" \\")
        row = line.removesuffix(r" \\")
        assert row.isascii()
        assert not row.startswith(("[", "*"))
        bare = re.sub(r"\\[\\&%$#_{}]", "", row)
        assert bare.count("{") == bare.count("}")
        assert bare.count("$") % 2 == 0
        assert not re.search(r"[#%_]", bare)
        assert not re.search(r"\^(?!\{\\dagger\})", bare)
        span = re.match(r"\\multicolumn\{(\d+)\}", row)
        cells = int(span[1]) if span else bare.count(" & ") + 1
        assert cells == len(columns)


def test_latex_is_sound(summary, hostile, ten):
    for one in (summary, hostile, ten):
        tables = latex_tables(one)
        assert {"headline", "cost", "overall", "wins"} < set(tables)
        for text in tables.values():
            is_tabular(text)
    named = "\n".join(latex_tables(hostile).values())
    for name in HOSTILE:
        assert escaped(name) in named
    assert escaped("a_b & 50%") == r"a\_b \& 50\%"
    assert escaped(r"\x{y}") == r"\textbackslash{}x\{y\}"


def test_latex_of_one_run(make):
    one = summarise(open_experiment(make(strategies=1, seeds=1)))
    tables = latex_tables(one)
    assert sorted(tables) == [
        "checkpoints-nasbench201-cifar10",
        "cost",
        "headline",
        "scores-nasbench201-cifar10",
    ]
    for text in tables.values():
        is_tabular(text)
        assert r"\textbf" not in text


def test_latex_marks_the_best_and_ties(summary):
    headline = latex_tables(summary)["headline"]
    for benchmark in summary.experiment.benchmarks:
        for standing in standings(summary, benchmark):
            cell = rf"{standing.score.mean:.2f} $\pm$ {standing.score.std:.2f}"
            if standing.place == "best":
                assert rf"\textbf{{{cell}}}" in headline
            elif standing.place == "tied":
                assert rf"{cell}$^{{\dagger}}$" in headline
            else:
                assert f"{cell} " in headline
