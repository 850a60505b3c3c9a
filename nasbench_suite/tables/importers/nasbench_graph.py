"""NAS-Bench-Graph, from the "light" files that its authors published, one a graph.

A file maps a network's key to four numbers, each the mean of three trainings. Eight of the nine
graphs have all networks; the ninth, `proteins`, is a table of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from nasbench_suite import registry
from nasbench_suite.tables.importers._nasbench_graph import read_graphs
from nasbench_suite.tables.source import Source, Task

_ON: Final = "node classification on"
_TASKS: Final = {
    graph: Task(f"{_ON} {text}", classes, None, "test_accuracy", ("val_accuracy", None))
    for graph, text, classes in (
        ("cora", "citations between papers on machine learning (Cora)", 7),
        ("citeseer", "citations between papers on computer science (CiteSeer)", 6),
        ("pubmed", "citations between papers on diabetes (PubMed)", 3),
        ("cs", "co-authors in computer science (Coauthor CS)", 15),
        ("physics", "co-authors in physics (Coauthor Physics)", 5),
        ("photo", "photo articles bought together (Amazon Photo)", 8),
        ("computers", "computers bought together (Amazon Computers)", 10),
        ("arxiv", "citations between papers on computer science (ogbn-arxiv)", 40),
    )
}
_PHYSICS: Final = (
    "On physics the parameters of 1,113 networks are means of three counts that differ, so they "
    "are no whole numbers."
)


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read the files of eight graphs below `folder`, in the layout that the card's inputs name.

    Raises:
        FileNotFoundError: a file is missing.
        DamagedInput, UnsafePickle: a file is not what it should be.
    """
    return read_graphs(
        folder,
        progress,
        _TASKS,
        list(registry.load("spaces", "nasbench_graph")),
        measure="accuracy",
        text="share of nodes classified rightly",
        name="nasbench_graph",
        title="NAS-Bench-Graph",
        description="All 26,206 networks of NAS-Bench-Graph on eight graphs.",
        defects=(_PHYSICS,),
    )
