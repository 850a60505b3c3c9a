"""A disk that fills up stops `train` and `build`, and costs nothing of what was finished."""

import json
import os
import subprocess
import sys

import pytest

from nasbench_suite import registry
from nasbench_suite.core import FailedRuns

pytest.importorskip("torch", reason="trains for real: install the extra `train`")

from nasbench_suite.campaigns.building import build
from nasbench_suite.files import PART, alone
from nasbench_suite.training import checkpoints, devices
from nasbench_suite.training.jobs import Data
from nasbench_suite.training.recipes import recipe

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = registry.load("spaces", "nasbench201")
ASKED = ("--data", "digits", "--recipe", "quick", "--set", "epochs=2", "--set", "eval_draws=1")
BUILD = ("build", "nasbench201", *ASKED, "--archs", "3")
TRAIN = ("train", "nasbench201", "6111", *ASKED)

# A file that may not grow beyond a limit stands for a disk that is full. Processes that this one
# starts have the same limit.
LIMITED = """
import resource
import sys

from nasbench_suite import cli

if __name__ == "__main__":
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    sys.exit(cli.main(sys.argv[2:]))
"""

# Bytes: less than a question's file; less than a checkpoint, of which the smallest has 60 kB, and
# more than a finished training; less than a table.
NOTHING, NO_CHECKPOINT, NO_TABLE = 100, 5_000, 80_000


