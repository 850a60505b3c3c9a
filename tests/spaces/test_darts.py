"""The cells of DARTS and NAS-Bench-301."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import registry
from nasbench_suite.core import InvalidArchitecture
from nasbench_suite.spaces.darts import EVALUATION, OPERATIONS, PAIRS, Genotype, network

SPACE = registry.load("spaces", "darts")
ARCHS = st.tuples(*(st.integers(0, choices - 1) for choices in SPACE.genes))

# DARTS_V2 of quark0/darts, cnn/genotypes.py: the cells that the paper found by second order.
V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
    "('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)


def test_counts():
    assert len(SPACE.genes) == 24
    assert SPACE.size == (1 * 3 * 6 * 10 * 7**8) ** 2
    assert [len(pairs) for pairs in PAIRS] == [1, 3, 6, 10]


def test_parameters_of_the_published_cells():
    channels, layers = EVALUATION
    net = network(SPACE.parse(V2), channels=channels, layers=layers, classes=10, size=32)
    # The paper's table 1 says 3.3 M; the code prints 3.349342, without the auxiliary classifier.
    assert net.params == 3_349_342


def test_the_default_network_is_that_of_nasbench301():
    arch = SPACE.parse(V2)
    net = SPACE.graph(arch, classes=10, size=32)
    assert net.nodes == network(arch, channels=32, layers=8, classes=10, size=32).nodes
    # Eight cells, of which two double the channels and halve the image.
    outputs = [node for node in net.nodes if node.operation == "concat" and len(node.inputs) == 4]
    assert [(node.channels // 4, node.size) for node in outputs] == [
        *[(32, 32)] * 2,
        *[(64, 16)] * 3,
        *[(128, 8)] * 3,
    ]


def test_a_dilated_convolution_is_counted_by_hand():
    normal = [("max_pool_3x3", source) for source in (0, 1) * 4]
    plain = SPACE.from_genotype(normal, normal)
    dilated = SPACE.from_genotype([*normal[:-1], ("dil_conv_5x5", 1)], normal)
    ours = SPACE.graph(dilated, classes=10, size=32)
    # In six normal cells, each of 32, 64 or 128 channels twice.
    widths = (32, 32, 64, 64, 128, 128)
    extra = sum(25 * c + c * c + 2 * c for c in widths)
    assert ours.params - SPACE.graph(plain, classes=10, size=32).params == extra
    (wide,) = {node.padding for node in ours.nodes if node.dilation == 2}
    assert wide == 4


@given(ARCHS)
def test_round_trips(arch):
    assert SPACE.parse(SPACE.format(arch)) == arch
    genotype = SPACE.to_genotype(arch)
    assert SPACE.from_genotype(genotype.normal, genotype.reduce) == arch
    assert SPACE.from_configspace(SPACE.to_configspace(arch)) == arch
    assert SPACE.at(SPACE.index(arch)) == arch


@given(ARCHS, st.lists(st.booleans(), min_size=8, max_size=8))
def test_the_order_of_a_nodes_edges_does_not_matter(arch, turned):
    genotype = SPACE.to_genotype(arch)
    edges = genotype.normal + genotype.reduce
    pairs = [edges[place : place + 2] for place in range(0, 16, 2)]
    swapped = [
        edge
        for pair, turn in zip(pairs, turned, strict=True)
        for edge in (reversed(pair) if turn else pair)
    ]
    assert SPACE.from_genotype(swapped[:8], swapped[8:]) == arch
    text = str(Genotype(swapped[:8], [2, 3, 4, 5], swapped[8:], range(2, 6)))
    assert SPACE.parse(text) == arch
    assert SPACE.parse(text.replace("'", '"').replace(", ", " ,\n")) == arch


def test_configuration_of_nasbench301():
    values = SPACE.to_configspace(SPACE.parse(V2))
    # Eight operations and three pairs of predecessors a cell.
    assert len(values) == 2 * (8 + 3)
    prefix = "NetworkSelectorDatasetInfo:darts:"
    assert values[f"{prefix}inputs_node_normal_5"] == "0_2"
    assert values[f"{prefix}edge_normal_9"] == "skip_connect"
    assert values[f"{prefix}edge_normal_11"] == "dil_conv_3x3"
    assert values[f"{prefix}inputs_node_reduce_3"] == "1_2"
    assert values[f"{prefix}edge_reduce_4"] == "skip_connect"
    for name in values:
        less = {key: value for key, value in values.items() if key != name}
        with pytest.raises(InvalidArchitecture, match=re.escape(name)):
            SPACE.from_configspace(less)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("sep_conv_3x3', 0", "sep_conv_7x7', 0", "sep_conv_7x7"),
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', 0)", "node 5 .* predecessors 0 and 0"),
        ("('sep_conv_3x3', 1)", "('sep_conv_3x3', 2)", "node 2 .* 0 and 2"),
        ("normal_concat=[2, 3", "normal_concat=[3", "eight edges"),
        ("Genotype(", "print(", "eight edges"),
        ("('skip_connect', 0), ", "", "eight edges"),
    ],
)
def test_parse_says_what_is_wrong(old, new, says):
    with pytest.raises(InvalidArchitecture, match=says):
        SPACE.parse(V2.replace(old, new, 1))


def test_genotypes_of_other_lengths_are_refused():
    genotype = SPACE.to_genotype(SPACE.parse(V2))
    with pytest.raises(InvalidArchitecture, match="reduce cell has 7 edges"):
        SPACE.from_genotype(genotype.normal, genotype.reduce[:-1])


@given(ARCHS)
def test_encodings(arch):
    edges = SPACE.encode([arch], "adjacency")[0]
    # Two edges a node, each with one operation.
    assert edges[:28].sum() == 16
    assert edges[28:].reshape(28, 7).sum(axis=1).tolist() == edges[:28].tolist()
    paths = SPACE.encode([arch], "path")[0].reshape(2, 2, 399)
    genotype = SPACE.to_genotype(arch)
    for cell, edges in enumerate((genotype.normal, genotype.reduce)):
        for source in (0, 1):
            singles = {OPERATIONS.index(name) for name, start in edges if start == source}
            assert set(np.flatnonzero(paths[cell, source, :7])) == singles
