"""The rows of CSV files, read one at a time into one array a column."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from array import array
from collections.abc import Callable, Iterator
from math import inf, isinf, nan, ulp
from typing import IO, Final

import numpy as np

from nasbench_suite.core import Arch, DamagedInput, DataNotFound, Floats, Ints, UnknownName, shown
from nasbench_suite.tables.importers.csv.description import Description, Measured

_TOLD: Final = 100_000
"""Rows between two words of progress."""
_REMEMBERED: Final = 1 << 16
"""Strings of architectures that are not parsed again: rows of one are mostly near each other."""
_MOST_LINE: Final = 1 << 20
"""Characters of a line at most; a small `.gz` may hold one that fills the memory."""
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_LIMITS: Final = {"%": (0.0, 100.0, "is 0 to 100"), "s": (ulp(0.0), inf, "is more than 0")}
"""What values of a unit can be; the others are bounded by nothing."""


class Architectures:
    """Numbers architectures in the order in which rows first name them."""

    def __init__(self, described: Description) -> None:
        """Begin with no architecture."""
        self.numbers: dict[Arch, int] = {}
        self._space = described.space
        self._canonical = described.key == "canonical"
        self._texts: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return the number of an architecture.

        Raises:
            InvalidArchitecture: it is not of the space.
        """
        found = self._texts.get(text)
        if found is None:
            arch = self._space.parse(text.strip())
            if self._canonical:
                arch = self._space.canonical(arch)
            if len(self._texts) == _REMEMBERED:
                self._texts.clear()
            found = self._texts[text] = self.numbers.setdefault(arch, len(self.numbers))
        return found

    def official_order(self) -> Ints | None:
        """Return the numbers of all of the space in its order, None where some are missing."""
        if self._canonical or len(self.numbers) < self._space.size:
            return None
        return np.array([self.numbers[arch] for arch in self._space])


