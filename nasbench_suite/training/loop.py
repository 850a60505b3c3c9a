"""The loop: one network trained from one seed on one device.

An epoch's images are augmented together on the device; nothing waits for the device but the end of
an epoch. Whatever is drawn comes from a generator seeded for its purpose, so a training is a
function of its seed, wherever it was interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its customary name

from nasbench_suite import settings
from nasbench_suite.core import Arch, DamagedInput, InvalidSetting
from nasbench_suite.spaces.base import Space
from nasbench_suite.training import augment, checkpoints, schedules
from nasbench_suite.training.average import Average
from nasbench_suite.training.batches import Batch, batches, cut, pixels
from nasbench_suite.training.data.images import Images, Split
from nasbench_suite.training.devices import Energy, devices, hardware, precision, repeatable
from nasbench_suite.training.layers import Style
from nasbench_suite.training.network import Network
from nasbench_suite.training.optimisers import optimiser
from nasbench_suite.training.recipes import Recipe
from nasbench_suite.training.skeleton import auxiliary, skeleton
from nasbench_suite.training.trained import COSTS, METRICS, Training, failed

Progress = Callable[[int, Mapping[str, float]], None]
"""Is told, after each epoch, how many were trained and what the last one measured."""

_PIXELS: Final = {"cpu": 1 << 17, "cuda": 1 << 21}
"""How many are evaluated together: what a core's cache holds, or what keeps a GPU busy."""
_COMPILER: Final = ("torch._dynamo.", "torch._inductor.")
"""Where errors of `torch.compile` come from."""
_STATES: Final = {"momentum_buffer": "momentum", "square_avg": "squares"}
"""What an optimiser keeps of a parameter, and its name in a checkpoint."""
_NO_MEMORY: Final = ("out of memory", "not enough memory", "allocate memory")


def train(
    arch: Arch,
    space: Space,
    images: Images,
    recipe: Recipe,
    *,
    seed: int,
    device: str = "auto",
    checkpoint: Path | None = None,
    every: float = 10.0,
    progress: Progress | None = None,
) -> Training:
    """Train an architecture and return its curves.

    Networks that leave their input out are trained too, as NAS-Bench-201's authors did; ask
    `skeleton.connected` first where they are not wanted.

    Args:
        arch: an architecture of the space.
        space: one with a network of images.
        images: to train on and to judge by.
        recipe: every hyperparameter.
        seed: of weights, order and augmentation; evaluation draws are the same for all seeds.
        device: as in `devices`; of several, the first.
        checkpoint: a file to go on from, if it is there, and to keep the state in.
        every: seconds from one checkpoint to the next; the end is always kept.
        progress: called after each epoch.

    Returns:
        What was trained; one that diverged or ran out of memory says so in `failure`.

    Raises:
        InvalidArchitecture, NoNetwork: the architecture has no network.
        InvalidSetting: recipe, device or checkpoint are of something else.
        DamagedInput: the checkpoint cannot be read.
        OutputError: the checkpoint cannot be written.
    """
    place = devices(device)[0]
    with repeatable(place) as flags:
        valid = space.check(arch)
        try:
            trainer = _Trainer(space, valid, images, recipe, seed, place, flags)
        except (MemoryError, RuntimeError) as error:
            if not no_memory(error):
                raise
            return failed(space, valid, seed, "out of memory before the first epoch")
        if checkpoint is not None and checkpoint.exists():
            trainer.resume(checkpoint)
        kept = perf_counter()
        while trainer.epochs < recipe.epochs:
            failure = trainer.try_epoch()
            if failure is not None:
                return trainer.result(failure)
            ended = trainer.epochs == recipe.epochs
            if checkpoint is not None and (ended or perf_counter() - kept >= every):
                trainer.keep(checkpoint)
                kept = perf_counter()
            if progress is not None:
                progress(trainer.epochs, trainer.latest())
        return trainer.result(None)


