"""Dropped paths, auxiliary classifier, cutout, mixup: what they do, and that trainings repeat."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from torch.nn import functional as F  # noqa: E402, N812

from nasbench_suite import registry, training  # noqa: E402
from nasbench_suite.core import InvalidSetting  # noqa: E402
from nasbench_suite.graph import Graph  # noqa: E402
from nasbench_suite.training.data.images import Split  # noqa: E402
from nasbench_suite.training.layers import Style  # noqa: E402
from nasbench_suite.training.loop import _Trainer  # noqa: E402
from nasbench_suite.training.network import Network  # noqa: E402
from nasbench_suite.training.skeleton import auxiliary, skeleton  # noqa: E402

CELLS = registry.load("spaces", "darts")
ARCH = CELLS.sample(np.random.default_rng(7))
SMALL = {"channels": 4, "cells": 3, "epochs": 3, "batch": 32, "learning_rate": 0.05}


def recipe(name="darts_eval", **changes):
    return training.recipe(name, {**SMALL, **changes})


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small(**changes):
    return CELLS.graph(ARCH, classes=10, size=8, image_channels=1, width=4, cells=3, **changes)


@pytest.fixture(scope="module")
def few(digits):
    train, val, test = (
        Split(split.images[:count], split.labels[:count])
        for split, count in ((digits.train, 96), (digits.val, 40), (digits.test, 40))
    )
    return replace(digits, train=train, val=val, test=test)


# Recipes.


@pytest.mark.parametrize(
    ("name", "space", "changes"),
    [
        ("darts_eval", "darts", SMALL),
        ("nasnet", "darts", SMALL),
        ("nasnet", "darts", {**SMALL, "cutout": 0.5, "mixup": 0.2, "average": 0.9}),
        ("nasbench101", "nasbench101", {"epochs": 3, "batch": 32, "channels": 8, "cells": 1}),
        ("nasbench_macro", "nasbench_macro", {"epochs": 3, "batch": 32, "learning_rate": 0.01}),
        ("nasbench201", "nasbench201", {"epochs": 2, "batch": 32, "cells": 1, "mixup": 1.0}),
    ],
    ids=["darts", "nasnet", "nasnet with all", "nasbench101", "macro", "mixup"],
)
def test_recipes_train_and_repeat(name, space, changes, few):
    cells = registry.load("spaces", space)
    arch = cells.sample(np.random.default_rng(2))
    ours = training.recipe(name, changes)
    one, same = (training.train(arch, cells, few, ours, seed=0) for _ in range(2))
    assert one.failure is None
    assert one.epochs == ours.epochs
    assert one.digest == same.digest
    assert one.curves["train_loss"][-1] < one.curves["train_loss"][0]
    assert training.train(arch, cells, few, ours, seed=1).digest != one.digest


@pytest.mark.parametrize(
    "changes",
    [{"auxiliary": 0.0}, {"drop_path": 0.0}, {"cutout": 0.0}, {"mixup": 0.2}],
    ids=lambda changes: next(iter(changes)),
)
def test_each_feature_counts(few, changes):
    whole = training.train(ARCH, CELLS, few, recipe(), seed=0)
    other = training.train(ARCH, CELLS, few, recipe(**changes), seed=0)
    assert other.curves["val_loss"] != whole.curves["val_loss"]


@pytest.mark.parametrize("name", ["darts_eval", "nasnet"])
def test_an_interrupted_training_goes_on_to_the_same_bytes(tmp_path, few, name):
    path = tmp_path / "state.npz"
    ours = recipe(name, mixup=0.2, average=0.9)

    def stop(epochs, measured):
        if epochs == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(ARCH, CELLS, few, ours, seed=0, checkpoint=path, every=0.0, progress=stop)
    with np.load(path) as stored:
        assert any(key.startswith("network/auxiliary.") for key in stored.files)
    resumed = training.train(ARCH, CELLS, few, ours, seed=0, checkpoint=path)
    undisturbed = training.train(ARCH, CELLS, few, ours, seed=0)
    assert resumed.digest == undisturbed.digest
    assert resumed.curves["train_loss"] == undisturbed.curves["train_loss"]


def test_rmsprop_goes_on_to_the_same_bytes(tmp_path, few):
    path = tmp_path / "state.npz"
    cells = registry.load("spaces", "nasbench101")
    arch = cells.sample(np.random.default_rng(2))
    ours = training.recipe("nasbench101", {"epochs": 2, "batch": 32, "channels": 8, "cells": 1})

    def stop(epochs, measured):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(arch, cells, few, ours, seed=0, checkpoint=path, every=0.0, progress=stop)
    with np.load(path) as stored:
        assert {"momentum/0", "squares/0"} <= set(stored.files)
    resumed = training.train(arch, cells, few, ours, seed=0, checkpoint=path)
    assert resumed.digest == training.train(arch, cells, few, ours, seed=0).digest


def test_spaces_without_a_place_for_them(few):
    cells = registry.load("spaces", "nasbench_macro")
    plain = {"channels": 0, "cells": 0}
    with pytest.raises(InvalidSetting, match="nasbench_macro have no place for one: set auxil"):
        training.train(cells.at(0), cells, few, recipe(**plain), seed=0)
    with pytest.raises(InvalidSetting, match="have none that may be: set drop_path to 0"):
        training.train(cells.at(0), cells, few, recipe(**plain, auxiliary=0), seed=0)


# Paths.


def test_paths_are_the_operations_that_are_no_identity():
    names = [name for cell in CELLS.to_genotype(ARCH)[::2] for name, _ in cell]
    edges = [edge for cell in CELLS.to_genotype(ARCH)[::2] for edge in cell]
    assert "skip_connect" in names
    # Of three cells the second and third reduce; there a skip from an input halves the image.
    normal, reduce = edges[:8], edges[8:]
    expected = sum(name != "skip_connect" for name, _ in normal)
    expected += 2 * sum(name != "skip_connect" or source < 2 for name, source in reduce)
    assert Network(small(), lean=False).paths == Network(small()).paths == expected


def tiny():
    """A sum of a convolution, an identity and a convolution, of which the first and last drop."""
    graph = Graph(channels=2, size=4)
    terms = [graph.conv(0, 2, 1), 0, graph.conv(0, 2, 3)]
    graph.add(terms, (0, 2))
    return graph


@hypothesis_settings(max_examples=20)
@given(
    kept=st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=3, max_size=3), min_size=2, max_size=2
    )
)
def test_each_path_is_multiplied_for_each_image(kept):
    network = Network(tiny(), generator=generator())
    x = torch.randn(3, 2, 4, 4, generator=generator(1))
    one, three = (network.layers[str(place)](x) for place in (1, 2))
    factors = torch.tensor(kept)
    first, last = factors[:, :, None, None, None]
    torch.testing.assert_close(network(x, factors), first * one + x + last * three)


def test_nothing_changes_where_all_is_kept():
    network = Network(small(), generator=generator())
    x = torch.randn(5, 1, 8, 8, generator=generator(1))
    assert torch.equal(network(x, torch.ones(network.paths, 5)), network(x))


def test_what_is_drawn_keeps_the_mean(few):
    trainer = _Trainer(CELLS, ARCH, few, recipe(), 0, torch.device("cpu"), {})
    kept = trainer._kept(0.2, 4_000, generator())
    assert kept.shape == (trainer._network.paths, 4_000)
    assert sorted(kept.unique().tolist()) == pytest.approx([0, 1.25])
    assert kept.mean().item() == pytest.approx(1, abs=0.01)
    assert trainer._kept(0.0, 4_000, generator()) is None


# The auxiliary classifier.


def test_the_auxiliary_classifier_of_darts():
    """Its parameters by hand; the network's own are as without it."""
    wide = skeleton(CELLS, ARCH, training.recipe("darts_eval"), classes=10, size=32)
    read = wide.nodes[wide.auxiliary]
    assert (read.channels, read.size) == (4 * 144, 8)
    head = auxiliary(wide, 10)
    assert head.params == 576 * 128 + 2 * 128 + 4 * 128 * 768 + 2 * 768 + 768 * 10 + 10
    assert [node.size for node in head.nodes if node.operation == "conv"] == [2, 1]
    network = Network(head, lean=False)
    assert sum(p.numel() for p in network.parameters()) == head.params
    assert network(torch.empty(2, 576, 8, 8, device="meta")).shape == (2, 10)


