"""Networks: what torch counts is what the graph counts, and weights follow from the seed alone."""

from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_suite import registry
from nasbench_suite.core import NoNetwork
from nasbench_suite.graph import Graph

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from torch.nn import functional as F  # noqa: E402, N812
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from nasbench_suite.training.network import Network  # noqa: E402
from nasbench_suite.training.skeleton import connected  # noqa: E402


def has_networks(space):
    try:
        space.graph(space.at(0), classes=10, size=32)
    except NoNetwork:
        return False
    return True


SPACES = [name for name in registry.names("spaces") if has_networks(registry.load("spaces", name))]
CELLS = registry.load("spaces", "nasbench201")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def network(graph, seed=0, **options):
    return Network(graph, generator=generator(seed), **options)


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=6)
@given(data=st.data())
def test_torch_counts_what_the_graph_counts(name, data):
    space = registry.load("spaces", name)
    arch = space.at(data.draw(st.integers(0, space.size - 1)))
    graph = space.graph(arch, classes=data.draw(st.sampled_from([10, 120])), size=32)
    net = Network(graph, lean=False)
    assert sum(p.numel() for p in net.parameters()) == graph.params
    with FlopCounterMode(display=False) as counted:
        logits = net(torch.empty(2, 3, 32, 32, device="meta"))
    # Of two images, torch counts a multiply-accumulate twice, and no bias.
    biases = sum(node.channels for node in graph.nodes if node.operation == "linear")
    assert counted.get_total_flops() / 4 + biases == graph.flops
    assert logits.shape == (2, graph.nodes[-1].channels)


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=1)
@given(data=st.data())
def test_every_node_has_the_shape_that_the_graph_says(name, data):
    space = registry.load("spaces", name)
    graph = space.graph(space.at(data.draw(st.integers(0, space.size - 1))), classes=10, size=32)
    for until in range(2, len(graph.nodes), 29):
        part = Graph(channels=3, size=32)
        part.nodes = graph.nodes[:until]
        result = Network(part, lean=False)(torch.empty(2, 3, 32, 32, device="meta"))
        node = part.nodes[-1]
        shape = (2, node.channels, node.size, node.size)
        # What comes of a linear layer has no height and width.
        assert tuple(result.shape) == shape[: result.dim()]


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=2)
@given(data=st.data())
def test_what_is_left_out_changes_nothing(name, data):
    space = registry.load("spaces", name)
    graph = space.graph(space.at(data.draw(st.integers(0, space.size - 1))), classes=7, size=32)
    lean, whole = network(graph), network(graph, lean=False)
    assert len(lean._steps) <= len(whole._steps)
    x = torch.randn(3, 3, 32, 32, generator=generator(1))
    for training in (True, False):
        lean.train(training)
        whole.train(training)
        torch.testing.assert_close(lean(x), whole(x), rtol=1e-4, atol=1e-4)


@settings(max_examples=15)
@given(index=st.integers(0, 15_624))
def test_gradients_too_are_those_of_all_nodes(index):
    graph = CELLS.graph(CELLS.at(index), classes=10, size=8, image_channels=1, width=8, cells=1)
    x = torch.randn(4, 1, 8, 8, generator=generator(1))
    found = []
    for lean in (True, False):
        net = network(graph, lean=lean)
        F.cross_entropy(net(x), torch.arange(4)).backward()
        found.append([torch.zeros(1) if p.grad is None else p.grad for p in net.parameters()])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours.expand_as(theirs), theirs, rtol=1e-3, atol=1e-4)


def test_a_network_by_hand():
    """Every operation that NAS-Bench-201 has not, against a few lines of torch."""
    graph = Graph(channels=4, size=6)
    moved = graph.shuffle(graph.shift(0), 2)
    pooled = graph.concat([graph.max_pool(moved, 3, padding=1), graph.zero(0, 2)])
    weighed = graph.squeeze_excite(graph.truncate(pooled, 5), 3)
    graph.conv(weighed, 10, 3, 2, groups=5, dilation=2)
    net = network(graph, lean=False)
    x = torch.randn(2, 4, 6, 6, generator=generator(1))
    y = torch.zeros_like(x)
    y[:, :, :5, :5] = x[:, :, 1:, 1:]
    y = y[:, [0, 2, 1, 3]]
    y = torch.cat([F.max_pool2d(y, 3, 1, 1), torch.zeros(2, 1, 6, 6)], dim=1)
    squeeze, excite, conv = net.layers.values()
    weights = torch.sigmoid(excite(torch.relu(squeeze(y.mean((2, 3))))))
    y = conv(y * weights[:, :, None, None])
    assert y.shape == (2, 10, 3, 3)
    torch.testing.assert_close(net(x), y)
    torch.testing.assert_close(network(graph)(x), y)


def test_weights_follow_from_the_seed_alone():
    graph = CELLS.graph(CELLS.at(6111), classes=10, size=32)
    before = torch.get_rng_state()
    one = network(graph, 3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    two, other = network(graph, 3), network(graph, 4)
    for name, values in one.state_dict().items():
        assert torch.equal(values, two.state_dict()[name])
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_weights_are_drawn_as_pytorch_draws_them():
    graph = Graph(channels=3, size=8)
    graph.linear(graph.global_avg_pool(graph.conv(0, 400, 3)), 300)
    conv, linear = network(graph).layers.values()
    for values, fan in ((conv.weight, 27), (linear.weight, 400), (linear.bias, 400)):
        # Kaiming's uniform law with a = √5 is uniform within 1/√fan.
        assert values.abs().max() <= 1 / sqrt(fan)
        assert values.std().item() == pytest.approx(1 / sqrt(3 * fan), rel=0.1)


def test_disconnected_cells_are_known_and_computed():
    cut = [arch for arch in CELLS if not connected(small(arch))]
    assert len(cut) == 341
    net = network(small(cut[0]))
    assert not net.connected
    assert network(small(CELLS.at(6111))).connected
    x = torch.randn(5, 1, 8, 8, generator=generator(1))
    assert torch.equal(net(x), net(2 * x))


def small(arch):
    return CELLS.graph(arch, classes=10, size=8, image_channels=1, width=1, cells=1)
