"""Regression trees as plain arrays, and how they are asked.

A tree has an architecture go left at a node where its feature is at most the node's threshold. A
few small trees are walked all at once, level by level. For ensembles of shallow trees every node
is answered before: the leaves that remain possible are a number of bits a tree, and each feature's
value strikes out some of them, whatever the other features are. What a value strikes out of all
trees is one row of a table, so an architecture costs the conjunction of one row a feature
(Lucchese et al., "QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of
Regression Trees", SIGIR 2015, here with the nodes of a feature joined into a row).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats, Ints

_COLUMNS: Final = 4
_LEAF: Final = -1
# Single precision counts nodes up to here.
_MOST: Final = 2**24
_DEEPEST: Final = 1000
# Tables beyond this many bytes are slower than the walk, and fill the memory.
_TABLE: Final = 2**25
# Features are joined as long as a row for each of their values takes no more than this.
_JOINED: Final = 64
# Of fewer thresholds it is quicker to ask each than to search among them.
_FEW: Final = 16
# How many answers are worked on at once, so that they stay in the cache.
_CHUNK: Final = 2**17


class Tree(NamedTuple):
    """One tree, its root first and every child after its parent."""

    feature: Ints
    """Which feature a node asks, (nodes,); -1 at a leaf."""
    threshold: Floats
    """Up to which value one goes left, (nodes,)."""
    left: Ints
    """The number of the left child, (nodes,)."""
    right: Ints
    value: Floats
    """What a leaf answers, (nodes,)."""

    @classmethod
    def leaf(cls, value: float) -> Tree:
        """Return a tree that always answers the same."""
        nobody = np.zeros(1, dtype=np.int64)
        return cls(nobody + _LEAF, np.zeros(1), nobody, nobody, np.full(1, value))


def _not_above(thresholds: Floats) -> NDArray[np.float32]:
    """Return the largest single-precision numbers that are not above thresholds.

    Features are read in single precision, so that the same go left as before.
    """
    single = thresholds.astype(np.float32)
    return np.where(single > thresholds, np.nextafter(single, np.float32(-np.inf)), single)


class Trees:
    """Many trees, each of which answers for itself."""

    def __init__(self, nodes: NDArray[np.float32], features: int) -> None:
        """Take over nodes, an array (nodes, 4) in single precision.

        A row is a feature, a threshold, and the left and the right child; a leaf has the feature
        -1 and its answer in place of the threshold. The first row of each tree is its root.

        Args:
            nodes: of all trees, one after the other.
            features: how many features there are.

        Raises:
            ValueError: they are no trees.
        """
        if nodes.ndim != 2 or nodes.shape[1] != _COLUMNS or not 0 < len(nodes) < _MOST:
            raise ValueError(f"its nodes are {nodes.shape}, not (nodes, {_COLUMNS})")
        self.nodes: Final = nodes
        count = len(nodes)
        whole = nodes[:, [0, 2, 3]]
        if (whole != np.floor(whole)).any() or (np.abs(whole) > _MOST).any():
            raise ValueError("its nodes have parts of features or children")
        self._feature, left, right = whole.T.astype(np.int64)
        self._threshold = nodes[:, 1].copy()
        leaf = self._feature == _LEAF
        every = np.arange(count)
        inner = every[~leaf]
        children = np.concatenate([left[inner], right[inner]])
        ordered = (np.concatenate([inner, inner]) < children).all() and (children < count).all()
        alone = len(np.unique(children)) == len(children)
        known = ((self._feature >= _LEAF) & (self._feature < features)).all()
        if not (ordered and alone and known):
            raise ValueError("its nodes are no trees")
        # A leaf leads to itself, so that all may take as many steps as the deepest.
        self._left, self._right = np.where(leaf, every, left), np.where(leaf, every, right)
        roots = np.ones(count, dtype=bool)
        roots[children] = False
        self._roots: Final = np.flatnonzero(roots)
        self._leaf = leaf
        self._ask_feature = np.where(leaf, 0, self._feature)
        self._levels: Final = self._descent()
        self._table: Final = _Table.of(self)

    @classmethod
    def join(cls, trees: Sequence[Tree], features: int) -> Trees:
        """Return trees together; of each only what can be reached."""
        parts, at = [], 0
        for tree in trees:
            inner = tree.feature != _LEAF
            asked = np.where(inner, _not_above(tree.threshold), tree.value.astype(np.float32))
            left = np.where(inner, tree.left + at, 0)
            right = np.where(inner, tree.right + at, 0)
            parts.append(np.stack([tree.feature, asked, left, right], axis=1))
            at += len(tree.feature)
        return cls(np.concatenate(parts).astype(np.float32), features)

    def __len__(self) -> int:
        return len(self._roots)

    def _descent(self) -> list[Ints]:
        """Return the nodes of all trees by their depth, roots first."""
        levels, level = [], self._roots
        while len(level):
            levels.append(level)
            if len(levels) > _DEEPEST:
                raise ValueError(f"its trees are deeper than {_DEEPEST}")
            inner = level[~self._leaf[level]]
            level = np.concatenate([self._left[inner], self._right[inner]])
        return levels

    def answer(self, x: Floats, members: int) -> Floats:
        """Return the sums of equal parts of the trees, one after the other, (n, members).

        Args:
            x: features, (n, k), which are read in single precision.
            members: how many parts there are, which divides the number of trees.
        """
        single = x.astype(np.float32)
        ask = self._walk if self._table is None else self._table.answer
        step = max(1, _CHUNK // len(self))
        parts = [ask(single[at : at + step]) for at in range(0, len(x), step)]
        sums = [
            part.reshape(len(part), members, -1).sum(axis=2, dtype=np.float64) for part in parts
        ]
        return np.concatenate(sums)

    def _walk(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        at = np.broadcast_to(self._roots, (len(x), len(self)))
        rows = np.arange(len(x))[:, None]
        for _ in self._levels[1:]:
            goes = x[rows, self._ask_feature[at]] <= self._threshold[at]
            at = np.where(goes, self._left[at], self._right[at])
        return self._threshold[at]

    def spans(self) -> tuple[Ints, Ints, Ints]:
        """Return of each node its tree, and the first and the number of its leaves in the tree."""
        tree, first = np.zeros(len(self.nodes), np.int64), np.zeros(len(self.nodes), np.int64)
        leaves = self._leaf.astype(np.int64)
        for level in reversed(self._levels):
            inner = level[~self._leaf[level]]
            leaves[inner] = leaves[self._left[inner]] + leaves[self._right[inner]]
        tree[self._roots] = np.arange(len(self))
        for level in self._levels:
            inner = level[~self._leaf[level]]
            left, right = self._left[inner], self._right[inner]
            tree[left], tree[right] = tree[inner], tree[inner]
            first[left], first[right] = first[inner], first[inner] + leaves[left]
        return tree, first, leaves


class _Table:
    """What the values of features leave possible, a bit a leaf.

    Features of few values are joined: one row stands for the values of all of them.
    """

    @classmethod
    def of(cls, trees: Trees) -> _Table | None:
        """Return the table of trees; None where they have too many leaves or thresholds."""
        inner = np.flatnonzero(~trees._leaf)
        spans = trees.spans()
        bits = next((bits for bits in (8, 16, 32, 64) if bits >= spans[2].max()), None)
        thresholds = len(np.unique(trees.nodes[inner, :2], axis=0))
        if bits is None or not len(inner) or thresholds * len(trees) * bits // 8 > _TABLE:
            return None
        return cls(trees, spans, inner, np.dtype(f"uint{bits}"))

    def __init__(
        self, trees: Trees, spans: tuple[Ints, Ints, Ints], inner: Ints, kind: np.dtype[Any]
    ) -> None:
        """Strike out in each row the leaves that its values do not reach."""
        tree, first, leaves = spans
        left = trees._left[inner]
        one = np.uint64(1)
        struck = (one << leaves[left].astype(np.uint64)) - one << first[left].astype(np.uint64)
        parts: list[tuple[int, NDArray[np.float32], NDArray[Any]]] = []
        for feature in np.unique(trees._feature[inner]).tolist():
            mine = trees._feature[inner] == feature
            thresholds, which = np.unique(trees._threshold[inner[mine]], return_inverse=True)
            # The first row is of values above no threshold.
            rows = np.full((len(thresholds) + 1, len(trees)), -1).astype(kind)
            np.bitwise_and.at(rows, (which + 1, tree[inner[mine]]), ~struck[mine].astype(kind))
            parts.append((feature, thresholds, np.bitwise_and.accumulate(rows, axis=0)))
        parts.sort(key=lambda part: len(part[1]))
        joined: list[NDArray[Any]] = []
        weights, starts = [], []
        for number, (_, _, rows) in enumerate(parts):
            if joined and len(joined[-1]) * len(rows) <= _JOINED:
                weights.append(len(joined[-1]))
                both = rows[:, None] & joined[-1][None]
                joined[-1] = both.reshape(-1, len(trees))
            else:
                weights.append(1)
                starts.append(number)
                joined.append(rows)
        self._features: Final = np.array([feature for feature, _, _ in parts])
        self._thresholds: Final = [thresholds for _, thresholds, _ in parts]
        self._weights: Final = np.array(weights)
        self._starts: Final = np.array(starts)
        self._rows: Final = np.concatenate(joined)
        self._offsets: Final = np.cumsum([0, *map(len, joined[:-1])])
        # All thresholds in one row, for a single architecture.
        lengths = [len(thresholds) for thresholds in self._thresholds]
        self._every: Final = np.concatenate(self._thresholds)
        self._of: Final = np.repeat(self._features, lengths)
        self._begins: Final = np.cumsum([0, *lengths[:-1]])
        width = int(leaves.max())
        ends = np.flatnonzero(trees._leaf)
        self._answers: Final = np.zeros(len(trees) * width, dtype=np.float32)
        self._answers[tree[ends] * width + first[ends]] = trees._threshold[ends]
        self._trees: Final = np.arange(len(trees)) * width

    def answer(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what each tree answers to features, (n, k): (n, trees)."""
        if len(x) == 1:
            above = x[0, self._of] > self._every
            passed = np.add.reduceat(above, self._begins, dtype=np.int64) * self._weights
            rows = self._rows[np.add.reduceat(passed, self._starts) + self._offsets]
            return self._read(np.bitwise_and.reduce(rows, axis=0))[None]
        passed = np.empty((len(self._features), len(x)), dtype=np.int64)
        columns = np.ascontiguousarray(x.T)
        for number, (feature, thresholds) in enumerate(
            zip(self._features, self._thresholds, strict=True)
        ):
            if len(thresholds) < _FEW:
                np.sum(columns[feature] > thresholds[:, None], axis=0, out=passed[number])
            else:
                passed[number] = np.searchsorted(thresholds, columns[feature])
        passed *= self._weights[:, None]
        rows = np.add.reduceat(passed, self._starts, axis=0) + self._offsets[:, None]
        left = self._rows[rows[0]]
        for more in rows[1:]:
            left &= self._rows[more]
        return self._read(left)

    def _read(self, left: NDArray[Any]) -> NDArray[np.float32]:
        """Return the answers of the first leaves that are left."""
        first = np.bitwise_count((left & -left) - left.dtype.type(1))
        answers: NDArray[np.float32] = self._answers[self._trees + first]
        return answers
