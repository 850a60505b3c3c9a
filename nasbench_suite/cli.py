"""The command `nasbench`: every verb is a thin call to the public functions.

Modules are imported by the verb that needs them, so that a query loads nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from nasbench_suite import benchmarks, resources
from nasbench_suite.core import Budget, InvalidSetting, NasbenchError, NotMeasured, Record
from nasbench_suite.tables.layout import CARD, INDEX
from nasbench_suite.tables.store import Table

_ARCH: Final = "the benchmark's own string, its number, or genes as 3,3,3,1,3,2 (not NASLib's)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 2 for wrong input."""
    given = _parser().parse_args(arguments)
    try:
        given.verb(given)
        if sys.stdout is not None:  # a caller may have closed it
            sys.stdout.flush()
    except NasbenchError as error:
        print(f"nasbench: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has gone, as in `nasbench list | head -1`; what Python still
        # holds of it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"nasbench: {error}", file=sys.stderr)
        return 2
    except MemoryError:
        print("nasbench: out of memory: ask for a smaller budget", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("nasbench: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nasbench", description="Neural architecture search benchmarks."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run: Callable[[argparse.Namespace], None], text: str) -> Any:
        sub = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.set_defaults(verb=run)
        return sub

    sub = verb("list", _list, "list the benchmarks")
    sub.add_argument("--check", action="store_true", help="compare all files with their sha256")

    sub = verb("info", _info, "say what a benchmark holds, and where it comes from")
    sub.add_argument("benchmark", help="such as nasbench201/cifar10")

    sub = verb("query", _query, "look up an architecture")
    sub.add_argument("benchmark", help="such as nasbench201/cifar10")
    sub.add_argument("architecture", help=_ARCH)
    sub.add_argument(
        "--metric",
        nargs="+",
        metavar="M",
        action="extend",
        help="after the architecture; default: all",
    )
    sub.add_argument("--epochs", type=int, metavar="E", help="default: the longest training")
    sub.add_argument("--seed", default="mean", help="mean (default), all, or a run from 0")

    sub = verb("pack", _pack, "make a table of published files")
    sub.add_argument("importer", help="the format, such as nasbench201")
    sub.add_argument("--from", dest="source", type=Path, required=True, metavar="DIR")
    sub.add_argument("--out", type=Path, metavar="DIR", help="default: the table's own place")

    sub = verb("compare", _compare, "compare search strategies")
    sub.add_argument("benchmarks", nargs="+", metavar="BENCHMARK")
    sub.add_argument("--strategies", required=True, metavar="A,B,C")
    budget = sub.add_mutually_exclusive_group(required=True)
    budget.add_argument("--evaluations", type=int, metavar="N", help="budget of each run")
    budget.add_argument("--seconds", type=float, metavar="S", help="simulated, of each run")
    sub.add_argument("--seeds", type=int, required=True, metavar="K", help="runs of each")
    sub.add_argument("--protocol", default="standard", metavar="P")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")

    sub = verb("report", _report, "write the report of a comparison again")
    sub.add_argument("folder", type=Path, metavar="DIR")

    sub = verb("portray", _portray, "write a page of strategies, each beside random search")
    sub.add_argument("--strategies", metavar="A,B,C", help="default: all")
    sub.add_argument("--evaluations", type=int, default=200, metavar="N", help="of each run (200)")
    sub.add_argument("--seeds", type=int, default=50, metavar="K", help="runs of each (50)")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")

    sub = verb("reproduce", _reproduce, "repeat the searches that NATS-Bench published")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")
    sub.add_argument("--seeds", type=int, default=500, metavar="K", help="runs of each (500)")
    return parser


# The verbs.


def _list(given: argparse.Namespace) -> None:
    rows = []
    if given.check:
        # A folder that has lost one of its files is still a table.
        found = {f for file in (CARD, INDEX) for f in _tables(file)}
        for folder in sorted(found):
            benchmarks.check(folder)
    for name, (folder, task) in benchmarks.names().items():
        opened = Table.open(folder, task)
        rows.append(
            {
                "benchmark": name,
                "table": opened.name,
                "architectures": opened.rows,
                "covers_space": opened.covers_space,
                "metrics": len(opened.metrics),
                "reported": opened.reported,
                **({"checked": True} if given.check else {}),
            }
        )
    _show(rows, given.json)


def _tables(file: str) -> Iterable[Path]:
    return resources.folders("datasets_tabular", file).values()


def _info(given: argparse.Namespace) -> None:
    from nasbench_suite.tables.card import read_card

    table = benchmarks.load(given.benchmark)
    card = read_card(table.folder)
    task = card["tasks"][table.task]
    kept = [
        {**metric, "measured": [m for m in metric["measured"] if table.task in m["tasks"]]}
        for metric in card["metrics"]
    ]
    card = {**card, "tasks": {table.task: task}, "metrics": [m for m in kept if m["measured"]]}
    if given.json:
        print(json.dumps(card, indent=2))
        return
    print(f"{table.benchmark}: {card['title']} (version {card['version']})\n{card['description']}")
    covered = "all of the space" if card["covers_space"] else f"of {card['space_size']:,}"
    print(f"\n{card['architectures']:,} architectures, {covered}; {task['description']}")
    if "optimum" in task:
        best = task["optimum"]
        after = f" after {best['epochs']} epochs" if best["epochs"] is not None else ""
        print(f"Best {best['metric']}{after}: {best['value']:.4f}, number {best['index']}")
        print(f"  {best['architecture']}")
    print("\nProtocols")
    for name, protocol in card["protocols"].items():
        print(f"  {name}: {protocol['description']}")
    print("\nMetrics")
    _columns(
        [
            (
                metric["name"],
                metric["unit"],
                metric.get("split", ""),
                {"max": "more is better", "min": "less is better", "none": ""}[metric["direction"]],
                _epochs(table.epochs(metric["name"])),
                " and ".join(sorted({m["source"] for m in metric["measured"]})),
            )
            for metric in card["metrics"]
        ]
    )
    for title in ("defects", "derived", "citations"):
        print(f"\n{title.capitalize()}")
        for line in card[title]:
            print(f"  - {line}")
    print(f"\nLicence: {card['licence']}; sources and more: {table.folder / 'card.toml'}")


def _query(given: argparse.Namespace) -> None:
    table = benchmarks.load(given.benchmark)
    arch = _architecture(given.architecture)
    seed = _seed(given.seed)
    if given.metric:
        records = [
            table.record(arch, name, epochs=given.epochs, seed=seed) for name in given.metric
        ]
    else:
        table.record(arch, "params") if "params" in table.metrics else table.query(arch)
        records = list(_everything(table, arch, given.epochs, seed))
        if not records or given.epochs not in (None, *(record.epochs for record in records)):
            raise NotMeasured(
                f"nothing of {given.architecture} was measured so on {given.benchmark}: "
                "ask without --epochs and --seed to see what was"
            )
    if given.json:
        found = [asdict(record) for record in records]
        for entry in found:
            if entry["key"] == "architecture":
                del entry["key"]
        print(_json(found[0] if given.metric and len(found) == 1 else found))
        return
    print(records[0].architecture)
    _columns([_line(record) for record in records])


def _everything(table: Any, arch: Any, epochs: int | None, seed: Any) -> Iterable[Record]:
    """Yield whatever was measured of an architecture, at these epochs and run if given."""
    for name in table.metrics:
        for at in table.epochs(name):
            if epochs is not None and at not in (None, epochs):
                continue
            try:
                yield table.record(arch, name, epochs=at, seed=seed)
            except NotMeasured:
                continue


def _line(record: Record) -> tuple[str, ...]:
    value = record.value
    text = ", ".join(map(_number, value)) if isinstance(value, list) else _number(value)
    after = f"{record.epochs} epochs" if record.epochs is not None else ""
    if record.seed == "mean":
        runs = f"mean of {record.runs}" if record.runs is not None and record.runs > 1 else ""
    else:
        runs = f"{record.runs} runs" if record.seed == "all" else f"run {record.seed}"
    return (record.metric, text, record.unit, record.split or "", after, runs, record.source)


def _pack(given: argparse.Namespace) -> None:
    from nasbench_suite.tables.pack import pack

    folder = pack(given.importer, given.source, given.out, _tell)
    if given.json:
        print(_json({"folder": str(folder)}))
    else:
        print(f"packed into {folder}")


def _compare(given: argparse.Namespace) -> None:
    from nasbench_suite.experiments.compare import compare
    from nasbench_suite.reports.report import report

    experiment = compare(
        given.benchmarks,
        _names(given.strategies),
        budget=Budget(evaluations=given.evaluations, seconds=given.seconds),
        seeds=given.seeds,
        protocol=given.protocol,
        out=given.out,
        progress=_Progress(),
    )
    _scores(*report(experiment.folder), given.json)


def _report(given: argparse.Namespace) -> None:
    from nasbench_suite.reports.report import report

    _scores(*report(given.folder), given.json)


def _portray(given: argparse.Namespace) -> None:
    from nasbench_suite import registry
    from nasbench_suite.campaigns.strategies import portray
    from nasbench_suite.files import claim
    from nasbench_suite.reports.strategies import check_drawing, write_strategies

    check_drawing()
    portraits = portray(
        claim(given.out),
        _names(given.strategies) if given.strategies is not None else registry.names("strategies"),
        evaluations=given.evaluations,
        seeds=given.seeds,
        progress=_Progress(),
    )
    page = write_strategies(portraits, given.out)
    print(_json({"page": str(page)}) if given.json else f"page: {page}")


def _reproduce(given: argparse.Namespace) -> None:
    from nasbench_suite.campaigns.reproduction import reproduce
    from nasbench_suite.files import claim, write_whole
    from nasbench_suite.reports.reproduction import reproduction_page

    rows = reproduce(claim(given.out), runs=given.seeds, progress=_Progress())
    page = reproduction_page(rows)
    write_whole(given.out / "reproduction.md", page)
    if given.json:
        found = [
            {**asdict(row.score), "published": list(row.published), "within": row.within}
            for row in rows
        ]
        print(_json(found))
    else:
        print(page)


def _scores(summary: Any, page: Path | None, as_json: bool) -> None:
    _show([asdict(score) for score in summary.scores], as_json)
    if page is None:
        _tell("no report: install the extra `report` (README), then call nasbench report DIR")
    elif not as_json:
        print(f"\nreport: {page}")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for, since that takes longer than a query."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(version("nasbench-suite"))
        parser.exit()


# What is typed, and what is printed.


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _architecture(text: str) -> str | int | list[int]:
    """Return an index for a number, genes for numbers with commas, else the string itself."""
    words = text.strip().strip("()[]").split(",")
    try:
        genes = [int(word) for word in words if word.strip()]
    except ValueError:
        return text
    return genes if len(words) > 1 else genes[0] if genes else text


def _seed(text: str) -> Any:
    if text in ("mean", "all"):
        return text
    try:
        return int(text)
    except ValueError:
        raise InvalidSetting(f"--seed {text!r}: it is mean, all, or a run's number") from None


def _epochs(measured: Sequence[int | None]) -> str:
    known = [str(at) for at in measured if at is not None]
    return f"after {' and '.join(known)} epochs" if known else ""


def _number(value: float) -> str:
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e15
    return str(int(value)) if whole else f"{value:.6g}"


def _json(value: Any) -> str:
    def plain(item: Any) -> Any:
        if isinstance(item, float) and not math.isfinite(item):
            return None if math.isnan(item) else str(item)
        if isinstance(item, dict):
            return {key: plain(entry) for key, entry in item.items()}
        return [plain(entry) for entry in item] if isinstance(item, list) else item

    return json.dumps(plain(value), indent=2, allow_nan=False)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(_json(rows))
        return
    cells = [tuple(rows[0])]
    for row in rows:
        cells.append(
            tuple(f"{v:.3f}" if isinstance(v, float) and v % 1 else str(v) for v in row.values())
        )
    _columns(cells)


def _columns(rows: Sequence[tuple[str, ...]]) -> None:
    """Print aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


class _Progress:
    """Shows how many runs are done and how long the rest will take, on a terminal only."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._shown = 0.0
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done
        if not sys.stderr.isatty() or (now - self._shown < 0.1 and done < total):
            return
        self._shown = now
        fresh = done - self._first
        left = (now - self._begun) / fresh * (total - done) if fresh else 0.0
        end = "\n" if done == total else ""
        print(f"\r{done}/{total} runs, {left:.0f} s left  ", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
