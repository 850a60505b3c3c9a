"""The command `nasbench`: every verb is a thin call to the public functions.

Modules are imported by the verb that needs them, so that a query loads nothing else.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from nasbench_suite.core import NasbenchError

_ARCH: Final = "the benchmark's own string, its number, or genes as 3,3,3,1,3,2 (not NASLib's)"
_STRATEGY: Final = "names such as local_search, or a file of your own as ./mine.py:MyStrategy"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 2 for wrong input."""
    given = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may have letters that a terminal lacks
            stream.reconfigure(errors="backslashreplace")
    try:
        module, name = given.verb
        getattr(importlib.import_module(f"nasbench_suite.cli.{module}"), name)(given)
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
        print("nasbench: out of memory: ask for less", file=sys.stderr)
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
    verb = _verbs(verbs)
    _add_look(verb)
    _add_search(verb)
    _add_train(verb)
    _add_measure(verb)
    _add_leaderboard(verb)
    text = "compute and show who stands where on the tracks"
    board = verbs.add_parser("leaderboard", help=text, description=_sentence(text))
    _add_standings(_verbs(board.add_subparsers(required=True, metavar="VERB")))
    text = "judge learned predictors of a metric"
    surrogate = verbs.add_parser("surrogate", help=text, description=_sentence(text))
    _add_surrogate(_verbs(surrogate.add_subparsers(required=True, metavar="VERB")))
    return parser


_Verb = Callable[[str, str, str, str], argparse.ArgumentParser]


def _verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> _Verb:
    """Return what adds a verb: its name, the module and function that do it, and a text."""

    def verb(name: str, module: str, function: str, text: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=_sentence(text))
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.set_defaults(verb=(module, function))
        return sub

    return verb


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _add_look(verb: _Verb) -> None:
    sub = verb("list", "look", "list_benchmarks", "list the benchmarks")
    sub.add_argument("--check", action="store_true", help="compare all files with their sha256")

    sub = verb("info", "look", "info", "say what a benchmark holds, and where it comes from")
    sub.add_argument("benchmark", help="such as nasbench201/cifar10")

    _add_source(sub)

    sub = verb("query", "look", "query", "look up an architecture")
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
    _add_source(sub)

    sub = verb("curves", "look", "draw_curves", "draw learning curves")
    sub.add_argument("benchmark", help="such as nasbench201/digits")
    sub.add_argument("--archs", type=int, default=100, metavar="N", help="drawn at random (100)")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="of that (0)")
    sub.add_argument(
        "--metric",
        nargs="+",
        metavar="M",
        action="extend",
        default=[],
        help="default: all accuracies with curves",
    )
    sub.add_argument("--out", type=Path, required=True, metavar="FILE", help="an .svg")

    sub = verb("pack", "look", "pack_table", "make a table of published files")
    sub.add_argument("importer", help="such as nasbench201; csv for your own")
    sub.add_argument("--from", dest="source", type=Path, required=True, metavar="PATH")
    sub.add_argument("--out", type=Path, metavar="DIR", help="default: the table's own place")


def _add_source(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--source",
        choices=("auto", "table", "surrogate"),
        default="auto",
        help="the table where it covers its space, else what was fitted to it (default); or one",
    )


