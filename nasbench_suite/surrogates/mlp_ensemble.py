"""An ensemble of multilayer perceptrons on a fixed encoding of the architecture.

White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural
Architecture Search", AAAI 2021, section 4: the members differ in their initial weights and in the
order of their data, the mean of their predictions is the prediction and their standard deviation
its uncertainty. With `share` below 1 each member sees a random part of the data, as the ensemble
of Liu et al., "Progressive Neural Architecture Search", ECCV 2018, section 3.4.

The preset `paper` has the networks of BANANAS: five of ten layers of 20 units, trained with Adam
on the absolute error for 150 epochs. The defaults are two layers of 32 units for 20 epochs of
smaller batches, which rank the cells of NAS-Bench-201 as well as those and train in a tenth of
the time. Targets are standardised, and so are features that are more than indicators. A space
without the encoding `path` is encoded `one_hot`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import Floats
from nasbench_suite.settings import MANY, at_least, between, share_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._features import TUNED, FeatureSurrogate
from nasbench_suite.surrogates._networks import LAYERS, Adam, Perceptrons, take_over
from nasbench_suite.surrogates._scales import Standard
from nasbench_suite.surrogates.base import Real, Whole, check_size


class MlpEnsemble(FeatureSurrogate):
    """Small networks that learn side by side; where they disagree, they do not know."""

    presets: ClassVar = {
        "paper": {
            "members": 5,
            "layers": 10,
            "width": 20,
            "epochs": 150,
            "batch": 32,
            "learning_rate": 0.01,
            "share": 1.0,
            "encoding": "path",
            "target": "raw",
        }
    }
    tuned: ClassVar = {
        "layers": Whole(1, 6),
        "width": Whole(8, 256, log=True),
        "epochs": Whole(10, 200, log=True),
        "batch": Whole(8, 64, log=True),
        "learning_rate": Real(0.001, 0.1),
        "share": Real(0.5, 1.0, log=False),
        **TUNED,
    }

    def __init__(
        self,
        space: Space,
        *,
        members: int = 5,
        layers: int = 2,
        width: int = 32,
        epochs: int = 20,
        batch: int = 16,
        learning_rate: float = 0.01,
        share: float = 1.0,
        encoding: str = "path",
        target: str = "raw",
    ) -> None:
        """Begin unfitted.

        Args:
            space: whose architectures are predicted.
            members: how many networks.
            layers: how many hidden layers each has.
            width: how many units a layer has.
            epochs: how often each sees its data.
            batch: of how many architectures a step's gradient is.
            learning_rate: of Adam.
            share: which part of the data each sees.
            encoding: one of the space's encodings, or several joined by `+`; `path` is `one_hot`
                where the space has no paths.
            target: on which scale the metric is learned.
        """
        super().__init__(
            space,
            members=members,
            layers=layers,
            width=width,
            epochs=epochs,
            batch=batch,
            learning_rate=learning_rate,
            share=share,
            encoding=encoding,
            target=target,
        )
        self._members = at_least("members", members, 2)
        self._hidden = [at_least("width", width, 1)] * at_least("layers", layers, 0, LAYERS)
        self._epochs = at_least("epochs", epochs, 1, MANY)
        self._batch = at_least("batch", batch, 1)
        self._rate = between("learning_rate", learning_rate, 0.0, 1.0)
        self._share = share_of("share", share)
        self._sizes_for(self._width())
        self._networks: Perceptrons
        self._standard: Standard

    def _sizes_for(self, width: int) -> tuple[int, ...]:
        """Return the sizes of layers that read so many features.

        Raises:
            InvalidSetting: the networks do not fit into the memory.
        """
        sizes = (width, *self._hidden, 1)
        check_size(self._members * Perceptrons.count(sizes))
        return sizes

    def _learn(self, x: Floats, z: Floats, rng: np.random.Generator) -> None:
        self._standard = Standard.of_counts(x)
        x = self._standard.standardise(x)
        self._networks = Perceptrons(self._members, self._sizes_for(x.shape[1]), rng)
        adam = Adam(self._networks.parameters, self._rate)
        every = np.tile(np.arange(len(z)), (self._members, 1))
        part = rng.permuted(every, axis=1)[:, : max(2, round(self._share * len(z)))]
        for _ in range(self._epochs):
            order = rng.permuted(part, axis=1)
            for start in range(0, order.shape[1], self._batch):
                picks = order[:, start : start + self._batch]
                found = self._networks.forward(x[picks])
                # The slope of the mean absolute error.
                slope = np.sign(found[-1] - z[picks][:, :, None]) / picks.shape[1]
                adam.descend(self._networks.backward(found, slope))

    def _answer(self, x: Floats) -> tuple[Floats, Floats]:
        found = self._networks.forward(self._standard.standardise(x))[-1][:, :, 0]
        return found.mean(axis=0), found.std(axis=0)

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"parameters": self._networks.parameters, "standard": np.array(self._standard)}

    def _take(self, arrays: Mapping[str, NDArray[Any]], width: int) -> None:
        self._standard = Standard.restore(arrays["standard"], width)
        sizes = self._sizes_for(width)
        self._networks = Perceptrons(self._members, sizes, np.random.default_rng(0))
        take_over(self._networks.parameters, arrays["parameters"])
