"""The page of strategies: everything of every strategy, and figures that are the same twice."""

import sys
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

from nasbench_suite import cli, load, registry
from nasbench_suite.campaigns.strategies import BUDGETS, portray, said
from nasbench_suite.core import MissingExtra, Trial
from nasbench_suite.reports.strategies import figure, strategies_page, write_strategies

NAMES = ("regularized_evolution", "random_search", "hyperband")


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    return portray(tmp_path_factory.mktemp("portrayed"), NAMES, evaluations=30, seeds=3)


def test_each_strategy_is_compared_under_its_protocol(portraits):
    assert [portrait.name for portrait in portraits] == list(NAMES)
    assert [portrait.protocol for portrait in portraits] == ["standard"] * 2 + ["multi_fidelity"]
    for portrait in portraits:
        assert [panel.benchmark for panel in portrait.panels] == list(BUDGETS)
        assert portrait.overhead > 0
        for panel in portrait.panels:
            assert panel.reached.score.strategy == portrait.name
            assert panel.chance.score.strategy == "random_search"
            assert panel.reached.curve.mean[-1] == pytest.approx(panel.reached.score.mean)
            assert panel.reached.curve.runs == panel.chance.curve.runs == 3
    # Budgets are evaluations under the one protocol, and seconds or epochs under the other.
    assert {panel.reached.curve.grid[-1] for panel in portraits[0].panels} == {30}
    assert {panel.reached.axis for panel in portraits[0].panels} == {"evaluations"}
    for panel in portraits[2].panels:
        budget = BUDGETS[panel.benchmark]
        assert panel.reached.curve.grid[-1] == getattr(budget, panel.reached.axis)
    assert {panel.reached.axis for panel in portraits[2].panels} == {"seconds"}


def test_a_trial_takes_what_asking_and_telling_take(portraits):
    """Neither what the machine does besides, nor opening a table or looking up, is part of it."""
    bench = load("nasbench201/cifar10")
    kind = registry.load("strategies", "random_search")
    bare = []
    for _ in range(20):
        strategy = kind(bench.space, rng=np.random.default_rng(0))
        begun = perf_counter()
        for number in range(30):
            strategy.tell(Trial(number, strategy.ask().arch, None, {}, 1.0, "ok", 1.0))
        bare.append((perf_counter() - begun) / 30)
    (random,) = (portrait for portrait in portraits if portrait.name == "random_search")
    assert min(bare) / 3 < random.overhead < 3 * min(bare)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(6.12e-6, "6.1 µs"), (1.18e-4, "120 µs"), (6.68e-3, "6.7 ms"), (0.0234, "23 ms")],
)
def test_a_time_has_two_digits(portraits, seconds, words):
    page = strategies_page([replace(portraits[0], overhead=seconds)])
    assert f"| {words} |" in page


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
        for benchmark in BUDGETS:
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
    assert "in a single run" in page
    assert "1 runs" not in page
    assert "make docs" not in page
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
    """The first line of a file or of a class is a title; after a blank line more may follow."""
    for name in registry.names("strategies"):
        title, *rest = said(registry.load("strategies", name)).splitlines()
        assert title.endswith(".")
        assert not rest or (rest[0] == "" and rest[1:])


COIN = '''
from nasbench_suite.core import Proposal
from nasbench_suite.strategies.base import Strategy


class Coin(Strategy):
    """Draws an architecture."""

    def _ask(self):
        return Proposal(self.space.sample(self.rng))


class Mute(Coin):
    pass
'''


def test_a_strategy_of_ones_own(tmp_path, capsys):
    """A file of a user, without a word of its own, in a folder with a space in its name."""
    mine = tmp_path / "my work" / "mine two.py"
    mine.parent.mkdir()
    mine.write_text(COIN, "utf-8")
    out = tmp_path / "out"
    given = ["portray", "--evaluations", "12", "--seeds", "2", "--out", str(out)]
    assert cli.main([*given, "--strategies", f"{mine}:Coin,random_search,{mine}:Mute"]) == 0
    page = (out / "strategies.md").read_text("utf-8")
    assert "## mine two.Coin\n\n**Draws an architecture.**\n" in page
    assert "## mine two.Mute\n\nIt has no settings." in page
    assert "](strategies/mine-two.Coin.svg)" in page
    assert (out / "strategies" / "mine-two.Coin.svg").is_file()
    assert cli.main([*given, "--strategies", f"{mine}:Coin,{mine.parent}/./mine two.py:Coin"]) == 2
    assert "each once" in capsys.readouterr().err


def test_names_of_other_packages_are_names_of_files(portraits, tmp_path):
    foreign = replace(portraits[0], name="package/theirs")
    page = write_strategies([foreign], tmp_path).read_text("utf-8")
    assert "](strategies/package-theirs.svg)" in page
    assert (tmp_path / "strategies" / "package-theirs.svg").is_file()
