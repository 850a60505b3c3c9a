"""What settings of a family were found to be worth, and how that is kept in files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from nasbench_suite.core import DamagedInput
from nasbench_suite.surrogates.base import Diverged
from nasbench_suite.surrogates.evaluate import Measures


@dataclass(frozen=True)
class Attempt:
    """One trial: settings, scored by cross-validation."""

    trial: int
    """Its number, from 0; the first has the defaults."""
    settings: Mapping[str, Any]
    """What was tuned, by name."""
    scores: tuple[float, ...]
    """Of each part of the training data, as the others predict it; none where one failed."""
    failed: str | None = None
    """Why it failed, or none."""

    @property
    def score(self) -> float:
        """The mean over the parts; NaN where it failed."""
        return math.nan if self.failed is not None else sum(self.scores) / len(self.scores)

    def row(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return {
            "trial": self.trial,
            "settings": dict(self.settings),
            "scores": [*self.scores],
            "failed": self.failed,
        }

    @classmethod
    def read(cls, path: Path, trial: int, settings: Mapping[str, Any], parts: int) -> Attempt:
        """Return the trial of a file.

        Raises:
            DamagedInput: it holds none, or another.
        """
        with _readable(path):
            row = json.loads(path.read_text("utf-8"))
            failed = row["failed"] if row["failed"] is None else str(row["failed"])
            found = cls(row["trial"], row["settings"], tuple(map(float, row["scores"])), failed)
            if not all(map(math.isfinite, found.scores)):
                raise ValueError("a score is no finite number")
        fits = len(found.scores) == (parts if failed is None else 0)
        if (found.trial, found.settings) != (trial, settings) or not fits:
            raise DamagedInput(f"{path} is of another trial: remove it, and ask again")
        return found


@dataclass(frozen=True)
class Judgement:
    """Settings, fitted to all training data and judged on what no trial saw."""

    trial: int
    """The trial that they are of."""
    settings: Mapping[str, Any]
    """All of the family's."""
    measures: Measures | None
    """None where it failed."""
    fit_seconds: float
    """Real seconds; NaN where it failed."""
    failed: str | None = None
    """Why it failed, or none."""

    def row(self) -> dict[str, Any]:
        """Return everything by name, for JSON; what is no finite number is left to the writer."""
        return {
            "trial": self.trial,
            "settings": dict(self.settings),
            "measures": None if self.measures is None else self.measures._asdict(),
            "fit_seconds": self.fit_seconds,
            "failed": self.failed,
        }

    @classmethod
    def read(cls, path: Path, trial: int, settings: Mapping[str, Any]) -> Judgement:
        """Return the judgement of a file.

        Raises:
            DamagedInput: it holds none, or another.
        """
        with _readable(path):
            row = json.loads(path.read_text("utf-8"))
            failed = row["failed"] if row["failed"] is None else str(row["failed"])
            measures = None
            if failed is None:
                measures = Measures(*(float(row["measures"][name]) for name in Measures._fields))
            found = cls(row["trial"], row["settings"], measures, float(row["fit_seconds"]), failed)
        if (found.trial, found.settings) != (trial, settings):
            raise DamagedInput(f"{path} is of another trial: remove it, and ask again")
        return found


@dataclass(frozen=True)
class Tuned:
    """What was tried, and what the best of it is worth beside the defaults."""

    family: str
    table: str
    metric: str
    measure: str
    """One of `MEASURES`."""
    split: str
    train: int
    """How many architectures the trials had, all parts together."""
    test: int
    """How many no trial saw."""
    folds: int
    """Into how many parts the training data were divided."""
    seed: int
    attempts: tuple[Attempt, ...]
    """By trial; the first has the defaults."""
    default: Judgement
    best: Judgement

    def changed(self) -> dict[str, tuple[Any, Any]]:
        """Return what is set otherwise than before, by name: the default and the best."""
        before, after = self.default.settings, self.best.settings
        return {
            name: (before[name], value) for name, value in after.items() if value != before[name]
        }

    def row(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        names = ("family", "table", "metric", "measure", "split", "train", "test", "folds", "seed")
        judged = {"default": self.default, "best": self.best}
        return {
            **{name: getattr(self, name) for name in names},
            **{
                name: {"validation": self.attempts[one.trial].score, **one.row()}
                for name, one in judged.items()
            },
            "trials": [{**one.row(), "score": one.score} for one in self.attempts],
        }

    def toml(self) -> str:
        """Return the best settings as lines that stand in a `[[predict]]` of a recipe.

        TOML knows no None: what is not set is left out, and is the default.

        Raises:
            Diverged: they failed.
        """
        best = self.best
        if best.measures is None:
            raise Diverged(
                f"the best settings, of trial {best.trial}, fail when they are fitted to all "
                f"{self.train:,} architectures: {best.failed}; ask for more trials"
            )
        score = self.attempts[best.trial].score
        tested = getattr(best.measures, self.measure)
        return (
            f"# For {self.metric} of {self.table}, from {self.train:,} architectures: trial "
            f"{best.trial} of {len(self.attempts)}.\n"
            f"# {self.measure} is {score:.4f} by cross-validation, for which it was chosen, and "
            f"{tested:.4f} of {self.test:,} that no trial saw.\n"
            + tomli_w.dumps({"family": self.family})
            + "".join(_dotted("settings", best.settings))
        )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what is raised at a damaged file into an error that names it."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedInput(f"{path} is damaged ({error}): remove it, and ask again") from None


def text_of(row: Mapping[str, Any]) -> str:
    """Return the file of a trial or a judgement; JSON knows no NaN, and nothing infinite."""

    def plain(value: Any) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        if isinstance(value, Mapping):
            return {name: plain(one) for name, one in value.items()}
        return value

    return json.dumps(plain(row), indent=2) + "\n"


def _dotted(prefix: str, settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        key = tomli_w.dumps({name: 0}).partition(" = ")[0]
        if isinstance(value, Mapping):
            yield from _dotted(f"{prefix}.{key}", value)
        elif value is not None:
            yield f"{prefix}." + tomli_w.dumps({name: value})
