"""Accel-NASBench: 5,138 trainings of MnasNet networks on ImageNet, with six accelerators' speed.

Ahmad et al., "Accel-NASBench: Sustainable Benchmarking for Accelerator-Aware NAS", DAC 2024. An
archive holds a JSON file a training, and three lists name the files of each part of the official
split. How the networks were trained and measured is said by the authors' other repository,
afzalxo/ANB-DatasetCollection: `README.md`, `configs/conf_local.cfg` and `trainval/trainval.py`.
"""

from __future__ import annotations

import json
import math
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

import numpy as np

from nasbench_suite import registry
from nasbench_suite.core import Arch, DamagedInput, InvalidArchitecture, Metric
from nasbench_suite.graph import Graph
from nasbench_suite.spaces.mnasnet import Mnasnet
from nasbench_suite.tables.source import Column, Inputs, Source, Task

_ARCHIVE: Final = "accel-nasbench/anb_dataset/anb_dataset_jsons.tar.gz"
_SPLIT: Final = "accel-nasbench/configs/data_splits/default_split"
_PARTS: Final = {"train": "train_paths", "validation": "val_paths", "test": "test_paths"}
"""The published list of each part of the split, in the order of the parts' numbers."""
_REPOSITORIES: Final = {
    "accel-nasbench": {
        "repository": "afzalxo/Accel-NASBench",
        "commit": "4260357",
        "licence": "Apache-2.0",
    }
}
_TASK: Final = "imagenet"
_CLASSES, _SIZE = 1000, 224
_TRAININGS: Final = 5_138
_RESULT: Final = re.compile(r"result_([0-9]{1,9})\.json")
_MOST: Final = 1 << 16
"""Bytes that a result may have; those published have a fiftieth of it."""

_DEVICES: Final = {
    "a100": ("a100", "an NVIDIA A100 (40 GB), mean of two passes over the validation images"),
    "3090": ("rtx3090", "an NVIDIA RTX 3090, mean of two passes over the validation images"),
    "tpuv2": ("tpuv2", "one core of a TPUv2, 64 images at once, mean over the training images"),
    "tpuv3": ("tpuv3", "one core of a TPUv3, 128 images at once, mean over the training images"),
    "zcu102": ("zcu102", "the FPGA ZCU102, 8 bits, five threads"),
    "vck190": ("vck190", "the FPGA VCK190, 8 bits, six threads"),
}
"""The name of each published device here, and how its throughput was taken."""
_REPEATED: Final = ("a100", "3090", "tpuv2", "tpuv3")
"""Of these a standard deviation was published."""
_BATCHES: Final = {"zcu102": "one image", "vck190": "six images, the fewest that it takes,"}
"""What a latency is for."""

_JUDGED: Final = (
    "on ImageNet's 50,000 validation images of 256 pixels, the best of the last three of 16 epochs"
)
_MEASURED: Final = {
    Metric("val_accuracy", "%", "max", "validation", f"top-1 accuracy {_JUDGED}"): (
        ("metrics", "val_top1")
    ),
    Metric("val_top5_accuracy", "%", "max", "validation", f"top-5 accuracy {_JUDGED} for it"): (
        ("metrics", "val_top5")
    ),
    Metric(
        "train_seconds",
        "s",
        "min",
        None,
        "seconds on the clock of 16 epochs and three validations on four RTX 3090 cards",
    ): ("metrics", "train_time"),
    **{
        Metric(f"{name}_throughput", "images/s", "max", None, f"images a second on {how}"): (
            ("platform_perf", f"throughput_{device}", "throughput_mean")
        )
        for device, (name, how) in _DEVICES.items()
    },
    **{
        Metric(
            f"{_DEVICES[device][0]}_throughput_std",
            "images/s",
            "none",
            None,
            f"standard deviation of the measurements of {_DEVICES[device][0]}_throughput",
        ): ("platform_perf", f"throughput_{device}", "throughput_std")
        for device in _REPEATED
    },
    **{
        Metric(
            f"{device}_latency_ms",
            "ms",
            "min",
            None,
            f"latency of {images} on the FPGA {device.upper()}, 8 bits, one thread",
        ): ("platform_perf", f"latency_{device}", "latency_mean")
        for device, images in _BATCHES.items()
    },
}
"""Where in a result each metric of a training is."""

