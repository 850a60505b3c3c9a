"""How an architecture becomes a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Arch, InvalidArchitecture, NotMeasured, whole
from nasbench_suite.spaces.base import Numbered, Space
from nasbench_suite.tables.layout import Mapped

# A tuple of types is quicker to test than their union, which is made anew each time.
_GENES: Final = (tuple, list, Sequence, np.ndarray)

# Genes are looked up in blocks that stay in the processor's cache.
_BLOCK: Final = 1 << 14


class Rows:
    """Finds the row of an architecture given as string, number or genes."""

    def __init__(self, mapped: Mapped, index: dict[str, Any], space: Space) -> None:
        """Find rows of the table with this file, index and space."""
        self.count: int = index["rows"]
        self.space = space
        self._name: str = index["name"]
        self._canonical = index["key"] == "canonical"
        # Numbers are rows as they stand, unless isomorphic architectures share one.
        self._official_order = index["official_order"] and not self._canonical
        self.numbered: int = self.count if self._official_order else 0
        self._mapped = mapped
        self._index = index

    def find(self, arch: Any) -> int:
        """Return the row of an architecture.

        Raises:
            InvalidArchitecture: it is not of the space.
            NotMeasured: the table does not hold it.
        """
        if isinstance(arch, str):
            genes = self.space.parse(arch)
        elif isinstance(arch, np.ndarray) and not arch.ndim:
            return self.find(arch.item())
        elif (number := whole(arch)) is not None:
            if self._official_order and 0 <= number < self.count:
                return number
            genes = self.space.at(number)
        elif isinstance(arch, _GENES):
            genes = self.space.check(list(arch))
        else:
            raise InvalidArchitecture(
                f"{arch!r} is no architecture: give its string, its number or its genes"
            )
        row = self._of_genes(genes)
        if row < 0:
            raise NotMeasured(
                f"{self.space.format(genes)} was not measured: the table {self._name} holds "
                f"{self.count:,} architectures of {self.space.name}"
            )
        return row

    def find_many(self, archs: Sequence[Any] | NDArray[Any]) -> NDArray[np.intp]:
        """Return the rows of many architectures, -1 for one that the table does not hold.

        Raises:
            InvalidArchitecture: one is not of the space; the message says which.
        """
        if len(archs) and not isinstance(archs[0], str):
            try:
                archs = np.asarray(archs)
            except ValueError:
                archs = list(archs)
        if isinstance(archs, np.ndarray) and archs.dtype.kind in "iu":
            if archs.ndim == 1:
                size = self.space.size
                if archs.size and not (archs.min() >= 0 and archs.max() < size):
                    self.space.at(int(archs[(archs < 0) | (archs >= size)][0]))
                if self._official_order:
                    return archs.astype(np.intp, copy=False)
            elif not self._canonical and self._by_code is not None:
                return self._of_many_genes(archs)
            elif self._canonical and isinstance(self.space, Numbered):
                return np.asarray(self._by_number)[self.space.numbers(archs)]
        rows = np.empty(len(archs), dtype=np.intp)
        for place, arch in enumerate(archs):
            try:
                rows[place] = self.find(arch)
            except NotMeasured:
                rows[place] = -1
        return rows

    def arch(self, row: int) -> Arch:
        """Return the architecture of a row."""
        return tuple(self.genes[row].tolist())

    def text(self, row: int) -> str:
        """Return the string of a row's architecture."""
        return self.space.format(self.arch(row))

    @cached_property
    def genes(self) -> NDArray[Any]:
        """The architecture of each row, (rows, genes) of small integers."""
        offset, dtype = self._index["genes"]
        genes = self._mapped.array(offset, dtype, (self.count, len(self.space.genes)))
        if (genes.max(axis=0) >= self.space.genes).any():
            raise self._mapped.damaged(f"genes outside {self.space.name}")
        return genes

    def _of_genes(self, genes: Arch) -> int:
        if self._canonical:
            if isinstance(self.space, Numbered):
                numbered: int = self._by_number[self.space.number(genes)]
                return numbered
            genes = self.space.canonical(genes)
        if self._by_code is None:
            return self._by_genes.get(genes, -1)
        row: int = self._by_code[self.space.code(genes)]
        return row

    def _of_many_genes(self, genes: NDArray[Any]) -> NDArray[np.intp]:
        choices = self.space.genes
        if genes.ndim != 2 or genes.shape[1] != len(choices):
            raise InvalidArchitecture(
                f"an array of shape {genes.shape} holds no architectures of {self.space.name}, "
                f"which have {len(choices)} genes"
            )
        by_code = np.asarray(self._by_code)
        rows = np.empty(len(genes), dtype=np.intp)
        for start in range(0, len(genes), _BLOCK):
            block = np.ascontiguousarray(genes[start : start + _BLOCK].T)
            code = np.zeros(block.shape[1], dtype=np.intp)
            for values, n in zip(block, choices, strict=True):
                # A negative number is a huge one without its sign, so one test finds both.
                if values.astype(np.uint64, copy=False).max() >= n:
                    bad = int(np.argmax((values < 0) | (values >= n)))
                    self.space.check(block[:, bad].tolist())
                code *= n
                code += values
            by_code.take(code, out=rows[start : start + _BLOCK], mode="clip")
        absent = np.flatnonzero(rows < 0)
        if absent.size and self.space.tuples > self.space.size:
            for place in absent:
                self.space.check(genes[place].tolist())
        return rows

    @cached_property
    def _by_code(self) -> memoryview | None:
        """The row of each tuple in lexicographic order; None where the space is too large."""
        if self._index["rows_by_code"] is None:
            return None
        offset, dtype = self._index["rows_by_code"]
        found = self._mapped.array(offset, dtype, (self.space.tuples,)).astype(np.intp)
        if found.min() < -1 or found.max() >= self.count:
            raise self._mapped.damaged("rows beyond the last")
        return memoryview(found.data)

    @cached_property
    def _by_number(self) -> memoryview:
        """The row of each numbered canonical form; -1 for one that the table does not hold."""
        assert isinstance(self.space, Numbered)
        found = np.full(self.space.forms, -1, dtype=np.intp)
        try:
            found[self.space.numbers(self.genes)] = np.arange(self.count)
        except InvalidArchitecture as error:
            raise self._mapped.damaged(error) from None
        return memoryview(found.data)

    @cached_property
    def _by_genes(self) -> dict[Arch, int]:
        return {tuple(genes): row for row, genes in enumerate(self.genes.tolist())}
