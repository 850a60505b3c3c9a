"""Latency, throughput and memory of networks."""

import math

import numpy as np
import pytest

from nasbench_suite import registry, training
from nasbench_suite.core import FailedRuns, InvalidSetting
from nasbench_suite.graph import Graph

torch = pytest.importorskip("torch", reason="measures networks: install the extra `train`")

from nasbench_suite.training import measuring  # noqa: E402
from nasbench_suite.training.memory import bytes_of, peak  # noqa: E402
from nasbench_suite.training.recipes import recipe  # noqa: E402
from nasbench_suite.training.skeleton import skeleton  # noqa: E402

FEW = {"device": "cpu", "warm_up": 2, "passes": 9}


def chain(width: int, depth: int, size: int = 16) -> Graph:
    """Return so many 3x3 convolutions in a row."""
    graph = Graph(channels=3, size=size)
    last = 0
    for _ in range(depth):
        last = graph.conv_bn_relu(last, width, 3)
    graph.linear(graph.global_avg_pool(last), 10)
    return graph


def measured(graph: Graph, **changed):
    conditions = training.Conditions(**{**FEW, **changed})
    return training.measure(training.untrained(graph), conditions, size=graph.nodes[0].size)


def test_more_work_takes_longer():
    small, deep, wide = (measured(chain(*form)) for form in ((8, 2), (8, 24), (128, 2)))
    assert deep.median > 3 * small.median
    assert wide.median > 3 * small.median
    more = measured(chain(8, 2), batch=64)
    assert more.median > 3 * small.median
    assert more.memory_mb > 20 * (small.memory_mb - small.weights_mb)


def test_throughput_and_quantiles_follow_from_the_passes():
    found = measured(chain(8, 2), batch=4)
    assert found.throughput == pytest.approx(4000 / found.median)
    assert len(found.latency_ms) == len(measuring.QUANTILES) == 5
    assert list(found.latency_ms) == sorted(found.latency_ms)
    assert found.latency_ms[0] > 0


def test_passes_are_timed_after_the_warm_up():
    calls = []

    class Counts(torch.nn.Module):
        def forward(self, x):
            calls.append(x.shape)
            return x

    conditions = training.Conditions(device="cpu", warm_up=3, passes=4, batch=2)
    training.measure(Counts(), conditions, size=5, channels=1)
    # Once more, to count what memory it takes.
    assert calls == [(2, 1, 5, 5)] * 8


def test_memory_is_weights_images_and_the_most_that_results_take():
    graph = chain(8, 3)
    network = training.untrained(graph)
    found = training.measure(network, training.Conditions(**FEW, batch=2), size=16)
    weights = sum(t.numel() * t.element_size() for t in network.state_dict().values())
    assert found.weights_mb == pytest.approx(weights / 1e6)
    # An operation's result is there together with what it is made of, and no third.
    one = 2 * 8 * 16 * 16 * 4
    assert found.memory_mb * 1e6 == pytest.approx(weights + 2 * 3 * 16 * 16 * 4 + 2 * one, rel=0.01)
    half = training.measure(network, training.Conditions(**FEW, batch=2, precision="bf16"), size=16)
    assert half.memory_mb == pytest.approx(found.memory_mb / 2, rel=0.02)


def test_shared_memory_counts_once():
    whole = torch.zeros(1000)
    assert bytes_of([whole, whole[:10], whole.view(10, 100)]) == 4000

    def run():
        first = torch.zeros(1000)
        part = first[:10]
        first.add_(1)
        second = first + 1
        del first, part
        return second.relu()

    assert peak(run) == 8000


def test_what_a_measurement_depends_on_is_recorded():
    conditions = training.Conditions(**FEW, batch=3, channels_last=True, threads=1)
    found = conditions.described()
    assert {"cpu", "threads", "torch", "system", "cores"} <= found["hardware"].keys()
    assert found["hardware"]["threads"] == 1
    assert (found["batch"], found["warm_up"], found["passes"]) == (3, 2, 9)
    assert (found["precision"], found["memory_format"]) == ("fp32", "channels_last")
    assert "weights" in found["memory"]


def test_a_network_stays_as_it_is():
    network = training.untrained(chain(8, 2)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    threads = torch.get_num_threads()
    conditions = training.Conditions(**FEW, precision="bf16", threads=2)
    training.measure(network, conditions, size=16)
    assert network.training
    assert torch.get_num_threads() == threads
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == before[name].dtype
        assert torch.equal(tensor, before[name])


def test_results_of_an_untrained_network_are_of_normal_size():
    """As drawn, those of two hundred layers are too small for a float32."""
    graph = chain(8, 200)
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    drawn = training.Network(graph, generator=torch.Generator().manual_seed(0)).eval()
    sizes = []
    for network in (drawn, training.untrained(graph)):
        (last,) = [one for one in network.modules() if isinstance(one, torch.nn.Linear)]
        with torch.no_grad():
            last.bias.zero_()
            sizes.append(float(network(x).abs().mean()))
    assert sizes[0] < 1e-30
    assert 1e-3 < sizes[1] < 1e3


def test_images_that_are_too_small_are_refused():
    space = registry.load("spaces", "nasbench201")
    with pytest.raises(InvalidSetting, match="1x1 pixels are too small"):
        training.untrained(space.graph(space.at(6111), classes=10, size=1))


def test_weights_are_a_function_of_the_seed():
    space = registry.load("spaces", "nasbench201")
    graph = skeleton(space, space.at(6111), recipe("quick"), classes=10, size=8, channels=1)
    states = [training.untrained(graph, seed).state_dict() for seed in (0, 0, 1)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])
    network = training.untrained(graph)
    norms = [one for one in network.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.1}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"batch": 1.5}, "batch is 1.5"),
        ({"passes": 0}, "passes is 0"),
        ({"warm_up": -1}, "warm_up is -1"),
        ({"threads": 0}, "threads is 0"),
        ({"precision": "fp8"}, "fp8"),
        ({"precision": "fp16"}, "needs a GPU"),
        ({"device": "tpu"}, "no device named"),
        ({"device": "cuda:99"}, "is not there"),
    ],
)
def test_impossible_conditions_are_refused(changed, says):
    with pytest.raises(InvalidSetting, match=says):
        training.Conditions(**{**FEW, **changed}).described()


class Raises(torch.nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), InvalidSetting, "smaller batch"),
        (MemoryError(), InvalidSetting, "smaller batch"),
        (RuntimeError("CUDA error: device lost\nmore"), FailedRuns, "device lost"),
        (RuntimeError("mat1 and mat2"), RuntimeError, "mat1 and mat2"),
    ],
)
def test_faults_of_a_device_are_told(error, kind, says):
    with pytest.raises(kind, match=says):
        training.measure(Raises(error), training.Conditions(**FEW), size=4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu():
    graph = chain(32, 4)
    found = measured(graph, device="cuda", batch=8, passes=20)
    more = measured(graph, device="cuda", batch=512, passes=20)
    assert list(found.latency_ms) == sorted(found.latency_ms)
    assert all(map(math.isfinite, found.latency_ms))
    assert more.memory_mb > found.memory_mb > found.weights_mb
    assert np.isclose(more.throughput, 512_000 / more.median)
    assert training.Conditions(device="cuda").described()["hardware"]["gpu"]
