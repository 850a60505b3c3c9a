"""Both spaces of TransNAS-Bench-101."""

import ast
import csv
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import registry
from nasbench_suite.core import InvalidArchitecture

MICRO = registry.load("spaces", "transbench101_micro")
MACRO = registry.load("spaces", "transbench101_macro")
CELLS = st.tuples(*[st.integers(0, 3)] * 6)
SKELETONS = st.integers(0, 3_255).map(MACRO.at)


def names(published, kind):
    path = published / "transnas-archs/tnb101_file_id_to_arch.csv"
    with path.open(encoding="utf-8") as file:
        return [row["arch"] for row in csv.DictReader(file) if row["space"] == kind]


@pytest.mark.published
def test_cells_are_those_published_in_their_order(published):
    assert [MICRO.format(arch) for arch in MICRO] == names(published, "micro")


@pytest.mark.published
def test_skeletons_are_exactly_those_published(published):
    listed = names(published, "macro")
    assert len(listed) == 3_256
    assert {MACRO.format(arch) for arch in MACRO} == set(listed)


def test_counts():
    assert MICRO.size == len(set(MICRO)) == 4_096
    archs = list(MACRO)
    assert MACRO.size == len(set(archs)) == 3_256
    lengths = Counter(6 - arch.count(0) for arch in archs)
    assert lengths == {4: 210, 5: 750, 6: 2_296}
    assert archs == sorted(archs)


@given(CELLS)
def test_cells_come_back_from_their_strings(arch):
    assert MICRO.parse(MICRO.format(arch)) == arch


@given(SKELETONS)
def test_skeletons_come_back_from_their_strings_and_numbers(arch):
    assert MACRO.parse(MACRO.format(arch)) == arch
    assert MACRO.at(MACRO.index(arch)) == arch
    for other in MACRO.neighbours(arch):
        assert MACRO.fault(other) is None


def test_genes_of_the_published_examples():
    assert MICRO.parse("64-41414-1_02_333") == (1, 0, 2, 3, 3, 3)
    assert MACRO.parse("64-1234-basic") == (1, 2, 3, 4, 0, 0)
    assert MACRO.format((1, 2, 3, 4, 0, 0)) == "64-1234-basic"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1_02_333",
        "64-41414-1_02_33",
        "64-41414-1_02_334",
        "64-41414-102_333",
        "64-41414-1_0_2333",
        "64-1234-basic",
        "32-41414-1_02_333",
        "64-41414-1_02_333 ",
    ],
)
def test_no_string_of_a_cell(text):
    with pytest.raises(InvalidArchitecture, match="64-41414-1_02_333, each one of 0") as caught:
        MICRO.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "four to six modules as 64-1234-basic"),
        ("1234", "four to six modules"),
        ("64-1235-basic", "four to six modules"),
        ("64-1204-basic", "four to six modules"),
        ("64-41414-1_02_333", "four to six modules"),
        ("64-64-1234-basic", "four to six modules"),
        ("64-1234-basic-basic", "four to six modules"),
        ("64-123-basic", "it has 3 modules"),
        ("64-1234123-basic", "it has 7 genes"),
        ("64-1111-basic", "0 of its modules halve the image"),
        ("64-3333311-basic", "it has 7 genes"),
        ("64-333332-basic", "5 of its modules halve the image"),
        ("64-222231-basic", "4 of its modules double its width"),
        ("64-1113-basic", "0 of its modules double its width"),
    ],
)
def test_no_string_of_a_skeleton(text, says):
    with pytest.raises(InvalidArchitecture, match="transbench101_macro") as caught:
        MACRO.parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("genes", "says"),
    [
        ((1, 2, 3, 4, 0, 1), "gene 4 is 0, which only the last ones may be"),
        ((0, 1, 2, 3, 4, 1), "gene 0 is 0"),
        ((0,) * 6, "it has 0 modules"),
        ((1, 2, 3, 5, 0, 0), "gene 3 is 5"),
    ],
)
def test_unused_genes_are_zeros_at_the_end(genes, says):
    with pytest.raises(InvalidArchitecture, match=says):
        MACRO.check(genes)
    assert not MACRO.valid(genes)


def test_sizes_and_widths_along_a_skeleton():
    nodes = MACRO.graph(MACRO.parse("64-1234-basic"), classes=10, size=256).nodes
    sums = [(node.channels, node.size) for node in nodes if node.operation == "add"]
    # Two blocks a module: as it is, doubled, halved, both; the stem leaves 64 channels at 64x64.
    expected = [(64, 64), (128, 64), (128, 32), (256, 16)]
    assert sums == [shape for shape in expected for _ in range(2)]


def test_a_skip_is_free_where_the_shape_stays():
    def params(text):
        return MICRO.graph(MICRO.parse(text), classes=10, size=256).params

    nothing = params("64-41414-0_00_000")
    assert params("64-41414-0_01_000") == nothing
    # Three of the ten cells double the width: 1x1 weights and normalisation on the way.
    widths = (64, 128, 256)
    factorised = sum(width * 2 * width + 2 * 2 * width for width in widths)
    assert params("64-41414-1_00_000") == nothing + factorised


OUTPUTS = {"room_layout": 9, "class_scene": 63, "class_object": 100}
"""Of the networks that NAS-Bench-Suite-Zero counted; the authors' own have 9, 47 and 75."""


def their_flops(net, outputs):
    """Return what NAS-Bench-Suite-Zero counts: also normalisation, rectifiers and pooling."""
    at = Counter()
    for node in net.nodes:
        at[node.operation] += node.channels * node.size**2
    last = net.nodes[net.nodes[-2].inputs[0]]
    # Their pooling is a pixel too large on each side, and the classifier has no bias.
    pooled = last.channels * (last.size + 1) ** 2
    return net.flops - outputs + 2 * at["batch_norm"] + at["relu"] + pooled


@pytest.mark.published
@pytest.mark.parametrize(("space", "kind"), [(MICRO, "micro"), (MACRO, "macro")])
def test_costs_are_those_that_others_counted(published, space, kind):
    path = published / f"naslib-zerocost/zc_transbench101_{kind}.json"
    found = json.loads(path.read_text("utf-8"))
    for task, outputs in OUTPUTS.items():
        assert len(found[task]) > 600
        for code, entry in found[task].items():
            arch = space.check(ast.literal_eval(code))
            net = space.graph(arch, classes=outputs, size=256)
            counted = {
                key: value["score"] if isinstance(value, dict) else value
                for key, value in entry.items()
                if key in ("params", "flops")
            }
            assert net.params == round(counted["params"] * 1e6)
            assert their_flops(net, outputs) == round(counted["flops"] * 1e6)
