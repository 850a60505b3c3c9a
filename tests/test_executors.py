"""Runs made elsewhere are the same bytes, whatever is killed on the way."""

import json
import os
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


def test_a_strategy_that_hangs_is_named_and_the_rest_is_kept(mine, tmp_path):
    with pytest.raises(FailedRuns, match=r"no run ended for 2 s; .*mine.Hangs on nasbench201"):
        compare(
            BENCHMARKS[:1],
            ["random_search", f"{mine}:Hangs"],
            budget=BUDGET,
            seeds=3,
            out=tmp_path / "out",
            patience=2.0,
        )
    assert (tmp_path / "out/runs/nasbench201/cifar10/random_search/0.jsonl").is_file()


def test_a_strategy_that_kills_its_process_is_named_and_the_rest_is_kept(mine, tmp_path):
    with pytest.raises(FailedRuns, match=r"a process died.*mine.Dies on nasbench201/cifar10"):
        compare(
            BENCHMARKS[:1],
            ["random_search", f"{mine}:Dies"],
            budget=BUDGET,
            seeds=3,
            out=tmp_path / "out",
        )


# A cluster.


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Return the address of a scheduler and its workers, each a process of its own."""
    folder = tmp_path_factory.mktemp("dask")
    address = folder / "scheduler.json"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}

    def start(*command):
        return subprocess.Popen(
            [sys.executable, "-m", *command, "--scheduler-file", str(address)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
        )

    running = [start("distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard")]
    worker = ("distributed.cli.dask_worker", "--nthreads", "1", "--no-dashboard", "--no-nanny")
    running += [start(*worker), start(*worker)]
    deadline = time.monotonic() + 60
    while not address.is_file() or not address.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield json.loads(address.read_text())["address"], running
    for process in running:
        process.kill()
        process.wait()


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


def test_a_scheduler_that_does_not_answer(tmp_path):
    for address in ("tcp://127.0.0.1:9", "nonsense://x", ""):
        with pytest.raises(InvalidSetting, match="no Dask scheduler answers"), dask(address, 1.0):
            pass


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"nasbench-suite\[cluster\]"), dask("tcp://x:1"):
        pass
