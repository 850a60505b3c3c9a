"""Random changes of a batch of images at once, on the device where they lie."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812 - its customary name


def shift(images: Tensor, pixels: int, generator: Generator) -> Tensor:
    """Return images moved by up to so many pixels each way, with zeros behind them.

    It is a random crop of each image padded by `pixels`; every place is as likely.

    Args:
        images: (images, channels, size, size) of any type.
        pixels: at least 0; with 0 nothing is drawn.
        generator: of the images' device.
    """
    if not pixels:
        return images
    count, _, size, _ = images.shape
    places = torch.randint(0, 2 * pixels + 1, (2, count), generator=generator, device=images.device)
    padded = F.pad(images, (pixels,) * 4)
    # A view of every crop of every image, of which one each is copied.
    crops = padded.unfold(2, size, 1).unfold(3, size, 1)
    each = torch.arange(count, device=images.device)
    return crops[each, :, places[0], places[1]]


def flip(images: Tensor, chance: float, generator: Generator) -> Tensor:
    """Return images of which each is mirrored with a chance; with none nothing is drawn.

    Args:
        images: (images, channels, size, size) of any type.
        chance: from 0 to 1.
        generator: of the images' device.
    """
    if not chance:
        return images
    drawn = torch.rand(len(images), generator=generator, device=images.device)
    return torch.where((drawn < chance)[:, None, None, None], images.flip(3), images)


def standardise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return images as float32 with the mean of each channel at 0 and its deviation at 1.

    Args:
        images: (images, channels, size, size) of uint8.
        mean: (channels,), of the training images.
        std: (channels,), above 0.
    """
    return (images - mean[:, None, None]) / std[:, None, None]


def disturb(images: Tensor, deviation: float, generator: Generator) -> Tensor:
    """Return images with Gaussian noise of a deviation added; with none nothing is drawn.

    Args:
        images: (images, channels, size, size) of float32.
        deviation: at least 0.
        generator: of the images' device.
    """
    if not deviation:
        return images
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return images.add(noise, alpha=deviation)


def cutout(images: Tensor, pixels: int, generator: Generator) -> Tensor:
    """Return images of which each has a square set to 0, the mean; of no pixels nothing is drawn.

    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
    2017: the centre is any pixel, and what of the square lies outside is lost.

    Args:
        images: (images, channels, size, size) of float32.
        pixels: the side of the square, at least 0.
        generator: of the images' device.
    """
    if not pixels:
        return images
    count, _, size, _ = images.shape
    centres = torch.randint(0, size, (2, count), generator=generator, device=images.device)
    begin = centres[:, :, None] - pixels // 2
    places = torch.arange(size, device=images.device)
    rows, columns = (places >= begin) & (places < begin + pixels)
    return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0)


def mix(images: Tensor, share: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return images with others of them mixed in, and which, (images,).

    Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.

    Args:
        images: (images, channels, size, size) of float32.
        share: how much of each image remains.
        generator: of the images' device.
    """
    order = torch.randperm(len(images), generator=generator, device=images.device)
    return images[order].lerp_(images, share), order


def mix_shares(a: float, count: int, rng: np.random.Generator) -> list[float]:
    """Return how much of each image remains in so many batches; with an `a` of 0 there are none.

    Drawn from Beta(a, a). A share below a half is the same mixture as the larger one with the
    images in another order, which is as likely; so the larger one stands for both.
    """
    return [max(share, 1 - share) for share in rng.beta(a, a, count).tolist()] if a else []
