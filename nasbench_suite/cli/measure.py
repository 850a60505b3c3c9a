"""The verb that measures latency, throughput and memory of networks."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from nasbench_suite import benchmarks, registry
from nasbench_suite.campaigns.latencies import Images, compare_latencies, measure_one
from nasbench_suite.cli import words
from nasbench_suite.core import InvalidSetting
from nasbench_suite.settings import at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.store import Table
from nasbench_suite.training.recipes import Recipe, recipe

if TYPE_CHECKING:
    from nasbench_suite.training.measuring import Conditions

_PUBLISHED: Final = {"channels": 0, "cells": 0}
"""What makes a recipe leave a skeleton as it was published."""


def measure_latency(given: argparse.Namespace) -> None:
    """Measure one architecture, or a sample of a table's."""
    from nasbench_suite.training import Conditions

    space: Space = registry.load("spaces", given.space)
    conditions = Conditions(
        batch=given.batch,
        device=given.device,
        precision=given.precision,
        channels_last=given.channels_last,
        threads=given.threads,
        warm_up=given.warm_up,
        passes=given.passes,
    )
    if given.sample is None:
        _one(space, conditions, given)
    else:
        _sample(space, conditions, given)


def _one(space: Space, conditions: Conditions, given: argparse.Namespace) -> None:
    if given.architecture is None:
        raise InvalidSetting("name an architecture, or give --sample N with --table")
    for name in ("table", "metric", "out"):
        if getattr(given, name) is not None:
            raise InvalidSetting(f"--{name} is for --sample")
    arch = words.chosen(given.architecture, space)
    images = _images(given, {})
    found = measure_one(space, arch, _recipe(given), images, conditions)
    described = conditions.described()
    from nasbench_suite.training.measuring import QUANTILES

    latency = dict(zip(map(str, QUANTILES), found.latency_ms, strict=True))
    if given.json:
        content = {
            "space": space.name,
            "architecture": space.format(arch),
            "latency_ms": latency,
            "images_per_second": found.throughput,
            "weights_mb": found.weights_mb,
            "memory_mb": found.memory_mb,
            "conditions": {**described, "load": found.load, "images": images._asdict()},
        }
        print(words.to_json(content))
        return
    hardware = described["hardware"]
    rows = [
        ("latency of a pass", f"{found.median:.4g} ms, median"),
        ("quantiles", ", ".join(f"{at} %: {value:.4g} ms" for at, value in latency.items())),
        ("throughput", f"{found.throughput:.4g} images/s"),
        ("weights", f"{found.weights_mb:.4g} MB"),
        ("memory", f"{found.memory_mb:.4g} MB: {described['memory']}"),
        ("images", f"batch {given.batch} of {images.channels}x{images.size}x{images.size}"),
        ("computed in", f"{given.precision}, {described['memory_format'].replace('_', ' ')}"),
        ("passes", f"{given.passes} timed, after {given.warm_up} that were not"),
        ("on", hardware.get("gpu") or f"{hardware['cpu']}, {hardware['threads']} threads"),
        ("with", f"torch {hardware['torch']}; load {found.load:.2f} of {hardware['cores']} cores"),
    ]
    words.columns(rows)


def _sample(space: Space, conditions: Conditions, given: argparse.Namespace) -> None:
    if given.architecture is not None:
        raise InvalidSetting("name an architecture or give --sample, not both")
    for name in ("table", "metric", "out"):
        if getattr(given, name) is None:
            raise InvalidSetting(f"--sample needs --{name}")
    table = benchmarks.load(given.table, "table")
    if table.space.name != space.name:
        raise InvalidSetting(f"{given.table} is of the space {table.space.name}, not {space.name}")
    agreements = compare_latencies(
        table,
        given.metric,
        _recipe(given),
        _images(given, _task(table)),
        conditions,
        sample=given.sample,
        seed=given.seed,
        out=given.out,
        progress=words.Progress("networks"),
    )
    words.table([one._asdict() for one in agreements], given.json)


def _task(table: Table) -> dict[str, Any]:
    found: dict[str, Any] = read_card(table.folder)["tasks"][table.task]
    return found


def _images(given: argparse.Namespace, task: dict[str, Any]) -> Images:
    """Return the images that are asked for, else the task's, else small ones.

    Raises:
        InvalidSetting: a number is too small or too large.
    """
    plain = Images()
    size = given.size if given.size is not None else task.get("image_size", plain.size)
    classes = given.classes if given.classes is not None else task.get("classes", plain.classes)
    return Images(
        at_least("--classes", classes, 1, 10**6),
        at_least("--size", size, 1, 4096),
        at_least("--channels", given.channels, 1, 1024),
    )


def _recipe(given: argparse.Namespace) -> Recipe:
    """Return the recipe whose skeleton is asked for; without one networks are as published.

    Raises:
        InvalidSetting: a change is of another form or impossible.
    """
    changes = words.settings(given.set, None, "recipe").get("recipe", {})
    if given.recipe is None:
        return recipe("nasbench201", {**_PUBLISHED, **changes})
    return recipe(given.recipe, changes)
