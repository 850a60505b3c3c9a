"""BOHB: Hyperband's brackets, filled by a model of which architectures are good.

Falkner, Klein and Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML
2018, section 4 and algorithm 2. Architectures that begin a bracket are drawn at random with chance
`random_fraction`. For the others, the results of the longest training that has enough of them are
split into good and bad, a kernel density is fitted to each, candidates are drawn from the good one
with wider kernels, and the candidate of the highest ratio of good to bad is asked. It may have been
asked before. Results that are still out are not modelled. `hyperband` says how rungs come from the
measured epochs.

The defaults are the paper's, also under the name `paper`; `nats_bench` has those with which
NATS-Bench's published code runs HpBandSter, the authors' code. It asks for a bandwidth factor of 3,
which HpBandSter does not apply to choices, so 1 stands here; the paper widens all.

Departures, from HpBandSter more than from the paper, which says little of choices:

- A bandwidth follows the normal reference rule with a standard deviation in which any two choices
  of a gene are one apart. HpBandSter takes that of the choices' numbers, which depends on the order
  in which they happen to be listed.
- A bandwidth is at most that of a uniform kernel; HpBandSter's can pass it, and even 1, where the
  kernel of an equal choice is negative.
- A kernel spreads over all choices of the gene, HpBandSter's over those that were observed.
- As in the paper, good and bad overlap while there are few results; in HpBandSter they never do,
  and the model waits for more.
- Failed trials are left out of the model; HpBandSter counts them as bad.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from typing import ClassVar, Final

import numpy as np

from nasbench_suite.core import Arch, Floats, Ints, Proposal, Trial
from nasbench_suite.settings import MANY, at_least, between, share_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.hyperband import Bracket, Hyperband

# Stands in a bracket for an architecture that is drawn only when it is asked.
_LATER: Final[Arch] = ()
# A space may refuse all candidates; after so many sets of them an architecture is sampled.
_TRIES: Final = 10


class Bohb(Hyperband):
    """Runs Hyperband on architectures that resemble the good ones more than the bad ones."""

    presets: ClassVar = {
        "paper": {
            "eta": 3.0,
            "random_fraction": 1 / 3,
            "samples": 64,
            "top": 0.15,
            "bandwidth_factor": 3.0,
            "min_bandwidth": 1e-3,
        },
        "nats_bench": {
            "eta": 3.0,
            "random_fraction": 0.0,
            "samples": 4,
            "top": 0.15,
            "bandwidth_factor": 1.0,
            "min_bandwidth": 0.3,
        },
    }

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        epochs: tuple[int, ...] = (),
        eta: float = 3.0,
        random_fraction: float = 1 / 3,
        min_points: int | None = None,
        top: float = 0.15,
        samples: int = 64,
        bandwidth_factor: float = 3.0,
        min_bandwidth: float = 1e-3,
    ) -> None:
        """Begin with the bracket of the shortest trainings, and without a model.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            epochs: the training lengths that may be asked, ascending.
            eta: how much longer the next training is at least.
            random_fraction: the share drawn at random, rho in the paper; 0 leaves all to the model.
            min_points: how many results a density has at least, N_min in the paper; one more than
                there are genes if not given. A model needs two more results than that.
            top: the share of the results that are good, q in the paper.
            samples: from how many candidates the best is taken, N_s in the paper.
            bandwidth_factor: how much wider the kernels are that candidates are drawn from.
            min_bandwidth: keeps every choice possible where all good ones agree.
        """
        super().__init__(space, rng=rng, epochs=epochs, eta=eta)
        self._random_fraction = share_of("random_fraction", random_fraction, zero=True)
        if min_points is None:
            min_points = len(space.genes) + 1
        self._min_points = at_least("min_points", min_points, 1)
        self._top = between("top", top, 0.0, 1.0)
        self._samples = at_least("samples", samples, 1, MANY)
        self._factor = between("bandwidth_factor", bandwidth_factor, 0.0, 1e6)
        self._min_bandwidth = between("min_bandwidth", min_bandwidth, 0.0, 1.0)
        # By length, best first and the earlier of equals first.
        self._results: dict[int, list[tuple[float, int, Arch]]] = defaultdict(list)

    def _draw(self) -> Arch:
        # A bracket is made at once, but what has been told by the time of each ask counts.
        return _LATER

    def _next(self, bracket: Bracket) -> Proposal:
        if bracket.queue[-1] == _LATER:
            bracket.queue[-1] = self._suggest()
        return super()._next(bracket)

    def _suggest(self) -> Arch:
        """Return an architecture from the model, or at random by chance or for lack of one."""
        results = self._modelled()
        if not results or self.rng.random() < self._random_fraction:
            return self.space.sample(self.rng)
        good, bad = self._densities(results)
        for _ in range(_TRIES):
            candidates = good.draw(self._samples, self._factor, self.rng)
            # Kernels of very many genes multiply to less than the least number.
            ratios = good.at(candidates) / np.maximum(bad.at(candidates), np.finfo(float).tiny)
            for best in np.argsort(-ratios, kind="stable"):
                arch = tuple(candidates[best].tolist())
                if self.space.fault(arch) is None:
                    return arch
        return self.space.sample(self.rng)

    def _modelled(self) -> list[Arch]:
        """Return the architectures to model, best first; none while there are too few."""
        lengths = [n for n, told in self._results.items() if len(told) >= self._min_points + 2]
        return [arch for _, _, arch in self._results[max(lengths)]] if lengths else []

    def _densities(self, results: list[Arch]) -> tuple[Density, Density]:
        """Return the densities of the best and of the worst of the results, best first."""
        archs, genes = np.array(results), np.array(self.space.genes)
        good = max(self._min_points, int(self._top * len(archs)))
        bad = max(self._min_points, len(archs) - good)
        return (
            Density(archs[:good], genes, self._min_bandwidth),
            Density(archs[-bad:], genes, self._min_bandwidth),
        )

    def _tell(self, trial: Trial) -> None:
        super()._tell(trial)
        if trial.status == "ok":
            insort(self._results[trial.epochs or 0], (-trial.score, trial.number, trial.arch))


class Density:
    """Kernels of Aitchison and Aitken around some architectures, multiplied over the genes.

    A kernel gives 1 - bandwidth to the same choice and shares the bandwidth among the others.
    """

    def __init__(self, archs: Ints, choices: Ints, least: float) -> None:
        """Fit to architectures of genes of so many choices, with bandwidths of at least `least`."""
        self.archs: Final = archs
        self._choices = choices
        self._uniform = 1 - 1 / choices
        count, genes = archs.shape
        shares = (archs[:, :, None] == np.arange(choices.max())).mean(axis=0)
        # Half of the mean squared distance of two draws, if unequal choices are one apart.
        deviations = np.sqrt((1 - np.square(shares).sum(axis=1)) / 2)
        rule = 1.06 * deviations * count ** (-1 / (4 + genes))
        self.bandwidths: Final[Floats] = np.minimum(np.maximum(rule, least), self._uniform)

    def at(self, archs: Ints) -> Floats:
        """Return the density of each architecture."""
        others = self.bandwidths / np.maximum(self._choices - 1, 1)
        kernels = np.ones((len(archs), len(self.archs)))
        for gene, width in enumerate(self.bandwidths):
            same = archs[:, gene, None] == self.archs[:, gene]
            kernels *= np.where(same, 1 - width, others[gene])
        density: Floats = kernels.mean(axis=1)
        return density

    def draw(self, count: int, factor: float, rng: np.random.Generator) -> Ints:
        """Return architectures drawn from the density with bandwidths so many times as wide."""
        centres = self.archs[rng.integers(len(self.archs), size=count)]
        widths = np.minimum(self.bandwidths * factor, self._uniform)
        leave, pick = rng.random((2, *centres.shape))
        others = (centres + 1 + (pick * (self._choices - 1)).astype(np.int64)) % self._choices
        return np.where(leave < widths, others, centres)
