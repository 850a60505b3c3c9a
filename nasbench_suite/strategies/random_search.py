"""Random search: every architecture is drawn anew from the space.

Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019,
section 3, without weight sharing. Repeats are allowed, as in NATS-Bench's baseline.
"""

from __future__ import annotations

from nasbench_suite.core import Proposal
from nasbench_suite.strategies.base import Strategy


class RandomSearch(Strategy):
    """Draws architectures as the space samples them, and learns nothing."""

    def _ask(self) -> Proposal:
        return Proposal(self.space.sample(self.rng))
