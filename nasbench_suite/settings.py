"""What strategies and surrogates can be set to: names, defaults, presets and ranges."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Collection, Mapping
from typing import Any, Final

from nasbench_suite.core import InvalidSetting, UnknownName, finite, shown

# Whole numbers beyond this are a slip of the hand, and some numpy functions choke on them.
_MOST: Final = 2**31 - 1
MANY: Final = 100_000
"""How much a strategy or a model may be set to do, or to keep, at each of its steps."""
PRESET: Final = "preset"


def complete(
    kind: type, given: Mapping[str, Any] | str | None, leave_out: Collection[str]
) -> dict[str, Any]:
    """Return all settings of a class with their values: those given, else the defaults.

    Settings are the parameters of the constructor, but for those to leave out. The name of a
    preset, one of the class's `presets`, stands for the settings that it lists; so does a setting
    `preset`, beside which others can be given.

    Raises:
        UnknownName: a setting or preset is given that the class does not have.
        InvalidSetting: the settings are neither a mapping nor the name of a preset, one without a
            default is not given, or one holds what JSON cannot write, and so no log.
    """
    parameters = inspect.signature(kind).parameters.values()
    defaults = {
        p.name: p.default
        for p in parameters
        if p.name not in leave_out and p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
    }
    if isinstance(given, str):
        given = {PRESET: given}
    if not isinstance(given, Mapping | None):
        raise InvalidSetting(
            f"settings of {kind.__name__} are {given!r}: they are a mapping or a preset's name"
        )
    own = dict(given or {})
    if PRESET in own and PRESET not in defaults:
        preset = own.pop(PRESET)
        presets: Mapping[str, Mapping[str, Any]] = getattr(kind, "presets", {})
        if not isinstance(preset, str) or preset not in presets:
            raise UnknownName("preset", preset, presets, f" of {kind.__name__}")
        own = {**presets[preset], **own}
    for name in own:
        if name not in defaults:
            raise UnknownName("setting", name, defaults, f" of {kind.__name__}")
    return {name: _plain(name, value) for name, value in {**defaults, **own}.items()}


def _plain(name: str, value: Any) -> Any:
    """Return a value as it comes back from a log: lists for tuples, strings for keys."""
    if value is inspect.Parameter.empty:
        raise InvalidSetting(f"{name} has no default: give it a value")
    if value is None or type(value) in (bool, int, str):
        return value
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidSetting(
            f"{name} is {shown(value)}: it cannot be written to a log ({error}); settings are "
            "numbers, words, true or false, null, and lists and tables of these"
        ) from None


def at_least(name: str, value: object, least: int, most: int = _MOST) -> int:
    """Return a setting that is a whole number, neither too small nor too large.

    Raises:
        InvalidSetting: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidSetting(
            f"{name} is {shown(value)}: it is a whole number of at least {least}"
            + (f" and at most {most:,}" if isinstance(value, int) and value > most else "")
        )
    return value


def above(name: str, value: object, low: float) -> float:
    """Return a setting that is a finite number above `low`.

    Raises:
        InvalidSetting: it is not.
    """
    return between(name, value, low, math.inf)


def between(name: str, value: object, low: float, high: float) -> float:
    """Return a setting that is a number above `low` and below `high`.

    Raises:
        InvalidSetting: it is not.
    """
    number = finite(value)
    if number is None or not low < number < high:
        above = f"above {low:g}" + (f" and below {high:g}" if math.isfinite(high) else "")
        raise InvalidSetting(f"{name} is {shown(value)}: it is a finite number {above}")
    return number


def share_of(name: str, value: object, *, zero: bool = False, most: float = 1.0) -> float:
    """Return a setting that is a number above 0, or 0 too where that is meant, and at most `most`.

    Raises:
        InvalidSetting: it is not.
    """
    number = finite(value)
    if number is None or not 0 <= number <= most or (number == 0 and not zero):
        low = f"from 0 to {most:g}" if zero else f"above 0 and at most {most:g}"
        raise InvalidSetting(f"{name} is {shown(value)}: it is a number {low}")
    return number


def one_of(name: str, value: object, known: Collection[str]) -> str:
    """Return a setting that is one of some words.

    Raises:
        InvalidSetting: it is not.
    """
    if not isinstance(value, str) or value not in known:
        raise InvalidSetting(f"{name} is {shown(value)}: it is {' or '.join(known)}")
    return value
