"""One seeded run of one strategy on one benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.benchmarks import Benchmark, load
from nasbench_suite.core import (
    Budget,
    InvalidSetting,
    Protocol,
    Run,
    shown,
    whole,
)
from nasbench_suite.experiments.search import Evaluator, guarded, search
from nasbench_suite.registry import Named
from nasbench_suite.settings import at_least
from nasbench_suite.strategies.base import Strategy

VERSION: Final = version("nasbench-suite")
_SEEDS: Final = 2**128
"""How many seeds there are: numpy's generators hold no more bits."""


def check_seed(seed: Any) -> int:
    """Return a seed as an int, of whatever numeric type it is.

    Raises:
        InvalidSetting: it is none, or too large to be written.
    """
    number = whole(seed)
    if number is None or not 0 <= number < _SEEDS or isinstance(seed, bool):
        raise InvalidSetting(f"seed {shown(seed)}: it is a whole number from 0 to 2**128 - 1")
    return number


def prepare(
    benchmark: Benchmark,
    protocol: str,
    budget: Budget,
    strategy: str,
    settings: Mapping[str, Any] | str | None,
) -> tuple[Protocol, Named, dict[str, Any]]:
    """Check what a run is asked to do, before anything is done.

    Returns:
        The protocol, the strategy as the registry found it, and all of its settings.

    Raises:
        UnknownName: there is no such protocol, strategy or setting.
        DataNotFound: there is no file of a user's own strategy.
        InvalidSetting: a budget in seconds where none were measured, or in epochs where trials
            have none, a table that does not cover its space, or a setting of the wrong type or
            out of range.
        FaultyStrategy: the strategy's own code raised something.
    """
    found = benchmark.protocol(str(protocol))
    if not isinstance(budget, Budget):
        raise InvalidSetting(f"budget is {shown(budget)}: give a Budget(evaluations=…, seconds=…)")
    if not benchmark.covers_space:
        raise InvalidSetting(
            f"{benchmark.benchmark} holds a sample of {benchmark.space.name}: it can be looked "
            "up, but a search would ask for what it does not hold"
        )
    if budget.seconds is not None and found.cost is None:
        raise InvalidSetting(
            f"{benchmark.benchmark} has no measured seconds: give the budget in evaluations"
        )
    if budget.epochs is not None and not found.epochs:
        raise InvalidSetting(
            f"{benchmark.benchmark} has no epochs under the protocol {found.name}: give the budget "
            f"in evaluations{'' if found.cost is None else ' or seconds'}"
        )
    named = registry.find("strategies", strategy)
    kind: Any = named.kind
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        raise InvalidSetting(f"{strategy} is no strategy: it does not derive from Strategy")
    complete = kind.settings(settings)
    # Only the strategy knows which values it takes.
    begin(kind, benchmark, found, complete, seed=0)
    return found, named, complete


def begin(
    kind: type[Strategy],
    benchmark: Benchmark,
    protocol: Protocol,
    settings: Mapping[str, Any],
    seed: int,
) -> Strategy:
    """Return a new search with a strategy.

    Raises:
        InvalidSetting: it refuses a setting or the protocol.
        FaultyStrategy: its constructor raised something else.
    """
    return guarded(
        f"{kind.__name__}()",
        lambda: kind.begin(
            benchmark.space,
            rng=np.random.default_rng(seed),
            epochs=protocol.epochs,
            settings=settings,
        ),
    )


def run(
    strategy: str,
    benchmark: str | Benchmark,
    *,
    budget: Budget,
    seed: int,
    protocol: str = "standard",
    settings: Mapping[str, Any] | str | None = None,
    workers: int = 1,
) -> Run:
    """Search once: ask, evaluate, tell, until the budget is spent.

    The strategy draws from `numpy.random.default_rng(seed)`. Simulated seconds are the
    protocol's cost; a trial that would end after the budget's last second, or spend more than
    its epochs, is not part of the run. A strategy that has nothing left to ask ends it early.

    Args:
        strategy: a registered name, or `path/to/mine.py:MyStrategy`.
        benchmark: an id such as `nasbench201/cifar10`, or a loaded benchmark.
        budget: evaluations, epochs, simulated seconds, real seconds, or several of them.
        seed: the seed of the strategy's generator.
        protocol: what may be seen and what is paid.
        settings: of the strategy, by name, with the defaults for the rest; or the name of one of
            its presets, such as `"paper"`; or both, the preset under the name `preset`.
        workers: how many trials are in flight on the simulated clock, each as long as it costs.

    Raises:
        UnknownName, InvalidSetting, DataNotFound: see `prepare`.
        InvalidArchitecture: the strategy proposed one that is not of the space.
        FaultyStrategy: the strategy's own code raised something.
    """
    number = check_seed(seed)
    asked: Benchmark = load(benchmark) if isinstance(benchmark, str) else benchmark
    if not hasattr(asked, "protocol"):
        raise InvalidSetting(f"{shown(benchmark)} is no benchmark: give its id, or what load gives")
    crew = at_least("workers", workers, 1)
    rules, named, complete = prepare(asked, protocol, budget, strategy, settings)
    strategy_itself = begin(named.kind, asked, rules, complete, number)
    found = search(strategy_itself, Evaluator(asked, rules), budget, crew)
    return Run(
        benchmark=asked.benchmark,
        source=asked.source,
        data=asked.data,
        protocol=protocol,
        objective=rules.objective,
        direction=asked.metrics[rules.objective].direction,
        strategy=named.name,
        code=named.code,
        settings=complete,
        seed=number,
        budget=budget,
        workers=crew,
        version=VERSION,
        trials=tuple(found.trials),
        overhead=found.overhead,
    )
