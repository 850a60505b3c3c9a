"""The verbs `train` and `build`: what they leave behind, and what they say to wrong input."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import registry
from nasbench_suite.tables.store import Table

pytest.importorskip("torch", reason="trains for real: install the extra `train`")

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = registry.load("spaces", "nasbench201")
ASKED = ("--data", "digits", "--recipe", "quick", "--set", "epochs=2", "--set", "eval_draws=1")
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def test_train_prints_curves_and_goes_on(nasbench, tmp_path):
    out = ("--out", tmp_path / "out")
    code, text, told = nasbench("train", "nasbench201", 6111, *ASKED, "--seeds", 2, *out, "--json")
    assert code == 0
    assert "seed 0, 2 epochs" in told
    first, second = json.loads(text)
    assert (first["seed"], second["seed"], first["epochs"]) == (0, 1, 2)
    assert first["failure"] is None
    for metric in ("train_accuracy", "val_accuracy", "test_accuracy"):
        assert first[metric] == first["curves"][metric][-1]
        assert 0 < first[metric] < 100
    record = first["record"]
    assert record["architecture"] == SPACE.format(SPACE.at(6111))
    assert record["recipe"]["epochs"] == 2
    assert {"cpu", "threads", "torch"} <= record["hardware"].keys()
    # Asked for one more, the others are there already.
    code, text, told = nasbench("train", "nasbench201", 6111, *ASKED, "--seeds", 3, *out, "--json")
    again = json.loads(text)
    assert (code, again[:2], len(again)) == (0, [first, second], 3)
    assert told == "seed 2, 2 epochs\n"
    code, text, _ = nasbench("train", "nasbench201", 6111, *ASKED, "--seeds", 3, *out)
    assert code == 0
    assert text.splitlines()[0].split()[:3] == ["seed", "epochs", "train_accuracy"]
    assert len(text.splitlines()) == 4


def test_build_packs_a_table_that_answers(nasbench, tmp_path):
    out = ("--out", tmp_path / "out")
    asked = ("build", "nasbench201", *ASKED, "--archs", 4, "--jobs", 2, "--note", "a test")
    code, text, _ = nasbench(*asked, *out, "--json")
    assert code == 0
    folder = json.loads(text)["folder"]
    assert Table.open(folder).rows == 4
    code, text, told = nasbench(*asked, *out)
    assert (code, text) == (0, f"packed into {folder}\n")
    assert told == ""


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"--data": "digit"}, "did you mean digits?"),
        ({"--data": "cifar10"}, "allow to download"),
        ({"--data": "no/such/folder"}, "no/such/folder"),
        ({"--recipe": "quik"}, "did you mean quick?"),
        ({"--recipe": "mine.toml"}, "mine.toml"),
        ({"--set": "epoch=3"}, "did you mean epochs?"),
        ({"--set": "epochs=many"}, "epochs"),
        ({"--set": "epochs"}, "write KEY=VALUE"),
        ({"--device": "tpu"}, "no device named"),
        ({"--device": "cuda:7"}, "is not there"),
        ({"--seeds": 0}, "seeds"),
        ({"space": "nasbench20"}, "did you mean"),
        ({"space": "hwgpt_s"}, ""),
        ({"architecture": 20_000}, "20000"),
        ({"architecture": NOTHING}, "does not pass its input on"),
    ],
)
def test_wrong_input_leaves_nothing(nasbench, tmp_path, monkeypatch, changed, says):
    monkeypatch.chdir(tmp_path)
    given = {"space": "nasbench201", "architecture": 5, "--data": "digits", "--recipe": "quick"}
    given |= {"--set": "epochs=1", **changed, "--out": "out"}
    options = [
        part for key, part in given.items() for part in ((key, part) if key[0] == "-" else (part,))
    ]
    code, text, told = nasbench("train", *options)
    assert code == 2
    assert text == ""
    line = told.splitlines()[-1]
    assert line.startswith("nasbench: ")
    assert says in line
    assert "Traceback" not in told
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert set(left) <= {".lock"}


def test_wrong_choices_of_a_build(nasbench, tmp_path):
    for changed, says in (
        (("--archs", "few"), "all, canonical, or a number"),
        (("--archs", 4, "--repeat", 5), "repeat is 5"),
        (("--archs", 4, "--jobs", 0), "--jobs 0"),
        (("--archs", 4, "--scheduler", "tcp://x"), "--executor dask"),
    ):
        code, _, told = nasbench("build", "nasbench201", *ASKED, *changed, "--out", tmp_path / "o")
        assert (code, says in told) == (2, True), told
    assert list(tmp_path.iterdir()) == []


PAGE = (Path(__file__).parents[1] / "docs" / "training.md").read_text("utf-8")
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("nasbench ")]


@pytest.fixture
def images(tmp_path):
    """A folder of small colour images of two classes, one of them brighter."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 8)):
        for label, shade in (("dark", 60), ("light", 190)):
            folder = tmp_path / "images" / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.normal(shade, 30, (32, 32, 3)).clip(0, 255).astype(np.uint8)
                image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return tmp_path / "images"


def test_the_commands_of_the_page(nasbench, tmp_path, monkeypatch, images):
    """Each runs as it stands, but for what a CPU and a minute cannot bear."""
    monkeypatch.chdir(tmp_path)
    kinds = [command.split()[1] for command in COMMANDS]
    assert kinds[:6] == ["train", "train", "train", "train", "build", "curves"]
    for number, command in enumerate(COMMANDS[:5]):
        words = shlex.split(command)[1:]
        if "cifar10" in words:
            # The recipe of 200 epochs for a GPU.
            assert words[words.index("--recipe") + 1] == "nasbench201"
            assert words[words.index("--device") + 1] == "cuda"
            words[words.index("cuda")] = "cpu"
            words[words.index("cifar10")] = str(images)
            left = ("--folder", "data", "--download", "--splits", "whole")
            words = [word for word in words if word not in left]
            words += ["--set", "epochs=1", "--set", "cells=1"]
        else:
            words += ["--set", "epochs=1", "--set", "eval_draws=1"]
        place = words.index("--archs") + 1 if "--archs" in words else None
        if place:
            words[place], words[words.index("--repeat") + 1] = "5", "2"
        words[words.index("--out") + 1] = str(tmp_path / str(number))
        code, text, told = nasbench(*words)
        assert code == 0, told
        assert text
    assert Table.open(tmp_path / "4" / "table").rows == 5
    # The page has put the table where it is found.
    mine = tmp_path / "mine"
    shutil.copytree(tmp_path / "4" / "table", mine / "datasets_tabular" / "nasbench201_digits")
    monkeypatch.setenv("NASBENCH_DATA", str(mine))
    assert nasbench(*shlex.split(COMMANDS[5])[1:])[0] == 0
    assert b"test accuracy" in (tmp_path / "curves.svg").read_bytes()
