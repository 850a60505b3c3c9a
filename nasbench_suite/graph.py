"""A network described without torch: operations, edges and widths, with its costs counted.

A `Graph` is a list of nodes in an order of execution. Spaces build it, `training` makes a torch
module of it, and surrogates and reports read it. Parameters and FLOPs are counted here, once,
for the architecture as written: a branch whose result is never used still counts.

FLOPs are multiply-accumulates of convolutions and linear layers (a linear layer's bias counts,
normalisation, pooling and addition do not), which is how NAS-Bench-201 counts them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Operation: TypeAlias = Literal[
    "input",
    "conv",
    "batch_norm",
    "relu",
    "sigmoid",
    "avg_pool",
    "max_pool",
    "global_avg_pool",
    "linear",
    "add",
    "multiply",
    "concat",
    "truncate",
    "shift",
    "shuffle",
    "zero",
]


class Node(NamedTuple):
    """One operation; `inputs` are the positions of the nodes it reads."""

    operation: Operation
    inputs: tuple[int, ...]
    channels: int
    """Channels (features, for a linear layer) of the result."""
    size: int
    """Height and width of the result in pixels; 1 after global pooling."""
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    count_include_pad: bool = True
    """Whether average pooling divides by the whole kernel at the border."""
    groups: int = 1
    """Into how many parts a convolution or a shuffle splits its channels.

    All of them: the convolution is depthwise.
    """
    dilation: int = 1
    """How many pixels apart a convolution's weights are."""
    paths: tuple[int, ...] = ()
    """Which terms of a sum, counted from 0, are paths that a training may drop."""


