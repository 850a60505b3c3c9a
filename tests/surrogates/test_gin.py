"""Networks on graphs: what they are by hand, what they do not see, and how they are trained."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from nasbench_suite import load, registry
from nasbench_suite.core import InvalidSetting, MissingExtra
from nasbench_suite.spaces._pool import Pool
from nasbench_suite.spaces.base import Dags
from nasbench_suite.surrogates._graph_networks import Graphs, Shape, answer, read
from nasbench_suite.surrogates._graph_training import Plan, train
from nasbench_suite.surrogates.gin import Gin
from nasbench_suite.testing.made_up import landscape

torch = pytest.importorskip("torch")

TABLE = load("nasbench201/cifar10")
SPACE = TABLE.space
SEEDS = st.integers(0, 2**32 - 1)
SHAPE = Shape(kinds=4, columns=2, layers=3, width=6)
QUICK = {"members": 2, "layers": 2, "width": 8, "epochs": 5}


def noise(seed=0):
    return np.random.default_rng(seed)


def drawn(count, seed=0, space=SPACE):
    rng = noise(seed)
    return [space.sample(rng) for _ in range(count)]


def quick(archs, y, space=SPACE, **given):
    return Gin(space, **{**QUICK, **given}).fit(archs, y, noise())


def some_graphs(rng, count=5, nodes=7):
    """Return random graphs, of which some nodes are absent, and columns."""
    kinds = rng.integers(-1, SHAPE.kinds, (count, nodes))
    there = kinds >= 0
    edges = np.triu(rng.integers(0, 3, (count, nodes, nodes), dtype=np.int8), 1)
    edges *= there[:, :, None] * there[:, None]
    return Dags(kinds, edges, SHAPE.kinds), rng.normal(size=(count, SHAPE.columns))


def some_parameters(rng, members=2):
    # Biases too are not 0.
    return SHAPE.drawn(members, rng) + 0.1 * rng.normal(size=(members, SHAPE.parameters))


# What a network is.


def test_a_network_by_hand():
    """Of two numbers a node and one layer: input a, operation b that reads it twice, and a gap."""
    shape = Shape(kinds=2, columns=1, layers=1, width=2)
    rng = noise(2)
    matrices = [rng.normal(size=(i, o)) for i, o, _ in shape.matrices]
    parameters = np.concatenate([matrix.ravel() for matrix in matrices])[None]
    assert parameters.shape == (1, shape.parameters)
    kinds, own, reading, read_by, bias, second, other, *head = matrices
    a, b = kinds
    mixed = [a @ own + 2 * b @ read_by + bias[0], b @ own + 2 * a @ reading + bias[0]]
    after = []
    for units in mixed:
        # Of two numbers with mean 0 and variance 1 one is 1 and one is -1.
        spread = np.sqrt(units.var() + 1e-5)
        normal = (units - units.mean()) / spread
        assert np.abs(normal) == pytest.approx([1, 1], rel=1e-3)
        after.append(np.maximum(np.maximum(normal, 0) @ second + other[0], 0))
    first, last, columns, shift, out, constant = head
    hidden = (a + b) / 8 @ first + sum(after) / 8 @ last + 0.3 * columns[0] + shift[0]
    expected = np.maximum(hidden, 0) @ out + constant[0]
    dags = Dags(np.array([[0, 1, -1]]), np.array([[[0, 2, 0], [0, 0, 0], [0, 0, 0]]]), 2)
    found = answer(shape, parameters, read(dags, np.array([[0.3]])))
    assert found[0] == pytest.approx(expected)


@given(SEEDS)
@settings(deadline=None)
def test_the_order_of_nodes_makes_no_difference(seed):
    rng = noise(seed)
    dags, columns = some_graphs(rng)
    parameters = some_parameters(rng)
    order = rng.permutation(dags.kinds.shape[1])
    other = Dags(dags.kinds[:, order], dags.edges[:, order][:, :, order], dags.choices)
    before, after = (answer(SHAPE, parameters, read(d, columns)) for d in (dags, other))
    assert after == pytest.approx(before, rel=1e-9, abs=1e-9)


@given(SEEDS)
@settings(deadline=None)
def test_absent_nodes_make_no_difference(seed):
    rng = noise(seed)
    dags, columns = some_graphs(rng)
    parameters = some_parameters(rng)
    wider = Dags(
        np.pad(dags.kinds, ((0, 0), (0, 3)), constant_values=-1),
        np.pad(dags.edges, ((0, 0), (0, 3), (0, 3))),
        dags.choices,
    )
    before, after = (answer(SHAPE, parameters, read(d, columns)) for d in (dags, wider))
    assert after == pytest.approx(before, rel=1e-9, abs=1e-9)


def test_what_graphs_say_makes_a_difference():
    """The direction of an edge, how often it is there, how many nodes there are, and columns."""
    rng = noise(3)
    parameters = some_parameters(rng)
    kinds = np.array([[0, 1, 2, -1]])
    edges = np.zeros((1, 4, 4), dtype=int)
    edges[0, 0, 1] = edges[0, 1, 2] = 1
    dags, columns = Dags(kinds, edges, SHAPE.kinds), np.zeros((1, 2))
    twice = edges.copy()
    twice[0, 0, 1] = 2
    others = [
        (dags._replace(edges=edges.swapaxes(1, 2)), columns),
        (dags._replace(edges=twice), columns),
        (dags._replace(kinds=np.array([[0, 1, 2, 2]])), columns),
        (dags, columns + 1.0),
    ]
    plain = answer(SHAPE, parameters, read(dags, columns))
    for other, with_columns in others:
        assert np.abs(answer(SHAPE, parameters, read(other, with_columns)) - plain).min() > 1e-3


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_torch_says_what_numpy_says(precision):
    rng = noise(1)
    dags, columns = some_graphs(rng, count=50)
    parameters = some_parameters(rng, members=3)
    graphs = read(dags, columns)
    ours = answer(SHAPE, parameters, graphs)
    tensors = Graphs(*(torch.tensor(part, dtype=getattr(torch, precision)) for part in graphs))
    own = torch.tensor(parameters, dtype=getattr(torch, precision))
    theirs = answer(SHAPE, own, tensors).numpy()
    assert theirs == pytest.approx(ours, rel=1e-5, abs=1e-5 if precision == "float32" else 1e-12)


# Training.


def trained(targets, parts, graphs=None, seed=0, **plan):
    dags, columns = graphs or some_graphs(noise(5), count=30)
    plan = {"epochs": 4, "batch": 8, "rate": 0.01, "decay": 0.01, **plan}
    return train(SHAPE, dags, columns, targets, parts, Plan(**plan), noise(seed))


def test_members_know_nothing_of_what_they_are_kept_from():
    targets = noise(6).normal(size=30)
    parts = [np.arange(20), np.arange(10, 30)]
    one = trained(targets, parts)
    other = trained(np.where(np.arange(30) < 10, targets + 5, targets), parts)
    assert not np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_training_lowers_the_error():
    dags, columns = some_graphs(noise(5), count=30)
    targets = dags.edges.sum(axis=(1, 2)) / 10 + columns[:, 0]
    targets -= targets.mean()
    parameters = trained(targets, [np.arange(30)] * 2, (dags, columns), epochs=120)
    errors = answer(SHAPE, parameters, read(dags, columns)) - targets
    assert (np.square(errors).mean(axis=1) < 0.2 * targets.var()).all()


def test_the_state_of_torch_is_left_alone():
    """And makes no difference: its seed, threads, type, device, and whether it finds gradients."""
    archs = drawn(20)
    y = [landscape(arch) for arch in archs]
    expected = quick(archs, y)._parameters
    threads, random = torch.get_num_threads(), torch.get_rng_state()
    torch.manual_seed(7)
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        before = torch.get_rng_state()
        with torch.inference_mode():
            assert np.array_equal(quick(archs, y)._parameters, expected)
            assert torch.is_inference_mode_enabled()
        with torch.no_grad():
            assert np.array_equal(quick(archs, y)._parameters, expected)
            assert not torch.is_grad_enabled()
        assert torch.get_default_device() == torch.device("meta")
        torch.set_default_device(None)
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.get_num_threads() == 2
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(threads)
        torch.set_rng_state(random)


def test_another_seed_is_another_model():
    archs = drawn(20)
    y = [landscape(arch) for arch in archs]
    one, other = (Gin(SPACE, **QUICK).fit(archs, y, noise(seed)) for seed in (0, 1))
    assert not np.array_equal(one.predict(archs), other.predict(archs))


def test_without_torch_it_predicts_but_is_not_trained(monkeypatch, tmp_path):
    archs = drawn(20)
    y = [landscape(arch) for arch in archs]
    fitted = quick(archs, y)
    fitted.save(tmp_path)
    monkeypatch.setitem(sys.modules, "torch", None)
    again = Gin.load(tmp_path, SPACE)
    assert np.array_equal(again.predict(archs), fitted.predict(archs))
    with pytest.raises(MissingExtra, match=r"surrogate gin .*nasbench-suite\[train\]"):
        again.fit(archs, y, noise())


# What it learns.


@pytest.fixture(scope="module")
def measured():
    """Return a model of 400 cells, calibrated on 200, and 1,000 others with their accuracies."""
    rows = noise(7).permutation(5**6)[:1600]
    cells = [SPACE.at(int(row)) for row in rows]
    y = TABLE.query_many(cells, "test_accuracy")
    fitted = Gin(SPACE, members=3, epochs=60).fit(cells[:400], y[:400], noise())
    fitted.calibrate(cells[400:600], y[400:600])
    return fitted, cells[600:], y[600:]


def test_what_was_measured_is_ranked(measured):
    fitted, cells, y = measured
    mean, std = fitted.predict(cells)
    # As measured, less 0.04.
    assert kendalltau(mean, y).statistic > 0.84
    assert 0.85 < np.mean(np.abs(mean - y) < 1.645 * std) < 0.95
    # Where it says that it knows less, it errs more.
    unsure = std > np.median(std)
    errors = np.abs(mean - y)
    assert errors[unsure].mean() > 1.3 * errors[~unsure].mean()


def test_cells_that_differ_in_what_is_dead_are_predicted_alike(measured):
    fitted, _, _ = measured
    # Of the edges into the output the last two carry nothing: neither nodes nor edges before count.
    cells = [(a, b, c, 3, 0, 0) for a, b, c in ((0, 0, 0), (1, 2, 3), (4, 3, 2))]
    mean, std = fitted.predict(cells)
    assert mean == pytest.approx(np.full(3, mean[0]), rel=1e-12)
    assert std == pytest.approx(np.full(3, std[0]), rel=1e-12)


def test_columns_are_read():
    """In any unit, and one that is always the same does no harm."""
    archs = drawn(80)
    extra = np.column_stack([noise(5).normal(1e6, 1e5, 80), np.full(80, 3.0)])
    fitted = Gin(SPACE, members=2, width=16, epochs=60, learning_rate=0.02)
    fitted.fit(archs[:60], extra[:60, 0], noise(), extra=extra[:60])
    mean, _ = fitted.predict(archs[60:], extra=extra[60:])
    assert kendalltau(mean, extra[60:, 0]).statistic > 0.7


@pytest.mark.parametrize(
    "name", ["darts", "hwgpt_s", "nasbench101", "nasbench_graph", "nasbench_nlp"]
)
def test_graphs_of_other_spaces(name, tmp_path):
    space = registry.load("spaces", name)
    archs = drawn(30, 1, space)
    fitted = quick(archs, np.arange(30.0), space)
    fitted.save(tmp_path)
    assert np.array_equal(Gin.load(tmp_path, space).predict(archs), fitted.predict(archs))


def test_equal_cells_are_predicted_alike():
    """Whichever way a cell of NAS-Bench-101 is written."""
    space = registry.load("spaces", "nasbench101")
    archs = drawn(40, 2, space)
    fitted = quick(archs, np.arange(40.0), space)
    forms = [space.canonical(arch) for arch in archs]
    assert any(form != arch for form, arch in zip(forms, archs, strict=True))
    for one, other in zip(fitted.predict(archs), fitted.predict(forms), strict=True):
        assert other == pytest.approx(one, rel=1e-9)


# Wrong use.


def test_a_list_without_graphs_is_refused():
    class Some(Pool):
        name, genes, names, features = "some", (2,), ["a", "b"], np.eye(2)

    with pytest.raises(InvalidSetting, match=r"some is a list .* such as xgboost"):
        Gin(Some())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("members", 1),
        ("layers", 0),
        ("width", 0),
        ("width", 100_000),
        ("epochs", 0),
        ("batch", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("weight_decay", -0.1),
        ("weight_decay", 1.5),
        ("target", "rank"),
        ("layers", True),
    ],
)
def test_settings_out_of_range(setting, value):
    with pytest.raises(InvalidSetting, match=setting):
        Gin(SPACE, **{setting: value})
