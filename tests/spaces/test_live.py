"""The encoding `live`, against a slow and plain account of each network, and its invariances."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import kendalltau

from nasbench_suite import benchmarks, registry
from nasbench_suite.spaces import nasbench201

NAMES = (
    "darts",
    "fbnet",
    "hwgpt_l",
    "hwgpt_m",
    "hwgpt_s",
    "mnasnet",
    "nasbench101",
    "nasbench101_4v",
    "nasbench201",
    "nasbench_graph",
    "nasbench_macro",
    "nats_sss",
    "transbench101_macro",
    "transbench101_micro",
)
SPACES = {name: registry.load("spaces", name) for name in NAMES}
SEEDS = st.integers(0, 2**32 - 1)


def drawn(name, seed):
    """Return an architecture of a space."""
    return SPACES[name].sample(np.random.default_rng(seed))


def live(name, *archs):
    """Return the features of architectures, (architectures, features)."""
    return SPACES[name].encode(archs, "live")


def along_paths(paths, shares=None):
    """Return what is expected of paths, each given as a list of what is counted along it."""
    columns = list(zip(*paths, strict=True))
    found = [len(paths), *map(sum, columns), *map(max, columns), *map(min, columns)]
    found += [sum(column) / len(paths) for column in columns]
    if shares is not None:
        assert sum(shares) == 1
        for column in columns:
            found.append(sum(n * share for n, share in zip(column, shares, strict=True)))
    return [float(number) for number in found]


# NAS-Bench-201 and the cells of TransNAS-Bench-101.

SKIP, CONV1, CONV3, POOL = 1, 2, 3, 4
KINDS = (CONV1, CONV3, POOL)


def terms(arch, node):
    """Return what a node sums: None for the input, or an operation and the node it reads."""
    if node == 0:
        return [None]
    found = []
    for operation, (source, target) in zip(arch, nasbench201.EDGES, strict=True):
        if target == node and operation and terms(arch, source):
            found += terms(arch, source) if operation == SKIP else [(operation, source)]
    return found


def walks(arch, node=3):
    """Return the operations of each path to a node, and how often a walk back takes it."""
    every = terms(arch, node)
    found = []
    for term in every:
        before = [((), Fraction(1))] if term is None else walks(arch, term[1])
        last = () if term is None else term[:1]
        found += [((*path, *last), share / len(every)) for path, share in before]
    return found


def expected_201(arch):
    paths, shares = zip(*walks(arch), strict=True)
    counted = [
        [sum(kind in kinds for kind in path) for kinds in ((2,), (3,), (4,), (2, 3), (3, 4), KINDS)]
        for path in paths
    ]
    found = along_paths(counted, shares)
    found += [sum(path[:1] == (kind,) for path in paths) for kind in KINDS]
    found += [sum(path[-1:] == (kind,) for path in paths) for kind in KINDS]
    for length in range(3):
        found += [paths.count(sequence) for sequence in product(KINDS, repeat=length)]
    return found


@pytest.mark.parametrize("name", ["nasbench201", "transbench101_micro"])
def test_cells_on_edges_are_what_their_paths_say(name):
    space = SPACES[name]
    for index in range(0, space.size, 7):
        arch = space.at(index)
        (found,) = live(name, arch)
        if terms(arch, 3):
            assert found == pytest.approx(expected_201(arch), rel=1e-6), arch
        else:
            assert not found.any()


def test_a_cell_of_one_path_by_hand():
    # A 3x3 convolution from 0 to 2 and a pooling from 2 to 3.
    (found,) = live("nasbench201", (0, CONV3, 0, 0, 0, POOL))
    counts = [0, 1, 1, 1, 2, 2]
    assert found[:31].tolist() == [1, *counts * 5]
    assert found[31:37].tolist() == [0, 1, 0, 0, 0, 1]
    assert np.flatnonzero(found[37:]).tolist() == [1 + 3 + 3 * 1 + 2]


def test_cells_without_a_path_have_no_features():
    cells = [arch for arch in SPACES["nasbench201"] if not terms(arch, 3)]
    features = live("nasbench201", *SPACES["nasbench201"])
    assert (features.any(axis=1)).sum() == SPACES["nasbench201"].size - len(cells)
    assert not live("nasbench201", *cells).any()


def test_cells_of_one_expression_are_alike():
    """The published form also tells zeros apart, of which nothing reaches the output."""

    def expression(arch, node=3):
        parts = (
            "x" if term is None else f"({expression(arch, term[1])})@{term[0]}"
            for term in terms(arch, node)
        )
        return "+".join(sorted(parts))

    archs = list(SPACES["nasbench201"])
    features = live("nasbench201", *archs)
    first = {}
    for arch, row in zip(archs, features, strict=True):
        assert (first.setdefault(expression(arch), row) == row).all()
    assert len(first) == 4_930
    # Few different expressions have the same paths.
    assert len(np.unique(features, axis=0)) > 4_000


# NAS-Bench-101.


def paths_101(matrix, vertex):
    """Return each path to a vertex as its interior vertices, and the walk's share of it."""
    if vertex == 0:
        return [((), Fraction(1))]
    sources = [source for source in range(vertex) if matrix[source][vertex]]
    return [
        ((*path, *([source] if source else [])), share / len(sources))
        for source in sources
        for path, share in paths_101(matrix, source)
    ]


