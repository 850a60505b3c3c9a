"""What a query means: ARCHITECTURE.md says it, and this proves it on NAS-Bench-201."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import load
from nasbench_suite.core import (
    InvalidArchitecture,
    InvalidSetting,
    NotMeasured,
    Record,
    UnknownName,
)

BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
)
GENES = (3, 3, 3, 1, 3, 2)
RUNS = [94.26, 94.68, 94.18]


@pytest.fixture
def fresh():
    """A table that remembers nothing."""
    return load("nasbench201/cifar10")


def single(table, runs):
    counts = (~np.isnan(table.query_many(np.arange(15_625), "test_accuracy", seed="all"))).sum(1)
    return int(np.flatnonzero(counts == runs)[0])


# Which architecture.


@pytest.mark.parametrize(
    "arch",
    [
        BEST,
        np.str_(BEST),
        6111,
        np.int64(6111),
        np.uint16(6111),
        np.array(6111),
        GENES,
        list(GENES),
        np.array(GENES),
        np.array(GENES, dtype=np.uint8),
        tuple(np.array(GENES)),
    ],
    ids=lambda arch: type(arch).__name__,
)
def test_every_way_to_name_an_architecture(fresh, arch):
    for _ in range(2):
        value = fresh.query(arch)
        assert type(value) is float
        assert value == pytest.approx(94.37333333, abs=1e-6)
        assert fresh.record(arch).architecture == BEST


@pytest.mark.parametrize(
    ("arch", "says"),
    [
        (-1, "0 to 15624"),
        (15_625, "0 to 15624"),
        (np.int64(-1), "0 to 15624"),
        (10**30, "0 to 15624"),
        ("", "no architecture of nasbench201"),
        ("8:8:8:16:40", "no architecture of nasbench201"),
        (BEST.replace("1x1", "7x7"), "edge 5 is 'nor_conv_7x7~2'"),
        ((3, 3, 3, 1, 3), "it has 5 genes"),
        ([3, 3, 3, 1, 3, 2, 0], "it has 7 genes"),
        ((3, 3, 3, 1, 3, 5), "gene 5 is 5"),
        ((3, 3, 3, 1, 3, -1), "gene 5 is -1"),
        ([3.5, 3, 3, 1, 3, 2], "genes are integers"),
        (np.array([3.5] * 6), "genes are integers"),
        (np.zeros((2, 6), int), "genes are integers"),
        (1.5, "give its string, its number or its genes"),
        (None, "give its string, its number or its genes"),
        ({"op": 1}, "give its string, its number or its genes"),
        (b"abcdef", "gene 0 is 97"),
    ],
    ids=repr,
)
def test_invalid_architectures(fresh, arch, says):
    for ask in (fresh.query, fresh.record, fresh.query, fresh.curve):
        with pytest.raises(InvalidArchitecture, match=says):
            ask(arch)


# Which metric.


def test_no_metric_is_the_reported_one(cifar10):
    assert cifar10.reported == "test_accuracy"
    assert cifar10.query(6111) == cifar10.query(6111, "test_accuracy")


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("test_acuracy", "test_accuracy"),
        ("validation_accuracy", "val_accuracy"),
        ("FLOPS", "flops"),
        ("edgegpu", "edgegpu_latency_ms"),
        ("param", "params"),
    ],
)
def test_unknown_metric_names_near_ones(fresh, asked, near):
    for _ in range(2):
        with pytest.raises(UnknownName, match=near) as caught:
            fresh.query(0, asked)
        assert repr(asked) in str(caught.value)
    for ask in (fresh.record, fresh.curve, fresh.query_many):
        with pytest.raises(UnknownName, match=near):
            ask([0] * 6, asked)
    with pytest.raises(UnknownName, match=near):
        fresh.frame([asked])


def test_metric_of_another_task_is_unknown(cifar10, cifar100):
    assert "valtest_accuracy" in cifar100.metrics
    with pytest.raises(UnknownName, match="on nasbench201/cifar10"):
        cifar10.query(0, "valtest_accuracy")


# How long a training.


def test_no_epochs_is_the_longest_training(tasks):
    for table in tasks.values():
        assert table.epochs("val_accuracy") == (12, 200)
        for arch in (0, 6111, 9930):
            longest = table.query(arch, "val_accuracy")
            assert longest == table.query(arch, "val_accuracy", epochs=200)
            assert longest > table.query(arch, "val_accuracy", epochs=12)
            assert table.record(arch, "val_accuracy").epochs == 200


@pytest.mark.parametrize("epochs", [0, 1, 11, 13, 100, 199, 201, -1])
def test_unmeasured_epochs(fresh, epochs):
    for ask in (fresh.query, fresh.query, fresh.record):
        with pytest.raises(NotMeasured, match="after 12 and 200 epochs"):
            ask(0, "val_accuracy", epochs=epochs)
    with pytest.raises(NotMeasured, match="after 12 and 200 epochs"):
        fresh.query_many([0], "val_accuracy", epochs=epochs)


def test_metric_without_epochs(fresh):
    assert fresh.epochs("params") == (None,)
    assert fresh.query(0, "params") == 129_306
    assert fresh.record(0, "params").epochs is None
    with pytest.raises(NotMeasured, match="does not depend on epochs"):
        fresh.query(0, "params", epochs=200)


# Which run.


def test_mean_one_and_all_runs(cifar10):
    runs = cifar10.query(6111, seed="all")
    assert runs.dtype == np.float64
    assert runs.tolist() == RUNS
    assert [cifar10.query(6111, seed=run) for run in range(3)] == RUNS
    assert cifar10.query(6111, seed=np.int64(2)) == RUNS[2]
    assert cifar10.query(6111) == pytest.approx(sum(RUNS) / 3, abs=1e-12)


def test_all_runs_are_a_copy(cifar10):
    cifar10.query(6111, seed="all")[:] = 0
    cifar10.query_many([6111], seed="all")[:] = 0
    cifar10.query_many([6111])[:] = 0
    cifar10.query_many(np.arange(15_625))[:] = 0
    assert cifar10.query(6111, seed="all").tolist() == RUNS


@pytest.mark.parametrize("runs", [1, 2])
def test_only_measured_runs_are_given(fresh, runs):
    arch = single(fresh, runs)
    found = fresh.query(arch, seed="all")
    assert found.shape == (runs,)
    assert not np.isnan(found).any()
    assert fresh.query(arch) == pytest.approx(found.mean(), abs=1e-12)
    for _ in range(2):
        with pytest.raises(NotMeasured, match=f"this one has {runs} runs"):
            fresh.query(arch, seed=runs)
    with pytest.raises(NotMeasured, match="runs are 0 to 2"):
        fresh.query(arch, seed=3)
    with pytest.raises(NotMeasured, match="runs are 0 to 2"):
        fresh.query(arch, seed=-1)


@pytest.mark.parametrize("seed", ["median", "", "0", None, 1.5, float("nan"), float("inf")])
def test_what_is_no_run(fresh, seed):
    with pytest.raises(InvalidSetting, match="seed"):
        fresh.query(0, seed=seed)
    with pytest.raises(InvalidSetting, match="seed"):
        fresh.query_many([0], seed=seed)


@pytest.mark.parametrize("one", [1, 1.0, True, np.int8(1), np.float32(1)], ids=repr)
@pytest.mark.parametrize("asked_before", [False, True])
def test_equal_numbers_mean_the_same(fresh, one, asked_before):
    if asked_before:
        fresh.query(1, seed=1), fresh.query(1, epochs=200), fresh.query((1,) * 6)
    assert fresh.query(1, seed=one) == fresh.query(1, seed="all")[1]
    assert fresh.query(one) == fresh.query(fresh.space.at(1))
    assert fresh.query((one,) * 6) == fresh.query(fresh.space.format((1,) * 6))
    assert fresh.record(1, seed=one).seed == 1


def test_where_only_a_mean_was_published(tasks):
    for task, metric in (
        ("cifar10", "test_accuracy_half"),
        ("cifar10", "train_loss"),
        ("cifar100", "val_accuracy"),
        ("imagenet16-120", "test_accuracy"),
        ("cifar10", "edgegpu_latency_ms"),
    ):
        table = tasks[task]
        assert table.query(0, metric) > 0
        for seed in (0, "all", np.random.default_rng(0)):
            for ask in (table.query, table.record):
                with pytest.raises(NotMeasured, match="ask for the mean"):
                    ask(0, metric, seed=seed)
            with pytest.raises(NotMeasured, match="ask for the mean"):
                table.query_many([0], metric, seed=seed)


def test_drawn_runs_are_uniform_over_the_measured(cifar10):
    for runs in (1, 2, 3):
        arch = single(cifar10, runs)
        rng = np.random.default_rng(7)
        drawn = [cifar10.query(arch, seed=rng) for _ in range(3_000)]
        values, counts = np.unique(drawn, return_counts=True)
        assert values.tolist() == sorted(set(cifar10.query(arch, seed="all").tolist()))
        if len(values) == runs:
            # Five standard deviations of a binomial count.
            assert np.abs(counts - 3_000 / runs).max() < 5 * (3_000 / runs) ** 0.5


def test_drawing_is_repeatable(fresh):
    one = [fresh.query(6111, seed=np.random.default_rng(seed)) for seed in range(20)]
    assert one == [fresh.query(6111, seed=np.random.default_rng(seed)) for seed in range(20)]
    assert len(set(one)) == 3


def test_record_names_the_drawn_run(cifar10):
    for seed in range(10):
        record = cifar10.record(6111, seed=np.random.default_rng(seed))
        assert record.seed in (0, 1, 2)
        assert record.runs == 1
        assert record.value == RUNS[record.seed]
        assert record.value == cifar10.query(6111, seed=np.random.default_rng(seed))


# What was not measured.


def test_missing_values(fresh):
    values = fresh.query_many(np.arange(15_625), "edgetpu_latency_ms")
    missing = int(np.flatnonzero(np.isnan(values))[0])
    text = fresh.space.format(fresh.space.at(missing))
    for ask in (fresh.query, fresh.query, fresh.record):
        with pytest.raises(NotMeasured) as caught:
            ask(missing, "edgetpu_latency_ms")
        assert text in str(caught.value)
        assert "10,926 of 15,625" in str(caught.value)
    measured = int(np.flatnonzero(~np.isnan(values))[0])
    assert fresh.query(measured, "edgetpu_latency_ms") == values[measured]


def test_answers_after_errors_are_the_same(fresh):
    questions = [
        (6111, "test_accuracy", 200, "mean"),
        (6111, "test_accuracy", 200, 1),
        (0, "nothing", None, "mean"),
        (0, "val_accuracy", 13, "mean"),
        (BEST, "val_accuracy", 12, "mean"),
        (99_999, "val_accuracy", 12, "mean"),
        (0, "val_accuracy", 12, 0),
        ("nonsense", None, None, "mean"),
        (single(fresh, 1), None, None, 2),
        (0, None, None, "all"),
    ]

    def answer(question):
        arch, metric, epochs, seed = question
        try:
            value = fresh.query(arch, metric, epochs=epochs, seed=seed)
        except LookupError as error:
            return type(error), str(error)
        except ValueError as error:
            return type(error), str(error)
        return value.tolist() if isinstance(value, np.ndarray) else value

    first = [answer(question) for question in questions]
    assert [answer(question) for question in questions] == first
    assert [answer(question) for question in reversed(questions)] == first[::-1]
    assert sum(isinstance(found, tuple) for found in first) == 6


@given(st.integers(0, 15_624), st.sampled_from([12, 200]), st.booleans())
def test_the_first_and_the_remembered_answer_are_one(arch, epochs, as_text):
    table = load("nasbench201/cifar10")
    asked = table.space.format(table.space.at(arch)) if as_text else arch
    first = table.query(asked, "val_accuracy", epochs=epochs)
    assert table.query(asked, "val_accuracy", epochs=epochs) == first
    assert table.record(asked, "val_accuracy", epochs=epochs).value == first
    assert table.query_many([asked], "val_accuracy", epochs=epochs).tolist() == [first]


# Records.


def test_record_of_runs(cifar10):
    assert cifar10.record(6111, seed="all") == Record(
        benchmark="nasbench201/cifar10",
        architecture=BEST,
        metric="test_accuracy",
        unit="%",
        split="test",
        epochs=200,
        seed="all",
        runs=3,
        source="measured",
        value=RUNS,
    )
    assert cifar10.record(6111).runs == 3
    assert cifar10.record(6111).seed == "mean"
    assert cifar10.record(6111, seed=np.int64(1)).runs == 1
    assert type(cifar10.record(6111, seed=np.int64(1)).seed) is int
    assert cifar10.record(single(cifar10, 1)).runs == 1
    assert cifar10.record(single(cifar10, 2), seed="all").runs == 2


def test_record_of_a_published_mean(tasks):
    # Of two trainings at 12 epochs, and of as many as NATS-Bench has at 200.
    cifar10 = tasks["cifar10"]
    assert cifar10.record(0, "val_accuracy", epochs=12).runs == 2
    runs = cifar10.query_many(np.arange(15_625), "val_accuracy", seed="all")
    for arch in range(0, 15_625, 311):
        known = np.count_nonzero(~np.isnan(runs[arch]))
        for metric in ("test_accuracy_half", "train_accuracy", "val_loss"):
            assert cifar10.record(arch, metric).runs == known
        assert cifar10.record(arch, "train_seconds", epochs=12).runs == known
    # The number was not published.
    assert tasks["cifar100"].record(0, "test_accuracy").runs is None
    assert cifar10.record(0, "edgegpu_latency_ms").runs is None


def test_record_of_a_derived_value(cifar10):
    assert cifar10.record(0, "params") == Record(
        benchmark="nasbench201/cifar10",
        architecture=cifar10.space.format(cifar10.space.at(0)),
        metric="params",
        unit="count",
        split=None,
        epochs=None,
        seed="mean",
        runs=None,
        source="derived",
        value=129_306.0,
    )


# Many at once.


def test_many_equals_one_by_one(cifar10):
    rng = np.random.default_rng(3)
    indices = rng.integers(0, 15_625, 300)
    tuples = [cifar10.space.at(int(index)) for index in indices]
    strings = [cifar10.space.format(arch) for arch in tuples]
    for metric, epochs, seed in (
        (None, None, "mean"),
        ("val_accuracy", 12, "mean"),
        ("val_accuracy", 200, 1),
        ("flops", None, "mean"),
    ):
        one = [cifar10.query(arch, metric, epochs=epochs, seed=seed) for arch in strings]
        for archs in (
            strings,
            tuple(strings),
            np.array(strings),
            indices,
            indices.tolist(),
            indices.astype(np.uint16),
            indices.astype(np.uint64),
            tuples,
            np.array(tuples),
            np.array(tuples, dtype=np.uint8),
            np.array(tuples, dtype=np.int8),
            np.asfortranarray(tuples),
            np.array(tuples)[::-1][::-1],
        ):
            many = cifar10.query_many(archs, metric, epochs=epochs, seed=seed)
            assert many.dtype == np.float64
            assert many.tolist() == one


def test_many_over_block_boundaries(cifar10):
    everything = np.array(list(cifar10.space), dtype=np.uint8)
    many = np.concatenate([everything] * 3)
    values = cifar10.query_many(np.arange(15_625))
    assert np.array_equal(cifar10.query_many(many), np.tile(values, 3))


def test_many_gives_all_runs(cifar10):
    archs = [6111, single(cifar10, 1), single(cifar10, 2)]
    values = cifar10.query_many(archs, seed="all")
    assert values.shape == (3, 3)
    assert np.isnan(values).sum(axis=1).tolist() == [0, 2, 1]
    for arch, row in zip(archs, values, strict=True):
        assert row[~np.isnan(row)].tolist() == cifar10.query(arch, seed="all").tolist()


def test_many_marks_missing_with_nan(cifar10):
    values = cifar10.query_many([single(cifar10, 2), 6111], seed=2)
    assert np.isnan(values).tolist() == [True, False]


def test_many_draws_for_each(cifar10):
    archs = np.arange(0, 15_625, 5)
    drawn = cifar10.query_many(archs, seed=np.random.default_rng(11))
    again = cifar10.query_many(archs.tolist(), seed=np.random.default_rng(11))
    assert np.array_equal(drawn, again)
    runs = cifar10.query_many(archs, seed="all")
    assert (drawn[:, None] == runs).any(axis=1).all()
    whole = ~np.isnan(runs).any(axis=1)
    chosen = (drawn[whole, None] == runs[whole]).argmax(axis=1)
    assert set(chosen) == {0, 1, 2}
    # As many single queries with the same generator do.
    rng = np.random.default_rng(11)
    assert [cifar10.query(int(arch), seed=rng) for arch in archs[:50]] == drawn[:50].tolist()


@pytest.mark.parametrize(
    "archs",
    [
        [0, -1],
        np.array([0, -1]),
        np.array([0, 15_625]),
        np.array([0, 2**63], dtype=np.uint64),
        np.array([-1], dtype=np.int8),
        [GENES, (3, 3, 3, 1, 3, -1)],
        np.array([GENES, (3, 3, 3, 1, 3, -1)], dtype=np.int8),
        np.array([GENES, (3, 3, 3, 1, 3, 255)], dtype=np.uint8),
        [GENES, (3, 3, 3, 1, 3, 5)],
        [GENES, (3, 3, 3, 1, 3)],
        np.zeros((2, 5), int),
        np.zeros((2, 7), int),
        np.zeros((2, 6, 1), int),
        np.array([1.0, np.nan]),
        np.array([[3.5] * 6]),
        np.full((1, 6), np.nan),
        [BEST, "nonsense"],
        [BEST, None],
        np.array([True, False]),
    ],
    ids=repr,
)
def test_many_refuses_what_is_no_architecture(cifar10, archs):
    with pytest.raises(InvalidArchitecture):
        cifar10.query_many(archs)


def test_many_says_which(cifar10):
    genes = np.zeros((40_000, 6), dtype=np.int8)
    genes[39_999, 3] = 7
    with pytest.raises(InvalidArchitecture, match=r"\(0, 0, 0, 7, 0, 0\).*gene 3 is 7"):
        cifar10.query_many(genes)
    with pytest.raises(InvalidArchitecture, match="no architecture 20000"):
        cifar10.query_many(np.array([1, 20_000, 30_000]))


@pytest.mark.parametrize("archs", [[], (), np.array([]), np.empty((0, 6), int)], ids=repr)
def test_many_of_nothing(cifar10, archs):
    assert cifar10.query_many(archs).shape == (0,)
    assert cifar10.query_many(archs, seed="all").shape == (0, 3)
    assert cifar10.query_many(archs, seed=np.random.default_rng(0)).shape == (0,)


# Curves and frames.


def test_two_trainings_are_no_curve(tasks):
    for table in tasks.values():
        for epochs in (None, 12, 200):
            with pytest.raises(NotMeasured, match="after 12 and 200 epochs only"):
                table.curve(0, "val_accuracy", epochs=epochs)
        with pytest.raises(NotMeasured, match="does not depend on epochs"):
            table.curve(0, "params")


def test_frame(cifar10):
    frame = cifar10.frame(["val_accuracy", "params", "edgetpu_latency_ms"], epochs=12)
    assert frame.shape == (15_625, 3)
    assert list(frame.columns) == ["val_accuracy", "params", "edgetpu_latency_ms"]
    assert frame.index.name == "architecture"
    assert frame.index[6111] == BEST
    assert frame.index.is_unique
    assert frame["edgetpu_latency_ms"].isna().sum() == 4_699
    assert frame.loc[BEST, "val_accuracy"] == cifar10.query(BEST, "val_accuracy", epochs=12)
    assert np.array_equal(
        frame["val_accuracy"], cifar10.query_many(np.arange(15_625), "val_accuracy", epochs=12)
    )
    assert (frame.dtypes == np.float64).all()


def test_frame_of_everything(cifar10):
    frame = cifar10.frame()
    assert list(frame.columns) == list(cifar10.metrics)
    assert frame.notna().any().all()


def test_frame_of_a_run(cifar10):
    frame = cifar10.frame(["test_accuracy"], seed=2)
    assert frame["test_accuracy"].notna().sum() == 7_961
    with pytest.raises(InvalidSetting, match="one column a metric"):
        cifar10.frame(["test_accuracy"], seed="all")
    with pytest.raises(NotMeasured, match="ask for the mean"):
        cifar10.frame(["params"], seed=0)


def test_frame_does_not_write_into_the_table(cifar10):
    frame = cifar10.frame(["test_accuracy"])
    frame.loc[BEST, "test_accuracy"] = 0.0
    assert cifar10.query(BEST) == pytest.approx(94.3733, abs=1e-4)


# Loading.


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("nasbench201/cifar1O", "nasbench201/cifar10"),
        ("nasbench202/cifar10", "nasbench201/cifar10"),
        ("cifar100", "nasbench201/cifar100"),
        ("NASBench201/CIFAR10", "nasbench201/cifar10"),
        ("nasbench201", "nasbench201/cifar10"),
        ("nasbench201/", "nasbench201/cifar10"),
        ("", "nasbench201/cifar10"),
        ("../nasbench201/cifar10", "nasbench201/cifar10"),
    ],
)
def test_unknown_benchmark_names_near_ones(asked, near):
    with pytest.raises(UnknownName, match=near):
        load(asked)


def test_unknown_source_and_protocol(cifar10):
    with pytest.raises(InvalidSetting, match="auto or table or surrogate or live"):
        load("nasbench201/cifar10", source="oracle")
    with pytest.raises(UnknownName, match="standard"):
        cifar10.protocol("standart")
