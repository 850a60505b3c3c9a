"""How a surrogate is fitted: from which table, split how, by which families. One TOML file says it.

`surrogates/<name>/recipe.toml` of a fitted surrogate is the one that made it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from nasbench_suite import registry, settings
from nasbench_suite.core import (
    DamagedInput,
    DataNotFound,
    InvalidSetting,
    Protocol,
    UnknownName,
    shown,
    whole,
)
from nasbench_suite.surrogates import fitted
from nasbench_suite.surrogates.base import Surrogate

SPLITS: Final = ("official", "random")

_NEEDED: Final = {"name", "version", "title", "description", "benchmark", "table_version"} | {
    "reported",
    "split",
    "protocols",
    "predict",
}
_FURTHER: Final = {"test": None, "calibrate": 0.1, "seed": 0, "notes": ()}
_PREDICT: Final = {"metrics", "epochs", "family", "settings", "noise", "noise_from"} | {
    "in_proportion_to"
}


@dataclass(frozen=True)
class Predicted:
    """What is fitted to one metric after so many epochs."""

    metric: str
    epochs: int | None
    family: str
    settings: Mapping[str, Any]
    """All of the family's, complete."""
    noise: str | None
    """One of `fitted.NOISES`: how two trainings differ; None where that is not modelled."""
    noise_from: str | None
    """The benchmark whose repeated trainings tell by how much; None for the fitted one."""
    in_proportion_to: int | None
    """The epochs whose model answers here too, times the ratio of epochs; None for its own."""

    @property
    def stem(self) -> str:
        """Its name among the files."""
        return self.metric if self.epochs is None else f"{self.metric}-{self.epochs}"


@dataclass(frozen=True)
class FitRecipe:
    """Everything that a fit depends on, beside the table."""

    name: str
    version: str
    title: str
    description: str
    benchmark: str
    table_version: str
    reported: str
    split: str
    """`official`: the table's parts are fitted, calibrated and tested on; or `random`."""
    test: int | None
    """How many are tested on, where the split is random."""
    calibrate: float
    """Which share of the others then calibrates."""
    seed: int
    """Of the split, and of everything that is drawn by a fit."""
    notes: tuple[str, ...]
    protocols: Mapping[str, Any]
    predicted: tuple[Predicted, ...]
    text: str
    """The file."""

    @property
    def digest(self) -> str:
        """The sha256 of the file."""
        return sha256(self.text.encode()).hexdigest()


