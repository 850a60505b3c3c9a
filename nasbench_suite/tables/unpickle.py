"""Read other people's pickles without running what is in them.

A pickle is a program. This reader admits the few callables that build numpy arrays, plain
builtin values and `OrderedDict`, replaces the named pandas and torch containers by stand-ins
that only remember how they were built, and refuses every other name before it is imported.
Only importers use it; the suite itself writes no pickle.
"""

from __future__ import annotations

import bz2
import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import DamagedInput, UnsafePickle


class StandIn:
    """An object of a foreign class: its arguments and its state, and no behaviour."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _stand_in(*args: Any) -> StandIn:
    """Stand in for a rebuilding function, such as pandas' `_new_Index(cls, state)`."""
    return StandIn(*args)


def _array(subtype: type, shape: Any, typecode: Any) -> NDArray[Any]:
    """Begin an array as numpy's own `_reconstruct` does; its state follows in the pickle."""
    if subtype is not np.ndarray:
        raise UnsafePickle(f"the pickle asks for an array of type {subtype!r}, not a plain array")
    return np.ndarray.__new__(np.ndarray, (0,), dtype=np.dtype("b"))


def _dtype(name: Any, *_: Any) -> np.dtype[Any]:
    # `np.dtype` accepts Python types and objects with a `dtype` attribute; text suffices here.
    return np.dtype(str(name))


def _scalar(dtype: Any, data: Any = None) -> Any:
    if not isinstance(dtype, np.dtype) or not isinstance(data, bytes):
        raise UnsafePickle("the pickle holds a numpy scalar of a form that is not plain data")
    return np.frombuffer(data, dtype=dtype, count=1)[0].item()


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise UnsafePickle("the pickle holds a numpy buffer of a form that is not plain data")
    return np.frombuffer(data, dtype=dtype).reshape(shape, order=order)


_PLAIN: Final = (
    bool,
    bytearray,
    complex,
    dict,
    float,
    frozenset,
    int,
    list,
    set,
    slice,
    str,
    tuple,
)
_NUMPY: Final = (
    ("multiarray", "_reconstruct", _array),
    ("multiarray", "scalar", _scalar),
    ("numeric", "_frombuffer", _from_buffer),
)
_CONTAINERS: Final = (
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.series", "Series"),
    ("pandas.core.internals.managers", "BlockManager"),
    ("pandas.core.internals.managers", "SingleBlockManager"),
    ("pandas.core.indexes.base", "Index"),
    ("pandas.core.indexes.range", "RangeIndex"),
    ("torch", "FloatStorage"),
    ("torch", "DoubleStorage"),
    ("torch", "IntStorage"),
    ("torch", "LongStorage"),
)

_ADMITTED: Final[dict[tuple[str, str], Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    ("pandas.core.indexes.base", "_new_Index"): _stand_in,
    ("torch._utils", "_rebuild_tensor_v2"): _stand_in,
    **dict.fromkeys(_CONTAINERS, StandIn),
    **{(home, kind.__name__): kind for home in ("builtins", "__builtin__") for kind in _PLAIN},
    **{
        (f"numpy.{core}.{module}", name): value
        for core in ("core", "_core")
        for module, name, value in _NUMPY
    },
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise UnsafePickle(
                f"the pickle wants to import {module}.{name}, which is not plain data; "
                "nothing of it was run"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        return StandIn(*pid) if isinstance(pid, tuple) else StandIn(pid)


def loads(data: bytes, origin: str) -> Any:
    """Return the plain data in a pickle.

    Args:
        data: the bytes of the pickle.
        origin: what to call it in an error, such as the file's name.

    Raises:
        UnsafePickle: it asks for anything beyond plain data; nothing of it was run.
        DamagedInput: it is cut short or no pickle at all.
    """
    try:
        return _Reader(io.BytesIO(data)).load()
    except UnsafePickle as error:
        raise UnsafePickle(f"{origin}: {error}") from None
    except Exception as error:
        # A damaged pickle fails in whichever way its broken bytes happen to mean.
        raise DamagedInput(f"{origin} is not a readable pickle: {error}") from None


def load(path: Path) -> Any:
    """Return the plain data in a pickle file, in a bzip2-packed one (`.pbz2`) or a torch archive.

    Raises:
        UnsafePickle, DamagedInput: as `loads`.
        FileNotFoundError: there is no such file.
    """
    raw = path.read_bytes()
    try:
        if path.suffix == ".pbz2":
            raw = bz2.decompress(raw)
        elif raw[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                (member,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
                raw = archive.read(member)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DamagedInput(f"{path} is damaged: {error}") from None
    return loads(raw, str(path))


def frame(stand_in: Any, origin: str) -> dict[str, NDArray[Any]]:
    """Return the columns of a pickled `DataFrame`, taken from its block manager's state.

    Args:
        stand_in: what `load` gave for the frame.
        origin: what to call it in an error.

    Raises:
        DamagedInput: the state is not that of a frame.
    """
    try:
        manager = stand_in.state["_mgr" if "_mgr" in stand_in.state else "_data"]
        state = manager.state[3]["0.14.1"]
        columns = [str(name) for name in state["axes"][0].args[1]["data"]]
        result: dict[str, NDArray[Any]] = {}
        for block in state["blocks"]:
            places = block["mgr_locs"]
            if isinstance(places, slice):
                places = range(*places.indices(len(columns)))
            for row, place in zip(block["values"], places, strict=True):
                result[columns[int(place)]] = row
        return {name: result[name] for name in columns}
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise DamagedInput(
            f"{origin} is not a data frame as pandas pickles it: {error!r}"
        ) from None
