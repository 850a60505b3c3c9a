"""Small experiments on the packed table, made once."""

import copy
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from nasbench_suite.campaigns.examining import Examination, examine
from nasbench_suite.core import Budget
from nasbench_suite.experiments.compare import compare
from nasbench_suite.experiments.experiment import Experiment, open_experiment
from nasbench_suite.scoring.summary import Summary, summarise

STRATEGIES = ("random_search", "regularized_evolution", "local_search")
THIRTEEN = (
    *STRATEGIES,
    "reinforce",
    "q_learning",
    "distribution_pruning",
    "edge_bandits",
    "successive_halving",
    "hyperband",
    "bohb",
    "optuna",
    "bananas",
    "progressive",
)
BENCHMARKS = ("nasbench201/cifar10", "nasbench201/cifar100", "nasbench201/imagenet16-120")


@pytest.fixture(scope="session")
def make(tmp_path_factory) -> Callable[..., Path]:
    """Return a function that makes an experiment in a new folder and returns the folder."""

    def experiment(
        *,
        benchmarks=1,
        strategies=2,
        seeds=3,
        evaluations=12,
        seconds=None,
        real_seconds=None,
        epochs=None,
        protocol="standard",
    ) -> Path:
        folder = tmp_path_factory.mktemp("experiment") / "of"
        return compare(
            BENCHMARKS[:benchmarks],
            STRATEGIES[:strategies],
            budget=Budget(evaluations, seconds, real_seconds, epochs),
            seeds=seeds,
            out=folder,
            protocol=protocol,
        ).folder

    return experiment


@pytest.fixture(scope="session")
def examined(small_surrogate) -> Examination:
    """What is known of the small surrogate."""
    return examine(small_surrogate)


@pytest.fixture(scope="session")
def thirteen(tmp_path_factory) -> Path:
    """The folder of thirteen strategies on three tasks."""
    return compare(
        BENCHMARKS,
        THIRTEEN,
        budget=Budget(seconds=40_000.0),
        seeds=12,
        out=tmp_path_factory.mktemp("experiment") / "of",
        protocol="multi_fidelity",
    ).folder


class Parts(Experiment):
    """An experiment whose tasks are parts of another's: some of the runs on a task, as a task."""

    def runs(self, benchmark, strategy):
        real, _, part = benchmark.rpartition("-part")
        first = int(part) * len(self.seeds)
        whole = open_experiment(self.folder)
        yield from islice(whole.runs(real, strategy), first, first + len(self.seeds))


@pytest.fixture(scope="session")
def ten(thirteen) -> Summary:
    """Thirteen strategies on ten tasks, each of which has three of the runs on a real one."""
    whole = open_experiment(thirteen)
    names = [f"{name}-part{part}" for part in range(4) for name in BENCHMARKS][:10]
    fields = {**vars(whole), "benchmarks": tuple(names), "seeds": whole.seeds[:3]}
    parts = Parts(**{name: fields[name] for name in Experiment.__dataclass_fields__})
    loaded = {}
    for name in names:
        table = copy.copy(whole.loaded[name.rpartition("-part")[0]])
        table.benchmark = name
        loaded[name] = table
    data = {name: table.data for name, table in loaded.items()}
    parts = replace(parts, data=data)
    vars(parts)["loaded"] = loaded
    return summarise(parts)


@pytest.fixture(scope="session")
def renamed() -> Callable[..., Summary]:
    """Return a function that gives the same results under other names of strategies."""
    keyed = ("finals", "by_evaluations", "by_seconds", "checkpoints", "odds", "overhead")

    def of(summary, names):
        """The same results under other names of strategies."""
        new = dict(zip(summary.experiment.strategies, names, strict=True))
        return replace(
            summary,
            experiment=replace(
                summary.experiment,
                strategies={new[name]: s for name, s in summary.experiment.strategies.items()},
            ),
            scores=tuple(replace(score, strategy=new[score.strategy]) for score in summary.scores),
            ranks=replace(
                summary.ranks,
                expected={new[name]: ranks for name, ranks in summary.ranks.expected.items()},
            ),
            overall=replace(
                summary.overall,
                aggregates=tuple(
                    replace(one, strategy=new[one.strategy]) for one in summary.overall.aggregates
                ),
            ),
            **{
                field: {(task, new[name]): v for (task, name), v in getattr(summary, field).items()}
                for field in keyed
            },
        )

    return of
