"""Train the winners of a search for real, and set them beside what was promised.

`DIR/verify.json` says what is asked, `DIR/trainings/` has one file a training, and
`DIR/verification.json` what came of it. The same question asked again makes only the trainings that
are missing; more architectures and seeds can be added.

What is promised is the mean of a table's trainings, or a surrogate's prediction. A table's own
seeds would only confirm themselves, so training begins with another. Whoever was chosen as the best
of many was lucky too, so a little less than was promised is to be expected.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import t as student

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.campaigns.building import keep_outcome
from nasbench_suite.campaigns.promises import Promise, Promises
from nasbench_suite.campaigns.trained_table import machine
from nasbench_suite.core import Arch, DamagedInput, InvalidArchitecture, InvalidSetting
from nasbench_suite.executors import Inline
from nasbench_suite.experiments.experiment import Experiment, open_experiment
from nasbench_suite.experiments.work import outcomes
from nasbench_suite.files import alone, ask, plain, write_whole
from nasbench_suite.scoring.scatter import pooled
from nasbench_suite.settings import at_least
from nasbench_suite.training.jobs import Data, Job, path_of, read, train_one
from nasbench_suite.training.recipes import Recipe
from nasbench_suite.training.skeleton import connected, skeleton
from nasbench_suite.training.trained import Training

FILE: Final = "verify.json"
RESULT: Final = "verification.json"
FOLDER: Final = "verified"
"""Where, within the folder of an experiment, verifications lie, if no other place is named."""
FORMAT: Final = "nasbench-verification-1"
FIRST: Final = 1000
"""The first seed: a table has smaller ones."""
LEVEL: Final = 0.95
"""The chance that none of the architectures is found to disagree, if all were promised rightly."""

_PATIENCE: Final = 7 * 24 * 3600.0

Progress = Callable[[int, int], None]
"""Is told how many trainings are done, of how many."""


@dataclass(frozen=True)
class Verdict:
    """What was promised of an architecture, and what training gave."""

    architecture: str
    strategies: tuple[str, ...]
    """Those that visited it, by name."""
    promise: Promise
    trained: tuple[float, ...]
    """The reported metric of each training that did not fail, by seed."""
    failures: tuple[str, ...]
    mean: float
    """NaN where all failed."""
    low: float
    high: float
    """The 95 % interval of the mean, by the deviation of all that were trained together; NaN where
    that is not known."""
    difference: float
    """Trained less promised."""
    reach: float
    """How large a difference chance allows; NaN where nobody knows how trainings scatter."""
    agrees: bool | None
    """None where they cannot be compared; `Verification.why_not` says why."""


@dataclass(frozen=True)
class Verification:
    """What became of the winners of an experiment on one benchmark."""

    benchmark: str
    source: str
    metric: str
    unit: str
    epochs: int | None
    """After which the metric was promised."""
    recipe: str
    recipe_sha256: str
    trained_epochs: int
    seeds: tuple[int, ...]
    verdicts: tuple[Verdict, ...]
    deviation: float
    """Of one training, of all that were trained together; NaN where each was trained once."""
    why_not: str | None
    """Why trainings cannot be compared with what was promised; None if they can."""
    machines: tuple[str, ...]


def verify(
    runs: Path,
    data: Data,
    recipe: Recipe,
    *,
    top: int = 5,
    seeds: int = 3,
    benchmark: str | None = None,
    out: Path | None = None,
    devices: str = "auto",
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Train the best architectures that an experiment found, and compare.

    Args:
        runs: the folder of a run or comparison.
        data: what they are trained on.
        recipe: how.
        top: how many of the best, by what the searches saw.
        seeds: trainings of each, from seed `FIRST` on.
        benchmark: which of the experiment's, if it has several.
        out: the folder of trainings and result; by default one within `runs`.
        devices: as in `training.devices`.
        executor: makes the trainings; by default this process.
        progress: called at the start and after each training.

    Raises:
        DataNotFound, DamagedInput, DamagedTable: the experiment's folder is none, is damaged, or
            its table is another.
        InvalidSetting: the images are not of the task, what is reported is no accuracy, or the
            folder is of another question.
        InvalidArchitecture: the network of a winner does not pass its input on.
        NoNetwork: architectures of the space are no networks of images.
        OutputError: another process verifies there, or the folder cannot be written.
        FailedRuns: the machine failed a training; the others are kept.
    """
    at_least("top", top, 1)
    at_least("seeds", seeds, 1)
    experiment = open_experiment(runs)
    name = _chosen(experiment, benchmark)
    loaded = experiment.loaded[name]
    promises = Promises(loaded, experiment.protocol)
    images = data.load()
    promises.check_images(images)
    winners = _winners(experiment, name, top)
    for arch in winners:
        if not connected(skeleton(loaded.space, arch, recipe, **images.form)):
            raise InvalidArchitecture(
                f"{loaded.space.format(arch)} does not pass its input on: there is nothing to train"
            )
    folder = (out or runs / FOLDER / name).absolute()
    numbers = range(FIRST, FIRST + seeds)
    space, checkpoints = loaded.space.name, folder / "checkpoints"
    jobs = [
        Job(space, arch, seed, data, images.digest, recipe, devices, checkpoints)
        for seed in numbers
        for arch in winners
    ]
    question = {
        "format": FORMAT,
        "benchmark": name,
        "answers_sha256": loaded.data,
        "protocol": experiment.protocol,
        "data": images.name,
        "data_sha256": images.digest,
        "recipe": {"name": recipe.name, **recipe.values()},
    }
    with alone(folder):
        ask(folder / FILE, question, begun=any((folder / "trainings").glob("*")))
        trainings = _trainings(jobs, folder, loaded, executor, progress)
        found = _verification(winners, trainings, promises, recipe, tuple(numbers))
        write_whole(folder / RESULT, to_json(found))
    return found


