"""Bayesian optimisation with kernels on learned embeddings, as ESNAC does it.

Cao, Wang and Kitani, "Learnable Embedding Space for Efficient Neural Architecture Compression",
ICLR 2019, section 3: in every step several Gaussian processes are trained, each on a random half
of all that was told (see the surrogate `embedding_gp`); each names the candidate of the largest
expected improvement among 1,000 architectures drawn at random, and those are evaluated.

The preset `paper` has the networks of the paper, which take about a quarter of an hour for 200
evaluations; with the defaults, a small perceptron instead, that is a second (see the surrogate).
Departures: the paper compresses a given network, and its first step knows that network alone; here
the first architectures are random. An improvement is one over the best of all that was told, as
the paper writes it; in its code it is over the best of the kernel's half. The kernels of a step
share their candidates, and one that favours what another has named goes on to its next best. No
architecture is evaluated twice.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import ndtr

from nasbench_suite.core import Arch, Floats
from nasbench_suite.settings import MANY, at_least
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies._model_based import ModelBased
from nasbench_suite.surrogates.embedding_gp import EmbeddingGp


def expected_improvement(mean: Floats, std: Floats, best: float) -> Floats:
    """Return by how much values of normal laws exceed the best so far, 0 where they do not."""
    ahead = (mean - best) / std
    density = np.exp(-0.5 * np.square(ahead)) / np.sqrt(2 * np.pi)
    improvement: Floats = std * (ahead * ndtr(ahead) + density)
    return improvement


class EmbeddingBo(ModelBased):
    """Asks what several Gaussian processes on learned embeddings expect the most of."""

    presets: ClassVar = {
        "paper": {
            "initial": 8,
            "kernels": 8,
            "candidates": 1000,
            "share": 0.5,
            "encoder": "lstm",
            "layers": 4,
            "width": 64,
            "iterations": 100,
            "learning_rate": 0.001,
            "length_scale": 0.1,
            "noise": 0.05,
        }
    }

    def __init__(
        self,
        space: Space,
        *,
        rng: np.random.Generator,
        initial: int = 8,
        kernels: int = 8,
        candidates: int = 1000,
        share: float = 0.5,
        encoder: str = "perceptron",
        encoding: str = "path",
        layers: int = 2,
        width: int = 32,
        iterations: int = 10,
        learning_rate: float = 0.02,
        length_scale: float = 1.0,
        noise: float = 0.05,
    ) -> None:
        """Begin with `initial` random architectures.

        Args:
            space: the space to search.
            rng: where every random number comes from.
            initial: how many architectures are drawn at random.
            kernels: how many Gaussian processes are trained for a step, and so how many
                architectures are evaluated in it.
            candidates: how many architectures are drawn for a step to choose from.
            share: of what was told, as the settings below one of the surrogate `embedding_gp`.
            encoder: `perceptron` or `lstm`.
            encoding: of what the perceptron reads.
            layers: of the encoder.
            width: of each layer.
            iterations: of its training.
            learning_rate: of its training.
            length_scale: of the kernel.
            noise: the variance of a measurement, as a share of the variance of all.
        """
        super().__init__(space, rng=rng, initial=initial, batch=at_least("kernels", kernels, 1))
        self._candidates = at_least("candidates", candidates, 1, MANY)
        self._model = EmbeddingGp(
            space,
            members=kernels,
            share=share,
            encoder=encoder,
            encoding=encoding,
            layers=layers,
            width=width,
            iterations=iterations,
            learning_rate=learning_rate,
            length_scale=length_scale,
            noise=noise,
        )

    def _choose(self) -> list[Arch]:
        drawn = [self.space.sample(self.rng) for _ in range(self._candidates)]
        pool = [arch for arch in dict.fromkeys(drawn) if arch not in self._fresh.seen]
        if not pool:
            return []
        self._model.fit(self._archs, self._scores, self.rng)
        means, stds = self._model.predict_members(pool)
        chosen: list[int] = []
        for hopes in expected_improvement(means, stds, max(self._scores))[: len(pool)]:
            hopes[chosen] = -np.inf
            chosen.append(int(hopes.argmax()))
        return [pool[place] for place in chosen]
