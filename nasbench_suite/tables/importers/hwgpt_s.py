"""HW-GPT-Bench, scale S: perplexity, latency, energy and memory of 10,000 GPT networks.

Both files are made from pickles in the authors' repository, one row a network. The repository's
`configs/config_eval/owt_s_eval.yaml` evaluates the perplexities on `openwebtext`, on the 0.05 % of
it that were held out of training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import DamagedInput, Metric
from nasbench_suite.spaces._hwgpt import HwGpt
from nasbench_suite.tables.source import Column, Inputs, Source, Task

_QUALITY: Final = "hw-gpt-bench/hwgpt_s_perplexity.csv.gz"
_HARDWARE: Final = "hw-gpt-bench/hwgpt_s_hardware.csv.gz"
_REPOSITORIES: Final = {
    "hw-gpt-bench": {
        "repository": "automl/HW-GPT-Bench",
        "commit": "history",
        "licence": "Apache-2.0",
    }
}

_GPUS: Final = ("P100", "a100", "a40", "a6000", "h100", "rtx2080", "rtx3080", "v100")
_CPUS: Final = ("cpu_a6000", "cpu_alldlc", "cpu_meta", "cpu_mlgpu", "cpu_p100", "helix_cpu")
_WITHOUT_ENERGY: Final = "cpu_p100"
"""Its energy is 0 in every row: it was not measured."""

_PERPLEXITY: Final = Metric(
    "perplexity",
    "",
    "min",
    "validation",
    "perplexity with the network's part of the weights of one super-network",
)
_ACCURACY: Final = Metric(
    "val_accuracy",
    "%",
    "max",
    "validation",
    "how often the next token is the most likely one, with the same weights",
)
_COSTS: Final = {
    Metric("params", "count", "min", None, "learned parameters as published"): "params",
    Metric("macs", "count", "min", None, "multiply-accumulates as published"): "macs",
    Metric(
        "published_flops",
        "count",
        "min",
        None,
        "floating-point operations as published, a little more than two for each of macs",
    ): "flops",
    **{
        Metric(
            f"{gpu.lower()}_latency_ms", "ms", "min", None, f"latency on the GPU {gpu}"
        ): f"gpu_lat_ms_{gpu}"
        for gpu in _GPUS
    },
    **{
        Metric(
            f"{cpu}_latency",
            "",
            "min",
            None,
            f"latency on the CPU that the source calls {cpu}, in a unit of its own: not to be "
            "compared with another column",
        ): f"cpu_lat_ms_{cpu}"
        for cpu in _CPUS
    },
    **{
        Metric(
            f"{gpu.lower()}_energy_kwh", "kWh", "min", None, f"energy on the GPU {gpu}"
        ): f"energy_gpu_kwh_{gpu}"
        for gpu in _GPUS
    },
    **{
        Metric(
            f"{cpu}_energy_kwh",
            "kWh",
            "min",
            None,
            f"energy on the CPU that the source calls {cpu}",
        ): f"energy_cpu_kwh_{cpu}"
        for cpu in _CPUS
        if cpu != _WITHOUT_ENERGY
    },
    **{
        Metric(
            f"{gpu}_memory_mb", "MB", "min", None, f"memory in use on the GPU {gpu}"
        ): f"mem_mb_{gpu}"
        for gpu in ("a100", "rtx2080")
    },
}
"""The published column of each metric of hardware."""

_PROTOCOLS: Final = {
    "standard": {
        "description": "What a network is asked for is its perplexity. The table holds a sample of "
        "its space, so it is looked up, or a surrogate is fitted to it, and it is not searched.",
        "objective": "perplexity",
        "epochs": [],
        "seed": "mean",
        "report": {"metric": "perplexity", "seed": "mean"},
        "continues": False,
    }
}

_DEFECTS: Final = (
    "Perplexity and accuracy are of sub-networks of one trained super-network, whose weights they "
    "share: no network here was trained alone.",
    "CPU latencies were taken with a unit of their own each; the raw files mix seconds and "
    "milliseconds, though all columns are named ms. Each orders the networks on its CPU; their "
    "scales must not be compared, neither with each other nor with a GPU's.",
    "Energy on cpu_p100 is 0 in every published row, which means that it was not measured: there "
    "is no such metric here.",
    "The files do not say for how many sequences latency, energy, memory and operations are, nor "
    "of how many measurements a latency or an energy is the middle.",
    "10,000 networks were drawn from 1.9 * 10^12. Numbers of layers are equally frequent among "
    "them, which they are not in the space.",
)


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read both files below `folder`, in the layout that the card's inputs name.

    Raises:
        FileNotFoundError: one is missing.
        DamagedInput: one is not what it should be.
    """
    inputs = Inputs(folder, progress, _REPOSITORIES)
    space: HwGpt = registry.load("spaces", "hwgpt_s")
    quality = {space.parse(_text(row)): row for row in inputs.rows(_QUALITY)}
    hardware = {space.parse(_text(row)): row for row in inputs.rows(_HARDWARE)}
    if quality.keys() != hardware.keys():
        raise DamagedInput(f"{_QUALITY} and {_HARDWARE} are not of the same networks")
    rows = [hardware[arch] for arch in quality]
    for arch, row in zip(quality, rows, strict=True):
        if space.network(arch).params != int(row["params"]):
            raise DamagedInput(
                f"{_HARDWARE}: the parameters of {space.format(arch)} are not its own"
            )
        if float(row[f"energy_cpu_kwh_{_WITHOUT_ENERGY}"]):
            raise DamagedInput(f"{_HARDWARE} has energies of {_WITHOUT_ENERGY}")
    accuracy = np.array([float(row["accuracy"]) for row in quality.values()])
    measured = {
        _PERPLEXITY: np.array([float(row["perplexity"]) for row in quality.values()]),
        _ACCURACY: accuracy * 100,
    } | {
        metric: np.array([float(row[column]) for row in rows]) for metric, column in _COSTS.items()
    }
    return Source(
        name="hwgpt_s",
        version="1",
        title="HW-GPT-Bench, scale S",
        description="10,000 GPT networks of 10 to 12 layers: perplexity as parts of one "
        "super-network, latency on 8 GPUs and 6 CPUs, energy on 8 and 5.",
        space="hwgpt_s",
        tasks={
            "openwebtext": Task(
                "prediction of the next token of OpenWebText", None, None, "perplexity"
            )
        },
        metrics=list(measured),
        columns=[
            Column(
                "openwebtext",
                metric.name,
                values,
                origin=_QUALITY if metric.split else _HARDWARE,
            )
            for metric, values in measured.items()
        ],
        protocols=_PROTOCOLS,
        licence="Apache-2.0",
        citations=(
            "R. S. Sukthanker, A. Zela, B. Staffler, A. Klein, L. Purucker, J. K. H. Franke and F. "
            "Hutter. HW-GPT-Bench: Hardware-Aware Architecture Benchmark for Language Models. "
            "NeurIPS 2024.",
        ),
        inputs=inputs.noted(),
        archs=list(quality),
        defects=_DEFECTS,
    )


def _text(row: Mapping[str, str]) -> str:
    """Return the string of a row's network."""
    bias = {"0": "False", "1": "True"}[row["bias"]]
    words = (row["n_layer"], row["embed_dim"], row["mlp_ratio"], row["n_head"], bias)
    return "-".join(("gpt", "s", *words))
