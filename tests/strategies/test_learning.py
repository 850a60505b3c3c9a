"""Strategies that learn the worth of choices: what they learn, and that it is what helps."""

import itertools
from collections import Counter

import numpy as np
import pytest

from nasbench_suite import load, registry
from nasbench_suite.campaigns.strategies import UNLEARNED
from nasbench_suite.core import Budget, InvalidSetting, Trial
from nasbench_suite.experiments.run import run
from nasbench_suite.scoring.curves import reported
from nasbench_suite.testing import TinySpace

LEARNERS = [
    ("reinforce", {}),
    ("q_learning", {"evaluations": 400}),
    ("distribution_pruning", {}),
    ("edge_bandits", {}),
    ("edge_bandits", {"credit": "adversarial"}),
]
BEST = (3, 0, 2, 4, 1, 3)
BUDGET = Budget(evaluations=200)
# As many as put each learner well beyond three standard errors.
SEEDS = {"reinforce": 100, "q_learning": 100, "distribution_pruning": 60, "edge_bandits": 50}


def make(name, seed=0, **settings):
    space = registry.load("spaces", "nasbench201")
    return registry.load("strategies", name)(space, rng=np.random.default_rng(seed), **settings)


def play(strategy, score, count):
    """Ask and tell one by one, and return what was asked; a score of None is a failure."""
    asked = []
    for number in range(count):
        arch = strategy.ask().arch
        asked.append(arch)
        value = score(arch)
        if value is None:
            strategy.tell(Trial(number, arch, None, {}, 1.0, "failed", -np.inf))
        else:
            strategy.tell(Trial(number, arch, None, {"a": value}, 1.0, "ok", value))
    return asked


def hits(arch):
    """How many genes are as in the best architecture: each gene can be learned by itself."""
    return float(sum(gene == best for gene, best in zip(arch, BEST, strict=True)))


@pytest.mark.parametrize(("name", "settings"), LEARNERS)
def test_what_scores_well_is_asked_more(name, settings):
    """A fifth of the genes are right by chance at first; of the last proposals most are."""
    # A search by pruning ends after 140 trials, and then begins anew.
    count, last = (140, 20) if name == "distribution_pruning" else (400, 100)
    early, late = [], []
    for seed in range(10):
        asked = play(make(name, seed, **settings), lambda arch: 10 * hits(arch), count)
        early += [hits(arch) / 6 for arch in asked[:20]]
        late += [hits(arch) / 6 for arch in asked[-last:]]
    assert np.mean(early) < 0.3
    assert np.mean(late) > 0.45


@pytest.mark.parametrize("name", UNLEARNED)
def test_learning_is_what_helps(name):
    """With learning switched off the same strategy is worse: three standard errors over tasks."""
    distances = []
    for task in ("cifar10", "cifar100", "imagenet16-120"):
        bench = load(f"nasbench201/{task}")
        learned, unlearned = (
            np.array(
                [
                    reported(run(name, bench, budget=BUDGET, seed=seed, settings=settings), bench)[
                        -1
                    ]
                    for seed in range(SEEDS[name])
                ]
            )
            for settings in ({}, UNLEARNED[name])
        )
        error = np.sqrt((learned.var(ddof=1) + unlearned.var(ddof=1)) / SEEDS[name])
        distances.append((learned.mean() - unlearned.mean()) / error)
    assert sum(distances) / np.sqrt(len(distances)) > 3


@pytest.mark.parametrize(("name", "settings"), LEARNERS)
def test_nothing_is_learned_from_failures_alone(name, settings):
    """When all fail, or all score the same, each choice is asked a fifth of the time.

    A search by pruning prunes nevertheless, and then asks what is left more often: two fifths of
    a search's trials have the last choice of a gene, which must be any.
    """
    for score in (lambda _: None, lambda _: 70.0):
        asked = [arch for k in range(20) for arch in play(make(name, k, **settings), score, 280)]
        for gene in range(6):
            counts = Counter(arch[gene] for arch in asked)
            assert all(abs(counts[choice] / len(asked) - 0.2) < 0.06 for choice in range(5))


