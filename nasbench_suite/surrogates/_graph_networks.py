"""Networks that read graphs, several at once, on arrays of numpy and on tensors of torch alike.

They are graph isomorphism networks (Xu et al., "How Powerful are Graph Neural Networks?", ICLR
2019, equations 4.1 and 4.2): in each layer a node adds up what it and its neighbours are and gives
the sum to a perceptron, and what is read of a graph are the sums over its nodes after each layer.
Here a layer has weights of its own for the node itself, where the paper has a factor, for the nodes
that it reads, and for those that read it, since edges have a direction. And the hidden units of a
node are normalised among themselves (Ba, Kiros and Hinton, "Layer Normalization", 2016, without
gain and bias), where the paper's are over a batch, whose rest a prediction would depend on.

A network's parameters lie one after the other in a row of a flat array (members, parameters). What
is written here uses only what arrays and tensors have in common, so that there is one account of
what a network is: torch finds the gradients of it, and predictions need numpy alone.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from nasbench_suite.core import Floats
from nasbench_suite.spaces.base import Dags

Array: TypeAlias = Any
"""An array of numpy, or a tensor of torch."""

# What sums over nodes are divided by: a graph has some nodes, and about so many.
_NODES: Final = 8.0
# Where all hidden units of a node are the same there is nothing to normalise.
_LEAST: Final = 1e-5


class Graphs(NamedTuple):
    """What networks read; the axis of members is 1 long where all read the same."""

    kinds: Array
    """(members, graphs, nodes, kinds): an indicator of what a node is; zeros where none is."""
    edges: Array
    """(members, graphs, nodes, nodes): how often the last axis' node reads the other."""
    columns: Array
    """(members, graphs, columns): what else is known of each."""


def read(dags: Dags, columns: Floats) -> Graphs:
    """Return graphs as what networks read, for all members the same."""
    kinds = dags.kinds[None, :, :, None] == np.arange(dags.choices)
    return Graphs(kinds.astype(np.float64), dags.edges[None].astype(np.float64), columns[None])


class Shape(NamedTuple):
    """Of what size networks are."""

    kinds: int
    """Of nodes."""
    columns: int
    """Further ones."""
    layers: int
    width: int
    """How many numbers a node is after each layer, and hidden units of each perceptron."""

    @property
    def matrices(self) -> list[tuple[int, int, int]]:
        """Of each matrix its inputs, its outputs, and how many numbers the sum it is in adds up.

        A bias has one input, and counts as if it added up none.
        """
        width = self.width
        layer = [(width, width, 3 * width)] * 3
        layer += [(1, width, 0), (width, width, width), (1, width, 0)]
        whole = (self.layers + 1) * width + self.columns
        head = [(width, width, whole)] * (self.layers + 1)
        head += [(self.columns, width, whole), (1, width, 0), (width, 1, width), (1, 1, 0)]
        # Of the kinds of nodes there is one at a time.
        return [(self.kinds, width, 1), *layer * self.layers, *head]

    @property
    def parameters(self) -> int:
        """How many parameters a network has."""
        return sum(inputs * outputs for inputs, outputs, _ in self.matrices)

    def drawn(self, members: int, rng: np.random.Generator) -> Floats:
        """Return the parameters of networks that have learned nothing, (members, parameters).

        Weights are uniform within the square root of 6 over how many numbers are added up (He et
        al., ICCV 2015, section 2.2, as a uniform law); biases are 0.
        """
        parts = []
        for inputs, outputs, terms in self.matrices:
            reach = np.sqrt(6.0 / terms) if terms else 0.0
            parts.append(rng.uniform(-reach, reach, (members, inputs * outputs)))
        return np.concatenate(parts, axis=1)

    def views(self, parameters: Array) -> list[Array]:
        """Return each matrix of the networks, (members, inputs, outputs)."""
        found, at = [], 0
        for inputs, outputs, _ in self.matrices:
            end = at + inputs * outputs
            found.append(parameters[:, at:end].reshape(len(parameters), inputs, outputs))
            at = end
        return found


def answer(shape: Shape, parameters: Array, graphs: Graphs) -> Array:
    """Return what networks say of graphs, (members, graphs).

    Args:
        shape: of the networks.
        parameters: (members, parameters).
        graphs: what they read.
    """
    first, *views = shape.views(parameters)
    layers, heads = views[: 6 * shape.layers], views[6 * shape.layers :]
    there = graphs.kinds.sum(axis=-1)[..., None]
    readers = graphs.edges.swapaxes(-1, -2)
    states = _times(graphs.kinds, first)
    sums = [states.sum(axis=-2)]
    for at in range(0, len(layers), 6):
        own, reading, read_by, bias, second, other = layers[at : at + 6]
        mixed = _times(states, own) + readers @ _times(states, reading)
        mixed = mixed + graphs.edges @ _times(states, read_by) + bias[:, None]
        states = _times(_normal(mixed).clip(min=0.0), second) + other[:, None]
        states = states.clip(min=0.0) * there
        sums.append(states.sum(axis=-2))
    *readouts, columns, bias, last, constant = heads
    hidden = graphs.columns @ columns + bias
    for read, readout in zip(sums, readouts, strict=True):
        hidden = hidden + (read / _NODES) @ readout
    return (hidden.clip(min=0.0) @ last + constant)[..., 0]


def _normal(states: Array) -> Array:
    """Return hidden units, the last axis, with a mean of 0 and a variance of 1."""
    apart = states - states.mean(axis=-1)[..., None]
    variance = (apart * apart).mean(axis=-1)[..., None]
    return apart / (variance + _LEAST) ** 0.5


def _times(states: Array, weights: Array) -> Array:
    """Return what nodes are, (members, graphs, nodes, inputs), times a matrix a member."""
    members, graphs, nodes, inputs = states.shape
    product = states.reshape(members, graphs * nodes, inputs) @ weights
    return product.reshape(len(weights), graphs, nodes, -1)
