"""The verbs that look something up, and the one that makes a table of published files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite import benchmarks, resources
from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
from nasbench_suite.cli import words
from nasbench_suite.core import InvalidSetting, NotMeasured, Record
from nasbench_suite.experiments.run import check_seed
from nasbench_suite.files import write_whole
from nasbench_suite.tables.layout import CARD, INDEX
from nasbench_suite.tables.store import Table


def list_benchmarks(given: argparse.Namespace) -> None:
    """List the benchmarks."""
    rows = []
    if given.check:
        # A folder that has lost one of its files is still a table.
        found = {f for file in (CARD, INDEX) for f in _tables(file)}
        for folder in sorted(found):
            benchmarks.check(folder)
    for folder, task in benchmarks.names().values():
        table = Table.open(folder, task)
        rows.append(_listed(table, table.rows, table.covers_space, given.check))
    for folder in benchmarks.predicted().values():
        surrogate = SurrogateBenchmark(folder)
        if given.check:
            benchmarks.verify(surrogate)
        rows.append(_listed(surrogate, surrogate.space.size, True, given.check))
    rows.sort(key=lambda row: str(row["benchmark"]))
    words.table(rows, given.json)


def _listed(
    opened: Table | SurrogateBenchmark, architectures: int, covers: bool, checked: bool
) -> dict[str, Any]:
    """Return what the list says of a benchmark."""
    return {
        "benchmark": opened.benchmark,
        "table": opened.name,
        "architectures": architectures,
        "covers_space": covers,
        "metrics": len(opened.metrics),
        "reported": opened.reported,
        "source": opened.source,
        **({"checked": True} if checked else {}),
    }


def _tables(file: str) -> Iterable[Path]:
    return resources.folders("datasets_tabular", file).values()


def info(given: argparse.Namespace) -> None:
    """Say what a benchmark holds."""
    from nasbench_suite.tables.card import read_card

    table = benchmarks.load(given.benchmark, given.source)
    if isinstance(table, SurrogateBenchmark):
        _info_of_surrogate(table, given.json)
        return
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
        after = f" after {best['epochs']} epochs" if "epochs" in best else ""
        print(f"Best {best['metric']}{after}: {best['value']:.4f}, number {best['index']}")
        print(f"  {best['architecture']}")
    print("\nProtocols")
    for name, protocol in table.protocols.items():
        print(f"  {name}: {protocol.description}")
    print("\nMetrics")
    words.columns(
        [
            (
                metric["name"],
                metric["unit"],
                metric.get("split", ""),
                {"max": "more is better", "min": "less is better", "none": ""}[metric["direction"]],
                words.epochs(table.epochs(metric["name"])),
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


def _info_of_surrogate(surrogate: SurrogateBenchmark, as_json: bool) -> None:
    """Say what is predicted, and how well."""
    card = surrogate.card
    if as_json:
        print(json.dumps(card, indent=2))
        return
    fitted, split = card["table"], card["split"]
    print(f"{surrogate.benchmark}: {card['title']} (version {card['version']}, predicted)")
    print(card["description"])
    print(
        f"\n{surrogate.space.size:,} architectures, predicted from the table {fitted['name']}, "
        f"version {fitted['version']}: {split['train']:,} fitted, {split['calibrate']:,} to "
        f"calibrate, {split['test']:,} to test"
    )
    print("\nProtocols")
    for name, protocol in surrogate.protocols.items():
        print(f"  {name}: {protocol.description}")
    print("\nMetrics, and how well the test part is predicted")
    lines = [("", "", "Kendall's tau", "R2", "RMSE", "90 % hold", "two trainings")]
    for entry in card["predictors"]:
        scores, noise = entry.get("scores", {}), entry.get("noise", {})
        unit = surrogate.metrics[entry["metric"]].unit
        apart = "" if not noise else f"differ by {noise['deviation']:g}"
        lines.append(
            (
                entry["metric"],
                words.epochs([entry.get("epochs")]),
                *(
                    f"{scores[key]:.3f}" if scores else f"as {entry['in_proportion_to']} epochs"
                    for key in ("kendall", "r2")
                ),
                f"{scores['rmse']:.3g} {unit}" if scores else "",
                f"{scores['coverage']:.3f}" if scores else "",
                apart + (" of the value" if noise.get("kind") == "relative" else ""),
            )
        )
    words.columns(lines)
    for title in ("notes", "citations"):
        print(f"\n{title.capitalize()}")
        for line in card[title]:
            print(f"  - {line}")
    print(f"\nLicence: {card['licence']}; everything: {surrogate.folder / 'card.toml'}")


def query(given: argparse.Namespace) -> None:
    """Look up an architecture."""
    table = benchmarks.load(given.benchmark, given.source)
    arch = words.architecture(given.architecture, table.space)
    seed = words.seed(given.seed)
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
            # Of what was measured there is nothing to say here.
            for name in ("std", "outside"):
                if entry[name] is None:
                    del entry[name]
        print(words.to_json(found[0] if given.metric and len(found) == 1 else found))
        return
    print(records[0].architecture)
    words.columns([_line(record) for record in records])


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
    text = ", ".join(map(words.number, value)) if isinstance(value, list) else words.number(value)
    after = f"{record.epochs} epochs" if record.epochs is not None else ""
    if record.seed == "mean":
        runs = f"mean of {record.runs}" if record.runs is not None and record.runs > 1 else ""
    else:
        runs = f"{record.runs} runs" if record.seed == "all" else f"run {record.seed}"
    line = (record.metric, text, record.unit, record.split or "", after, runs, record.source)
    if record.std is None:
        return line
    unlike = "outside what was fitted" if record.outside else ""
    return (*line, f"± {words.number(record.std)}", unlike)


def draw_curves(given: argparse.Namespace) -> None:
    """Draw the learning curves of some architectures of a benchmark."""
    from nasbench_suite.reports.curves import learning_curves

    if given.out.suffix != ".svg":
        raise InvalidSetting(f"--out is {given.out}: the figure is an .svg")
    table = benchmarks.load(given.benchmark, "table")
    drawn = learning_curves(
        table, given.archs, np.random.default_rng(check_seed(given.seed)), tuple(given.metric)
    )
    write_whole(given.out, drawn)
    if given.json:
        print(words.to_json({"figure": str(given.out)}))
    else:
        print(f"figure: {given.out}")


def pack_table(given: argparse.Namespace) -> None:
    """Make a table of published files."""
    from nasbench_suite.tables.pack import pack

    folder = pack(given.importer, given.source, given.out, words.tell)
    if given.json:
        print(words.to_json({"folder": str(folder)}))
    else:
        print(f"packed into {folder}")