def test_reinforce_reproduces_the_published_row():
    """NATS-Bench, table of the topology space: 93.90 +- .26 on CIFAR-10 within 20,000 s."""
    bench = load("nasbench201/cifar10")
    runs = (run("reinforce", bench, budget=Budget(seconds=20_000), seed=k) for k in range(200))
    finals = np.array([reported(found, bench)[-1] for found in runs])
    assert finals.mean() == pytest.approx(93.90, abs=0.10)
    assert finals.std(ddof=1) == pytest.approx(0.26, rel=1 / 3)


def test_reinforce_takes_the_step_of_adam():
    """The first step of Adam moves every logit by the learning rate, against the gradient."""
    strategy = make("reinforce", learning_rate=0.05)
    for number, score in enumerate((50.0, 60.0)):
        arch = strategy.ask().arch
        before = strategy._logits.copy()
        strategy.tell(Trial(number, arch, None, {"a": score}, 1.0, "ok", score))
    # The first reward is its own baseline, so the second is the first that moves anything.
    moved = strategy._logits - before
    chosen = np.zeros((6, 5), bool)
    chosen[np.arange(6), arch] = True
    assert (moved[chosen] > 0).all()
    assert (moved[~chosen] < 0).all()


def test_q_learning_shares_the_reward_out():
    """One trial moves each choice made by the learning rate times its share, from the last on."""
    strategy = make("q_learning", learning_rate=0.5, replays=0)
    first, second = strategy.ask().arch, strategy.ask().arch
    strategy.tell(Trial(0, first, None, {"a": 1.0}, 1.0, "ok", 1.0))
    assert all(worth == 0 for states in strategy._worth for state in states for worth in state)
    strategy.tell(Trial(1, second, None, {"a": 2.0}, 1.0, "ok", 2.0))
    before = 0
    for gene, choice in enumerate(second):
        assert strategy._worth[gene][before][choice] == pytest.approx(0.5 / 6)
        before = choice


def test_q_learning_goes_on_where_the_span_of_scores_is_no_number():
    strategy = make("q_learning", evaluations=10)
    scores = itertools.cycle((1e308, -1e308))
    asked = play(strategy, lambda _: next(scores), 80)
    assert all(map(strategy.space.valid, asked))


@pytest.mark.parametrize(
    ("asked", "epsilon"),
    [(0, 1.0), (106, 1.0), (107, 0.9), (115, 0.8), (187, 0.1), (199, 0.1), (5000, 0.1)],
)
def test_q_learning_epsilon_is_a_share_of_the_budget(asked, epsilon):
    strategy = make("q_learning", evaluations=200)
    strategy._asked = asked
    assert strategy._epsilon() == epsilon


def test_pruning_uses_every_living_choice_once_a_step():
    """A round of 2 steps of 5, then of 4, of 3 and of 2: 28 trials, and then anew."""
    strategy = make("distribution_pruning", steps=2)
    asked = play(strategy, hits, 38)
    at = 0
    for living in (5, 4, 3, 2, 5):
        for _ in range(2):
            step = asked[at : at + living]
            assert all(len({arch[gene] for arch in step}) == living for gene in range(6))
            at += living
    assert at == len(asked)


def test_pruning_never_drops_the_better_choice():
    """Where a gene's best choice is far better in every mixture, it is alive to the end."""
    strategy = make("distribution_pruning", steps=3)
    asked = play(strategy, lambda arch: 100.0 * (arch[2] == 4) + hits(arch), 42)
    assert {arch[2] for arch in asked[36:42]} >= {4}
    assert Counter(arch[2] for arch in asked[36:42])[4] == 3


def test_pruning_that_is_switched_off_never_prunes():
    """However long the search, and at once, however long a round."""
    strategy = make("distribution_pruning", **UNLEARNED["distribution_pruning"])
    asked = play(strategy, hits, 6000)
    assert {arch[0] for arch in asked[-5:]} == set(range(5))


class Refusing(TinySpace):
    """Refuses the tuples that it is given."""

    name = "refusing"

    def __init__(self, genes, refused=()):
        self.genes = genes
        self.refused = refused

    def fault(self, arch):
        return super().fault(arch) or ("refused" if arch in self.refused else None)


def prune(space, steps, score, seed):
    """Return the distribution of the first gene after a round."""
    kind = registry.load("strategies", "distribution_pruning")
    strategy = kind(space, rng=np.random.default_rng(seed), steps=steps)
    play(strategy, score, steps * max(space.genes))
    return strategy._theta[0]


