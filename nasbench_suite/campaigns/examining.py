"""Ask a fitted surrogate of the architectures it was judged on, and read what its card says of it.

Nothing is fitted: the scores are the card's, and the test part of the table is predicted once more,
so that each architecture can be looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite import registry, resources
from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
from nasbench_suite.campaigns.fit_metric import known, parts_of
from nasbench_suite.campaigns.fit_recipe import FitRecipe, read_recipe
from nasbench_suite.core import DamagedInput, DataNotFound, Floats, Metric
from nasbench_suite.surrogates import evaluate, fitted
from nasbench_suite.surrogates.base import Surrogate
from nasbench_suite.tables.card import read_card, sha256
from nasbench_suite.tables.layout import INDEX
from nasbench_suite.tables.store import Table

_NEAR: Final = 1e-3
"""How far Kendall's τ on another machine may be from the card's."""


class Learned(NamedTuple):
    """How well the test part is predicted by a fit to some of the training part."""

    train: int
    kendall: float
    """NaN where all predictions were the same."""
    r2: float
    rmse: float
    """In the metric's unit."""


class Trainings(NamedTuple):
    """By how much two trainings of one architecture differ; see `fitted.Noise`."""

    kind: str
    deviation: float
    pooled: float
    """As `deviation`, but one training that went wrong counts for all."""
    table: str
    """The benchmark whose repeated trainings tell."""
    repeated: int
    """How many architectures of it were trained repeatedly."""


class Speed(NamedTuple):
    """How long answers of the reported metric took on the machine that fitted it."""

    opening_ms: float
    one_us: float
    many_us: float


@dataclass(frozen=True, eq=False)
class Examined:
    """How a metric after so many epochs is predicted."""

    metric: Metric
    epochs: int | None
    family: str
    settings: Mapping[str, Any]
    """Those that are not the family's defaults."""
    fit_seconds: float
    train: int
    calibrate: int
    test: int
    not_measured: str | None
    """How many architectures of the table have no value, and which; None where all have one."""
    scores: Mapping[str, float]
    """The fields of `evaluate.Measures` that are numbers, and `bias`: by how much predictions are
    too high on average."""
    teacher: Mapping[str, float]
    """Of the model that was learned from, on the test part; like the next three, empty where there
    is none."""
    top: Mapping[str, float]
    beyond: Mapping[str, float]
    ceiling: Mapping[str, float]
    noise: Trainings | None
    learning: tuple[Learned, ...]
    """The least first, the whole training part last."""
    true: Floats
    """What was measured of the test part, (test,), as are the next three, in the metric's unit."""
    mean: Floats
    reach: Floats
    """How far the 90 % interval of each prediction reaches to either side."""
    held: NDArray[np.bool_]
    """Whether what was measured lies in it."""
    below: Floats
    """Which share of the test part lies below the predicted quantile, of each of
    `evaluate.LEVELS`."""


class Proportional(NamedTuple):
    """A metric that is predicted in proportion to the same one after other epochs."""

    metric: Metric
    epochs: int
    of: int
    """After how many epochs it is that is multiplied."""
    factor: float


@dataclass(frozen=True, eq=False)
class Examination:
    """What is known of a fitted surrogate; see `docs/surrogates.md` for the entries of a card."""

    name: str
    version: str
    card_sha256: str
    title: str
    description: str
    benchmark: str
    task: str
    """What the task is, in words."""
    architectures: int
    """Of the whole space: of so many it can be asked."""
    reported: str
    table: str
    """The title of the table that was fitted."""
    table_version: str
    table_sha256: str
    split: str
    seed: int
    train: int
    calibrate: int
    test: int
    outside: float
    """The share of the test part that lies outside what was fitted."""
    speed: Speed | None
    """None where the fit was killed before it was timed."""
    protocols: Mapping[str, str]
    """What each says of itself, by name."""
    licence: str
    citations: tuple[str, ...]
    notes: tuple[str, ...]
    made_by: str
    """The version of the suite that fitted it."""
    metrics: tuple[Examined | Proportional, ...]
    """In the order of the card."""