@pytest.fixture
def limited(tmp_path):
    """Run the command in a process of its own that may write files of so many bytes."""
    script = tmp_path / "limited.py"
    script.write_text(LIMITED)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

    def run(limit, *arguments):
        return subprocess.run(
            [sys.executable, str(script), str(limit), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    return run


def files(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def digests(folder):
    """What was trained, by the digest of the weights and metrics of each."""
    return {path.name: json.loads(path.read_text())["digest"] for path in folder.glob("*.json")}


def stopped(done, name):
    """See that a command ended with one line that says which file, and what to do."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("nasbench: ")]
    assert lines == done.stderr.splitlines()[-1:]
    assert "Traceback" not in done.stderr
    assert f"{name}: File too large: make room on its disk, and ask the same again" in lines[0]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    changes = {"epochs": 2, "eval_draws": 1}
    build("nasbench201", Data("digits"), recipe("quick", changes), archs=3, out=out)
    assert files(out) == [
        ".lock",
        "build.json",
        *(f"table/{name}" for name in ("card.toml", "index.json", "table.h5")),
        *(f"trainings/{name}" for name in sorted(digests(out / "trainings"))),
    ]
    assert not (out / "checkpoints").exists()
    return digests(out / "trainings")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_build_without_room_for_a_checkpoint_goes_on(
    limited, nasbench, undisturbed, tmp_path, jobs
):
    """Of processes too: what one of them cannot write is not the fault of its network."""
    out = tmp_path / "out"
    asked = (*BUILD, "--out", out)
    if jobs == 1:
        stopped(limited(NOTHING, *asked), "build.json")
        assert files(out) == [".lock"]
    stopped(limited(NO_CHECKPOINT, *asked, "--jobs", jobs), "-0.npz")
    assert files(out) == [".lock", "build.json"]
    assert nasbench(*asked).code == 0
    assert digests(out / "trainings") == undisturbed
    assert not (out / "checkpoints").exists()


def test_a_build_without_room_for_its_table_goes_on(limited, nasbench, undisturbed, tmp_path):
    out = tmp_path / "out"
    changes = {"epochs": 2, "eval_draws": 1}
    build("nasbench201", Data("digits"), recipe("quick", changes), archs=3, out=out)
    whole = {path.name: path.read_bytes() for path in (out / "table").iterdir()}
    for path in (out / "table").iterdir():
        path.unlink()
    (out / "table").rmdir()
    left = files(out)
    done = limited(NO_TABLE, *BUILD, "--out", out)
    stopped(done, "table")
    assert "nothing was left there" in done.stderr
    assert files(out) == left
    assert digests(out / "trainings") == undisturbed
    assert nasbench(*BUILD, "--out", out).code == 0
    assert {path.name: path.read_bytes() for path in (out / "table").iterdir()} == whole


def test_a_training_without_room_for_a_checkpoint_goes_on(limited, nasbench, tmp_path):
    out = tmp_path / "out"
    assert nasbench(*TRAIN, "--out", out).code == 0
    first = (out / "006111-0.json").read_bytes()
    stopped(limited(NO_CHECKPOINT, *TRAIN, "--seeds", 2, "--out", out), "6111-1.npz")
    assert files(out) == [".lock", "006111-0.json"]
    assert nasbench(*TRAIN, "--seeds", 2, "--out", out).code == 0
    assert (out / "006111-0.json").read_bytes() == first
    other = tmp_path / "other"
    assert nasbench(*TRAIN, "--seeds", 2, "--out", other).code == 0
    assert digests(out) == digests(other)
    assert files(out) == files(other) == [".lock", "006111-0.json", "006111-1.json"]


def test_a_finished_training_that_cannot_be_written_is_not_made_again(
    nasbench, undisturbed, tmp_path
):
    out = tmp_path / "out"
    asked = (*BUILD, "--out", out)
    # Nothing can be made below a file, whoever asks; the question is written before.
    code, _, _ = nasbench(*asked, "--device", "tpu")
    assert code == 2
    (out / "trainings").write_text("")
    code, text, told = nasbench(*asked)
    assert (code, text) == (2, "")
    assert "-0.json: File exists: name another folder" in told.splitlines()[-1]
    assert not list(out.rglob(f"*{PART}"))
    (kept,) = (out / "checkpoints").iterdir()
    header, _ = checkpoints.read(kept, {})
    (out / "trainings").unlink()
    assert nasbench(*asked).code == 0
    assert digests(out / "trainings") == undisturbed
    content = json.loads((out / "trainings" / f"{int(kept.stem[:-2]):06d}-0.json").read_text())
    # The seconds of no two trainings are alike.
    assert content["curves"]["seconds"] == header["curves"]["seconds"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
@pytest.mark.parametrize("asked", [BUILD, TRAIN])
def test_a_folder_that_may_not_be_written(nasbench, tmp_path, asked):
    closed = tmp_path / "closed"
    closed.mkdir(0o555)
    for out in (closed, closed / "out"):
        code, text, told = nasbench(*asked, "--out", out)
        assert (code, text) == (2, "")
        assert f"cannot write {out}: Permission denied: get the right to write there" in told
    assert list(closed.iterdir()) == []


@pytest.mark.parametrize("asked", [BUILD, TRAIN])
def test_a_folder_below_a_file(nasbench, tmp_path, asked):
    (tmp_path / "file").write_text("mine")
    code, text, told = nasbench(*asked, "--out", tmp_path / "file" / "out")
    assert (code, text) == (2, "")
    assert "Not a directory: name another folder" in told
    assert (tmp_path / "file").read_text() == "mine"


def test_a_fault_of_the_machine_is_not_the_networks(undisturbed, tmp_path, monkeypatch):
    def refused(device):
        return (tmp_path / "no" / "such" / "driver").read_text()

    monkeypatch.setattr("nasbench_suite.training.loop.hardware", refused)
    quick = recipe("quick", {"epochs": 2, "eval_draws": 1})
    asked = {"archs": 3, "out": tmp_path / "out"}
    with pytest.raises(FailedRuns, match=r"seed 0 stopped, not by its own fault: FileNotFound"):
        build("nasbench201", Data("digits"), quick, **asked)
    assert files(tmp_path / "out") == [".lock", "build.json"]
    monkeypatch.setattr("nasbench_suite.training.loop.hardware", devices.hardware)
    build("nasbench201", Data("digits"), quick, **asked)
    assert digests(tmp_path / "out" / "trainings") == undisturbed


def test_two_processes_do_not_train_in_one_folder(nasbench, tmp_path):
    with alone(tmp_path / "out"):
        code, text, told = nasbench(*TRAIN, "--out", tmp_path / "out")
    assert (code, text) == (2, "")
    assert "another process works in" in told
    assert files(tmp_path / "out") == [".lock"]
