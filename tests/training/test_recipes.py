"""Recipes: published values, and what is refused."""

import json
import subprocess
import sys
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite.core import DamagedInput, DataNotFound, InvalidSetting, UnknownName
from nasbench_suite.training.recipes import Recipe, names, recipe, restored


def test_names():
    assert names() == [
        "darts_eval",
        "nasbench101",
        "nasbench201",
        "nasbench201_12",
        "nasbench_macro",
        "nasnet",
        "nats_sss",
        "quick",
    ]


@pytest.mark.parametrize(
    ("name", "epochs"), [("nasbench201", 200), ("nasbench201_12", 12), ("nats_sss", 90)]
)
def test_published_values(name, epochs):
    """The paper, table 1, and the authors' configuration files."""
    found = recipe(name).values()
    told = {
        "epochs": epochs,
        "batch": 256,
        "learning_rate": 0.1,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.0005,
        "warm_up": 0,
        "flip": 0.5,
        "noise": 0,
        "channels": 0,
        "cells": 0,
    }
    assert {key: found[key] for key in told} == told
    assert [found["shift"] * size for size in (32, 16)] == [4, 2]


PUBLISHED = {
    "nasbench101": {
        "epochs": 108,
        "batch": 256,
        "learning_rate": 0.2,
        "schedule": "step",
        "optimiser": "rmsprop",
        "momentum": 0.9,
        "nesterov": False,
        "rms_epsilon": 1,
        "weight_decay": 1e-4,
        "weights": "variance_scaling",
        "norm_momentum": 0.003,
        "norm_epsilon": 1e-5,
    },
    "nasbench_macro": {
        "epochs": 50,
        "batch": 256,
        "learning_rate": 0.1,
        "schedule": "epoch",
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 5e-4,
        "clip": 0,
    },
    "darts_eval": {
        "channels": 36,
        "cells": 20,
        "epochs": 600,
        "batch": 96,
        "learning_rate": 0.025,
        "schedule": "epoch",
        "weight_decay": 3e-4,
        "clip": 5,
        "drop_path": 0.2,
        "drop_path_schedule": "epoch",
        "auxiliary": 0.4,
        "cutout": 0.5,
    },
    "nasnet": {
        "channels": 32,
        "cells": 20,
        "epochs": 600,
        "batch": 32,
        "learning_rate": 0.025,
        "weight_decay": 5e-4,
        "clip": 5,
        "drop_path": 0.4,
        "drop_path_schedule": "step",
        "auxiliary": 0.4,
        "cutout": 0,
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_values_of_other_spaces(name):
    found = recipe(name).everything()
    assert {key: found[key] for key in PUBLISHED[name]} == PUBLISHED[name]
    assert (found["flip"], found["shift"] * 32, found["mixup"]) == (0.5, 4, 0)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("nasbench201", "b3a4d6857d8dbd04"),
        ("nasbench201_12", "3bb92bf8dd264acd"),
        ("nats_sss", "aff362cfe07221c1"),
        ("quick", "360b28e03444bb24"),
    ],
)
def test_recorded_trainings_are_still_of_their_recipe(name, digest):
    """Hyperparameters that came later are no part of a recipe that does not use them."""
    found = recipe(name)
    assert found.digest.startswith(digest)
    assert len(found.values()) == 23
    assert len(found.everything()) == 34
    assert restored({"name": name, **found.values()}) == found
    changed = recipe(name, {"mixup": 0.2})
    assert set(changed.values()) - set(found.values()) == {"mixup"}
    assert restored({"name": name, **changed.values()}) == changed
    assert changed.digest != found.digest


@pytest.mark.parametrize("name", names())
def test_what_is_recorded_gives_the_recipe_back(name):
    found = recipe(name)
    assert restored({"name": name, **json.loads(json.dumps(found.values()))}) == found


def test_changes_and_digest():
    short = recipe("nasbench201", {"epochs": 12})
    assert short.epochs == 12
    assert short.name == "nasbench201"
    # What counts is what is done, and not what it is called.
    assert short.digest == recipe("nasbench201_12").digest != recipe("nasbench201").digest
    text = json.dumps(short.values(), sort_keys=True, separators=(",", ":"))
    assert short.digest == sha256(text.encode()).hexdigest()


