"""Recurrent networks in numpy, several at once, that read an architecture gene by gene.

They are used as `Perceptrons` are: `forward` returns what `backward` needs and at last the
outputs, and the parameters of a network are a row of a flat array.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from nasbench_suite.core import Floats


class _Layer(NamedTuple):
    """Parts of one flat array; a column is one of the four parts of a cell, see `forward`."""

    bias: Floats
    """(members, 2 directions, 1, columns)."""
    again: Floats
    """What the outputs of the step before are multiplied with, (members, 2, width, columns)."""
    into: Floats
    """What the layer's inputs are multiplied with, (members, 2, inputs, columns)."""


class BiLstms:
    """Bidirectional LSTMs, the same in shape, side by side; an output is the mean over the steps.

    Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, with the forget gate of Gers et
    al., 2000. Both directions of a layer are computed together, on the sequence and its reverse.
    """

    @staticmethod
    def count(inputs: int, width: int, layers: int) -> int:
        """Return how many parameters a network has."""
        later = (layers - 1) * (1 + 3 * width)
        return 8 * width * (1 + width + inputs + later)

    def __init__(
        self, members: int, inputs: int, width: int, layers: int, rng: np.random.Generator
    ) -> None:
        """Draw the weights of `members` networks, which read `inputs` numbers a step.

        Weights and biases are uniform within one over the square root of the width, which is how
        PyTorch draws them.
        """
        self._width: Final = width
        self._inputs: Final = [inputs] + [2 * width] * (layers - 1)
        reach = width**-0.5
        shape = (members, self.count(inputs, width, layers))
        self.parameters: Final[Floats] = rng.uniform(-reach, reach, shape)
        self._gradient: Final = np.zeros_like(self.parameters)
        self._layers: Final = self._views(self.parameters)
        self._slopes: Final = self._views(self._gradient)

    def _views(self, flat: Floats) -> list[_Layer]:
        views, at, width = [], 0, self._width
        for fed in self._inputs:
            end = at + 8 * width * (1 + width + fed)
            rows = flat[:, at:end].reshape(len(flat), 2, 1 + width + fed, 4 * width)
            views.append(_Layer(*np.split(rows, [1, 1 + width], axis=2)))
            at = end
        return views

    def forward(self, x: Floats) -> list[Floats]:
        """Return four arrays a layer, and at last the outputs, (members, n, 2 width).

        Args:
            x: (members, n, steps, inputs), or (n, steps, inputs) for all members the same.
        """
        found: list[Floats] = []
        members, width = len(self.parameters), self._width
        # Steps come before architectures, so that the numbers of a step lie together.
        x = np.swapaxes(x, -3, -2) if x.ndim == 4 else np.swapaxes(x, -3, -2)[None]
        for layer in self._layers:
            both = np.stack([x, x[:, ::-1]], axis=1)
            # The input, forget and output gates, and what may enter the cell.
            steps, count = both.shape[2:4]
            parts = (_rows(both) @ layer.into + layer.bias).reshape(members, 2, steps, count, -1)
            cells = np.zeros((members, 2, steps + 1, count, width))
            outputs = np.zeros_like(cells)
            for step in range(steps):
                part = parts[:, :, step]
                part += outputs[:, :, step] @ layer.again
                # The logistic function of the gates as a tangent, which cannot overflow.
                gates = part[..., : 3 * width]
                gates *= 0.5
                np.tanh(part, out=part)
                gates *= 0.5
                gates += 0.5
                enter, keep, leave, new = np.split(part, 4, axis=-1)
                cells[:, :, step + 1] = keep * cells[:, :, step] + enter * new
                outputs[:, :, step + 1] = leave * np.tanh(cells[:, :, step + 1])
            found += [both, parts, cells, outputs]
            x = np.concatenate([outputs[:, 0, 1:], outputs[:, 1, :0:-1]], axis=-1)
        return [*found, x.mean(axis=1)]

    def backward(self, found: list[Floats], slope: Floats) -> Floats:
        """Return the gradient of the parameters, which the next call overwrites.

        Args:
            found: what `forward` returned.
            slope: the gradient of the outputs, (members, n, 2 width).
        """
        width, steps = self._width, found[0].shape[2]
        slopes = np.repeat(slope[:, None] / steps, steps, axis=1)
        for number in reversed(range(len(self._layers))):
            both, parts, cells, outputs = found[4 * number : 4 * number + 4]
            layer = self._layers[number]
            due = np.stack([slopes[..., :width], slopes[:, ::-1, :, width:]], axis=1)
            inner = np.empty_like(parts)
            # The slopes of a step's output and cell by way of the step after it.
            later, carried = np.zeros_like(cells[:, :, 0]), np.zeros_like(cells[:, :, 0])
            for step in reversed(range(steps)):
                enter, keep, leave, new = np.split(parts[:, :, step], 4, axis=-1)
                shown = np.tanh(cells[:, :, step + 1])
                later += due[:, :, step]
                carried += later * leave * (1 - shown**2)
                before = carried * enter * (1 - enter) * new
                forgets = carried * keep * (1 - keep) * cells[:, :, step]
                shows = later * leave * (1 - leave) * shown
                enters = carried * enter * (1 - new**2)
                np.concatenate([before, forgets, shows, enters], axis=-1, out=inner[:, :, step])
                carried *= keep
                later = inner[:, :, step] @ layer.again.swapaxes(-1, -2)
            mine = self._slopes[number]
            rows = _rows(inner)
            np.sum(rows, axis=2, keepdims=True, out=mine.bias)
            np.matmul(_rows(outputs[:, :, :-1]).swapaxes(-1, -2), rows, out=mine.again)
            np.matmul(_rows(both).swapaxes(-1, -2), rows, out=mine.into)
            back = (rows @ layer.into.swapaxes(-1, -2)).reshape(*inner.shape[:4], -1)
            slopes = back[:, 0] + back[:, 1, ::-1]
        return self._gradient


def _rows(x: Floats) -> Floats:
    """Return (members, directions, steps, n, …) with steps and architectures as one axis."""
    return x.reshape(*x.shape[:2], -1, x.shape[-1])
