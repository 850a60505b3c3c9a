"""What tables say of the trials of a submission, and where a submission says something else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import Floats, NotMeasured, Protocol, Question, Run, Trial, shown
from nasbench_suite.leaderboards import lines
from nasbench_suite.leaderboards.description import Description
from nasbench_suite.leaderboards.failures import Refused
from nasbench_suite.leaderboards.lines import Line
from nasbench_suite.leaderboards.track import Part, Track

_HALF: Final = 0.0005
"""Half of the last digit of the seconds of a run."""
_AGREED: Final = 1e-9
"""By what share sums of predicted seconds may differ between processors."""
_QUERY: Final = "write the value that `nasbench query` gives, with all of its digits"


class Answers(NamedTuple):
    """What the benchmark says of the trials of a run, (trials,) each."""

    values: Floats
    """The objective; NaN of a failed trial."""
    costs: Floats
    """What each trial pays."""
    reported: Floats
    """What no search may see; NaN where nobody measured it."""


@dataclass(frozen=True)
class Judge:
    """Recomputes the runs of a submission on one benchmark."""

    track: Track
    part: Part
    benchmark: Benchmark
    named: str
    """The protocol of the submission, one of the track's."""

    @cached_property
    def protocol(self) -> Protocol:
        """What a search saw and paid."""
        return self.benchmark.protocol(self.named)

    @cached_property
    def _dearest(self) -> float | None:
        """The most that a trial can cost, or None where nobody knows."""
        protocol = self.protocol
        if protocol.cost is None:
            return 1.0
        found = [
            self._most(Question(protocol.cost, epochs, protocol.seed))
            for epochs in protocol.epochs or (None,)
        ]
        known = [cost for cost in found if cost is not None]
        return max(known) if len(known) == len(found) else None

    def _most(self, question: Question) -> float | None:
        ends = self.benchmark.best(question), self.benchmark.worst(question)
        return None if ends[0] is None or ends[1] is None else max(ends[0], ends[1])

    def check(self, line: Line) -> Answers:
        """See that a run is what the benchmark answers, and return that.

        Raises:
            Refused: it is not; the message says at which trial, and in what.
        """
        self._check_fields(line)
        archs = lines.numbers(line, self.benchmark.space)
        answers = self._answers(archs, line.epochs)
        self._check_objective(line, answers)
        self._check_cost(line, answers)
        ends = self._ends(line, answers.costs.tolist())
        self._check_seconds(line, ends[-1])
        self._check_budget(line, ends)
        self._check_digest(line)
        return answers

    def run(self, line: Line, answers: Answers, about: Description) -> Run:
        """Return a checked line as the run that it is of, with the benchmark's own numbers.

        Values and costs have all their digits, whatever the line was rounded to.
        """
        space, protocol = self.benchmark.space, self.protocol
        archs = lines.numbers(line, space)
        direction = self.benchmark.metrics[protocol.objective].direction
        sign = -1.0 if direction == "min" else 1.0
        longest = protocol.epochs[-1] if protocol.epochs else None
        lengths: Sequence[int | None] = line.epochs or [longest] * len(archs)
        numbers = line.number or range(len(archs))
        trials = []
        for number, arch, epochs, value, cost in zip(
            numbers, archs, lengths, answers.values.tolist(), answers.costs.tolist(), strict=True
        ):
            failed = math.isnan(value)
            trials.append(
                Trial(
                    number=number,
                    arch=space.at(arch),
                    epochs=epochs,
                    values={} if failed else {protocol.objective: value},
                    cost=cost,
                    status="failed" if failed else "ok",
                    score=-math.inf if failed else sign * value,
                )
            )
        return Run(
            benchmark=self.part.benchmark,
            source=self.track.source,
            data=self.benchmark.data,
            protocol=self.named,
            objective=protocol.objective,
            direction=direction,
            strategy=about.strategy,
            code=about.code_sha256,
            settings=about.settings,
            seed=line.seed,
            budget=self.part.budget,
            workers=self.track.workers,
            version=about.suite_version or "",
            trials=tuple(trials),
        )

    def _check_fields(self, line: Line) -> None:
        """See that a line has the fields that this protocol and these workers need."""
        several, many = len(self.protocol.epochs) > 1, self.track.workers > 1
        for name, needed in (
            ("epochs", several),
            ("number", many),
            ("cost", many),
            ("seconds", self.protocol.cost is not None),
        ):
            there = getattr(line, name) is not None
            if needed and not there:
                raise Refused("field_missing", f"{name} is missing", f"add {name}")
            if there and not needed and name != "cost":
                raise Refused("field_unknown", f"{name} follows from the rest", f"remove {name}")
        if line.epochs is not None and not set(line.epochs) <= set(self.protocol.epochs):
            offered = ", ".join(map(str, self.protocol.epochs))
            place = next(i for i, n in enumerate(line.epochs) if n not in self.protocol.epochs)
            raise Refused(
                "epochs_invalid",
                f"trial {place}: {line.epochs[place]} epochs are not of the protocol",
                f"the epochs are {offered}",
            )

    def _answers(self, archs: Sequence[int], epochs: Sequence[int] | None) -> Answers:
        """Return what the benchmark says of each trial."""
        protocol = self.protocol
        longest = protocol.epochs[-1] if protocol.epochs else None
        asked = self._named(archs)
        if epochs is None:
            values = self._ask(asked, protocol.objective, longest)
            costs = self._ask(asked, protocol.cost, longest)
        else:
            values, costs = np.empty(len(asked)), np.empty(len(asked))
            lengths = np.asarray(epochs)
            for length in np.unique(lengths).tolist():
                there = lengths == length
                values[there] = self._ask(asked[there], protocol.objective, length)
                costs[there] = self._ask(asked[there], protocol.cost, length)
        # What a training that failed at once has cost may be known to nobody.
        costs = np.where(np.isnan(costs) & np.isnan(values), 0.0, costs)
        if protocol.continues:
            costs = _continued(archs, costs)
        report = protocol.report
        reported = self._ask(asked, report.metric, report.epochs, report.seed)
        return Answers(values, costs, reported)

    def _named(self, archs: Sequence[int]) -> Any:
        """Return numbers as an array, or genes where numbers may be too large for one."""
        space = self.benchmark.space
        if space.size <= lines.EXACT:
            return np.asarray(archs, dtype=np.int64)
        return np.array([space.at(number) for number in archs], dtype=np.int64)

    def _ask(self, archs: Any, metric: str | None, epochs: int | None, seed: Any = None) -> Floats:
        if metric is None:
            return np.ones(len(archs))
        seed = self.protocol.seed if seed is None else seed
        try:
            ask = self.benchmark.query_many  # type: ignore[attr-defined]
            found: Floats = ask(archs, metric, epochs=epochs, seed=seed)
        except NotMeasured:
            return np.full(len(archs), np.nan)
        return found

    def _check_objective(self, line: Line, answers: Answers) -> None:
        given = np.array([np.nan if v is None else v for v in line.objective], dtype=np.float64)
        place = self._differs(given, answers.values)
        if place is None:
            return
        value, own = line.objective[place], float(answers.values[place])
        told = "failed" if np.isnan(own) else repr(lines.short(own, self.benchmark.source))
        arch = line.architecture[place]
        shown = f"trial {place}: {self.protocol.objective} of {arch} is {value}, and the "
        if self._differs(given[[place]], answers.reported[[place]]) is None and value is not None:
            raise Refused(
                "reported_metric",
                f"{shown}search sees {told}: this is {self.protocol.report.metric}, which no "
                "search may see",
                "search by the protocol's objective; scores are looked up by the leaderboard",
            )
        raise Refused("objective_differs", f"{shown}{self.benchmark.source} has {told}", _QUERY)

    def _check_cost(self, line: Line, answers: Answers) -> None:
        if line.cost is None:
            return
        place = self._differs(np.array(line.cost, dtype=np.float64), answers.costs)
        if place is not None:
            own = lines.short(float(answers.costs[place]), self.benchmark.source)
            raise Refused(
                "cost_differs",
                f"trial {place}: cost of {line.architecture[place]} is {line.cost[place]}, and it "
                f"is {own!r}",
                _QUERY,
            )

    def _differs(self, given: Floats, own: Floats) -> int | None:
        """Return the first place where a number is not the benchmark's, or None."""
        same = (given == own) | (np.isnan(given) & np.isnan(own))
        if self.benchmark.source == "surrogate":
            same |= _same_prediction(given, own)
        else:
            # A table's 32-bit numbers are written with fewer digits.
            for place in np.flatnonzero(~same).tolist():
                same[place] = lines.short(float(own[place]), "table") == given[place]
                if not same[place]:
                    return int(place)
        wrong = np.flatnonzero(~same)
        return int(wrong[0]) if len(wrong) else None

    def _ends(self, line: Line, costs: list[float]) -> list[float]:
        """Return when each trial ended, and see that this is their order.

        Raises:
            Refused: so many workers cannot have ended them in this order.
        """
        workers = self.track.workers
        asked = range(len(costs)) if line.number is None else line.number
        ends: list[float] = []
        before = (-1.0, -1)
        seen = set()
        for place, (number, cost) in enumerate(zip(asked, costs, strict=True)):
            after = number - workers
            if number < 0 or after >= place or number in seen:
                raise _order(place, f"proposal {number} cannot have ended here")
            seen.add(number)
            end = cost + (ends[after] if after >= 0 else 0.0)
            if line.number is not None and (end, number) <= before:
                raise _order(place, f"it ended after {end:.3f} s, before the trial above it")
            before = end, number
            ends.append(end)
        return ends

    def _check_seconds(self, line: Line, end: float) -> None:
        if line.seconds is None:
            return
        # Sums are added in the order of trials, so they are the same in every language.
        same = line.seconds == round(end, 3)
        if self.benchmark.source == "surrogate":
            same = abs(line.seconds - end) <= _HALF + _AGREED * abs(end)
        if not same:
            raise Refused(
                "seconds_differ",
                f"seconds is {line.seconds!r}, and its {len(line.architecture)} trials end after "
                f"{round(end, 3)!r}",
                "add the costs of the trials, and round to a thousandth of a second; where a trial "
                "was lost or changed, bring back the log",
            )

    def _check_budget(self, line: Line, ends: Sequence[float]) -> None:
        """See that a run ended with its budget, neither before nor after."""
        budget, count = self.part.budget, len(ends)
        if budget.evaluations is not None and count > budget.evaluations:
            raise _spent(f"{count} trials are more than the budget of {budget.evaluations}")
        if budget.seconds is not None and ends[-1] > budget.seconds:
            place = next(i for i, end in enumerate(ends) if end > budget.seconds)
            raise _spent(
                f"trial {place} ended after {ends[place]:.3f} s, and the budget is "
                f"{budget.seconds:g}"
            )
        if line.exhausted or count == budget.evaluations:
            return
        if budget.seconds is None:
            raise _interrupted(f"it has {count} trials, and the budget is {budget.evaluations}")
        self._check_last(line, ends, budget.seconds)

    def _check_digest(self, line: Line) -> None:
        """See that a run is the one that was made with this seed; the last check, the least told.

        Raises:
            Refused: its digest is another.
        """
        own = lines.digest(
            self.part.benchmark, line.seed, line.architecture, line.epochs, line.number
        )
        if line.digest != own:
            raise Refused(
                "digest_differs",
                f"digest is {shown(line.digest)}, and that of these trials with this seed is {own}",
                "bring back the log: runs were exchanged or edited after they were written; a "
                "program of your own makes digests as docs/leaderboards.md says",
            )

    def _check_last(self, line: Line, ends: Sequence[float], seconds: float) -> None:
        """See that what was in flight in the end can have ended after the budget."""
        workers = self.track.workers
        there = set(range(len(ends)) if line.number is None else line.number)
        for number in range(len(ends) + workers):
            if number in there or self._dearest is None:
                continue
            begun = ends[number - workers] if number >= workers else 0.0
            if begun + self._dearest <= seconds:
                raise _interrupted(
                    f"proposal {number} began after {begun:.3f} s and can have ended within the "
                    f"budget of {seconds:g}, and is not there"
                )