def expected_101(arch):
    space = SPACES["nasbench101"]
    matrix, words = space.to_spec(arch)
    output = len(words) - 1
    vertices = range(1, output)
    kinds = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
    conv3, conv1, pool = kinds
    paths, shares = zip(*paths_101(matrix, output), strict=True)
    counted = [
        [
            sum(words[vertex] in some for vertex in path)
            for some in ((conv3,), (conv1,), (pool,), (conv3, conv1), (conv3, pool), kinds)
        ]
        for path in paths
    ]
    found = along_paths(counted, shares)
    into = matrix.sum(axis=0)
    degrees = [into[vertex] for vertex in vertices]
    found += [matrix.sum(), len(vertices), matrix[0, output], into[output], matrix[0].sum()]
    found += [max(degrees, default=0)]
    found += [max((matrix[vertex].sum() for vertex in vertices), default=0)]
    found += [degrees.count(1), sum(degree > 1 for degree in degrees)]
    through = {v: sum(v in path for path in paths) for v in vertices}
    share = {v: sum(s for p, s in zip(paths, shares, strict=True) if v in p) for v in vertices}
    far = {output: 0}
    for vertex in reversed(vertices):
        far[vertex] = 1 + max(far[t] for t in far if matrix[vertex, t])
    of_kind = [[vertex for vertex in vertices if words[vertex] == kind] for kind in kinds]
    found += [len(some) for some in of_kind]
    found += [sum(through[vertex] for vertex in some) for some in of_kind]
    found += [sum(share[vertex] for vertex in some) for some in of_kind]
    found += [matrix[0, some].sum() for some in of_kind]
    found += [matrix[some, output].sum() for some in of_kind]
    for degree in range(1, 5):
        found += [sum(into[vertex] == degree for vertex in some) for some in of_kind]
    for distance in range(1, 6):
        found += [sum(far[vertex] == distance for vertex in some) for some in of_kind]
    found += [max((through[vertex] for vertex in some), default=0) for some in of_kind]
    found += [max((share[vertex] for vertex in some), default=0) for some in of_kind]
    found += [matrix[np.ix_(a, b)].sum() for a in of_kind for b in of_kind]
    return [float(number) for number in found]


def convolutions(net):
    """Return the parameters of the convolutions of a network, without its stem."""
    return sum(
        node.kernel**2 * net.nodes[node.inputs[0]].channels * node.channels
        for node in net.nodes[2:]
        if node.operation == "conv"
    )


