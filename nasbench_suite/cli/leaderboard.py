"""The verbs of leaderboards."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite.cli import words
from nasbench_suite.cli.where import executor_of
from nasbench_suite.core import InvalidSetting, MissingExtra
from nasbench_suite.leaderboards.checking import Report, check, sample, submissions
from nasbench_suite.leaderboards.failures import printable
from nasbench_suite.leaderboards.replaying import replay
from nasbench_suite.leaderboards.standing_files import COMMITTED, stale, write
from nasbench_suite.leaderboards.standings import build
from nasbench_suite.leaderboards.submitting import runs_of, submit
from nasbench_suite.leaderboards.track import names
from nasbench_suite.settings import at_least

_WRONG = 2
_KEPT = ".kept"
"""Where results of entries lie, beside the tracks or in the folder of a site."""


def submit_strategy(given: argparse.Namespace) -> None:
    """Run a strategy on a track, and leave a folder for a pull request."""
    with executor_of(given) as executor:
        report = submit(
            given.track,
            given.strategy,
            author=given.author,
            code=given.code,
            out=given.out,
            name=given.name,
            about=given.about,
            protocol=given.protocol,
            settings=words.settings(given.set, None, given.strategy).get(given.strategy),
            executor=executor,
            progress=words.Progress(),
        )
    _print([report], given.json)
    if report.ok and not given.json:
        assert report.about is not None
        place = f"leaderboards/{report.about.track.name}/submissions/{report.about.name}"
        print(f"the folder is ready: put it at {place} and open a pull request")
        print(f"its runs lie in {printable(str(runs_of(given.out)))}, which is no part of it")


def check_submissions(given: argparse.Namespace) -> None:
    """Check submissions, and exit with 2 if one is at fault."""
    folders: list[Path] = list(given.folders)
    at_least("--seed", given.seed, 0)
    at_least("--sample", given.sample or 0, 0)
    if given.all or given.sample is not None:
        known = {
            name: folder
            for name, folder in submissions().items()
            if folder.resolve() not in {Path(own).resolve() for own in folders}
        }
        drawn = (
            list(known.values())
            if given.all
            else sample(np.random.default_rng(given.seed), given.sample, known)
        )
        folders += drawn
    elif not folders:
        raise InvalidSetting("name the folder of a submission, or --all")
    if given.replay is None:
        reports = [check(folder) for folder in folders]
    elif len(folders) == 1:
        with executor_of(given) as executor:
            reports = [
                replay(folders[0], given.replay, executor=executor, progress=words.Progress())
            ]
    else:
        raise InvalidSetting("--replay runs one strategy: name the folder of one submission")
    if given.all and not reports and not given.json:
        print("no submissions lie in the tracks")
    _print(reports, given.json, many=len(folders) != 1)


def build_standings(given: argparse.Namespace) -> None:
    """Compute standings, and write the site of the leaderboards: a folder for each track."""
    _print_paths(make_site(given, given.out), given.json)


def make_site(given: argparse.Namespace, out: Path) -> list[Path]:
    """Compute standings, write their site to a folder, and return what was written.

    Raises:
        MissingExtra: pages need a package that is not installed.
        OutputError: the folder cannot be written.
    """
    if find_spec("jinja2") is None:
        raise MissingExtra("the site of the leaderboards", "report")
    from nasbench_suite.reports.site import write_site

    return write_site([build(track, out / _KEPT) for track in _tracks(given)], out)


def update_standings(given: argparse.Namespace) -> None:
    """Rewrite the standings in the tracks' folders; with --check, exit with 2 if one is another."""
    found, homes = [], names()
    for track in _tracks(given):
        standings = build(track, homes[track].parent / _KEPT)
        if given.check:
            found += stale(standings, homes[track])
        else:
            found += write(standings, homes[track], COMMITTED)
    if not given.check:
        _print_paths(found, given.json)
    elif given.json:
        print(words.to_json({"ok": not found, "stale": list(map(str, found))}))
    elif not found:
        print("the standings are those of the submissions")
    for path in found if given.check and not given.json else ():
        print(f"{path} is not what the submissions say: run `nasbench leaderboard update`")
    if given.check and found:
        sys.stdout.flush()
        raise SystemExit(_WRONG)


def _tracks(given: argparse.Namespace) -> list[str]:
    """Return the tracks that are meant, each once."""
    return list(dict.fromkeys(given.track or names()))


def _print_paths(written: list[Path], as_json: bool) -> None:
    if as_json:
        print(words.to_json({"written": list(map(str, written))}))
    else:
        print("".join(f"wrote {path}\n" for path in written), end="")


def _print(reports: list[Report], as_json: bool, *, many: bool = False) -> None:
    """Print what was found; exit with 2 if a submission is at fault."""
    ok = all(report.ok for report in reports)
    if as_json:
        failures: list[dict[str, Any]] = [
            {**({"folder": str(report.folder)} if many else {}), **asdict(failure)}
            for report in reports
            for failure in report.failures
        ]
        print(words.to_json({"ok": ok, "failures": failures}))
    else:
        for report in reports:
            _tell(report)
    if not ok:
        sys.stdout.flush()
        raise SystemExit(_WRONG)


def _tell(report: Report) -> None:
    folder = printable(str(report.folder))
    if report.ok and report.about is not None:
        about = report.about
        print(f"{folder}: ok ({about.track.name}, {about.name} by {about.author})")
        return
    print(f"{folder}: not accepted")
    for failure in report.failures:
        line = "" if failure.line is None else f", line {failure.line}"
        print(f"  {failure.file}{line}: {failure.message} [{failure.code}]")
        print(f"    {failure.cure}")
