"""Fit a surrogate as its recipe says, and write it with a card.

What is asked for is fitted one metric after the other, or by several processes. A finished one is
kept in the folder, so the same command goes on after a kill; the card is written last.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

import numpy as np

from nasbench_suite import resources
from nasbench_suite.benchmarks import load
from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
from nasbench_suite.campaigns.fit_metric import Parts, fit_metric, known, noise_of, parts_of
from nasbench_suite.campaigns.fit_recipe import FitRecipe, read_recipe
from nasbench_suite.campaigns.known import archs_of
from nasbench_suite.core import DataNotFound, InvalidSetting, OutputError
from nasbench_suite.executors import Inline
from nasbench_suite.experiments.run import VERSION
from nasbench_suite.experiments.work import outcomes
from nasbench_suite.files import alone, ask, write_whole
from nasbench_suite.surrogates import fitted
from nasbench_suite.surrogates.base import MODEL
from nasbench_suite.tables.card import read_card, sha256
from nasbench_suite.tables.layout import TABLE
from nasbench_suite.tables.store import Table

_WORK: Final = ".fitting"
"""The folder, within that of the surrogate, of what is finished while the rest is not."""
_QUESTION: Final = "question.json"
_PATIENCE: Final = 24 * 3600.0
_TIMED: Final = 2000
_REPEATS: Final = 5

Progress = Callable[[int, int], None]
"""Is told how many metrics are fitted, of how many."""


class Task(NamedTuple):
    """A metric to be fitted, as any process can be told of it."""

    recipe: Path
    place: int
    """Of the metric, in the recipe."""
    out: Path

    def __str__(self) -> str:
        return read_recipe(self.recipe).predicted[self.place].stem


def fit(
    recipe: Path | str,
    *,
    out: Path | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Path:
    """Fit what a recipe asks for, and return the folder of the fitted surrogate.

    Args:
        recipe: its file, or the name of a fitted surrogate, whose recipe is meant.
        out: the folder to write; by default the surrogate's place in `$NASBENCH_DATA` or the
            checkout. One that was begun with the same recipe and table goes on.
        executor: fits the metrics; by default this process.
        progress: called at the start and after each.

    Raises:
        As `read_recipe`; also
        UnknownName, NotMeasured: the table has no such metric or epochs.
        InvalidSetting: the table is of another version than the recipe's, has no official split, or
            too few values, or all the same; or the folder was fitted by another recipe.
        MissingExtra: a family is fitted by a package that is not installed.
        OutputError: the folder holds something else, or cannot be written.
        FailedRuns: the executor is gone.
    """
    asked = read_recipe(recipe)
    table = load(asked.benchmark, "table")
    card = read_card(table.folder)
    if card["version"] != asked.table_version:
        raise InvalidSetting(
            f"the recipe {asked.name} is for version {asked.table_version} of the table "
            f"{table.name}, and {card['version']} is installed: correct table_version, and judge "
            "what changes"
        )
    parts = parts_of(asked, table)
    own = [n for n, one in enumerate(asked.predicted) if one.in_proportion_to is None]
    for place in own:
        known(table, asked.predicted[place], parts)
        noise_of(asked.predicted[place], table)
    folder = out or resources.home("surrogates") / asked.name
    question = {
        "recipe_sha256": asked.digest,
        "table_sha256": card["files"][TABLE]["sha256"],
    }
    if folder.is_dir():
        # A folder of something else is refused before anything is put into it.
        _is_done(folder, question)
    with alone(folder):
        if _is_done(folder, question):
            return folder
        work = folder / _WORK
        kept = folder / fitted.RECIPE
        if kept.is_file() and not work.is_dir() and kept.read_text("utf-8") != asked.text:
            raise OutputError(f"{kept} is another recipe: name another folder, or remove it")
        work.mkdir(exist_ok=True)
        # Another version of the suite may fit otherwise; what is done is done.
        question |= {"version": VERSION}
        ask(work / _QUESTION, question, begun=len(list(work.iterdir())) > 1)
        write_whole(kept, asked.text)
        paths = {place: work / f"{asked.predicted[place].stem}.json" for place in own}
        todo = [place for place, path in paths.items() if not _is_kept(folder, path)]
        done = len(own) - len(todo)
        if progress is not None:
            progress(done, len(own))
        tasks = [Task(kept.absolute(), place, folder.absolute()) for place in todo]
        pool = Inline() if executor is None else executor
        for outcome in outcomes(tasks, fit_one, pool, patience=_PATIENCE):
            write_whole(paths[outcome.task.place], outcome.done)
            done += 1
            if progress is not None:
                progress(done, len(own))
        entries = {place: json.loads(path.read_text("utf-8")) for place, path in paths.items()}
        _write_card(folder, asked, table, card, parts, _listed(asked, entries), question)
        shutil.rmtree(work, ignore_errors=True)
    return folder


def fit_one(task: Task) -> str:
    """Fit one metric in whatever process, write its model, and return what the card says of it.

    Raises:
        As `fit_metric`.
    """
    recipe = read_recipe(task.recipe)
    entry = fit_metric(recipe, recipe.predicted[task.place], task.out)
    return json.dumps(entry, indent=2) + "\n"


def _is_kept(folder: Path, path: Path) -> bool:
    """Return whether a metric is finished: its model and what the card says of it are there."""
    try:
        model: str = json.loads(path.read_text("utf-8"))["model"]
        return (folder / model / MODEL).is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _is_done(folder: Path, question: Mapping[str, Any]) -> bool:
    """Return whether a folder holds what is asked for.

    Raises:
        DamagedInput: it does no more: a file is another than its card describes, or missing.
        InvalidSetting: it holds what another recipe, table or version made.
        OutputError: it holds something else.
    """
    try:
        made = fitted.read_card(folder)["made_by"]
    except DataNotFound:
        mine = {fitted.RECIPE, fitted.MODELS, fitted.SEEN}
        others = [
            entry.name
            for entry in folder.iterdir()
            if entry.name not in mine and not entry.name.startswith(".")
        ]
        if others:
            raise OutputError(
                f"{folder} holds something else ({others[0]}): name another folder"
            ) from None
        return False
    differing = [name for name, value in question.items() if made.get(name) != value]
    if differing:
        raise InvalidSetting(
            f"{folder} was fitted with another {' and '.join(differing)}: name another folder, or "
            f"remove its {fitted.CARD} and {fitted.RECIPE} to fit it anew"
        )
    fitted.check(folder)
    return True


def _listed(recipe: FitRecipe, entries: Mapping[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the card says of each metric, in the recipe's order."""
    fits = {(e["metric"], e.get("epochs")): e for e in entries.values()}
    found = []
    for one in recipe.predicted:
        if one.in_proportion_to is None:
            found.append(fits[one.metric, one.epochs])
            continue
        entry = fits[one.metric, one.in_proportion_to]
        factor = (one.epochs or 0) / one.in_proportion_to
        found.append(
            {
                "metric": one.metric,
                "epochs": one.epochs,
                "family": entry["family"],
                "model": entry["model"],
                "factor": factor,
                "in_proportion_to": one.in_proportion_to,
                "average": entry["average"] * factor,
            }
        )
    return found