def examine(folder: Path) -> Examination:
    """Return what the card of a fitted surrogate says, and what it predicts of the test part.

    Args:
        folder: of the fitted surrogate.

    Raises:
        DataNotFound: the folder holds no fitted surrogate, or the table is not installed.
        DamagedInput: the card, the recipe or a model is damaged, or the installed table is another
            version.
        DamagedTable: the table is damaged.
        UnknownName: a family is of a package that is not installed.
    """
    opened = SurrogateBenchmark(folder)
    try:
        about = _about(opened.card)
        entries = [_entry(entry) for entry in opened.card["predictors"]]
        digest = opened.card["made_by"]["recipe_sha256"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise fitted.damaged(folder, error) from None
    recipe = read_recipe(folder / fitted.RECIPE)
    asked = [(one.metric, one.epochs) for one in recipe.predicted]
    if recipe.digest != digest or [(e["metric"], e["epochs"]) for e in entries] != asked:
        raise DamagedInput(
            f"{folder / fitted.RECIPE} is not the recipe that {fitted.CARD} was made by: restore "
            "it, or remove the card and fit again"
        )
    fitted.check(folder)
    place = resources.find("datasets_tabular", opened.card["table"]["name"], INDEX)
    if place is None:
        name = opened.card["table"]["name"]
        raise DataNotFound(
            f"the table {name}, which {about['name']} was fitted to, is not installed: to see what "
            "is predicted of its test part, set $NASBENCH_DATA to a folder that holds "
            f"datasets_tabular/{name}"
        )
    metrics = _examined(opened, recipe, Table.open(place, opened.task), entries)
    return Examination(
        **about,
        card_sha256=sha256(folder / fitted.CARD),
        architectures=opened.space.size,
        table=read_card(place)["title"],
        metrics=tuple(metrics),
    )


def _examined(
    opened: SurrogateBenchmark, recipe: FitRecipe, table: Table, entries: list[dict[str, Any]]
) -> list[Examined | Proportional]:
    """Return how each metric is predicted.

    Raises:
        DamagedInput: a model predicts otherwise than the card says.
        As `fit_metric.known`.
    """
    parts = parts_of(recipe, table)
    models = fitted.predictors(opened.folder, opened.card)
    found: list[Examined | Proportional] = []
    for entry, predictor, one in zip(entries, models, recipe.predicted, strict=True):
        if one.metric not in opened.metrics:
            raise fitted.damaged(opened.folder, f"it does not describe {one.metric}")
        metric = opened.metrics[one.metric]
        if one.in_proportion_to is not None:
            found.append(
                Proportional(metric, one.epochs or 0, one.in_proportion_to, predictor.factor)
            )
            continue
        asked, true = known(table, one, parts).of(parts.test)
        mean, std = predictor.model(opened.space).predict(asked)
        tau, said = evaluate.kendall(true, mean), entry["scores"].get("kendall", float("nan"))
        if abs(tau - said) > _NEAR or len(true) != entry["test"]:
            raise fitted.damaged(
                opened.folder,
                f"it says that kendall of {one.stem} is {said:.4f} on {entry['test']:,} "
                f"architectures, and it is {tau:.4f} on {len(true):,}",
            )
        kind: type[Surrogate] = registry.load_class("surrogates", one.family)
        usual = kind.settings()
        special = {name: value for name, value in one.settings.items() if value != usual[name]}
        reach = evaluate.reach(std)
        answers = {
            "true": true,
            "mean": mean,
            "reach": reach,
            "held": np.abs(true - mean) <= reach,
            "below": evaluate.below(true, mean, std),
        }
        entry["scores"]["bias"] = float((mean - true).mean())
        found.append(Examined(**{**entry, **answers, "metric": metric, "settings": special}))
    return found


# The card.


def _about(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a card says of the whole.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it says something else.
    """
    split, speed = card["split"], card.get("speed")
    return {
        **{name: _text(card[name]) for name in ("name", "version", "title", "description")},
        **{name: _text(card[name]) for name in ("benchmark", "reported", "licence")},
        "task": _text(card["task_description"]),
        "table_version": _text(card["table"]["version"]),
        "table_sha256": _text(card["table"]["sha256"]),
        "split": _text(split["kind"]),
        **{name: int(split[name]) for name in ("seed", "train", "calibrate", "test")},
        "outside": float(card["seen"]["test_outside"]),
        "speed": None if speed is None else Speed(*(float(speed[name]) for name in Speed._fields)),
        "protocols": {
            name: _text(protocol["description"]) for name, protocol in card["protocols"].items()
        },
        "citations": tuple(_text(one) for one in card["citations"]),
        "notes": tuple(_text(one) for one in card["notes"]),
        "made_by": _text(card["made_by"]["version"]),
    }


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a card says of one metric.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it says something else.
    """
    epochs = int(entry["epochs"]) if "epochs" in entry else None
    found: dict[str, Any] = {"metric": _text(entry["metric"]), "epochs": epochs}
    if "in_proportion_to" in entry:
        return found
    noise = entry.get("noise")
    return {
        **found,
        "family": _text(entry["family"]),
        "fit_seconds": float(entry["fit_seconds"]),
        **{name: int(entry[name]) for name in ("train", "calibrate", "test")},
        "not_measured": _text(entry["not_measured"]) if "not_measured" in entry else None,
        "scores": _numbers(entry["scores"]),
        **{name: _numbers(entry.get(name, {})) for name in ("teacher", "top", "beyond", "ceiling")},
        "noise": None
        if noise is None
        else Trainings(
            kind=_text(noise["kind"]),
            deviation=float(noise["deviation"]),
            pooled=float(noise["pooled"]),
            table=_text(noise["table"]),
            repeated=int(noise["repeated"]),
        ),
        # Cards from before there were learning curves lack them.
        "learning": tuple(_learned(one) for one in entry.get("learning", ())),
    }


def _learned(one: Mapping[str, Any]) -> Learned:
    found = _numbers(one)
    if found["train"] < 1:
        raise ValueError("a learning curve has sizes of at least 1")
    measures = [found.get(name, float("nan")) for name in Learned._fields[1:]]
    return Learned(int(found["train"]), *measures)


def _numbers(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
