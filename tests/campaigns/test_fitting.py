"""Fitting a surrogate as a recipe says: what its card promises, kill and resume, bad input."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import kendalltau

from nasbench_suite import load
from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
from nasbench_suite.campaigns.fit_metric import noise_of, parts_of
from nasbench_suite.campaigns.fit_recipe import read_recipe
from nasbench_suite.campaigns.fitting import fit
from nasbench_suite.core import (
    DamagedInput,
    DataNotFound,
    InvalidSetting,
    NotMeasured,
    OutputError,
    UnknownName,
)
from nasbench_suite.surrogates.ridge import Ridge

CELLS = """
name = "cells"
version = "1"
title = "Cells of NAS-Bench-101"
description = "Two lengths of training, for tests."
benchmark = "nasbench101/cifar10"
table_version = "1"
reported = "val_accuracy"
split = "random"
test = 3000
seed = 5

[protocols.multi_fidelity]
description = "A search chooses how long to train."
objective = "val_accuracy"
epochs = [12, 108]
seed = 0
cost = "train_seconds"
continues = false

[protocols.multi_fidelity.report]
metric = "val_accuracy"
epochs = 108
seed = "mean"

[[predict]]
metrics = ["val_accuracy"]
epochs = [12, 108]
family = "ridge"
noise = "absolute"
noise_from = "nasbench101_4v/cifar10"

[[predict]]
metrics = ["train_seconds"]
epochs = [108]
family = "ridge"

