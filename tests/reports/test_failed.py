"""A search that names a cell whose long training failed has the worst result, not none."""

import csv
import json
import re

import numpy as np
import pytest

from nasbench_suite import load, run
from nasbench_suite.cli import main
from nasbench_suite.core import Budget, NotMeasured
from nasbench_suite.experiments.compare import compare
from nasbench_suite.reports.report import report
from nasbench_suite.scoring.curves import incumbents, reported

NLP = "nasbench_nlp/penn_treebank"
STRATEGIES = ("hyperband", "bohb", "random_search")
SEEDS = (22, 23, 24)
"""With the second of these Hyperband ends with a cell that it has trained for five epochs."""
EVALUATIONS = 12


@pytest.fixture(scope="module")
def table():
    return load(NLP)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    experiment = compare(
        [NLP],
        STRATEGIES,
        budget=Budget(EVALUATIONS),
        seeds=SEEDS,
        out=tmp_path_factory.mktemp("failed") / "of",
        protocol="multi_fidelity",
    )
    summary, page = report(experiment.folder)
    return experiment, summary, page


def test_the_named_cell_was_not_trained_to_the_end(made, table):
    experiment, summary, _ = made
    question = table.protocol("multi_fidelity").report
    worst = table.worst(question)
    every = table.query_many(np.arange(table.rows), question.metric, epochs=question.epochs)
    assert worst == np.nanmax(every)
    lost = {}
    for strategy in STRATEGIES:
        for number, found in zip(SEEDS, experiment.runs(NLP, strategy), strict=True):
            named = found.trials[incumbents(found)[-1]]
            try:
                expected = table.query(named.arch, question.metric, epochs=question.epochs)
            except NotMeasured:
                expected = worst
                lost.setdefault(strategy, []).append(number)
                assert named.status == "ok"
                assert named.epochs < question.epochs
            assert reported(found, table)[-1] == expected
    assert lost == {"hyperband": [23]}
    assert {score.strategy: score.failed for score in summary.scores} == {
        "hyperband": 1,
        "bohb": 0,
        "random_search": 0,
    }


def test_it_counts_as_the_worst_in_every_number(made, table):
    _, summary, _ = made
    worst = table.worst(table.protocol("multi_fidelity").report)
    finals = summary.finals[NLP, "hyperband"]
    assert finals[1] == worst > max(finals[0], finals[2])
    hyperband, bohb, chance = summary.scores
    assert hyperband.mean == pytest.approx(finals.mean())
    assert hyperband.area > max(bohb.area, chance.area)
    assert not np.isnan([score.area for score in summary.scores]).any()
    ranks = [one.rank for one in summary.overall.aggregates]
    assert ranks[0] == max(ranks)
    assert summary.odds[NLP, "hyperband"].probability < 0.5


def test_no_file_of_the_report_says_nan(made):
    experiment, summary, page = made
    checked = 0
    for path in experiment.folder.rglob("*"):
        if path.suffix in (".json", ".csv", ".tex", ".jsonl", ".svg", ".html"):
            # The page carries programs that draw, which know the word, and their data as JSON.
            text = re.sub(r"(?s)<script(?![^>]*json).*?</script>", "", path.read_text())
            assert not re.search(r"\bnan\b", text, re.IGNORECASE), path
            checked += 1
    assert checked > 20
    rows = json.loads((experiment.folder / "scores.json").read_text())
    assert [row["failed"] for row in rows] == [1, 0, 0]
    assert all(row["mean"] is not None and row["area"] is not None for row in rows)
    with (experiment.folder / "scores.csv").open(newline="") as file:
        assert [row["failed"] for row in csv.DictReader(file)] == ["1", "0", "0"]
    text = page.read_text()
    assert "The training that is reported failed in 1 of 3 runs of hyperband." in text
    assert "taken to be the worst in the table" in text
    assert len(summary.scores) == 3


def test_a_comparison_without_failures_does_not_speak_of_them(made, tmp_path):
    experiment = compare([NLP], ["random_search"], budget=Budget(5), seeds=1, out=tmp_path / "of")
    summary, page = report(experiment.folder)
    assert summary.scores[0].failed == 0
    assert "reported failed" not in page.read_text()


def test_a_single_run_says_that_it_failed(capsys, tmp_path):
    asked = ["--evaluations", str(EVALUATIONS), "--seed", "23", "--protocol", "multi_fidelity"]
    main(["run", NLP, "--strategy", "hyperband", *asked, "--out", str(tmp_path / "of"), "--json"])
    row = json.loads(capsys.readouterr().out)
    assert (row["test_loss"], row["failed"]) == (None, True)
    found = run("hyperband", NLP, budget=Budget(EVALUATIONS), seed=23, protocol="multi_fidelity")
    assert row["architecture"] == load(NLP).space.format(found.trials[incumbents(found)[-1]].arch)
