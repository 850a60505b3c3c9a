"""What is true of all of a table: best, worst, and what a random architecture can expect."""

from collections import Counter

import numpy as np
import pytest

from nasbench_suite import benchmarks, load, registry
from nasbench_suite.core import Question, UnknownName
from nasbench_suite.tables.store import Table

QUESTIONS = [
    pytest.param(table, protocol.report, id=f"{name}-{protocol.name}")
    for name, table in ((name, load(name, "table")) for name in benchmarks.names())
    if table.covers_space
    for protocol in table.protocols.values()
]


@pytest.mark.parametrize(("table", "question"), QUESTIONS)
def test_the_average_is_that_of_every_architecture_in_turn(table, question):
    metric, epochs, seed = question
    every = table.query_many(list(table.space), metric, epochs=epochs, seed=seed)
    known = every[~np.isnan(every)]
    assert table.average(question) == pytest.approx(known.mean(), rel=1e-12)
    ends = [known.max(), known.min()]
    if table.metrics[question.metric].direction == "min":
        ends.reverse()
    assert [table.best(question), table.worst(question)] == ends


def test_a_cell_counts_as_often_as_it_is_written():
    """Of 423 ways to write the 91 cells of EC-NAS-Bench, 153 are the cell without operations."""
    table = load("nasbench101_4v/cifar10")
    question = table.protocol("standard").report
    space, forms = table.space, table._rows.genes
    ways = Counter(map(space.canonical, space))
    assert max(ways.values()) == 153
    assert sum(ways.values()) == space.size == 423
    rows = table.query_many(forms, question.metric, epochs=question.epochs)
    cells = zip(forms.tolist(), rows, strict=True)
    by_hand = sum(ways[tuple(genes)] * value for genes, value in cells) / 423
    assert table.average(question) == pytest.approx(by_hand, rel=1e-12)
    assert abs(table.average(question) - rows.mean()) > 1
    rng = np.random.default_rng(0)
    drawn = [table.query(table.space.sample(rng), question.metric) for _ in range(20_000)]
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(np.mean(drawn) - by_hand) < 4 * error < abs(np.mean(drawn) - rows.mean())


def test_nothing_is_said_of_a_space_that_is_not_covered():
    table = Table.open("nasbench101_sample")
    question = table.protocol("standard").report
    assert (table.best(question), table.worst(question), table.average(question)) == (None,) * 3


def test_ways_to_write_a_cell_of_seven_vertices():
    """They are 373,754,169 together, and a draw meets each cell as often as it should."""
    space = registry.load("spaces", "nasbench101")
    ways = space.copies(space.cells)
    assert len(ways) == space.forms
    assert ways.sum() == space.size
    rng = np.random.default_rng(0)
    drawn = space.copies([space.sample(rng) for _ in range(20_000)])
    # A cell of w ways is drawn with chance w / size, so that 1 / w averages cells / size.
    inverses = 1 / drawn
    expected, error = space.forms / space.size, inverses.std() / np.sqrt(len(inverses))
    assert abs(inverses.mean() - expected) < 4 * error
    # The first cell is the one without operations, which nothing else is written as often as.
    assert space.to_spec(tuple(space.cells[0].tolist()))[1] == ["input", "output"]
    assert np.mean(drawn == ways[0]) == pytest.approx(ways[0] / space.size, abs=0.01)


def test_a_question_that_has_no_column():
    table = load("nasbench201/cifar10")
    with pytest.raises(UnknownName, match="nonsense"):
        table.average(Question("nonsense", None, "mean"))


@pytest.mark.parametrize(
    ("benchmark", "metric", "why"),
    [
        ("nasbench201/cifar10", "val_accuracy", "split validation"),
        ("nasbench201/cifar10", "train_seconds", "12 and 200 epochs"),
        ("nasbench201/cifar10", "params", None),
        ("nasbench201/cifar10", "fpga_latency_ms", None),
        ("nasbench201/cifar10", "zc_nwot", None),
        ("nasbench101/cifar10", "published_params", None),
        # One value an architecture, but each of a training, or of several.
        ("transbench101_micro/jigsaw", "train_seconds", "runs"),
        ("nasbench_nlp/penn_treebank", "epochs_run", "runs"),
        ("nasbench_nlp/penn_treebank", "published_params", None),
        ("nasbench_graph/cora", "latency_ms", "runs"),
        ("nasbench_graph/cora", "params", None),
        ("nasbench_graph/proteins", "params", None),
    ],
)
def test_what_only_training_tells(benchmark, metric, why):
    found = load(benchmark, "table").trained(metric)
    assert found is None if why is None else why in found


def test_of_no_metric_is_told_whether_training_tells_it():
    with pytest.raises(UnknownName, match="did you mean params"):
        load("nasbench201/cifar10").trained("parms")
