"""The published searches come out the same, and the page says so."""

import json
from dataclasses import replace

import pytest

from nasbench_suite import cli
from nasbench_suite.campaigns.reproduction import TASKS, reproduce
from nasbench_suite.reports.reproduction import reproduction_page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    # As many as were published: of fewer, a mean is less sure than what is tolerated.
    return reproduce(tmp_path_factory.mktemp("reproduced"))


def test_the_published_rows_are_reproduced(rows):
    assert len(rows) == 9
    missed = [(row.task.benchmark, row.score, row.published) for row in rows if not row.within]
    assert not missed


def test_a_row_that_is_missed_is_not_within(rows):
    row = rows[0]
    limit = row.task.tolerance
    for score in (
        replace(row.score, mean=row.published[0] + 1.01 * limit),
        replace(row.score, mean=row.published[0] - 1.01 * limit),
        replace(row.score, std=1.4 * row.published[1]),
        replace(row.score, std=0.6 * row.published[1]),
    ):
        assert not replace(row, score=score).within
        assert "| NO |" in reproduction_page([replace(row, score=score)])


def test_the_page_has_every_row(rows):
    page = reproduction_page(rows)
    assert page.count("| yes |") == 9
    for task in TASKS:
        for mean, std in task.published.values():
            assert f"{mean:.2f} ± {std:.2f}" in page
    assert "500 runs of each" in page


def test_one_run_gives_no_verdict(tmp_path, capsys):
    out = tmp_path / "out"
    given = ["reproduce", "--out", str(out), "--seeds", "1"]
    assert cli.main(given) == 0
    page = (out / "reproduction.md").read_text("utf-8")
    assert "nan" not in page
    assert "NO" not in page
    assert page.count("± – |") == page.count("| one run |") == 9
    assert "1 run of each" in page
    capsys.readouterr()
    assert cli.main([*given, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["within"], row["std"]) for row in rows] == [(None, None)] * 9


def test_the_command_writes_the_page_and_goes_on(tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["reproduce", "--out", str(out), "--seeds", "2"]) == 0
    page = (out / "reproduction.md").read_text("utf-8")
    assert page in capsys.readouterr().out
    logs = {path: path.stat().st_mtime_ns for path in out.rglob("runs/**/[0-9].jsonl")}
    assert len(logs) == 18
    assert cli.main(["reproduce", "--out", str(out), "--seeds", "2", "--json"]) == 0
    assert {p: p.stat().st_mtime_ns for p in out.rglob("runs/**/[0-9].jsonl")} == logs
    assert '"published"' in capsys.readouterr().out
    assert cli.main(["reproduce", "--out", str(out), "--seeds", "3"]) == 2
    assert "holds another experiment" in capsys.readouterr().err
