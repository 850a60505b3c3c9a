"""Made-up searches: spaces of a few architectures, a landscape over any space, and a player."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TypeAlias

import numpy as np

from nasbench_suite.core import Arch, InvalidArchitecture, Proposal, Trial
from nasbench_suite.graph import Graph
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import SpaceExhausted, Strategy

Fails: TypeAlias = Callable[[int], bool]
"""Whether the trial of a number fails."""


class TinySpace(Space):
    """Three switches, so eight architectures: fewer than most populations."""

    name = "tiny"
    genes = (2, 2, 2)

    def parse(self, text: str) -> Arch:
        """Return the switches written like `011`."""
        if len(text) != len(self.genes) or not set(text) <= {"0", "1"}:
            raise InvalidArchitecture(f"{text!r} is no architecture of {self.name}")
        return tuple(map(int, text))

    def format(self, arch: Arch) -> str:
        """Return the switches as digits."""
        return "".join(map(str, arch))

    def graph(self, arch: Arch, *, classes: int, size: int) -> Graph:
        """Return a chain in which each switch doubles the width of a convolution."""
        net = Graph(channels=3, size=size)
        x = 0
        for gene in arch:
            x = net.relu_conv_bn(x, 8 * (1 + gene), 3)
        net.linear(net.global_avg_pool(x), classes)
        return net


class Single(TinySpace):
    """A single architecture, which has no neighbour."""

    name = "single"
    genes = (1, 1, 1)


class Sparse(TinySpace):
    """Of 64 tuples only those are architectures with a single 1, and one with no neighbour."""

    name = "sparse"
    genes = (4, 4, 4)

    def fault(self, arch: Arch) -> str | None:
        """Refuse most tuples."""
        found = super().fault(arch)
        if found is None and arch.count(1) not in (1, len(arch)):
            found = "neither one gene is 1 nor all are"
        return found

    @cached_property
    def size(self) -> int:
        """Count what is not refused."""
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Arch]:
        """Yield what is not refused."""
        tuples = map(self.decode, range(math.prod(self.genes)))
        return (arch for arch in tuples if self.fault(arch) is None)


def landscape(arch: Arch) -> float:
    """Return a made-up score with several local optima."""
    return sum(math.sin(1.7 * place + 2.3 * gene) for place, gene in enumerate(arch)) + math.sin(
        sum((place + 1) * gene for place, gene in enumerate(arch))
    )


def answer(number: int, proposal: Proposal, *, failed: bool = False) -> Trial:
    """Return the trial of a proposal on the made-up landscape."""
    arch, epochs = proposal
    if failed:
        return Trial(number, arch, epochs, {}, 1.0, "failed", -math.inf)
    score = landscape(arch)
    return Trial(number, arch, epochs, {"accuracy": score}, 1.0, "ok", score)


def play(
    strategy: Strategy, asks: int, fails: Fails = lambda number: False, in_flight: int = 1
) -> list[Proposal | Trial]:
    """Search the made-up landscape and return what was asked and told, in order.

    Args:
        strategy: a fresh one; it may say early that the space is exhausted.
        asks: how often to ask.
        fails: which trials fail, by number.
        in_flight: how many trials are asked for before the first is told; of those in flight,
            one drawn at random is told each time.
    """
    order = np.random.default_rng(9)
    events: list[Proposal | Trial] = []
    waiting: list[Trial] = []
    for number in range(asks):
        try:
            proposal = strategy.ask()
        except SpaceExhausted:
            break
        events.append(proposal)
        waiting.append(answer(number, proposal, failed=fails(number)))
        if len(waiting) == in_flight:
            trial = waiting.pop(int(order.random() * in_flight))
            strategy.tell(trial)
            events.append(trial)
    return events
