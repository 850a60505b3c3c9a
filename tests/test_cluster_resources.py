"""A Dask worker gets so many trainings at a time as it states to have room for on a GPU."""

import json
import time
from collections import Counter

import pytest

from nasbench_suite.cli.where import GPU, resources_of
from nasbench_suite.core import InvalidSetting
from nasbench_suite.executors import all_have, dask
from nasbench_suite.experiments.work import outcomes

distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")

# Says who made a call, from when to when.
PROBE = """
import os
import time


def probe(number):
    begun = time.time()
    time.sleep(0.15)
    return os.getpid(), begun, time.time()


def fatal(number):
    if number == 3:
        os._exit(3)
    return number
"""
CALLS = 8
ASKED = ("--data", "digits", "--recipe", "quick", "--set", "epochs=1", "--set", "eval_draws=1")
BUILD = ("build", "nasbench201", *ASKED, "--archs", 3, "--executor", "dask", "--scheduler")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("probe")
    (place / "probe_of_workers.py").write_text(PROBE)
    return place


@pytest.fixture(scope="module")
def cluster(start_cluster, folder):
    """A worker that states resources, and one that states none; either has threads to spare."""
    address, processes = start_cluster(
        ("--nthreads", "4", "--no-nanny", "--resources", "GPU=1 PAIR=2"),
        ("--nthreads", "4", "--no-nanny"),
        folder=folder,
    )
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    return address, processes


@pytest.fixture
def probed(cluster, folder, monkeypatch):
    """Make calls that take resources; return how many each process made, and how many at once."""
    monkeypatch.syspath_prepend(str(folder))
    from probe_of_workers import probe

    def ask(resources):
        with dask(cluster[0], resources=resources) as pool:
            found = list(pool.map(probe, range(CALLS)))
        at_once = max(sum(b <= begun < e for _, b, e in found) for _, begun, _ in found)
        return Counter(pid for pid, _, _ in found), at_once

    return ask


def test_a_resource_is_taken_by_one_call_at_a_time(probed, cluster):
    _, (_, stating, _) = cluster
    assert probed(GPU) == ({stating.pid: CALLS}, 1)


def test_who_states_room_for_two_gets_two(probed, cluster):
    _, (_, stating, _) = cluster
    assert probed({"PAIR": 1}) == ({stating.pid: CALLS}, 2)
    assert probed({"PAIR": 1, "GPU": 1}) == ({stating.pid: CALLS}, 1)


def test_without_resources_all_threads_of_all_workers_are_used(probed, cluster):
    _, (_, *workers) = cluster
    calls, at_once = probed(None)
    assert calls.keys() == {worker.pid for worker in workers}
    assert at_once > 2


@pytest.mark.parametrize("resources", [{"TPU": 1}, {"GPU": 2}, {"PAIR": 1, "TPU": 1}])
def test_what_no_worker_states_is_refused(cluster, resources, capfd):
    asked = ",".join(f"{name}={amount}" for name, amount in resources.items())
    says = f'no worker .* states {asked}: start one .*--nthreads 1 --resources "{asked}"`'
    with pytest.raises(InvalidSetting, match=says), dask(cluster[0], resources=resources):
        pass
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("device", "taken"),
    [("cuda", GPU), ("cuda:0,cuda:2", GPU), ("cpu", None), ("auto", None)],
)
def test_what_a_training_takes(cluster, device, taken):
    """With `auto` a worker without a GPU is not left idle."""
    assert resources_of(cluster[0], device) == taken


def test_a_cluster_without_gpus_is_refused(nasbench, start_cluster, tmp_path):
    address, _ = start_cluster()
    assert not all_have(address, GPU)
    code, text, told = nasbench(*BUILD, address, "--device", "cuda", "--out", tmp_path / "out")
    assert (code, text) == (2, "")
    assert told.startswith(f"nasbench: no worker of the Dask cluster at {address} states GPU=1: ")
    assert (
        f'start one for each GPU by `dask worker {address} --nthreads 1 --resources "GPU=1"`'
        in (told)
    )
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_what_kills_its_worker_takes_no_other_with_it(start_cluster, folder, monkeypatch):
    """Dask gives all up that wait for a worker which dies four times."""
    monkeypatch.syspath_prepend(str(folder))
    from probe_of_workers import fatal

    address, _ = start_cluster(("--nthreads", "1", "--resources", "GPU=1"), folder=folder)
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
    with dask(address, resources=GPU) as pool:
        found = {made.task: made for made in outcomes(range(8), fatal, pool, patience=120)}
    assert "its process died" in str(found.pop(3).fault)
    assert {task: made.done for task, made in found.items()} == {n: n for n in range(8) if n != 3}


def digests(folder):
    return {path.name: json.loads(path.read_text())["digest"] for path in folder.glob("*.json")}


@pytest.fixture(scope="module")
def serial(one_thread, tmp_path_factory):
    from nasbench_suite.campaigns.building import build
    from nasbench_suite.training.jobs import Data
    from nasbench_suite.training.recipes import recipe

    out = tmp_path_factory.mktemp("serial") / "out"
    quick = recipe("quick", {"epochs": 1, "eval_draws": 1})
    build("nasbench201", Data("digits"), quick, archs=3, out=out)
    return digests(out / "trainings")


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_build_takes_the_workers_that_state_a_gpu(nasbench, cluster, serial, tmp_path):
    """Last of the module's tests, since it ends the worker that states nothing.

    No worker here sees a GPU, so `cuda` is refused by the one that was asked, and `auto` trains on
    the CPU of a worker that states a GPU.
    """
    address, (_, _, plain) = cluster
    out = ("--out", tmp_path / "out")
    code, text, told = nasbench(*BUILD, address, "--device", "cuda", *out)
    assert (code, text) == (2, "")
    assert "device cuda is not there" in told.splitlines()[-1]
    plain.kill()
    deadline = time.monotonic() + 30
    while not all_have(address, GPU):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert resources_of(address, "auto") == GPU
    assert nasbench(*BUILD, address, *out).code == 0
    assert digests(tmp_path / "out" / "trainings") == serial
    assert not (tmp_path / "out" / "checkpoints").exists()
