"""What a table knows of a metric, and of what a surrogate may be told beside architectures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from nasbench_suite.core import Arch, Floats, Ints, InvalidSetting
from nasbench_suite.experiments.work import some
from nasbench_suite.surrogates.evaluate import Direction
from nasbench_suite.tables.store import Table

OFFICIAL: Final = "official_split"
"""The metric that numbers the parts of a table's own split."""


@lru_cache(maxsize=4)
def archs_of(table: Table) -> tuple[Arch, ...]:
    """Return the architectures of a table, by row."""
    return tuple(table.space.parse(text) for text in table.frame([table.reported]).index)


def direction_of(table: Table, metric: str) -> Direction:
    """Return whether more of a metric is better; so it counts too where neither is."""
    return "min" if table.metrics[metric].direction == "min" else "max"


class Known(NamedTuple):
    """What a table knows of a metric."""

    table: Table
    archs: list[Arch]
    y: Floats
    direction: Direction
    official: Floats | None
    """The number of the official part of each, or none where the table has no such parts."""
    extra: Floats | None = None
    """Further columns that are known before training, (n, k), or none where none are asked."""

    def told(self, numbers: Ints) -> Floats | None:
        """Return the further columns of architectures, by number, or none where none are asked."""
        return None if self.extra is None else self.extra[numbers]


def known_of(
    table: Table,
    metric: str | None,
    epochs: int | None,
    drop_missing: bool,
    tell: Callable[[str], None] | None,
    extra: Sequence[str] = (),
) -> Known:
    """Return what a table knows of a metric and of further columns, without what it does not know.

    Raises:
        UnknownName, NotMeasured: there is no such column.
        InvalidSetting: architectures without a value are not to be dropped, the metric has no
            epochs and some are asked, or a further column is none that may be told.
    """
    name = metric or table.reported
    if epochs is not None and table.epochs(name) == (None,):
        raise InvalidSetting(f"{name} on {table.benchmark} does not depend on epochs: ask without")
    _check_extra(table, name, extra)
    official = name != OFFICIAL and OFFICIAL in table.metrics
    frame = table.frame([name, *extra], epochs=epochs)
    parts = table.frame([OFFICIAL])[OFFICIAL].to_numpy() if official else None
    values = frame.to_numpy(dtype=np.float64)
    measured = ~np.isnan(values)
    texts = frame.index.to_numpy()
    for column, there in zip(frame, measured.T, strict=True):
        lost = [str(text) for text in texts[~there]]
        if not lost:
            continue
        text = (
            f"{len(lost):,} of {len(values):,} architectures have no {column} on {table.benchmark}"
        )
        if not drop_missing:
            raise InvalidSetting(
                f"{text}: {some(lost)}; to judge on the others, ask to drop what is missing "
                "(--drop-missing)"
            )
        if tell is not None:
            tell(f"left out: {text}: {some(lost)}")
    kept = measured.all(axis=1)
    return Known(
        table,
        [table.space.parse(text) for text in texts[kept]],
        values[kept, 0],
        direction_of(table, name),
        None if parts is None else parts[kept],
        values[kept, 1:] if extra else None,
    )


def _check_extra(table: Table, metric: str, extra: Sequence[str]) -> None:
    """See that columns may be told to what predicts a metric.

    Raises:
        UnknownName: there is no such column.
        InvalidSetting: one is named twice, is what is predicted, or is known after training only.
    """
    if len(set(extra)) < len(extra):
        raise InvalidSetting(f"extra columns are {', '.join(extra)}: name each once")
    for name in extra:
        trained = table.trained(name)
        if name == metric:
            fault = "it is what is predicted"
        elif trained is not None:
            fault = f"only training tells it, for {trained}"
        else:
            continue
        others = [one for one in table.metrics if one != metric and table.trained(one) is None]
        raise InvalidSetting(
            f"{name} is no extra column to learn {metric} from: {fault}; known before training on "
            f"{table.benchmark}: {some(others) or 'nothing but the architecture'}"
        )
