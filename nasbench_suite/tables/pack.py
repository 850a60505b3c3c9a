"""Make a table of what an importer read: `table.h5`, its index and its card.

The same inputs give the same bytes. A table is written whole under a temporary name and then
renamed, and one that is there already is never changed.
"""

from __future__ import annotations

import csv
import importlib
import json
import os
import pkgutil
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite import registry, resources
from nasbench_suite.core import (
    DIRECTIONS,
    Arch,
    DamagedInput,
    DataNotFound,
    Metric,
    OutputError,
    UnknownName,
    UnsafePickle,
)
from nasbench_suite.files import unwritable
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.card import describe, read_card
from nasbench_suite.tables.layout import CARD, FORMAT, INDEX, TABLE, check_index
from nasbench_suite.tables.source import Column, Curve, Source

# Datasets begin at multiples of a cache line, so that a mapped array is aligned.
_ALIGNMENT: Final = 64
# A table of codes is kept for spaces of at most so many tuples; larger ones are hashed.
_MOST_CODES: Final = 1 << 22
# The strings of architectures, which no query reads, are compressed if they take more bytes.
_MOST_TEXT: Final = 1 << 21


def importers() -> list[str]:
    """Return the names of the formats that can be packed."""
    package = importlib.import_module("nasbench_suite.tables.importers")
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    # What begins with an underscore is shared by several importers.
    return sorted(name for name in found if not name.startswith("_"))


