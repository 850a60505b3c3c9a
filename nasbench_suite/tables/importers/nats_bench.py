"""NATS-Bench's own files, in each of the forms in which they are given out.

`NATS-tss-v1_0-3ffb9-simple` (topology, the space `nasbench201`) and `NATS-sss-v1_0-50262-simple`
(size, `nats_sss`) are folders with one pickle an architecture, or a tar archive of such a folder;
`NATS-tss-v1_0-3ffb9.pickle.pbz2` and `NATS-sss-v1_0-50262.pickle.pbz2` are one pickle of all.
Architectures that are not there are not in the table.
"""

from __future__ import annotations

import re
import tarfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Final

from nasbench_suite import unpickle
from nasbench_suite.core import DamagedInput
from nasbench_suite.tables.importers._nats import Trainings
from nasbench_suite.tables.source import Source
from nasbench_suite.unpickle.stream import Entries

_FILE: Final = re.compile(r"(?:.*/)?(\d{6}|meta)\.pickle\.pbz2")
_META: Final = "meta"
_MOST: Final = 1 << 24
"""Bytes of an architecture's file at most, packed or not; the official ones unpack to less than two
million. In memory they may become fifty times as many, and some are unpacked ahead."""
_AHEAD: Final = 4
"""Files that are unpacked before they are needed, which takes as long as all the rest."""
_TOLD: Final = 1_000
"""Architectures between two words of progress."""

_NAMES: Final = {"nasbench201": "nats_bench_tss", "nats_sss": "nats_bench_sss"}
_TITLES: Final = {
    "nasbench201": "NATS-Bench, topology space",
    "nats_sss": "NATS-Bench, size space",
}
_CITATION: Final = (
    "X. Dong, L. Liu, K. Musial and B. Gabrys. NATS-Bench: Benchmarking NAS Algorithms "
    "for Architecture Topology and Size. TPAMI 2021."
)


def read(source: Path, progress: Callable[[str], None]) -> Source:
    """Read a folder of NATS-Bench, a tar archive of one, or the pickle of all architectures.

    Raises:
        DamagedInput, UnsafePickle: a file is not what it should be.
    """
    trainings = Trainings(source.name)
    if source.is_dir():
        _read_files(_in_folder(source), source, trainings, progress)
    elif tarfile.is_tarfile(source):
        _read_files(_in_archive(source), source, trainings, progress)
    else:
        read_whole(source, trainings, progress)
    space = trainings.space.name
    return trainings.source(
        name=_NAMES[space], title=_TITLES[space], source=source, citation=_CITATION
    )


def read_whole(path: Path, trainings: Trainings, progress: Callable[[str], None]) -> None:
    """Read one pickle of all architectures.

    Raises:
        DamagedInput, UnsafePickle: it is not what it should be.
    """
    entries = Entries(path, "arch2infos")
    for count, (index, schedules) in enumerate(entries):
        if count % _TOLD == 0:
            progress(f"{path.name}, architecture {count:,}")
        if type(index) is not int or not isinstance(schedules, dict):
            raise DamagedInput(f"{path}, entry {count:,}: no results of an architecture")
        trainings.add(f"{path.name}, entry {count:,}", index, schedules)
    trainings.check_strings(entries.rest.get("meta_archs") or (), path.name)


def _read_files(
    files: Iterable[tuple[str, bytes]],
    source: Path,
    trainings: Trainings,
    progress: Callable[[str], None],
) -> None:
    """Read the files of single architectures, and check the list of all of them if it is there."""
    strings = None
    for count, (name, pickled) in enumerate(_unpacked(files)):
        if count % _TOLD == 0:
            progress(f"{source.name}/{name}")
        number = PurePosixPath(name).name.partition(".")[0]
        content = unpickle.loads(pickled, str(source / name))
        if not isinstance(content, dict):
            raise DamagedInput(f"{source / name} is no file of NATS-Bench")
        if number == _META:
            strings = content.get("meta_archs") or ()
        else:
            trainings.add(str(source / name), int(number), content)
    if strings is not None:
        trainings.check_strings(strings, str(source / _META))


def _in_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files of a folder."""
    paths = [path for path in sorted(folder.iterdir()) if _FILE.fullmatch(path.name)]
    if not paths:
        inside = sorted({path.parent.name for path in folder.glob("*/*.pickle.pbz2")})
        within = f", but these within it have: {', '.join(inside)}" if inside else ""
        raise DamagedInput(f"{folder} holds no architecture's file{within}")
    for path in paths:
        if path.stat().st_size > _MOST:
            raise DamagedInput(f"{path} is too large to be of one architecture")
        yield path.name, path.read_bytes()


def _in_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files of a tar archive, of which nothing is written."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if not _FILE.fullmatch(member.name):
                    continue
                if not member.isreg():
                    raise DamagedInput(f"{path / member.name} is a link: pack the files themselves")
                if member.size > _MOST:
                    raise DamagedInput(
                        f"{path / member.name} is too large to be of one architecture"
                    )
                content = archive.extractfile(member)
                assert content is not None
                yield member.name, content.read()
            _check_end(archive)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DamagedInput(f"{path} is damaged: {error}") from None


def _check_end(archive: tarfile.TarFile) -> None:
    """See that an archive ends where its last member does.

    At a header that is damaged or cut off, Python's reader just stops.

    Raises:
        tarfile.ReadError: it goes on, or has no end.
    """
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError(f"no member begins at byte {archive.offset:,}, nor does it end")


def _unpacked(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield names and unpacked contents in their order; another thread unpacks the next ones."""
    waiting: deque[tuple[str, Future[bytes]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for name, packed in files:
            waiting.append((name, pool.submit(unpickle.unpack, packed, name, _MOST)))
            if len(waiting) > _AHEAD:
                name, unpacked = waiting.popleft()
                yield name, unpacked.result()
        for name, unpacked in waiting:
            yield name, unpacked.result()
