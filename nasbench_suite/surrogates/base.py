"""What every surrogate is: a model that predicts a metric of architectures, with an uncertainty.

One implementation serves inside a strategy and in place of a table. Models are saved as plain
arrays, never as a pickle, and loading one executes nothing.
"""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self
from zipfile import ZipFile

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
from nasbench_suite.settings import MANY, at_least, between, complete, one_of
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates._calibration import FEWEST as FEWEST
from nasbench_suite.surrogates._calibration import stretch
from nasbench_suite.surrogates._inputs import LARGEST as LARGEST
from nasbench_suite.surrogates._inputs import columns_of, values_of
from nasbench_suite.surrogates._ranges import Choice as Choice
from nasbench_suite.surrogates._ranges import Encodings as Encodings
from nasbench_suite.surrogates._ranges import Range as Range
from nasbench_suite.surrogates._ranges import Real as Real
from nasbench_suite.surrogates._ranges import Whole as Whole

MODEL: Final = "model.npz"
"""The file that `save` writes into a folder."""

_FORMAT: Final = "nasbench-surrogate-1"
_ABOUT: Final = "about"

# Networks have no more parameters than this, all together; training holds several arrays of them.
_MOST: Final = 20_000_000

# So many architectures are checked faster all at once than one by one.
_MANY: Final = 16

# What a constructor is given; its other parameters are settings.
_GIVEN: Final = frozenset({"space"})


def encoding_of(space: Space, encoding: str) -> str:
    """Return an encoding of a space; `path`, `features` or `one_hot` where it lacks `live`.

    So it is with `path`: a pool has no paths, and indicators of its one gene say nothing of what
    is alike.

    Raises:
        InvalidSetting: the space has no such encoding.
    """
    chosen = one_of("encoding", encoding, dict.fromkeys((*space.encodings, "live", "path")))
    kinds = (chosen, "path", "features", "one_hot")
    return next(kind for kind in kinds if kind in space.encodings)


def encodings_of(space: Space, encoding: str) -> tuple[str, ...]:
    """Return the encodings of a space that a setting names: one, or several joined by `+`.

    Raises:
        InvalidSetting: the space has no such encoding.
    """
    # What is no word is refused by name.
    named = str(encoding).split("+")
    return tuple(dict.fromkeys(encoding_of(space, name) for name in named))


def check_size(parameters: int) -> None:
    """See that networks of so many parameters, all together, fit into the memory.

    Raises:
        InvalidSetting: they do not.
    """
    if parameters > _MOST:
        raise InvalidSetting(
            f"members, layers and width make networks of {parameters:,} parameters: set them "
            f"smaller, so that there are at most {_MOST:,}"
        )


def finite_only(mean: Floats, std: Floats) -> tuple[Floats, Floats]:
    """Return predictions as they are.

    Raises:
        Diverged: one is no finite number.
    """
    # No sum is finite of what is not.
    if not np.isfinite(mean + std).all():
        raise Diverged(
            "the surrogate predicts what is no finite number: its training diverged; set a "
            "smaller learning rate, or fewer layers"
        )
    return mean, std


class Diverged(NasbenchError, ArithmeticError):
    """A surrogate predicts something else than finite numbers."""


class NotFitted(NasbenchError, RuntimeError):
    """A surrogate was asked to predict before it was fitted or loaded."""


