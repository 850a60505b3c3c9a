"""How numbers and names are put into words."""

import math
import re

import pytest

from nasbench_suite.core import Budget
from nasbench_suite.reports import words


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (Budget(evaluations=1), "1 evaluation"),
        (Budget(seconds=90.5), "90.5 s of simulated time"),
        (Budget(seconds=7200), "7,200 s (2 h) of simulated time"),
        (Budget(seconds=1e7), "10,000,000 s (2,778 h) of simulated time"),
        (Budget(seconds=359_999.0), "359,999 s (100 h) of simulated time"),
        (Budget(seconds=1e12 + 0.5), "1,000,000,000,000 s (277,777,778 h) of simulated time"),
        (Budget(seconds=1e300), "1e+300 s of simulated time"),
        (Budget(real_seconds=0.25), "0.25 s of real time"),
        (Budget(epochs=1), "1 epoch of training"),
        (
            Budget(20, 60.0, epochs=6000),
            "20 evaluations, 6,000 epochs of training or 60 s of simulated time, "
            "whichever ends first",
        ),
        (
            Budget(2, 3600.0, 4.0),
            "2 evaluations, 3,600 s (1 h) of simulated time or 4 s of real time, "
            "whichever ends first",
        ),
        (
            Budget(evaluations=2000, seconds=60),
            "2,000 evaluations or 60 s of simulated time, whichever ends first",
        ),
    ],
)
def test_budgets_in_words(budget, text):
    assert words.budget(budget).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ((7,), "7 (one run)"),
        ((0, 1, 2), "0 to 2 (3 runs)"),
        (tuple(range(2000)), "0 to 1999 (2,000 runs)"),
        ((2**100, 2**100 + 1), f"{2**100} to {2**100 + 1} (2 runs)"),
        ((3, 2), "3, 2 (2 runs)"),
        ((5, 7, 20240101), "5, 7, 20240101 (3 runs)"),
        (tuple(range(0, 24, 2)), "0, 2, 4, 6, 8, 10, 12, 14 and 4 more (12 runs)"),
    ],
)
def test_seeds_in_words(seeds, text):
    assert words.seeds(seeds) == text


def test_numbers_in_words():
    assert words.number(-1234.5, 1) == "\N{MINUS SIGN}1,234.5"
    assert words.number(math.nan, 2) == "–"
    assert words.count(97.25) == "97.2"
    assert words.count(200.0) == "200"
    assert words.decimals("%", [0.001]) == 2
    assert words.decimals("ms", [0.031, 2.0]) == 3
    assert words.decimals("M", [1500.0]) == 0
    assert words.decimals("", [math.nan, 0.0]) == 3
    assert words.spoken("val_accuracy") == "validation accuracy"
    assert words.spoken("valtest_accuracy") == "valtest accuracy"
    assert words.after([12, 200]) == " after 12 or 200 epochs"
    assert words.after([1]) == " after 1 epoch"
    assert words.after([None]) == ""
    assert words.significant(98763.978) == "98,764"
    assert words.significant(0.00035912) == "0.000359"
    assert words.significant(3.4722) == "3.47"
    assert words.significant(0.0) == "0.00"
    assert words.significant(math.nan) == "–"
    assert words.interval(1.0, 2.0, 1) == "1.0 to 2.0"
    assert words.interval(math.nan, math.nan, 1) == "–"
    assert words.chance(0.00099) == "p < 0.001"
    assert words.chance(0.0123) == "p = 0.012"
    assert words.chance(0.25) == "p = 0.25"


def test_names_of_files_are_safe_and_different():
    names = ["a/b", "a-b", "A-b", "../x", "ä & <b>.py", "", "..", "x" * 300]
    found = words.file_names(names)
    assert list(found) == names
    assert found["a/b"] == "a-b"
    assert len({name.lower() for name in found.values()}) == len(names)
    for name in found.values():
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,104}", name)
