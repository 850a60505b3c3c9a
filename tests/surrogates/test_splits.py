"""Splits are disjoint, of the sizes asked for, the same under one seed, and what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import load, registry
from nasbench_suite.core import InvalidSetting
from nasbench_suite.surrogates.splits import (
    finder,
    forms_split,
    given_split,
    left_out_split,
    mutated_split,
    random_split,
    top_split,
)

SPACE = registry.load("spaces", "nasbench201")
ARCHS = list(SPACE)
SEEDS = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def accuracy(cifar10):
    return cifar10.query_many(np.arange(len(ARCHS)), "test_accuracy")


def seeded(seed):
    return np.random.default_rng(seed)


def check(split, count, train, test):
    assert len(split.train) == train
    assert len(split.test) == test
    both = np.concatenate(split)
    assert both.dtype == np.int64
    assert len(np.unique(both)) == train + test
    assert both.min() >= 0
    assert both.max() < count


@given(SEEDS, st.integers(2, 100), st.integers(2, 100), st.integers(0, 50))
def test_random_parts(seed, train, test, more):
    count = train + test + more
    split = random_split(count, train, seeded(seed), test=test)
    check(split, count, train, test)
    again = random_split(count, train, seeded(seed), test=test)
    assert all(np.array_equal(*parts) for parts in zip(split, again, strict=True))
    check(random_split(count, train, seeded(seed)), count, train, count - train)


@given(SEEDS)
def test_a_smaller_training_part_begins_a_larger_one(seed):
    small, large = (random_split(1000, n, seeded(seed), test=200) for n in (100, 700))
    assert np.array_equal(large.train[:100], small.train)
    assert np.array_equal(large.test, small.test)


def test_seeds_differ():
    one, other = (random_split(1000, 100, seeded(seed), test=100) for seed in (0, 1))
    assert len(set(one.train) & set(other.train)) < 50


def test_no_copy_of_what_is_trained_is_tested():
    split = forms_split(ARCHS, SPACE, 1000, seeded(0))
    check(split, len(ARCHS), 1000, len(split.test))
    forms = [SPACE.canonical(arch) for arch in ARCHS]
    known = {forms[place] for place in split.train}
    assert not known & {forms[place] for place in split.test}
    # 43 % of the others are copies.
    assert len(split.test) == sum(form not in known for form in forms)
    assert 0.5 < len(split.test) / len(ARCHS) < 0.6
    few = forms_split(ARCHS, SPACE, 1000, seeded(0), test=100)
    check(few, len(ARCHS), 1000, 100)
    with pytest.raises(InvalidSetting, match="that are no copies, and at least 2 are needed"):
        forms_split(ARCHS, SPACE, 15_620, seeded(0))


@pytest.mark.parametrize("direction", ["max", "min"])
def test_the_top_region_is_better_than_all_that_is_trained(accuracy, direction):
    split = top_split(accuracy, 1000, seeded(0), direction=direction, quantile=0.8)
    check(split, len(accuracy), 1000, len(split.test))
    assert len(split.test) == pytest.approx(0.2 * len(accuracy), abs=5)
    sign = 1 if direction == "max" else -1
    assert (sign * accuracy[split.test]).min() > (sign * accuracy[split.train]).max()
    few = top_split(accuracy, 1000, seeded(0), direction=direction, quantile=0.8, test=70)
    check(few, len(accuracy), 1000, 70)
    assert set(few.test) < set(split.test)
    assert np.array_equal(few.train, split.train)


def test_mutations_differ_in_one_gene_from_what_is_trained(accuracy):
    split = mutated_split(ARCHS, accuracy, SPACE, 50, seeded(3), test=300)
    check(split, len(ARCHS), 50, 300)
    genes = np.array(ARCHS)
    apart = (genes[split.test][:, None] != genes[split.train][None]).sum(axis=2)
    assert (apart.min(axis=1) == 1).all()
    every = mutated_split(ARCHS, accuracy, SPACE, 50, seeded(3))
    assert (
        len(every.test)
        == ((genes[:, None] != genes[every.train][None]).sum(axis=2).min(axis=1) == 1).sum()
    )


@pytest.mark.parametrize("direction", ["max", "min"])
def test_mutations_of_the_best(accuracy, direction):
    split = mutated_split(ARCHS, accuracy, SPACE, 50, seeded(3), direction=direction, parents=2)
    order = np.argsort(accuracy[split.train])
    best = split.train[order[-2:] if direction == "max" else order[:2]]
    genes = np.array(ARCHS)
    apart = (genes[split.test][:, None] != genes[best][None]).sum(axis=2)
    assert (apart.min(axis=1) == 1).all()
    # Each cell has 24 neighbours.
    assert 40 <= len(split.test) <= 48


def test_mutations_are_found_by_their_canonical_forms():
    """Where a table holds canonical forms, most neighbours are there under these alone."""
    table = load("nasbench101/cifar10", "table")
    space = table.space
    frame = table.frame(["val_accuracy"])
    archs = [space.parse(text) for text in frame.index[:3000]]
    split = mutated_split(archs, frame["val_accuracy"].to_numpy()[:3000], space, 1000, seeded(0))
    forms = {
        space.canonical(other) for place in split.train for other in space.neighbours(archs[place])
    }
    assert len(split.test) > 20
    assert {archs[place] for place in split.test} <= forms


def test_numbers_are_found():
    few = ARCHS[:200]
    number = finder(few, SPACE)
    assert [number(arch) for arch in few] == list(range(200))
    copies = [arch for arch in ARCHS[200:] if SPACE.canonical(arch) in few]
    assert copies
    assert all(few[number(arch)] == SPACE.canonical(arch) for arch in copies)
    absent = set(ARCHS[200:]) - set(copies)
    assert {number(arch) for arch in absent} == {-1}


def test_what_one_visits_is_never_trained_on():
    visited = {
        "a": np.array([1, 2, 3, 3, 4]),
        "b": np.array([4, 5, 6]),
        "c": np.array([2, 6, 7, 8]),
    }
    split = left_out_split(visited, "a", 4, seeded(0))
    assert sorted(split.test) == [1, 2, 3, 4]
    assert sorted(split.train) == [5, 6, 7, 8]
    few = left_out_split(visited, "c", 2, seeded(0), test=3)
    assert set(few.train) < {1, 3, 4, 5}
    assert set(few.test) < {2, 6, 7, 8}
    with pytest.raises(InvalidSetting, match="training on 5: there are 4 architectures outside"):
        left_out_split(visited, "a", 5, seeded(0))
    with pytest.raises(
        InvalidSetting, match="a test of 5: there are 4 architectures that a visits"
    ):
        left_out_split(visited, "a", 2, seeded(0), test=5)


def test_given_parts_are_kept():
    split = given_split(10, [3, 1, 2], np.array([9, 0], dtype=np.int32))
    check(split, 10, 3, 2)
    assert split.train.tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([1, 2], [2, 3], "1 numbers are named twice, the first is 2"),
        ([1, 1], [2, 3], "named twice"),
        ([1, 10], [2, 3], "part train names 10, and numbers are 0 to 9"),
        ([1, 0], [2, -1], "part test names -1"),
        ([1], [2, 3], "at least 2 whole numbers"),
        ([1.0, 2.0], [2, 3], "whole numbers"),
        ([[1, 2]], [2, 3], "shape"),
    ],
)
def test_given_parts_are_checked(train, test, said):
    with pytest.raises(InvalidSetting, match=said):
        given_split(10, train, test)


@pytest.mark.parametrize(
    ("count", "train", "test", "said"),
    [
        (10, 9, None, "training on 9 and testing on 2: there are 10 .* train on 8 at most"),
        (10, 11, None, "train on 8 at most"),
        (10, 5, 6, "training on 5 and testing on 6: .* train on 4 at most"),
        (10, 1, None, "train is 1"),
        (10, 5, 1, "test is 1"),
        (10, 5, 0, "test is 0"),
        (10, -5, None, "train is -5"),
    ],
)
def test_sizes_are_checked(count, train, test, said):
    with pytest.raises(InvalidSetting, match=said):
        random_split(count, train, seeded(0), test=test)


def test_parts_that_are_too_small_are_refused(accuracy):
    with pytest.raises(InvalidSetting, match=r"training on 14,100: there are 14,0\d\d"):
        top_split(accuracy, 14_100, seeded(0))
    with pytest.raises(InvalidSetting, match=r"quantile is 1\.0"):
        top_split(accuracy, 100, seeded(0), quantile=1.0)
    with pytest.raises(InvalidSetting, match="a test of 0: there are 0 mutations"):
        mutated_split(ARCHS[:2000:400], accuracy, SPACE, 2, seeded(0))
    with pytest.raises(InvalidSetting, match="parents is 0"):
        mutated_split(ARCHS, accuracy, SPACE, 2, seeded(0), parents=0)