def _add_search(verb: _Verb) -> None:
    sub = verb("run", "search", "run_once", "search once")
    sub.add_argument("benchmark", help="such as nasbench201/cifar10")
    sub.add_argument("--strategy", required=True, metavar="S", help=_STRATEGY)
    sub.add_argument("--seed", type=int, required=True, metavar="N")
    _add_rules(sub, "KEY=VALUE", "a setting of the strategy, or preset=NAME; may be repeated")

    sub = verb("compare", "search", "compare_strategies", "compare search strategies")
    sub.add_argument("benchmarks", nargs="+", metavar="BENCHMARK")
    sub.add_argument("--strategies", required=True, metavar="A,B,C", help=_STRATEGY)
    sub.add_argument("--seeds", type=int, required=True, metavar="K", help="runs of each")
    _add_rules(sub, "STRATEGY.KEY=VALUE", "a setting of a strategy; may be repeated")
    _add_where(sub)

    sub = verb("report", "search", "write_report", "write the report of a comparison again")
    sub.add_argument("folder", type=Path, metavar="DIR")

    sub = verb("portray", "search", "portray_strategies", "write a page of all strategies")
    sub.add_argument("--strategies", metavar="A,B,C", help="default: all")
    sub.add_argument("--evaluations", type=int, default=200, metavar="N", help="of each run (200)")
    sub.add_argument("--seeds", type=int, default=50, metavar="K", help="runs of each (50)")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")

    sub = verb("reproduce", "search", "reproduce_published", "repeat the searches of NATS-Bench")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")
    sub.add_argument("--seeds", type=int, default=500, metavar="K", help="runs of each (500)")


def _add_train(verb: _Verb) -> None:
    sub = verb("train", "train", "train_architecture", "train an architecture for real")
    sub.add_argument("space", help="such as nasbench201")
    sub.add_argument("architecture", help=_ARCH)
    sub.add_argument("--seeds", type=int, default=1, metavar="K", help="trainings (1)")
    _add_training(sub)

    sub = verb("build", "train", "build_table", "train a space and make a table of it")
    sub.add_argument("space", help="such as nasbench201")
    sub.add_argument(
        "--archs",
        default="canonical",
        metavar="A",
        help="all, canonical (one of each canonical form, default), or how many to draw of these",
    )
    sub.add_argument("--seeds", type=int, default=1, metavar="K", help="trainings of each (1)")
    sub.add_argument(
        "--repeat", type=int, default=0, metavar="N", help="so many have --repeats trainings (0)"
    )
    sub.add_argument("--repeats", type=int, default=3, metavar="K", help="trainings of those (3)")
    sub.add_argument("--name", metavar="NAME", help="of the table; default: SPACE_DATA")
    sub.add_argument(
        "--note", action="append", default=[], metavar="TEXT", help="for the card; may be repeated"
    )
    sub.add_argument(
        "--lengths",
        metavar="N,N",
        help="epochs that a search may choose, beside all; default: a third each of the next",
    )
    _add_training(sub)
    _add_where(sub)

    sub = verb("verify", "train", "verify_winners", "train the winners of a comparison for real")
    sub.add_argument("runs", type=Path, metavar="RUNS", help="the folder of a run or comparison")
    sub.add_argument("--top", type=int, default=5, metavar="N", help="so many of the best (5)")
    sub.add_argument("--seeds", type=int, default=3, metavar="K", help="trainings of each (3)")
    sub.add_argument("--benchmark", metavar="B", help="which, of several")
    _add_training(sub, out="default: within RUNS, where its report finds it")
    _add_where(sub)


def _add_measure(verb: _Verb) -> None:
    sub = verb("measure", "measure", "measure_latency", "measure latency, throughput and memory")
    sub.add_argument("space", help="such as nasbench201")
    sub.add_argument("architecture", nargs="?", help=f"{_ARCH}; or give --sample")
    sub.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:0,…")
    sub.add_argument("--batch", type=int, default=1, metavar="N", help="images a pass (1)")
    sub.add_argument(
        "--size", type=int, metavar="S", help="of images, in pixels (32, or --table's)"
    )
    sub.add_argument("--channels", type=int, default=3, metavar="C", help="of images (3)")
    sub.add_argument("--classes", type=int, metavar="K", help="default: 10, or --table's")
    sub.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    sub.add_argument("--channels-last", action="store_true", help="channels side by side in memory")
    sub.add_argument("--threads", type=int, metavar="T", help="of the CPU; default: torch's")
    sub.add_argument("--warm-up", type=int, default=10, metavar="N", help="passes not timed (10)")
    sub.add_argument("--passes", type=int, default=50, metavar="N", help="passes timed (50)")
    sub.add_argument("--recipe", metavar="R", help="whose skeleton; default: as published")
    _add_set(sub, "KEY=VALUE", "channels or cells of the skeleton; may be repeated")
    many = sub.add_argument_group("whether latencies of a table order networks alike")
    many.add_argument("--sample", type=int, metavar="N", help="architectures, drawn at random")
    many.add_argument("--seed", type=int, default=0, metavar="S", help="of that (0)")
    many.add_argument("--table", metavar="T", help="such as nasbench201/cifar10")
    many.add_argument("--metric", nargs="+", metavar="M", action="extend", help="of the table")
    many.add_argument("--out", type=Path, metavar="DIR", help="keeps each, and goes on there")


