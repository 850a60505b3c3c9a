"""How networks that read graphs are trained: the one place of the surrogates where torch is.

No strategy's default comes this way, and no prediction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import numpy as np

from nasbench_suite.core import Floats, Ints, MissingExtra
from nasbench_suite.spaces.base import Dags
from nasbench_suite.surrogates._graph_networks import Graphs, Shape, answer

# Which part of the steps the rate rises; then it falls along a cosine.
_WARM: Final = 0.1


class Plan(NamedTuple):
    """How networks learn."""

    epochs: int
    batch: int
    """Of how many graphs a step's gradient is."""
    rate: float
    """Of learning, at its highest."""
    decay: float
    """Of weights."""


def train(
    shape: Shape,
    dags: Dags,
    columns: Floats,
    targets: Floats,
    parts: Sequence[Ints],
    plan: Plan,
    rng: np.random.Generator,
) -> Floats:
    """Return the parameters of networks that have learned, (members, parameters).

    They minimise the mean squared error with AdamW (Loshchilov and Hutter, "Decoupled Weight Decay
    Regularization", ICLR 2019), all side by side. Every random number is drawn from `rng`, none by
    torch, and one thread adds up in one order, so that the same generator gives the same bytes.

    Args:
        shape: of the networks.
        dags: what is read.
        columns: what else is known of each graph, (graphs, columns).
        targets: of each graph, (graphs,).
        parts: which graphs each member sees. An epoch is as long as the shortest part.
        plan: how they learn.
        rng: where initial weights and orders come from.

    Raises:
        MissingExtra: torch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtra("the surrogate gin", "train") from None
    with _alone():
        initial = shape.drawn(len(parts), rng).astype(np.float32)
        parameters = torch.from_numpy(initial).requires_grad_()
        # Whole numbers take less room than what networks read, which is made of a batch at a time.
        kinds, edges = torch.from_numpy(dags.kinds)[..., None], torch.from_numpy(dags.edges)
        every = torch.from_numpy(np.arange(shape.kinds))
        known, goal = (torch.from_numpy(x.astype(np.float32)) for x in (columns, targets))
        optimiser = torch.optim.AdamW([parameters], lr=plan.rate, weight_decay=plan.decay)
        size = min(map(len, parts))
        starts = range(0, size, plan.batch)
        steps = plan.epochs * len(starts)
        for epoch in range(plan.epochs):
            order = np.array([rng.permutation(part)[:size] for part in parts])
            for number, start in enumerate(starts):
                done = (epoch * len(starts) + number + 1) / steps
                optimiser.param_groups[0]["lr"] = plan.rate * _share(done)
                picks = torch.from_numpy(order[:, start : start + plan.batch])
                batch = Graphs((kinds[picks] == every).float(), edges[picks].float(), known[picks])
                errors = answer(shape, parameters, batch) - goal[picks]
                optimiser.zero_grad()
                errors.square().mean(dim=1).sum().backward()
                # It keeps its count of steps on the device that the caller prefers.
                with torch.device("cpu"):
                    optimiser.step()
        return parameters.detach().numpy().astype(np.float64)


def _share(done: float) -> float:
    """Return which part of its highest value the rate is, when a part of the steps is done."""
    return float(min(done / _WARM, 1.0) * 0.5 * (1 + np.cos(np.pi * done)))


@contextmanager
def _alone() -> Iterator[None]:
    """Let torch use one thread and find gradients, whatever it did before and does afterwards."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(threads)
