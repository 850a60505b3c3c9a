"""Searches through the public ask-and-tell loop, in one process."""

import numpy as np
import pytest

from nasbench_suite import Budget, registry, run
from nasbench_suite.core import Trial
from nasbench_suite.experiments import log

RUNS = 500
EVALUATIONS = 300
# The time that 500 runs of 300 evaluations may take, logs included, in seconds.
LIMITS = {"random_search": 1.5, "regularized_evolution": 2.5}
# The time that a proposal may take, over 200 evaluations, in seconds.
PROPOSALS = {
    "bananas": 5e-3,
    "progressive": 5e-3,
    "optuna": 5e-3,
    "bohb": 5e-3,
    "embedding_bo": 50e-3,
}


STRATEGIES = ["random_search", "regularized_evolution", "local_search"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_trial(side_by_side, beside, table, peer, strategy):
    """A trial beside one of the same strategy that asks the peer; neither writes logs."""
    budget = Budget(evaluations=EVALUATIONS)

    def ours():
        for seed in range(RUNS // 5):
            run(strategy, table, budget=budget, seed=seed)

    others = []
    if peer is not None:
        loop = _simulate(peer, strategy, table.space)
        others.append(beside("nats_bench, same strategy", loop, EVALUATIONS, faster=50.0))
    if strategy == "random_search":
        by_hand = _by_hand(table, RUNS // 5)
        others.append(
            beside("the same draws and look-ups by hand", by_hand, RUNS // 5 * EVALUATIONS)
        )
    side_by_side(f"{strategy}, a trial", ours, *others, count=RUNS // 5 * EVALUATIONS, rounds=5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_500_runs(ratios, table, benchmark, strategy):
    budget = Budget(evaluations=EVALUATIONS)

    def ours():
        for seed in range(RUNS):
            log.dump(run(strategy, table, budget=budget, seed=seed), table.space)

    benchmark.pedantic(ours, rounds=3, iterations=1)
    if benchmark.stats is not None:  # not --benchmark-disable
        what = f"{strategy}, {RUNS} runs of {EVALUATIONS} evaluations, logs included"
        ratios.add(what, benchmark.stats.stats.min, limit=LIMITS.get(strategy))


@pytest.mark.parametrize("strategy", PROPOSALS)
def test_a_proposal(side_by_side, beside, table, strategy):
    """A trial of a strategy with a model, beside one of random search."""
    protocol = "multi_fidelity" if strategy == "bohb" else "standard"
    budget = Budget(evaluations=200)

    def search(name):
        return lambda: run(name, table, budget=budget, seed=0, protocol=protocol)

    side_by_side(
        f"{strategy}, a trial of 200",
        search(strategy),
        beside("random_search", search("random_search"), 200),
        count=200,
        rounds=3,
        limit=PROPOSALS[strategy],
    )


def _by_hand(table, runs):
    """Random search without the suite: a generator, a dictionary, two arrays and a list."""
    genes = table.space.genes
    seen = table.query_many(np.arange(table.rows), "val_accuracy", epochs=12)
    paid = table.query_many(np.arange(table.rows), "train_seconds", epochs=12)
    number = {arch: index for index, arch in enumerate(table.space)}

    def search():
        for seed in range(runs):
            rng = np.random.default_rng(seed)
            trials = []
            for _ in range(EVALUATIONS):
                draws = rng.random(len(genes)).tolist()
                arch = tuple([int(u * n) for u, n in zip(draws, genes, strict=True)])
                index = number[arch]
                trials.append((arch, seen.item(index), paid.item(index)))

    return search


def _simulate(peer, name, space):
    """A search whose trials are answered by the samples of nats_bench, again and again."""
    archs = (peer.strings * EVALUATIONS)[:EVALUATIONS]
    kind = registry.load("strategies", name)

    def search():
        peer.api.reset_time()
        strategy = kind(space, rng=np.random.default_rng(0))
        for number, asked in enumerate(archs):
            arch = strategy.ask().arch
            value, _, _, spent = peer.api.simulate_train_eval(asked, "cifar10", hp="12")
            strategy.tell(Trial(number, arch, 12, {}, spent, "ok", value))

    return search
