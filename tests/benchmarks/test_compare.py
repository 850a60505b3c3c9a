"""Experiments: the simulated workers, the processes, and what comes after them."""

import shutil
from time import perf_counter

import pytest

from nasbench_suite import Budget, compare, executors, registry, report, run

TASKS = ["nasbench201/cifar10", "nasbench201/cifar100", "nasbench201/imagenet16-120"]
STRATEGIES = [name for name in registry.names("strategies") if name != "embedding_bo"]
# The whole comparison of the issue has 100 seeds; its time grows in proportion.
SEEDS = 100
# Enough to tell how processes scale.
FEW = 4


@pytest.mark.parametrize("strategy", ["random_search", "regularized_evolution"])
def test_eight_simulated_workers(side_by_side, beside, table, strategy):
    """A trial with eight in flight, beside one of the same strategy with a single worker."""
    budget = Budget(evaluations=300)

    def search(workers):
        def runs():
            for seed in range(50):
                run(strategy, table, budget=budget, seed=seed, workers=workers)

        return runs

    side_by_side(
        f"{strategy} with 8 workers, a trial",
        search(8),
        beside("one worker", search(1), 50 * 300),
        count=50 * 300,
        rounds=5,
        limit=30e-6,
    )


def test_processes(ratios, benchmark, tmp_path):
    """The same comparison in one process of a pool and in two."""
    seconds = {}
    for jobs in (1, 2):
        with executors.processes(jobs) as pool:
            # Both begin with processes that have started and opened the table.
            ask(tmp_path / f"warm-{jobs}", pool, seeds=jobs, evaluations=5)
            begun = perf_counter()
            asked = {"seeds": FEW, "evaluations": 200}
            if jobs == 1:
                ask(tmp_path / "one", pool, **asked)
            else:
                benchmark.pedantic(ask, (tmp_path / "two", pool), asked, rounds=1)
            seconds[jobs] = perf_counter() - begun
    ratios.add(
        f"{len(STRATEGIES)} strategies x {FEW} seeds x 200 x 3 tasks, --jobs 2",
        seconds[2],
        "--jobs 1",
        seconds[1],
        faster=1.7,
    )


def test_the_whole_comparison(ratios, benchmark, tmp_path):
    """All strategies but one, 100 seeds, 200 evaluations, 3 tasks; then its report."""
    out = tmp_path / "of"
    begun = perf_counter()
    with executors.processes(2) as pool:
        ask(out, pool, seeds=SEEDS, evaluations=200)
    ratios.add(
        f"{len(STRATEGIES)} strategies x {SEEDS} seeds x 200 x 3 tasks, --jobs 2",
        perf_counter() - begun,
        limit=900,
    )
    begun = perf_counter()
    benchmark.pedantic(report, args=(out,), rounds=1)
    ratios.add("its scores and report", perf_counter() - begun, limit=30)
    ratios.add("its page", (out / "report.html").stat().st_size, unit="B", limit=8e6)
    shutil.rmtree(out)


def ask(out, pool, *, seeds, evaluations):
    compare(
        TASKS,
        STRATEGIES,
        budget=Budget(evaluations=evaluations),
        seeds=seeds,
        out=out,
        protocol="multi_fidelity",
        executor=pool,
    )
