"""Trainings on digits, for real: what they measure, that they repeat, resume and fail in words."""

import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from nasbench_suite import registry, training  # noqa: E402
from nasbench_suite.core import (  # noqa: E402
    DamagedInput,
    InvalidArchitecture,
    InvalidSetting,
    OutputError,
)
from nasbench_suite.training.trained import COSTS, METRICS  # noqa: E402

GOOD = (3, 3, 3, 1, 3, 2)
LIGHT = (1, 2, 0, 3, 0, 0)
CUT = (0, 3, 3, 0, 0, 0)


def recipe(**changes):
    # What is asserted must not hang on how the recipe was tuned.
    ours = {"epochs": 2, "eval_draws": 1, "batch": 128, "learning_rate": 0.1}
    return training.recipe("quick", {**ours, **changes})


def metrics(result):
    return {name: result.curves[name] for name in METRICS}


@pytest.fixture(scope="module")
def done(space, digits):
    return training.train(LIGHT, space, digits, recipe(), seed=0)


def test_it_learns(space, digits):
    plain = recipe(epochs=6, noise=0, eval_noise=0, shift=0, eval_shift=0)
    result = training.train(GOOD, space, digits, plain, seed=0)
    assert result.failure is None
    assert result.final("test_accuracy") > 90
    assert result.final("train_accuracy") > 90
    losses = result.curves["train_loss"]
    assert losses[-1] < losses[0] / 3


def test_what_is_measured(done, digits):
    assert done.epochs == 2
    assert set(done.curves) == {*METRICS, *COSTS}
    for name, counts in (("train", 800), ("val", 400), ("test", 597)):
        for accuracy in done.curves[f"{name}_accuracy"]:
            right = accuracy * counts / 100
            assert right == pytest.approx(round(right), abs=1e-9)
    assert min(done.curves["seconds"]) > 0
    # No CPU tells its energy.
    assert all(map(math.isnan, done.curves["energy"]))


def test_record(done, digits):
    record = done.record
    assert record["recipe_sha256"] == recipe().digest
    assert record["data_sha256"] == digits.digest
    assert record["hardware"]["threads"] == torch.get_num_threads()
    assert record["hardware"]["torch"] == torch.__version__
    assert record["flags"]["deterministic_algorithms"] is True
    assert record["precision"] == "float32"
    assert record["connected"] is True


def test_the_same_seed_gives_the_same_bytes(done, space, digits):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    again = training.train(LIGHT, space, digits, recipe(), seed=0)
    assert again.digest == done.digest
    assert metrics(again) == metrics(done)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()
    assert training.train(LIGHT, space, digits, recipe(), seed=1).digest != done.digest


def test_every_process_gives_the_same_bytes(done):
    assert spawn("print(train().digest)").stdout.split() == [done.digest]


SCRIPT = """
import sys, torch
from nasbench_suite import registry, training
torch.set_num_threads({threads})
space, digits = registry.load("spaces", "nasbench201"), training.load("digits")
def train(epochs=2, **options):
    ours = dict(epochs=epochs, eval_draws=1, batch=128, learning_rate=0.1)
    recipe = training.recipe("quick", ours)
    return training.train({arch}, space, digits, recipe, seed=0, **options)
{code}
"""


def script(code, arch=LIGHT):
    text = SCRIPT.format(threads=torch.get_num_threads(), arch=arch, code=code)
    return [sys.executable, "-c", text]


