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
    NotMeasured,
    Proposal,
    Protocol,
    Run,
    Trial,
    whole,
)
from nasbench_suite.strategies.base import SpaceExhausted, Strategy

VERSION: Final = version("nasbench-suite")


class Evaluator:
    """Evaluates proposals under a protocol: what a search may see, and what it pays."""

    def __init__(self, benchmark: Benchmark, protocol: Protocol) -> None:
        """Evaluate on a benchmark under one of its protocols."""
        self._query = benchmark.query
        self._protocol = protocol
        self._longest = protocol.epochs[-1] if protocol.epochs else None
        self._sign = -1.0 if benchmark.metrics[protocol.objective].direction == "min" else 1.0
        # What each architecture has paid for so far, where a longer training continues.
        self._paid: dict[Any, float] = {}

    def __call__(self, number: int, proposal: Proposal) -> Trial:
        """Return the trial of a proposal; one that was not measured is a failed trial.

        Raises:
            InvalidArchitecture: the strategy proposed one that is not of the space.
            InvalidSetting: it proposed epochs that the protocol does not have.
        """
        arch, asked = proposal
        epochs = self._longest if asked is None else asked
        protocol = self._protocol
        if asked is not None and asked not in protocol.epochs:
            raise InvalidSetting(
                f"the strategy asked for {asked} epochs, and protocol {protocol.name} has "
                f"{', '.join(map(str, protocol.epochs)) or 'none'}"
            )
        cost = 1.0
        if protocol.cost is not None:
            cost = self._query(arch, protocol.cost, epochs=epochs, seed=protocol.seed)
            if protocol.continues:
                before = self._paid.get(arch, 0.0)
                self._paid[arch] = max(before, cost)
                cost = max(0.0, cost - before)
        try:
            value = self._query(arch, protocol.objective, epochs=epochs, seed=protocol.seed)
        except NotMeasured:
            return Trial(number, arch, epochs, {}, cost, "failed", -np.inf)
        return Trial(
            number, arch, epochs, {protocol.objective: value}, cost, "ok", self._sign * value
        )


def prepare(
    benchmark: Benchmark,
    protocol: str,
    budget: Budget,
    strategy: str,
    settings: Mapping[str, Any] | str | None,
) -> tuple[Protocol, type[Strategy], dict[str, Any]]:
    """Check what a run is asked to do, before anything is done.

    Returns:
        The protocol, the strategy's class, and all of its settings.

    Raises:
        UnknownName: there is no such protocol, strategy or setting.
        InvalidSetting: a budget in seconds where none were measured, a table that does not
            cover its space, or a setting of the wrong type or out of range.
    """
    found = benchmark.protocol(protocol)
    if not isinstance(budget, Budget):
        raise InvalidSetting(f"budget is {budget!r}: give a Budget(evaluations=…, seconds=…)")
    if not benchmark.covers_space:
        raise InvalidSetting(
            f"{benchmark.benchmark} holds a sample of {benchmark.space.name}: it can be looked "
            "up, but a search would ask for what it does not hold"
        )
    if budget.seconds is not None and found.cost is None:
        raise InvalidSetting(
            f"{benchmark.benchmark} has no measured seconds: give the budget in evaluations"
        )
    kind: type[Strategy] = registry.load("strategies", strategy)
    complete = kind.settings(settings)
    # Only the strategy knows which values it takes.
    rng = np.random.default_rng(0)
    kind.begin(benchmark.space, rng=rng, epochs=found.epochs, settings=complete)
    return found, kind, complete


def run(
    strategy: str,
    benchmark: str | Benchmark,
    *,
    budget: Budget,
    seed: int,
    protocol: str = "standard",
    settings: Mapping[str, Any] | str | None = None,
) -> Run:
    """Search once: ask, evaluate, tell, until the budget is spent.

    The strategy draws from `numpy.random.default_rng(seed)`. Simulated seconds are the
    protocol's cost; a trial that would end after the budget's last second is not part of the
    run. A strategy that has nothing left to ask ends it early.

    Args:
        strategy: a registered name.
        benchmark: an id such as `nasbench201/cifar10`, or a loaded benchmark.
        budget: evaluations, simulated seconds, or both.
        seed: the seed of the strategy's generator.
        protocol: what may be seen and what is paid.
        settings: of the strategy, by name, with the defaults for the rest; or the name of one of
            its presets, such as `"paper"`.

    Raises:
        UnknownName, InvalidSetting: see `prepare`.
        InvalidArchitecture: the strategy proposed one that is not of the space.
    """
    number = whole(seed)
    if number is None or number < 0 or isinstance(seed, bool):
        raise InvalidSetting(f"seed {seed!r}: it is a whole number, 0 or more")
    asked: Benchmark = load(benchmark) if isinstance(benchmark, str) else benchmark
    rules, kind, complete = prepare(asked, protocol, budget, strategy, settings)
    trials = search(
        kind.begin(
            asked.space,
            rng=np.random.default_rng(number),
            epochs=rules.epochs,
            settings=complete,
        ),
        Evaluator(asked, rules),
        budget,
    )
    return Run(
        benchmark=asked.benchmark,
        source=asked.source,
        data=asked.data,
        protocol=protocol,
        objective=rules.objective,
        direction=asked.metrics[rules.objective].direction,
        strategy=strategy,
        settings=complete,
        seed=number,
        budget=budget,
        version=VERSION,
        trials=tuple(trials),
    )


def search(strategy: Strategy, evaluate: Evaluator, budget: Budget) -> list[Trial]:
    """Ask, evaluate and tell until the budget is spent, and return the trials in order.

    Raises:
        InvalidSetting: the budget ends before the first trial does.
    """
    trials: list[Trial] = []
    most = np.inf if budget.evaluations is None else budget.evaluations
    seconds = np.inf if budget.seconds is None else budget.seconds
    spent = 0.0
    while len(trials) < most:
        try:
            proposal = strategy.ask()
        except SpaceExhausted:
            break
        trial = evaluate(len(trials), proposal)
        # Added up as `scoring.curves.ends` does, so that no trial ends after the last second.
        spent += trial.cost
        if spent > seconds:
            if not trials:
                raise InvalidSetting(
                    f"a budget of {budget.seconds:g} simulated seconds is too small: "
                    f"the first trial takes {trial.cost:.1f}"
                )
            break
        trials.append(trial)
        strategy.tell(trial)
    return trials
