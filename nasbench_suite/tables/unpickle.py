"""Read other people's pickles without running what is in them.

A pickle is a program. This reader admits the few callables that build numpy arrays, plain
builtin values and `OrderedDict`, replaces the named pandas and torch containers by stand-ins
that only remember how they were built, and refuses every other name before it is imported.
Arrays are built here from checked parts and never by numpy's own loader, which believes a
pickle that a number is a pointer. What unpacks to far more than its file holds is refused.
Only importers use it; the suite itself writes no pickle.
"""

from __future__ import annotations

import bz2
import io
import math
import pickle
import re
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import DamagedInput, UnsafePickle

_MOST_UNPACKED: Final = 1 << 30
"""A packed file may hold so many bytes at most; a few hundred bytes can unpack to gigabytes."""


class StandIn:
    """An object of a foreign class: its arguments and its state, and no behaviour."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Builder:
    """A function that a pickle may call and do nothing else with."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise UnsafePickle("the pickle wants to change a function that builds its values")


class _Dtype:
    """The type of an array's elements: numbers, text or bytes, or plain objects."""

    _NAME: Final = re.compile(r"[<>|=]?(\?|b1|[iu][1248]|f[248]|f16|c8|c16|c32|[SU]\d{1,6}|O|O8)")

    def __init__(self, name: Any, *_: Any) -> None:
        if not isinstance(name, str) or not self._NAME.fullmatch(name):
            raise UnsafePickle(f"the pickle holds an array of {name!r}, which is not plain data")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or any(s is not None for s in state[2:5]):
            raise UnsafePickle("the pickle holds an array of records, which is not plain data")
        # The rest of the state (size, alignment, flags) follows from the name.
        if not isinstance(state[1], str) or state[1] not in "<>|=":
            raise UnsafePickle("the pickle holds an array of no byte order")
        self.dtype = self.dtype.newbyteorder(state[1])  # type: ignore[arg-type]


class _Array(np.ndarray[Any, np.dtype[Any]]):
    """An array whose state is checked before it is believed."""

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise UnsafePickle("the pickle holds an array of a form that is not plain data")
        _, shape, kind, fortran, data = state
        if not isinstance(kind, _Dtype):
            raise UnsafePickle("the pickle holds an array of a form that is not plain data")
        count = _count(shape)
        if isinstance(data, str):
            data = data.encode("latin-1")
        if kind.dtype.hasobject:
            fits = isinstance(data, list) and len(data) == count
        else:
            fits = isinstance(data, bytes) and len(data) == count * kind.dtype.itemsize
        if not fits:
            raise DamagedInput(f"an array of shape {shape} does not hold what it should")
        whole = (1, shape, kind.dtype, bool(fortran), data)
        super().__setstate__(whole)  # type: ignore[arg-type]


def _count(shape: Any) -> int:
    """Return the number of elements of a shape."""
    if not isinstance(shape, tuple) or len(shape) > 32:
        raise UnsafePickle("the pickle holds an array of a form that is not plain data")
    if not all(type(length) is int and 0 <= length < 1 << 40 for length in shape):
        raise UnsafePickle("the pickle holds an array of a form that is not plain data")
    return math.prod(shape)


def _array(subtype: Any, shape: Any, typecode: Any) -> NDArray[Any]:
    """Begin an array as numpy's own `_reconstruct` does; its state follows in the pickle."""
    if subtype is not _NDARRAY:
        raise UnsafePickle(f"the pickle asks for an array of type {subtype!r}, not a plain array")
    return np.ndarray.__new__(_Array, (0,), dtype=np.dtype("b"))


def _not_alone(*_: Any) -> None:
    # Called by itself it would give whatever lies in unused memory.
    raise UnsafePickle("the pickle asks for an array without contents")


def _scalar(kind: Any, data: Any = None) -> Any:
    if not isinstance(kind, _Dtype) or not isinstance(data, bytes) or kind.dtype.hasobject:
        raise UnsafePickle("the pickle holds a numpy scalar of a form that is not plain data")
    if len(data) != kind.dtype.itemsize:
        raise DamagedInput("a numpy scalar does not hold what it should")
    return np.frombuffer(data, dtype=kind.dtype, count=1)[0].item()


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    plain = isinstance(kind, _Dtype) and isinstance(data, bytes | bytearray)
    if not plain or kind.dtype.hasobject or order not in ("C", "F"):
        raise UnsafePickle("the pickle holds a numpy buffer of a form that is not plain data")
    if len(data) != _count(shape) * kind.dtype.itemsize:
        raise DamagedInput(f"an array of shape {shape} does not hold what it should")
    return np.frombuffer(data, dtype=kind.dtype).reshape(shape, order=order)


