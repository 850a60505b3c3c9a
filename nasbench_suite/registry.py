"""Finds spaces, strategies and surrogates by file name, and those of other packages.

A file `nasbench_suite/strategies/local_search.py` with a class `LocalSearch` is the strategy
`local_search`: the file name is the name, and the class is the name in capitals. Another
package offers its own under the entry-point group `nasbench_suite.strategies` (likewise
`spaces` and `surrogates`); such a name reads `package/name`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from nasbench_suite.core import UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

KINDS: Final = {"spaces": "space", "strategies": "strategy", "surrogates": "surrogate"}
_NOT_A_NAME: Final = frozenset({"base"})


@cache
def _files(kind: str) -> frozenset[str]:
    if kind not in KINDS:
        raise UnknownName("kind of thing", kind, KINDS)
    if importlib.util.find_spec(f"nasbench_suite.{kind}") is None:
        return frozenset()
    package = importlib.import_module(f"nasbench_suite.{kind}")
    found = {m.name for m in pkgutil.iter_modules(package.__path__)} - _NOT_A_NAME
    # What begins with an underscore is shared by several files of the kind.
    return frozenset(name for name in found if not name.startswith("_"))


def _foreign(kind: str) -> dict[str, EntryPoint]:
    # Imported here because it takes longer than to answer a query.
    from importlib.metadata import entry_points

    points = entry_points(group=f"nasbench_suite.{kind}")
    return {f"{p.dist.name if p.dist else '?'}/{p.name}": p for p in points}


def names(kind: str) -> list[str]:
    """Return all names of a kind, sorted; the suite's own first.

    Raises:
        UnknownName: there is no such kind.
    """
    return [*sorted(_files(kind)), *sorted(_foreign(kind))]


@cache
def load_class(kind: str, name: str) -> type[Any]:
    """Return the class of that name; nothing else of its kind is imported.

    Raises:
        UnknownName: there is no such kind or name; near misses are named.
    """
    if not isinstance(name, str):
        raise UnknownName(KINDS.get(kind, "thing"), name, names(kind))
    if name in _files(kind):
        module = importlib.import_module(f"nasbench_suite.{kind}.{name}")
        found: type[Any] = getattr(module, "".join(part.capitalize() for part in name.split("_")))
        return found
    point = _foreign(kind).get(name) if "/" in name else None
    if point is None:
        raise UnknownName(KINDS[kind], name, names(kind))
    foreign: type[Any] = point.load()
    return foreign


@cache
def _instance(kind: str, name: str) -> Any:
    return load_class(kind, name)()


def load(kind: str, name: str) -> Any:
    """Return what a name stands for: of a space the space itself, else the class.

    Spaces take no settings, so there is one of each; strategies and surrogates are classes,
    because each run makes its own.

    Raises:
        UnknownName: there is no such kind or name; near misses are named.
    """
    return _instance(kind, name) if kind == "spaces" else load_class(kind, name)