[[predict]]
metrics = ["train_seconds"]
epochs = [12]
family = "ridge"
in_proportion_to = 108
"""


SECONDS = 'metrics = ["train_seconds"]'


@pytest.fixture(scope="module")
def card(small_surrogate):
    return tomllib.loads((small_surrogate / "card.toml").read_text())


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    (folder / "cells.toml").write_text(CELLS)
    return fit(folder / "cells.toml", out=folder / "out")


@pytest.fixture
def recipe(tmp_path, small_surrogate):
    """Write the small recipe with changes, and return its file."""

    def change(*pairs):
        text = (small_surrogate / "recipe.toml").read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return path

    return change


def unclocked(card):
    """A card without what no two fits have alike."""
    kept = {name: value for name, value in card.items() if name != "speed"}
    kept["predictors"] = [
        {name: value for name, value in entry.items() if name != "fit_seconds"}
        for entry in card["predictors"]
    ]
    return kept


class TestCard:
    def test_scores_are_those_of_the_test_part(self, small_surrogate, card):
        """Computed again with other code, from what the fitted surrogate answers."""
        table, opened = load("mnasnet/imagenet", "table"), SurrogateBenchmark(small_surrogate)
        frame = table.frame(["val_accuracy", "train_seconds", "official_split"])
        test = frame[frame["official_split"] == 2]
        assert len(test) == card["split"]["test"] == 512
        for entry in card["predictors"]:
            true = test[entry["metric"]].to_numpy()
            found = opened.query_many(test.index.tolist(), entry["metric"])
            scores = entry["scores"]
            assert scores["kendall"] == pytest.approx(kendalltau(true, found).statistic, abs=1e-5)
            share = 1 - np.square(true - found).sum() / np.square(true - true.mean()).sum()
            assert scores["r2"] == pytest.approx(share, abs=1e-5)
            stds = [opened.record(arch, entry["metric"]).std for arch in test.index]
            held = np.abs(true - found) < 1.6448536 * np.array(stds)
            assert scores["coverage"] == pytest.approx(held.mean(), abs=1e-5)
            best = true > np.quantile(true, 0.9)
            if entry["metric"] == "train_seconds":
                best = true < np.quantile(true, 0.1)
            assert entry["top"]["test"] == best.sum()
            assert entry["top"]["bias"] == pytest.approx((found - true)[best].mean(), rel=1e-4)

    def test_it_is_worth_fitting(self, card):
        accuracy, seconds = card["predictors"]
        assert accuracy["scores"]["kendall"] > 0.85
        assert accuracy["teacher"]["kendall"] > 0.88
        assert seconds["scores"]["kendall"] > 0.8
        # Who never saw the best is too low for them, and ranks them worse than who did.
        assert accuracy["beyond"]["bias"] < -0.2
        assert "teacher" not in seconds

    def test_more_data_predict_better(self, card):
        for entry in card["predictors"]:
            curve = entry["learning"]
            assert [one["train"] for one in curve] == [256, 1025, 4100]
            assert curve[-1]["train"] == entry["train"]
            taus = [one["kendall"] for one in curve]
            assert taus == sorted(taus)
            assert taus[0] < taus[-1] - 0.01
            for measure in ("kendall", "r2", "rmse"):
                assert curve[-1][measure] == entry["scores"][measure]

    def test_a_part_is_fitted_at_random(self, card):
        """The small fit made again; the table's first networks would be another sample."""
        table = load("mnasnet/imagenet", "table")
        frame = table.frame(["train_seconds", "official_split"])
        train, test = (frame[frame["official_split"] == part] for part in (0, 2))
        chosen = train.iloc[np.random.default_rng(0).permutation(len(train))[:256]]
        parsed = [[table.space.parse(text) for text in part.index] for part in (chosen, test)]
        model = Ridge(table.space).fit(
            parsed[0], chosen["train_seconds"].to_numpy(), np.random.default_rng(0)
        )
        true, (mean, _) = test["train_seconds"].to_numpy(), model.predict(parsed[1])
        (first, *_) = card["predictors"][1]["learning"]
        assert first["kendall"] == pytest.approx(kendalltau(true, mean).statistic, abs=1e-5)
        assert first["rmse"] == pytest.approx(np.sqrt(np.square(true - mean).mean()), rel=1e-5)

    def test_parts_that_are_too_small_are_skipped(self, tmp_path, recipe):
        """A sixteenth of 383 networks is less than 40."""
        changed = recipe(
            ('split = "official"', 'split = "random"\ntest = 4700'),
            ('family = "distilled"', 'family = "ridge"'),
            ('settings = { teacher = "ridge", drawn = 1000, epochs = 20 }', ""),
        )
        folder = fit(changed, out=tmp_path / "out")
        for entry in tomllib.loads((folder / "card.toml").read_text())["predictors"]:
            assert [one["train"] for one in entry["learning"]] == [95, entry["train"]]

    def test_noise_is_that_of_networks_trained_twice(self, card):
        """Thirteen were, one with a pair far apart: the table's card has the same numbers."""
        noise = card["predictors"][0]["noise"]
        assert noise["repeated"] == 13
        assert noise["pooled"] == pytest.approx(0.27, abs=0.005)
        assert 0.05 < noise["deviation"] < 0.15
        ceiling = card["predictors"][0]["ceiling"]
        assert 0.95 < ceiling["kendall"] < 1
        assert ceiling["r2"] > 0.99

    def test_it_says_where_it_comes_from(self, card):
        table = tomllib.loads((load("mnasnet/imagenet", "table").folder / "card.toml").read_text())
        assert card["table"]["sha256"] == table["files"]["table.h5"]["sha256"]
        assert card["citations"] == table["citations"]
        assert card["notes"] == ["for tests"]
        assert set(card["files"]) == {
            "seen.npz",
            "models/val_accuracy/model.npz",
            "models/train_seconds/model.npz",
        }
        assert card["predictors"][0]["settings"]["teacher"] == "ridge"
        assert card["speed"]["one_us"] > 0

    def test_what_was_not_measured_is_named(self, tmp_path, recipe):
        """37 networks were not measured on TPUv2."""
        changed = recipe(
            ('metrics = ["train_seconds"]', 'metrics = ["train_seconds", "tpuv2_throughput"]'),
            ('noise = "relative"', ""),
        )
        folder = fit(changed, out=tmp_path / "out")
        *_, entry = tomllib.loads((folder / "card.toml").read_text())["predictors"]
        assert entry["metric"] == "tpuv2_throughput"
        assert entry["not_measured"].startswith("37: e")
        assert entry["train"] + entry["calibrate"] + entry["test"] < 5124