def _add_leaderboard(verb: _Verb) -> None:
    sub = verb(
        "submit", "leaderboard", "submit_strategy", "run a strategy on a track, to submit it"
    )
    sub.add_argument("track", help="such as nasbench201")
    sub.add_argument("--strategy", required=True, metavar="S", help=_STRATEGY)
    _add_set(sub, "KEY=VALUE", "a setting of the strategy, or preset=NAME; may be repeated")
    sub.add_argument("--author", required=True, metavar="A", help="who submits")
    sub.add_argument("--code", metavar="URL", help="of the code of a strategy of your own")
    sub.add_argument("--name", metavar="N", help="of the entry; default: the strategy's")
    sub.add_argument("--protocol", metavar="P", help="one of the track's; default: its first")
    sub.add_argument("--about", default="", metavar="TEXT", help="a sentence on the entry")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR", help="of the submission")
    _add_where(sub)

    sub = verb("check", "leaderboard", "check_submissions", "recompute submissions, and say faults")
    sub.add_argument("folders", nargs="*", type=Path, metavar="DIR", help="of a submission")
    sub.add_argument("--all", action="store_true", help="and all that lie in the tracks")
    sub.add_argument("--sample", type=int, metavar="N", help="and so many of these, at random")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="of that (0)")
    sub.add_argument("--replay", metavar="S", help=f"run this again and compare: {_STRATEGY}")
    _add_where(sub)


def _add_standings(verb: _Verb) -> None:
    build = verb("build", "leaderboard", "build_standings", "write the site of the leaderboards")
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="of the site")
    text = "rewrite the standings that lie in the tracks' folders"
    update = verb("update", "leaderboard", "update_standings", text)
    update.add_argument(
        "--check", action="store_true", help="write nothing; exit with 2 where they would change"
    )
    serve = verb("serve", "serving", "serve", "build the pages and show them on this machine")
    serve.add_argument("--out", type=Path, metavar="DIR", help="default: a temporary folder")
    serve.add_argument(
        "--port", type=int, default=8000, metavar="N", help="0: any that is free (8000)"
    )
    for sub in (build, update, serve):
        sub.add_argument(
            "--track", action="append", metavar="T", help="only this; may be repeated (all)"
        )


