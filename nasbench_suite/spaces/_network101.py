"""The cell of NAS-Bench-101 as part of a network."""

from __future__ import annotations

from nasbench_suite.graph import Graph


def cell(net: Graph, source: int, matrix: list[list[int]], words: list[str], channels: int) -> int:
    """Add a cell of so many channels (the paper, section 2.1; its code's `build_module`).

    An edge from the input is a projection, 1x1, to the width of its target. An edge between other
    vertices drops the last channels where its target is narrower. A vertex is its operation on
    the sum of its edges. The output is all vertices that lead to it side by side, to which an
    edge from the input is added.
    """
    output = len(words) - 1
    widths = _widths(matrix, channels)
    values = [source]
    for vertex in range(1, output):
        width = widths[vertex]
        terms = [net.truncate(values[s], width) for s in range(1, vertex) if matrix[s][vertex]]
        if matrix[0][vertex]:
            terms.append(net.conv_bn_relu(source, width, 1))
        x = net.add(terms)
        if words[vertex] == "maxpool3x3":
            values.append(net.max_pool(x, 3, padding=1))
        else:
            kernel = 3 if words[vertex] == "conv3x3-bn-relu" else 1
            values.append(net.conv_bn_relu(x, width, kernel))
    ends = [values[vertex] for vertex in range(1, output) if matrix[vertex][output]]
    terms = [net.concat(ends)] if ends else []
    if matrix[0][output]:
        terms.append(net.conv_bn_relu(source, channels, 1))
    return net.add(terms)


def _widths(matrix: list[list[int]], channels: int) -> list[int]:
    """Return the channels of each vertex but the output; the input has whatever comes in.

    Those that lead to the output share its channels evenly, the first of them taking one of the
    remainder each. Another is as wide as the widest that it leads to.
    """
    output = len(matrix) - 1
    widths = [0] * output
    ends = [vertex for vertex in range(1, output) if matrix[vertex][output]]
    for place, vertex in enumerate(ends):
        widths[vertex] = channels // len(ends) + (place < channels % len(ends))
    for vertex in reversed(range(1, output)):
        if not matrix[vertex][output]:
            widths[vertex] = max(widths[t] for t in range(vertex, output) if matrix[vertex][t])
    return widths
