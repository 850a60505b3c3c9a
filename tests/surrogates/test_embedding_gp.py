"""Gaussian processes on learned embeddings: every gradient is proved by finite differences."""

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from nasbench_suite import load, registry
from nasbench_suite.core import InvalidSetting, UnknownName
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._encoders import BiLstms
from nasbench_suite.surrogates._networks import Perceptrons
from nasbench_suite.surrogates.embedding_gp import EmbeddingGp, covariance, leave_one_out, unit
from nasbench_suite.testing import TinySpace
from nasbench_suite.testing.made_up import landscape

NASBENCH201 = registry.load("spaces", "nasbench201")
NOISE = 0.05
SCALE = 0.7
STEP = 1e-5
SMALL = {
    "perceptron": {"members": 3, "width": 6},
    "lstm": {"members": 3, "encoder": "lstm", "layers": 2, "width": 4, "length_scale": 0.2},
}


class Uneven(TinySpace):
    """Genes of different numbers of choices."""

    name = "uneven"
    genes = (2, 5, 3)


def drawn(space: Space, count, seed=0):
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


def known(count, seed=0, space=NASBENCH201):
    archs = drawn(space, count, seed)
    return archs, np.array([landscape(arch) for arch in archs])


def outputs_and_targets():
    """Return made-up outputs: some alike, some equal, and one of zeros."""
    rng = np.random.default_rng(3)
    outputs = rng.normal(size=(2, 7, 4))
    outputs[:, 2] = outputs[:, 1] + 0.05 * outputs[:, 3]
    outputs[:, 5] = outputs[:, 4]
    outputs[1, 6] = 0
    return outputs, rng.normal(size=(2, 7))


def untrained(kind, count=9):
    """Return a model with untrained networks, and the inputs and targets of its members."""
    model = EmbeddingGp(NASBENCH201, **SMALL[kind])
    rng = np.random.default_rng(5)
    archs, y = known(count)
    x = model._encode(archs)[rng.permuted(np.tile(np.arange(count), (3, 1)), axis=1)]
    model._networks = model._draw(rng)
    return model, x, np.tile((y - y.mean()) / y.std(), (3, 1))


def likelihood(model, x, targets):
    outputs = model._networks.forward(x)[-1]
    return leave_one_out(outputs, targets, model._length_scale, model._noise)


# The likelihood and its gradient.


def test_the_likelihood_is_that_of_each_left_out():
    outputs, targets = outputs_and_targets()
    found, _ = leave_one_out(outputs, targets, SCALE, NOISE)
    for member in range(2):
        embeddings, _ = unit(outputs[member])
        logs = []
        for left in range(7):
            rest = np.arange(7) != left
            kernel = covariance(embeddings, embeddings, SCALE) + NOISE * np.eye(7)
            weights = np.linalg.solve(kernel[rest][:, rest], kernel[rest, left])
            std = np.sqrt(kernel[left, left] - weights @ kernel[rest, left])
            logs.append(norm.logpdf(targets[member, left], weights @ targets[member, rest], std))
        assert found[member] == pytest.approx(np.mean(logs), rel=1e-9)


def test_the_kernel_is_the_papers():
    one, other = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8]])
    expected = [np.exp(-2 / (2 * 0.01)), 1.0, np.exp(-0.8 / (2 * 0.01))]
    assert covariance(one, other, 0.1)[0] == pytest.approx(expected)


@pytest.mark.parametrize("scale", [0.1, 0.7, 2.0])
@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_the_gradient_of_the_outputs(scale, noise):
    outputs, targets = outputs_and_targets()
    _, slope = leave_one_out(outputs, targets, scale, noise)
    for place in np.ndindex(outputs.shape):
        ends = []
        for step in (STEP, -STEP):
            moved = outputs.copy()
            moved[place] += step
            ends.append(leave_one_out(moved, targets, scale, noise)[0][place[0]])
        expected = (ends[0] - ends[1]) / (2 * STEP)
        assert slope[place] == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("kind", SMALL)
def test_the_gradient_of_the_parameters(kind):
    """Through the likelihood, the kernel, the length of 1 and the whole network."""
    model, x, targets = untrained(kind)
    networks = model._networks
    found = networks.forward(x)
    slope = networks.backward(found, likelihood(model, x, targets)[1]).copy()
    for place in np.random.default_rng(0).permutation(slope.shape[1])[:150].tolist():
        ends = []
        for step in (STEP, -STEP):
            networks.parameters[:, place] += step
            ends.append(likelihood(model, x, targets)[0])
            networks.parameters[:, place] -= step
        expected = (ends[0] - ends[1]) / (2 * STEP)
        assert slope[:, place] == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert np.abs(slope).max() > 1e-3


# The recurrent encoder.


def logistic(x):
    return 1 / (1 + np.exp(-x))


