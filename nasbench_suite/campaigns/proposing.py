"""Settings of a family that are worth a trial: which may be tuned, and which are tried next.

They are proposed by TPE (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS
2011, section 4) as Optuna has it, with all settings modelled jointly. The first ten trials, but for
the defaults, are drawn at random.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from nasbench_suite import registry
from nasbench_suite.core import InvalidSetting, MissingExtra, UnknownName
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.optuna import quiet_study
from nasbench_suite.surrogates.base import (
    Choice,
    Encodings,
    Range,
    Real,
    Surrogate,
    Whole,
    encodings_of,
)

if TYPE_CHECKING:
    import optuna

_DIGITS: Final = 3
"""Of numbers: what more of them say cannot be measured, and nobody wants to paste."""

Drawn: TypeAlias = Real | Whole | Choice
"""What is drawn from."""


def ranges_of(
    kind: type[Surrogate], name: str, space: Space, first: Mapping[str, Any], fixed: Collection[str]
) -> dict[str, Drawn]:
    """Return which settings of a family may be tuned in a space, and over what.

    Args:
        kind: the family.
        name: what it is called.
        space: whose architectures are predicted.
        first: all settings as they are tried first.
        fixed: the names of those that stay.

    Raises:
        UnknownName: the family tunes what is no setting of it.
        InvalidSetting: it says of no setting what it may be tuned over, a default lies outside, or
            nothing is left to tune.
    """
    if not kind.tuned:
        known = [one for one in registry.names("surrogates") if _tunes(one)]
        raise InvalidSetting(
            f"{name} does not say which of its settings may be tuned, and over what: give it "
            f"`tuned`, or take one of {', '.join(known)}"
        )
    found = {}
    for setting, over in kind.tuned.items():
        if setting not in first:
            raise UnknownName("setting", setting, first, f" of {name}, which it tunes")
        if setting in fixed:
            continue
        if not over.holds(first[setting]):
            raise InvalidSetting(
                f"the default of {setting}, {first[setting]!r}, lies outside of what {name} tunes "
                f"it over, {over}: widen `tuned`"
            )
        drawn = _different(over, first[setting], space)
        if drawn != Choice((first[setting],)):
            found[setting] = drawn
    if not found:
        raise InvalidSetting(
            f"nothing is left to tune: {', '.join(kind.tuned)} of {name} are fixed, or have one "
            f"choice in {space.name}; set fewer"
        )
    return found


def _tunes(name: str) -> bool:
    kind: type[Surrogate] = registry.load_class("surrogates", name)
    return bool(kind.tuned)


def _different(over: Range, default: Any, space: Space) -> Drawn:
    """Return a range without encodings that a space gives another name as well.

    Indicators of a pool's one gene say nothing of what is alike, and are left out too.
    """
    if not isinstance(over, Encodings):
        return over
    found: dict[tuple[str, ...], str] = {}
    # Of several names the default's is kept.
    for value in (default, *over.values):
        kinds = encodings_of(space, value)
        if value == default or len(space.genes) > 1 or "one_hot" not in kinds:
            found.setdefault(kinds, value)
    return Choice(tuple(found.values()))


class Proposals:
    """Proposes settings: first the defaults, then what the scores so far promise.

    The same seed and the same scores propose the same, with one version of Optuna.
    """

    def __init__(self, ranges: Mapping[str, Drawn], first: Mapping[str, Any], seed: int) -> None:
        """Begin without any score.

        Args:
            ranges: over what each setting is tuned.
            first: what is tried first, of at least these settings.
            seed: of all that is drawn.

        Raises:
            MissingExtra: Optuna is not installed.
        """
        try:
            import optuna
        except ImportError as error:
            raise MissingExtra("tuning", "optuna") from error
        self.version: Final[str] = optuna.__version__
        with warnings.catch_warnings():
            # Stated for older versions, which call it an experiment.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
        self._study: Final = quiet_study(sampler)
        self._study.enqueue_trial({name: first[name] for name in ranges})
        self._ranges: Final = ranges
        self._first: Final = first
        self._distributions: Final = {name: _distribution(over) for name, over in ranges.items()}
        # A failed trial would be forgotten; one that was given up counts among the worst.
        self._worst: Final = optuna.trial.TrialState.PRUNED
        self._running: optuna.Trial

    def ask(self) -> dict[str, Any]:
        """Return what to try next, by setting; `tell` comes before it is asked again."""
        self._running = self._study.ask(self._distributions)
        if self._running.number == 0:
            return {name: self._first[name] for name in self._ranges}
        return {name: _short(self._ranges[name], v) for name, v in self._running.params.items()}

    def tell(self, score: float | None) -> None:
        """Tell how good that was, more is better; None for a trial that failed."""
        self._study.tell(self._running, score, state=self._worst if score is None else None)


def _short(over: Drawn, value: Any) -> Any:
    """Return a value with few digits, where it was drawn from a range of real numbers."""
    if not isinstance(over, Real):
        return value
    return min(max(float(f"{value:.{_DIGITS}g}"), over.low), over.high)


def _distribution(over: Drawn) -> optuna.distributions.BaseDistribution:
    from optuna import distributions

    match over:
        case Real(low, high, log):
            return distributions.FloatDistribution(low, high, log=log)
        case Whole(low, high, log):
            return distributions.IntDistribution(low, high, log=log)
        case Choice(values):
            return distributions.CategoricalDistribution(values)
