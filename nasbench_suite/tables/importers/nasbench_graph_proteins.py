"""NAS-Bench-Graph on the graph `proteins`: the 2,021 networks that have only five operations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from nasbench_suite import registry
from nasbench_suite.spaces.nasbench_graph import OPERATIONS
from nasbench_suite.tables.importers._nasbench_graph import read_graphs
from nasbench_suite.tables.source import Source, Task

_TRIED: Final = frozenset(map(OPERATIONS.index, ("gcn", "sage", "arma", "fc", "skip")))
_TASK: Final = Task(
    "prediction of 112 properties of each node on associations between proteins (ogbn-proteins)",
    None,
    None,
    "test_performance",
)


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read the file of the graph below `folder`, in the layout that the card's inputs name.

    Raises:
        FileNotFoundError: it is missing.
        DamagedInput, UnsafePickle: it is not what it should be.
    """
    space = registry.load("spaces", "nasbench_graph")
    return read_graphs(
        folder,
        progress,
        {"proteins": _TASK},
        [arch for arch in space if set(arch[1:]) <= _TRIED],
        measure="performance",
        text="performance as published, which does not say what it is; the Open Graph Benchmark "
        "has the area under the ROC curve for this graph",
        name="nasbench_graph_proteins",
        title="NAS-Bench-Graph, proteins",
        description="The 2,021 networks of NAS-Bench-Graph that consist of gcn, sage, arma, fc and "
        "skip, on one graph.",
        defects=(
            "The other 24,185 networks of the space were not tried on this graph, so it can be "
            "looked up and not searched.",
        ),
    )