class _Trainer:
    """A training under way: the network, its optimiser, and the curves so far."""

    def __init__(
        self,
        space: Space,
        arch: Arch,
        images: Images,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        flags: Mapping[str, Any],
    ) -> None:
        self._recipe, self._device = recipe, device
        self._space, self._arch = space, arch
        self._seed = settings.at_least("seed", seed, 0)
        self._images = images.to(device)
        graph = skeleton(space, arch, recipe, **images.form)
        self._dtype = precision(recipe.precision, device, graph)
        self._layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        weights = torch.Generator().manual_seed(_number("weights", seed))
        style = Style(recipe.weights, recipe.norm_momentum, recipe.norm_epsilon)
        head = auxiliary(graph, images.classes) if recipe.auxiliary else None
        self._network = Network(graph, generator=weights, style=style, head=head)
        self._network.to(device=device, memory_format=self._layout)  # type: ignore[call-overload]
        self._average = Average(self._network, recipe.average) if recipe.average else None
        self._judged = self._average.network if self._average else self._network
        self._forward, self._answer = self._compiled(self._network), self._compiled(self._judged)
        self._optimiser = optimiser(self._network.parameters(), recipe)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._dtype == torch.float16)
        self._energy = Energy(device)
        self._curves: dict[str, list[float]] = {name: [] for name in (*METRICS, *COSTS)}
        self._earlier: list[dict[str, Any]] = []
        self._record = {
            "version": version("nasbench-suite"),
            "space": space.name,
            "architecture": space.format(arch),
            "seed": seed,
            "recipe": {"name": recipe.name, **recipe.values()},
            "recipe_sha256": recipe.digest,
            "data": images.name,
            "data_sha256": images.digest,
            "params": graph.params,
            "flops": graph.flops,
            "connected": self._network.connected,
            "precision": str(self._dtype).removeprefix("torch."),
            "hardware": hardware(device),
            "earlier_hardware": self._earlier,
            "flags": dict(flags),
        }

    def _compiled(self, network: Network) -> Callable[..., Tensor]:
        return torch.compile(network) if self._recipe.compile else network

    @property
    def epochs(self) -> int:
        """How many epochs were trained so far."""
        return len(self._curves["seconds"])

    def latest(self) -> dict[str, float]:
        """Return what the last epoch measured."""
        return {name: values[-1] for name, values in self._curves.items()}

    def result(self, failure: str | None) -> Training:
        """Return what was trained so far."""
        found = sha256()
        for tensor in self._judged.state_dict().values():
            found.update(tensor.cpu().contiguous().numpy())
        for name in METRICS:
            found.update(repr(self._curves[name]).encode())
        curves = {name: tuple(values) for name, values in self._curves.items()}
        return Training(
            self._space.name,
            self._arch,
            self._seed,
            curves,
            failure,
            self._record,
            found.hexdigest(),
        )

    def try_epoch(self) -> str | None:
        """Train and judge for an epoch; return why that failed, and None if it did not."""
        begun, energy = perf_counter(), self._energy.joules()
        try:
            found = self._train()
            trained = perf_counter()
            if self._judges():
                found |= self._judge("val") | self._judge("test")
        except (MemoryError, RuntimeError) as error:
            if not no_memory(error):
                if type(error).__module__.startswith(_COMPILER):
                    raise InvalidSetting(
                        "compile is true, and torch cannot compile here: "
                        f"{str(error).partition(chr(10))[0]}: install what it misses, or set "
                        "compile to false"
                    ) from None
                raise
            return f"out of memory in epoch {self.epochs + 1}"
        losses = [value for name, value in found.items() if name.endswith("_loss")]
        if not all(map(math.isfinite, losses)):
            return f"diverged in epoch {self.epochs + 1}: the loss is no longer finite"
        found["seconds"], found["eval_seconds"] = trained - begun, perf_counter() - trained
        found["energy"] = self._energy.joules() - energy
        for name, values in self._curves.items():
            values.append(found.get(name, math.nan))
        return None

    def _train(self) -> dict[str, float]:
        recipe, split = self._recipe, self._images.train
        count = len(split.labels)
        # A single image is no batch: there is nothing to normalise it by.
        count -= count % recipe.batch == 1
        steps = math.ceil(count / recipe.batch)
        loss_sum = torch.zeros((), device=self._device)
        correct = torch.zeros((), dtype=torch.int64, device=self._device)
        drops = self._generator("drop path", self._seed, self.epochs)
        self._network.train()
        for step, batch in enumerate(self._batches(count)):
            at = (recipe, self.epochs, step, steps)
            self._optimiser.param_groups[0]["lr"] = schedules.learning_rate(*at)
            kept = self._kept(schedules.drop_path(*at), len(batch.labels), drops)
            with self._cast():
                logits = self._forward(batch.images, kept)
            logits, aside = logits.float() if recipe.auxiliary else (logits.float(), None)
            loss = whole = self._error(logits, batch)
            if aside is not None:
                whole = loss + recipe.auxiliary * self._error(aside, batch)
            self._optimiser.zero_grad()
            self._scaler.scale(whole).backward()  # type: ignore[no-untyped-call]
            if recipe.clip:
                self._scaler.unscale_(self._optimiser)
                torch.nn.utils.clip_grad_norm_(self._network.parameters(), recipe.clip)
            self._scaler.step(self._optimiser)
            self._scaler.update()
            if self._average:
                self._average.follow(self.epochs * steps + step + 1)
            loss_sum += loss.detach() * len(batch.labels)
            correct += (logits.detach().argmax(1) == batch.labels).sum()
        return _metrics("train", loss_sum, correct, count)

    def _error(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of a batch, of what was mixed in by its share."""
        smoothing = self._recipe.label_smoothing
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=smoothing)
        if batch.others is None:
            return loss
        other = F.cross_entropy(logits, batch.others, label_smoothing=smoothing)
        return batch.share * loss + (1 - batch.share) * other

    def _kept(self, chance: float, count: int, generator: torch.Generator) -> Tensor | None:
        """Return which paths so many images keep, (paths, images), and None if it is all.

        What is kept is larger by as much as is left out on average.
        """
        if not chance:
            return None
        shape = (self._network.paths, count)
        drawn = torch.rand(shape, generator=generator, device=self._device)
        return (drawn >= chance).float() / (1 - chance)

    def _batches(self, count: int) -> Iterator[Batch]:
        """Yield so many of the training images, in a new order and augmented, with their labels."""
        recipe = self._recipe
        rng = np.random.default_rng(_number("mixup", self._seed, self.epochs))
        shares = augment.mix_shares(recipe.mixup, math.ceil(count / recipe.batch), rng)
        generator = self._generator("augmentation", self._seed, self.epochs)
        return batches(self._images, count, recipe, generator, shares, self._layout)

    def _judges(self) -> bool:
        last = self.epochs + 1 == self._recipe.epochs
        return last or (self.epochs + 1) % self._recipe.eval_every == 0

    @torch.inference_mode()
    def _judge(self, name: str) -> dict[str, float]:
        """Return the metrics of a split whose images are the same at every evaluation."""
        recipe, images = self._recipe, self._images
        split: Split = getattr(images, name)
        if not len(split.labels):
            return {}
        changed = recipe.eval_shift or recipe.eval_noise
        draws = recipe.eval_draws if changed else 1
        moved = pixels(recipe.eval_shift, images.size)
        chunk = max(1, _PIXELS[self._device.type] // images.size**2)
        generator = self._generator("evaluation", name)
        loss = torch.zeros((), device=self._device)
        correct = torch.zeros((), dtype=torch.int64, device=self._device)
        self._judged.eval()
        for _ in range(draws):
            for part, labels in cut(split.images, split.labels, chunk):
                x = augment.shift(part, moved, generator)
                x = augment.standardise(x, images.mean, images.std)
                x = augment.disturb(x, recipe.eval_noise, generator)
                with self._cast():
                    logits = self._answer(x.contiguous(memory_format=self._layout))
                logits = logits.float()
                loss += F.cross_entropy(logits, labels, reduction="sum")
                correct += (logits.argmax(1) == labels).sum()
        return _metrics(name, loss, correct, draws * len(split.labels))

    def _cast(self) -> torch.autocast:
        return torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32)

    def _generator(self, *purpose: object) -> torch.Generator:
        return torch.Generator(self._device).manual_seed(_number(*purpose))

    def _question(self) -> dict[str, Any]:
        """Return what a checkpoint must be of to be gone on from."""
        asked = ("version", "space", "architecture", "seed", "recipe_sha256", "data_sha256")
        return {name: self._record[name] for name in (*asked, "precision")}

    def _networks(self) -> dict[str, Network]:
        """Return what has weights, by its name in a checkpoint."""
        return {"network": self._network} | (
            {"average": self._average.network} if self._average else {}
        )

    def keep(self, path: Path) -> None:
        """Write a checkpoint, from which `resume` goes on to the same end."""
        tensors = {
            f"{kind}/{name}": tensor
            for kind, network in self._networks().items()
            for name, tensor in network.state_dict().items()
        }
        for number, parameter in enumerate(self._network.parameters()):
            for key, kind in _STATES.items():
                if key in self._optimiser.state[parameter]:
                    tensors[f"{kind}/{number}"] = self._optimiser.state[parameter][key]
        header = {
            "curves": self._curves,
            "scaler": self._scaler.state_dict(),
            "machines": [*self._earlier, self._record["hardware"]],
        }
        checkpoints.write(path, {**self._question(), **header}, tensors)

    def resume(self, path: Path) -> None:
        """Take over the state of a checkpoint.

        Raises:
            InvalidSetting, DamagedInput: it is of another training, or damaged.
        """
        header, tensors = checkpoints.read(path, self._question())
        try:
            for kind, network in self._networks().items():
                state = {name: tensors[f"{kind}/{name}"] for name in network.state_dict()}
                network.load_state_dict(state)
            for number, parameter in enumerate(self._network.parameters()):
                for key, kind in _STATES.items():
                    stored = tensors.get(f"{kind}/{number}")
                    if stored is not None:
                        kept = torch.empty_like(parameter).copy_(stored)
                        self._optimiser.state[parameter][key] = kept
            self._scaler.load_state_dict(header["scaler"])
            curves = {name: [float(v) for v in header["curves"][name]] for name in self._curves}
            earlier = [dict(machine) for machine in header["machines"]]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise DamagedInput(
                f"{path} lacks part of the training ({error}): remove it to train from the start"
            ) from None
        self._curves = curves
        if earlier[-1:] == [self._record["hardware"]]:
            del earlier[-1]
        self._earlier.extend(earlier)


def no_memory(error: Exception) -> bool:
    """Return whether an error says that memory ran out."""
    # Torch has an error of its own for a GPU, and tells of a CPU only in words.
    told = str(error).lower()
    return isinstance(error, MemoryError) or any(words in told for words in _NO_MEMORY)


def _metrics(split: str, loss: Tensor, correct: Tensor, count: int) -> dict[str, float]:
    """Return the mean loss and the accuracy in %; here the device is waited for."""
    return {
        f"{split}_loss": loss.item() / count,
        f"{split}_accuracy": 100 * correct.item() / count,
    }


def _number(*purpose: object) -> int:
    """Return the seed of a generator for a purpose."""
    return int.from_bytes(sha256(repr(purpose).encode()).digest()[:7])
