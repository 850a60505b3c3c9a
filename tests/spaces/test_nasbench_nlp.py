"""The pool of recurrent cells: names, features and what is alike."""

import numpy as np
import pytest

from nasbench_suite import registry
from nasbench_suite.core import InvalidArchitecture, NoNetwork
from nasbench_suite.spaces.nasbench_nlp import read, written


@pytest.fixture(scope="module")
def space():
    return registry.load("spaces", "nasbench_nlp")


def test_names_are_the_published_numbers(space):
    assert len(space.names) == len(set(space.names)) == space.size == 14_322
    assert space.parse("1000000") == (0,)
    assert [int(name) for name in space.names] == sorted(map(int, space.names))
    with pytest.raises(InvalidArchitecture, match=r"nasbench_nlp, whose names are such as 1000000"):
        space.parse("1000003")
    with pytest.raises(NoNetwork):
        space.graph((0,), classes=10, size=32)


def test_a_recipe_is_read_as_it_was_written(space):
    expected = {
        "f": ("linear", ("x", "h_prev_0")),
        "h_new_0": ("activation_tanh", ("f",)),
    }
    assert space.recipe((0,)) == expected
    for arch in list(space)[::500]:
        assert read(written(space.recipe(arch))) == space.recipe(arch)


def test_features_count_what_a_cell_has(space):
    features = space.encode([(0,)], "features")[0]
    assert features[:3].tolist() == [2, 1, 2]
    # Two edges into the linear node, one from it.
    assert features[3:].sum() == 3
    every = space.features
    edges = [sum(len(i) for _, i in space.recipe(arch).values()) for arch in list(space)[:500]]
    assert every[:500, 3:].sum(axis=1).tolist() == edges


def test_neighbours_are_the_most_alike(space):
    every = space.features
    for place in (0, 1, 7_000, 14_321):
        distances = np.square(every - every[place]).sum(axis=1)
        distances[place] = distances.max() + 1
        nearest = np.argsort(distances, kind="stable")[:8]
        near = [other for (other,) in space.neighbours((place,))]
        assert set(nearest.tolist()) <= set(near)
        for other in set(near) - set(nearest.tolist()):
            back = np.square(every - every[other]).sum(axis=1)
            back[other] = back.max() + 1
            assert place in np.argsort(back, kind="stable")[:8]