def test_whole_numbers_are_numbers():
    assert recipe("quick", {"noise": 1}).digest == recipe("quick", {"noise": 1.0}).digest


@pytest.mark.parametrize(
    ("name", "changes", "error", "words"),
    [
        ("quik", {}, UnknownName, "did you mean quick"),
        ("quick", {"epoch": 3}, UnknownName, "did you mean epochs"),
        ("quick", {"epochs": 0}, InvalidSetting, "at least 1"),
        ("quick", {"epochs": "many"}, InvalidSetting, "epochs is 'many'"),
        ("quick", {"batch": 1}, InvalidSetting, "at least 2"),
        ("quick", {"learning_rate": 0}, InvalidSetting, "learning_rate is 0"),
        ("quick", {"learning_rate": float("nan")}, InvalidSetting, "finite"),
        ("quick", {"momentum": 1}, InvalidSetting, "below 1"),
        ("quick", {"momentum": 0}, InvalidSetting, "needs momentum"),
        ("quick", {"nesterov": 1}, InvalidSetting, "true or false"),
        ("quick", {"flip": 1.5}, InvalidSetting, "from 0 to 1"),
        ("quick", {"noise": -1}, InvalidSetting, "noise is -1"),
        ("quick", {"precision": "fp8"}, InvalidSetting, "auto or fp32 or bf16 or fp16"),
        ("quick", {"schedule": "linear"}, InvalidSetting, "step or epoch"),
        ("quick", {"warm_up": 12}, InvalidSetting, "make it shorter"),
        ("quick", {"optimiser": "adam"}, InvalidSetting, "sgd or rmsprop"),
        ("quick", {"optimiser": "rmsprop"}, InvalidSetting, "Nesterov's step is sgd's"),
        ("quick", {"weights": "zero"}, InvalidSetting, "pytorch or variance_scaling"),
        ("quick", {"norm_momentum": 0}, InvalidSetting, "above 0 and at most 1"),
        ("quick", {"norm_epsilon": 0}, InvalidSetting, "norm_epsilon is 0"),
        ("quick", {"rms_epsilon": -1}, InvalidSetting, "rms_epsilon is -1"),
        ("quick", {"drop_path": 1}, InvalidSetting, "below 1"),
        ("quick", {"drop_path_schedule": "late"}, InvalidSetting, "epoch or step or constant"),
        ("quick", {"auxiliary": -0.4}, InvalidSetting, "auxiliary is -0.4"),
        ("quick", {"cutout": 16}, InvalidSetting, "from 0 to 1"),
        ("quick", {"mixup": float("inf")}, InvalidSetting, "mixup is inf"),
        ("nowhere.toml", {}, DataNotFound, "nowhere.toml"),
    ],
)
def test_bad_input(name, changes, error, words):
    with pytest.raises(error, match=words):
        recipe(name, changes)


def test_a_recipe_of_a_user(tmp_path):
    path = tmp_path / "mine.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in recipe("quick").everything().items()]
    path.write_text("\n".join(lines))
    assert recipe(str(path)).digest == recipe("quick").digest
    assert recipe(str(path)).name == "mine"
    path.write_text("\n".join(lines[1:]))
    with pytest.raises(DamagedInput, match=r"mine\.toml leaves out channels"):
        recipe(str(path))
    path.write_text("epochs =")
    with pytest.raises(DamagedInput, match="is no recipe"):
        recipe(str(path))


@given(
    key=st.sampled_from(list(recipe("quick").everything())),
    value=st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.lists(st.none()),
)
def test_any_value_is_taken_or_refused(key, value):
    try:
        found = recipe("quick", {key: value})
    except InvalidSetting:
        return
    assert isinstance(found, Recipe)
    assert found.everything()[key] == value


def test_recipes_need_no_torch():
    script = (
        "import sys; from nasbench_suite.training import recipe; recipe('quick');"
        "from nasbench_suite.training.data import names; print(names());"
        "print({'torch', 'torchvision', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("set()\n")


def test_what_is_missing_without_torch():
    script = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ModuleNotFoundError('blocked', name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from nasbench_suite.core import MissingExtra\n"
        "from nasbench_suite import training\n"
        "for call in (lambda: training.train, lambda: training.load('digits')):\n"
        "    try:\n"
        "        call()\n"
        "    except MissingExtra as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("pip install 'nasbench-suite[train]'") == 2
