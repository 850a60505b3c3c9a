"""A fitted surrogate as it lies in a folder: its models, and the card that says how good they are.

`card.toml` says what is predicted, from which table, how well on what was not fitted, and how much
two trainings differ; `models/<metric>/model.npz` is one model, plain arrays; `seen.npz` says where
the architectures lie that were fitted. The card is written last: a folder without one is not done.
"""

from __future__ import annotations

import hashlib
import io
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final, NamedTuple, Self

import numpy as np

from nasbench_suite import registry, resources
from nasbench_suite.core import Arch, DamagedInput, DataNotFound, Floats, UnknownName, finite
from nasbench_suite.files import write_whole
from nasbench_suite.spaces.base import Space
from nasbench_suite.surrogates.base import MODEL, Surrogate
from nasbench_suite.tables.card import read_card as read_table_card
from nasbench_suite.tables.card import sha256
from nasbench_suite.tables.layout import INDEX, TABLE

CARD: Final = "card.toml"
RECIPE: Final = "recipe.toml"
MODELS: Final = "models"
SEEN: Final = "seen.npz"
FORMAT: Final = "nasbench-fitted-1"
NOISES: Final = ("absolute", "relative")
"""Whether the standard deviation of a training is the same for all, or a part of the value."""

_WORDS: Final = ("name", "version", "title", "space", "task", "task_description", "reported")
_TABLES: Final = ("table", "files", "made_by")


class Noise(NamedTuple):
    """By how much two trainings of one architecture differ: a normal law about the mean."""

    kind: str
    """One of `NOISES`; the logarithm is normal where it is relative."""
    deviation: float
    """In the metric's unit, or as a part of the value."""

    def drawn(self, mean: float, draw: float) -> float:
        """Return what a training has, from what it is expected to have and a standard draw."""
        if self.kind == "relative":
            return float(mean * np.exp(self.deviation * draw))
        return mean + self.deviation * draw


def draw_of(*question: object) -> float:
    """Return a draw from the standard normal law that depends on nothing but the question.

    A training's noise is that of its seed, whoever asks and in whatever order; so it comes from the
    hash of what is asked, and from no generator that others draw from as well.
    """
    digest = hashlib.blake2b("/".join(map(str, question)).encode(), digest_size=8).digest()
    return NormalDist().inv_cdf((int.from_bytes(digest) + 0.5) / 2**64)


class Seen(NamedTuple):
    """Where the architectures lie that a surrogate was fitted to, in each feature by itself."""

    space: Space
    low: Floats
    """The least that was seen of each feature, (features,)."""
    high: Floats

    @classmethod
    def of(cls, space: Space, archs: Sequence[Arch]) -> Self:
        """Return where architectures lie."""
        found = _described(space, archs)
        return cls(space, found.min(axis=0), found.max(axis=0))

    def outside(self, archs: Sequence[Arch]) -> list[bool]:
        """Return of each whether a feature is beyond all that were seen, a choice never taken too.

        One that is within may still be unlike all of them together.
        """
        found = _described(self.space, archs)
        beyond = (found < self.low) | (found > self.high)
        whether: list[bool] = np.any(beyond, axis=1).tolist()
        return whether

    def write(self, folder: Path) -> None:
        """Write it into the folder of a fitted surrogate.

        Raises:
            OutputError: it cannot be written.
        """
        content = io.BytesIO()
        np.savez(content, low=self.low, high=self.high)
        write_whole(folder / SEEN, content.getvalue())

    @classmethod
    def read(cls, folder: Path, space: Space) -> Self:
        """Return what `write` wrote into a folder.

        Raises:
            DamagedInput: it is damaged, or of another space.
        """
        try:
            with np.load(folder / SEEN) as file:
                low, high = file["low"], file["high"]
            columns = _described(space, []).shape[1]
            if not low.shape == high.shape == (columns,):
                raise ValueError(f"it has {low.shape} features, not {columns}")
        # There is no list of what numpy and zipfile raise where bytes are wrong.
        except Exception as error:
            raise DamagedInput(
                f"{folder / SEEN} is damaged ({error}): restore it, or remove {CARD} and fit again"
            ) from None
        return cls(space, low, high)


def _described(space: Space, archs: Sequence[Arch]) -> Floats:
    """Return what is looked at to tell whether an architecture lies outside what was seen."""
    kinds = [kind for kind in ("live", "one_hot") if kind in space.encodings]
    return np.concatenate([space.encode(archs, kind) for kind in kinds], axis=1)


class Predictor(NamedTuple):
    """What answers of a metric after so many epochs."""

    metric: str
    epochs: int | None
    family: str
    folder: Path
    """Where its model lies."""
    factor: float
    """What its answers are multiplied with, where costs are in proportion to epochs."""
    noise: Noise | None
    """None where nobody trained an architecture twice."""
    average: float
    """What a random architecture of the space is expected to have."""

    def model(self, space: Space) -> Surrogate:
        """Return its model.

        Raises:
            DamagedInput, DataNotFound: its file is damaged or missing.
            UnknownName: there is no such family.
        """
        kind: type[Surrogate] = registry.load_class("surrogates", self.family)
        return kind.load(self.folder, space)


