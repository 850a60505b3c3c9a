"""Spaces that are a list of what was measured: a pool."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture, shown
from nasbench_suite.spaces.base import Space

_NEAREST: Final = 8
_BLOCK: Final = 1_000


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
        # Products of such numbers are exact in single precision, so every machine finds the same.
        features = self.features.astype(np.float32)
        squares = np.square(features).sum(axis=1)
        nearest = np.empty((count, _NEAREST), dtype=np.int64)
        for start in range(0, count, _BLOCK):
            block = np.arange(start, min(start + _BLOCK, count))
            distances = squares[block, None] + squares - 2 * features[block] @ features.T
            order = distances.astype(np.int64) * count + np.arange(count)
            order[block - start, block] = np.iinfo(np.int64).max
            nearest[block] = np.argpartition(order, _NEAREST, axis=1)[:, :_NEAREST]
        ones, others = np.repeat(np.arange(count), _NEAREST), nearest.ravel()
        both = np.unique(np.concatenate([ones * count + others, others * count + ones]))
        return both % count, np.searchsorted(both, np.arange(count + 1) * count)

    def _encode_features(self, genes: Ints) -> Floats:
        """The numbers that describe an architecture."""
        return self.features[genes[:, 0]].astype(np.float64)
