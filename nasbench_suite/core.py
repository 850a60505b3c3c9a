"""Plain frozen values that every floor shares, and the errors that users see.

An error here is somebody's wrong input, never a bug: its message names the fault and the cure,
and the command line turns it into exit code 2 without a traceback.
"""

from __future__ import annotations

import difflib
import math
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Arch: TypeAlias = tuple[int, ...]
"""An architecture: one small integer per gene of its space."""

Seed: TypeAlias = "int | Literal['mean', 'all'] | np.random.Generator"
"""Which of a table's repeated trainings: their mean, one, all, or one drawn at random."""

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


_WORDS: Final = 300
"""How many letters of a foreign error a message shows."""
LONGEST: Final = 60
"""How many letters of a value a message shows."""


class NasbenchError(Exception):
    """Wrong input: the message names the fault and the cure."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Be sent to another process with the message, however it was made."""
        return _restored, (type(self), str(self))


def _restored(kind: type[NasbenchError], text: str) -> NasbenchError:
    error = kind.__new__(kind)
    Exception.__init__(error, text)
    return error


class InvalidArchitecture(NasbenchError, ValueError):
    """The architecture does not parse or lies outside the space."""


class NoNetwork(NasbenchError):
    """The space describes no network of images, so there is none to count or to build."""


class NotMeasured(NasbenchError, LookupError):
    """The question is a fair one, but nobody measured the answer."""


class UnknownName(NasbenchError, LookupError):
    """There is no benchmark, metric, space, strategy, setting or protocol of this name."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        known = sorted(known)
        # Names are compared without case, and a part of a name finds the whole.
        asked = str(name).lower() if len(shown(name)) <= LONGEST else ""
        lowered = {k.lower(): k for k in known}
        near = [lowered[m] for m in difflib.get_close_matches(asked, lowered, n=3)]
        near += [k for k in known if len(asked) > 2 and asked in k.lower() and k not in near]
        if near:
            cure = f"did you mean {' or '.join(near[:3])}?"
        elif known:
            first = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
            cure = f"there {'is' if len(known) == 1 else 'are'} {first}"
        else:
            cure = "there are none"
        super().__init__(f"no {kind} named {shown(name)}{where}: {cure}")


class InvalidSetting(NasbenchError, ValueError):
    """A setting, budget or argument of the wrong type or out of range."""


class FaultyStrategy(NasbenchError):
    """A strategy's own code raised something, asked for rubbish, or changed what it was told."""


class FailedRuns(NasbenchError):
    """Some runs of a comparison were not made; the others are kept."""


class BudgetTooSmall(InvalidSetting):
    """A run has no room for a single trial."""


class DataNotFound(NasbenchError, FileNotFoundError):
    """A folder or file of data is missing."""


class DamagedTable(NasbenchError):
    """A table's files do not agree with its card."""


class DamagedInput(NasbenchError):
    """A file that was to be read is cut short or is not what it says it is."""


class UnsafePickle(NasbenchError):
    """A pickle asks for more than plain data; nothing of it was run."""


class OutputError(NasbenchError):
    """Something cannot be written: it would overwrite other work, or the disk is full."""


class MissingExtra(NasbenchError, ImportError):
    """Something needs a package that is not installed; the message names the extra."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs a package that is not installed: pip install 'nasbench-suite[{extra}]'"
        )


def raised(error: BaseException) -> str:
    """Say what a user's own code raised, and at which line of which file."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    file, line = place.filename, place.lineno
    if isinstance(error, SyntaxError):
        file, line = error.filename or file, error.lineno
        error = SyntaxError(error.msg)
    # Whatever it says, one line of a terminal is told of it.
    text = " ".join("".join(filter(str.isprintable, line)) for line in str(error).split("\n"))
    text = text if len(text) <= _WORDS else f"{text[:_WORDS]}…"
    return f"{type(error).__name__}: {text} ({file}, line {line})"


