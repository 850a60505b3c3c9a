"""What tests share: the published files, and the benchmarks of the packed table."""

import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import hypothesis
import pytest

from nasbench_suite import cli, load
from nasbench_suite.tables.store import Table

# A slow machine is no failure.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of published files that tables are packed from."""
    own = os.environ.get("NASBENCH_PUBLISHED")
    folder = Path(own) if own else ROOT.parent / "shared" / "data"
    if not (folder / "README.md").is_file():
        pytest.skip(f"no published files in {folder}: set NASBENCH_PUBLISHED to their folder")
    return folder


@pytest.fixture(scope="session")
def tfrecords() -> SimpleNamespace:
    """What writes and reads files in the official format of NAS-Bench-101 without the suite."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / "tests" / "tables" / "tfrecords.py")))


@pytest.fixture(scope="module")
def browser():
    """Chromium; a module has its own, since its loop would be in the way of other tests."""
    with runpy.run_path(str(ROOT / "tests" / "browsing.py"))["chromium"]() as launched:
        yield launched


SMALL_RECIPE = """
name = "small"
version = "1"
title = "A small surrogate"
description = "Two metrics of MnasNet's networks, for tests."
benchmark = "mnasnet/imagenet"
table_version = "1"
reported = "val_accuracy"
split = "official"
notes = ["for tests"]

[protocols.standard]
description = "A search sees one noisy prediction and pays predicted seconds."
objective = "val_accuracy"
epochs = []
seed = 0
cost = "train_seconds"
continues = false

[protocols.standard.report]
metric = "val_accuracy"
seed = "mean"

[[predict]]
metrics = ["val_accuracy"]
family = "distilled"
noise = "absolute"
settings = { teacher = "ridge", drawn = 1000, epochs = 20 }

[[predict]]
metrics = ["train_seconds"]
family = "ridge"
noise = "relative"
"""
"""How a surrogate is fitted in a few seconds."""


@pytest.fixture(scope="session")
def small_surrogate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted surrogate of `mnasnet/imagenet` in a data folder of its own."""
    from nasbench_suite.campaigns.fitting import fit

    root = tmp_path_factory.mktemp("data")
    (root / "small.toml").write_text(SMALL_RECIPE)
    # By this name it goes before the one that is shipped.
    return fit(root / "small.toml", out=root / "surrogates" / "mnasnet")


@pytest.fixture
def with_small(small_surrogate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That surrogate, where it is found."""
    monkeypatch.setenv("NASBENCH_DATA", str(small_surrogate.parents[1]))
    return small_surrogate


class Done(NamedTuple):
    """What a command left behind."""

    code: object
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def nasbench(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run the command in this process."""

    def run(*arguments: object) -> Done:
        try:
            code: object = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


Cluster = tuple[str, list["subprocess.Popen[bytes]"]]
"""The address of a Dask scheduler, and the processes of it and of its workers."""


@pytest.fixture(scope="module")
def start_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Cluster]]:
    """Start a Dask scheduler, and a worker for each tuple of options of `dask worker`.

    Each is a process of its own, which sees no GPU and can import what lies in `folder`.
    """
    running: list[subprocess.Popen[bytes]] = []

    def start(*workers: tuple[str, ...], folder: Path | None = None) -> Cluster:
        place = tmp_path_factory.mktemp("dask")
        file = place / "scheduler.json"
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

        def begin(*command: str) -> None:
            process = subprocess.Popen(
                [sys.executable, "-m", *command, "--scheduler-file", str(file), "--no-dashboard"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **threads, "CUDA_VISIBLE_DEVICES": ""},
                cwd=folder or place,
            )
            running.append(process)

        before = len(running)
        begin("distributed.cli.dask_scheduler", "--port", "0")
        for options in workers:
            begin("distributed.cli.dask_worker", *options)
        deadline = time.monotonic() + 60
        while not file.is_file() or not file.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return json.loads(file.read_text())["address"], running[before:]

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def one_thread():
    """Small networks are no faster with more, other tests run beside these, and so do processes."""
    torch = pytest.importorskip("torch", reason="trains for real: install the extra `train`")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def cifar10() -> Table:
    return load("nasbench201/cifar10")


@pytest.fixture(scope="session")
def cifar100() -> Table:
    return load("nasbench201/cifar100")


@pytest.fixture(scope="session")
def imagenet() -> Table:
    return load("nasbench201/imagenet16-120")


@pytest.fixture(scope="session")
def tasks(cifar10: Table, cifar100: Table, imagenet: Table) -> dict[str, Table]:
    return {table.task: table for table in (cifar10, cifar100, imagenet)}
