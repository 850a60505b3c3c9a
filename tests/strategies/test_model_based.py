"""Strategies with a model of what was told: how they use it, and that it is what helps."""

from collections import Counter

import numpy as np
import pytest

from nasbench_suite import load, registry
from nasbench_suite.core import Budget, InvalidSetting, Trial, UnknownName
from nasbench_suite.experiments.run import run
from nasbench_suite.scoring.curves import reported
from nasbench_suite.strategies.base import SpaceExhausted
from nasbench_suite.surrogates.mlp_ensemble import MlpEnsemble
from nasbench_suite.testing import TinySpace

NAMES = ["bananas", "progressive", "embedding_bo"]
TASKS = ["cifar10", "cifar100", "imagenet16-120"]
SEEDS = 12
BUDGET = Budget(evaluations=200)


def make(name, space="nasbench201", seed=0, **settings):
    space = registry.load("spaces", space) if isinstance(space, str) else space
    return registry.load("strategies", name)(space, rng=np.random.default_rng(seed), **settings)


def play(strategy, score, count):
    """Ask and tell one by one, and return what was asked; a score of None is a failure."""
    asked = []
    for number in range(count):
        arch = strategy.ask().arch
        asked.append(arch)
        value = score(arch)
        status = "failed" if value is None else "ok"
        value = -np.inf if value is None else value
        strategy.tell(Trial(number, arch, None, {}, 1.0, status, value))
    return asked


def convolutions(arch):
    """A made-up score in which each 3x3 convolution counts."""
    return float(arch.count(3))


def closeness(arch):
    """A made-up score in which each width counts by how close to the sixth it is."""
    return -float(sum(abs(gene - 5) for gene in arch))


@pytest.mark.parametrize("name", NAMES)
def test_what_the_model_likes_is_asked(name):
    """An eighth of the widths are the best one by chance; later in a search most are."""
    shares = [
        arch.count(5) / 5
        for seed in range(3)
        for arch in play(make(name, "nats_sss", seed=seed), closeness, 70)[50:]
    ]
    assert np.mean(shares) > 0.3


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_asked_twice_until_all_was(name):
    strategy = make(name, TinySpace())
    asked = play(strategy, lambda arch: float(sum(arch)), 8)
    assert set(asked) == set(TinySpace())
    with pytest.raises(SpaceExhausted):
        strategy.ask()


@pytest.mark.parametrize("name", NAMES)
def test_failures_teach_nothing_and_are_not_asked_again(name):
    asked = play(make(name), lambda arch: None if arch[0] == 3 else convolutions(arch), 60)
    assert len(set(asked)) == 60


@pytest.mark.parametrize("name", NAMES)
def test_what_is_too_large_to_be_modelled_teaches_nothing(name):
    strategy = make(name)
    asked = play(strategy, lambda arch: 1e100 if sum(arch) % 3 else convolutions(arch), 60)
    assert strategy._archs == [arch for arch in asked if sum(arch) % 3 == 0]
    assert 2 < len(strategy._archs) < 60


def curves(strategy, bench, seeds):
    runs = (run(strategy, bench, budget=BUDGET, seed=seed) for seed in range(seeds))
    return np.array([reported(made, bench) for made in runs])


@pytest.fixture(scope="module")
def chance():
    """What random search reaches on each task, (runs, evaluations)."""
    return {task: curves("random_search", load(f"nasbench201/{task}"), 300) for task in TASKS}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_beats_random_search(name, chance):
    """At 100 and at 200 evaluations, three standard errors over the three tasks together."""
    distances = {100: [], 200: []}
    for task in TASKS:
        found = curves(name, load(f"nasbench201/{task}"), SEEDS)
        for budget, at in distances.items():
            ours, theirs = found[:, budget - 1], chance[task][:, budget - 1]
            error = np.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs))
            at.append((ours.mean() - theirs.mean()) / error)
    for at in distances.values():
        assert sum(at) / np.sqrt(len(at)) > 3


# BANANAS.


def test_bananas_draws_from_what_the_ensemble_predicts(monkeypatch):
    """Where the ensemble is sure, the best mutations of the best architectures are asked."""
    monkeypatch.setattr(
        MlpEnsemble,
        "_predict",
        lambda self, archs, extra: (
            np.array([convolutions(a) for a in archs]),
            np.zeros(len(archs)),
        ),
    )
    asked = play(make("bananas", parents=2), convolutions, 20)
    best = sorted(asked[:10], key=convolutions, reverse=True)[:2]
    near = {arch for parent in best for arch in make("bananas").space.neighbours(parent)}
    new = sorted(map(convolutions, near - set(asked[:10])), reverse=True)
    assert set(asked[10:]) <= near
    assert list(map(convolutions, asked[10:])) == new[:10]


def test_bananas_explores_where_the_ensemble_is_unsure(monkeypatch):
    """Values are drawn, so the widest of equal predictions are the likeliest to be chosen."""

    def predict(self, archs, extra):
        wide = np.array([float(arch[0] == 4) for arch in archs])
        return np.zeros(len(archs)), 1e-6 + wide

    monkeypatch.setattr(MlpEnsemble, "_predict", predict)
    chosen = [
        arch
        for seed in range(10)
        for arch in play(make("bananas", seed=seed), convolutions, 20)[10:]
    ]
    before = [
        arch for seed in range(10) for arch in play(make("bananas", seed=seed), convolutions, 10)
    ]
    share, chance = (np.mean([arch[0] == 4 for arch in archs]) for archs in (chosen, before))
    assert share > chance + 0.1


