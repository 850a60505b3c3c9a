"""Which architectures a surrogate is fitted to, and which it is judged on.

A surrogate that is to guide a search is asked of what training data are not like: better
architectures, neighbours of good ones, what another strategy visits. A random split alone says
nothing of these (White et al., "How Powerful are Performance Predictors in Neural Architecture
Search?", NeurIPS 2021, and Zela et al., "Surrogate NAS Benchmarks", ICLR 2022, which leaves out one
search strategy).

Architectures are numbered from 0; what is split are these numbers. The training part is in random
order, so with one seed a smaller one begins a larger one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Arch, Floats, Ints, InvalidSetting
from nasbench_suite.settings import at_least, between
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates.evaluate import Direction

LEAST: Final = 2
"""A surrogate is fitted to so many architectures at least, and judged on as many."""


def finder(archs: Sequence[Arch], space: Space) -> Callable[[Arch], int]:
    """Return what gives the number of an architecture among these, -1 for one that is not there.

    One that is not there itself, but its canonical form is, has the number of this: so it is where
    a table holds canonical forms only.
    """
    number = {arch: place for place, arch in enumerate(archs)}

    def find(arch: Arch) -> int:
        found = number.get(arch)
        return number.get(space.canonical(arch), -1) if found is None else found

    return find


class Split(NamedTuple):
    """Two disjoint parts of architectures, by number."""

    train: Ints
    """(train,), in random order."""
    test: Ints
    """(test,), in random order."""


def random_split(
    count: int, train: int, rng: np.random.Generator, *, test: int | None = None
) -> Split:
    """Return a split of `count` architectures at random.

    Args:
        count: how many there are.
        train: how many are trained on.
        rng: draws them.
        test: how many are tested on; all others if not given. With one seed and one `test` they are
            the same for every `train`.

    Raises:
        InvalidSetting: there are not so many.
    """
    rest = count - train if test is None else test
    _sizes(
        count, train, max(rest, LEAST) if test is None else at_least("test", test, LEAST), "in all"
    )
    order = rng.permutation(count)
    return Split(order[:train], order[count - rest :])


def forms_split(
    archs: Sequence[Arch],
    space: Space,
    train: int,
    rng: np.random.Generator,
    *,
    test: int | None = None,
) -> Split:
    """Return a random split that tests on no copy of what is trained on.

    Copies are architectures of one canonical form: what was measured of one tells the other, so a
    random split asks in part for what is known.

    Args:
        archs: every architecture, (n,).
        space: whose canonical forms are meant.
        train: how many are trained on.
        rng: draws them.
        test: how many are tested on; all that are no copy if not given.

    Raises:
        InvalidSetting: there are not so many.
    """
    _sizes(len(archs), train, LEAST, "in all")
    chosen = rng.permutation(len(archs))[:train]
    forms = [space.canonical(arch) for arch in archs]
    known = {forms[place] for place in chosen}
    fresh = np.flatnonzero([form not in known for form in forms])
    return _of_two(chosen, fresh, train, test, rng, "architectures that are no copies")


def top_split(
    y: Floats,
    train: int,
    rng: np.random.Generator,
    *,
    direction: Direction = "max",
    quantile: float = 0.9,
    test: int | None = None,
) -> Split:
    """Return a split that trains below a quantile and tests above: on what is better than all seen.

    Args:
        y: the metric of every architecture, (n,).
        train: how many are trained on, drawn from those below the quantile.
        rng: draws them.
        direction: whether more is better; with `min` the best are those with the least.
        quantile: which part of all is trained on, above 0 and below 1. Those at the quantile itself
            are tested on.
        test: how many are tested on; all above if not given.

    Raises:
        InvalidSetting: there are not so many on one side.
    """
    share = between("quantile", quantile, 0.0, 1.0)
    upward = y if direction == "max" else -y
    above = upward >= np.quantile(upward, share)
    return _of_two(np.flatnonzero(~above), np.flatnonzero(above), train, test, rng, "top region")


def mutated_split(
    archs: Sequence[Arch],
    y: Floats,
    space: Space,
    train: int,
    rng: np.random.Generator,
    *,
    direction: Direction = "max",
    parents: int | None = None,
    test: int | None = None,
) -> Split:
    """Return a split that trains at random and tests on mutations of what was trained.

    A mutation is a neighbour in the space: one gene differs. This is what an evolution that is
    guided by the surrogate asks about.

    Args:
        archs: every architecture, (n,), none twice.
        y: the metric of each, (n,), which tells the best.
        space: whose neighbours are meant.
        train: how many are trained on.
        rng: draws them.
        direction: whether more is better.
        parents: only mutations of so many of the best that are trained on; of all if not given.
        test: how many are tested on; all mutations among `archs` if not given.

    Raises:
        InvalidSetting: there are not so many; a sparse sample of a large space holds few mutations.
    """
    most = train if parents is None else at_least("parents", parents, 1)
    _sizes(len(archs), train, LEAST, "in all")
    chosen = rng.permutation(len(archs))[:train]
    upward = y if direction == "max" else -y
    best = chosen[np.argsort(-upward[chosen], kind="stable")[:most]]
    number = finder(archs, space)
    near = {number(other) for place in best for other in space.neighbours(archs[place])}
    held = np.array(sorted(near - {-1} - set(chosen.tolist())), dtype=np.int64)
    return _of_two(chosen, held, train, test, rng, "mutations of what is trained")


def given_split(
    count: int,
    train: Sequence[int] | NDArray[Any],
    test: Sequence[int] | NDArray[Any],
) -> Split:
    """Return a split that somebody else made, such as the official one of a benchmark.

    Args:
        count: how many architectures there are.
        train: the numbers of those trained on, in any order, which is kept.
        test: the numbers of those tested on.

    Raises:
        InvalidSetting: they are not whole numbers below `count`, one is there twice, in one part or
            in both, or a part has fewer than 2.
    """
    parts = {"train": np.asarray(train), "test": np.asarray(test)}
    for name, part in parts.items():
        if part.ndim != 1 or part.dtype.kind not in "iu" or len(part) < LEAST:
            raise InvalidSetting(
                f"the part {name} is of type {part.dtype} and shape {part.shape}: give at least "
                f"{LEAST} whole numbers"
            )
        outside = part[(part < 0) | (part >= count)]
        if len(outside):
            raise InvalidSetting(
                f"the part {name} names {outside[0]}, and numbers are 0 to {count - 1:,}"
            )
    numbers, times = np.unique(np.concatenate(list(parts.values())), return_counts=True)
    if times.max() > 1:
        twice = numbers[times > 1]
        raise InvalidSetting(
            f"{len(twice):,} numbers are named twice, the first is {twice[0]}: an architecture is "
            "in one part, once"
        )
    return Split(*(part.astype(np.int64) for part in parts.values()))


def left_out_split(
    visited: Mapping[str, Ints],
    left_out: str,
    train: int,
    rng: np.random.Generator,
    *,
    test: int | None = None,
) -> Split:
    """Return a split that tests on what one strategy visits and trains on what the others do.

    What the left-out strategy visits is never trained on, whoever else has visited it too.

    Args:
        visited: the numbers of the architectures that each strategy has visited, any number of
            times.
        left_out: one of these strategies.
        train: how many are trained on, drawn from what the others visited.
        rng: draws them.
        test: how many are tested on; all that it visits if not given.

    Raises:
        InvalidSetting: they visited too few.
    """
    held = np.unique(visited[left_out])
    others = [own for name, own in visited.items() if name != left_out]
    known = np.setdiff1d(np.concatenate([np.empty(0, dtype=np.int64), *others]), held)
    return _of_two(known, held, train, test, rng, f"architectures that {left_out} visits")


def _of_two(
    known: Ints, held: Ints, train: int, test: int | None, rng: np.random.Generator, what: str
) -> Split:
    """Return so many of each of two disjoint parts, at random.

    Raises:
        InvalidSetting: a part has not so many.
    """
    _sizes(len(known), train, 0, "outside the test part")
    wanted = len(held) if test is None else test
    if not LEAST <= wanted <= len(held):
        raise InvalidSetting(
            f"a test of {wanted:,}: there are {len(held):,} {what}, and at least {LEAST} are "
            "needed; test on fewer, train on another number, or split otherwise"
        )
    return Split(rng.permutation(known)[:train], rng.permutation(held)[:wanted])


def _sizes(count: int, train: int, test: int, where: str) -> None:
    """See that there are so many; a test of 0 is drawn from elsewhere.

    Raises:
        InvalidSetting: there are not.
    """
    at_least("train", train, LEAST)
    at_least("test", test, LEAST if test else 0)
    if train + test > count:
        beside = f" and testing on {test:,}" if test else ""
        raise InvalidSetting(
            f"training on {train:,}{beside}: there are {count:,} architectures {where}; train on "
            f"{max(count - test, 0):,} at most"
        )
