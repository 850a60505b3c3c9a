"""`submission.toml`: whose submission it is, of which strategy, on which data."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import tomli_w

from nasbench_suite import registry
from nasbench_suite.core import InvalidSetting, NasbenchError, shown
from nasbench_suite.leaderboards.failures import Refused, plainly
from nasbench_suite.leaderboards.reading import text_of
from nasbench_suite.leaderboards.track import NAME, Track, open_track

FORMAT: Final = "nasbench-submission-1"
FILE: Final = "submission.toml"
LARGEST: Final = 64 << 10
_LONGEST: Final = 200
"""How many letters a text about a submission may have."""
_SETTINGS: Final = 20_000
_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~:/?#@!$&*+,;=%-]*)?")
_PARTS: Final = 20
_DOTTED: Final = re.compile(
    rf"""(?:(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{_PARTS}}}"""
)
"""Python's reader takes time and memory that grow with the square of a name's parts."""
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_STRATEGY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./+-]{0,99}")
_NEEDED: Final = ("track", "track_version", "name", "strategy", "author")
_OPTIONAL: Final = (
    "code",
    "protocol",
    "suite_version",
    "description",
    "code_sha256",
    "settings",
    "unset",
)


@dataclass(frozen=True)
class Description:
    """What a submission says of itself."""

    track: Track
    name: str
    """What the leaderboard calls the entry."""
    strategy: str
    """A registered name, or what a user's own is called: `mine.MyStrategy`."""
    author: str
    code: str | None
    """The address of the strategy's code; None where it is part of the suite."""
    data: Mapping[str, str]
    """The sha256 of what answered, by benchmark."""
    protocol: str
    """One of the track's."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    code_sha256: str | None = None
    """Of the file of a user's own strategy."""
    suite_version: str | None = None
    """The version of the suite that ran it; None where another program did."""
    description: str = ""


def check_texts(name: Any, strategy: Any, author: Any, code: Any, description: Any) -> None:
    """See that what is said of a submission can be shown to anybody.

    Raises:
        Refused: it cannot; the message says which and why.
    """
    texts = [
        ("name", name, NAME, "write letters, digits and _ . + -, 64 at most"),
        ("strategy", strategy, _STRATEGY, "write letters, digits and _ . / + -, 100 at most"),
    ]
    if code is not None:
        texts.append(("code", code, _URL, "write an address such as https://github.com/me/mine"))
    for what, text, pattern, cure in texts:
        if not isinstance(text, str) or not pattern.fullmatch(text) or len(text) > _LONGEST:
            raise Refused("field_invalid", f"{what} is {shown(text)}", cure)
    if code is None and not registry.is_own("strategies", strategy):
        cure = "add the address of the code; only the suite's own strategies need none"
        raise Refused("field_missing", "code is missing", cure)
    for what, text in (("author", author), ("description", description)):
        plain = isinstance(text, str) and text.isprintable() and not set(text) & set("<>")
        if not plain or len(text) > _LONGEST or (what == "author" and not text.strip()):
            cure = f"write at most {_LONGEST} letters in one line, without < and >"
            raise Refused("field_invalid", f"{what} is {shown(text)}", cure)


def write(about: Description) -> str:
    """Return the text of `submission.toml`.

    Raises:
        InvalidSetting: a setting cannot be written there.
    """
    given = {
        "format": FORMAT,
        "track": about.track.name,
        "track_version": about.track.version,
        "name": about.name,
        "strategy": about.strategy,
        "protocol": about.protocol,
        "author": about.author,
        "code": about.code,
        "code_sha256": about.code_sha256,
        "suite_version": about.suite_version,
        "description": about.description or None,
        "unset": [key for key, value in about.settings.items() if value is None] or None,
        "data": dict(about.data),
        "settings": {key: value for key, value in about.settings.items() if value is not None},
    }
    try:
        return tomli_w.dumps({key: value for key, value in given.items() if value is not None})
    except (TypeError, ValueError) as error:
        raise InvalidSetting(f"settings cannot be written to {FILE}: {error}") from None