_PART: Final = Metric(
    "official_split",
    "",
    "none",
    None,
    "part of the official split for surrogates: 0 train, 1 validation, 2 test",
)
_SECOND: Final = "official_split_names_run_1"
_COUNTED: Final = "counted from the network's graph"
_COSTS: Final = {
    Metric("params", "count", "min", None, "learned parameters of the network"): _COUNTED,
    Metric("flops", "count", "min", None, "multiply-accumulates for an image of 224 pixels"): (
        _COUNTED
    ),
    Metric(
        "published_macs",
        "count",
        "min",
        None,
        "multiply-accumulates as published, which count normalisation and pooling too",
    ): f"{_ARCHIVE}, model_info/macs",
}
"""Where each metric of a network is from."""

_PROTOCOLS: Final = {
    "standard": {
        "description": "What a network is asked for is val_accuracy, the mean of its trainings; no "
        "test accuracy was published. The table holds a sample of its space, so it is looked up, "
        "or a surrogate is fitted to it, and it is not searched.",
        "objective": "val_accuracy",
        "epochs": [],
        "seed": "mean",
        "cost": "train_seconds",
        "report": {"metric": "val_accuracy", "seed": "mean"},
        "continues": False,
    }
}

_DEFECTS: Final = (
    "The accuracies are of a short proxy of a training, around ten points below a full one: "
    "twelve epochs at 160 pixels and four at 192, 512 images on each of four cards, learning rate "
    "at most 0.425, weight decay 1e-4, labels smoothed by 0.1, rectifiers for activations "
    "(README.md and configs/conf_local.cfg of afzalxo/ANB-DatasetCollection).",
    "No test accuracy was published: accuracies are of ImageNet's 50,000 validation images, and "
    "the epoch was chosen on these too. Networks were validated after each of the last three "
    "epochs of 16; top-1 and top-5 are each the best of three, which need not be of one epoch "
    "(trainval/trainval.py of the same repository).",
    "The 5,138 trainings are of 5,125 networks: 13 were trained twice and keep both as runs 0 and "
    "1, in published order. Their two top-1 accuracies differ by 0.01 to 0.31 points, and those of "
    "one by 1.28: a standard deviation of one training of 0.27 points, or 0.10 without that one. "
    "No seed is named with a training, and one in configs/conf_local.cfg.",
    "Not every network was measured everywhere, and what is missing is missing: 2 on ZCU102 and "
    "VCK190, 3 on RTX 3090, 37 on TPUv2, 44 on TPUv3. The FPGAs have no standard deviation.",
    "Seconds of training depend on the machine's other work: 20 trainings took more than 4,000 s, "
    "18 of them neighbours in the files 266 to 274, 400 to 426 and 620 to 631, while half took "
    "less than 2,083 s. The two trainings of one network differ by up to 59 %.",
    "Latency on VCK190 is of six images at once, on ZCU102 of one: their scales must not be "
    "compared. Throughput of a TPU is of one of its cores.",
    "Some measurements are noisy: of the networks that were trained twice each training was "
    "measured, and the two throughputs differ by up to 8 % on a TPU, 5 % on an FPGA and 0.4 % on a "
    "GPU.",
    "The official split names 4,100, 512 and 512 trainings, each of another network. Of a network "
    f"that was trained twice it names run 0, and run 1 of the four in the list {_SECOND}. The "
    "script that made it drops its last file (paths[val_upper_idx:-1] in utils.py), "
    "result_378.json, so that one network is in no part.",
)


class _Training(NamedTuple):
    """A network, its costs in the order of `_COSTS`, and one training's values of `_MEASURED`."""

    arch: Arch
    costs: tuple[int, ...]
    values: tuple[float, ...]
    """NaN where a device did not measure it."""


