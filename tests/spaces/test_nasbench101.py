"""NAS-Bench-101: its domain, its 423,624 cells, the official hash, and published costs."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nasbench_suite import registry
from nasbench_suite.core import InvalidArchitecture
from nasbench_suite.spaces._cells101 import EDGES, tables
from nasbench_suite.spaces.nasbench101 import OPERATIONS
from nasbench_suite.testing.made_up import play

SPACE = registry.load("spaces", "nasbench101")
CONV3, CONV1, POOL = OPERATIONS
MATRICES = st.sampled_from(tables().matrices.tolist())
ARCHS = st.builds(lambda m, ops: SPACE.decode(m * 243 + ops), MATRICES, st.integers(0, 242))

# Written out from published files: matrix, interior operations, hash, trainable parameters.
PUBLISHED = [
    ("0100", "", "043721b9c7fe8c5fad811d47d83132ec", 882_570),
    ("010001000", "0", "b49ac8c578b4561d79ac7087988f1c61", 10_177_674),
    ("010001000", "2", "53cee42601ad14d661bb6878031d6acb", 882_570),
    ("011001000", "1", "09fc2d10bdd6225e167a6f81a22a3f06", 2_793_866),
    ("0101001100010000", "00", "01f0f1cf81ef9193f2946db78ea759ee", 5_969_674),
    ("0111100111000100000100000", "200", "001ea832563f8d635ef7d0af25926274", 6_843_402),
    (
        "0100110001000000010010000010000001000000010000000",
        "02001",
        "00005c142e6f48ac74fdcf73e3439874",
        8_555_530,
    ),
    (
        "0100010001001000010000000101000001000000010000000",
        "02121",
        "0000cb5372fad9d62c470df699ac6d52",
        3_729_162,
    ),
]


def read(bits, digits):
    """Return the cell that is published as a matrix and digits for the interior vertices."""
    return SPACE.parse(
        f"{bits}:{','.join(['input', *(OPERATIONS[int(d)] for d in digits), 'output'])}"
    )


def edges_of(arch):
    return {edge for edge, present in zip(EDGES, arch[:21], strict=True) if present}


def paths(edges, vertex=0):
    """Walk from a vertex to the output, and return the vertices of each path."""
    if vertex == 6:
        return [(6,)]
    return [(vertex, *rest) for s, target in edges if s == vertex for rest in paths(edges, target)]


def pruned(arch):
    """Return the edges and operations that lie on a path from input to output."""
    found = paths(edges_of(arch))
    edges = {edge for path in found for edge in itertools.pairwise(path)}
    return edges, {v: arch[20 + v] for path in found for v in path[1:-1]}


# The cells.


def test_counts():
    assert SPACE.genes == (2,) * 21 + (3,) * 5
    assert SPACE.size == 373_754_169
    # Labelled cells and classes by vertices: the published count of hashes is 423,624.
    assert len(tables().number) == 1_293_208
    assert SPACE.cells.shape == (423_624, 26)
    vertices = 2 + np.bitwise_count(tables().place[_matrices(SPACE.cells)] & 31)
    assert np.bincount(vertices).tolist() == [0, 0, 1, 6, 84, 2_441, 62_010, 359_082]


def _matrices(genes):
    return genes[:, :21].astype(np.int64) @ (1 << np.arange(21)[::-1])


def test_cells_are_canonical_distinct_and_in_order():
    assert (SPACE.numbers(SPACE.cells) == np.arange(423_624)).all()
    assert not SPACE.cells.flags.writeable
    vertices = np.bitwise_count(tables().place[_matrices(SPACE.cells)] & 31)
    codes = _matrices(SPACE.cells) * 243 + SPACE.cells[:, 21:] @ (3 ** np.arange(5)[::-1])
    assert (np.lexsort((codes, vertices)) == np.arange(423_624)).all()


@pytest.mark.slow
def test_the_official_hash_tells_the_cells_apart():
    # All 423,624 hashes differ; to compute them takes a minute, so here it is one in twenty.
    cells = SPACE.cells[::20]
    assert len(set(SPACE.fingerprints(cells))) == len(cells) == 21_182


@given(st.integers(0, 2**21 - 1), st.integers(0, 242))
def test_valid_is_connected_with_at_most_nine_edges(matrix, operations):
    arch = SPACE.decode(matrix * 243 + operations)
    edges, _ = pruned(arch)
    assert SPACE.valid(arch) == (1 <= len(edges) <= 9)


@given(ARCHS)
def test_the_canonical_form_is_what_is_left_of_pruning(arch):
    form = SPACE.canonical(arch)
    assert SPACE.canonical(form) == form
    assert form <= arch
    edges, operations = pruned(form)
    # Nothing is dead in it, and unused genes are 0.
    assert edges == edges_of(form)
    assert all(form[20 + vertex] == 0 for vertex in range(1, 6) if vertex not in operations)
    assert set(operations) == set(range(6 - len(operations), 6))
    ours, theirs = pruned(arch), pruned(form)
    assert len(ours[0]) == len(theirs[0])
    assert sorted(ours[1].values()) == sorted(theirs[1].values())


@given(ARCHS, st.permutations(range(1, 6)))
def test_isomorphic_cells_share_number_form_and_hash(arch, order):
    name = {0: 0, 6: 6, **dict(enumerate(order, start=1))}
    edges = {(name[source], name[target]) for source, target in edges_of(arch)}
    assume(all(source < target for source, target in edges))
    operations = [0] * 5
    for vertex in range(1, 6):
        operations[name[vertex] - 1] = arch[20 + vertex]
    other = (*[int(edge in edges) for edge in EDGES], *operations)
    assert SPACE.number(other) == SPACE.number(arch)
    assert SPACE.canonical(other) == SPACE.canonical(arch)
    assert SPACE.fingerprint(other) == SPACE.fingerprint(arch)


@given(ARCHS)
def test_neighbours_share_a_number_where_they_share_a_hash(arch):
    number, fingerprint = SPACE.number(arch), SPACE.fingerprint(arch)
    near = SPACE.neighbours(arch)
    # The ten changes of an operation are always valid.
    assert 10 <= len(near) <= 31
    for other in near:
        assert (SPACE.number(other) == number) == (SPACE.fingerprint(other) == fingerprint)


@given(ARCHS)
def test_the_form_is_the_first_of_all_namings(arch):
    edges, operations = pruned(arch)
    smallest = arch
    for places in itertools.permutations(range(1, 6), len(operations)):
        name = {0: 0, 6: 6, **dict(zip(operations, places, strict=True))}
        renamed = {(name[source], name[target]) for source, target in edges}
        if all(source < target for source, target in renamed):
            genes = [0] * 5
            for vertex, operation in operations.items():
                genes[name[vertex] - 1] = operation
            smallest = min(smallest, (*[int(edge in renamed) for edge in EDGES], *genes))
    assert SPACE.canonical(arch) == smallest


def test_batches_are_their_members():
    rng = np.random.default_rng(0)
    archs = [SPACE.sample(rng) for _ in range(300)]
    numbers = [SPACE.number(arch) for arch in archs]
    for genes in (archs, np.array(archs), np.array(archs, dtype=np.int8), np.array(archs, float)):
        assert SPACE.numbers(genes).tolist() == numbers
    assert SPACE.fingerprints(archs) == [SPACE.fingerprint(arch) for arch in archs]
    assert SPACE.numbers([]).shape == (0,)
    assert [tuple(form) for form in SPACE.cells[numbers].tolist()] == list(
        map(SPACE.canonical, archs)
    )


@pytest.mark.parametrize(
    ("archs", "fault"),
    [
        ([(0,) * 26], "not connected"),
        ([(1,) * 21 + (0,) * 5], "21 edges"),
        ([(0,) * 25], "25 genes"),
        ([(0,) * 5 + (1,) + (0,) * 19 + (3,)], "gene 25 is 3"),
        ([(0,) * 5 + (2,) + (0,) * 20], "gene 5 is 2"),
        ([(0,) * 5 + (1,) + (0,) * 15 + (0.5,) + (0,) * 4], "integers"),
        ([(0,) * 5 + (1,) + (0,) * 20, (-1,) + (0,) * 25], "gene 0 is -1"),
        ([3], "integers"),
    ],
)
def test_a_batch_with_something_else_is_refused(archs, fault):
    with pytest.raises(InvalidArchitecture, match=fault):
        SPACE.numbers(archs)


def test_index_is_lexicographic():
    rng = np.random.default_rng(2)
    archs = sorted({SPACE.sample(rng) for _ in range(300)})
    indices = [SPACE.index(arch) for arch in archs]
    assert indices == sorted(set(indices))
    assert SPACE.at(0) == (0,) * 5 + (1,) + (0,) * 20
    assert SPACE.index(SPACE.at(SPACE.size - 1)) == SPACE.size - 1
    assert list(itertools.islice(SPACE, 500)) == sorted(itertools.islice(SPACE, 500))


def test_samples_are_uniform():
    # A matrix drawn uniformly has each edge equally often as all valid matrices have.
    rng = np.random.default_rng(3)
    drawn = np.array([SPACE.sample(rng) for _ in range(20_000)])
    shares = (tables().matrices[:, None] >> np.arange(21)[::-1] & 1).mean(axis=0)
    deviations = np.sqrt(shares * (1 - shares) / len(drawn))
    assert (np.abs(drawn[:, :21].mean(axis=0) - shares) < 5 * deviations).all()
    assert np.abs(drawn[:, 21:].mean(axis=0) - 1).max() < 5 * math.sqrt(2 / 3 / len(drawn))


def test_most_tuples_and_most_changes_are_valid():
    # What the choice of unit rests on: see the module.
    matrices = tables().matrices
    assert round(len(matrices) / 2**21, 2) == 0.73
    flips = sum((tables().place[matrices ^ (1 << bit)] >= 0).mean() for bit in range(21))
    assert round(10 + flips, 1) == 29.2


# Text and specs.


@given(ARCHS)
def test_parse_undoes_format(arch):
    assert SPACE.parse(SPACE.format(arch)) == arch


@given(ARCHS)
def test_a_spec_is_pruned_and_is_the_same_cell(arch):
    matrix, operations = SPACE.to_spec(arch)
    edges, _ = pruned(arch)
    assert matrix.sum() == len(edges)
    assert len(matrix) == len(operations) == len({v for edge in edges for v in edge})
    again = SPACE.from_spec(matrix, operations)
    assert SPACE.number(again) == SPACE.number(arch)
    assert SPACE.to_spec(again)[1] == operations
    assert (SPACE.to_spec(again)[0] == matrix).all()
    assert again == SPACE.from_spec(matrix.tolist(), tuple(operations))
    assert again == SPACE.from_spec(matrix.astype(bool), operations)
    assert again == SPACE.from_spec(matrix.astype(float), operations)


@given(ARCHS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_more_vertices_are_pruned(arch, extra, random):
    matrix, operations = SPACE.to_spec(arch)
    # Vertices that nothing leads to are put between, and lead on.
    for _ in range(extra + 7 - len(matrix)):
        place = random.randrange(1, len(matrix))
        matrix = np.insert(np.insert(matrix, place, 0, axis=0), place, 0, axis=1)
        matrix[place, -1] = 1
        operations.insert(place, POOL)
    assert SPACE.number(SPACE.from_spec(matrix, operations)) == SPACE.number(arch)


def chain(vertices):
    return np.eye(vertices, k=1, dtype=int)


def spec(matrix):
    return matrix, ["input", *[CONV3] * (len(matrix) - 2), "output"]


@pytest.mark.parametrize(
    ("matrix", "operations", "fault"),
    [
        (*spec(np.triu(np.ones((7, 7), int), 1)), "it has 21 edges .* may have 9"),
        (*spec(np.triu(np.ones((5, 5), int), 1)), "it has 10 edges .* may have 9"),
        (*spec(np.zeros((7, 7), int)), "input and output are not connected"),
        (*spec(np.zeros((9, 9), int)), "input and output are not connected"),
        (*spec(np.diag([1, 1, 0, 1, 1, 1], 1)), "input and output are not connected"),
        (*spec(chain(8)), "it has 8 vertices .* may have 7"),
        (*spec(chain(5).T), "not upper triangular"),
        (*spec(chain(5) + np.eye(5, dtype=int)), "not upper triangular"),
        (*spec(chain(9) + np.eye(9, dtype=int)), "not upper triangular"),
        (*spec(2 * chain(5)), "not all 0 or 1"),
        (*spec(-chain(5)), "not all 0 or 1"),
        (*spec(0.5 * chain(5)), "not all 0 or 1"),
        (*spec(np.full((3, 3), np.nan)), "not all 0 or 1"),
        (chain(3), ["input", "conv5x5-bn-relu", "output"], "'conv5x5-bn-relu' is none of conv3x3"),
        (chain(3), ["input", None, "output"], "None is none of"),
        (chain(3), ["input", [], "output"], "square matrix"),
        (chain(3), ["output", CONV3, "input"], "first operation is not input"),
        (chain(3), [CONV3] * 3, "first operation is not input"),
        (chain(3), ["input", CONV3, CONV3, "output"], "square matrix"),
        (chain(4)[:3], ["input", CONV3, CONV3, "output"], "square matrix"),
        ([[0, 1], [0]], ["input", "output"], "square matrix"),
        ([[0, 1, 0], [0]], ["input", "output"], "square matrix"),
        ([[0]], ["input"], "square matrix"),
        ([], [], "square matrix"),
        (None, ["input", "output"], "square matrix"),
        ([2, 2], ["input", "output"], "square matrix"),
        (["01", "00"], ["input", "output"], "not all 0 or 1"),
        (chain(2), None, "square matrix"),
        (np.array(3), ["input", "output"], "square matrix"),
    ],
)
def test_what_is_out_of_the_domain_is_refused(matrix, operations, fault):
    with pytest.raises(InvalidArchitecture, match=f"no architecture of nasbench101: .*{fault}"):
        SPACE.from_spec(matrix, operations)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("0100:input,output,", "square matrix"),
        ("0100", "square matrix"),
        ("010:input,output", "square matrix"),
        ("0200:input,output", "not all 0 or 1"),
        ("0¹00:input,output", "not all 0 or 1"),
        ("0000:input,output", "not connected"),
        ("0110:input,output", "upper triangular"),
        ("0100: input,output", "first operation"),
        ("010001000:input,maxpool,output", "'maxpool' is none of .*maxpool3x3"),
    ],
)
def test_text_that_is_no_cell_is_refused(text, fault):
    with pytest.raises(InvalidArchitecture, match=f"no architecture of nasbench101: .*{fault}"):
        SPACE.parse(text)


def test_fewer_vertices_take_the_last_places():
    arch = read("0110001100010000", "12")
    assert edges_of(arch) == {(0, 4), (0, 5), (4, 5), (4, 6), (5, 6)}
    assert arch[21:] == (0, 0, 0, 1, 2)
    rows = ["0000110", *["0000000"] * 3, "0000011", "0000001", "0000000"]
    operations = ["input", CONV3, CONV3, CONV3, CONV1, POOL, "output"]
    assert SPACE.format(arch) == f"{''.join(rows)}:{','.join(operations)}"


# What was published.


@pytest.mark.parametrize(("bits", "digits", "fingerprint", "params"), PUBLISHED)
def test_published_cells(bits, digits, fingerprint, params):
    arch = read(bits, digits)
    assert SPACE.fingerprint(arch) == fingerprint
    net = SPACE.graph(arch, classes=10, size=32)
    assert net.params == params
    assert net.nodes[-1].operation == "linear"


@pytest.mark.slow
@pytest.mark.published
def test_all_published_cells(published):
    import pandas as pd

    rows = pd.read_csv(published / "nasbench-vis/nb101_30001_vis.csv.gz", dtype=str)
    archs = list(map(read, rows["adjacency"], rows["ops"].fillna("")))
    assert len(archs) == 30_001
    assert SPACE.fingerprints(archs) == rows["module_hash"].tolist()
    assert len(set(SPACE.numbers(archs).tolist())) == 30_001
    counted = [SPACE.graph(arch, classes=10, size=32).params for arch in archs]
    assert counted == rows["params"].astype(int).tolist()


@pytest.mark.published
def test_the_cells_of_ec_nas_are_all_of_four_vertices(published):
    import pandas as pd

    rows = pd.read_csv(published / "ec-nas-bench/ec_nas_4v_5v.csv.gz", dtype=str)
    rows = rows.drop_duplicates("module_hash")
    archs = [
        SPACE.parse(f"{bits}:{words}")
        for bits, words in zip(rows["adjacency"], rows["ops"], strict=True)
    ]
    assert SPACE.fingerprints(archs) == rows["module_hash"].tolist()
    numbers = SPACE.numbers(archs)
    # The cells are numbered by their vertices: 1 + 6 + 84, and 2,441 of five.
    assert sorted(numbers.tolist()) == list(range(91 + 2_441))


# Networks, by hand.


def test_the_smallest_network_is_stem_projections_and_classifier():
    net = SPACE.graph(read("0100", ""), classes=10, size=32)
    widths = [128] * 4 + [256] * 3 + [512] * 3
    sizes = [32] * 3 + [16] * 3 + [8] * 3
    stem = 27 * 128
    cells = [a * b for a, b in itertools.pairwise(widths)]
    assert net.params == stem + sum(cells) + 2 * sum(widths) + 5_130
    assert (
        net.flops
        == stem * 32**2
        + sum(taps * size**2 for taps, size in zip(cells, sizes, strict=True))
        + 5_130
    )


def test_channels_are_split_over_the_vertices_that_lead_to_the_output():
    # Three vertices share 128 channels; vertex 1 leads to two of them, and to nothing else.
    edges = {(0, 1), (1, 3), (1, 4), (0, 5), (3, 6), (4, 6), (5, 6), (0, 6)}
    arch = (*[int(edge in edges) for edge in EDGES], 2, 0, 0, 1, 0)
    nodes = SPACE.graph(arch, classes=10, size=32).nodes
    kinds = [node.operation for node in nodes]
    first = kinds.index("concat")
    assert [nodes[source].channels for source in nodes[first].inputs] == [43, 43, 42]
    pool = nodes[kinds.index("max_pool")]
    assert (pool.channels, pool.size, pool.kernel, pool.padding) == (43, 32, 3, 1)
    # Nothing is cut for vertices as wide as vertex 1; and the input is added at the end.
    assert "truncate" not in kinds[:first]
    assert kinds[first + 1 :][:4] == ["conv", "batch_norm", "relu", "add"]


def test_an_edge_to_a_narrower_vertex_is_cut():
    # Vertices 2, 4 and 5 share the output; vertex 1 leads to 4 and 5 and is as wide as 4. Of 128
    # and of 512 channels, 4 has one more than 5; of 256 both have 85.
    edges = {(0, 1), (1, 4), (1, 5), (4, 6), (5, 6), (0, 2), (2, 6)}
    arch = (*[int(edge in edges) for edge in EDGES], 0, 0, 0, 0, 2)
    nodes = SPACE.graph(arch, classes=10, size=32).nodes
    cuts = [
        (nodes[node.inputs[0]].channels, node.channels)
        for node in nodes
        if node.operation == "truncate"
    ]
    assert cuts == [(43, 42)] * 3 + [(171, 170)] * 3


# Encodings.


def test_path_encoding_is_the_set_of_paths():
    sequences = [p for length in range(6) for p in itertools.product(range(3), repeat=length)]
    rng = np.random.default_rng(5)
    archs = [SPACE.sample(rng) for _ in range(200)]
    encoded = SPACE.encode(archs, "path")
    assert encoded.shape == (200, 364)
    for arch, features in zip(archs, encoded, strict=True):
        found = {tuple(arch[20 + v] for v in path[1:-1]) for path in paths(edges_of(arch))}
        assert {sequences[place] for place in np.flatnonzero(features)} == found


def test_adjacency_encoding_is_of_the_pruned_cell():
    rng = np.random.default_rng(6)
    archs = [SPACE.sample(rng) for _ in range(200)]
    encoded = SPACE.encode(archs, "adjacency")
    assert encoded.shape == (200, 36)
    for arch, features in zip(archs, encoded, strict=True):
        edges, operations = pruned(arch)
        assert features[:21].tolist() == [edge in edges for edge in EDGES]
        expected = np.zeros((5, 3))
        for vertex, operation in operations.items():
            expected[vertex - 1, operation] = 1
        assert (features[21:].reshape(5, 3) == expected).all()


# Searches.


@pytest.mark.parametrize("name", registry.names("strategies"))
def test_every_strategy_searches_the_space(name):
    kind = registry.load("strategies", name)
    strategy = kind.begin(
        SPACE, rng=np.random.default_rng(0), epochs=(4, 12, 36, 108), settings=kind.settings()
    )
    asked = [event.arch for event in play(strategy, 60) if hasattr(event, "cost")]
    assert len(asked) == 60
    assert all(map(SPACE.valid, asked))
    assert len({SPACE.number(arch) for arch in asked}) > 1
