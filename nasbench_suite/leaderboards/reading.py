"""Reads files of a stranger: nothing outside their folder, and never more than is sensible."""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nasbench_suite.leaderboards.failures import Refused

PACKED: Final = 4 << 20
"""The most bytes of a file of a submission."""
UNPACKED: Final = 32 << 20
"""The most bytes of what a compressed file holds."""
LINE: Final = 4 << 20
"""The most letters of a line of it."""
FILES: Final = 1000
"""How many names of a folder are looked at."""
_BLANK: Final = 1000
"""How many lines of a file may hold nothing."""
_CONTROL: Final = bytes(set(range(32)) - set(b"\t\n\r")) + b"\x7f"
_AGAIN: Final = "submit again, or fetch the file once more"


def listed(folder: Path) -> list[str]:
    """Return the names that lie in a folder, sorted, without following any of them.

    Raises:
        Refused: it is no folder, or holds far too many.
    """
    found: list[str] = []
    if folder.is_symlink():
        raise Refused("not_a_file", f"{folder} is a link", "name the folder itself")
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                found.append(entry.name)
                if len(found) > FILES:
                    raise Refused(
                        "file_unknown",
                        f"the folder holds more than {FILES} files",
                        "name the folder of one submission",
                    )
    except NotADirectoryError:
        raise Refused(
            "folder_missing", f"{folder} is no folder", f"name its folder: {folder.parent}"
        ) from None
    except OSError as error:
        raise Refused(
            "folder_missing",
            f"{folder} cannot be read as a folder: {error.strerror or error}",
            "name the folder that holds submission.toml",
        ) from None
    return sorted(found)


def read_plain(path: Path, most: int = PACKED) -> bytes:
    """Return the bytes of a regular file; links, pipes and devices are not followed or opened.

    Raises:
        Refused: it is missing, none, or longer than `most`.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 (Path.open has no flags)
            told = os.fstat(file.fileno())
            if not stat.S_ISREG(told.st_mode):
                raise Refused("not_a_file", "it is no plain file", "put a plain file there")
            data = file.read(most + 1)
    except FileNotFoundError:
        raise Refused("file_missing", "it is not there", "submit again, or add it") from None
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror or error
        raise Refused(
            "not_a_file",
            f"it cannot be read as a plain file: {why}",
            "put a plain file there, no link",
        ) from None
    if len(data) > most:
        raise Refused(
            "file_too_large",
            f"it has more than {most:,} bytes",
            "submit only what the track asks for",
        )
    return data


def unpacked(data: bytes, most: int = UNPACKED) -> bytes:
    """Return what a gzip file holds.

    Raises:
        Refused: it is damaged, cut short, or would grow beyond `most` bytes.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused("gzip_damaged", f"it is no whole gzip file: {error}", _AGAIN) from None
    if len(found) > most:
        raise Refused(
            "file_too_large",
            f"unpacked it has more than {most:,} bytes",
            "submit only what the track asks for",
        )
    return found


def lines_of(data: bytes, most: int) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text that hold anything, and their numbers, counted from 1.

    Lines end as JSON lines do, with a line feed, a carriage return or both, and with nothing else.

    Args:
        data: UTF-8.
        most: how many lines may hold anything; nobody needs a million empty ones either.

    Raises:
        Refused: there are far too many lines; one is too long, is not UTF-8, or has control
            characters.
    """
    _check_control(data)
    ends = data.count(b"\n") + data.count(b"\r")
    if ends > 2 * (most + _BLANK):
        message = f"it has {ends:,} ends of lines, and the track asks for {most:,} runs"
        raise Refused("file_too_large", message, "write one run a line, and nothing else")
    plain = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for at, line in enumerate(plain.split(b"\n"), start=1):
        if not line.strip():
            continue
        if len(line) > LINE:
            message = f"the line has more than {LINE:,} letters"
            raise Refused("file_too_large", message, "write one run a line, and nothing else", at)
        try:
            yield at, line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _no_text(error, at) from None


def text_of(data: bytes) -> str:
    """Return bytes as text.

    Raises:
        Refused: they are not UTF-8, or hold control characters; the line is named.
    """
    _check_control(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _no_text(error, _line(data, error.start)) from None


def _check_control(data: bytes) -> None:
    if len(data.translate(None, _CONTROL)) < len(data):
        place = min(data.index(code) for code in _CONTROL if code in data)
        raise Refused(
            "control_character",
            f"it holds a control character (byte {data[place]})",
            "write plain text",
            _line(data, place),
        )


def _no_text(error: UnicodeDecodeError, at: int) -> Refused:
    return Refused("not_utf8", f"it is not UTF-8 ({error.reason})", "write UTF-8", at)


def _line(data: bytes, place: int) -> int:
    return len((data[:place] + b".").splitlines())
