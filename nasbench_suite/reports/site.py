"""The web site of the leaderboards: static files, which any host serves and a file path opens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from nasbench_suite.core import DamagedInput
from nasbench_suite.files import write_whole
from nasbench_suite.leaderboards import reading, standing_files
from nasbench_suite.leaderboards.description import FILE
from nasbench_suite.leaderboards.failures import Refused
from nasbench_suite.leaderboards.standings import Entry, Standings
from nasbench_suite.leaderboards.track import SUBMISSIONS, names
from nasbench_suite.reports import board, board_entry, board_front, board_track

WRITTEN: Final = ".entries.json"
"""In the folder of a track: the sha256 of each file that was written for its entries."""


def write_site(boards: Sequence[Standings], out: Path) -> list[Path]:
    """Write the site of some tracks, and return its files.

    It holds a front page, a page of how scores come about, one of what is left out, and a folder
    for each track: its page, its standings as files, and a folder for each entry with its page and
    the files of the submission. The same submissions give the same bytes.

    What an earlier call wrote for entries that are no more is removed, as far as nobody has
    changed it since. Nothing else is, so the pages of tracks that are not among `boards` stay, and
    no page links to them.

    Args:
        boards: the standings of each track.
        out: the folder of the site, made if need be.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
        DataNotFound: the tracks of the standings are not there any more.
        DamagedInput: nor are their submissions.
        OutputError: it cannot be written.
    """
    left_out = board_front.out_of(boards)
    written = [
        _write(out / board.FRONT, board_front.render_front(boards)),
        _write(out / board.SCORING, board_front.render_scoring(boards)),
        _write(out / board.LEFT_OUT, board_front.render_left_out(boards)),
    ]
    for found in boards:
        folder = out / found.track.name
        written += standing_files.write(found, folder)
        written.append(_write(folder / board.FRONT, board_track.render_track(found, left_out)))
        written += _write_entries(found, folder, left_out)
    return written


def _write_entries(found: Standings, folder: Path, left_out: int) -> list[Path]:
    """Write the folder of each entry, and remove those of entries that are no more."""
    told: dict[str, str] = {}
    for at, entry in enumerate(found.entries):
        files = _files(found, entry)
        sizes = {name: len(data) for name, data in files.items()}
        page = board_entry.render_entry(found, at, sizes, left_out)
        for name, data in {**files, board.FRONT: page.encode("utf-8")}.items():
            path = f"{board.folder_of(entry)}/{name}"
            write_whole(folder / path, data)
            told[path] = sha256(data).hexdigest()
    _remove(folder, _told(folder / WRITTEN), told)
    write_whole(folder / WRITTEN, json.dumps(told, indent=0, sort_keys=True) + "\n")
    return [folder / path for path in told]


def _files(found: Standings, entry: Entry) -> dict[str, bytes]:
    """Return what lies beside the page of an entry: the submission, and the results of its seeds.

    Raises:
        DamagedInput: a file of the submission is not there any more.
    """
    home = names()[found.track.name] / SUBMISSIONS / entry.folder
    files = {}
    for name in (FILE, *found.track.files):
        try:
            files[name] = reading.read_plain(home / name)
        except Refused as refused:
            message = f"{home / name}: {refused.message}: {refused.cure}"
            raise DamagedInput(message) from None
    return {board_entry.FINALS: board_entry.finals(found, entry).encode("utf-8"), **files}


def _told(path: Path) -> dict[str, str]:
    """Return what an earlier call has written; nothing where that is not said as it should be."""
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _remove(folder: Path, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Remove the files of entries that are no more, where they are as they were written."""
    for name in sorted(set(before) - set(now)):
        path = folder / name
        # Folders of entries lie side by side, each a folder of plain files.
        if len(Path(name).parts) != 2 or ".." in Path(name).parts or path.parent.is_symlink():
            continue
        if not path.is_file() or path.is_symlink():
            continue
        if sha256(path.read_bytes()).hexdigest() == before[name]:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()


def _write(path: Path, page: str) -> Path:
    write_whole(path, page)
    return path
