"""Converting official files: a fiftieth of NAS-Bench-101, and architectures of NATS-Bench."""

import bz2
import pickle
import shutil

import numpy as np
import pytest

from nasbench_suite import registry, unpickle
from nasbench_suite.tables.importers import nats_bench as nats_bench_files
from nasbench_suite.tables.importers._tfrecords import checksum
from nasbench_suite.tables.pack import pack

COUNT = 100_000
EPOCHS = (4, 12, 36, 108)


@pytest.fixture(scope="module")
def official(tmp_path_factory, tfrecords):
    """A file of 100,000 records, of as many cells as that takes."""
    space = registry.load("spaces", "nasbench101")
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("official")
    left = COUNT

    def check(data):
        return checksum(data).to_bytes(4, "little")

    with (folder / "nasbench_full.tfrecord").open("wb") as file:
        for number in rng.choice(len(space.cells), COUNT // 12 + 1, replace=False):
            arch = tuple(space.cells[number].tolist())
            matrix, words = space.to_spec(arch)
            cell = "".join(map(str, matrix.ravel())), ",".join(words)
            name = space.fingerprint(arch)
            for epochs in np.repeat(EPOCHS, 3).tolist()[:left]:
                shares = rng.random((3, 3)).tolist()
                ends = ((0.0, 0.0), (epochs / 2, 7.0 * epochs), (float(epochs), 15.0 * epochs))
                evaluations = [(*end, *share) for end, share in zip(ends, shares, strict=True)]
                message = tfrecords.metrics(evaluations, 1_000_000, 20.0 * epochs)
                content = tfrecords.record(name, epochs, *cell, message)
                file.write(tfrecords.framed(content, check))
                left -= 1
    assert left == 0
    return folder


def test_converting_records(side_by_side, official, tmp_path):
    def ours():
        shutil.rmtree(tmp_path / "nasbench101", ignore_errors=True)
        pack("nasbench101", official, tmp_path / "nasbench101")

    side_by_side("pack, 100,000 official records of NAS-Bench-101", ours, rounds=1, limit=30.0)


FILES = 96


@pytest.fixture(scope="module")
def nats(sample, tmp_path_factory):
    """A folder of NATS-Bench: official records of three cells under the names of more of them."""
    if sample is None:
        pytest.skip("no official sample files, or nats_bench is not installed")
    space = registry.load("spaces", "nasbench201")
    known = [unpickle.load(path) for path in sorted(sample.glob("0*.pickle.pbz2"))]
    folder = tmp_path_factory.mktemp("official") / sample.name
    folder.mkdir()
    shutil.copy(sample / "meta.pickle.pbz2", folder)
    for index in range(FILES):
        content = known[index % len(known)]
        for results in content.values():
            results.update(arch_index=index, arch_str=space.format(space.at(index)))
        packed = bz2.compress(pickle.dumps(content))
        (folder / f"{index:06d}.pickle.pbz2").write_bytes(packed)
    return folder


def test_reading_files_of_nats_bench(side_by_side, beside, nats):
    import nats_bench

    def ours():
        nats_bench_files.read(nats, lambda what: None)

    def theirs():
        api = nats_bench.create(str(nats), "tss", fast_mode=True, verbose=False)
        for index in range(FILES):
            api.get_more_info(index, "cifar10", hp="200", is_random=False)

    what = "pack, an architecture's official file of NATS-Bench"
    peer = beside("nats_bench", theirs, FILES)
    side_by_side(what, ours, peer, count=FILES, rounds=5, limit=10e-3)
