"""A torch module of a space's `Graph`: the network that is trained.

What the output does not depend on exists, so that parameters are those of the original, and is not
computed. Rectifiers and poolings of one node that several edges repeat are computed once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its customary name

from nasbench_suite.graph import Graph, Node
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


class Network(nn.Module):
    """The network of a graph; its input is (images, channels, size, size), its output logits."""

    def __init__(
        self, graph: Graph, *, generator: torch.Generator | None = None, lean: bool = True
    ) -> None:
        """Draw the weights as PyTorch draws them by default, which is how NAS-Bench-201 does.

        Args:
            graph: as a space's `graph` makes it; its last node is the output.
            generator: of the CPU; the weights are a function of its state and of nothing else.
                Without one they have shapes and no values (the meta device).
            lean: compute only what the output depends on; else every node, as costs are counted.
        """
        super().__init__()
        self.graph: Final = graph
        layers = {}
        for position, node in enumerate(graph.nodes):
            layer = _layer(graph, node)
            if layer is not None:
                layers[str(position)] = layer
        self.layers = nn.ModuleDict(layers)
        if generator is not None:
            self.to_empty(device="cpu")
            for layer in self.layers.values():
                _draw(layer, generator)
        self._layers: Final = [layers.get(str(place)) for place in range(len(graph.nodes))]
        self._steps: Final = list(_lean(graph) if lean else _whole(graph))

    @property
    def connected(self) -> bool:
        """Whether the output depends on the input; see `skeleton.connected`."""
        return connected(self.graph)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (images, classes), of (images, channels, size, size)."""
        values: list[Tensor | None] = [None] * len(self.graph.nodes)
        values[0] = result = x
        for position, node, inputs, last in self._steps:
            read = [value for value in map(values.__getitem__, inputs) if value is not None]
            result = _OPERATIONS[node.operation](node, self._layers[position], read)
            values[position] = result
            for place in last:
                values[place] = None
        return result


def _layer(graph: Graph, node: Node) -> nn.Module | None:
    """Return the module with a node's parameters, which have no values yet."""
    if node.operation == "conv":
        return nn.Conv2d(
            graph.nodes[node.inputs[0]].channels,
            node.channels,
            node.kernel,
            node.stride,
            node.padding,
            node.dilation,
            node.groups,
            bias=False,
            device="meta",
        )
    if node.operation == "batch_norm":
        return nn.BatchNorm2d(node.channels, device="meta")
    if node.operation == "linear":
        features = graph.nodes[node.inputs[0]].channels
        return nn.Linear(features, node.channels, device="meta")
    return None


def _draw(layer: nn.Module, generator: torch.Generator) -> None:
    """Give a layer the values that PyTorch gives it by default, drawn from a generator."""
    if isinstance(layer, nn.BatchNorm2d):
        layer.reset_parameters()
    elif isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
        if layer.bias is not None:
            reach = 1 / math.sqrt(layer.weight[0].numel())
            nn.init.uniform_(layer.bias, -reach, reach, generator=generator)


def _whole(graph: Graph) -> Iterator[_Step]:
    """Yield a step for every node."""
    for position, node in enumerate(graph.nodes[1:], start=1):
        yield _Step(position, node, node.inputs, ())


def _lean(graph: Graph) -> Iterator[_Step]:
    """Yield a step for every node that the output depends on, each result but once."""
    shared = list(range(len(graph.nodes)))
    found: dict[tuple[object, ...], int] = {}
    zeros: set[int] = set()
    steps: list[_Step] = []
    for position, node in enumerate(graph.nodes[1:], start=1):
        inputs = tuple(shared[place] for place in node.inputs)
        if node.operation == "add":
            inputs = tuple(place for place in inputs if place not in zeros) or inputs[:1]
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
        steps.append(_Step(position, node, inputs, ()))
    return iter(_used(steps, shared[-1]))


def _used(steps: list[_Step], output: int) -> list[_Step]:
    """Return the steps that the output depends on, each with what it is the last to read."""
    needed = {output}
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
