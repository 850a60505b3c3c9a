"""The FBNet space."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import registry, unpickle
from nasbench_suite.core import InvalidArchitecture
from nasbench_suite.spaces.fbnet import OPERATIONS

SPACE = registry.load("spaces", "fbnet")
ARCHS = st.tuples(*[st.integers(0, 8)] * 22)

# The networks of the paper, as facebookresearch/mobile-vision has them.
A = (
    "skip,k3_e3,k3_e1,skip,skip,k5_e6,k3_e3,k5_e1,k3_e3,k5_e6,k5_e3,"
    "k5_e1_g2,k5_e6,k3_e6,k5_e1_g2,k5_e3,k3_e1_g2,k5_e6,k5_e6,k5_e3,k5_e6,k5_e6"
)
B = (
    "k3_e1,k3_e6,k5_e1,k3_e1,k3_e1,k5_e6,k5_e3,k3_e6,k5_e6,k5_e6,k5_e6,"
    "skip,k5_e3,k5_e6,k3_e1,k5_e1,k5_e3,k5_e6,k5_e1,k5_e6,k5_e6,k3_e6"
)
C = (
    "k3_e1,k3_e6,skip,k3_e1,k3_e1,k5_e6,k5_e3,k5_e6,k3_e6,k5_e6,k5_e3,"
    "k5_e6,k5_e6,k5_e6,k5_e6,k5_e6,k5_e3,k5_e6,k5_e6,k5_e6,k5_e6,k3_e6"
)


def test_counts():
    assert SPACE.size == 9**22


def test_fbnet_a_has_its_published_costs():
    net = SPACE.graph(SPACE.parse(A), classes=1000, size=224)
    # It alone has 1504 channels before the classifier, 480 fewer.
    params = net.params - 480 * (352 + 2 + 1000)
    flops = net.flops - 480 * (352 * 7 * 7 + 1000)
    # The paper's table 3: 4.3 M parameters, 249 M FLOPs.
    assert round(params / 1e6, 1) == 4.3
    assert flops == pytest.approx(249e6, rel=0.005)


@pytest.mark.parametrize(("text", "flops"), [(B, 295e6), (C, 375e6)])
def test_the_other_networks_are_near_their_published_costs(text, flops):
    # By the repository's width of 1984, which the paper's sums do not seem to have.
    net = SPACE.graph(SPACE.parse(text), classes=1000, size=224)
    assert flops < net.flops < 1.04 * flops


@given(ARCHS)
def test_round_trips(arch):
    assert SPACE.parse(SPACE.format(arch)) == arch
    assert SPACE.at(SPACE.index(arch)) == arch


@pytest.mark.parametrize("text", ["", "skip", A + ",skip", A.replace("k3_e3", "k3_e4"), A[:-1]])
def test_parse_says_how_it_is_written(text):
    with pytest.raises(InvalidArchitecture, match="22 operations as k5_e6,skip"):
        SPACE.parse(text)


def test_blocks_are_counted_by_hand():
    skips = ["skip"] * 22
    fixed = SPACE.graph(SPACE.parse(",".join(skips)), classes=10, size=32)
    # The second layer of the stage of 24 channels, at 32x32 for CIFAR; its skip costs nothing.
    for name, weights, extra in (
        ("k3_e1_g2", 24 * 12 + 9 * 24 + 24 * 12, 3 * 24),
        ("k5_e6", 2 * 24 * 144 + 25 * 144, 2 * 144 + 24),
    ):
        net = SPACE.graph(
            SPACE.parse(",".join([*skips[:2], name, *skips[3:]])), classes=10, size=32
        )
        assert net.params - fixed.params == weights + 2 * extra
        assert net.flops - fixed.flops == weights * 32 * 32
        shuffles = [node for node in net.nodes if node.operation == "shuffle"]
        assert [node.groups for node in shuffles] == ([2] if name.endswith("g2") else [])


@pytest.mark.parametrize(("size", "last", "head"), [(224, 7, 1984), (32, 4, 1504)])
def test_networks_of_imagenet_and_of_cifar(size, last, head):
    nodes = SPACE.graph(SPACE.parse(B), classes=10, size=size).nodes
    assert (nodes[-3].size, nodes[-3].channels) == (last, head)


@pytest.mark.published
def test_names_are_those_that_help_publishes(published):
    folder = published / "help-latency/fbnet"
    numbers = unpickle.load(folder / "arch.pt")
    names = [entry["arch_str"] for entry in unpickle.load(folder / "metainfo.pt")["arch"]]
    assert len(numbers) == len(names) == 5_000
    for genes, words in zip(numbers, names, strict=True):
        assert SPACE.format(SPACE.check(genes)).split(",") == words
    assert {name for words in names for name in words} == set(OPERATIONS)