def read(folder: Path, progress: Callable[[str], None]) -> Source:
    """Read the published files below `folder`, in the layout that the card's inputs name.

    Raises:
        FileNotFoundError: one is missing.
        DamagedInput: one is not what it should be; the message names the file and the record.
    """
    inputs = Inputs(folder, progress, _REPOSITORIES)
    space: Mnasnet = registry.load("spaces", "mnasnet")
    trainings = _trainings(inputs.path(_ARCHIVE), space)
    parts = _parts(inputs, trainings)
    runs: dict[Arch, list[int]] = {}
    for number in sorted(trainings):
        runs.setdefault(trainings[number].arch, []).append(number)
    shape = len(runs), max(map(len, runs.values()))
    measured = np.full((len(_MEASURED), *shape), np.nan)
    part = np.full(len(runs), np.nan)
    costs = np.empty((len(_COSTS), len(runs)))
    for row, numbers in enumerate(runs.values()):
        costs[:, row] = trainings[numbers[0]].costs
        for run, number in enumerate(numbers):
            measured[:, row, run] = trainings[number].values
            part[row] = parts.get(number, part[row])
    return Source(
        name="mnasnet",
        version="1",
        title="Accel-NASBench",
        description="5,125 networks of the MnasNet space, trained briefly on ImageNet: accuracy, "
        "seconds, throughput on six accelerators, latency on two.",
        space="mnasnet",
        tasks={_TASK: Task("ImageNet classification", _CLASSES, _SIZE, "val_accuracy")},
        metrics=(*_MEASURED, _PART, *_COSTS),
        columns=[
            *(
                Column(_TASK, metric.name, values, origin=f"{_ARCHIVE}, {'/'.join(path)}")
                for (metric, path), values in zip(_MEASURED.items(), measured, strict=True)
            ),
            Column(_TASK, _PART.name, part, source="derived", origin=f"the lists in {_SPLIT}"),
            *(
                Column(
                    _TASK,
                    metric.name,
                    values,
                    source="derived" if origin == _COUNTED else "measured",
                    origin=origin,
                )
                for (metric, origin), values in zip(_COSTS.items(), costs, strict=True)
            ),
        ],
        protocols=_PROTOCOLS,
        licence="Apache-2.0",
        citations=(
            "A. Ahmad, L. Du, Z. Xie and W. Zhang. Accel-NASBench: Sustainable Benchmarking for "
            "Accelerator-Aware NAS. DAC 2024.",
        ),
        inputs=inputs.noted(),
        archs=list(runs),
        defects=_DEFECTS,
        derived=(
            "params and flops are counted from the network. The published parameters are equal to "
            "params for every network. The published multiply-accumulates, published_macs, are "
            "more than flops by one rule for every network: four for each number that is "
            "normalised and one for each that goes into or comes out of a global pooling, less "
            "the classifier's and the squeezing layers' biases.",
            "official_split is the number of the published list that names a training of the "
            "network, counted from 0 in the order of the list official_split of this card.",
        ),
        lists={
            _PART.name: list(_PARTS),
            _SECOND: [
                space.format(arch) for arch, (_, *later) in runs.items() if parts.keys() & later
            ],
        },
    )


def _trainings(path: Path, space: Mnasnet) -> dict[int, _Training]:
    """Return each training by its published number.

    Raises:
        DamagedInput: one is not what it should be, is there twice, or is missing.
    """
    found: dict[int, _Training] = {}
    for name, content in _results(path):
        number = _number(name)
        if number is None or number in found:
            why = "there before" if number is not None else "no result_N.json"
            raise DamagedInput(f"{_ARCHIVE}, {name}: it is {why}")
        try:
            found[number] = _training(json.loads(content), space)
        except KeyError as error:
            raise DamagedInput(f"{_ARCHIVE}, {name}: {error} is missing") from None
        except InvalidArchitecture as error:
            raise DamagedInput(f"{_ARCHIVE}, {name}: {error}") from None
        except (ArithmeticError, AttributeError, TypeError, ValueError, RecursionError) as error:
            raise DamagedInput(f"{_ARCHIVE}, {name}: no result of a training ({error})") from None
    missing = sorted(set(range(_TRAININGS)) - found.keys())
    if missing or len(found) > _TRAININGS:
        first = f", and lacks result_{missing[0]}.json" if missing else ""
        raise DamagedInput(f"{_ARCHIVE} has {len(found):,} results, not {_TRAININGS:,}{first}")
    return found


