"""The figure of learning curves."""

import re
import sys

import numpy as np
import pytest

from nasbench_suite import cli, registry
from nasbench_suite.core import InvalidSetting, Metric, MissingExtra, NotMeasured, UnknownName
from nasbench_suite.reports.curves import learning_curves
from nasbench_suite.tables.pack import write
from nasbench_suite.tables.source import Column, Curve, Source, Task, single_run_protocols
from nasbench_suite.tables.store import Table

SPACE = registry.load("spaces", "nasbench201")
NAN = np.nan
EPOCHS = 4
METRICS = ("val_accuracy", "test_accuracy", "train_seconds")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table of ten cells, each better than the one before, of which the fourth failed."""
    curves = {
        name: np.linspace(scale, 9 * scale, 10)[:, None, None] + np.arange(EPOCHS)
        for name, scale in zip(METRICS, (9.0, 8.0, 1.0), strict=True)
    }
    for values in curves.values():
        values[3] = NAN
    made = Source(
        name="curved",
        version="1",
        title="Ten cells",
        description="Ten cells for a test.",
        space=SPACE.name,
        tasks={"digits": Task("digits", 10, 8, "test_accuracy", ("test_accuracy", EPOCHS))},
        metrics=[
            Metric("val_accuracy", "%", "max", "validation", "top-1"),
            Metric("test_accuracy", "%", "max", "test", "top-1"),
            Metric("train_seconds", "s", "min", None, "of training"),
        ],
        columns=[
            Column("digits", name, values[:, :, -1], epochs=EPOCHS)
            for name, values in curves.items()
        ],
        curves=[
            Curve("digits", name, values)
            for name, values in curves.items()
            if name != "train_seconds"
        ],
        protocols=single_run_protocols([EPOCHS], continues=True),
        licence="Apache-2.0",
        citations=("none",),
        inputs=[],
        archs=[SPACE.at(number) for number in range(1, 11)],
    )
    return write(made, tmp_path_factory.mktemp("curves") / "curved")


@pytest.fixture(scope="module")
def table(folder):
    return Table.open(folder)


def lines(drawing):
    """Return the heights at which the curves of a drawing end, in the order of drawing."""
    paths = re.findall(rb'<path d="([^"]*)" clip-path[^>]*stroke-width: 0\.6;', drawing)
    drawn = [np.array(re.findall(rb"[ML] (\S+) (\S+)", path), dtype=float) for path in paths]
    return [path[-1, 1] for path in drawn if len(path) == EPOCHS and np.ptp(path[:, 1])]


def draw(table, count=100, seed=0, **changes):
    return learning_curves(table, count, np.random.default_rng(seed), **changes)


def test_every_curve_is_drawn_the_best_last(table):
    heights = lines(draw(table))
    assert len(heights) == 18
    for panel in (heights[:9], heights[9:]):
        # In SVG less is higher.
        assert panel == sorted(panel, reverse=True)


def test_the_same_draw_gives_the_same_bytes(table):
    few = draw(table, 3)
    assert few == draw(table, 3)
    assert few != draw(table, 3, seed=1)
    assert b"validation accuracy (%)" in few
    assert b"test accuracy (%)" in few
    only = draw(table, 3, metrics=("test_accuracy",))
    assert b"validation accuracy" not in only


def test_bad_input(table):
    with pytest.raises(NotMeasured, match="no learning curve of train_seconds"):
        draw(table, metrics=("train_seconds",))
    with pytest.raises(UnknownName, match="did you mean"):
        draw(table, metrics=("tst_accuracy",))
    with pytest.raises(InvalidSetting, match="count is 0"):
        draw(table, 0)
    with pytest.raises(NotMeasured, match="holds no learning curves of an accuracy"):
        draw(Table.open("nasbench_macro"))


def test_without_the_extra(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"nasbench-suite\[report\]"):
        draw(table)


def test_the_command(tmp_path, capsys):
    out = tmp_path / "curves.svg"
    assert cli.main(["curves", "nasbench_macro/cifar10", "--out", str(out)]) == 2
    assert "holds no learning curves" in capsys.readouterr().err
    assert not out.exists()
    wrong = ["curves", "nasbench201/cifar10", "--out", str(tmp_path / "curves.png")]
    assert cli.main(wrong) == 2
    assert "the figure is an .svg" in capsys.readouterr().err
    assert cli.main(["curves", "nasbench_macro/cifar10", "--seed", "-1", "--out", str(out)]) == 2
    assert "seed -1: it is a whole number" in capsys.readouterr().err
