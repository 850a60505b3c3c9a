"""Augmentation of a batch is that of its images, one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from nasbench_suite.training import augment  # noqa: E402


def generator(seed):
    return torch.Generator().manual_seed(seed)


def batch(count, channels, size, seed):
    return torch.randint(
        0, 256, (count, channels, size, size), dtype=torch.uint8, generator=generator(seed)
    )


BATCHES = st.tuples(
    st.integers(1, 6), st.sampled_from([1, 3]), st.integers(4, 9), st.integers(0, 99)
)


@given(shape=BATCHES, pixels=st.integers(1, 4), seed=st.integers(0, 99))
def test_shift_is_a_crop_of_the_padded_image(shape, pixels, seed):
    images = batch(*shape)
    count, channels, size, _ = images.shape
    places = torch.randint(0, 2 * pixels + 1, (2, count), generator=generator(seed)).tolist()
    found = augment.shift(images, pixels, generator(seed))
    for number in range(count):
        padded = torch.zeros(channels, size + 2 * pixels, size + 2 * pixels, dtype=torch.uint8)
        padded[:, pixels : pixels + size, pixels : pixels + size] = images[number]
        top, left = places[0][number], places[1][number]
        assert torch.equal(found[number], padded[:, top : top + size, left : left + size])


@given(shape=BATCHES, chance=st.sampled_from([0.3, 0.5, 1.0]), seed=st.integers(0, 99))
def test_flip_mirrors_each_image_or_leaves_it(shape, chance, seed):
    images = batch(*shape)
    drawn = torch.rand(len(images), generator=generator(seed)).tolist()
    found = augment.flip(images, chance, generator(seed))
    for number, image in enumerate(images):
        columns = range(image.shape[2])
        order = list(columns)[::-1] if drawn[number] < chance else list(columns)
        assert torch.equal(found[number], image[:, :, order])


@given(shape=BATCHES, seed=st.integers(0, 99))
def test_standardise_and_disturb(shape, seed):
    images = batch(*shape)
    mean, std = torch.arange(shape[1]) + 100.0, torch.arange(shape[1]) + 50.0
    plain = augment.standardise(images, mean, std)
    noise = torch.randn(images.shape, generator=generator(seed))
    found = augment.disturb(plain, 0.8, generator(seed))
    for number, image in enumerate(images):
        for channel in range(shape[1]):
            one = (image[channel].double() - mean[channel]) / std[channel]
            torch.testing.assert_close(plain[number, channel], one.float())
            one = one + 0.8 * noise[number, channel]
            torch.testing.assert_close(found[number, channel], one.float())


@given(shape=BATCHES, pixels=st.integers(1, 7), seed=st.integers(0, 99))
def test_cutout_hides_a_square_of_each_image(shape, pixels, seed):
    images = batch(*shape).float() + 1
    count, _, size, _ = images.shape
    centres = torch.randint(0, size, (2, count), generator=generator(seed)).tolist()
    found = augment.cutout(images, pixels, generator(seed))
    for number in range(count):
        (top, bottom), (left, right) = (
            (max(0, place - pixels // 2), max(0, place - pixels // 2 + pixels))
            for place in (centres[0][number], centres[1][number])
        )
        one = images[number].clone()
        one[:, top:bottom, left:right] = 0
        assert torch.equal(found[number], one)
        # Part of the square may lie outside, but never all of it.
        assert 0 < (found[number, 0] == 0).sum() <= pixels**2
    assert (images > 0).all()


@given(shape=BATCHES, share=st.sampled_from([0.5, 0.75, 1.0]), seed=st.integers(0, 99))
def test_mix_adds_another_image_of_the_batch(shape, share, seed):
    images = batch(*shape).float()
    found, order = augment.mix(images, share, generator(seed))
    assert sorted(order.tolist()) == list(range(len(images)))
    torch.testing.assert_close(found, share * images + (1 - share) * images[order])


def test_shares_of_a_mixture_are_those_of_its_law():
    shares = augment.mix_shares(0.4, 20_000, np.random.default_rng(0))
    assert 0.5 <= min(shares) < 0.51
    assert max(shares) <= 1
    # The variance of Beta(a, a) is 1 / (4 (2a + 1)), and is not changed by exchanging both parts.
    assert np.mean((np.array(shares) - 0.5) ** 2) == pytest.approx(1 / 7.2, rel=0.02)
    assert augment.mix_shares(0, 5, np.random.default_rng(0)) == []


def test_every_place_and_mirror_is_as_likely():
    images = torch.zeros(9_000, 1, 5, 5, dtype=torch.uint8)
    images[:, :, 2, 2] = 1
    found = augment.shift(images, 1, generator(0))[:, 0, 1:4, 1:4]
    assert found.sum() == 9_000
    counts = found.sum(0).flatten()
    assert counts.min() > 850
    assert counts.max() < 1_150
    ramp = torch.arange(4).expand(9_000, 1, 4, 4)
    mirrored = augment.flip(ramp, 0.25, generator(0))[:, 0, 0, 0] == 3
    assert 0.23 < mirrored.float().mean() < 0.27


def test_nothing_is_drawn_where_nothing_is_changed():
    images, rng = batch(3, 3, 8, 0), generator(0)
    before = rng.get_state()
    assert augment.shift(images, 0, rng) is images
    assert augment.flip(images, 0, rng) is images
    assert augment.cutout(images.float(), 0, rng).equal(images.float())
    assert augment.disturb(images.float(), 0, rng).equal(images.float())
    assert torch.equal(rng.get_state(), before)