def _same_prediction(given: Floats, own: Floats) -> Any:
    """Return where numbers are predictions, written with as many digits as processors agree on."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** (np.floor(np.log10(np.abs(own))) - (lines.PREDICTED - 1))
        near = np.abs(given - own) <= 0.501 * unit
        return near & (np.abs(given - np.round(given / unit) * unit) <= 1e-3 * unit)


def _continued(archs: Sequence[int], costs: Floats) -> Floats:
    """Return what trials pay where a longer training continues a shorter one."""
    paid: dict[int, float] = {}
    found = []
    for arch, cost in zip(archs, costs.tolist(), strict=True):
        before = paid.get(arch, 0.0)
        paid[arch] = max(before, cost)
        found.append(max(0.0, cost - before))
    return np.array(found)


def _order(place: int, why: str) -> Refused:
    return Refused(
        "order_impossible",
        f"trial {place}: {why}",
        "list trials in the order in which they ended, each with the number of its proposal",
    )


def _spent(why: str) -> Refused:
    return Refused(
        "budget_exceeded",
        why,
        "leave out what ended after the budget, or run again with the track's budget",
    )


def _interrupted(why: str) -> Refused:
    return Refused(
        "run_interrupted",
        why,
        "finish the run and submit again; a strategy that had nothing left to ask says "
        '"exhausted": true',
    )
