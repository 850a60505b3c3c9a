"""Over what a setting of a family may be tuned: a range of numbers, or a choice of values.

A family's `tuned` has one for each setting that is worth a search. The default lies in each, since
a search begins with the defaults. What is only a matter of time, such as how many trees a forest
has, is not tuned.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from nasbench_suite.core import finite


class Real(NamedTuple):
    """A number, drawn on a logarithmic scale unless `log` is false."""

    low: float
    high: float
    log: bool = True

    def holds(self, value: Any) -> bool:
        """Return whether a value lies in the range, which includes both ends."""
        number = finite(value)
        return number is not None and self.low <= number <= self.high


class Whole(NamedTuple):
    """A whole number, drawn on a logarithmic scale if `log` is true."""

    low: int
    high: int
    log: bool = False

    def holds(self, value: Any) -> bool:
        """Return whether a value lies in the range, which includes both ends."""
        return type(value) is int and self.low <= value <= self.high


class Choice(NamedTuple):
    """One of some words or numbers; None where the family chooses for itself."""

    values: tuple[str | float | None, ...]

    def holds(self, value: Any) -> bool:
        """Return whether a value is one of them."""
        return value in self.values


class Encodings(NamedTuple):
    """One of some encodings, or of several joined by `+`, as far as they differ in a space."""

    values: tuple[str, ...]

    def holds(self, value: Any) -> bool:
        """Return whether a value is one of them."""
        return value in self.values


Range: TypeAlias = Real | Whole | Choice | Encodings
"""What a setting may be tuned over."""

ENCODINGS: Final = Encodings(("live", "path", "live+path", "one_hot"))
"""Of families that read rows of features."""