def shown(value: object) -> str:
    """Return a value as a message shows it: the first of its letters, where it has hundreds."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write whole numbers of thousands of digits
        return "a number of thousands of digits"
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def whole(value: Any) -> int | None:
    """Return a whole number of any numeric type as an int, and None for anything else.

    Numbers that are equal mean the same, whatever their type: a look-up that remembers its
    answers cannot tell 1 from 1.0.
    """
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return int(value)
    return None


def finite(value: Any) -> float | None:
    """Return a finite number of any numeric type as a float, and None for anything else."""
    if type(value) is float:  # most are, and each trial asks
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


UNITS: Final = (
    "",
    "%",
    "count",
    "nat",
    "s",
    "ms",
    "J",
    "mJ",
    "Wh",
    "kWh",
    "W",
    "g",
    "kg",
    "MB",
    "images/s",
)
"""In which metrics are measured: a quantity has one name everywhere; empty is without unit."""
DIRECTIONS: Final = ("max", "min", "none")
SPLITS: Final = ("train", "validation", "test", "validation+test")


class Metric(NamedTuple):
    """A named column: what a number means."""

    name: str
    unit: str
    """One of `UNITS`; empty for a number without unit."""
    direction: Literal["max", "min", "none"]
    """Whether more is better, less is better, or neither."""
    split: str | None
    """The images it was measured on: `train`, `validation`, `test`, `validation+test`; or none."""
    description: str


class Question(NamedTuple):
    """What to look up of an architecture: a metric, after so many epochs, of which run."""

    metric: str
    epochs: int | None
    seed: int | Literal["mean"]


@dataclass(frozen=True, slots=True)
class Record:
    """An answer with everything that was used to give it."""

    benchmark: str
    architecture: str
    metric: str
    unit: str
    split: str | None
    epochs: int | None
    seed: int | str
    runs: int | None
    """How many trainings the value stands for; None where the source does not say."""
    source: str
    """`measured`, `derived`, `predicted` or `trained`."""
    value: float | list[float]
    key: str = "architecture"
    """`canonical` where the table was asked for the architecture's canonical form."""
    std: float | None = None
    """How far what is measured may be from a prediction, as a standard deviation."""
    outside: bool | None = None
    """Whether the architecture of a prediction lies outside what the surrogate was fitted to."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a search may see, what it pays, and what is reported of it in the end."""

    name: str
    description: str
    objective: str
    """The metric a search sees."""
    epochs: tuple[int, ...]
    """The epochs at which it may be asked, ascending; empty if the metric has no epochs."""
    seed: int | Literal["mean"]
    cost: str | None
    """The metric of seconds that a trial pays; None: every trial costs 1."""
    report: Question
    """What the scorer looks up of the architecture that the search chose."""
    continues: bool
    """Whether a longer training continues a shorter one, so that only the difference is paid."""

    @classmethod
    def read(cls, name: str, entry: Mapping[str, Any]) -> Protocol:
        """Return the protocol of a name as an index or a card has it.

        Raises:
            KeyError, TypeError: an entry is missing, or of the wrong type.
        """
        return cls(
            name=name,
            description=entry["description"],
            objective=entry["objective"],
            epochs=tuple(entry["epochs"]),
            seed=entry["seed"],
            cost=entry.get("cost"),
            report=Question(**{"epochs": None, **entry["report"]}),
            continues=entry["continues"],
        )


class Proposal(NamedTuple):
    """What a strategy asks for; epochs None means the protocol's longest."""

    arch: Arch
    epochs: int | None = None


class Trial(NamedTuple):
    """One evaluated architecture, as a strategy is told of it and as a run records it."""

    number: int
    """Counts the proposals of a run from 0, in the order in which they were asked."""
    arch: Arch
    epochs: int | None
    values: Mapping[str, float]
    """What was measured, by metric; empty for a failed trial."""
    cost: float
    """Simulated seconds, or 1 where none were measured."""
    status: Literal["ok", "failed"]
    score: float
    """The protocol's objective turned so that more is better; -inf for a failed trial."""


_MOST: Final = 10**12
"""Evaluations or epochs: more would take years."""


@dataclass(frozen=True, slots=True)
class Budget:
    """When a run ends: at whichever of these comes first.

    A trial that would end after the last second is not part of the run. A trial spends its epochs
    when it is asked, whether or not it then fails; the first that would spend more than there are
    is not part of the run, which asks no more, and what is in flight is still told.
    """

    evaluations: int | None = None
    seconds: float | None = None
    """Simulated: what the trials cost."""
    real_seconds: float | None = None
    """Of the clock on the wall, so that the same seed need not give the same run again."""
    epochs: int | None = None
    """Of training. Where a longer training continues a shorter one (`Protocol.continues`), an
    architecture spends only those beyond the longest it was trained for before in the run."""

    def __post_init__(self) -> None:
        if all(getattr(self, name) is None for name in self.__slots__):
            raise InvalidSetting("a budget needs a number of evaluations, of epochs or of seconds")
        # Whatever a caller without a type checker may have given.
        for name in ("evaluations", "epochs"):
            count: Any = getattr(self, name)
            if count is not None and (
                isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST
            ):
                raise InvalidSetting(
                    f"a budget of {shown(count)} {name}: a whole number of at least 1 is "
                    f"needed, and of at most {_MOST:,}"
                )
        for name in ("seconds", "real_seconds"):
            seconds: Any = getattr(self, name)
            if seconds is None:
                continue
            number = finite(seconds)
            if number is None or number <= 0:
                raise InvalidSetting(
                    f"a budget of {shown(seconds)} {name.replace('_', ' ')}: a positive number is "
                    "needed"
                )
            # 20000 and 20000.0 are the same budget, and are written the same.
            object.__setattr__(self, name, number)


@dataclass(frozen=True, slots=True)
class Run:
    """One seeded sequence of trials of one strategy on one benchmark."""

    benchmark: str
    source: str
    """Where answers came from: `table`, `surrogate` or `live`."""
    data: str
    """The sha256 of the table or surrogate that answered."""
    protocol: str
    objective: str
    """The metric that the search saw."""
    direction: str
    """Whether more of it is better (`max`) or less (`min`)."""
    strategy: str
    code: str | None
    """The sha256 of the file with a user's own strategy; None for one that is installed."""
    settings: Mapping[str, Any]
    seed: int
    budget: Budget
    workers: int
    """How many trials were in flight on the simulated clock."""
    version: str
    """The version of the suite that ran it."""
    trials: tuple[Trial, ...]
    """In the order in which they ended; with one worker that in which they were asked."""
    overhead: float = field(default=math.nan, compare=False)
    """The real seconds that the strategy itself took, which no log holds: they never repeat."""
