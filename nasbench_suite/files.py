"""A file is written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import math
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from nasbench_suite.core import DamagedInput, InvalidSetting, OutputError

RUNS: Final = "runs"
LOCK: Final = ".lock"
PART: Final = ".part"
"""How the name of a file ends while it is being written."""
UNREADABLE: Final = (
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy raises at the bytes of an `.npz` file that is damaged, or is none.

A single array is no context manager, and an archive may claim to be encrypted, or to be compressed
in a way that nobody knows: errors of Python's own, and no `BadZipFile`.
"""
_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_RIGHTS: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


def unwritable(path: Path, error: OSError) -> OutputError:
    """Return the error of a file or folder that the system does not let be written, and the cure.

    Args:
        path: what was to be written.
        error: what the system said.
    """
    if error.errno in _ROOM:
        cure = "make room on its disk, and ask the same again"
    elif error.errno in _RIGHTS:
        cure = "get the right to write there, or name another folder"
    else:
        cure = "name another folder"
    return OutputError(f"cannot write {path}: {error.strerror or error}: {cure}")


def plain(value: Any, digits: int | None = None) -> Any:
    """Return what JSON can hold: None for a number that is none, lists for tuples and arrays.

    Args:
        value: numbers, words, and mappings, sequences and arrays of these.
        digits: to how many digits other numbers are rounded; None: not at all.
    """
    if isinstance(value, Mapping):
        return {key: plain(inner, digits) for key, inner in value.items()}
    if hasattr(value, "tolist"):  # an array, or a number of numpy
        return plain(value.tolist(), digits)
    if isinstance(value, list | tuple):
        return [plain(inner, digits) for inner in value]
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return value if digits is None else float(f"{value:.{digits}g}")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name and rename it; its folder is made if need be.

    Raises:
        OutputError: it cannot be written, and nothing is left of it.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        _publish(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from None


def claim(folder: Path) -> Path:
    """Return the folder for the runs of a page, `runs`, within the folder for the page.

    Raises:
        OutputError: the page's folder holds something else, which would be written over.
    """
    runs = folder / RUNS
    free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not free and not runs.is_dir():
        raise OutputError(f"{folder} holds something else: name another folder")
    return runs


def ask(path: Path, question: Mapping[str, Any], *, begun: bool = True) -> None:
    """Write what the folder of a file is to answer, or see that it is asked the same again.

    Args:
        path: the file; nothing but what is hidden may lie beside it before it is there.
        question: what JSON can hold.
        begun: whether anything of an answer is there, which another question would lose.

    Raises:
        InvalidSetting: the folder is of another question.
        OutputError: it holds something else, or cannot be written.
        DamagedInput: what it says is unreadable.
    """
    text = json.dumps(question, indent=2) + "\n"
    asked = json.loads(text)
    folder = path.parent
    if not path.is_file():
        others = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
        if others:
            raise OutputError(f"{folder} holds something else ({others[0]}): name another folder")
        write_whole(path, text)
        return
    try:
        before = json.loads(path.read_text("utf-8"))
        differing = sorted(key for key in asked if before.get(key) != asked[key])
    except (ValueError, AttributeError) as error:
        raise DamagedInput(f"{path} is damaged ({error}): name another folder") from None
    if differing and not begun:
        write_whole(path, text)
    elif differing:
        raise InvalidSetting(
            f"{folder} was begun with another {' and '.join(differing)}: ask the same, or name "
            "another folder"
        )


@contextlib.contextmanager
def alone(folder: Path, lock: str = LOCK, *, wait: bool = False) -> Iterator[None]:
    """Keep other processes from working in a folder, which is made if need be.

    Args:
        folder: where they would.
        lock: the name of the file that is locked, where it is but a part of the folder's work.
        wait: until the other process is done.

    Raises:
        OutputError: one works there already, or the folder cannot be made.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((folder / lock).open("w"))
            # It ends with the process that holds it, however that ends.
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"another process works in {folder}: wait for it, or name another folder"
            ) from None
        except OSError as error:
            raise unwritable(folder, error) from None
        yield


def _publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name, and clear away what killed writers left of it."""
    try:
        temporary.replace(path)
    except FileNotFoundError:
        # Another process had the same file to write, was quicker, and cleared ours away.
        if not path.is_file():
            raise
    for left in path.parent.glob(f".{path.name}.*{PART}"):
        left.unlink(missing_ok=True)
