"""Fit one metric of a recipe, and find out how far what it predicts can be trusted.

It is judged on the architectures that are neither fitted nor calibrated with: on all of them, and
on the best tenth of them, where a search ends. How it does beyond what it has seen, a second fit
tells, which is shown none of the best tenth. What no model could do better tells the noise of
trainings, where some networks were trained twice. Whether more data would help, fits to parts of
the training part tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.stats import chi2

from nasbench_suite import registry
from nasbench_suite.benchmarks import load
from nasbench_suite.campaigns.fit_recipe import FitRecipe, Predicted
from nasbench_suite.campaigns.known import OFFICIAL, archs_of, direction_of
from nasbench_suite.campaigns.splitting import official_parts
from nasbench_suite.core import Arch, Floats, Ints, InvalidSetting, NotMeasured
from nasbench_suite.experiments.work import some
from nasbench_suite.surrogates import evaluate, fitted
from nasbench_suite.surrogates.base import Surrogate
from nasbench_suite.surrogates.distilled import Distilled
from nasbench_suite.tables.store import Table

TOP: Final = 0.1
"""Which part of the architectures is the top."""
DRAWN: Final = 10_000
"""Of so many random architectures the mean prediction is taken for that of the space."""
DIVISORS: Final = (16, 4)
"""What the training part is divided by for the smaller fits of a learning curve."""
LEAST: Final = 40
"""A fit to fewer architectures is left out of a learning curve."""

_FEWEST: Final = 20
_REPEATS: Final = 20
_DIGITS: Final = 6


class Parts(NamedTuple):
    """The numbers of a table's architectures that are fitted, calibrated and tested on."""

    train: Ints
    calibrate: Ints
    test: Ints


class Known(NamedTuple):
    """What a table knows of a metric."""

    archs: list[Arch]
    y: Floats
    """NaN where it was not measured."""
    direction: evaluate.Direction

    def of(self, part: Ints) -> tuple[list[Arch], Floats]:
        """Return those of a part that were measured, and their values."""
        measured = part[~np.isnan(self.y[part])]
        return [self.archs[number] for number in measured], self.y[measured]


def parts_of(recipe: FitRecipe, table: Table) -> Parts:
    """Return how a recipe splits a table: for every metric in the same way.

    Raises:
        InvalidSetting: the table has no official split, or too few architectures.
    """
    if recipe.split == "official":
        column = None
        if OFFICIAL in table.metrics:
            column = table.frame([OFFICIAL])[OFFICIAL].to_numpy(dtype=np.float64)
        return Parts(*official_parts(table, column, ("train", "validation", "test")))
    order = np.random.default_rng(recipe.seed).permutation(table.rows)
    held = recipe.test or 0
    calibrate = round(recipe.calibrate * (table.rows - held))
    if table.rows - held - calibrate < _FEWEST:
        raise InvalidSetting(
            f"a test of {held:,}: {table.benchmark} has {table.rows:,} architectures in all"
        )
    return Parts(order[held + calibrate :], order[held : held + calibrate], order[:held])


def known(table: Table, one: Predicted, parts: Parts) -> Known:
    """Return what a table knows of a metric that is to be fitted.

    Raises:
        UnknownName, NotMeasured: there is no such metric, or not after these epochs.
        InvalidSetting: a part has too few values, or all the same.
    """
    frame = table.frame([one.metric], epochs=one.epochs)
    found = Known(
        list(archs_of(table)),
        frame[one.metric].to_numpy(dtype=np.float64),
        direction_of(table, one.metric),
    )
    for name, part in parts._asdict().items():
        _, values = found.of(part)
        if len(values) < _FEWEST:
            raise InvalidSetting(
                f"{len(values)} architectures with {one.stem} are there to {name}: at least "
                f"{_FEWEST} are needed"
            )
        if (values == values[0]).all():
            raise InvalidSetting(
                f"{one.stem} of all {len(values):,} architectures to {name} is {values[0]:g}: "
                "there is nothing to learn"
            )
    return found


