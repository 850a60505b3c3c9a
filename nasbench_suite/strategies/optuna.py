"""Optuna: any of its samplers, through ask and tell; TPE unless another one is named.

Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019. TPE is of
Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, section 4: the results
are split into good and bad, a density is fitted to each, candidates are drawn from the good one,
and the candidate of the highest ratio of good to bad is asked; it may have been asked before.

A gene is a categorical parameter `gene_0`, `gene_1`, … or, where `ordinal` is set, an integer one.
Options that are not given are Optuna's defaults, but for those in `_OPTIONS`. The defaults of other
samplers, and what they ask, may change with the version of Optuna.

Departures: a tuple that the space refuses is a failed trial to Optuna and asked anew, and after
many in a row an architecture is drawn at random. `BruteForceSampler` and `GridSampler` end the
search when they have gone through everything. Samplers that take no seed are refused, and those in
`_NUMBERS` unless `ordinal` is set.
"""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nasbench_suite.core import InvalidSetting, MissingExtra, Proposal, Trial
from nasbench_suite.settings import one_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import SpaceExhausted, Strategy

if TYPE_CHECKING:
    import optuna

# What a sampler is given unless the options say otherwise.
_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    # All genes are modelled jointly, and what is in flight is shunned: Optuna's defaults since 5,
    # stated so that older ones search in the same way.
    "TPESampler": {"multivariate": True, "constant_liar": True},
    # Without it, all but the first point is the same for every seed.
    "QMCSampler": {"scramble": True},
}
# These draw categorical genes at random: CMA-ES always, quasi-random sequences before Optuna 5.
_NUMBERS: Final = frozenset({"CmaEsSampler", "QMCSampler"})
# So many tuples in a row may be refused by the space before one is drawn at random.
_TRIES: Final = 20


class Optuna(Strategy):
    """Asks what a sampler of Optuna suggests."""

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        sampler: str = "TPESampler",
        options: Mapping[str, Any] | None = None,
        ordinal: bool = False,
    ) -> None:
        """Begin a study with a sampler whose seed comes from `rng`.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            sampler: a class of `optuna.samplers` that takes a seed.
            options: keyword arguments of the sampler.
            ordinal: whether the choices of a gene are numbers to Optuna.

        Raises:
            MissingExtra: Optuna is not installed.
            InvalidSetting: there is no such sampler, or it refuses the options.
        """
        super().__init__(space, rng=rng)
        try:
            import optuna
        except ImportError as error:
            raise MissingExtra("the strategy optuna", "optuna") from error
        # A sampler without a seed would draw from the machine's randomness.
        known = {
            name: kind
            for name, kind in sorted(vars(optuna.samplers).items())
            if isinstance(kind, type) and "seed" in inspect.signature(kind).parameters
        }
        kind = known[one_of("sampler", sampler, known)]
        if not isinstance(ordinal, bool):
            raise InvalidSetting(f"ordinal is {ordinal!r}: it is true or false")
        if sampler in _NUMBERS and not ordinal:
            raise InvalidSetting(f"{sampler} knows only numbers: set ordinal to true")
        if not isinstance(options, Mapping | None):
            raise InvalidSetting(f"options are {options!r}: they are a table by name, or null")
        self._title: Final = f"Optuna's {sampler} with options {dict(options or {})}"
        with self._faults_named(), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            chosen = {**_OPTIONS.get(sampler, {}), **(options or {})}
            self._study: Final = quiet_study(kind(seed=int(rng.integers(2**32)), **chosen))
        # Samplers that have gone through everything stop the loop that Optuna would run.
        self._study.stop = self._stop  # type: ignore[method-assign]
        self._stopped = False
        self._genes: Final[dict[str, optuna.distributions.BaseDistribution]] = {
            f"gene_{place}": optuna.distributions.IntDistribution(0, choices - 1)
            if ordinal
            else optuna.distributions.CategoricalDistribution(range(choices))
            for place, choices in enumerate(space.genes)
        }
        self._failed: Final = optuna.trial.TrialState.FAIL
        self._running: Final[dict[int, optuna.Trial]] = {}

    def _ask(self) -> Proposal:
        for _ in range(_TRIES):
            if self._stopped:
                raise SpaceExhausted(f"{self._title} has gone through everything")
            # Optuna checks some options, and imports what a sampler needs, only here.
            with self._faults_named():
                trial = self._study.ask(self._genes)
            arch = tuple(trial.params.values())
            if self.space.fault(arch) is None:
                break
            self._report(trial, None)
        else:
            arch = self.space.sample(self.rng)
            with self._faults_named():
                self._study.enqueue_trial(dict(zip(self._genes, arch, strict=True)))
                trial = self._study.ask(self._genes)
        self._running[self._asked] = trial
        return Proposal(arch)

    def _tell(self, trial: Trial) -> None:
        running = self._running.pop(trial.number)
        self._report(running, trial.score if trial.status == "ok" else None)

    def _report(self, trial: optuna.Trial, score: float | None) -> None:
        """Tell Optuna a score, or that there is none."""
        # Some options, such as functions, are used only here.
        with self._faults_named():
            self._study.tell(trial, score, state=self._failed if score is None else None)

    def _stop(self) -> None:
        self._stopped = True

    @contextmanager
    def _faults_named(self) -> Iterator[None]:
        """Turn whatever Optuna raises into an error of ours that names the sampler."""
        try:
            yield
        except ImportError as error:
            raise InvalidSetting(
                f"{self._title} needs a package that is not installed: {error}; install it, or "
                "take another sampler"
            ) from error
        except Exception as error:
            raise InvalidSetting(f"{self._title}: {error}") from error


def quiet_study(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    """Return a study in memory, without the line on stderr that announces it."""
    import optuna

    storage = optuna.storages.InMemoryStorage()
    # A filter on the one logger that writes it, which Optuna names after the module, leaves the
    # user's verbosity and handlers alone. It lets pass what is under a name that nobody has.
    logger = logging.getLogger(type(storage).__module__)
    mute = logging.Filter("nobody")
    logger.addFilter(mute)
    try:
        return optuna.create_study(storage=storage, sampler=sampler, direction="maximize")
    finally:
        logger.removeFilter(mute)
