"""One fit of a family of surrogates to a part of a table, judged on another part."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.campaigns.known import Known
from nasbench_suite.core import InvalidSetting
from nasbench_suite.settings import share_of
from nasbench_suite.surrogates.base import FEWEST, Surrogate
from nasbench_suite.surrogates.evaluate import Measures, measure
from nasbench_suite.surrogates.splits import Split

_MOST: Final = 0.5
"""More than it is fitted to is not taken to calibrate a model."""


def family_of(name: str) -> registry.Named:
    """Return the family of a name, or of a user's file.

    Raises:
        UnknownName, DataNotFound, FaultyStrategy: as `registry.find`.
        InvalidSetting: what is named is no family.
    """
    named = registry.find("surrogates", name)
    kind: Any = named.kind
    if not (isinstance(kind, type) and issubclass(kind, Surrogate)):
        raise InvalidSetting(f"{name} is no family: it does not derive from Surrogate")
    return named


def calibrating(train: int, share: float | None) -> int:
    """Return how many of a training part calibrate a model instead of being fitted.

    Args:
        train: how many there are.
        share: which part of them, above 0 and at most 0.5; none if not given.

    Raises:
        InvalidSetting: the share is out of range, or they are too few.
    """
    if share is None:
        return 0
    count = round(train * share_of("calibrate", share, most=_MOST))
    if count < FEWEST:
        raise InvalidSetting(
            f"calibrate is {share:g}, which is {count} of {train:,} architectures: at least "
            f"{FEWEST} calibrate a surrogate; train on more, at least {round(FEWEST / _MOST)}, or "
            "give a larger share"
        )
    return count


def check_values(known: Known, metric: str, part: Split) -> None:
    """See that there is something to learn and something to tell apart.

    Raises:
        InvalidSetting: the values of one part are all the same.
    """
    for what, numbers in (("trained", part.train), ("tested", part.test)):
        values = known.y[numbers]
        if (values == values[0]).all():
            raise InvalidSetting(
                f"the {metric} of all {len(values):,} architectures that are {what} on is "
                f"{values[0]:g}: there is nothing to learn or to tell apart; take more of them, or "
                "another metric"
            )


def fitted(
    kind: type[Surrogate],
    settings: Mapping[str, Any],
    known: Known,
    metric: str,
    part: Split,
    held: int,
    rng: np.random.Generator,
) -> tuple[Measures, float, float]:
    """Return how good the predictions of one fit are, and the seconds to fit and to predict.

    The seconds to calibrate are among those to fit.

    Args:
        kind: the family.
        settings: all of its settings.
        known: what is known of the table.
        metric: what is predicted.
        part: what is trained and what is tested on.
        held: how many of the training part, the last, calibrate the model and are not fitted. The
            part is in random order, so they are a random draw, and the others are what a smaller
            training part has.
        rng: of the fit.

    Raises:
        InvalidSetting: the values of one part are all the same, or the model cannot be calibrated.
        Diverged: the fit went wrong.
    """
    own = len(part.train) - held
    fit, calibration = part.train[:own], part.train[own:]
    check_values(known, metric, Split(fit, part.test))
    fit_archs, calibration_archs, test_archs = (
        [known.archs[place] for place in numbers] for numbers in (fit, calibration, part.test)
    )
    begun = perf_counter()
    model = kind(known.table.space, **settings)
    model.fit(fit_archs, known.y[fit], rng, extra=known.told(fit))
    if held:
        model.calibrate(calibration_archs, known.y[calibration], extra=known.told(calibration))
    trained = perf_counter()
    mean, std = model.predict(test_archs, extra=known.told(part.test))
    ended = perf_counter()
    found = measure(known.y[part.test], mean, std, known.direction)
    return found, trained - begun, ended - trained