def fit_metric(recipe: FitRecipe, one: Predicted, folder: Path) -> dict[str, Any]:
    """Fit a metric, write its model into the folder of the surrogate, and judge it.

    Returns:
        What the card says of it.

    Raises:
        As `known`; also
        InvalidSetting: the family refuses the values, or no architecture was trained twice.
        MissingExtra: the family is fitted by a package that is not installed.
        OutputError: the model cannot be written.
    """
    table = load(recipe.benchmark, "table")
    parts = parts_of(recipe, table)
    what = known(table, one, parts)
    begun = perf_counter()
    model = _fitted(one, table, what.of(parts.train), recipe.seed)
    model.calibrate(*what.of(parts.calibrate))
    seconds = perf_counter() - begun
    place = Path(fitted.model_file(one.metric, one.epochs)).parent
    model.save(folder / place)
    asked, true = what.of(parts.test)
    mean, std = model.predict(asked)
    lost = [table.space.format(what.archs[number]) for number in np.flatnonzero(np.isnan(what.y))]
    entry: dict[str, Any] = {
        "metric": one.metric,
        **({} if one.epochs is None else {"epochs": one.epochs}),
        "family": one.family,
        "settings": _stated(one.settings),
        "model": place.as_posix(),
        "average": _average(model, table, recipe.seed),
        "fit_seconds": round(seconds, 1),
        **{name: len(what.of(part)[1]) for name, part in parts._asdict().items()},
        **({"not_measured": f"{len(lost)}: {some(lost)}"} if lost else {}),
        "scores": _rounded(evaluate.measure(true, mean, std, what.direction)._asdict()),
    }
    if isinstance(model, Distilled):
        taught, _ = model.teach(asked)
        entry["teacher"] = _plain(true, taught)
    noise = noise_of(one, table)
    if noise is not None:
        entry["noise"] = noise
        entry["ceiling"] = _ceiling(noise, mean, _trainings(one, table, asked), recipe.seed)
    best = _better(true, what.direction, _edge(true, what.direction))
    entry["top"] = _plain(true[best], mean[best])
    entry["beyond"] = _beyond(one, table, what, parts, recipe.seed)
    whole = {"train": entry["train"], **_of_curve(entry["scores"])}
    entry["learning"] = [*_learning(one, table, what, parts, recipe.seed), whole]
    return entry


def _fitted(one: Predicted, table: Table, data: tuple[list[Arch], Floats], seed: int) -> Surrogate:
    kind: type[Surrogate] = registry.load_class("surrogates", one.family)
    return kind(table.space, **one.settings).fit(*data, np.random.default_rng(seed))


def _average(model: Surrogate, table: Table, seed: int) -> float:
    rng = np.random.default_rng(seed)
    mean, _ = model.predict([table.space.sample(rng) for _ in range(DRAWN)])
    return float(f"{mean.mean():.{_DIGITS}g}")


def _edge(values: Floats, direction: evaluate.Direction) -> float:
    """Return the value that the best tenth is better than."""
    return float(np.quantile(values, 1 - TOP if direction == "max" else TOP))


def _better(values: Floats, direction: evaluate.Direction, edge: float) -> Any:
    return values > edge if direction == "max" else values < edge


def _beyond(one: Predicted, table: Table, what: Known, parts: Parts, seed: int) -> dict[str, float]:
    """Return how well the best are predicted by a fit that was shown none of them."""
    archs, y = what.of(parts.train)
    edge = _edge(y, what.direction)
    seen = np.flatnonzero(~_better(y, what.direction, edge))
    model = _fitted(one, table, ([archs[number] for number in seen], y[seen]), seed)
    asked, true = what.of(parts.test)
    best = np.flatnonzero(_better(true, what.direction, edge))
    if len(best) < _FEWEST:
        return {}
    mean, _ = model.predict([asked[number] for number in best])
    return _plain(true[best], mean)


