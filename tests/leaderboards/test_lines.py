"""How runs are written in a submission."""

import gzip
import json
import subprocess

import numpy as np
import pytest

from nasbench_suite import load, registry
from nasbench_suite.leaderboards.lines import Line, numbers, packed, short
from nasbench_suite.leaderboards.recomputing import Judge
from nasbench_suite.leaderboards.track import open_track


def test_numbers_are_the_shortest_that_give_back_what_is_stored():
    rng = np.random.default_rng(0)
    for value in (rng.random(200) * 100).tolist():
        single = float(np.float32(value))
        written = short(single, "table")
        assert np.float32(written) == np.float32(single)
        assert len(repr(written)) <= len(repr(single))
        assert short(value, "table") == value or float(np.float32(value)) == value
    assert short(75.23799896240234, "table") == 75.238
    assert repr(short(69.123456789, "surrogate")) == "69.12346"


def test_a_digest_is_that_of_any_program(submitted, opened):
    entry = opened(submitted("crew"))
    line = entry.lines("nasbench201-cifar100.jsonl.gz")[1]
    lists = [",".join(map(str, line[name])) for name in ("architecture", "number")]
    text = f"nasbench201/cifar100 1 {lists[0]} {lists[1]}"
    command = ["sh", "-c", 'printf %s "$0" | sha256sum | cut -c 1-16', text]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == (
        f"{line['digest']}\n"
    )


def test_the_same_lines_are_the_same_bytes():
    assert packed(["{}", "{}"]) == packed(["{}", "{}"])
    assert gzip.decompress(packed(["{}", "{}"])) == b"{}\n{}\n"


def test_architectures_of_spaces_too_large_for_numbers():
    """Their numbers are beyond what other languages hold, and beyond numpy's."""
    space = registry.load("spaces", "fbnet")
    assert space.size > 2**63
    rng = np.random.default_rng(1)
    archs = [space.sample(rng) for _ in range(5)]
    line = Line(0, [space.format(arch) for arch in archs], [], None, None, None, None, False, "")
    found = numbers(line, space)
    assert [space.at(number) for number in found] == archs
    track = open_track("small")

    class Benchmark:
        pass

    benchmark = Benchmark()
    benchmark.space = space
    judge = Judge(track, track.parts[0], benchmark, "standard")
    assert judge._named(found).tolist() == [list(arch) for arch in archs]


@pytest.mark.parametrize("task", ["cifar10", "cifar100"])
def test_a_line_has_what_a_query_gives(submitted, opened, task):
    entry = opened(submitted("small"))
    table = load(f"nasbench201/{task}")
    for line in entry.lines(f"nasbench201-{task}.jsonl.gz"):
        assert set(line) == {"seed", "architecture", "objective", "seconds", "digest"}
        asked = [table.query(arch, "val_accuracy", epochs=12) for arch in line["architecture"]]
        assert line["objective"] == [short(value, "table") for value in asked]
        paid = sum(table.query(arch, "train_seconds", epochs=12) for arch in line["architecture"])
        assert json.dumps(line["seconds"]) == json.dumps(round(paid, 3))