def spawn(code):
    done = subprocess.run(script(code), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_a_killed_training_resumes_to_the_same_bytes(tmp_path, space, digits):
    path = tmp_path / "training.npz"
    long = recipe(epochs=30)
    code = f"from pathlib import Path\ntrain(30, checkpoint=Path({str(path)!r}), every=0.0)"
    process = subprocess.Popen(script(code))
    try:
        until = time.monotonic() + 60
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    begun = []
    resumed = training.train(
        LIGHT,
        space,
        digits,
        long,
        seed=0,
        checkpoint=path,
        progress=lambda epochs, latest: begun.append(epochs),
    )
    assert 1 < begun[0] < 30
    assert begun[-1] == 30
    undisturbed = training.train(LIGHT, space, digits, long, seed=0)
    assert resumed.digest == undisturbed.digest
    assert metrics(resumed) == metrics(undisturbed)
    # What is finished is not trained again, and what is left of killed writers is cleared away.
    again = training.train(LIGHT, space, digits, long, seed=0, checkpoint=path)
    assert again.digest == resumed.digest
    assert again.curves["seconds"] == resumed.curves["seconds"]
    assert [found.name for found in tmp_path.iterdir()] == ["training.npz"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory, space, digits):
    path = tmp_path_factory.mktemp("kept") / "training.npz"
    training.train(LIGHT, space, digits, recipe(epochs=1), seed=0, checkpoint=path)
    return path


def test_a_checkpoint_of_another_training_is_refused(kept, space, digits):
    for words, arch, changes, seed in (
        ("of architecture", GOOD, {"epochs": 1}, 0),
        ("of recipe sha256", LIGHT, {"epochs": 3}, 0),
        ("of seed 0, and 1 is asked for", LIGHT, {"epochs": 1}, 1),
    ):
        with pytest.raises(InvalidSetting, match=words):
            training.train(arch, space, digits, recipe(**changes), seed=seed, checkpoint=kept)
    other = replace(digits, val=digits.test)
    with pytest.raises(InvalidSetting, match="of data sha256"):
        training.train(LIGHT, space, other, recipe(epochs=1), seed=0, checkpoint=kept)


def test_a_checkpoint_of_another_version_is_refused(kept, tmp_path, space, digits):
    with np.load(kept) as stored:
        arrays = dict(stored)
    path = tmp_path / "old.npz"
    header = arrays["header"].tobytes().replace(b'"format": 1', b'"format": 0')
    np.savez(path, **{**arrays, "header": np.frombuffer(header, np.uint8)})
    with pytest.raises(InvalidSetting, match=r"old\.npz is a checkpoint of format 0"):
        training.train(LIGHT, space, digits, recipe(epochs=1), seed=0, checkpoint=path)
    del arrays[next(name for name in arrays if name.startswith("network/"))]
    np.savez(path, **arrays)
    with pytest.raises(DamagedInput, match="lacks part of the training"):
        training.train(LIGHT, space, digits, recipe(epochs=1), seed=0, checkpoint=path)


def test_a_damaged_checkpoint_is_refused(kept, tmp_path, space, digits):
    path = tmp_path / "cut.npz"
    content = kept.read_bytes()
    unknown = bytearray(content)
    unknown[content.rindex(b"PK\x01\x02") + 10] = 99  # how it is compressed
    for damaged in (b"", b"nothing", content[: len(content) // 2], content[:-3], bytes(unknown)):
        path.write_bytes(damaged)
        with pytest.raises(DamagedInput, match=r"cut\.npz is no readable checkpoint"):
            training.train(LIGHT, space, digits, recipe(epochs=1), seed=0, checkpoint=path)
        assert path.read_bytes() == damaged


def test_a_checkpoint_that_cannot_be_written(tmp_path, space, digits):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "training.npz"
    with pytest.raises(OutputError, match="cannot write"):
        training.train(LIGHT, space, digits, recipe(epochs=1), seed=0, checkpoint=path)


def test_no_pickle_is_written(kept):
    content = kept.read_bytes()
    assert content.startswith(b"PK")
    with np.load(kept) as stored:
        assert all(array.dtype != object for array in stored.values())


def test_divergence_is_a_failed_training(space, digits):
    wild = recipe(epochs=5, learning_rate=1e30, weight_decay=1.0)
    result = training.train(GOOD, space, digits, wild, seed=0)
    assert "diverged in epoch" in result.failure
    assert result.epochs < 5
    assert math.isnan(result.final("val_accuracy"))


def test_memory_that_runs_out_is_a_failed_training():
    code = (
        "import resource\n"
        "train()  # so that all is imported\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30),) * 2)\n"
        "wide = dict(epochs=2, channels=64, cells=9, batch=800)\n"
        "recipe = training.recipe('quick', wide)\n"
        "result = training.train((3,) * 6, space, digits, recipe, seed=0)\n"
        "print(result.failure, result.epochs)"
    )
    assert spawn(code).stdout == "out of memory in epoch 1 0\n"


def test_disconnected_cells_are_trained(space, digits):
    result = training.train(CUT, space, digits, recipe(), seed=0)
    assert result.record["connected"] is False
    assert result.failure is None
    assert result.final("test_accuracy") < 15


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bf16"},
        {"channels_last": False},
        {"clip": 1.0, "label_smoothing": 0.1},
        {"warm_up": 0.5, "schedule": "epoch", "momentum": 0, "nesterov": False},
        {"batch": 300, "flip": 0.5},
    ],
    ids=lambda changes: "+".join(changes),
)
def test_other_recipes_train(space, digits, changes):
    result = training.train(LIGHT, space, digits, recipe(**changes), seed=0)
    assert result.failure is None
    assert result.final("train_accuracy") > 15
    again = training.train(LIGHT, space, digits, recipe(**changes), seed=0)
    assert again.digest == result.digest


def test_the_size_space_trains(digits):
    space = registry.load("spaces", "nats_sss")
    short = recipe(epochs=1, channels=0, cells=0)
    result = training.train((0,) * 5, space, digits, short, seed=0)
    assert result.failure is None
    with pytest.raises(InvalidSetting, match="skeleton of nats_sss is as published"):
        training.train((0,) * 5, space, digits, recipe(), seed=0)


def test_evaluation_now_and_then(space, digits):
    result = training.train(LIGHT, space, digits, recipe(epochs=5, eval_every=2), seed=0)
    measured = [not math.isnan(value) for value in result.curves["val_accuracy"]]
    assert measured == [False, True, False, True, True]
    assert not any(map(math.isnan, result.curves["train_loss"]))


def test_evaluation_averages_its_draws(space, digits):
    """Draws differ from one another, and are the same for every seed and epoch."""
    few = training.train(LIGHT, space, digits, recipe(eval_draws=1), seed=0)
    many = training.train(LIGHT, space, digits, recipe(eval_draws=3), seed=0)
    assert many.curves["train_loss"] == few.curves["train_loss"]
    right = many.final("val_accuracy") * 3 * 400 / 100
    assert right == pytest.approx(round(right), abs=1e-9)
    assert many.final("val_loss") != few.final("val_loss")


@pytest.mark.parametrize(
    ("device", "words"),
    [("gpu", "no device named"), ("cuda:x", "no device named"), ("cpu:1", "numbers are 0 to 0")],
)
def test_unknown_devices(space, digits, device, words):
    with pytest.raises(InvalidSetting, match=words):
        training.train(LIGHT, space, digits, recipe(), seed=0, device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there(space, digits):
    with pytest.raises(InvalidSetting, match="has no GPU"):
        training.train(LIGHT, space, digits, recipe(), seed=0, device="cuda:0")


def test_bad_input(space, digits):
    with pytest.raises(InvalidArchitecture, match="gene 0 is 9"):
        training.train((9,) * 6, space, digits, recipe(), seed=0)
    with pytest.raises(InvalidSetting, match="seed is -1"):
        training.train(LIGHT, space, digits, recipe(), seed=-1)
    with pytest.raises(InvalidSetting, match="fp16 needs a GPU"):
        training.train(LIGHT, space, digits, recipe(precision="fp16"), seed=0, device="cpu")


def test_without_a_compiler(space, digits, monkeypatch, tmp_path):
    """What torch cannot compile is no fault of the network."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(InvalidSetting, match=r"torch cannot compile here: .*compiler"):
        training.train(LIGHT, space, digits, recipe(compile=True), seed=0)


def test_progress(space, digits):
    told = []
    result = training.train(
        LIGHT, space, digits, recipe(), seed=0, progress=lambda n, latest: told.append((n, latest))
    )
    assert [number for number, _ in told] == [1, 2]
    assert [latest["val_loss"] for _, latest in told] == list(result.curves["val_loss"])


def test_paths_of_checkpoints_may_be_new(tmp_path, space, digits):
    path = Path(tmp_path, "deeply", "nested", "training.npz")
    training.train(LIGHT, space, digits, recipe(epochs=1), seed=0, checkpoint=path)
    assert path.is_file()


def test_a_network_too_large_to_be_made_is_a_failed_training():
    code = (
        "import resource\n"
        "train()  # so that all is imported\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30),) * 2)\n"
        "recipe = training.recipe('quick', dict(epochs=1, channels=50_000))\n"
        "result = training.train((3,) * 6, space, digits, recipe, seed=0)\n"
        "print(result.failure)"
    )
    assert spawn(code).stdout == "out of memory before the first epoch\n"


def test_every_machine_of_a_resumed_training_is_told(tmp_path, space, digits):
    path = tmp_path / "state.npz"

    def stop(epochs, measured):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(
            LIGHT, space, digits, recipe(), seed=0, checkpoint=path, every=0, progress=stop
        )
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        result = training.train(LIGHT, space, digits, recipe(), seed=0, checkpoint=path)
    finally:
        torch.set_num_threads(before)
    assert result.record["hardware"]["threads"] == before + 1
    assert [machine["threads"] for machine in result.record["earlier_hardware"]] == [before]


def test_no_step_waits_for_its_result(space, digits):
    """What is read from the device is read once an epoch, however many steps it has.

    On a GPU a number that is asked for holds the host until all that was launched before is done.
    """
    from nasbench_suite.training.loop import _Trainer

    def reads(batch):
        trainer = _Trainer(space, LIGHT, digits, recipe(batch=batch), 0, torch.device("cpu"), {})
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            trainer._train()
        counts = {event.key: event.count for event in profile.key_averages()}
        steps = counts["Optimizer.step#SGD.step"]
        return steps, counts.get("aten::_local_scalar_dense", 0)

    (few, first), (many, second) = reads(400), reads(50)
    assert (few, many) == (2, 16)
    assert first == second


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_no_step_waits_on_a_gpu(space, digits):
    from nasbench_suite.training.loop import _Trainer

    place = torch.device("cuda", 0)
    trainer = _Trainer(space, GOOD, digits.to(place), recipe(), 0, place, {})
    trainer._train()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for x, labels in trainer._batches(trainer._images.train, 256):
            with trainer._cast():
                loss = torch.nn.functional.cross_entropy(trainer._forward(x).float(), labels)
            loss.backward()
            trainer._optimiser.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
