"""How a table of somebody's own trainings is searched, of what its columns hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nasbench_suite.core import Arch, DamagedInput, Floats
from nasbench_suite.tables.importers.csv.description import Description, Measured
from nasbench_suite.tables.source import Column


def lengths(
    described: Description, task: str, columns: Sequence[Column], measured: Measured
) -> list[int | None]:
    """Return after how many epochs a metric was measured, ascending; `[None]` if it has none.

    Raises:
        DamagedInput: it was never measured on the task.
    """
    name = measured.metric.name
    found = [column.epochs for column in columns if column.metric == name]
    if not found:
        raise DamagedInput(
            f"{described.path.name}, task {task!r}: {name} is empty in every row of "
            f"{' and '.join(described.tasks[task].files)}, and a search needs it: measure it, or "
            "name another in [protocol]"
        )
    return sorted(found, key=lambda epochs: epochs or 0)


def protocols(
    described: Description, task: str, columns: Sequence[Column], archs: Sequence[Arch]
) -> dict[str, dict[str, Any]]:
    """Return the protocols of a task.

    A search sees a single training, as in NAS-Bench-101 (Ying et al. 2019, section 4), and
    reported is the mean of all. Architectures are those of the table's rows.

    Raises:
        DamagedInput: what is seen, paid or reported was not measured.
    """
    objective, cost, report = described.objective, described.cost, described.report
    seen = lengths(described, task, columns, objective)
    reported = lengths(described, task, columns, report)[-1]
    lost = _missing(described, task, columns, archs)
    if cost is not None:
        _check_paid(described, cost.metric.name, task, columns, archs)
    common = {
        "objective": objective.metric.name,
        "seed": 0 if objective.each else "mean",
        **({} if cost is None else {"cost": cost.metric.name}),
        "report": {
            "metric": report.metric.name,
            **({} if reported is None else {"epochs": reported}),
            "seed": "mean",
        },
        "continues": described.continues,
    }
    sees = f"A search sees {objective.metric.name}{' of run 0' if objective.each else ''}"
    ends = f"Reported is {report.metric.name}{_after(reported)}, the mean of all runs."
    if lost:
        ends += f" {lost:,} trainings that are missing count as failed."
    ends = " ".join((ends, *warnings(described)))
    free = "; no seconds are told, so a trial costs 1"
    found = {
        "standard": {
            "description": f"{sees}{_after(seen[-1])}"
            f"{free if cost is None else ' and pays its seconds'}. {ends}",
            "epochs": seen[-1:] if seen[-1] is not None else [],
            **common,
        }
    }
    if len(seen) > 1:
        anew = (
            "continues a shorter one, of which only the difference is paid"
            if described.continues
            else "starts anew and is paid whole"
        )
        found["multi_fidelity"] = {
            "description": f"{sees} and chooses the length of each training, which {anew}"
            f"{free if cost is None else ''}. {ends}",
            "epochs": seen,
            **common,
        }
    return found


def warnings(described: Description) -> Iterator[str]:
    """Yield what a reader of scores must know: that they are none of unseen test images."""
    seen, report = described.objective.metric, described.report.metric
    if report == seen:
        yield f"No score is of what a search has not seen: reported is {seen.name} itself."
    if report.split != "test":
        yield (
            f"No test metric is reported: {report.name} is of the {report.split} images."
            if report.split
            else f"No test metric is reported: {report.name} is of no images held out."
        )
    if seen.split in ("test", "validation+test"):
        yield f"A search sees {seen.split} images: {seen.name} is of them."


def _after(epochs: int | None) -> str:
    return "" if epochs is None else f" after {epochs} epochs"


def _missing(
    described: Description, task: str, columns: Sequence[Column], archs: Sequence[Arch]
) -> int:
    """Return of how many trainings a search would see nothing.

    Raises:
        DamagedInput: the whole space can be searched, and nobody said that these failed.
    """
    name, space, total = described.objective.metric.name, described.space, 0
    whole = space.forms if described.key == "canonical" else space.size
    for column in columns:
        if column.metric != name or len(archs) < whole:
            continue
        lost = np.isnan(column.values.reshape(len(archs), -1)[:, 0])
        if lost.any() and not described.failed:
            arch = space.format(archs[int(np.argmax(lost))])
            raise DamagedInput(
                f"{described.path.name}, task {task!r}: {name}{_after(column.epochs)} of {arch} is "
                f"missing, {lost.sum():,} values in all, and a search would ask for them: add them "
                'or say missing = "failed" in [protocol] if these trainings failed'
            )
        total += int(lost.sum())
    return total


def _check_paid(
    described: Description,
    cost: str,
    task: str,
    columns: Sequence[Column],
    archs: Sequence[Arch],
) -> None:
    """See that what a search is shown can be paid.

    Raises:
        DamagedInput: a value has no seconds beside it, or fewer than what it continues.
    """
    name = described.objective.metric.name
    paid = {
        column.epochs: column.values.reshape(len(archs), -1)[:, 0]
        for column in columns
        if column.metric == cost
    }
    if described.continues:
        _check_continued(described, cost, task, paid, archs)
    for column in columns:
        if column.metric != name:
            continue
        # Only run 0 is shown.
        known = ~np.isnan(column.values.reshape(len(archs), -1)[:, 0])
        if column.epochs in paid:
            known &= np.isnan(paid[column.epochs])
        if known.any():
            arch = described.space.format(archs[int(np.argmax(known))])
            raise DamagedInput(
                f"{described.path.name}, task {task!r}: {name} of {arch}{_after(column.epochs)} "
                f"has no {cost} beside it, which a search pays: add it, or leave out the cost in "
                "[protocol]"
            )


def _check_continued(
    described: Description,
    cost: str,
    task: str,
    paid: Mapping[int | None, Floats],
    archs: Sequence[Arch],
) -> None:
    """See that a longer training takes no less than the shorter one that it continues.

    Raises:
        DamagedInput: one does.
    """
    spent: Floats = np.zeros(len(archs))
    for epochs, seconds in sorted(paid.items(), key=lambda item: item[0] or 0):
        shorter = np.flatnonzero(seconds < spent)
        if len(shorter):
            arch = described.space.format(archs[int(shorter[0])])
            raise DamagedInput(
                f"{described.path.name}, task {task!r}: {cost} of {arch}{_after(epochs)} is "
                f"{seconds[shorter[0]]:g}, and a shorter training took {spent[shorter[0]]:g}: it "
                "does not continue that one, so count all seconds from its start, or leave out "
                "continues"
            )
        spent = np.fmax(spent, seconds)
