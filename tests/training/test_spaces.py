"""Every space that defines a network trains, and torch counts the parameters that are published."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from nasbench_suite import registry, training  # noqa: E402
from nasbench_suite.core import InvalidSetting, NoNetwork  # noqa: E402
from nasbench_suite.graph import Graph  # noqa: E402
from nasbench_suite.spaces.base import Space  # noqa: E402
from nasbench_suite.training.data.images import Split, assemble  # noqa: E402
from nasbench_suite.training.network import Network  # noqa: E402
from nasbench_suite.training.skeleton import auxiliary, connected, skeleton  # noqa: E402

SPACES = [
    "darts",
    "fbnet",
    "mnasnet",
    "nasbench101",
    "nasbench101_4v",
    "nasbench201",
    "nasbench_macro",
    "nats_sss",
    "transbench101_macro",
    "transbench101_micro",
]
# The cells that the second order of DARTS found, by its authors' code.
V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
    "('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
CELL = "0100010001001000010000000101000001000000010000000"
CELL += ":input,conv3x3-bn-relu,maxpool3x3,conv1x1-bn-relu,maxpool3x3,conv1x1-bn-relu,output"
DARTS = registry.load("spaces", "darts")
SHORT = {"epochs": 2, "batch": 32, "eval_draws": 1, "channels": 0, "cells": 0}


def recipe(**changes):
    return training.recipe("quick", {**SHORT, **changes})


@pytest.fixture(scope="module")
def few(digits):
    """So many digits that also a network of 30 million parameters trains in seconds."""

    def first(split, count):
        return Split(split.images[:count], split.labels[:count])

    train, val, test = (
        first(split, count)
        for split, count in ((digits.train, 64), (digits.val, 20), (digits.test, 20))
    )
    return replace(digits, train=train, val=val, test=test)


@pytest.fixture(scope="module")
def coloured():
    """Images of three channels and 32 pixels, of two classes that are dark and bright."""
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 2
    pixels = rng.integers(0, 128, (24, 3, 32, 32)) + 127 * labels[:, None, None, None]
    pair = pixels.astype(np.uint8), labels
    return assemble("made up", 2, pair, pair, pair)


def test_these_are_all_that_define_one():
    found = []
    for name in registry.names("spaces"):
        space = registry.load("spaces", name)
        try:
            space.graph(space.at(0), classes=10, size=32)
        except NoNetwork:
            continue
        found.append(name)
    assert found == SPACES


@pytest.mark.parametrize("name", SPACES)
def test_every_space_trains_on_digits(name, few):
    space = registry.load("spaces", name)
    arch = space.sample(np.random.default_rng(3))
    result = training.train(arch, space, few, recipe(), seed=0)
    assert result.failure is None
    assert result.epochs == 2
    assert result.record["params"] == skeleton(space, arch, recipe(), **few.form).params
    again = training.train(arch, space, few, recipe(epochs=1, eval_every=1), seed=0)
    assert again.curves["train_loss"][0] == result.curves["train_loss"][0]


@pytest.mark.parametrize("name", ["mnasnet", "fbnet", "darts"])
def test_colours_train_as_well(name, coloured):
    space = registry.load("spaces", name)
    arch = space.sample(np.random.default_rng(4))
    plain = recipe(epochs=1, noise=0, eval_noise=0, average=0)
    result = training.train(arch, space, coloured, plain, seed=0)
    assert result.failure is None
    graph = space.graph(arch, classes=2, size=32)
    assert (result.record["params"], result.record["flops"]) == (graph.params, graph.flops)


@pytest.mark.parametrize(
    ("name", "text", "changes", "classes", "size", "params"),
    [
        # The paper's table 1 says 3.3 M; the code prints 3.349342, without the auxiliary head.
        ("darts", V2, {"channels": 36, "cells": 20}, 10, 32, 3_349_342),
        ("mnasnet", B0, {}, 1000, 224, 5_288_548),
        ("nasbench101", CELL, {}, 10, 32, 3_729_162),
        ("nasbench_macro", "02012100", {}, 10, 32, 890_666),
        ("nasbench_macro", "11111221", {}, 10, 32, 2_181_386),
    ],
)
def test_torch_counts_what_is_published(name, text, changes, classes, size, params):
    space = registry.load("spaces", name)
    graph = skeleton(space, space.parse(text), recipe(**changes), classes=classes, size=size)
    found, flops = counts(graph, torch.empty(1, 3, size, size, device="meta"))
    assert found == graph.params == params
    assert flops == graph.flops


def counts(graph, images):
    """Return parameters and FLOPs as torch counts them, with biases as the graph counts them."""
    network = Network(graph, lean=False)
    with FlopCounterMode(display=False) as counted:
        network(images)
    biases = sum(node.channels for node in graph.nodes if node.operation == "linear")
    params = sum(p.numel() for p in network.parameters())
    return params, counted.get_total_flops() / 2 / len(images) + biases


@pytest.mark.parametrize("name", ["nasbench101", "nasbench101_4v", "nasbench201", "darts"])
@settings(max_examples=5)
@given(data=st.data())
def test_torch_counts_other_skeletons_too(name, data):
    space = registry.load("spaces", name)
    arch = space.at(data.draw(st.integers(0, space.size - 1)))
    changes = {"channels": data.draw(st.integers(3, 20)) * 2, "cells": data.draw(st.integers(1, 7))}
    graph = skeleton(space, arch, recipe(**changes), classes=7, size=16, channels=1)
    assert counts(graph, torch.empty(1, 1, 16, 16, device="meta")) == (graph.params, graph.flops)


@settings(max_examples=3)
@given(arch=st.tuples(*(st.integers(0, choices - 1) for choices in DARTS.genes)))
def test_the_network_and_the_classifier_in_which_darts_evaluates(arch):
    graph = skeleton(DARTS, arch, training.recipe("darts_eval"), classes=10, size=32)
    assert counts(graph, torch.empty(1, 3, 32, 32, device="meta")) == (graph.params, graph.flops)
    head = auxiliary(graph, 10)
    assert counts(head, torch.empty(2, 576, 8, 8, device="meta")) == (head.params, head.flops)


@pytest.mark.parametrize("name", ["nasbench101", "nasbench101_4v", "nasbench201", "darts"])
def test_skeletons_of_cells_can_be_made_smaller(name):
    space = registry.load("spaces", name)
    arch = space.sample(np.random.default_rng(5))
    whole, small = (
        skeleton(space, arch, recipe(**changes), classes=10, size=8, channels=1)
        for changes in ({}, {"channels": 8, "cells": 1})
    )
    assert small.params < whole.params / 4
    assert small.nodes[0].channels == 1


def test_too_few_channels_for_a_cell():
    space = registry.load("spaces", "nasbench101")
    with pytest.raises(InvalidSetting, match="share 4 channels: there must be 5"):
        skeleton(space, space.at(0), recipe(channels=4), classes=10, size=8)


@pytest.mark.parametrize("name", ["nasbench201", "transbench101_micro"])
def test_what_leaves_the_input_out_is_known(name):
    space = registry.load("spaces", name)
    graph = space.graph((0,) * len(space.genes), classes=10, size=32)
    assert not connected(graph)
    arch = space.sample(np.random.default_rng(1))
    assert connected(space.graph(arch, classes=10, size=32))


class Colours(Space):
    """A space of one network, which reads colours alone."""

    name = "colours"
    genes = (1,)

    def parse(self, text):
        return (0,)

    def format(self, arch):
        return "it"

    def graph(self, arch, *, classes, size):
        net = Graph(channels=3, size=size)
        net.linear(net.global_avg_pool(0), classes)
        return net


def test_grey_images_where_colours_are_read(few):
    with pytest.raises(InvalidSetting, match="colours read images of 3 channels, and these have 1"):
        training.train((0,), Colours(), few, recipe(), seed=0)
