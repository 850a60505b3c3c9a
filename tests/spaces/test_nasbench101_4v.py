"""The cells of up to four vertices are those of NAS-Bench-101, written with fewer genes."""

import numpy as np
import pytest

from nasbench_suite import registry
from nasbench_suite.core import InvalidArchitecture

WORDS = "input,conv3x3-bn-relu,maxpool3x3,output"


@pytest.fixture(scope="module")
def space():
    return registry.load("spaces", "nasbench101_4v")


@pytest.fixture(scope="module")
def seven():
    return registry.load("spaces", "nasbench101")


def test_it_has_the_first_cells_of_the_larger_space(space, seven):
    found = {seven.number(space.widened(arch)) for arch in space}
    assert found == set(range(space.forms)) == set(range(91))
    for arch in space:
        form = space.canonical(arch)
        assert space.widened(form) == seven.canonical(space.widened(arch))
        assert seven.parse(space.format(arch)) == space.widened(arch)


def test_what_is_no_cell_of_four_vertices(space, seven):
    five = seven.format(tuple(seven.cells[91].tolist()))
    for text, says in (
        (five, "more than four vertices"),
        (f"0100001000000000:{WORDS}", "not connected"),
        (f"0110000101000000:{WORDS}", "not upper triangular"),
        (f"0110000100010000:{WORDS.replace('maxpool', 'minpool')}", "minpool3x3"),
    ):
        with pytest.raises(InvalidArchitecture, match=f"nasbench101_4v: .*{says}"):
            space.parse(text)
    with pytest.raises(InvalidArchitecture, match=r"nasbench101_4v: .*not connected"):
        space.check((0,) * 8)


def test_smaller_cells_take_the_last_places(space):
    assert space.parse("0100:input,output") == (0, 0, 1, 0, 0, 0, 0, 0)
    chain = space.parse("010001000:input,maxpool3x3,output")
    assert chain == (0, 1, 0, 0, 0, 1, 0, 2)
    assert space.format(chain) == "0010000000010000:input,conv3x3-bn-relu,maxpool3x3,output"


def test_networks_and_features_are_those_of_the_larger_space(space, seven):
    every = list(space)
    for arch in every[::20]:
        theirs = seven.graph(space.widened(arch), classes=10, size=32)
        assert space.graph(arch, classes=10, size=32).nodes == theirs.nodes
    wide = [space.widened(arch) for arch in every]
    for kind, features in (("adjacency", 12), ("path", 13)):
        found, larger = space.encode(every, kind), seven.encode(wide, kind)
        assert found.shape == (len(every), features)
        # What is left out says nothing, and what says something is not left out.
        assert np.array_equal(found.sum(axis=1), larger.sum(axis=1))
