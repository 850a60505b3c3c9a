"""Converting the official format of NAS-Bench-101: a fiftieth of the whole file."""

import shutil

import numpy as np
import pytest

from nasbench_suite import registry
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