@given(SEEDS)
def test_cells_of_nasbench101_are_what_their_paths_say(seed):
    arch = drawn("nasbench101", seed)
    (found,) = live("nasbench101", arch)
    assert found[:-1] == pytest.approx(expected_101(arch), rel=1e-6)
    # Channels that cannot be shared evenly make a difference of less than a hundredth.
    net = SPACES["nasbench101"].graph(arch, classes=10, size=32)
    assert np.exp(found[-1]) == pytest.approx(convolutions(net), rel=0.01)


@given(SEEDS)
def test_dead_vertices_do_not_count(seed):
    space = SPACES["nasbench101"]
    arch = drawn("nasbench101", seed)
    dead = [other for other in space.neighbours(arch) if space.number(other) == space.number(arch)]
    features = live("nasbench101", arch, *dead)
    assert (features == features[0]).all()


@given(st.integers(0, SPACES["nasbench101_4v"].size - 1))
def test_small_cells_have_the_features_of_large_ones(index):
    space = SPACES["nasbench101_4v"]
    arch = space.at(index)
    wide = live("nasbench101", space.widened(arch))
    assert np.array_equal(live("nasbench101_4v", arch), wide)


# Equal networks.


@pytest.mark.parametrize("name", ["nasbench101", "nasbench101_4v", "nasbench201", "nasbench_macro"])
def test_isomorphic_architectures_are_alike(name):
    rng = np.random.default_rng(0)
    archs = [SPACES[name].sample(rng) for _ in range(2_000)]
    forms = [SPACES[name].canonical(arch) for arch in archs]
    assert any(arch != form for arch, form in zip(archs, forms, strict=True))
    assert np.array_equal(live(name, *archs), live(name, *forms))


@given(SEEDS)
def test_idle_layers_of_fbnet_have_no_place(seed):
    arch = list(drawn("fbnet", seed))
    # The second stage is layers 1 to 4; a skip in its first one is a convolution.
    arch[2], arch[3] = 8, 2
    other = [*arch[:2], arch[3], arch[2], *arch[4:]]
    assert np.array_equal(*live("fbnet", arch, other)[:, None])
    one, first = live("fbnet", [*arch[:1], 8, *arch[2:]], [*arch[:1], 0, *arch[2:]])
    assert not np.array_equal(one, first)


# DARTS.


@given(SEEDS)
def test_cells_of_darts_are_what_their_paths_say(seed):
    arch = drawn("darts", seed)
    genotype = SPACES["darts"].to_genotype(arch)
    features = live("darts", arch).reshape(2, 64)
    for edges, found in zip((genotype.normal, genotype.reduce), features, strict=True):
        counted = [[name == kind for kind in ORDER] + ["conv" in name, True] for name, _ in edges]
        reach = {0: [(np.zeros(9), 1, 0)], 1: [(np.zeros(9), 1, 1)]}
        for node in (2, 3, 4, 5):
            pair = range(2 * (node - 2), 2 * (node - 1))
            reach[node] = [
                (count + counted[edge], Fraction(share) / 2, start)
                for edge in pair
                for count, share, start in reach[edges[edge][1]]
            ]
        every = [path for node in (2, 3, 4, 5) for path in reach[node]]
        shares = [share / 4 for _, share, _ in every]
        paths = [count.astype(int).tolist() for count, _, _ in every]
        assert found[:46] == pytest.approx(along_paths(paths, shares), rel=1e-6)
        for source in (0, 1):
            begun = [c for c, (_, start) in zip(counted, edges, strict=True) if start == source]
            total = np.sum(begun, axis=0) if begun else np.zeros(9)
            assert found[46 + 9 * source :][:9].tolist() == total.tolist()


ORDER = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


# NAS-Bench-Graph.


