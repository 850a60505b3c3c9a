"""What the checker finds wrong with a submission: each fault has a code, a place and a cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WORDS: Final = 400
"""How many letters of a message are shown: part of it may come from the submission."""


@dataclass(frozen=True)
class Failure:
    """One fault of a submission."""

    code: str
    """Stays the same between versions: programs may ask for it."""
    file: str
    """Relative to the submission's folder; a dot for the folder itself."""
    line: int | None
    """Counts from 1; None where the whole file is meant."""
    message: str
    cure: str


class Refused(Exception):
    """A fault was found where the checker cannot go on; never leaves the package."""

    def __init__(self, code: str, message: str, cure: str, line: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.cure, self.line = code, message, cure, line

    def of(self, file: str, line: int | None = None) -> Failure:
        """Return the fault as one of a file; `line` where it does not say itself."""
        line = self.line if self.line is not None else line
        return Failure(self.code, file, line, printable(self.message), printable(self.cure))


def plainly(error: Exception) -> str:
    """Return what one of Python's readers says, without its advice to programmers."""
    return str(error).partition("; use ")[0]


def printable(text: str) -> str:
    """Return a text as one line of a terminal can show it, whoever wrote it."""
    plain = "".join(letter if letter.isprintable() else "�" for letter in text)
    return plain if len(plain) <= _WORDS else f"{plain[:_WORDS]}…"
