"""Read a pickle that is too large to hold, entry by entry.

Some published files are one pickle of gigabytes: a dictionary with a dictionary of architectures
in it. Here the instructions of such a pickle are followed one by one, each architecture is given
away when it is complete, and nothing of it is kept. What a pickle may ask for is what `plain`
admits; instructions of protocols before 2, and those that no plain data need, are refused.
"""

from __future__ import annotations

import bz2
import contextlib
import struct
import zipfile
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from nasbench_suite.core import DamagedInput, UnsafePickle
from nasbench_suite.unpickle import member, plain

_CHUNK: Final = 1 << 20
_LONGEST: Final = 300
"""Bytes of the longest instruction whose length needs no look."""
_MOST_ENTRY: Final = 1 << 24
"""Bytes of an entry at most; in memory they may become fifty times as many."""
_SHARED: Final = 256
"""Characters of a text that entries may share at most: names of splits and data sets."""
_TORCH: Final = 0x1950A86A20F9469CFC6C
"""The first of the pickles in a file of `torch.save` as it was until torch 1.5."""
_BEFORE: Final = 2
"""Pickles between that and the one that was saved: the version, and the system's types."""

_float = struct.Struct(">d").unpack_from
_unsigned = struct.Struct("<I").unpack_from
# Instructions by what follows them: a number of so many bytes; a length of so many bytes and as
# much content; so many bytes that say nothing here.
_NUMBERED: Final = {ord("q"): 1, ord("M"): 2, ord("j"): 4}
_LENGTHS: Final = {**dict.fromkeys(b"C\x8a\x8c", 1), **dict.fromkeys(b"BX", 4), 0x8D: 8, 0x8E: 8}
_SKIPPED: Final = {0x80: 1, 0x95: 8}
# And by what they do: fill a container with what is above the mark, or with the last values alone.
_FILLING: Final = b"useat\x90"
_SINGLE: Final = {ord("s"): 2, ord("a"): 1}
_CONSTANTS: Final = {ord("N"): None, 0x88: True, 0x89: False}
_EMPTY: Final = {ord("}"): dict, ord("]"): list, ord(")"): tuple, 0x8F: set}
_TUPLES: Final = {0x85: 1, 0x86: 2, 0x87: 3}


class _Memo:
    """What a pickle refers to by number: of entries given away only short texts and builders."""

    def __init__(self) -> None:
        self.recent: list[Any] = []
        self._start = 0
        self._starts: list[int] = []
        self._past: list[array[int]] = []
        self._numbers: dict[Any, int] = {}
        self._kept: list[Any] = []

    def put(self, number: int, value: Any) -> None:
        if number != self._start + len(self.recent):
            raise ValueError(f"it numbers a value {number} out of turn")
        self.recent.append(value)

    def get(self, number: int) -> Any:
        if number >= self._start:
            return self.recent[number - self._start]
        at = bisect_right(self._starts, number) - 1
        kept = self._past[at][number - self._starts[at]]
        if kept < 0:
            raise ValueError(f"it refers to value {number}, which is of an earlier entry")
        return self._kept[kept]

    def forget(self) -> None:
        """Keep of the recent values what a later entry may share."""
        # Files number every text of every entry, so that a number must take few bytes.
        self._past.append(array("i", map(self._keep, self.recent)))
        self._starts.append(self._start)
        self._start += len(self.recent)
        self.recent.clear()

    def _keep(self, value: Any) -> int:
        short = isinstance(value, str | bytes) and len(value) <= _SHARED
        if not short and not plain.is_builder(value):
            return -1
        number = self._numbers.setdefault(value, len(self._kept))
        if number == len(self._kept):
            self._kept.append(value)
        return number


