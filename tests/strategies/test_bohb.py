"""BOHB: its densities, what it models, and that the model is what helps."""

import numpy as np
import pytest
from scipy.stats import chisquare

from nasbench_suite import load, registry
from nasbench_suite.core import Budget, InvalidSetting, Trial
from nasbench_suite.experiments.run import run
from nasbench_suite.scoring.curves import reported
from nasbench_suite.spaces.nasbench201 import Nasbench201
from nasbench_suite.strategies.bohb import Bohb, Density
from nasbench_suite.testing import TinySpace

BEST = (3, 0, 2, 4, 1, 3)
OTHER = (0, 1, 4, 3, 2, 2)
EVERY = np.array([(one, other) for one in range(2) for other in range(3)])


class Watched(Nasbench201):
    """Counts what is drawn from the space, and may refuse most tuples."""

    def __init__(self, refuses=lambda arch: False):
        self.drawn = 0
        self.refuses = refuses

    def sample(self, rng):
        self.drawn += 1
        return super().sample(rng)

    def fault(self, arch):
        return "it is refused" if self.refuses(arch) else super().fault(arch)


class Wide(TinySpace):
    """So many switches that the product of their kernels is no number above 0."""

    genes = (2,) * 1200


def make(space=None, epochs=(), seed=0, **settings):
    space = registry.load("spaces", "nasbench201") if space is None else space
    return Bohb(space, rng=np.random.default_rng(seed), epochs=epochs, **settings)


def hits(arch, best=BEST):
    """How many genes are as in an architecture."""
    return float(sum(gene == other for gene, other in zip(arch, best, strict=True)))


def play(strategy, count, score=lambda arch, epochs: hits(arch)):
    """Ask and tell one by one, and return what was asked; a score of None is a failure."""
    asked = []
    for number in range(count):
        arch, epochs = strategy.ask()
        asked.append(arch)
        value = score(arch, epochs)
        failed = ({}, 1.0, "failed", -np.inf)
        result = failed if value is None else ({"a": value}, 1.0, "ok", value)
        strategy.tell(Trial(number, arch, epochs, *result))
    return asked


def density(archs, choices, least):
    return Density(np.array(archs), np.array(choices), least)


# Densities.


def test_a_density_by_hand():
    """Where all agree, the bandwidth is the least: 0.8 and 0.2, or 0.8, 0.1 and 0.1."""
    found = density([(0, 1), (0, 1)], (2, 3), 0.2)
    assert found.bandwidths.tolist() == [0.2, 0.2]
    assert found.at(EVERY) == pytest.approx([0.08, 0.64, 0.08, 0.02, 0.16, 0.02])


def test_a_density_is_the_mean_of_kernels():
    """Three of four agree: the deviation is √(3/16), the bandwidth 1.06 √(3/16) 4^(-1/6) = 0.3643.

    So the first choice has (3 × 0.6357 + 0.3643) / 4 = 0.5679.
    """
    found = density([(0, 0), (0, 0), (1, 0), (0, 0)], (2, 3), 0.1)
    assert found.bandwidths == pytest.approx([0.36430, 0.1], abs=1e-5)
    other = [0.9, 0.05, 0.05]
    expected = [*(0.56785 * x for x in other), *(0.43215 * x for x in other)]
    assert found.at(EVERY) == pytest.approx(expected, abs=1e-5)


def test_bandwidths_do_not_depend_on_the_order_of_choices():
    one, other = (density([(0,), (0,), (k,), (k,)], (5,), 0.01) for k in (1, 4))
    assert one.bandwidths == other.bandwidths


def test_a_kernel_is_at_most_uniform():
    found = density([(0, 2), (0, 2)], (2, 3), 0.9)
    assert found.bandwidths == pytest.approx([1 / 2, 2 / 3])
    assert found.at(EVERY) == pytest.approx([1 / 6] * 6)


def test_a_gene_of_one_choice():
    found = density([(0, 1), (0, 1)], (1, 2), 0.25)
    assert found.at(np.array([(0, 0), (0, 1)])) == pytest.approx([0.25, 0.75])
    assert (found.draw(50, 3.0, np.random.default_rng(0))[:, 0] == 0).all()


@pytest.mark.parametrize("factor", [1.0, 1.5, 100.0])
def test_candidates_are_drawn_from_the_wider_density(factor):
    """With a factor of 1.5 kernels of 0.2 are 0.3 wide, and very wide ones are uniform."""
    archs = [(0, 1), (0, 1)]
    drawn = density(archs, (2, 3), 0.2).draw(20_000, factor, np.random.default_rng(1))
    counts = [(drawn == arch).all(axis=1).sum() for arch in EVERY]
    assert chisquare(counts, 20_000 * density(archs, (2, 3), 0.2 * factor).at(EVERY)).pvalue > 0.01


# What is modelled.


