"""How long a network takes for a batch of images on a device, and how much memory.

A pass begins with the images on the device and ends with the logits there. Passes follow one
another, each alone on the device, and nothing is learned in them.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from nasbench_suite import settings
from nasbench_suite.core import FailedRuns, InvalidSetting, raised
from nasbench_suite.graph import Graph
from nasbench_suite.training.devices import devices, hardware
from nasbench_suite.training.loop import no_memory
from nasbench_suite.training.memory import bytes_of, peak
from nasbench_suite.training.network import Network

QUANTILES: Final = (5, 25, 50, 75, 95)
"""Of the passes of a measurement, in %."""
_DTYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_MOST: Final = 10**6
_MB: Final = 1e6
_SETTLING: Final = 4
"""Images by which batch normalisation is set; at 1x1 pixel of one image there is no variance."""
_MEMORY: Final = {
    "cuda": "the most that torch held on the GPU during a pass, beyond what it held before: "
    "weights, images, results, and the workspaces of its libraries",
    "cpu": "weights, images, and the most that results took together during a pass; not the "
    "workspaces of libraries, nor the process itself",
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which conditions is measured."""

    batch: int = 1
    """Images a pass."""
    device: str = "auto"
    """As in `devices`; of several, the first."""
    precision: str = "fp32"
    """Of weights and images: `fp32`, `bf16`, or `fp16` on a GPU alone. Products of fp32 are TF32 on
    a GPU that has it, as in trainings."""
    channels_last: bool = False
    """Whether the channels of a pixel lie side by side in memory."""
    threads: int | None = None
    """Of the CPU; None: as many as torch uses."""
    warm_up: int = 10
    """Passes that are not timed, before those that are."""
    passes: int = 50
    """Passes that are timed."""

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidSetting: a value is of the wrong type or out of range.
        """
        settings.at_least("batch", self.batch, 1, _MOST)
        settings.at_least("warm_up", self.warm_up, 1, _MOST)
        settings.at_least("passes", self.passes, 1, _MOST)
        if self.threads is not None:
            settings.at_least("threads", self.threads, 1, 1024)
        settings.one_of("precision", self.precision, _DTYPES)

    @property
    def place(self) -> torch.device:
        """The device.

        Raises:
            InvalidSetting: this machine lacks it, or it does not compute in this precision.
        """
        device = devices(self.device)[0]
        if device.type == "cpu" and self.precision == "fp16":
            raise InvalidSetting("precision fp16 needs a GPU: a CPU is measured with fp32 or bf16")
        return device

    def described(self) -> dict[str, Any]:
        """Return what a measurement depends on beside its network, as JSON can hold it."""
        device = self.place
        with _threads(self.threads):
            return {
                "hardware": {**hardware(device), "cores": os.cpu_count()},
                "precision": self.precision,
                "tf32": device.type == "cuda" and self.precision == "fp32",
                "cudnn_benchmark": device.type == "cuda",
                "memory_format": "channels_last" if self.channels_last else "channels_first",
                "batch": self.batch,
                "warm_up": self.warm_up,
                "passes": self.passes,
                "memory": _MEMORY[device.type],
            }


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured of a network."""

    latency_ms: tuple[float, ...]
    """Milliseconds a pass, at each of `QUANTILES`."""
    throughput: float
    """Images a second: the batch over the median latency."""
    weights_mb: float
    """Parameters and buffers, in MB of 10^6 bytes."""
    memory_mb: float
    """What the conditions call `memory`, in MB of 10^6 bytes."""
    load: float
    """How many processes wanted a core when it began, in the mean of a minute; 0 if unknown."""

    @property
    def median(self) -> float:
        """Milliseconds a pass, the median."""
        return self.latency_ms[QUANTILES.index(50)]


def untrained(graph: Graph, seed: int = 0) -> Network:
    """Return a network with drawn weights, whose results are neither huge nor next to nothing.

    As drawn, batch normalisation leaves its input as it is, and after a hundred layers results are
    smaller than the smallest normal number; processors take many times as long for such. So it is
    set by the means and variances of a few random images, and results are as large as in training.

    Raises:
        InvalidSetting: images are too small for it.
    """
    weights = torch.Generator().manual_seed(seed)
    network = Network(graph, generator=weights)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    source = graph.nodes[0]
    few = torch.randn(_SETTLING, source.channels, source.size, source.size, generator=weights)
    try:
        with torch.no_grad():
            network(few)
    except RuntimeError as error:
        if "size" not in str(error):
            raise
        raise InvalidSetting(
            f"images of {source.size}x{source.size} pixels are too small for this network: "
            f"{raised(error)}"
        ) from None
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
    return network.eval()


