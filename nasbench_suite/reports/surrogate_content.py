"""All words and formatted numbers of a fitted surrogate's page; the template only places them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final, NamedTuple

from nasbench_suite.campaigns.examining import Examination, Examined, Proportional, Speed
from nasbench_suite.core import Metric
from nasbench_suite.reports import words
from nasbench_suite.reports.content import SHORT
from nasbench_suite.reports.fidelity import Study, rows
from nasbench_suite.reports.surrogate_notes import notes

_COUNTED: Final = 10**9
"""Of more architectures nobody reads all digits."""
_RAISED: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SPACE: Final = "\N{NO-BREAK SPACE}"
_BETTER: Final = {"max": "more is better", "min": "less is better", "none": ""}


class Panel(NamedTuple):
    """A figure of the page."""

    letter: str
    words: str
    label: str
    """What it shows, for readers who do not see it."""


# The name of a row of scores, how it is called, and what it is of.
_ROWS: Final = (
    ("scores", "Test part", "all that was held back", "test"),
    ("teacher", "Teacher", "the model it learned from", "teacher"),
    ("top", "Top tenth", "the best of the test part", "top"),
    ("beyond", "Beyond", "the best, by a fit that saw none as good", "beyond"),
    ("ceiling", "Noise ceiling", "who knew each expected value", "ceiling"),
)
_ERRORS: Final = ("rmse", "mae", "bias")
_PANELS: Final = {
    "predicted": ("predicted against measured", "what is predicted against what was measured"),
    "calibration": ("calibration", "share of values below the predicted p-quantile against p"),
    "learning": ("learning curve", "Kendall's τ against the number of architectures fitted"),
}


def content(
    found: Examination, drawn: Sequence[Mapping[str, str]], study: Study | None
) -> dict[str, Any]:
    """Return what the page says.

    Args:
        found: the surrogate.
        drawn: the figures of each metric that was fitted, in order, by name.
        study: whether surrogates rank strategies as tables do, if that was asked.
    """
    keys = {(one.metric.name, one.epochs): f"m{n}" for n, one in enumerate(found.metrics)}
    drawings = iter(drawn)
    sections = [
        _section(one, keys[one.metric.name, one.epochs], next(drawings), found)
        for one in found.metrics
        if isinstance(one, Examined)
    ]
    known = notes(found, study=study is not None)
    return {
        "title": found.title,
        "description": found.description,
        "about": _about(found),
        "speed": _speed(found.speed),
        "protocols": found.protocols,
        "citations": found.citations,
        "said": found.notes,
        "overview": _overview(found, keys),
        "sections": sections,
        "study": None if study is None else _study(study),
        "notes": known,
        "note": {name: number for number, name in enumerate(known, start=1)},
        "numbered": count(1),
        "figured": count(1),
    }


def _about(found: Examination) -> dict[str, str]:
    size = found.architectures
    of = f"{size:,}" if size < _COUNTED else f"about{_SPACE}{_power(size)}"
    kinds = {
        "official": "the table's own",
        "random": f"at random, from seed {found.seed}",
    }
    return {
        "predicts": f"{words.plural(len(found.metrics), 'metric')} of any of {of} architectures",
        "benchmark": found.benchmark,
        "task": found.task,
        "reported": found.reported,
        "table": f"{found.table}, version{_SPACE}{found.table_version}",
        "sha256": found.table_sha256[:SHORT],
        "split": f"{kinds.get(found.split, found.split)}: "
        + _sizes(found.train, found.calibrate, found.test),
        "outside": f"{words.number(100 * found.outside, 1)}{_SPACE}% of the test part lie outside "
        "what was fitted",
        "licence": found.licence,
        "version": f"{found.name}, version{_SPACE}{found.version}, fitted by nasbench_suite"
        f"{_SPACE}{found.made_by}",
    }


def _power(value: int) -> str:
    """Return a large number as a power of ten with two digits: 1.9 × 10¹²."""
    digits, exponent = f"{value:.1e}".split("e+")
    return f"{digits}{_SPACE}×{_SPACE}10{str(int(exponent)).translate(_RAISED)}"


def _sizes(train: int, calibrate: int, test: int) -> str:
    return f"{train:,} fitted, {calibrate:,} calibrated with, {test:,} tested on"


def _speed(speed: Speed | None) -> str:
    if speed is None:
        return "not measured"
    one, many = (words.significant(value, 2) for value in (speed.one_us, speed.many_us))
    opening = words.significant(speed.opening_ms, 2)
    return (
        f"{one}{_SPACE}µs for one architecture, {many}{_SPACE}µs each for thousands together, and "
        f"{opening}{_SPACE}ms to open"
    )


# All metrics.


def _overview(found: Examination, keys: Mapping[tuple[str, int | None], str]) -> dict[str, Any]:
    fitted = [one for one in found.metrics if isinstance(one, Examined)]
    columns = [
        (name, title, note)
        for name, title, _, note in _ROWS[1:]
        if any("kendall" in getattr(one, name) for one in fitted)
    ]
    lines = []
    for one in found.metrics:
        line = {
            "key": keys[one.metric.name, one.epochs],
            "name": _broken(one.metric.name),
            "after": words.after([one.epochs]),
            "unit": one.metric.unit,
            "as": "",
        }
        if isinstance(one, Proportional):
            line |= {"key": keys[one.metric.name, one.of], "as": _proportional(one)}
        else:
            line |= {
                "family": one.family,
                "kendall": _share(one.scores, "kendall"),
                "r2": _share(one.scores, "r2"),
                "rmse": _digits(one.scores.get("rmse")),
                "coverage": _percent(one.scores.get("coverage")),
                "others": [_share(getattr(one, name), "kendall") for name, *_ in columns],
            }
        lines.append(line)
    return {
        "columns": [{"title": title, "note": note} for _, title, note in columns],
        "rows": lines,
    }


def _proportional(one: Proportional) -> str:
    factor = words.significant(one.factor)
    return f"{factor} times that after {words.plural(one.of, 'epoch')}"


# One metric.


def _section(
    one: Examined, key: str, drawn: Mapping[str, str], found: Examination
) -> dict[str, Any]:
    metric = one.metric
    split, sizes = (_sizes(of.train, of.calibrate, of.test) for of in (found, one))
    # Errors of percent may be hundredths of one, so that two decimals are not enough.
    places = words.decimals("", [scores[name] for scores in _scored(one) for name in _ERRORS[:2]])
    return {
        "key": key,
        "name": _broken(metric.name),
        "spoken": f"{words.spoken(metric.name)}{words.after([one.epochs])}",
        "after": words.after([one.epochs]),
        "unit": metric.unit,
        "described": _described(metric),
        "model": f"fitted in {words.duration(one.fit_seconds)}",
        "family": one.family,
        "settings": [
            (name, json.dumps(value, ensure_ascii=False)) for name, value in one.settings.items()
        ],
        "sizes": "" if sizes == split else sizes,
        "missing": one.not_measured,
        "intervals": _intervals(one, places),
        "noise": _noise(one),
        "rows": [
            {
                "title": title,
                "of": of,
                "note": note,
                "tested": _count(one, name),
                "shares": [_share(getattr(one, name), m) for m in ("kendall", "spearman", "r2")],
                "errors": [_error(getattr(one, name), m, places) for m in _ERRORS],
            }
            for name, title, of, note in _ROWS
            if getattr(one, name)
        ],
        "panels": [
            (Panel(f"({letter})", *_PANELS[name]), drawn[name])
            for letter, name in zip("abc", drawn, strict=False)
        ],
        "ceiling": "kendall" in one.ceiling and "learning" in drawn,
        "learned": "learning" in drawn,
    }


def _scored(one: Examined) -> list[Mapping[str, float]]:
    """Return the scores that say how far predictions are off."""
    return [
        scores
        for scores in (one.scores, one.teacher, one.top, one.beyond)
        if scores.keys() >= set(_ERRORS)
    ]


def _count(one: Examined, name: str) -> str:
    """Return on how many architectures a row of scores is."""
    if name in ("scores", "ceiling"):
        return f"{one.test:,}"
    return words.count(getattr(one, name).get("test", math.nan))


def _described(metric: Metric) -> str:
    unit = f"In{_SPACE}{metric.unit}" if metric.unit else "Without unit"
    better = _BETTER[metric.direction]
    text = metric.description
    return f"{text[:1].upper()}{text[1:]}. {unit}{'; ' if better else ''}{better}."


def _intervals(one: Examined, places: int) -> str:
    scores = one.scores
    width = words.with_unit(words.number(scores.get("width", math.nan), places), one.metric.unit)
    error = words.number(100 * scores.get("calibration_error", math.nan), 1)
    return (
        f"{_percent(scores.get('coverage'))}{_SPACE}% of the test part lie in their "
        f"90{_SPACE}% interval, which is {width} wide on average; quantiles are off by "
        f"{error}{_SPACE}% on average"
    )


def _noise(one: Examined) -> str:
    noise = one.noise
    if noise is None:
        return ""
    usual, pooled = (
        f"{words.significant(100 * value)}{_SPACE}% of the value"
        if noise.kind == "relative"
        else words.with_unit(words.significant(value), one.metric.unit)
        for value in (noise.deviation, noise.pooled)
    )
    trained = words.plural(noise.repeated, "architecture")
    return (
        f"a standard deviation of {usual} between trainings of one architecture, by {trained} of "
        f"{noise.table} that {'was' if noise.repeated == 1 else 'were'} trained repeatedly; pooled "
        f"it is {pooled}"
    )


# Numbers.


def _share(scores: Mapping[str, float], name: str) -> str:
    return words.number(scores.get(name, math.nan), 3)


def _error(scores: Mapping[str, float], name: str, places: int) -> str:
    # What is rounded to 0 has no sign.
    return words.number(round(scores.get(name, math.nan), places) + 0.0, places)


def _percent(share: float | None) -> str:
    return words.DASH if share is None else words.number(100 * share, 1)


def _digits(value: float | None) -> str:
    return words.DASH if value is None else words.significant(value)


def _broken(name: str) -> list[str]:
    """Return a name in parts between which a line may end."""
    return [f"{part}_" for part in name.split("_")[:-1]] + name.split("_")[-1:]


def _study(study: Study) -> dict[str, Any]:
    names = list(dict.fromkeys(one.benchmark for one in study.agreements))
    tables = []
    for name in names:
        head, *lines = rows([one for one in study.agreements if one.benchmark == name])
        tables.append({"name": name, "head": head, "rows": lines})
    lengths = list(dict.fromkeys(str(one.evaluations) for one in study.agreements))
    return {
        "family": study.family,
        "strategies": study.strategies,
        "half": study.seeds // 2,
        "lengths": words.listed(lengths),
        "last": lengths[-1],
        "tables": tables,
    }
