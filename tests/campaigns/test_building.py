"""A space is trained training by training, whatever stops it, and becomes a table."""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nasbench_suite import Budget, registry, run
from nasbench_suite.core import (
    DamagedInput,
    FailedRuns,
    InvalidArchitecture,
    InvalidSetting,
    NoNetwork,
    NotMeasured,
    OutputError,
)
from nasbench_suite.executors import processes
from nasbench_suite.files import alone
from nasbench_suite.tables.store import Table

pytest.importorskip("torch", reason="trains for real: install the extra `train`")

from nasbench_suite.campaigns import building, trained_table
from nasbench_suite.campaigns.building import build
from nasbench_suite.campaigns.training import train_seeds
from nasbench_suite.training.jobs import Data
from nasbench_suite.training.recipes import recipe

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = registry.load("spaces", "nasbench201")
DIGITS = Data("digits")
QUICK = recipe("quick", {"epochs": 3, "eval_draws": 1})
ASKED = {"archs": 6, "seeds": 1, "repeat": 3, "repeats": 2}


def made(out, **changes):
    return build("nasbench201", DIGITS, QUICK, **{**ASKED, "out": out, **changes})


def trainings(folder):
    """What the files say, without what no two trainings have alike."""
    found = {}
    for path in sorted((folder / "trainings").iterdir()):
        content = json.loads(path.read_text())
        for name in ("seconds", "eval_seconds", "energy"):
            del content["curves"][name]
        found[path.name] = content
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "out"
    told = []
    folder = made(
        out, name="small", notes=("chosen for a test",), progress=lambda *t: told.append(t)
    )
    assert folder == out / "table"
    assert told == [(done, 9, 0) for done in range(10)]
    return out


class TestTable:
    def test_every_training_is_in_it(self, built):
        table = Table.open(built / "table")
        assert (table.benchmark, table.rows, table.key) == ("nasbench201/digits", 6, "canonical")
        files = trainings(built)
        assert len(files) == 9
        for content in files.values():
            arch, seed = content["architecture"], content["seed"]
            for metric in ("train_accuracy", "val_accuracy", "test_accuracy"):
                curve = table.curve(arch, metric, seed=seed)
                assert curve.tolist() == np.float32(content["curves"][metric]).tolist()
                for epochs in (1, 3):
                    assert table.query(arch, metric, epochs=epochs, seed=seed) == curve[epochs - 1]

    def test_seconds_are_those_from_the_start(self, built):
        table = Table.open(built / "table")
        for path in (built / "trainings").iterdir():
            content = json.loads(path.read_text())
            total = np.cumsum(content["curves"]["seconds"])
            asked = {"seed": content["seed"]}
            arch = content["architecture"]
            assert table.query(arch, "train_seconds", **asked) == pytest.approx(total[-1], rel=1e-6)
            curve = table.curve(arch, "train_seconds", **asked)
            assert curve.tolist() == pytest.approx(total.tolist(), rel=1e-6)

    def test_isomorphic_cells_are_one(self, built):
        table = Table.open(built / "table")
        forms = {SPACE.parse(content["architecture"]) for content in trainings(built).values()}
        assert len(forms) == 6
        same = next(arch for arch in SPACE if SPACE.canonical(arch) in forms and arch not in forms)
        assert table.query(same) == table.query(SPACE.canonical(same))
        other = next(arch for arch in SPACE if SPACE.canonical(arch) not in forms)
        with pytest.raises(NotMeasured):
            table.query(other)

    def test_how_it_is_searched(self, built):
        table = Table.open(built / "table")
        standard, lengths = table.protocol("standard"), table.protocol("multi_fidelity")
        assert (standard.epochs, lengths.epochs) == ((3,), (1, 3))
        assert lengths.continues
        assert (lengths.objective, lengths.seed, lengths.cost) == (
            "val_accuracy",
            0,
            "train_seconds",
        )
        assert lengths.report == ("test_accuracy", 3, "mean")
        with pytest.raises(InvalidSetting, match="it can be looked up"):
            run("random_search", table, budget=Budget(5), seed=0)

    def test_the_card_says_how_it_was_made(self, built):
        card = (built / "table" / "card.toml").read_text()
        for text in ("chosen for a test", "epochs = 3", "9 trainings: device cpu", "Kendall's tau"):
            assert text in card
        assert str(built) not in card

    def test_it_is_packed_with_other_lengths(self, built):
        shutil.copytree(built, out := built.parent / "other")
        shutil.rmtree(out / "table")
        with pytest.raises(InvalidSetting, match="4 epochs"):
            made(out, lengths=(4,))
        table = Table.open(made(out, lengths=(2,)))
        assert table.protocol("multi_fidelity").epochs == (2, 3)
        text = table.frame(["val_accuracy"]).index[0]
        assert (
            table.query(text, "val_accuracy", epochs=2, seed=0)
            == table.curve(text, "val_accuracy", seed=0)[1]
        )

    def test_it_is_packed_again_to_the_same_bytes(self, built):
        before = {path.name: path.read_bytes() for path in (built / "table").iterdir()}
        made(built, name="small", notes=("chosen for a test",))
        assert {path.name: path.read_bytes() for path in (built / "table").iterdir()} == before


