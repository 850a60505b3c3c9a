"""What a pickle may ask for: the few callables that build plain data, and stand-ins.

Arrays are built here from checked parts and never by numpy's own loader, which believes a
pickle that a number is a pointer.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Sized
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import DamagedInput, UnsafePickle

_MOST_ARGUMENTS: Final = 16


class StandIn:
    """An object of a foreign class: its arguments and its state, and no behaviour."""

    def __init__(self, *args: Any) -> None:
        if len(args) > _MOST_ARGUMENTS:
            raise UnsafePickle(f"the pickle builds a value of {len(args):,} parts")
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Builder:
    """A function that a pickle may call and do nothing else with."""

    __slots__ = ("_charge", "function")

    def __init__(self, function: Callable[..., Any], charge: Callable[..., None]) -> None:
        self.function = function
        self._charge = charge

    def __call__(self, *args: Any) -> Any:
        self._charge(*args)
        built = self.function(*args)
        if isinstance(built, _Array):
            built.charge = self._charge
        return built

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

    charge: Callable[..., None]

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
        self.charge(data)
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
    if not isinstance(subtype, _Builder) or subtype.function is not _not_alone:
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


def _stand_in(*args: Any) -> StandIn:
    return StandIn(*args)


_PLAIN: Final = {
    **{k.__name__: k for k in (bool, complex, dict, float, frozenset, int, list, set)},
    **{k.__name__: k for k in (slice, tuple)},
    "bytearray": _bytearray,
    "bytes": _bytes,
    "str": _str,
    "unicode": _str,
}
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
    ("_codecs", "encode"): _encode,
    ("numpy", "ndarray"): _not_alone,
    ("numpy", "dtype"): _Dtype,
    # Rebuilding functions, such as pandas' `_new_Index(cls, state)`.
    ("pandas.core.indexes.base", "_new_Index"): _stand_in,
    ("torch._utils", "_rebuild_tensor_v2"): _stand_in,
    **dict.fromkeys(_CONTAINERS, StandIn),
    **{(home, name): kind for home in ("builtins", "__builtin__") for name, kind in _PLAIN.items()},
    **{
        (f"numpy.{core}.{module}", name): value
        for core in ("core", "_core")
        for module, name, value in _NUMPY
    },
}


class Admitted:
    """What one pickle may build values with, for as long as it has room for them."""

    def __init__(self, room: int) -> None:
        """Give room for so many elements: an honest pickle has a byte for each that it copies."""
        self.room = room

    def find(self, module: str, name: str) -> Any:
        """Return what builds the values of a name, without importing it.

        Raises:
            UnsafePickle: values of this name are no plain data.
        """
        try:
            found = _ADMITTED[module, name]
        except KeyError:
            raise UnsafePickle(
                f"the pickle wants to import {module}.{name}, which is not plain data; "
                "nothing of it was run"
            ) from None
        # A pickle makes objects of foreign classes without a call too, and then needs a class.
        return found if found is StandIn else _Builder(found, self._charge)

    def _charge(self, *args: Any) -> None:
        """Take off what a call may copy.

        A call takes six bytes of a pickle, however much it copies of what was there before.
        """
        self.room -= sum(len(arg) for arg in args if isinstance(arg, Sized))
        if self.room < 0:
            raise UnsafePickle("the pickle copies its values until they fill the memory")


def is_builder(value: Any) -> bool:
    """Return whether a value is what `find` returned, or the type of an array's elements."""
    return value is StandIn or isinstance(value, _Builder | _Dtype)


def build(value: Any, state: Any) -> None:
    """Give a value its state.

    Raises:
        UnsafePickle: it has none, or another one.
        DamagedInput: the state is not whole.
    """
    if not isinstance(value, StandIn | _Builder | _Dtype | _Array):
        raise UnsafePickle("the pickle wants to change a value that has no state")
    value.__setstate__(state)