class TestLengths:
    def test_parts_are_apart_and_all_there_is(self, cells):
        recipe = read_recipe(cells / "recipe.toml")
        table = load("nasbench101/cifar10", "table")
        parts = parts_of(recipe, table)
        assert [len(part) for part in parts] == [24301, 2700, 3000]
        assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(table.rows))

    def test_shorter_trainings_cost_in_proportion(self, cells):
        opened = SurrogateBenchmark(cells)
        arch = opened.space.sample(np.random.default_rng(0))
        longest = opened.query(arch, "train_seconds", epochs=108)
        assert opened.query(arch, "train_seconds", epochs=12) == pytest.approx(longest / 9)
        assert opened.query(arch, "train_seconds") == longest
        assert opened.epochs("train_seconds") == (12, 108)
        short, long = (opened.query(arch, epochs=epochs) for epochs in (12, 108))
        assert short < long == opened.query(arch)
        with pytest.raises(NotMeasured, match="12, 108"):
            opened.query(arch, epochs=36)

    def test_a_cell_has_one_training_however_it_is_written(self, cells):
        opened = SurrogateBenchmark(cells)
        arch = opened.space.sample(np.random.default_rng(0))
        same = opened.space.canonical(arch)
        assert same != arch
        assert opened.query(arch, seed=0) == opened.query(same, seed=0) != opened.query(arch)

    def test_noise_of_another_table(self, cells):
        """The three trainings of the cells of up to four vertices tell it."""
        card = tomllib.loads((cells / "card.toml").read_text())
        noise = [entry["noise"] for entry in card["predictors"][:2]]
        assert {one["table"] for one in noise} == {"nasbench101_4v/cifar10"}
        assert noise[0]["deviation"] > noise[1]["deviation"] > 0.05