def test_an_lstm_as_it_is_written_down():
    """One network of two layers, step by step and direction by direction."""
    width, steps = 3, 4
    networks = BiLstms(2, 5, width, 2, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(2, 6, steps, 5))
    found = networks.forward(x)[-1]
    for member, arch in np.ndindex(2, 6):
        sequence = list(x[member, arch])
        for layer in networks._layers:
            ways = []
            for way in range(2):
                output = cell = np.zeros(width)
                outputs = []
                for step in sequence[:: (1, -1)[way]]:
                    parts = step @ layer.into[member, way] + output @ layer.again[member, way]
                    enter, keep, leave, new = np.split(parts + layer.bias[member, way, 0], 4)
                    cell = logistic(keep) * cell + logistic(enter) * np.tanh(new)
                    output = logistic(leave) * np.tanh(cell)
                    outputs.append(output)
                ways.append(outputs[:: (1, -1)[way]])
            sequence = [np.concatenate(both) for both in zip(*ways, strict=True)]
        assert found[member, arch] == pytest.approx(np.mean(sequence, axis=0))


def test_what_all_members_read_may_be_given_once():
    networks = BiLstms(3, 5, 4, 2, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(6, 4, 5))
    once, each = networks.forward(x), networks.forward(np.tile(x, (3, 1, 1, 1)))
    assert once[-1] == pytest.approx(each[-1])
    slope = np.random.default_rng(2).normal(size=once[-1].shape)
    gradient = networks.backward(once, slope).copy()
    assert networks.backward(each, slope) == pytest.approx(gradient)


def test_an_lstm_reads_genes_as_one_hot_of_the_widest():
    model = EmbeddingGp(Uneven(), encoder="lstm")
    (read,) = model._encode([(1, 4, 0)])
    assert read.tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]]


# Training.


@pytest.mark.parametrize("kind", SMALL)
def test_training_raises_the_likelihood(kind):
    model, x, targets = untrained(kind, count=40)
    model._iterations = 40
    before, _ = likelihood(model, x, targets)
    model._train(x, targets)
    after, _ = likelihood(model, x, targets)
    assert (after > before + 0.05).all()


def test_members_that_have_settled_stay():
    """Each learns what it would learn alone, though some settle before others."""
    model, x, targets = untrained("perceptron", count=20)
    model._iterations = 1000
    start = model._networks.parameters.copy()
    model._train(x, targets)
    for member in range(3):
        alone = EmbeddingGp(NASBENCH201, width=6, members=1, iterations=1000)
        alone._networks = alone._draw(np.random.default_rng(0))
        alone._networks.parameters[0] = start[member]
        alone._train(x[[member]], targets[[member]])
        assert alone._networks.parameters[0] == pytest.approx(model._networks.parameters[member])


def test_training_ends_when_all_have_settled():
    archs, y = known(40)
    ends = [
        EmbeddingGp(NASBENCH201, iterations=iterations).fit(archs, y, np.random.default_rng(0))
        for iterations in (6, 7, 1000, 2000)
    ]
    parameters = [model._networks.parameters for model in ends]
    assert not np.array_equal(parameters[0], parameters[1])
    assert np.array_equal(parameters[2], parameters[3])


def test_each_member_sees_its_own_half():
    archs, y = drawn(NASBENCH201, 21), np.arange(21.0)
    model = EmbeddingGp(NASBENCH201).fit(archs, y, np.random.default_rng(0))
    seen = {tuple(np.sort(model._scale.restore(row)).round().tolist()) for row in model._targets}
    assert len(seen) == 8
    assert all(len(set(half)) == 10 for half in seen)
    assert {value for half in seen for value in half} == set(y.tolist())
    few = EmbeddingGp(NASBENCH201, share=0.01).fit(archs, y, np.random.default_rng(0))
    assert few._targets.shape == (8, 2)


def test_it_learns_to_rank():
    """On the accuracies that a search sees; it ranks better than untrained."""
    table = load("nasbench201/cifar10")
    gains, ranks = [], []
    for seed in range(5):
        archs = list(dict.fromkeys(drawn(table.space, 600, seed)))
        y = [table.query(arch, "val_accuracy", epochs=12, seed="mean") for arch in archs]
        found = []
        for rate in (0.02, 1e-9):
            model = EmbeddingGp(table.space, learning_rate=rate)
            mean, _ = model.fit(archs[:100], y[:100], np.random.default_rng(0)).predict(archs[100:])
            found.append(spearmanr(mean, y[100:]).statistic)
        ranks.append(found[0])
        gains.append(found[0] - found[1])
    assert np.mean(ranks) > 0.6
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / np.sqrt(5)


# Predictions.


@pytest.mark.parametrize("kind", SMALL)
def test_what_is_far_from_all_known_is_less_certain(kind):
    archs, y = known(30)
    model = EmbeddingGp(NASBENCH201, **SMALL[kind]).fit(archs, y, np.random.default_rng(0))
    stds = [model.predict_members(some)[1].mean() for some in (archs, drawn(NASBENCH201, 200, 9))]
    assert stds[0] < stds[1]
    _, spread = model.predict_members(drawn(NASBENCH201, 200, 9))
    assert (spread >= np.sqrt(NOISE) * y.std() * (1 - 1e-9)).all()
    assert (spread <= np.sqrt(1 + NOISE) * y.std() * (1 + 1e-9)).all()


