"""The MnasNet space of Accel-NASBench."""

import json
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import registry
from nasbench_suite.core import InvalidArchitecture

SPACE = registry.load("spaces", "mnasnet")
ARCHS = st.tuples(*(st.integers(0, choices - 1) for choices in SPACE.genes))

B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"


def test_counts():
    assert SPACE.size == 3**7 * 2**7 * (3**6 * 4) * 2**7
    assert SPACE.genes == (3, 2, 3, 2) * 5 + (3, 2, 4, 2) + (3, 2, 3, 2)


def test_efficientnet_b0_has_its_published_parameters():
    net = SPACE.graph(SPACE.parse(B0), classes=1000, size=224)
    # As timm and torchvision print it; the paper's table 2 says 5.3 M and 0.39 B FLOPs.
    assert net.params == 5_288_548
    assert 0.385e9 < net.flops < 0.395e9


@given(ARCHS)
def test_round_trips(arch):
    assert SPACE.parse(SPACE.format(arch)) == arch
    assert SPACE.from_config(SPACE.to_config(arch)) == arch
    assert SPACE.at(SPACE.index(arch)) == arch


def test_configuration_of_accel_nasbench():
    values = SPACE.to_config(SPACE.parse(B0))
    assert len(values) == 28
    assert (values["block5_e"], values["block5_k"], values["block5_l"]) == (6, 5, 4)
    assert values["block0_se"] is True
    with pytest.raises(InvalidArchitecture, match="block4_l is 4, and may be 1, 2, 3"):
        SPACE.from_config(values | {"block4_l": 4})
    del values["block6_se"]
    with pytest.raises(InvalidArchitecture, match="block6_se is None"):
        SPACE.from_config(values)


@pytest.mark.parametrize(
    "text",
    ["", B0 + "-", B0.rpartition("-")[0], B0.replace("l3", "l4"), B0.replace("e1", "e3"), B0[1:]],
)
def test_parse_says_how_it_is_written(text):
    with pytest.raises(InvalidArchitecture, match="seven blocks as e1_k3_l1_se1"):
        SPACE.parse(text)


def test_squeeze_and_excite_is_counted_by_hand():
    without = SPACE.graph(SPACE.parse(B0.replace("l4_se1", "l4_se0")), classes=10, size=32)
    net = SPACE.graph(SPACE.parse(B0), classes=10, size=32)
    # Four layers, the first of which reads 112 channels and the others 192.
    extra = 0
    for width in (112, 192, 192, 192):
        wide, narrow = 6 * width, width // 4
        extra += (wide + 1) * narrow + (narrow + 1) * wide
    assert net.params - without.params == extra
    assert net.flops - without.flops == extra


@pytest.mark.published
def test_costs_are_those_published(published):
    path = published / "accel-nasbench/anb_dataset/anb_dataset_jsons.tar.gz"
    with tarfile.open(path) as archive:
        found = [
            json.load(archive.extractfile(member))
            for member in archive.getmembers()
            if member.name.endswith(".json")
        ]
    assert len(found) == 5_138
    for entry in found:
        net = SPACE.graph(SPACE.from_config(entry["architecture"]), classes=1000, size=224)
        costs = entry["model_info"]
        assert net.params == round(costs["params"] * 1e6)
        # What the source counts beside convolutions and linear layers; see the space's docstring.
        more = 0
        for node in net.nodes:
            before = net.nodes[node.inputs[0]] if node.inputs else node
            if node.operation == "batch_norm":
                more += 4 * node.channels * node.size**2
            elif node.operation == "global_avg_pool":
                more += before.channels * before.size**2 + node.channels
            elif node.operation == "linear":
                more -= node.channels
        assert net.flops + more == round(costs["macs"] * 1e6)
    assert len({SPACE.from_config(entry["architecture"]) for entry in found}) == 5_125