def _learning(
    one: Predicted, table: Table, what: Known, parts: Parts, seed: int
) -> list[dict[str, float]]:
    """Return how well the test part is predicted from less than all, the least first.

    The training part may be sorted, so the fitted are drawn from it; fewer are among more.
    """
    archs, y = what.of(parts.train)
    order = np.random.default_rng(seed).permutation(len(y))
    asked, true = what.of(parts.test)
    found: list[dict[str, float]] = []
    for size in (len(y) // divisor for divisor in DIVISORS):
        if size < LEAST:
            continue
        chosen = order[:size]
        model = _fitted(one, table, ([archs[number] for number in chosen], y[chosen]), seed)
        mean, _ = model.predict(asked)
        found.append({"train": size, **_of_curve(_plain(true, mean))})
    return found


def _of_curve(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: scores[name] for name in ("kendall", "r2", "rmse") if name in scores}


def noise_of(one: Predicted, table: Table) -> dict[str, Any] | None:
    """Return by how much two trainings differ, by the architectures that were trained repeatedly.

    Returns:
        What the card says of it; None where the recipe asks for no noise.

    Raises:
        UnknownName, NotMeasured: the table that is to tell has no such metric or epochs.
        InvalidSetting: nobody trained an architecture twice.
    """
    if one.noise is None:
        return None
    other = table if one.noise_from is None else load(one.noise_from, "table")
    texts = other.frame([one.metric], epochs=one.epochs).index
    try:
        runs = other.query_many(list(texts), one.metric, epochs=one.epochs, seed="all")
    except NotMeasured:
        # There are means alone.
        runs = np.empty((len(texts), 0))
    runs = runs[(~np.isnan(runs)).sum(axis=1) > 1]
    if not len(runs):
        raise InvalidSetting(
            f"{other.benchmark} has no two trainings of one architecture with {one.stem}: nothing "
            "tells the noise; leave it out, or name another table in noise_from"
        )
    if one.noise == "relative" and np.nanmin(runs) <= 0:
        raise InvalidSetting(
            f"{one.stem} of {other.benchmark} is {np.nanmin(runs):g} once: noise that is "
            "relative is of values above 0; take absolute noise"
        )
    usual, pooled = deviations(np.log(runs) if one.noise == "relative" else runs)
    return {
        "kind": one.noise,
        "deviation": float(f"{usual:.3g}"),
        "pooled": float(f"{pooled:.3g}"),
        "table": other.benchmark,
        "repeated": len(runs),
    }


def deviations(runs: Floats) -> tuple[float, float]:
    """Return the usual and the pooled standard deviation of repeated trainings.

    The usual one is the median of the architectures' own, each over the median that a normal law
    gives for so many trainings: one training that went wrong does not count for all. In the pooled
    one it does.

    Args:
        runs: (architectures, runs), NaN where one was not trained so often, but twice at least.
    """
    free = (~np.isnan(runs)).sum(axis=1) - 1
    squares = np.nanvar(runs, axis=1, ddof=1) * free
    usual = np.median(np.sqrt(squares / chi2.ppf(0.5, free)))
    return float(usual), float(np.sqrt(squares.sum() / free.sum()))


def _trainings(one: Predicted, table: Table, archs: list[Arch]) -> Floats:
    """Return how many trainings the value of each architecture is the mean of, (n,)."""
    try:
        runs = table.query_many(archs, one.metric, epochs=one.epochs, seed="all")
    except NotMeasured:
        # There are means alone, of how many nobody says.
        return np.ones(len(archs))
    counts: Floats = np.maximum((~np.isnan(runs)).sum(axis=1), 1).astype(np.float64)
    return counts


def _ceiling(
    noise: Mapping[str, Any], mean: Floats, trainings: Floats, seed: int
) -> dict[str, float]:
    """Return what one who knew each network's expected value would reach, by the noise model.

    What is predicted is taken for the expected values, since nobody knows these. What was measured
    is the mean of so many trainings of each, (n,), and differs by less than one of them.
    """
    law = fitted.Noise(noise["kind"], noise["deviation"])
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(_REPEATS):
        draws = (rng.standard_normal(len(mean)) / np.sqrt(trainings)).tolist()
        pairs = zip(mean.tolist(), draws, strict=True)
        once = np.array([law.drawn(value, draw) for value, draw in pairs])
        found.append((evaluate.kendall(once, mean), evaluate.r2(once, mean)))
    tau, share = np.mean(found, axis=0).tolist()
    return _rounded({"kendall": tau, "r2": share})


def _plain(true: Floats, mean: Floats) -> dict[str, float]:
    """Return the measures that need no uncertainty, and by how much predictions are too high."""
    found = {
        "test": float(len(true)),
        "kendall": evaluate.kendall(true, mean),
        "spearman": evaluate.spearman(true, mean),
        "r2": evaluate.r2(true, mean),
        "rmse": evaluate.rmse(true, mean),
        "mae": evaluate.mae(true, mean),
        "bias": float((mean - true).mean()),
    }
    return _rounded(found)


def _rounded(found: Mapping[str, float]) -> dict[str, float]:
    """Return numbers as a card shows them; what is none is left out."""
    return {
        name: float(f"{value:.{_DIGITS}g}") for name, value in found.items() if np.isfinite(value)
    }


def _stated(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as TOML can hold them: what is not set is left out."""
    return {
        name: _stated(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if value is not None
    }
