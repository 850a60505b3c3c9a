"""What every search strategy is: ask and tell.

A strategy sees a space and the trials it is told, never a benchmark, so it cannot look at a
test score. Its state is a fold of its history: given the same seed and the same calls in the
same order, it asks the same next architecture. So a run resumes by replaying its log, and a
submission can be replayed by anybody.

`ask` may be called several times before a `tell`, when several trials are in flight.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from nasbench_suite.core import Arch, InvalidSetting, NasbenchError, Proposal, Trial, UnknownName
from nasbench_suite.spaces.base import Space


class SpaceExhausted(NasbenchError):
    """The strategy has nothing left to ask: it has seen the whole space and repeats nothing."""


class OutOfTurn(NasbenchError, ValueError):
    """A trial was told that was never asked for, or told twice."""


class Strategy(ABC):
    """Asks for architectures and is told what they scored.

    A subclass writes `_ask`, and `_tell` if it learns. Its settings are the keyword arguments
    of its `__init__` after `rng`, each with the paper's default.
    """

    def __init__(self, space: Space, *, rng: np.random.Generator) -> None:
        """Begin a search of `space`; every random number comes from `rng`."""
        self.space: Final = space
        self.rng: Final = rng
        self._asked = 0
        self._in_flight: dict[int, Arch] = {}

    def ask(self) -> Proposal:
        """Return what to evaluate next; the n-th call asks for trial number n, from 0.

        Raises:
            SpaceExhausted: there is nothing left to ask.
        """
        proposal = self._ask()
        self._in_flight[self._asked] = proposal.arch
        self._asked += 1
        return proposal

    def tell(self, trial: Trial) -> None:
        """Hear the result of an architecture that was asked for; a failed one scores -inf.

        Raises:
            OutOfTurn: it was never asked for, or told before.
        """
        if self._in_flight.get(trial.number) != trial.arch:
            state = "was told before" if 0 <= trial.number < self._asked else "was never asked for"
            if trial.number in self._in_flight:
                state = "was asked for another architecture"
            raise OutOfTurn(f"trial {trial.number} {state}")
        del self._in_flight[trial.number]
        self._tell(trial)

    @abstractmethod
    def _ask(self) -> Proposal: ...

    def _tell(self, trial: Trial) -> None:
        """Learn from a trial; a strategy that does not learn leaves this as it is."""

    @classmethod
    def settings(cls, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return all settings with their values: those given, else the defaults.

        Raises:
            UnknownName: a setting is given that the strategy does not have.
        """
        parameters = list(inspect.signature(cls.__init__).parameters.values())[3:]
        defaults = {p.name: p.default for p in parameters}
        for name in given or {}:
            if name not in defaults:
                raise UnknownName("setting", name, defaults, f" of {cls.__name__}")
        return {**defaults, **(given or {})}


def at_least(name: str, value: object, least: int) -> int:
    """Return a setting that is a whole number and not too small.

    Raises:
        InvalidSetting: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidSetting(f"{name} is {value!r}: it is a whole number of at least {least}")
    return value


def between(name: str, value: object, low: float, high: float) -> float:
    """Return a setting that is a number above `low` and below `high`.

    Raises:
        InvalidSetting: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value < high:
        above = f"above {low:g}" + (f" and below {high:g}" if math.isfinite(high) else "")
        raise InvalidSetting(f"{name} is {value!r}: it is a number {above}")
    return float(value)