def _write_card(
    folder: Path,
    recipe: FitRecipe,
    table: Table,
    card: Mapping[str, Any],
    parts: Parts,
    entries: list[dict[str, Any]],
    question: Mapping[str, Any],
) -> None:
    """Write where the fitted architectures lie, and the card."""
    import tomli_w

    archs = archs_of(table)
    seen = fitted.Seen.of(table.space, [archs[number] for number in parts.train])
    seen.write(folder)
    names = dict.fromkeys(entry["metric"] for entry in entries)
    files = [fitted.SEEN, *dict.fromkeys(f"{e['model']}/{MODEL}" for e in entries)]
    content = {
        "format": fitted.FORMAT,
        "name": recipe.name,
        "version": recipe.version,
        "title": recipe.title,
        "description": recipe.description,
        "space": table.space.name,
        "task": table.task,
        "task_description": card["tasks"][table.task]["description"],
        "benchmark": table.benchmark,
        "reported": recipe.reported,
        "licence": card["licence"],
        "citations": card["citations"],
        "notes": list(recipe.notes),
        "made_by": dict(question),
        "table": {
            "name": table.name,
            "version": card["version"],
            "sha256": card["files"][TABLE]["sha256"],
        },
        "split": {
            "kind": recipe.split,
            "seed": recipe.seed,
            **{name: len(part) for name, part in parts._asdict().items()},
        },
        "seen": {
            "test_outside": round(float(np.mean(seen.outside([archs[n] for n in parts.test]))), 4),
            "meaning": "The share of the test part that lies outside what was fitted: with a "
            "feature beyond all that were seen, or a choice that was never taken.",
        },
        "protocols": dict(recipe.protocols),
        "metrics": [
            {
                name: value
                for name, value in table.metrics[metric]._asdict().items()
                if value is not None
            }
            for metric in names
        ],
        "predictors": entries,
        "files": {name: sha256(folder / name) for name in files},
    }
    # Only a whole card makes a fitted surrogate of a folder, and times are measured on one.
    write_whole(folder / fitted.CARD, tomli_w.dumps(content))
    content["speed"] = _speed(folder, recipe)
    write_whole(folder / fitted.CARD, tomli_w.dumps(content))


def _speed(folder: Path, recipe: FitRecipe) -> dict[str, Any]:
    """Return how long the fitted surrogate takes, which differs from one machine to the next."""
    rng = np.random.default_rng(recipe.seed)
    space = SurrogateBenchmark(folder).space
    archs = [space.sample(rng) for _ in range(_TIMED)]
    begun = perf_counter()
    opened = SurrogateBenchmark(folder)
    opened.query(archs[0])
    opening = perf_counter() - begun
    singly, together = [], []
    for turn in range(_REPEATS):
        some = archs[1 + turn :: _REPEATS]
        begun = perf_counter()
        for arch in some:
            opened.query(arch)
        singly.append((perf_counter() - begun) / len(some))
        begun = perf_counter()
        opened.query_many(archs)
        together.append((perf_counter() - begun) / len(archs))
    return {
        "opening_ms": float(f"{opening * 1e3:.2g}"),
        "one_us": float(f"{min(singly) * 1e6:.2g}"),
        "many_us": float(f"{min(together) * 1e6:.2g}"),
        "meaning": f"to open and answer once; of {recipe.reported} of one architecture, asked "
        "alone; and of one of thousands asked together, on the machine that fitted it",
    }
