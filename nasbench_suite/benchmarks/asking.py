"""How an architecture may be named, wherever an answer comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nasbench_suite.core import Arch, InvalidArchitecture, shown, whole
from nasbench_suite.spaces.base import Space


def genes_of(arch: Any, space: Space) -> Arch:
    """Return an architecture in whatever form as genes.

    Args:
        arch: its string, its number in the space, or its genes.
        space: the space that it must be of.

    Raises:
        InvalidArchitecture: it is none of the space.
    """
    if type(arch) is tuple and set(map(type, arch)) == {int} and space.fault(arch) is None:
        return arch
    if isinstance(arch, str):
        return space.parse(arch)
    if (number := whole(arch)) is not None:
        return space.at(number)
    if isinstance(arch, Sequence | np.ndarray):
        return space.check(list(arch))
    raise InvalidArchitecture(
        f"{shown(arch)} is no architecture: give its string, its number or its genes"
    )
