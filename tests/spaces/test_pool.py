"""Neighbours in a pool are those of the plain definition, whatever is done to find them quickly."""

from functools import cached_property

import numpy as np
import pytest

from nasbench_suite import registry
from nasbench_suite.spaces._pool import Pool


class Some(Pool):
    """A pool of what has these features."""

    name = "some"

    def __init__(self, features):
        self.genes = (len(features),)
        self.given = features

    @cached_property
    def names(self):
        return [str(place) for place in range(len(self.given))]

    @cached_property
    def features(self):
        return self.given


def by_definition(features):
    """Return the neighbours of each, by sorting all the others by distance and place."""
    count = len(features)
    near = [set() for _ in range(count)]
    for one in range(count):
        apart = np.square(features - features[one]).sum(axis=1)
        others = sorted((d, other) for other, d in enumerate(apart.tolist()) if other != one)
        for _, other in others[:8]:
            near[one].add(other)
            near[other].add(one)
    return [sorted(found) for found in near]


def found(space):
    return [[other for (other,) in space.neighbours((place,))] for place in range(space.size)]


@pytest.mark.parametrize("count", [9, 10, 200, 255, 256, 257, 700])
@pytest.mark.parametrize("choices", [1, 2, 20])
def test_neighbours_are_those_of_the_definition(count, choices):
    # With few choices many are equally far, and the first in the list are the nearest.
    features = np.random.default_rng(count).integers(choices, size=(count, 5))
    assert found(Some(features)) == by_definition(features)


def test_so_they_are_of_real_cells():
    features = registry.load("spaces", "nasbench_nlp").features[::15]
    assert found(Some(features)) == by_definition(features)
