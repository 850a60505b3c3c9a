"""Which settings suit a family best, by cross-validation on the architectures it may learn from.

A trial fits the family to all parts of the training data but one, and scores what it predicts of
that one; so for each part in turn, and the mean counts. The first trial is of the defaults. At the
end the defaults and the best settings are fitted to all training data and judged once on others,
which no trial saw: the best of many scores was chosen for being the best, and is too good (Cawley
and Talbot, "On Over-fitting in Model Selection and Subsequent Selection Bias in Performance
Evaluation", JMLR 2010).

All trials have the same parts and the same random numbers, so that they differ by their settings.
`DIR/tuning.json` says what is asked, `DIR/trials/<trial>.json` is one finished trial,
`DIR/judged/<trial>.json` what its settings are worth on the others, and `DIR/settings.toml`, which
is written last, has the best settings. The same question asked again of the same folder makes only
what is missing; more trials can be added.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from nasbench_suite.benchmarks import load
from nasbench_suite.campaigns.known import known_of
from nasbench_suite.campaigns.one_trial import family_of
from nasbench_suite.campaigns.proposing import Proposals, ranges_of
from nasbench_suite.campaigns.splitting import Splitting
from nasbench_suite.campaigns.trying import MEASURES, Bench
from nasbench_suite.campaigns.tuned import Attempt, Judgement, Tuned, text_of
from nasbench_suite.core import InvalidSetting
from nasbench_suite.experiments.run import VERSION
from nasbench_suite.files import alone, ask, write_whole
from nasbench_suite.settings import PRESET, at_least
from nasbench_suite.surrogates.base import Surrogate

FILE: Final = "tuning.json"
SETTINGS: Final = "settings.toml"
_FORMAT: Final = "nasbench-tuning-1"
_TRIALS: Final = "trials"
_JUDGED: Final = "judged"


def tune(
    family: str,
    benchmark: str,
    metric: str | None = None,
    *,
    train: int,
    trials: int,
    out: Path,
    splitting: Splitting | None = None,
    settings: Mapping[str, Any] | str | None = None,
    epochs: int | None = None,
    measure: str = "kendall",
    folds: int = 5,
    seed: int = 0,
    drop_missing: bool = False,
    progress: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Tuned:
    """Try settings of a family one after the other, and judge the best beside the defaults.

    Args:
        family: of surrogates, a registered name or `path/to/mine.py:MyFamily`.
        benchmark: an id with a table, such as `nasbench201/cifar10`.
        metric: what is predicted, the mean of its trainings; the reported one if not given.
        train: how many architectures the trials have, all parts together.
        trials: how many settings are tried, the defaults among them.
        out: the folder, which gets a file a trial; what it holds already is not made again.
        splitting: which others the best is judged on, `random` or `official`; all if not given.
        settings: those that are fixed, by name, or the name of a preset.
        epochs: of the metric, as in `Table.query`.
        measure: by which trials are scored, one of `MEASURES`.
        folds: into how many parts the training data are divided.
        seed: of the split, of every fit and of what is proposed.
        drop_missing: leave out architectures without a value, instead of refusing.
        progress: called with the trials done and all of them, at the start and after each.
        tell: called with what is left out.

    Raises:
        UnknownName: there is no such family, setting, benchmark or metric.
        NotMeasured: the metric was not measured after these epochs.
        MissingExtra: Optuna, or what fits the family, is not installed.
        InvalidSetting: the family says of no setting what it may be tuned over, or all of those are
            fixed; architectures without a value, which are named; values of a part that are all the
            same; more to train on than there are; every trial failed; or the folder is of another
            question.
        Diverged: the best settings fail when they are fitted to all training data.
        OutputError, DamagedInput: the folder cannot be written, or holds what is no trial.
    """
    named = family_of(family)
    kind: type[Surrogate] = named.kind
    first = kind.settings(settings)
    at_least("trials", trials, 1)
    known = known_of(load(benchmark, "table"), metric, epochs, drop_missing, tell)
    space = known.table.space
    ranges = ranges_of(kind, named.name, space, first, _fixed(kind, settings))
    # The family refuses what is fixed, and the bench sizes, before anything is written.
    kind(space, **first)
    name = metric or known.table.reported
    how = splitting or Splitting()
    rules: dict[str, Any] = {"measure": measure, "train": train, "folds": folds, "seed": seed}
    bench = Bench(kind, first, known, name, splitting=how, **rules)
    proposals = Proposals(ranges, first, seed)
    about: dict[str, Any] = {"family": named.name, "table": known.table.benchmark, "metric": name}
    asked = {
        "format": _FORMAT,
        "version": VERSION,
        "optuna": proposals.version,
        **about,
        **rules,
        "code": named.code,
        "settings": first,
        "tuned": {setting: over._asdict() for setting, over in ranges.items()},
        "data": known.table.data,
        "epochs": epochs,
        "architectures": len(known.y),
        "splitting": asdict(how),
    }
    with alone(out):
        ask(out / FILE, asked)
        attempts = _attempts(bench, proposals, trials, out / _TRIALS, progress)
        best = _best(attempts, measure)
        judged = {one.trial: _judged(bench, one, out / _JUDGED) for one in (attempts[0], best)}
        found = Tuned(
            **about,
            **rules,
            split=how.kind,
            test=bench.test,
            attempts=attempts,
            default=judged[0],
            best=judged[best.trial],
        )
        write_whole(out / SETTINGS, found.toml())
    return found


def _fixed(kind: type[Surrogate], settings: Mapping[str, Any] | str | None) -> Collection[str]:
    """Return the names of what is set, by itself or by a preset."""
    given = {PRESET: settings} if isinstance(settings, str) else dict(settings or {})
    return {*given, *kind.presets.get(given.get(PRESET, ""), ())}


def _attempts(
    bench: Bench,
    proposals: Proposals,
    trials: int,
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> tuple[Attempt, ...]:
    """Return all trials; those that are kept are told to what proposes the others, in order."""
    found: list[Attempt] = []
    seen: dict[str, Attempt] = {}
    for trial in range(trials):
        if progress is not None:
            progress(trial, trials)
        chosen = proposals.ask()
        path = folder / f"{trial}.json"
        same = json.dumps(chosen, sort_keys=True)
        if path.exists():
            one = Attempt.read(path, trial, chosen, len(bench.parts))
        else:
            # The same settings have the same scores.
            known = seen.get(same)
            one = replace(known, trial=trial) if known else bench.attempt(trial, chosen)
            write_whole(path, text_of(one.row()))
        seen[same] = one
        found.append(one)
        proposals.tell(MEASURES[bench.measure] * one.score if one.failed is None else None)
    if progress is not None:
        progress(trials, trials)
    return tuple(found)


def _best(attempts: tuple[Attempt, ...], measure: str) -> Attempt:
    """Return the trial of the best score, the first of several.

    Raises:
        InvalidSetting: all failed.
    """
    sound = [one for one in attempts if one.failed is None]
    if not sound:
        raise InvalidSetting(
            f"all {len(attempts)} trials failed, the first because {attempts[0].failed}; ask for "
            "more trials, or set what is to blame"
        )
    return max(sound, key=lambda one: MEASURES[measure] * one.score)


def _judged(bench: Bench, attempt: Attempt, folder: Path) -> Judgement:
    """Return what the settings of a trial are worth on what no trial saw, made once."""
    path = folder / f"{attempt.trial}.json"
    if path.exists():
        return Judgement.read(path, attempt.trial, bench.complete(attempt))
    made = bench.judge(attempt)
    write_whole(path, text_of(made.row()))
    return made