def _add_surrogate(verb: _Verb) -> None:
    sub = verb("evaluate", "surrogate", "evaluate", "judge a family of surrogates on a table")
    sub.add_argument("family", help="such as mlp_ensemble, or a file of your own")
    sub.add_argument("--table", required=True, metavar="T", help="such as nasbench201/cifar10")
    sub.add_argument("--metric", metavar="M", help="default: the reported one")
    sub.add_argument("--epochs", type=int, metavar="E", help="default: the longest training")
    sub.add_argument("--train", required=True, metavar="N,N", help="to how many it is fitted")
    sub.add_argument(
        "--extra",
        default="",
        metavar="M,M",
        help="metrics known before training that it is told too, such as params,flops",
    )
    sub.add_argument(
        "--calibrate",
        type=float,
        metavar="SHARE",
        help="this share of --train, up to 0.5, is not fitted and calibrates intervals",
    )
    sub.add_argument("--trials", type=int, default=10, metavar="K", help="of each size (10)")
    sub.add_argument("--test", type=int, metavar="N", help="tested on so many; default: all others")
    sub.add_argument(
        "--split",
        choices=("random", "forms", "top", "mutated", "strategies", "official"),
        default="random",
        help="test at random (default), on no copies, above a quantile, on mutations, on what a "
        "strategy visits that was left out, or as the table says",
    )
    sub.add_argument("--quantile", type=float, default=0.9, metavar="Q", help="of top (0.9)")
    sub.add_argument(
        "--parents", type=int, metavar="N", help="of mutated: of the N best trained on; all"
    )
    sub.add_argument(
        "--strategies", metavar="A,B,C", help="of strategies; default: five quick ones"
    )
    sub.add_argument(
        "--evaluations", type=int, default=500, metavar="N", help="of strategies: of each run (500)"
    )
    sub.add_argument("--drop-missing", action="store_true", help="leave out what has no value")
    _add_set(sub, "KEY=VALUE", "a setting of the family, or preset=NAME; may be repeated")
    sub.add_argument("--out", type=Path, metavar="DIR", help="keeps every trial, and goes on there")

    _add_tuning(verb)

    sub = verb("fit", "surrogate", "fit_surrogate", "fit what a recipe asks for, with a card")
    sub.add_argument("recipe", help="a file such as mine.toml, or the name of a fitted surrogate")
    sub.add_argument("--out", type=Path, metavar="DIR", help="default: the surrogate's own place")
    _add_where(sub)

    sub = verb(
        "report",
        "surrogate",
        "report_surrogate",
        "write a page of how far a fitted surrogate can be trusted",
    )
    sub.add_argument("surrogate", help="the name of a fitted surrogate, or its folder")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")
    sub.add_argument(
        "--fidelity", type=Path, metavar="DIR", help="a folder that `fidelity` wrote, to be shown"
    )

    sub = verb(
        "fidelity",
        "surrogate",
        "compare_rankings",
        "ask whether a surrogate ranks strategies as the table does",
    )
    sub.add_argument("benchmarks", nargs="+", metavar="BENCHMARK", help="whose table is whole")
    sub.add_argument("--family", default="stacked", metavar="F", help="of surrogates (stacked)")
    sub.add_argument(
        "--train", default="100,300,1000,3000", metavar="N,N", help="sizes (100,300,1000,3000)"
    )
    sub.add_argument("--trials", type=int, default=2, metavar="K", help="of each size (2)")
    sub.add_argument("--strategies", metavar="A,B,C", help="default: ten of them")
    sub.add_argument("--seeds", type=int, default=200, metavar="K", help="runs of each (200)")
    sub.add_argument("--evaluations", type=int, default=200, metavar="N", help="of each run (200)")
    _add_set(sub, "KEY=VALUE", "a setting of the family, or preset=NAME; may be repeated")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")
    _add_where(sub)


def _add_tuning(verb: _Verb) -> None:
    sub = verb("tune", "surrogate", "tune_family", "search the settings of a family of surrogates")
    sub.add_argument("family", help="such as xgboost, or a file of your own")
    sub.add_argument("--table", required=True, metavar="T", help="such as nasbench201/cifar10")
    sub.add_argument("--metric", metavar="M", help="default: the reported one")
    sub.add_argument("--epochs", type=int, metavar="E", help="default: the longest training")
    sub.add_argument(
        "--train", type=int, required=True, metavar="N", help="architectures for the trials"
    )
    sub.add_argument("--trials", type=int, default=30, metavar="K", help="settings tried (30)")
    sub.add_argument(
        "--measure",
        choices=("kendall", "r2", "rmse", "negative_log_likelihood"),
        default="kendall",
        help="by which they are scored (kendall)",
    )
    sub.add_argument("--folds", type=int, default=5, metavar="F", help="of --train (5)")
    sub.add_argument("--test", type=int, metavar="N", help="judged on so many; default: all others")
    sub.add_argument(
        "--split",
        choices=("random", "official"),
        default="random",
        help="judge at random (default) or as the table says",
    )
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="of everything drawn (0)")
    sub.add_argument("--drop-missing", action="store_true", help="leave out what has no value")
    _add_set(
        sub, "KEY=VALUE", "a setting of the family that is fixed, or preset=NAME; may be repeated"
    )
    sub.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="keeps every trial, and goes on there",
    )


