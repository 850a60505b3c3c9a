"""What is learned in place of a metric: its logarithm, or that of its distance from an edge.

Accuracies in percent crowd below the best and have a long tail towards chance; latencies and
perplexities crowd near their least and have a tail above. Models whose errors are of one size
everywhere would be busy with the tail. In the logarithm of the distance from an edge, a little
beyond what was seen, both are near to symmetric. But a latency may be a sum of what layers take,
and its logarithm is none: so the scale is chosen by how well a linear model of the features
predicts what it was not fitted to, as a density of the metric itself (Box and Cox, "An Analysis of
Transformations", JRSS B 1964, with errors of values left out).
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self

import numpy as np

from nasbench_suite.core import Floats
from nasbench_suite.surrogates._linear import Ridges
from nasbench_suite.surrogates._networks import Scale
from nasbench_suite.surrogates._scales import Standard

TARGETS: Final = ("auto", "raw", "log", "below", "above")
"""`log` is of the value itself; `below` and `above` are of the distance from an edge beyond the
largest value, or the smallest; `auto` is whichever a linear model predicts best."""

# How far the edge is beyond the best, as a part of how far the median is from it: on NAS-Bench-201
# parts from 0.25 to 2 rank within 0.003 of each other, from 100 as from 400 cells.
_MARGIN: Final = 1.0
# Predictions reach as far beyond what was seen as it is wide.
_BEYOND: Final = 1.0
# The least of values learned by their logarithm, as a part of the largest: as far beyond them as
# they are apart, no exponential overflows.
_NARROWEST: Final = 1e-100
# Errors below this, of targets with variance 1, are rounding.
_LEAST: Final = 1e-20
# Of how many values the scale is chosen.
_SOME: Final = 1000


class Target(NamedTuple):
    """A change of scale that can be undone; learned values have mean 0 and deviation 1."""

    direction: float
    """1 where values lie above the edge, -1 below, and 0 where they are learned as they are."""
    edge: float
    spread: float
    """What distances from the edge are divided by before their logarithm is taken."""
    scale: Scale
    """Of the logarithms."""
    low: float
    """The least of what is learned that a prediction may be."""
    high: float

    @classmethod
    def of(cls, y: Floats, kind: str, x: Floats) -> Self:
        """Return the change of scale for values, one of `TARGETS`.

        `log` of what is not all positive, or spans a hundred powers of ten, is `raw`, and so is
        any of equal values.

        Args:
            y: values in their own unit, (n,).
            kind: one of `TARGETS`.
            x: the features of each, (n, k), by which `auto` chooses.
        """
        candidates = {"raw": cls._of(y, 0.0, 0.0)}
        least, most, middle = float(y.min()), float(y.max()), float(np.median(y))
        if least < most:
            if least > _NARROWEST * most:
                candidates["log"] = cls._of(y, 1.0, 0.0)
            # Half of all values may be equal to the best.
            for name, best, direction in (("below", most, -1.0), ("above", least, 1.0)):
                gap = abs(best - middle) or most - least
                candidates[name] = cls._of(y, direction, best - direction * _MARGIN * gap)
        if kind == "auto" and len(candidates) > 1:
            some = slice(None, None, -(-len(y) // _SOME))
            ridges = Ridges(Standard.of(x[some]).standardise(x[some]))
            return max(candidates.values(), key=lambda target: target._likelihood(y[some], ridges))
        return candidates.get(kind, candidates["raw"])

    @classmethod
    def _of(cls, y: Floats, direction: float, edge: float) -> Self:
        # Distances are divided first, so that another unit gives the same bits.
        plain = Scale.of(y)
        spread = plain.spread if direction == 0 else float(np.mean(np.abs(y - edge)))
        changed = cls(direction, edge, spread, Scale(0.0, 1.0), 0.0, 0.0)
        if direction == 0:
            changed = changed._replace(edge=plain.centre)
        else:
            changed = changed._replace(scale=Scale.of(changed.learned(y)))
        z = changed.learned(y)
        reach = _BEYOND * float(np.ptp(z)) or 1.0
        return changed._replace(low=float(z.min()) - reach, high=float(z.max()) + reach)

    def _likelihood(self, y: Floats, ridges: Ridges) -> float:
        """Return the mean log-likelihood of values as a linear model of the others predicts it."""
        _, error = ridges.choose(self.learned(y))
        slope = -0.5 * np.log(max(error, _LEAST)) - np.log(self.scale.spread) - np.log(self.spread)
        if self.direction != 0:
            slope = slope - np.mean(np.log(np.abs(y - self.edge) / self.spread))
        return float(slope)

    def learned(self, y: Floats) -> Floats:
        """Return what is learned of values in their own unit."""
        apart = (y - self.edge) / self.spread
        if self.direction != 0:
            apart = self.direction * np.log(self.direction * apart)
        return self.scale.standardise(apart)

    def _restored(self, z: Floats) -> Floats:
        # Of few numbers, this takes a third of what `clip` does.
        apart = self.scale.restore(np.minimum(np.maximum(z, self.low), self.high))
        if self.direction != 0:
            apart = self.direction * np.exp(self.direction * apart)
        restored: Floats = self.edge + self.spread * apart
        return restored

    def restored(self, mean: Floats, std: Floats) -> tuple[Floats, Floats]:
        """Return predictions of what is learned in the metric's own unit.

        The median of the prediction is restored, and half of the width of the interval of one
        standard deviation around it. A raw target is restored as it is.
        """
        if self.direction == 0:
            unit = self.spread * self.scale.spread
            return self.edge + self.spread * self.scale.restore(mean), std * unit
        lower, middle, upper = self._restored(np.array([mean - std, mean, mean + std]))
        return middle, 0.5 * np.abs(upper - lower)

    def stored(self) -> Floats:
        """Return it as seven numbers."""
        return np.array([*self[:3], *self.scale, *self[4:]])

    @classmethod
    def restore(cls, values: Floats) -> Self:
        """Return the one that was stored.

        Raises:
            ValueError: it is none.
        """
        if values.shape != (7,) or values[0] not in (-1, 0, 1) or not values[2] > 0:
            raise ValueError(f"its target is {values.tolist()}, not a direction, edge and scale")
        direction, edge, spread, *_, low, high = values.tolist()
        return cls(direction, edge, spread, Scale.stored(values[3:5]), low, high)
