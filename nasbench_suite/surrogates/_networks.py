"""Small networks in numpy, several at once: what families share that learn by gradient descent.

A network's parameters lie one after the other in a row of a flat array (members, parameters), so
that one step of Adam moves all members at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from nasbench_suite.core import Floats

_BETA: Final = (0.9, 0.999)
_EPSILON: Final = 1e-8

LAYERS: Final = 1000
"""How many layers a network may be set to have."""


class Scale(NamedTuple):
    """Where values lie, so that a network learns them as numbers around zero."""

    centre: float
    spread: float

    @classmethod
    def of(cls, values: Floats) -> Scale:
        """Return the mean and the standard deviation; 1 where all values are the same."""
        return cls(float(values.mean()), float(values.std()) or 1.0)

    def standardise(self, values: Floats) -> Floats:
        """Return values with a mean of 0 and a standard deviation of 1."""
        return (values - self.centre) / self.spread

    @classmethod
    def stored(cls, values: Floats) -> Scale:
        """Return a scale that was stored.

        Raises:
            ValueError: it is none.
        """
        if values.shape != (2,) or not values[1] > 0:
            raise ValueError(f"its scale is {values.tolist()}, not a centre and a positive spread")
        return cls(*values.tolist())

    def restore(self, values: Floats) -> Floats:
        """Return standardised values in their own unit again."""
        return values * self.spread + self.centre


def take_over(parameters: Floats, stored: Floats) -> None:
    """Set the parameters of networks to those that were stored of others of their shape.

    Raises:
        ValueError: they are of another shape.
    """
    if stored.shape != parameters.shape:
        raise ValueError(f"its parameters are {stored.shape}, not {parameters.shape}")
    parameters[...] = stored


class Adam:
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1), which moves parameters in place."""

    def __init__(self, parameters: Floats, rate: float) -> None:
        """Descend on `parameters`, which belong to the caller, at a learning rate."""
        self._parameters = parameters
        self._rate = rate
        self._mean, self._square = np.zeros_like(parameters), np.zeros_like(parameters)
        # Made once: arrays of this size that come and go take longer than the numbers in them.
        self._step, self._below = np.empty_like(parameters), np.empty_like(parameters)
        self._steps = 0

    def descend(self, gradient: Floats, share: float = 1.0) -> None:
        """Take one step against a gradient of the shape of the parameters.

        Args:
            gradient: of the shape of the parameters.
            share: of the learning rate, for a schedule.
        """
        self._steps += 1
        first, second = _BETA
        step, below = self._step, self._below
        np.subtract(gradient, self._mean, out=step)
        step *= 1 - first
        self._mean += step
        np.square(gradient, out=below)
        below -= self._square
        below *= 1 - second
        self._square += below
        # The root of the mean square, and the step by it.
        np.divide(self._square, 1 - second**self._steps, out=below)
        np.sqrt(below, out=below)
        below += _EPSILON
        np.divide(self._mean, 1 - first**self._steps, out=step)
        step *= share * self._rate
        step /= below
        self._parameters -= step


class Perceptrons:
    """Multilayer perceptrons with rectifiers, the same in shape, side by side.

    The last layer is linear.
    """

    @staticmethod
    def count(sizes: Sequence[int]) -> int:
        """Return how many parameters a network with layers of `sizes` has."""
        return sum((i + 1) * o for i, o in pairwise(sizes))

    def __init__(
        self,
        members: int,
        sizes: Sequence[int],
        rng: np.random.Generator,
        *,
        precision: type[np.floating[Any]] = np.float64,
    ) -> None:
        """Draw the weights of `members` networks with layers of `sizes`, inputs and outputs too.

        Weights are uniform within the square root of 6 over inputs (He et al., ICCV 2015, section
        2.2, as a uniform law); biases are 0.
        """
        self.sizes: Final = tuple(sizes)
        self.parameters: Final[Floats] = np.zeros((members, self.count(sizes)), precision)
        self._gradient: Final = np.zeros_like(self.parameters)
        self._layers: Final = self._views(self.parameters)
        self._slopes: Final = self._views(self._gradient)
        for weights, _ in self._layers:
            reach = np.sqrt(6.0 / weights.shape[1])
            weights[...] = rng.uniform(-reach, reach, weights.shape)

    def _views(self, flat: Floats) -> list[tuple[Floats, Floats]]:
        views, at = [], 0
        for inputs, outputs in pairwise(self.sizes):
            end = at + inputs * outputs
            weights = flat[:, at:end].reshape(len(flat), inputs, outputs)
            views.append((weights, flat[:, None, end : end + outputs]))
            at = end + outputs
        return views

    def layer(self, number: int) -> tuple[Floats, Floats]:
        """Return the weights of a layer, (members, inputs, outputs), and its biases, to be set."""
        return self._layers[number]

    def forward(self, x: Floats) -> list[Floats]:
        """Return the inputs of every layer and at last the outputs, (members, n, outputs).

        Args:
            x: (members, n, inputs), or (n, inputs) for all members the same.
        """
        found = [x]
        for number, (weights, bias) in enumerate(self._layers):
            x = x @ weights
            x += bias
            if number < len(self._layers) - 1:
                np.maximum(x, 0.0, out=x)
            found.append(x)
        return found

    def backward(self, found: list[Floats], slope: Floats) -> Floats:
        """Return the gradient of the parameters, which the next call overwrites.

        Args:
            found: what `forward` returned.
            slope: the gradient of the outputs, (members, n, outputs).
        """
        for number in reversed(range(len(self._layers))):
            weights, bias = self._slopes[number]
            x = found[number]
            np.matmul(x.swapaxes(-1, -2), slope, out=weights)
            np.sum(slope, axis=1, keepdims=True, out=bias)
            if number:
                slope = slope @ self._layers[number][0].swapaxes(-1, -2)
                slope *= x > 0
        return self._gradient
