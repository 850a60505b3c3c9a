"""NAS-Bench-NLP on Penn Treebank: an archive of one JSON log a training.

Each cell was trained once. A training was stopped when its loss was no number any more, or when it
raised an error; what it had logged by then is kept, and the rest is missing. The logs write such a
loss as NaN, which is not JSON, but which Python's reader takes.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import DamagedInput, Floats, Metric
from nasbench_suite.spaces.nasbench_nlp import NasbenchNlp, written
from nasbench_suite.tables.source import Column, Curve, Inputs, Source, Task

_FILE: Final = "nas-bench-nlp-full/train_logs_single_run.zip"
_REPOSITORIES: Final = {
    "nas-bench-nlp-full": {
        "repository": "leeyeehoo/GenNAS, with the data of fmsnew/nas-bench-nlp-release",
        "licence": "Apache-2.0",
    }
}
_LENGTH: Final = 50
_RUNGS: Final = (1, 5, 16, 50)
"""Epochs that a query and a search may ask for; each is at least three times the one before."""

_TEXT: Final = "cross-entropy a word"
_LOSSES: Final = {
    "val_loss": ("val_losses", "validation", f"{_TEXT} on the validation text"),
    "test_loss": ("test_losses", "test", f"{_TEXT} on the test text"),
    "train_loss": ("train_losses", "train", f"{_TEXT} on the training text, during training"),
}
_LISTS: Final = ("wall_times", *(key for key, _, _ in _LOSSES.values()))
_SECONDS: Final = Metric(
    "train_seconds",
    "s",
    "min",
    None,
    "seconds of training up to that epoch, or up to its failure if it failed before",
)
_OTHERS: Final = (
    Metric("epochs_run", "count", "none", None, "epochs that were logged, 50 if nothing failed"),
    Metric("published_params", "count", "min", None, "parameters as they were published"),
)
_SEEN: Final = "reported is test_loss after 50 epochs, of the same training."
_COMMON: Final = {
    "objective": "val_loss",
    "seed": "mean",
    "cost": "train_seconds",
    "report": {"metric": "test_loss", "epochs": _LENGTH, "seed": "mean"},
    "continues": True,
}
_PROTOCOLS: Final = {
    "standard": {
        "description": "A search sees val_loss after 50 epochs and pays the seconds; a training "
        f"that failed costs what it ran; {_SEEN}",
        "epochs": [_LENGTH],
        **_COMMON,
    },
    "multi_fidelity": {
        "description": "A search chooses how long each cell is trained and sees val_loss after "
        "that; a longer training continues a shorter one, whose seconds are paid already; one "
        f"that failed costs what it ran; {_SEEN}",
        "epochs": list(_RUNGS),
        **_COMMON,
    },
}
_DEFECTS: Final = (
    "One training a cell, of which no seed is known: how much of a difference is chance, the table "
    "does not say.",
    "Of 14,322 trainings 2,645 ended with a loss that was no number, most in their first epoch, "
    "and 79 with an error. 65 of these logged nothing, not even seconds: a search pays nothing for "
    "them.",
    "The logs do not say on which machines they were made; an epoch took 53 to 894 seconds.",
)


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read the published archive below `folder`.

    Raises:
        FileNotFoundError: it is missing.
        DamagedInput: it is not what it should be.
    """
    inputs = Inputs(folder, progress, _REPOSITORIES)
    space: NasbenchNlp = registry.load("spaces", "nasbench_nlp")
    logs = _logs(inputs.path(_FILE))
    for arch in space:
        name = space.format(arch)
        if name not in logs or _cell(logs[name]) != written(space.recipe(arch)):
            raise DamagedInput(f"{_FILE} has no cell {name}, or another one of this number")
    found = [logs[name] for name in space.names]
    curves = {metric: _curves(found, key) for metric, (key, _, _) in _LOSSES.items()}
    run = np.array([len(log["wall_times"]) for log in found])
    seconds = np.cumsum(np.nan_to_num(_curves(found, "wall_times")), axis=1)
    seconds[run == 0] = np.nan
    spent = np.where(np.arange(_LENGTH) < run[:, None], seconds, np.nan)
    columns = [
        Column("penn_treebank", metric, values[:, [rung - 1]], epochs=rung, origin=_FILE)
        for metric, values in (*curves.items(), (_SECONDS.name, seconds))
        for rung in _RUNGS
    ]
    # The epochs are those of one training; parameters are counted before it.
    others = ((run, 1), (np.array([log["num_params"] for log in found]), None))
    for metric, (values, counts) in zip(_OTHERS, others, strict=True):
        column = Column(
            "penn_treebank", metric.name, values.astype(float), counts=counts, origin=_FILE
        )
        columns.append(column)
    errors = [n for n, log in zip(space.names, found, strict=True) if "Exception" in log["status"]]
    return Source(
        name="nasbench_nlp",
        version="1",
        title="NAS-Bench-NLP",
        description="The 14,322 recurrent cells that were trained on Penn Treebank, with whole "
        "learning curves and the trainings that failed.",
        space="nasbench_nlp",
        tasks={
            "penn_treebank": Task(
                "prediction of the next word (Penn Treebank)",
                None,
                None,
                "test_loss",
                ("test_loss", _LENGTH),
            )
        },
        metrics=[
            *(Metric(m, "nat", "min", split, text) for m, (_, split, text) in _LOSSES.items()),
            _SECONDS,
            *_OTHERS,
        ],
        columns=columns,
        curves=[
            Curve("penn_treebank", metric, values[:, None], origin=_FILE)
            for metric, values in (
                ("val_loss", curves["val_loss"]),
                ("test_loss", curves["test_loss"]),
                (_SECONDS.name, spent),
            )
        ],
        protocols=_PROTOCOLS,
        licence="Apache-2.0",
        citations=(
            "N. Klyuchnikov, I. Trofimov, E. Artemova, M. Salnikov, M. Fedorov, A. Filippov and E. "
            "Burnaev. NAS-Bench-NLP: Neural Architecture Search Benchmark for Natural Language "
            "Processing. IEEE Access 2022.",
        ),
        inputs=inputs.noted(),
        defects=_DEFECTS,
        derived=("train_seconds is the sum of the logged seconds of the epochs.",),
        lists={"ended_with_an_error": errors},
    )