def _chosen(experiment: Experiment, benchmark: str | None) -> str:
    """Return the benchmark whose winners are verified.

    Raises:
        InvalidSetting: it is not one of the experiment, or none is named of several.
    """
    listed = ", ".join(experiment.benchmarks)
    if benchmark is None and len(experiment.benchmarks) > 1:
        raise InvalidSetting(f"{experiment.folder} is of {listed}: say whose winners to train")
    if benchmark is not None and benchmark not in experiment.benchmarks:
        raise InvalidSetting(f"{experiment.folder} is not of {benchmark}: it is of {listed}")
    return benchmark or experiment.benchmarks[0]


def _winners(experiment: Experiment, name: str, top: int) -> dict[Arch, list[str]]:
    """Return the best architectures that were visited, the best first, and who visited each.

    They are ranked by what the searches saw after the longest training; of those that compute the
    same, as the space knows, the first in its order stands for all.

    Raises:
        DamagedInput: no trial of the experiment succeeded.
    """
    space = experiment.loaded[name].space
    best: dict[Arch, tuple[int, float, Arch]] = {}
    visitors: dict[Arch, set[str]] = {}
    for strategy in experiment.strategies:
        for found in experiment.runs(name, strategy):
            for trial in found.trials:
                if trial.status != "ok":
                    continue
                form = space.canonical(trial.arch)
                visitors.setdefault(form, set()).add(strategy)
                rank = trial.epochs or 0, trial.score, trial.arch
                if form not in best or _better(rank, best[form]):
                    best[form] = rank
    if not best:
        raise DamagedInput(f"{experiment.folder} has no trial on {name} that succeeded")
    ranked = sorted(best.items(), key=lambda item: (-item[1][0], -item[1][1], item[1][2]))
    return {rank[2]: sorted(visitors[form]) for form, rank in ranked[:top]}


def _better(one: tuple[int, float, Arch], other: tuple[int, float, Arch]) -> bool:
    return one[:2] > other[:2] or (one[:2] == other[:2] and one[2] < other[2])


def _trainings(
    jobs: Sequence[Job],
    folder: Path,
    loaded: Benchmark,
    executor: Executor | None,
    progress: Progress | None,
) -> dict[Arch, list[Training]]:
    """Return all trainings by architecture; those that the folder lacks are made.

    Raises:
        As `verify`.
    """
    paths = {job: path_of(folder / "trainings", loaded.space, job) for job in jobs}
    todo = [job for job in jobs if not paths[job].exists()]
    for job in jobs:
        if paths[job].exists():
            read(paths[job], loaded.space, job)
    done = len(jobs) - len(todo)
    if progress is not None:
        progress(done, len(jobs))
    pool = Inline() if executor is None else executor
    for outcome in outcomes(todo, train_one, pool, patience=_PATIENCE):
        keep_outcome(outcome, paths[outcome.task], loaded.space)
        done += 1
        if progress is not None:
            progress(done, len(jobs))
    found: dict[Arch, list[Training]] = {}
    for job in jobs:
        found.setdefault(job.arch, []).append(read(paths[job], loaded.space, job))
    return found


