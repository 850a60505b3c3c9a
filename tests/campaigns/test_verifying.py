"""Winners are trained for real: kept promises, broken ones, and those that cannot be compared."""

import json
import math
import re
import shutil

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from nasbench_suite import Budget, compare, load
from nasbench_suite.core import DamagedInput, InvalidArchitecture, InvalidSetting, OutputError
from nasbench_suite.experiments.experiment import open_experiment
from nasbench_suite.files import alone
from nasbench_suite.scoring.scatter import pooled
from nasbench_suite.tables.card import sha256

pytest.importorskip("torch", reason="trains for real: install the extra `train`")

from nasbench_suite.benchmarks.live import Live
from nasbench_suite.campaigns import verifying
from nasbench_suite.campaigns.fitting import fit
from nasbench_suite.campaigns.promises import Promises
from nasbench_suite.campaigns.verifying import read_verification, to_json, verify
from nasbench_suite.reports.verified import rows
from nasbench_suite.training.jobs import Data
from nasbench_suite.training.recipes import recipe

pytestmark = pytest.mark.usefixtures("one_thread")

DIGITS, QUICK = Data("digits"), recipe("quick")
BENCH = "nasbench201/digits"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What two strategies found on the table."""
    out = tmp_path_factory.mktemp("found") / "runs"
    compare([BENCH], ["random_search", "local_search"], budget=Budget(60), seeds=3, out=out)
    return out


@pytest.fixture(scope="module")
def verified(one_thread, runs):
    return verify(runs, DIGITS, QUICK, top=3, seeds=2, devices="cpu")


RECIPE = """
name = "digits"
version = "1"
title = "Digits, predicted"
description = "The cells of NAS-Bench-201 on digits, for tests."
benchmark = "nasbench201/digits"
table_version = "1"
reported = "test_accuracy"
split = "random"
test = 2000

[protocols.standard]
description = "A search sees one noisy prediction and pays predicted seconds."
objective = "val_accuracy"
epochs = [12]
seed = 0
cost = "train_seconds"
continues = false

[protocols.standard.report]
metric = "test_accuracy"
epochs = 12
seed = "mean"

[[predict]]
metrics = ["val_accuracy", "test_accuracy"]
epochs = [12]
family = "ridge"
noise = "absolute"

