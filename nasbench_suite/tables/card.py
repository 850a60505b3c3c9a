"""A table's card: what people read about it, and what its files must hash to."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import Arch, DamagedTable, DataNotFound, Metric
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.columns import mean_of_runs
from nasbench_suite.tables.layout import CARD, INDEX, TABLE
from nasbench_suite.tables.source import Source

_ENTRIES: Final = frozenset(
    {
        "title",
        "name",
        "version",
        "description",
        "space",
        "key",
        "architectures",
        "space_size",
        "covers_space",
        "licence",
        "citations",
        "defects",
        "derived",
        "tasks",
        "protocols",
        "metrics",
        "inputs",
    }
)


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a table's folder.

    Raises:
        DataNotFound: there is no card.
        DamagedTable: it is not TOML, or lacks entries that every card has.
    """
    path = folder / CARD
    try:
        with path.open("rb") as file:
            card = tomllib.load(file)
        for name in (TABLE, INDEX):
            if not isinstance(card["files"][name]["sha256"], str):
                raise TypeError(f"the sha256 of {name} is no text")
        missing = _ENTRIES - card.keys()
        if missing:
            raise KeyError(", ".join(sorted(missing)))
        return card
    except FileNotFoundError:
        raise DataNotFound(f"{folder} has no {CARD}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DamagedTable(f"{path} is damaged ({what}): restore it, or pack again") from None


def sha256(path: Path) -> str:
    """Return the sha256 of a file, or of a folder's files with their names, in hexadecimal."""
    if path.is_dir():
        total = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            total.update(f"{sha256(file)}  {file.relative_to(path).as_posix()}\n".encode())
        return total.hexdigest()
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def describe(source: Source, archs: Sequence[Arch], folder: Path) -> str:
    """Return the text of the card of a table whose files lie in `folder`."""
    import tomli_w

    space: Space = registry.load("spaces", source.space)
    whole = source.whole(space)
    covered = len(archs) == whole
    tasks = {}
    for name, task in source.tasks.items():
        facts = {
            "benchmark": f"{source.space}/{name}",
            "description": task.description,
            "classes": task.classes,
            "image_size": task.size,
            "reported": task.reported,
            "protocols": task.protocols,
        }
        tasks[name] = {fact: value for fact, value in facts.items() if value is not None}
        best = task.optimum and covered and _optimum(source, space, archs, name, *task.optimum)
        if best:
            tasks[name]["optimum"] = best
    card = {
        "title": source.title,
        "name": source.name,
        "version": source.version,
        "description": source.description,
        "space": source.space,
        "key": source.key,
        "architectures": len(archs),
        "space_size": whole,
        "covers_space": covered,
        "missing": "What nobody measured is missing: a query raises NotMeasured, arrays hold NaN.",
        "licence": source.licence,
        "citations": list(source.citations),
        "defects": list(source.defects),
        "derived": list(source.derived),
        "files": {
            name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
            for name in (TABLE, INDEX)
        },
        "tasks": tasks,
        "protocols": source.protocols,
        "lists": dict(source.lists),
        "metrics": [_metric_card(source, metric) for metric in source.metrics],
        "inputs": [
            {k: v for k, v in entry.items() if k != "path"}
            | {"sha256": sha256(Path(entry["path"]))}
            for entry in source.inputs
        ],
    }
    return tomli_w.dumps(card, multiline_strings=False)


def _metric_card(source: Source, metric: Metric) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": metric.name,
        "unit": metric.unit,
        "direction": metric.direction,
        "description": metric.description,
    }
    if metric.split:
        entry["split"] = metric.split
    measured: dict[str, dict[str, Any]] = {}
    for column in source.columns:
        if column.metric != metric.name:
            continue
        known = int(
            np.count_nonzero(
                ~np.isnan(np.asarray(column.values, float).reshape(len(column.values), -1)[:, 0])
            )
        )
        runs = column.values.shape[1] if column.values.ndim == 2 else None
        facts: dict[str, Any] = {
            "epochs": column.epochs,
            "source": column.source,
            "origin": column.origin,
            "architectures": known,
            "single_runs": runs,
            "runs_of_the_mean": "differs"
            if isinstance(column.counts, np.ndarray)
            else column.counts,
            "training_seeds": list(column.seeds) or None,
        }
        facts = {name: value for name, value in facts.items() if value is not None}
        entry_of = measured.setdefault(json.dumps(facts), {"tasks": [], **facts})
        entry_of["tasks"].append(column.task)
    entry["measured"] = list(measured.values())
    return entry


def _optimum(
    source: Source,
    space: Space,
    archs: Sequence[Arch],
    task: str,
    metric: str,
    epochs: int | None,
) -> dict[str, Any] | None:
    (column,) = (
        c for c in source.columns if (c.task, c.metric, c.epochs) == (task, metric, epochs)
    )
    (described,) = (m for m in source.metrics if m.name == metric)
    values = column.values if column.values.ndim == 1 else mean_of_runs(column.values)
    if np.isnan(values).all():
        return None
    row = int(np.nanargmax(values) if described.direction == "max" else np.nanargmin(values))
    return {
        "metric": metric,
        **({"epochs": epochs} if epochs is not None else {}),
        "seed": "mean",
        "value": float(values[row]),
        "index": space.index(archs[row]),
        "architecture": space.format(archs[row]),
    }