class Entries:
    """The entries of the dictionary `within` of a pickled dictionary, one after the other.

    An entry's value is a dictionary of at most 1,000 items. After the last entry `rest` is the
    outer dictionary, in which `within` is empty.
    """

    def __init__(self, path: Path, within: str) -> None:
        """Read a pickle, a bzip2-packed one (`.pbz2`), or what `torch.save` wrote."""
        self.rest: dict[Any, Any] = {}
        self._path = path
        self._within = within

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Yield key and value of each entry.

        Raises:
            UnsafePickle: the file asks for anything beyond plain data; nothing of it was run.
            DamagedInput: it is cut short, no such pickle, or an entry is too large to be honest.
            FileNotFoundError: there is no such file.
        """
        given = 0
        try:
            with _opened(self._path) as file:
                for entry in self._entries(_Window(file)):
                    yield entry
                    given += 1
        except UnsafePickle as error:
            raise UnsafePickle(f"{self._path}, after {given:,} entries: {error}") from None
        except FileNotFoundError:
            raise
        except (EOFError, IndexError, struct.error):
            raise DamagedInput(
                f"{self._path}, after {given:,} entries: not a readable pickle, or cut short"
            ) from None
        except Exception as error:
            # A damaged pickle fails in whichever way its broken bytes happen to mean.
            raise DamagedInput(
                f"{self._path}, after {given:,} entries: not a readable pickle ({error})"
            ) from None

    def _entries(self, window: _Window) -> Iterator[tuple[Any, Any]]:
        machine = _Machine(window, self._within)
        yield from machine.run()
        if machine.result == _TORCH:
            for _ in range(_BEFORE):
                _Machine.whole(window)
            machine = _Machine(window, self._within)
            yield from machine.run()
        rest = machine.result
        if not isinstance(rest, dict) or not isinstance(rest.get(self._within), dict):
            raise ValueError(f"it is no dictionary with a dictionary {self._within!r} in it")
        # One that ended up alone was put into its dictionary by itself.
        yield from rest[self._within].items()
        rest[self._within].clear()
        self.rest = rest


class _Window:
    """What was read of a file and not yet followed."""

    def __init__(self, file: IO[bytes]) -> None:
        self.data = b""
        self.at = 0
        self.limit = -1
        """The last byte at which an instruction may begin before more is read."""
        self._file = file
        self._since = 0

    def fill(self, at: int, needed: int = _LONGEST) -> None:
        """Read on, so that so many bytes from `at` are there if the file has them."""
        kept = self.data[at:]
        parts, length, ended = [kept], len(kept), False
        while length < needed and not ended:
            parts.append(self._file.read(_CHUNK))
            length += len(parts[-1])
            self._since += len(parts[-1])
            ended = not parts[-1]
            if self._since > _MOST_ENTRY + _CHUNK:
                raise ValueError(f"an entry takes more than {_MOST_ENTRY:,} bytes")
        if not length:
            raise EOFError
        self.data, self.at = b"".join(parts), 0
        self.limit = length - 1 if ended else length - _LONGEST

    def take(self, length: int) -> bytes:
        """Return so many bytes more."""
        if self.at + length > len(self.data):
            self.fill(self.at, length)
        taken = self.data[self.at : self.at + length]
        if len(taken) < length:
            raise EOFError
        self.at += length
        return taken

    def line(self) -> str:
        """Return the text up to the end of a line."""
        end = self.data.index(b"\n", self.at)
        return self.take(end + 1 - self.at)[:-1].decode()

    def begin_entry(self) -> None:
        """Begin to count the bytes of an entry."""
        self._since = 0


class _Machine:
    """The instructions of one pickle, followed until it stops."""

    def __init__(self, window: _Window, within: str | None) -> None:
        self.result: Any = None
        self._window = window
        self._memo = _Memo()
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._within = within
        self._inside = 0
        self._texts: dict[str, str] = {}
        self._running = True
        self._admitted = plain.Admitted(_MOST_ENTRY)

    @classmethod
    def whole(cls, window: _Window) -> Any:
        """Return what the next pickle of a file holds."""
        machine = cls(window, None)
        for _ in machine.run():
            pass
        return machine.result

    def run(self) -> Iterator[tuple[Any, Any]]:
        """Follow the pickle, giving away the entries; what is left is the `result`."""
        window, memo, texts = self._window, self._memo, self._texts
        while self._running:
            data, at, limit, stack = window.data, window.at, window.limit, self._stack
            # Most of a file are numbers by the name of their epoch; the rest may take its time.
            while at <= limit:
                code = data[at]
                at += 1
                if code == 0x47:  # BINFLOAT
                    stack.append(_float(data, at)[0])
                    at += 8
                elif code == 0x94:  # MEMOIZE
                    memo.recent.append(stack[-1])
                elif code == 0x8C:  # SHORT_BINUNICODE
                    end = at + 1 + data[at]
                    text = data[at + 1 : end].decode("utf-8", "surrogatepass")
                    # An equal text a thousand times takes the memory of one.
                    stack.append(texts.setdefault(text, text))
                    at = end
                elif code == 0x4B:  # BININT1
                    stack.append(data[at])
                    at += 1
                elif code == 0x68:  # BINGET
                    stack.append(memo.get(data[at]))
                    at += 1
                elif code == 0x72:  # LONG_BINPUT
                    memo.put(_unsigned(data, at)[0], stack[-1])
                    at += 4
                else:
                    window.at = at
                    break
            else:
                window.fill(at)
                continue
            if code in _FILLING:
                yield from self._filled(code)
            else:
                self._follow(code)

    def _filled(self, code: int) -> Iterator[tuple[Any, Any]]:
        """Follow an instruction that fills a container, which may make an entry whole."""
        size = _SINGLE.get(code)
        if size is None:
            items, self._stack = self._stack, self._below.pop()
        else:
            items = self._stack[-size:]
            del self._stack[-size:]
        stack = self._stack
        if self._inside > len(self._below):
            # Values that are no dictionaries went by without a sign that they were whole.
            self._inside = 0
            yield from zip(items[::2], items[1::2], strict=True)
            items = []
        _fill(code, stack, items)
        if self._inside == len(self._below) and len(stack) == 2:
            yield stack[0], stack[1]
            stack.clear()
            self._texts.clear()
            self._memo.forget()
            self._window.begin_entry()
            self._admitted.room = _MOST_ENTRY

    def _follow(self, code: int) -> None:
        """Follow an instruction that is not frequent."""
        window, stack = self._window, self._stack
        if code == 0x28:  # MARK
            self._below.append(stack)
            # The outer dictionary has a mark if it has several items.
            if len(self._below) <= 2 and stack[-2:-1] == [self._within]:
                self._inside = len(self._below) if isinstance(stack[-1], dict) else 0
            self._stack = []
        elif code in _NUMBERED:
            number = int.from_bytes(window.take(_NUMBERED[code]), "little")
            if code == 0x71:  # BINPUT
                self._memo.put(number, stack[-1])
            else:  # BININT2 or LONG_BINGET
                stack.append(number if code == 0x4D else self._memo.get(number))
        elif code in _LENGTHS:
            length = int.from_bytes(window.take(_LENGTHS[code]), "little")
            stack.append(_content(code, window.take(length)))
        elif code == 0x4A:  # BININT
            stack.append(_content(code, window.take(4)))
        elif code == 0x63:  # GLOBAL
            stack += [window.line(), window.line()]
            self._build(0x93)
        elif code in _SKIPPED:
            window.take(_SKIPPED[code])
        elif code == 0x2E:  # STOP
            self.result = stack.pop()
            self._running = False
        else:
            self._build(code)

    def _build(self, code: int) -> None:
        """Follow an instruction that makes a value of those on the stack."""
        stack = self._stack
        if code in _EMPTY:
            stack.append(_EMPTY[code]())
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _TUPLES:
            length = _TUPLES[code]
            if len(stack) < length:
                raise IndexError
            stack[-length:] = [tuple(stack[-length:])]
        elif code == 0x93:  # STACK_GLOBAL
            name, module = stack.pop(), stack.pop()
            stack.append(self._admitted.find(module, name))
        elif code == 0x52:  # REDUCE
            arguments, function = stack.pop(), stack.pop()
            if not plain.is_builder(function) or not isinstance(arguments, tuple):
                raise UnsafePickle("the pickle calls what builds no plain data")
            stack.append(function(*arguments))
        elif code == 0x62:  # BUILD
            state = stack.pop()
            plain.build(stack[-1], state)
        else:
            raise UnsafePickle(f"the pickle has an instruction {code} that no plain data needs")


def _fill(code: int, stack: list[Any], items: list[Any]) -> None:
    """Put items into the container on the stack, which must be of the right kind."""
    if code == 0x74:  # TUPLE
        stack.append(tuple(items))
        return
    container = stack[-1]
    if code in b"us" and isinstance(container, dict):
        container.update(zip(items[::2], items[1::2], strict=True))
    elif code in b"ea" and isinstance(container, list):
        container.extend(items)
    elif code == 0x90 and isinstance(container, set):
        container.update(items)
    else:
        raise ValueError(f"it fills a {type(container).__name__} with what it cannot hold")


def _content(code: int, data: bytes) -> Any:
    """Return the text, bytes or number that an instruction has with it."""
    if code in b"J\x8a":  # BININT, LONG1
        return int.from_bytes(data, "little", signed=True)
    return data if code in b"CB\x8e" else data.decode("utf-8", "surrogatepass")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open the pickle in a file, whatever it is packed in."""
    with contextlib.ExitStack() as left:
        file: IO[bytes] = left.enter_context(path.open("rb"))
        if path.suffix == ".pbz2":
            file = left.enter_context(bz2.BZ2File(file))
        elif file.read(4) == b"PK\x03\x04":
            archive = left.enter_context(zipfile.ZipFile(file))
            file = left.enter_context(archive.open(member(archive)))
        else:
            file.seek(0)
        yield file
