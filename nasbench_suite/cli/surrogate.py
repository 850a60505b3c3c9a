"""The verbs of learned predictors."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from nasbench_suite.campaigns.examining import examine
from nasbench_suite.campaigns.fidelity import STRATEGIES as STUDIED
from nasbench_suite.campaigns.fidelity import fidelity
from nasbench_suite.campaigns.fitting import fit
from nasbench_suite.campaigns.judging import Average, Judged, averages, judge
from nasbench_suite.campaigns.splitting import STRATEGIES, Splitting
from nasbench_suite.campaigns.tuned import Judgement, Tuned
from nasbench_suite.campaigns.tuning import SETTINGS, tune
from nasbench_suite.cli import words
from nasbench_suite.cli.where import executor_of
from nasbench_suite.files import claim
from nasbench_suite.reports import surrogate as page_of_surrogate
from nasbench_suite.reports.drawings import check_drawing
from nasbench_suite.reports.fidelity import WHAT as STUDY
from nasbench_suite.reports.fidelity import read_fidelity, write_fidelity
from nasbench_suite.surrogates.fitted import CARD, find, read_card


def evaluate(given: argparse.Namespace) -> None:
    """Judge a family of surrogates on a table, and print every measure."""
    rows = judge(
        given.family,
        given.table,
        given.metric,
        train=words.integers(given.train, "--train"),
        trials=given.trials,
        splitting=Splitting(
            kind=given.split,
            test=given.test,
            quantile=given.quantile,
            parents=given.parents,
            strategies=STRATEGIES
            if given.strategies is None
            else tuple(words.names(given.strategies)),
            evaluations=given.evaluations,
        ),
        settings=words.settings(given.set, None, given.family).get(given.family),
        epochs=given.epochs,
        extra=words.names(given.extra),
        calibrate=given.calibrate,
        drop_missing=given.drop_missing,
        out=given.out,
        progress=words.Progress("trials"),
        tell=words.tell,
    )
    if given.json:
        print(words.to_json([row.row() for row in rows]))
    else:
        _show(rows)


def tune_family(given: argparse.Namespace) -> None:
    """Search the settings of a family, and say what the best are worth beside the defaults."""
    found = tune(
        given.family,
        given.table,
        given.metric,
        train=given.train,
        trials=given.trials,
        out=given.out,
        splitting=Splitting(kind=given.split, test=given.test),
        settings=words.settings(given.set, None, given.family).get(given.family),
        epochs=given.epochs,
        measure=given.measure,
        folds=given.folds,
        seed=given.seed,
        drop_missing=given.drop_missing,
        progress=words.Progress("trials"),
        tell=words.tell,
    )
    if given.json:
        print(words.to_json({"folder": str(given.out), **found.row()}))
        return
    _show_tuned(found)
    print(f"written: {given.out / SETTINGS}")


def fit_surrogate(given: argparse.Namespace) -> None:
    """Fit a surrogate as a recipe says, and say how good it is."""
    with executor_of(given) as executor:
        folder = fit(
            given.recipe, out=given.out, executor=executor, progress=words.Progress("metrics")
        )
    card = read_card(folder)
    if given.json:
        print(words.to_json({"folder": str(folder), "predictors": card["predictors"]}))
        return
    rows = [("metric", "kendall", "r2", "90 % hold", "teacher", "ceiling")]
    for entry in card["predictors"]:
        scores = entry.get("scores", {})
        taught, ceiling = entry.get("teacher", {}), entry.get("ceiling", {})
        rows.append(
            (
                entry["metric"] + (f" after {entry['epochs']}" if "epochs" in entry else ""),
                *(_short(scores.get(name)) for name in ("kendall", "r2", "coverage")),
                _short(taught.get("kendall")),
                _short(ceiling.get("kendall")),
            )
        )
    words.columns(rows)
    print(f"fitted into {folder}")


def compare_rankings(given: argparse.Namespace) -> None:
    """Ask whether strategies rank on a surrogate as on the table, and write a page of it."""
    check_drawing(STUDY)
    strategies = STUDIED if given.strategies is None else tuple(words.names(given.strategies))
    with executor_of(given) as executor:
        found = fidelity(
            given.benchmarks,
            out=claim(given.out),
            family=given.family,
            settings=words.settings(given.set, None, given.family).get(given.family),
            train=words.integers(given.train, "--train"),
            trials=given.trials,
            strategies=strategies,
            seeds=given.seeds,
            evaluations=given.evaluations,
            executor=executor,
            progress=words.Progress("fits and searches"),
        )
    written = write_fidelity(
        found, given.out, family=given.family, strategies=len(strategies), seeds=given.seeds
    )
    if given.json:
        print(words.to_json([asdict(agreement) for agreement in found]))
        return
    rows = [("benchmark", "fitted to", "at", "ranking", "along the way", "gap")]
    rows += [
        (
            one.benchmark,
            "other half" if one.train is None else f"{one.train:,} ({one.trial})",
            str(one.evaluations),
            f"{one.ranking:.3f}",
            f"{one.anytime:.3f}",
            f"{one.gap:.3g}",
        )
        for one in found
    ]
    words.columns(rows)
    print(f"page: {written}")


def _show_tuned(found: Tuned) -> None:
    """Print both scores of the defaults and of the best settings, and what changed."""
    failed = sum(one.failed is not None for one in found.attempts)
    print(
        f"{found.family} on {found.table}, {found.metric}: {len(found.attempts)} trials in "
        f"{found.folds} parts of {found.train:,} architectures"
        + (f", {failed} of them failed" if failed else "")
    )

    def line(name: str, one: Judgement) -> tuple[str, ...]:
        score = found.attempts[one.trial].score
        tested = None if one.measures is None else getattr(one.measures, found.measure)
        cells = (*map(_short, (score, tested)), f"{one.fit_seconds:.2g}")
        return (name, str(one.trial), *("–" if cell == "nan" else cell for cell in cells))

    words.columns(
        [
            (found.measure, "trial", "validation", "test", "fit seconds"),
            line("defaults", found.default),
            line("best", found.best),
        ]
    )
    print(
        f"validation flatters the best, which was chosen for it; the {found.test:,} of test no "
        "trial saw"
    )
    changed = found.changed().items()
    print(
        "; ".join(f"{name} {before} → {after}" for name, (before, after) in changed)
        or "no trial was better than the defaults"
    )


def report_surrogate(given: argparse.Namespace) -> None:
    """Write a page of how far a fitted surrogate can be trusted."""
    check_drawing(page_of_surrogate.WHAT, page_of_surrogate.PACKAGES)
    study = None if given.fidelity is None else read_fidelity(given.fidelity)
    page = page_of_surrogate.write_surrogate(
        examine(_folder(given.surrogate)),
        given.out,
        study=study,
        progress=words.Progress("metrics"),
    )
    print(words.to_json({"page": str(page)}) if given.json else f"page: {page}")


def _folder(named: str) -> Path:
    """Return the folder of a fitted surrogate by its path or name.

    Raises:
        UnknownName: there is none of this name.
    """
    path = Path(named)
    return path if "/" in named or (path / CARD).is_file() else find(named)


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _show(rows: Sequence[Judged]) -> None:
    """Print a line a measure and a column a training size, for each left-out strategy."""
    found = averages(rows)
    first = rows[0]
    print(
        f"{first.family} on {first.table}, {first.metric}, split {first.split}: mean over "
        f"{found[0].trials} trials" + (" ± 95 % interval" if found[0].trials > 1 else "")
    )
    for left_out in dict.fromkeys(average.left_out for average in found):
        if left_out is not None:
            print(f"\ntested on what {left_out} visits")
        part = [average for average in found if average.left_out == left_out]
        columns = [("train", *(f"{average.train:,}" for average in part))]
        columns += [(name, *(_cell(average, name) for average in part)) for name in part[0].mean]
        words.columns(columns)


def _cell(average: Average, name: str) -> str:
    mean, reach = average.mean[name], average.reach[name]
    if math.isnan(mean):
        return "–"
    return f"{mean:.4g}" if math.isnan(reach) else f"{mean:.4g} ± {reach:.2g}"
