"""The page of strategies: everything of every strategy, and figures that are the same twice."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from nasbench_suite import cli, registry
from nasbench_suite.campaigns.strategies import SECONDS, portray
from nasbench_suite.core import MissingExtra
from nasbench_suite.reports.strategies import figure, strategies_page, write_strategies

NAMES = ("regularized_evolution", "random_search", "hyperband")


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    return portray(tmp_path_factory.mktemp("portrayed"), NAMES, evaluations=30, seeds=3)


def test_each_strategy_is_compared_under_its_protocol(portraits):
    assert [portrait.name for portrait in portraits] == list(NAMES)
    assert [portrait.protocol for portrait in portraits] == ["standard"] * 2 + ["multi_fidelity"]
    for portrait in portraits:
        assert [panel.benchmark for panel in portrait.panels] == list(SECONDS)
        assert portrait.overhead > 0
        for panel in portrait.panels:
            assert panel.reached.score.strategy == portrait.name
            assert panel.chance.score.strategy == "random_search"
            assert panel.reached.curve.mean[-1] == pytest.approx(panel.reached.score.mean)
            assert panel.reached.curve.runs == panel.chance.curve.runs == 3
    # Budgets are evaluations under the one protocol and seconds under the other.
    assert portraits[0].panels[0].reached.curve.grid[-1] == 30
    assert portraits[2].panels[0].reached.curve.grid[-1] == SECONDS["nasbench201/cifar10"]


def test_the_page_has_words_settings_and_results(portraits):
    page = strategies_page(portraits)
    for portrait in portraits:
        assert f"\n## {portrait.name}\n" in page
        assert portrait.text.splitlines()[0] in page
        assert portrait.text.splitlines()[-1] in page
        assert f"![{portrait.name} beside random search](strategies/{portrait.name}.svg)" in page
        for panel in portrait.panels:
            assert f"{panel.reached.score.mean:.2f} ± " in page
    assert "| `population_size` | `10` | `10` | `100` | `100` |" in page
    assert "It has no settings." in page


def test_figures_are_drawn_and_the_same_twice(portraits, tmp_path):
    page = write_strategies(portraits, tmp_path)
    assert page == tmp_path / "strategies.md"
    for portrait in portraits:
        drawn = (tmp_path / "strategies" / f"{portrait.name}.svg").read_bytes()
        assert drawn == figure(portrait)
        for benchmark in SECONDS:
            assert benchmark.encode() in drawn
    assert b"simulated time (h)" in drawn
    assert b"test accuracy" in drawn


def test_another_curve_is_another_figure(portraits):
    portrait = portraits[0]
    panel = portrait.panels[0]
    curve = panel.reached.curve
    lower = replace(curve, mean=curve.mean - np.linspace(1, 2, len(curve.mean)))
    reached = replace(panel.reached, curve=lower)
    other = replace(portrait, panels=(replace(panel, reached=reached), *portrait.panels[1:]))
    assert figure(other) != figure(portrait)


def test_without_the_extra(portraits, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"nasbench-suite\[report\]"):
        write_strategies(portraits, tmp_path)
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize("names", ["", ",", "bananas,bananas"])
def test_no_strategy_or_one_twice_is_refused(tmp_path, capsys, names):
    assert cli.main(["portray", "--strategies", names, "--out", str(tmp_path / "out")]) == 2
    assert "each once" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command(tmp_path, capsys):
    given = ["portray", "--evaluations", "12", "--seeds", "2", "--out", str(tmp_path)]
    assert cli.main([*given, "--strategies", "random_search"]) == 0
    assert f"page: {tmp_path / 'strategies.md'}" in capsys.readouterr().out
    assert cli.main([*given, "--strategies", "random_serch"]) == 2
    assert "did you mean random_search" in capsys.readouterr().err


def test_a_folder_can_be_extended_and_other_work_is_not_overwritten(tmp_path, capsys):
    out = tmp_path / "out"
    given = ["portray", "--evaluations", "12", "--seeds", "1", "--out", str(out)]
    assert cli.main([*given, "--strategies", "random_search"]) == 0
    logs = {path: path.stat().st_mtime_ns for path in out.rglob("*.jsonl")}
    assert cli.main([*given, "--strategies", "random_search,edge_bandits"]) == 0
    assert logs.items() < {path: path.stat().st_mtime_ns for path in out.rglob("*.jsonl")}.items()
    page = (out / "strategies.md").read_text("utf-8")
    # A single run has no interval.
    assert "nan" not in page
    assert "learning switched off (`rate` 1e-09)" in page
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "strategies.md").write_text("mine")
    given[-1] = str(mine)
    assert cli.main([*given, "--strategies", "random_search"]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert (mine / "strategies.md").read_text() == "mine"
    assert cli.main(["reproduce", "--out", str(mine), "--seeds", "2"]) == 2
    assert [path.name for path in mine.iterdir()] == ["strategies.md"]


def test_every_strategy_says_what_it_is():
    """The first line of a file is a title, and a paragraph follows."""
    for name in registry.names("strategies"):
        title, blank, *rest = sys.modules[
            registry.load("strategies", name).__module__
        ].__doc__.splitlines()
        assert title.endswith(".")
        assert blank == ""
        assert rest