class TestAgain:
    def test_the_same_bytes(self, small_surrogate, card, tmp_path):
        again = fit(small_surrogate / "recipe.toml", out=tmp_path / "again")
        assert unclocked(tomllib.loads((again / "card.toml").read_text())) == unclocked(card)
        for name in card["files"]:
            assert (again / name).read_bytes() == (small_surrogate / name).read_bytes()

    def test_what_is_done_is_not_done_again(self, small_surrogate):
        paths = [small_surrogate / name for name in ("card.toml", "seen.npz", "models")]
        before = [path.stat().st_mtime_ns for path in paths]
        told = []
        assert fit(
            small_surrogate / "recipe.toml",
            out=small_surrogate,
            progress=lambda *done: told.append(done),
        ) == (small_surrogate)
        assert told == []
        assert [path.stat().st_mtime_ns for path in paths] == before

    def test_after_a_kill_only_the_rest_is_fitted(self, small_surrogate, card, tmp_path):
        out = tmp_path / "out"
        code = (
            "import sys; from pathlib import Path;"
            "from nasbench_suite.campaigns.fitting import fit;"
            "fit(Path(sys.argv[1]), out=Path(sys.argv[2]))"
        )
        command = [sys.executable, "-c", code, str(small_surrogate / "recipe.toml"), str(out)]
        process = subprocess.Popen(command)
        first = out / ".fitting" / "val_accuracy.json"
        while not first.exists() and process.poll() is None:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not (out / "card.toml").exists()
        kept = first.read_bytes()
        told = []
        fit(
            small_surrogate / "recipe.toml",
            out=out,
            progress=lambda *done: told.append((done, first.read_bytes())),
        )
        assert told[0][0] == (len(list((out / ".fitting").glob("[tv]*.json"))) or told[0][0][0], 2)
        assert told[0][1] == kept
        assert unclocked(tomllib.loads((out / "card.toml").read_text())) == unclocked(card)
        assert not (out / ".fitting").exists()

    def test_another_recipe_does_not_write_over_it(self, small_surrogate, recipe, card):
        changed = recipe(('notes = ["for tests"]', "notes = []"))
        with pytest.raises(InvalidSetting, match="fitted with another recipe_sha256"):
            fit(changed, out=small_surrogate)
        assert tomllib.loads((small_surrogate / "card.toml").read_text()) == card

    def test_a_folder_of_something_else(self, small_surrogate, tmp_path):
        (tmp_path / "thesis.tex").write_text("important")
        with pytest.raises(OutputError, match=r"thesis\.tex"):
            fit(small_surrogate / "recipe.toml", out=tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

    def test_a_recipe_of_something_else(self, small_surrogate, tmp_path):
        kept = tmp_path / "recipe.toml"
        kept.write_text("# not fitted yet")
        with pytest.raises(OutputError, match="is another recipe"):
            fit(small_surrogate / "recipe.toml", out=tmp_path)
        assert kept.read_text() == "# not fitted yet"

    def test_what_is_damaged_is_not_done(self, small_surrogate, card, tmp_path):
        out = tmp_path / "out"
        shutil.copytree(small_surrogate, out)
        model = out / "models" / "train_seconds" / "model.npz"
        model.write_bytes(b"")
        with pytest.raises(DamagedInput, match=r"remove card\.toml and fit again"):
            fit(out / "recipe.toml", out=out)
        (out / "card.toml").unlink()
        fit(out / "recipe.toml", out=out)
        assert unclocked(tomllib.loads((out / "card.toml").read_text())) == unclocked(card)

    def test_a_finished_metric_without_its_model(self, small_surrogate, card, tmp_path):
        """So it is after a kill at the very end, and after the models were removed."""
        out = tmp_path / "out"
        (out / ".fitting").mkdir(parents=True)
        question = {**card["made_by"]}
        (out / ".fitting" / "question.json").write_text(json.dumps(question))
        for entry in card["predictors"]:
            (out / ".fitting" / f"{entry['metric']}.json").write_text(json.dumps(entry))
        fit(small_surrogate / "recipe.toml", out=out)
        for name in card["files"]:
            assert (out / name).read_bytes() == (small_surrogate / name).read_bytes()


class TestRefused:
    @pytest.mark.parametrize(
        ("old", "new", "error", "words"),
        [
            ('title = "A small surrogate"', "", InvalidSetting, "lacks title"),
            ('title = "A small surrogate"', "title = 3", InvalidSetting, "title is 3"),
            ('version = "1"\ntitle', 'versoin = "1"\ntitle', UnknownName, "did you mean version"),
            ('"mnasnet/imagenet"', '"mnasnet/imagenette"', UnknownName, "mnasnet/imagenet"),
            ('table_version = "1"', 'table_version = "2"', InvalidSetting, "and 1 is installed"),
            ('split = "official"', 'split = "random"', InvalidSetting, "test says how many"),
            ('split = "official"', 'split = "odd"', InvalidSetting, "split"),
            (
                'split = "official"',
                'split = "random"\ntest = 5120',
                InvalidSetting,
                "5,125 architectures in all",
            ),
            ('family = "ridge"', 'family = "rigde"', UnknownName, "did you mean ridge"),
            ('teacher = "ridge"', 'teacher = "rigde"', UnknownName, "did you mean ridge"),
            ("drawn = 1000", "drwan = 1000", UnknownName, "did you mean drawn"),
            ('noise = "relative"', 'noise = "loud"', InvalidSetting, "noise"),
            ('metrics = ["train_seconds"]', 'metrics = ["seconds"]', InvalidSetting, "protocol"),
            ('metrics = ["train_seconds"]', "metrics = [3]", InvalidSetting, "metric is 3"),
            ('reported = "val_accuracy"', 'reported = "params"', InvalidSetting, "reports params"),
            ('objective = "val_accuracy"', 'goal = "val_accuracy"', InvalidSetting, "objective"),
            (SECONDS, 'metrics = ["params", "official_split"]', InvalidSetting, "protocol"),
            (SECONDS, f"{SECONDS[:-1]}, 'official_split']", InvalidSetting, "nothing to learn"),
            (SECONDS, f"{SECONDS[:-1]}, 'val_loss']", UnknownName, "no metric named 'val_loss'"),
            (SECONDS, f"{SECONDS[:-1]}, 'train_seconds']", InvalidSetting, "each once"),
            (SECONDS, f"{SECONDS}\nepochs = [3]", InvalidSetting, "protocol"),
            ("[[predict]]\n", "[predict\n", DamagedInput, "no recipe"),
            ('name = "small"', 'name = "../../small"', InvalidSetting, "name is"),
            ('notes = ["for tests"]', 'notes = "for tests"', InvalidSetting, "notes is"),
            (SECONDS, 'metrics = "train_seconds"', InvalidSetting, "metrics is"),
            (SECONDS, f"{SECONDS}\nepochs = 3", InvalidSetting, "epochs is 3"),
            (SECONDS, f"{SECONDS}\nnoise_from = 3", InvalidSetting, "noise_from is 3"),
            ('family = "ridge"', 'family = ["ridge"]', InvalidSetting, "family is"),
            ("seed = 0", 'seed = "bogus"', InvalidSetting, "has the seed 'bogus'"),
            ('seed = "mean"', 'seed = "all"', InvalidSetting, "has the seed 'all'"),
            ('seed = "mean"', "bogus = 1", InvalidSetting, "protocol standard"),
            ("continues = false", 'continues = "no"', InvalidSetting, "true or false"),
        ],
    )
    def test_recipes(self, recipe, tmp_path, old, new, error, words):
        with pytest.raises(error, match=words):
            fit(recipe((old, new)), out=tmp_path / "out")
        assert not list((tmp_path / "out").rglob("*.npz"))
        assert not (tmp_path / "out" / "card.toml").exists()

    def test_in_proportion_to_what_is_in_proportion(self, tmp_path):
        path = tmp_path / "chain.toml"
        path.write_text(
            f"{CELLS}\n[[predict]]\nmetrics = ['train_seconds']\nepochs = [4]\n"
            "family = 'ridge'\nin_proportion_to = 12\n"
        )
        with pytest.raises(InvalidSetting, match="not fitted for themselves"):
            read_recipe(path)

    def test_no_such_recipe(self, tmp_path):
        with pytest.raises(DataNotFound, match="there is no recipe"):
            read_recipe(tmp_path / "none.toml")
        with pytest.raises(UnknownName, match="no fitted surrogate named 'none'"):
            read_recipe("none")

    def test_noise_that_nobody_can_know(self, tmp_path, recipe):
        changed = recipe(('noise = "relative"', 'noise = "relative"\nnoise_from = "hwgpt_s/none"'))
        with pytest.raises(UnknownName, match="no benchmark named"):
            fit(changed, out=tmp_path / "out")
        changed = recipe(("train_seconds", "params"))
        with pytest.raises(InvalidSetting, match=r"no two trainings.*with params"):
            fit(changed, out=tmp_path / "out")
        once = tmp_path / "once.toml"
        once.write_text(CELLS.replace('noise_from = "nasbench101_4v/cifar10"', ""))
        with pytest.raises(InvalidSetting, match="no two trainings of one architecture"):
            fit(once, out=tmp_path / "out")
        # All of this is found before anything is fitted.
        assert not (tmp_path / "out").exists()

    def test_work_of_another_recipe(self, tmp_path, recipe):
        out = tmp_path / "out"
        (out / ".fitting").mkdir(parents=True)
        (out / ".fitting" / "question.json").write_text(json.dumps({"recipe_sha256": "0"}))
        (out / ".fitting" / "val_accuracy.json").write_text("{}")
        with pytest.raises(InvalidSetting, match="begun with another recipe_sha256"):
            fit(recipe(), out=out)


MACRO = """
name = "macro"
version = "1"
title = "Networks of NAS-Bench-Macro"
description = "Each was trained three times; for tests."
benchmark = "nasbench_macro/cifar10"
table_version = "1"
reported = "test_accuracy"
split = "random"
test = 1000

[protocols]

[[predict]]
metrics = ["test_accuracy"]
family = "ridge"
noise = "absolute"
"""


class TestCeiling:
    def test_the_mean_of_three_trainings_differs_less_than_one(self, tmp_path):
        (tmp_path / "macro.toml").write_text(MACRO)
        out = fit(tmp_path / "macro.toml", out=tmp_path / "out")
        (entry,) = tomllib.loads((out / "card.toml").read_text())["predictors"]
        opened = SurrogateBenchmark(out)
        table = load("nasbench_macro/cifar10", "table")
        numbers = parts_of(read_recipe(out / "recipe.toml"), table).test
        texts = list(table.frame(["test_accuracy"]).index[numbers])
        mean = opened.query_many(texts)
        rng = np.random.default_rng(1)
        noise = entry["noise"]["deviation"] * rng.standard_normal((3, len(mean))).mean(axis=0)
        expected = kendalltau(mean, mean + noise).statistic
        assert entry["ceiling"]["kendall"] == pytest.approx(expected, abs=0.005)

    def test_relative_noise_of_what_may_be_zero(self):
        runs = np.array([[0.0, 1.0], [2.0, 3.0]])
        table = SimpleNamespace(
            benchmark="toy/digits",
            frame=lambda *_, **__: SimpleNamespace(index=["a", "b"]),
            query_many=lambda *_, **__: runs,
        )
        one = SimpleNamespace(metric="m", epochs=None, stem="m", noise="relative", noise_from=None)
        with pytest.raises(InvalidSetting, match="values above 0"):
            noise_of(one, table)
