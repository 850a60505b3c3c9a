"""The size space of NATS-Bench."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import registry, unpickle
from nasbench_suite.core import InvalidArchitecture
from nasbench_suite.spaces.nats_sss import WIDTHS

SPACE = registry.load("spaces", "nats_sss")
ARCHS = st.tuples(*[st.integers(0, 7)] * 5)
SAMPLES = "nats-bench-sample/NATS-sss-v1_0-50262-simple"


def test_counts():
    archs = list(SPACE)
    assert SPACE.size == len(set(archs)) == 32_768
    assert len({SPACE.format(arch) for arch in archs}) == 32_768
    assert all(SPACE.canonical(arch) == arch for arch in archs[::100])


@pytest.mark.parametrize(
    ("index", "text"),
    [(0, "8:8:8:8:8"), (11, "8:8:8:16:32"), (284, "8:8:40:32:40"), (32_767, "64:64:64:64:64")],
)
def test_landmarks(index, text):
    assert SPACE.format(SPACE.at(index)) == text
    assert SPACE.index(SPACE.parse(text)) == index


@pytest.mark.published
def test_order_is_the_official_one(published):
    meta = unpickle.load(published / SAMPLES / "meta.pickle.pbz2")
    assert len(meta["meta_archs"]) == 32_768
    assert [SPACE.format(arch) for arch in SPACE] == meta["meta_archs"]
    assert [SPACE.index(SPACE.parse(text)) for text in meta["meta_archs"]] == list(range(32_768))


def test_costs_of_the_published_example():
    net = SPACE.graph(SPACE.parse("8:8:8:16:40"), classes=10, size=32)
    assert (net.params, net.flops) == (67_378, 7_991_706)


@pytest.mark.published
@pytest.mark.parametrize("index", [0, 11, 284])
def test_costs_of_the_official_samples(published, index):
    found = unpickle.load(published / SAMPLES / f"{index:06d}.pickle.pbz2")
    shapes = {"cifar10": (10, 32), "cifar10-valid": (10, 32), "cifar100": (100, 32)}
    shapes["ImageNet16-120"] = (120, 16)
    checked = 0
    for training in found.values():
        assert training["arch_str"] == SPACE.format(SPACE.at(index))
        for (data, _), result in training["all_results"].items():
            classes, size = shapes[data]
            net = SPACE.graph(SPACE.at(index), classes=classes, size=size)
            assert net.params == round(result["params"] * 1e6)
            assert net.flops == round(result["flop"] * 1e6)
            checked += 1
    assert checked >= 12


@given(ARCHS)
def test_round_trips(arch):
    assert SPACE.parse(SPACE.format(arch)) == arch
    assert SPACE.at(SPACE.index(arch)) == arch
    assert SPACE.decode(SPACE.code(arch)) == arch


@given(ARCHS)
def test_widths_grow_the_network(arch):
    net = SPACE.graph(arch, classes=10, size=32)
    for other in SPACE.neighbours(arch):
        if sum(other) > sum(arch):
            assert SPACE.graph(other, classes=10, size=32).params > net.params
            return


@pytest.mark.parametrize(
    "text",
    ["", "8", "8:8:8:8", "8:8:8:8:8:8", "8:8:8:8:9", "8:8:8:8:72", "8:8:8:8:08", "a:b:c:d:e"],
)
def test_parse_says_what_is_written_how(text):
    with pytest.raises(InvalidArchitecture) as caught:
        SPACE.parse(text)
    assert repr(text) in str(caught.value)
    assert "8, 16, 24, 32, 40, 48, 56, 64" in str(caught.value)


def test_encodings():
    archs = [SPACE.parse("8:64:8:16:40"), SPACE.parse("64:64:64:64:64")]
    assert SPACE.encode(archs, "integer").tolist() == [[0, 7, 0, 1, 4], [7] * 5]
    assert SPACE.encode(archs, "adjacency").tolist() == [
        [1 / 8, 1, 1 / 8, 2 / 8, 5 / 8],
        [1.0] * 5,
    ]
    path = SPACE.encode(archs, "path")
    assert path.shape == (2, 256)
    assert np.flatnonzero(path[0]).tolist() == [7, 64 + 56, 128 + 1, 192 + 12]
    everything = SPACE.encode(list(SPACE), "path")
    assert len(np.unique(everything @ np.random.default_rng(0).random(256))) == 32_768


def test_widths():
    assert WIDTHS == (8, 16, 24, 32, 40, 48, 56, 64)