def pool(folder: Path) -> bytes:
    """Return the space's list of cells, `spaces/nasbench_nlp.txt.gz`, made of the archive.

    A line a cell, by ascending number; without a time stamp, so that the same archive gives the
    same bytes.

    Raises:
        FileNotFoundError: the archive is missing.
        DamagedInput: it is not what it should be.
    """
    logs = _logs(folder / _FILE)
    lines = [f"{name} {_cell(logs[name])}" for name in sorted(logs, key=int)]
    return gzip.compress("\n".join(lines).encode("ascii"), mtime=0)


def _logs(path: Path) -> dict[str, dict[str, Any]]:
    """Return the log of each cell by its published number.

    Raises:
        DamagedInput: one is not what it should be, or a cell has two; the message names it.
    """
    found: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            try:
                log = json.loads(archive.read(member))
                name, ended = str(log["recepie_id"]), log["status"] != "OK"
                lengths = {len(log[key]) for key in _LISTS}
            except (KeyError, TypeError, ValueError) as error:
                raise DamagedInput(f"{_FILE}, {member}: no log of a training ({error!r})") from None
            if len(lengths) > 1 or not (ended or lengths == {_LENGTH}):
                raise DamagedInput(f"{_FILE}, {member}: it has not 50 epochs, and says nothing why")
            if name in found:
                raise DamagedInput(f"{_FILE}, {member}: cell {name} was there before")
            found[name] = log
    return found


def _cell(log: dict[str, Any]) -> str:
    recipe = json.loads(log["recepie"])
    return written({node: (entry["op"], entry["input"]) for node, entry in recipe.items()})


def _curves(logs: list[dict[str, Any]], key: str) -> Floats:
    """Return a list of each log, (cells, epochs); NaN where there is no number."""
    values = np.full((len(logs), _LENGTH), np.nan)
    for row, log in enumerate(logs):
        values[row, : len(log[key])] = log[key]
    values[np.isinf(values)] = np.nan
    return values