class TestInterruption:
    def test_data_of_a_path_name_it_by_their_own_name(self, tmp_path):
        images = np.arange(20 * 64, dtype=np.uint8).reshape(20, 8, 8)
        np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(20) % 2)
        data, short = Data(str(tmp_path / "mine.npz")), recipe("quick", {"epochs": 1})
        folder = build("nasbench201", data, short, archs=1, out=tmp_path / "out")
        assert Table.open(folder).name == "nasbench201_mine"

    def test_processes_make_the_same(self, built, tmp_path):
        with processes(2) as pool:
            made(tmp_path / "out", executor=pool)
        assert trainings(tmp_path / "out") == trainings(built)

    def test_a_killed_build_goes_on(self, built, tmp_path):
        child = begun(tmp_path / "out")
        until = time.monotonic() + 120
        folder = tmp_path / "out" / "trainings"
        while time.monotonic() < until and not (folder.is_dir() and len([*folder.iterdir()]) > 1):
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        child.wait()
        kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}
        assert 0 < len(kept) < 9
        made(tmp_path / "out")
        assert trainings(tmp_path / "out").keys() == trainings(built).keys()
        for name, at in kept.items():
            assert (folder / name).stat().st_mtime_ns == at

    def test_what_kills_its_process_is_a_failed_training(self, tmp_path, monkeypatch):
        victim = building._architectures(SPACE, plan())[2]
        (tmp_path / "kills_its_process.py").write_text(KILLING.format(victim=victim))
        monkeypatch.syspath_prepend(str(tmp_path))
        killing = importlib.import_module("kills_its_process").killing
        monkeypatch.setattr(building, "train_one", killing)
        with processes(2) as pool:
            folder = made(tmp_path / "out", executor=pool, repeat=0)
        content = json.loads(
            (tmp_path / "out" / "trainings" / f"{SPACE.index(victim):06d}-0.json").read_text()
        )
        assert "its process died" in content["failure"]
        table = Table.open(folder)
        with pytest.raises(NotMeasured):
            table.query(victim)
        assert table.rows == 6
        assert "1 trainings failed" in (folder / "card.toml").read_text()

    def test_two_processes_do_not_build_into_one_folder(self, tmp_path):
        with alone(tmp_path / "out"):
            child = begun(tmp_path / "out", stderr=subprocess.PIPE, text=True)
            told = child.communicate()[1]
        assert "another process works in" in told
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def begun(out, **options):
    """A process that builds what the tests build."""
    script = (
        "from pathlib import Path\n"
        "from nasbench_suite.campaigns.building import build\n"
        "from nasbench_suite.training.jobs import Data\n"
        "from nasbench_suite.training.recipes import recipe\n"
        "quick = recipe('quick', {'epochs': 3, 'eval_draws': 1})\n"
        f"build('nasbench201', Data('digits'), quick, out=Path({str(out)!r}), **{ASKED!r})\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", script], env=environment, **options)


KILLING = """
import os
import signal
from nasbench_suite.training.jobs import train_one


def killing(job):
    if job.arch == {victim}:
        os.kill(os.getpid(), signal.SIGKILL)
    return train_one(job)
"""


def plan(**changes):
    given = {"archs": "6", "seeds": 1, "repeat": 0, "repeats": 1, **changes}
    return building.Plan("nasbench201", "digits", "", {}, **given)


