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
from itertools import pairwise
from typing import Any, Final

import numpy as np

from nasbench_suite.core import Arch, InvalidSetting, NasbenchError, Proposal, Trial, UnknownName
from nasbench_suite.spaces.base import Space

# What a constructor is given by the run; its other parameters are settings.
_GIVEN: Final = frozenset({"space", "rng", "epochs"})


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

    @classmethod
    def begin(
        cls,
        space: Space,
        *,
        rng: np.random.Generator,
        epochs: tuple[int, ...],
        settings: Mapping[str, Any],
    ) -> Strategy:
        """Return a new search under a protocol that offers these training lengths.

        Raises:
            InvalidSetting: a setting is of the wrong type or out of range, or the strategy cannot
                use such a protocol.
        """
        return cls(space, rng=rng, **settings)

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
        parameters = inspect.signature(cls).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.name not in _GIVEN}
        for name in given or {}:
            if name not in defaults:
                raise UnknownName("setting", name, defaults, f" of {cls.__name__}")
        return {**defaults, **(given or {})}


class FidelityStrategy(Strategy):
    """A strategy that chooses how long each architecture is trained."""

    def __init__(
        self, space: Space, *, rng: np.random.Generator, epochs: tuple[int, ...] = ()
    ) -> None:
        """Begin a search that may ask for trainings of these lengths, ascending.

        Raises:
            InvalidSetting: they are not ascending.
        """
        super().__init__(space, rng=rng)
        if any(shorter >= longer for shorter, longer in pairwise(epochs)):
            raise InvalidSetting(f"epochs are {epochs}: they ascend")

    @classmethod
    def begin(
        cls,
        space: Space,
        *,
        rng: np.random.Generator,
        epochs: tuple[int, ...],
        settings: Mapping[str, Any],
    ) -> Strategy:
        """Return a new search; see `Strategy.begin`."""
        if len(epochs) < 2:
            raise InvalidSetting(
                f"{cls.__name__} chooses between training lengths, and the protocol has "
                f"{len(epochs) or 'none'}: take one with several, such as multi_fidelity"
            )
        return cls(space, rng=rng, epochs=epochs, **settings)


def at_least(name: str, value: object, least: int) -> int:
    """Return a setting that is a whole number and not too small.

    Raises:
        InvalidSetting: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidSetting(f"{name} is {value!r}: it is a whole number of at least {least}")
    return value


def above(name: str, value: object, low: float) -> float:
    """Return a setting that is a finite number above `low`.

    Raises:
        InvalidSetting: it is not.
    """
    return between(name, value, low, math.inf)


def between(name: str, value: object, low: float, high: float) -> float:
    """Return a setting that is a number above `low` and below `high`.

    Raises:
        InvalidSetting: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value < high:
        above = f"above {low:g}" + (f" and below {high:g}" if math.isfinite(high) else "")
        raise InvalidSetting(f"{name} is {value!r}: it is a number {above}")
    return float(value)
