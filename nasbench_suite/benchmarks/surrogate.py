"""A fitted surrogate in place of a table: the same questions, about a whole space.

Everything it answers is predicted, and its records say so, with a standard deviation and whether
the architecture lies outside what was seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench_suite import registry
from nasbench_suite.benchmarks.asking import genes_of
from nasbench_suite.core import (
    Arch,
    Floats,
    Metric,
    NotMeasured,
    Protocol,
    Question,
    Record,
    Seed,
    UnknownName,
    shown,
    whole,
)
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates import fitted
from nasbench_suite.surrogates.base import MODEL, Surrogate

_KEPT: Final = 1 << 17
"""How many answers are remembered: scoring asks again what a search has asked."""
_TOGETHER: Final = 500
"""How many are predicted at once: what is in between stays in a fast memory."""


class _Answer(NamedTuple):
    mean: float
    std: float


class SurrogateBenchmark:
    """What fitted models predict of the architectures of one space on one task."""

    source: Final = "surrogate"
    covers_space: Final = True

    def __init__(self, folder: Path, card: dict[str, Any] | None = None) -> None:
        """Open a fitted surrogate; models are read when they are asked first.

        Args:
            folder: where it lies.
            card: its card, where it was read already.

        Raises:
            DataNotFound, DamagedInput: the card is missing or damaged, or the table that was fitted
                is not the installed one.
        """
        self.folder = folder
        self.card = fitted.read_card(folder) if card is None else card
        fitted.check_table(folder, self.card)
        self.name: str = self.card["name"]
        self.task: str = self.card["task"]
        self.reported: str = self.card["reported"]
        self.space: Space = registry.load("spaces", self.card["space"])
        self.benchmark = f"{self.card['space']}/{self.task}"
        self._predictors = {
            (found.metric, found.epochs): found for found in fitted.predictors(folder, self.card)
        }
        longest = sorted(self._predictors.items(), key=lambda item: _length(item[0][1]))
        # Without epochs the longest training is meant.
        self._asked = {(metric, None): found for (metric, _), found in longest} | self._predictors
        self._models: dict[Path, Surrogate] = {}
        self._answer = lru_cache(maxsize=_KEPT)(self._ask)

    @classmethod
    def open(cls, surrogate: str | Path) -> SurrogateBenchmark:
        """Open a fitted surrogate by its name or folder.

        Raises:
            UnknownName: there is none of this name.
            DataNotFound, DamagedInput: see the constructor.
        """
        return cls(surrogate if isinstance(surrogate, Path) else fitted.find(surrogate))

    def __repr__(self) -> str:
        return f"<SurrogateBenchmark {self.benchmark}: {self.space.size:,} architectures>"

    # What there is to ask.

    @cached_property
    def data(self) -> str:
        """The sha256 of all that an answer depends on: models, noise, and what a search may see."""
        answers = [one._replace(folder=Path()) for one in self._predictors.values()]
        told = [self.card["files"], answers, self.card["protocols"]]
        return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics that are predicted, by name."""
        try:
            return {
                entry["name"]: Metric(
                    entry["name"],
                    entry["unit"],
                    entry["direction"],
                    entry.get("split"),
                    entry["description"],
                )
                for entry in self.card["metrics"]
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise fitted.damaged(self.folder, error) from None

    @cached_property
    def protocols(self) -> dict[str, Protocol]:
        """How a search may ask, by name."""
        try:
            return {
                name: Protocol.read(name, entry) for name, entry in self.card["protocols"].items()
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise fitted.damaged(self.folder, error) from None

    def protocol(self, name: str) -> Protocol:
        """Return the protocol of a name.

        Raises:
            UnknownName: there is none of this name.
        """
        if name not in self.protocols:
            raise UnknownName("protocol", name, self.protocols, f" on {self.benchmark}")
        return self.protocols[name]

    def epochs(self, metric: str) -> tuple[int | None, ...]:
        """Return the epochs after which a metric is predicted, ascending; `(None,)` if it has none.

        Raises:
            UnknownName: there is no such metric.
        """
        if metric not in self.metrics:
            raise UnknownName("metric", metric, self.metrics, f" on {self.benchmark}")
        return tuple(sorted((at for name, at in self._predictors if name == metric), key=_length))

    # The query.

    def query(
        self,
        arch: str | int | Sequence[int],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: int | str | np.random.Generator = "mean",
    ) -> float:
        """Return what is predicted of an architecture.

        Args:
            arch: its string, its number in the space, or its genes.
            metric: the name of a metric; the reported one if not given.
            epochs: one of the lengths that are predicted; the longest if not given.
            seed: `"mean"` for what trainings have on average; a whole number for that of one
                training, which is the mean and what the noise model draws for this number, always
                the same; or a generator that draws. Where there is no noise model, always the mean.

        Returns:
            A float in the metric's unit.

        Raises:
            InvalidArchitecture: the architecture is not of the space.
            NotMeasured: nothing is predicted after these epochs, or `seed` is `"all"`.
            UnknownName: there is no such metric.
            DamagedInput: the file of the model is damaged, missing, or not the card's.
        """
        predictor = self._predictor(metric, epochs)
        genes = genes_of(arch, self.space)
        return self._drawn(predictor, genes, self._answer(predictor, genes).mean, seed)

    def query_many(
        self,
        archs: Sequence[Any] | NDArray[Any],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Seed = "mean",
    ) -> Floats:
        """Return what is predicted of many architectures, (n,); arguments and errors as `query`."""
        predictor = self._predictor(metric, epochs)
        listed = _listed(archs)
        plain = isinstance(seed, str) and seed == "mean"
        if plain and isinstance(listed, list) and set(map(type, listed)) == {tuple}:
            # The model checks genes, and many at once faster than one by one.
            genes = listed
        else:
            genes = [genes_of(arch, self.space) for arch in listed]
        mean, _ = self._predict(predictor, genes)
        if plain:
            return mean
        pairs = zip(genes, mean.tolist(), strict=True)
        return np.array([self._drawn(predictor, arch, value, seed) for arch, value in pairs])

    def record(
        self,
        arch: str | int | Sequence[int],
        metric: str | None = None,
        *,
        epochs: int | None = None,
        seed: Seed = "mean",
    ) -> Record:
        """Return what `query` returns, with everything that was used to answer.

        Raises:
            As `query`.
        """
        predictor = self._predictor(metric, epochs)
        genes = genes_of(arch, self.space)
        mean, std = self._answer(predictor, genes)
        described = self.metrics[predictor.metric]
        return Record(
            benchmark=self.benchmark,
            architecture=self.space.format(genes),
            metric=predictor.metric,
            unit=described.unit,
            split=described.split,
            epochs=predictor.epochs,
            seed="drawn" if isinstance(seed, np.random.Generator) else seed,
            runs=None,
            source="predicted",
            value=self._drawn(predictor, genes, mean, seed),
            std=std,
            outside=self._seen.outside([genes])[0],
        )

    # What is true of all of the space.

    def best(self, question: Question) -> None:
        """Return None: the best of the space is not known."""

    def worst(self, question: Question) -> None:
        """Return None: the worst of the space is not known, and no training fails."""

    def average(self, question: Question) -> float:
        """Return what a random architecture is expected to have, as the card says.

        Raises:
            UnknownName, NotMeasured: as `query`.
        """
        return self._predictor(question.metric, question.epochs).average

    # How it is done.

    @cached_property
    def _seen(self) -> fitted.Seen:
        fitted.check_file(self.folder, self.card, self.folder / fitted.SEEN)
        return fitted.Seen.read(self.folder, self.space)

    def _predictor(self, metric: str | None, epochs: int | None) -> fitted.Predictor:
        name = metric or self.reported
        try:
            return self._asked[name, epochs]
        except (KeyError, TypeError):
            lengths = self.epochs(name)
        known = ", ".join(str(at) for at in lengths if at is not None)
        raise NotMeasured(
            f"{name} after {shown(epochs)} epochs is not predicted on {self.benchmark}: "
            + (f"after {known} it is" if known else "it does not depend on epochs, ask without")
        )

    def _ask(self, predictor: fitted.Predictor, genes: Arch) -> _Answer:
        mean, std = self._predict(predictor, [genes])
        return _Answer(float(mean[0]), float(std[0]))

    def _predict(self, predictor: fitted.Predictor, archs: list[Arch]) -> tuple[Floats, Floats]:
        model = self._models.get(predictor.folder)
        if model is None:
            # One of another metric has the right form too, and would answer for this one.
            fitted.check_file(self.folder, self.card, predictor.folder / MODEL)
            model = self._models[predictor.folder] = predictor.model(self.space)
        mean, std = model.predict_in_parts(archs, _TOGETHER)
        return mean * predictor.factor, std * predictor.factor

    def _drawn(self, predictor: fitted.Predictor, genes: Arch, mean: float, seed: Any) -> float:
        """Return the mean, or what a training of this seed has."""
        if seed == "mean":
            return mean
        if isinstance(seed, np.random.Generator):
            draw = float(seed.standard_normal())
        elif (number := whole(seed)) is not None and number >= 0:
            # Networks that are the same have the same trainings, however they are written.
            text = "-".join(map(str, self.space.canonical(genes)))
            draw = fitted.draw_of(self.benchmark, predictor.metric, predictor.epochs, text, number)
        else:
            raise NotMeasured(
                f"seed {shown(seed)}: of a prediction there is the mean, and one training for each "
                "number from 0 on"
            )
        return mean if predictor.noise is None else predictor.noise.drawn(mean, draw)


def _length(epochs: int | None) -> int:
    return 0 if epochs is None else epochs


def _listed(archs: Sequence[Any] | NDArray[Any]) -> Sequence[Any]:
    """Return architectures as a list whose genes are plain numbers."""
    if isinstance(archs, np.ndarray):
        listed = archs.tolist()
        return [tuple(arch) for arch in listed] if archs.ndim == 2 else listed
    return archs