@pytest.mark.parametrize("worst", [None, 50.0])
def test_a_failure_counts_as_the_worst_of_its_round(worst):
    """Of its step it may be the only one beside a success, which must be ahead of it."""
    count = itertools.count()

    def score(arch):
        first_step = next(count) < 3
        return (worst, 50.0 if first_step else 80.0, 90.0)[arch[0]]

    found = prune(Refusing((3, 2)), 2, score, seed=0)
    softmax = np.exp([[50.0, 50.0, 90.0], [50.0, 80.0, 90.0]]) / np.exp(90.0)
    evidence = (softmax / softmax.sum(axis=1, keepdims=True)).mean(axis=0)
    assert found == pytest.approx(evidence + 0.5 / 3, rel=1e-12)


def test_a_sample_in_place_of_a_mixture_says_nothing_of_the_mixture():
    """Choice 0 of the first gene is never asked: its evidence does not move with the scores."""
    space = Refusing((2, 3), {(0, 0), (0, 1), (0, 2)})
    told = {}
    for better in (60.0, 80.0):
        kind = registry.load("strategies", "distribution_pruning")
        strategy = kind(space, rng=np.random.default_rng(3), steps=2)
        own = []
        for number in range(6):
            arch = strategy.ask().arch
            # A sample is told something else in each of the two searches, a mixture never.
            value = 70.0 + number if strategy._round[number] == arch else better
            own.append(value)
            strategy.tell(Trial(number, arch, None, {}, 1.0, "ok", value))
        assert better in own
        told[better] = strategy._theta[0]
    assert np.array_equal(told[60.0], told[80.0])


@pytest.mark.parametrize("score", [None, 70.0])
def test_of_equally_weak_choices_any_may_be_pruned(score):
    left = Counter()
    for seed in range(60):
        strategy = make("distribution_pruning", seed, steps=1)
        play(strategy, lambda _: score, 5)
        left.update(set(range(5)) - set(strategy._alive[0]))
    assert sum(left.values()) == 60
    assert set(left) == set(range(5))


def test_reinforce_gives_up_on_what_a_space_refuses():
    """A policy that is sure of a refused tuple would draw it for ever."""
    space = Refusing((2, 2), {(1, 1)})
    strategy = registry.load("strategies", "reinforce")(space, rng=np.random.default_rng(0))
    strategy._logits[:, 1] = 1000.0
    asked = play(strategy, lambda arch: 1.0, 50)
    assert set(asked) == {(0, 0), (0, 1), (1, 0)}


def test_bandits_solve_the_same_least_squares_where_choices_outnumber_trials():
    solutions = []
    for window in (29, 31):
        strategy = make("edge_bandits", window=window)
        # Of these trials both windows hold all.
        play(strategy, hits, 20)
        solutions.append(strategy._gains)
    assert np.abs(solutions[0]).max() > 0
    assert np.allclose(*solutions, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("credit", ["least_squares", "adversarial"])
def test_bandits_gain_where_they_were_paid(credit):
    strategy = make("edge_bandits", credit=credit)
    play(strategy, hits, 600)
    gains = strategy._gains.reshape(6, 5)
    assert np.count_nonzero(gains.argmax(axis=1) == BEST) >= 5


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("reinforce", {"learning_rate": 0}),
        ("reinforce", {"learning_rate": "fast"}),
        ("reinforce", {"learning_rate": 1.0}),
        ("reinforce", {"learning_rate": 1e308}),
        ("reinforce", {"momentum": 1.0}),
        ("q_learning", {"evaluations": 0}),
        ("q_learning", {"learning_rate": 1.5}),
        ("q_learning", {"replays": -1}),
        ("q_learning", {"replays": 1_000_000}),
        ("distribution_pruning", {"steps": 2.5}),
        ("distribution_pruning", {"decay": float("nan")}),
        ("edge_bandits", {"credit": "fair"}),
        ("edge_bandits", {"rate": -1}),
        ("edge_bandits", {"rate": 1e308}),
        ("edge_bandits", {"exploration": 1e-300}),
        ("edge_bandits", {"window": 1_000_000}),
        ("edge_bandits", {"exploration": True}),
        ("edge_bandits", {"window": 0}),
    ],
)
def test_settings_out_of_range(name, settings):
    (setting,) = settings
    with pytest.raises(InvalidSetting, match=setting):
        make(name, **settings)
