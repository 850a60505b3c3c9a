"""Opening a table, and its answers inside a running process."""

import numpy as np
import pytest

from nasbench_suite import load

MILLION = 1_000_000
BEST = 6111

FIRST_OPENING = """
from time import perf_counter
from nasbench_suite import load
start = perf_counter()
load("nasbench201/cifar10").query(6111)
print(perf_counter() - start)
"""


@pytest.fixture
def column(table):
    """The values as an array, which is what plain numpy would hold."""
    return table.query_many(np.arange(table.rows))


@pytest.fixture
def texts(table, numbers):
    return [table.space.format(table.space.at(number)) for number in numbers]


def anew(texts):
    """Copy strings, so that none has been hashed before."""
    return [text.encode().decode() for text in texts]


# Opening.


@pytest.mark.parametrize("by", ["index", "string"])
def test_open_and_answer(side_by_side, beside, table, sample, peer, by):
    arch = table.space.format(table.space.at(BEST)) if by == "string" else BEST

    def theirs():
        import nats_bench

        api = nats_bench.create(str(sample), "tss", fast_mode=True, verbose=False)
        first = peer.strings[0] if by == "string" else peer.indices[0]
        api.get_more_info(first, "cifar10", hp="200", is_random=False)

    side_by_side(
        f"open, first answer by {by}",
        lambda: load("nasbench201/cifar10").query(arch),
        peer and beside("nats_bench", theirs),
        limit=1e-3,
    )


@pytest.mark.parametrize(
    ("what", "imports"),
    [
        ("its modules imported before", "import nasbench_suite.spaces.nasbench201"),
        ("with the import of its space", ""),
    ],
)
def test_first_opening_of_a_process(benchmark, ratios, python, what, imports):
    found = []
    code = f"import nasbench_suite.benchmarks\n{imports}{FIRST_OPENING}"
    benchmark.pedantic(lambda: found.append(float(python(code))), rounds=15, warmup_rounds=1)
    if benchmark.stats is not None:  # not --benchmark-disable
        ratios.add(f"first opening of a process, {what}", min(found), limit=1e-3)


# One value. Each loop is written out where it is timed: Python adapts a loop to what it calls,
# so one that several tests shared would slow them all.


def test_by_index(side_by_side, beside, table, column, numbers, peer):
    def ours():
        query = table.query
        for number in numbers:
            query(number)

    side_by_side(
        "query by index",
        ours,
        beside("numpy array.item(i)", _items(column, numbers), len(numbers)),
        *_theirs(beside, peer, "indices"),
        count=len(numbers),
        limit=0.5e-6,
    )


def test_by_index_with_all_settings(side_by_side, beside, table, numbers):
    values = table.query_many(np.arange(table.rows), "val_accuracy", epochs=12)

    def ours():
        query = table.query
        for number in numbers:
            query(number, "val_accuracy", epochs=12, seed="mean")

    side_by_side(
        "query by index, metric, epochs and seed",
        ours,
        beside("numpy array.item(i)", _items(values, numbers), len(numbers)),
        count=len(numbers),
        limit=0.5e-6,
    )


def test_by_index_for_the_first_time(side_by_side, beside, column, numbers):
    def ours(query):
        for number in numbers:
            query(number)

    side_by_side(
        "query by index, each for the first time",
        ours,
        beside("numpy array.item(i)", _items(column, numbers), len(numbers)),
        count=len(numbers),
        limit=0.5e-6,
        fresh=_opened,
    )


def test_by_string(side_by_side, beside, table, column, numbers, texts, peer):
    number = dict(zip(texts, numbers, strict=True))

    def ours():
        query = table.query
        for text in texts:
            query(text)

    def floor():
        item = column.item
        for text in texts:
            item(number[text])

    side_by_side(
        "query by string",
        ours,
        beside("numpy array.item(dict[string])", floor, len(texts)),
        *_theirs(beside, peer, "strings"),
        count=len(texts),
        limit=1.5e-6,
    )


def test_by_string_for_the_first_time(side_by_side, beside, column, numbers, texts):
    number = dict(zip(texts, numbers, strict=True))

    def ours(query, given):
        for text in given:
            query(text)

    def floor():
        item = column.item
        for text in anew(texts):
            item(number[text])

    side_by_side(
        "query by string, each for the first time",
        ours,
        beside("numpy array.item(dict[string]), new strings", floor, len(texts)),
        count=len(texts),
        limit=1.5e-6,
        fresh=lambda: (*_opened(), anew(texts)),
    )


@pytest.mark.parametrize("first", [False, True], ids=["repeated", "first"])
def test_by_tuple(side_by_side, beside, table, column, numbers, first):
    archs = [table.space.at(number) for number in numbers]
    number = dict(zip(archs, numbers, strict=True))

    def ours(query):
        for arch in archs:
            query(arch)

    def floor():
        item = column.item
        for arch in archs:
            item(number[arch])

    side_by_side(
        "query by tuple, each for the first time" if first else "query by tuple",
        ours,
        beside("numpy array.item(dict[tuple])", floor, len(archs)),
        count=len(archs),
        fresh=_opened if first else lambda: (table.query,),
    )


# Many values.


def test_million_by_index(side_by_side, beside, table, column):
    indices = np.random.default_rng(0).integers(0, table.rows, MILLION)
    assert (table.query_many(indices) == column[indices]).all()
    side_by_side(
        "a million values by index",
        lambda: table.query_many(indices),
        beside("numpy column[indices]", lambda: column[indices]),
        limit=10e-3,
    )


@pytest.mark.parametrize("dtype", ["int64", "int8"])
def test_million_by_genes(side_by_side, beside, table, column, dtype):
    indices = np.random.default_rng(0).integers(0, table.rows, MILLION)
    space = table.space
    choices = space.genes
    all_genes = np.array(list(space), dtype=dtype)
    genes = all_genes[indices]
    number = np.empty(space.size, dtype=np.intp)
    number[np.ravel_multi_index(all_genes.T, choices)] = np.arange(space.size)
    assert (table.query_many(genes) == column[indices]).all()
    side_by_side(
        f"a million values by genes, (n, {len(choices)}) of {dtype}",
        lambda: table.query_many(genes),
        beside("numpy column[indices]", lambda: column[indices]),
        beside(
            "numpy column[number[ravel_multi_index]]",
            lambda: column[number[np.ravel_multi_index(genes.T, choices)]],
        ),
        limit=30e-3,
    )


def _opened():
    """Open the table anew; nothing has been asked of it but one value."""
    query = load("nasbench201/cifar10").query
    query(BEST)
    return (query,)


def _items(values, numbers):
    """Look the values up in an array, one after another."""

    def floor():
        item = values.item
        for number in numbers:
            item(number)

    return floor


def _theirs(beside, peer, by):
    if peer is None:
        return
    api = peer.api
    archs = getattr(peer, by) * 10
    runs = api.arch2infos_dict

    def documented():
        for arch in archs:
            index = api.query_index_by_arch(arch)
            api.get_more_info(index, "cifar10", hp="200", is_random=False)

    def shortest():
        for arch in archs:
            index = api.query_index_by_arch(arch)
            runs[index]["200"].get_metrics("cifar10", "ori-test", is_random=False)

    yield beside("nats_bench get_more_info", documented, len(archs), faster=200)
    yield beside("nats_bench, its one split alone", shortest, len(archs))
