"""What the three spaces of HW-GPT-Bench share: GPT networks of a scale.

Sukthanker et al., "HW-GPT-Bench: Hardware-Aware Architecture Benchmark for Language Models",
NeurIPS 2024, section 3, and the authors' repository, automl/HW-GPT-Bench. A network has an
embedding dimension, a number of layers, in each layer a number of heads and a ratio of its
feed-forward part, and biases or none. Each of them has three choices, the bias two.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Final, NamedTuple

import numpy as np

from nasbench_suite.core import Arch, Floats, Ints, InvalidArchitecture
from nasbench_suite.spaces.base import Space

RATIOS: Final = (2, 3, 4)
"""How many times wider than the embedding the feed-forward part may be."""
BIASES: Final = (False, True)

_CHOICES: Final = np.arange(3)[:, None]
_BOTH: Final = np.array([[0], [1]])
"""The rows of ratios and of heads."""
_HEAD: Final = 64
"""The dimension of a head, in every network."""
_VOCABULARY: Final = 50_254


class Gpt(NamedTuple):
    """A network of these spaces, in numbers."""

    embedding: int
    ratios: tuple[int, ...]
    """Of each layer."""
    heads: tuple[int, ...]
    """Of each layer."""
    bias: bool

    @property
    def params(self) -> int:
        """The number of learned parameters, by the architecture that the source counts.

        The words' embedding is not the output's matrix, a layer has two normalisations and a
        feed-forward part of three matrices, and heads do not share their keys and values.
        """
        width = self.embedding
        total = 2 * _VOCABULARY * width + 2 * width
        for ratio, heads in zip(self.ratios, self.heads, strict=True):
            inside, attention = ratio * width, heads * _HEAD
            total += 3 * width * inside + 4 * width * attention + 4 * width
            if self.bias:
                total += 2 * inside + 3 * attention + 2 * width
        return total


class HwGpt(Space):
    """The networks of a scale.

    The genes are the embedding, the number of layers, each layer's ratio, each layer's heads and
    the bias, all by their places in the choices. Those of layers that a network lacks hold 0.
    """

    scale: ClassVar[str]
    embeddings: ClassVar[tuple[int, int, int]]
    depths: ClassVar[tuple[int, int, int]]
    """The numbers of layers, ascending."""
    heads: ClassVar[tuple[int, int, int]]

    def parse(self, text: str) -> Arch:
        """Return the network written like `gpt-s-10-768-2-…-4-12-…-8-True`.

        After the scale come layers, embedding, each layer's ratio, each layer's heads and the
        bias: so the original benchmark reads a network.
        """
        words = text.split("-")
        try:
            embedding, depth = _place(self.embeddings, words[3]), _place(self.depths, words[2])
            layers = self.depths[depth]
            if words[:2] != ["gpt", self.scale] or len(words) != 5 + 2 * layers:
                raise ValueError(text)
            ratios = [_place(RATIOS, word) for word in words[4 : 4 + layers]]
            heads = [_place(self.heads, word) for word in words[4 + layers : -1]]
            bias = _place(BIASES, words[-1])
        except (ValueError, IndexError):
            raise InvalidArchitecture(
                f"{text!r} is no architecture of {self.name}, which is written gpt-{self.scale}-, "
                f"then layers (one of {self.depths}), embedding ({self.embeddings}), each layer's "
                f"ratio {RATIOS}, each layer's heads {self.heads}, and True or False for the bias, "
                "all joined by hyphens"
            ) from None
        unused = [0] * (self.depths[-1] - layers)
        return (embedding, depth, *ratios, *unused, *heads, *unused, bias)

    def format(self, arch: Arch) -> str:
        """Return the numbers, joined by hyphens."""
        gpt = self.network(arch)
        numbers = (len(gpt.ratios), gpt.embedding, *gpt.ratios, *gpt.heads, gpt.bias)
        return "-".join(map(str, ("gpt", self.scale, *numbers)))

    def network(self, arch: Arch) -> Gpt:
        """Return a valid architecture in numbers."""
        most, layers = self.depths[-1], self.depths[arch[1]]
        return Gpt(
            self.embeddings[arch[0]],
            tuple(RATIOS[gene] for gene in arch[2 : 2 + layers]),
            tuple(self.heads[gene] for gene in arch[2 + most : 2 + most + layers]),
            BIASES[arch[-1]],
        )

    def fault(self, arch: Arch) -> str | None:
        """Say what is wrong with a tuple of integers, or None if it is in the space."""
        wrong = super().fault(arch)
        if wrong is not None:
            return wrong
        most, layers = self.depths[-1], self.depths[arch[1]]
        for layer in range(layers, most):
            for place in (2 + layer, 2 + most + layer):
                if arch[place]:
                    return (
                        f"gene {place} is {arch[place]}, and must be 0, because there are only "
                        f"{layers} layers"
                    )
        return None

    def _all_fit(self, genes: Ints) -> bool:
        most = self.depths[-1]
        lacking = np.arange(most) >= np.array(self.depths).take(genes[:, 1:2])
        return not (genes[:, 2:-1].reshape(-1, 2, most) * lacking[:, None]).any()

    @cached_property
    def _sizes(self) -> list[int]:
        """How many networks of one embedding have each number of layers."""
        choices = len(RATIOS) * len(self.heads)
        return [len(BIASES) * choices**layers for layers in self.depths]

    @cached_property
    def size(self) -> int:
        """The number of architectures."""
        return len(self.embeddings) * sum(self._sizes)

    def index(self, arch: Arch) -> int:
        """Return the place of an architecture among all in lexicographic order."""
        most, layers = self.depths[-1], self.depths[arch[1]]
        place = 0
        for gene in (*arch[2 : 2 + layers], *arch[2 + most : 2 + most + layers]):
            place = 3 * place + gene
        before = arch[0] * sum(self._sizes) + sum(self._sizes[: arch[1]])
        return before + len(BIASES) * place + arch[-1]

    def _at(self, index: int) -> Arch:
        embedding, index = divmod(index, sum(self._sizes))
        depth = 0
        while index >= self._sizes[depth]:
            index -= self._sizes[depth]
            depth += 1
        place, bias = divmod(index, len(BIASES))
        layers = self.depths[depth]
        genes: list[int] = []
        for _ in range(2 * layers):
            place, gene = divmod(place, 3)
            genes.insert(0, gene)
        unused = [0] * (self.depths[-1] - layers)
        return (embedding, depth, *genes[:layers], *unused, *genes[layers:], *unused, bias)

    def _encode_live(self, genes: Ints) -> Floats:
        """The choices as numbers, their sums over the layers, and logarithms of sizes.

        Indicators of the embedding and of the number of layers, and the bias; each layer's ratio
        and heads, 0 where it is lacking; how many layers have each ratio and each number of heads;
        the sums of ratios and of heads, also times the embedding, and with each layer times its
        place from 1; then logarithms of the embedding, of the weights inside the layers and of all
        parameters: 2 x (most layers) + 22 features.
        """
        most = self.depths[-1]
        width = np.array(self.embeddings, dtype=np.float64).take(genes[:, :1])
        layers = np.array(self.depths, dtype=np.float64).take(genes[:, 1:2])
        bias = genes[:, -1:]
        there = np.arange(most) < layers
        chosen = genes[:, 2:-1].reshape(-1, 2, most)
        values = np.array([RATIOS, self.heads], dtype=np.float64)
        numbers = values[_BOTH, chosen] * there[:, None]
        counts = ((chosen[:, :, None] == _CHOICES) & there[:, None, None]).sum(axis=3)
        sums = numbers.sum(axis=2)
        deeper = numbers @ np.arange(1, most + 1)
        wider, headed = sums[:, :1], sums[:, 1:]
        inside = 3 * width**2 * wider + 4 * _HEAD * width * headed
        total = inside + width * (2 * _VOCABULARY + 2 + 4 * layers)
        total += bias * (2 * width * wider + 3 * _HEAD * headed + 2 * width * layers)
        columns = (
            (genes[:, :2, None] == _CHOICES[:, 0]).reshape(-1, 6),
            bias,
            numbers.reshape(-1, 2 * most),
            counts.reshape(-1, 6),
            sums,
            width * sums,
            deeper,
            np.log(np.concatenate([width, inside, total], axis=1)),
        )
        return np.concatenate(columns, axis=1, dtype=np.float64)


def _place(choices: tuple[int, ...], word: str) -> int:
    """Return the place of the choice that is written as `word`.

    Raises:
        ValueError: there is none.
    """
    return [str(choice) for choice in choices].index(word)
