"""What every search space is, and what it gets for free.

A space states its genes and its string form; sampling, neighbours, mutation, crossover and
encodings follow. An architecture is a tuple of small integers, one per gene; strings, graphs
and feature vectors are views of it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import gt, mul
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import (
    Arch,
    Floats,
    Ints,
    InvalidArchitecture,
    InvalidSetting,
    NoNetwork,
    UnknownName,
    shown,
    whole,
)
from nasbench_suite.graph import Graph
from nasbench_suite.spaces._dags import ABSENT as ABSENT
from nasbench_suite.spaces._dags import Dags as Dags
from nasbench_suite.spaces._dags import chain


class Space(ABC):
    """A set of architectures with an encoding."""

    name: ClassVar[str]
    genes: ClassVar[tuple[int, ...]]
    """The number of choices of each gene."""

    pool: ClassVar[bool] = False
    """Whether it is a list of what was measured, in which neighbours are those most alike."""

    @abstractmethod
    def parse(self, text: str) -> Arch:
        """Return the architecture that the original benchmark writes as `text`.

        Raises:
            InvalidArchitecture: it does not parse, or lies outside the space.
        """

    @abstractmethod
    def format(self, arch: Arch) -> str:
        """Return the string that the original benchmark uses for a valid architecture."""

    def graph(self, arch: Arch, *, classes: int, size: int) -> Graph:
        """Return the whole network, for so many classes and images of `size` pixels a side.

        Raises:
            NoNetwork: the space's architectures are no networks of images.
        """
        raise NoNetwork(f"{self.name} describes no network of images: there is no graph of it")

    def canonical(self, arch: Arch) -> Arch:
        """Return the first architecture, in the order of `index`, of the same canonical form."""
        return arch

    def fault(self, arch: Arch) -> str | None:
        """Say what is wrong with a tuple of integers, or None if it is in the space."""
        if len(arch) == len(self.genes) and min(arch) >= 0 and all(map(gt, self.genes, arch)):
            return None
        if len(arch) != len(self.genes):
            return f"it has {len(arch)} genes, the space has {len(self.genes)}"
        for place, (value, choices) in enumerate(zip(arch, self.genes, strict=True)):
            if not 0 <= value < choices:
                return f"gene {place} is {value}, and its choices are 0 to {choices - 1}"
        return None

    # What follows is the same for every space.

    @cached_property
    def size(self) -> int:
        """The number of architectures; a space that refuses some tuples counts its own."""
        return self.tuples

    @cached_property
    def forms(self) -> int:
        """The number of canonical forms; a space that is too large to go through knows its own."""
        return len(self._copies)

    def copies(self, archs: Sequence[Arch] | NDArray[Any]) -> Ints:
        """Return how many architectures have the canonical form of each, (architectures,).

        A uniform draw has this form with so many chances in `size`.
        """
        forms = [self.canonical(tuple(arch)) for arch in np.asarray(archs).tolist()]
        return np.array([self._copies[form] for form in forms], dtype=np.int64)

    @cached_property
    def _copies(self) -> Counter[Arch]:
        return Counter(map(self.canonical, self))

    @cached_property
    def tuples(self) -> int:
        """The number of all tuples, also of those that the space refuses: codes are below it."""
        return math.prod(self.genes)

    def valid(self, arch: Arch) -> bool:
        """Return whether a tuple of integers is an architecture of this space."""
        return self.fault(arch) is None

    def check(self, arch: Sequence[Any]) -> Arch:
        """Return a sequence of integers as an architecture.

        Raises:
            InvalidArchitecture: it is not one of this space; the message says why.
        """
        try:
            plain = tuple([gene for gene in map(whole, arch) if gene is not None])
            complete = len(plain) == len(arch)
        except TypeError:
            complete = False
        if not complete:
            raise InvalidArchitecture(
                f"{shown(arch)} is no architecture of {self.name}: genes are integers"
            )
        fault = self.fault(plain)
        if fault is not None:
            raise InvalidArchitecture(f"{shown(plain)} is no architecture of {self.name}: {fault}")
        return plain

    def all_valid(self, archs: Sequence[Any]) -> bool:
        """Return whether many are all tuples of small integers, and of the space.

        That they are is found out much faster than one by one. Of what may be written with other
        numbers or in other ways, or has genes of more than 256 choices, the answer is no.
        """
        if set(map(type, archs)) != {tuple} or set(map(len, archs)) != {len(self.genes)}:
            return False
        try:
            genes = _of_bytes(archs, len(self.genes))
        except (TypeError, ValueError):
            return False
        return bool((genes < np.array(self.genes)).all()) and self._all_fit(genes)

    def _all_fit(self, genes: Ints) -> bool:
        """Return whether none of many has a fault, (n, genes), each of which is a choice."""
        if type(self).fault is Space.fault:
            return True
        return all(self.fault(tuple(arch)) is None for arch in genes.tolist())

    def code(self, arch: Arch) -> int:
        """Return the place of a valid tuple among all tuples in lexicographic order."""
        return sum(map(mul, arch, self._weights))

    @cached_property
    def _weights(self) -> tuple[int, ...]:
        return tuple(math.prod(self.genes[place + 1 :]) for place in range(len(self.genes)))

    def decode(self, code: int) -> Arch:
        """Return the tuple at a place of the lexicographic order."""
        reverse = []
        for choices in reversed(self.genes):
            code, value = divmod(code, choices)
            reverse.append(value)
        return tuple(reversed(reverse))

    def index(self, arch: Arch) -> int:
        """Return the official number of an architecture; lexicographic where there is none."""
        return self.code(arch)

    def at(self, index: int) -> Arch:
        """Return the architecture of an official number.

        Raises:
            InvalidArchitecture: there are not so many.
        """
        if not 0 <= index < self.size:
            raise InvalidArchitecture(
                f"no architecture {index} in {self.name}: indices are 0 to {self.size - 1}"
            )
        return self._at(index)

    def _at(self, index: int) -> Arch:
        return self.decode(index)

    def __iter__(self) -> Iterator[Arch]:
        """Yield every architecture in the official order."""
        return map(self._at, range(self.size))

    def sample(self, rng: np.random.Generator) -> Arch:
        """Return an architecture drawn uniformly from the space."""
        genes = self.genes
        while True:
            draws = rng.random(len(genes)).tolist()
            arch = tuple([int(u * n) for u, n in zip(draws, genes, strict=True)])
            if self.fault(arch) is None:
                return arch

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Return the architectures that differ in exactly one gene, in a fixed order."""
        near = [
            (*arch[:place], value, *arch[place + 1 :])
            for place, choices in enumerate(self.genes)
            for value in range(choices)
            if value != arch[place]
        ]
        return [other for other in near if self.fault(other) is None]

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Return a neighbour: a gene drawn uniformly takes another value drawn uniformly.

        Raises:
            InvalidSetting: the architecture has no neighbour.
        """
        genes = self.genes
        # Rejection keeps the draw uniform where some tuples are invalid; a space without any
        # neighbour would never end it, so that case is told apart after many tries.
        for _ in range(1000):
            place = int(rng.random() * len(genes))
            choices = genes[place]
            if choices == 1:
                continue
            value = int(rng.random() * (choices - 1))
            value += value >= arch[place]
            other = (*arch[:place], value, *arch[place + 1 :])
            if self.fault(other) is None:
                return other
        near = self.neighbours(arch)
        if not near:
            raise InvalidSetting(f"{self.format(arch)} has no neighbour in {self.name}")
        return near[int(rng.random() * len(near))]

    def crossover(self, one: Arch, other: Arch, rng: np.random.Generator) -> Arch:
        """Return an architecture whose genes come from either parent with equal chance.

        Where the mixture is invalid it is drawn again, and after many tries it is `one`.
        """
        for _ in range(100):
            coins = rng.random(len(one)).tolist()
            child = tuple([a if u < 0.5 else b for u, a, b in zip(coins, one, other, strict=True)])
            if self.fault(child) is None:
                return child
        return one

    def encode(self, archs: Sequence[Arch] | Ints, kind: str = "one_hot") -> Floats:
        """Return features of architectures, an array (architectures, features) of float64.

        `integer` is the genes themselves and `one_hot` an indicator of every choice of every
        gene; a space adds its own kinds, listed in `encodings`. Among these `live` describes the
        part of the network that its output depends on, for models to learn from.

        Raises:
            UnknownName: the space has no encoding of this kind.
        """
        if kind not in self.encodings:
            raise UnknownName("encoding", kind, self.encodings, f" for {self.name}")
        features: Floats = getattr(self, f"_encode_{kind}")(self._genes(archs))
        return features

    def _genes(self, archs: Sequence[Arch] | Ints) -> Ints:
        """Return the genes of architectures, (architectures, genes)."""
        if isinstance(archs, list) and set(map(type, archs)) == {tuple}:
            try:
                return _of_bytes(archs, len(self.genes))
            except (TypeError, ValueError):
                pass  # genes of more than 256 choices, or tuples of something else
        return np.asarray(archs, dtype=np.int64).reshape(-1, len(self.genes))

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Return valid architectures as graphs of operations, for models that read graphs.

        This one is a node for each gene, in a row, each with kinds of its own: so it is where the
        architectures are chains, or vectors. A space of other graphs has its own.

        Raises:
            NoNetwork: the space is a list of what it knows no graph of.
        """
        return chain(self._genes(archs), self.genes)

    @cached_property
    def encodings(self) -> tuple[str, ...]:
        """The kinds that `encode` knows."""
        own = (n.removeprefix("_encode_") for n in dir(type(self)) if n.startswith("_encode_"))
        return tuple(sorted(own))

    def _encode_integer(self, genes: Ints) -> Floats:
        return genes.astype(np.float64)

    def _encode_one_hot(self, genes: Ints) -> Floats:
        columns = [genes[:, [place]] == np.arange(n) for place, n in enumerate(self.genes)]
        return np.concatenate(columns, axis=1).astype(np.float64)


def _of_bytes(archs: Sequence[Arch], genes: int) -> Ints:
    """Return tuples as an array, in half of the time that numpy takes.

    Raises:
        TypeError, ValueError: a gene is not a whole number from 0 to 255.
    """
    flat = np.frombuffer(b"".join(map(bytes, archs)), dtype=np.uint8)
    return flat.reshape(-1, genes).astype(np.int64)


class Numbered(Space):
    """A space that numbers its canonical forms, from 0 to `forms` - 1, without a list of them."""

    @abstractmethod
    def number(self, arch: Arch) -> int:
        """Return the number of a valid architecture's canonical form; isomorphic ones share it."""

    @abstractmethod
    def numbers(self, archs: Sequence[Arch] | NDArray[Any]) -> Ints:
        """Return `number` of each architecture, an array (architectures,).

        Raises:
            InvalidArchitecture: one is not of the space; the message says which, and why.
        """