def measure(
    network: nn.Module, conditions: Conditions, *, size: int, channels: int = 3
) -> Measurement:
    """Measure a network, trained or not; it stays as and where it is.

    Args:
        network: of images (images, channels, size, size).
        conditions: device, batch, precision, and how often.
        size: of the images, which are random, in pixels a side.
        channels: of the images.

    Raises:
        InvalidSetting: the device is not there, or has no memory for such a batch.
        FailedRuns: the device failed.
    """
    device, shape = conditions.place, (conditions.batch, channels, size, size)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    try:
        with _threads(conditions.threads), _quick(device), torch.inference_mode():
            before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
            run, weights = _prepared(network, conditions, device, shape)
            for _ in range(conditions.warm_up):
                run()
            if device.type == "cuda":
                seconds, most = _on_gpu(run, conditions.passes, device)
                memory = most - before
            else:
                seconds = _on_cpu(run, conditions.passes)
                images = math.prod(shape) * _dtype(conditions).itemsize
                memory = weights + images + peak(run)
    except (MemoryError, RuntimeError) as error:
        raise _fault(error, device, shape) from None
    quantiles = np.quantile(np.array(seconds) * 1e3, np.array(QUANTILES) / 100).tolist()
    return Measurement(
        latency_ms=tuple(quantiles),
        throughput=conditions.batch / quantiles[QUANTILES.index(50)] * 1e3,
        weights_mb=weights / _MB,
        memory_mb=memory / _MB,
        load=load,
    )


def _prepared(
    network: nn.Module, conditions: Conditions, device: torch.device, shape: tuple[int, ...]
) -> tuple[Callable[[], object], int]:
    """Return what makes a pass of a copy of the network, and the bytes of its weights."""
    layout = torch.channels_last if conditions.channels_last else torch.contiguous_format
    placed = copy.deepcopy(network).eval()
    placed = placed.to(device=device, dtype=_dtype(conditions), memory_format=layout)  # type: ignore[call-overload]
    pixels = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    images = pixels.to(device=device, dtype=_dtype(conditions)).contiguous(memory_format=layout)
    weights = bytes_of([*placed.parameters(), *placed.buffers()])
    return lambda: placed(images), weights


def _dtype(conditions: Conditions) -> torch.dtype:
    return _DTYPES[conditions.precision]


def _on_cpu(run: Callable[[], object], passes: int) -> list[float]:
    """Return the seconds of each pass."""
    seconds = []
    for _ in range(passes):
        begun = perf_counter()
        run()
        seconds.append(perf_counter() - begun)
    return seconds


def _on_gpu(
    run: Callable[[], object], passes: int, device: torch.device
) -> tuple[list[float], int]:
    """Return the seconds of each pass, and the most bytes that torch held on the GPU meanwhile.

    The GPU is idle when a pass begins, so that it counts how long the CPU takes to ask for it.
    """
    event: Any = torch.cuda.Event
    marks = [(event(enable_timing=True), event(enable_timing=True)) for _ in range(passes)]
    with torch.cuda.device(device):
        torch.cuda.synchronize()
        # Only now: what the warm-up tried to find the quickest way is no part of it.
        torch.cuda.reset_peak_memory_stats()
        for begin, end in marks:
            begin.record()
            run()
            end.record()
            torch.cuda.synchronize()
        most = torch.cuda.max_memory_allocated()
    return [begin.elapsed_time(end) / 1e3 for begin, end in marks], most


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Have torch use so many threads of the CPU, and then as many as before."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _quick(device: torch.device) -> Iterator[None]:
    """Have cuDNN try what is quickest for a shape, at the first pass of a warm-up."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=True, deterministic=False, allow_tf32=True
    ):
        yield


def _fault(error: Exception, device: torch.device, shape: tuple[int, ...]) -> Exception:
    """Return the error of a measurement as its user is to read it."""
    if no_memory(error):
        batch, channels, size, _ = shape
        return InvalidSetting(
            f"{device} has no memory for {batch} images of {channels}x{size}x{size}: ask for a "
            "smaller batch, or smaller images"
        )
    if "CUDA error" in str(error):
        line = str(error).splitlines()[0]
        return FailedRuns(f"device {device} failed ({line}): see that it is there, and ask again")
    return error