class TestChoice:
    @pytest.mark.parametrize(
        ("epochs", "every", "lengths"),
        [(12, 1, [1, 4, 12]), (4, 3, [4]), (27, 2, [2, 8, 27]), (1, 1, [1]), (200, 50, [50, 200])],
    )
    def test_lengths_are_those_at_which_networks_are_judged(self, epochs, every, lengths):
        given = recipe("quick", {"epochs": epochs, "eval_every": every})
        assert trained_table.lengths_of(given) == lengths

    def test_lengths_can_be_asked(self):
        given = recipe("quick", {"epochs": 12, "eval_every": 2})
        assert trained_table.lengths_of(given, (8, 2, 4)) == [2, 4, 8, 12]
        assert trained_table.lengths_of(given, (12,)) == [12]
        for epochs in (0, 3, 13, -2):
            with pytest.raises(InvalidSetting, match="every 2"):
                trained_table.lengths_of(given, (4, epochs))

    def test_canonical_is_one_of_each_form(self):
        found = building._architectures(SPACE, plan(archs="canonical"))
        assert len(found) == 6_466
        assert {SPACE.canonical(arch) for arch in SPACE} == set(found)
        assert found == sorted(found, key=SPACE.index)

    def test_all_is_all(self):
        assert building._architectures(SPACE, plan(archs="all")) == list(SPACE)

    def test_repeated_ones_are_among_the_others(self):
        listed = building._architectures(SPACE, plan(archs="50"))
        found = list(building._trainings(listed, plan(archs="50", repeat=10, repeats=3)))
        assert len(found) == len(set(found)) == 50 + 2 * 10
        again = [arch for arch, seed in found if seed == 2]
        assert sorted(again) == sorted(arch for arch, seed in found if seed == 1)
        assert found[:50] != sorted(found[:50])


