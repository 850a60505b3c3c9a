"""Private memory: what a process holds that no other process shares."""

import shutil
from pathlib import Path

import pytest

SMAPS = Path("/proc/self/smaps_rollup")

PRIVATE = f"""
with open("{SMAPS}") as file:
    sizes = [int(line.split()[1]) for line in file if line.startswith("Private_")]
print(sum(sizes) * 1024)
"""

BY_INDEX = """
from nasbench_suite import load
table = load("nasbench201/cifar10")
for number in range(10_000):
    table.query(number)
"""

BY_STRING = """
from nasbench_suite import load
table = load("nasbench201/cifar10")
for number in range(10_000):
    table.query(table.space.format(table.space.at(number)))
"""

EVERY_METRIC = """
from itertools import cycle
from nasbench_suite import load
from nasbench_suite.core import NotMeasured
table = load("nasbench201/cifar10")
for number, metric in zip(range(10_000), cycle(table.metrics)):
    try:
        table.query(number, metric)
    except NotMeasured:
        pass
"""

THEIRS = """
import sys
import nats_bench
api = nats_bench.create(sys.argv[1], "tss", fast_mode=True, verbose=False)
for index in (0, 11, 284):
    api.get_more_info(index, "cifar10", hp="200", is_random=False)
"""

pytestmark = pytest.mark.skipif(
    not SMAPS.is_file(), reason="private memory is read from /proc/self/smaps_rollup, on Linux"
)


@pytest.fixture(scope="module")
def own_data(table, tmp_path_factory):
    """A copy of the table: of a file that no other process has mapped, every page is private."""
    root = tmp_path_factory.mktemp("data")
    shutil.copytree(table.folder, root / "datasets_tabular" / table.folder.name)
    return str(root)


@pytest.mark.parametrize(
    ("what", "code"),
    [("by index", BY_INDEX), ("by string", BY_STRING), ("of every metric", EVERY_METRIC)],
)
def test_private_memory(benchmark, ratios, python, own_data, sample, peer, what, code):
    floors, totals = [], []

    def measure():
        floors.append(int(python("import numpy\n" + PRIVATE)))
        totals.append(int(python(code + PRIVATE, NASBENCH_DATA=own_data)))

    benchmark.pedantic(measure, rounds=3, warmup_rounds=1)
    if benchmark.stats is None:  # --benchmark-disable
        return
    floor, ours = min(floors), min(totals) - min(floors)
    what = f"memory above numpy's own, 10,000 queries {what}"
    ratios.add(what, ours, "numpy", floor, unit="B", limit=30e6)
    if peer is not None and code == BY_INDEX:
        theirs = int(python("import numpy\n" + THEIRS + PRIVATE, str(sample))) - floor
        ratios.add(what, ours, "nats_bench, 3 architectures", theirs, unit="B")
