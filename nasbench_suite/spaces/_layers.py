"""Features of networks that are a chain of layers or blocks, which several spaces share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, Ints


def packed(genes: Ints, starts: Sequence[int], idle: int) -> Ints:
    """Return genes with the idle layers of each stage last, (architectures, layers).

    An idle layer passes on what it reads, so its place makes no difference; the first layer of a
    stage is never idle.

    Args:
        genes: the operation of each layer, (architectures, layers).
        starts: the first layer of each stage.
        idle: the operation that does nothing beside the first layer.
    """
    # An idle layer is between its own stage and the next.
    place = np.repeat(
        np.arange(0, 2 * len(starts), 2, dtype=np.int8), np.diff([*starts, genes.shape[1]])
    )
    after = genes == idle
    after[:, starts] = False
    order = np.argsort(place + after, axis=1, kind="stable")
    return genes[np.arange(len(genes))[:, None], order]


def along_chain(
    table: Floats, codes: Ints, *, starts: Sequence[int], fixed: NDArray[Any]
) -> Floats:
    """Return the features of chains whose layers each have their own costs.

    Args:
        table: (layers, choices, 2 + columns): parameters and FLOPs of each choice, then what
            describes it.
        codes: the choice of each layer, (architectures, layers).
        starts: the first layer of each stage.
        fixed: parameters and FLOPs of everything else.

    Returns:
        The columns of each layer, their sums over each stage and over all, where there is more than
        one, and the logarithms of the network's parameters and FLOPs, (architectures, features).
    """
    layers, choices, wide = table.shape
    rows = table.reshape(-1, wide).take(codes + np.arange(layers) * choices, axis=0)
    columns = rows[:, :, 2:]
    sums = np.add.reduceat(columns, starts, axis=1)
    costs = rows[:, :, :2].sum(axis=1) + fixed
    parts = [columns.reshape(-1, layers * (wide - 2)), sums.reshape(-1, len(starts) * (wide - 2))]
    if len(starts) > 1:
        parts.append(sums.sum(axis=1))
    return np.concatenate([*parts, np.log(costs)], axis=1)
