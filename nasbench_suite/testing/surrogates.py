"""What every family of surrogates must do."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pytest

from nasbench_suite import registry
from nasbench_suite.core import (
    Arch,
    DamagedInput,
    DataNotFound,
    Floats,
    InvalidArchitecture,
    InvalidSetting,
    UnknownName,
)
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates.base import NotFitted, Real, Surrogate, Whole
from nasbench_suite.testing.made_up import TinySpace, landscape

_KNOWN: Final = 60
_NEW: Final = 40
_MANY: Final = 1000

Kind: TypeAlias = type[Surrogate]
Settings: TypeAlias = Mapping[str, Any]

# What may be wrong with an array, by name.
SPOILED: Final[dict[str, Callable[[Any], Any]]] = {
    "complex": lambda array: array.astype(np.complex128),
    "another precision": lambda array: array.astype(
        np.float64 if array.dtype == np.float32 else np.float32
    ),
    "words": lambda array: array.astype(np.str_),
    "more": lambda array: np.repeat(array, 2, axis=-1),
    "deeper": lambda array: array[None],
    "flat": lambda array: array.reshape(-1)[:-1],
    "none": lambda array: array[:0],
    "huge": lambda array: np.full(array.shape, 1e300),
    "nan": lambda array: np.full_like(array, np.nan),
}


def _drawn(space: Space, count: int, seed: int) -> list[Arch]:
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


def _fitted(kind: Kind, space: Space, settings: Settings, known: int = _KNOWN) -> Surrogate:
    archs = _drawn(space, known, 1)
    y = [landscape(arch) for arch in archs]
    return kind(space, **settings).fit(archs, y, np.random.default_rng(0))


# Without the types that are stated for numpy's own, which has other keywords as well.
_store: Final[Callable[..., None]] = np.savez


def _same(one: Surrogate, other: Surrogate, archs: list[Arch]) -> bool:
    return _predicts(other, archs, one.predict(archs))


def _predicts(surrogate: Surrogate, archs: list[Arch], expected: tuple[Floats, Floats]) -> bool:
    pairs = zip(expected, surrogate.predict(archs), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def _put(path: Path, place: int, byte: int) -> None:
    """Write one byte of a file over."""
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes([byte]))


class SurrogateTests:
    """Override the fixture `surrogate`, and `space` if it is meant for another one."""

    @pytest.fixture
    def surrogate(self) -> Kind:
        """Return the class of the family to check."""
        pytest.fail("override the fixture `surrogate`")

    @pytest.fixture
    def space(self) -> Space:
        """Return the space whose architectures are predicted."""
        space: Space = registry.load("spaces", "nasbench201")
        return space

    @pytest.fixture
    def settings(self) -> Settings:
        """Return the settings to check it with: the defaults, unless they take long."""
        return {}

    # Predictions.

    def test_predictions_are_finite(
        self, surrogate: Kind, space: Space, settings: Settings
    ) -> None:
        """A mean and a standard deviation, 0 or more, for each architecture; none for none."""
        fitted = _fitted(surrogate, space, settings)
        for archs in (_drawn(space, _NEW, 2), _drawn(space, 1, 3), []):
            mean, std = fitted.predict(archs)
            for values in (mean, std):
                assert values.dtype == np.float64
                assert values.shape == (len(archs),)
                assert np.isfinite(values).all()
            assert (std >= 0).all()

    def test_a_batch_is_predicted_as_its_members(
        self, surrogate: Kind, space: Space, settings: Settings
    ) -> None:
        """A prediction does not depend on what else is asked."""
        fitted, archs = _fitted(surrogate, space, settings), _drawn(space, 10, 2)
        singly = [fitted.predict([arch]) for arch in archs]
        for together, apart in zip(fitted.predict(archs), zip(*singly, strict=True), strict=True):
            assert np.concatenate(apart) == pytest.approx(together, rel=1e-9, abs=1e-9)

    def test_it_has_learned(self, surrogate: Kind, space: Space, settings: Settings) -> None:
        """What it was fitted to it knows better than the mean of it."""
        archs = _drawn(space, _KNOWN, 1)
        y = np.array([landscape(arch) for arch in archs])
        # What is made up is of genes, whether or not they lie on a path.
        own = {"encoding": "one_hot"} if "encoding" in surrogate.settings() else {}
        model = surrogate(space, **{**settings, **own})
        mean, _ = model.fit(archs, y, np.random.default_rng(0)).predict(archs)
        assert np.corrcoef(mean, y)[0, 1] > 0.5
        assert np.square(mean - y).mean() < y.var()

    def test_the_unit_does_not_matter(
        self, surrogate: Kind, space: Space, settings: Settings
    ) -> None:
        """The same metric in another unit, from another zero, gives the same in that unit."""
        archs, new = _drawn(space, _KNOWN, 1), _drawn(space, _NEW, 2)
        y = np.array([landscape(arch) for arch in archs])
        mean, std = (
            surrogate(space, **settings).fit(archs, y, np.random.default_rng(0)).predict(new)
        )
        # Powers of two change no digit, so that what learns step by step takes the same steps.
        scaled = (
            surrogate(space, **settings).fit(archs, 1024 * y, np.random.default_rng(0)).predict(new)
        )
        assert scaled[0] == pytest.approx(1024 * mean, rel=1e-6, abs=1e-3)
        assert scaled[1] == pytest.approx(1024 * std, rel=1e-6, abs=1e-3)

    def test_equal_values(self, surrogate: Kind, space: Space, settings: Settings) -> None:
        """If all that was measured is the same, so is the prediction, about."""
        archs = _drawn(space, 20, 1)
        fitted = surrogate(space, **settings).fit(archs, [70.0] * 20, np.random.default_rng(0))
        mean, std = fitted.predict(archs)
        assert mean == pytest.approx(np.full(20, 70.0), abs=1.5)
        assert np.isfinite(std).all()

    def test_repeats_and_few(self, surrogate: Kind, space: Space, settings: Settings) -> None:
        """Two architectures are enough, and one may be there several times."""
        one, other = _drawn(space, 2, 5)
        for archs, y in (([one, other], [1.0, 2.0]), ([one] * 3 + [other], [1.0, 1.1, 0.9, 2.0])):
            mean, std = (
                surrogate(space, **settings).fit(archs, y, np.random.default_rng(0)).predict(archs)
            )
            assert np.isfinite(mean).all()
            assert np.isfinite(std).all()

    def test_a_tiny_space(self, surrogate: Kind, settings: Settings) -> None:
        """It works where a space has no more than the encodings that all have."""
        space = TinySpace()
        mean, _ = _fitted(surrogate, space, settings).predict(list(space))
        assert np.isfinite(mean).all()

    # Intervals.

    def test_intervals_hold_once_calibrated(
        self, surrogate: Kind, space: Space, settings: Settings
    ) -> None:
        """Of what was neither fitted nor calibrated with, about 90 % lies within."""
        noise = np.random.default_rng(4)
        archs = _drawn(space, _KNOWN + 2 * _MANY, 6)
        y = np.array([landscape(arch) for arch in archs])
        y += noise.normal(0.0, 0.2 * y.std(), len(y))
        known, other, rest = np.split(np.arange(len(y)), [_KNOWN, _KNOWN + _MANY])
        fitted = surrogate(space, **settings)
        fitted.fit(archs[:_KNOWN], y[known], np.random.default_rng(0))
        before = fitted.predict([archs[row] for row in rest])
        fitted.calibrate([archs[row] for row in other], y[other])
        mean, std = fitted.predict([archs[row] for row in rest])
        assert np.array_equal(mean, before[0])
        assert std / before[1] == pytest.approx(np.full(_MANY, std[0] / before[1][0]))
        assert 0.85 < np.mean(np.abs(y[rest] - mean) < 1.645 * std) < 0.95

    def test_calibration_is_kept(
        self, surrogate: Kind, space: Space, settings: Settings, tmp_path: Path
    ) -> None:
        """A stored model has it, a second one changes nothing, and another fit forgets it."""
        fitted, archs = _fitted(surrogate, space, settings), _drawn(space, _MANY, 2)
        y = [landscape(arch) for arch in archs]
        plain = fitted.predict(archs)
        calibrated = fitted.calibrate(archs, y).predict(archs)
        assert not np.array_equal(plain, calibrated)
        fitted.save(tmp_path)
        assert _same(surrogate.load(tmp_path, space), fitted, archs)
        again = fitted.calibrate(archs, y).predict(archs)
        assert again[1] == pytest.approx(calibrated[1])
        known = _drawn(space, _KNOWN, 1)
        fitted.fit(known, [landscape(arch) for arch in known], np.random.default_rng(0))
        assert np.array_equal(fitted.predict(archs), plain)

    def test_what_cannot_be_calibrated(
        self, surrogate: Kind, space: Space, settings: Settings
    ) -> None:
        """Nothing that was not fitted, and nothing of few or missing values."""
        archs = _drawn(space, 30, 2)
        with pytest.raises(NotFitted):
            surrogate(space, **settings).calibrate(archs, [1.0] * 30)
        fitted = _fitted(surrogate, space, settings)
        for count, y in ((3, [1.0, 2.0, 3.0]), (30, [np.nan] * 30), (30, [1.0] * 29)):
            with pytest.raises(InvalidSetting, match=r"at least|value 0 is nan"):
                fitted.calibrate(archs[:count], y)

    # Further columns.

    def test_further_columns(
        self, surrogate: Kind, space: Space, settings: Settings, tmp_path: Path
    ) -> None:
        """They are read by those that can, and refused by the others."""
        archs = _drawn(space, _KNOWN, 1)
        extra = np.random.default_rng(5).normal(size=(_KNOWN, 2))
        fitted, y = surrogate(space, **settings), extra[:, 0] * 100.0
        if not surrogate.reads_extra:
            with pytest.raises(InvalidSetting, match="extra"):
                fitted.fit(archs, y, np.random.default_rng(0), extra=extra)
            return
        fitted.fit(archs, y, np.random.default_rng(0), extra=extra)
        mean, _ = fitted.predict(archs, extra=extra)
        assert np.corrcoef(mean, y)[0, 1] > 0.5
        fitted.save(tmp_path)
        loaded = surrogate.load(tmp_path, space)
        assert np.array_equal(
            loaded.predict(archs, extra=extra), fitted.predict(archs, extra=extra)
        )
        for wrong in (None, extra[:, :1], extra[1:], extra[:, 0], np.full_like(extra, np.nan)):
            with pytest.raises(InvalidSetting, match="extra"):
                loaded.predict(archs, extra=wrong)

    # Seeds.

    def test_the_same_seed_predicts_the_same(
        self, surrogate: Kind, space: Space, settings: Settings
    ) -> None:
        """To the last bit."""
        archs = _drawn(space, _NEW, 2)
        assert _same(
            _fitted(surrogate, space, settings), _fitted(surrogate, space, settings), archs
        )

    def test_fitting_again_forgets(self, surrogate: Kind, space: Space, settings: Settings) -> None:
        """A second fit is as if there had been no first."""
        archs, rng = _drawn(space, _KNOWN, 1), np.random.default_rng(0)
        again = surrogate(space, **settings)
        again.fit(_drawn(space, 30, 8), [float(number) for number in range(30)], rng)
        again.fit(archs, [landscape(arch) for arch in archs], np.random.default_rng(0))
        assert _same(_fitted(surrogate, space, settings), again, _drawn(space, _NEW, 2))

    # Files.

    def test_a_saved_model_predicts_the_same(
        self, surrogate: Kind, space: Space, settings: Settings, tmp_path: Path
    ) -> None:
        """To the last bit; the same model gives the same bytes, and none of it is a pickle."""
        fitted = _fitted(surrogate, space, settings)
        path = fitted.save(tmp_path)
        loaded = surrogate.load(tmp_path, space)
        assert _same(fitted, loaded, _drawn(space, _NEW, 2))
        assert loaded.save(tmp_path / "again").read_bytes() == path.read_bytes()
        with np.load(path) as stored:  # which refuses pickles
            assert all(stored[name].dtype != object for name in stored.files)

    def test_a_damaged_model_is_refused(
        self, surrogate: Kind, space: Space, settings: Settings, tmp_path: Path
    ) -> None:
        """No model, half a model, nonsense, another space's: an error that names the file."""
        with pytest.raises(DataNotFound, match=r"model\.npz"):
            surrogate.load(tmp_path, space)
        path = _fitted(surrogate, space, settings).save(tmp_path)
        with pytest.raises(DamagedInput, match="tiny"):
            surrogate.load(tmp_path, TinySpace())
        whole = path.read_bytes()
        for damaged in (b"", b"nonsense", whole[: len(whole) // 2], whole[:-1]):
            path.write_bytes(damaged)
            with pytest.raises(DamagedInput, match=r"model\.npz"):
                surrogate.load(tmp_path, space)

    def test_a_flipped_bit_is_refused_or_harmless(
        self, surrogate: Kind, space: Space, settings: Settings, tmp_path: Path
    ) -> None:
        """Wherever a bit of the file is wrong, it is refused, or the model is the same."""
        fitted, archs = _fitted(surrogate, space, settings, 6), _drawn(space, 3, 2)
        path = fitted.save(tmp_path)
        whole = path.read_bytes()
        # What says how to read the file, which begins with PK, and here and there the rest. Of the
        # first array and of how the file ends that is every byte; of the others, which are
        # described alike, every third.
        places = set(range(0, len(whole), 997))
        for kind in (b"PK\x01", b"PK\x03", b"PK\x05"):
            heads = [head.start() for head in re.finditer(re.escape(kind), whole)]
            for number, head in enumerate(heads):
                places.update(range(head, min(head + 200, len(whole)), 3 if number else 1))
        expected, refused = fitted.predict(archs), 0
        for place in sorted(places):
            _put(path, place, whole[place] ^ 1 << place % 8)
            try:
                loaded = surrogate.load(tmp_path, space)
            except DamagedInput:
                refused += 1
            else:
                assert _predicts(loaded, archs, expected), f"bit {place % 8} of byte {place}"
            _put(path, place, whole[place])
        assert refused > len(places) / 2

    @pytest.mark.parametrize("spoil", SPOILED)
    def test_arrays_of_another_kind_are_refused(
        self, surrogate: Kind, space: Space, settings: Settings, tmp_path: Path, spoil: str
    ) -> None:
        """A file whose checksums are right, but whose arrays are not those of a model."""
        path = _fitted(surrogate, space, settings).save(tmp_path)
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        for name in arrays.keys() - {"about"}:
            _store(path, **{**arrays, name: SPOILED[spoil](arrays[name])})
            with pytest.raises(DamagedInput, match=r"model\.npz"):
                surrogate.load(tmp_path, space)

    def test_settings_that_no_memory_holds_are_refused(
        self, surrogate: Kind, space: Space, settings: Settings, tmp_path: Path
    ) -> None:
        """Neither a constructor nor a file takes the largest whole number for any setting.

        A setting that only says how the data are divided may be as large as it likes.
        """
        path = _fitted(surrogate, space, settings).save(tmp_path)
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(str(arrays["about"]))
        complete = surrogate.settings(settings)
        for name, value in complete.items():
            if type(value) is not int:
                continue
            about["settings"] = {**complete, name: 2**31 - 1}
            spoiled = {**arrays, "about": np.array(json.dumps(about))}
            _store(path, **spoiled)
            try:
                surrogate(space, **about["settings"])
            except InvalidSetting:
                with pytest.raises(DamagedInput, match=name):
                    surrogate.load(tmp_path, space)
            else:
                surrogate.load(tmp_path, space)

    # Wrong use.

    def test_unfitted(
        self, surrogate: Kind, space: Space, settings: Settings, tmp_path: Path
    ) -> None:
        """Neither a prediction nor a file comes before a fit."""
        with pytest.raises(NotFitted):
            surrogate(space, **settings).predict(_drawn(space, 1, 0))
        with pytest.raises(NotFitted):
            surrogate(space, **settings).save(tmp_path)
        assert not list(tmp_path.iterdir())

    def test_nothing_to_learn_from(self, surrogate: Kind, space: Space, settings: Settings) -> None:
        """Too few, of other number, or not finite: `InvalidSetting`."""
        archs, rng = _drawn(space, 3, 0), np.random.default_rng(0)
        for count, y in ((0, []), (1, [1.0]), (3, [1.0, 2.0]), (3, [1.0, np.nan, 2.0])):
            with pytest.raises(InvalidSetting, match=r"at least 2|value 1 is nan"):
                surrogate(space, **settings).fit(archs[:count], y, rng)

    def test_arguments_of_another_kind(
        self, surrogate: Kind, space: Space, settings: Settings, tmp_path: Path
    ) -> None:
        """What is no list, no numbers, no generator or no path is refused as such."""
        archs, rng = _drawn(space, 3, 0), np.random.default_rng(0)
        y = [1.0, 2.0, 4.0]
        anything: Any = None
        for wrong in (None, 3):
            anything = wrong
            with pytest.raises(InvalidSetting, match="architectures"):
                surrogate(space, **settings).fit(anything, y, rng)
            with pytest.raises(InvalidSetting, match="rng"):
                surrogate(space, **settings).fit(archs, y, anything)
        for anything in (None, "123", ["1", "2", "3"], [1j, 2.0, 3.0], np.array([1j, 2, 3])):
            with pytest.raises(InvalidSetting, match="values"):
                surrogate(space, **settings).fit(archs, anything, rng)
        fitted = surrogate(space, **settings).fit(archs, y, rng)
        anything = None
        with pytest.raises(InvalidSetting, match="architectures"):
            fitted.predict(anything)
        with pytest.raises(InvalidSetting, match="folder"):
            fitted.save(anything)
        with pytest.raises(InvalidSetting, match="folder"):
            surrogate.load(anything, space)
        for gene in (0.9, "1", None):
            odd: Any = (gene,) * len(space.genes)
            with pytest.raises(InvalidArchitecture):
                fitted.predict([odd])
        # What is equal to an architecture is one.
        listed: Any = np.array(archs)
        assert np.array_equal(fitted.predict(listed)[0], fitted.predict(archs)[0])

    def test_architectures_of_another_space(
        self, surrogate: Kind, space: Space, settings: Settings
    ) -> None:
        """They are refused, before a fit and after it."""
        archs, rng = _drawn(space, 8, 0), np.random.default_rng(0)
        odd = tuple(space.genes)
        with pytest.raises(InvalidArchitecture):
            surrogate(space, **settings).fit([*archs, odd], np.arange(len(archs) + 1.0), rng)
        fitted = surrogate(space, **settings).fit(archs, np.arange(float(len(archs))), rng)
        with pytest.raises(InvalidArchitecture):
            fitted.predict([odd])

    def test_settings_are_complete(self, surrogate: Kind, space: Space) -> None:
        """`settings()` lists every keyword after `space` with its default, as JSON can hold it."""
        parameters = list(inspect.signature(surrogate).parameters.values())
        assert parameters[0].name == "space"
        assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters[1:])
        settings = surrogate.settings()
        assert settings == {p.name: p.default for p in parameters[1:]}
        assert json.loads(json.dumps(settings)) == settings
        for name in surrogate.presets:
            complete = surrogate.settings(name)
            assert complete.keys() == settings.keys()
            surrogate(space, **complete)
        with pytest.raises(UnknownName, match="no_such_thing"):
            surrogate.settings({"no_such_thing": 1})

    def test_what_is_tuned_holds_the_defaults(self, surrogate: Kind, space: Space) -> None:
        """What is tuned are settings, each default lies in its range, and both ends are taken."""
        defaults = surrogate.settings()
        assert surrogate.tuned.keys() <= defaults.keys()
        for name, over in surrogate.tuned.items():
            assert over.holds(defaults[name]), f"{name}: {defaults[name]} is not in {over}"
            ends = over[:2] if isinstance(over, Real | Whole) else over.values
            assert all(map(over.holds, ends))
            # A recipe, which is TOML, cannot set anything to None.
            assert None not in ends or defaults[name] is None
            for value in ends:
                surrogate(space, **{**defaults, name: value})