class Trainings:
    """The trainings of one task, an entry a row of its files."""

    def __init__(
        self, described: Description, archs: Architectures, progress: Callable[[str], None]
    ) -> None:
        """Begin with no training."""
        self._described = described
        self.metrics = list(described.metrics.values())
        self.continues = described.continues
        self._archs = archs
        self._progress = progress
        self.files: list[str] = []
        self._starts: list[int] = []
        self._lines = array("q")
        self._arch = array("q")
        self._run = array("q")
        self._epochs = array("q")
        self._values = [array("d") for _ in self.metrics]

    def read(self, name: str) -> None:
        """Read a file, which may be compressed as `.gz`.

        Raises:
            DataNotFound: it is missing.
            DamagedInput: a row is not what it should be; the message names its line.
            UnknownName: a column is missing.
        """
        path = self._described.path.parent / name
        if not path.is_file():
            lacks = "no file" if path.exists() else "not there"
            raise DataNotFound(f"{self._described.path.name} names {name}, and {path} is {lacks}")
        self._progress(name)
        self.files.append(name)
        self._starts.append(len(self._lines))
        opened = gzip.open if path.suffix == ".gz" else open
        # Spreadsheets begin their files with a mark, which is no part of the first name.
        with opened(path, "rt", newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(_lines(file), strict=True)
            try:
                add = self._adder(next(rows, []), name)
                for row in rows:
                    if row:
                        add(row)
                        self._lines.append(rows.line_num)
                        if len(self._lines) % _TOLD == 0:
                            self._progress(f"{name}, line {rows.line_num:,}")
            except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
                raise DamagedInput(
                    f"{name}, after line {rows.line_num}: it is cut short or no text in UTF-8 "
                    f"({error}): save it anew"
                ) from None
            except (ValueError, csv.Error) as error:
                raise DamagedInput(f"{name}, line {rows.line_num}: {error}") from None
        if len(self._lines) == self._starts[-1]:
            raise DamagedInput(f"{name} has no rows: it needs one for each training")

    def _adder(self, header: list[str], name: str) -> Callable[[list[str]], None]:
        """Return what keeps a row of a file with these columns.

        Raises:
            ValueError: a column is there twice, or nobody says what it is.
            UnknownName: one is missing.
        """
        described = self._described
        header = [column.strip() for column in header]
        place = {column: number for number, column in enumerate(header)}
        if len(place) < len(header):
            twice = next(column for column in header if header.count(column) > 1)
            raise ValueError(f"column {shown(twice)} is there twice: rename one of them")
        needed = [described.architecture, *(measured.column for measured in self.metrics)]
        needed += [column for column in (described.run, described.epochs) if column is not None]
        for column in (*needed, *described.ignore):
            if column not in place:
                raise UnknownName(
                    "column", column, place, f" in {name}, which {described.path.name} names"
                )
        for column in place:
            if column not in needed and column not in described.ignore:
                raise ValueError(
                    f"column {shown(column)} is not in {described.path.name}: describe it there, "
                    "or name it in the list `ignore`"
                )
        width, arch_place = len(header), place[described.architecture]
        run_place = None if described.run is None else place[described.run]
        epochs_place = None if described.epochs is None else place[described.epochs]
        kept = [
            (place[measured.column], measured, values.append)
            for measured, values in zip(self.metrics, self._values, strict=True)
        ]

        def add(row: list[str]) -> None:
            if len(row) != width:
                raise ValueError(
                    f"it has {len(row)} values, and there are {width} columns: put a value that "
                    'holds a comma in "quotes"'
                )
            self._arch.append(self._archs.number(row[arch_place]))
            if run_place is not None:
                self._run.append(_whole(row[run_place], header[run_place]))
            if epochs_place is not None:
                epochs = _whole(row[epochs_place], header[epochs_place])
                if not 0 < epochs <= 10**6:
                    raise ValueError(f"a training of {epochs} epochs: 1 to 1,000,000 are possible")
                self._epochs.append(epochs)
            for value_place, measured, append in kept:
                append(_value(row[value_place], measured))

        return add

    @property
    def arch(self) -> Ints:
        """The number of each row's architecture, (rows,)."""
        return np.frombuffer(self._arch, dtype=np.int64)

    @property
    def run(self) -> Ints | None:
        """The run of each row as its column tells it, (rows,); None where there is no column."""
        return None if self._described.run is None else np.frombuffer(self._run, dtype=np.int64)

    @property
    def epochs(self) -> Ints | None:
        """The epochs of each row, (rows,); None where there is no column."""
        if self._described.epochs is None:
            return None
        return np.frombuffer(self._epochs, dtype=np.int64)

    @property
    def values(self) -> list[Floats]:
        """The values of each of the metrics, (rows,); NaN where nobody measured."""
        return [np.frombuffer(column, dtype=np.float64) for column in self._values]

    def line(self, record: int) -> str:
        """Return where a record was read."""
        file = int(np.searchsorted(self._starts, record, side="right")) - 1
        return f"{self.files[file]}, line {self._lines[record]}"


def _lines(file: IO[str]) -> Iterator[str]:
    """Yield the lines of a file.

    Raises:
        ValueError: one is too long.
    """
    while line := file.readline(_MOST_LINE):
        if len(line) == _MOST_LINE:
            raise ValueError(f"the line after it has more than {_MOST_LINE:,} characters")
        yield line


def _whole(text: str, column: str) -> int:
    """Return a whole number.

    Raises:
        ValueError: it is none.
    """
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(f"{column} is {shown(text)}, and a whole number is needed")
    return int(text)


def _value(text: str, measured: Measured) -> float:
    """Return a value, NaN for one that was not measured.

    Raises:
        ValueError: it is no number, or one that its unit does not have.
    """
    try:
        value = float(text)
    except ValueError:
        if not text.strip():
            return nan
        value = inf
    # Python also reads 1_000 and the digits of other scripts.
    if isinf(value) or "_" in text or not text.isascii():
        raise ValueError(
            f"{measured.column} is {shown(text)}, and a number is needed, with a point, or nothing "
            "where nobody measured"
        )
    limits = _LIMITS.get(measured.metric.unit)
    if limits is not None and (value < limits[0] or value > limits[1]):
        raise ValueError(
            f"{measured.column} is {shown(text)}, and a number of {measured.metric.unit} "
            f"{limits[2]}: correct it, or leave it empty where nobody measured"
        )
    return value
