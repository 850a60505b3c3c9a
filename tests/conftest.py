"""What tests share: the published files, and the benchmarks of the packed table."""

import json
import os
import runpy
from collections.abc import Callable
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