def test_bananas_has_the_networks_of_the_paper():
    paper = make("bananas", **make("bananas").presets["paper"])
    settings = registry.load("surrogates", "mlp_ensemble").presets["paper"]
    assert {name: paper._model._settings[name] for name in settings} == settings


# Progressive search.


def test_progressive_grows_by_one_gene(monkeypatch):
    """Sizes come in order, and each architecture grows from one of the size before."""
    asked = play(make("progressive", "nats_sss", beam=6), lambda arch: float(sum(arch)), 30)
    sizes = [5 - arch.count(0) for arch in asked]
    assert sizes == [size for size in range(1, 6) for _ in range(6)]
    for place, arch in enumerate(asked[6:], start=6):
        grown = [
            sum(a != b for a, b in zip(arch, parent, strict=True)) == 1
            for parent, size in zip(asked, sizes, strict=True)
            if size == sizes[place] - 1
        ]
        assert any(grown)


def test_progressive_asks_one_of_each_form():
    strategy = make("progressive", beam=12)
    bench = load("nasbench201/cifar10")
    asked = play(strategy, lambda arch: bench.query(arch, "val_accuracy", epochs=12), 100)
    assert max(Counter(map(strategy.space.canonical, asked)).values()) == 1
    smallest = {strategy.space.canonical(arch) for arch in strategy.space if arch.count(0) == 5}
    assert {strategy.space.canonical(arch) for arch in asked[: len(smallest)]} == smallest
    assert asked[len(smallest)].count(0) == 4


def test_progressive_takes_what_the_predictor_likes(monkeypatch):
    monkeypatch.setattr(
        MlpEnsemble,
        "_predict",
        lambda self, archs, extra: (
            np.array([a[0] * 10.0 + a[1] for a in archs]),
            np.zeros(len(archs)),
        ),
    )
    asked = play(make("progressive", "nats_sss", beam=35), lambda arch: 1.0, 45)
    assert sorted(asked[:35]) == sorted(
        tuple(value if place == gene else 0 for place in range(5))
        for gene in range(5)
        for value in range(1, 8)
    )
    assert asked[35] == (7, 7, 0, 0, 0)


def test_progressive_goes_on_beside_the_best():
    """At the full size it asks neighbours of the best so far."""
    strategy = make("progressive", "nats_sss", beam=5)
    asked = play(strategy, lambda arch: -float(sum(abs(gene - 3) for gene in arch)), 60)
    best = sorted(asked[:55], key=lambda arch: sum(abs(gene - 3) for gene in arch))[:5]
    near = {other for arch in best for other in strategy.space.neighbours(arch)}
    assert set(asked[55:60]) <= near


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("bananas", {"initial": 0}),
        ("bananas", {"batch": 1.5}),
        ("bananas", {"candidates": 0}),
        ("bananas", {"candidates": 1_000_000}),
        ("bananas", {"training_epochs": 1_000_000}),
        ("bananas", {"width": 1_000_000}),
        ("bananas", {"layers": 1_000_000}),
        ("bananas", {"members": 1_000_000}),
        ("bananas", {"parents": "all"}),
        ("bananas", {"members": 1}),
        ("bananas", {"layers": -1}),
        ("bananas", {"width": 0}),
        ("bananas", {"training_epochs": 0}),
        ("bananas", {"training_batch": None}),
        ("bananas", {"learning_rate": 0.0}),
        ("bananas", {"encoding": "paths"}),
        ("progressive", {"beam": 0}),
        ("progressive", {"members": True}),
        ("progressive", {"share": 1.5}),
        ("progressive", {"layers": 1.0}),
        ("progressive", {"width": -3}),
        ("progressive", {"training_epochs": "20"}),
        ("progressive", {"encoding": 3}),
    ],
)
def test_settings_out_of_range(name, settings):
    (setting,) = settings
    with pytest.raises((InvalidSetting, UnknownName), match=setting):
        make(name, **settings)


# Better predictors.


def test_features_of_the_live_network_find_better_cells():
    """As a named setting beside the paths of the paper, on average over runs."""
    bench = load("nasbench201/cifar10")

    def found(settings):
        runs = (
            run("bananas", bench, budget=BUDGET, seed=seed, settings=settings)
            for seed in range(SEEDS)
        )
        return np.array([reported(made, bench)[-1] for made in runs])

    assert found("live").mean() > found(None).mean()


@pytest.mark.parametrize("name", ["bananas", "progressive"])
def test_any_family_may_predict(name):
    bench = load("nasbench201/cifar10")
    settings = {"predictor": "ridge", "encoding": "one_hot"}
    made = run(name, bench, budget=Budget(evaluations=30), seed=0, settings=settings)
    assert len(made.trials) == 30
    with pytest.raises(UnknownName, match="did you mean ridge"):
        make(name, predictor="rigde")
    with pytest.raises(InvalidSetting, match="encoding"):
        make(name, predictor="ridge", encoding="none")
