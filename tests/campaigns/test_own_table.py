"""The table of our own making: what its card promises, and that its cells train to what it says."""

import re

import numpy as np
import pytest

from nasbench_suite import Budget, load, run
from nasbench_suite.campaigns.trained_table import machine
from nasbench_suite.scoring.curves import reported
from nasbench_suite.scoring.intervals import mean_interval
from nasbench_suite.tables.card import read_card

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from nasbench_suite import training  # noqa: E402
from nasbench_suite.training.recipes import recipe  # noqa: E402

SPLITS = ("train_accuracy", "val_accuracy", "test_accuracy")


@pytest.fixture(scope="module")
def table():
    return load("nasbench201/digits")


@pytest.fixture(scope="module")
def card(table):
    return read_card(table.folder)


def test_every_cell_can_be_asked_and_many_were_trained_thrice(table):
    space = table.space
    assert (table.key, table.rows) == ("canonical", space.forms)
    for metric in SPLITS:
        frame = table.frame([metric], epochs=12)
        assert len(frame) == space.forms
        assert not frame[metric].isna().any()
    rng = np.random.default_rng(0)
    for number in rng.choice(space.size, 300, replace=False):
        arch = space.at(int(number))
        assert table.query(arch) == table.query(space.canonical(arch))
    runs = [
        len(table.curve(text, "val_accuracy", seed="all"))
        for text in table.frame([SPLITS[1]]).index
    ]
    assert set(runs) == {1, 3}
    assert runs.count(3) >= 500


def test_each_epoch_of_each_training_was_measured(table):
    for text in table.frame([SPLITS[1]]).index[::50]:
        for metric in (*SPLITS, "train_seconds"):
            curves = table.curve(text, metric, seed="all")
            assert curves.shape[1] == 12
            assert not np.isnan(curves).any()
        assert (np.diff(table.curve(text, "train_seconds")) > 0).all()


def test_its_networks_differ_by_more_than_chance(card):
    """The quartiles are points apart, and two trainings agree on which network is better."""
    spread, agreement = card["lists"]["chance"]
    quartiles = [float(number) for number in re.findall(r"\d+\.\d", spread)]
    assert len(quartiles) == 5
    assert quartiles[3] - quartiles[1] > 3.5
    found = re.search(r"tau (0\.\d+).* (\d+\.\d+) points", agreement)
    assert float(found[1]) > 0.45
    assert float(found[2]) < 2


def test_the_recipe_is_still_the_one_it_was_made_by(card):
    quick = recipe("quick")
    assert card["lists"]["recipe"] == [f"{key} = {value}" for key, value in quick.values().items()]


def test_stopping_early_pays(table):
    """At equal epochs spent, beside random search, which trains each network to the end."""
    budget = Budget(epochs=1200)

    def reached(strategy, seeds, settings=None):
        runs = (
            run(
                strategy,
                table,
                budget=budget,
                seed=seed,
                protocol="multi_fidelity",
                settings=settings,
            )
            for seed in range(seeds)
        )
        return np.array([reported(found, table)[-1] for found in runs])

    chance = reached("random_search", 500)
    # With its model the gain is twice as large, and a run takes ten times as long.
    for strategy, seeds in (("hyperband", 500), ("bohb", 250)):
        found = reached(strategy, seeds, {"eta": 2.0})
        _, _, low, _ = mean_interval(found - chance[:seeds])
        assert low > 0


def test_three_cells_train_to_what_the_table_says(table, card, one_thread):
    """To the same bytes on such a machine; elsewhere, as near as one seed is to another."""
    rng = np.random.default_rng(201)
    images = training.load("digits")
    deviation = float(re.search(r"(\d+\.\d+) points", card["lists"]["chance"][1])[1])
    made_on = [text.partition(": ")[2] for text in card["lists"]["machines"]]
    texts = table.frame([SPLITS[1]]).index.to_numpy()
    for text in rng.choice(texts, 3, replace=False):
        arch = table.space.parse(str(text))
        found = training.train(arch, table.space, images, recipe("quick"), seed=0, device="cpu")
        for metric in SPLITS:
            kept = table.curve(arch, metric, seed=0)
            again = np.float32(found.curves[metric]).tolist()
            if made_on == [machine(found.record)]:
                assert again == kept.tolist()
            else:
                assert again[-1] == pytest.approx(kept[-1], abs=4 * np.sqrt(2) * deviation)
