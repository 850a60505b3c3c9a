"""Graph isomorphism networks on the graph of an architecture.

Xu et al., "How Powerful are Graph Neural Networks?", ICLR 2019; as a predictor, Zela et al.,
"Surrogate NAS Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS Benchmarks", ICLR
2022 (NAS-Bench-301), section 4. What the networks are, and how they depart from the paper, says
`_graph_networks`.

What is read is the space's own graph, `Space.dags`: its operations, and which reads which. In
spaces of chains, and of vectors, that is a node for each gene, in a row, and the network knows no
more of them than the genes. A space that is a list, and knows of no graph, is refused.

Members are kept from a part of the data each, as other ensembles here are (`_folds`). Training
needs torch, which is the extra `train`; a model that was stored predicts without it.

Defaults were chosen on NAS-Bench-201's test accuracy on CIFAR-10, where Kendall's tau on 2,000
other cells is 0.819 from 100, 0.895 from 400 and 0.921 from 1,000 (mean of five trials). Two or
four layers and ten members are within 0.005 of them, and from 100 longer training adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Arch, Floats, InvalidSetting, NoNetwork
from nasbench_suite.settings import MANY, at_least, between, one_of, share_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import ENCODING, features, stored
from nasbench_suite.surrogates._folds import MEMBERS, Spread
from nasbench_suite.surrogates._graph_networks import Shape, answer, read
from nasbench_suite.surrogates._graph_training import Plan, train
from nasbench_suite.surrogates._networks import LAYERS
from nasbench_suite.surrogates._scales import Standard
from nasbench_suite.surrogates._targets import TARGETS, Target
from nasbench_suite.surrogates.base import (
    Choice,
    Real,
    Surrogate,
    Whole,
    check_size,
    encodings_of,
)

# How many architectures are predicted at once: what lies in a fast memory is computed faster.
_CHUNK: Final = 100


class Gin(Surrogate):
    """Several networks that read graphs; the mean of what they say is the prediction."""

    reads_extra: ClassVar = True
    tuned: ClassVar = {
        "layers": Whole(1, 6),
        "width": Whole(8, 128, log=True),
        "epochs": Whole(30, 300, log=True),
        "batch": Whole(8, 128, log=True),
        "learning_rate": Real(0.001, 0.05),
        "weight_decay": Real(0.001, 1.0),
        "target": Choice(TARGETS),
    }

    def __init__(
        self,
        space: Space,
        *,
        members: int = 5,
        layers: int = 3,
        width: int = 32,
        epochs: int = 100,
        batch: int = 32,
        learning_rate: float = 0.01,
        weight_decay: float = 0.3,
        target: str = "auto",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted; it has graphs of them.
            members: how many networks there are, and parts of the data.
            layers: how far along edges a node sees.
            width: how many numbers a node is after each layer.
            epochs: how often each network sees its data.
            batch: of how many architectures a step's gradient is.
            learning_rate: of AdamW, at its highest.
            weight_decay: of AdamW; a step takes so much of the rate from each weight.
            target: on which scale the metric is learned, one of `TARGETS`.

        Raises:
            InvalidSetting: a setting is out of range, or the space has no graphs.
        """
        super().__init__(
            space,
            members=members,
            layers=layers,
            width=width,
            epochs=epochs,
            batch=batch,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            target=target,
        )
        self._members = at_least("members", members, 2, MEMBERS)
        self._layers = at_least("layers", layers, 1, LAYERS)
        self._width = at_least("width", width, 1)
        self._epochs = at_least("epochs", epochs, 1, MANY)
        self._batch = at_least("batch", batch, 1)
        self._rate = between("learning_rate", learning_rate, 0.0, 1.0)
        self._decay = share_of("weight_decay", weight_decay, zero=True)
        self._target_kind = one_of("target", target, TARGETS)
        try:
            self._kinds = space.dags([]).choices
        except NoNetwork as error:
            raise InvalidSetting(
                f"{error}, and gin reads nothing else; take a family of features, such as xgboost"
            ) from None
        self._shape_for(0)
        self._target: Target
        self._standard: Standard
        self._spread: Spread
        self._parameters: Floats

    def _shape_for(self, columns: int) -> Shape:
        """Return the shape of networks that read so many further columns.

        Raises:
            InvalidSetting: they do not fit into the memory.
        """
        shape = Shape(self._kinds, columns, self._layers, self._width)
        check_size(self._members * shape.parameters)
        return shape

    def _fit(
        self, archs: Sequence[Arch], extra: Floats, y: Floats, rng: np.random.Generator
    ) -> None:
        x = features(self.space, encodings_of(self.space, ENCODING), archs, extra)
        self._target = Target.of(y, self._target_kind, x)
        z = self._target.learned(y)
        self._standard = Standard.of(extra)
        fold = rng.permutation(len(z)) % self._members
        self._parameters = train(
            self._shape_for(extra.shape[1]),
            self.space.dags(archs),
            self._standard.standardise(extra),
            z,
            [np.flatnonzero(fold != member) for member in range(self._members)],
            Plan(self._epochs, self._batch, self._rate, self._decay),
            rng,
        )
        each = self._each(archs, extra)
        unseen = each[fold, np.arange(len(z))]
        self._spread = Spread.of(z - unseen, each.var(axis=0))

    def _each(self, archs: Sequence[Arch], extra: Floats) -> Floats:
        """Return what each member predicts, (members, n)."""
        shape = self._shape_for(extra.shape[1])
        columns = self._standard.standardise(extra)
        found = []
        for at in range(0, len(archs), _CHUNK):
            dags = self.space.dags(archs[at : at + _CHUNK])
            found.append(answer(shape, self._parameters, read(dags, columns[at : at + _CHUNK])))
        each: Floats = np.concatenate(found, axis=1)
        return each

    def _predict(self, archs: Sequence[Arch], extra: Floats) -> tuple[Floats, Floats]:
        each = self._each(archs, extra)
        std = self._spread.std(each.var(axis=0))
        return self._target.restored(each.mean(axis=0), std)

    def _state(self) -> dict[str, NDArray[Any]]:
        own = {
            "target": self._target.stored(),
            "spread": np.array(self._spread),
            "parameters": self._parameters.astype(np.float32),
        }
        # Of no columns there is nothing to store.
        return {**own, "standard": np.array(self._standard)} if self._columns else own

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._target = Target.restore(arrays["target"])
        if self._columns:
            self._standard = Standard.restore(arrays["standard"], self._columns)
        else:
            self._standard = Standard.of(np.empty((1, 0)))
        self._spread = Spread(*stored(arrays, "spread", 2).tolist())
        count = self._shape_for(self._columns).parameters
        parameters = stored(arrays, "parameters", self._members, count)
        self._parameters = parameters.astype(np.float64)

    def _precision(self, name: str) -> type[np.floating[Any]]:
        # They are learned in single precision.
        return np.float32 if name == "parameters" else super()._precision(name)