def _encode(text: Any, encoding: Any) -> bytes:
    """Return bytes as old protocols write them; other encodings import their own modules."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnsafePickle("the pickle holds bytes of a form that is not plain data")
    return text.encode("latin-1")


def _bytes(data: Any = b"") -> bytes:
    # `bytes(n)` is n zeros, however large n is.
    if not isinstance(data, bytes):
        raise UnsafePickle("the pickle holds bytes of a form that is not plain data")
    return data


def _bytearray(data: Any = b"", encoding: Any = "latin-1") -> bytearray:
    return bytearray(_encode(data, encoding) if isinstance(data, str) else _bytes(data))


def _str(text: Any = "") -> str:
    # The text of a list that holds itself many times over has no bounds.
    if not isinstance(text, str):
        raise UnsafePickle("the pickle holds text of a form that is not plain data")
    return text


_NDARRAY: Final = _Builder(_not_alone)
_STAND_IN: Final = _Builder(StandIn)

_PLAIN: Final = {
    **{k.__name__: k for k in (bool, complex, dict, float, frozenset, int, list, set)},
    **{k.__name__: k for k in (slice, tuple)},
    "bytearray": _Builder(_bytearray),
    "bytes": _Builder(_bytes),
    "str": _Builder(_str),
    "unicode": _Builder(_str),
}
_NUMPY: Final = (
    ("multiarray", "_reconstruct", _Builder(_array)),
    ("multiarray", "scalar", _Builder(_scalar)),
    ("numeric", "_frombuffer", _Builder(_from_buffer)),
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
    ("_codecs", "encode"): _Builder(_encode),
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Builder(_Dtype),
    # Rebuilding functions, such as pandas' `_new_Index(cls, state)`.
    ("pandas.core.indexes.base", "_new_Index"): _STAND_IN,
    ("torch._utils", "_rebuild_tensor_v2"): _STAND_IN,
    **dict.fromkeys(_CONTAINERS, StandIn),
    **{(home, name): kind for home in ("builtins", "__builtin__") for name, kind in _PLAIN.items()},
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


# Instructions of a pickle by what follows them: so many bytes, a length of so many bytes and as
# much content, or so many lines.
_FIXED: Final = re.compile(
    rb"(?s:[()012NQR\]abdelostu}\x81\x85-\x89\x8f-\x94\x97\x98]"
    rb"|[Khq\x80].|M..|[Jj]....|[G\x95]........)*+"
)
_COUNTED: Final = {
    **dict.fromkeys(b"CU\x8a\x8c", 1),
    **dict.fromkeys(b"BTX\x8b", 4),
    **dict.fromkeys(b"\x8d\x8e\x96", 8),
}
_LINES: Final = {**dict.fromkeys(b"FILPSVgp", 1), **dict.fromkeys(b"ci", 2)}


def _scan(data: bytes) -> None:
    """See that a pickle is whole, and that it numbers no value beyond what it can hold.

    The reader sets memory aside up to the highest number, so that ten bytes could ask for all.

    Raises:
        UnsafePickle, DamagedInput: it is not so.
    """
    at = 0
    while True:
        match = _FIXED.match(data, at)
        at = match.end() if match else at
        code = data[at]
        at += 1
        if code in _COUNTED:
            width = _COUNTED[code]
            length = int.from_bytes(data[at : at + width], "little")
            at += width + length
        elif code == ord("r"):
            number = int.from_bytes(data[at : at + 4], "little")
            at += 4
            _number(number, len(data))
        elif code in _LINES:
            for _ in range(_LINES[code]):
                start, at = at, data.index(b"\n", at) + 1
            if code == ord("p"):
                _number(int(data[start:at]), len(data))
        elif code == ord("."):
            return
        elif code in b"\x82\x83\x84":
            raise UnsafePickle("the pickle asks for a registered extension, which is no plain data")
        else:
            raise DamagedInput(f"unknown instruction {code} at byte {at - 1}")


def _number(number: int, most: int) -> None:
    if not 0 <= number <= most:
        raise DamagedInput(f"it has {most} bytes and numbers a value {number}")


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
        _scan(data)
        return _Reader(io.BytesIO(data)).load()
    except UnsafePickle as error:
        raise UnsafePickle(f"{origin}: {error}") from None
    except IndexError:
        raise DamagedInput(f"{origin} is not a readable pickle: it is cut short") from None
    except Exception as error:
        # A damaged pickle fails in whichever way its broken bytes happen to mean.
        raise DamagedInput(f"{origin} is not a readable pickle: {error}") from None


def load(path: Path) -> Any:
    """Return the plain data in a pickle file, in a bzip2-packed one (`.pbz2`) or a torch archive.

    Raises:
        UnsafePickle, DamagedInput: as `loads`.
        FileNotFoundError: there is no such file.
    """
    try:
        raw = path.read_bytes()
        if path.suffix == ".pbz2":
            raw = _unpack(raw)
        elif raw[:4] == b"PK\x03\x04":
            raw = _member(raw)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedInput(f"{path} is damaged: {error}") from None
    return loads(raw, str(path))


def _unpack(packed: bytes) -> bytes:
    """Return the content of bzip2 streams, one after the other."""
    parts = []
    left = _MOST_UNPACKED
    while packed:
        stream = bz2.BZ2Decompressor()
        part = stream.decompress(packed, left + 1)
        left -= len(part)
        if left < 0:
            raise ValueError(f"it unpacks to more than {_MOST_UNPACKED:,} bytes")
        if not stream.eof:
            raise EOFError("it is cut short")
        parts.append(part)
        packed = stream.unused_data
    if not parts:
        raise EOFError("it is empty")
    return b"".join(parts)


def _member(archive: bytes) -> bytes:
    """Return the one pickle of a torch archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        members = [m for m in opened.infolist() if m.filename.endswith("/data.pkl")]
        if len(members) != 1:
            raise ValueError(f"it holds {len(members)} files data.pkl, and a torch archive has one")
        if members[0].file_size > _MOST_UNPACKED:
            raise ValueError(f"it unpacks to more than {_MOST_UNPACKED:,} bytes")
        return opened.read(members[0])


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
