"""The TOML beside somebody's CSV files: what their columns mean, checked entry by entry.

`docs/your_own_table.md` describes the entries.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from nasbench_suite import registry
from nasbench_suite.core import (
    DIRECTIONS,
    SPLITS,
    UNITS,
    DamagedInput,
    DataNotFound,
    Metric,
    UnknownName,
    shown,
)
from nasbench_suite.spaces.base import Space

_WORDS: Final = re.compile(r"[a-z0-9]+").findall
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# What the root of every table file holds besides its tasks.
_TAKEN: Final = frozenset({"architectures", "genes", "rows_by_code", "runs", "curves"})
_MOST: Final = 10**6

# Of each entry its types; a required one is marked.
_REQUIRED: Final = "required"
_Entries = Mapping[str, tuple[Any, ...]]
_TABLE: Final[_Entries] = {
    "name": (str, _REQUIRED),
    "version": (str,),
    "title": (str,),
    "description": (str,),
    "licence": (str,),
    "citations": (list,),
    "defects": (list,),
    "space": (str, _REQUIRED),
    "key": (str,),
    "architecture": (str, _REQUIRED),
    "run": (str,),
    "epochs": (str,),
    "ignore": (list,),
    "tasks": (dict, _REQUIRED),
    "metrics": (dict, _REQUIRED),
    "protocol": (dict,),
}
_TASK: Final[_Entries] = {
    "files": (str, list, _REQUIRED),
    "description": (str,),
    "classes": (int,),
    "image_size": (int,),
}
_METRIC: Final[_Entries] = {
    "unit": (str, _REQUIRED),
    "direction": (str, _REQUIRED),
    "description": (str, _REQUIRED),
    "split": (str,),
    "column": (str,),
    "per": (str,),
}
_PROTOCOL: Final[_Entries] = {
    "objective": (str,),
    "cost": (str,),
    "report": (str,),
    "continues": (bool,),
    "missing": (str,),
}
_KINDS: Final = {str: "text", list: "a list of texts", dict: "a table", bool: "true or false"}

_PER: Final = ("training", "architecture")
_MEASURED_ON_IMAGES: Final = ("%", "nat")
_QUALITIES: Final = frozenset(
    {"accuracy", "acc", "top1", "top5", "loss", "error", "err", "perplexity", "ppl", "f1", "auc"}
    | {"iou", "miou", "map", "bleu", "ssim"}
)
"""Words in the names of metrics that are of some images, whatever their unit."""
_SPLIT_OF: Final = {
    "valtest": "validation+test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


class Measured(NamedTuple):
    """A metric, and the column that holds it."""

    metric: Metric
    column: str
    each: bool
    """Whether it is of each training; else all trainings of an architecture have the same."""


class TaskFiles(NamedTuple):
    """A task, and the files that hold its trainings."""

    files: Sequence[str]
    description: str
    classes: int | None
    size: int | None


@dataclass(frozen=True)
class Description:
    """All that a TOML says, checked and completed."""

    path: Path
    name: str
    version: str
    title: str
    description: str
    licence: str
    citations: Sequence[str]
    defects: Sequence[str]
    space: Space
    space_name: str
    """What the registry calls it: that of another package is `package/name`."""
    key: str
    architecture: str
    """The column of architectures, as `run` and `epochs` are columns."""
    run: str | None
    epochs: str | None
    ignore: Sequence[str]
    tasks: Mapping[str, TaskFiles]
    metrics: Mapping[str, Measured]
    objective: Measured
    cost: Measured | None
    report: Measured
    continues: bool
    failed: bool
    """Whether a training of which a search would see nothing failed; else there may be none."""


def find(source: Path) -> Path:
    """Return the TOML at a path, or the only one in a folder.

    Raises:
        DataNotFound: there is none in the folder.
        DamagedInput: there are several, or the path is that of another file.
    """
    if not source.is_dir():
        if source.suffix != ".toml":
            raise DamagedInput(
                f"{source.name} is no .toml: name the one that says what its columns mean"
            )
        return source
    found = sorted(source.glob("*.toml"))
    if not found:
        raise DataNotFound(f"{source} holds no .toml: write one that describes the CSV file")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise DamagedInput(f"{source} holds {len(found)} .toml files ({names}): name one of them")
    return found[0]


def read(path: Path) -> Description:
    """Read and check a description.

    Raises:
        DamagedInput: an entry is missing, of the wrong type or impossible; the message names it.
        UnknownName: it names an entry, unit, space, … that there is not; near misses are named.
    """
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedInput(f"{path.name} is no TOML ({error}): correct it") from None
    return _Reader(path).description(given)


class _Reader:
    """Checks the entries of one file, which every message names."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.name

    def description(self, given: Mapping[str, Any]) -> Description:
        self._check(given, _TABLE, "")
        self._named(given["name"], "name")
        if given["space"] not in (known := registry.names("spaces")):
            raise UnknownName("space", given["space"], known, f" in {self._file}")
        space: Space = registry.load("spaces", given["space"])
        title = given.get("title", given["name"])
        tasks = {name: self._task(name, entry) for name, entry in given["tasks"].items()}
        metrics = {name: self._metric(name, entry) for name, entry in given["metrics"].items()}
        if not tasks or not metrics:
            raise self._fault("tasks" if not tasks else "metrics", "it is empty: describe one")
        return Description(
            path=self._path,
            name=given["name"],
            version=given.get("version", "1"),
            title=title,
            description=given.get("description", title),
            licence=given.get("licence", "none stated"),
            citations=given.get("citations") or (f"{title}: no publication is named.",),
            defects=given.get("defects", ()),
            space=space,
            space_name=given["space"],
            key=self._key(given.get("key", "architecture"), space),
            architecture=given["architecture"],
            run=given.get("run"),
            epochs=given.get("epochs"),
            ignore=given.get("ignore", ()),
            tasks=tasks,
            metrics=self._apart(given, metrics),
            **self._protocol(given.get("protocol", {}), metrics),
        )

    def _fault(self, where: str, what: str) -> DamagedInput:
        return DamagedInput(f"{self._file}, {where}: {what}")

    def _check(self, given: Any, entries: _Entries, where: str) -> None:
        """See that a table has the entries that it may have, each of its type."""
        if not isinstance(given, dict):
            raise self._fault(where, f"it is {shown(given)}, and a table of entries is needed")
        inside = f" of {where}" if where else ""
        for key, value in given.items():
            if key not in entries:
                raise UnknownName("entry", key, entries, f"{inside} in {self._file}")
            kinds = [kind for kind in entries[key] if kind is not _REQUIRED]
            fits = type(value) in kinds and (
                not isinstance(value, list) or all(isinstance(text, str) and text for text in value)
            )
            if fits and isinstance(value, int) and not isinstance(value, bool):
                fits = 1 <= value <= _MOST
            # Only the unit may be empty.
            if not fits or (value == "" and key != "unit"):
                needed = " or ".join(
                    _KINDS.get(kind, f"a number of 1 to {_MOST:,}") for kind in kinds
                )
                raise self._fault(f"{key}{inside}", f"it is {shown(value)}, and {needed} is needed")
        for key, marks in entries.items():
            if _REQUIRED in marks and key not in given:
                raise self._fault(where or "at the top", f"{key} is missing: add it")

    def _one_of(self, value: str, known: Sequence[str], kind: str, where: str) -> str:
        if value not in known:
            # An empty name would be a hole in the list.
            raise UnknownName(kind, value, filter(None, known), f" ({where} in {self._file})")
        return value

    def _named(self, name: str, where: str) -> None:
        if not _NAME.fullmatch(name):
            raise self._fault(
                where,
                f"{shown(name)} is no name: it has up to 64 letters, digits, _ and -, and begins "
                "with a letter or digit",
            )

    def _key(self, key: str, space: Space) -> str:
        self._one_of(key, ("architecture", "canonical"), "key", "key")
        if key == "canonical" and type(space).canonical is Space.canonical:
            raise self._fault(
                "key", f"{space.name} knows no canonical form beside the architecture: leave it out"
            )
        return key

    def _task(self, name: str, given: Any) -> TaskFiles:
        where = f"task {shown(name)}"
        self._named(name, where)
        if name in _TAKEN:
            raise self._fault(where, "the table file has this name for something else: change it")
        self._check(given, _TASK, where)
        files = given["files"]
        files = [files] if isinstance(files, str) else files
        if not files:
            raise self._fault(where, "it has no files: name one")
        return TaskFiles(
            files, given.get("description", name), given.get("classes"), given.get("image_size")
        )

    def _metric(self, name: str, given: Any) -> Measured:
        where = f"metric {shown(name)}"
        self._named(name, where)
        self._check(given, _METRIC, where)
        unit = self._one_of(given["unit"], UNITS, "unit", where)
        direction = self._one_of(given["direction"], DIRECTIONS, "direction", where)
        per = self._one_of(given.get("per", "training"), _PER, "kind of per", where)
        split = given.get("split")
        if split is not None:
            self._one_of(split, (*SPLITS, "none"), "split", where)
        column = given.get("column", name)
        words = name.lower().split("_")
        quality = unit in _MEASURED_ON_IMAGES
        asked = quality or not _QUALITIES.isdisjoint(words)
        if (split is None and asked) or (split == "none" and quality):
            raise self._fault(
                where,
                'measured on which images? Add split = "train", "validation", "test" or '
                '"validation+test"' + ("" if quality else ', or "none" where it has none'),
            )
        for what, told in (("name", words), (f"column {shown(column)}", _WORDS(column.lower()))):
            said = {_SPLIT_OF[word] for word in told if word in _SPLIT_OF}
            if split not in (None, "none") and said and said != {split}:
                raise self._fault(
                    where, f"its split is {split}, and its {what} says another: rename it"
                )
        metric = Metric(
            name,
            unit,
            cast("Any", direction),
            None if split == "none" else split,
            given["description"],
        )
        return Measured(metric, column, per == "training")

    def _apart(
        self, given: Mapping[str, Any], metrics: Mapping[str, Measured]
    ) -> Mapping[str, Measured]:
        """See that no column is two things at once."""
        columns: list[str] = [*given.get("ignore", ())]
        columns += [given[key] for key in ("architecture", "run", "epochs") if key in given]
        columns += [measured.column for measured in metrics.values()]
        for column in columns:
            if columns.count(column) > 1:
                raise self._fault(f"column {shown(column)}", "it is named twice: drop one of them")
        return metrics

    def _protocol(
        self, given: Mapping[str, Any], metrics: Mapping[str, Measured]
    ) -> dict[str, Any]:
        """Return what a search sees, pays and reports."""
        self._check(given, _PROTOCOL, "protocol")
        chosen: dict[str, Measured | None] = {"cost": None}
        for role in ("objective", "cost", "report"):
            if role in given:
                where = f" (protocol {role} in {self._file})"
                if given[role] not in metrics:
                    raise UnknownName("metric", given[role], metrics, where)
                chosen[role] = metrics[given[role]]
        objective = chosen.get("objective") or self._only(metrics, "validation", "objective")
        if objective is None:
            raise self._fault(
                "protocol",
                "no metric is of the validation images, so say what a search sees: objective = …",
            )
        report = chosen.get("report") or self._only(metrics, "test", "report") or objective
        for role, measured in (("objective", objective), ("report", report)):
            if measured.metric.direction == "none":
                raise self._fault(
                    "protocol", f"{role} {measured.metric.name} has no better or worse: name one"
                )
        cost = chosen["cost"]
        if cost is not None and (cost.metric.unit != "s" or cost.each != objective.each):
            raise self._fault(
                "protocol",
                f"a search cannot pay {cost.metric.name}: seconds are needed (unit s), of each "
                "training if the objective is, else of the architecture",
            )
        return {
            "objective": objective,
            "cost": cost,
            "report": report,
            "continues": given.get("continues", False),
            "failed": "missing" in given
            and bool(self._one_of(given["missing"], ("failed",), "kind of missing", "protocol")),
        }

    def _only(self, metrics: Mapping[str, Measured], split: str, role: str) -> Measured | None:
        """Return the metric of a split that can be better or worse, None if there is none."""
        found = [
            measured
            for measured in metrics.values()
            if measured.metric.split == split and measured.metric.direction != "none"
        ]
        if len(found) > 1:
            names = " or ".join(measured.metric.name for measured in found)
            raise self._fault("protocol", f"several metrics are of {split}: say {role} = {names}")
        return found[0] if found else None
