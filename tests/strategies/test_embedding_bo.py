"""Bayesian optimisation on learned embeddings: what it asks, and that it helps."""

import numpy as np
import pytest

from nasbench_suite import load, registry
from nasbench_suite.core import Budget, InvalidSetting, Trial
from nasbench_suite.experiments.run import run
from nasbench_suite.strategies.base import SpaceExhausted
from nasbench_suite.strategies.embedding_bo import EmbeddingBo, expected_improvement
from nasbench_suite.surrogates.embedding_gp import EmbeddingGp
from nasbench_suite.testing import TinySpace
from nasbench_suite.testing.made_up import landscape

NASBENCH201 = registry.load("spaces", "nasbench201")


class Known:
    """A model of two members that predicts the made-up landscape, and notes what it was told."""

    def __init__(self, *stds):
        self.stds = np.array(stds)
        self.fits = []
        self.pools = []

    def fit(self, archs, y, rng):
        self.fits.append((tuple(archs), tuple(y)))

    def predict_members(self, archs):
        self.pools.append(archs)
        mean = np.array([landscape(arch) for arch in archs])
        return np.tile(mean, (len(self.stds), 1)), np.tile(self.stds[:, None], len(archs))


def search(space=NASBENCH201, seed=0, model=None, **settings):
    strategy = EmbeddingBo(space, rng=np.random.default_rng(seed), **settings)
    if model is not None:
        strategy._model = model
    return strategy


def step(strategy):
    arch = strategy.ask().arch
    score = landscape(arch)
    strategy.tell(Trial(strategy._asked - 1, arch, None, {"a": score}, 1.0, "ok", score))
    return arch


def steps(strategy, count):
    return [step(strategy) for _ in range(count)]


def test_the_expected_improvement():
    """By hand: the density at 0 is 0.398942; at 1 it is 0.241971 and the law is 0.841345."""
    assert expected_improvement(np.array([5.0]), np.array([2.0]), 5.0) == pytest.approx(0.797885)
    assert expected_improvement(np.array([6.0]), np.array([1.0]), 5.0) == pytest.approx(1.083316)
    assert expected_improvement(np.array([3.0]), np.array([2.0]), 5.0) == pytest.approx(0.166631)
    far = expected_improvement(np.array([100.0, -100.0]), np.array([1.0, 1.0]), 0.0)
    assert far == pytest.approx([100.0, 0.0])
    draws = np.random.default_rng(0).normal(0.3, 0.7, 1_000_000)
    found = expected_improvement(np.array([0.3]), np.array([0.7]), 0.8)
    assert found == pytest.approx(np.maximum(draws - 0.8, 0).mean(), rel=0.01)


def test_kernels_name_their_best_and_then_their_next_best():
    model = Known(0.1, 0.1, 0.1)
    strategy = search(model=model, initial=5, kernels=3, candidates=50)
    first = steps(strategy, 5)
    assert not model.fits
    batch = steps(strategy, 3)
    ((told, scores),) = model.fits
    assert told == tuple(first)
    assert scores == tuple(map(landscape, first))
    # Members that agree want the same, so the three best are asked, the best of them first.
    (pool,) = model.pools
    assert not set(pool) & set(first)
    assert batch == sorted(pool, key=landscape, reverse=True)[:3]
    steps(strategy, 1)
    assert model.fits[1][0] == (*first, *batch)


def test_each_kernel_asks_what_it_expects_the_most_of():
    """One knows what it predicts; the other believes in the last architecture of the pool."""

    class Divided(Known):
        def predict_members(self, archs):
            means, stds = super().predict_members(archs)
            means[1, -1] = 1e6
            return means, stds

    model = Divided(0.1, 0.1)
    strategy = search(model=model, initial=4, kernels=2, candidates=50)
    steps(strategy, 4)
    batch = steps(strategy, 2)
    (pool,) = model.pools
    assert batch == [max(pool, key=landscape), pool[-1]]


@pytest.mark.parametrize("candidates", [1, 1000])
def test_it_sees_a_small_space_once(candidates):
    """Though fewer are left than there are kernels, and all candidates may have been seen."""
    space = TinySpace()
    for seed in range(5):
        strategy = search(space, seed, candidates=candidates, initial=2)
        assert sorted(steps(strategy, 8)) == sorted(space)
        with pytest.raises(SpaceExhausted, match="all 8 architectures"):
            strategy.ask()


def test_it_never_repeats_itself():
    done = run("embedding_bo", "nasbench201/cifar10", budget=Budget(150), seed=5)
    assert len({trial.arch for trial in done.trials}) == 150


def test_scores_that_are_all_the_same():
    strategy = search()
    for number in range(30):
        arch = strategy.ask().arch
        strategy.tell(Trial(number, arch, None, {"a": 50.0}, 1.0, "ok", 50.0))


def test_the_preset_of_the_paper():
    settings = EmbeddingBo.settings("paper")
    assert (settings["kernels"], settings["candidates"]) == (8, 1000)
    model = search(**settings)._model
    theirs = EmbeddingGp.settings("paper")
    assert {name: model._settings[name] for name in theirs} == theirs


def test_the_papers_algorithm_in_small():
    """The recurrent encoder searches too; its networks are smaller here than the paper's."""
    paper = EmbeddingBo.presets["paper"]
    small = {**paper, "layers": 2, "width": 8, "iterations": 20, "candidates": 100}
    asked = steps(search(**small), 40)
    assert len(set(asked)) == 40
    # By chance the mean of the last would be that of the first.
    scores = [landscape(arch) for arch in asked]
    assert np.mean(scores[8:]) > np.mean(scores[:8])


def test_settings_are_those_of_the_model():
    """All but those of the search itself go to the surrogate, by the same names and defaults."""
    settings, model = EmbeddingBo.settings(), EmbeddingGp.settings()
    own = {"initial", "candidates"}
    assert settings.keys() - own == (model.keys() - {"members"}) | {"kernels"}
    assert settings["kernels"] == model["members"]
    assert all(settings[name] == model[name] for name in settings.keys() & model.keys())
    others = {
        "share": 0.3, "encoder": "lstm", "encoding": "one_hot", "layers": 3, "width": 5,
        "iterations": 7, "learning_rate": 0.5, "length_scale": 0.4, "noise": 0.2,
    }  # fmt: skip
    passed = search(kernels=3, **others)._model._settings
    assert passed == {"members": 3, **others}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("initial", 0),
        ("kernels", 0),
        ("kernels", 2.5),
        ("candidates", 0),
        ("share", 0),
        ("encoder", "gru"),
        ("encoding", "tree"),
        ("layers", 0),
        ("iterations", -1),
        ("length_scale", 0),
        ("noise", "none"),
    ],
)
def test_settings_out_of_range(setting, value):
    with pytest.raises(InvalidSetting, match=setting):
        search(**{setting: value})


def test_it_beats_random_search():
    """At what a search sees: the best validation accuracy of 100, four standard errors apart."""
    gains = []
    for task in ("cifar10", "cifar100", "imagenet16-120"):
        table = load(f"nasbench201/{task}")
        for seed in range(12):
            best = [
                max(trial.score for trial in run(name, table, budget=Budget(100), seed=seed).trials)
                for name in ("embedding_bo", "random_search")
            ]
            gains.append(best[0] - best[1])
    assert np.mean(gains) > 4 * np.std(gains, ddof=1) / np.sqrt(len(gains))
