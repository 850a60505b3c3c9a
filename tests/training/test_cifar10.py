"""Real CIFAR-10 images: a NAS-Bench-201 network learns."""

import tarfile

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from nasbench_suite import training  # noqa: E402

pytestmark = [pytest.mark.published, pytest.mark.slow]

TRAIN, TEST = 128, 32
"""Images a class."""


@pytest.fixture(scope="module")
def images(published, tmp_path_factory):
    """The first images of each class, as a folder of images by class."""
    folder = tmp_path_factory.mktemp("cifar10")
    wanted = {"train": TRAIN, "test": TEST}
    taken = {}
    with tarfile.open(published / "cifar10-jpeg" / "cifar10-jpeg.tar.xz") as archive:
        for member in archive:
            parts = member.name.split("/")[-3:]
            if not member.isfile() or len(parts) < 3 or parts[0] not in wanted:
                continue
            split, kind, _ = parts
            if taken.get((split, kind), 0) < wanted[split]:
                taken[split, kind] = taken.get((split, kind), 0) + 1
                member.name = "/".join(parts)
                archive.extract(member, folder, filter="data")
            if len(taken) == 20 and sum(taken.values()) == 10 * (TRAIN + TEST):
                break
    return training.load(folder)


def test_a_network_learns(space, images):
    assert (images.classes, images.channels, images.size) == (10, 3, 32)
    # The published skeleton, with one cell a stage instead of five.
    recipe = training.recipe("nasbench201", {"epochs": 6, "batch": 32, "cells": 1, "eval_every": 6})
    result = training.train(space.at(6111), space, images, recipe, seed=0)
    assert result.failure is None
    assert result.final("test_accuracy") > 25
    assert result.curves["train_loss"][-1] < 0.85 * result.curves["train_loss"][0]


def test_the_whole_recipe_runs(space, images):
    """The command of the 200-epoch recipe, with fewer epochs and images."""
    few = training.recipe("nasbench201", {"epochs": 1})
    result = training.train(space.at(0), space, images, few, seed=777)
    assert result.failure is None
    assert result.record["params"] == space.graph(space.at(0), classes=10, size=32).params
