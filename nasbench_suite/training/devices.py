"""What trains: devices by name, what they are, and the energy that they take."""

from __future__ import annotations

import math
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import torch

from nasbench_suite.core import InvalidSetting, shown
from nasbench_suite.graph import Graph

_WORTHWHILE: Final = 5e6
"""Multiply-accumulates an image above which a CPU with bf16 is faster by it than by fp32."""


def devices(names: str = "auto") -> list[torch.device]:
    """Return the devices of some names.

    Args:
        names: `auto` (all GPUs, else the CPU), `cpu`, `cuda` (all GPUs), or `cuda:0,cuda:2`.

    Raises:
        InvalidSetting: a name is none, or this machine lacks such a device.
    """
    count = torch.cuda.device_count()
    if names == "auto":
        names = "cuda" if count else "cpu"
    if names == "cuda" and count:
        return [torch.device("cuda", number) for number in range(count)]
    found = []
    for name in str(names).split(","):
        kind, _, number = name.strip().partition(":")
        there = {"cpu": 1, "cuda": count}.get(kind)
        if there is None or (number and not number.isdecimal()):
            raise InvalidSetting(
                f"no device named {shown(name)}: it is auto, cpu, cuda, or one GPU as cuda:0"
            )
        if not there:
            raise InvalidSetting(
                f"device {name} is not there: this machine, or this torch, has no GPU; use cpu"
            )
        if int(number or 0) >= there:
            raise InvalidSetting(f"device {name} is not there: numbers are 0 to {there - 1}")
        found.append(torch.device("cpu") if kind == "cpu" else torch.device(kind, int(number or 0)))
    return found


def precision(asked: str, device: torch.device, graph: Graph) -> torch.dtype:
    """Return the type in which convolutions of a network are computed.

    `auto` is what was measured to be fastest: bf16 where a GPU has it, else fp16; on a CPU with
    instructions for it bf16 for all but small networks, else fp32.

    Raises:
        InvalidSetting: fp16 is asked of a CPU.
    """
    if asked == "fp16" and device.type == "cpu":
        raise InvalidSetting("precision fp16 needs a GPU: a CPU trains with bf16, fp32 or auto")
    if asked == "auto":
        if device.type == "cuda":
            asked = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        else:
            asked = "bf16" if graph.flops >= _WORTHWHILE and _cpu_has_bf16() else "fp32"
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[asked]


@cache
def _cpu_has_bf16() -> bool:
    flags = _cpu_info("flags").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


@cache
def _cpu_info(key: str) -> str:
    """Return what the kernel says of the first core, or nothing where it says nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def hardware(device: torch.device) -> dict[str, Any]:
    """Return what the results of a training depend on, beside its seed: machine and versions."""
    found: dict[str, Any] = {
        "device": device.type,
        "cpu": _cpu_info("model name") or platform.processor() or platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
        found["cuda"] = torch.version.cuda
        found["cudnn"] = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return found


class Energy:
    """Counts the energy that a GPU takes, where NVML tells it."""

    def __init__(self, device: torch.device) -> None:
        """Find the counter of a device; without one nothing is counted."""
        self._count: Any = None
        if device.type != "cuda":
            return
        try:
            import pynvml
        except ImportError:
            return
        try:
            pynvml.nvmlInit()
            # NVML does not heed which devices the process is shown; their numbers may differ.
            uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
            handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
            pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        except pynvml.NVMLError:
            return
        self._count = lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000

    def joules(self) -> float:
        """Return the energy taken so far, in joules since the driver was loaded, or NaN."""
        return float(self._count()) if self._count else math.nan


@contextmanager
def repeatable(device: torch.device) -> Iterator[dict[str, Any]]:
    """Set the flags with which a training repeats as far as the libraries allow, and yield them.

    On a CPU the same seed, machine, versions and number of threads give the same bytes. On a GPU
    sums may be made in another order where a library has no other way; products of float32 are
    computed as TF32. When the block is left, and no other thread is in one, all is as it was.
    """
    flags: dict[str, Any] = {"deterministic_algorithms": True}
    if device.type == "cuda":
        # Read when cuBLAS is first used; without it sums of products need not repeat.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        flags["cublas_workspace"] = os.environ["CUBLAS_WORKSPACE_CONFIG"]
        flags["cudnn_benchmark"], flags["tf32"] = False, True
    with _SHARED.held():
        yield flags


class _Shared:
    """Settings that the threads of a process share, such as those of a Dask worker that all train.

    The first to hold them makes them, and the last undoes them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._made = ExitStack()

    @contextmanager
    def held(self) -> Iterator[None]:
        with self._lock:
            if not self._holders:
                self._made.enter_context(_deterministic())
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if not self._holders:
                    self._made.close()


_SHARED: Final = _Shared()


@contextmanager
def _deterministic() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Nothing here reads memory that it has not written, and to fill it takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=True
        ):
            yield
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(before, warn_only=warned)
