"""What changes over a training has the values that its recipe means."""

import math

import numpy as np
import pytest

from nasbench_suite.training.recipes import recipe
from nasbench_suite.training.schedules import drop_path, learning_rate


def values(asked, name, steps, first=None, **changes):
    """Return a value at each step of the first epochs, of all if nothing else is said."""
    found = recipe(name, changes)
    return [
        asked(found, epoch, step, steps)
        for epoch in range(first or found.epochs)
        for step in range(steps)
    ]


def test_learning_rate():
    ours = {"epochs": 4, "learning_rate": 0.1}
    cosine = [0.05 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]
    assert values(learning_rate, "quick", 2, **ours) == pytest.approx(cosine)
    by_epoch = values(learning_rate, "quick", 2, **ours, schedule="epoch")
    assert by_epoch == pytest.approx(np.repeat(cosine[::2], 2))
    warm = values(learning_rate, "quick", 2, **ours, warm_up=2)
    assert warm[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1])


@pytest.mark.parametrize(
    ("name", "highest", "epochs"), [("nasbench_macro", 0.1, 50), ("darts_eval", 0.025, 600)]
)
def test_rates_that_change_with_the_epoch(name, highest, epochs):
    """As torch's CosineAnnealingLR, by which both were trained, set them."""
    found = values(learning_rate, name, 2)
    cosine = [highest * (1 + math.cos(math.pi * epoch / epochs)) / 2 for epoch in range(epochs)]
    assert found == pytest.approx(np.repeat(cosine, 2))
    assert found[epochs] == pytest.approx(highest / 2)


def test_the_rates_of_nasbench101():
    found = values(learning_rate, "nasbench101", 10)
    assert found[0] == 0.2
    assert found[540] == pytest.approx(0.1)
    assert found[-1] == pytest.approx(0.1 * (1 + math.cos(math.pi * 1079 / 1080)))


def test_paths_dropped_by_darts():
    """The chance is 0.2 times the share of epochs that are over."""
    found = values(drop_path, "darts_eval", 3)
    assert found == pytest.approx(np.repeat(0.2 * np.arange(600) / 600, 3))
    assert found[:3] == [0, 0, 0]
    assert found[-1] == pytest.approx(0.2 * 599 / 600)


def test_scheduled_drop_path():
    found = values(drop_path, "nasnet", 4)
    assert found == pytest.approx(0.4 * np.arange(2400) / 2400)
    assert values(drop_path, "nasnet", 4, 2, drop_path_schedule="constant") == [0.4] * 8
    assert values(drop_path, "quick", 2, 3) == [0] * 6
