"""Writes and reads the official format of NAS-Bench-101 without the suite.

Protocol buffers by the struct module, and a checksum that goes bit by bit.
"""

import base64
import json
import struct


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1))
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def framed(content, check=masked):
    length = struct.pack("<Q", len(content))
    return length + check(length) + content + check(content)


def varint(value):
    written = b""
    while value > 127:
        written += bytes([value & 127 | 128])
        value >>= 7
    return written + bytes([value])


def real(field, value):
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def nested(field, content):
    return bytes([field << 3 | 2]) + varint(len(content)) + content


def evaluation(epoch, seconds, train, validation, test):
    numbers = (epoch, seconds, train, validation, test)
    return b"".join(real(field, value) for field, value in enumerate(numbers, start=1))


def metrics(evaluations, params, seconds):
    parts = [nested(1, evaluation(*values)) for values in evaluations]
    return b"".join([*parts, b"\x10" + varint(params), real(3, seconds)])


def record(name, epochs, matrix, operations, message):
    entries = [name, epochs, matrix, operations, base64.b64encode(message).decode()]
    return json.dumps(entries).encode()


def contents(path):
    """Yield the JSON lists of a file, whose checksums are not looked at."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        yield json.loads(data[at + 12 : at + 12 + length])
        at += 16 + length


def numbers(message):
    """Return the values of a message as pairs of field and value, the parts of parts as bytes."""
    found, at = [], 0

    def whole():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = whole()
        if key & 7 == 0:
            found.append((key >> 3, whole()))
        elif key & 7 == 1:
            found.append((key >> 3, struct.unpack_from("<d", message, at)[0]))
            at += 8
        else:
            assert key & 7 == 2
            length = whole()
            found.append((key >> 3, message[at : at + length]))
            at += length
    return found
