"""What every surrogate is: a model that predicts a metric of architectures, with an uncertainty.

One implementation serves inside a strategy and in place of a table. Models are saved as plain
arrays, never as a pickle, and loading one executes nothing.
"""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.core import (
    Arch,
    DamagedInput,
    DataNotFound,
    Floats,
    InvalidSetting,
    NasbenchError,
)
from nasbench_suite.files import write_whole
from nasbench_suite.settings import complete, one_of
from nasbench_suite.spaces.base import Space

MODEL: Final = "model.npz"
"""The file that `save` writes into a folder."""

_FORMAT: Final = "nasbench-surrogate-1"
_ABOUT: Final = "about"

# What reading a damaged model runs into; unknown ways to compress are runtime errors.
_DAMAGE: Final = (
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    OverflowError,
    RuntimeError,
    OSError,
    BadZipFile,
    NasbenchError,
)

# Values are fitted up to this size.
_LARGEST: Final = 1e100

# What a constructor is given; its other parameters are settings.
_GIVEN: Final = frozenset({"space"})


def encoding_of(space: Space, encoding: str) -> str:
    """Return an encoding of a space, `one_hot` in place of `path` where it has no paths.

    Raises:
        InvalidSetting: the space has no such encoding.
    """
    chosen = one_of("encoding", encoding, dict.fromkeys((*space.encodings, "path")))
    return chosen if chosen in space.encodings else "one_hot"


class NotFitted(NasbenchError, RuntimeError):
    """A surrogate was asked to predict before it was fitted or loaded."""


class Surrogate(ABC):
    """Predicts a metric of the architectures of one space.

    A subclass writes `_fit`, `_predict`, `_state` and `_restore`. Its settings are the keyword
    arguments of its `__init__` after `space`, which it hands to `super().__init__` as well.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Settings that go together, by name: `paper` for those of the paper."""

    def __init__(self, space: Space, **settings: Any) -> None:
        """Begin unfitted, for architectures of `space`."""
        self.space: Final = space
        self._settings: Final = settings
        self._fitted = False

    @classmethod
    def settings(cls, given: Mapping[str, Any] | str | None = None) -> dict[str, Any]:
        """Return all settings with their values: those given or of the preset, else the defaults.

        Raises:
            UnknownName: a setting or preset is given that the family does not have.
        """
        return complete(cls, given, _GIVEN)

    def fit(
        self, archs: Sequence[Arch], y: Sequence[float] | Floats, rng: np.random.Generator
    ) -> Self:
        """Learn from measured architectures, and forget what was learned before.

        Args:
            archs: valid architectures of the space, (n,) with n of at least 2.
            y: the metric of each, (n,), in whatever unit predictions are to have.
            rng: where every random number comes from.

        Raises:
            InvalidArchitecture: one is not of the space; the message says which and why.
            InvalidSetting: there are fewer than 2, their numbers differ, or a value is not a
                finite number; the message says which.
        """
        checked = self._checked(archs)
        try:
            values = np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidSetting(f"the values to fit are not all numbers: {error}") from None
        if len(checked) < 2 or values.shape != (len(checked),):
            raise InvalidSetting(
                f"{len(checked)} architectures and values of shape {values.shape}: a surrogate is "
                "fitted to at least 2, each with one value"
            )
        # Squares of larger ones are no numbers.
        odd = np.flatnonzero(~(np.abs(values) < _LARGEST))
        if len(odd):
            raise InvalidSetting(
                f"value {odd[0]} is {values[odd[0]]}: finite numbers below {_LARGEST:g} are fitted"
            )
        self._fit(checked, values, rng)
        self._fitted = True
        return self

    def predict(self, archs: Sequence[Arch]) -> tuple[Floats, Floats]:
        """Return the expected metric of architectures and its standard deviation, each (n,).

        Raises:
            NotFitted: `fit` or `load` comes first.
            InvalidArchitecture: one is not of the space; the message says which and why.
        """
        if not self._fitted:
            raise NotFitted(f"{type(self).__name__} predicts after it was fitted or loaded")
        if not len(archs):
            return np.empty(0), np.empty(0)
        return self._predict(self._checked(archs))

    def _checked(self, archs: Sequence[Arch]) -> list[Arch]:
        """Return architectures as plain tuples.

        Raises:
            InvalidArchitecture: one is not of the space.
        """
        fault = self.space.fault
        # What a strategy hands over is plain already; others may give lists or numpy's numbers.
        return [
            arch if type(arch) is tuple and fault(arch) is None else self.space.check(arch)
            for arch in archs
        ]

    def save(self, folder: Path | str) -> Path:
        """Write the model into a folder as `model.npz`, plain arrays, and return the file.

        The same model gives the same bytes.

        Raises:
            NotFitted: there is nothing to save.
            OutputError: it cannot be written.
        """
        if not self._fitted:
            raise NotFitted(f"{type(self).__name__} is saved after it was fitted")
        about = {
            "format": _FORMAT,
            "family": type(self).__name__,
            "space": self.space.name,
            "settings": self._settings,
        }
        content = io.BytesIO()
        arrays = {_ABOUT: np.array(json.dumps(about, sort_keys=True)), **self._state()}
        save: Callable[..., None] = np.savez
        save(content, **arrays)
        path = Path(folder) / MODEL
        write_whole(path, content.getvalue())
        return path

    @classmethod
    def load(cls, folder: Path | str, space: Space) -> Self:
        """Return the model that `save` wrote into a folder.

        Raises:
            DataNotFound: there is no model.
            DamagedInput: the file is damaged, or holds a model of another family or space.
        """
        path = Path(folder) / MODEL
        try:
            # Read here, because numpy does not close a damaged file.
            with np.load(io.BytesIO(path.read_bytes())) as stored:
                arrays: dict[str, NDArray[Any]] = {name: stored[name] for name in stored.files}
            about = json.loads(str(arrays.pop(_ABOUT)))
            for what, expected in (
                ("format", _FORMAT),
                ("family", cls.__name__),
                ("space", space.name),
            ):
                if about[what] != expected:
                    raise ValueError(f"its {what} is {about[what]!r}, not {expected!r}")
            if not all(np.isfinite(array).all() for array in arrays.values()):
                raise ValueError("it holds numbers that are not finite")
            model = cls(space, **about["settings"])
            model._restore(arrays)
        except FileNotFoundError:
            raise DataNotFound(f"{folder} holds no model: it has no {MODEL}") from None
        except _DAMAGE as error:
            raise DamagedInput(f"{path} is no model of {cls.__name__}: {error}") from None
        model._fitted = True
        return model

    @abstractmethod
    def _fit(self, archs: Sequence[Arch], y: Floats, rng: np.random.Generator) -> None: ...

    @abstractmethod
    def _predict(self, archs: Sequence[Arch]) -> tuple[Floats, Floats]: ...

    @abstractmethod
    def _state(self) -> dict[str, NDArray[Any]]:
        """Return all that was learned, as arrays by name."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `_state` returned, or arrays of finite numbers that say they are it.

        Raises:
            KeyError, ValueError: an array is missing or of another shape.
        """
