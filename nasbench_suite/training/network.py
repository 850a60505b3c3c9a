"""A torch module of a space's `Graph`: the network that is trained.

What the output does not depend on exists, so that parameters are those of the original, and is not
computed. Rectifiers and poolings of one node that several edges repeat are computed once.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its customary name

from nasbench_suite.graph import Graph, Node
from nasbench_suite.training.layers import Style, draw, make
from nasbench_suite.training.skeleton import connected

_PLAIN: Final = frozenset(
    {"relu", "sigmoid", "avg_pool", "max_pool", "global_avg_pool", "truncate", "shift", "shuffle"}
)
"""Operations without parameters of a single node: the same of the same node gives the same."""
_KEEPS_ZERO: Final = frozenset({"relu", "avg_pool", "max_pool", "global_avg_pool", "conv"})
"""Operations without bias, which make zeros of zeros."""


class _Step(NamedTuple):
    """One node to be computed."""

    position: int
    node: Node
    inputs: tuple[int, ...]
    """The nodes that it reads, after those that need not be computed twice are shared."""
    last: tuple[int, ...]
    """The nodes whose results nobody reads afterwards."""
    paths: int
    """How many paths are sums of steps before, so that each has a number."""


_PLAINEST: Final = Style()


class Network(nn.Module):
    """The network of a graph; its input is (images, channels, size, size), its output logits."""

    def __init__(
        self,
        graph: Graph,
        *,
        generator: torch.Generator | None = None,
        lean: bool = True,
        style: Style = _PLAINEST,
        head: Graph | None = None,
    ) -> None:
        """Draw the weights, if nothing else is said as NAS-Bench-201 does.

        Args:
            graph: as a space's `graph` makes it; its last node is the output.
            generator: of the CPU; the weights are a function of its state and of nothing else.
                Without one they have shapes and no values (the meta device).
            lean: compute only what the output depends on; else every node, as costs are counted.
            style: what the graph leaves open.
            head: the auxiliary classifier, which reads the graph's node `auxiliary` in training;
                its weights are drawn after the network's.
        """
        super().__init__()
        self.graph: Final = graph
        layers = {}
        for position, node in enumerate(graph.nodes):
            layer = make(graph, node, style, "meta" if generator is None else "cpu")
            if layer is not None:
                layers[str(position)] = layer
        self.layers = nn.ModuleDict(layers)
        if generator is not None:
            for layer in layers.values():
                draw(layer, style.weights, generator)
        self._layers: Final = [layers.get(str(place)) for place in range(len(graph.nodes))]
        ends = {len(graph.nodes) - 1}
        if head is not None and graph.auxiliary is not None:
            ends.add(graph.auxiliary)
        steps, places = _lean(graph, ends) if lean else _whole(graph)
        self._steps: Final = steps
        self._aside: Final = None if head is None else places[graph.auxiliary or 0]
        self.auxiliary: Final = (
            None if head is None else Network(head, generator=generator, lean=lean, style=style)
        )

    @property
    def connected(self) -> bool:
        """Whether the output depends on the input; see `skeleton.connected`."""
        return connected(self.graph)

    @property
    def paths(self) -> int:
        """How many paths of a training may be dropped."""
        return sum(len(step.node.paths) for step in self._steps)

    def forward(self, x: Tensor, kept: Tensor | None = None) -> Tensor:
        """Return the logits, (images, classes), of (images, channels, size, size).

        A network in training that has an auxiliary classifier returns the logits of both, its own
        first: (2, images, classes).

        Args:
            x: the images.
            kept: (paths, images): what each path's result is multiplied by, 0 where it is dropped.
        """
        values: list[Tensor | None] = [None] * len(self.graph.nodes)
        values[0] = result = x
        aside: Tensor | None = None
        for position, node, inputs, last, paths in self._steps:
            read = [value for value in map(values.__getitem__, inputs) if value is not None]
            if kept is not None:
                for number, place in enumerate(node.paths, start=paths):
                    factors = kept[number].to(read[place].dtype)
                    read[place] = read[place] * factors[:, None, None, None]
            result = _OPERATIONS[node.operation](node, self._layers[position], read)
            values[position] = result
            if position == self._aside and self.training:
                aside = result
            for place in last:
                values[place] = None
        if self.auxiliary is not None and aside is not None:
            return torch.stack([result, self.auxiliary(aside)])
        return result


def _whole(graph: Graph) -> tuple[list[_Step], list[int]]:
    """Return a step for every node, and for every node where its result is."""
    steps = [
        _Step(position, node, node.inputs, (), 0)
        for position, node in enumerate(graph.nodes[1:], start=1)
    ]
    return _numbered(steps), list(range(len(graph.nodes)))


def _lean(graph: Graph, ends: set[int]) -> tuple[list[_Step], list[int]]:
    """Return a step for every node that the ends depend on, each result but once.

    And for every node where its result is: another node's, where it is the same.
    """
    shared = list(range(len(graph.nodes)))
    found: dict[tuple[object, ...], int] = {}
    zeros: set[int] = set()
    steps: list[_Step] = []
    for position, node in enumerate(graph.nodes[1:], start=1):
        inputs = tuple(shared[place] for place in node.inputs)
        if node.operation == "add":
            node, inputs = _without(node, inputs, zeros)
        nothing = all(place in zeros for place in inputs)
        if node.operation == "zero" or (
            nothing and (node.operation == "add" or node.operation in _KEEPS_ZERO)
        ):
            # Zeros of a shape, whatever they were made of.
            zeros.add(position)
            node, inputs = Node("zero", (0,), node.channels, node.size), (0,)
        elif node.operation == "add" and len(inputs) == 1:
            shared[position] = inputs[0]
            continue
        if node.operation in _PLAIN:
            same = (*node._replace(inputs=inputs),)
            shared[position] = found.setdefault(same, position)
            if shared[position] != position:
                continue
        steps.append(_Step(position, node, inputs, (), 0))
    return _numbered(_used(steps, {shared[end] for end in ends})), shared


def _without(node: Node, inputs: tuple[int, ...], zeros: set[int]) -> tuple[Node, tuple[int, ...]]:
    """Return a sum without the terms that are zeros, of which one stays if there is no other."""
    terms = [term for term, place in enumerate(inputs) if place not in zeros] or [0]
    if len(terms) < len(inputs):
        paths = tuple(place for place, term in enumerate(terms) if term in node.paths)
        node = node._replace(paths=paths)
        inputs = tuple(inputs[term] for term in terms)
    return node, inputs


def _numbered(steps: list[_Step]) -> list[_Step]:
    """Return steps that know how many paths there are before them."""
    before = accumulate((len(step.node.paths) for step in steps), initial=0)
    return [step._replace(paths=count) for step, count in zip(steps, before, strict=False)]


def _used(steps: list[_Step], ends: set[int]) -> list[_Step]:
    """Return the steps that the ends depend on, each with what it is the last to read."""
    needed = set(ends)
    kept = []
    for step in reversed(steps):
        if step.position in needed:
            last = tuple(place for place in set(step.inputs) if place not in needed)
            needed.update(step.inputs)
            kept.append(step._replace(last=last))
    return kept[::-1]


def _conv(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return F.conv2d(
        read[0], layer.weight, None, node.stride, node.padding, node.dilation, node.groups
    )


def _batch_norm(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    # The module itself would also count its batches, which takes time and is read by nobody.
    mean, var, weight, bias = layer.running_mean, layer.running_var, layer.weight, layer.bias
    return F.batch_norm(read[0], mean, var, weight, bias, layer.training, layer.momentum, layer.eps)


def _linear(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return F.linear(read[0].flatten(1), layer.weight, layer.bias)


def _relu(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return F.relu(read[0])


def _sigmoid(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return torch.sigmoid(read[0])


def _avg_pool(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return F.avg_pool2d(
        read[0],
        node.kernel,
        node.stride,
        node.padding,
        count_include_pad=node.count_include_pad,
    )


def _max_pool(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return F.max_pool2d(read[0], node.kernel, node.stride, node.padding)


def _global_avg_pool(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return read[0].mean((2, 3), keepdim=True)


def _add(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    total = read[0]
    for place, term in enumerate(read[1:]):
        # The first sum is a new tensor, which nobody else reads.
        total = total.add_(term) if place else total + term
    return total


def _multiply(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    source, weights = read
    return source * weights.reshape(*weights.shape[:2], 1, 1)


def _concat(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return torch.cat(read, dim=1)


def _truncate(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return read[0][:, : node.channels]


def _shift(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return F.pad(read[0][:, :, 1:, 1:], (0, 1, 0, 1))


def _shuffle(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return F.channel_shuffle(read[0], node.groups)


def _zero(node: Node, layer: Any, read: list[Tensor]) -> Tensor:
    return read[0].new_zeros(len(read[0]), node.channels, node.size, node.size)


_OPERATIONS: Final[dict[str, Callable[[Node, Any, list[Tensor]], Tensor]]] = {
    "conv": _conv,
    "batch_norm": _batch_norm,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "avg_pool": _avg_pool,
    "max_pool": _max_pool,
    "global_avg_pool": _global_avg_pool,
    "linear": _linear,
    "add": _add,
    "multiply": _multiply,
    "concat": _concat,
    "truncate": _truncate,
    "shift": _shift,
    "shuffle": _shuffle,
    "zero": _zero,
}
