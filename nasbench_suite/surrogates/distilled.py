"""One small network that has learned what a larger model, its teacher, says of many architectures.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", arXiv:1503.02531, and
Ba and Caruana, "Do Deep Nets Really Need to be Deep?", NeurIPS 2014, section 2, for regression. An
ensemble or a Gaussian process is accurate and slow to ask; but it can be asked of as many
architectures as one likes, and a network that has seen so many of its answers gives nearly the same
ones in a thousandth of the time.

The student is what is linear in the features, and a network for the rest: where a metric is nearly
a sum of what layers add, a network alone learns it badly (of `hwgpt_s`, perplexity: Kendall's tau
0.943 alone, 0.989 with the linear part and as the teacher). It learns the teacher's mean and the
logarithm of its standard deviation, of the architectures that were measured, of others drawn from
the space, and of mutations of the measured ones, where a search goes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite import registry
from nasbench_suite.core import Arch, Floats, InvalidSetting
from nasbench_suite.settings import MANY, at_least, between, one_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import ENCODING, features, stored
from nasbench_suite.surrogates._networks import LAYERS, Adam, Perceptrons, Scale, take_over
from nasbench_suite.surrogates._scales import Standard
from nasbench_suite.surrogates._targets import TARGETS, Target
from nasbench_suite.surrogates.base import Surrogate, check_size, encodings_of

# So many architectures are asked at once: a Gaussian process compares each with all it knows.
_TOGETHER: Final = 1000
# A mutated architecture is at most so many genes away from a measured one.
_FAR: Final = 4
# By how much the squared error of the logarithm of the deviation counts beside that of the mean.
_DOUBT: Final = 0.1
# What is added to the squared weights of the linear part, for each architecture: some features
# follow from others.
_STRENGTH: Final = 1e-5
# Of targets with variance 1.
_LEAST: Final = 1e-6
# How many standard deviations of its logarithm a standard deviation is from the usual one at most.
_REACH: Final = 4.0


class Distilled(Surrogate):
    """A student of another family: nearly as good, and quick to ask."""

    def __init__(
        self,
        space: Space,
        *,
        teacher: str = "stacked",
        settings: Mapping[str, Any] | None = None,
        drawn: int = 20_000,
        layers: int = 2,
        width: int = 64,
        epochs: int = 60,
        batch: int = 128,
        learning_rate: float = 0.003,
        encoding: str = ENCODING,
        target: str = "auto",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            teacher: the family that is learned from; any but this one.
            settings: of the teacher, where they are not the defaults.
            drawn: how many architectures it is asked of beside the measured ones, half of them
                drawn from the space and half mutations of the measured ones.
            layers: how many hidden layers the student has.
            width: how many units a layer has.
            epochs: how often it sees the teacher's answers.
            batch: of how many answers a step's gradient is.
            learning_rate: of Adam at first; it falls to 0 along a cosine.
            encoding: what the student reads, one of the space's encodings, or several joined by
                `+`; and the teacher, if its settings name no other.
            target: on which scale both learn the metric.
        """
        super().__init__(
            space,
            teacher=teacher,
            settings=settings,
            drawn=drawn,
            layers=layers,
            width=width,
            epochs=epochs,
            batch=batch,
            learning_rate=learning_rate,
            encoding=encoding,
            target=target,
        )
        if teacher == "distilled":
            raise InvalidSetting("teacher is 'distilled': name another family")
        kind: type[Surrogate] = registry.load_class("surrogates", teacher)
        if not (settings is None or isinstance(settings, Mapping)):
            raise InvalidSetting(f"settings is {settings!r}: give a table of the teacher's")
        # The scale is chosen here, once for both.
        shared = {"encoding": encoding, "target": "raw"}
        own = {name: value for name, value in shared.items() if name in kind.settings()}
        self._teacher = kind(space, **kind.settings({**own, **(settings or {})}))
        self._drawn = at_least("drawn", drawn, 0, MANY)
        self._hidden = [at_least("width", width, 1)] * at_least("layers", layers, 1, LAYERS)
        self._epochs = at_least("epochs", epochs, 1, MANY)
        self._batch = at_least("batch", batch, 1)
        self._rate = between("learning_rate", learning_rate, 0.0, 1.0)
        self._encodings: Final = encodings_of(space, encoding)
        self._target_kind: Final = one_of("target", target, TARGETS)
        self._sizes_for(self._features([]).shape[1])
        self._target: Target
        self._standard: Standard
        self._linear: Floats
        self._spread: Floats
        self._network: Perceptrons
        self._reader: Perceptrons
        self._slope: Floats
        self._means: Scale
        self._logs: Scale

    def _features(self, archs: Sequence[Arch]) -> Floats:
        return features(self.space, self._encodings, archs, np.empty((len(archs), 0)))

    def _sizes_for(self, columns: int) -> tuple[int, ...]:
        """Return the sizes of layers that read so many features.

        Raises:
            InvalidSetting: the network does not fit into the memory.
        """
        sizes = (columns, *self._hidden, 2)
        check_size(Perceptrons.count(sizes))
        return sizes

    def _fit(
        self, archs: Sequence[Arch], extra: Floats, y: Floats, rng: np.random.Generator
    ) -> None:
        known = self._features(archs)
        self._target = Target.of(y, self._target_kind, known)
        self._teacher.fit(archs, self._target.learned(y), rng)
        asked = [*archs, *self._others(archs, rng)]
        mean, std = self._teacher.predict_in_parts(asked, _TOGETHER)
        # As far beyond what was measured as any prediction may be.
        mean = np.clip(mean, self._target.low, self._target.high)
        log = np.log(np.maximum(std, _LEAST))
        self._means, self._logs = Scale.of(mean), Scale.of(log)
        taught = np.stack([self._means.standardise(mean), self._logs.standardise(log)], axis=1)
        x = self._features(asked)
        self._standard = Standard.of_counts(x)
        x = self._standard.standardise(x)
        self._linear = _linear(x, taught)
        rest = taught - (x @ self._linear[:-1] + self._linear[-1])
        self._spread = np.maximum(rest.std(axis=0), _LEAST)
        self._learn(x.astype(np.float32), (rest / self._spread).astype(np.float32), rng)
        self._ready()

    def _ready(self) -> None:
        """Make of what was learned what reads features as they are: all scales are within it."""
        learned, centre = self._network.parameters, self._standard.centre
        self._reader = Perceptrons(1, self._network.sizes, np.random.default_rng(0))
        self._reader.parameters[...] = learned
        weights, bias = self._reader.layer(0)
        weights /= self._standard.spread[:, None]
        bias -= centre @ weights[0]
        weights, bias = self._reader.layer(-1)
        self._slope = self._linear[:-1] / self._standard.spread[:, None]
        units = np.array([self._means.spread, self._logs.spread])
        weights *= self._spread * units
        bias *= self._spread
        bias += self._linear[-1] - centre @ self._slope
        bias *= units
        bias += [self._means.centre, self._logs.centre]
        self._slope *= units

    def _others(self, archs: Sequence[Arch], rng: np.random.Generator) -> list[Arch]:
        """Return further architectures to ask the teacher of."""
        drawn = [self.space.sample(rng) for _ in range(self._drawn - self._drawn // 2)]
        for _ in range(self._drawn // 2):
            arch = archs[int(rng.random() * len(archs))]
            for _ in range(1 + int(rng.random() * _FAR)):
                arch = self.space.mutate(arch, rng)
            drawn.append(arch)
        return drawn

    def teach(self, archs: Sequence[Arch]) -> tuple[Floats, Floats]:
        """Return what the teacher predicts, mean and standard deviation, (n,) each, uncalibrated.

        Raises:
            NotFitted: the student was not fitted but loaded, and has no teacher any more.
        """
        mean, std = self._teacher.predict_in_parts(archs, _TOGETHER)
        return self._target.restored(mean, std)

    def _learn(self, x: Floats, taught: Floats, rng: np.random.Generator) -> None:
        sizes = self._sizes_for(x.shape[1])
        self._network = Perceptrons(1, sizes, rng, precision=np.float32)
        adam = Adam(self._network.parameters, self._rate)
        steps = self._epochs * math.ceil(len(x) / self._batch)
        counts = np.array([1.0, _DOUBT], dtype=np.float32)
        step = 0
        for _ in range(self._epochs):
            order = rng.permutation(len(x))
            for start in range(0, len(x), self._batch):
                picks = order[start : start + self._batch]
                found = self._network.forward(x[None, picks])
                slope = 2.0 * counts * (found[-1] - taught[picks]) / len(picks)
                share = 0.5 * (1.0 + math.cos(math.pi * step / steps))
                adam.descend(self._network.backward(found, slope), share)
                step += 1

    def _predict(self, archs: Sequence[Arch], extra: Floats) -> tuple[Floats, Floats]:
        x = self._features(archs)
        found = self._reader.forward(x)[-1][0]
        found += x @ self._slope
        usual, reach = self._logs.centre, _REACH * self._logs.spread
        log = np.minimum(np.maximum(found[:, 1], usual - reach), usual + reach)
        return self._target.restored(found[:, 0], np.exp(log))

    def _state(self) -> dict[str, NDArray[Any]]:
        return {
            "target": self._target.stored(),
            "standard": np.array(self._standard),
            "scales": np.array([*self._means, *self._logs]),
            "linear": self._linear,
            "spread": self._spread,
            "parameters": self._network.parameters,
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        columns = self._features([]).shape[1]
        self._target = Target.restore(arrays["target"])
        self._standard = Standard.restore(arrays["standard"], columns)
        scales = arrays["scales"]
        self._means, self._logs = Scale.stored(scales[:2]), Scale.stored(scales[2:])
        self._linear = stored(arrays, "linear", columns + 1, 2)
        self._spread = stored(arrays, "spread", 2)
        rng = np.random.default_rng(0)
        self._network = Perceptrons(1, self._sizes_for(columns), rng, precision=np.float32)
        take_over(self._network.parameters, arrays["parameters"])
        self._ready()

    def _precision(self, name: str) -> type[np.floating[Any]]:
        # In single precision it is learned, in half of the time, and so the file is half as large.
        return np.float32 if name == "parameters" else super()._precision(name)


def _linear(x: Floats, taught: Floats) -> Floats:
    """Return what is linear in features: (k + 1, 2), the last row for a feature that is 1.

    Args:
        x: standardised features, (n, k).
        taught: what is learned of each, (n, 2).
    """
    rows = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    square = rows.T @ rows
    square[np.diag_indices(len(square) - 1)] += _STRENGTH * len(x)
    found: Floats = np.linalg.solve(square, rows.T @ taught)
    return found
