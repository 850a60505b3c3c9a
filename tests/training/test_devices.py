"""Devices by name, and what is recorded of them."""

import json
import math
from contextlib import ExitStack

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from nasbench_suite.core import InvalidSetting  # noqa: E402
from nasbench_suite.training.devices import (  # noqa: E402
    Energy,
    devices,
    hardware,
    precision,
    repeatable,
)

CPU = torch.device("cpu")


def test_devices():
    assert devices("cpu") == [CPU]
    count = torch.cuda.device_count()
    assert devices("auto") == ([torch.device("cuda", n) for n in range(count)] or [CPU])
    assert devices("cpu,cpu") == [CPU, CPU]
    for wrong in ("", "tpu", "cuda:-1", "cpu;cpu", "cuda:9999", "cpu:1"):
        with pytest.raises(InvalidSetting, match="device"):
            devices(wrong)


def test_precision(space):
    small = space.graph(space.at(6111), classes=10, size=8, width=8, cells=1)
    large = space.graph(space.at(6111), classes=10, size=32)
    assert precision("auto", CPU, small) == torch.float32
    # Where the CPU has no instructions for it, bf16 is no gain.
    assert precision("auto", CPU, large) in (torch.bfloat16, torch.float32)
    assert precision("bf16", CPU, small) == torch.bfloat16
    assert precision("fp32", CPU, large) == torch.float32


def test_hardware_is_json():
    found = hardware(CPU)
    assert json.loads(json.dumps(found)) == found
    assert found["threads"] == torch.get_num_threads()
    assert found["cpu"]


def test_flags_are_put_back():
    before = torch.are_deterministic_algorithms_enabled()
    with repeatable(CPU) as flags:
        assert torch.are_deterministic_algorithms_enabled()
        assert flags == {"deterministic_algorithms": True}
    assert torch.are_deterministic_algorithms_enabled() == before


def test_flags_last_as_long_as_any_thread_needs_them():
    """Those of a thread that begins first and ends first do not go with it."""
    before = torch.are_deterministic_algorithms_enabled()
    first, second = ExitStack(), ExitStack()
    first.enter_context(repeatable(CPU))
    second.enter_context(repeatable(CPU))
    first.close()
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.deterministic
    second.close()
    assert torch.are_deterministic_algorithms_enabled() == before
    assert not torch.backends.cudnn.deterministic


def test_a_cpu_tells_no_energy():
    assert math.isnan(Energy(CPU).joules())
