"""How well a family of surrogates predicts a metric of a table, from how many architectures.

The protocol is that of White et al., "How Powerful are Performance Predictors in Neural
Architecture Search?", NeurIPS 2021, section 3: fit to so many architectures, predict others, and
repeat. A trial is a function of its number, which seeds the one generator that draws the split and
then all that the fit draws. So a larger training part begins with a smaller one's, and only seconds
differ from one time to the next.

`DIR/judging.json` says what is asked and `DIR/trials/<train>-<trial>.json` is one finished trial.
The same question asked again of the same folder makes only what is missing; more sizes and more
trials can be added.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from nasbench_suite.benchmarks import load
from nasbench_suite.campaigns.known import known_of
from nasbench_suite.campaigns.one_trial import calibrating, family_of, fitted
from nasbench_suite.campaigns.splitting import Splitter, Splitting
from nasbench_suite.core import DamagedInput, InvalidSetting
from nasbench_suite.experiments.run import VERSION
from nasbench_suite.files import alone, ask, write_whole
from nasbench_suite.scoring.intervals import mean_interval
from nasbench_suite.settings import at_least
from nasbench_suite.surrogates.base import Surrogate
from nasbench_suite.surrogates.evaluate import Measures

FILE: Final = "judging.json"
_FORMAT: Final = "nasbench-judging-1"
_TRIALS: Final = "trials"
_SECONDS: Final = ("fit_seconds", "predict_seconds")


@dataclass(frozen=True)
class Judged:
    """What one trial found: a family, fitted to one part of a table and judged on another."""

    family: str
    table: str
    metric: str
    split: str
    left_out: str | None
    """The strategy whose visits were tested on, where one was left out."""
    train: int
    """How many architectures were fitted, and calibrated with."""
    test: int
    """How many were predicted."""
    trial: int
    """Its number, from 0, which seeds it."""
    measures: Measures
    fit_seconds: float
    """Real seconds to fit, and to calibrate."""
    predict_seconds: float
    """Real seconds to predict all that were tested on."""

    def row(self) -> dict[str, Any]:
        """Return everything by name, with the measures beside the rest."""
        found = asdict(self)
        measures = found.pop("measures")
        seconds = {name: found.pop(name) for name in _SECONDS}
        return {**found, **Measures(*measures)._asdict(), **seconds}


class Average(NamedTuple):
    """The trials of one training size, and of one left-out strategy, together."""

    left_out: str | None
    train: int
    trials: int
    mean: dict[str, float]
    """By measure, and of the seconds."""
    reach: dict[str, float]
    """By how much each mean's 95 % interval reaches to either side (Student's), NaN with one trial
    alone."""


def judge(
    family: str,
    benchmark: str,
    metric: str | None = None,
    *,
    train: Sequence[int],
    trials: int,
    splitting: Splitting | None = None,
    settings: Mapping[str, Any] | str | None = None,
    epochs: int | None = None,
    extra: Sequence[str] = (),
    calibrate: float | None = None,
    drop_missing: bool = False,
    out: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> tuple[Judged, ...]:
    """Fit a family again and again, and judge what it predicts of the rest.

    Args:
        family: of surrogates, a registered name or `path/to/mine.py:MyFamily`.
        benchmark: an id with a table, such as `nasbench201/cifar10`.
        metric: what is predicted, the mean of its trainings; the reported one if not given.
        train: to how many architectures, each size once.
        trials: how often, from seeds that count from 0.
        splitting: what is tested on; at random, all that no size trains on, if not given.
        settings: of the family, by name, or the name of a preset.
        epochs: of the metric, as in `Table.query`.
        extra: metrics of the table that are known before training, such as `params`; the family
            is told them beside the architectures.
        calibrate: which part of the training part, above 0 and at most 0.5, is not fitted and
            calibrates the model; all are fitted if not given.
        drop_missing: leave out architectures without a value, instead of refusing.
        out: a folder, which gets a file a trial; what it holds already is not made again.
        progress: called with the trials done and all of them, at the start and after each.
        tell: called with what is left out.

    Returns:
        One a trial, by trial, left-out strategy and size.

    Raises:
        UnknownName: there is no such family, setting, benchmark, metric or strategy.
        NotMeasured: the metric was not measured after these epochs.
        InvalidSetting: architectures without a value, which are named; values that are all the
            same; more to train on than there are; a split that the table does not allow; an extra
            column that is known after training only, or that the family does not read; too few
            to calibrate with; or the folder is of another question.
        Diverged: a fit went wrong.
        OutputError, DamagedInput: the folder cannot be written, or holds what is no trial.
    """
    named = family_of(family)
    kind: type[Surrogate] = named.kind
    complete = kind.settings(settings)
    if extra and not kind.reads_extra:
        raise InvalidSetting(
            f"{named.name} reads architectures alone: ask without {' and '.join(extra)}, or judge "
            "a family that reads further columns, such as mlp_ensemble"
        )
    known = known_of(load(benchmark, "table"), metric, epochs, drop_missing, tell, extra)
    name = metric or known.table.reported
    at_least("trials", trials, 1)
    if not train or len(set(train)) < len(train):
        raise InvalidSetting("name at least one training size, and each once")
    how = splitting or Splitting()
    if how.kind == "random" and how.test is None:
        # One test part for all sizes, so that they can be compared; too large a size is refused.
        how = replace(how, test=max(2, len(known.y) - max(train)))
    # The family refuses settings, and the split sizes, before anything is fitted or written.
    kind(known.table.space, **complete)
    held = {size: calibrating(size, calibrate) for size in train}
    splitter = Splitter(known, how)
    for left_out, size in splitter.cases(train):
        splitter.split(left_out, size, 0, np.random.default_rng(0))

    def one(trial: int, left_out: str | None, size: int) -> Judged:
        rng = np.random.default_rng(trial)
        part = splitter.split(left_out, size, trial, rng)
        measures, fitting, predicting = fitted(kind, complete, known, name, part, held[size], rng)
        return Judged(
            family=named.name,
            table=known.table.benchmark,
            metric=name,
            split=how.kind,
            left_out=left_out,
            train=size,
            test=len(part.test),
            trial=trial,
            measures=measures,
            fit_seconds=fitting,
            predict_seconds=predicting,
        )

    cases = [(trial, *case) for trial in range(trials) for case in splitter.cases(train)]
    if out is None:
        return tuple(_each(cases, one, progress))
    asked = {
        "format": _FORMAT,
        "version": VERSION,
        "family": named.name,
        "code": named.code,
        "settings": complete,
        "table": known.table.benchmark,
        "data": known.table.data,
        "metric": name,
        "epochs": epochs,
        # Folders from before there were these two lack them, and are of the question without.
        "extra": [*extra] or None,
        "calibrate": calibrate,
        "architectures": len(known.y),
        "splitting": asdict(how),
    }
    with alone(out):
        ask(out / FILE, asked)

        def kept(trial: int, left_out: str | None, size: int) -> Judged:
            stem = re.sub(r"[^\w.-]+", "-", f"{left_out}-{size}" if left_out else str(size))
            path = out / _TRIALS / f"{stem}-{trial}.json"
            if path.exists():
                return _read(path, trial, left_out, size)
            made = one(trial, left_out, size)
            write_whole(path, _text(made))
            return made

        return tuple(_each(cases, kept, progress))


def averages(rows: Sequence[Judged]) -> list[Average]:
    """Return the mean of every measure over trials, for each left-out strategy and size."""
    groups: dict[tuple[str | None, int], list[Judged]] = {}
    for row in rows:
        groups.setdefault((row.left_out, row.train), []).append(row)
    names = (*Measures._fields, *_SECONDS)
    found = []
    for (left_out, size), group in groups.items():
        values = np.array([[row.row()[name] for name in names] for row in group])
        # Of an infinite value there is no deviation.
        with np.errstate(invalid="ignore"):
            mean, _, low, _ = mean_interval(values)
            reach = mean - low
        found.append(
            Average(
                left_out,
                size,
                len(group),
                dict(zip(names, mean.tolist(), strict=True)),
                dict(zip(names, reach.tolist(), strict=True)),
            )
        )
    return found


def _each(
    cases: Sequence[tuple[int, str | None, int]],
    make: Callable[[int, str | None, int], Judged],
    progress: Callable[[int, int], None] | None,
) -> Iterator[Judged]:
    """Yield each trial, and tell how many there are."""
    for done, case in enumerate(cases):
        if progress is not None:
            progress(done, len(cases))
        yield make(*case)
    if progress is not None:
        progress(len(cases), len(cases))


# The folder.


def _text(judged: Judged) -> str:
    """Return the file of a trial; JSON knows no NaN, and nothing infinite."""
    row = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in judged.row().items()
    }
    return json.dumps(row, indent=2) + "\n"


def _read(path: Path, trial: int, left_out: str | None, size: int) -> Judged:
    """Return the trial of a file.

    Raises:
        DamagedInput: it holds none, or another.
    """
    try:
        row = json.loads(path.read_text("utf-8"))
        measures = Measures(*(float(row.pop(name)) for name in Measures._fields))
        row |= {name: float(row[name]) for name in _SECONDS}
        found = Judged(**row, measures=measures)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedInput(f"{path} is damaged ({error}): remove it, and ask again") from None
    if (found.trial, found.left_out, found.train) != (trial, left_out, size):
        raise DamagedInput(f"{path} is of another trial: remove it, and ask again")
    return found
