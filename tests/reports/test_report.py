"""The files that a report leaves."""

import csv
import json
import math
import re
import subprocess
import sys
from dataclasses import asdict

import pytest

from nasbench_suite.core import DamagedInput, DataNotFound, OutputError
from nasbench_suite.experiments.experiment import open_experiment
from nasbench_suite.reports.page import render
from nasbench_suite.reports.report import report
from nasbench_suite.scoring.summary import summarise

MEGABYTE = 1_000_000


def markup(page: str) -> str:
    """The page without what its scripts hold."""
    return re.sub(r"(<script[^>]*>).*?(</script>)", r"\1\2", page, flags=re.DOTALL)


def page_of(folder):
    """The text of the page of a report, without what lies beside it."""
    return render(summarise(open_experiment(folder)))


def test_files(make):
    folder = make()
    summary, page = report(folder)
    assert page == folder / "report.html"
    assert sorted(p.name for p in folder.iterdir()) == [
        "experiment.json",
        "figures",
        "overhead.jsonl",
        "report.html",
        "runs",
        "scores.csv",
        "scores.json",
        "tables",
    ]
    assert json.loads((folder / "scores.json").read_text()) == [asdict(s) for s in summary.scores]
    assert page.read_text(encoding="utf-8") == render(summary)


def test_csv_equals_json(make):
    folder = make()
    report(folder)
    scores = json.loads((folder / "scores.json").read_text())
    with (folder / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [list(score) for score in scores]
    assert [list(row.values()) for row in rows] == [[str(v) for v in s.values()] for s in scores]


def test_one_run_has_no_interval(make):
    folder = make(strategies=1, seeds=1)
    summary, page = report(folder)
    assert math.isnan(summary.scores[0].ci_low)
    (score,) = json.loads((folder / "scores.json").read_text())
    assert score["std"] is score["ci_low"] is score["ci_high"] is None
    with (folder / "scores.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["std"] == row["ci_low"] == row["ci_high"] == ""
    assert page is not None
    assert "one run: no interval" in page.read_text(encoding="utf-8")


def test_same_runs_give_the_same_bytes(make):
    folder, again = make(), make()
    names = ("scores.json", "scores.csv", "report.html")
    report(folder)
    first = [(folder / name).read_bytes() for name in names]
    report(folder)
    report(again)
    assert first == [(folder / name).read_bytes() for name in names]
    # The page alone shows how long the strategies themselves took, which no two runs share.
    assert first[:2] == [(again / name).read_bytes() for name in names[:2]]


def test_page_loads_nothing_and_names_no_place(make):
    folder = make(benchmarks=3, strategies=3)
    text = page_of(folder)
    assert len(text.encode()) <= 8 * MEGABYTE
    assert str(folder) not in text
    kept = markup(text)
    assert not re.findall(r"(?:src|href|action|data)\s*=\s*[\"']?(?!#)[^\s>]*//", kept)
    assert not re.search(r"<(?:link|iframe|img|object|embed|base)\b|@import|url\(", kept)
    assert not re.search(r"<script[^>]*\ssrc", text)
    assert "default-src 'none'" in kept


@pytest.mark.parametrize("missing", ["plotly", "jinja2", "matplotlib"])
def test_without_the_extra(make, monkeypatch, missing):
    folder = make()
    monkeypatch.setitem(sys.modules, missing, None)
    summary, page = report(folder)
    assert page is None
    assert len(summary.scores) == 2
    for name in ("report.html", "figures", "tables"):
        assert not (folder / name).exists()
    assert (folder / "scores.json").is_file()
    assert (folder / "scores.csv").is_file()


def test_drawing_libraries_are_imported_late():
    code = (
        "import sys, nasbench_suite, nasbench_suite.cli, nasbench_suite.reports.report\n"
        "assert not {'plotly', 'jinja2', 'markupsafe', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_hostile_settings_are_escaped(make):
    folder = make()
    path = folder / "experiment.json"
    described = json.loads(path.read_text())
    evil = "</script><script>alert(1)</script>"
    described["strategies"]["random_search"] = {evil: evil}
    path.write_text(json.dumps(described))
    for log in folder.rglob("random_search/*.jsonl"):
        settings = json.dumps({evil: evil})
        log.write_text(log.read_text().replace('"settings":{}', f'"settings":{settings}', 1))
    _, page = report(folder)
    assert page is not None
    text = page.read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert len(re.findall(r"<script", markup(text))) == 3


@pytest.mark.parametrize("damage", ["{}", "not json", '{"architecture": "|x~0|", "cost": 1}'])
def test_damaged_log(make, damage):
    folder = make()
    path = folder / "runs" / "nasbench201" / "cifar10" / "random_search" / "1.jsonl"
    lines = path.read_text().splitlines()
    lines[4] = damage
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DamagedInput, match=r"random_search.1\.jsonl, line 5"):
        report(folder)
    assert not (folder / "scores.json").exists()


def test_missing_run(make):
    folder = make()
    (folder / "runs" / "nasbench201" / "cifar10" / "random_search" / "2.jsonl").unlink()
    with pytest.raises(DataNotFound, match=r"2\.jsonl"):
        report(folder)


def test_no_experiment(tmp_path):
    with pytest.raises(DataNotFound, match=r"experiment\.json"):
        report(tmp_path)


def test_cannot_write(make):
    folder = make()
    (folder / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html"):
        report(folder)


def test_budget_in_seconds(make):
    summary = summarise(open_experiment(make(evaluations=None, seconds=4000.0)))
    text = render(summary)
    assert "4,000\N{NO-BREAK SPACE}s (1.11\N{NO-BREAK SPACE}h) of simulated time" in text
    assert "mean of a run" in text
    assert {score.evaluations for score in summary.scores} != {12}
    assert "It is taken over simulated seconds" in text
    assert "to the end of the budget; a run that simulated seconds ended" in text
    assert "The last of these budgets is the whole; before it come" in text
    assert "rounded up" not in text


def test_budget_in_evaluations_that_end_before_the_seconds(make):
    text = page_of(make(evaluations=12, seconds=1e7))
    assert "mean of a run" not in text
    assert "3 runs of each strategy, each of 12 evaluations or 10,000,000" in text
    assert "whichever ends first." in text
    assert "over evaluations, from where every run has a result to the end of the budget." in text
    assert "rounded up to whole evaluations" in text
    assert "where the first run" not in text


def test_budget_in_epochs(make):
    folder = make(evaluations=None, epochs=2000, protocol="multi_fidelity")
    summary, page = report(folder)
    assert page is not None
    text = page.read_text(encoding="utf-8")
    for said in (
        "3 runs of each strategy, 2,000 epochs of training a run.",
        "mean of a run",
        "against epochs of training</span>",
        "Panels a, b and c: mean over runs",
        "Panel d: a dot is a run",
        '1,000<br><span class="unit">epochs</span>',
        "It is taken over epochs of training, from where every run has a result to the end of the "
        "budget; a run that epochs of training ended holds its result to the last of them.",
        "rounded up to whole epochs",
        "A trial spends the epochs that it trains, whether or not it fails",
        "curves against anything but epochs of training end where the first run ended.",
    ):
        assert said in text
    cost = (folder / "tables" / "cost.tex").read_text()
    assert "repeated & epochs & simulated time (s)" in cost
    for score in summary.scores:
        row = re.search(rf"^{score.strategy} .*$", cost.replace("\\_", "_"), re.MULTILINE)
        assert row is not None
        assert f" & {score.epochs:,} & " in row[0]
    (folder / "figures" / "nasbench201-cifar10-epochs.svg").read_text().index("epochs of training")
    with (folder / "tables" / "checkpoints.csv").open() as file:
        assert {(row["axis"], row["budget"]) for row in csv.DictReader(file)} == {
            ("epochs", f"{epochs}.0") for epochs in (250, 500, 1000, 2000)
        }


def test_budget_in_epochs_and_seconds(make):
    text = page_of(make(evaluations=None, epochs=200, seconds=1e7))
    assert "each of 200 epochs of training or 10,000,000" in text
    assert "It is taken over simulated seconds, from where every run has a result to where" in text
    assert "against epochs of training</span>" in text
    assert "holds its result" not in text
    assert "all curves end where the first run ended." in text


def test_without_a_budget_in_epochs_nothing_is_said_of_them(make):
    folder = make()
    _, page = report(folder)
    assert page is not None
    text = markup(page.read_text(encoding="utf-8"))
    assert "epochs of training" not in text
    assert "Epochs<br>" not in text
    assert "A trial spends" not in text
    assert "epochs" not in (folder / "tables" / "cost.tex").read_text()


def test_budget_in_real_seconds(make):
    text = page_of(make(evaluations=None, real_seconds=0.2))
    assert "mean of a run" in text
    assert "every number of this page may differ" in text
    assert "It alone" not in text
    for said in (
        "has a result to where the first run on the benchmark ended.",
        "The last of these budgets is where the first run on the benchmark ended;",
        "all curves end where the first run ended.",
        "The whole is here where the first run on a benchmark ended.",
    ):
        assert said in text
    assert "It alone, and what it is part of" in page_of(make())
