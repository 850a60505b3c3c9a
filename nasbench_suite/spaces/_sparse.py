"""Spaces that refuse some tuples of their genes: they are counted, and numbered in order."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property

from nasbench_suite.core import Arch
from nasbench_suite.spaces.base import Space


class Sparse(Space):
    """A space whose `fault` refuses tuples; the number is the place among those it does not."""

    @cached_property
    def _codes(self) -> list[int]:
        return [code for code in range(self.tuples) if self.valid(self.decode(code))]

    @cached_property
    def size(self) -> int:
        """The number of architectures."""
        return len(self._codes)

    def index(self, arch: Arch) -> int:
        """Return the place of an architecture among all in lexicographic order."""
        return bisect_left(self._codes, self.code(arch))

    def _at(self, index: int) -> Arch:
        return self.decode(self._codes[index])