class Graph:
    """A network under construction, and then a description of it.

    Each method that adds a node returns its position, to be given to the nodes that read it.
    """

    def __init__(self, *, channels: int, size: int) -> None:
        """Begin with an input image of so many channels and pixels a side."""
        self.nodes: list[Node] = [Node("input", (), channels, size)]
        self.auxiliary: int | None = None
        """The node that an auxiliary classifier reads, where the network has a place for one."""

    def _add(self, operation: Operation, source: int, **changes: int | bool) -> int:
        node = Node(operation, (source,), self.nodes[source].channels, self.nodes[source].size)
        self.nodes.append(node._replace(**changes))  # type: ignore[arg-type]
        return len(self.nodes) - 1

    def conv(
        self,
        source: int,
        channels: int,
        kernel: int,
        stride: int = 1,
        *,
        groups: int = 1,
        dilation: int = 1,
        pads: bool = True,
    ) -> int:
        """Add a convolution without bias, padded so that only the stride shrinks the image.

        One that does not pad shrinks the image by its kernel too.
        """
        before = self.nodes[source].size
        size = -(-(before if pads else before - dilation * (kernel - 1)) // stride)
        return self._add(
            "conv",
            source,
            channels=channels,
            size=size,
            kernel=kernel,
            stride=stride,
            padding=dilation * (kernel // 2) if pads else 0,
            groups=groups,
            dilation=dilation,
        )

    def batch_norm(self, source: int) -> int:
        """Add batch normalisation with a learned scale and shift per channel."""
        return self._add("batch_norm", source)

    def relu(self, source: int) -> int:
        """Add a rectifier."""
        return self._add("relu", source)

    def sigmoid(self, source: int) -> int:
        """Add the logistic function."""
        return self._add("sigmoid", source)

    def relu_conv_bn(self, source: int, channels: int, kernel: int, stride: int = 1) -> int:
        """Add rectifier, convolution and batch normalisation, in this order."""
        return self.batch_norm(self.conv(self.relu(source), channels, kernel, stride))

    def conv_bn_relu(self, source: int, channels: int, kernel: int, stride: int = 1) -> int:
        """Add convolution, batch normalisation and rectifier, in this order."""
        return self.relu(self.batch_norm(self.conv(source, channels, kernel, stride)))

    def avg_pool(
        self, source: int, kernel: int, stride: int = 1, *, padding: int = 0, border: bool = True
    ) -> int:
        """Add average pooling; `border` tells whether padding counts in the average."""
        size = (self.nodes[source].size + 2 * padding - kernel) // stride + 1
        return self._add(
            "avg_pool",
            source,
            size=size,
            kernel=kernel,
            stride=stride,
            padding=padding,
            count_include_pad=border,
        )

    def max_pool(self, source: int, kernel: int, stride: int = 1, *, padding: int = 0) -> int:
        """Add maximum pooling; padding is never the maximum."""
        size = (self.nodes[source].size + 2 * padding - kernel) // stride + 1
        return self._add(
            "max_pool", source, size=size, kernel=kernel, stride=stride, padding=padding
        )

    def global_avg_pool(self, source: int) -> int:
        """Add the mean over the image."""
        return self._add("global_avg_pool", source, size=1)

    def linear(self, source: int, features: int) -> int:
        """Add a linear layer with bias."""
        return self._add("linear", source, channels=features)

    def squeeze_excite(self, source: int, features: int) -> int:
        """Add a weight for each channel, by way of so many features of the image's mean.

        Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018, section 3.
        """
        squeezed = self.relu(self.linear(self.global_avg_pool(source), features))
        weights = self.sigmoid(self.linear(squeezed, self.nodes[source].channels))
        return self.multiply(source, weights)

    def multiply(self, source: int, weights: int) -> int:
        """Add the source with each channel multiplied by its weight, a node of one pixel."""
        node = self.nodes[source]
        self.nodes.append(Node("multiply", (source, weights), node.channels, node.size))
        return len(self.nodes) - 1

    def zero(self, source: int, channels: int, stride: int = 1) -> int:
        """Add zeros of the source's size, or of what a stride leaves of it."""
        size = -(-self.nodes[source].size // stride)
        return self._add("zero", source, channels=channels, size=size, stride=stride)

    def shift(self, source: int) -> int:
        """Add the image moved up and left by a pixel, with zeros behind it."""
        return self._add("shift", source)

    def shuffle(self, source: int, groups: int) -> int:
        """Add the channels in another order: the first of each group, then the second of each."""
        return self._add("shuffle", source, groups=groups)

    def add(self, sources: list[int], paths: tuple[int, ...] = ()) -> int:
        """Add the sum of nodes of one shape; of a single node, that node itself.

        Args:
            sources: the terms.
            paths: the places among them of those that a training may drop.
        """
        if len(sources) == 1:
            return sources[0]
        first = self.nodes[sources[0]]
        node = Node("add", tuple(sources), first.channels, first.size, paths=paths)
        self.nodes.append(node)
        return len(self.nodes) - 1

    def concat(self, sources: list[int]) -> int:
        """Add the channels of nodes of one size, side by side; of a single node, that node."""
        if len(sources) == 1:
            return sources[0]
        channels = sum(self.nodes[source].channels for source in sources)
        size = self.nodes[sources[0]].size
        self.nodes.append(Node("concat", tuple(sources), channels, size))
        return len(self.nodes) - 1

    def truncate(self, source: int, channels: int) -> int:
        """Add the first channels of a node; of one that has no more, that node itself."""
        if self.nodes[source].channels == channels:
            return source
        return self._add("truncate", source, channels=channels)

    @property
    def params(self) -> int:
        """The number of learned parameters."""
        total = 0
        for node in self.nodes:
            if node.operation == "conv":
                total += self._taps(node) * node.channels
            elif node.operation == "linear":
                total += (self.nodes[node.inputs[0]].channels + 1) * node.channels
            elif node.operation == "batch_norm":
                total += 2 * node.channels
        return total

    @property
    def flops(self) -> int:
        """The number of multiply-accumulates for one image."""
        total = 0
        for node in self.nodes:
            if node.operation == "conv":
                total += self._taps(node) * node.channels * node.size**2
            elif node.operation == "linear":
                total += (self.nodes[node.inputs[0]].channels + 1) * node.channels
        return total

    def _taps(self, conv: Node) -> int:
        """Return how many numbers a convolution weighs for one number of its result."""
        return conv.kernel**2 * self.nodes[conv.inputs[0]].channels // conv.groups
