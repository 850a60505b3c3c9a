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


def read_index(folder: Path) -> dict[str, Any]:
    """Return a table's index: the card's facts that a query needs, and where each array lies.

    Raises:
        DamagedTable: it is no JSON, or of a version that this release does not read.
        DataNotFound: the folder has no index.
    """
    path = folder / INDEX
    try:
        index: dict[str, Any] = json.loads(path.read_bytes())
        version = index["format"]
    except FileNotFoundError:
        raise DataNotFound(f"{folder} is no table: it has no {INDEX}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedTable(f"{path} is damaged ({error}): restore it, or pack again") from None
    if version != FORMAT:
        raise DamagedTable(f"{path} has format {version}, and this release reads {FORMAT}")
    return index


class Mapped:
    """The memory map of a table file; only its size is checked when it is opened."""

    def __init__(self, folder: Path, size: int) -> None:
        """Map the table file of a folder.

        Raises:
            DamagedTable: the file is not of this size.
            DataNotFound: the folder has no table file.
        """
        path = folder / TABLE
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
        """Return an array that lies in the file, without copying it."""
        flat = np.frombuffer(self.bytes, np.dtype(dtype), math.prod(shape), offset)
        return flat.reshape(shape)