def _results(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files of the archive, of which nothing is written.

    Raises:
        DamagedInput: it is no archive, is cut short, or holds a file that is too large.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                if member.isdir():
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or member.size > _MOST:
                    why = "no file" if content is None else f"more than {_MOST:,} bytes long"
                    raise DamagedInput(f"{_ARCHIVE}, {name}: it is {why}")
                yield name, content.read()
            # The checksum of all that was read comes last.
            assert archive.fileobj is not None
            while archive.fileobj.read(_MOST):
                pass
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DamagedInput(f"{_ARCHIVE} is damaged ({error}): fetch it again") from None


def _number(name: str) -> int | None:
    """Return the number of a result's file, or None if the name is of no such file."""
    matched = _RESULT.fullmatch(name)
    return int(matched[1]) if matched else None


def _training(result: dict[str, Any], space: Mnasnet) -> _Training:
    """Return what one published file says.

    Raises:
        InvalidArchitecture: its network is not of the space.
        ValueError: a value is none, or the costs are not the network's own.
        ArithmeticError, AttributeError, KeyError, TypeError: it is no such file.
    """
    arch = space.from_config(result["architecture"])
    net = space.graph(arch, classes=_CLASSES, size=_SIZE)
    macs = _macs(net)
    for kind, own in (("params", net.params), ("macs", macs)):
        # Published in millions, with six decimals.
        if round(_value(result, ("model_info", kind)) * 1e6) != own:
            raise ValueError(f"model_info/{kind} is not that of {space.format(arch)}")
    values = tuple(_value(result, path) for path in _MEASURED.values())
    return _Training(arch, (net.params, net.flops, macs), values)


def _value(result: dict[str, Any], path: tuple[str, ...]) -> float:
    """Return a value of a result; NaN where a device did not measure it.

    Raises:
        ValueError: it is no positive number.
        KeyError, TypeError: there is no such place.
    """
    found: Any = result
    for key in path:
        found = found[key]
    if found is None and path[0] == "platform_perf":
        return math.nan
    if type(found) not in (int, float) or not 0 < found < math.inf:
        raise ValueError(f"{'/'.join(path)} is {found!r}, and should be a positive number")
    return float(found)


def _macs(net: Graph) -> int:
    """Return the multiply-accumulates of a network as the source's counter, thop, counts them."""
    macs = net.flops
    for node in net.nodes:
        if node.operation == "batch_norm":
            macs += 4 * node.channels * node.size**2
        elif node.operation == "global_avg_pool":
            before = net.nodes[node.inputs[0]]
            macs += before.channels * before.size**2 + node.channels
        elif node.operation == "linear":
            macs -= node.channels
    return macs


def _parts(inputs: Inputs, trainings: dict[int, _Training]) -> dict[int, int]:
    """Return the part of the official split that each training is in, by the training's number.

    Raises:
        DamagedInput: a list names what is no training, or one that is in a part already.
    """
    found: dict[int, int] = {}
    networks: set[Arch] = set()
    for part, words in enumerate(_PARTS.values()):
        name = f"{_SPLIT}/{words}.json"
        for place, text in enumerate(json.loads(inputs.path(name).read_bytes())):
            number = _number(PurePosixPath(text).name)
            if number is None or number not in trainings:
                raise DamagedInput(f"{name}, entry {place}: {text!r} is no published training")
            if trainings[number].arch in networks:
                raise DamagedInput(f"{name}, entry {place}: the network of {text!r} has a part")
            networks.add(trainings[number].arch)
            found[number] = part
    return found
