"""Read other people's pickles without running what is in them.

A pickle is a program. This reader admits the few callables that build numpy arrays, plain
builtin values and `OrderedDict`, replaces the named pandas and torch containers by stand-ins
that only remember how they were built, and refuses every other name before it is imported
(`plain`). What unpacks to far more than its file holds is refused. A pickle that is too large to
hold is read entry by entry (`stream`). Only importers and data sets use it; the suite itself writes
no pickle.
"""

from __future__ import annotations

import bz2
import io
import pickle
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from nasbench_suite.core import DamagedInput, UnsafePickle
from nasbench_suite.unpickle import plain

_MOST_UNPACKED: Final = 1 << 27
"""A packed file may hold so many bytes at most; a few hundred bytes can unpack to gigabytes."""


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self._admitted = plain.Admitted(len(data))

    def find_class(self, module: str, name: str) -> Any:
        return self._admitted.find(module, name)

    def persistent_load(self, pid: Any) -> Any:
        return plain.StandIn(*pid) if isinstance(pid, tuple) else plain.StandIn(pid)


def _counted(following: bytes) -> bytes:
    """Return the expression of a length of one byte, what follows it, and content to match."""
    lengths = (b"%s%s.{%d}" % (re.escape(bytes([n])), following, n) for n in range(32))
    return b"(?:" + b"|".join(lengths) + b")"


# Instructions of a pickle by what follows them: so many bytes, a length of so many bytes and as
# much content, or so many lines. Short contents, which are most, are in the expression too.
_FIXED: Final = re.compile(
    rb"(?s:[()012NQR\]abdelostu}\x81\x85-\x89\x8f-\x94\x97\x98]"
    rb"|[Khq\x80].|M..|[Jj]....|[G\x95]........"
    rb"|[CU\x8a\x8c]%s|[BTX]%s)*+" % (_counted(b""), _counted(rb"\0\0\0"))
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
        return _Reader(data).load()
    except UnsafePickle as error:
        raise UnsafePickle(f"{origin}: {error}") from None
    except IndexError:
        raise DamagedInput(f"{origin} is not a readable pickle: it is cut short") from None
    except MemoryError:
        raise DamagedInput(f"{origin} asks for more memory than there is") from None
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
            raw = _unpack(raw, _MOST_UNPACKED)
        elif raw[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                found = member(archive)
                if found.file_size > _MOST_UNPACKED:
                    raise ValueError(f"it unpacks to more than {_MOST_UNPACKED:,} bytes")
                raw = archive.read(found)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedInput(f"{path} is damaged: {error}") from None
    return loads(raw, str(path))


def unpack(packed: bytes, origin: str, most: int = _MOST_UNPACKED) -> bytes:
    """Return the content of bzip2 streams, one after the other, of so many bytes at most.

    Raises:
        DamagedInput: they are cut short, no such streams, or unpack to far more than they hold.
    """
    try:
        return _unpack(packed, most)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedInput(f"{origin} is damaged: {error}") from None


def _unpack(packed: bytes, most: int) -> bytes:
    parts = []
    left = most
    while packed:
        stream = bz2.BZ2Decompressor()
        part = stream.decompress(packed, left + 1)
        left -= len(part)
        if left < 0:
            raise ValueError(f"it unpacks to more than {most:,} bytes")
        if not stream.eof:
            raise EOFError("it is cut short")
        parts.append(part)
        packed = stream.unused_data
    if not parts:
        raise EOFError("it is empty")
    return b"".join(parts)


def member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one pickle of a torch archive.

    Raises:
        ValueError: there is none, or there are several.
    """
    found = [m for m in archive.infolist() if m.filename.endswith("/data.pkl")]
    if len(found) != 1:
        raise ValueError(f"it holds {len(found)} files data.pkl, and a torch archive has one")
    return found[0]


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