@pytest.mark.parametrize(
    ("count", "settings", "good", "bad"),
    [
        (9, {}, 7, 7),
        (30, {}, 7, 23),
        (100, {}, 15, 85),
        (100, {"top": 0.5}, 50, 50),
        (100, {"min_points": 40}, 40, 60),
    ],
)
def test_the_best_and_the_rest(count, settings, good, bad):
    """As in the paper, both have N_min results at least, and then overlap."""
    results = [registry.load("spaces", "nasbench201").at(index) for index in range(count)]
    best, worst = make(**settings)._densities(results)
    assert best.archs.tolist() == [list(arch) for arch in results[:good]]
    assert worst.archs.tolist() == [list(arch) for arch in results[-bad:]]


def test_results_are_ranked():
    strategy = make()
    asked = play(strategy, 60)
    assert strategy._modelled() == sorted(asked, key=hits, reverse=True)


@pytest.mark.parametrize("epochs", [(), (12, 200)])
def test_at_random_while_there_are_too_few_results(epochs):
    """Of six genes, nine results are enough; the tenth of a bracket of 17 is modelled already."""
    space, rng = registry.load("spaces", "nasbench201"), np.random.default_rng(0)
    asked = play(make(epochs=epochs, random_fraction=0), 10)
    assert asked[:9] == [space.sample(rng) for _ in range(9)]
    assert asked[9] != space.sample(rng)


def test_failures_are_not_modelled():
    space, rng = registry.load("spaces", "nasbench201"), np.random.default_rng(0)
    asked = play(make(random_fraction=0), 40, lambda *_: None)
    assert asked == [space.sample(rng) for _ in range(40)]


@pytest.mark.parametrize("share", [0, 0.25, 1.0])
def test_the_share_at_random(share):
    space = Watched()
    play(make(space, random_fraction=share), 409)
    assert (space.drawn - 9) / 400 == pytest.approx(share, abs=0.08 * (0 < share < 1))


def test_what_scores_well_is_asked_more():
    """A fifth of the genes are right by chance; soon most are."""
    late = [
        hits(arch) / 6
        for seed in range(10)
        for arch in play(make(seed=seed, random_fraction=0), 100)[-20:]
    ]
    assert np.mean(late) > 0.7


def test_the_longest_training_with_enough_results_is_modelled():
    """Short trainings mislead; of 20 trials the last 3 are long, so nine are by the 60th."""
    early, late = [], []
    for seed in range(10):
        strategy = make(epochs=(12, 200), seed=seed, random_fraction=0)
        asked = play(
            strategy, 260, lambda arch, epochs: hits(arch, BEST if epochs == 12 else OTHER)
        )
        early += [hits(arch, BEST) - hits(arch, OTHER) for arch in asked[40:57]]
        late += [hits(arch, OTHER) - hits(arch, BEST) for arch in asked[240:257]]
    assert np.mean(early) > 1
    assert np.mean(late) > 1


# Odd spaces.


@pytest.mark.parametrize("samples", [1, 64])
def test_candidates_that_the_space_refuses(samples):
    space = Watched(lambda arch: sum(arch) % 7 > 0)
    asked = play(make(space, random_fraction=0, samples=samples), 150)
    assert all(space.valid(arch) for arch in asked)
    if samples == 1:
        # Now and then all tries are refused, and one is drawn from the space.
        assert 9 < space.drawn < 100


def test_very_many_genes():
    """Both densities are 0 as floats, and the search goes on without dividing by them."""
    space = Wide()
    asked = play(make(space, random_fraction=0, min_points=3), 15, lambda arch, _: float(sum(arch)))
    assert all(space.valid(arch) for arch in asked)


# On the table.


def test_it_beats_what_it_is_made_of():
    """At equal simulated seconds: random search, and Hyperband, which is BOHB without a model."""
    finals = {"bohb": [], "hyperband": [], "random_search": []}
    for task, seconds in (("cifar10", 4e4), ("cifar100", 8e4), ("imagenet16-120", 24e4)):
        bench = load(f"nasbench201/{task}")
        for name, rows in finals.items():
            runs = (
                run(name, bench, budget=Budget(seconds=seconds), seed=k, protocol="multi_fidelity")
                for k in range(40)
            )
            rows.append([reported(found, bench)[-1] for found in runs])
    means, variances = (
        {name: statistic(rows, axis=1) for name, rows in finals.items()}
        for statistic in (np.mean, np.var)
    )
    for name in ("hyperband", "random_search"):
        distances = (means["bohb"] - means[name]) / np.sqrt(
            (variances["bohb"] + variances[name]) / 39
        )
        assert distances.sum() / np.sqrt(3) > 3


# Settings.


def test_the_defaults_are_the_papers():
    assert Bohb.settings("paper") == Bohb.settings()
    assert Bohb.settings("nats_bench")["samples"] == 4


@pytest.mark.parametrize(
    "settings",
    [
        {"eta": 1.0},
        {"random_fraction": -0.1},
        {"random_fraction": 1.1},
        {"random_fraction": ""},
        {"min_points": 0},
        {"min_points": 7.5},
        {"top": 0.0},
        {"top": 1.0},
        {"samples": 0},
        {"bandwidth_factor": 0},
        {"bandwidth_factor": float("inf")},
        {"min_bandwidth": 0.0},
        {"min_bandwidth": 1},
    ],
)
def test_settings_out_of_range(settings):
    (setting,) = settings
    with pytest.raises(InvalidSetting, match=setting):
        make(**settings)
