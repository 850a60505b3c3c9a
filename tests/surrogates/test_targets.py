"""On which scale a metric is learned."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nasbench_suite import load
from nasbench_suite.surrogates._targets import TARGETS, Target

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30).map(np.array)


@given(VALUES, st.sampled_from(TARGETS))
def test_what_is_learned_can_be_restored(y, kind):
    target = Target.of(y, kind, np.zeros((len(y), 1)))
    z = target.learned(y)
    mean, std = target.restored(z, np.zeros(len(z)))
    assert mean == pytest.approx(y, rel=1e-6, abs=1e-6 * max(np.ptp(y), np.abs(y).max()))
    assert std == pytest.approx(np.zeros(len(y)), abs=1e-9)
    assert Target.restore(target.stored()) == target


@given(VALUES.filter(lambda y: np.ptp(y) > 1e-3), st.sampled_from(TARGETS))
@example(np.array([1.0, 1e-308]), "log")
def test_more_is_more_and_less_certain_is_wider(y, kind):
    target = Target.of(y, kind, np.zeros((len(y), 1)))
    z = np.linspace(-50.0, 50.0, 101)
    mean, narrow = target.restored(z, np.full(101, 0.1))
    _, wide = target.restored(z, np.full(101, 0.3))
    assert (np.diff(mean) >= 0).all()
    assert (wide >= narrow).all()
    assert np.isfinite(mean).all()
    if kind == "below":
        assert mean.max() < y.max() + 1.01 * np.ptp(y)
    if kind == "above":
        assert mean.min() > y.min() - 1.01 * np.ptp(y)
    if kind == "log" and y.min() > 1e-100 * y.max():
        assert mean.min() > 0


def test_learned_targets_are_standardised():
    y = np.random.default_rng(0).gamma(1.0, size=500) + 3.0
    for kind in TARGETS:
        z = Target.of(y, kind, y[:, None]).learned(y)
        assert z.mean() == pytest.approx(0.0, abs=1e-9)
        assert z.std() == pytest.approx(1.0)


def test_accuracies_are_learned_by_their_distance_from_the_best():
    table, rng = load("nasbench201/cifar10"), np.random.default_rng(0)
    cells = [table.space.sample(rng) for _ in range(300)]
    y = table.query_many(cells, "test_accuracy")
    target = Target.of(y, "auto", table.space.encode(cells, "path"))
    assert target.direction == -1
    assert y.max() < target.edge < 105


def test_sums_are_learned_as_they_are():
    """What a linear model says of the values themselves, it does not of their logarithms."""
    rng = np.random.default_rng(1)
    x = rng.exponential(size=(300, 5))
    assert Target.of(x.sum(axis=1), "auto", x).direction == 0
    product = np.exp(x @ np.array([1.0, 0.5, 0.2, 0.3, 0.7]))
    assert Target.of(product, "auto", x).direction == 1
