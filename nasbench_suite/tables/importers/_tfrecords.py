"""TFRecord files, read without TensorFlow, and the protocol buffers in them.

A record is the length of its content (8 bytes), a checksum of that length, the content, and a
checksum of the content; a checksum is a CRC-32C, rotated and shifted so that the checksum of
data that hold checksums is no special case. A message is a sequence of fields, each with its
number and one of four ways to write it (protobuf.dev, "Encoding").
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from nasbench_suite.core import DamagedInput

_CHECK: Final = 4
_LENGTH: Final = 8
_SHIFT: Final = 0xA282EAD8
_ALL: Final = 0xFFFFFFFF


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC: Final = tuple(map(_crc_of, range(256)))


def checksum(data: bytes) -> int:
    """Return the masked CRC-32C of some bytes."""
    crc, table = _ALL, _CRC
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= _ALL
    return (crc >> 15 | crc << 17 & _ALL) + _SHIFT & _ALL


def records(path: Path) -> Iterator[bytes]:
    """Yield the content of each record of a file, one at a time.

    Raises:
        DamagedInput: a record is cut short, or is not what its checksum says; the message names
            the file and the record, counted from 0.
    """
    number = 0
    with path.open("rb") as file:
        while head := file.read(_LENGTH + _CHECK):
            if len(head) < _LENGTH + _CHECK:
                raise DamagedInput(f"{path.name}, record {number}: the file is cut short")
            length, check = struct.unpack("<QI", head)
            # A broken length must not set memory aside.
            if checksum(head[:_LENGTH]) != check:
                raise DamagedInput(f"{path.name}, record {number}: the checksum of its length")
            content = file.read(length)
            tail = file.read(_CHECK)
            if len(content) < length or len(tail) < _CHECK:
                raise DamagedInput(f"{path.name}, record {number}: the file is cut short")
            if checksum(content) != int.from_bytes(tail, "little"):
                raise DamagedInput(f"{path.name}, record {number}: the checksum of its content")
            yield content
            number += 1
    if not number:
        raise DamagedInput(f"{path.name} is empty")


def fields(message: bytes) -> dict[int, list[Any]]:
    """Return the values of a message by the number of their field, in the order of the message.

    A value is an int, a float, or bytes that may be a message again.

    Raises:
        ValueError: it is cut short or no message.
    """
    found: dict[int, list[Any]] = defaultdict(list)
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value: Any
            value, at = _varint(message, at)
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            (value,) = struct.unpack_from("<d" if kind == 1 else "<f", message, at)
            at += width
        elif kind == 2:
            length, at = _varint(message, at)
            value = message[at : at + length]
            at += length
        else:
            raise ValueError(f"a field of kind {kind}")
        if at > end:
            raise ValueError("a message is cut short")
        found[key >> 3].append(value)
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a whole number that is written in groups of seven bits, and where it ends."""
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("a message is cut short")
        byte = message[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
