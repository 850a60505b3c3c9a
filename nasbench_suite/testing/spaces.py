"""What every search space must do."""

from __future__ import annotations

import math
from collections import defaultdict
from inspect import signature
from itertools import pairwise
from typing import Any, ClassVar, Final, get_args

import numpy as np
import pytest

from nasbench_suite.core import (
    Arch,
    Ints,
    InvalidArchitecture,
    InvalidSetting,
    NoNetwork,
    UnknownName,
)
from nasbench_suite.graph import Graph, Operation
from nasbench_suite.spaces.base import ABSENT, Space
from nasbench_suite.testing.differences import first_difference

_SAMPLES: Final = 300
# Spaces of at most so many architectures are checked whole.
_WHOLE: Final = 50_000
# A fair space fails a test of uniformity once in so many seeds, and the seed is fixed.
_CHANCE: Final = 1e-4
_SAME_SHAPE: Final = frozenset({"add", "batch_norm", "relu", "sigmoid", "shift", "shuffle"})
_NO_GENES: Final[tuple[Any, ...]] = (None, "abc", 1.5, (), [None], ["0"], [[0]])
_NO_TEXTS: Final = ("", " ", "nonsense", "|", "||+|", ":", "0", "-1", "\0", "\n", "é", "x" * 99)


def _network(space: Space, arch: Arch, *, classes: int, size: int) -> Graph:
    """Return the network of an architecture, or skip the test where the space says it has none."""
    try:
        return space.graph(arch, classes=classes, size=size)
    except NoNetwork as error:
        pytest.skip(str(error))