class Surrogate(ABC):
    """Predicts a metric of the architectures of one space.

    A subclass writes `_fit`, `_predict`, `_state` and `_restore`. Its settings are the keyword
    arguments of its `__init__` after `space`, which it hands to `super().__init__` as well.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Settings that go together, by name: `paper` for those of the paper."""
    reads_extra: ClassVar[bool] = False
    """Whether it reads further columns beside the architectures."""
    tuned: ClassVar[Mapping[str, Range]] = {}
    """Which settings are worth tuning, and over what; every default lies in its range."""

    def __init__(self, space: Space, **settings: Any) -> None:
        """Begin unfitted, for architectures of `space`."""
        self.space: Final = space
        self._settings: Final = settings
        self._fitted = False
        self._columns = 0
        self._factor = 1.0

    @classmethod
    def settings(cls, given: Mapping[str, Any] | str | None = None) -> dict[str, Any]:
        """Return all settings with their values: those given or of the preset, else the defaults.

        Raises:
            UnknownName: a setting or preset is given that the family does not have.
        """
        return complete(cls, given, _GIVEN)

    def fit(
        self,
        archs: Sequence[Arch],
        y: Sequence[float] | Floats,
        rng: np.random.Generator,
        *,
        extra: Floats | None = None,
    ) -> Self:
        """Learn from measured architectures, and forget what was learned before.

        Args:
            archs: valid architectures of the space, (n,) with n of at least 2.
            y: the metric of each, (n,), in whatever unit predictions are to have.
            rng: where every random number comes from.
            extra: further columns that are known of each, such as parameters, (n, k).

        Raises:
            InvalidArchitecture: one is not of the space; the message says which and why.
            InvalidSetting: there are fewer than 2, their numbers differ, a value is not a finite
                number, which the message names, `rng` is no generator, or the family reads no
                further columns.
            MissingExtra: the family is fitted by a package that is not installed.
        """
        checked = self._checked(archs)
        if not isinstance(rng, np.random.Generator):
            raise InvalidSetting(
                f"rng is {rng!r}: give a generator, numpy.random.default_rng(seed)"
            )
        columns = self._extra(extra, len(checked))
        values = values_of(self.space, checked, y)
        # What has no finite value any more is noticed when it predicts.
        with np.errstate(over="ignore", invalid="ignore"):
            self._fit(checked, columns, values, rng)
        self._columns = columns.shape[1]
        self._factor = 1.0
        self._fitted = True
        return self

    def calibrate(
        self,
        archs: Sequence[Arch],
        y: Sequence[float] | Floats,
        *,
        extra: Floats | None = None,
    ) -> Self:
        """Scale standard deviations so that intervals hold on architectures that were not fitted.

        Afterwards the mean plus and minus 1.645 standard deviations holds 90 % of what is
        measured.

        Args:
            archs: architectures that were not fitted, (n,) with n of at least 20.
            y: the metric of each, (n,).
            extra: as they were fitted, (n, k).

        Raises:
            NotFitted: `fit` or `load` comes first.
            InvalidArchitecture: one is not of the space.
            InvalidSetting: they are too few, a value is not a finite number, or the surrogate
                calls itself certain where it errs.
        """
        if not self._fitted:
            raise NotFitted(f"{type(self).__name__} is calibrated after it was fitted or loaded")
        checked = self._checked(archs)
        values = values_of(self.space, checked, y)
        mean, std = self.predict(checked, extra=extra)
        self._factor *= stretch(mean, std, values)
        return self

    def predict(
        self, archs: Sequence[Arch], *, extra: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Return the expected metric of architectures and its standard deviation, each (n,).

        Args:
            archs: valid architectures of the space, (n,).
            extra: the columns that were fitted, in their order, (n, k).

        Raises:
            NotFitted: `fit` or `load` comes first.
            InvalidArchitecture: one is not of the space; the message says which and why.
            InvalidSetting: they are not a sequence, or extra columns are not those fitted.
            Diverged: the settings, or the values in a file, are such that numbers overflow.
        """
        if not self._fitted:
            raise NotFitted(f"{type(self).__name__} predicts after it was fitted or loaded")
        checked = self._checked(archs)
        columns = self._extra(extra, len(checked))
        if not checked:
            return np.empty(0), np.empty(0)
        if columns.shape[1] != self._columns:
            raise InvalidSetting(
                f"{columns.shape[1]} extra columns: {type(self).__name__} was fitted to "
                f"{self._columns}"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            mean, std = self._predict(checked, columns)
            return finite_only(mean, std * self._factor)

    def predict_in_parts(self, archs: Sequence[Arch], together: int) -> tuple[Floats, Floats]:
        """Return what `predict` does, so many architectures at once: what it holds stays small.

        Raises:
            As `predict`.
        """
        if len(archs) <= together:
            return self.predict(archs)
        parts = [
            self.predict(archs[start : start + together])
            for start in range(0, len(archs), together)
        ]
        return np.concatenate([mean for mean, _ in parts]), np.concatenate(
            [std for _, std in parts]
        )

    def _extra(self, extra: Floats | None, rows: int) -> Floats:
        """Return further columns, (rows, k); without any where none are given.

        Raises:
            InvalidSetting: they are no such array of finite numbers, or the family reads none.
        """
        if extra is not None and not self.reads_extra:
            raise InvalidSetting(
                f"{type(self).__name__} reads architectures alone: give no extra columns"
            )
        return np.empty((rows, 0)) if extra is None else columns_of(extra, rows)

    def _checked(self, archs: Sequence[Arch]) -> list[Arch]:
        """Return architectures as plain tuples.

        Raises:
            InvalidArchitecture: one is not of the space.
            InvalidSetting: they are not a sequence.
        """
        if not isinstance(archs, Iterable):
            raise InvalidSetting(f"architectures are {archs!r}: give a list of them")
        if isinstance(archs, list) and len(archs) >= _MANY and self.space.all_valid(archs):
            return archs
        # What a strategy hands over is plain already; others may give lists or numpy's numbers.
        return [arch if self._plain(arch) else self.space.check(arch) for arch in archs]

    def _plain(self, arch: Arch) -> bool:
        """Return whether something is a tuple of plain numbers, and one of the space."""
        return (
            type(arch) is tuple and set(map(type, arch)) == {int} and self.space.fault(arch) is None
        )

    def save(self, folder: Path | str) -> Path:
        """Write the model into a folder as `model.npz`, plain arrays, and return the file.

        The same model gives the same bytes.

        Raises:
            NotFitted: there is nothing to save.
            InvalidSetting: `folder` is no path.
            OutputError: it cannot be written.
        """
        path = _file(folder)
        if not self._fitted:
            raise NotFitted(f"{type(self).__name__} is saved after it was fitted")
        about = {
            "format": _FORMAT,
            "family": type(self).__name__,
            "space": self.space.name,
            "settings": self._settings,
            "columns": self._columns,
            "factor": self._factor,
        }
        content = io.BytesIO()
        arrays = {_ABOUT: np.array(json.dumps(about, sort_keys=True)), **self._state()}
        save: Callable[..., None] = np.savez
        save(content, **arrays)
        write_whole(path, content.getvalue())
        return path

    @classmethod
    def load(cls, folder: Path | str, space: Space) -> Self:
        """Return the model that `save` wrote into a folder.

        Raises:
            DataNotFound: there is no model.
            DamagedInput: the file is damaged, or holds a model of another family or space.
            InvalidSetting: `folder` is no path.
        """
        path = _file(folder)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise DataNotFound(f"{folder} holds no model: it has no {MODEL}") from None
        except OSError as error:
            raise DamagedInput(f"cannot read {path}: {error.strerror or error}") from None
        try:
            model = cls._read(content, space)
        # There is no list of what numpy and zipfile raise where bytes are wrong; and a file made by
        # hand may ask for more memory than there is.
        except Exception as error:
            raise DamagedInput(
                f"{path} is no model of {cls.__name__}: {str(error) or type(error).__name__}"
            ) from None
        model._fitted = True
        return model

    @classmethod
    def _read(cls, content: bytes, space: Space) -> Self:
        with ZipFile(io.BytesIO(content)) as stored:
            # Numpy reads only as much as an array's head says, and then nobody sees the checksum.
            if stored.testzip() is not None:
                raise ValueError("its checksum is wrong")
        with np.load(io.BytesIO(content)) as file:
            arrays: dict[str, NDArray[Any]] = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop(_ABOUT)))
        for what, expected in (
            ("format", _FORMAT),
            ("family", cls.__name__),
            ("space", space.name),
        ):
            if about[what] != expected:
                raise ValueError(f"its {what} is {about[what]!r}, not {expected!r}")
        model = cls(space, **about["settings"])
        model._columns = at_least("columns", about["columns"], 0, MANY if cls.reads_extra else 0)
        model._factor = between("factor", about["factor"], 0.0, LARGEST)
        for name, array in arrays.items():
            fits = array.dtype == model._precision(name)
            if not fits or not (np.abs(array.astype(np.float64)) < LARGEST).all():
                raise ValueError(f"its {name} are not all finite numbers below {LARGEST:g}")
        model._restore(arrays)
        return model

    def _precision(self, name: str) -> type[np.floating[Any]]:
        """Return of which type a stored array is."""
        return np.float64

    @abstractmethod
    def _fit(
        self, archs: Sequence[Arch], extra: Floats, y: Floats, rng: np.random.Generator
    ) -> None: ...

    @abstractmethod
    def _predict(self, archs: Sequence[Arch], extra: Floats) -> tuple[Floats, Floats]: ...

    @abstractmethod
    def _state(self) -> dict[str, NDArray[Any]]:
        """Return all that was learned, as arrays by name."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `_state` returned, or arrays of finite numbers that say they are it.

        Raises:
            KeyError, ValueError: an array is missing or of another shape.
        """


def _file(folder: Path | str) -> Path:
    """Return the file of the model in a folder.

    Raises:
        InvalidSetting: it is no path.
    """
    if not isinstance(folder, Path | str):
        raise InvalidSetting(f"folder is {folder!r}: give the path of a folder")
    return Path(folder) / MODEL
