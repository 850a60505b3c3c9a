"""A table's folder: its files, its index, and the memory map that arrays are read through."""

from __future__ import annotations

import json
import math
import mmap
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import DamagedTable, DataNotFound

INDEX: Final = "index.json"
TABLE: Final = "table.h5"
CARD: Final = "card.toml"

FORMAT: Final = 1
"""The version of the index; a reader refuses one that it does not know."""

_TYPES: Final = {kind: np.dtype(kind) for kind in ("|u1", "<i4", "<f4", "<f8")}
"""Of the arrays that are read through the map."""

_FACTS: Final = {
    "name": str,
    "space": str,
    "key": str,
    "rows": int,
    "covers_space": bool,
    "official_order": bool,
    "bytes": int,
    "genes": list,
    "rows_by_code": list | None,
    "tasks": dict,
}
_TASK_FACTS: Final = {"reported": str, "metrics": dict, "curves": dict, "protocols": dict}
_PROTOCOL_FACTS: Final = {"description", "objective", "epochs", "seed", "report", "continues"}


def read_index(folder: Path) -> dict[str, Any]:
    """Return a table's index: the card's facts that a query needs, and where each array lies.

    Raises:
        DamagedTable: it is no JSON, lacks facts, or is of a version that is not read here.
        DataNotFound: the folder has no index.
    """
    path = folder / INDEX
    try:
        index: dict[str, Any] = json.loads(path.read_bytes())
        version = index["format"]
        if version == FORMAT:
            check_index(index)
    except FileNotFoundError:
        raise DataNotFound(f"{folder} is no table: it has no {INDEX}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DamagedTable(f"{path} is damaged ({what}): restore it, or pack again") from None
    if version != FORMAT:
        raise DamagedTable(f"{path} has format {version}, and this release reads {FORMAT}")
    return index


def check_index(index: dict[str, Any]) -> None:
    """See that an index has every fact that a reader will look for, whatever its value is.

    Raises:
        KeyError, TypeError, ValueError: it has not.
    """
    _check_facts(index, _FACTS, "the index")
    if index["rows"] < 1 or index["bytes"] < 1 or not index["tasks"]:
        raise ValueError("the table is empty")
    for fact in ("genes", "rows_by_code"):
        if index[fact] is not None and len(index[fact]) != 2:
            raise ValueError(f"{fact} has no place")
    for name, task in index["tasks"].items():
        _check_facts(task, _TASK_FACTS, name)
        if task["reported"] not in task["metrics"]:
            raise ValueError(f"{name} has no metric {task['reported']!r}")
        for metric, entry in task["metrics"].items():
            if len(entry) != 5 or not entry[4]:
                raise ValueError(f"{name}/{metric} is not described")
        for protocol in task["protocols"].values():
            if not protocol.keys() >= _PROTOCOL_FACTS:
                raise ValueError(f"{name} has a protocol that is not described")


def _check_facts(found: Any, facts: dict[str, Any], where: str) -> None:
    for fact, kind in facts.items():
        if not isinstance(found[fact], kind):
            raise TypeError(f"{fact!r} of {where} is {found[fact]!r}")


class Mapped:
    """The memory map of a table file; only its size is checked when it is opened."""

    def __init__(self, folder: Path, size: int) -> None:
        """Map the table file of a folder.

        Raises:
            DamagedTable: the file is not of this size.
            DataNotFound: the folder has no table file.
        """
        path = self._path = folder / TABLE
        try:
            with path.open("rb") as file:
                found = path.stat().st_size
                if found != size:
                    raise DamagedTable(
                        f"{path} has {found} bytes and should have {size}: it is cut short or "
                        "replaced; restore it, or pack again"
                    )
                self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise DataNotFound(f"{folder} has no {TABLE}: restore it, or pack again") from None

    def array(self, offset: int, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return an array that lies in the file, without copying it.

        Raises:
            DamagedTable: no array of this type and shape can lie there.
        """
        try:
            kind = _TYPES[dtype]
            if offset % kind.itemsize:
                raise ValueError(f"offset {offset} is not one of {dtype}")
            return np.frombuffer(self.bytes, kind, math.prod(shape), offset).reshape(shape)
        except (KeyError, TypeError, ValueError) as error:
            raise self.damaged(error) from None

    def damaged(self, why: object) -> DamagedTable:
        """Return the error that says that the file and its index do not go together."""
        return DamagedTable(
            f"{self._path} and {INDEX} do not go together ({why}): restore both, or pack again"
        )