def _add_set(sub: argparse.ArgumentParser, form: str, text: str) -> None:
    sub.add_argument("--set", action="append", default=[], metavar=form, help=text)


def _add_training(sub: argparse.ArgumentParser, out: str | None = None) -> None:
    """Add what all trainings are asked alike; `out` says where they lie if they need no folder."""
    sub.add_argument("--data", required=True, metavar="D", help="a name such as digits, or a path")
    sub.add_argument("--folder", type=Path, metavar="DIR", help="where files of the data lie")
    sub.add_argument("--splits", metavar="S", help="of the data, such as whole, or a file")
    sub.add_argument("--download", action="store_true", help="allow to download the data")
    sub.add_argument("--recipe", required=True, metavar="R", help="a name such as quick, or a file")
    _add_set(sub, "KEY=VALUE", "a hyperparameter of the recipe; may be repeated")
    sub.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:0,…")
    sub.add_argument("--out", type=Path, required=out is None, metavar="DIR", help=out)


def _add_where(sub: argparse.ArgumentParser) -> None:
    """Add what says where runs are made."""
    sub.add_argument("--jobs", type=int, default=1, metavar="J", help="local processes (1)")
    sub.add_argument(
        "--executor", choices=("processes", "dask"), default="processes", help="where runs are made"
    )
    sub.add_argument("--scheduler", metavar="ADDRESS", help="of Dask, such as tcp://10.0.0.1:8786")


def _add_rules(sub: argparse.ArgumentParser, setting: str, text: str) -> None:
    """Add what a run and a comparison are asked alike."""
    sub.add_argument("--evaluations", type=int, metavar="N", help="budget of a run")
    sub.add_argument("--epochs", type=int, metavar="N", help="of training, budget of a run")
    sub.add_argument("--seconds", type=float, metavar="S", help="simulated, budget of a run")
    sub.add_argument("--real-seconds", type=float, metavar="S", help="real, budget of a run")
    sub.add_argument("--workers", type=int, default=1, metavar="W", help="simulated, of a run (1)")
    sub.add_argument("--protocol", default="standard", metavar="P")
    _add_set(sub, setting, text)
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")
    sub.add_argument(
        "--patience",
        type=float,
        metavar="S",
        help="real seconds without the end of any run after which runs count as hanging (3600, "
        "or a day where they train)",
    )
    sub.add_argument(
        "--source",
        choices=("auto", "table", "surrogate", "live"),
        default="auto",
        help="the table where it covers its space, else what was fitted to it (default); one of "
        "these; or live: every architecture is trained for real",
    )
    live = sub.add_argument_group("with --source live")
    live.add_argument("--recipe", metavar="R", help="a name, or a .toml of your own (quick)")
    live.add_argument(
        "--recipe-set", action="append", default=[], metavar="KEY=VALUE", help="changes it"
    )
    live.add_argument("--data", metavar="D", help="default: what the benchmark's name says")
    live.add_argument("--folder", type=Path, metavar="DIR", help="of the data's files")
    live.add_argument("--splits", metavar="FILE", help="how NAS-Bench-201 split the data")
    live.add_argument("--device", metavar="D", help="auto (default), cpu, cuda, cuda:0, ...")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for, since that takes longer than a query."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(version("nasbench-suite"))
        parser.exit()
