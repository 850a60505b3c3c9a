"""Small experiments on the packed table, made once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nasbench_suite.core import Budget
from nasbench_suite.experiments.compare import compare

STRATEGIES = ("random_search", "regularized_evolution", "local_search")
BENCHMARKS = ("nasbench201/cifar10", "nasbench201/cifar100", "nasbench201/imagenet16-120")


@pytest.fixture(scope="session")
def make(tmp_path_factory) -> Callable[..., Path]:
    """Return a function that makes an experiment in a new folder and returns the folder."""

    def experiment(
        *, benchmarks=1, strategies=2, seeds=3, evaluations=12, seconds=None, protocol="standard"
    ) -> Path:
        folder = tmp_path_factory.mktemp("experiment") / "of"
        return compare(
            BENCHMARKS[:benchmarks],
            STRATEGIES[:strategies],
            budget=Budget(evaluations=evaluations, seconds=seconds),
            seeds=seeds,
            out=folder,
            protocol=protocol,
        ).folder

    return experiment
