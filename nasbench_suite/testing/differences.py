"""Where two long sequences part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def first_difference(one: Sequence[Any], other: Sequence[Any]) -> str | None:
    """Say where two sequences part first, or return None if they are equal.

    To be asserted `is None`: pytest's own account of two long sequences can take minutes.
    """
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return f"at {place}: {left!r} and {right!r}"
    return None if len(one) == len(other) else f"lengths {len(one)} and {len(other)}"