def test_it_reads_the_node_that_the_graph_says():
    graph = small()
    whole = Network(graph, generator=generator(3), head=auxiliary(graph, 10))
    plain = Network(graph, generator=generator(3))
    until = Graph(channels=1, size=8)
    until.nodes = graph.nodes[: graph.auxiliary + 1]
    part = Network(until, generator=generator(3))
    x = torch.randn(4, 1, 8, 8, generator=generator(1))
    own, aside = whole(x)
    # Both networks have the same weights, whether there is a classifier aside or not.
    assert torch.equal(own, plain(x))
    assert torch.equal(aside, whole.auxiliary(part(x)))
    whole.eval()
    assert whole(x).shape == (4, 10)
    small_images = auxiliary(graph, 10).nodes
    assert small_images[2].kernel == graph.nodes[graph.auxiliary].size == 2


def test_it_is_trained_and_not_judged(few):
    trained = _Trainer(CELLS, ARCH, few, recipe(), 0, torch.device("cpu"), {})
    before = [p.clone() for p in trained._network.auxiliary.parameters()]
    trained.try_epoch()
    after = list(trained._network.auxiliary.parameters())
    assert not any(map(torch.equal, before, after))
    assert trained._record["params"] == skeleton(CELLS, ARCH, recipe(), **few.form).params


def test_losses_are_weighted(few):
    ours = recipe(mixup=0.2, label_smoothing=0.1)
    trainer = _Trainer(CELLS, ARCH, few, ours, 0, torch.device("cpu"), {})
    batch = next(trainer._batches(96))
    logits = torch.randn(32, 10, generator=generator())
    own, other = (
        F.cross_entropy(logits, labels, label_smoothing=0.1)
        for labels in (batch.labels, batch.others)
    )
    expected = batch.share * own + (1 - batch.share) * other
    assert 0.5 <= batch.share < 1
    torch.testing.assert_close(trainer._error(logits, batch), expected)


# How a network begins.


def test_weights_by_variance_scaling():
    graph = Graph(channels=3, size=8)
    graph.linear(graph.global_avg_pool(graph.batch_norm(graph.conv(0, 2_000, 3))), 300)
    style = Style("variance_scaling", 0.003, 1e-4)
    network = Network(graph, generator=generator(), style=style)
    conv, norm, linear = network.layers.values()
    assert conv.weight.std().item() == pytest.approx(27**-0.5, rel=0.02)
    assert conv.weight.abs().max() <= 2 * 27**-0.5 / 0.8796
    assert linear.weight.abs().max() <= (6 / 2_300) ** 0.5
    assert linear.weight.std().item() == pytest.approx((2 / 2_300) ** 0.5, rel=0.02)
    assert not linear.bias.any()
    assert (norm.momentum, norm.eps) == (0.003, 1e-4)
    again = Network(graph, generator=generator(), style=style)
    assert torch.equal(again.layers["1"].weight, conv.weight)
