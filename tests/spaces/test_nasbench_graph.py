"""The networks of NAS-Bench-Graph."""

from collections import Counter
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import registry, unpickle
from nasbench_suite.core import InvalidArchitecture, NoNetwork
from nasbench_suite.spaces.nasbench_graph import OPERATIONS, PARENTS

SPACE = registry.load("spaces", "nasbench_graph")
ARCHS = st.integers(0, 26_205).map(SPACE.at)


@pytest.mark.published
def test_networks_are_exactly_those_published(published):
    found = unpickle.load(published / "nas-bench-graph/arxiv.bench")
    assert [SPACE.key(arch) for arch in SPACE] == sorted(found)
    for key in sorted(found)[::500]:
        assert SPACE.key(SPACE.from_key(key)) == key


def test_counts():
    archs = list(SPACE)
    assert SPACE.size == len(set(archs)) == 26_206
    by_list = Counter(arch[0] for arch in archs)
    expected = (330, 2_304, 2_880, 2_080, 4_096, 1_440, 5_120, 3_276, 4_680)
    assert tuple(by_list[number] for number in range(9)) == expected


def shape(parents):
    """Return a tree up to order: the sorted shapes of what hangs below each node."""

    def below(node):
        return tuple(
            sorted(below(child + 1) for child, parent in enumerate(parents) if parent == node)
        )

    return below(0)


def test_the_lists_of_parents_are_all_trees():
    every = {shape(parents) for parents in product(range(1), range(2), range(3), range(4))}
    assert {shape(parents) for parents in PARENTS} == every
    assert len(every) == len(PARENTS) == 9


def network(arch):
    """Return a network up to order, skips within chains included."""
    parents = PARENTS[arch[0]]

    def below(node):
        children = [child for child, parent in enumerate(parents) if parent == node]
        return tuple(sorted((arch[1 + child], below(child + 1)) for child in children))

    return below(0)


def test_no_network_is_there_twice():
    assert len({network(arch) for arch in SPACE}) == SPACE.size


def test_of_networks_without_skips_every_one_is_there():
    skip = OPERATIONS.index("skip")
    every = {
        network((number, *operations))
        for number in range(9)
        for operations in product(range(skip), repeat=4)
    }
    kept = {network(arch) for arch in SPACE if skip not in arch[1:]}
    assert kept == every


@given(ARCHS)
def test_round_trips(arch):
    assert SPACE.parse(SPACE.format(arch)) == arch
    assert SPACE.at(SPACE.index(arch)) == arch
    assert SPACE.from_key(SPACE.key(arch)) == arch


def test_keys_and_strings():
    arch = SPACE.parse("0112:gcn,gin,cheb,fc")
    assert arch == (6, 1, 2, 3, 7)
    assert SPACE.key(arch) == 61_237
    assert SPACE.format(SPACE.from_key(0)) == "0000:gat,gat,gat,gat"
    assert SPACE.format(SPACE.from_key(88_873)) == "0123:skip,skip,fc,cheb"


@pytest.mark.parametrize("operations", list(permutations(("gat", "gcn", "gin", "fc")))[1:])
def test_siblings_stand_in_order(operations):
    assert SPACE.valid(SPACE.parse("0000:gat,gcn,gin,fc"))
    with pytest.raises(InvalidArchitecture, match="change places"):
        SPACE.parse(f"0000:{','.join(operations)}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "parents and operations as 0112:gcn,gin,cheb,fc"),
        ("0112", "parents and operations"),
        ("0112:gcn,gin,cheb", "it has 4 genes"),
        ("0112:gcn,gin,cheb,fc,fc", "it has 6 genes"),
        ("0112:gcn,gin,cheb,conv", "each operation one of gat"),
        ("0102:gcn,gin,cheb,fc", "parents are one of 0000"),
        ("0123:skip,skip,skip,skip", "nothing but skip"),
        ("0123:gcn,skip,gat,gat", "node 2 is a skip"),
        ("0123:skip,gcn,gat,skip", "node 4 is a skip"),
        ("0000:gcn,gcn,gcn,skip", "node 4 is a skip"),
        ("0111:skip,gcn,gcn,skip", "node 4 is a skip"),
        ("0012:fc,gcn,gcn,gcn", "change places"),
        ("0012:gcn,gcn,gin,gat", "change places"),
    ],
)
def test_parse_says_what_is_wrong(text, says):
    with pytest.raises(InvalidArchitecture, match="nasbench_graph") as caught:
        SPACE.parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["0111:gcn,gcn,gcn,skip", "0122:skip,gcn,fc,skip"])
def test_a_skip_beside_a_sibling_joins_the_output(text):
    assert SPACE.format(SPACE.parse(text)) == text


@pytest.mark.parametrize("key", [-1, 88_888, 90_000, 99_999, 100_000, 10**9])
def test_no_key(key):
    with pytest.raises(InvalidArchitecture):
        SPACE.from_key(key)


def test_there_is_no_network_of_images():
    with pytest.raises(NoNetwork, match="nasbench_graph describes no network of images"):
        SPACE.graph(SPACE.at(0), classes=10, size=32)
