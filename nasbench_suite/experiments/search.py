"""The loop of every search: ask, evaluate and tell, until the budget is spent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import chain
from time import monotonic, perf_counter
from typing import Any, Final, NamedTuple, TypeGuard, TypeVar

import numpy as np

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import (
    Budget,
    BudgetTooSmall,
    FaultyStrategy,
    InvalidSetting,
    NasbenchError,
    NotMeasured,
    Proposal,
    Protocol,
    Trial,
    raised,
    shown,
    whole,
)
from nasbench_suite.experiments.epochs import Epochs
from nasbench_suite.strategies.base import SpaceExhausted, Strategy

T = TypeVar("T")

IDLE: Final = 10_000
"""After so many trials in a row that spend nothing, a search has nothing left to ask."""


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
        self.epochs: Final = Epochs(protocol)
        """Counts the epochs that its trials spend."""

    def __call__(self, number: int, proposal: Proposal) -> Trial:
        """Return the trial of a proposal; one that was not measured is a failed trial.

        Raises:
            InvalidArchitecture: the strategy proposed one that is not of the space.
            InvalidSetting: it proposed epochs that the protocol does not have.
        """
        arch, asked = proposal
        epochs = self._longest if asked is None else whole(asked)
        protocol = self._protocol
        if asked is not None and epochs not in protocol.epochs:
            raise InvalidSetting(
                f"the strategy asked for {shown(asked)} epochs, and protocol {protocol.name} has "
                f"{', '.join(map(str, protocol.epochs)) or 'none'}"
            )
        try:
            value = self._query(arch, protocol.objective, epochs=epochs, seed=protocol.seed)
        except NotMeasured:
            value = None
        cost = 1.0
        if protocol.cost is not None:
            try:
                cost = self._query(arch, protocol.cost, epochs=epochs, seed=protocol.seed)
            except NotMeasured:
                # What a training that failed at once has cost may be known to nobody.
                if value is not None:
                    raise
                cost = 0.0
            if protocol.continues:
                before = self._paid.get(arch, 0.0)
                self._paid[arch] = max(before, cost)
                cost = max(0.0, cost - before)
        if value is None:
            return Trial(number, arch, epochs, {}, cost, "failed", -np.inf)
        return Trial(
            number, arch, epochs, {protocol.objective: value}, cost, "ok", self._sign * value
        )

    def changed(self, trials: Sequence[Trial]) -> Trial | None:
        """Return the first trial whose values are not those that it was made with any more."""
        name, sign = self._protocol.objective, self._sign
        for trial in trials:
            made = sign * trial.score if trial.status == "ok" else None
            if trial.values.get(name) != made or len(trial.values) > 1:
                return trial
        return None


class Found(NamedTuple):
    """What a search did."""

    trials: list[Trial]
    """In the order in which they ended."""
    overhead: float
    """The seconds that the strategy itself took to ask and to be told."""


def search(strategy: Strategy, evaluate: Evaluator, budget: Budget, workers: int = 1) -> Found:
    """Ask, evaluate and tell until the budget is spent.

    With several workers, as many trials are in flight, each for as long as it costs; whichever
    ends first is told first, of equals the one that was asked first, and its worker takes the
    next proposal at once. A trial that would end after the budget's last second is not part of
    the run. Epochs are spent when a trial is asked: once they are, or would be overspent by the
    trial just asked, which is then not part of the run, no more is asked, and what is in flight
    is told. A strategy that has nothing left to ask is not asked again; nor is one that repeats
    trainings which cost nothing any more, `IDLE` times in a row, where nothing else would end it.

    Raises:
        BudgetTooSmall: the budget ends before the first trial does, or the first trial trains for
            more epochs.
        FaultyStrategy: the strategy raised something, and the message says at which trial and
            where; or it asked for nothing.
    """
    most = np.inf if budget.evaluations is None else budget.evaluations
    seconds = np.inf if budget.seconds is None else budget.seconds
    last = np.inf if budget.real_seconds is None else monotonic() + budget.real_seconds
    spent, epochs = 0, np.inf if budget.epochs is None else budget.epochs
    idle, endless = 0, most == last == np.inf
    trials: list[Trial] = []
    flying: list[tuple[float, int, Trial]] = []
    now, asked, free, first = 0.0, 0, workers, np.inf
    evaluating, begun = 0.0, perf_counter()
    while True:
        while free and asked < most and (last == np.inf or monotonic() < last):
            proposal = _ask(strategy, asked)
            if proposal is None:
                most = asked
                break
            evaluated = perf_counter()
            trial = evaluate(asked, proposal)
            evaluating += perf_counter() - evaluated
            spends = 0 if budget.epochs is None else evaluate.epochs(trial)
            spent += spends
            if spent > epochs:
                if not asked:
                    raise _overspent(budget, spends)
                most = asked
                break
            heappush(flying, (now + trial.cost, asked, trial))
            free -= 1
            asked += 1
            idle = 0 if spends or (trial.cost and budget.seconds is not None) else idle + 1
            if spent == epochs or (endless and idle == IDLE):
                most = asked
        if not flying or (last < np.inf and monotonic() >= last):
            break
        end, _, trial = heappop(flying)
        first = min(first, end)
        if end > seconds:
            break
        now = end
        trials.append(trial)
        try:
            strategy.tell(trial)
        except (Exception, SystemExit) as error:
            raise _fault(error, "tell", trial.number) from error
        free += 1
    overhead = perf_counter() - begun - evaluating
    if not trials:
        raise _nothing(budget, first)
    _check(trials, evaluate)
    return Found(trials, overhead)


def _ask(strategy: Strategy, number: int) -> Proposal | None:
    """Return a strategy's next proposal, or None: it has nothing left to ask.

    Raises:
        FaultyStrategy: it raised something.
    """
    try:
        return strategy.ask()
    except SpaceExhausted:
        return None
    except (Exception, SystemExit) as error:
        raise _fault(error, "ask", number) from error


def _check(trials: Sequence[Trial], evaluate: Evaluator) -> None:
    """See that what a strategy asked for and was told can be recorded.

    Raises:
        FaultyStrategy: it asked for genes that only look like whole numbers, or changed a trial.
    """
    odd = set(map(type, chain.from_iterable([trial.arch for trial in trials]))) - {int}
    for kind in odd:
        if not issubclass(kind, np.integer):
            raise FaultyStrategy(
                f"the strategy asked for genes of type {kind.__name__}: genes are whole numbers"
            )
    changed = evaluate.changed(trials)
    if changed is not None:
        raise FaultyStrategy(f"the strategy changed trial {changed.number}, which it was told")


def _nothing(budget: Budget, first: float) -> NasbenchError:
    """Return why a run has no trials, the first of which would have ended at `first` seconds."""
    if budget.seconds is not None and first > budget.seconds:
        return BudgetTooSmall(
            f"a budget of {budget.seconds:g} simulated seconds is too small: "
            f"the first trial takes {first:.1f}"
        )
    if budget.real_seconds is not None:
        return BudgetTooSmall(
            f"a budget of {budget.real_seconds:g} real seconds is too small for a single trial"
        )
    return FaultyStrategy("the strategy asked for nothing at all")


def _overspent(budget: Budget, first: int) -> NasbenchError:
    """Return why a run has no trials, the first of which trains for `first` epochs."""
    return BudgetTooSmall(
        f"a budget of {budget.epochs:,} epochs is too small: the first trial trains for {first:,}"
    )


def _known(error: BaseException) -> TypeGuard[NasbenchError]:
    """Return whether an error is one of the suite's own, which says enough."""
    return isinstance(error, NasbenchError) and type(error).__module__.startswith("nasbench_suite.")


def _fault(error: BaseException, method: str, number: int) -> NasbenchError:
    """Return what went wrong inside a strategy, with the place in its file."""
    if _known(error):
        return error
    return FaultyStrategy(f"at trial {number}, {method} raised {raised(error)}")


def guarded(method: str, call: Callable[[], T]) -> T:
    """Return what a strategy's own code returns, before any trial.

    Raises:
        FaultyStrategy: it raised something.
    """
    try:
        return call()
    except (Exception, SystemExit) as error:
        if _known(error):
            raise
        raise FaultyStrategy(f"{method} raised {raised(error)}") from error
