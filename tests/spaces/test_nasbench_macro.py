"""The chains of NAS-Bench-Macro."""

import json
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import registry
from nasbench_suite.core import InvalidArchitecture

SPACE = registry.load("spaces", "nasbench_macro")
ARCHS = st.tuples(*[st.integers(0, 2)] * 8)


def test_counts():
    archs = list(SPACE)
    assert SPACE.size == len(set(archs)) == 6_561
    assert len({SPACE.form(arch) for arch in archs}) == 3_969
    assert len({SPACE.canonical(arch) for arch in archs}) == 3_969
    # In a stage of three layers the forms are 3 x (1 + 2 + 4), in the one of two 3 x 3.
    assert 3_969 == 9 * 21 * 21


@pytest.mark.parametrize(
    ("text", "form", "first"),
    [
        ("22212220", "22-212-22", "22212202"),
        ("00000000", "0-0-0", "00000000"),
        ("01020200", "01-02-2", "01002200"),
        ("10120021", "1-12-021", "10102021"),
    ],
)
def test_forms(text, form, first):
    arch = SPACE.parse(text)
    assert SPACE.form(arch) == form
    assert SPACE.format(SPACE.canonical(arch)) == first
    assert SPACE.form(SPACE.parse(first)) == form


@given(ARCHS)
def test_equal_forms_are_the_same_network(arch):
    same = SPACE.canonical(arch)
    assert SPACE.form(same) == SPACE.form(arch)
    nodes = SPACE.graph(arch, classes=10, size=32).nodes
    assert SPACE.graph(same, classes=10, size=32).nodes == nodes


@given(ARCHS)
def test_round_trips(arch):
    assert SPACE.parse(SPACE.format(arch)) == arch
    assert SPACE.at(SPACE.index(arch)) == arch
    assert SPACE.decode(SPACE.code(arch)) == arch


@pytest.mark.parametrize("text", ["", "2221222", "222122200", "22212223", "2221222x", "２2212220"])
def test_parse_says_what_is_written_how(text):
    with pytest.raises(InvalidArchitecture, match="eight symbols as 22212220") as caught:
        SPACE.parse(text)
    assert repr(text) in str(caught.value)


def test_a_mobile_block_is_counted_by_hand():
    fixed = SPACE.graph(SPACE.parse("00000000"), classes=10, size=32)
    one = SPACE.graph(SPACE.parse("01000000"), classes=10, size=32)
    # 64 channels at 16x16 expanded to 192, a depthwise 3x3, and back to 64.
    weights = 64 * 192 + 9 * 192 + 192 * 64
    assert one.params - fixed.params == weights + 2 * (192 + 192 + 64)
    assert one.flops - fixed.flops == weights * 16 * 16
    assert one.nodes[-1].channels == 10


@pytest.mark.published
def test_costs_and_forms_are_those_published(published):
    path = published / "nas-bench-macro/nas-bench-macro_cifar10.json"
    found = json.loads(path.read_text("utf-8"))
    assert set(found) == {SPACE.format(arch) for arch in SPACE}
    results = defaultdict(set)
    for text, entry in found.items():
        net = SPACE.graph(SPACE.parse(text), classes=10, size=32)
        # The source leaves out the bias of the classifier, one number a class.
        assert (net.params, net.flops - 10) == (entry["params"], entry["flops"])
        results[SPACE.form(SPACE.parse(text))].add(tuple(entry["test_acc"]))
    # One string of a form was trained, and the others have its results.
    assert len(results) == 3_969
    assert all(len(same) == 1 for same in results.values())
