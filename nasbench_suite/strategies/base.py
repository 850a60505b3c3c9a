"""What every search strategy is: ask and tell.

A strategy sees a space and the trials it is told, never a benchmark, so it cannot look at a
test score. Its state is a fold of its history: given the same seed and the same calls in the
same order, it asks the same next architecture. So a run resumes by replaying its log, and a
submission can be replayed by anybody.

`ask` may be called several times before a `tell`, when several trials are in flight.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar, Final

import numpy as np

from nasbench_suite.core import (
    Arch,
    FaultyStrategy,
    InvalidSetting,
    NasbenchError,
    Proposal,
    Trial,
    finite,
    shown,
    whole,
)
from nasbench_suite.settings import complete
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates.base import LARGEST

# What a constructor is given by the run; its other parameters are settings.
_GIVEN: Final = frozenset({"space", "rng", "epochs"})


class SpaceExhausted(NasbenchError):
    """The strategy has nothing left to ask: it has seen the whole space and repeats nothing."""


class OutOfTurn(NasbenchError, ValueError):
    """A trial was told that was never asked for, or told twice."""


class Strategy(ABC):
    """Asks for architectures and is told what they scored.

    A subclass writes `_ask`, and `_tell` if it learns. Its settings are the keyword arguments
    of its `__init__` after `rng`.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Settings that go together, by name: `paper` for those of the paper."""

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
            FaultyStrategy: a subclass returned something else than a proposal.
        """
        proposal = self._ask()
        if type(proposal) is not Proposal or type(proposal.arch) is not tuple:
            raise FaultyStrategy(
                f"{type(self).__name__} asked for {shown(proposal)}: it should ask for a Proposal "
                "of an architecture, a tuple of one small integer a gene"
            )
        self._in_flight[self._asked] = proposal.arch
        self._asked += 1
        return proposal

    def tell(self, trial: Trial) -> None:
        """Hear the result of an architecture that was asked for; a failed one scores -inf.

        A score that is not a finite number counts as a failure, and so does one of 1e100 or more in
        size, whose squares and differences would be no numbers.

        Raises:
            OutOfTurn: it was never asked for, or told before.
        """
        number = self._in_turn(trial)
        del self._in_flight[number]
        score = finite(trial.score)
        if trial.status != "ok" or score is None or abs(score) >= LARGEST:
            trial = trial._replace(status="failed", score=-math.inf)
        self._tell(trial)

    def _in_turn(self, trial: Trial) -> int:
        """Return the number of a trial that is in flight.

        Raises:
            OutOfTurn: it is not.
        """
        if not isinstance(trial, Trial):
            raise OutOfTurn(f"{trial!r} is no Trial: tell what `ask` asked for, and its score")
        number = whole(trial.number)
        if number is None or not 0 <= number < self._asked:
            raise OutOfTurn(f"trial {trial.number} was never asked for")
        if number not in self._in_flight:
            raise OutOfTurn(f"trial {number} was told before")
        # An array compares gene by gene, and so is neither equal nor unequal.
        if type(trial.arch) is not tuple or trial.arch != self._in_flight[number]:
            raise OutOfTurn(f"trial {number} was asked for another architecture")
        return number

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
    def settings(cls, given: Mapping[str, Any] | str | None = None) -> dict[str, Any]:
        """Return all settings with their values: those given or of the preset, else the defaults.

        Raises:
            UnknownName: a setting or preset is given that the strategy does not have.
        """
        return complete(cls, given, _GIVEN)


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
                f"{cls.__name__} chooses between training lengths, and on {space.name} the "
                f"protocol has {len(epochs) or 'none'}: take one with several, such as "
                "multi_fidelity"
            )
        return cls(space, rng=rng, epochs=epochs, **settings)


def mutated(space: Space, arch: Arch, rng: np.random.Generator) -> Arch:
    """Return a neighbour of an architecture, or any other where it has none."""
    try:
        return space.mutate(arch, rng)
    except InvalidSetting:
        return space.sample(rng)


class Fresh:
    """Draws architectures that were not drawn before, each as likely as the others."""

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        """Begin with nothing drawn; add to `seen` whatever else is not to be drawn."""
        self.seen: Final[set[Arch]] = set()
        self._space = space
        self._rng = rng
        self._left: list[Arch] | None = None

    def draw(self) -> Arch:
        """Return a new architecture, which is seen from now on.

        Raises:
            SpaceExhausted: all of the space has been seen.
        """
        arch = self._draw()
        self.seen.add(arch)
        return arch

    def _draw(self) -> Arch:
        # Drawing until one is new is quick while half of the space is new; then those left are
        # listed once, in random order.
        while 2 * len(self.seen) < self._space.size:
            arch = self._space.sample(self._rng)
            if arch not in self.seen:
                return arch
        if self._left is None:
            self._left = [arch for arch in self._space if arch not in self.seen]
            self._rng.shuffle(self._left)
        while self._left:
            arch = self._left.pop()
            if arch not in self.seen:
                return arch
        raise SpaceExhausted(f"all {self._space.size:,} architectures of the space were asked")
