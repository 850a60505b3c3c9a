"""Finds spaces, strategies and surrogates by file name, and those of other packages.

A file `nasbench_suite/strategies/local_search.py` with a class `LocalSearch` is the strategy
`local_search`: the file name is the name, and the class is the name in capitals. Another
package offers its own under the entry-point group `nasbench_suite.strategies` (likewise
`spaces` and `surrogates`); such a name reads `package/name`. And a user's own file is named by its
path and class, `./mine.py:MyStrategy`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from functools import cache
from hashlib import sha256
from importlib.abc import ExecutionLoader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nasbench_suite.core import (
    DataNotFound,
    FaultyStrategy,
    InvalidSetting,
    UnknownName,
    raised,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

KINDS: Final = {"spaces": "space", "strategies": "strategy", "surrogates": "surrogate"}
# Files of a kind's folder that are no member of the kind.
_NOT_A_NAME: Final = frozenset({"base", "estimator", "evaluate", "fitted", "splits"})
# Where users' files lay that were run in this process.
_FOLDERS: Final[set[Path]] = set()


class Named(NamedTuple):
    """A class that was asked for by name."""

    kind: type[Any]
    name: str
    """What it is called in logs and reports: without the path of a user's file."""
    address: str
    """The name with which any process of this machine finds it."""
    code: str | None
    """The sha256 of a user's file; None for what is installed."""


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


def is_own(kind: str, name: str) -> bool:
    """Whether a name is that of a member of the suite itself."""
    return name in _files(kind)


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


def find(kind: str, name: str) -> Named:
    """Return the class of a name, or of a user's file: `./mine.py:MyStrategy`.

    Raises:
        UnknownName: there is no such kind or name; near misses are named.
        DataNotFound: there is no such file.
        FaultyStrategy: the file cannot be run; the message says why, and at which line.
    """
    if not isinstance(name, str):
        raise UnknownName(KINDS.get(kind, "thing"), name, names(kind))
    if not is_file(name):
        return Named(load_class(kind, name), name, name, None)
    path, _, wanted = name.rpartition(":")
    try:
        file = Path(path).expanduser().resolve()
        str(file).encode("utf-8")
        code = file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataNotFound(f"cannot read {path}: {reason}") from None
    module = _run(file, code)
    classes = {key: kind for key, kind in vars(module).items() if isinstance(kind, type)}
    if wanted not in classes:
        raise UnknownName("class", wanted, classes, f" in {path}")
    digest = sha256(code).hexdigest()
    return Named(classes[wanted], f"{file.stem}.{wanted}", f"{file}:{wanted}", digest)


def is_file(name: str) -> bool:
    """Return whether a name is that of a class in a user's file.

    Raises:
        InvalidSetting: it names a file, and no class.
    """
    if name.endswith(".py"):
        raise InvalidSetting(f"{name!r} names a file: say which class, as in {name}:MyClass")
    path, colon, _ = name.rpartition(":")
    return bool(colon) and path.endswith(".py") and "\0" not in path


class _Code(ExecutionLoader):
    """Loads a module from the very bytes whose sha256 is noted."""

    def __init__(self, file: Path, code: bytes) -> None:
        self._file, self._code = file, code

    def get_filename(self, fullname: str) -> str:
        return str(self._file)

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._code)


def _check_neighbours(folder: Path) -> None:
    """See that what lies in a folder was not imported under the same name from another user's.

    Raises:
        FaultyStrategy: it was, and a strategy here would be given the other's.
    """
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "")
        home = file.parent.parent if file.name == "__init__.py" else file.parent
        beside = (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists()
        if home in _FOLDERS and home != folder and beside:
            raise FaultyStrategy(
                f"{file} was imported for another strategy, and {folder} holds a {name} too: "
                "give one of them another name, or run the strategies apart"
            )
    _FOLDERS.add(folder)


@cache
def _run(file: Path, code: bytes) -> ModuleType:
    """Return a user's file as a module; one that has changed is another module."""
    _check_neighbours(file.parent)
    # What lies beside it can be imported, and hides nothing that is installed.
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    name = f"{file.stem}_{sha256(code).hexdigest()[:12]}"
    loader = _Code(file, code)
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(file)))
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise FaultyStrategy(f"{file} cannot be run: {raised(error)}") from error
    return module


def load(kind: str, name: str) -> Any:
    """Return what a name stands for: of a space the space itself, else the class.

    Spaces take no settings, so there is one of each; strategies and surrogates are classes,
    because each run makes its own.

    Raises:
        UnknownName: there is no such kind or name; near misses are named.
    """
    return _instance(kind, name) if kind == "spaces" else find(kind, name).kind
