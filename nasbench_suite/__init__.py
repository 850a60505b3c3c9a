"""Neural architecture search benchmarks: look up, compare, verify, submit.

    from nasbench_suite import load
    load("nasbench201/cifar10").query(6111)        # 94.37: test accuracy after 200 epochs, %

Every name here is imported when it is first used, so that a query loads nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nasbench_suite import registry as registry
    from nasbench_suite.benchmarks import load as load
    from nasbench_suite.core import Budget as Budget
    from nasbench_suite.experiments.compare import compare as compare
    from nasbench_suite.experiments.experiment import open_experiment as open_experiment
    from nasbench_suite.experiments.run import run as run
    from nasbench_suite.reports.report import report as report
    from nasbench_suite.scoring.summary import summarise as summarise
    from nasbench_suite.tables.pack import pack as pack
    from nasbench_suite.tables.store import Table as Table

_HOMES: Final = {
    "Budget": "core",
    "Table": "tables.store",
    "compare": "experiments.compare",
    "load": "benchmarks",
    "open_experiment": "experiments.experiment",
    "pack": "tables.pack",
    "report": "reports.report",
    "run": "experiments.run",
    "summarise": "scoring.summary",
}

__all__ = [
    "Budget",
    "Table",
    "compare",
    "load",
    "open_experiment",
    "pack",
    "registry",
    "report",
    "run",
    "summarise",
]


def __getattr__(name: str) -> Any:
    if name == "registry":
        return importlib.import_module("nasbench_suite.registry")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
