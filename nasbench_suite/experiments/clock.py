"""The simulated clock of a run with several workers.

A worker that becomes free takes the next proposal at once. So proposal number n begins, for n of
at least the number of workers, when the trial at place n - workers of the order in which trials
ended has ended; the others begin at once. Nothing but costs and order needs to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterable

from nasbench_suite.core import Trial


def ends(trials: Iterable[Trial], workers: int) -> list[float]:
    """Return when each trial ended, in the unit of its cost.

    Args:
        trials: in the order in which they ended.
        workers: how many there were.

    Raises:
        ValueError: numbers and order are not those of so many workers.
    """
    found: list[float] = []
    for trial in trials:
        after = trial.number - workers
        if after >= len(found):
            raise ValueError(f"trial {trial.number} cannot have ended at place {len(found)}")
        found.append(trial.cost + (found[after] if after >= 0 else 0.0))
    return found
