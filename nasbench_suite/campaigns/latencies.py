"""Measure a sample of a table's networks here, and ask whether its latencies order them alike.

`DIR/measure.json` says what is asked, `DIR/measurements/<number>.json` is one finished measurement,
and `DIR/agreement.json` has the rank correlations. A file is whole or not there; the same question
asked again of the same folder measures only what is missing, and further metrics cost nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from nasbench_suite import settings
from nasbench_suite.campaigns.known import archs_of
from nasbench_suite.core import Arch, DamagedInput, Floats, InvalidArchitecture, InvalidSetting
from nasbench_suite.files import alone, ask, write_whole
from nasbench_suite.graph import Graph
from nasbench_suite.scoring.bootstrap import bootstrap_interval
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates.evaluate import kendall, spearman
from nasbench_suite.tables.store import Table
from nasbench_suite.training.recipes import Recipe
from nasbench_suite.training.skeleton import connected, skeleton

if TYPE_CHECKING:
    from nasbench_suite.training.measuring import Conditions, Measurement

FILE: Final = "measure.json"
_KEPT: Final = "measurements"
_AGREEMENT: Final = "agreement.json"
_FORMAT: Final = "nasbench-measurement-1"
_LEAST: Final = 10
"""Of fewer, draws of the bootstrap may be all the same, and no interval means anything."""

Progress = Callable[[int, int], None]
"""Is told how many measurements are done, of how many."""


class Images(NamedTuple):
    """What a network reads, and how many classes it tells apart."""

    classes: int = 10
    size: int = 32
    """In pixels a side."""
    channels: int = 3


class Agreement(NamedTuple):
    """How far a table's column orders networks as the medians measured here do."""

    metric: str
    architectures: int
    """Those of the sample that have a value in the table."""
    spearman: float
    spearman_low: float
    """The ends of the 95 % interval over samples of architectures (percentile bootstrap)."""
    spearman_high: float
    kendall: float
    kendall_low: float
    kendall_high: float
    spearman_of_flops: float
    """The same of the networks' FLOPs instead of the medians: what counting alone tells."""


def network_of(space: Space, arch: Arch, recipe: Recipe, images: Images) -> Graph:
    """Return the network that is measured.

    Raises:
        InvalidArchitecture: its output does not depend on its input.
        NoNetwork, InvalidSetting: as `skeleton`.
    """
    graph = skeleton(space, arch, recipe, **images._asdict())
    if not connected(graph):
        raise InvalidArchitecture(
            f"{space.format(arch)} does not pass its input on, so there is nothing to measure"
        )
    return graph


def measure_one(
    space: Space, arch: Arch, recipe: Recipe, images: Images, conditions: Conditions
) -> Measurement:
    """Measure an untrained network of an architecture, with weights of one seed.

    Raises:
        InvalidArchitecture: its output does not depend on its input.
        NoNetwork: architectures of this space are no networks of images.
        InvalidSetting: the device is not there, or has no memory for such a batch.
        FailedRuns: the device failed.
    """
    from nasbench_suite.training import measure, untrained

    graph = network_of(space, arch, recipe, images)
    return measure(untrained(graph), conditions, size=images.size, channels=images.channels)


