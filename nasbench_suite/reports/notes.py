"""How the numbers of the page were computed, each said once and with its source."""

from __future__ import annotations

import math
from typing import Final

from nasbench_suite.reports.figures import timed
from nasbench_suite.scoring.scores import held
from nasbench_suite.scoring.summary import Summary


def notes(summary: Summary) -> dict[str, str]:
    """Return how the numbers were computed, by what the template calls each note.

    They come in the order in which the page refers to them.
    """
    results, together = _results(summary), _together(summary)
    if len(summary.experiment.benchmarks) > 1:
        # Ties are marked in the overview already.
        first = {name: text for name, text in results.items() if name == "tied"}
        found = first | together | results
    else:
        found = results | together
    return {
        name: text.replace(" %", "\N{NO-BREAK SPACE}%")
        for name, text in (found | _cost(summary)).items()
    }


def _results(summary: Summary) -> dict[str, str]:
    """Return the notes on the results on a benchmark."""
    several, compared = len(summary.experiment.seeds) > 1, len(summary.experiment.strategies) > 1
    found = {"interval": _INTERVAL if several else _SINGLE}
    if several:
        found["iqm"] = _IQM
    if several and compared and summary.odds:
        found["odds"] = _ODDS
    if summary.average:
        found["improvement"] = _IMPROVEMENT
    if summary.optimum:
        found["regret"] = _REGRET
    found["chosen"] = _CHOSEN
    if any(score.failed for score in summary.scores):
        found["failed"] = _FAILED
    if several and compared:
        found["tied"] = _TIED
        found["detectable"] = _DETECTABLE
    if any(not math.isnan(score.area) for score in summary.scores):
        found["area"] = f"{_AREA} {_span(summary)} Less is better."
    if any(summary.checkpoints.values()):
        found["checkpoints"] = _checkpoints(summary)
    return found


def _together(summary: Summary) -> dict[str, str]:
    """Return the notes on what all benchmarks say together."""
    strategies, benchmarks = len(summary.experiment.strategies), len(summary.experiment.benchmarks)
    known = any(not math.isnan(one.gap) for one in summary.overall.aggregates)
    found = {}
    if strategies > 1:
        found["ranks"] = _RANKS
    if known and (strategies > 1 or benchmarks > 1):
        found["gap"] = _GAP
    if strategies > 2 and benchmarks > 1:
        found["tests"] = _TESTS
    if strategies > 1:
        found |= {"expected": _EXPECTED + ("" if summary.whole else _PART), "wins": _WINS}
    return found


def _cost(summary: Summary) -> dict[str, str]:
    """Return the notes on what searches cost."""
    experiment = summary.experiment
    found = {"cost": _COST + (_REPEATED if experiment.budget.real_seconds is None else _REAL)}
    if experiment.budget.epochs is not None:
        found["epochs"] = _EPOCHS
    if any(timed(summary, name) for name in experiment.benchmarks):
        found["time"] = _TIME if experiment.workers == 1 else _WORKERS
    # Where curves begin and end is said of the last axis that they may have besides evaluations.
    *_, last = found
    if last != "cost":
        found[last] += f" {_BEGINS}{_ends(summary)}"
    return found


def _ends(summary: Summary) -> str:
    """Return where curves end that are not drawn against the axis of the budget."""
    if not summary.whole:
        return _FIRST
    if summary.experiment.budget.epochs is not None:
        return _OTHERS.format(_AXES[summary.axis])
    return _SHORTEST if summary.axis == "seconds" else _QUICKEST


def _span(summary: Summary) -> str:
    """Return over what the mean regret is taken, from where to where."""
    over = _AXES[summary.axis]
    end = "the end of the budget" if summary.whole else "where the first run on the benchmark ended"
    holds = _HELD.format(over) if held(summary.axis, summary.experiment.budget) else ""
    return f"It is taken over {over}, from where every run has a result to {end}{holds}."


def _checkpoints(summary: Summary) -> str:
    """Return what the budgets of the checkpoints are."""
    last = "the whole" if summary.whole else "where the first run on the benchmark ended"
    rounded = "" if summary.axis == "seconds" else _ROUNDED.format(summary.axis)
    return (
        f"The last of these budgets is {last}; before it come its eighth, quarter and half"
        f"{rounded}. A dash: not every run had a result by then."
    )


