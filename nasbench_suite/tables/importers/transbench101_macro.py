"""TransNAS-Bench-101, the space of skeletons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nasbench_suite.tables.importers._transbench101 import read_space
from nasbench_suite.tables.source import Source


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read the published files below `folder`, in the layout that the card's inputs name.

    Raises:
        FileNotFoundError: a file is missing.
        DamagedInput: a file is not what it should be.
    """
    return read_space("macro", folder, progress)
