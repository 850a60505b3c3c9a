"""Spaces that are a list of what was measured: a pool."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

import numpy as np

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture, NoNetwork, shown
from nasbench_suite.spaces.base import Dags, Space

_NEAREST: Final = 8
_BLOCK: Final = 200
_GROUPS: Final = 256


class Pool(Space):
    """A list of architectures with whole numbers that describe each; its one gene is the place.

    Neighbours are alike by these numbers. Two are neighbours if one is among the eight nearest of
    the other, by Euclidean distance, of equals the one that comes first in the list.
    """

    pool = True

    @cached_property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """What the original benchmark calls each architecture."""

    @cached_property
    @abstractmethod
    def features(self) -> Ints:
        """What describes each architecture, (architectures, features) of small whole numbers."""

    def parse(self, text: str) -> Arch:
        """Return the architecture of a name."""
        try:
            return (self._places[text],)
        except KeyError:
            raise InvalidArchitecture(
                f"{shown(text)} is no architecture of {self.name}, whose names are such as "
                f"{self.names[0]}"
            ) from None

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def format(self, arch: Arch) -> str:
        """Return the name."""
        return self.names[arch[0]]

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Return the architectures that are most alike, in the order of the list."""
        pairs, begins = self._pairs
        (place,) = arch
        return [(other,) for other in pairs[begins[place] : begins[place + 1]].tolist()]

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Return a neighbour drawn uniformly."""
        near = self.neighbours(arch)
        return near[int(rng.random() * len(near))]

    @cached_property
    def _pairs(self) -> tuple[Ints, Ints]:
        """The neighbours of the first, the second and so on, and where those of each begin."""
        count = len(self.features)
        ones, others, apart = (np.concatenate(parts) for parts in zip(*self._near(), strict=True))
        order = np.lexsort((others, apart, ones))
        place = np.arange(len(order)) - np.searchsorted(ones, ones)
        ones, others = ones[order][place < _NEAREST], others[order][place < _NEAREST]
        both = np.unique(np.concatenate([ones * count + others, others * count + ones]))
        return both % count, np.searchsorted(both, np.arange(count + 1) * count)

    def _near(self) -> Iterator[tuple[Ints, Ints, Floats]]:
        """Yield pairs with their squared distance, block by block: of each its nearest, and more.

        Of the minima of some groups the eighth is no less than the eighth distance of all, so
        what is no further has the nearest in it, with all that are as far as the last of them.
        """
        told = self.features[:, np.ptp(self.features, axis=0) > 0]
        # Products of such numbers are exact in single precision, so every machine finds the same.
        x = told.astype(np.float32)
        squares = np.square(x).sum(axis=1, keepdims=True)
        alone = np.ones_like(squares)
        left, right = np.hstack([-2 * x, squares, alone]), np.hstack([x, alone, squares]).T
        count = len(x)
        groups = min(count, _GROUPS)
        for start in range(0, count, _BLOCK):
            apart = left[start : start + _BLOCK] @ right
            block = np.arange(len(apart))
            apart[block, start + block] = np.inf
            grouped = apart[:, : count // groups * groups].reshape(len(block), -1, groups)
            least = np.partition(grouped.min(axis=1), _NEAREST - 1, axis=1)
            near = np.flatnonzero(apart <= least[:, [_NEAREST - 1]])
            yield start + near // count, near % count, apart.ravel()[near]

    def dags(self, archs: Sequence[Arch] | Ints) -> Dags:
        """Know of none: numbers describe an architecture of a list, and no graph.

        Raises:
            NoNetwork: always.
        """
        raise NoNetwork(f"{self.name} is a list of architectures: there is no graph of one")

    def _encode_features(self, genes: Ints) -> Floats:
        """The numbers that describe an architecture."""
        return self.features[genes[:, 0]].astype(np.float64)