@given(st.integers(0, SPACES["nasbench_graph"].size - 1))
def test_networks_of_nasbench_graph_are_what_their_paths_say(index):
    arch = SPACES["nasbench_graph"].at(index)
    parents, operations = SPACES["nasbench_graph"].format(arch).split(":")
    names = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
    counted = {
        node: [*(word == name for name in names), word not in ("fc", "skip"), word != "skip"]
        for node, word in enumerate(operations.split(","), start=1)
    }
    parent = dict(enumerate(map(int, parents), start=1))
    leaves = [node for node in parent if node not in parent.values()]

    def path(node):
        return [] if node == 0 else [*path(parent[node]), node]

    def total(nodes):
        return np.sum([[0] * 11, *(counted[node] for node in nodes)], axis=0).tolist()

    expected = along_paths([total(path(leaf)) for leaf in leaves])
    expected += total(parent) + total([n for n in parent if parent[n] == 0]) + total(leaves)
    for depth in range(1, 5):
        expected += total([n for n in parent if total(path(n))[-1] == depth])
    expected += [int(arch[0] == number) for number in range(9)]
    (found,) = live("nasbench_graph", arch)
    assert found == pytest.approx(expected, rel=1e-6)


# Chains.


@pytest.mark.parametrize(
    ("name", "classes", "size"),
    [
        ("mnasnet", 1000, 224),
        ("fbnet", 1000, 224),
        ("nasbench_macro", 10, 32),
        ("nats_sss", 10, 32),
        ("transbench101_macro", 75, 256),
    ],
)
def test_costs_are_those_of_the_network(name, classes, size):
    rng = np.random.default_rng(0)
    archs = [SPACES[name].sample(rng) for _ in range(60)]
    nets = [SPACES[name].graph(arch, classes=classes, size=size) for arch in archs]
    costs = [(net.params, net.flops) for net in nets]
    assert np.exp(live(name, *archs)[:, -2:]) == pytest.approx(np.array(costs), rel=1e-12)


@given(SEEDS)
def test_blocks_of_mnasnet(seed):
    arch = drawn("mnasnet", seed)
    values = SPACES["mnasnet"].to_config(arch)
    (found,) = live("mnasnet", arch)
    rows = []
    for block in range(7):
        e, k, n, s = (values[f"block{block}_{letter}"] for letter in ("e", "k", "l", "se"))
        row = [e == 1, e == 4, e == 6, k == 5, n == 1, n == 2, n == 3, n, s, np.log(e)]
        rows.append([*row, e * n, e * n * (k == 5), k * n, e * s, e * s * n])
    expected = np.array(rows, dtype=np.float64)
    assert found[:105] == pytest.approx(expected.ravel())
    assert found[105:120] == pytest.approx(expected.sum(axis=0))


