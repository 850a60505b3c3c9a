"""TransNAS-Bench-101, skeletons: where a network of residual blocks widens and shrinks the image.

Duan et al., "TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task
Neural Architecture Search", CVPR 2021, section 3.2: four to six modules, of which one to four
halve the image and one to three double the channels; 3,256 networks, all different.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture
from nasbench_suite.graph import Graph
from nasbench_suite.spaces._layers import along_chain
from nasbench_suite.spaces._sparse import Sparse
from nasbench_suite.spaces._transbench101 import DOUBLES, HALVES, WIDTH, module, network

_LEAST, _MOST = 4, 6
_MOST_HALVES, _MOST_DOUBLES = 4, 3
_CLASSES, _SIZE = 75, 256
"""Of the task `class_object`, for which features have the costs."""
_START, _END = f"{WIDTH}-", "-basic"
_KINDS: Final = range(5)
"""The modules, and 0 for one that is lacking."""
_DOES: Final = np.array([[kind in DOUBLES for kind in _KINDS], [kind in HALVES for kind in _KINDS]])
"""Whether each module doubles the channels, and whether it halves the image."""
_GENES: Final = {str(kind): kind for kind in _KINDS[1:]}


class Transbench101Macro(Sparse):
    """The skeletons; an architecture is its modules, and 0 for those that it lacks at the end.

    A module is 1 (as it is), 2 (doubles the channels), 3 (halves the image) or 4 (both).
    """

    name = "transbench101_macro"
    genes = (5,) * _MOST

    def parse(self, text: str) -> Arch:
        """Return the skeleton written like `64-1234-basic`."""
        modules = text.removeprefix(_START).removesuffix(_END)
        try:
            if text != f"{_START}{modules}{_END}":
                raise KeyError(text)
            genes = [_GENES[letter] for letter in modules]
        except KeyError:
            raise InvalidArchitecture(
                f"{text!r} is no architecture of {self.name}, which has four to six modules as "
                f"{_START}1234{_END}, each one of 1, 2 (doubles the channels), 3 (halves the "
                "image) and 4 (both)"
            ) from None
        return self.check([*genes, *[0] * (_MOST - len(genes))])

    def format(self, arch: Arch) -> str:
        """Return the skeleton as the published string."""
        return f"{_START}{''.join(map(str, _modules(arch)))}{_END}"

    def fault(self, arch: Arch) -> str | None:
        """Say what is wrong with a tuple of integers, or None if it is in the space."""
        wrong = super().fault(arch)
        if wrong is not None:
            return wrong
        modules = _modules(arch)
        if 0 in modules:
            return f"gene {modules.index(0)} is 0, which only the last ones may be"
        if len(modules) < _LEAST:
            return f"it has {len(modules)} modules, and must have {_LEAST} to {_MOST}"
        for kind, most, does in (
            (HALVES, _MOST_HALVES, "halve the image"),
            (DOUBLES, _MOST_DOUBLES, "double its width"),
        ):
            count = sum(module in kind for module in modules)
            if not 1 <= count <= most:
                return f"{count} of its modules {does}, and 1 to {most} must"
        return None

    def graph(self, arch: Arch, *, classes: int, size: int, image_channels: int = 3) -> Graph:
        """Return the network of residual blocks, for a task of one linear layer."""
        return network(
            _modules(arch), _residual, classes=classes, size=size, image_channels=image_channels
        )

    def _encode_live(self, genes: Ints) -> Floats:
        """Of each module what it does and what width and size it has, their sums, and log costs.

        Whether it is there, doubles, halves, does both; then how often the channels have doubled
        and the image has halved after it, 0 for a module that is lacking: 6 x 6 + 6 + 2 features.
        Costs are the parameters and FLOPs of the task `class_object`.
        """
        doubled, halved = _DOES.take(genes, axis=1).cumsum(axis=2)
        table, fixed = _choices()
        codes = (doubled * (_MOST_HALVES + 1) + halved) * len(_KINDS) + genes
        return along_chain(table, codes, starts=(0,), fixed=fixed)


def _modules(arch: Arch) -> Arch:
    """Return the genes without the zeros at the end."""
    length = len(arch)
    while length and arch[length - 1] == 0:
        length -= 1
    return arch[:length]


@cache
def _choices() -> tuple[Floats, NDArray[np.float64]]:
    """Return what `along_chain` reads: a row for each place and code, and the other costs.

    A code is how often the channels have doubled and the image has halved up to a module, and the
    module. A module that doubles pays for the classifier that reads more channels.
    """
    states = list(product(range(_MOST_DOUBLES + 1), range(_MOST_HALVES + 1), _KINDS))
    rows = np.zeros((len(states), 2 + 6))
    for code, (doubled, halved, kind) in enumerate(states):
        doubles, halves = kind in DOUBLES, kind in HALVES
        if kind == 0 or doubles > doubled or halves > halved:
            continue
        channels = WIDTH << doubled - doubles
        net = Graph(channels=channels, size=_SIZE // 4 >> halved - halves)
        module(net, 0, kind, _residual)
        head = _CLASSES * channels * doubles
        does = (1, doubles, halves, doubles * halves, doubled, halved)
        rows[code] = (net.params + head, net.flops + head, *does)
    net = network((), _residual, classes=_CLASSES, size=_SIZE)
    return np.tile(rows, (_MOST, 1, 1)), np.array([net.params, net.flops], dtype=np.float64)


def _residual(net: Graph, source: int, channels: int, stride: int) -> int:
    """Add a basic block, with a 1x1 convolution beside it where the shape changes."""
    x = net.relu_conv_bn(net.relu_conv_bn(source, channels, 3, stride), channels, 3)
    if stride > 1 or net.nodes[source].channels != channels:
        source = net.batch_norm(net.conv(source, channels, 1, stride))
    return net.add([source, x])
