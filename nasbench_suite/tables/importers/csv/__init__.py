"""Anybody's own trainings: a CSV file with a row a training, and a TOML that says what it means.

`docs/your_own_table.md` is the format's description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from nasbench_suite import resources
from nasbench_suite.core import DamagedInput
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.importers.csv import description
from nasbench_suite.tables.importers.csv.columns import columns_of
from nasbench_suite.tables.importers.csv.description import Description
from nasbench_suite.tables.importers.csv.protocols import lengths, protocols, warnings
from nasbench_suite.tables.importers.csv.rows import Architectures, Trainings
from nasbench_suite.tables.layout import CARD
from nasbench_suite.tables.source import Column, Source, Task


def read(source: Path, progress: Callable[[str], None]) -> Source:
    """Read the files that a TOML describes.

    Args:
        source: the TOML, or a folder that holds no other.
        progress: called with the name of each file, and with the line of every 100,000th row.

    Raises:
        DataNotFound: a file is missing.
        DamagedInput: an entry or a row is not what it should be; the message names file and line.
        UnknownName: the TOML names an entry, unit, column, … that there is not.
    """
    path = description.find(source)
    progress(path.name)
    described = description.read(path)
    _check_name(described)
    archs = Architectures(described)
    read = {name: Trainings(described, archs, progress) for name in described.tasks}
    for name, trainings in read.items():
        for file in described.tasks[name].files:
            trainings.read(file)
    order = archs.official_order()
    places = np.arange(len(archs.numbers))
    listed = list(archs.numbers)
    if order is not None:
        listed = [listed[number] for number in order]
        places[order] = np.arange(len(places))
    columns = {name: list(columns_of(trainings, name, places)) for name, trainings in read.items()}
    _check_measured(described, columns)
    found = {name: protocols(described, name, columns[name], listed) for name in columns}
    first, *others = found.values()
    shared = all(other == first for other in others)
    report = described.report
    files = dict.fromkeys(file for task in described.tasks.values() for file in task.files)
    return Source(
        name=described.name,
        version=described.version,
        title=described.title,
        description=described.description,
        space=described.space_name,
        tasks={
            name: Task(
                task.description,
                task.classes,
                task.size,
                report.metric.name,
                (report.metric.name, lengths(described, name, columns[name], report)[-1]),
                None if shared else found[name],
            )
            for name, task in described.tasks.items()
        },
        metrics=[measured.metric for measured in described.metrics.values()],
        columns=list(chain.from_iterable(columns.values())),
        protocols=first if shared else {},
        licence=described.licence,
        citations=described.citations,
        inputs=[
            {"file": name, "path": str(path.parent / name), "licence": described.licence}
            for name in (path.name, *files)
        ],
        archs=None if order is not None else listed,
        key=described.key,
        defects=[*described.defects, *warnings(described)],
    )


def _check_name(described: Description) -> None:
    """See that the table hides no other one of the same name.

    Raises:
        DamagedInput: there is one that was not made of this TOML.
    """
    folder = resources.find("datasets_tabular", described.name, CARD)
    if folder is not None and read_card(folder)["inputs"][0]["file"] != described.path.name:
        raise DamagedInput(
            f"{described.path.name}, name: {described.name} is the name of another table, in "
            f"{folder}: choose another"
        )


def _check_measured(described: Description, columns: Mapping[str, Sequence[Column]]) -> None:
    """See that every metric has a value somewhere.

    Raises:
        DamagedInput: one has none.
    """
    there = {column.metric for found in columns.values() for column in found}
    for name, measured in described.metrics.items():
        if name not in there:
            raise DamagedInput(
                f"{described.path.name}, metric {name!r}: column {measured.column!r} is empty in "
                "every row: drop the metric, and name its column in the list `ignore`"
            )
