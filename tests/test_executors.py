"""Runs made elsewhere are the same bytes, whatever is killed on the way."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nasbench_suite import Budget, compare
from nasbench_suite.core import FailedRuns, InvalidSetting, MissingExtra
from nasbench_suite.executors import dask, processes
from nasbench_suite.experiments.experiment import OVERHEAD

BENCHMARKS = ["nasbench201/cifar10", "nasbench201/cifar100"]
STRATEGIES = ["random_search", "bananas", "reinforce"]
SEEDS = 6
RUNS = len(BENCHMARKS) * len(STRATEGIES) * SEEDS
BUDGET = Budget(40)

MINE = """
import os
import threading
import time
from nasbench_suite.core import Proposal
from nasbench_suite.strategies.base import Strategy


class Mine(Strategy):
    def _ask(self):
        return Proposal(self.space.sample(self.rng))


class Hangs(Mine):
    def _ask(self):
        while True:
            time.sleep(0.01)


class Dies(Mine):
    def _ask(self):
        os._exit(3)


class HangsAtFirst(Mine):
    def __init__(self, space, *, rng):
        while True:
            time.sleep(0.01)


class DiesAtFirst(Mine):
    def __init__(self, space, *, rng):
        os._exit(3)


class Untidy(Mine):
    def __init__(self, space, *, rng):
        super().__init__(space, rng=rng)
        print("to be heard")
        threading.Thread(target=time.sleep, args=(300,)).start()
"""


def ask(out, executor=None, **changes):
    question = {
        "benchmarks": BENCHMARKS,
        "strategies": STRATEGIES,
        "budget": BUDGET,
        "seeds": SEEDS,
        "workers": 4,
    }
    return compare(**{**question, **changes}, out=out, executor=executor)


def texts(folder):
    files = [path for path in Path(folder).rglob("*") if path.is_file() and path.name != OVERHEAD]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serial") / "out"
    ask(folder)
    return texts(folder)


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path / "mine.py"


# Processes.


def test_processes_make_the_same_bytes(serial, tmp_path):
    with processes(2) as pool:
        experiment = ask(tmp_path / "out", pool)
    assert texts(tmp_path / "out") == serial
    assert len(experiment.overheads) == RUNS
    assert all(seconds > 0 for seconds in experiment.overheads.values())


def test_any_executor_serves(serial, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        ask(tmp_path / "out", pool)
    assert texts(tmp_path / "out") == serial


# Kills this process, and with it its pool, when so many runs are written.
KILLED = f"""
import os, signal, sys
from pathlib import Path
from nasbench_suite import Budget, compare
from nasbench_suite.executors import processes

if __name__ == "__main__":
    def told(done, total):
        if done == int(sys.argv[2]):
            print(*(child.pid for child in __import__("multiprocessing").active_children()))
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    with processes(2) as pool:
        compare({BENCHMARKS}, {STRATEGIES}, budget=Budget(40), seeds={SEEDS}, workers=4,
                out=Path(sys.argv[1]), executor=pool, progress=told)
"""


@pytest.mark.parametrize("after", [1, 20])
def test_killed_with_its_processes_it_is_completed(serial, tmp_path, after):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, str(script), str(out), str(after)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert after <= len(list(out.rglob("*.jsonl"))) < RUNS
    # Its processes do not stay behind.
    children = [int(word) for word in done.stdout.split()]
    assert len(children) == 2
    deadline = time.monotonic() + 20
    while any(map(_alive, children)):
        assert time.monotonic() < deadline, children
        time.sleep(0.05)
    made = {path: path.stat().st_mtime_ns for path in out.rglob("runs/**/*.jsonl")}
    with processes(2) as pool:
        ask(out, pool)
    assert texts(out) == serial
    assert made.items() <= {p: p.stat().st_mtime_ns for p in out.rglob("*.jsonl")}.items()


def _alive(number):
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Hangs", r"it did not end within 2 s; if it is only slow, have more patience"),
        ("Dies", r"mine.Dies on .* and 2 more of its runs: its process died"),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_one_that_hangs_or_kills_its_process_costs_its_own_runs_alone(
    mine, tmp_path, jobs, name, says
):
    """All runs of the other strategy are made, and equal those of a comparison without it."""
    asked = {"budget": BUDGET, "seeds": 3, "patience": 2.0}
    with processes(jobs) as pool, pytest.raises(FailedRuns, match=says) as caught:
        compare(
            BENCHMARKS[:1],
            [f"{mine}:{name}", "random_search"],
            out=tmp_path / "out",
            executor=pool,
            **asked,
        )
    assert str(caught.value).startswith("3 of 6 runs failed")
    assert "random_search" not in str(caught.value)
    compare(BENCHMARKS[:1], ["random_search"], out=tmp_path / "alone", **asked)
    alone = {k: v for k, v in texts(tmp_path / "alone").items() if k.startswith("runs")}
    made = {k: v for k, v in texts(tmp_path / "out").items() if k.startswith("runs")}
    assert made == alone


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("HangsAtFirst", "did not begin within 2 s"),
        ("DiesAtFirst", "ended the process in which it was to begin"),
    ],
)
def test_one_that_cannot_even_begin_does_not_take_this_process_with_it(mine, tmp_path, name, says):
    asked = {"budget": BUDGET, "seeds": 1, "patience": 2.0, "out": tmp_path / "out"}
    with pytest.raises(FailedRuns, match=says):
        compare(BENCHMARKS[:1], ["random_search", f"{mine}:{name}"], **asked)
    assert not (tmp_path / "out").exists()


def test_what_it_prints_and_the_threads_it_leaves_are_no_matter(mine, tmp_path, capfd):
    begun = time.monotonic()
    asked = {"budget": BUDGET, "seeds": 2, "out": tmp_path / "out"}
    experiment = compare(BENCHMARKS[:1], [f"{mine}:Untidy"], **asked)
    assert len(list(experiment.runs(BENCHMARKS[0], "mine.Untidy"))) == 2
    assert time.monotonic() - begun < 60
    out, err = capfd.readouterr()
    assert out == ""
    assert "to be heard" in err


# A cluster.


@pytest.fixture(scope="module")
def cluster(start_cluster):
    """Return the address of a scheduler, and its process and those of two workers."""
    return start_cluster(*[("--nthreads", "1", "--no-nanny")] * 2)


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_but_time(serial, tmp_path, cluster):
    address, (_, first, _) = cluster

    def told(done, total):
        if done == 5:
            first.kill()

    with dask(address) as pool:
        ask(tmp_path / "out", pool, progress=told)
    assert first.wait(10) == -signal.SIGKILL
    assert texts(tmp_path / "out") == serial


@pytest.mark.slow
def test_a_cluster_that_goes_away_is_told_and_what_was_finished_is_kept(tmp_path, cluster, capfd):
    """Last of the module's tests on the cluster, which it leaves without a scheduler."""
    address, (scheduler, _, _) = cluster

    def told(done, total):
        if done == 3:
            scheduler.kill()

    with pytest.raises(FailedRuns, match="the cluster went away"), dask(address) as pool:
        ask(tmp_path / "out", pool, progress=told, seeds=30)
    assert len(list(tmp_path.rglob("runs/**/*.jsonl"))) >= 3
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "", "x y"])
def test_a_scheduler_that_does_not_answer(address, capfd):
    with pytest.raises(InvalidSetting, match="no Dask scheduler answers"), dask(address, 1.0):
        pass
    assert capfd.readouterr().err == ""


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"nasbench-suite\[cluster\]"), dask("tcp://x:1"):
        pass
