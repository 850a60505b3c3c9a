"""What is known of a fitted surrogate: the card's words, and the test part predicted once more."""

import shutil

import numpy as np
import pytest
from scipy.stats import norm

from nasbench_suite import load
from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
from nasbench_suite.campaigns.examining import Examined, Proportional, examine
from nasbench_suite.campaigns.fitting import fit
from nasbench_suite.core import DamagedInput, DataNotFound

CELLS = """
name = "cells"
version = "1"
title = "Cells of up to four vertices"
description = "Fitted to 43 cells, for tests."
benchmark = "nasbench101_4v/cifar10"
table_version = "1"
reported = "val_accuracy"
split = "random"
test = 25
calibrate = 0.35

[protocols.standard]
description = "A search sees the mean of three trainings."
objective = "val_accuracy"
epochs = [12, 108]
seed = "mean"
cost = "train_seconds"
continues = false

[protocols.standard.report]
metric = "val_accuracy"
epochs = 108
seed = "mean"

[[predict]]
metrics = ["val_accuracy"]
epochs = [12, 108]
family = "ridge"
noise = "absolute"

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


@pytest.fixture(scope="module")
def small(small_surrogate):
    return examine(small_surrogate)


@pytest.fixture
def changed(small_surrogate, tmp_path):
    """Copy the surrogate with a change in a file of it, and return its folder."""

    def change(file, old, new):
        folder = tmp_path / "changed"
        shutil.copytree(small_surrogate, folder)
        content = (folder / file).read_bytes()
        assert content.count(old) >= 1
        (folder / file).write_bytes(content.replace(old, new, 1))
        return folder

    return change


def test_the_test_part_is_predicted_as_the_surrogate_answers(small, small_surrogate):
    table, opened = load("mnasnet/imagenet", "table"), SurrogateBenchmark(small_surrogate)
    frame = table.frame(["val_accuracy", "train_seconds", "official_split"])
    test = frame[frame["official_split"] == 2]
    for one in small.metrics:
        name = one.metric.name
        assert np.array_equal(one.true, test[name])
        assert one.mean == pytest.approx(opened.query_many(test.index.tolist(), name))
        stds = np.array([opened.record(arch, name).std for arch in test.index])
        assert one.reach == pytest.approx(1.6448536 * stds)
        assert one.scores["coverage"] == pytest.approx(one.held.mean(), abs=1e-5)
        assert one.scores["bias"] == pytest.approx((one.mean - one.true).mean())
        # Quantile by quantile, as the mean of what is below it.
        share = [(one.true <= one.mean + norm.ppf(p / 100) * stds).mean() for p in range(1, 100)]
        assert one.below == pytest.approx(share, abs=1e-9)
        error = np.abs(one.below - np.arange(1, 100) / 100).mean()
        assert one.scores["calibration_error"] == pytest.approx(error, abs=1e-5)


def test_the_card_is_read_to_the_end(small, small_surrogate):
    card = SurrogateBenchmark(small_surrogate).card
    assert (small.title, small.notes) == (card["title"], ("for tests",))
    assert (small.table, small.table_version) == ("Accel-NASBench", "1")
    assert small.table_sha256 == card["table"]["sha256"]
    assert (small.train, small.calibrate, small.test) == (4100, 512, 512)
    assert small.outside == card["seen"]["test_outside"]
    assert small.speed.one_us == card["speed"]["one_us"]
    assert small.architectures == load("mnasnet/imagenet", "table").space.size
    for one, entry in zip(small.metrics, card["predictors"], strict=True):
        assert one.teacher == entry.get("teacher", {})
        assert (one.top, one.beyond, one.ceiling) == (
            entry["top"],
            entry["beyond"],
            entry["ceiling"],
        )
        assert one.noise._asdict() == entry["noise"]
        assert [point._asdict() for point in one.learning] == entry["learning"]
    # Of the settings only those that were chosen.
    assert small.metrics[0].settings == {"teacher": "ridge", "drawn": 1000, "epochs": 20}
    assert small.metrics[1].settings == {}


def test_lengths_and_few_architectures(tmp_path):
    """A metric in proportion to another, too few for a learning curve, and for a look beyond."""
    (tmp_path / "cells.toml").write_text(CELLS)
    found = examine(fit(tmp_path / "cells.toml", out=tmp_path / "out"))
    *fitted, shorter = found.metrics
    assert [(one.metric.name, one.epochs) for one in fitted] == [
        ("val_accuracy", 12),
        ("val_accuracy", 108),
        ("train_seconds", 108),
    ]
    for one in fitted:
        assert isinstance(one, Examined)
        assert [point.train for point in one.learning] == [43]
        assert one.beyond == {}
        assert len(one.true) == 25
    assert shorter == Proportional(fitted[-1].metric, 12, 108, pytest.approx(1 / 9))


class TestRefused:
    def test_no_surrogate(self, tmp_path):
        with pytest.raises(DataNotFound, match="no fitted surrogate"):
            examine(tmp_path)

    def test_a_table_that_is_not_there(self, changed):
        folder = changed("card.toml", b'[table]\nname = "mnasnet"', b'[table]\nname = "gone"')
        with pytest.raises(DataNotFound, match=r"table gone.*is not installed.*NASBENCH_DATA"):
            examine(folder)

    def test_another_version_of_the_table(self, changed, small):
        digest = small.table_sha256.encode()
        old = b'version = "1"\nsha256 = "' + digest
        folder = changed("card.toml", old, old.replace(digest, b"0" * 64))
        with pytest.raises(DamagedInput, match="is another"):
            examine(folder)

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            (b"[table]\n", b"[tabel]\n", "lacks table"),
            (b'licence = "Apache-2.0"', b"licence = 2", "2 is no text"),
            (b"[split]\n", b"[spilt]\n", "split' is missing"),
            (b"test_outside = ", b"test_outside = 'much' #", "much"),
            (b"opening_ms", b"opening", "opening_ms' is missing"),
            (b"[predictors.scores]\n", b"[predictors.score]\n", "scores' is missing"),
            (b"spearman = ", b"spearman = [] #", "list"),
            (b'kind = "absolute"', b'kin = "absolute"', "kind' is missing"),
            (b"average = ", b"average = 'high' #", "high"),
            (b"train = 4100", b"train = 'all'", "all"),
            (b"train = 256", b"train = 0", "at least 1"),
            (b'name = "train_seconds"', b'name = "seconds"', "not describe train_seconds"),
            (
                b"s]\nkendall = 0.",
                b"s]\nkendall = 0.1",
                "it says that kendall of val_accuracy is 0.1",
            ),
        ],
    )
    def test_a_damaged_card(self, changed, old, new, words):
        with pytest.raises(DamagedInput, match=words) as error:
            examine(changed("card.toml", old, new))
        assert "card.toml" in str(error.value)
        assert "restore it, or remove it and fit again" in str(error.value)

    def test_another_recipe(self, changed):
        folder = changed("recipe.toml", b'notes = ["for tests"]', b"notes = []")
        with pytest.raises(DamagedInput, match=r"recipe\.toml is not the recipe"):
            examine(folder)

    def test_a_damaged_model(self, changed, small_surrogate):
        file = "models/train_seconds/model.npz"
        content = (small_surrogate / file).read_bytes()
        folder = changed(file, content[-200:], content[-200:][::-1])
        with pytest.raises(DamagedInput, match=r"model\.npz is not the file"):
            examine(folder)


def test_a_card_from_before_there_were_learning_curves(changed):
    folder = changed("card.toml", b"learning = [", b"before = [")
    first, second = examine(folder).metrics
    assert first.learning == ()
    assert len(second.learning) == 3