def pack(
    name: str,
    source: Path,
    out: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Read published files through the importer `name` and write them as a table.

    Args:
        name: an importer, one of `importers()`.
        source: the folder with the published files, or the one file of a format that is one.
        out: the folder to write; by default the table's place in `$NASBENCH_DATA` or the checkout.
        progress: called with the name of each file before it is read.

    Returns:
        The folder of the table. If it holds the same bytes already, nothing is written.

    Raises:
        UnknownName: there is no such importer, or a file names what there is not.
        DataNotFound: the source lacks a file.
        DamagedInput, UnsafePickle: a file is not what it should be.
        OutputError: the folder holds another table, or cannot be written.
    """
    if name not in importers():
        raise UnknownName("importer", name, importers())
    source = Path(source)
    if not source.exists():
        raise DataNotFound(f"{source} is not there: name the published file, or their folder")
    module = importlib.import_module(f"nasbench_suite.tables.importers.{name}")
    last = [str(source)]

    def reading(what: str) -> None:
        last[0] = what
        if progress is not None:
            progress(what)

    try:
        made: Source = module.read(source, reading)
    except (DamagedInput, DataNotFound, UnknownName, UnsafePickle):
        raise
    except FileNotFoundError as error:
        raise DataNotFound(f"{name} needs {error.filename}, which is not there") from None
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(last[0], error) from None
    except (OSError, EOFError, RuntimeError, csv.Error, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(last[0], error) from None
    return write(made, out or resources.home("datasets_tabular") / made.name)


def _unreadable(what: str, error: Exception) -> DamagedInput:
    # A damaged file fails in whichever way its broken contents happen to mean.
    return DamagedInput(f"while reading {what}: it is not what it should be ({error!r})")


def write(source: Source, folder: Path) -> Path:
    """Write a table into a folder that does not hold another one.

    Raises:
        DamagedInput: columns disagree in shape or name an unknown metric or task.
        OutputError: the folder holds another table, or cannot be written.
    """
    space: Space = registry.load("spaces", source.space)
    archs = list(space) if source.archs is None else [space.check(a) for a in source.archs]
    if len(set(archs)) < len(archs):
        raise DamagedInput(
            f"{source.name} has an architecture twice: trainings of one are its runs"
        )
    _check(source, len(archs))
    image, index = _table(source, space, archs)
    text = json.dumps(index, separators=(",", ":")) + "\n"
    try:
        # What no reader would accept must not be written.
        check_index(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DamagedInput(f"{source.name} is not described as a table must be: {what}") from None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _write(temporary / TABLE, image)
            _write(temporary / INDEX, text.encode())
            card = describe(source, archs, temporary)
            _write(temporary / CARD, card.encode())
            _place(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{unwritable(folder, error)}; nothing was left there") from None
    return folder


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _place(temporary: Path, folder: Path) -> None:
    """Rename the finished table into place, or find that it is there already."""
    if not folder.exists():
        temporary.chmod(0o755)
        temporary.rename(folder)
        return
    same = (folder / CARD).is_file() and read_card(folder).get("files") == read_card(temporary)[
        "files"
    ]
    if same and (folder / CARD).read_bytes() == (temporary / CARD).read_bytes():
        return
    raise OutputError(
        f"{folder} holds something else, and a released table never changes: "
        "name another folder, or remove this one if it is yours to remove"
    )


def _check(source: Source, rows: int) -> None:
    metrics = {metric.name for metric in source.metrics}
    for metric in source.metrics:
        if metric.direction not in DIRECTIONS:
            raise DamagedInput(
                f"{source.name}: the direction of {metric.name} is {metric.direction!r}, and may "
                "be max, min or none"
            )
    protocols = [source.protocols, *(task.protocols or {} for task in source.tasks.values())]
    for name, protocol in chain.from_iterable(found.items() for found in protocols):
        report = protocol.get("report")
        asked = {protocol.get("objective"), report.get("metric") if report else None}
        asked |= {protocol["cost"]} if protocol.get("cost") else set()
        if not asked <= metrics:
            raise DamagedInput(
                f"{source.name}: protocol {name} asks for {sorted(map(str, asked - metrics))}, "
                "which the table does not declare"
            )
    columns: list[Column | Curve] = [*source.columns, *source.curves]
    for column in columns:
        where = f"{source.name}: {column.task}/{column.metric}"
        if column.task not in source.tasks or column.metric not in metrics:
            raise DamagedInput(f"{where} names a task or metric that is not declared")
        if len(column.values) != rows:
            raise DamagedInput(f"{where} has {len(column.values)} rows, the table has {rows}")


class _Layout:
    """The HDF5 file under construction, in memory, and where each dataset went."""

    def __init__(self) -> None:
        import h5py

        # In memory, because a disk that fills up under HDF5 leaves a broken file and a library
        # that complains at exit; the finished image is written as plain bytes.
        self.file = h5py.File(
            "table",
            "w",
            driver="core",
            backing_store=False,
            libver=("earliest", "v110"),
            alignment_threshold=1,
            alignment_interval=_ALIGNMENT,
        )
        self.places: dict[str, tuple[Any, str]] = {}

    def add(self, path: str, values: NDArray[Any], **attributes: Any) -> None:
        values = np.ascontiguousarray(values)
        packed = "gzip" if values.dtype.kind == "S" and values.nbytes > _MOST_TEXT else None
        data = self.file.create_dataset(path, data=values, track_times=False, compression=packed)
        if packed:
            return
        for name, value in attributes.items():
            if value is not None:
                data.attrs[name] = value
        self.places[path] = (data.id, values.dtype.str)

    def close(self) -> tuple[bytes, dict[str, tuple[int, str]]]:
        """Return the file's bytes, and the offset and type of each dataset."""
        self.file.flush()
        found = {path: (data.get_offset(), dtype) for path, (data, dtype) in self.places.items()}
        image: bytes = self.file.id.get_file_image()
        self.file.close()
        return image, found


def _small(values: NDArray[Any]) -> NDArray[Any]:
    """Return values as float32 where that loses nothing, else as float64."""
    full = np.asarray(values, dtype="<f8")
    with np.errstate(over="ignore"):
        half = full.astype("<f4")
    return half if np.array_equal(half.astype("<f8"), full, equal_nan=True) else full


def _path(column: Column | Curve) -> str:
    if isinstance(column, Curve):
        return f"curves/{column.task}/{column.metric}/{column.values.shape[2]}"
    after = "" if column.epochs is None else f"/{column.epochs}"
    return f"{column.task}/{column.metric}{after}"


def _table(source: Source, space: Space, archs: Sequence[Arch]) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes of `table.h5` and the index that says where everything is."""
    layout = _Layout()
    described = {metric.name: metric for metric in source.metrics}
    genes = np.asarray(archs, dtype="|u1" if max(space.genes) <= 256 else "<i4")
    layout.add("architectures", np.array([space.format(arch).encode() for arch in archs]))
    layout.add("genes", genes)
    if space.tuples <= _MOST_CODES:
        by_code = np.full(space.tuples, -1, dtype="<i4")
        by_code[[space.code(arch) for arch in archs]] = np.arange(len(archs))
        layout.add("rows_by_code", by_code)
    for column in source.columns:
        metric = described[column.metric]
        layout.add(
            _path(column),
            _small(column.values),
            unit=metric.unit,
            direction=metric.direction,
            split=metric.split,
            epochs=column.epochs,
            source=column.source,
        )
        if isinstance(column.counts, np.ndarray):
            layout.add(f"runs/{_path(column)}", column.counts.astype("|u1"))
    for curve in source.curves:
        metric = described[curve.metric]
        layout.add(_path(curve), _small(curve.values), unit=metric.unit, split=metric.split)
    image, places = layout.close()
    return image, {
        "format": FORMAT,
        "name": source.name,
        "space": source.space,
        "key": source.key,
        "rows": len(archs),
        "covers_space": len(archs) == source.whole(space),
        "official_order": source.archs is None,
        "bytes": len(image),
        "genes": places["genes"],
        "rows_by_code": places.get("rows_by_code"),
        "tasks": {task: _task_index(source, task, described, places) for task in source.tasks},
    }


def _task_index(
    source: Source,
    task: str,
    described: Mapping[str, Metric],
    places: Mapping[str, tuple[int, str]],
) -> dict[str, Any]:
    metrics: dict[str, list[Any]] = {}
    for column in sorted(
        (c for c in source.columns if c.task == task), key=lambda c: c.epochs or 0
    ):
        path = _path(column)
        offset, dtype = places[path]
        counts = places.get(f"runs/{path}")
        entry = metrics.setdefault(column.metric, [*described[column.metric][1:], []])
        entry[4].append(
            [
                column.epochs,
                offset,
                dtype,
                column.values.shape[1] if column.values.ndim == 2 else 0,
                column.counts if isinstance(column.counts, int) else None,
                counts[0] if counts else None,
                column.source,
            ]
        )
    curves: dict[str, list[Any]] = {}
    for curve in source.curves:
        if curve.task == task:
            offset, dtype = places[_path(curve)]
            _, runs, length = curve.values.shape
            curves.setdefault(curve.metric, []).append([length, offset, dtype, runs])
    return {
        "reported": source.tasks[task].reported,
        "metrics": {m.name: metrics[m.name] for m in source.metrics if m.name in metrics},
        "curves": {name: sorted(found) for name, found in curves.items()},
        "protocols": source.protocols_of(task),
    }