def read(data: bytes) -> Description:
    """Return what a submission says of itself.

    Raises:
        Refused: it is not said as it should be.
    """
    fields = _fields(text_of(data))
    if fields.get("format") != FORMAT:
        raise Refused(
            "format_unknown",
            f"format is {shown(fields.get('format'))}",
            f'write format = "{FORMAT}", or use the version of nasbench-suite that knows yours',
        )
    missing = [key for key in (*_NEEDED, "data") if key not in fields]
    if missing:
        raise Refused("field_missing", f"{missing[0]} is missing", f"add {missing[0]}")
    unknown = sorted(set(fields) - {"format", "data", *_NEEDED, *_OPTIONAL})
    if unknown:
        raise Refused("field_unknown", f"{shown(unknown[0])} is no field", "remove it")
    description = fields.get("description", "")
    check_texts(
        fields["name"], fields["strategy"], fields["author"], fields.get("code"), description
    )
    track = _track(fields["track"], fields["track_version"])
    return Description(
        track=track,
        name=fields["name"],
        strategy=fields["strategy"],
        author=fields["author"],
        code=fields.get("code"),
        data=_data(fields["data"]),
        protocol=_protocol(fields.get("protocol"), track),
        settings=_settings(fields),
        code_sha256=_text(fields, "code_sha256", _HASH),
        suite_version=_text(fields, "suite_version", NAME),
        description=description,
    )


def _fields(text: str) -> dict[str, Any]:
    long = _DOTTED.search(text)
    if long is not None:
        raise Refused(
            "toml_damaged",
            f"a name of more than {_PARTS} parts",
            "compare it with the example in docs/leaderboards.md",
            text.count("\n", 0, long.start()) + 1,
        )
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        told = re.search(r"at line (\d+)", str(error))
        raise Refused(
            "toml_damaged",
            f"it is no TOML: {plainly(error)}",
            "compare it with the example in docs/leaderboards.md",
            int(told[1]) if told else None,
        ) from None


def _track(name: Any, version: Any) -> Track:
    if not isinstance(name, str):
        raise Refused("field_invalid", f"track is {shown(name)}", "write the name of a track")
    try:
        track = open_track(name)
    except NasbenchError as error:  # it is unknown, or there are no tracks here, or a damaged one
        raise Refused("track_unknown", str(error), "write the name of a track") from None
    if version != track.version:
        raise Refused(
            "track_version",
            f"track_version is {shown(version)}, and {name} is at version {track.version}",
            "run the strategy again on this version, and submit that",
        )
    return track


def _protocol(name: Any, track: Track) -> str:
    """Return what the searches saw, one of what the track lets them see."""
    if name is None:
        return track.protocols[0]
    if name not in track.protocols:
        raise Refused(
            "protocol_unknown",
            f"protocol is {shown(name)}",
            f"{track.name} knows {', '.join(track.protocols)}",
        )
    return str(name)


def _data(given: Any) -> dict[str, str]:
    plain = isinstance(given, dict) and all(
        isinstance(digest, str) and _HASH.fullmatch(digest) for digest in given.values()
    )
    if not plain:
        raise Refused(
            "field_invalid",
            "data does not name a sha256 for each benchmark",
            "copy the sha256 of each benchmark from the track",
        )
    return dict(given)


def _settings(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings, and see that they hold what JSON can hold, as a log's do."""
    given, unset = fields.get("settings", {}), fields.get("unset", [])
    try:
        named = isinstance(given, dict) and isinstance(unset, list)
        named = named and all(isinstance(key, str) for key in unset)
        found = {**given, **dict.fromkeys(unset)}
        text = json.dumps(found, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        named, text = False, ""
    # JSON writes control characters and quotes with a backslash.
    if not named or len(text) > _SETTINGS or not text.isprintable() or "\\" in text:
        raise Refused(
            "field_invalid",
            "settings hold something else than numbers, words without quotes and backslashes, true "
            "or false, and lists and tables of these",
            "write the settings of the strategy, and nothing else",
        )
    return found


def _text(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str | None:
    text = fields.get(name)
    if text is not None and not (isinstance(text, str) and pattern.fullmatch(text)):
        raise Refused("field_invalid", f"{name} is {shown(text)}", f"correct {name}, or remove it")
    return text
