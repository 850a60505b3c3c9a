"""The spaces of HW-GPT-Bench."""

import csv
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import registry
from nasbench_suite.core import InvalidArchitecture, NoNetwork

SPACES = {scale: registry.load("spaces", f"hwgpt_{scale}") for scale in "sml"}
NUMBERS = st.integers(0, 10**60)

# The first row of the published file of scale S, and its parameters.
TEXT = "gpt-s-10-768-2-2-4-4-3-3-3-4-4-2-4-12-12-4-4-12-12-8-4-12-False"
PARAMS = 148_591_104


def test_counts():
    sizes = {"s": (10, 11, 12), "m": (22, 23, 24), "l": (34, 35, 36)}
    for scale, depths in sizes.items():
        space = SPACES[scale]
        assert space.size == 3 * 2 * sum(9**layers for layers in depths)
        assert len(space.genes) == 3 + 2 * depths[-1]


def test_the_largest_networks_are_those_of_gpt2():
    for scale, (layers, width, heads) in {
        "s": (12, 768, 12),
        "m": (24, 1024, 16),
        "l": (36, 1280, 20),
    }.items():
        space = SPACES[scale]
        largest = space.network(space.at(space.size - 1))
        assert largest == (width, (4,) * layers, (heads,) * layers, True)


def test_a_published_network():
    space = SPACES["s"]
    arch = space.parse(TEXT)
    assert arch == (
        *(2, 0),
        *(0, 0, 2, 2, 1, 1, 1, 2, 2, 0, 0, 0),
        *(0, 2, 2, 0, 0, 2, 2, 1, 0, 2, 0, 0),
        0,
    )
    gpt = space.network(arch)
    assert (gpt.embedding, len(gpt.ratios), gpt.heads[1], gpt.bias) == (768, 10, 12, False)
    assert gpt.params == PARAMS
    with pytest.raises(NoNetwork, match="no network of images"):
        space.graph(arch, classes=10, size=32)


@given(st.sampled_from("sml"), NUMBERS)
def test_round_trips(scale, number):
    space = SPACES[scale]
    arch = space.at(number % space.size)
    assert space.index(arch) == number % space.size
    assert space.parse(space.format(arch)) == arch
    assert space.decode(space.code(arch)) == arch


@given(st.sampled_from("sml"), NUMBERS, NUMBERS)
def test_numbers_are_in_lexicographic_order(scale, one, other):
    space = SPACES[scale]
    one, other = one % space.size, other % space.size
    assert (one < other) == (space.at(one) < space.at(other))


@given(st.sampled_from("sml"), NUMBERS, st.data())
def test_genes_of_layers_that_are_not_there_hold_0(scale, number, data):
    space = SPACES[scale]
    arch = space.at(number % space.size)
    most, layers = space.depths[-1], space.depths[arch[1]]
    place = data.draw(st.integers(2, 1 + 2 * most))
    changed = (*arch[:place], (arch[place] + 1) % 3, *arch[place + 1 :])
    if (place - 2) % most < layers:
        assert space.valid(changed)
    else:
        with pytest.raises(InvalidArchitecture, match=f"gene {place} is 1, and must be 0"):
            space.check(changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpt-s-10",
        TEXT.replace("gpt-s", "gpt-m"),
        TEXT.replace("-10-", "-11-"),
        TEXT.replace("768", "512"),
        TEXT.replace("False", "0"),
        TEXT.replace("-8-", "-16-"),
        TEXT.replace("-8-", "-"),
    ],
)
def test_parse_says_how_it_is_written(text):
    with pytest.raises(InvalidArchitecture, match="hwgpt_s, which is written gpt-s-"):
        SPACES["s"].parse(text)


def test_every_number_of_layers_is_drawn():
    rng = np.random.default_rng(0)
    for space in SPACES.values():
        depths = [space.sample(rng)[1] for _ in range(1_000)]
        # Uniform over the networks, so that one layer more is nine times as likely.
        assert np.bincount(depths, minlength=3) == pytest.approx([11, 99, 890], abs=40)


@pytest.mark.published
@pytest.mark.parametrize("scale", "sml")
def test_parameters_are_those_published(published, scale):
    space = SPACES[scale]
    path = published / f"hw-gpt-bench/hwgpt_{scale}_hardware.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    outside = 0
    for row in rows:
        words = [row["n_layer"], row["embed_dim"], row["mlp_ratio"], row["n_head"]]
        text = "-".join(["gpt", scale, *words, "True" if row["bias"] == "1" else "False"])
        try:
            gpt = space.network(space.parse(text))
        except InvalidArchitecture:
            # The file of scale M has networks of scale S too.
            outside += SPACES["s"].valid(SPACES["s"].parse(text.replace("gpt-m", "gpt-s")))
            continue
        assert gpt.params == int(row["params"])
    assert (len(rows) - outside, outside) == (10_000, 17 if scale == "m" else 0)