class SpaceTests:
    """Override the fixture `space`."""

    uniform: ClassVar[bool] = True
    """Whether `sample` is uniform; False for a space that documents another law."""

    @pytest.fixture
    def space(self) -> Space:
        """Return the space to check."""
        pytest.fail("override the fixture `space`")

    @pytest.fixture
    def archs(self, space: Space) -> list[Arch]:
        """Return some architectures of it."""
        rng = np.random.default_rng(1)
        return [space.sample(rng) for _ in range(_SAMPLES)]

    # Architectures and their strings.

    def test_format_then_parse_gives_the_architecture(
        self, space: Space, archs: list[Arch]
    ) -> None:
        """No architecture is lost or changed on the way to its string and back."""
        for arch in archs:
            text = space.format(arch)
            assert isinstance(text, str)
            parsed = space.parse(text)
            assert parsed == arch
            assert isinstance(parsed, tuple)
            assert space.format(parsed) == text

    def test_strings_differ(self, space: Space, archs: list[Arch]) -> None:
        """Two architectures never share a string."""
        assert len({space.format(arch) for arch in archs}) == len(set(archs))

    def test_a_string_that_is_cut_is_refused_or_valid(
        self, space: Space, archs: list[Arch]
    ) -> None:
        """What is not an architecture's string raises `InvalidArchitecture`, nothing else."""
        text = space.format(archs[0])
        cuts = [text[:place] for place in range(len(text))]
        for wrong in (*_NO_TEXTS, *cuts, *cuts[::-1], text + "x", text + text, text[::-1]):
            try:
                arch = space.parse(wrong)
            except InvalidArchitecture:
                continue
            assert space.valid(arch), f"{wrong!r} was read as {arch}"

    def test_nonsense_strings_are_refused(self, space: Space) -> None:
        """Nonsense raises `InvalidArchitecture`, with a message that names the space."""
        for wrong in ("", "nonsense", "|x~0|+|y~0"):
            with pytest.raises(InvalidArchitecture, match=space.name):
                space.parse(wrong)

    def test_wrong_genes_are_refused(self, space: Space, archs: list[Arch]) -> None:
        """Too few, too many, out of range, or not integers: `InvalidArchitecture`."""
        arch = archs[0]
        assert space.check(list(arch)) == space.check(np.array(arch)) == arch  # type: ignore[arg-type]
        wrong: list[Any] = [*_NO_GENES, arch[:-1], (*arch, 0), tuple(gene + 0.5 for gene in arch)]
        for place, choices in enumerate(space.genes):
            wrong += [(*arch[:place], bad, *arch[place + 1 :]) for bad in (-1, choices, 10**20)]
        for genes in wrong:
            with pytest.raises(InvalidArchitecture):
                space.check(genes)

    def test_valid_says_what_check_does(self, space: Space, archs: list[Arch]) -> None:
        """`valid` is true of architectures, and false of tuples that `check` refuses."""
        assert all(space.valid(arch) for arch in archs)
        arch = archs[0]
        assert not space.valid(arch[:-1])
        assert not space.valid((*arch, 0))
        assert not space.valid((space.genes[0], *arch[1:]))
        assert not space.valid((-1, *arch[1:]))

    def test_many_are_valid_where_each_is(self, space: Space, archs: list[Arch]) -> None:
        """`all_valid` is true of architectures, and false where one of many is none."""
        if max(space.genes) <= 256:
            assert space.all_valid(archs)
        arch = archs[0]
        drawn = np.random.default_rng(0).integers(space.genes, size=(200, len(space.genes)))
        tuples: list[Any] = [tuple(genes) for genes in drawn.tolist()]
        tuples += [arch[:-1], (*arch, 0), (space.genes[0], *arch[1:]), (-1, *arch[1:])]
        for other in tuples:
            if not space.valid(other):
                assert not space.all_valid([*archs, other])
        for other in (list(arch), (0.5, *arch[1:]), ("0", *arch[1:])):
            assert not space.all_valid([*archs, other])

    # Numbers.

    def test_index_then_at_gives_the_architecture(self, space: Space, archs: list[Arch]) -> None:
        """An architecture has a number below `size`, and the number gives it back."""
        for arch in archs:
            index = space.index(arch)
            assert isinstance(index, int)
            assert 0 <= index < space.size
            assert space.at(index) == arch

    def test_numbers_count_the_space(self, space: Space) -> None:
        """The space has `size` architectures, numbered in the order of iteration."""
        if space.size > _WHOLE:
            pytest.skip(f"{space.size} architectures are too many to count")
        every = list(space)
        assert len(every) == len(set(every)) == space.size
        indices = [space.index(arch) for arch in every]
        assert first_difference(indices, range(space.size)) is None
        assert all(space.valid(arch) for arch in every)

    def test_a_number_out_of_range_is_refused(self, space: Space) -> None:
        """`at` raises `InvalidArchitecture` below 0 and from `size` on."""
        assert space.valid(space.at(0))
        assert space.valid(space.at(space.size - 1))
        for index in (-1, -space.size, space.size, 100 * space.size):
            with pytest.raises(InvalidArchitecture):
                space.at(index)

    def test_code_then_decode_gives_the_architecture(self, space: Space, archs: list[Arch]) -> None:
        """The code is the place in lexicographic order, and gives the tuple back."""
        codes = [space.code(arch) for arch in archs]
        assert first_difference([space.decode(code) for code in codes], archs) is None
        assert min(codes) >= 0
        assert max(codes) < math.prod(space.genes)
        in_order = [space.decode(code) for code in sorted(codes)]
        assert first_difference(sorted(archs), in_order) is None

    # Drawing.

    def test_samples_are_tuples_of_integers(self, space: Space, archs: list[Arch]) -> None:
        """A sampled architecture is a valid tuple of plain integers."""
        for arch in archs:
            assert type(arch) is tuple
            assert all(type(gene) is int for gene in arch)
            assert space.valid(arch)

    def test_samples_follow_the_seed(self, space: Space, archs: list[Arch]) -> None:
        """The same seed draws the same architectures, another seed others."""
        rng, other = np.random.default_rng(1), np.random.default_rng(2)
        assert first_difference([space.sample(rng) for _ in archs], archs) is None
        assert first_difference([space.sample(other) for _ in archs], archs) is not None

    def test_samples_are_uniform(self, space: Space) -> None:
        """A chi-square test finds no architecture drawn more often than others."""
        from scipy.stats import chisquare

        if not self.uniform or not 1 < space.size <= _WHOLE:
            pytest.skip("the space is large, or not sampled uniformly")
        rng = np.random.default_rng(3)
        draws = max(5 * space.size, 5_000)
        drawn = [space.index(space.sample(rng)) for _ in range(draws)]
        counts = np.bincount(drawn, minlength=space.size)
        assert chisquare(counts).pvalue > _CHANCE

    # Moving.

    def test_neighbours_are_all_that_differ_in_one_gene(
        self, space: Space, archs: list[Arch]
    ) -> None:
        """Neighbours are valid, distinct, not the architecture itself, and none is left out.

        In a pool they are those most alike, and every architecture has some.
        """
        for arch in archs:
            near = space.neighbours(arch)
            assert len(near) == len(set(near))
            if space.pool:
                assert near
                assert arch not in near
                assert all(space.valid(other) for other in near)
                continue
            expected = {
                (*arch[:place], value, *arch[place + 1 :])
                for place, choices in enumerate(space.genes)
                for value in range(choices)
            } - {arch}
            assert set(near) == {other for other in expected if space.valid(other)}

    def test_neighbours_are_symmetric(self, space: Space, archs: list[Arch]) -> None:
        """Whoever is my neighbour has me as a neighbour."""
        for arch in archs[:50]:
            assert all(arch in space.neighbours(other) for other in space.neighbours(arch))

    def test_neighbours_have_a_fixed_order(self, space: Space, archs: list[Arch]) -> None:
        """Asked twice, the neighbours come in the same order: a search relies on it."""
        for arch in archs[:50]:
            assert space.neighbours(arch) == space.neighbours(arch)

    def test_a_mutation_is_a_neighbour(self, space: Space, archs: list[Arch]) -> None:
        """A mutation gives one of the neighbours, in the end every one, and follows the seed."""
        rng, same = np.random.default_rng(4), np.random.default_rng(4)
        for arch in archs:
            near = space.neighbours(arch)
            if not near:
                with pytest.raises(InvalidSetting):
                    space.mutate(arch, rng)
                same = np.random.default_rng(4)
                rng = np.random.default_rng(4)
                continue
            child = space.mutate(arch, rng)
            assert child in near
            assert child == space.mutate(arch, same)
        near = space.neighbours(archs[0])
        assert {space.mutate(archs[0], rng) for _ in range(50 * len(near))} >= set(near)

    def test_a_crossover_takes_genes_from_its_parents(
        self, space: Space, archs: list[Arch]
    ) -> None:
        """Each gene is one of the parents', both give some, and the child follows the seed."""
        rng, same = np.random.default_rng(5), np.random.default_rng(5)
        givers = set()
        for one, other in pairwise(archs):
            child = space.crossover(one, other, rng)
            assert space.valid(child)
            genes = list(zip(child, one, other, strict=True))
            assert all(gene in pair for gene, *pair in genes)
            givers |= {gene == first for gene, first, second in genes if first != second}
            assert child == space.crossover(one, other, same)
            assert space.crossover(one, one, np.random.default_rng(0)) == one
        assert givers == {True, False}

    # Graphs for models.

    def test_graphs_of_operations(self, space: Space, archs: list[Arch]) -> None:
        """Kinds are counted, edges lead to later nodes that are there, and none has none.

        An architecture's graph is the same beside others as alone.
        """
        try:
            dags = space.dags(archs)
        except NoNetwork as error:
            pytest.skip(str(error))
        assert dags.edges.shape == (*dags.kinds.shape, dags.kinds.shape[1])
        assert len(dags.kinds) == len(archs)
        assert dags.kinds.min() >= ABSENT
        assert dags.kinds.max() < dags.choices
        there = dags.kinds != ABSENT
        assert there.any(axis=1).all()
        assert dags.edges.min() >= 0
        assert not np.tril(dags.edges).any()
        assert not (dags.edges.astype(bool) & ~(there[:, :, None] & there[:, None])).any()
        for place, arch in enumerate(archs[:20]):
            alone = space.dags([arch])
            nodes = alone.kinds.shape[1]
            assert np.array_equal(alone.kinds[0], dags.kinds[place, :nodes])
            assert np.array_equal(alone.edges[0], dags.edges[place, :nodes, :nodes])
            assert not there[place, nodes:].any()
        none = space.dags([])
        assert (len(none.kinds), none.choices) == (0, dags.choices)

    # Canonical forms.

    def test_canonical_forms_stay(self, space: Space, archs: list[Arch]) -> None:
        """The canonical form is an architecture of the space and its own canonical form."""
        for arch in archs:
            form = space.canonical(arch)
            assert space.valid(form)
            assert space.canonical(form) == form
            assert space.canonical(arch) == form
            assert space.index(form) <= space.index(arch)

    def test_the_canonical_form_is_the_first_of_its_class(self, space: Space) -> None:
        """Of all architectures of equal form, the canonical one has the smallest number."""
        if space.size > _WHOLE:
            pytest.skip(f"{space.size} architectures are too many to go through")
        classes: dict[Arch, list[int]] = defaultdict(list)
        for index, arch in enumerate(space):
            classes[space.canonical(arch)].append(index)
        assert all(space.index(form) == members[0] for form, members in classes.items())
        assert space.forms == len(classes)
        firsts = [space.at(members[0]) for members in classes.values()]
        assert space.copies(firsts).tolist() == [len(members) for members in classes.values()]

    # Features.

    def test_encodings_are_finite_rows(self, space: Space, archs: list[Arch]) -> None:
        """Every encoding gives (architectures, features) of float64, finite, the same twice."""
        assert {"integer", "one_hot"} <= set(space.encodings)
        for kind in space.encodings:
            features = space.encode(archs, kind)
            assert features.dtype == np.float64, kind
            assert features.ndim == 2, kind
            assert len(features) == len(archs), kind
            assert features.shape[1] > 0, kind
            assert np.isfinite(features).all(), kind
            assert np.array_equal(features, space.encode(archs, kind)), kind
            assert space.encode([], kind).shape == (0, features.shape[1]), kind

    def test_a_batch_is_encoded_as_its_members(self, space: Space, archs: list[Arch]) -> None:
        """An architecture's features do not depend on those it is encoded with."""
        genes: Ints = np.array(archs, dtype=np.int64)
        for kind in space.encodings:
            features = space.encode(archs, kind)
            singles = [space.encode([arch], kind)[0] for arch in archs]
            assert np.array_equal(features, np.stack(singles)), kind
            assert np.array_equal(features, space.encode(genes, kind)), kind

    def test_plain_encodings_tell_architectures_apart(
        self, space: Space, archs: list[Arch]
    ) -> None:
        """Distinct architectures have distinct rows of genes and of indicators."""
        distinct = sorted(set(archs))
        for kind in ("integer", "one_hot"):
            assert len(np.unique(space.encode(distinct, kind), axis=0)) == len(distinct), kind
        indicators = space.encode(archs, "one_hot")
        assert set(np.unique(indicators)) <= {0.0, 1.0}
        assert (indicators.sum(axis=1) == len(space.genes)).all()

    def test_an_unknown_encoding_is_refused(self, space: Space, archs: list[Arch]) -> None:
        """An encoding that the space lacks raises `UnknownName`, which names the nearest."""
        with pytest.raises(UnknownName, match="one_hot"):
            space.encode(archs, "one_hit")

    # Networks.

    def test_graphs_are_well_formed(self, space: Space, archs: list[Arch]) -> None:
        """One input image comes first, nodes read earlier ones, shapes agree, classes end it."""
        operations = set(get_args(Operation))
        for arch in archs[:50]:
            nodes = _network(space, arch, classes=10, size=32).nodes
            assert nodes[0].operation == "input"
            assert (nodes[0].inputs, nodes[0].size) == ((), 32)
            for place, node in enumerate(nodes[1:], start=1):
                assert node.operation in operations - {"input"}
                assert node.inputs, f"node {place} reads nothing"
                assert all(0 <= source < place for source in node.inputs)
                assert node.channels > 0
                assert node.size > 0
                assert set(node.paths) <= set(range(len(node.inputs)))
                assert node.operation == "add" or not node.paths
                read = {(nodes[source].channels, nodes[source].size) for source in node.inputs}
                channels = [nodes[source].channels for source in node.inputs]
                if node.operation in _SAME_SHAPE:
                    assert read == {(node.channels, node.size)}
                if node.operation == "concat":
                    assert sum(channels) == node.channels
                    assert {size for _, size in read} == {node.size}
                if node.operation == "truncate":
                    assert channels[0] > node.channels
                    assert nodes[node.inputs[0]].size == node.size
                if node.operation == "multiply":
                    assert read <= {(node.channels, node.size), (node.channels, 1)}
                    assert len(node.inputs) == 2
                elif node.operation in ("add", "concat"):
                    assert len(node.inputs) > 1
                else:
                    assert len(node.inputs) == 1
            assert nodes[-1].channels == 10

    def test_graphs_follow_the_task(self, space: Space, archs: list[Arch]) -> None:
        """The same question gives the same network; more classes cost more."""
        for arch in archs[:20]:
            graph = _network(space, arch, classes=10, size=32)
            assert graph.nodes == space.graph(arch, classes=10, size=32).nodes
            more = space.graph(arch, classes=100, size=32)
            assert more.nodes[-1].channels == 100
            assert more.params > graph.params
            assert space.graph(arch, classes=10, size=16).nodes[0].size == 16

    def test_graphs_of_grey_images(self, space: Space, archs: list[Arch]) -> None:
        """Where a graph can read grey images, nothing changes but the weights that read them."""
        plain = [_network(space, arch, classes=10, size=32) for arch in archs[:20]]
        build: Any = space.graph
        if "image_channels" not in signature(build).parameters:
            pytest.skip(f"the networks of {space.name} read images of 3 channels")
        for arch, other in zip(archs, plain, strict=False):
            grey = build(arch, classes=10, size=32, image_channels=1)
            assert grey.nodes[0].channels == 1
            assert grey.nodes[1:] == other.nodes[1:]
            assert grey.params < other.params

    def test_costs_are_positive_integers(self, space: Space, archs: list[Arch]) -> None:
        """Parameters and FLOPs are counted, so they are positive whole numbers."""
        for arch in (*archs[:50], space.at(0), space.at(space.size - 1)):
            graph = _network(space, arch, classes=10, size=32)
            assert type(graph.params) is int
            assert graph.params > 0
            assert type(graph.flops) is int
            assert graph.flops > 0
