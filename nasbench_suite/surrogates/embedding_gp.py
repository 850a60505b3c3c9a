"""Gaussian processes on embeddings of the architecture that are learned with them.

Cao, Wang and Kitani, "Learnable Embedding Space for Efficient Neural Architecture Compression",
ICLR 2019, sections 3.2 and 3.3: several kernels are trained side by side, each on a random half of
the data. A network embeds architectures on the unit sphere, the kernel is squared exponential in
the distance of embeddings, and the network is trained to make each value of its half as likely as
can be given the others (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006,
section 5.4.2). Training ends early where the likelihood settles.

The preset `paper` has the networks of the paper, bidirectional LSTMs that read the genes one by
one. A fit of them to 100 architectures takes about half a minute, so the defaults embed with a
small perceptron that takes a few hundredths of a second, on the encoding `path`: on that it ranked
the cells of NAS-Bench-201 better than on `one_hot` and `adjacency`. A space without paths is
encoded `one_hot`. An LSTM embeds all architectures in almost the same place until it is trained,
hence the paper's length scale of 0.1; a perceptron spreads them over the sphere, and a length
scale of 1 and 10 large steps suit it.

Departures: values are standardised, where the paper's rewards lie between 0 and 1. A member's part
of the data is drawn without replacement, so that all parts are of one size. Uncertainty includes
the noise, as in the paper's code. The time of a fit grows with the cube of the number of
architectures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Arch, Floats
from nasbench_suite.settings import MANY, at_least, between, one_of, share_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._encoders import BiLstms
from nasbench_suite.surrogates._networks import LAYERS, Adam, Perceptrons, Scale, take_over
from nasbench_suite.surrogates.base import (
    Encodings,
    Real,
    Surrogate,
    Whole,
    check_size,
    encoding_of,
    finite_only,
)

_WEIGHT_DECAY: Final = 5e-4
# A member has settled when its likelihood is so near to a moving average of this weight for the
# newest, after more than so many steps.
_NEAR: Final = 1e-3
_WEIGHT: Final = 0.5
_LEAST: Final = 6
# A network may give zeros, as one with rectifiers does for a cell without any path. Lengths are
# taken as if there were one coordinate more, of this value, so that no length is zero.
_TINY: Final = 1e-2
# How many architectures are predicted at once: the gates of an LSTM fill the memory otherwise.
_CHUNK: Final = 100


def unit(outputs: Floats) -> tuple[Floats, Floats]:
    """Return vectors of length 1 along the last axis, and how long they were, (…, 1)."""
    lengths = np.sqrt(np.square(outputs).sum(axis=-1, keepdims=True) + _TINY**2)
    return outputs / lengths, lengths


def covariance(one: Floats, other: Floats, length_scale: float) -> Floats:
    """Return the squared exponential kernel of embeddings, (…, n, d) and (…, m, d)."""
    squares = -2.0 * one @ other.swapaxes(-1, -2)
    squares += np.square(one).sum(axis=-1)[..., :, None]
    squares += np.square(other).sum(axis=-1)[..., None, :]
    kernel: Floats = np.exp(-0.5 / length_scale**2 * squares)
    return kernel


def posterior(kernel: Floats, targets: Floats, noise: float) -> tuple[Floats, Floats]:
    """Return the inverse of the noisy kernel, (…, n, n), and its product with targets, (…, n)."""
    inverse: NDArray[Any] = np.linalg.inv(kernel + noise * np.eye(kernel.shape[-1]))
    return inverse, (inverse @ targets[..., None])[..., 0]


def leave_one_out(
    outputs: Floats, targets: Floats, length_scale: float, noise: float
) -> tuple[Floats, Floats]:
    """Return the mean log-likelihood of each target given the others, and its gradient.

    Args:
        outputs: of the networks, which are embeddings but for their length, (members, n, d).
        targets: (members, n).
        length_scale: of the kernel.
        noise: the variance of a measurement.

    Returns:
        The likelihoods, (members,), and the gradient of the outputs, (members, n, d).
    """
    embeddings, lengths = unit(outputs)
    kernel = covariance(embeddings, embeddings, length_scale)
    inverse, weighted = posterior(kernel, targets, noise)
    precision = np.diagonal(inverse, axis1=-2, axis2=-1)
    # How far each target is from what the others predict, and that by its standard deviation.
    errors = weighted / precision
    squares = weighted * errors
    likelihood = 0.5 * (np.log(precision) - squares - np.log(2 * np.pi))
    # The gradient of the kernel; of its two terms the second is symmetric.
    first = (inverse @ errors[..., None]) * weighted[..., None, :]
    second = inverse * ((0.5 + 0.5 * squares) / precision)[..., None, :] @ inverse
    pull = kernel * (0.5 * (first + first.swapaxes(-1, -2)) - second)
    pull *= -2 / length_scale**2 / targets.shape[-1]
    slope = pull.sum(axis=-1, keepdims=True) * embeddings - pull @ embeddings
    # Along an embedding nothing changes, because its length is 1.
    slope -= embeddings * (embeddings * slope).sum(axis=-1, keepdims=True)
    return likelihood.mean(axis=-1), slope / lengths


class EmbeddingGp(Surrogate):
    """Gaussian processes side by side, each with a kernel learned on a part of the data."""

    presets: ClassVar = {
        "paper": {
            "members": 8,
            "share": 0.5,
            "encoder": "lstm",
            "layers": 4,
            "width": 64,
            "iterations": 100,
            "learning_rate": 0.001,
            "length_scale": 0.1,
            "noise": 0.05,
        }
    }
    tuned: ClassVar = {
        "share": Real(0.3, 1.0, log=False),
        "encoding": Encodings(("path", "live", "one_hot")),
        "layers": Whole(1, 4),
        "width": Whole(8, 128, log=True),
        "iterations": Whole(5, 100, log=True),
        "learning_rate": Real(0.001, 0.1),
        "length_scale": Real(0.1, 3.0),
        "noise": Real(0.001, 0.5),
    }

    def __init__(
        self,
        space: Space,
        *,
        members: int = 8,
        share: float = 0.5,
        encoder: str = "perceptron",
        encoding: str = "path",
        layers: int = 2,
        width: int = 32,
        iterations: int = 10,
        learning_rate: float = 0.02,
        length_scale: float = 1.0,
        noise: float = 0.05,
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            members: how many kernels.
            share: which part of the data each sees.
            encoder: `perceptron` or `lstm`.
            encoding: of the perceptron's inputs, one of the space's; `path` is `one_hot` where the
                space has no paths. An LSTM reads the genes.
            layers: of the encoder.
            width: how many units a layer has; for an LSTM, in each direction.
            iterations: how many steps the training takes at most.
            learning_rate: of these steps, by Adam.
            length_scale: of the kernel, between embeddings that are at most 2 apart.
            noise: the variance of a measurement, as a share of the variance of all.
        """
        super().__init__(
            space,
            members=members,
            share=share,
            encoder=encoder,
            encoding=encoding,
            layers=layers,
            width=width,
            iterations=iterations,
            learning_rate=learning_rate,
            length_scale=length_scale,
            noise=noise,
        )
        self._members = at_least("members", members, 1)
        self._share = share_of("share", share)
        self._recurrent = one_of("encoder", encoder, ("perceptron", "lstm")) == "lstm"
        self._encoding = encoding_of(space, encoding)
        self._layers = at_least("layers", layers, 1, LAYERS)
        self._width = at_least("width", width, 1)
        self._iterations = at_least("iterations", iterations, 1, MANY)
        self._rate = between("learning_rate", learning_rate, 0.0, 1.0)
        # Within these bounds no kernel is singular.
        self._length_scale = between("length_scale", length_scale, 1e-3, 1e3)
        self._noise = between("noise", noise, 1e-6, 1e6)
        self._inputs = self._encode([]).shape[-1]
        check_size(self._members * self._parameters())
        self._networks: Perceptrons | BiLstms
        self._scale: Scale
        # What each member knows: embeddings, standardised targets, and what follows from them.
        self._embeddings: Floats
        self._targets: Floats
        self._inverse: Floats
        self._weighted: Floats

    def _encode(self, archs: Sequence[Arch]) -> Floats:
        if self._recurrent:
            return np.eye(max(self.space.genes))[np.asarray(archs, dtype=np.int64)]
        return self.space.encode(archs, self._encoding)

    def _sizes(self) -> list[int]:
        return [self._inputs] + [self._width] * self._layers

    def _parameters(self) -> int:
        """Return how many parameters a network has."""
        if self._recurrent:
            return BiLstms.count(self._inputs, self._width, self._layers)
        return Perceptrons.count(self._sizes())

    def _draw(self, rng: np.random.Generator) -> Perceptrons | BiLstms:
        if self._recurrent:
            return BiLstms(self._members, self._inputs, self._width, self._layers, rng)
        return Perceptrons(self._members, self._sizes(), rng)

    def _fit(
        self, archs: Sequence[Arch], extra: Floats, y: Floats, rng: np.random.Generator
    ) -> None:
        every = np.tile(np.arange(len(y)), (self._members, 1))
        part = rng.permuted(every, axis=1)[:, : max(2, round(self._share * len(y)))]
        x = self._encode(archs)[part]
        self._scale = Scale.of(y)
        targets = self._scale.standardise(y)[part]
        self._networks = self._draw(rng)
        self._train(x, targets)
        self._know(unit(self._networks.forward(x)[-1])[0], targets)

    def _train(self, x: Floats, targets: Floats) -> None:
        parameters = self._networks.parameters
        adam = Adam(parameters, self._rate)
        average = np.zeros(self._members)
        settled = np.zeros(self._members, dtype=bool)
        for step in range(self._iterations):
            found = self._networks.forward(x)
            likelihood, slope = leave_one_out(found[-1], targets, self._length_scale, self._noise)
            ahead = self._networks.backward(found, slope)
            # Members learn in lockstep; those that have settled stay where they are.
            kept = parameters[settled]
            adam.descend(_WEIGHT_DECAY * parameters - ahead)
            parameters[settled] = kept
            average += (_WEIGHT if step else 1.0) * (likelihood - average)
            if step >= _LEAST:
                settled |= np.abs(average - likelihood) < _NEAR
            if settled.all():
                break

    def _know(self, embeddings: Floats, targets: Floats) -> None:
        self._embeddings, self._targets = embeddings, targets
        kernel = covariance(embeddings, embeddings, self._length_scale)
        self._inverse, self._weighted = posterior(kernel, targets, self._noise)

    def predict_members(self, archs: Sequence[Arch]) -> tuple[Floats, Floats]:
        """Return the mean and the standard deviation of each member, (members, n) each.

        Args:
            archs: one at least; `fit` or `load` comes first.

        Raises:
            Diverged: see `predict`.
        """
        x = self._encode(archs)
        with np.errstate(over="ignore", invalid="ignore"):
            chunks = [self._chunk(x[at : at + _CHUNK]) for at in range(0, len(x), _CHUNK)]
            means, stds = (np.concatenate(parts, axis=1) for parts in zip(*chunks, strict=True))
            return finite_only(self._scale.restore(means), stds * self._scale.spread)

    def _chunk(self, x: Floats) -> tuple[Floats, Floats]:
        embeddings, _ = unit(self._networks.forward(x)[-1])
        kernel = covariance(embeddings, self._embeddings, self._length_scale)
        means = (kernel @ self._weighted[..., None])[..., 0]
        explained = (kernel @ self._inverse * kernel).sum(axis=-1)
        return means, np.sqrt(np.maximum(1.0 - explained, 0.0) + self._noise)

    def _predict(self, archs: Sequence[Arch], extra: Floats) -> tuple[Floats, Floats]:
        # Of the mixture of all members in equal parts.
        means, stds = self.predict_members(archs)
        return means.mean(axis=0), np.sqrt(np.square(stds).mean(axis=0) + means.var(axis=0))

    def _state(self) -> dict[str, NDArray[Any]]:
        return {
            "parameters": self._networks.parameters,
            "scale": np.array(self._scale),
            "embeddings": self._embeddings,
            "targets": self._targets,
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._networks = self._draw(np.random.default_rng(0))
        take_over(self._networks.parameters, arrays["parameters"])
        self._scale = Scale.stored(arrays["scale"])
        embeddings, targets = arrays["embeddings"], arrays["targets"]
        known = targets.size // self._members
        width = self._width * (2 if self._recurrent else 1)
        for name, array, shape in (
            ("targets", targets, (self._members, known)),
            ("embeddings", embeddings, (self._members, known, width)),
        ):
            if array.shape != shape or known < 2:
                raise ValueError(f"its {name} are {array.shape}, not {shape}")
        if (np.abs(embeddings) > 1).any():
            raise ValueError("its embeddings are longer than 1")
        self._know(embeddings, targets)
