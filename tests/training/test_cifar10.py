"""Real CIFAR-10 images: networks of NAS-Bench-201 learn, and rank as its authors' did."""

import math
import tarfile
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import spearmanr

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from nasbench_suite import load, training  # noqa: E402
from nasbench_suite.training.data.images import assemble  # noqa: E402
from nasbench_suite.training.skeleton import connected  # noqa: E402

pytestmark = [pytest.mark.published, pytest.mark.slow]

FEW = {"train": 128, "test": 32}
MANY = {"train": 250, "test": 200}
"""Images a class."""


@pytest.fixture(scope="module")
def folder(published, tmp_path_factory):
    """The first images of each class, as a folder of images by class."""
    folder = tmp_path_factory.mktemp("cifar10")
    taken = {}
    with tarfile.open(published / "cifar10-jpeg" / "cifar10-jpeg.tar.xz") as archive:
        for member in archive:
            parts = member.name.split("/")[-3:]
            if not member.isfile() or len(parts) < 3 or parts[0] not in MANY:
                continue
            split, kind, _ = parts
            if taken.get((split, kind), 0) < MANY[split]:
                taken[split, kind] = taken.get((split, kind), 0) + 1
                member.name = "/".join(parts)
                archive.extract(member, folder, filter="data")
            if len(taken) == 20 and sum(taken.values()) == 10 * sum(MANY.values()):
                break
    return folder


@pytest.fixture(scope="module")
def images(folder, tmp_path_factory):
    """Few of them, as the suite reads a folder."""
    few = tmp_path_factory.mktemp("few")
    for split, count in FEW.items():
        for kind in (folder / split).iterdir():
            (few / split / kind.name).mkdir(parents=True)
            for path in sorted(kind.iterdir())[:count]:
                (few / split / kind.name / path.name).symlink_to(path)
    return training.load(few)


@pytest.fixture(scope="module")
def halved(folder):
    """All of them, at half their size."""
    from PIL import Image

    pairs = {}
    for split in MANY:
        kinds = sorted(path.name for path in (folder / split).iterdir())
        paths = [
            (path, kinds.index(path.parent.name)) for path in sorted(folder.glob(f"{split}/*/*"))
        ]
        pixels = np.stack([np.asarray(Image.open(path)) for path, _ in paths]).astype(float)
        small = pixels.reshape(len(paths), 16, 2, 16, 2, 3).mean(axis=(2, 4)).round()
        labels = np.array([label for _, label in paths])
        pairs[split] = (small.transpose(0, 3, 1, 2).astype(np.uint8), labels)
    nothing = tuple(part[:0] for part in pairs["test"])
    return assemble("cifar10", 10, pairs["train"], nothing, pairs["test"])


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


def test_cells_rank_as_published(space, halved):
    """A dozen cells over all qualities, after a short training of small networks.

    The qualities are a dozen equal parts of the range of published test accuracy, of which each
    gives a cell at random. Few have bad cells, so this is not the order of random ones.
    """
    table = load("nasbench201/cifar10")
    forms = sorted({space.canonical(arch) for arch in space}, key=space.index)
    cells = [arch for arch in forms if connected(space.graph(arch, classes=10, size=32))]
    quality = np.array([table.query(arch) for arch in cells])
    rng = np.random.default_rng(0)
    edges = np.linspace(quality.min(), quality.max(), 13)
    chosen = [
        int(rng.choice(np.flatnonzero((quality >= low) & (quality <= high))))
        for low, high in pairwise(edges)
    ]
    short = training.recipe(
        "nasbench201",
        {"channels": 8, "cells": 2, "epochs": 8, "batch": 64, "average": 0.95, "eval_every": 8},
    )
    found = [
        training.train(cells[place], space, halved, short, seed=0).final("test_accuracy")
        for place in chosen
    ]
    rho = spearmanr(found, quality[chosen]).statistic
    # Fisher's interval with the error of Fieller, Hartley and Pearson, Biometrika 1957.
    reach = 1.96 * math.sqrt(1.06 / (len(chosen) - 3))
    low, high = np.tanh([math.atanh(rho) - reach, math.atanh(rho) + reach])
    told = f"Spearman {rho:.2f}, 95 % interval {low:.2f} to {high:.2f}: {found}"
    print(told)
    assert rho >= 0.7, told
    assert low > 0.3, told
