"""The epochs of training that the trials of a run spend."""

from __future__ import annotations

from nasbench_suite.core import Arch, Protocol, Trial


class Epochs:
    """Counts what each trial spends, given one after the other.

    It mirrors what `Evaluator` does with seconds: a trial spends the epochs that it trains, failed
    or not, and where a longer training continues a shorter one, an architecture spends only those
    beyond the longest it was trained for before. The total of some trials is then the same in
    whatever order they come.
    """

    def __init__(self, protocol: Protocol) -> None:
        """Begin with nothing trained."""
        self._continues = protocol.continues
        self._longest: dict[Arch, int] = {}

    def __call__(self, trial: Trial) -> int:
        """Return the epochs that a trial spends: none of a protocol whose trials have no epochs."""
        epochs = trial.epochs or 0
        if not self._continues:
            return epochs
        before = self._longest.get(trial.arch, 0)
        self._longest[trial.arch] = max(before, epochs)
        return max(0, epochs - before)
