"""How the numbers of a fitted surrogate's page were computed, each said once."""

from __future__ import annotations

from typing import Final

from nasbench_suite.campaigns.examining import Examination, Examined
from nasbench_suite.campaigns.fit_metric import DIVISORS, LEAST, TOP

_SPEED: Final = (
    "Of the reported metric, on the machine that fitted it, the least of five turns; another "
    "machine takes longer or shorter."
)
_OUTSIDE: Final = (
    "An architecture is outside what was fitted if one of its features is beyond all that were "
    "seen, or one of its choices was never taken. One that is not may still be unlike all of them."
)
_TEST: Final = (
    "Architectures that were neither fitted nor calibrated with. τ is Kendall's τ-b and ρ is "
    "Spearman's, the correlations of ranks, 1 at best; R² is the share of the variance that is "
    "explained, 0 for who always predicts the mean, and less for who does worse; RMSE is the root "
    "of the mean squared error, MAE the mean absolute error, and bias by how much predictions are "
    "too high on average. Where predictions of all are the same there is no correlation, and a "
    "dash."
)
_COVERAGE: Final = (
    "The share of the test part within 1.645 predicted standard deviations of the prediction. It "
    "is 90 % where deviations are right, which were scaled on other architectures."
)
_TEACHER: Final = (
    "The larger and slower model that the small one learned from, on the same test part: what was "
    "given away for speed."
)
_TOP: Final = (
    "The best {share} % of the test part alone, where a search ends. They are closer to each other "
    "than all are, so that their order is harder to tell."
)
_BEYOND: Final = (
    "A second fit of the same kind was shown none of the best {share} % of the training part, and "
    "then asked of what is as good in the test part: what a search can expect that goes further "
    "than the data. Its bias shows how far a fit stays behind what is better than all that it saw. "
    "The surrogate itself did see them. There is no such row where fewer than 20 are as good."
)
_CEILING: Final = (
    "What one would reach who knew the expected value of each architecture, and not how its one "
    "training went: drawn from the noise between trainings about the predictions, 20 times."
)
_NOISE: Final = (
    "By the architectures that were trained more than once: the median of their standard "
    "deviations, corrected for so few trainings, and the pooled one, in which one training that "
    "went wrong counts for all."
)
_CALIBRATION: Final = (
    "For each p of 0.01, 0.02, …, 0.99 the share of the test part that lies below its predicted "
    "p-quantile. On the diagonal uncertainty is right; a curve that is flatter in the middle is "
    "of predictions that are too sure, a steeper one of too careful ones. The mean distance from "
    "the diagonal is how far quantiles are off."
)
_LEARNING: Final = (
    "The same family fitted to parts of the training part, {parts} and all of it, and tested on "
    "the same test part; parts of fewer than {least} architectures are left out. Where the curve "
    "still rises, more data would help; where it meets the noise ceiling, none would."
)
_STUDY: Final = (
    "A family is fitted to a random sample of a benchmark whose whole table is known, and "
    "strategies search on its predictions and on the table. Rankings are compared with one half of "
    "the table's runs, those on the surrogate and the table's other half alike, so that the row of "
    "the table itself is as much as any surrogate can reach with so many runs."
)


def notes(found: Examination, study: bool) -> dict[str, str]:
    """Return how the numbers were computed, by what the template calls each note.

    They come in the order in which the page refers to them.
    """
    fitted = [one for one in found.metrics if isinstance(one, Examined)]
    share = f"{100 * TOP:g}"
    parts = ", ".join(f"1/{divisor}" for divisor in DIVISORS)
    texts = {
        "outside": (_OUTSIDE, True),
        "speed": (_SPEED, found.speed is not None),
        "test": (_TEST, True),
        "coverage": (_COVERAGE, True),
        "teacher": (_TEACHER, any(one.teacher for one in fitted)),
        "top": (_TOP.format(share=share), any(one.top for one in fitted)),
        "beyond": (_BEYOND.format(share=share), any(one.beyond for one in fitted)),
        "ceiling": (_CEILING, any(one.ceiling for one in fitted)),
        "noise": (_NOISE, any(one.noise for one in fitted)),
        "calibration": (_CALIBRATION, True),
        "learning": (
            _LEARNING.format(parts=parts, least=LEAST),
            any(one.learning for one in fitted),
        ),
        "study": (_STUDY, study),
    }
    return {
        name: text.replace(" %", "\N{NO-BREAK SPACE}%")
        for name, (text, said) in texts.items()
        if said
    }