def _verification(
    winners: dict[Arch, list[str]],
    trainings: dict[Arch, list[Training]],
    promises: Promises,
    recipe: Recipe,
    seeds: tuple[int, ...],
) -> Verification:
    metric = promises.question.metric
    values = {
        arch: [one.final(metric) for one in made if not math.isnan(one.final(metric))]
        for arch, made in trainings.items()
    }
    deviation, freedom = pooled([np.array(one) for one in values.values()])
    why_not = promises.why_not(recipe)
    every = [one for made in trainings.values() for one in made]
    chance = _Chance(deviation, freedom, len(winners), promises.deviation)
    return Verification(
        benchmark=promises.benchmark.benchmark,
        source=promises.benchmark.source,
        metric=metric,
        unit=promises.benchmark.metrics[metric].unit,
        epochs=promises.question.epochs,
        recipe=recipe.name,
        recipe_sha256=recipe.digest,
        trained_epochs=recipe.epochs,
        seeds=seeds,
        verdicts=tuple(
            _verdict(
                promises.benchmark.space.format(arch),
                tuple(visitors),
                promises.of(arch),
                values[arch],
                tuple(one.failure for one in trainings[arch] if one.failure is not None),
                chance,
                comparable=why_not is None,
            )
            for arch, visitors in winners.items()
        ),
        deviation=deviation,
        why_not=why_not,
        machines=tuple(sorted({machine(one.record) for one in every if one.record})),
    )


@dataclass(frozen=True)
class _Chance:
    """How far trainings scatter."""

    deviation: float
    freedom: int
    """Degrees of it."""
    verdicts: int
    known: float
    """The deviation of one of a table's trainings; NaN where nobody knows."""

    @property
    def training(self) -> tuple[float, float]:
        """The deviation of one training, and its degrees of freedom."""
        # Where each was trained once, they scatter as the table's trainings do.
        return (self.deviation, self.freedom) if self.freedom else (self.known, math.inf)

    def reach(self, promise: Promise, trained: int) -> float:
        """Return how large a difference is allowed, all verdicts together at `LEVEL`."""
        deviation, freedom = self.training
        promised = promise.std
        if math.isnan(promised) and promise.runs:
            promised = deviation / math.sqrt(promise.runs)
        error = math.hypot(promised, deviation / math.sqrt(trained))
        tail = (1 - LEVEL) / 2 / self.verdicts
        return float(student.ppf(1 - tail, freedom)) * error


def _verdict(
    architecture: str,
    strategies: tuple[str, ...],
    promise: Promise,
    values: Sequence[float],
    failures: tuple[str, ...],
    chance: _Chance,
    *,
    comparable: bool,
) -> Verdict:
    mean = float(np.mean(values)) if values else math.nan
    deviation, freedom = chance.training
    half = math.nan
    if values and not math.isnan(deviation):
        half = float(student.ppf(0.975, freedom)) * deviation / math.sqrt(len(values))
    reach = chance.reach(promise, len(values)) if values else math.nan
    known = comparable and not math.isnan(reach)
    return Verdict(
        architecture=architecture,
        strategies=strategies,
        promise=promise,
        trained=tuple(values),
        failures=failures,
        mean=mean,
        low=mean - half,
        high=mean + half,
        difference=mean - promise.mean,
        reach=reach,
        agrees=abs(mean - promise.mean) <= reach if known else None,
    )


def to_json(found: Verification) -> str:
    """Return a verification as the text of a file; null for what is not a number."""
    return json.dumps(plain(asdict(found)), indent=2, allow_nan=False) + "\n"


def read_verification(path: Path) -> Verification:
    """Return the verification in a file.

    Raises:
        DamagedInput: it holds none.
    """
    try:
        content = json.loads(path.read_text("utf-8", "replace"))
        verdicts = tuple(_restored(entry) for entry in content.pop("verdicts"))
        content["deviation"] = _number(content["deviation"])
        for name in ("seeds", "machines"):
            content[name] = tuple(content[name])
        return Verification(verdicts=verdicts, **content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedInput(f"{path} is no verification ({error}): verify again") from None


def _restored(entry: dict[str, Any]) -> Verdict:
    promise = entry.pop("promise")
    promise["mean"], promise["std"] = float(promise["mean"]), _number(promise["std"])
    if promise["source"] not in ("measured", "predicted", "trained"):
        raise ValueError(f"nothing is promised as {promise['source']}")
    if entry["agrees"] not in (True, False, None):
        raise ValueError(f"agrees is {entry['agrees']}")
    for name in ("mean", "low", "high", "difference", "reach"):
        entry[name] = _number(entry[name])
    for name in ("strategies", "trained", "failures"):
        entry[name] = tuple(entry[name])
    return Verdict(promise=Promise(**promise), **entry)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
