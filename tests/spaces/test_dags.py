"""Architectures as graphs of operations: by hand, and against what `live` counts along paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import registry
from nasbench_suite.core import NoNetwork
from nasbench_suite.spaces._pool import Pool
from nasbench_suite.spaces.base import ABSENT
from nasbench_suite.testing import TinySpace

SEEDS = st.integers(0, 2**32 - 1)


def graph(name, text):
    """Return the kinds of the nodes that are there, and the edges between them, renumbered."""
    space = registry.load("spaces", name)
    dags = space.dags([space.parse(text)])
    (places,) = np.nonzero(dags.kinds[0] != ABSENT)
    edges = dags.edges[0][np.ix_(places, places)]
    pairs = {(s, t): int(edges[s, t]) for s, t in np.argwhere(edges).tolist()}
    return dags.kinds[0, places].tolist(), pairs


# Cells with an operation on each edge: kinds are 1x1 and 3x3 convolution, pooling, input, output.


def test_a_skip_is_read_through():
    """The input reaches the output by a convolution, and by skips as it is, twice."""
    text = "|skip_connect~0|+|skip_connect~0|none~1|+|nor_conv_3x3~0|skip_connect~1|skip_connect~2|"
    assert graph("nasbench201", text) == ([3, 1, 4], {(0, 1): 1, (1, 2): 1, (0, 2): 2})


def test_a_sum_is_read_whole():
    """Node 2 is a pooling of the input and, by a skip, a 1x1 convolution; a 3x3 reads both."""
    text = "|nor_conv_1x1~0|+|avg_pool_3x3~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|"
    kinds, edges = graph("nasbench201", text)
    assert kinds == [3, 0, 2, 1, 4]
    assert edges == dict.fromkeys([(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)], 1)


def test_what_lies_on_no_path_is_absent():
    text = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|avg_pool_3x3~2|"
    assert graph("nasbench201", text) == ([3, 4], {})
    # Kinds are two convolutions, input and output. Nobody reads node 1, and node 2 is a 1x1.
    text = "64-41414-3_20_003"
    assert graph("transbench101_micro", text) == ([2, 0, 1, 3], {(0, 1): 1, (1, 2): 1, (2, 3): 1})


# Other graphs.


def test_a_cell_of_vertices_is_pruned():
    """Nobody reads the pooling; the kinds end with input and output."""
    matrix = "01101" + "00001" + "00010" + "00000" + "00000"
    words = "input,conv1x1-bn-relu,conv3x3-bn-relu,maxpool3x3,output"
    assert graph("nasbench101", f"{matrix}:{words}") == (
        [3, 1, 4],
        {(0, 1): 1, (0, 2): 1, (1, 2): 1},
    )
    small = "0101" + "0001" + "0000" + "0000"
    text = f"{small}:input,conv1x1-bn-relu,maxpool3x3,output"
    assert graph("nasbench101_4v", text) == ([3, 1, 4], {(0, 1): 1, (0, 2): 1, (1, 2): 1})


def test_both_cells_of_darts_stand_side_by_side():
    """Each operation reads what makes up its predecessor, and the output of a cell reads all."""
    edges = "('skip_connect', 0), ('sep_conv_3x3', 1), ('max_pool_3x3', 0), ('dil_conv_5x5', 2), "
    edges += "('skip_connect', 0), ('skip_connect', 1), ('sep_conv_5x5', 3), ('avg_pool_3x3', 4)"
    cells = ", ".join(f"{c}=[{edges}], {c}_concat=range(2, 6)" for c in ("normal", "reduce"))
    kinds, pairs = graph("darts", f"Genotype({cells})")
    normal = [7, 8, 2, 3, 0, 6, 2, 2, 4, 1, 9]
    assert kinds == [*normal, *(kind + 10 for kind in normal)]
    read = {2: [0], 3: [1], 4: [0], 5: [2, 3], 6: [0], 7: [1], 8: [4, 5], 9: [6, 7]}
    read[10] = list(range(2, 10))
    one = {(source, target) for target, sources in read.items() for source in sources}
    assert pairs == dict.fromkeys(one | {(s + 11, t + 11) for s, t in one}, 1)


def test_a_graph_network_is_read_through_its_skips():
    """Kinds are eight operations, input and output."""
    chain = dict.fromkeys([(0, 1), (1, 2), (2, 3), (3, 4)], 1)
    assert graph("nasbench_graph", "0123:skip,gcn,gin,cheb") == ([8, 1, 2, 3, 9], chain)
    # The second of two siblings is a skip, so the output reads their parent.
    joined = dict.fromkeys([(0, 1), (1, 2), (2, 3), (2, 4), (3, 4)], 1)
    assert graph("nasbench_graph", "0122:gcn,fc,gat,skip") == ([8, 1, 7, 0, 9], joined)


def test_a_recurrent_cell_reads_and_makes_states():
    """Kinds are seven operations, then x, an old state and the output."""
    # f=linear(x,h_prev_0);h_new_0=activation_tanh(f)
    kinds, pairs = graph("nasbench_nlp", "1000000")
    assert kinds == [7, 8, 0, 4, 9]
    assert pairs == dict.fromkeys([(0, 2), (1, 2), (2, 3), (3, 4)], 1)
    # This one names node_12, which reads h_new_1, before that.
    kinds, pairs = graph("nasbench_nlp", "1006011")
    made = [source for source, target in pairs if target == len(kinds) - 1]
    assert [kinds[place] for place in made] == [5, 4]
    assert any(kinds[target] == 0 and source in made for source, target in pairs)


def test_a_vector_is_a_chain():
    dags = TinySpace().dags([(0, 1, 1), (1, 0, 0)])
    assert dags.kinds.tolist() == [[0, 3, 5], [1, 2, 4]]
    assert dags.edges.tolist() == [[[0, 1, 0], [0, 0, 1], [0, 0, 0]]] * 2
    assert dags.choices == 6


def test_a_list_has_no_graphs():
    class Some(Pool):
        name, genes, names, features = "some", (2,), ["a", "b"], np.eye(2)

    with pytest.raises(NoNetwork, match="some is a list"):
        Some().dags([(0,)])


# All of them.


def paths(edges):
    """Return how many paths lead from each node to each, itself included, (graphs, n, n)."""
    nodes = edges.shape[1]
    found = power = np.tile(np.eye(nodes, dtype=np.int64), (len(edges), 1, 1))
    for _ in range(nodes):
        power = power @ edges.astype(np.int64)
        found = found + power
    return found


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("nasbench201", 3),
        ("nasbench101", 3),
        ("nasbench101_4v", 3),
        ("nasbench_graph", 8),
        ("transbench101_micro", 2),
    ],
)
def test_paths_are_those_that_live_features_count(name, shown):
    """How many there are, and how often they pass each operation: the first of these features."""
    space = registry.load("spaces", name)
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(400)]
    dags, live = space.dags(archs), space.encode(archs, "live")
    between = paths(dags.edges)
    before, after = between[:, 0], between[:, :, -1]
    assert np.array_equal(after[:, 0], live[:, 0])
    for kind in range(shown):
        passed = np.where(dags.kinds == kind, before * after, 0).sum(axis=1)
        assert np.array_equal(passed, live[:, 1 + kind]), kind


def test_paths_of_darts_are_those_that_live_features_count():
    space = registry.load("spaces", "darts")
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(100)]
    dags, live = space.dags(archs), space.encode(archs, "live")
    for cell, features in enumerate(np.split(live, 2, axis=1)):
        kinds = dags.kinds[:, 11 * cell : 11 * cell + 11] - 10 * cell
        edges = dags.edges[:, 11 * cell : 11 * cell + 11, 11 * cell : 11 * cell + 11]
        between = paths(edges)
        before, after = between[:, :2].sum(axis=1), between[:, :, -1]
        assert np.array_equal(after[:, :2].sum(axis=1), features[:, 0])
        for kind in range(7):
            passed = np.where(kinds == kind, before * after, 0).sum(axis=1)
            assert np.array_equal(passed, features[:, 1 + kind])


@given(SEEDS, st.sampled_from(["nasbench_macro", "nasbench101", "nasbench101_4v"]))
def test_equal_networks_are_equal_graphs(seed, name):
    """But for the order of their nodes: sorted, what nodes and the ends of edges are agrees."""
    space = registry.load("spaces", name)
    arch = space.sample(np.random.default_rng(seed))
    dags = space.dags([arch, space.canonical(arch)])
    assert np.array_equal(*np.sort(dags.kinds, axis=1))
    ends = [
        sorted((kinds[s], kinds[t], edges[s, t]) for s, t in np.argwhere(edges).tolist())
        for kinds, edges in zip(dags.kinds, dags.edges, strict=True)
    ]
    assert ends[0] == ends[1]
