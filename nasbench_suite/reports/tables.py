"""The tables of an experiment as files: CSV with every digit, LaTeX as a paper prints them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from nasbench_suite.reports import words
from nasbench_suite.reports.content import content
from nasbench_suite.scoring.overall import Aggregate
from nasbench_suite.scoring.scores import Score
from nasbench_suite.scoring.standings import Cost, costs, standings
from nasbench_suite.scoring.summary import Summary

TIED: Final = r"$^{\dagger}$"

_SPECIAL: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        # After the end of a row these two would be read as its arguments.
        "[": "{[}",
        "*": "{*}",
        **{sign: f"\\{sign}" for sign in "&%$#_"},
        # What the page's own numbers are made of.
        words.DASH: "--",
        words.MINUS: "$-$",
        "±": r"$\pm$",
        "\N{NO-BREAK SPACE}": "~",
    }
)


def to_csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return CSV, with nothing where a value is not a finite number."""
    text = io.StringIO()
    written = csv.writer(text, lineterminator="\n")
    written.writerow(header)
    for row in rows:
        written.writerow(
            "" if isinstance(value, float) and not math.isfinite(value) else value for value in row
        )
    return text.getvalue()


def csv_tables(summary: Summary) -> dict[str, str]:
    """Return the tables as CSV, by the names of their files without endings."""
    overall, strategies = summary.overall, list(summary.experiment.strategies)
    test = overall.test._asdict() | {"critical_difference": overall.difference}
    found = {
        "headline": to_csv(
            [*_names(Score), "place", "beats_random_search", "beats_low", "beats_high"],
            _headline(summary),
        ),
        "checkpoints": to_csv(
            ["benchmark", "strategy", "axis", "budget", "mean", "ci_low", "ci_high"],
            (
                [*key, summary.axis, *asdict(point).values()]
                for key, points in summary.checkpoints.items()
                for point in points
            ),
        ),
        "overall": to_csv(_names(Aggregate), (asdict(one).values() for one in overall.aggregates)),
        "cost": to_csv(
            _names(Cost),
            (
                asdict(cost).values()
                for name in summary.experiment.benchmarks
                for cost in costs(summary, name)
            ),
        ),
    }
    if len(strategies) > 1:
        found["tests"] = to_csv(test, [test.values()])
        for name, matrix in (("wins", overall.wins), ("pairs", overall.pairs)):
            rows = zip(strategies, matrix.tolist(), strict=True)
            found[name] = to_csv(["strategy", *strategies], ([one, *row] for one, row in rows))
    return found


def latex_tables(summary: Summary) -> dict[str, str]:
    """Return the tables as LaTeX, by the names of their files without endings.

    Each is a tabular that needs the package booktabs, with the numbers of the page.
    """
    page = content(summary)
    safe = words.file_names(summary.experiment.benchmarks)
    found = {"headline": _latex_headline(page), "cost": _latex_cost(page)}
    for result in page["results"]:
        found[f"scores-{safe[result['name']]}"] = _latex_scores(page, result)
        if result["checkpoints"]:
            found[f"checkpoints-{safe[result['name']]}"] = _latex_checkpoints(page, result)
    if page["together"]:
        found["overall"] = _latex_overall(page["together"])
        if page["together"]["wins"]:
            found["wins"] = _latex_wins(page["together"]["wins"])
    return found


def escaped(text: str) -> str:
    """Return text that LaTeX prints as it is."""
    return text.translate(_SPECIAL)


def _names(of: Any) -> list[str]:
    return [field.name for field in fields(of)]


def _headline(summary: Summary) -> Iterator[list[Any]]:
    for name in summary.experiment.benchmarks:
        for standing in standings(summary, name):
            odds = summary.odds.get((name, standing.score.strategy))
            beats = (math.nan,) * 3 if odds is None else asdict(odds).values()
            yield [*asdict(standing.score).values(), standing.place, *beats]