class TestBadInput:
    @pytest.mark.parametrize("archs", ["some", 0, -1, 6_467, "1.5", ""])
    def test_archs(self, tmp_path, archs):
        with pytest.raises(InvalidSetting, match=r"all, canonical, or a number up to 6,466"):
            made(tmp_path / "out", archs=archs)
        assert not (tmp_path / "out").exists()

    def test_more_repeated_than_there_are(self, tmp_path):
        with pytest.raises(InvalidSetting, match="repeat is 7, and there are 6"):
            made(tmp_path / "out", repeat=7)

    @pytest.mark.parametrize(
        ("changes", "names"),
        [({"archs": 7}, "archs"), ({"seeds": 2}, "seeds"), ({"repeat": 2}, "repeat")],
    )
    def test_a_folder_of_another_question(self, built, changes, names):
        before = trainings(built)
        with pytest.raises(InvalidSetting, match=f"begun with another {names}"):
            made(built, **changes)
        with pytest.raises(InvalidSetting, match="begun with another recipe"):
            build("nasbench201", DIGITS, recipe("quick", {"epochs": 4}), **ASKED, out=built)
        assert trainings(built) == before

    def test_nothing_is_lost_by_another_question_before_the_first_training(self, tmp_path):
        few = {"archs": 1, "seeds": 1}
        with pytest.raises(InvalidSetting, match="fp16"):
            build(
                "nasbench201", DIGITS, recipe("quick", {"precision": "fp16"}), **few, out=tmp_path
            )
        one = recipe("quick", {"epochs": 1, "eval_draws": 1})
        assert build("nasbench201", DIGITS, one, **few, out=tmp_path).is_dir()
        with pytest.raises(InvalidSetting, match="begun with another archs"):
            build("nasbench201", DIGITS, one, archs=2, seeds=1, out=tmp_path)

    def test_a_training_of_another_space(self, tmp_path):
        one = recipe("quick", {"epochs": 1, "eval_draws": 1})
        build("nasbench201", DIGITS, one, archs=1, out=tmp_path)
        (path,) = (tmp_path / "trainings").iterdir()
        path.write_text(path.read_text().replace('"nasbench201"', '"nats_sss"', 1))
        with pytest.raises(DamagedInput, match="is a training of nats_sss, not of nasbench201"):
            build("nasbench201", DIGITS, one, archs=1, out=tmp_path)

    @pytest.mark.parametrize("changes", [{"seeds": 10**9}, {"repeat": 1, "repeats": 10**9}])
    def test_too_many_seeds(self, tmp_path, changes):
        with pytest.raises(InvalidSetting, match="at most 1,000"):
            made(tmp_path / "out", **changes)
        assert not (tmp_path / "out").exists()

    def test_what_no_network_can_do_wrong_is_not_written_down(self, tmp_path, monkeypatch):
        """A fault of the machine or of the suite stops the build, which then goes on."""

        def broken(*args, **kwargs):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

        with monkeypatch.context() as patched:
            patched.setattr("nasbench_suite.training.train", broken)
            with pytest.raises(FailedRuns, match="not by its own fault: RuntimeError: CUDA error"):
                made(tmp_path)
        assert not list((tmp_path / "trainings").glob("*"))
        assert Table.open(made(tmp_path, archs=2, repeat=0)).rows == 2

    def test_a_folder_that_holds_something_else(self, tmp_path):
        (tmp_path / "mine.txt").write_text("mine")
        with pytest.raises(OutputError, match=r"holds something else \(mine\.txt\)"):
            made(tmp_path)

    @pytest.mark.parametrize(
        "text", [b"", b"{", b"[]", b"\x93\xff", b'{"format": "nasbench-training-0"}']
    )
    def test_a_damaged_training(self, built, tmp_path, text):
        shutil.copytree(built, tmp_path / "out")
        path = next((tmp_path / "out" / "trainings").iterdir())
        path.write_bytes(text)
        with pytest.raises(DamagedInput, match=rf"{path.name} is no training.*remove it"):
            made(tmp_path / "out")
        path.unlink()
        (tmp_path / "out" / "table").rename(tmp_path / "old")
        made(tmp_path / "out")
        assert trainings(tmp_path / "out") == trainings(built)

    @pytest.mark.parametrize("key", ["recipe_sha256", "data_sha256"])
    def test_a_training_of_another_question(self, built, tmp_path, key):
        shutil.copytree(built / "trainings", tmp_path / "trainings")
        shutil.copy(built / building.FILE, tmp_path)
        path = next((tmp_path / "trainings").iterdir())
        content = json.loads(path.read_text())
        content["record"][key] = "0" * 64
        path.write_text(json.dumps(content))
        with pytest.raises(InvalidSetting, match=rf"{path.name} is of another recipe or other"):
            made(tmp_path)

    def test_a_training_under_another_name(self, built, tmp_path):
        shutil.copytree(built / "trainings", tmp_path / "trainings")
        shutil.copy(built / building.FILE, tmp_path)
        one, other, *_ = sorted((tmp_path / "trainings").iterdir())
        shutil.copy(one, other)
        with pytest.raises(InvalidSetting, match=rf"{other.name} is of .* and not of .*remove it"):
            made(tmp_path)

    def test_nothing_to_validate(self, tmp_path):
        path = tmp_path / "whole.npz"
        images, labels = np.zeros((4, 8, 8), np.uint8), np.arange(4)
        counts = {"train": 4, "val": 0, "test": 4}
        parts = {f"{split}_images": images[:count] for split, count in counts.items()}
        parts |= {f"{split}_labels": labels[:count] for split, count in counts.items()}
        np.savez(path, **parts)
        with pytest.raises(InvalidSetting, match="leaves no images to validate"):
            build("nasbench201", Data(str(path)), QUICK, archs=1, out=tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_space_without_networks(self, tmp_path):
        for space in ("hwgpt_s", "nasbench_nlp"):
            with pytest.raises(NoNetwork):
                build(space, DIGITS, recipe("quick"), archs=2, out=tmp_path / "out")

    def test_a_space_too_large_to_list(self, tmp_path):
        whole = recipe("quick", {"channels": 0, "cells": 0})
        with pytest.raises(InvalidSetting):
            build("darts", DIGITS, whole, archs="canonical", out=tmp_path / "out")

    def test_a_network_that_leaves_its_input_out(self, tmp_path):
        nothing = SPACE.at(next(n for n in range(15_625) if not any(SPACE.at(n))))
        found = train_seeds(SPACE, nothing, DIGITS, QUICK, seeds=1, out=tmp_path / "out")
        with pytest.raises(InvalidArchitecture, match="does not pass its input on"):
            next(found)
