"""Features of the paths from a cell's input to its output, which several spaces share.

The path encoding (White et al., "BANANAS", AAAI 2021, section 3) says which sequences of operations
there are; numbers along the paths say more to a model that has seen few cells. Arrays have the
architectures last, so that each step works on long rows; whole numbers are kept until a last
division, so that isomorphic cells agree to the last bit.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats

_MANY: Final = 100
"""More than any path counts."""


def along_paths(
    there: NDArray[Any], counts: NDArray[Any], share: NDArray[Any] | None = None
) -> Floats:
    """Return features of the paths that are there; zeros where there is none.

    Args:
        there: which of the possible paths an architecture has, (paths, architectures) of 0 and 1.
        counts: what is counted along each, such as operations, (paths, kinds, architectures) of
            small whole numbers.
        share: how often each path is taken by a walk from the output against the edges that
            chooses evenly wherever edges meet, (paths, architectures), in whole parts of any unit;
            left out where it takes all alike.

    Returns:
        (1 + 5 * kinds, architectures), or 4 * kinds without shares: the number of paths; then for
        each kind its sum over the paths, the most and the fewest on one of them, the mean, and what
        the walk expects to pass.
    """
    present = there[:, None]
    number = there.sum(axis=0)
    here = counts * present
    total = np.einsum("pn,pkn->kn", there, counts)
    fewest = (here + _MANY * (1 - present)).min(axis=0) * (number > 0)
    found = [number[None], total, here.max(axis=0), fewest, total / np.maximum(number, 1.0)]
    if share is not None:
        walked = np.einsum("pn,pkn->kn", share, counts)
        found.append(walked / np.maximum(share.sum(axis=0), 1.0))
    return np.concatenate(found)
