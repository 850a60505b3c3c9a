"""NAS-Bench-201's own file: `NAS-Bench-201-v1_1-096897.pth`, or the older `v1_0-e61699`.

It is one pickle of all 15,625 architectures, with the schedules `full` (200 epochs, one to three
seeds) and `less` (12 epochs). The embedded table `nasbench201` has the same cells with what others
took from this file and from NATS-Bench.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from nasbench_suite.core import DamagedInput
from nasbench_suite.tables.importers._nats import Trainings
from nasbench_suite.tables.importers.nats_bench import read_whole
from nasbench_suite.tables.source import Source

_FILES: Final = "NAS-Bench-201-*.pth"
_CITATION: Final = (
    "X. Dong and Y. Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture "
    "Search. ICLR 2020."
)


def read(source: Path, progress: Callable[[str], None]) -> Source:
    """Read the file, or the one such file of a folder.

    Raises:
        FileNotFoundError: the folder has none.
        DamagedInput, UnsafePickle: it is not what it should be, or the folder has several.
    """
    if source.is_dir():
        found = sorted(source.glob(_FILES))
        if len(found) > 1:
            raise DamagedInput(f"{source} has several files {_FILES}: name the one to read")
        if not found:
            raise FileNotFoundError(2, "missing", str(source / _FILES))
        source = found[0]
    trainings = Trainings(source.name)
    read_whole(source, trainings, progress)
    return trainings.source(
        name="nasbench201_official",
        title=f"NAS-Bench-201, {source.name}",
        source=source,
        citation=_CITATION,
    )