def test_layers_of_fbnet_by_hand():
    arch = SPACES["fbnet"].parse(
        ",".join(["k3_e1"] + ["skip", "k5_e6", "skip", "k5_e1_g2"] + ["k3_e3"] * 17)
    )
    rows = live("fbnet", arch)[0, :-2].reshape(22 + 7 + 1, 5)
    # The two skips: one begins its stage and is a convolution, one is idle and goes last.
    stage = [[0, 0, 0, 0, 0], [1, 6, 1, 0, 6], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
    assert rows[1:5].tolist() == stage
    assert rows[22 + 1].tolist() == np.sum(stage, axis=0).tolist()
    assert rows[22 + 2].tolist() == [4, 12, 0, 0, 0]
    assert rows[-1].tolist() == rows[:22].sum(axis=0).tolist()


def test_layers_of_nasbench_macro_by_hand():
    (found,) = live("nasbench_macro", SPACES["nasbench_macro"].parse("01202101"))
    none, small, large = [0, 0, 0], [1, 0, 1], [0, 1, 1]
    # 01, 202 with its idle layer last, 101 likewise.
    layers = [none, small, large, large, none, small, small, none]
    assert found[:24].reshape(8, 3).tolist() == layers
    assert found[24:-2].reshape(4, 3).tolist() == [[1, 0, 1], [0, 2, 2], [2, 0, 2], [3, 2, 5]]


def test_stages_of_nats_sss_by_hand():
    (found,) = live("nats_sss", SPACES["nats_sss"].parse("8:16:64:32:32"))
    stages = [[8, 3, 64, 0], [16, 4, 128, 1], [64, 6, 1024, 2], [32, 5, 2048, -1], [32, 5, 1024, 0]]
    assert found[:20].reshape(5, 4).tolist() == stages
    assert found[20:24].tolist() == np.sum(stages, axis=0).tolist()


def test_modules_of_transbench101_macro_by_hand():
    (found,) = live("transbench101_macro", SPACES["transbench101_macro"].parse("64-12341-basic"))
    modules = [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 1, 0],
        [1, 0, 1, 0, 1, 1],
        [1, 1, 1, 1, 2, 2],
        [1, 0, 0, 0, 2, 2],
        [0, 0, 0, 0, 0, 0],
    ]
    assert found[:36].reshape(6, 6).tolist() == modules
    assert found[36:42].tolist() == np.sum(modules, axis=0).tolist()


@pytest.mark.parametrize("name", ["hwgpt_s", "hwgpt_m", "hwgpt_l"])
@given(seed=SEEDS)
def test_layers_of_hwgpt(name, seed):
    space = SPACES[name]
    arch = drawn(name, seed)
    gpt = space.network(arch)
    (found,) = live(name, arch)
    lacking = [0] * (space.depths[-1] - len(gpt.ratios))
    width, wider, headed = gpt.embedding, sum(gpt.ratios), sum(gpt.heads)
    expected = [width == choice for choice in space.embeddings]
    expected += [len(gpt.ratios) == choice for choice in space.depths]
    expected += [gpt.bias, *gpt.ratios, *lacking, *gpt.heads, *lacking]
    expected += [gpt.ratios.count(ratio) for ratio in (2, 3, 4)]
    expected += [gpt.heads.count(number) for number in space.heads]
    expected += [wider, headed, width * wider, width * headed]
    for numbers in (gpt.ratios, gpt.heads):
        expected.append(sum(place * number for place, number in enumerate(numbers, start=1)))
    assert found[:-3].tolist() == expected
    inside = 3 * width * width * wider + 4 * width * 64 * headed
    assert np.exp(found[-3:]) == pytest.approx([width, inside, gpt.params], rel=1e-12)


# What they are for.


@pytest.mark.parametrize(
    ("name", "metric", "least", "gain"),
    [
        ("nasbench201/cifar10", "test_accuracy", 0.88, 0.15),
        ("nasbench101/cifar10", "val_accuracy", 0.78, 0.1),
        ("nasbench_macro/cifar10", "test_accuracy", 0.92, 0.0),
    ],
)
def test_a_smooth_model_ranks_better_by_them(name, metric, least, gain):
    table = benchmarks.load(name, "table")
    frame = table.frame([metric]).sample(4_000, random_state=0)
    archs = [table.space.parse(text) for text in frame.index]
    # Errors in logarithms: what fails to train is far from all others.
    target = -np.log(100.5 - frame[metric].to_numpy())
    taus = []
    for kind in ("live", "one_hot"):
        x = table.space.encode(archs, kind)
        x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
        apart = cdist(x, x[:1_000], "sqeuclidean")
        kernel = np.exp(-apart / (2 * x.shape[1]))
        t = target[:1_000] - target[:1_000].mean()
        weights = np.linalg.solve(kernel[:1_000] + 0.05 * np.eye(1_000), t)
        taus.append(kendalltau(kernel[1_000:] @ weights, target[1_000:]).statistic)
    assert taus[0] > least
    assert taus[0] > taus[1] + gain