def test_a_prediction_is_that_of_the_mixture():
    archs, y = known(30)
    model = EmbeddingGp(NASBENCH201).fit(archs, y, np.random.default_rng(0))
    new = drawn(NASBENCH201, 250, 9)
    means, stds = model.predict_members(new)
    assert means.shape == stds.shape == (8, 250)
    mean, std = model.predict(new)
    assert mean == pytest.approx(means.mean(axis=0))
    second = (means**2 + stds**2).mean(axis=0)
    assert std == pytest.approx(np.sqrt(second - mean**2))


def test_a_member_predicts_as_a_gaussian_process_does():
    """Of one member that sees all, by the formulas of the textbook."""
    archs, y = known(12)
    model = EmbeddingGp(NASBENCH201, members=1, share=1.0, length_scale=SCALE)
    model.fit(archs, y, np.random.default_rng(0))
    new = drawn(NASBENCH201, 5, 9)

    def embed(some):
        return unit(model._networks.forward(model._encode(some))[-1][0])[0]

    kernel = covariance(embed(archs), embed(archs), SCALE) + NOISE * np.eye(12)
    cross = covariance(embed(new), embed(archs), SCALE)
    mean, std = model.predict(new)
    expected = y.mean() + cross @ np.linalg.solve(kernel, y - y.mean())
    assert mean == pytest.approx(expected)
    variance = 1 + NOISE - np.sum(cross * np.linalg.solve(kernel, cross.T).T, axis=1)
    assert std == pytest.approx(y.std() * np.sqrt(variance))


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("noise", [0.05, 2e-6])
def test_awkward_data(kind, noise):
    """Repeats that contradict each other, values all equal, two architectures in a tiny space."""
    one, other = (0,) * 6, (3,) * 6
    for archs, y in (
        ([one] * 20 + [other], list(range(21))),
        (drawn(NASBENCH201, 10), [70.0] * 10),
        ([one, other], [1.0, 2.0]),
        ([one, one], [1.0, 1.0]),
    ):
        model = EmbeddingGp(NASBENCH201, **SMALL[kind], noise=noise)
        model.fit(archs, y, np.random.default_rng(0))
        for values in model.predict_members([one, other, *drawn(NASBENCH201, 10, 4)]):
            assert np.isfinite(values).all()
    for space in (TinySpace(), Uneven()):
        archs, y = known(2, space=space)
        model = EmbeddingGp(space, **SMALL[kind]).fit(archs, y, np.random.default_rng(0))
        assert np.isfinite(model.predict(list(space))).all()


def test_a_saved_lstm_predicts_the_same(tmp_path):
    archs, y = known(20)
    model = EmbeddingGp(NASBENCH201, **SMALL["lstm"]).fit(archs, y, np.random.default_rng(0))
    model.save(tmp_path)
    new = drawn(NASBENCH201, 150, 9)
    again = EmbeddingGp.load(tmp_path, NASBENCH201)
    assert np.array_equal(model.predict(new), again.predict(new))


# Settings.


def test_the_preset_of_the_paper():
    settings = EmbeddingGp.settings("paper")
    assert (settings["members"], settings["share"]) == (8, 0.5)
    assert (settings["encoder"], settings["layers"], settings["width"]) == ("lstm", 4, 64)
    assert (settings["iterations"], settings["learning_rate"]) == (100, 0.001)
    assert 2 * settings["length_scale"] ** 2 == pytest.approx(2 * 0.01)
    assert settings["noise"] == 0.05
    networks = EmbeddingGp(NASBENCH201, **settings)._draw(np.random.default_rng(0))
    assert isinstance(networks, BiLstms)
    # Two directions of four gates a layer, from 5 numbers a step, and then from both directions.
    rows = (1 + 64 + 5) + 3 * (1 + 64 + 128)
    assert networks.parameters.shape == (8, 2 * 4 * 64 * rows)
    assert np.abs(networks.parameters).max() <= 1 / 8


def test_the_perceptron_has_the_shape_that_is_set():
    model = EmbeddingGp(NASBENCH201, layers=3, width=7, encoding="adjacency")
    networks = model._draw(np.random.default_rng(0))
    assert isinstance(networks, Perceptrons)
    assert networks.sizes == (30, 7, 7, 7)
    with pytest.raises(InvalidSetting, match="encoding"):
        EmbeddingGp(NASBENCH201, encoding="tree")
    with pytest.raises(UnknownName, match="did you mean members"):
        EmbeddingGp.settings({"member": 3})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("members", 0),
        ("share", 0.0),
        ("share", 1.5),
        ("encoder", "transformer"),
        ("layers", 0),
        ("width", 2.5),
        ("iterations", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("length_scale", 0.0),
        ("noise", 0.0),
        ("noise", True),
    ],
)
def test_settings_out_of_range(setting, value):
    with pytest.raises(InvalidSetting, match=setting):
        EmbeddingGp(NASBENCH201, **{setting: value})
