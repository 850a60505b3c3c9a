"""The verbs that train."""

from __future__ import annotations

import argparse
from typing import Any

from nasbench_suite import registry
from nasbench_suite.campaigns.building import build
from nasbench_suite.campaigns.training import train_seeds
from nasbench_suite.campaigns.verifying import to_json, verify
from nasbench_suite.cli import words
from nasbench_suite.cli.where import executor_of
from nasbench_suite.reports.report import report
from nasbench_suite.reports.verified import rows, summary
from nasbench_suite.spaces.base import Space
from nasbench_suite.training.jobs import Data
from nasbench_suite.training.recipes import Recipe, recipe


def train_architecture(given: argparse.Namespace) -> None:
    """Train one architecture from several seeds."""
    space: Space = registry.load("spaces", given.space)
    arch = words.chosen(given.architecture, space)
    rows = []
    for training in train_seeds(
        space,
        arch,
        _data(given),
        _recipe(given),
        seeds=given.seeds,
        out=given.out,
        device=given.device,
        progress=words.tell,
    ):
        curves = training.curves
        rows.append(
            {
                "seed": training.seed,
                "epochs": training.epochs,
                "train_accuracy": training.final("train_accuracy"),
                "val_accuracy": training.final("val_accuracy"),
                "test_accuracy": training.final("test_accuracy"),
                "seconds": sum(curves["seconds"]),
                "failure": training.failure,
                **(
                    {"curves": {k: list(v) for k, v in curves.items()}, "record": training.record}
                    if given.json
                    else {}
                ),
            }
        )
    words.table(rows, given.json)


def build_table(given: argparse.Namespace) -> None:
    """Train a space and pack a table of it."""
    archs = given.archs if not given.archs.isdecimal() else int(given.archs)
    with executor_of(given, given.device) as executor:
        folder = build(
            given.space,
            _data(given),
            _recipe(given),
            archs=archs,
            seeds=given.seeds,
            repeat=given.repeat,
            repeats=given.repeats,
            out=given.out,
            name=given.name,
            notes=tuple(given.note),
            lengths=words.integers(given.lengths, "--lengths") if given.lengths else (),
            devices=given.device,
            executor=executor,
            # Two for each process, so that none waits for the next.
            ahead=2 * given.jobs if given.executor == "processes" else 1000,
            progress=_told(words.Progress("trainings")),
        )
    if given.json:
        print(words.to_json({"folder": str(folder)}))
    else:
        print(f"packed into {folder}")


def verify_winners(given: argparse.Namespace) -> None:
    """Train the winners of a comparison, and say whether they are what was promised."""
    with executor_of(given, given.device) as executor:
        found = verify(
            given.runs,
            _data(given),
            _recipe(given),
            top=given.top,
            seeds=given.seeds,
            benchmark=given.benchmark,
            out=given.out,
            devices=given.device,
            executor=executor,
            progress=words.Progress("trainings"),
        )
    if given.out is None:
        report(given.runs)
    if given.json:
        print(to_json(found), end="")
        return
    words.table(rows(found), as_json=False)
    print(f"\n{summary(found)}")


def _told(progress: words.Progress) -> Any:
    def tell(done: int, total: int, failed: int) -> None:
        progress(done, total, f"{failed:,} failed, " if failed else "")

    return tell


def _data(given: argparse.Namespace) -> Data:
    """Return the images that are asked for, downloaded now if that is allowed."""
    data = Data(given.data, given.folder, given.splits)
    if given.download:
        from nasbench_suite.training import load

        load(given.data, folder=given.folder, download=True, splits=given.splits)
    return data


def _recipe(given: argparse.Namespace) -> Recipe:
    """Return the recipe that is asked for, with what `--set` changes.

    Raises:
        InvalidSetting: a change is of another form or impossible.
    """
    return recipe(given.recipe, words.settings(given.set, None, "recipe").get("recipe"))
