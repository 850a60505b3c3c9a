"""Trees as arrays: asked in either way they answer as those who have grown them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_suite.surrogates._trees import Tree, Trees

FEATURES = 4


def grown(rng, depth, feature_values):
    """Return a random tree, and the same as nested tuples."""
    rows = []

    def grow(left):
        number = len(rows)
        rows.append(None)
        if left == 0 or rng.random() < 0.2:
            value = float(np.float32(rng.normal()))
            rows[number] = (-1, 0.0, 0, 0, value)
            return value
        feature, threshold = int(rng.integers(FEATURES)), float(rng.choice(feature_values))
        low_number, low = len(rows), grow(left - 1)
        high_number, high = len(rows), grow(left - 1)
        rows[number] = (feature, threshold, low_number, high_number, 0.0)
        return (feature, threshold, low, high)

    nested = grow(depth)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    feature, threshold, left, right, value = columns
    return Tree(feature, threshold.astype(float), left, right, value), nested


def followed(nested, row):
    while isinstance(nested, tuple):
        feature, threshold, low, high = nested
        nested = low if row[feature] <= threshold else high
    return nested


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 7), st.integers(1, 40))
@settings(deadline=None, max_examples=60)
def test_answers_are_those_of_the_tree_followed_by_hand(seed, count, depth, rows):
    """Whatever the shape; on thresholds too, of which some are no single-precision numbers."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([np.arange(4) / 4, rng.normal(size=5)])
    trees, nested = zip(*(grown(rng, depth, values) for _ in range(count)), strict=True)
    joined = Trees.join(trees, FEATURES)
    x = rng.choice(values, size=(rows, FEATURES)).astype(np.float32).astype(float)
    expected = np.array([[followed(tree, row) for tree in nested] for row in x])
    assert np.array_equal(joined.answer(x, count), expected)
    assert np.array_equal(joined._walk(x.astype(np.float32)), expected)
    singly = [joined.answer(row[None], count)[0] for row in x]
    assert np.array_equal(singly, expected)
    assert joined.answer(x, 1)[:, 0] == pytest.approx(expected.sum(axis=1), abs=1e-5)
    again = Trees(joined.nodes, FEATURES)
    assert np.array_equal(again.answer(x, count), expected)


def test_members_are_equal_parts():
    trees = Trees.join([Tree.leaf(float(value)) for value in range(6)], 1)
    assert trees.answer(np.zeros((2, 1)), 3).tolist() == [[1.0, 5.0, 9.0]] * 2


def test_trees_of_more_leaves_than_bits_are_walked():
    """A chain of 70 questions, each of which leaves one value behind."""
    inner = np.arange(70)
    chain = Tree(
        np.concatenate([np.zeros(70, int), np.full(71, -1)]),
        np.concatenate([inner.astype(float), np.zeros(71)]),
        np.concatenate([70 + inner, np.zeros(71, int)]),
        np.concatenate([inner[1:], [140], np.zeros(71, int)]),
        np.concatenate([np.zeros(70), np.arange(71.0)]),
    )
    trees = Trees.join([chain], 1)
    x = np.arange(-1.0, 72.0)[:, None]
    assert trees.answer(x, 1)[:, 0].tolist() == [0.0, *range(71), 70.0]


@pytest.mark.parametrize(
    "nodes",
    [
        [[0, 0.5, 1, 2], [-1, 1, 0, 0]],  # a child that is not there
        [[0, 0.5, 1, 1], [-1, 1, 0, 0]],  # a child twice
        [[0, 0.5, 0, 1], [-1, 1, 0, 0]],  # a child of its own
        [[7, 0.5, 1, 2], [-1, 1, 0, 0], [-1, 2, 0, 0]],  # a feature that is not there
        [[0.5, 0.5, 1, 2], [-1, 1, 0, 0], [-1, 2, 0, 0]],  # half a feature
        [[-2, 0.5, 1, 2], [-1, 1, 0, 0], [-1, 2, 0, 0]],
        [[0, 0.5, 1], [-1, 1, 0]],
        np.zeros((0, 4)),
    ],
)
def test_what_is_no_tree_is_refused(nodes):
    with pytest.raises(ValueError, match="nodes"):
        Trees(np.array(nodes, dtype=np.float32), FEATURES)