[[predict]]
metrics = ["train_seconds"]
epochs = [12]
family = "ridge"
"""


@pytest.fixture
def with_digits(tmp_path, monkeypatch):
    """A surrogate of the table, where it is found."""
    (tmp_path / "digits.toml").write_text(RECIPE)
    fit(tmp_path / "digits.toml", out=tmp_path / "surrogates" / "digits")
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))


class TestKept:
    def test_the_best_that_were_seen_are_trained(self, verified, runs):
        table, experiment = load(BENCH), open_experiment(runs)
        seen = {}
        for strategy in experiment.strategies:
            for found in experiment.runs(BENCH, strategy):
                for trial in found.trials:
                    seen.setdefault(table.space.canonical(trial.arch), {})[strategy] = trial.score
        best = sorted((max(scores.values()) for scores in seen.values()), reverse=True)[:3]
        for verdict, score in zip(verified.verdicts, best, strict=True):
            assert table.query(verdict.architecture, "val_accuracy", seed=0) == score
            form = table.space.canonical(table.space.parse(verdict.architecture))
            assert verdict.strategies == tuple(sorted(seen[form]))

    def test_they_agree_with_the_table(self, verified):
        table = load(BENCH)
        assert [verdict.agrees for verdict in verified.verdicts] == [True] * 3
        assert (verified.metric, verified.epochs, verified.seeds) == (
            "test_accuracy",
            12,
            (1000, 1001),
        )
        for verdict in verified.verdicts:
            arch = verdict.architecture
            measured = table.query(arch, seed="all")
            assert verdict.promise.mean == pytest.approx(measured.mean())
            assert (verdict.promise.source, verdict.promise.runs) == ("measured", len(measured))
            # New seeds: the table's own would confirm themselves.
            assert not set(np.float32(verdict.trained).tolist()) & set(measured.tolist())
            assert verdict.low < verdict.mean < verdict.high
            assert verdict.difference == pytest.approx(verdict.mean - verdict.promise.mean)

    def test_chance_allows_what_it_should(self, verified):
        deviation, freedom = pooled([np.array(verdict.trained) for verdict in verified.verdicts])
        assert (deviation, freedom) == (verified.deviation, 3)
        spread = Promises(load(BENCH), "standard").deviation
        assert 1 < spread < 2
        for verdict in verified.verdicts:
            assert verdict.promise.std == pytest.approx(spread / math.sqrt(verdict.promise.runs))
            error = math.sqrt(verdict.promise.std**2 + deviation**2 / 2)
            # Three are compared, so that each has a third of the chance of 5 %.
            assert verdict.reach == pytest.approx(student.ppf(1 - 0.025 / 3, freedom) * error)

    def test_the_file_says_the_same(self, verified, runs):
        path = runs / "verified" / BENCH / "verification.json"
        assert read_verification(path) == verified
        assert path.read_text() == to_json(verified)
        records = [json.loads(one.read_text()) for one in path.parent.glob("trainings/*.json")]
        assert len(records) == 6
        for one in records:
            assert one["record"]["recipe_sha256"] == verified.recipe_sha256 == QUICK.digest
            assert {"hardware", "flags"} <= one["record"].keys()
        (told,) = verified.machines
        assert "device cpu" in told


class TestBroken:
    def test_a_falsified_table_is_found_out(self, tmp_path, monkeypatch):
        """One cell of middling quality is said to be the best there is."""
        honest, mine = load(BENCH), tmp_path / "mine" / "datasets_tabular" / "nasbench201_digits"
        shutil.copytree(honest.folder, mine)
        ranked = honest.frame(["val_accuracy"])["val_accuracy"].sort_values()
        lied_of = str(ranked.index[len(ranked) // 4])
        with h5py.File(mine / "table.h5", "r+") as file:
            row = list(file["architectures"].asstr()).index(lied_of)
            for metric in ("val_accuracy", "test_accuracy"):
                file[f"digits/{metric}/12"][row] = 96.0
        card = (mine / "card.toml").read_text()
        was = sha256(honest.folder / "table.h5")
        (mine / "card.toml").write_text(card.replace(was, sha256(mine / "table.h5")))
        index = mine / "index.json"
        index.write_text(index.read_text().replace(was, sha256(mine / "table.h5")))
        card = (mine / "card.toml").read_text()
        listed = re.sub(
            r'(\[files."index.json"\]\nbytes = )\d+\nsha256 = "\w+"',
            rf'\g<1>{index.stat().st_size}\nsha256 = "{sha256(index)}"',
            card,
        )
        (mine / "card.toml").write_text(listed)
        monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "mine"))
        out = tmp_path / "runs"
        number = honest.space.index(honest.space.parse(lied_of))
        near = tmp_path / "near.py"
        near.write_text(
            "from nasbench_suite.core import Proposal\n"
            "from nasbench_suite.strategies.base import Strategy\n\n\n"
            "class Near(Strategy):\n"
            '    """Asks for its neighbourhood."""\n\n'
            "    def _ask(self):\n"
            f"        return Proposal(self.space.at({number} + self._asked))\n"
        )
        compare([BENCH], [f"{near}:Near"], budget=Budget(6), seeds=1, out=out)
        found = verify(out, DIGITS, QUICK, top=2, seeds=2, devices="cpu")
        assert found.verdicts[0].architecture == lied_of
        assert found.verdicts[0].promise.mean == 96.0
        assert found.verdicts[0].agrees is False
        assert found.verdicts[0].difference < -10
        assert found.verdicts[1].agrees is True

    def test_predicted_winners_are_promoted_or_refuted(self, with_digits, tmp_path):
        out = tmp_path / "runs"
        given = {"budget": Budget(evaluations=100), "seeds": 2, "out": out, "source": "surrogate"}
        compare([BENCH], ["regularized_evolution"], **given)
        found = verify(out, DIGITS, QUICK, top=3, seeds=2, devices="cpu")
        assert found.source == "surrogate"
        bench = load(BENCH, "surrogate")
        for verdict in found.verdicts:
            record = bench.record(verdict.architecture, "test_accuracy")
            assert verdict.promise.source == "predicted"
            assert (verdict.promise.mean, verdict.promise.std) == (record.value, record.std)
            assert verdict.agrees is (abs(verdict.difference) <= verdict.reach)
        assert any(verdict.agrees for verdict in found.verdicts)


class TestIncomparable:
    def test_other_epochs(self, runs, tmp_path):
        short = recipe("quick", {"epochs": 1, "eval_draws": 1})
        found = verify(runs, DIGITS, short, top=1, seeds=2, out=tmp_path / "out", devices="cpu")
        assert found.verdicts[0].agrees is None
        assert "after 12 epochs, and recipe quick trained for 1" in found.why_not
        assert found == read_verification(tmp_path / "out" / "verification.json")

    def test_a_single_training_scatters_as_the_table_does(self, runs, tmp_path):
        found = verify(runs, DIGITS, QUICK, top=1, seeds=1, out=tmp_path / "out", devices="cpu")
        (verdict,) = found.verdicts
        assert math.isnan(found.deviation)
        spread = Promises(load(BENCH), "standard").deviation
        error = math.hypot(verdict.promise.std, spread)
        assert verdict.reach == pytest.approx(1.959964 * error, rel=1e-5)
        assert verdict.agrees is (abs(verdict.difference) <= verdict.reach)

    def test_all_failed(self, runs, tmp_path):
        wild = recipe("quick", {"learning_rate": 1e30, "eval_draws": 1})
        found = verify(runs, DIGITS, wild, top=1, seeds=2, out=tmp_path / "out", devices="cpu")
        (verdict,) = found.verdicts
        assert (verdict.trained, verdict.agrees) == ((), None)
        assert len(verdict.failures) == 2
        assert read_verification(tmp_path / "out" / "verification.json").verdicts[0].agrees is None

    def test_what_a_live_search_found(self, tmp_path):
        out, live = tmp_path / "runs", Live(QUICK, device="cpu")
        given = {"budget": Budget(3), "seeds": 1, "out": out, "source": "live", "live": live}
        compare([BENCH], ["random_search"], **given)
        found = verify(out, DIGITS, QUICK, top=1, seeds=2, devices="cpu")
        (verdict,) = found.verdicts
        assert (verdict.promise.source, verdict.promise.runs) == ("trained", 1)
        assert verdict.agrees is (abs(verdict.difference) <= verdict.reach)

    def test_another_recipe_than_that_of_the_table(self):
        promises = Promises(load(BENCH), "standard")
        assert promises.why_not(QUICK) is None
        # How fast it is computed is not what was promised.
        assert promises.why_not(recipe("quick", {"channels_last": False})) is None
        told = promises.why_not(recipe("quick", {"learning_rate": 0.001}))
        assert "learning_rate is 0.05 there and 0.001 here" in told

    def test_another_recipe_or_data_than_those_of_a_live_search(self, tmp_path):
        short = recipe("quick", {"epochs": 1, "eval_draws": 1})
        out, live = tmp_path / "runs", Live(short, device="cpu")
        given = {"budget": Budget(2), "seeds": 1, "out": out, "source": "live", "live": live}
        compare([BENCH], ["random_search"], **given)
        slow = recipe("quick", {"epochs": 1, "eval_draws": 1, "learning_rate": 1e-4})
        found = verify(out, DIGITS, slow, top=1, seeds=2, out=tmp_path / "slow", devices="cpu")
        assert found.verdicts[0].agrees is None
        assert "learning_rate is 0.05 there and 0.0001 here" in found.why_not
        # A column each of what was trained then and now.
        (row,) = rows(found)
        assert row["trained_before"] == found.verdicts[0].promise.mean != row["trained"]
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (100, 8, 8), np.uint8)
        np.savez(tmp_path / "noise.npz", images=images, labels=np.arange(100) % 10)
        with pytest.raises(InvalidSetting, match="these images of noise are others"):
            verify(out, Data(str(tmp_path / "noise.npz")), short, out=tmp_path / "x")


class TestFolder:
    def test_it_goes_on_and_grows(self, runs, tmp_path):
        short = recipe("quick", {"epochs": 1, "eval_draws": 1})
        out, told = tmp_path / "out", []
        asked = (runs, DIGITS, short)
        one = verify(*asked, top=1, seeds=1, out=out, devices="cpu")
        kept = {path: path.stat().st_mtime_ns for path in (out / "trainings").iterdir()}
        more = verify(
            *asked, top=2, seeds=2, out=out, devices="cpu", progress=lambda *t: told.append(t)
        )
        assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
        assert {path: path.stat().st_mtime_ns for path in kept} == kept
        assert more.verdicts[0].trained[0] == one.verdicts[0].trained[0]
        with pytest.raises(InvalidSetting, match="another recipe"):
            verify(runs, DIGITS, QUICK, top=1, seeds=1, out=out)
        with alone(out), pytest.raises(OutputError, match="another process"):
            verify(*asked, top=1, seeds=1, out=out)

    def test_bad_input(self, runs, tmp_path, nasbench):
        given = {"out": tmp_path / "out", "devices": "cpu"}
        images = np.zeros((60, 8, 8), np.uint8)
        np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(60) % 3)
        for data, setting, error, says in (
            (Data(str(tmp_path / "mine.npz")), {}, InvalidSetting, "10 classes, and mine has 3"),
            (DIGITS, {"benchmark": "nasbench201/cifar10"}, InvalidSetting, "is not of"),
            (DIGITS, {"top": 0}, InvalidSetting, "top"),
            (DIGITS, {"seeds": 0}, InvalidSetting, "seeds"),
        ):
            with pytest.raises(error, match=says):
                verify(runs, data, QUICK, **{**given, **setting})
        code, text, told = nasbench("verify", tmp_path, "--data", "digits", "--recipe", "quick")
        assert (code, text) == (2, "")
        assert "holds no experiment" in told
        assert not (tmp_path / "out").exists()

    def test_a_metric_that_training_does_not_give(self, tmp_path):
        out = tmp_path / "runs"
        name = "transbench101_micro/autoencoder"
        compare([name], ["random_search"], budget=Budget(3), seeds=1, out=out)
        with pytest.raises(InvalidSetting, match="reports test_ssim"):
            verify(out, DIGITS, QUICK, top=1, seeds=1)

    def test_a_winner_that_leaves_its_input_out(self, tmp_path):
        space = load(BENCH).space
        cut = next(arch for arch in space if not any(arch))
        near = tmp_path / "cut.py"
        near.write_text(
            "from nasbench_suite.core import Proposal\n"
            "from nasbench_suite.strategies.base import Strategy\n\n\n"
            "class Cut(Strategy):\n"
            '    """Asks for nothing."""\n\n'
            "    def _ask(self):\n"
            f"        return Proposal(self.space.at({space.index(cut)}))\n"
        )
        out = tmp_path / "runs"
        compare([BENCH], [f"{near}:Cut"], budget=Budget(1), seeds=1, out=out)
        with pytest.raises(InvalidArchitecture, match="nothing to train"):
            verify(out, DIGITS, QUICK, top=1, seeds=1)

    def test_a_damaged_verification(self, verified, tmp_path):
        path = tmp_path / "verification.json"
        whole = to_json(verified)
        for text in (
            "",
            "{}",
            "[]",
            whole.replace('"reach"', '"far"', 1),
            whole.replace('"agrees": true', '"agrees": "perhaps"', 1),
            whole.replace('"source": "measured"', '"source": "guessed"', 1),
        ):
            path.write_text(text)
            with pytest.raises(DamagedInput, match="verify again"):
                read_verification(path)


@pytest.mark.slow
def test_the_command_and_the_report(nasbench, runs, tmp_path):
    shutil.copytree(runs, mine := tmp_path / "runs", ignore=shutil.ignore_patterns("verified"))
    asked = ("verify", mine, "--data", "digits", "--recipe", "quick", "--device", "cpu")
    code, text, told = nasbench(*asked, "--top", 2, "--seeds", 2)
    assert code == 0, told
    assert "2 of 2 agree with what was promised." in text
    page = (mine / "report.html").read_text()
    assert "Trained for real" in page
    found = read_verification(mine / "verified" / BENCH / verifying.RESULT)
    for verdict in found.verdicts:
        assert verdict.architecture.replace("+", "&#43;") in page or verdict.architecture in page
        assert f"{verdict.mean:.2f}" in page
    code, text, _ = nasbench(*asked, "--top", 2, "--seeds", 2, "--json")
    assert code == 0
    assert json.loads(text)["verdicts"][0]["architecture"] == found.verdicts[0].architecture


@given(st.lists(st.lists(st.floats(-100, 100), max_size=5).map(np.array), max_size=5))
def test_groups_are_pooled_about_their_own_means(groups):
    deviation, freedom = pooled(groups)
    several = [group for group in groups if len(group) > 1]
    if not several:
        assert math.isnan(deviation)
        assert freedom == 0
        return
    apart = np.concatenate([group - group.mean() for group in several])
    assert freedom == len(apart) - len(several)
    assert deviation == pytest.approx(math.sqrt((apart**2).sum() / freedom), abs=1e-9)
