"""Benchmarks that train what they are asked: the same questions, runs and comparisons."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nasbench_suite import Budget, compare, load, run
from nasbench_suite.core import (
    DataNotFound,
    FailedRuns,
    InvalidArchitecture,
    InvalidSetting,
    NoNetwork,
    NotMeasured,
    OutputError,
    UnknownName,
)
from nasbench_suite.executors import processes
from nasbench_suite.experiments.experiment import open_experiment

pytest.importorskip("torch", reason="trains for real: install the extra `train`")

from nasbench_suite import training
from nasbench_suite.benchmarks.live import Live
from nasbench_suite.training.jobs import Data
from nasbench_suite.training.recipes import recipe

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = recipe("quick", {"epochs": 2, "eval_draws": 1})
ASKED = {"budget": Budget(evaluations=4), "seeds": 2, "source": "live"}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    return load("nasbench201/digits", "live", Live(SHORT, device="cpu", folder=folder))


def logs(folder):
    return {path.name: path.read_text() for path in (folder / "runs").rglob("*.jsonl")}


class TestQuestions:
    def test_it_answers_what_training_gives(self, live):
        arch = live.space.at(6111)
        images = training.load("digits")
        found = training.train(arch, live.space, images, SHORT, seed=1, device="cpu")
        for metric in ("train_accuracy", "val_accuracy", "test_accuracy"):
            assert live.query(6111, metric, seed=1) == found.curves[metric][-1]
            assert live.query(arch, metric, epochs=1, seed=1) == found.curves[metric][0]
        text = live.space.format(arch)
        assert live.query(text, seed=1) == live.query(6111, "test_accuracy", seed=1)
        assert live.query(text, seed=0) != live.query(text, seed=1)
        assert live.query(text) == live.query(text, seed=0)
        assert live.query_many([6111, text]).tolist() == [live.query(6111)] * 2
        whole = live.query(6111, "train_seconds", seed=1)
        assert 0 < live.query(6111, "train_seconds", epochs=1, seed=1) < whole

    def test_records_say_that_it_was_trained(self, live):
        record = live.record(6111, "val_accuracy")
        assert (record.source, record.runs, record.seed, record.epochs) == ("trained", 1, 0, 2)
        assert record.split == "validation"
        counted = live.record(6111, "params")
        assert (counted.source, counted.epochs) == ("derived", None)
        assert counted.value == load("nasbench201/digits", "table").query(6111, "params")

    def test_nothing_is_trained_twice(self, live):
        value = live.query(42)
        (path,) = live.live.folder.glob("000042-0.json")
        before = path.stat().st_mtime_ns
        again = load("nasbench201/digits", "live", live.live)
        assert again.query(42) == value
        assert again.query(42, "train_seconds") == live.query(42, "train_seconds")
        assert path.stat().st_mtime_ns == before
        assert again.data == live.data
        assert not list(live.live.folder.glob("*.lock"))

    def test_trainings_of_another_recipe_are_not_taken(self, live):
        live.query(42)
        other = Live(recipe("quick", {"epochs": 3}), device="cpu", folder=live.live.folder)
        bench = load("nasbench201/digits", "live", other)
        assert bench.data != live.data
        with pytest.raises(InvalidSetting, match="another recipe or other data"):
            bench.query(42)

    def test_a_training_that_fails_is_a_failed_trial(self, tmp_path):
        wild = recipe("quick", {"epochs": 1, "learning_rate": 1e30, "eval_draws": 1})
        bench = load("nasbench201/digits", "live", Live(wild, device="cpu", folder=tmp_path))
        with pytest.raises(NotMeasured, match="failed"):
            bench.query(6111)
        found = run("random_search", bench, budget=Budget(evaluations=3), seed=0)
        assert {trial.status for trial in found.trials} == {"failed"}
        assert all(trial.cost >= 0 for trial in found.trials)

    @pytest.mark.parametrize(
        ("asked", "error", "words"),
        [
            ({"arch": 10**9}, InvalidArchitecture, "0 to 15624"),
            ({"metric": "perplexity"}, UnknownName, "on live nasbench201/digits"),
            ({"epochs": 3}, NotMeasured, "trains for 2"),
            ({"seed": "all"}, NotMeasured, "each number"),
            ({"seed": -1}, NotMeasured, "each number"),
        ],
    )
    def test_what_cannot_be_asked(self, live, asked, error, words):
        given = {"arch": 6111, **asked}
        with pytest.raises(error, match=words):
            live.query(given.pop("arch"), **given)

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("nasbench201", UnknownName),
            ("nasbench2/digits", UnknownName),
            ("nasbench201/digit", UnknownName),
            ("hwgpt_s/digits", NoNetwork),
            ("nasbench201/cifar10", DataNotFound),
        ],
    )
    def test_what_cannot_be_trained(self, name, error):
        with pytest.raises(error):
            load(name, "live")
        with pytest.raises(InvalidSetting, match="ask for live"):
            load("nasbench201/cifar10", live=Live(SHORT))

    def test_data_without_validation(self, tmp_path):
        rng = np.random.default_rng(0)
        images = rng.integers(0, 255, (60, 8, 8), dtype=np.uint8)
        np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(60) % 3)
        given = Live(SHORT, data=Data(str(tmp_path / "mine.npz")), device="cpu")
        bench = load("nasbench201/mine", "live", given)
        assert 0 <= bench.query(6111, "val_accuracy") <= 100


class TestSearch:
    def test_a_run_pays_the_seconds_that_training_takes(self, live):
        found = run("regularized_evolution", live, budget=Budget(evaluations=4), seed=0)
        assert found.source == "live"
        for trial in found.trials:
            assert trial.values == {"val_accuracy": live.query(trial.arch, "val_accuracy")}
        paid = {trial.arch: trial.cost for trial in reversed(found.trials)}
        assert paid == {arch: live.query(arch, "train_seconds") for arch in paid}
        again = run("regularized_evolution", live, budget=Budget(evaluations=4), seed=0)
        assert again.trials == found.trials

    def test_a_comparison_is_kept_and_completed(self, tmp_path):
        out = tmp_path / "out"
        given = {**ASKED, "out": out, "live": Live(SHORT, device="cpu")}
        with processes(2) as pool:
            compare(["nasbench201/digits"], ["random_search"], executor=pool, **given)
        before = logs(out)
        assert len(before) == 2
        kept = {path.stat().st_mtime_ns for path in (out / "trainings").rglob("*.json")}
        (out / "runs/nasbench201/digits/random_search/1.jsonl").unlink()
        compare(["nasbench201/digits"], ["random_search"], **given)
        assert logs(out) == before
        assert {p.stat().st_mtime_ns for p in (out / "trainings").rglob("*.json")} == kept
        experiment = open_experiment(out)
        assert experiment.live == given["live"]
        (bench,) = experiment.loaded.values()
        assert bench.source == "live"

    def test_a_comparison_that_could_not_begin_leaves_its_folder_free(self, tmp_path):
        asked = {**ASKED, "budget": Budget(evaluations=1), "seeds": 1, "out": tmp_path / "out"}
        name, strategies = ["nasbench201/digits"], ["random_search"]
        with pytest.raises(FailedRuns, match="no device named 'tpu'"):
            compare(name, strategies, **asked, live=Live(SHORT, device="tpu"))
        compare(name, strategies, **asked, live=Live(SHORT, device="cpu"))
        assert open_experiment(tmp_path / "out").live.device == "cpu"
        # What was trained would be lost.
        with pytest.raises(OutputError, match="it differs in live"):
            compare(name, strategies, **asked, live=Live(SHORT, device="auto"))

    def test_killed_it_goes_on(self, tmp_path):
        out = tmp_path / "out"
        script = (
            "from pathlib import Path\n"
            "from nasbench_suite import Budget, compare\n"
            "from nasbench_suite.benchmarks.live import Live\n"
            "from nasbench_suite.training.recipes import recipe\n"
            "live = Live(recipe('quick', {'epochs': 2, 'eval_draws': 1}), device='cpu')\n"
            "compare(['nasbench201/digits'], ['random_search'], budget=Budget(evaluations=8),"
            f" seeds=1, source='live', live=live, out=Path({str(out)!r}))\n"
        )
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        child = subprocess.Popen([sys.executable, "-c", script], env=environment)
        deadline = time.monotonic() + 60
        while len(list(out.rglob("*-0.json"))) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        child.wait()
        kept = {path: path.read_bytes() for path in out.rglob("*-0.json")}
        assert not logs(out)
        subprocess.run([sys.executable, "-c", script], env=environment, check=True)
        assert all(path.read_bytes() == text for path, text in kept.items())
        (text,) = logs(out).values()
        assert text.count("\n") == 9

    @pytest.mark.slow
    def test_three_strategies_are_compared_by_real_training(self, nasbench, tmp_path):
        out = tmp_path / "out"
        asked = ("nasbench201/digits", "--source", "live", "--recipe", "quick")
        short = ("--device", "cpu")
        strategies = "random_search,local_search,regularized_evolution"
        rules = ("--strategies", strategies, "--evaluations", 7, "--seeds", 1, "--jobs", 2)
        code, text, told = nasbench("compare", *asked, *short, *rules, "--out", out)
        assert code == 0, told
        for name in strategies.split(","):
            assert name in text
        page = (out / "report.html").read_text()
        assert "networks trained for this by recipe quick" in page
        assert "trained, from seed 0" in page
        table = load("nasbench201/digits", "table")
        (bench,) = open_experiment(out).loaded.values()
        found = [
            trial.arch
            for one in strategies.split(",")
            for found in open_experiment(out).runs("nasbench201/digits", one)
            for trial in found.trials
        ]
        distinct = sorted(set(found))
        assert len(distinct) >= 10
        # The table's run 0 was trained alike: the same where the machine is, else as another seed.
        here = bench.query_many(distinct, "val_accuracy")
        there = table.query_many(distinct, "val_accuracy", seed=0)
        assert np.abs(here - there).max() < 4 * np.sqrt(2) * 1.64


class TestCommand:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            (("--recipe", "quick"), "only with --source live"),
            (("--source", "live", "--recipe", "quik"), "did you mean quick"),
            (("--source", "live", "--recipe-set", "epochs=0"), "epochs"),
            (("--source", "live", "--folder", "x"), "say of which --data"),
            (("--source", "live", "--protocol", "multi_fidelity"), "no protocol named"),
            (("--source", "live", "--data", "digits", "--splits", "whole"), "split"),
        ],
    )
    def test_bad_input(self, nasbench, tmp_path, given, words):
        out = tmp_path / "out"
        asked = ("run", "nasbench201/digits", "--strategy", "random_search", "--seed", 0)
        code, text, told = nasbench(*asked, "--evaluations", 2, *given, "--out", out)
        assert (code, text) == (2, "")
        assert words in told
        assert not out.exists()