_AXES: Final = {
    "evaluations": "evaluations",
    "epochs": "epochs of training",
    "seconds": "simulated seconds",
}
_CHOSEN = (
    "After every trial, a search would name the architecture with the best objective among its "
    "trials of the longest training so far, the earlier of equals. The reported metric of that "
    "architecture is looked up after the search, which never saw it."
)
_FAILED = (
    "A search that chooses how long it trains may name an architecture whose longer training, the "
    "one that is reported, failed. Its result is then taken to be the worst in the table."
)
_INTERVAL = (
    "The 95 % interval of the mean over runs is Student's; the standard deviation divides by the "
    "number of runs less one."
)
_SINGLE = "An interval and a standard deviation need two runs."
_TIED = (
    "Overlapping intervals are a cautious sign of a tie, not a test: a test may still separate two "
    "means whose intervals overlap a little."
)
_IQM = (
    "IQM is the interquartile mean, that of the middle half of the runs, which a few failed runs "
    "do not move (Agarwal et al., “Deep Reinforcement Learning at the Edge of the Statistical "
    "Precipice”, NeurIPS 2021). Its 95 % interval is the percentile bootstrap's, from 2,000 "
    "resamples of the runs (Efron and Tibshirani, “An Introduction to the Bootstrap”, 1993)."
)
_ODDS = (
    "How likely a run is better than one of random search: the share of all pairs of runs, a tie "
    "counting one half (Agarwal et al., 2021). The 95 % interval is Wilson's of a share, with the "
    "variance of DeLong et al. (Biometrics 1988), as Mee (JASA 1990) proposed."
)
_IMPROVEMENT = (
    "By how many percent the mean is better than what an architecture drawn at random is expected "
    "to have, over all of the space whose training did not fail, 100 (m \N{MINUS SIGN} r) / r "
    "(Yang et al., “NAS evaluation is frustratingly hard”, ICLR 2020)."
)
_REGRET = (
    "Regret is how far the mean falls short of the best value of the reported metric among all "
    "architectures of the space, which the table covers."
)
_ROUNDED = ", rounded up to whole {} and each shown once"
_AREA = (
    "Anytime regret is the mean regret over the logarithm of the budget, so that each doubling "
    "counts the same."
)
_HELD = "; a run that {} ended holds its result to the last of them"
_DETECTABLE = (
    "The difference of two means that Student's two-sided test at 5 % finds with a chance of 80 %, "
    "runs being spread as they are here, pooled over strategies (Cohen, “Statistical Power "
    "Analysis”, 1988)."
)
_RANKS = (
    "On each benchmark the best mean has rank 1, and equal means share the mean of their ranks; "
    "shown is the average over benchmarks."
)
_GAP = (
    "The share of the way from the average over architectures drawn at random to the best one, 0 % "
    "to 100 %: the interquartile mean over the runs on all benchmarks. Its 95 % interval is "
    "bootstrapped, runs being drawn within benchmarks (Agarwal et al., 2021, section 4.1)."
)
_TESTS = (
    "Friedman's test of ranks within benchmarks, corrected for ties, and Nemenyi's test after it: "
    "average ranks that differ by the critical difference or more are told apart at 5 %, over all "
    "pairs together (Demšar, “Statistical Comparisons of Classifiers over Multiple Data Sets”, "
    "JMLR 2006, section 3.2.2). Ranks are of means; how sure the means are does not enter."
)
_PART = " The whole is here where the first run on a benchmark ended."
_EXPECTED = (
    "The rank that a strategy can expect at a part of the budget, were one run of each drawn at "
    "random: exact over all combinations, and averaged over benchmarks. A run without a result yet "
    "is the worst."
)
_WINS = (
    "How likely a run of one strategy is better than one of another, a tie counting one half "
    "(Agarwal et al., 2021), averaged over benchmarks, each of which counts the same."
)
_EPOCHS = (
    "A trial spends the epochs that it trains, whether or not it fails; where a longer training "
    "continues a shorter one, an architecture spends only those beyond the longest it was trained "
    "for before."
)
_TIME = "Simulated time is the sum of the seconds that the trials cost according to the table."
_WORKERS = (
    "Simulated time is that of a clock on which each worker takes the next trial as soon as it is "
    "free, and a trial lasts the seconds that it costs according to the table."
)
_BEGINS = (
    "A point of a curve counts only if every run has a result by then, so a curve begins when the "
    "slowest first trial ended"
)
_SHORTEST = "; curves against evaluations end where the run with the fewest of them ended."
_QUICKEST = "; curves against time end when the quickest run had spent its evaluations."
_OTHERS = "; curves against anything but {} end where the first run ended."
_FIRST = "; all curves end where the first run ended."
_COST = (
    "Means over runs. An evaluation is repeated if the same architecture was asked for before with "
    "the same training; it is paid again. A strategy's own time is the real time it took to ask "
    "and to learn, on the machine of the experiment."
)
_REPEATED = " It alone, and what it is part of, differs when the experiment is repeated."
_REAL = (
    " As real time can end a run, every number of this page may differ when the experiment is "
    "repeated."
)