def _tabular(what: str, columns: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a tabular; an empty row is a rule between groups."""
    lines = [
        f"% {what}",
        r"% needs \usepackage{booktabs}",
        f"\\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        f"{' & '.join(head)} \\\\",
        r"\midrule",
        *(f"{' & '.join(row)} \\\\" if row else r"\midrule" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _marked(text: str, place: str) -> str:
    """Return a cell of a table: the best in bold, ties with a dagger."""
    if place == "best":
        return rf"\textbf{{{escaped(text)}}}"
    return escaped(text) + (TIED if place == "tied" else "")


def _name(row: Mapping[str, Any]) -> str:
    return escaped(row["look"].name)


def _result(page: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    text = row["mean"] if page["single"] else f"{row['mean']} ± {row['std']}"
    return _marked(text, "" if page["alone"] else row["place"])


def _with_interval(value: str, interval: str) -> str:
    return escaped(value if interval in ("", words.DASH) else f"{value} ({interval})")


def _latex_headline(page: Mapping[str, Any]) -> str:
    results = page["results"]
    # Rows of results are ordered by their means; here all columns share one order.
    cells = {
        (row["look"].name, result["name"]): _result(page, row)
        for result in results
        for row in result["rows"]
    }
    head = [f"{escaped(one['name'])}{_unit(one['unit'])}" for one in results]
    return _tabular(
        f"final result, mean and standard deviation over {page['runs']}; "
        "best in bold, a dagger where the interval overlaps that of the best",
        "l" + "r" * len(results),
        ["strategy", *head],
        (
            [_name(row), *(cells[row["look"].name, one["name"]] for one in results)]
            for row in page["strategies"]
        ),
    )


def _unit(unit: str) -> str:
    return f" ({escaped(unit)})" if unit else ""


def _latex_scores(page: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    unit, difference = _unit(result["unit"]), _unit(result["difference"])
    # Heading, whether the column is there, and what it has of a row.
    columns = [
        ("strategy", True, _name),
        (f"result{unit}", True, lambda row: _result(page, row)),
        (r"95\,\% interval", not page["single"], lambda row: escaped(row["interval"])),
        (
            f"IQM{unit}",
            not page["single"],
            lambda row: _with_interval(row["iqm"], row["iqm_interval"]),
        ),
        (
            "P(beats random search)",
            result["odds"] and not page["single"],
            lambda row: _with_interval(row["odds"], row["odds_interval"]),
        ),
        (r"over average (\%)", result["average"], lambda row: escaped(row["improvement"])),
        (f"regret{difference}", bool(result["optimum"]), lambda row: escaped(row["regret"])),
    ]
    shown = [(head, cell) for head, there, cell in columns if there]
    return _tabular(
        f"{result['metric']} on {result['name']}, {page['runs']} of each; best in bold, a dagger "
        "where the interval overlaps that of the best",
        "l" + "r" * (len(shown) - 1),
        [head for head, _ in shown],
        ([cell(row) for _, cell in shown] for row in result["rows"]),
    )


def _latex_checkpoints(page: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    points = result["checkpoints"]
    areas = [f"anytime regret{_unit(result['difference'])}"] if points["areas"] else []
    return _tabular(
        f"{result['metric']} on {result['name']} when a part of the budget was spent; the best "
        "mean in bold",
        "l" + "r" * (len(points["budgets"]) + len(areas)),
        ["strategy", *(f"{escaped(one)}~{points['unit']}" for one in points["budgets"]), *areas],
        (
            [
                _name(row),
                *(
                    _marked(cell["mean"], "best" if cell["best"] and not page["alone"] else "")
                    for cell in row["cells"]
                ),
                *([escaped(row["area"])] if areas else []),
            ]
            for row in points["rows"]
        ),
    )


def _latex_overall(together: Mapping[str, Any]) -> str:
    columns = [
        ("strategy", True, _name),
        ("average rank", together["ranked"], lambda row: escaped(row["rank"])),
        (
            r"gap closed (\%)",
            together["gap"],
            lambda row: _with_interval(row["gap"], row["gap_interval"]),
        ),
    ]
    shown = [(head, cell) for head, there, cell in columns if there]
    return _tabular(
        "all benchmarks together",
        "l" + "r" * (len(shown) - 1),
        [head for head, _ in shown],
        ([cell(row) for _, cell in shown] for row in together["rows"]),
    )


def _latex_wins(wins: Sequence[Mapping[str, Any]]) -> str:
    return _tabular(
        "how likely a run of the row's strategy is better than one of the column's",
        "rl" + "r" * len(wins),
        ["", "strategy", *(str(row["number"]) for row in wins)],
        (
            [
                str(row["number"]),
                _name(row),
                *(escaped(cell["text"]) if cell else "" for cell in row["cells"]),
            ]
            for row in wins
        ),
    )


def _latex_cost(page: Mapping[str, Any]) -> str:
    spent = page["spent"]
    head = {
        "evaluations": "evaluations",
        "unique": "unique",
        "repeated": "repeated",
        **({"epochs": "epochs"} if spent["epochs"] else {}),
        **({"seconds": "simulated time (s)"} if spent["timed"] else {}),
        "overhead": "own time (s)",
        "each": "own time (ms an evaluation)",
        **({"spent": "time in all (s)"} if spent["timed"] else {}),
    }
    rows: list[list[str]] = []
    for group in spent["groups"]:
        title = rf"\multicolumn{{{len(head) + 1}}}{{l}}{{\textit{{{escaped(group['name'])}}}}}"
        rows += [[], [title]] if rows else [[title]]
        rows += [[_name(row), *(escaped(row[key]) for key in head)] for row in group["rows"]]
    return _tabular(
        "what a run took, on average",
        "l" + "r" * len(head),
        ["strategy", *head.values()],
        rows,
    )