def read_recipe(path: Path | str) -> FitRecipe:
    """Return a recipe by its file, or by the name of a fitted surrogate.

    Raises:
        DataNotFound: there is no such file.
        UnknownName: there is no such fitted surrogate, family or setting, or no entry of this name.
        DamagedInput: the file is not TOML.
        InvalidSetting: an entry is missing, or of the wrong type or out of range.
    """
    file = path if isinstance(path, Path) or str(path).endswith(".toml") else _of_fitted(path)
    try:
        text = Path(file).read_text("utf-8")
        given = tomllib.loads(text)
    except FileNotFoundError:
        raise DataNotFound(f"there is no recipe {file}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedInput(f"{file} is no recipe: {error}") from None
    for name in given:
        if name not in _NEEDED and name not in _FURTHER:
            raise UnknownName("entry", name, _NEEDED | _FURTHER.keys(), f" in {file}")
    if missing := sorted(_NEEDED - given.keys()):
        raise InvalidSetting(f"{file} lacks {', '.join(missing)}")
    found = {**_FURTHER, **given}
    words = {
        name: _word(name, found[name])
        for name in ("name", "version", "title", "description", "benchmark", "table_version")
    }
    if not re.fullmatch(r"\w[\w.-]*", words["name"]):
        raise InvalidSetting(
            f"name is {shown(words['name'])}: give letters, digits, _, . and -, as of a folder"
        )
    protocols = found["protocols"]
    if not isinstance(protocols, dict):
        raise InvalidSetting(f"protocols is {shown(protocols)}: write [protocols.standard]")
    split = settings.one_of("split", found["split"], SPLITS)
    test = found["test"]
    if (test is None) == (split == "random"):
        raise InvalidSetting(
            "test says how many are tested on: give it where the split is random, and only there"
        )
    recipe = FitRecipe(
        **words,
        reported=_word("reported", found["reported"]),
        split=split,
        test=None if test is None else settings.at_least("test", test, 2),
        calibrate=settings.between("calibrate", found["calibrate"], 0.0, 0.5),
        seed=settings.at_least("seed", found["seed"], 0),
        notes=tuple(_word("notes", note) for note in _list("notes", found["notes"])),
        protocols=protocols,
        predicted=tuple(_predicted(found["predict"], str(file))),
        text=text,
    )
    _check(recipe)
    return recipe


def _of_fitted(name: str) -> Path:
    return fitted.find(name) / fitted.RECIPE


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidSetting(f"{name} is {shown(value)}: give a text")
    return value


def _list(name: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise InvalidSetting(f"{name} is {shown(value)}: give a list")
    return value


def _predicted(entries: Any, file: str) -> list[Predicted]:
    """Return what is fitted, one for each metric and number of epochs."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidSetting(f"predict of {file} is no list of tables: write [[predict]]")
    found = []
    for entry in entries:
        for name in entry:
            if name not in _PREDICT:
                raise UnknownName("entry", name, _PREDICT, f" in [[predict]] of {file}")
        if missing := sorted({"metrics", "family"} - entry.keys()):
            raise InvalidSetting(f"a [[predict]] of {file} lacks {', '.join(missing)}")
        kind: type[Surrogate] = registry.load_class("surrogates", _word("family", entry["family"]))
        complete = kind.settings(entry.get("settings", {}))
        noise, other = entry.get("noise"), entry.get("in_proportion_to")
        for metric in _list("metrics", entry["metrics"]):
            for epochs in _list("epochs", entry.get("epochs", [None])):
                found.append(
                    Predicted(
                        metric=_word("a metric", metric),
                        epochs=None if epochs is None else settings.at_least("epochs", epochs, 1),
                        family=entry["family"],
                        settings=complete,
                        noise=None
                        if noise is None
                        else settings.one_of("noise", noise, fitted.NOISES),
                        noise_from=None
                        if entry.get("noise_from") is None
                        else _word("noise_from", entry["noise_from"]),
                        in_proportion_to=None
                        if other is None
                        else settings.at_least("in_proportion_to", other, 1),
                    )
                )
    return found


def _check(recipe: FitRecipe) -> None:
    """See that a recipe fits everything that its protocols ask for, and each once.

    Raises:
        InvalidSetting: it does not.
    """
    asked = [(one.metric, one.epochs) for one in recipe.predicted]
    if not asked or len(set(asked)) < len(asked):
        raise InvalidSetting(f"{recipe.name} is to predict at least one metric, and each once")
    own = {(one.metric, one.epochs) for one in recipe.predicted if one.in_proportion_to is None}
    metrics = {metric for metric, _ in asked}
    for one in recipe.predicted:
        if one.in_proportion_to is not None and (
            one.epochs is None or (one.metric, one.in_proportion_to) not in own
        ):
            raise InvalidSetting(
                f"{one.stem} is in proportion to {one.in_proportion_to} epochs of {one.metric}, "
                "which are not fitted for themselves"
            )
    if recipe.reported not in metrics:
        raise InvalidSetting(f"{recipe.name} reports {recipe.reported}, which is not fitted")
    for name, protocol in recipe.protocols.items():
        try:
            wanted = [(protocol["objective"], at) for at in protocol["epochs"] or [None]]
            wanted.append((protocol["report"]["metric"], protocol["report"].get("epochs")))
            wanted += (
                [(protocol["cost"], at) for _, at in wanted[:-1]] if "cost" in protocol else []
            )
            read = Protocol.read(name, protocol)
        except (KeyError, TypeError) as error:
            raise InvalidSetting(f"the protocol {name} of {recipe.name} lacks {error}") from None
        _check_seeds(name, read)
        for metric, epochs in wanted:
            if (metric, epochs) not in asked:
                after = "" if epochs is None else f" after {epochs} epochs"
                raise InvalidSetting(
                    f"the protocol {name} asks for {metric}{after}, which {recipe.name} does not "
                    "predict"
                )


def _check_seeds(name: str, protocol: Protocol) -> None:
    """See that a protocol asks for a mean, or for one training.

    Raises:
        InvalidSetting: it does not.
    """
    for seed in (protocol.seed, protocol.report.seed):
        number = whole(seed)
        if seed != "mean" and (number is None or number < 0):
            raise InvalidSetting(
                f"the protocol {name} has the seed {shown(seed)}: it is a whole number of at least "
                '0, or "mean"'
            )
    if type(protocol.continues) is not bool:
        raise InvalidSetting(
            f"continues of the protocol {name} is {shown(protocol.continues)}: it is true or false"
        )