def predictors(folder: Path, card: Mapping[str, Any]) -> list[Predictor]:
    """Return the predictors of a card, in its order.

    Raises:
        DamagedInput: the card is damaged.
    """
    try:
        known = {metric["name"] for metric in card["metrics"]}
        return [_predictor(folder, entry, known) for entry in card["predictors"]]
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder, error) from None


def _predictor(folder: Path, entry: Mapping[str, Any], known: set[str]) -> Predictor:
    """Return what a card says of one predictor.

    Raises:
        KeyError, TypeError, ValueError: it says something else.
    """
    metric, epochs = _word("metric", entry["metric"]), entry.get("epochs")
    if metric not in known:
        raise ValueError(f"it does not describe {metric}")
    if epochs is not None and (type(epochs) is not int or epochs < 1):
        raise ValueError(f"{metric} is predicted after {epochs!r} epochs")
    noise = None
    if "noise" in entry:
        noise = Noise(_word("kind", entry["noise"]["kind"]), _number(entry["noise"]["deviation"]))
        if noise.kind not in NOISES or noise.deviation < 0:
            raise ValueError(f"{metric} has {noise.kind} noise of {noise.deviation}")
    return Predictor(
        metric=metric,
        epochs=epochs,
        family=_word("family", entry["family"]),
        folder=folder / entry["model"],
        factor=_number(entry.get("factor", 1.0)),
        noise=noise,
        average=_number(entry["average"]),
    )


def _number(value: Any) -> float:
    found = finite(value)
    if found is None:
        raise ValueError(f"{value!r} is no number")
    return found


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a fitted surrogate.

    Raises:
        DataNotFound: there is none.
        DamagedInput: it is not TOML, lacks entries or has others, or is of another format.
    """
    try:
        card = tomllib.loads((folder / CARD).read_text("utf-8"))
        if card.get("format") != FORMAT:
            raise ValueError(f"its format is {card.get('format')!r}, not {FORMAT!r}")
        missing = [name for name in (*_WORDS, *_TABLES) if name not in card]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        for name in _WORDS:
            _word(name, card[name])
        for name in _TABLES:
            if not isinstance(card[name], dict):
                raise ValueError(f"its {name} is {card[name]!r}, not a table")
    except FileNotFoundError:
        raise DataNotFound(f"{folder} has no {CARD}: it holds no fitted surrogate") from None
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(folder, error) from None
    return card


def damaged(folder: Path, error: object) -> DamagedInput:
    """Return the error of a damaged card."""
    what = f"{error} is missing" if isinstance(error, KeyError) else error
    return DamagedInput(
        f"{folder / CARD} is damaged ({what}): restore it, or remove it and fit again"
    )


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"its {name} is {value!r}, not a text")
    return value


def check(folder: Path) -> None:
    """Compare every byte of a fitted surrogate with the sha256 in its card.

    Raises:
        DamagedInput: they differ; the message names the file.
        DataNotFound: the folder has no card.
    """
    card = read_card(folder)
    for name in card["files"]:
        check_file(folder, card, folder / name)


def check_file(folder: Path, card: Mapping[str, Any], path: Path) -> None:
    """Compare one file of a fitted surrogate with the sha256 in its card.

    Raises:
        DamagedInput: they differ, the file is missing, or the card does not describe it.
    """
    digests = {folder / name: digest for name, digest in card["files"].items()}
    if not path.is_file() or sha256(path) != digests.get(path):
        raise DamagedInput(
            f"{path} is not the file that the card of {folder.name} describes (its sha256 "
            f"differs): restore it, or remove {CARD} and fit again"
        )


def check_table(folder: Path, card: Mapping[str, Any]) -> None:
    """See that the table that was fitted is the installed one, if it is installed.

    Raises:
        DamagedInput: another version is, or the card does not say which was fitted.
    """
    try:
        name, version, digest = (str(card["table"][fact]) for fact in ("name", "version", "sha256"))
    except (KeyError, TypeError) as error:
        raise damaged(folder, error) from None
    place = resources.find("datasets_tabular", name, INDEX)
    if place is None:
        return
    there = read_table_card(place)
    if there["files"][TABLE]["sha256"] != digest or str(there["version"]) != version:
        raise DamagedInput(
            f"the surrogate {folder.name} was fitted to version {version} of the table "
            f"{name}, and {place} is another (version {there['version']}): fit it again "
            f"(nasbench surrogate fit {folder / RECIPE}), or restore the table"
        )


def find(name: str) -> Path:
    """Return the folder of a fitted surrogate.

    Raises:
        UnknownName: there is none of this name.
    """
    folder = resources.find("surrogates", name, CARD) if name and "/" not in name else None
    if folder is None:
        raise UnknownName("fitted surrogate", name, folders())
    return folder


def folders() -> dict[str, Path]:
    """Return the folder of each fitted surrogate, by name; there may be none."""
    try:
        return resources.folders("surrogates", CARD)
    except DataNotFound:
        return {}


def model_file(metric: str, epochs: int | None) -> str:
    """Return where in a folder the model of a metric lies."""
    return f"{MODELS}/{metric}{'' if epochs is None else f'-{epochs}'}/{MODEL}"
