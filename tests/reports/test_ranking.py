"""Where the lines, names and bars of the figures of ranks go, and how strategies look."""

import itertools
import re
from dataclasses import replace
from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite.reports.figures import COLOURS, DASHES, series
from nasbench_suite.reports.ranking import (
    difference,
    label_places,
    spread_labels,
    together_panels,
)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=20), st.floats(0.01, 10))
def test_labels_are_apart_in_order_and_no_further_than_they_must(values, gap):
    found = spread_labels(values, gap)
    order = sorted(range(len(values)), key=values.__getitem__)
    placed = [found[n] for n in order]
    assert all(b - a >= gap * (1 - 1e-6) - 1e-9 for a, b in itertools.pairwise(placed))
    assert np.mean(found) == pytest.approx(np.mean(values), abs=1e-6)
    lonely = [
        n
        for n, value in enumerate(values)
        if all(abs(value - other) > gap * len(values) for m, other in enumerate(values) if m != n)
    ]
    assert all(found[n] == values[n] for n in lonely)


def test_labels_of_ranks_stay_within_the_axis(ten):
    found = label_places(ten)
    assert min(found) >= 0.5
    assert max(found) <= 13.5


def test_the_diagram_has_every_rank_and_group(ten):
    found = difference(ten)
    assert found is not None
    ranks = [one.rank for one in ten.overall.aggregates]
    assert sorted(stem.series for stem in found.stems) == list(range(13))
    assert all(stem.rank == ranks[stem.series] for stem in found.stems)
    assert sum(stem.left for stem in found.stems) == 7
    groups = {(min(r), max(r)) for g in ten.overall.alike for r in [[ranks[n] for n in g]]}
    assert {(bar.low, bar.high) for bar in found.bars} == groups
    assert found.length == ten.overall.difference
    # Rows lie below all bars, and the ruler below all rows.
    assert max(bar.row for bar in found.bars) < min(stem.row for stem in found.stems)
    assert max(stem.row for stem in found.stems) < found.ruler


@pytest.mark.parametrize("one_sided", [False, True])
def test_lines_of_the_diagram_do_not_cross(ten, one_sided):
    found = difference(ten, one_sided)
    assert found is not None
    assert all(stem.left for stem in found.stems) or not one_sided
    for one, other in itertools.permutations(found.stems, 2):
        beside = other.rank < one.rank if one.left else other.rank > one.rank
        # What the line to a name passes must have ended above it.
        assert not beside or other.left != one.left or other.row < one.row
        if other.left != one.left:
            assert one.rank <= other.rank if one.left else other.rank <= one.rank


def test_bars_of_one_row_do_not_touch(ten):
    alike = ((0, 1), (1, 2), (2, 3), (3, 4))
    aggregates = tuple(
        replace(one, rank=float(rank)) for rank, one in enumerate(ten.overall.aggregates, start=1)
    )
    found = difference(
        replace(ten, overall=replace(ten.overall, alike=alike, aggregates=aggregates))
    )
    assert found is not None
    for one, other in itertools.combinations(found.bars, 2):
        assert one.row != other.row or one.high < other.low or other.high < one.low
    assert len({bar.row for bar in found.bars}) == 2


def test_the_page_is_given_the_ranks_of_the_summary(ten):
    ranks = together_panels(ten)["ranks"]
    assert ranks["x"][-1] == 100
    for line, expected in zip(ranks["lines"], ten.ranks.expected.values(), strict=True):
        np.testing.assert_allclose(line, expected, atol=6e-4)


# How colour-blind readers see a colour: Machado et al., "A Physiologically-based Model for
# Simulation of Color Vision Deficiency", 2009, complete deficiency, on linear RGB.
SEEN = {
    "all": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(colour, seen):
    """A colour such as #0072b2 as CIELAB, seen by such a reader."""
    part = np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)]) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    x, y, z = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ np.clip(np.asarray(seen) @ linear, 0, 1)
        / [0.9505, 1.0, 1.089]
    )
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("reader", SEEN)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_told_apart(scheme, reader):
    light, _, dark = (
        (files("nasbench_suite.reports") / "page.css").read_text("utf-8").partition("@media")
    )
    style = light if scheme == "light" else dark
    colours = re.findall(r"--s\d: (#\w+);", style)
    assert len(colours) == COLOURS
    paper = re.findall(r"--paper: (#\w+);", style)
    for one, other in itertools.combinations(colours + paper, 2):
        # Two is what can just be seen side by side; lines lie apart.
        assert np.linalg.norm(lab(one, SEEN[reader]) - lab(other, SEEN[reader])) > 10


def test_fourteen_strategies_differ_in_colour_and_dash():
    names = [f"s{number}" for number in range(14)]
    looks = series(SimpleNamespace(experiment=SimpleNamespace(strategies=names)))
    assert len({(look.colour, look.dash) for look in looks}) == 14
    # The kinds of dashes: how many strokes and gaps, and whether strokes are dots.
    plain = {dash: number for number, dash in enumerate(DASHES)}
    for one, other in itertools.combinations(looks, 2):
        if one.colour == other.colour:
            # Of the same colour are only neighbours among the dashes, never two alike.
            assert abs(plain[one.dash] - plain[other.dash]) in (1, len(DASHES) - 1)