def compare_latencies(
    table: Table,
    metrics: Sequence[str],
    recipe: Recipe,
    images: Images,
    conditions: Conditions,
    *,
    sample: int,
    seed: int = 0,
    out: Path,
    progress: Progress | None = None,
) -> list[Agreement]:
    """Measure a sample of a table's architectures, and compare the order with its columns.

    Args:
        table: of the architectures; those that do not pass their input on are left out.
        metrics: its columns, such as latencies on other hardware.
        recipe: whose `channels` and `cells` the networks have.
        images: what they read.
        conditions: device, batch, precision, and how often each is measured.
        sample: how many architectures, drawn at random, none twice.
        seed: of what is drawn.
        out: the folder of the measurements; one that holds part of them goes on.
        progress: called at the start, and after each measurement.

    Raises:
        InvalidSetting: there are not so many, or the folder is of another question or machine.
        UnknownName, NotMeasured: the table has no such column.
        NoNetwork: architectures of this space are no networks of images.
        DamagedInput: a file in the folder cannot be read.
        OutputError: another process measures there, or the folder cannot be written.
        FailedRuns: the device failed; what is finished is kept.
    """
    settings.at_least("seed", seed, 0)
    columns = {name: table.query_many([0], name) for name in metrics}
    chosen = _drawn(table, recipe, images, settings.at_least("sample", sample, _LEAST), seed)
    question = {
        "format": _FORMAT,
        "benchmark": table.benchmark,
        "data_sha256": table.data,
        "sample": sample,
        "seed": seed,
        "recipe": {"channels": recipe.channels, "cells": recipe.cells},
        "images": images._asdict(),
        **conditions.described(),
    }
    kept = out / _KEPT
    with alone(out):
        ask(out / FILE, question, begun=kept.is_dir() and any(kept.iterdir()))
        paths = {arch: kept / f"{table.space.index(arch)}.json" for arch in chosen}
        found = {arch: read(path) for arch, path in paths.items() if path.exists()}
        if progress is not None:
            progress(len(found), len(chosen))
        for arch in chosen:
            if arch in found:
                continue
            found[arch] = measure_one(table.space, arch, recipe, images, conditions)
            write_whole(paths[arch], _written(table.space, arch, found[arch]))
            if progress is not None:
                progress(len(found), len(chosen))
        medians = np.array([found[arch].median for arch in chosen])
        flops = [float(network_of(table.space, arch, recipe, images).flops) for arch in chosen]
        agreements = [
            _agreement(name, medians, np.array(flops), table.query_many(chosen, name))
            for name in columns
        ]
        text = json.dumps([_plain(one._asdict()) for one in agreements], indent=2)
        write_whole(out / _AGREEMENT, text + "\n")
    return agreements


def _drawn(table: Table, recipe: Recipe, images: Images, sample: int, seed: int) -> list[Arch]:
    """Return the sample, in the order in which it was drawn: slow hours befall no one kind."""
    archs = archs_of(table)
    chosen: list[Arch] = []
    # Where more are asked than there are, no network need be built to know.
    for row in np.random.default_rng(seed).permutation(len(archs)) if sample <= len(archs) else ():
        if len(chosen) == sample:
            break
        if connected(skeleton(table.space, archs[row], recipe, **images._asdict())):
            chosen.append(archs[row])
    if len(chosen) < sample:
        raise InvalidSetting(
            f"sample is {sample:,}: {table.benchmark} has {len(archs):,} architectures, and of "
            "those only the ones that pass their input on are measured"
        )
    return chosen


def _agreement(metric: str, medians: Floats, flops: Floats, column: Floats) -> Agreement:
    there = ~np.isnan(column)
    if there.sum() < _LEAST:
        raise InvalidSetting(
            f"{there.sum()} architectures of the sample have a {metric}: ask for a larger sample"
        )
    pairs = np.stack([medians[there], column[there]], axis=1)
    ends = []
    for measure in (spearman, kendall):
        low, high = bootstrap_interval(pairs, _statistic(measure), np.random.default_rng(0))
        ends.append((measure(*pairs.T), float(low), float(high)))
    return Agreement(metric, len(pairs), *ends[0], *ends[1], spearman(flops[there], column[there]))


def _statistic(measure: Callable[[Floats, Floats], float]) -> Callable[[Floats, int], Floats]:
    """Return a correlation of pairs (draws, pairs, 2) for each draw, as the bootstrap asks."""

    def of(values: Floats, axis: int) -> Floats:
        return np.array([measure(*pairs.T) for pairs in np.moveaxis(values, axis, 1)])

    return of


def _written(space: Space, arch: Arch, measurement: Measurement) -> str:
    content = {"format": _FORMAT, "architecture": space.format(arch), **asdict(measurement)}
    return json.dumps(content, indent=2) + "\n"


def read(path: Path) -> Measurement:
    """Return the measurement of a file.

    Raises:
        DamagedInput: it is none, or cut short.
    """
    from nasbench_suite.training import Measurement

    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if content.pop("format") != _FORMAT:
            raise ValueError("it is of another format")
        del content["architecture"]
        latency = tuple(map(float, content.pop("latency_ms")))
        found = Measurement(latency_ms=latency, **content)
        if not found.median > 0:
            raise ValueError(f"its median is {found.median}")
    except (OSError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DamagedInput(
            f"{path} is no measurement ({error}): remove it, and it is made again"
        ) from None
    return found


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON can hold it: NaN is null."""
    return {key: None if value != value else value for key, value in row.items()}
